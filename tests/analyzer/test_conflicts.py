"""Where the bill and telemetry disagree, and whose word stands."""

from __future__ import annotations

from decimal import Decimal

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NODE = {"resource_id": "i-1", "gpus": 8, "hours": all_hours(), **GPU_HOUR}


def test_a_tag_stands_against_the_only_workload_but_is_doubted(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", tags={"team": "ads", "model": "chat"}, **NODE)
    ledger.workload("all", "i-1", "a", requested=8, team="search", model="chat", stage="training")
    ledger.attribute()
    assert ledger.shares("team", "model", "stage", "confidence", "method") == {
        (
            "ads",
            "chat",
            "training",
            D("0.5"),
            "model=tag:model; team=tag:team (telemetry: search); stage=workload; node=accelerators",
        ): D(24)
    }


def test_on_a_resource_with_several_users_each_workload_speaks_for_itself(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", tags={"team": "platform", "stage": "training"}, **NODE)
    ledger.workload("all", "i-1", "a", requested=4, team="search")
    ledger.workload("all", "i-1", "b", requested=2, team="ads")
    ledger.workload("all", "i-1", "c", requested=2)
    ledger.attribute()
    assert ledger.shares("workload", "team", "stage") == {
        ("a", "search", "training"): D(12),
        ("b", "ads", "training"): D(6),
        ("c", "platform", "training"): D(6),  # says nothing of itself: the machine's tag does
    }


def test_a_fleet_is_one_resource_when_its_users_are_counted(ledger: Ledger) -> None:
    for name, team in (("i-1", "search"), ("i-2", "ads")):
        machine = NODE | {"resource_id": name, "fleet": "asg-1"}
        ledger.charge("2026-10-05", "24", tags={"team": "platform"}, **machine)
        ledger.workload("all", name, f"pod-{team}", requested=8, team=team)
    ledger.attribute()
    assert ledger.shares("team") == {"search": D(24), "ads": D(24)}


def test_a_rule_stands_whatever_runs_there(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **NODE)
    ledger.workload("all", "i-1", "a", requested=4, team="search")
    ledger.workload("all", "i-1", "b", requested=4, team="ads")
    ledger.attribute(rule=[{"name": "research", "match": {"resource_id": "i-*"}, "set": {"team": "research"}}])
    assert ledger.shares("team", "confidence") == {("research", D(1)): D(24)}


def test_a_tag_on_an_endpoint_that_serves_another_model_is_doubted(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "100", resource_id="ep", tags={"model": "chat"})
    ledger.usage({"requests": 5, "output": 50}, alias="ep", model="rank", team="ads")
    ledger.attribute()
    assert ledger.shares("model", "team", "confidence", "method") == {
        (
            "chat",
            "ads",
            D("0.5"),
            "model=tag:model (telemetry: rank); team=usage; stage=usage",
        ): D(100)
    }
    # its usage goes along with the charge, so that the endpoint has one unit cost
    assert ledger.rows("SELECT DISTINCT model, requests FROM unit_cost") == [("chat", D(5))]


def test_an_endpoint_that_several_models_share_is_divided_in_spite_of_its_tag(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "100", resource_id="ep", tags={"model": "chat", "team": "ml"})
    ledger.usage({"output": 25}, alias="ep", model="chat")
    ledger.usage({"output": 75}, alias="ep", model="rank")
    ledger.attribute()
    assert ledger.shares("model", "team") == {("chat", "ml"): D(25), ("rank", "ml"): D(75)}


def test_the_idle_part_of_a_tagged_machine_belongs_to_its_owner(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", tags={"team": "ads", "model": "chat"}, **NODE)
    ledger.workload("all", "i-1", "a", requested=2, model="chat")
    ledger.attribute()
    assert ledger.shares("reason", "model", "team", "stage") == {
        ("used", "chat", "ads", "unknown"): D(6),
        ("idle", "chat", "ads", "unknown"): D(18),
    }


def test_the_idle_part_of_a_machine_that_several_models_share_is_no_models(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", tags={"team": "ads", "model": "chat"}, **NODE)
    ledger.workload("all", "i-1", "a", requested=2, model="chat")
    ledger.workload("all", "i-1", "b", requested=2, model="rank")
    ledger.attribute()
    assert ledger.shares("reason", "model", "team") == {
        ("used", "chat", "ads"): D(6),
        ("used", "rank", "ads"): D(6),
        ("idle", None, "ads"): D(12),
    }


def test_untagged_machines_learn_from_their_fleet(ledger: Ledger) -> None:
    for name, tags in (("i-1", {"team": "ads"}), ("i-2", {"team": "ads"}), ("i-3", None)):
        ledger.charge("2026-10-05", "24", resource_id=name, fleet="asg-1", tags=tags)
    ledger.charge("2026-10-05", "24", resource_id="i-4", fleet="asg-2")
    ledger.charge("2026-10-06", "24", resource_id="i-5", tags={"model": "chat"})
    ledger.charge("2026-10-05", "24", resource_id="i-5")  # the day before it was tagged
    ledger.attribute()
    assert ledger.shares("team", "model", "reason", "method", "confidence") == {
        ("ads", None, "direct", "team=tag:team", D("0.9")): D(48),
        ("ads", None, "direct", "team=siblings", D("0.6")): D(24),
        (None, None, "unattributed", "none", D(0)): D(24),
        (None, "chat", "direct", "model=tag:model", D("0.9")): D(24),
        (None, "chat", "direct", "model=siblings", D("0.6")): D(24),
    }


def test_a_fleet_that_disagrees_says_nothing(ledger: Ledger) -> None:
    for name, cost, team in (("i-1", "70", "ads"), ("i-2", "30", "search"), ("i-3", "10", None)):
        tags = {"team": team} if team else None
        ledger.charge("2026-10-05", cost, resource_id=name, fleet="asg-1", tags=tags)
    ledger.attribute()
    assert ledger.shares("team") == {"ads": D(70), "search": D(30), None: D(10)}


def test_what_stands_beside_an_accelerator_on_its_machine_is_ai_spend(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", tags={"team": "ads"}, **NODE)
    ledger.charge("2026-10-05", "6", resource_id="i-1", sku_id="cores", is_ai=False, consumed_unit="Hours")
    ledger.charge("2026-10-05", "3", resource_id="db", sku_id="cores", is_ai=False)
    ledger.charge("2026-10-05", "2", sku_id="bucket", is_ai=False, tags={"model": "chat"})
    ledger.charge("2026-10-05", "1", resource_id="i-1", category="Tax", sku_id="tax", is_ai=False)
    ledger.workload("all", "i-1", "a", requested=4, model="rank")
    ledger.attribute()
    assert ledger.shares("sku_id", "is_ai", "reason", "model") == {
        (None, True, "used", "rank"): D(12),
        (None, True, "idle", None): D(12),
        ("cores", True, "used", "rank"): D(3),
        ("cores", True, "idle", None): D(3),
        ("cores", False, "not_ai", None): D(3),
        ("bucket", True, "direct", "chat"): D(2),
        ("tax", False, "tax", None): D(1),
    }


def test_rules_change_on_their_day(ledger: Ledger) -> None:
    for day in ("2026-10-04", "2026-10-05"):
        ledger.charge(day, "10", tags={"team": "old"})
    rule = {"name": "move", "match": {"tags": {"team": "old"}}, "set": {"team": "new"}, "valid_from": "2026-10-05"}
    ledger.attribute(rule=[rule])
    assert ledger.shares("team", "charge_date::text") == {("old", "2026-10-04"): D(10), ("new", "2026-10-05"): D(10)}


def test_a_rule_turns_spend_into_ai_spend_and_back(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", service_name="Vector Store", is_ai=False)
    ledger.charge("2026-10-05", "20", service_name="Render Farm", is_ai=True)
    ledger.attribute(
        rule=[
            {"name": "rag", "match": {"service": "vector*"}, "set": {"ai": True, "model": "support-bot"}},
            {"name": "film", "match": {"service": "render*"}, "set": {"ai": False, "team": "studio"}},
        ]
    )
    assert ledger.shares("model", "team", "is_ai", "reason") == {
        ("support-bot", None, True, "direct"): D(10),
        (None, "studio", False, "not_ai"): D(20),
    }
