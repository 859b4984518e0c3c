"""Training beside serving, runs that came to nothing, and payback; through a real analysis."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from reports import views
from reports.views import Window
from tests.analyzer.conftest import GPU_HOUR, Ledger, all_hours

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))


def run(ledger: Ledger, name: str, day: str, outcome: str | None, cost: str = "240", hours: range = range(24)) -> None:
    """A day of a machine of its own for one training run."""
    machine = f"i-{name}-{day}"
    ledger.charge(day, cost, resource_id=machine, gpus=8, hours=all_hours(*hours), quantity=str(len(hours)), **GPU_HOUR)
    ledger.workload(
        hours, machine, name, day=day, requested=8, model="tuned", team="ml", stage="training", outcome=outcome
    )


def test_runs_say_how_they_ended(ledger: Ledger) -> None:
    run(ledger, "good", "2026-10-02", "running")
    run(ledger, "good", "2026-10-03", "succeeded")
    run(ledger, "bad", "2026-10-04", "failed", "100")
    run(ledger, "again", "2026-10-05", "retried", "50")
    run(ledger, "again", "2026-10-06", "succeeded", "60")
    run(ledger, "lost", "2026-10-07", "running", "70")
    run(ledger, "silent", "2026-10-20", None, "30")
    run(ledger, "going", "2026-10-20", "running", "20")
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        found = {
            row.workload: (row.ending, row.repeated, row.effective_cost) for row in views.runs(connection, OCTOBER).rows
        }
        (model,) = [row for row in views.lifecycles(connection, OCTOBER).rows if row.model == "tuned"]
    assert found == {
        "good": ("succeeded", False, D(480)),
        "bad": ("failed", False, D(100)),
        "again": ("succeeded", True, D(110)),
        "lost": ("given_up", False, D(70)),
        "silent": ("unknown", False, D(30)),
        "going": ("running", False, D(20)),
    }
    assert (model.training_cost, model.unsuccessful_cost) == (D(810), D(170))
    assert (model.serving_cost, model.training_per_serving) == (D(0), None)


def test_training_stands_beside_serving(ledger: Ledger) -> None:
    for stage, cost in (
        ("training", "300"),
        ("evaluation", "100"),
        ("inference_online", "800"),
        ("data", "7"),
        ("notebook", "3"),
    ):
        ledger.charge("2026-10-05", cost, tags={"model": "tuned", "stage": stage})
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        (row,) = views.lifecycles(connection).rows
    assert (row.data_cost, row.training_cost, row.serving_cost, row.other_cost) == (D(7), D(400), D(800), D(3))
    assert row.training_per_serving == D("0.5")


def test_payback_of_a_smaller_model(ledger: Ledger) -> None:
    """Trained for 400; serves 10 M tokens for 20 where the other takes 60 for 10 M: 40 saved a month, ten months."""
    ledger.charge("2026-10-05", "400", tags={"model": "tuned", "stage": "training"})
    for model, cost in (("tuned", "20"), ("large", "60")):
        ledger.charge("2026-10-05", cost, resource_id=f"ep-{model}", tags={"model": model, "stage": "inference_online"})
        ledger.usage({"requests": 10, "input": 10_000_000}, alias=f"ep-{model}", model=model)
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        found = views.payback(connection, "tuned", "large")
        other = views.payback(connection, "large", "tuned")
        unknown = views.payback(connection, "tuned", "nobody")
    assert found is not None
    assert (found.training_cost, found.cost_per_1m_tokens, found.instead_cost_per_1m_tokens) == (D(400), D(2), D(6))
    assert (found.monthly_tokens, found.monthly_saving, found.months) == (D(10_000_000), D(40), D(10))
    assert other is not None
    assert (other.monthly_saving, other.months) == (D(-40), None)
    assert unknown is None
