"""Credits and fees that a rule or a tag gives to somebody: by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal


def rule(sku: str, **assign: str) -> dict[str, Any]:
    return {"rule": [{"name": "grant", "match": {"sku": sku}, "set": assign}]}


def spent(ledger: Ledger) -> None:
    """90 of team a on two models, 10 of team b."""
    ledger.charge("2026-10-05", "60", tags={"team": "a", "model": "m"})
    ledger.charge("2026-10-05", "30", tags={"team": "a", "model": "n"})
    ledger.charge("2026-10-05", "10", tags={"team": "b", "model": "n"})


def credited(ledger: Ledger) -> dict[Any, Decimal]:
    ledger.assert_conserved()
    return ledger.shares("team", "model", "stage", "method", where="t.reason = 'credit'")


@pytest.mark.parametrize("by_rule", [True, False])
def test_a_credit_given_to_a_team_is_that_teams(ledger: Ledger, by_rule: bool) -> None:
    spent(ledger)
    ledger.charge("2026-10-06", "-50", category="Credit", sku_id="grant", tags=None if by_rule else {"team": "B"})
    ledger.attribute(**(rule("grant", team="B") if by_rule else {}))
    method = f"team={'rule:grant' if by_rule else 'tag:team'}; spread over the service"
    assert credited(ledger) == {("b", "n", "unknown", method): D(-50)}


def test_a_credit_given_to_a_model_lowers_no_other(ledger: Ledger) -> None:
    """A credit of 45 on model n: 30 of its 40 are of a, 10 of b."""
    spent(ledger)
    ledger.charge("2026-10-06", "-44", category="Credit", sku_id="grant", tags={"model": "n"})
    ledger.attribute()
    method = "model=tag:model; spread over the service"
    assert credited(ledger) == {("a", "n", "unknown", method): D(-33), ("b", "n", "unknown", method): D(-11)}


def test_a_credit_given_to_who_spent_nothing_stays_with_it(ledger: Ledger) -> None:
    spent(ledger)
    ledger.charge("2026-10-06", "-50", category="Credit", sku_id="grant")
    ledger.attribute(**rule("grant", team="c", stage="training"))
    assert credited(ledger) == {("c", None, "training", "team=rule:grant; stage=rule:grant"): D(-50)}


def test_a_stage_that_a_rule_gives_a_credit_stands(ledger: Ledger) -> None:
    spent(ledger)
    ledger.charge("2026-10-06", "-50", category="Credit", sku_id="grant")
    ledger.attribute(**rule("grant", stage="training"))
    method = "stage=rule:grant; spread over the service"
    assert credited(ledger) == {
        ("a", "m", "training", method): D(-30),
        ("a", "n", "training", method): D(-15),
        ("b", "n", "training", method): D(-5),
    }


def test_a_credit_on_a_resource_follows_it_as_far_as_its_tag_stands(ledger: Ledger) -> None:
    """The machine is tagged plat, and ads and web held it: its tag does not stand, nor does that of its credit."""
    node: dict[str, Any] = {"resource_id": "i-1", "tags": {"team": "plat"}, "sku_id": "gpu", **GPU_HOUR}
    ledger.charge("2026-10-05", "24", gpus=8, hours=all_hours(), quantity="24", **node)
    ledger.charge("2026-10-05", "-12", category="Credit", **node)
    for team in ("ads", "web"):
        ledger.workload("all", "i-1", team, requested=4, team=team)
    ledger.attribute()
    assert ledger.shares("team", where="t.reason = 'credit'") == {"ads": D(-6), "web": D(-6)}


def test_a_credit_on_a_shared_cost_follows_it_whatever_its_tag(ledger: Ledger) -> None:
    spent(ledger)
    gateway: dict[str, Any] = {"service_name": "Load Balancing", "is_ai": False, "tags": {"team": "plat"}}
    ledger.charge("2026-10-05", "20", **gateway)
    ledger.charge("2026-10-05", "-10", category="Credit", **gateway)
    ledger.attribute(allocation={"shared": [{"name": "gateway", "match": {"service": "load*"}}]})
    assert ledger.shares("team", where="t.reason = 'credit'") == {"a": D(-9), "b": D(-1)}


def test_a_rule_on_a_commitments_fee_stands(ledger: Ledger) -> None:
    """The plan's fee of 100 is platform's by rule, though it covered what a used."""
    plan: dict[str, Any] = {"commitment_id": "sp-1"}
    ledger.charge("2026-10-01", ("100", "0", "0", "0"), category="Purchase", sku_id="plan", is_ai=False, **plan)
    ledger.charge(
        "2026-10-05", ("0", "90", "90", "90"), tags={"team": "a"}, kind={"commitment_discount_status": "Used"}, **plan
    )
    ledger.attribute(**rule("plan", team="platform"))
    assert ledger.shares("team", cost="billed_cost") == {"platform": D(100), "a": D(0)}
    ledger.assert_conserved()
