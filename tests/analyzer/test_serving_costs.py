"""What nobody says the stage of, and what models share, is in the price of what they served; by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from reports import views
from reports.views import UnitCost, Window
from reports.views.unit_rates import token_costs
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))
GATEWAY = {"service_name": "Load Balancing", "is_ai": False}
ONLINE = {"stage": "inference_online"}
ROWS = "SELECT provider, model, stage, sum(effective_cost) FROM unit_cost WHERE basis = 'allocation' GROUP BY 1, 2, 3"


def shared(**source: Any) -> dict[str, Any]:
    return {"shared": [{"name": "gateway", "match": {"service": "load*"}, "to": "model", "ai": True} | source]}


def server(ledger: Ledger, day: str, name: str, **tags: str) -> None:
    """A machine of 48 a day that serves the model of its tag."""
    ledger.charge(
        day, "48", resource_id=name, gpus=8, hours=all_hours(), quantity="24", tags=tags, **GPU_HOUR
    )  # fmt: skip


def costs(ledger: Ledger) -> dict[tuple[str, str | None, str], Decimal]:
    return {tuple(key): cost for *key, cost in ledger.rows(ROWS)}  # type: ignore[misc]


def by_model(ledger: Ledger) -> dict[str | None, UnitCost]:
    with ledger.store.engine.connect() as connection:
        return {row.model: row for row in views.unit_costs(connection, OCTOBER, basis="allocation").rows}


def test_a_gateway_shared_by_requests_is_in_the_price_of_its_models(ledger: Ledger) -> None:
    """36 for three days; two of m1 with 1,000 requests, three of m2 with 2,000: 9 and 27. Each server takes 144.

    2 M in and 0.2 M out of m1 for 153 are 69.5455 a million, 76.50 for a thousand; 3.3 M of m2 for 171 51.8182.
    """
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        ledger.charge(day, "12", **GATEWAY)
        for model, requests in (("m1", 1000), ("m2", 2000)):
            server(ledger, day, f"i-{model}", model=model, **ONLINE)
            if (model, day) != ("m1", "2026-10-06"):
                used = {"requests": requests, "input": 1_000_000, "output": 100_000}
                ledger.usage(used, alias=f"i-{model}", model=model, day=day)
    ledger.attribute(allocation=shared(by="requests"))
    assert costs(ledger) == {("aws", "m1", "inference_online"): D(153), ("aws", "m2", "inference_online"): D(171)}
    found = by_model(ledger)
    assert (found["m1"].cost_per_1k_requests, found["m2"].cost_per_1k_requests) == (D("76.5"), D("28.5"))
    with ledger.store.engine.connect() as connection:
        hosted = {row.model: row.cost_per_1m_tokens for row in views.self_hosting(connection, OCTOBER).rows}
    assert hosted == {model: row.cost_per_1m_tokens for model, row in found.items()}
    assert {model: round(price, 4) for model, price in hosted.items()} == {"m1": D("69.5455"), "m2": D("51.8182")}
    ledger.assert_conserved()


def served_by_azure(ledger: Ledger) -> None:
    """A model online for 30 and in batches for 10, with as many requests."""
    for stage, cost, tier in (("inference_online", "30", None), ("inference_batch", "10", "batch")):
        tags = {"model": "gpt", "stage": stage}
        ledger.charge("2026-10-05", cost, provider="azure", scope="eu", resource_id=f"ep-{stage}", tags=tags)
        ledger.usage({"requests": 10}, alias=f"ep-{stage}", model="gpt", service_tier=tier, provider="azure")


def test_what_is_shared_reaches_the_model_where_it_is_served(ledger: Ledger) -> None:
    """A gateway of AWS before a model that Azure serves, online for 30 and in batches for 10: 6 and 2 of its 8."""
    ledger.charge("2026-10-05", "8", **GATEWAY)
    served_by_azure(ledger)
    ledger.attribute(allocation=shared(by="requests"))
    assert costs(ledger) == {("azure", "gpt", "inference_online"): D(36), ("azure", "gpt", "inference_batch"): D(12)}


def test_a_model_that_served_nothing_keeps_its_part_of_what_is_shared(ledger: Ledger) -> None:
    """Nobody can say what for: no usage of either, so 10 stays beside the 90."""
    ledger.charge("2026-10-05", "10", **GATEWAY)
    ledger.charge("2026-10-05", "90", resource_id="i-1", tags={"model": "m1", "stage": "training"})
    ledger.attribute(allocation=shared(by="even"))
    assert costs(ledger) == {("aws", "m1", "training"): D(90), ("aws", "m1", "unknown"): D(10)}


def test_a_shared_cost_follows_what_telemetry_calls_the_model(ledger: Ledger) -> None:
    """The gateway's log says ``m1-tuned`` where the tag says ``m1``: its 12 are in the price of these requests."""
    ledger.charge("2026-10-05", "12", **GATEWAY)
    server(ledger, "2026-10-05", "i-1", model="m1", **ONLINE)
    ledger.usage({"requests": 1000}, alias="i-1", model="m1-tuned")
    ledger.attribute(allocation=shared(by="requests"))
    assert by_model(ledger)["m1"].cost_per_1k_requests == D(60)


