"""What is on a schedule is started anew each day: a group's new machines are paid for as its old ones were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid

DONE = date(2026, 9, 30)
BEFORE = DONE - timedelta(days=28)
SMALL: dict[str, Any] = {"instance_type": "g5.xlarge", "list_rate": "5"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """A machine of the group ``pool`` runs all day until 30 September; bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        world.hours("i-1", BEFORE, OCTOBER)
        world.know("i-1", fleet="pool", first_seen=BEFORE)
        yield world


def each_morning(paid: Paid, first: date, end: date, **words: Any) -> None:
    """Another machine of the group each day, for twelve hours."""
    for number in range((end - first).days):
        day = first + timedelta(days=number)
        paid.hours(f"i-{day}", day, day + timedelta(days=1), hours="12", **words)
        paid.know(f"i-{day}", fleet="pool", first_seen=day)


@pytest.mark.parametrize("kind", ["schedule", "scale_replicas"])
def test_machines_a_group_starts_each_morning_are_paid_for(paid: Paid, kind: str) -> None:
    """31 × 24 × 10 less 31 × 12 × 10: half of 7,440, and not all of it as the old machine is gone."""
    each_morning(paid, OCTOBER, NOVEMBER)
    paid.done(paid.advise("plan-1", "i-1", kind=kind), DONE)
    line = paid.lines("plan-1")["2026-10"]
    assert (line.counterfactual_cost, line.actual_cost, line.realised) == (7440, 3720, 3720)


@pytest.mark.parametrize(
    ("first", "end", "said"),
    [
        (date(2026, 10, 1), date(2026, 10, 3), "Its group started 2 others within 7 days"),
        (date(2026, 10, 7), date(2026, 10, 20), "Its group started 1 other within 7 days"),
        (date(2026, 10, 8), NOVEMBER, None),
    ],
)
def test_a_stop_says_what_its_group_started_since(paid: Paid, first: date, end: date, said: str | None) -> None:
    """Its own charges alone say whether a machine was stopped; a group may have put another in its place."""
    each_morning(paid, first, end)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    assert line.realised == 7440
    assert line.remark == (said and f"{said}: whether one took its place, the bill does not say.")


def test_new_machines_count_with_the_resize_and_the_schedule_of_their_group(paid: Paid) -> None:
    """At 4 and for 12 hours from October on: 31 × 24 × (10 − 4) and 31 × 12 × 4 are all of 7,440 − 1,488."""
    each_morning(paid, OCTOBER, NOVEMBER, rate="4", **SMALL)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DONE)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), DONE)
    sized, planned = (paid.lines(name)["2026-10"].realised for name in ("size-1", "plan-1"))
    assert (sized, planned) == (31 * 24 * 6, 31 * 12 * 4)
    assert sized + planned == 7440 - 1488


def test_two_schedules_of_a_group_count_a_new_machine_once(paid: Paid) -> None:
    """Of two machines all 31 new ones are at one of the two: 2 × 7,440 less 3,720."""
    paid.hours("i-2", BEFORE, OCTOBER)
    paid.know("i-2", fleet="pool", first_seen=BEFORE)
    each_morning(paid, OCTOBER, NOVEMBER)
    for name in ("i-1", "i-2"):
        paid.done(paid.advise(f"plan-{name}", name, kind="schedule"), DONE)
    assert sum(paid.lines(f"plan-{name}")["2026-10"].realised for name in ("i-1", "i-2")) == 2 * 7440 - 3720


def test_a_machine_that_is_there_still_is_not_the_others_of_its_group(paid: Paid) -> None:
    """It runs half the day but on weekends (9 days), and others of its group come and go: 22 × 12 and 9 × 24 hours."""
    weekdays = [day for day in (OCTOBER + timedelta(days=n) for n in range(31)) if day.weekday() < 5]
    for day in weekdays:
        paid.hours("i-1", day, day + timedelta(days=1), hours="12")
    each_morning(paid, OCTOBER, NOVEMBER)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), DONE)
    # of the last day, a Saturday, nobody can say whether it comes back: another's 12 hours count
    assert (len(weekdays), NOVEMBER.weekday()) == (22, 6)
    assert paid.lines("plan-1")["2026-10"].realised == (22 * 12 + 8 * 24 + 12) * 10


def test_no_more_hours_of_others_count_than_ran_before(paid: Paid) -> None:
    """Three new machines a day for twelve hours each: 24 of their 36 hours stand for it, and nothing is saved."""
    for number in range(31):
        day = OCTOBER + timedelta(days=number)
        for one in "abc":
            paid.hours(f"i-{one}-{day}", day, day + timedelta(days=1), hours="12")
            paid.know(f"i-{one}-{day}", fleet="pool", first_seen=day)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), DONE)
    line = paid.lines("plan-1")["2026-10"]
    assert (round(line.actual_cost, 6), round(line.realised, 6)) == (7440, 0)


def test_what_a_group_starts_after_a_schedule_was_taken_back_is_none_of_it(paid: Paid) -> None:
    """Taken back on 11 October: 10 days × 12 hours were saved until then."""
    each_morning(paid, OCTOBER, date(2026, 10, 11))
    paid.hours("i-new", date(2026, 10, 11), NOVEMBER)
    paid.know("i-new", fleet="pool", first_seen=date(2026, 10, 11))
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), DONE)
    paid.taken_back("plan-1", date(2026, 10, 11))
    line = paid.lines("plan-1")["2026-10"]
    assert (line.end_day, line.realised) == (date(2026, 10, 11), 10 * 12 * 10)
