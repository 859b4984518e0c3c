"""When training has paid for itself, of a model or of one run; what is unknown of it; by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from aispend.cli import nothing
from aispend.cli.payback import told
from aispend.prices.token_prices import api_offers
from aispend.schema import exchange_rate
from reports import views
from reports.views import Window
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal


def log_begins(ledger: Ledger, day: str) -> None:
    """From this day on requests are counted, of another model too."""
    ledger.charge(day, "1", resource_id="ep-old", tags={"model": "old", "stage": "inference_online"})
    ledger.usage({"requests": 1}, alias="ep-old", model="old", day=day)


def served(ledger: Ledger, **costs: str) -> None:
    """On the fifth these models serve 7.2 M tokens each, at these costs."""
    for model, cost in costs.items():
        ledger.charge("2026-10-05", cost, resource_id=f"ep-{model}", tags={"model": model, "stage": "inference_online"})
        ledger.usage({"requests": 10, "input": 7_200_000}, alias=f"ep-{model}", model=model)


def trained(ledger: Ledger, run: str, outcomes: dict[str, str], cost: str, model: str | None = "tuned") -> None:
    """A run that had a machine of its own on each of these days, at this cost a day."""
    for day, outcome in outcomes.items():
        ledger.charge(
            day, cost, resource_id=f"i-{run}-{day}", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR
        )  # fmt: skip
        ledger.workload(
            "all", f"i-{run}-{day}", run, day=day, requested=8, model=model, stage="training", outcome=outcome
        )


def answer(ledger: Ledger, trained: str, instead_of: str = "large") -> views.Payback:
    with ledger.store.engine.connect() as connection:
        found = views.payback(connection, trained, instead_of)
    assert isinstance(found, views.Payback)
    return found


def test_payback_of_a_smaller_model(ledger: Ledger) -> None:
    """Trained for 292; serves 7.2 M tokens in 30 days for 14.4 where the other takes 43.2. 30 days are 720 hours, a
    month is 730: 7.3 M tokens, of which each million saves 4: 29.2, and ten months."""
    log_begins(ledger, "2026-09-06")
    ledger.charge("2026-10-05", "292", tags={"model": "tuned", "stage": "training"})
    for model, cost in (("tuned", "14.4"), ("large", "43.2")):
        ledger.charge("2026-10-05", cost, resource_id=f"ep-{model}", tags={"model": model, "stage": "inference_online"})
        ledger.usage({"requests": 10, "input": 7_200_000}, alias=f"ep-{model}", model=model)
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        found = views.payback(connection, "tuned", "large")
        other = views.payback(connection, "large", "tuned")
        unknown = views.payback(connection, "tuned", "nobody")
    assert isinstance(found, views.Payback)
    assert (found.training_cost, found.cost_per_1m_tokens, found.instead_cost_per_1m_tokens) == (D(292), D(2), D(6))
    assert (found.monthly_tokens, found.monthly_saving, found.months) == (D(7_300_000), D("29.2"), D(10))
    assert isinstance(other, views.Payback)
    assert (other.monthly_saving, other.months) == (D("-29.2"), None)
    assert unknown is None


def test_a_volume_a_month_is_of_the_days_in_the_price(ledger: Ledger) -> None:
    """7.2 M tokens for 14.4 on the 5th. Of the 6th the bill gives no cost, of the 7th the requests alone are counted,
    on the 8th nothing was served, the 9th is the last of the log: 7.2 M in three days of five, 73 M in 730 hours."""
    served(ledger, tuned="14.4", large="43.2")
    tags = {"model": "tuned", "stage": "inference_online"}
    ledger.charge("2026-10-06", (None, None, None, None), resource_id="ep-tuned", tags=tags)
    ledger.usage({"requests": 10, "input": 7_200_000}, alias="ep-tuned", model="tuned", day="2026-10-06")
    ledger.charge("2026-10-07", "14.4", resource_id="ep-tuned", tags=tags)
    ledger.usage({"requests": 10}, alias="ep-tuned", model="tuned", day="2026-10-07")
    log_begins(ledger, "2026-10-09")
    ledger.attribute()
    found = answer(ledger, "tuned")
    assert found.days == Window(date(2026, 10, 5), date(2026, 10, 10))
    assert (found.monthly_tokens, found.days_left_out) == (D(73_000_000), 2)
    assert (found.monthly_saving, found.cost_per_1m_tokens) == (D(292), D(2))
    assert told(found)[2] == (
        "At 73.0 M tokens in 730 hours, the volume of 2026-10-05 to 2026-10-09 (5 days) but for 2 days of which it is "
        "not known, that saves 292.00 a month."
    )


def test_payback_across_currencies_and_against_a_list_price(ledger: Ledger) -> None:
    """10 M tokens for 20 USD, trained for 400 EUR; the other takes 60 EUR for 10 M. At 1.25 dollars a euro: 500
    trained, 75 - 20 = 55 saved in 720 hours, 55.7639 in a month of 730, 8.9664 months. An API at 2.50 a million in
    takes 25: 5 saved in 720 hours.
    """
    log_begins(ledger, "2026-09-06")
    ledger.charge("2026-10-05", "400", tags={"model": "tuned", "stage": "training"}, currency="EUR")
    for model, cost, currency in (("tuned", "20", "USD"), ("large", "60", "EUR")):
        tags = {"model": model, "stage": "inference_online"}
        ledger.charge("2026-10-05", cost, resource_id=f"ep-{model}", tags=tags, currency=currency)
        ledger.usage({"requests": 10, "input": 10_000_000}, alias=f"ep-{model}", model=model)
    ledger.charge("2026-10-05", "7", resource_id="ep-3", tags={"model": "wordless", "stage": "inference_online"})
    ledger.usage({"requests": 12}, alias="ep-3", model="wordless")
    ledger.attribute()
    with ledger.store.engine.begin() as connection:
        missing = views.payback(connection, "tuned", "large")
        connection.execute(
            insert(exchange_rate).values(
                base="EUR", quote="USD", valid_from=date(2026, 10, 1), rate=D("1.25"), source="bank"
            )
        )
    with ledger.store.engine.connect() as connection:
        found = views.payback(connection, "tuned", "large")
        listed = views.payback(connection, "tuned", "gpt-4o")
        said = nothing.no_payback(connection, ("wordless", "large"))
    assert missing == views.NoRate("EUR", "USD", date(2026, 10, 5))
    assert isinstance(found, views.Payback)
    assert (found.currency, found.training_cost, found.instead_cost_per_1m_tokens) == ("USD", D(500), D("7.5"))
    assert (found.oldest_rate, found.list_price_of) == (date(2026, 10, 1), None)
    assert round(found.monthly_saving, 4) == D("55.7639")
    assert found.months is not None
    assert round(found.months, 4) == D("8.9664")
    assert isinstance(listed, views.Payback)
    least = min(offer.input for offer in api_offers("gpt-4o"))
    assert listed.instead_cost_per_1m_tokens == least
    assert round(listed.monthly_saving, 6) == round((least * 10 - 20) * 730 / 720, 6)
    assert "genai-prices" in (listed.list_price_of or "")
    assert said.startswith("wordless served 12 requests, ")
    assert "none counts its tokens" in said


def test_training_nobody_knows_the_cost_of_is_unknown_and_not_free(ledger: Ledger) -> None:
    log_begins(ledger, "2026-09-06")
    served(ledger, tuned="14.4", large="43.2")
    ledger.attribute()
    found = answer(ledger, "tuned")
    assert (found.training_cost, found.monthly_saving, found.months) == (None, D("29.2"), None)


def test_training_of_which_a_charge_has_no_cost_says_so(ledger: Ledger) -> None:
    log_begins(ledger, "2026-09-06")
    served(ledger, tuned="14.4", large="43.2")
    for number, cost in enumerate(("292", (None, None, "9", None))):
        tags = {"model": "tuned", "stage": "training"}
        ledger.charge("2026-10-05", cost, sku_id=str(number), tags=tags)  # type: ignore[arg-type]
    ledger.attribute()
    found = answer(ledger, "tuned")
    assert (found.training_cost, found.months, found.partly_unknown) == (D(292), D(10), True)
    assert not answer(ledger, "large", "tuned").partly_unknown


def test_a_run_is_paid_back_by_what_its_model_saves(ledger: Ledger) -> None:
    """Two days at 146: 292, ten months of 29.20. The failed day is lost and was paid; the other run is not in it."""
    log_begins(ledger, "2026-09-06")
    served(ledger, tuned="14.4", large="43.2")
    trained(ledger, "jobs/ft-1", {"2026-10-02": "failed", "2026-10-03": "succeeded"}, "146")
    trained(ledger, "jobs/ft-2", {"2026-10-04": "failed"}, "1000")
    trained(ledger, "nameless", {"2026-10-04": "succeeded"}, "5", model=None)
    ledger.attribute()
    for name in ("jobs/ft-1", "FT-1"):
        found = answer(ledger, name)
        assert found.run is not None
        assert (found.model, found.run.workload, found.run.ending, found.run.repeated, found.lost_cost) == (
            "tuned", "jobs/ft-1", "succeeded", True, D(146),
        )  # fmt: skip
        assert (found.training_cost, found.months) == (D(292), D(10))
    whole = answer(ledger, "tuned")
    assert (whole.training_cost, whole.run) == (D(1292), None)
    with ledger.store.engine.connect() as connection:
        assert views.payback(connection, "nameless", "large") is None
        assert nothing.no_payback(connection, ("nameless", "large")).startswith("The run nameless names no model")
        said = nothing.no_payback(connection, ("ft-9", "large"))
    assert said.startswith("No model 'ft-9' has unit costs")
    assert "No run is called so either: aispend runs" in said


def test_two_runs_of_one_short_name_are_not_guessed_between(ledger: Ledger) -> None:
    served(ledger, tuned="14.4", large="43.2")
    for run in ("a/ft", "b/ft"):
        trained(ledger, run, {"2026-10-02": "succeeded"}, "146")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        assert views.payback(connection, "ft", "large") is None
        assert "Several runs are called so: a/ft, b/ft." in nothing.no_payback(connection, ("ft", "large"))


def test_the_volume_of_a_month_is_of_the_days_that_were_counted(ledger: Ledger) -> None:
    """A log of one day: 7.2 M tokens in 24 hours are 219 M in 730, not a thirtieth of it; 876 saved, 4 a million."""
    ledger.charge("2026-10-05", "292", tags={"model": "tuned", "stage": "training"})
    served(ledger, tuned="14.4", large="43.2")
    ledger.attribute()
    found = answer(ledger, "tuned")
    assert found.days == Window(date(2026, 10, 5), date(2026, 10, 6))
    assert (found.monthly_tokens, found.monthly_saving) == (D(219_000_000), D(876))


def test_prices_are_those_of_unit_costs(ledger: Ledger) -> None:
    """Served for 10 on the fifth; of the fourth, before the first request, nobody knows what the 90 were for."""
    served(ledger, tuned="10", large="43.2")
    tags = {"model": "tuned", "stage": "inference_online"}
    ledger.charge("2026-10-04", "90", resource_id="ep-tuned", tags=tags)
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        (row,) = views.unit_costs(connection, model="tuned", basis="allocation").rows
    assert answer(ledger, "tuned").cost_per_1m_tokens == row.cost_per_1m_tokens == D("1.388888888889")


@pytest.mark.parametrize(("credit", "left"), [("-400", "-380"), ("-20", "0")])
@pytest.mark.parametrize("large", ["21.6", "3.6"])
def test_training_that_credits_paid_for_is_paid_already(ledger: Ledger, credit: str, left: str, large: str) -> None:
    """Of 20 nothing is left, whether the model saves (3 − 1 a million) or not (0.5 − 1)."""
    log_begins(ledger, "2026-09-06")
    training: dict[str, Any] = {"tags": {"model": "tuned", "stage": "training"}, "resource_id": "t", "sku_id": "tr"}
    ledger.charge("2026-09-11", "20", **training)
    ledger.charge("2026-09-11", credit, category="Credit", **training)
    served(ledger, tuned="7.2", large=large)
    ledger.attribute()
    found = answer(ledger, "tuned")
    assert (found.training_cost, found.months) == (D(left), D(0))
    assert told(found)[3] == "It is paid for already: nothing of its cost is left to pay back."
