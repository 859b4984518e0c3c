"""A budget expects what the forecast of the same cut expects: known steps, ends of commitments, own costs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Row, text

from aispend.settings import Settings
from aispend.watching import Budget
from analyzer.budget_path import Path, certain_path
from analyzer.budget_steps import in_currency, is_said_to_be_of
from analyzer.budgets import write_budgets
from analyzer.currency import ExchangeRates
from analyzer.forecast_run import write_forecasts
from analyzer.forecast_steps import KnownStep
from analyzer.series import OWN
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NOW = datetime(2026, 10, 20, 6, tzinfo=UTC)
KNOWN_TO = date(2026, 10, 20)
OCTOBER = date(2026, 10, 1)


def clouds(ledger: Ledger, days: int = 111, *, noise: float = 0.0, **words: Any) -> None:
    """About ten a day, up to the last known day."""
    random = np.random.default_rng(3)
    for number in range(days):
        day = KNOWN_TO - timedelta(days=number + 1)
        cost = f"{10 * (1 + noise * float(random.normal())):.2f}"
        ledger.charge(f"{day}", cost, hours=all_hours(), tags={"model": "chat", "team": "support"}, **words)


def write_down(ledger: Ledger, cost: str, **words: Any) -> None:
    """The company's own costs of October, a line a day."""
    for number in range(31):
        day = OCTOBER + timedelta(days=number)
        ledger.charge(f"{day}", cost, provider=OWN, scope="costs", tags={"model": "chat"}, **words)


def computed(ledger: Ledger, steps: list[dict[str, Any]], *budgets: dict[str, Any]) -> dict[str, Row[Any]]:
    """Budgets by name; forecasts are written beside them."""
    ledger.analyze()
    values = ledger.settings.model_dump(by_alias=True) | {"budget": budgets, "forecast": {"step": steps}}
    settings = Settings.model_validate(values)
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, settings, lambda: NOW)
        write_budgets(connection, settings, lambda: NOW)
        rows = connection.execute(text("SELECT * FROM budget_status")).all()
    return {row.name: row for row in rows}


def forecast_of(ledger: Ledger, cut: str, value: str | None) -> tuple[Decimal, ...]:
    rows = ledger.rows(
        "SELECT value, actual, p10, p50, p90 FROM forecast "
        f"WHERE cut = '{cut}' AND period = 'month' AND others = 0 AND currency = 'USD'"
    )
    (found,) = [row[1:] for row in rows if row[0] == value]
    return tuple(round(one, 5) for one in found)


def stands(row: Row[Any]) -> tuple[Decimal, ...]:
    return tuple(round(one, 5) for one in (row.actual, row.forecast_p10, row.forecast_p50, row.forecast_p90))


def test_a_step_is_in_a_budget_before_it_comes(ledger: Ledger) -> None:
    """310 without; with 100 a day on the 30th and 31st 510; 290 and 110 are 400 on the 30th."""
    clouds(ledger)
    launch = {"from": date(2026, 10, 30), "amount": D(100), "model": "chat", "why": "launch"}
    budgets = [{"name": "ai", "amount": 400}, {"name": "rank", "amount": 400, "match": {"model": "rank"}}]
    found = computed(ledger, [launch], *budgets)
    assert (found["ai"].forecast_p50, found["ai"].state, found["ai"].exhausted_on) == (
        D(510),
        "critical",  # ten a day has never been anything else: the band is a point
        date(2026, 10, 30),
    )
    assert found["rank"].state == "ok"


