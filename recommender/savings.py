"""What a change would save a month, three ways, with a range.

Assumes
    The days of the evidence window are like the days to come.
Method
    Daily usage cost × the share saved, averaged over the window and scaled to 730 hours. A day without a charge cost
    nothing; a day whose cost the bill does not give is unknown and left out of the average.
    *list*: at public price. *effective*: at your amortised rate, or as billed where the bill gives no such rate, which
    the basis says. *net*: only the part no commitment covers, because covered hours save nothing until the
    commitment ends or other usage takes it.
    P10/P50/P90: bootstrap of whole weeks, seven days in a row from any day of the window (2,000 resamples, fixed seed
    so that a rerun agrees). Days apart would take a weekend for chance.
Cases
    Fewer than two whole weeks, an unknown day, or weeks that all cost the same: no range, as one number is none.
Sources
    docs/advice.md; Politis & Romano 1992 (circular block bootstrap).
Known drawbacks
    A trend in the cost is not extrapolated. What lies before a resource's first charge counts as costing nothing, so
    one younger than the window is underestimated. Two weeks are few: the range is of the weeks seen, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from recommender.contract import HOURS_PER_MONTH, DailyCost, Saving, Subject

CENT = Decimal("0.01")
_RESAMPLES = 2000
_WEEK = 7
_NO_RANGE = (None, None, None)


def recent(subject: Subject, days: int) -> Sequence[DailyCost]:
    """The subject's costs in the last ``days`` of the evidence."""
    first = (subject.as_of - timedelta(days=days)).date()
    return [cost for cost in subject.costs if cost.day >= first]


def monthly_cost(subject: Subject, days: int) -> Decimal | None:
    """Effective cost of the last ``days`` per 730 hours; None where it is known for no day with a charge."""
    costs = recent(subject, days)
    return _monthly([cost.effective_cost for cost in costs], days)


def saving(subject: Subject, days: int, share: Decimal) -> Saving:
    """Saving when ``share`` of each day's cost goes away; the cost has to be known for a day at least."""
    costs = recent(subject, days)
    effective = _monthly([cost.effective_cost for cost in costs], days, share)
    net = _monthly([cost.uncovered_effective_cost for cost in costs], days, share)
    lists = [cost.list_cost for cost in costs]
    p10, p50, p90 = _range(subject, days, share)
    return Saving(
        list_cost=None if None in lists else _monthly(lists, days, share),
        effective=Decimal(0) if effective is None else effective,
        net=Decimal(0) if net is None else net,
        p10=p10,
        p50=p50,
        p90=p90,
    )


def cost_basis(subject: Subject, days: int) -> str:
    """Which cost the figures are made of, in words."""
    costs = recent(subject, days)
    billed = sum(cost.billed for cost in costs)
    unknown = sum(cost.effective_cost is None for cost in costs)
    basis = "effective cost of the bill's last days"
    if billed:
        basis = f"billed cost on {billed} of {len(costs)} days, where the bill gives no effective cost"
    if unknown:
        basis += f"; {unknown} of {len(costs)} days have no known cost and are left out"
    return basis


def cost_remark(subject: Subject, days: int) -> str:
    """A sentence for the reason where the figures are not plainly effective cost; else nothing."""
    if any(cost.billed or cost.effective_cost is None for cost in recent(subject, days)):
        return f" Cost: {cost_basis(subject, days)}."
    return ""


def _monthly(amounts: Sequence[Decimal | None], days: int, share: Decimal = Decimal(1)) -> Decimal | None:
    """Amounts of single days of ``days`` scaled to 730 hours, to the cent; unknown ones are left out of both."""
    known = [amount for amount in amounts if amount is not None]
    known_days = days - (len(amounts) - len(known))
    if (amounts and not known) or known_days <= 0:
        return None
    total = sum(known, Decimal(0)) * share
    return (total * HOURS_PER_MONTH / (24 * known_days)).quantize(CENT, rounding=ROUND_HALF_EVEN)


def _range(subject: Subject, days: int, share: Decimal) -> tuple[Decimal, Decimal, Decimal] | tuple[None, None, None]:
    """P10, P50 and P90 of the net saving over the newest whole weeks of the window."""
    size = days // _WEEK * _WEEK
    first = (subject.as_of - timedelta(days=size)).date()
    if size < 2 * _WEEK or subject.first_seen > first:
        return _NO_RANGE
    by_day: dict[date, Decimal | None] = {cost.day: cost.uncovered_effective_cost for cost in subject.costs}
    series = [by_day.get(first + timedelta(days=number), Decimal(0)) for number in range(size)]
    known = [float(amount) for amount in series if amount is not None]
    if len(known) < size:
        return _NO_RANGE
    weeks = np.array([np.roll(known, -start)[:_WEEK].sum() for start in range(size)])
    means = np.random.default_rng(730).choice(weeks, size=(_RESAMPLES, size // _WEEK)).mean(axis=1) / _WEEK
    p10, p50, p90 = (
        (Decimal(repr(float(value))) * share * HOURS_PER_MONTH / 24).quantize(CENT)
        for value in np.percentile(means, (10, 50, 90))
    )
    return _NO_RANGE if p10 == p90 else (p10, p50, p90)
