"""Spot prices as what they are: steps, each of which holds until the next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from aispend.money import exactly, rate

Step = tuple[datetime, Decimal]


def time_weighted(steps: Iterable[Step], start: datetime, end: datetime) -> Decimal | None:
    """The mean price from ``start`` to ``end``, each price weighing as long as it held; half-even to twelve decimals.

    A step before ``start`` holds on into it. Time before the first step has no price and does not count; where none
    of the time has one, the mean is None.

    >>> from datetime import UTC
    >>> hour = lambda h: datetime(2026, 11, 1, h, tzinfo=UTC)
    >>> time_weighted([(hour(0), Decimal(1)), (hour(6), Decimal(2))], hour(4), hour(8))
    Decimal('1.500000000000')
    """
    ordered = sorted(dict(steps).items())
    following = [at for at, _ in ordered[1:]] + [end]
    weight, total = Decimal(0), Decimal(0)
    with exactly():
        for (begins, price), ends in zip(ordered, following, strict=False):  # of no steps there is no last
            held = min(ends, end) - max(begins, start)
            if held.total_seconds() > 0:
                microseconds = Decimal((held.days * 86_400 + held.seconds) * 1_000_000 + held.microseconds)
                weight += microseconds
                total += price * microseconds
    return rate(total, weight) if weight else None


def daily_mean(zones: Iterable[Iterable[Step]], start: datetime, end: datetime) -> Decimal | None:
    """The mean over a region's zones of each zone's mean; zones without any price are left out."""
    means = [mean for mean in (time_weighted(steps, start, end) for steps in zones) if mean is not None]
    with exactly():
        return rate(sum(means, Decimal(0)), Decimal(len(means))) if means else None