def test_a_shared_cost_stays_in_its_currency(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "12", **GATEWAY)
    ledger.charge("2026-10-05", "48", currency="EUR", resource_id="ep", tags={"model": "m1", **ONLINE})
    ledger.usage({"requests": 1000}, alias="ep", model="m1")
    ledger.attribute(allocation=shared(by="requests"))
    query = "SELECT currency, stage, effective_cost FROM unit_cost WHERE basis = 'allocation' ORDER BY 1"
    assert ledger.rows(query) == [("EUR", "inference_online", D(48)), ("USD", "inference_online", D(12))]


def test_a_credit_of_a_shared_cost_goes_where_the_shared_cost_goes(ledger: Ledger) -> None:
    """A gateway of 12 a day and a credit of 8 on it: 12 × 2 − 8 = 16 by requests, a quarter and three quarters."""
    for day in ("2026-10-05", "2026-10-06"):
        ledger.charge(day, "12", **GATEWAY)
        for model, requests in (("m1", 1000), ("m2", 3000)):
            server(ledger, day, f"i-{model}", model=model, **ONLINE)
            ledger.usage({"requests": requests}, alias=f"i-{model}", model=model, day=day)
    ledger.charge("2026-10-06", "-8", category="Credit", **GATEWAY)
    ledger.attribute(allocation=shared(by="requests"))
    assert costs(ledger) == {("aws", "m1", "inference_online"): D(100), ("aws", "m2", "inference_online"): D(108)}
    assert by_model(ledger)["m1"].cost_per_1k_requests == D(50)
    assert ledger.shares("model", where="t.reason = 'credit'") == {"m1": D(-2), "m2": D(-6)}
    ledger.assert_conserved()


def test_a_credit_of_a_shared_cost_goes_along_to_another_provider(ledger: Ledger) -> None:
    """Its service is the gateway's, its SKU another's; a gateway with a stage of its own keeps to that stage."""
    ledger.charge("2026-10-05", "12", tags=ONLINE, sku_id="lb-hour", **GATEWAY)
    ledger.charge("2026-10-06", "-8", tags=ONLINE, sku_id="lb-credit", category="Credit", **GATEWAY)
    served_by_azure(ledger)
    ledger.attribute(allocation=shared(by="requests"))
    assert costs(ledger) == {("azure", "gpt", "inference_online"): D(34), ("azure", "gpt", "inference_batch"): D(10)}


