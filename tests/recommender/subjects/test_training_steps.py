"""How far a run had come when, from its curves, through a real analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, text

from aispend.clock import Clock
from aispend.schema import run_metric
from aispend.settings import load_settings
from aispend.store import Store
from recommender.subjects.training_runs import load_training_runs
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

AS_OF = datetime(2026, 10, 31, tzinfo=UTC)


def test_steps_of_all_metrics_in_order_of_time(database: Store, clock: Clock, tmp_path: Path) -> None:
    """A point without a time or a step says nothing of how far it had come."""
    books = Ledger(database, load_settings({"AISPEND_HOME": str(tmp_path)}), clock)
    books.charge("2026-10-21", "40", resource_id="i-1", gpus=8, hours=all_hours(0, 1, 2), quantity="3", **GPU_HOUR)
    books.workload(
        range(3), "i-1", "tune", day="2026-10-21", requested=8, model="tuned", team="ml", stage="training",
        outcome="succeeded",
    )  # fmt: skip
    books.analyze()
    one, two = (datetime(2026, 10, 21, hour, tzinfo=UTC) for hour in (1, 2))
    with database.engine.begin() as connection:
        (namespace,) = connection.scalars(text("SELECT DISTINCT namespace FROM workload_hour"))
        for metric, ordinal, at, step in (
            ("loss", 1, two, 200), ("loss", 2, None, 300), ("val_loss", 1, one, 100), ("val_loss", 2, two, None),
        ):  # fmt: skip
            connection.execute(
                insert(run_metric).values(
                    slice_id=1, namespace=namespace, workload="tune", metric=metric, ordinal=ordinal, measured_at=at,
                    step=step, value=1.0, lower_is_better=True,
                )
            )  # fmt: skip
        ((run,),) = (found.runs for found in load_training_runs(connection, AS_OF, 14))
    assert run.steps == [(one, 100), (two, 200)]
