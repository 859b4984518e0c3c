"""What a change would save a month, three ways, with a range.

Assumes
    The days of the evidence window are like the days to come.
Method
    Daily usage cost × the share saved, averaged over the window and scaled to 730 hours.
    *list*: at public price. *effective*: at your amortised rate. *net*: only the part no commitment covers,
    because covered hours save nothing until the commitment ends or other usage takes it.
    P10/P50/P90: bootstrap over days (2,000 resamples, fixed seed so that a rerun agrees).
Sources
    docs/advice.md.
Known drawbacks
    A trend in the cost is not extrapolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from recommender.contract import HOURS_PER_MONTH, DailyCost, Saving

CENT = Decimal("0.01")
_RESAMPLES = 2000


def monthly(amount: Decimal, days: int) -> Decimal:
    """``amount`` over ``days`` scaled to 730 hours, to the cent."""
    return (amount * HOURS_PER_MONTH / (24 * days)).quantize(CENT, rounding=ROUND_HALF_EVEN)


def monthly_cost(costs: Sequence[DailyCost], days: int) -> Decimal:
    """Effective cost per 730 hours."""
    return monthly(sum((cost.effective_cost for cost in costs), Decimal(0)), days)


def saving(costs: Sequence[DailyCost], days: int, share: Decimal, list_share: Decimal | None = None) -> Saving:
    """Saving when ``share`` of each day's cost goes away (``list_share`` at list price, default the same)."""
    effective = sum((cost.effective_cost for cost in costs), Decimal(0))
    uncovered = sum((cost.uncovered_effective_cost for cost in costs), Decimal(0))
    lists = [cost.list_cost for cost in costs]
    known_list = [value for value in lists if value is not None]
    list_total = sum(known_list, Decimal(0)) if len(known_list) == len(lists) else None
    p10, p50, p90 = _range([cost.uncovered_effective_cost for cost in costs], days, share)
    return Saving(
        list_cost=None
        if list_total is None
        else monthly(list_total * (share if list_share is None else list_share), days),
        effective=monthly(effective * share, days),
        net=monthly(uncovered * share, days),
        p10=p10,
        p50=p50,
        p90=p90,
    )


def _range(daily: Sequence[Decimal], days: int, share: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    padded = np.array([float(amount) for amount in daily] + [0.0] * max(days - len(daily), 0))
    generator = np.random.default_rng(730)
    means = generator.choice(padded, size=(_RESAMPLES, padded.size)).mean(axis=1)
    p10, p50, p90 = (
        (Decimal(repr(float(value))) * share * HOURS_PER_MONTH / 24).quantize(CENT)
        for value in np.percentile(means, (10, 50, 90))
    )
    return p10, p50, p90
