"""Runs from the shares of the bill and the workload records, through a real analysis."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import insert, text

from aispend.advising import Recommend
from aispend.clock import Clock
from aispend.schema import run_metric
from aispend.store import Store
from recommender.contract import Advice
from recommender.kinds.training_waste import evaluate
from recommender.methods.plateau import Curve
from recommender.subjects.training_runs import TrainingRuns, load_training_runs
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

AS_OF = datetime(2026, 10, 31, tzinfo=UTC)
D = Decimal


@pytest.fixture
def books(database: Store, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    from aispend.settings import load_settings

    home = tmp_path_factory.mktemp("home")
    return Ledger(database, load_settings({"AISPEND_HOME": str(home)}), clock)


def run(ledger: Ledger, name: str, day: str, outcomes: dict[str, range], cost: str, model: str = "tuned") -> None:
    """A machine of its own for a day, on which hours of a run ended as said."""
    machine = f"i-{name}-{day}"
    hours = [hour for span in outcomes.values() for hour in span]
    ledger.charge(day, cost, resource_id=machine, gpus=8, hours=all_hours(*hours), quantity=str(len(hours)), **GPU_HOUR)
    for outcome, span in outcomes.items():
        ledger.workload(
            span, machine, name, day=day, requested=8, model=model, team="ml", stage="training", outcome=outcome
        )


def loaded(ledger: Ledger, days: int = 28) -> list[TrainingRuns]:
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        return list(load_training_runs(connection, AS_OF, days))


def test_runs_with_their_costs_hours_and_endings(books: Ledger) -> None:
    run(books, "again", "2026-10-20", {"running": range(9), "failed": range(9, 10), "succeeded": range(10, 20)}, "200")
    run(books, "bad", "2026-10-21", {"running": range(3), "failed": range(3, 4)}, "40")
    run(books, "old", "2026-09-01", {"failed": range(4)}, "70")
    run(books, "other", "2026-10-21", {"succeeded": range(2)}, "20", model="small")

    small, tuned = sorted(loaded(books), key=lambda one: one.model or "")

    assert (small.model, tuned.model, tuned.team, tuned.currency) == ("small", "tuned", "ml", "USD")
    assert [(one.workload, len(one.hours)) for one in tuned.runs] == [("again", 20), ("bad", 4)]
    assert {one.workload: [cost.effective_cost for cost in one.costs] for one in tuned.runs} == {
        "again": [D(200)],
        "bad": [D(40)],
    }
    assert [(cost.day, cost.effective_cost) for cost in tuned.costs] == [
        (date(2026, 10, 20), D(200)),
        (date(2026, 10, 21), D(40)),
    ]
    assert tuned.runs[0].hours[9].outcome == "failed"
    assert tuned.runs[0].hours[0].wall == 3600
    assert sum(tuned.by_resource.values()) == D(240)
    assert tuned.first_seen == date(2026, 9, 1)
    assert tuned.unrecorded_cost == 0


def test_three_of_four_failed_hours_are_spared_at_what_they_cost(books: Ledger) -> None:
    """30 of 40 dollars in 28 days: 30 × 730 ÷ 672 = 32.59 a month at most; of one failure nothing is counted."""
    run(books, "bad", "2026-10-21", {"running": range(3), "failed": range(3, 4)}, "40")
    (found,) = loaded(books)

    answer = evaluate(found, Recommend.model_validate({"training_waste": {"window_days": 28}}))

    assert isinstance(answer, Advice)
    assert (answer.saving.effective, answer.saving.net, answer.estimate_only) == (D("32.59"), 0, True)


def test_curves_are_placed_by_the_hours_a_run_ran(books: Ledger) -> None:
    """Four hours from midnight; of one metric in two sources that of the source of its hours counts."""
    run(books, "good", "2026-10-21", {"running": range(3), "succeeded": range(3, 4)}, "40")
    run(books, "plain", "2026-10-22", {"succeeded": range(2)}, "20")
    two = datetime(2026, 10, 21, 2, tzinfo=UTC)
    (found,) = loaded(books)
    with books.store.engine.begin() as connection:
        (namespace,) = connection.scalars(text("SELECT DISTINCT namespace FROM workload_hour"))
        for source, metric, ordinal, at, step, value in (
            ("another", "loss", 1, None, 1, 9.0),
            (namespace, "loss", 1, two, None, 3.0),
            (namespace, "loss", 2, two.replace(hour=3, minute=30), None, 2.0),
            (namespace, "val_loss", 1, None, 0, 5.0),
            (namespace, "val_loss", 2, None, 100, None),
        ):
            connection.execute(
                insert(run_metric).values(
                    slice_id=1, namespace=source, workload="good", metric=metric, ordinal=ordinal, measured_at=at,
                    step=step, value=value, lower_is_better=True,
                )
            )  # fmt: skip
    assert [run.curves for run in found.runs] == [(), ()]

    (found,) = loaded(books)

    assert [one.hours_before for one in found.runs] == [0, 0]
    assert {one.workload: list(one.curves) for one in found.runs} == {
        "good": [
            Curve("loss", True, [(2.0, 3.0), (3.5, 2.0)]),
            Curve("val_loss", True, [(0.0, 5.0), (4.0, None)]),
        ],
        "plain": [],
    }


def test_what_a_run_did_long_before_the_window_keeps_its_place(books: Ledger) -> None:
    """Five hours in July, four in October: the curve is over nine, of which four are there."""
    run(books, "long", "2026-07-21", {"running": range(5)}, "50")
    run(books, "long", "2026-10-21", {"running": range(3), "succeeded": range(3, 4)}, "40")
    books.analyze()
    with books.store.engine.begin() as connection:
        (namespace,) = connection.scalars(text("SELECT DISTINCT namespace FROM workload_hour"))
        for ordinal, step in ((1, 0), (2, 90)):
            connection.execute(
                insert(run_metric).values(
                    slice_id=1, namespace=namespace, workload="long", metric="loss", ordinal=ordinal, step=step,
                    value=1.0, lower_is_better=True,
                )
            )  # fmt: skip

    (found,) = loaded(books)

    (long,) = found.runs
    assert (len(long.hours), long.hours_before) == (4, 5)
    assert list(long.curves) == [Curve("loss", True, [(0.0, 1.0), (9.0, 1.0)])]


def test_training_without_a_recorded_run_is_told_apart(books: Ledger) -> None:
    books.charge("2026-10-20", "300", tags={"model": "tuned", "stage": "training"})
    (found,) = loaded(books)
    assert (list(found.runs), list(found.costs), found.unrecorded_cost) == ([], [], D(300))
