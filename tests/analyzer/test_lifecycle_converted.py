"""Training, serving and runs in one currency: each day at its rate, and what has none is unknown; by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from aispend.schema import exchange_rate
from reports import records, views
from reports.views import Window
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours, on_a_ledger
from tests.conftest import Contents

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))
RATES = (("EUR", "USD", date(2026, 10, 1), D("1.25")), ("EUR", "USD", date(2026, 10, 6), D("1.20")))


def part(ledger: Ledger, name: str, day: str, cost: str, currency: str, outcome: str) -> None:
    """A day of one run on a machine of its own."""
    machine = f"i-{name}-{day}"
    whole = {"hours": all_hours(), "quantity": "24", **GPU_HOUR}
    ledger.charge(day, cost, resource_id=machine, gpus=8, currency=currency, **whole)
    ledger.workload("all", machine, name, day=day, requested=8, model="tuned", stage="training", outcome=outcome)


def know(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        for base, quote, day, rate in RATES:
            row = {"base": base, "quote": quote, "valid_from": day, "rate": rate, "source": "bank"}
            connection.execute(insert(exchange_rate).values(row))


@on_a_ledger
def several_written(ledger: Ledger) -> None:
    """A run of 100 EUR that failed and 60 USD that succeeded; one of 7 GBP that failed; serving for 200 EUR."""
    part(ledger, "long", "2026-10-05", "100", "EUR", "failed")
    part(ledger, "long", "2026-10-06", "60", "USD", "succeeded")
    part(ledger, "pounds", "2026-10-07", "7", "GBP", "failed")
    ledger.charge("2026-10-06", "200", currency="EUR", tags={"model": "tuned", "stage": "inference_online"})
    ledger.charge("2026-10-05", "50", currency="EUR", tags={"model": "whole", "stage": "training"})
    ledger.charge("2026-10-05", "125", tags={"model": "whole", "stage": "inference_online"})
    ledger.attribute()
    know(ledger)


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents | None:
    """What tests of ``several`` begin with."""
    return several_written if "several" in request.fixturenames else None


@pytest.fixture
def several(ledger: Ledger) -> Ledger:
    """The ledger with it."""
    return ledger


def test_a_run_is_each_day_at_its_rate_and_unknown_without_one(several: Ledger) -> None:
    """100 EUR × 1.25 = 125 lost, and 60 USD; pounds have no rate."""
    with several.store.engine.connect() as connection:
        found = views.runs_in(connection, "USD", OCTOBER)
    long, pounds = found.rows
    assert (long.workload, long.ending, long.effective_cost, long.lost_cost) == ("long", "succeeded", D(185), D(125))
    assert (long.currency, dict(long.original), dict(long.unconverted)) == ("USD", {"EUR": D(100), "USD": D(60)}, {})
    assert (long.reason, found.oldest_rate, dict(found.unconverted)) == (None, date(2026, 10, 1), {"GBP": D(7)})
    assert (pounds.workload, pounds.effective_cost, pounds.lost_cost, pounds.currency) == ("pounds", None, None, "USD")
    assert (dict(pounds.original), dict(pounds.unconverted)) == ({"GBP": D(7)}, {"GBP": D(7)})
    assert pounds.reason == "no exchange rate from GBP to USD"
    (_, flat) = records.lifecycle_in_records(found)
    assert (flat["original"], flat["unconverted"], flat["effective_cost"]) == ("7 GBP", "7 GBP", None)


def test_a_model_is_each_day_at_its_rate_and_has_no_ratio_without_one(several: Ledger) -> None:
    """Trained for 185 and 7 GBP, of it 125 lost and 7 GBP; served for 200 EUR × 1.20. Whole: 62.50 / 125 = 0.5."""
    with several.store.engine.connect() as connection:
        found = views.lifecycles_in(connection, "USD", OCTOBER)
        in_pounds = views.lifecycles_in(connection, "GBP", OCTOBER)
    tuned, whole = found.rows
    assert (tuned.model, tuned.training_cost, tuned.unsuccessful_cost, tuned.serving_cost) == (
        "tuned",
        D(185),
        D(125),
        D(240),
    )
    assert (tuned.data_cost, tuned.training_per_serving) == (D(0), None)
    assert dict(tuned.original) == {"EUR": D(300), "GBP": D(7), "USD": D(60)}
    assert (dict(tuned.unconverted), tuned.reason) == ({"GBP": D(7)}, "no exchange rate from GBP to USD")
    assert (whole.training_cost, whole.serving_cost, whole.training_per_serving) == (D("62.5"), D(125), D("0.5"))
    assert (whole.reason, dict(found.unconverted)) == (None, {"GBP": D(7)})
    (pounds, _) = in_pounds.rows
    assert (pounds.training_cost, pounds.unsuccessful_cost, pounds.serving_cost) == (D(7), D(7), None)
    assert pounds.reason == "no exchange rate from EUR, USD to GBP"


def test_in_the_only_currency_there_is_nothing_changes(ledger: Ledger) -> None:
    part(ledger, "good", "2026-10-05", "30", "USD", "succeeded")
    part(ledger, "bad", "2026-10-06", "20", "USD", "failed")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        plain, asked = views.runs(connection, OCTOBER), views.runs_in(connection, "USD", OCTOBER)
        (model,), (model_in,) = (
            views.lifecycles(connection, OCTOBER).rows,
            views.lifecycles_in(connection, "USD", OCTOBER).rows,
        )
    names = ("workload", "ending", "lost_attempts", "first_hour", "effective_cost", "lost_cost", "currency")
    for one, other in zip(plain.rows, asked.rows, strict=True):
        assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
    names = ("model", "training_cost", "unsuccessful_cost", "serving_cost", "training_per_serving", "currency")
    assert [getattr(model, name) for name in names] == [getattr(model_in, name) for name in names]
    assert asked.oldest_rate is None


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["EUR", "GBP", "USD"]), st.sampled_from(["0.5", "1.25", "3"])))
def test_whatever_rates_there_are_nothing_is_lost_or_added_unconverted(several: Ledger, rates: dict[str, str]) -> None:
    """In yen: each run is the sum of what has a rate, at that rate; the rest of it is named, to the cent."""
    with several.store.engine.connect() as connection:
        connection.execute(delete(exchange_rate))
        for base, rate in rates.items():
            row = {"base": base, "quote": "JPY", "valid_from": date(2026, 10, 1), "rate": D(rate), "source": "bank"}
            connection.execute(insert(exchange_rate).values(row))
        for row in views.runs_in(connection, "JPY", OCTOBER).rows:
            known = {code: amount for code, amount in row.original.items() if code in rates}
            assert dict(row.unconverted) == {code: row.original[code] for code in row.original.keys() - rates.keys()}
            worth = sum((amount * D(rates[code]) for code, amount in known.items()), D(0))
            assert row.effective_cost == (worth if known else None)
            assert (row.reason is None) == (not row.unconverted)
        connection.rollback()
