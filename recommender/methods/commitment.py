"""How much of an hourly spend to commit to: the exact optimum, and how well a commitment fits.

Assumes     hourly usage in on-demand money (what the hour would cost without a commitment), and the part of it that a
            committed hour costs (``rate``, 1 − discount).
Method      cost(c) = Σ over hours of [rate · c + max(usage − c, 0)] is convex and piecewise linear; its minimum is the
            (1 − rate)-quantile of the usage: commit one more while P(usage > c) > rate. Of several amounts that
            cost the same the smallest is taken: a commitment is a risk.
Cases       Hours without usage count as zero: they are paid for all the same. A rate of one or more commits nothing.
            What the mean week of a term will be is forecast by exponential smoothing, y(t) = level + error, the level
            moving by α · error; α is the one of a grid whose one-step errors are least, of equals the largest, which
            takes the last change for lasting. The mean of N weeks to come is the level, with the variance
            s² · Σ over k < N of (1 + αk)² ÷ N²: its P10 is 1.2816 deviations below, and no lower than any week was.
Drawbacks   One discount for all usage, and the past taken for the future: size it on what is left after rightsizing.
            A trend is not carried on: what falls is seen in the level, and in the errors.

Source: newsvendor problem; methods, commitments (T5.5). Hyndman et al. 2008, ETS(A,N,N), for the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from aispend.money import exact_sum, rate

LEAST_WEEKS = 4
"""Weeks below which nothing is said of a term: three errors choose the smoothing and tell its spread."""
_SMOOTHING = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_P10 = 1.2815515655446004
"""Deviations of the normal distribution below which a tenth lies."""


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


def lowest_mean(weeks: Sequence[float], ahead: int) -> float | None:
    """P10 of the mean of the ``ahead`` weeks to come, from those there were, oldest first; not below the least of them.

    Weeks before the first use are no history. None where fewer than ``LEAST_WEEKS`` are left.
    """
    first = next((place for place, week in enumerate(weeks) if week), len(weeks))
    known = weeks[first:]
    if len(known) < LEAST_WEEKS:
        return None
    squares, alpha, level = min((_smoothed(known, alpha) for alpha in _SMOOTHING), key=lambda one: (one[0], -one[1]))
    variance = squares / (len(known) - 2)
    of_mean = variance * sum((1 + alpha * week) ** 2 for week in range(ahead)) / ahead**2
    return max(level - _P10 * sqrt(of_mean), min(known))


def _smoothed(weeks: Sequence[float], alpha: float) -> tuple[float, float, float]:
    """Sum of the squared one-step errors, the smoothing they come from, and the level after the last week."""
    level, squares = weeks[0], 0.0
    for week in weeks[1:]:
        error = week - level
        squares += error * error
        level += alpha * error
    return squares, alpha, level


def stacked(amount: Decimal, savings: Sequence[Decimal]) -> Decimal:
    """What is left of ``amount`` after savings (0 to 1) that each act on what the one before left; never added up.

    Source: methods, combining savings (T10.1).
    """
    for saving in savings:
        amount *= 1 - saving
    return amount
