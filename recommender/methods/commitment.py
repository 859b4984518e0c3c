"""How much of an hourly spend to commit to: the exact optimum, and how well a commitment fits.

Assumes     hourly usage in on-demand money (what the hour would cost without a commitment), and the part of it that a
            committed hour costs (``rate``, 1 − discount).
Method      cost(c) = Σ over hours of [rate · c + max(usage − c, 0)] is convex and piecewise linear; its minimum is the
            (1 − rate)-quantile of the usage: commit one more while P(usage > c) > rate. Of several amounts that
            cost the same the smallest is taken: a commitment is a risk.
Cases       Hours without usage count as zero: they are paid for all the same. A rate of one or more commits nothing.
Drawbacks   One discount for all usage, and the past taken for the future: size it on what is left after rightsizing.

Source: newsvendor problem; methods, commitments (T5.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from aispend.money import exact_sum, rate


@dataclass(frozen=True)
class CommitmentFit:
    """A commitment of ``covers`` on-demand money an hour, held against usage.

    ``hourly_commitment`` is what is paid for it each hour; ``cost`` of all hours together. ``coverage`` is the part of
    the usage it covers, ``utilisation`` the part of it that is used, ``effective_savings_rate`` what is saved of
    on-demand cost.
    None where nothing was used, or nothing is committed.
    """

    covers: Decimal
    hourly_commitment: Decimal
    cost: Decimal
    coverage: Decimal | None
    utilisation: Decimal | None
    effective_savings_rate: Decimal | None


def fit(usage: Sequence[Decimal], covers: Decimal, committed_rate: Decimal) -> CommitmentFit:
    """How a commitment of ``covers`` would have done over the hours of ``usage``."""
    hourly = covers * committed_rate
    whole = exact_sum(usage)
    used = exact_sum(min(hour, covers) for hour in usage)
    cost = exact_sum((hourly * len(usage), whole, used.copy_negate()))
    return CommitmentFit(
        covers=covers,
        hourly_commitment=hourly,
        cost=cost,
        coverage=rate(used, whole) if whole else None,
        utilisation=rate(used, covers * len(usage)) if covers and usage else None,
        effective_savings_rate=1 - rate(cost, whole) if whole else None,
    )


def best_commitment(usage: Sequence[Decimal], committed_rate: Decimal) -> CommitmentFit:
    """The commitment that would have cost least, the smallest of those."""
    ordered = sorted(usage)
    best = Decimal(0)
    for place, amount in enumerate(ordered):
        above = len(ordered) - place
        if above <= committed_rate * len(ordered):
            break
        best = amount
    return fit(usage, best, committed_rate)


def survives(
    usage: Sequence[Decimal], covers: Decimal, committed_rate: Decimal, fall: Decimal = Decimal("0.3")
) -> bool:
    """Whether a commitment still costs no more than on demand when usage falls by ``fall`` of it."""
    stressed = fit([hour * (1 - fall) for hour in usage], covers, committed_rate)
    return stressed.effective_savings_rate is not None and stressed.effective_savings_rate >= 0


def stacked(amount: Decimal, savings: Sequence[Decimal]) -> Decimal:
    """What is left of ``amount`` after savings (0 to 1) that each act on what the one before left; never added up.

    Source: methods, combining savings (T10.1).
    """
    for saving in savings:
        amount *= 1 - saving
    return amount
