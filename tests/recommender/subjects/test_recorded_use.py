"""Latency of recorded use: a percentile of hours is never averaged, and one value for an hour is no percentile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from recommender.subjects.recorded_use import Recorded

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
Hours = list[tuple[int, float | None, float | None]]


def recorded(hours: Hours) -> Recorded:
    """Requests of an hour, their median and their 95th percentile, hour by hour."""
    used = Recorded()
    for number, (requests, p50, p95) in enumerate(hours):
        hour = MONDAY + timedelta(hours=number)
        used.add(
            SimpleNamespace(hour=hour, unit_class="requests", quantity=Decimal(requests), p50=p50, p95=p95, endpoint="")
        )
    return used


@pytest.mark.parametrize(
    ("hours", "mean", "p50", "p95"),
    [
        # the middle request of 100 lies in the second hour, by either percentile; a mean would say 700 and 1,990
        ([(40, 300, 900), (40, 500, 1000), (20, 1900, 6150)], None, 500, 1000),
        ([(9, 100, 200), (2, 5000, 9000)], None, 100, 200),
        # one value an hour, as a cloud's mean: the mean of all of them is exact
        ([(30, 1000, None), (10, 2000, None)], 1250, None, None),
        # the same as older imports kept it
        ([(30, 1000, 1000), (10, 2000, 2000)], 1250, None, None),
        # of a single request there is but one value
        ([(1, 700, 700), (1, 800, 800), (1, 900, 900)], None, 800, 800),
        # half of the requests are told one way and half the other: neither is of all of them
        ([(50, 300, 900), (50, 1000, None)], None, None, None),
        # requests without a latency tell nothing, and an hour without requests has none
        ([(96, 300, 900), (4, 1000, None), (500, None, None), (0, 7, 7)], None, 300, 900),
        ([(10, None, None)], None, None, None),
        ([], None, None, None),
    ],
)
def test_latency_is_of_the_hours_that_tell_it(
    hours: Hours, mean: float | None, p50: float | None, p95: float | None
) -> None:
    found = recorded(hours).latency()
    assert (found.mean_ms, found.p50_ms, found.p95_ms) == (mean, p50, p95)
