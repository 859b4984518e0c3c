"""Costs the user declares shared: who carries them, exactly; and what settings refuse."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aispend.errors import SettingsError
from aispend.settings import load_settings
from tests.analyzer.conftest import Ledger

D = Decimal
GATEWAY = {"service_name": "Load Balancing", "is_ai": False}


def company(ledger: Ledger) -> None:
    """AI spend of 60 and 30 for two teams, and a gateway of 100 that is nobody's."""
    ledger.charge("2026-10-05", "60", resource_id="i-1", tags={"team": "Search", "model": "rank"})
    ledger.charge("2026-10-06", "30", resource_id="i-2", tags={"team": "ads", "model": "click"})
    ledger.charge("2026-10-07", "100", **GATEWAY)


def shared(**source: Any) -> dict[str, Any]:
    return {"shared": [{"name": "gateway", "match": {"service": "load*"}} | source]}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, {"Search": "66.666666666667", "ads": "33.333333333333"}),
        ({"by": "even"}, {"Search": "50", "ads": "50"}),
        ({"by": "even", "targets": ["search", "ads", "hr"]},
         {"Search": "33.333333333334", "ads": "33.333333333333", "hr": "33.333333333333"}),
        ({"by": "proportional", "targets": ["ADS"]}, {"ads": "100"}),
        ({"by": "fixed", "percent": {"search": "12.5", "hr": "87.5"}}, {"Search": "12.5", "hr": "87.5"}),
        ({"by": "requests"}, {"Search": "10", "ads": "90"}),
        ({"by": "tokens"}, {"Search": "75", "ads": "25"}),
        ({"by": "tokens", "targets": ["ads"]}, {"ads": "100"}),
    ],
)  # fmt: skip
def test_a_shared_cost_is_divided_over_teams(ledger: Ledger, source: dict[str, Any], expected: dict[str, str]) -> None:
    company(ledger)
    ledger.usage({"requests": 1, "input": 100, "output": 50}, model="rank", team="Search", day="2026-10-09")
    ledger.usage({"requests": 9, "input": 50}, model="click", team="ads", day="2026-10-20")
    ledger.attribute(allocation=shared(**source))
    found = ledger.shares("team", where="t.reason = 'shared'")
    assert sorted(found.values()) == sorted(map(D, expected.values()))
    assert {team: cost.quantize(D("0.01")) for team, cost in found.items()} == {
        team: D(cost).quantize(D("0.01")) for team, cost in expected.items()
    }
    assert ledger.shares("reason")["direct"] == D(90)
    assert set(ledger.shares("method", "rung", "confidence", where="t.reason = 'shared'")) == {
        (f"team=shared:gateway ({source.get('by', 'proportional')})", "charge", D(1))
    }
    ledger.assert_conserved()


def test_a_shared_cost_is_divided_over_models_and_keeps_its_team(ledger: Ledger) -> None:
    company(ledger)
    ledger.charge("2026-10-08", "-9", tags={"team": "platform"}, **GATEWAY)
    ledger.attribute(allocation=shared(to="model", ai=True))
    assert ledger.shares("team", "model", "is_ai", where="t.reason = 'shared'") == {
        (None, "rank", True): D("66.666666666667"),
        (None, "click", True): D("33.333333333333"),
        ("platform", "rank", True): D(-6),
        ("platform", "click", True): D(-3),
    }
    ledger.assert_conserved()


def test_spend_counts_before_credits(ledger: Ledger) -> None:
    """Search used as much as ads, though a credit paid for it: a gateway of 50 is 25 of each."""
    for team in ("search", "ads"):
        ledger.charge("2026-10-05", "100", resource_id=f"i-{team}", tags={"team": team}, sku_id=team)
    ledger.charge(
        "2026-10-05", "-100", resource_id="i-search", tags={"team": "search"}, sku_id="search", category="Credit"
    )
    ledger.charge("2026-10-07", "50", **GATEWAY)
    ledger.attribute(allocation=shared())
    assert ledger.shares("team", where="t.reason = 'shared'") == {"search": D(25), "ads": D(25)}
    assert ledger.shares("team", where="t.reason <> 'shared'") == {"search": D(0), "ads": D(100)}


