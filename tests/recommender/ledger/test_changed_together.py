"""Two changes of one machine within weeks of each other: what both saved together is counted once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, SEPTEMBER, Paid

ONE = timedelta(days=1)
SMALL: dict[str, Any] = {"instance_type": "g5.xlarge", "list_rate": "5"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def resized_and_scheduled(paid: Paid, sized_on: date, scheduled_on: date) -> None:
    """10 an hour all day; from the day after the one 4 an hour, from the day after the other 12 hours a day."""
    first, second = sorted((sized_on, scheduled_on))
    paid.hours("i-1", first - timedelta(days=30), first + ONE)
    if sized_on < scheduled_on:
        paid.hours("i-1", first + ONE, second + ONE, rate="4", **SMALL)
    elif scheduled_on < sized_on:
        paid.hours("i-1", first + ONE, second + ONE, hours="12")
    paid.hours("i-1", second + ONE, NOVEMBER, rate="4", hours="12", **SMALL)


def test_a_schedule_two_weeks_after_a_resize_is_held_against_what_it_cost_since(paid: Paid) -> None:
    """31 days of October: resized 12 × (10 − 4) × 31 = 2,232; scheduled 12 × 4 × 31 = 1,488, not of 10 an hour."""
    resized_and_scheduled(paid, date(2026, 9, 15), date(2026, 9, 29))
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), date(2026, 9, 15))
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), date(2026, 9, 29))
    assert paid.baseline("plan-1").window_first == date(2026, 9, 16)
    assert paid.lines("size-1")["2026-10"].realised == 12 * 6 * 31
    assert paid.lines("plan-1")["2026-10"].realised == 12 * 4 * 31


@pytest.mark.parametrize("names", [("a-size", "b-plan"), ("b-size", "a-plan")])
@pytest.mark.parametrize(
    ("sized_on", "scheduled_on"),
    [
        (date(2026, 9, 29), date(2026, 9, 29)),
        (date(2026, 9, 27), date(2026, 9, 29)),
        (date(2026, 9, 29), date(2026, 9, 27)),
    ],
)
def test_what_is_changed_twice_in_days_saves_no_more_than_it_costs_less(
    paid: Paid, names: tuple[str, str], sized_on: date, scheduled_on: date
) -> None:
    """October: 24 × 10 × 31 = 7,440 less 12 × 4 × 31 = 1,488 is 5,952, be it the one first, the other, or one day."""
    resized_and_scheduled(paid, sized_on, scheduled_on)
    size, plan = names
    paid.done(paid.advise(size, "i-1", kind="rightsize"), sized_on)
    paid.done(paid.advise(plan, "i-1", kind="schedule"), scheduled_on)
    sized, planned = (paid.lines(name)["2026-10"].realised for name in names)
    assert (sized, planned) == (12 * 6 * 31, 12 * 10 * 31)
    assert sized + planned == 7440 - 1488


def test_a_stop_after_a_commitment_saves_what_was_paid_beside_it(paid: Paid) -> None:
    """Committed on 10 September at 6 instead of 10, and stopped on the 24th: all of it was covered, none is saved."""
    paid.hours("i-1", date(2026, 8, 10), date(2026, 9, 11))
    paid.hours(
        "i-1",
        date(2026, 9, 11),
        date(2026, 9, 25),
        rate="6",
        kind={"pricing_category": "Committed"},
        commitment_id="sp-new",
    )
    paid.done(paid.advise("commit-1", "i-1", kind="commit"), date(2026, 9, 10))
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 9, 24))
    assert paid.lines("stop-1")["2026-10"].realised == 0


def test_what_was_taken_back_before_is_no_change_before(paid: Paid) -> None:
    """Scheduled and taken back long ago: the 28 days before the resize stay all of them."""
    paid.hours("i-1", SEPTEMBER, OCTOBER)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), date(2026, 9, 20))
    paid.taken_back("plan-1", date(2026, 9, 20))
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), date(2026, 9, 29))
    assert paid.baseline("size-1").window_first == SEPTEMBER


def test_what_does_not_change_an_hours_price_leaves_the_days_before_a_price(paid: Paid) -> None:
    """One of two machines was stopped five days before both are committed to: all 28 days say what an hour costs."""
    for name in ("i-1", "i-2"):
        paid.hours(name, SEPTEMBER, OCTOBER)
    paid.done(paid.advise("stop-1", "i-2"), date(2026, 9, 24))
    paid.done(paid.advise("commit-1", "i-1", "i-2", kind="commit"), date(2026, 9, 29))
    paid.done(paid.advise("spot-1", "i-2", kind="spot"), date(2026, 9, 29))
    assert [paid.baseline(name).days for name in ("commit-1", "spot-1")] == [28, 28]
    # a commitment's price is of what it covers, and spot's is of these hours
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), date(2026, 9, 30))
    assert paid.baseline("size-1").window_end == date(2026, 9, 29)


@pytest.mark.parametrize("days", [3, 14])
def test_what_was_done_before_and_told_after_counts_as_told_in_time(paid: Paid, days: int) -> None:
    """14 days apart: 12 × (10 − 4) × 31 and 12 × 4 × 31; three days apart the hours at 10: 12 × 10 × 31."""
    last = date(2026, 9, 29)
    resized_and_scheduled(paid, last - timedelta(days=days), last)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), last)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), last - timedelta(days=days))
    assert paid.lines("size-1")["2026-10"].realised == 12 * 6 * 31
    assert paid.lines("plan-1")["2026-10"].realised == 12 * (4 if days == 14 else 10) * 31
