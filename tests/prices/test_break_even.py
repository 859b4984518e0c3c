"""Serving oneself beside an API, and payback, by the published numbers."""

from __future__ import annotations

from decimal import Decimal

from aispend.prices.break_even import (
    BreakEven,
    break_even,
    break_even_load,
    cost_per_million,
    payback_months,
    per_month,
)

D = Decimal


def test_published_break_even() -> None:
    """T5.3: $4 an hour, 2,500 tokens a second: 0.4444 a million when full, 1.2698 at 35 %; even with 0.60 at 74 %."""
    assert round(cost_per_million(D(4), D(2500), D(1)), 4) == D("0.4444")
    assert round(cost_per_million(D(4), D(2500), D("0.35")), 4) == D("1.2698")
    load = break_even_load(D(4), D(2500), D("0.60"))
    assert round(load, 4) == D("0.7407")
    assert round(load * 2500) == 1852


def test_the_same_card_at_two_batch_sizes() -> None:
    """T1.9: $4 an hour: 1.0384 a million at 1,070 tokens a second, 0.1133 at 9,806."""
    assert round(cost_per_million(D(4), D(1070), D(1)), 4) == D("1.0384")
    assert round(cost_per_million(D(4), D(9806), D(1)), 4) == D("0.1133")


def test_break_even_of_a_fleet() -> None:
    """A fleet of 300 serves 100 tokens at a load of 0.2, worth 60 at the API: even at five times as many, and full."""
    assert break_even(D(300), D(60), D(100), D("0.2")) == BreakEven(D(500), D(1))
    assert break_even(D(300), D(60), D(100), D("0.21")).is_reachable is False
    assert break_even(D(300), D(60), D(100), None).is_reachable is None


def test_a_volume_by_the_month() -> None:
    """Of 30 days a month of 730 hours is 730 / 720: 720 are 730; of one day 24 are 730; of 2 days 60 are 912.5."""
    assert per_month(D(720), 30) == D(730)
    assert per_month(D(24), 1) == D(730)
    assert per_month(D(60), 2) == D("912.5")


def test_payback() -> None:
    assert payback_months(D(12000), D(3000)) == D(4)
    assert payback_months(D(12000), D(0)) is None
