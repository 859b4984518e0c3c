"""Savings in a real browser: what was promised beside what the bill shows, misses included, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import Connection, insert, update

from aispend.schema import recommendation, recommendation_event, resource
from aispend.store import open_store, server
from recommender.ledger.months import update_ledger
from recommender.life import change_state
from tests.browser.company import HOSTILE
from tests.browser.conftest import Served, Visitor, _served
from tests.recommender.ledger.machines_paid import NOW, Paid, now

Visit = Callable[[Served], Visitor]
DONE = date(2026, 9, 10)


@pytest.fixture(scope="module")
def saved(chromium: str, embedded: server.EmbeddedServer, new_home: Callable[[], Path]) -> Iterator[Served]:
    """Machines at 240 a day: one was stopped, one was said to be and never was, one is accepted."""
    with _served(embedded, new_home(), fill=False) as served:
        with open_store(served.settings, migrate=False) as store, store.engine.begin() as connection:
            _insert(connection)
        yield served


def _insert(connection: Connection) -> None:
    paid = Paid(connection)
    paid.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))
    paid.hours("i-1", DONE - timedelta(days=2), DONE + timedelta(days=1))
    paid.hours("i-2", DONE - timedelta(days=2), date(2026, 11, 16))
    paid.done(paid.advise("aaaaaaaaaaaa", "i-1"), DONE)
    paid.done(paid.advise("bbbbbbbbbbbb", "i-2"), DONE)
    change_state(connection, paid.advise("cccccccccccc", "i-other", net="900"), "accepted", who=HOSTILE, clock=now)
    names = {"aaaaaaaaaaaa": "i-1", "bbbbbbbbbbbb": "i-2", "cccccccccccc": "i-other"}
    for name, resource_id in names.items():
        key = resource.select().where(resource.c.resource_id == resource_id)
        connection.execute(
            update(recommendation)
            .where(recommendation.c.id == name)
            .values(resource_key=connection.execute(key).one().resource_key)
        )
    connection.execute(
        insert(recommendation_event).values(
            recommendation_id="cccccccccccc",
            at=datetime(2026, 11, 20, tzinfo=UTC),
            event="grew",
            who="aispend",
            monthly_saving_net=900,
        )
    )
    connection.execute(update(resource).where(resource.c.resource_id == "i-2").values(resource_name=HOSTILE))
    update_ledger(connection, [], NOW)
    paid.ledger.roll_up()


def test_promised_stands_beside_realised_and_a_miss_is_shown(visit: Visit, saved: Served) -> None:
    """Each promised 240 a day for 20, 31 and 15 days; one kept it, the other cost as much as before."""
    visitor = visit(saved)
    visitor.open()
    visitor.go("Savings")

    assert visitor.figure("Realised in all") == ("15,840.00", "3 months, 2 of them final")
    assert visitor.figure("Promised for these days") == ("31,680.00", "3 accepted or done")
    assert visitor.figure("Verified") == ("2", "1 missed")
    assert visitor.rows("Would have cost") == [
        ["September 2026\nfinal", "9,600.00", "9,600.00", "4,800.00", "0.00", "0.00", "0.00", "4,800.00"],
        ["October 2026\nfinal", "14,880.00", "14,880.00", "7,440.00", "0.00", "0.00", "0.00", "7,440.00"],
        ["November 2026\nprovisional", "7,200.00", "7,200.00", "3,600.00", "0.00", "0.00", "0.00", "3,600.00"],
    ]
    items = visitor.rows("To know")
    assert items[0][0].startswith("Switch off <b>*")
    assert "verified: a miss" in items[0][1]
    assert items[0][3:5] == ["15,840.00", "0.00"]
    assert "it was not stopped" in items[0][5]
    assert "verified: as promised" in items[1][1]
    assert "October 2026: 7,440.00 (6,696.00 – 8,184.00 promised)" in items[1][1]
    assert "accepted, not done yet" in items[2][1]
    kept = visitor.rows("Goal")
    assert kept[0] == ["Realised within P10 to P90", "50 %", "2 verified", "80 % or more"]
    assert kept[-1] == ["Switch off: realised of promised", "50 %", "2", ""]


def test_what_changed_in_the_week_stands_above_the_recommendations(visit: Visit, saved: Served) -> None:
    visitor = visit(saved)
    visitor.open()
    visitor.go("Recommendations")
    line = visitor.page.get_by_text("Since 2026-11-14, each alone and net a month:")
    assert line.inner_text() == (
        "Since 2026-11-14, each alone and net a month: "
        "1 grew (900.00), 1 accepted (900.00), 2 done (14,600.00), 2 verified (14,600.00)"
    )
    line.click()
    rows = visitor.rows("Why")
    assert [row[0] for row in rows] == ["grew", "accepted", "done", "done", "verified", "verified"]
    assert rows[1][4] == HOSTILE


def test_nothing_done_says_what_to_do(visit: Visit, filled: Served, empty: Served) -> None:
    visitor = visit(filled)
    visitor.open()
    visitor.go("Savings")
    assert "Nothing has been accepted or done yet" in visitor.text()
    # code is coloured by a part of the page that comes a moment later
    expect(visitor.page.get_by_test_id("stMain")).to_contain_text("aispend recommendations done ID --on DAY")
    nobody = visit(empty)
    nobody.open()
    nobody.go("Savings")
    assert "Nothing is loaded and analyzed yet." in nobody.text()
