"""Shares of hand-built bills: who carries what, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NODE = {"resource_id": "i-1", "gpus": 8, "hours": all_hours(), "quantity": "24", **GPU_HOUR}


def test_t1_7_a_shared_node_is_divided_by_what_each_holds_and_the_rest_is_idle(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "768", **NODE)  # 24 hours at 32
    ledger.workload("all", "i-1", "a", requested=4, used=2, model="chat", team="search", stage="inference_online")
    ledger.workload("all", "i-1", "b", requested=2, model="rank", team="ads", stage="training")
    ledger.attribute()
    assert ledger.shares("workload", "model", "team", "stage", "reason", "rung") == {
        ("a", "chat", "search", "inference_online", "used", "instance-hour"): D(384),
        ("b", "rank", "ads", "training", "used", "instance-hour"): D(192),
        (None, None, None, "unknown", "idle", "instance-hour"): D(192),
    }
    ledger.assert_conserved()


def test_hours_the_machine_ran_weigh_equally_and_only_they_do(ledger: Ledger) -> None:
    machine = NODE | {"hours": all_hours(10, 11, 12), "quantity": "3"}
    ledger.charge("2026-10-05", "90", **machine)
    ledger.workload(range(9, 11), "i-1", "early", requested=8, model="a")  # hour 9 is before it was billed
    ledger.workload(range(11, 12), "i-1", "late", requested=8, seconds=1800, model="b")
    ledger.workload(range(12, 13), "other", "elsewhere")  # the source reported, so nothing here means idle
    ledger.attribute()
    assert ledger.shares("workload", "reason") == {
        ("early", "used"): D(30),
        ("late", "used"): D(15),
        (None, "idle"): D(45),
    }


def test_an_hour_nobody_reported_is_unknown_not_idle(ledger: Ledger) -> None:
    machine = NODE | {"hours": all_hours(0, 1, 2), "quantity": "3"}
    ledger.charge("2026-10-05", "90", **machine)
    ledger.workload(range(1), "i-1", "a", requested=8, model="a")
    ledger.activity(range(2, 3), "i-1", 0.0, gpus=8)  # measured, and idle
    ledger.attribute()
    assert ledger.shares("workload", "reason") == {
        ("a", "used"): D(30),
        (None, "unattributed"): D(30),
        (None, "idle"): D(30),
    }


def test_without_hours_in_the_bill_the_day_is_even_and_marked(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **(NODE | {"hours": None}))
    ledger.workload(range(6), "i-1", "a", requested=8, model="a")
    ledger.workload(range(24), "other", "elsewhere")
    ledger.attribute()
    assert ledger.shares("reason", "rung") == {("used", "fleet-hour"): D(6), ("idle", "fleet-hour"): D(18)}


def test_an_over_subscribed_node_is_shared_by_what_is_held(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **NODE)
    ledger.workload("all", "i-1", "a", requested=6, model="a")
    ledger.workload("all", "i-1", "b", requested=6, model="b")
    ledger.attribute()
    assert ledger.shares("model") == {"a": D(12), "b": D(12)}


def test_a_workload_that_does_not_say_what_it_asked_for_holds_the_machine(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **NODE)
    ledger.workload("all", "i-1", "job-1", requested=None, kind="job", model="a")
    ledger.attribute()
    assert ledger.shares("model", "stage", "method", "reason") == {
        ("a", "training", "model=workload; stage=workload; node=accelerators", "used"): D(24)
    }


def test_requests_and_gigabytes_of_a_machine_have_no_idle_part(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **NODE)
    traffic = {"resource_id": "i-1", "consumed_unit": "GB", "hours": all_hours(), "is_ai": True}
    ledger.charge("2026-10-05", "7", **traffic)
    ledger.workload("all", "i-1", "a", requested=2, model="a")
    ledger.attribute()
    assert ledger.shares("consumed_unit", "model") == {
        ("Hours", "a"): D(6),
        ("Hours", None): D(18),
        ("GB", "a"): D(7),
    }


def test_a_machine_without_accelerators_is_shared_by_cpus(ledger: Ledger) -> None:
    machine = {"resource_id": "c-1", "hours": all_hours(0), "consumed_unit": "Hours", "is_ai": True}
    ledger.charge("2026-10-05", "8", **machine)
    ledger.workload(range(1), "c-1", "a", requested=None, cpus_requested=3, model="a")
    ledger.workload(range(1), "c-1", "b", requested=None, cpus_requested=1, model="b")
    ledger.attribute()
    assert ledger.shares("model") == {"a": D(6), "b": D(2)}


def test_null_costs_stay_null_and_thirds_add_up(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", ("0.000000000001", "100", None, "-100"), **NODE)
    for name in "abc":
        ledger.workload("all", "i-1", name, requested=8, model=name)
    ledger.attribute()
    assert sorted(ledger.shares("model").values()) == [D("33.333333333333"), D("33.333333333333"), D("33.333333333334")]
    assert set(ledger.shares("model", cost="list_cost").values()) == {None}
    assert sorted(ledger.shares("model", cost="billed_cost").values()) == [D(0), D(0), D("0.000000000001")]
    ledger.assert_conserved()


def test_a_shared_endpoint_follows_token_weights(ledger: Ledger) -> None:
    endpoint = {"resource_id": "ep", "platform": "managed_endpoint", "stage": "inference_online"}
    ledger.charge("2026-10-05", "100", consumed_unit="Hours", **endpoint)
    ledger.usage({"input": 1000, "output": 400, "requests": 9}, alias="ep", model="m1", team="a")  # 1000 + 2.5 × 400
    ledger.usage({"input": 1000, "cached_input": 20000, "requests": 1}, alias="ep", model="m1", team="b")  # 3000
    ledger.attribute()
    assert ledger.shares("model", "team", "stage", "reason", "rung", "method") == {
        ("m1", "a", "inference_online", "used", "endpoint-day", "model=usage; team=usage; stage=platform"): D(40),
        ("m1", "b", "inference_online", "used", "endpoint-day", "model=usage; team=usage; stage=platform"): D(60),
    }


def test_an_endpoint_with_a_model_that_has_no_tokens_follows_requests(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "100", resource_id="ep")
    ledger.usage({"input": 1000, "requests": 30}, alias="ep", model="chat")
    ledger.usage({"requests": 70}, alias="ep", model="image")
    ledger.attribute()
    assert ledger.shares("model", "stage") == {
        ("chat", "inference_online"): D(30),
        ("image", "inference_online"): D(70),
    }


def test_a_token_sku_is_divided_over_teams_by_its_own_class(ledger: Ledger) -> None:
    for unit_class, cost in (("input", "10"), ("output", "90")):
        ledger.charge("2026-10-05", cost, sku_id=unit_class, model="claude", unit_class=unit_class)
    ledger.usage({"input": 100, "output": 10}, model="claude", team="a")
    ledger.usage({"input": 300, "output": 20}, model="claude", team="b")
    ledger.usage({"input": 999}, model="claude", team="c", account_id="other")
    ledger.usage({"input": 999}, model="claude", team="c", day="2026-10-06")
    ledger.attribute()
    assert ledger.shares("sku_id", "model", "team", "rung") == {
        ("input", "claude", "a", "sku-day"): D("2.5"),
        ("input", "claude", "b", "sku-day"): D("7.5"),
        ("output", "claude", "a", "sku-day"): D(30),
        ("output", "claude", "b", "sku-day"): D(60),
    }


def test_what_meets_no_usage_is_direct_by_what_the_bill_names_else_nobodys(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", sku_id="t", model="claude", unit_class="input", stage="inference_online")
    ledger.charge("2026-10-05", "5", sku_id="x", platform="notebook", stage="notebook")
    ledger.usage({"input": 5, "requests": 3}, model="gemini", team="a")
    ledger.attribute()
    assert ledger.shares("model", "stage", "reason", "rung", "confidence") == {
        ("claude", "inference_online", "direct", "charge", D("0.8")): D(10),
        (None, "notebook", "unattributed", "unattributed", D("0.8")): D(5),
    }
    assert ledger.rows(
        "SELECT model, effective_cost, unpriced_requests FROM unit_cost WHERE unpriced_requests > 0"
    ) == [
        ("gemini", None, D(3)),
        ("gemini", None, D(3)),
    ]


def test_tax_support_unused_commitments_and_other_spend_have_their_reasons(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "1", category="Tax", is_ai=False)
    ledger.charge("2026-10-05", "2", service_name="Enterprise Support", is_ai=False)
    ledger.charge("2026-10-05", "3", service_name="Object Storage", is_ai=False)
    ledger.charge("2026-10-05", "4", kind={"commitment_discount_status": "Unused"}, commitment_id="sp", is_ai=False)
    ledger.charge("2026-10-05", "5", kind={"capacity_reservation_status": "Unused"}, tags={"team": "search"})
    ledger.attribute()
    assert ledger.shares("reason", "is_ai", "team", "rung") == {
        ("tax", False, None, "account-day"): D(1),
        ("support", False, None, "account-day"): D(2),
        ("not_ai", False, None, "account-day"): D(3),
        ("commitment_unused", False, None, "account-day"): D(4),
        ("idle", True, "search", "charge"): D(5),
    }
    ledger.assert_conserved()


def test_a_credit_follows_what_it_applies_to(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "30", resource_id="i-1", tags={"model": "a", "team": "x"}, sku_id="gpu")
    ledger.charge("2026-10-06", "10", resource_id="i-2", tags={"model": "b", "team": "y"}, sku_id="gpu")
    ledger.charge("2026-10-05", "-6", resource_id="i-1", category="Credit", sku_id="gpu")  # its resource
    ledger.charge("2026-10-07", "-4", category="Credit", sku_id="gpu")  # its SKU, over the month
    ledger.charge("2026-10-07", "-8", category="Credit", sku_id="other")  # its service
    ledger.charge("2026-10-07", "-2", category="Credit", service_name="Nothing", is_ai=False)  # nobody in particular
    ledger.attribute()
    credits = ledger.shares("model", "team", "rung", where="t.reason = 'credit'")
    assert credits == {
        ("a", "x", "charge"): D(-6),
        ("a", "x", "sku-day"): D(-3),
        ("b", "y", "sku-day"): D(-1),
        ("a", "x", "account-day"): D(-6),
        ("b", "y", "account-day"): D(-2),
        (None, None, "account-day"): D(-2),
    }
    ledger.assert_conserved()


def test_a_commitment_fee_follows_the_usage_it_covers(ledger: Ledger) -> None:
    used = {"commitment_discount_status": "Used"}
    ledger.charge("2026-10-05", ("0", "60", "90", "90"), commitment_id="sp", tags={"model": "a"}, kind=used)
    ledger.charge("2026-10-05", ("0", "20", "30", "30"), commitment_id="sp", sku_id="db", is_ai=False, kind=used)
    ledger.charge(
        "2026-10-05", ("0", "20", None, None), commitment_id="sp", sku_id="sp", is_ai=False,
        kind={"commitment_discount_status": "Unused"},
    )  # fmt: skip
    ledger.charge("2026-10-01", ("100", "0", "0", "0"), commitment_id="sp", category="Purchase", is_ai=False)
    ledger.attribute()
    assert ledger.shares("model", "reason", "is_ai", cost="billed_cost") == {
        ("a", "direct", True): D(0),
        ("a", "shared", True): D(60),
        (None, "not_ai", False): D(20),
        (None, "commitment_unused", True): D(20),  # most of what it covers is AI spend
    }
    ledger.assert_conserved()


def test_the_halves_of_an_azure_pair_are_divided_alike(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", ("90", None, None, None), half=1, **NODE)
    ledger.charge("2026-10-05", (None, "60", None, None), half=2, **NODE)
    ledger.workload("all", "i-1", "a", requested=6, model="a")
    ledger.attribute()
    assert ledger.shares("model", cost="billed_cost") == {"a": D("67.5"), None: D("22.5")}
    assert ledger.shares("model") == {"a": D(45), None: D(15)}
    ledger.assert_conserved()


@pytest.mark.parametrize(("others", "expected"), [(300, {"ads": D(3), "chat": D(1)}), (0, {None: D(4)})])
def test_who_used_an_own_server_carries_nothing_of_the_api(
    ledger: Ledger, others: int, expected: dict[str | None, Decimal]
) -> None:
    """Of the API 300 tokens are of ads and 100 of chat's, on a resource the bill has by the token elsewhere; 600 of
    web are of a machine that is paid by the hour."""
    tokens = {"model": "llama", "unit_class": "input", "platform": "token_api"}
    ledger.charge("2026-10-05", "4", sku_id="api", **tokens)
    ledger.charge("2026-10-05", "48", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
    ledger.charge("2026-10-06", "1", resource_id="openai-1", **tokens)
    ledger.usage({"input": 600}, alias="i-1", model="llama", team="web")
    if others:
        ledger.usage({"input": others}, model="llama", team="ads")
        ledger.usage({"input": 100}, alias="openai-1", model="llama", team="chat")
    ledger.attribute()
    assert ledger.shares("team", where="k.sku_id = 'api'") == expected
    assert ledger.shares("team", where="k.consumed_unit = 'Hours'") == {"web": D(48)}
    ledger.assert_conserved()
