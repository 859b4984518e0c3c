"""Two changes of one machine within weeks of each other: what both saved together is counted once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.store import Store
from recommender.life import change_state
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
    """31 days of October: resized 24 × (10 − 4) × 31 = 4,464; scheduled 12 × 4 × 31 = 1,488, not of 10 an hour."""
    resized_and_scheduled(paid, date(2026, 9, 15), date(2026, 9, 29))
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), date(2026, 9, 15))
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), date(2026, 9, 29))
    assert paid.baseline("plan-1").window_first == date(2026, 9, 16)
    assert paid.lines("size-1")["2026-10"].realised == 24 * 6 * 31
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
    """October: 24 × 10 × 31 = 7,440 less 12 × 4 × 31 = 1,488 is 5,952, be it the one first, the other, or one day.

    Resized first (or on one day): 24 × 6 and 12 × 4 a day. Scheduled first: 12 × 10 and 12 × 6.
    """
    resized_and_scheduled(paid, sized_on, scheduled_on)
    size, plan = names
    paid.done(paid.advise(size, "i-1", kind="rightsize"), sized_on)
    paid.done(paid.advise(plan, "i-1", kind="schedule"), scheduled_on)
    sized, planned = (paid.lines(name)["2026-10"].realised for name in names)
    parts = (24 * 6 * 31, 12 * 4 * 31) if sized_on <= scheduled_on else (12 * 6 * 31, 12 * 10 * 31)
    assert (sized, planned) == parts
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
    """24 × (10 − 4) × 31 and 12 × 4 × 31, whether what an hour costs between the two is on a bill or not."""
    last = date(2026, 9, 29)
    resized_and_scheduled(paid, last - timedelta(days=days), last)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), last)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), last - timedelta(days=days))
    assert paid.lines("size-1")["2026-10"].realised == 24 * 6 * 31
    assert paid.lines("plan-1")["2026-10"].realised == 12 * 4 * 31


DAY = date(2026, 9, 29)
ON_SPOT: dict[str, Any] = {"kind": {"pricing_category": "Dynamic"}}


def outcomes(paid: Paid, *names: str) -> list[str]:
    return [paid.baseline(name).outcome for name in names]


@pytest.mark.parametrize("names", [("a-size", "b-spot"), ("b-size", "a-spot")])
@pytest.mark.parametrize("sized_on", [DAY, DAY - ONE])
def test_a_resize_and_spot_of_one_day_are_told_apart_by_list_prices(
    paid: Paid, names: tuple[str, str], sized_on: date
) -> None:
    """10 an hour (list 12.50) to 1 on spot of a type of list 5: on demand that is 10 × 5 ÷ 12.50 = 4.

    744 hours × (10 − 4) and × (4 − 1). Spot alone was promised to save 7.50 of 10; of the 4 that were left it is 3.
    """
    paid.hours("i-1", DAY - timedelta(days=30), sized_on + ONE)
    paid.hours("i-1", sized_on + ONE, DAY + ONE, rate="4", **SMALL)
    paid.hours("i-1", DAY + ONE, NOVEMBER, rate="1", **SMALL, **ON_SPOT)
    size, spot = names
    paid.done(paid.advise(size, "i-1", kind="rightsize", net="4380"), sized_on)
    paid.done(paid.advise(spot, "i-1", kind="spot", net="5475"), DAY)
    sized, moved = (paid.lines(name)["2026-10"] for name in names)
    assert (sized.realised, moved.realised) == (744 * 6, 744 * 3)
    assert (sized.predicted_net, moved.predicted_net) == (744 * 6, 744 * 3)
    assert outcomes(paid, *names) == ["within", "within"]


def test_a_resize_a_schedule_and_spot_of_one_day_add_up(paid: Paid) -> None:
    """24 × 10 × 31 = 7,440 less 12 × 1 × 31 = 372: resized 744 × 6, twelve hours off 372 × 4, spot 372 × 3."""
    paid.hours("i-1", DAY - timedelta(days=30), DAY + ONE)
    paid.hours("i-1", DAY + ONE, NOVEMBER, rate="1", hours="12", **SMALL, **ON_SPOT)
    for name, kind in (("c-size", "rightsize"), ("a-plan", "schedule"), ("b-spot", "spot")):
        paid.done(paid.advise(name, "i-1", kind=kind), DAY)
    found = [paid.lines(name)["2026-10"].realised for name in ("c-size", "a-plan", "b-spot")]
    assert found == [744 * 6, 372 * 4, 372 * 3]
    assert sum(found) == 7440 - 372


def test_without_a_list_price_of_the_new_one_both_have_the_same_part_of_their_promise(paid: Paid) -> None:
    """9 of 10 an hour are saved. Promised were 60 % of 10, and 50 % of the 40 % left: of 9 that is 6.75 and 2.25."""
    paid.hours("i-1", DAY - timedelta(days=30), DAY + ONE)
    paid.hours("i-1", DAY + ONE, NOVEMBER, rate="1", **SMALL | {"list_rate": None}, **ON_SPOT)
    paid.done(paid.advise("a-size", "i-1", kind="rightsize", net="4380"), DAY)
    paid.done(paid.advise("b-spot", "i-1", kind="spot", net="3650"), DAY)
    assert paid.lines("a-size")["2026-10"].realised == Decimal("6.75") * 744
    assert paid.lines("b-spot")["2026-10"].realised == Decimal("2.25") * 744


def test_one_of_two_machines_on_a_schedule_was_resized_on_that_day(paid: Paid) -> None:
    """i-1 from 10 to 4, both 12 of 24 hours: resized 24 × 6 × 31, off 12 × (4 + 10) × 31."""
    for name in ("i-1", "i-2"):
        paid.hours(name, DAY - timedelta(days=30), DAY + ONE)
    paid.hours("i-1", DAY + ONE, NOVEMBER, rate="4", hours="12", **SMALL)
    paid.hours("i-2", DAY + ONE, NOVEMBER, hours="12")
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DAY)
    paid.done(paid.advise("plan-1", "i-1", "i-2", kind="schedule"), DAY)
    assert paid.lines("size-1")["2026-10"].realised == 24 * 6 * 31
    assert paid.lines("plan-1")["2026-10"].realised == 12 * (4 + 10) * 31


def test_neither_of_two_changes_of_one_day_is_a_miss_for_the_other(paid: Paid) -> None:
    """Promised alone: 6 of 10 an hour, and 12 hours of 24 at 10. Of the latter 40 % was left to save."""
    resized_and_scheduled(paid, DAY, DAY)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize", net="4380"), DAY)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule", net="3650"), DAY)
    line = paid.lines("plan-1")["2026-10"]
    assert (line.realised, line.predicted_net, line.predicted_p10) == (1488, 1488, Decimal("1339.2"))
    assert "40 %" in line.remark
    assert outcomes(paid, "size-1", "plan-1") == ["within", "within"]


def test_what_was_promised_before_another_change_is_of_what_that_left(paid: Paid) -> None:
    """Both accepted on 1 September; resized on the 5th (10 to 4), off at night from the 29th: 12 × 4 × 31 of 3,720."""
    paid.hours("i-1", date(2026, 8, 1), date(2026, 9, 6))
    paid.hours("i-1", date(2026, 9, 6), DAY + ONE, rate="4", **SMALL)
    paid.hours("i-1", DAY + ONE, NOVEMBER, rate="4", hours="12", **SMALL)
    paid.advise("size-1", "i-1", kind="rightsize", net="4380")
    paid.advise("plan-1", "i-1", kind="schedule", net="3650")
    for name in ("size-1", "plan-1"):
        change_state(paid.connection, name, "accepted", who="ana", clock=lambda: datetime(2026, 9, 1, 9, tzinfo=UTC))
    paid.done("size-1", date(2026, 9, 5))
    paid.done("plan-1", DAY)
    line = paid.lines("plan-1")["2026-10"]
    assert (line.realised, line.predicted_net) == (1488, 1488)
    assert paid.baseline("plan-1").predicted_net == 3650, "what was promised stays as it is written down"


@pytest.mark.parametrize("kind", ["spot", "rightsize"])
def test_a_later_change_of_more_machines_brings_none_of_the_others_with_it(paid: Paid, kind: str) -> None:
    """i-1 on a schedule of 12 of 24 hours: 12 × 10 × 31 are saved, whatever i-2 costs, which is changed with it."""
    middle = date(2026, 9, 15)
    paid.hours("i-1", date(2026, 8, 15), middle + ONE)
    paid.hours("i-1", middle + ONE, DAY + ONE, hours="12")
    paid.hours("i-1", DAY + ONE, NOVEMBER, hours="12", rate="4", **SMALL)
    paid.hours("i-2", date(2026, 8, 15), DAY + ONE, rate="20")
    paid.hours("i-2", DAY + ONE, NOVEMBER, rate="8", **SMALL)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), middle)
    paid.done(paid.advise("less-1", "i-1", "i-2", kind=kind), DAY)
    assert paid.lines("plan-1")["2026-10"].realised == 12 * 10 * 31


def test_a_commitment_soon_after_a_resize_saves_on_what_that_left(paid: Paid) -> None:
    """10 an hour, 4 resized on the 15th, 3 committed on the 22nd: 744 × 6 and 744 × 1, of 7,440 less 2,232."""
    paid.hours("i-1", date(2026, 8, 15), date(2026, 9, 16))
    paid.hours("i-1", date(2026, 9, 16), date(2026, 9, 23), rate="4", **SMALL)
    covered: dict[str, Any] = {"kind": {"pricing_category": "Committed"}, "commitment_id": "sp-new"}
    paid.hours("i-1", date(2026, 9, 23), NOVEMBER, rate="3", **SMALL, **covered)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), date(2026, 9, 15))
    paid.done(paid.advise("commit-1", "i-1", kind="commit"), date(2026, 9, 22))
    sized, committed = (paid.lines(name)["2026-10"].realised for name in ("size-1", "commit-1"))
    assert (sized, committed) == (744 * 6, 744 * 1)
    assert sized + committed == 7440 - 2232


@pytest.mark.parametrize("names", [("a-size", "b-commit"), ("b-size", "a-commit")])
def test_a_resize_and_a_commitment_of_one_day_are_told_apart_by_list_prices(paid: Paid, names: tuple[str, str]) -> None:
    """10 an hour (list 12.50) to 3 committed of a type of list 5, on demand 4: 744 × (10 − 4) and × (4 − 3)."""
    paid.hours("i-1", DAY - timedelta(days=30), DAY + ONE)
    covered: dict[str, Any] = {"kind": {"pricing_category": "Committed"}, "commitment_id": "sp-new"}
    paid.hours("i-1", DAY + ONE, NOVEMBER, rate="3", **SMALL, **covered)
    size, commit = names
    paid.done(paid.advise(size, "i-1", kind="rightsize", net="4380"), DAY)
    paid.done(paid.advise(commit, "i-1", kind="commit", net="5110"), DAY)
    sized, committed = (paid.lines(name)["2026-10"] for name in names)
    assert (sized.realised, committed.realised) == (744 * 6, 744 * 1)


def test_what_is_held_follows_the_list_price_of_what_it_is_held_at(paid: Paid) -> None:
    """Resized (10 to 4), then spot (1); in October the small type's list price is 4 and no longer 5, on demand 3.20.

    744 × (10 − 3.20) and 744 × (3.20 − 1): together all that it costs less, 744 × (10 − 1).
    """
    first, second = date(2026, 8, 25), date(2026, 9, 20)
    paid.hours("i-1", date(2026, 8, 1), first + ONE)
    paid.hours("i-1", first + ONE, second + ONE, rate="4", **SMALL)
    paid.hours("i-1", second + ONE, NOVEMBER, rate="1", **SMALL | {"list_rate": "4"}, **ON_SPOT)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), first)
    paid.done(paid.advise("spot-1", "i-1", kind="spot"), second)
    sized, moved = (paid.lines(name)["2026-10"] for name in ("size-1", "spot-1"))
    assert (sized.realised, moved.realised) == (744 * Decimal("6.8"), 744 * Decimal("2.2"))
    assert moved.price_effect == 744 * Decimal("0.8")
