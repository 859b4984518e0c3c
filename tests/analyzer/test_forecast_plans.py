"""A plan of every day at a new unit price: in forecasts and budgets from its first day on; an odd day is no plan.

10 a day of use and a plan of 240 a day, a unit of it, from October 1st to November 19th; on the 20th, the last known
day, the plan is charged otherwise. November has ten days to come.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Row, text

from analyzer.forecast_run import write_forecasts
from tests.analyzer.conftest import Ledger, all_hours
from tests.analyzer.test_budget_behind import computed

D = Decimal
OCTOBER_1, NOVEMBER_20 = date(2026, 10, 1), date(2026, 11, 20)
KNOWN = 20 * 10 + 19 * 240


def _use(ledger: Ledger, to: date = NOVEMBER_20) -> None:
    for number in range((to - OCTOBER_1).days + 1):
        ledger.charge(f"{OCTOBER_1 + timedelta(days=number)}", "10", hours=all_hours())


def _plan(ledger: Ledger, day: date, cost: str, quantity: str | None = "1", **words: Any) -> None:
    kind = {"charge_frequency": "Recurring"}
    ledger.charge(
        f"{day}",
        cost,
        **{"category": "Purchase", "kind": kind, "charge_description": "Plan", "quantity": quantity} | words,
    )


def _until(ledger: Ledger, to: date, cost: str = "240", **words: Any) -> None:
    for number in range((to - OCTOBER_1).days + 1):
        _plan(ledger, OCTOBER_1 + timedelta(days=number), cost, **words)


def _november(ledger: Ledger) -> dict[tuple[str, str | None], Row[Any]]:
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, ledger.settings, lambda: datetime(2026, 11, 21, 6, tzinfo=UTC))
        rows = connection.execute(text("SELECT * FROM forecast WHERE period = 'month'")).all()
    return {(row.cut, row.value): row for row in rows}


def test_a_new_unit_price_goes_on_from_its_first_day(ledger: Ledger) -> None:
    _use(ledger)
    _until(ledger, date(2026, 11, 19))
    _plan(ledger, NOVEMBER_20, "480")
    found = _november(ledger)
    whole = found["all", None]
    assert (whole.actual, whole.p50) == (D(KNOWN + 480), D(KNOWN + 480 + 10 * 490))
    assert whole.steps == [
        {
            "from": "2026-11-21",
            "to": None,
            "amount_per_day": "240.000000",
            "currency": "USD",
            "why": "Plan has another price since 2026-11-20",
        }
    ]
    # its account and service have it too
    assert found["account", "prod"].p50 == found["service", "Compute"].p50 == whole.p50
    budget = computed(
        ledger,
        {"name": "all", "amount": 99_999, "ai_only": False},
        {"name": "by account", "amount": 99_999, "match": {"account": "prod"}},
        {"name": "another", "amount": 99_999, "match": {"account": "lab"}},
    )
    assert [round(budget[name].forecast_p50 or D(0), 4) for name in ("all", "by account", "another")] == [
        whole.p50,
        whole.p50,
        0,
    ]


def test_of_a_short_history_too_the_new_price_is_no_fee_of_the_month_besides(ledger: Ledger) -> None:
    """Known from November 1st: nobody knows that nothing came on October 20th, and yet December 20th has 490."""
    for number in range(20):
        day = date(2026, 11, 1) + timedelta(days=number)
        ledger.charge(f"{day}", "10", hours=all_hours())
        _plan(ledger, day, "480" if day == NOVEMBER_20 else "240")
    _november(ledger)
    quarter = "SELECT p50 FROM forecast WHERE period = 'quarter' AND cut = 'all'"
    assert ledger.rows(quarter) == [(D(KNOWN + 480 + 41 * 490),)]
    budget = {"name": "all", "amount": 99_999, "ai_only": False, "period": "quarter"}
    assert round(computed(ledger, budget)["all"].forecast_p50, 4) == D(KNOWN + 480 + 41 * 490)


def test_once_a_second_day_agrees_it_is_the_price_and_counts_once(ledger: Ledger) -> None:
    _use(ledger)
    _until(ledger, date(2026, 11, 18))
    for day in (19, 20):
        _plan(ledger, date(2026, 11, day), "480")
    whole = _november(ledger)["all", None]
    assert (whole.p50, whole.steps) == (D(200 + 18 * 240 + 2 * 480 + 10 * 490), [])


@pytest.mark.parametrize(
    "odd",
    [
        [("240", "1", {}), ("240", "1", {})],  # charged twice
        [("480", "2", {})],  # or two units
        [("240", "1", {}), ("240", None, {})],  # a correction names no quantity
        [("240", "1", {}), ("240", "0", {"category": "Adjustment"})],
        [("240", "1", {}), ("240", "1", {"charge_description": "Another"})],  # bought once
    ],
)
def test_one_odd_day_is_no_plan(ledger: Ledger, odd: list[tuple[str, str | None, dict[str, Any]]]) -> None:
    _use(ledger)
    _until(ledger, date(2026, 11, 19))
    for cost, quantity, words in odd:
        _plan(ledger, NOVEMBER_20, cost, quantity, **words)
    whole = _november(ledger)["all", None]
    assert (whole.actual, whole.p50, whole.steps) == (D(KNOWN + 480), D(KNOWN + 480 + 10 * 250), [])


def test_a_price_that_was_odd_the_day_before_is_none_to_go_by(ledger: Ledger) -> None:
    """One unit at 500 on the 19th and at 240 again on the 20th: 240 goes on, 260 less than the odd day."""
    _use(ledger)
    _until(ledger, date(2026, 11, 18))
    _plan(ledger, date(2026, 11, 19), "500")
    _plan(ledger, NOVEMBER_20, "240")
    whole = _november(ledger)["all", None]
    assert (whole.p50, whole.steps) == (D(200 + 19 * 240 + 500 + 10 * 250), [])


def test_a_plan_that_is_not_of_every_day_waits_for_a_second_day(ledger: Ledger) -> None:
    _use(ledger)
    _until(ledger, date(2026, 11, 12))
    for day in (16, 17, 18, 19):
        _plan(ledger, date(2026, 11, day), "240")
    _plan(ledger, NOVEMBER_20, "480")
    assert not _november(ledger)["all", None].steps
