"""Months that bills tell again after they were final: restated ones count; what is known no longer verifies nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from aispend.schema import charge, recommendation_event, slice_
from aispend.store import Store
from analyzer.reconcile_savings import accepted_advice_is_followed
from recommender.ledger.calibration import calibration
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid

DONE = date(2026, 9, 10)


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """A machine of 240 a day stopped on 10 September; bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        world.hours("i-1", DONE - timedelta(days=14), DONE + timedelta(days=1))
        world.done(world.advise("stop-1", "i-1"), DONE)
        yield world


def told(paid: Paid) -> list[tuple[str, str | None]]:
    e = recommendation_event.c
    return [tuple(row) for row in paid.connection.execute(select(e.event, e.reason).order_by(e.event_id))]


def is_followed(paid: Paid) -> bool:
    (finding,) = accepted_advice_is_followed(paid.connection)
    return finding.holds


def now_is(paid: Paid, month: date, state: str) -> None:
    paid.connection.execute(update(slice_).where(slice_.c.slice_id == paid.slices[month]).values(state=state))


def test_a_closed_month_that_its_bill_tells_again_is_final_all_the_same(paid: Paid) -> None:
    """31 × 240 of October; what replaces a closed month is restated, and as done as it was."""
    now_is(paid, OCTOBER, "restated")
    line = paid.lines("stop-1")["2026-10"]
    assert (line.is_final, line.end_day, line.realised) == (True, NOVEMBER, 31 * 240)
    assert (paid.state("stop-1"), paid.baseline("stop-1").verified_month) == ("verified", OCTOBER)


@pytest.mark.parametrize("gone", ["withdrawn", "unknown", "provisional"])
def test_what_is_no_longer_known_is_verified_no_longer(paid: Paid, gone: str) -> None:
    """And is verified again, with an event of its own, once the bill is there again."""
    paid.lines("stop-1")
    assert (paid.state("stop-1"), is_followed(paid)) == ("verified", True)
    if gone == "withdrawn":
        paid.connection.execute(update(slice_).where(slice_.c.slice_id == paid.slices[OCTOBER]).values(kind="other"))
    elif gone == "unknown":
        paid.hours("i-1", OCTOBER, OCTOBER + timedelta(days=1), rate=None)
    else:
        now_is(paid, OCTOBER, "provisional")
    paid.lines("stop-1")
    assert (paid.state("stop-1"), is_followed(paid)) == ("done", True)
    kept: Any = calibration(paid.connection)
    assert (kept.verified, kept.rollbacks) == (0, 0)
    assert told(paid)[2:] == [("done", "What verified it in 2026-10 is no longer known: it waits for a final bill.")]

    paid.connection.execute(
        update(slice_).where(slice_.c.slice_id == paid.slices[OCTOBER]).values(kind="bill", state="final")
    )
    paid.connection.execute(delete(charge).where(charge.c.effective_cost.is_(None)))
    paid.lines("stop-1")
    paid.lines("stop-1")
    assert paid.state("stop-1") == "verified"
    assert [event for event, _ in told(paid)] == ["done", "verified", "done", "verified"]


def test_a_bill_that_changes_what_came_of_it_is_told_once(paid: Paid) -> None:
    """Ten days of October are charged after all: 21 × 240 = 5,040 of 7,440 promised, below the P10 of 6,696."""
    paid.lines("stop-1")
    paid.hours("i-1", date(2026, 10, 22), NOVEMBER)
    paid.lines("stop-1")
    paid.lines("stop-1")
    assert (paid.state("stop-1"), paid.baseline("stop-1").outcome) == ("verified", "miss")
    assert told(paid)[1:] == [
        ("verified", "2026-10: 7,440.00 USD realised, promised 7,440.00"),
        (
            "verified",
            "2026-10: 5,040.00 USD realised, promised 7,440.00; a miss by now, as promised when it was told before",
        ),
    ]
