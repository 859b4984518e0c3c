"""What is known and not forecast: the company's own costs, written down day by day, and steps that end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from aispend.foresight import Step
from aispend.settings import Forecast
from analyzer.forecast_run import write_forecasts
from analyzer.forecast_steps import KnownStep, steps_ahead, steps_written_down, told_once
from analyzer.series import OWN
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NOW = datetime(2026, 10, 20, 6, tzinfo=UTC)
KNOWN_TO = date(2026, 10, 20)
OCTOBER = date(2026, 10, 1)


def clouds(ledger: Ledger, days: int = 111) -> None:
    """Ten a day, up to the last known day."""
    for number in range(days):
        ledger.charge(f"{KNOWN_TO - timedelta(days=number + 1)}", "10", hours=all_hours(), tags={"model": "chat"})


def write_down(ledger: Ledger, first: date, cost: str, days: int, **words: Any) -> None:
    """The company's own costs, a line a day."""
    for number in range(days):
        ledger.charge(f"{first + timedelta(days=number)}", cost, provider=OWN, scope="costs", **words)


def told(ledger: Ledger, **forecast: Any) -> dict[tuple[Any, ...], Any]:
    ledger.analyze()
    settings = ledger.settings.model_copy(update={"forecast": Forecast.model_validate(forecast)})
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, settings, lambda: NOW)
        rows = connection.execute(text("SELECT * FROM forecast")).all()
    return {(row.cut, row.value, row.period, row.period_start): row for row in rows}


def test_own_costs_of_the_running_month_are_added_to_the_day(ledger: Ledger) -> None:
    """19 days of 10 and 12 to come, and 31 days of 2 written down; November has no line of its own costs."""
    clouds(ledger)
    write_down(ledger, OCTOBER, "2", 31, tags={"model": "chat", "team": "support"})
    found = told(ledger)
    month = found["all", None, "month", OCTOBER]
    assert (month.known_to, month.actual, month.p50) == (KNOWN_TO, D(190 + 38), D(310 + 62))
    assert month.p10 == month.p90 == month.p50
    assert found["all", None, "day", date(2026, 10, 31)].p50 == 12
    assert found["all", None, "day", date(2026, 11, 1)].p50 == 10
    quarter = found["all", None, "quarter", OCTOBER]
    assert quarter.p50 == 310 + 62 + 610
    assert found["model", "chat", "month", OCTOBER].p50 == 372
    assert found["provider", "aws", "month", OCTOBER].p50 == 310
    for cut, value in (("provider", "own"), ("team", "support")):
        own = found[cut, value, "month", OCTOBER]
        assert (own.actual, own.p10, own.p50, own.p90, own.reason) == (D(38), D(62), D(62), D(62), None)


def test_a_single_past_own_cost_moves_no_band(ledger: Ledger) -> None:
    clouds(ledger)
    write_down(ledger, date(2026, 10, 5), "5000", 1)
    month = told(ledger)["all", None, "month", OCTOBER]
    assert (month.actual, month.p10, month.p50, month.p90) == (D(5190), D(5310), D(5310), D(5310))


def test_own_costs_before_the_first_bill_of_a_cloud_are_known(ledger: Ledger) -> None:
    clouds(ledger, 5)
    write_down(ledger, OCTOBER, "2", 31)
    month = told(ledger)["all", None, "month", OCTOBER]
    assert (month.actual, month.p50, month.p10) == (D(50 + 38), D(50 + 120 + 62), None)


def test_own_costs_alone_are_exact_and_days_to_come_are_no_history(ledger: Ledger) -> None:
    write_down(ledger, OCTOBER, "2", 31)
    month = told(ledger)["all", None, "month", OCTOBER]
    # known up to today, the 20th
    assert (month.known_to, month.actual, month.p10, month.p50, month.p90) == (
        date(2026, 10, 21),
        D(40),
        D(62),
        D(62),
        D(62),
    )


def test_own_costs_of_days_to_come_alone_are_told(ledger: Ledger) -> None:
    write_down(ledger, date(2026, 11, 1), "2", 30)
    found = told(ledger)
    assert found["all", None, "month", OCTOBER].p50 == 0
    assert found["all", None, "quarter", OCTOBER].p50 == 60


def test_a_step_in_the_history_is_taken_off_when_it_ends(ledger: Ledger) -> None:
    """Since July ten a day, four of them a burst that ends on the 25th: six a day from then on."""
    clouds(ledger)
    burst = {"from": date(2026, 7, 1), "to": date(2026, 10, 25), "amount": D(4), "model": "chat", "why": "burst"}
    found = told(ledger, step=[burst])
    assert found["model", "chat", "day", date(2026, 10, 24)].p50 == 10
    assert found["model", "chat", "day", date(2026, 10, 25)].p50 == 6
    month = found["all", None, "month", OCTOBER]
    assert month.p50 == 310 - 7 * 4
    assert month.steps == [
        {"from": "2026-10-25", "to": None, "amount_per_day": "-4", "currency": "USD", "why": "burst ends"}
    ]


def test_a_step_that_ended_before_is_nothing_and_one_that_ends_with_the_known_days_is_taken_off() -> None:
    def ending(end: str) -> list[float]:
        step = Step.model_validate({"from": "2026-09-01", "to": end, "amount": "5", "why": "burst"})
        return list(steps_ahead(steps_written_down([step], KNOWN_TO, "USD"), KNOWN_TO, 3))

    assert ending("2026-10-19") == [0, 0, 0]
    assert ending("2026-10-20") == [-5, -5, -5]
    assert ending("2026-10-22") == [0, 0, -5]


def test_steps_of_two_currencies_are_both_told() -> None:
    steps = [
        KnownStep(KNOWN_TO, None, D(amount), currency, "launch", True, {})
        for amount, currency in ((5, "USD"), (3, "EUR"), (2, "USD"))
    ]
    assert [(one["currency"], one["amount_per_day"]) for one in told_once(steps)] == [("EUR", "3"), ("USD", "7")]
