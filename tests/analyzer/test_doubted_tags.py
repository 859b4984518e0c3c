"""A tag against two witnesses: what the other machines of its fleet are tagged, and what telemetry says."""

from __future__ import annotations

from decimal import Decimal

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
DAY = "2026-10-05"


def machine(ledger: Ledger, name: str, team: str | None, *, cost: str = "24", runs: str | None = None) -> None:
    """A machine of one fleet, tagged for ``team``, on which a workload of the team ``runs`` holds everything."""
    tags = {"team": team} if team else None
    ledger.charge(DAY, cost, resource_id=name, fleet="pool", gpus=8, hours=all_hours(), tags=tags, **GPU_HOUR)
    if runs:
        ledger.workload("all", name, f"pod-{name}", requested=8, team=runs, model="chat", stage="training")


def of(name: str) -> str:
    return f"c.resource_key = (SELECT resource_key FROM resource WHERE resource_id = '{name}')"


def test_telemetry_overrules_a_tag_that_its_fleet_contradicts(ledger: Ledger) -> None:
    for name in ("i-1", "i-2", "i-3", "i-4"):
        machine(ledger, name, "search", runs="search")
    machine(ledger, "i-5", "ads", runs="search")
    ledger.attribute()
    assert ledger.shares("team", "method", where=of("i-5")) == {
        (
            "search",
            "model=workload; team=workload (with siblings, against tag:team=ads); stage=workload; node=accelerators",
        ): D(24)
    }
    ledger.assert_conserved()


def test_a_fleet_alone_only_casts_doubt_on_a_tag(ledger: Ledger) -> None:
    for name in ("i-1", "i-2", "i-3", "i-4"):
        machine(ledger, name, "search")
    machine(ledger, "i-5", "ads")
    ledger.attribute()
    assert ledger.shares("team", "confidence", "method", where=of("i-5")) == {
        ("ads", D("0.5"), "team=tag:team (siblings: search)"): D(24)
    }


def test_telemetry_that_agrees_with_the_tag_outweighs_the_fleet(ledger: Ledger) -> None:
    for name in ("i-1", "i-2", "i-3", "i-4"):
        machine(ledger, name, "search", runs="search")
    machine(ledger, "i-5", "ads", runs="ads")
    ledger.attribute()
    assert ledger.shares("team", where=of("i-5")) == {"ads": D(24)}


def test_one_other_machine_is_no_fleet(ledger: Ledger) -> None:
    machine(ledger, "i-1", "search", cost="240", runs="search")
    machine(ledger, "i-2", "ads", runs="search")
    ledger.attribute()
    assert ledger.shares("team", "confidence", where=of("i-2")) == {("ads", D("0.5")): D(24)}


def test_a_machine_that_was_tagged_anew_is_believed(ledger: Ledger) -> None:
    """Its old tag is no witness against the new one, nor is that of machines tagged as it was."""
    for name in ("i-1", "i-2", "i-3", "i-4"):
        machine(ledger, name, "search")
    machine(ledger, "i-5", "search")
    ledger.charge(
        "2026-10-06", "24", resource_id="i-5", fleet="pool", gpus=8, hours=all_hours(), tags={"team": "ads"}, **GPU_HOUR
    )
    ledger.workload("all", "i-5", "pod", day="2026-10-06", requested=8, team="search")
    ledger.attribute()
    assert ledger.shares("team", where="c.charge_date = '2026-10-06'") == {"ads": D(24)}


def test_a_rule_is_never_doubted(ledger: Ledger) -> None:
    for name in ("i-1", "i-2", "i-3", "i-4"):
        machine(ledger, name, "search", runs="search")
    machine(ledger, "i-5", "ads", runs="search")
    ledger.attribute(rule=[{"name": "five", "match": {"resource_id": "i-5"}, "set": {"team": "ads"}}])
    assert ledger.shares("team", "confidence", where=of("i-5")) == {("ads", D("0.9")): D(24)}
