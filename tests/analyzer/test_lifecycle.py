"""Training beside serving, runs that came to nothing, and payback; through a real analysis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aispend.schema import exchange_rate
from recommender.methods.lost_runs import LOST, RunHour, attempts
from recommender.subjects.training_runs import load_training_runs
from reports import views
from reports.formats import shared_line
from reports.views import Window, lifecycle
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))
EURO = {"base": "EUR", "quote": "USD", "valid_from": date(2026, 10, 1), "rate": D("1.25"), "source": "bank"}


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
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        found = {
            row.workload: (row.ending, row.repeated, row.effective_cost, row.lost_cost)
            for row in views.runs(connection, OCTOBER).rows
        }
        (model,) = [row for row in views.lifecycles(connection, OCTOBER).rows if row.model == "tuned"]
    assert found == {
        "good": ("succeeded", False, D(480), D(0)),
        "bad": ("failed", False, D(100), D(100)),
        "again": ("succeeded", True, D(110), D(50)),
        "lost": ("given_up", False, D(70), D(70)),
        "silent": ("unknown", False, D(30), None),
        "going": ("running", False, D(20), D(0)),
    }
    assert (model.training_cost, model.unsuccessful_cost) == (D(810), D(220))
    assert (model.serving_cost, model.training_per_serving) == (D(0), None)


def test_seconds_of_many_machines_are_added_up_exactly(ledger: Ledger) -> None:
    """An hour that failed on 40 machines after 3,599.99 s each, and a whole one: 143,999.6 of 287,999.6 s are lost.

    To six digits both hours are 144,000 s, and half of its 99,999.86 would be 49,999.93: seven cents too much.
    """
    ledger.charge("2026-10-05", "100000", resource_id="i-0", gpus=8, hours=all_hours(0, 1), quantity="2", **GPU_HOUR)
    asked = {"day": "2026-10-05", "requested": 8, "model": "tuned", "team": "ml", "stage": "training"}
    for number in range(40):
        ledger.workload(range(1), f"i-{number}", "wide", seconds=3599.99, outcome="failed", **asked)
        ledger.workload(range(1, 2), f"i-{number}", "wide", outcome="succeeded", **asked)
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (found,) = views.runs(connection, OCTOBER).rows
        (seen,) = load_training_runs(connection, datetime(2026, 10, 31, tzinfo=UTC), 28)
    assert (found.effective_cost, found.lost_cost) == (D("99999.861111111111"), D("49999.861111111111"))
    assert [hour.seconds for hour in seen.runs[0].hours] == [143_999.6, 144_000.0]


def test_attempts_that_failed_are_lost_though_the_run_succeeded(ledger: Ledger) -> None:
    """48 hours at 240 a day, failed after ten hours and after 15 more: the first day and an hour of the next.

    240 + 240 / 24 = 250 lost of 480; in a window of the second day alone, 10 of 240.
    """
    parts = [
        ("2026-10-05", range(9), "running"),
        ("2026-10-05", range(9, 10), "failed"),
        ("2026-10-05", range(10, 24), "running"),
        ("2026-10-06", range(1), "failed"),
        ("2026-10-06", range(1, 23), "running"),
        ("2026-10-06", range(23, 24), "succeeded"),
    ]
    for day in ("2026-10-05", "2026-10-06"):
        ledger.charge(day, "240", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
    for day, hours, outcome in parts:
        ledger.workload(
            hours, "i-1", "long", day=day, requested=8, model="tuned", team="ml", stage="training", outcome=outcome
        )
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (found,) = views.runs(connection, OCTOBER).rows
        (later,) = views.runs(connection, Window(date(2026, 10, 6), date(2026, 10, 7))).rows
        (model,) = views.lifecycles(connection, OCTOBER).rows
    assert (found.ending, found.repeated, found.lost_attempts) == ("succeeded", True, 2)
    assert (found.effective_cost, found.lost_cost) == (D(480), D(250))
    assert (later.effective_cost, later.lost_cost) == (D(240), D(10))
    assert (model.training_cost, model.unsuccessful_cost) == (D(480), D(250))


@pytest.mark.parametrize(
    "told",
    ["rrF rrF rrS", "rFF FFr", "F", "RRRrS", "rr--", "r  r", "FFrr   FF-", "SSrrF", "--F-S", "rR  Rr"],
)
def test_the_attempts_are_those_that_advice_goes_by(told: str, ledger: Ledger) -> None:
    """An hour a letter: running, Failed, Retried, Succeeded, - without a word; a blank is an hour without a record."""
    words = {"r": "running", "F": "failed", "R": "retried", "S": "succeeded", "-": None}
    first = datetime(2026, 10, 5, tzinfo=UTC)
    hours = [(number, words[letter]) for number, letter in enumerate(told) if letter != " "]
    ledger.charge("2026-10-05", "240", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
    for number, outcome in hours:
        ledger.workload(
            range(number, number + 1), "i-1", "run", requested=8, model="tuned", stage="training", outcome=outcome
        )
    ledger.workload(range(23, 24), "i-2", "other", day="2026-10-20", stage="data")
    ledger.attribute()
    expected = attempts(
        [RunHour(first + timedelta(hours=number), 3600, 3600, outcome) for number, outcome in hours],
        datetime(2026, 10, 20, 23, tzinfo=UTC),
        lifecycle.GIVEN_UP_DAYS,
    )
    seconds = sum(len(one.hours) for one in expected if one.ending in LOST)
    with ledger.store.engine.connect() as connection:
        (found,) = [row for row in views.runs(connection, OCTOBER).rows if row.workload == "run"]
    assert found.lost_attempts == sum(one.ending in LOST for one in expected)
    assert found.repeated == any(one.ending == "retried" and one is not expected[-1] for one in expected)
    if any(outcome for _, outcome in hours):
        assert found.lost_cost is not None
        assert abs(found.lost_cost - found.effective_cost * seconds / len(hours)) < D("1e-9")


def test_training_stands_beside_serving(ledger: Ledger) -> None:
    for stage, cost in (
        ("training", "300"),
        ("evaluation", "100"),
        ("inference_online", "800"),
        ("data", "7"),
        ("notebook", "3"),
    ):
        ledger.charge("2026-10-05", cost, tags={"model": "tuned", "stage": stage})
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.lifecycles(connection).rows
    assert (row.data_cost, row.training_cost, row.serving_cost, row.other_cost) == (D(7), D(400), D(800), D(3))
    assert row.training_per_serving == D("0.5")


def test_stages_are_as_the_bill_says_and_what_is_shared_is_told(ledger: Ledger) -> None:
    """A gateway of 36, of which no bill says the stage, and a lake of 9 for data, each for two models alike: 18 of the
    gateway are in other beside a notebook's 3, and in neither side of 400 / 600; unit costs serve at 618."""
    for model, stage, cost in (("tuned", "training", "400"), ("tuned", "notebook", "3"), ("rank", "training", "50")):
        ledger.charge("2026-10-05", cost, tags={"model": model, "stage": stage})
    tags = {"model": "tuned", "stage": "inference_online"}
    ledger.charge("2026-10-05", "600", resource_id="ep", tags=tags)
    ledger.usage({"requests": 1000}, alias="ep", model="tuned")
    ledger.charge("2026-10-05", "36", service_name="Gateway", is_ai=False)
    ledger.charge("2026-10-05", "9", service_name="Lake", is_ai=False, tags={"stage": "data"})
    shared = [
        {"name": name, "match": {"service": name}, "to": "model", "by": "even", "ai": True}
        for name in ("gateway", "lake")
    ]
    ledger.attribute(allocation={"shared": shared})
    with ledger.store.engine.begin() as connection:
        found = views.lifecycles(connection)
        converted = views.lifecycles_in(connection, "USD")
        spent = views.spend(connection, views.SpendQuery(by=("stage",), window=OCTOBER, ai_only=True))
        priced = views.unit_costs(connection, OCTOBER, model="tuned", basis="allocation").rows[0]
        connection.execute(insert(exchange_rate).values(EURO))
        euros = views.lifecycles_in(connection, "EUR")
        unconverted = views.lifecycles_in(connection, "GBP")
    rows = {row.model: row for row in found.rows}
    for tuned in (rows["tuned"], converted.rows[0]):
        assert (tuned.data_cost, tuned.training_cost, tuned.serving_cost) == (D("4.5"), D(400), D(600))
        assert (tuned.other_cost, tuned.shared_cost, tuned.training_per_serving) == (D(21), D(18), D("0.666666666667"))
    assert (rows["rank"].other_cost, rows["rank"].shared_cost) == (D(18), D(18))
    assert (priced.stage, priced.effective_cost) == ("inference_online", D(618))
    assert {row.cut[0]: row.costs.effective_cost for row in spent.rows}["unknown"] == D(36)
    assert shared_line(found.rows) == (
        "Stages are as the bill says: 36.00 USD of other are parts of shared costs, in neither side of the ratio; "
        "unit-costs puts them where each model served."
    )
    assert [row.shared_cost for row in euros.rows] == [D("14.4"), D("14.4")]
    assert [row.shared_cost for row in unconverted.rows] == [None, None]
    assert shared_line([replace(row, shared_cost=D(0)) for row in found.rows]) is None
    assert shared_line(unconverted.rows) is None