def test_a_shared_cost_nobody_can_carry_stays_what_the_bill_says(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "60", resource_id="i-1", tags={"team": "search"}, currency="EUR")
    ledger.charge("2026-10-07", "100", tags={"team": "platform"}, **GATEWAY)
    ledger.attribute(allocation=shared())
    assert ledger.shares("team", "reason", "method", where="t.reason = 'shared'") == {
        ("platform", "shared", "team=tag:team; shared:gateway (nobody to carry it)"): D(100)
    }
    ledger.assert_conserved()


def test_credits_follow_the_shared_cost_and_tax_does_not(ledger: Ledger) -> None:
    company(ledger)
    ledger.charge("2026-10-07", "-10", category="Credit", **GATEWAY)
    ledger.charge("2026-10-07", "19", category="Tax", **GATEWAY)
    ledger.attribute(allocation=shared(by="fixed", percent={"search": 70, "ads": 30}))
    assert ledger.shares("team", where="t.reason = 'credit'") == {"Search": D(-7), "ads": D(-3)}
    assert ledger.shares("team", where="t.reason = 'tax'") == {None: D(19)}
    ledger.assert_conserved()


def test_a_shared_cost_holds_on_its_days(ledger: Ledger) -> None:
    company(ledger)
    ledger.charge("2026-10-20", "50", **GATEWAY)
    ledger.attribute(allocation=shared(by="even", targets=["ads"], valid_from="2026-10-10"))
    assert ledger.shares("team", where="NOT t.is_ai") == {"ads": D(50), None: D(100)}


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "aispend.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_settings({"AISPEND_CONFIG": str(path), "AISPEND_HOME": str(tmp_path)})
    return str(refused.value.where)


def source(name: str, *targets: str, match: str = "service = 'x'") -> str:
    return f"[[allocation.shared]]\nname = '{name}'\nmatch = {{ {match} }}\ntargets = {list(targets)}\n"


def test_a_circle_of_shared_costs_is_refused_naming_all_of_it(tmp_path: Path) -> None:
    text = source("edge", "search", "mesh") + source("mesh", "gateway") + source("gateway", "edge")
    assert "edge → mesh → gateway → edge" in refusal(tmp_path, text)


def test_a_shared_cost_is_no_target_of_another(tmp_path: Path) -> None:
    said = refusal(tmp_path, source("edge", "Mesh") + source("mesh", "search"))
    assert "'edge' cannot go to 'Mesh'" in said
    platform = source("costs of the platform", "search", match="tags = { Team = 'plat*' }")
    assert "'edge' cannot go to 'platform'" in refusal(tmp_path, source("edge", "platform") + platform)
    dashed = source("costs of the platform", "search", match="tags = { 'user_te_am' = 'plat*' }")
    assert "'edge' cannot go to 'platform'" in refusal(tmp_path, source("edge", "platform") + dashed)
    prefixed = source("costs of the platform", "search", match="tags = { 'user:Team' = 'plat*' }")
    assert "'edge' cannot go to 'platform'" in refusal(tmp_path, source("edge", "platform") + prefixed)
    assert "cannot carry itself" in refusal(tmp_path, source("edge", "edge"))


@pytest.mark.parametrize(
    "wrong",
    [
        "by = 'fixed'",
        "by = 'fixed'\npercent = { a = 50, b = 40 }",
        "by = 'fixed'\npercent = { a = 150, b = -50 }",
        "by = 'even'\npercent = { a = 100 }",
        "by = 'fixed'\ntargets = ['a']\npercent = { a = 100 }",
    ],
)
def test_percentages_belong_to_fixed_and_add_up(tmp_path: Path, wrong: str) -> None:
    assert "edge" in refusal(tmp_path, f"[[allocation.shared]]\nname = 'edge'\nmatch = {{}}\n{wrong}\n")
