"""Commitments to hourly usage built by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from recommender.methods.hours_used import Spent, spread_over_hours
from recommender.methods.offered import Offered
from tests.recommender.conftest import AS_OF

DAYS = 2
"""Of the window."""
EVERY_HOUR = (1 << 24) - 1


def offered(
    covers: int | Decimal, parts: Mapping[str, tuple[int, int]], rate: str = "0.6", family: str = "p4d"
) -> Offered:
    """``covers`` an hour at ``rate``, of resources that each cost so much a day in such hours of it (as bits)."""
    first = (AS_OF - timedelta(days=DAYS)).date()
    spent = {
        name: tuple(Spent(first + timedelta(days=number), hours, Decimal(a_day)) for number in range(DAYS))
        for name, (a_day, hours) in parts.items()
    }
    usage = spread_over_hours((one for of_one in spent.values() for one in of_one), first, DAYS)
    return Offered(
        provider="aws",
        family=family,
        covers=Decimal(covers),
        rate=Decimal(rate),
        sold=Decimal(rate),
        first=first,
        usage=tuple(hour or Decimal(0) for hour in usage),
        parts=spent,
    )
