"""The last days with data: what clouds billed says where they end, own costs only where there is nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from analyzer.series import OWN
from reports import views
from tests.analyzer.conftest import Ledger, all_hours

ANALYZED = datetime(2026, 11, 21, 6, tzinfo=UTC)


def written_down(ledger: Ledger) -> None:
    """A cost of the whole of November, two a day."""
    for number in range(30):
        day = date(2026, 11, 1) + timedelta(days=number)
        ledger.charge(f"{day}", "2", provider=OWN, scope="costs", hours=all_hours())


def analyzed(ledger: Ledger) -> None:
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE analysis_state SET analyzed_at = :at"), {"at": ANALYZED})


def test_own_costs_of_days_to_come_do_not_shift_the_window(database: Store, clock: Clock, tmp_path: Path) -> None:
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    ledger.charge("2026-11-19", "10", hours=all_hours())
    written_down(ledger)
    analyzed(ledger)
    with database.engine.connect() as connection:
        assert views.newest_window(connection, 2) == views.Window(date(2026, 11, 18), date(2026, 11, 20))
        before, after = views.month_against_month(connection) or ()
    assert (before, after) == (
        views.Window(date(2026, 10, 1), date(2026, 10, 20)),
        views.Window(date(2026, 11, 1), date(2026, 11, 20)),
    )


def test_own_costs_alone_end_on_the_day_of_the_analysis(database: Store, clock: Clock, tmp_path: Path) -> None:
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    written_down(ledger)
    analyzed(ledger)
    with database.engine.connect() as connection:
        assert views.newest_window(connection, 2) == views.Window(date(2026, 11, 20), date(2026, 11, 22))


def test_on_the_billing_axis_the_newest_billing_month_is_whole(database: Store, clock: Clock, tmp_path: Path) -> None:
    """Of bills that end on 31 October the last 30 days begin on the 2nd: no billing month begins in them."""
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    ledger.charge("2026-10-01", "7", hours=all_hours())
    ledger.charge("2026-10-31", "10", hours=all_hours())
    analyzed(ledger)
    with database.engine.connect() as connection:
        found = views.spend(connection, views.SpendQuery(by=("provider",), axis="billing"))
    assert found.basis.window == views.Window(date(2026, 10, 1), date(2026, 11, 1))
    assert [total.costs.billed_cost for total in found.totals] == [17]


@pytest.mark.parametrize("stray", [[], [19], [28], [18, 19]])
@pytest.mark.parametrize("category", ["Usage", "Tax"])
def test_a_line_that_came_astray_does_not_shift_the_window(
    database: Store, clock: Clock, tmp_path: Path, stray: list[int], category: str
) -> None:
    """240 a day to 10 November: the last 30 days cost 7,200, and ten days of two months are held together."""
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    for number in range(71):
        ledger.charge(f"{date(2026, 9, 1) + timedelta(days=number)}", "240", hours=all_hours())
    for day in stray:
        ledger.charge(f"2026-11-{day}", "1", service_name="S3", category=category)
    ledger.analyze()
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE analysis_state SET analyzed_at = '2026-11-30T06:00Z'"))
        window = views.Window(date(2026, 10, 12), date(2026, 11, 11))
        assert views.newest_window(connection) == window
        assert [total.costs.billed_cost for total in views.spend(connection, views.SpendQuery()).totals] == [7200]
        assert views.known_days(connection) == views.Window(date(2026, 9, 1), date(2026, 11, 11))
        assert views.month_against_month(connection) == (
            views.Window(date(2026, 10, 1), date(2026, 10, 11)),
            views.Window(date(2026, 11, 1), date(2026, 11, 11)),
        )


def test_on_the_billing_axis_a_line_of_the_next_month_does_not_shift_it(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    for number in range(31):
        ledger.charge(f"{date(2026, 10, 1) + timedelta(days=number)}", "240", hours=all_hours())
    ledger.charge("2026-11-05", "1", service_name="S3")
    analyzed(ledger)
    with database.engine.connect() as connection:
        october = views.Window(date(2026, 10, 1), date(2026, 11, 1))
        assert views.newest_window(connection, axis="billing") == october


def test_a_bill_that_is_done_says_what_its_last_days_are(database: Store, clock: Clock, tmp_path: Path) -> None:
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    for number in range(20):
        ledger.charge(f"{date(2026, 10, 1) + timedelta(days=number)}", "240", hours=all_hours())
    ledger.charge("2026-10-31", "1", category="Tax")
    analyzed(ledger)
    with database.engine.begin() as connection:
        found = []
        for state in ("open", "final"):
            connection.execute(text("UPDATE slice SET state = :state WHERE kind = 'bill'"), {"state": state})
            window = views.newest_window(connection)
            found.append(window and window.last)
    assert found == [date(2026, 10, 20), date(2026, 10, 31)]
