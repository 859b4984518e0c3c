"""Training that is billed by the month, through a real analysis."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from aispend.clock import Clock
from aispend.settings import load_settings
from aispend.store import Store
from recommender.subjects.training_runs import load_training_runs
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger

AS_OF = datetime(2026, 10, 31, tzinfo=UTC)


def test_a_charge_of_a_month_is_of_the_days_its_run_ran(database: Store, clock: Clock, tmp_path: Path) -> None:
    """300 of October for a machine that ran for three hours on the 5th, before the window, and nine on the 20th: 225 of
    it are the 20th's."""
    books = Ledger(database, load_settings({"AISPEND_HOME": str(tmp_path)}), clock)
    books.charge("2026-10-01", "300", end="2026-11-01", resource_id="i-1", gpus=8, quantity="12", **GPU_HOUR)
    for day, hours, outcome in (("2026-10-05", range(3), "succeeded"), ("2026-10-20", range(9), "running")):
        books.workload(
            hours, "i-1", "tune", day=day, requested=8, model="tuned", team="ml", stage="training", outcome=outcome
        )
    books.analyze()
    with books.store.engine.connect() as connection:
        (tuned,) = load_training_runs(connection, AS_OF, 14)
    placed = sum((one.effective_cost or Decimal(0) for one in tuned.costs), Decimal(0))
    assert [cost.day for cost in tuned.runs[0].costs] == [date(2026, 10, 20)]
    assert placed == tuned.by_resource["i-1"] == Decimal(225)
