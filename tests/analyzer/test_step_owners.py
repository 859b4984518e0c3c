"""Known steps have one source: what a budget of a place expects of them is what the forecast of that place does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from aispend.settings import Settings
from analyzer.budgets import write_budgets
from analyzer.forecast_run import write_forecasts
from analyzer.forecast_steps import KnownStep
from analyzer.step_owners import at_places
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_budget_steps import NOW, daily

D = Decimal
STEPS = [
    {"from": "2026-10-30", "amount": 100, "model": "chat", "why": "launch"},
    {"from": "2026-09-01", "to": "2026-10-28", "amount": 4, "team": "search", "why": "pilot"},
    {"from": "2026-10-29", "amount": 9, "provider": "aws", "ai": False, "why": "storage"},
]


@pytest.mark.parametrize("cut", ["account", "region", "service"])
def test_a_budget_of_a_place_expects_what_its_forecast_does(ledger: Ledger, cut: str) -> None:
    """Chat costs 30 a day in prod and 10 in dev, of which 6 are covered by a plan that ends; disks cost 3 and 1."""
    prod = {"account_id": "prod", "region": "eu-west-1", "service_name": "EC2"}
    dev = {"account_id": "dev", "region": "us-east-1", "service_name": "SageMaker"}
    tags = {"model": "chat", "team": "search"}
    daily(ledger, "30", tags=tags, **prod)
    daily(ledger, "4", tags=tags, **dev)
    daily(ledger, "6", contracted="8", tags=tags, sku_id="covered", **dev)
    daily(ledger, "3", is_ai=False, sku_id="disk", **prod)
    daily(ledger, "1", is_ai=False, sku_id="disk", **dev)
    ledger.plan_ends(datetime(2026, 10, 25, tzinfo=UTC))
    ledger.analyze()
    column = {"account": "account_id", "region": "region", "service": "service_name"}[cut]
    places = [where[column] for where in (prod, dev)]
    budgets = [{"name": place, "amount": 9000, "ai_only": False, "match": {cut: place}} for place in places]
    values = ledger.settings.model_dump(by_alias=True) | {"budget": budgets, "forecast": {"step": STEPS}}
    settings = Settings.model_validate(values)
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, settings, lambda: NOW)
        write_budgets(connection, settings, lambda: NOW)
        wanted = "SELECT value, round(p50, 5) FROM forecast WHERE cut = :cut AND period = 'month'"
        forecasts = {row[0]: row[1] for row in connection.execute(text(wanted), {"cut": cut})}
        stands = {
            row[0]: row[1] for row in connection.execute(text("SELECT name, round(forecast_p50, 5) FROM budget_status"))
        }
    # prod: 31 × 33, 2 × 75 of the launch, 4 × -3 of the pilot, 3 × 6.75 of the disks; dev: 31 × 11, 7 × 2 of the plan …
    expected = {places[0]: D(1023 + 150 - 12) + D("20.25"), places[1]: D(341 + 14 + 50 - 4) + D("6.75")}
    assert forecasts == stands == {place: round(amount, 5) for place, amount in expected.items()}


def test_a_step_names_its_owner_in_any_case_as_budgets_do() -> None:
    """Written down for "Chat" of team "Search", where the bills say chat and search: theirs, nobody else's."""
    step = KnownStep(date(2026, 10, 30), None, D(100), "USD", "launch", True, {"model": "Chat", "team": "Search"})
    assert step.is_of("model", "chat", "USD")
    assert step.is_of("team", "search", "USD")
    assert not step.is_of("model", "chatter", "USD")
    assert not step.is_of("model", None, "USD")


def test_where_a_step_falls_is_asked_in_any_case_too(ledger: Ledger) -> None:
    """Chat costs 30 a day in prod and 10 in dev: of 100 a day of "CHAT" 75 and 25 fall there."""
    daily(ledger, "30", tags={"model": "chat"}, account_id="prod")
    daily(ledger, "10", tags={"model": "chat"}, account_id="dev")
    ledger.analyze()
    step = KnownStep(date(2026, 10, 30), None, D(100), "USD", "launch", True, {"model": "CHAT"})
    with ledger.store.engine.connect() as connection:
        found = at_places(connection, [step], date(2026, 10, 20), ["account"])
    assert {one.owners["account"]: one.amount for one in found} == {"prod": D(75), "dev": D(25)}
