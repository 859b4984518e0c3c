"""How much to commit to: the exact optimum made careful, in what can be bought, and its first stage.

Assumes     hourly usage in on-demand money, all of it known; a rate that a committed hour costs of one on demand.
Method      No more than the optimum, than the P10 of what an hour of the term will use on average, and than what still
            runs; of that the most, in twentieths, that loses nothing when usage falls by ``stress_fall``. Where
            commitments are to whole accelerators (Google), as many of these as that holds for, in steps of a twentieth.
Cases       Less than one accelerator is nothing to commit to. A first stage is one of them at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from aispend.advising import Commit
from aispend.money import exact_sum
from recommender.methods.commitment import CommitmentFit, best_commitment, fit, lowest_mean, survives
from recommender.methods.lasting import most_that_lasts

_CENT = Decimal("0.01")
_WEEK = 7 * 24
_WEEKS_OF = {"1y": 52, "3y": 156}
_STEPS = 20
"""Twentieths of the most that are tried where it does not survive the stress."""
_ROUNDING = Decimal("0.01")
"""Of an accelerator: machines of one family differ a little in what one costs with its cores and memory."""


def careful(
    usage: Sequence[Decimal], committed_rate: Decimal, options: Commit, one: Decimal | None = None
) -> CommitmentFit:
    """The most that is safe to commit to; ``one`` is what one accelerator costs an hour, where whole ones are sold."""
    most, lowest = best_commitment(usage, committed_rate).covers, lowest_hour(usage, options)
    most = min(most, most_that_lasts(usage, committed_rate))
    if lowest is not None:
        most = min(most, lowest)
    for covers in _sizes(most, one):
        if covers and survives(usage, covers, committed_rate, options.stress_fall):
            return fit(usage, covers, committed_rate)
    return fit(usage, Decimal(0), committed_rate)


def lowest_hour(usage: Sequence[Decimal], options: Commit) -> Decimal | None:
    """What an hour of the term will use on average, P10; None where too few weeks are known to say."""
    weeks = len(usage) // _WEEK
    last = usage[len(usage) - weeks * _WEEK :]
    by_week = [float(exact_sum(last[start : start + _WEEK])) for start in range(0, len(last), _WEEK)]
    lowest = lowest_mean(by_week, _WEEKS_OF[options.term])
    return None if lowest is None else Decimal(repr(round(lowest / _WEEK, 6)))


def first_accelerators(covers: Decimal, options: Commit, one: Decimal | None) -> int | None:
    """How many accelerators are bought first; None where whole ones are not what is sold."""
    return None if one is None else max(int(_whole(covers, one) * options.first_stage), 1)


def first_stage(covers: Decimal, sold: Decimal, options: Commit, one: Decimal | None = None) -> Decimal:
    """What is paid an hour for the part that is bought first, at the rate it is ``sold`` at."""
    number = first_accelerators(covers, options, one)
    if one is not None and number is not None:
        return (one * number * sold).quantize(_CENT, rounding=ROUND_DOWN)
    hourly = (covers * sold).quantize(_CENT, rounding=ROUND_DOWN)
    return (hourly * options.first_stage).quantize(_CENT, rounding=ROUND_DOWN)


def _whole(covers: Decimal, one: Decimal) -> int:
    return int(covers / one + _ROUNDING)


def _sizes(most: Decimal, one: Decimal | None) -> list[Decimal]:
    if one is None:
        return [most * part / _STEPS for part in range(_STEPS, 0, -1)]
    number = _whole(most, one)
    return [one * count for count in range(number, 0, -max(number // _STEPS, 1))]
