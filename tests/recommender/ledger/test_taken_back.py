"""A later change that was taken back: what was saved before it is saved on, but for the days it was in force."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from aispend.schema import slice_
from aispend.store import Store
from analyzer.reconcile_savings import savings_rest_on_loaded_bills
from recommender.ledger.calibration import calibration
from recommender.life import change_state
from reports.formats import outcome_name
from reports.views import savings
from tests.recommender.ledger.machines_paid import NOVEMBER, NOW, OCTOBER, Paid, now

DONE = date(2026, 9, 1)
BEFORE = DONE - timedelta(days=14)
ONE = timedelta(days=1)
SMALL: dict[str, Any] = {"instance_type": "g5.xlarge", "list_rate": "5"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """A machine of 10 an hour, of 4 since it was resized on 1 September; bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        world.hours("i-1", BEFORE, DONE + ONE)
        world.done(world.advise("size-1", "i-1", kind="rightsize"), DONE)
        yield world


def test_what_was_taken_back_on_its_day_ends_nothing(paid: Paid) -> None:
    """All of October: 744 × 6."""
    paid.hours("i-1", DONE + ONE, NOVEMBER, rate="4", **SMALL)
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 10, 5))
    paid.taken_back("stop-1", date(2026, 10, 5))
    assert paid.lines("size-1")["2026-10"].realised == 744 * 6
    assert paid.lines("stop-1") == {}


def test_a_stop_that_was_taken_back_pauses_what_was_saved_before(paid: Paid) -> None:
    """Off from 6 to 14 October: (31 − 9) days × 24 × 6 are the resize's, 9 × 24 × 4 the stop's."""
    paid.hours("i-1", DONE + ONE, date(2026, 10, 6), rate="4", **SMALL)
    paid.hours("i-1", date(2026, 10, 15), NOVEMBER, rate="4", **SMALL)
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 10, 5))
    paid.taken_back("stop-1", date(2026, 10, 15))
    line = paid.lines("size-1")["2026-10"]
    assert (line.end_day, line.realised) == (NOVEMBER, 22 * 24 * 6)
    # 7,300 for 730 hours: 10 an hour, of the days that count
    assert line.predicted_net == 22 * 24 * 10
    assert line.remark == "9 days of the stop_idle of 2026-10-05, which was taken back on 2026-10-15, count there."
    assert paid.lines("stop-1")["2026-10"].realised == 9 * 24 * 4


def test_a_schedule_goes_on_after_a_stop_that_was_taken_back(paid: Paid) -> None:
    """12 of 24 hours off at 4, all off from 6 to 14 October: 22 days × 12 × 4, and the stop's 9 × 24 × 4."""
    paid.hours("i-1", DONE + ONE, OCTOBER, rate="4", **SMALL)
    paid.hours("i-1", OCTOBER, date(2026, 10, 6), rate="4", hours="12", **SMALL)
    paid.hours("i-1", date(2026, 10, 15), NOVEMBER, rate="4", hours="12", **SMALL)
    paid.done(paid.advise("plan-1", "i-1", kind="schedule"), date(2026, 9, 30))
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 10, 5))
    paid.taken_back("stop-1", date(2026, 10, 15))
    line = paid.lines("plan-1")["2026-10"]
    assert (line.quantity, line.realised) == (22 * 24, 22 * 12 * 4)
    assert paid.lines("stop-1")["2026-10"].realised == 9 * 24 * 4


def test_a_month_that_was_another_changes_alone_has_no_line(paid: Paid) -> None:
    paid.hours("i-1", DONE + ONE, date(2026, 10, 1), rate="4", **SMALL)
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 9, 30))
    paid.taken_back("stop-1", NOVEMBER)
    assert list(paid.lines("size-1")) == ["2026-09"]
    assert paid.lines("stop-1")["2026-10"].realised == 744 * 4


def _restarted(paid: Paid) -> None:
    """Stopped on 10 September, needed again on 1 October and running since; accepted anew."""
    paid.hours("i-2", date(2026, 8, 20), date(2026, 9, 11))
    paid.hours("i-2", OCTOBER, date(2026, 10, 21))
    paid.done(paid.advise("stop-2", "i-2"), date(2026, 9, 10))
    paid.taken_back("stop-2", OCTOBER)
    assert paid.lines("stop-2")["2026-09"].realised == 20 * 240
    change_state(paid.connection, "stop-2", "accepted", who="ana", clock=now)


def _ledger(paid: Paid) -> dict[tuple[str, str], Any]:
    paid.lines("stop-2")
    mine = [line for line in savings(paid.connection).lines if line.resource_id == "i-2"]
    return {(line.id, f"{line.month:%Y-%m}"): line.realised for line in mine}


def test_what_was_saved_before_it_was_taken_back_stays_when_it_is_accepted_anew(paid: Paid) -> None:
    """20 days of September at 240 are kept, under an id of their own; the promise is of what is accepted now."""
    _restarted(paid)
    ((name, month),) = _ledger(paid)
    assert (month, _ledger(paid)[name, month]) == ("2026-09", 20 * 240)
    assert name != "stop-2"
    assert (paid.state(name), paid.state("stop-2")) == ("gone", "accepted")
    assert (paid.baseline("stop-2").done_on, paid.baseline("stop-2").undone_on) == (None, None)
    assert paid.baseline(name).undone_on == OCTOBER
    assert calibration(paid.connection).rollbacks == 1
    # a newer bill of September is followed
    paid.connection.execute(update(slice_).values(loaded_at=NOW))
    _ledger(paid)
    assert all(finding.holds for finding in savings_rest_on_loaded_bills(paid.connection))


def test_each_time_it_was_done_has_a_line_of_its_own(paid: Paid) -> None:
    """Off again from 21 October on: 11 days × 240 beside September's 20."""
    _restarted(paid)
    paid.done("stop-2", date(2026, 10, 20))
    found = _ledger(paid)
    assert found["stop-2", "2026-10"] == 11 * 240
    assert sorted(found.values()) == [11 * 240, 20 * 240]
    (item,) = [one for one in savings(paid.connection).items if one.undone_on is not None]
    assert outcome_name(item) == "verified: as promised, taken back on 2026-10-01"