def test_lost_tax_of_a_shared_cost_goes_where_the_shared_cost_goes(ledger: Ledger) -> None:
    """12 of the gateway and 2 of tax on it, beside 48 of the server."""
    ledger.charge("2026-10-05", "12", **GATEWAY)
    ledger.charge("2026-10-31", "2", category="Tax", sku_id="vat", charge_description="VAT", **GATEWAY)
    server(ledger, "2026-10-05", "i-1", model="m1", **ONLINE)
    ledger.usage({"requests": 1000}, alias="i-1", model="m1")
    ledger.attribute(allocation=shared(by="requests") | {"non_recoverable_tax": [{"name": "branch"}]})
    assert costs(ledger) == {("aws", "m1", "inference_online"): D(62)}


def test_a_credit_of_what_is_not_shared_stays_with_it(ledger: Ledger) -> None:
    """Of a machine that trained and served nobody says what the rest was for; so it is of its credit of 5."""
    ledger.charge("2026-10-05", "12", sku_id="lb", **GATEWAY)
    for day, stage in (("2026-10-05", ONLINE), ("2026-10-06", {"stage": "training"}), ("2026-10-07", {})):
        ledger.charge(day, "40", resource_id="i-1", sku_id="box", service_name="EC2", tags={"model": "m1", **stage})
    ledger.charge("2026-10-07", "-5", resource_id="i-1", sku_id="box", service_name="EC2", category="Credit",
                  tags={"model": "m1"})  # fmt: skip
    ledger.usage({"requests": 1000}, alias="i-1", model="m1")
    ledger.attribute(allocation=shared(by="requests"))
    assert costs(ledger) == {
        ("aws", "m1", "inference_online"): D(52),
        ("aws", "m1", "training"): D(40),
        ("aws", "m1", "unknown"): D(35),
    }


def test_a_day_of_which_a_gateway_alone_is_known_is_in_no_price(ledger: Ledger) -> None:
    """20 and 2 of the gateway for a million on the 5th; of the 6th its server's cost is unknown: 22, not 12.

    24 hours of 8 accelerators for 22 are 0.114583 each.
    """
    for day, cost in (("2026-10-05", "20"), ("2026-10-06", ("20", None, "20", "20"))):
        ledger.charge(day, "2", **GATEWAY)
        ledger.charge(day, cost, resource_id="i-1", gpus=8, hours=all_hours(), quantity="24",
                      tags={"model": "m4", **ONLINE}, **GPU_HOUR)  # fmt: skip
        ledger.usage({"requests": 1000, "input": 1_000_000}, alias="i-1", model="m4", day=day)
    ledger.attribute(allocation=shared(by="requests"))
    found = by_model(ledger)["m4"]
    assert (found.cost_per_1m_tokens, found.cost_per_1k_requests, found.effective_cost) == (D(22), D(22), D(24))
    assert (found.cost_per_accelerator_hour_paid, found.partly_unknown) == (D("0.114583333333"), True)


def test_days_on_which_a_server_without_a_stage_waited_are_in_its_price(ledger: Ledger) -> None:
    """Three days of 48, requests on the first and the last: 144 for 2,000."""
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        server(ledger, day, "i-1", model="m1")
        if day != "2026-10-06":
            ledger.usage({"requests": 1000}, alias="i-1", model="m1", day=day)
    ledger.attribute()
    assert costs(ledger) == {("aws", "m1", "inference_online"): D(144)}
    assert by_model(ledger)["m1"].cost_per_1k_requests == D(72)


def test_a_machine_that_did_other_work_too_is_not_taken_to_serve(ledger: Ledger) -> None:
    """It trained on the 6th; of the 7th nobody says what it did."""
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        server(ledger, day, "i-1", model="m1")
    ledger.usage({"requests": 1000}, alias="i-1", model="m1")
    ledger.workload("all", "i-1", "job", day="2026-10-06", requested=8, model="m1", stage="training")
    ledger.attribute()
    assert costs(ledger) == {
        ("aws", "m1", "inference_online"): D(48),
        ("aws", "m1", "training"): D(48),
        ("aws", "m1", "unknown"): D(48),
    }


