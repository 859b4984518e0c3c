"""What a later change does to the line of an earlier one, on bills made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid
from tests.recommender.ledger.test_each_counterfactual import ask

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)
MIDDLE = date(2026, 10, 15)
NEW: dict[str, Any] = {"kind": {"pricing_category": "Committed"}, "commitment_id": "sp-new"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def test_a_commitment_of_the_pool_does_not_end_a_stop(paid: Paid) -> None:
    """Stopped on 10 September, the pool committed on 15 October: all 744 hours of October × 10 are the stop's."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-2", BEFORE, MIDDLE + timedelta(days=1))
    paid.hours("i-2", MIDDLE + timedelta(days=1), NOVEMBER, rate="6", **NEW)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    paid.done(paid.advise("commit-1", "i-1", "i-2", kind="commit", net="3000"), MIDDLE)
    lines = paid.lines("stop-1")
    assert (lines["2026-10"].end_day, lines["2026-10"].realised) == (NOVEMBER, 7440)
    # 16 days × 24 hours × 4
    assert paid.lines("commit-1")["2026-10"].realised == 1536


def test_a_commitment_goes_on_when_one_of_its_machines_is_stopped(paid: Paid) -> None:
    """Two machines committed at 6 instead of 10; one is stopped on 15 October: 31 and 15 days × 24 × 4."""
    for name, end in (("i-1", NOVEMBER), ("i-2", MIDDLE + timedelta(days=1))):
        paid.hours(name, BEFORE, DONE + timedelta(days=1))
        paid.hours(name, DONE + timedelta(days=1), end, rate="6", **NEW)
    paid.done(paid.advise("commit-1", "i-1", "i-2", kind="commit"), DONE)
    paid.done(paid.advise("stop-1", "i-2"), MIDDLE)
    assert paid.lines("commit-1")["2026-10"].realised == (31 + 15) * 24 * 4


def test_spot_takes_its_part_out_of_what_was_resized_before(paid: Paid) -> None:
    """10 an hour, 4 once resized, 1 on spot from 16 October on: October's 744 hours × 6, and 384 hours × 3.

    Together they are what it would have cost less what was paid: 7,440 − (360 × 4 + 384 × 1).
    """
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    small: dict[str, Any] = {"instance_type": "g5.xlarge", "list_rate": "5"}
    paid.hours("i-1", DONE + timedelta(days=1), MIDDLE + timedelta(days=1), rate="4", **small)
    paid.hours("i-1", MIDDLE + timedelta(days=1), NOVEMBER, rate="1", kind={"pricing_category": "Dynamic"}, **small)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DONE)
    # the 28 days before: all at 4 an hour
    paid.done(paid.advise("spot-1", "i-1", kind="spot"), MIDDLE)
    first, second = paid.lines("size-1")["2026-10"], paid.lines("spot-1")["2026-10"]
    assert (first.realised, second.realised) == (744 * 6, 384 * 3)
    assert first.realised + second.realised == 7440 - (360 * 4 + 384)
    assert f"before the spot of {MIDDLE}" in first.remark


def test_a_schedule_after_a_resize_leaves_it_what_it_would_save_without(paid: Paid) -> None:
    """4 instead of 10 an hour, 12 hours a day from 16 October: 744 hours × 6, and 192 hours × 4 not run.

    Together what it would have cost less what was paid: 7,440 − (360 + 192) × 4.
    """
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    small: dict[str, Any] = {"instance_type": "g5.xlarge", "list_rate": "5"}
    paid.hours("i-1", DONE + timedelta(days=1), MIDDLE + timedelta(days=1), rate="4", **small)
    paid.hours("i-1", MIDDLE + timedelta(days=1), NOVEMBER, rate="4", hours="12", **small)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DONE)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), MIDDLE)
    first, second = paid.lines("size-1")["2026-10"], paid.lines("plan-1")["2026-10"]
    assert (first.realised, second.realised) == (744 * 6, 192 * 4)
    assert first.realised + second.realised == 7440 - (360 + 192) * 4
    assert "192 hours" in first.remark


def test_a_schedule_is_ended_by_the_stop_of_the_machine(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", DONE + timedelta(days=1), OCTOBER, hours="12")
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), DONE)
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 9, 30))
    assert list(paid.lines("plan-1")) == ["2026-09"]


