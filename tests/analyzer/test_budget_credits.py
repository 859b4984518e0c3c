"""A budget whose net spend is below zero: amounts and the credit, never a percentage of nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Row, text

from aispend.settings import Settings
from aispend.watching import Budget
from analyzer.budget_path import Path
from analyzer.budgets import standing, write_budgets
from reports.formats import share_spent
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NOVEMBER = date(2026, 11, 1)
NOW = datetime(2026, 11, 11, 6, tzinfo=UTC)
BUDGET = Budget.model_validate({"name": "ai", "amount": 1000, "currency": "USD"})


def test_below_zero_there_is_no_share_no_burn_rate_and_the_credit_is_the_reason() -> None:
    """Ten a day for ten days and a credit of 30,530 on the second: net -30,430, which is no -3043 % of 1000."""
    spent = [D(10), D(10 - 30_530), *[D(10)] * 8]
    path = Path((D(10),) * 20, D(190), D(210), "forecast")
    found = standing(BUDGET, NOVEMBER, spent, (D(1),) * 30, path, credited={"Credit": D(-30_530)})
    assert (found.actual, found.burn_rate, found.p50, found.state) == (D(-30_430), None, D(-30_230), "ok")
    assert found.reason == (
        "net spend is below zero, -30,430.00: 100.00 charged, -30,530.00 of credits; "
        "so is the forecast of the whole period, -30,230.00"
    )


def test_several_things_that_lower_it_are_each_named() -> None:
    given = {"Credit": D(-300), "Adjustment": D(-50), "Tax": D("-9.5"), "Usage": D(-1), "Purchase": D(-40)}
    found = standing(BUDGET, NOVEMBER, [D("-100.5")], (D(1),) * 30, None, credited=given)
    assert found.reason == (
        "net spend is below zero, -100.50: 300.00 charged, -300.00 of credits, -50.00 of adjustments, "
        "-40.00 of purchases given back, -9.50 of tax given back, -1.00 of corrected usage"
    )


def test_a_credit_to_come_is_named_where_it_takes_the_forecast_below_zero() -> None:
    path = Path((D(10), D(-3000), D(10)), D(-3000), D(-2950), "forecast")
    found = standing(BUDGET, NOVEMBER, [D(120)], (D(1),) * 30, path)
    assert found.reason == "12 % spent; the forecast of the whole period is below zero, -2,860.00: 3,000.00 to come off"
    assert (found.state, found.burn_rate) == ("ok", D("3.6000"))


@pytest.mark.parametrize("actual", ["0", "0.01", "994"])
def test_from_zero_on_it_is_a_share(actual: str) -> None:
    found = standing(BUDGET, NOVEMBER, [D(actual)], (D(1),) * 30, None, credited={"Credit": D(-5)})
    assert found.reason == f"{D(actual) / 10:.0f} % spent"


def _computed(ledger: Ledger, *budgets: dict[str, Any]) -> dict[str, Row[Any]]:
    ledger.analyze()
    settings = Settings.model_validate(ledger.settings.model_dump(by_alias=True) | {"budget": budgets})
    with ledger.store.engine.begin() as connection:
        write_budgets(connection, settings, lambda: NOW)
        rows = connection.execute(text("SELECT * FROM budget_status")).all()
    return {row.name: row for row in rows}


def test_the_credit_of_a_ledger_is_read_at_the_rate_of_its_day(ledger: Ledger) -> None:
    """Ten a day for 30 days, 10 of them November's; 400 EUR taken off on the 3rd at 1.25 are 500."""
    for number in range(30):
        day = date(2026, 11, 10) - timedelta(days=number)
        ledger.charge(f"{day}", "10", hours=all_hours(), tags={"model": "chat"})
    ledger.charge("2026-11-03", "-400", category="Credit", currency="EUR", tags={"model": "chat"})
    for number in range(5):
        ledger.charge(f"{date(2026, 11, 6) + timedelta(days=number)}", "10", hours=all_hours(), account_id="lab")
    ledger.charge("2026-11-10", "-1000", category="Credit", account_id="lab")
    ledger.charge("2026-10-20", "-999", category="Credit", tags={"model": "chat"})  # of the month before
    with ledger.store.engine.begin() as connection:
        rate = "INSERT INTO exchange_rate (base, quote, valid_from, rate, source) VALUES ('EUR', 'USD', '2026-11-01'"
        connection.execute(text(f"{rate}, 1.25, 'test')"))
    named = {"old": {"account": "prod", "model": "chat"}, "new": {"account": "lab"}}
    found = _computed(ledger, *({"name": name, "amount": 1000, "match": match} for name, match in named.items()))
    chat, new = found["old"], found["new"]
    assert (chat.actual, chat.burn_rate, chat.state, chat.threshold) == (D(-400), None, "ok", None)
    assert chat.reason.startswith("net spend is below zero, -400.00: 100.00 charged, -500.00 of credits")
    # five weekdays of 10 were eight of the ten days known and are 14 of those to come: a credit has no pace
    assert (new.forecast_method, new.forecast_p50) == ("burn rate", D(50 - 1000) + D(50) * 14 / 8)


@pytest.mark.parametrize(
    ("actual", "said"), [("994", "99 % spent"), ("997", "nearly 100 % spent"), ("1000", "100 % spent")]
)
def test_what_is_not_spent_yet_is_not_said_to_be(actual: str, said: str) -> None:
    assert standing(BUDGET, NOVEMBER, [D(actual)], (D(1),) * 30, None).reason == said
    shown = share_spent(D(actual), D(1000))
    assert shown == said.removesuffix(" spent")