def test_requests_counted_upon_an_unknown_stage_keep_its_cost(ledger: Ledger) -> None:
    """A workload without a stage holds the machine on the 5th, and its requests are its; nothing of them is lost."""
    for day in ("2026-10-05", "2026-10-06"):
        server(ledger, day, "i-1", model="m1")
        ledger.usage({"requests": 1000}, alias="i-1", model="m1", day=day)
    ledger.workload("all", "i-1", "pod", requested=8, model="m1")
    ledger.attribute()
    with ledger.store.engine.connect() as connection:
        rows = views.unit_costs(connection, OCTOBER, basis="allocation").rows
    assert {row.cost_per_1k_requests for row in rows} == {D(48)}
    assert sum(row.requests or 0 for row in rows) == 2000


TABLES = "charge, slice, inference_hour, cost_share, spend_day, spend_resource_month, unit_cost, analysis_state"
DAYS = ("2026-10-05", "2026-10-06", "2026-10-07")
SERVED = st.fixed_dictionaries(
    {
        "cost": st.integers(1, 10**6),
        "days": st.sets(st.sampled_from(DAYS), min_size=1),
        "tokens": st.tuples(*[st.integers(1, 10**8)] * 3),
        "has_stage": st.booleans(),
    }
)


@hypothesis_settings(max_examples=20)
@given(
    st.dictionaries(st.sampled_from(["m1", "m2", "m3"]), SERVED, min_size=1),
    st.sampled_from(["even", "proportional", "requests", "tokens"]),
    st.integers(-(10**6), 10**6),
)
@pytest.mark.long
def test_prices_of_models_add_up_to_what_they_and_their_gateway_cost(
    ledger: Ledger, models: dict[str, dict[str, Any]], by: str, gateway: int
) -> None:
    """Servers paid every day, that wait on some: by class, by token and by request they come to all that was paid."""
    _empty(ledger)
    for day in DAYS:
        ledger.charge(day, str(gateway), **GATEWAY)
        for model, one in models.items():
            tags = {"model": model} | (ONLINE if one["has_stage"] else {})
            ledger.charge(day, str(one["cost"]), resource_id=f"i-{model}", tags=tags)
            if day in one["days"]:
                classes = dict(zip(("input", "cached_input", "output"), one["tokens"], strict=True))
                ledger.usage({"requests": 7, **classes}, alias=f"i-{model}", model=model, day=day)
    # another model's log goes from the first day to the last, so that the others waited on days without requests
    for day in DAYS:
        ledger.charge(day, "0", resource_id="i-other", tags={"model": "other", **ONLINE})
        ledger.usage({"requests": 1}, alias="i-other", model="other", day=day)
    ledger.attribute(allocation=shared(by=by))
    rows = by_model(ledger)
    paid = 3 * (gateway + sum(one["cost"] for one in models.values()))
    assert {key[2] for key in costs(ledger)} == {"inference_online"}
    assert sum(row.effective_cost or 0 for row in rows.values()) == paid
    for model in models:
        row = rows[model]
        assert row.effective_cost is not None
        by_token = (row.cost_per_1m_tokens or 0) * sum(_tokens(row).values()) / 1_000_000
        by_class = sum(getattr(row, f"cost_per_1m_{name}") * count for name, count in _tokens(row).items()) / 1_000_000
        by_request = (row.cost_per_1k_requests or 0) * (row.requests or 0) / 1_000
        for told in (by_token, by_class, by_request):
            assert abs(told - row.effective_cost) < D("0.01")
    with ledger.store.engine.connect() as connection:
        hosted = {one.model: one for one in token_costs(connection, OCTOBER)}
    assert {model: one.cost for model, one in hosted.items()} == {model: rows[model].effective_cost for model in models}


def _tokens(row: UnitCost) -> dict[str, Decimal]:
    counted = {name: getattr(row, name) for name in ("input_tokens", "cached_input_tokens", "output_tokens")}
    return {name: count for name, count in counted.items() if count}


def _empty(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES}"))
    ledger.forget()
