"""Spot prices over time, computed by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from recommender.methods.spot_prices import mean_of_hourly_maximum

START = datetime(2026, 11, 20, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def test_each_hour_counts_at_the_highest_price_of_any_zone() -> None:
    """Zone a at 2 throughout, b at 1 and from 01:30 at 5: hours at 2, 5 and 5, together 12 ÷ 3."""
    zones = {"a": [(at(-9), Decimal(2))], "b": [(at(-1), Decimal(1)), (at(1.5), Decimal(5))]}
    assert mean_of_hourly_maximum(zones, START, at(3)) == (Decimal(4), 3)


def test_time_before_the_first_price_is_unknown_and_has_no_weight() -> None:
    """Known from half past: half an hour at 3 and one at 6 are 7.5 over 1.5 h."""
    zones = {"a": [(at(0.5), Decimal(3)), (at(1), Decimal(6))]}
    assert mean_of_hourly_maximum(zones, at(-2), at(2)) == (Decimal(5), 2)


def test_nothing_known_has_no_mean() -> None:
    assert mean_of_hourly_maximum({}, START, at(3)) is None
    assert mean_of_hourly_maximum({"a": [(at(4), Decimal(1))]}, START, at(3)) is None
