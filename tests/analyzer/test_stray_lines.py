"""A line of 1 on a day ahead of the bill changes nothing of what is told: forecast, budget, agreement, accrual."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.settings import Agreement, Settings
from analyzer.accruals import accruals
from analyzer.agreements import Drawdown, drawdowns
from analyzer.outlook import look_ahead
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
FEE = {"category": "Purchase", "kind": {"charge_frequency": "Recurring"}, "charge_description": "Plan"}


def a_bill(ledger: Ledger, *stray: str, cost: str = "1") -> None:
    """1,000 a day from August 1st to November 20th, and a line of ``cost`` on each ``stray`` day."""
    for number in range(112):
        ledger.charge(f"{date(2026, 8, 1) + timedelta(days=number)}", "1000", hours=all_hours())
    for day in stray:
        ledger.charge(day, cost, service_name="S3")


def told(ledger: Ledger) -> tuple[Any, ...]:
    """Forecast of the month, the budget, and how many anomalies there are, on November 22nd."""
    ledger.clock = lambda: datetime(2026, 11, 22, 6, tzinfo=UTC)
    ledger.analyze(anomaly={"min_impact": 10})
    settings = Settings.model_validate(
        ledger.settings.model_dump(by_alias=True) | {"budget": [{"name": "ai", "amount": 25_000}]}
    )
    look_ahead(ledger.store.engine, settings, ledger.clock)
    (month,) = ledger.rows(
        "SELECT known_to, round(p50, 4) FROM forecast WHERE cut = 'all' AND period = 'month' AND value IS NULL"
    )
    (budget,) = ledger.rows("SELECT known_to, actual, state FROM budget_status")
    ((found,),) = ledger.rows("SELECT count(*) FROM anomaly")
    return (*month, *budget, found)


@pytest.mark.parametrize("stray", [[], ["2026-11-30"], ["2026-11-21", "2026-11-22"]])
@pytest.mark.parametrize("cost", ["0", "1"])
def test_forecast_budget_and_watch_are_as_without_it(ledger: Ledger, stray: list[str], cost: str) -> None:
    """20,000 to the 20th of a budget of 25,000, of 30,000 that the month comes to."""
    a_bill(ledger, *stray, cost=cost)
    known = date(2026, 11, 21)
    assert told(ledger) == (known, D(30_000), known, D(20_000), "critical", 0)


def agreed(ledger: Ledger, **values: Any) -> Drawdown:
    full = {"name": "EDP", "provider": "aws", "from": "2026-08-01", "to": "2026-12-01", "committed": "122000"}
    with ledger.store.engine.connect() as connection:
        (found,) = drawdowns(connection, [Agreement.model_validate(full | values)])
    return found


@pytest.mark.parametrize("stray", [[], ["2026-11-30"], ["2026-11-21"]])
def test_an_agreement_is_known_to_the_last_whole_day_and_its_pace_is_of_days_known(
    ledger: Ledger, stray: list[str]
) -> None:
    """112 days at 1,000, and the ten days left: all of the floor. A line of a day ahead is drawn, and no pace."""
    a_bill(ledger, *stray)
    ledger.analyze()
    found = agreed(ledger)
    assert (found.through, found.drawn) == (date(2026, 11, 20), D(112_000 + len(stray)))
    assert (found.per_day, found.expected, found.status) == (D(1000), D(122_000), "on course")


def test_a_bill_of_one_day_that_is_not_over_has_no_pace(ledger: Ledger) -> None:
    ledger.charge("2026-11-20", "10")
    ledger.analyze()
    found = agreed(ledger)
    assert (found.drawn, found.through, found.status) == (D(10), None, "unknown")
    assert (found.per_day, found.expected, found.shortfall, found.needed_per_day) == (None,) * 4
    assert agreed(ledger, committed="10").status == "met"


def test_of_two_bills_an_agreement_is_known_as_far_as_both_and_one_that_is_behind_does_not_hold_it(
    ledger: Ledger,
) -> None:
    a_bill(ledger)
    for number in range(18):
        ledger.charge(f"{date(2026, 11, 1) + timedelta(days=number)}", "10", scope="late", hours=all_hours())
    ledger.charge("2026-10-01", "10", scope="stopped", hours=all_hours())
    ledger.analyze()
    # to the 18th: 110 days of 1,000, 18 of 10 and one of 10; the two days after are drawn, and among the twelve left
    found = agreed(ledger, run_rate_days=10)
    assert (found.through, found.drawn, found.per_day) == (date(2026, 11, 18), D(112_190), D(1010))
    assert found.expected == D(110_190 + 12 * 1010)


@pytest.mark.parametrize("stray", [[], ["2026-11-30"], ["2026-11-21"]])
def test_a_fee_of_a_month_is_accrued_for_the_days_that_are_known(ledger: Ledger, stray: list[str]) -> None:
    """A plan of 30 in October, of a month of which 20 of 30 days are known: 20."""
    a_bill(ledger, *stray)
    ledger.charge("2026-10-01", "30", **FEE)
    with ledger.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE slice SET state = CASE WHEN period < '2026-11-01' THEN 'final' ELSE 'open' END")
        )
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        found = [row.amount for row in accruals(connection) if row.kind == "fee"]
    assert found == [D(20)]