def test_a_budget_expects_what_the_forecast_of_its_cut_does(ledger: Ledger) -> None:
    clouds(ledger, noise=0.1)
    clouds(ledger, 28, commitment_id="sp-1", sku_id="covered")
    write_down(ledger, "2")
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE charge SET contracted_cost = 14 WHERE commitment_key <> 0"))
    ledger.plan_ends(datetime(2026, 10, 25, tzinfo=UTC))
    steps = [
        {"from": date(2026, 10, 30), "amount": D(7), "model": "chat", "team": "support", "provider": "aws", "why": "a"},
        {"from": date(2026, 9, 1), "to": date(2026, 10, 28), "amount": D(1), "model": "chat", "why": "b"},
        {"from": date(2026, 10, 31), "amount": D(3), "ai": False, "provider": "aws", "why": "c"},
    ]
    found = computed(
        ledger,
        steps,
        {"name": "ai", "amount": 1000},
        {"name": "all", "amount": 1000, "ai_only": False},
        {"name": "chat", "amount": 1000, "match": {"model": "CH*"}},
        {"name": "support", "amount": 1000, "match": {"team": "support"}},
        {"name": "aws", "amount": 1000, "ai_only": False, "match": {"provider": "aws"}},
        {"name": "own", "amount": 1000, "match": {"provider": "own"}},
    )
    cuts = {"ai": None, "all": None, "chat": "model", "support": "team", "aws": "provider", "own": "provider"}
    for name, cut in cuts.items():
        value = None if cut is None else name
        assert stands(found[name]) == forecast_of(ledger, cut or name, value), name
    assert stands(found["own"]) == (D(38), D(62), D(62), D(62))
    # seven days of four more without the commitment
    assert [one["amount_per_day"] for one in _steps(ledger, "aws")] == ["4.000000", "7", "3"]


def _steps(ledger: Ledger, provider: str) -> list[dict[str, Any]]:
    query = "SELECT steps FROM forecast WHERE cut = 'provider' AND period = 'month' AND value = "
    ((steps,),) = ledger.rows(f"{query}'{provider}'")
    return list(steps)


def test_own_costs_to_come_count_with_too_little_history_too(ledger: Ledger) -> None:
    """Five days of 10, Thursday to Monday: such days were 15 of the 19 known and are 8 to come; and 31 days of 2."""
    clouds(ledger, 5)
    write_down(ledger, "2")
    row = computed(ledger, [], {"name": "ai", "amount": 1000})["ai"]
    assert (row.actual, row.forecast_method, row.forecast_p10) == (D(50 + 38), "burn rate", None)
    assert round(row.forecast_p50, 6) == round(D(50) + D(50) * 8 / 15 + 62, 6)


def test_own_costs_without_a_rate_stand_apart_as_far_as_they_are_due(ledger: Ledger) -> None:
    clouds(ledger)
    write_down(ledger, "2", currency="EUR")
    row = computed(ledger, [], {"name": "ai", "amount": 1000})["ai"]
    assert (row.actual, row.forecast_p50, row.unconverted) == (D(190), D(310), {"EUR": "38"})


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({}, ["any", "chat"]),
        ({"model": "ch*"}, ["chat"]),
        ({"team": "ads"}, []),
        ({"model": "chat", "provider": "aws"}, []),
    ],
)
def test_a_step_belongs_to_what_it_says(match: dict[str, Any], taken: list[str]) -> None:
    steps = [
        KnownStep(KNOWN_TO, None, D(1), "USD", why, is_ai, {"model": model})
        for why, is_ai, model in (("any", True, None), ("chat", True, "chat"), ("storage", False, None))
    ]
    budget = Budget.model_validate({"name": "one", "amount": 10, "match": match})
    assert [one.why for one in steps if is_said_to_be_of(budget, one)] == taken


def test_a_step_counts_at_the_rate_of_its_day_and_without_one_not_at_all() -> None:
    rates = ExchangeRates.of([("EUR", "USD", date(2026, 10, 1), D("1.25"))])
    steps = [KnownStep(KNOWN_TO, None, D(4), currency, "launch", True, {}) for currency in ("EUR", "GBP")]
    found = in_currency(steps, "USD", rates, KNOWN_TO)
    assert [(step.amount, step.currency) for step in found.steps] == [(D(5), "USD")]
    assert found.left_out == ["launch"]


def test_what_is_known_moves_the_days_and_both_ends_of_the_band() -> None:
    path = Path((D(1), D(2)), D(2), D(5), "forecast").with_known((D(10), D(0)))
    assert path == Path((D(11), D(2)), D(12), D(15), "forecast")
    assert Path((D(1),), None, None, "burn rate").with_known((D(1),)).low is None
    assert certain_path((D(1), D(2))) == Path((D(1), D(2)), D(3), D(3), "forecast")
