"""Known steps in budgets that only charges know: by account, service, region, stage, resource, SKU or tag."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from aispend.settings import Settings
from analyzer.budgets import write_budgets
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NOW = datetime(2026, 10, 20, 6, tzinfo=UTC)
KNOWN_TO = date(2026, 10, 20)
HISTORY = 28
"""Days before it, all alike: what is forecast is what was."""


def daily(ledger: Ledger, cost: str, *, contracted: str | None = None, **words: Any) -> None:
    """The same cost each day; covered by a commitment that is worth the price ``contracted`` without it."""
    if contracted is not None:
        words = {"commitment_id": "sp-1"} | words
    for number in range(HISTORY):
        day = KNOWN_TO - timedelta(days=number + 1)
        ledger.charge(f"{day}", (cost, cost, contracted or cost, contracted or cost), hours=all_hours(), **words)


def computed(ledger: Ledger, budgets: dict[str, dict[str, Any]], *steps: dict[str, Any]) -> dict[str, Row[Any]]:
    ledger.analyze()
    rows = [{"name": name, "amount": 10_000, "match": match} for name, match in budgets.items()]
    values = ledger.settings.model_dump(by_alias=True) | {"budget": rows, "forecast": {"step": steps}}
    settings = Settings.model_validate(values)
    with ledger.store.engine.begin() as connection:
        write_budgets(connection, settings, lambda: NOW)
        found = connection.execute(text("SELECT * FROM budget_status")).all()
    return {row.name: row for row in found}


def ending(ledger: Ledger) -> None:
    """On the 25th a plan ends: 10 a day of prod cost 14 without it, 5 of dev 6, and 2 of prod were not used."""
    tags, dev = {"model": "chat", "env": "live"}, {"model": "chat"}
    daily(ledger, "10", contracted="14", sku_id="covered", resource_id="i-1", tags=tags, region="eu-west-1")
    daily(ledger, "5", contracted="6", sku_id="covered", account_id="dev", tags=dev, stage="training")
    unused = {"commitment_discount_status": "Unused"}
    daily(ledger, "2", contracted="0", sku_id="plan", kind=unused, tags=dev)
    ledger.plan_ends(datetime(2026, 10, 25, tzinfo=UTC))


OF_THE_PLAN: list[tuple[dict[str, Any], int]] = [
    ({"account": "prod"}, 31 * 12 + 7 * (4 - 2)),
    ({"account": "d*"}, 31 * 5 + 7 * 1),
    ({"service": "compute"}, 31 * 17 + 7 * 3),
    ({"region": "eu-*"}, 31 * 10 + 7 * 4),
    ({"stage": "training"}, 31 * 5 + 7 * 1),
    ({"resource_id": "i-1"}, 31 * 10 + 7 * 4),
    ({"sku": "covered"}, 31 * 15 + 7 * 5),
    ({"tags": {"env": "live"}}, 31 * 10 + 7 * 4),
    ({"tags": {"e-nv": "live"}}, 31 * 10 + 7 * 4),
    ({"account": "prod", "provider": "aws", "model": "chat", "sku": "covered"}, 31 * 10 + 7 * 4),
    ({"account": "prod", "region": "us-*"}, 0),
]


def test_the_end_of_a_commitment_is_in_every_budget_for_what_it_covers_of_it(ledger: Ledger) -> None:
    """The last seven days of October are without the plan."""
    ending(ledger)
    found = computed(ledger, {f"{number}": match for number, (match, _) in enumerate(OF_THE_PLAN)})
    for number, (match, expected) in enumerate(OF_THE_PLAN):
        row = found[f"{number}"]
        assert round(row.forecast_p50 or D(0), 5) == D(expected), match
        assert "not in the forecast" not in row.reason


LAUNCH = {"from": date(2026, 10, 30), "amount": D(100), "why": "launch"}


def two_accounts(ledger: Ledger) -> None:
    """The model chat costs 30 a day in prod and 10 in dev, click 5 in dev."""
    daily(ledger, "30", tags={"model": "chat", "team": "search"})
    daily(ledger, "10", account_id="dev", tags={"model": "chat", "team": "search"})
    daily(ledger, "5", account_id="dev", tags={"model": "click", "team": "ads"})


def test_a_step_falls_on_a_budget_by_the_share_of_its_cost_that_does(ledger: Ledger) -> None:
    """Three quarters of what chat costs are prod's: 75 of 100 on each of two days; click costs nothing there."""
    two_accounts(ledger)
    budgets = {"prod": {"account": "prod"}, "dev": {"account": "dev"}, "ads": {"account": "dev", "team": "ads"}}
    found = computed(ledger, budgets, LAUNCH | {"model": "chat"}, LAUNCH | {"model": "click", "amount": D(7)})
    assert {name: round(row.forecast_p50, 5) for name, row in found.items()} == {
        "prod": D(31 * 30 + 2 * 75),
        "dev": D(31 * 15 + 2 * (25 + 7)),
        "ads": D(31 * 5),  # the step is said to be a model's and not of a team
    }
    assert not [row.reason for row in found.values() if "not in the forecast" in row.reason]


def test_what_the_history_contains_is_taken_off_by_the_same_share(ledger: Ledger) -> None:
    two_accounts(ledger)
    pilot = {"from": date(2026, 9, 1), "to": date(2026, 10, 30), "amount": D(4), "model": "chat", "why": "pilot"}
    assert round(computed(ledger, {"prod": {"account": "prod"}}, pilot)["prod"].forecast_p50, 5) == D(31 * 30 - 2 * 3)


def test_a_step_that_cannot_be_placed_is_named(ledger: Ledger) -> None:
    """It says nothing of whose it is; what it is of has cost nothing yet; its currency has no rate."""
    two_accounts(ledger)
    lacking: list[dict[str, Any]] = [{}, {"model": "rank"}, {"model": "chat", "currency": "GBP"}]
    steps = [LAUNCH | words | {"why": f"launch {number}"} for number, words in enumerate(lacking)]
    row = computed(ledger, {"prod": {"account": "prod"}}, *steps)["prod"]
    assert round(row.forecast_p50, 5) == D(31 * 30)
    assert row.reason.endswith("; known but not in the forecast: launch 0, launch 1, launch 2")
    assert row.state == "ok"


def test_a_step_of_others_is_not_named(ledger: Ledger) -> None:
    two_accounts(ledger)
    budgets = {"search": {"account": "prod", "team": "search"}, "plain": {"team": "search"}}
    found = computed(ledger, budgets, LAUNCH | {"team": "ads"}, LAUNCH | {"ai": False, "provider": "aws"})
    assert {name: (round(row.forecast_p50, 5), row.reason) for name, row in found.items()} == {
        "search": (D(31 * 30), "6 % spent"),
        "plain": (D(31 * 40), "8 % spent"),
    }
