"""Small parts of the generator, with answers worked out by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample.catalogue import MACHINES, units
from sample.chance import Chance
from sample.ledger import Item, Ledger, Owner, money, priced
from sample.timeline import Timeline
from sample.truth import divide


@given(
    amount=st.integers(0, 10**12),
    weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=8).filter(any),
)
def test_a_shared_charge_is_divided_without_losing_any(amount: int, weights: list[int]) -> None:
    parts = divide(np.array([amount]), np.array([[weight] for weight in weights]))
    assert parts.sum() == amount
    assert (parts >= 0).all()
    assert all(part == 0 for part, weight in zip(parts[:, 0], weights, strict=True) if weight == 0)


def test_what_is_left_goes_to_the_heaviest() -> None:
    assert divide(np.array([100]), np.array([[1], [2], [4]]))[:, 0].tolist() == [14, 28, 58]


@given(seed=st.integers(0, 2**31), name=st.text(max_size=8))
def test_a_stream_depends_on_seed_and_name_alone(seed: int, name: str) -> None:
    assert Chance(seed).stream(name).integers(0, 2**40) == Chance(seed).stream(name).integers(0, 2**40)
    assert Chance(seed).stream(name).integers(0, 2**40) != Chance(seed + 1).stream(name).integers(0, 2**40)


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2026, 11, 21), date(2025, 11, 1), date(2026, 11, 1)),
        (date(2026, 12, 1), date(2025, 11, 1), date(2026, 11, 1)),
        (date(2026, 12, 2), date(2025, 12, 1), date(2026, 12, 1)),
        (date(2027, 1, 1), date(2025, 12, 1), date(2026, 12, 1)),
    ],
)
def test_thirteen_months_end_with_that_of_yesterday(today: date, first: date, last: date) -> None:
    months = Timeline(today).months
    assert (months[0], months[-1], len(months)) == (first, last, 13)


def test_hours_are_counted_from_the_first_day() -> None:
    timeline = Timeline(date(2026, 11, 21))
    assert timeline.days == 365 + 20
    assert timeline.month_start(1) == 30 * 24
    assert timeline.month_of_hour[30 * 24 - 1] == 0
    assert timeline.month_of_hour[30 * 24] == 1
    assert timeline.at(timeline.day_ago(1)).date() == date(2026, 11, 20)
    assert timeline.day_ago(10_000) == 0


def test_twenty_minutes_of_a_g5_cost_a_third_of_an_hour() -> None:
    assert priced(MACHINES["g5.xlarge"].price, [1200]).tolist() == [units("0.3353333333")]
    with pytest.raises(ValueError, match="more than ten decimals"):
        units("0.00000000001")


def test_amounts_become_the_double_nearest_to_their_decimal() -> None:
    assert money(np.array([units("21.957642")])).tolist() == [21.957642]
    with pytest.raises(ValueError, match="cannot be written as an exact double"):
        money(np.array([units("1000000")]))


def test_lines_come_in_order_of_time_and_costs_default_to_the_billed_one() -> None:
    item = Item(
        account="1", service="s", category="c", subcategory="", service_code="", sku="", meter="", description="",
        unit="Hours", region="", owner=Owner(),
    )  # fmt: skip
    ledger = Ledger()
    ledger.add(item, [5, 3], 1, [50, 30])
    ledger.add(item, 4, 1, 0, effective=40)
    ledger.add(item, [], [], [])
    lines = ledger.lines()
    assert lines.start.tolist() == [3, 4, 5]
    assert lines.effective.tolist() == [30, 40, 50]
    assert lines.list.tolist() == [30, 0, 50]
    assert len(lines.take(lines.billed > 0)) == 2
