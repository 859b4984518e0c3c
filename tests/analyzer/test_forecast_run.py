"""Forecasts written from a ledger: what is known and what is expected, who is told, and what has no band."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.foresight import Step
from aispend.settings import Forecast
from analyzer.forecast_run import Period, periods, write_forecasts
from analyzer.forecast_steps import KnownStep, commitments_that_end, steps_ahead, steps_written_down
from analyzer.forecast_subjects import Part, Subject, largest
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NOW = datetime(2026, 10, 20, 6, tzinfo=UTC)
KNOWN_TO = date(2026, 10, 20)
FIRST = date(2026, 7, 1)


def _spend(ledger: Ledger, days: int, cost: str = "10", **words: Any) -> None:
    for number in range(days):
        day = KNOWN_TO - timedelta(days=number + 1)
        ledger.charge(day.isoformat(), cost, **{"hours": all_hours(), **words})


def _told(ledger: Ledger, **forecast: Any) -> dict[tuple[Any, ...], Any]:
    ledger.analyze()
    settings = ledger.settings.model_copy(update={"forecast": Forecast.model_validate(forecast)})
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, settings, lambda: NOW)
        rows = connection.execute(text("SELECT * FROM forecast ORDER BY period_start")).all()
    return {(row.cut, row.value, row.period, row.period_start): row for row in rows}


def test_without_a_bill_there_is_nothing_to_tell(ledger: Ledger) -> None:
    assert _told(ledger) == {}


def test_a_month_is_what_is_known_and_what_is_expected(ledger: Ledger) -> None:
    _spend(ledger, 111, tags={"model": "chat", "team": "support"})
    ledger.charge("2026-09-01", "7", category="Purchase", service_name="Support", is_ai=False)
    ledger.charge("2026-10-01", "7", category="Purchase", service_name="Support", is_ai=False)
    told = _told(ledger)
    month = told["all", None, "month", date(2026, 10, 1)]
    # 19 days of 10 and the subscription; 12 days of 10 to come
    assert (month.period_end, month.known_to) == (date(2026, 11, 1), KNOWN_TO)
    assert (month.actual, month.p50) == (D(197), D(317))
    assert month.actual <= month.p10 < month.p50 < month.p90  # the subscription came as a surprise in September
    chat = told["model", "chat", "month", date(2026, 10, 1)]
    assert chat.p10 == chat.p50 == chat.p90 == 310
    assert (month.method, month.history_days, month.reason) == ("middle of members", 111, None)
    # the quarter: the same, 30 days of November, 31 of December, and the subscription twice more
    quarter = told["all", None, "quarter", date(2026, 10, 1)]
    assert (quarter.period_end, quarter.p50) == (date(2027, 1, 1), D(317 + 610 + 14))
    assert told["ai", None, "month", date(2026, 10, 1)].p50 == 310
    assert told["team", "support", "month", date(2026, 10, 1)].p50 == 310
    assert told["provider", "aws", "month", date(2026, 10, 1)].p50 == 317
    assert told["all", None, "day", date(2026, 11, 1)].p50 == 17
    assert ("all", None, "day", date(2026, 10, 19)) not in told
    assert told["all", None, "day", date(2026, 12, 31)].p50 == 10


def test_a_short_history_has_no_band_and_says_why(ledger: Ledger) -> None:
    _spend(ledger, 5)
    month = _told(ledger)["all", None, "month", date(2026, 10, 1)]
    assert (month.p10, month.p50, month.p90) == (None, D(170), None)
    assert month.method == "run rate"
    assert "no band: 5 days" in month.reason
    assert "nothing is loaded before 2026-10-15" in month.reason


def test_currencies_are_told_apart(ledger: Ledger) -> None:
    _spend(ledger, 8)
    _spend(ledger, 8, cost="3", currency="EUR")
    _told(ledger)
    rows = ledger.rows("SELECT currency, p50 FROM forecast WHERE cut = 'all' AND period = 'month' ORDER BY 1")
    assert rows == [("EUR", D(60)), ("USD", D(200))]


def test_a_step_is_added_to_everything_it_belongs_to(ledger: Ledger) -> None:
    _spend(ledger, 30, tags={"model": "chat", "team": "support"})
    steps = [
        {"from": date(2026, 10, 30), "amount": D(100), "model": "chat", "why": "launch"},
        {"from": date(2026, 10, 19), "amount": D(999), "why": "known already"},
        {"from": date(2026, 9, 1), "to": date(2026, 10, 19), "amount": D(999), "why": "gone already"},
        {"from": date(2026, 10, 31), "amount": D(-1), "ai": False, "why": "less storage"},
    ]
    told = _told(ledger, step=steps)
    # 310 without; two days of 100 for the model, one of -1 that is no AI
    october = {cut: told[cut, value, "month", date(2026, 10, 1)].p50 for cut, value in _CUTS.items()}
    assert october == {"all": D(509), "ai": D(510), "provider": D(310), "model": D(510), "team": D(310)}
    noted = told["all", None, "month", date(2026, 10, 1)].steps
    assert noted == [
        {"from": "2026-10-30", "to": None, "amount_per_day": "100", "currency": "USD", "why": "launch"},
        {"from": "2026-10-31", "to": None, "amount_per_day": "-1", "currency": "USD", "why": "less storage"},
    ]


_CUTS = {"all": None, "ai": None, "provider": "aws", "model": "chat", "team": "support"}


def test_what_a_commitment_covered_goes_to_the_contracted_price_when_it_ends(ledger: Ledger) -> None:
    # billed 0, effective 6, list 12, contracted 10: four a day more once nothing covers it
    _spend(ledger, 28, cost=("0", "6", "12", "10"), commitment_id="sp-1", tags={"model": "chat"})  # type: ignore[arg-type]
    ledger.plan_ends(datetime(2026, 10, 25, tzinfo=UTC))
    told = _told(ledger)
    assert told["model", "chat", "day", date(2026, 10, 24)].p50 == 6
    assert told["model", "chat", "day", date(2026, 10, 25)].p50 == 10
    with ledger.store.engine.connect() as connection:
        (step,) = commitments_that_end(connection, KNOWN_TO, date(2027, 1, 1))
        assert (step.first, step.amount, step.owners["model"]) == (date(2026, 10, 25), D(4), "chat")
        assert commitments_that_end(connection, KNOWN_TO, date(2026, 10, 25)) == []


def test_periods_are_of_today_or_of_what_is_known_last() -> None:
    assert periods(date(2026, 11, 20), date(2026, 11, 21)) == [
        Period("month", date(2026, 11, 1), date(2026, 12, 1)),
        Period("quarter", date(2026, 10, 1), date(2027, 1, 1)),
    ]
    assert periods(date(2026, 10, 30), date(2026, 11, 2))[0].first == date(2026, 11, 1)
    assert periods(date(2026, 12, 1), date(2026, 11, 30))[0].first == date(2026, 12, 1)


def test_the_rest_is_one_series_of_its_currency() -> None:
    def one(value: str, cost: int, currency: str = "USD") -> Subject:
        return Subject("model", value, 0, currency, Part(FIRST, (D(cost),), (D(0),)), value == "c")

    chosen = largest([one("a", 5), one("b", 9), one("c", 1), one("d", 2), one("e", 3, "EUR")], 2)
    told = [(row.value, row.others, row.currency, row.total, row.partly_unknown) for row in chosen]
    assert told == [
        ("e", 0, "EUR", D(3), False),
        ("b", 0, "USD", D(9), False),
        ("a", 0, "USD", D(5), False),
        (None, 2, "USD", D(3), True),
    ]
    assert [row.value for row in largest([one("a", 5), one("b", 9), one("c", 1)], 2)] == ["b", "a", "c"]


def test_steps_hold_from_their_first_day_to_before_their_end() -> None:
    step = Step.model_validate({"from": "2026-10-22", "to": "2026-10-24", "amount": "5", "why": "burst"})
    (known,) = steps_written_down([step], KNOWN_TO, "USD")
    assert steps_ahead([known], KNOWN_TO, 6).tolist() == [0, 0, 5, 5, 0, 0]
    assert isinstance(known, KnownStep)
    assert known.is_of("all", None, "USD")
    assert not known.is_of("all", None, "EUR")
    assert not known.is_of("team", "support", "USD")


def test_a_step_ends_after_it_begins_and_says_why() -> None:
    with pytest.raises(ValueError, match="'burst' ends before it begins"):
        Step.model_validate({"from": "2026-10-22", "to": "2026-10-22", "amount": "5", "why": "burst"})
    with pytest.raises(ValueError, match="why"):
        Step.model_validate({"from": "2026-10-22", "amount": "5"})