def test_what_is_resized_later_counts_with_its_commitment_until_that_day(paid: Paid) -> None:
    """Two machines committed at 6 instead of 10, one resized on 15 October: 31 and 15 days × 24 × 4."""
    for name in ("i-1", "i-2"):
        paid.hours(name, BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", DONE + timedelta(days=1), NOVEMBER, rate="6", **NEW)
    paid.hours("i-2", DONE + timedelta(days=1), MIDDLE + timedelta(days=1), rate="6", **NEW)
    paid.hours("i-2", MIDDLE + timedelta(days=1), NOVEMBER, rate="2", instance_type="g5.xlarge", **NEW)
    paid.done(paid.advise("commit-1", "i-1", "i-2", kind="commit"), DONE)
    paid.done(paid.advise("size-1", "i-2", kind="rightsize"), MIDDLE)
    line = paid.lines("commit-1")["2026-10"]
    assert (line.end_day, line.realised) == (NOVEMBER, (31 + 15) * 24 * 4)


@pytest.mark.parametrize("requests", [False, True])
def test_a_schedule_after_fewer_machines_leaves_them_their_own(paid: Paid, requests: bool) -> None:
    """Two replicas of 10 an hour are one since 10 September, and it runs 12 hours a day from 1 October on.

    31 days × 24 × (20 − 10) and × 12 × 10: all that October costs less, 14,880 − 3,720.
    """
    end = date(2026, 9, 30)
    for name in ("i-1", "i-2"):
        paid.hours(name, BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", DONE + timedelta(days=1), end + timedelta(days=1))
    paid.hours("i-1", end + timedelta(days=1), NOVEMBER, hours="12")
    if requests:
        for first, days in ((BEFORE, 14), (OCTOBER, 31)):
            ask(paid, "i-1", first, days, 1000)
    paid.done(paid.advise("fewer-1", "i-1", "i-2", kind="consolidate"), DONE)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), end)
    fewer, plan = (paid.lines(name)["2026-10"] for name in ("fewer-1", "plan-1"))
    assert (fewer.realised, plan.realised) == (31 * 24 * 10, 31 * 12 * 10)
    assert fewer.realised + plan.realised == 14880 - 3720


def test_one_of_two_replicas_off_at_night_saves_once(paid: Paid) -> None:
    """Three replicas of 10 are two, of which i-2 runs 12 hours a day since: 31 × 24 × 10 and 31 × 12 × 10."""
    end = date(2026, 9, 30)
    for name in ("i-1", "i-2", "i-3"):
        paid.hours(name, BEFORE, DONE + timedelta(days=1))
    for name in ("i-1", "i-2"):
        paid.hours(name, DONE + timedelta(days=1), end + timedelta(days=1))
    paid.hours("i-1", end + timedelta(days=1), NOVEMBER)
    paid.hours("i-2", end + timedelta(days=1), NOVEMBER, hours="12")
    paid.done(paid.advise("fewer-1", "i-1", "i-2", "i-3", kind="consolidate"), DONE)
    paid.done(paid.advise("plan-1", "i-2", kind="schedule"), end)
    fewer, plan = (paid.lines(name)["2026-10"].realised for name in ("fewer-1", "plan-1"))
    assert (fewer, plan) == (31 * 24 * 10, 31 * 12 * 10)


def test_a_second_resize_leaves_the_first_what_it_saved(paid: Paid) -> None:
    """10 an hour, 4 since 10 September, 2 since 30 September: 744 × (10 − 4) and × (4 − 2), of 7,440 less 1,488."""
    end = date(2026, 9, 30)
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", DONE + timedelta(days=1), end + timedelta(days=1), rate="4", list_rate="5", instance_type="g5")
    paid.hours("i-1", end + timedelta(days=1), NOVEMBER, rate="2", list_rate="2.5", instance_type="g4dn")
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DONE)
    paid.done(paid.advise("size-2", "i-1", kind="rightsize", target="g4dn"), end)
    first, second = (paid.lines(name)["2026-10"].realised for name in ("size-1", "size-2"))
    assert (first, second) == (744 * 6, 744 * 2)
    assert first + second == 7440 - 1488


def test_a_second_schedule_leaves_the_first_what_it_saved(paid: Paid) -> None:
    """24 hours a day, 16 since 10 September, 8 since 30 September: 31 × 8 × 10 each, of 7,440 less 2,480."""
    end = date(2026, 9, 30)
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("i-1", DONE + timedelta(days=1), end + timedelta(days=1), hours="16")
    paid.hours("i-1", end + timedelta(days=1), NOVEMBER, hours="8")
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), DONE)
    paid.done(paid.advise("plan-2", "i-1", kind="auto_stop"), end)
    first, second = (paid.lines(name)["2026-10"].realised for name in ("plan-1", "plan-2"))
    assert (first, second) == (31 * 80, 31 * 80)
    assert first + second == 7440 - 2480


def test_hours_that_two_schedules_leave_out_count_once(paid: Paid) -> None:
    """4 instead of 10 an hour since 25 August; 16 hours a day since 10 September, 8 since 30 September.

    October: 744 × (10 − 4), and 31 × 8 × 4 of each schedule: 7,440 less 31 × 8 × 4 in all.
    """
    first, end = date(2026, 8, 25), date(2026, 9, 30)
    small: dict[str, Any] = {"rate": "4", "list_rate": "5", "instance_type": "g5.xlarge"}
    paid.hours("i-1", date(2026, 8, 1), first + timedelta(days=1))
    paid.hours("i-1", first + timedelta(days=1), DONE + timedelta(days=1), **small)
    paid.hours("i-1", DONE + timedelta(days=1), end + timedelta(days=1), hours="16", **small)
    paid.hours("i-1", end + timedelta(days=1), NOVEMBER, hours="8", **small)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), first)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), DONE)
    paid.done(paid.advise("plan-2", "i-1", kind="auto_stop"), end)
    found = [paid.lines(name)["2026-10"].realised for name in ("size-1", "plan-1", "plan-2")]
    assert found == [744 * 6, 31 * 8 * 4, 31 * 8 * 4]
    assert sum(found) == 7440 - 31 * 8 * 4
