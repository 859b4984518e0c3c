"""What "all that is loaded" means: days that have been, runs with all their days, and months that are done."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from analyzer.series import OWN
from reports import views
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours


@pytest.fixture
def ledger(database: Store, clock: Clock, tmp_path: Path) -> Ledger:
    """A run of two days, the first in September; a licence written down to the end of 2027."""
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    for day in ("2026-09-20", "2026-11-10"):
        machine = f"i-{day}"
        ledger.charge(day, "48", resource_id=machine, gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
        ledger.workload("all", machine, "ft", day=day, requested=8, model="m", stage="training", outcome="succeeded")
    for day in ("2026-11-09", "2026-12-09", "2027-01-09"):
        ledger.charge(day, "5", provider=OWN, scope="costs", hours=all_hours())
    ledger.analyze()
    with database.engine.begin() as connection:
        at = datetime(2026, 11, 21, 6, tzinfo=UTC)
        connection.execute(text("UPDATE analysis_state SET analyzed_at = :at"), {"at": at})
    return ledger


def test_days_to_come_are_not_among_those_known(ledger: Ledger) -> None:
    with ledger.store.engine.connect() as connection:
        known = views.Window(date(2026, 9, 20), date(2026, 11, 11))
        assert views.known_days(connection) == known
        assert views.lifecycles(connection).window == known
        assert views.lifecycles_in(connection, "USD").window == known


def test_a_run_is_whole_unless_days_are_asked_for(ledger: Ledger) -> None:
    november = views.Window(date(2026, 11, 1), date(2026, 12, 1))
    with ledger.store.engine.connect() as connection:
        for whole, part in (
            (views.runs(connection), views.runs(connection, november)),
            (views.runs_in(connection, "USD"), views.runs_in(connection, "USD", november)),
        ):
            (run,) = whole.rows
            assert (run.effective_cost, run.goes_beyond(known := whole.window)) == (96, False)
            assert known == views.Window(date(2026, 9, 20), date(2026, 11, 11))
            (run,) = part.rows
            assert (run.effective_cost, run.goes_beyond(november)) == (48, True)


@pytest.mark.parametrize(
    ("state", "share"), [("final", 1), ("closed", 1), ("restated", 1), ("provisional", 0), ("open", 0)]
)
def test_a_closed_month_that_was_restated_is_done(ledger: Ledger, state: str, share: int) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE slice SET state = :state WHERE kind = 'bill'"), {"state": state})
        found = views.spend(connection, views.SpendQuery(by=("provider",)))
    assert dict(found.basis.final_share) == {"USD": share}
