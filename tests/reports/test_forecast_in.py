"""Forecasts in one currency: known days each at its rate, days ahead at the last; by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from aispend.clock import Clock
from aispend.schema import exchange_rate
from aispend.settings import Settings
from aispend.store import Store
from analyzer.forecast_run import write_forecasts
from reports import views
from tests.analyzer.conftest import Ledger, all_hours
from tests.analyzer.test_forecast_run import KNOWN_TO, NOW

D = Decimal
RATES = ((date(2026, 10, 1), "1.25"), (date(2026, 10, 11), "1.50"))
DAYS = 22


def _spend(ledger: Ledger, cost: str, currency: str, model: str, days: int = DAYS) -> None:
    for number in range(days):
        day = KNOWN_TO - timedelta(days=number + 1)
        ledger.charge(day.isoformat(), cost, currency=currency, hours=all_hours(), tags={"model": model})


@pytest.fixture
def empty(database: Store, clock: Clock, tmp_path: Path) -> Ledger:
    return Ledger(database, Settings(home=tmp_path), clock)


@pytest.fixture
def ledger(empty: Ledger) -> Ledger:
    """10 USD and 4 EUR a day of chat, 7 GBP a day of rank, bands of ±2 a month; rates of the euro alone."""
    _spend(empty, "10", "USD", "chat")
    _spend(empty, "4", "EUR", "chat")
    _spend(empty, "7", "GBP", "rank")
    return _forecast(empty)


def _forecast(made: Ledger, largest: int = 8) -> Ledger:
    made.analyze()
    settings = Settings.model_validate(made.settings.model_dump(by_alias=True) | {"forecast": {"largest": largest}})
    with made.store.engine.begin() as connection:
        for day, rate in RATES:
            row = {"base": "EUR", "quote": "USD", "valid_from": day, "rate": D(rate), "source": "bank"}
            connection.execute(insert(exchange_rate).values(row))
        write_forecasts(connection, settings, lambda: NOW)
        connection.execute(text("UPDATE forecast SET p10 = p50 - 2, p90 = p50 + 2, reason = NULL"))
    return made


def _month(found: views.Forecasts, cut: str, value: str | None = None) -> views.ForecastRow:
    (row,) = [row for row in found.rows if (row.cut, row.value, row.period) == (cut, value, "month")]
    return row


def test_known_days_are_at_their_rate_and_days_ahead_at_the_last(ledger: Ledger) -> None:
    """October: 310 USD; of euros 10 days × 4 × 1.25 + 9 × 4 × 1.50 = 104 known, 12 × 4 × 1.50 = 72 ahead."""
    with ledger.store.engine.connect() as connection:
        found = views.forecasts_in(connection, "USD", "model")
    chat, whole, rank = _month(found, "model", "chat"), _month(found, "all"), _month(found, "model", "rank")
    assert (chat.actual, chat.p50, chat.currency) == (D(190 + 104), D(310 + 176), "USD")
    assert (chat.p10, chat.p90) == (D(486 - 2 - 3), D(486 + 2 + 3))
    assert (dict(chat.original), dict(chat.unconverted), chat.reason) == ({"USD": D(310), "EUR": D(124)}, {}, None)
    assert (whole.actual, whole.p50, dict(whole.unconverted)) == (D(294), D(486), {"GBP": D(217)})
    assert whole.reason == "no exchange rate from GBP to USD"
    assert (rank.actual, rank.p10, rank.p50, rank.p90, rank.currency) == (None, None, None, None, "USD")
    assert (dict(rank.original), rank.reason) == ({"GBP": D(217)}, "no exchange rate from GBP to USD")
    assert [(row.cut, row.value) for row in found.rows if row.period == "month"] == [
        ("all", None),
        ("ai", None),
        ("model", "chat"),
        ("model", "rank"),
    ]
    assert (found.currency, found.oldest_rate) == ("USD", date(2026, 10, 1))


def test_a_day_of_the_period_without_a_rate_leaves_its_currency_out(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM exchange_rate WHERE valid_from = '2026-10-01'"))
        whole = _month(views.forecasts_in(connection, "USD"), "all")
    assert (whole.p50, dict(whole.unconverted)) == (D(310), {"EUR": D(124), "GBP": D(217)})
    assert whole.reason == "no exchange rate from EUR, GBP to USD"


def test_bands_of_several_currencies_are_added(ledger: Ledger) -> None:
    """A band of 100 to 160 EUR around 124 at 1.50, and one of 300 to 330 USD."""
    with ledger.store.engine.begin() as connection:
        for currency, low, high in (("EUR", 100, 160), ("USD", 300, 330)):
            words = {"low": low, "high": high, "currency": currency}
            connection.execute(
                text("UPDATE forecast SET p10 = :low, p90 = :high WHERE currency = :currency AND period = 'month'"),
                words,
            )
        chat = _month(views.forecasts_in(connection, "USD", "model"), "model", "chat")
        connection.execute(text("UPDATE forecast SET p10 = NULL, p90 = NULL, reason = 'no band: short'"))
        without = _month(views.forecasts_in(connection, "USD", "model"), "model", "chat")
    assert (chat.p10, chat.p90) == (D(300) + 104 + (100 - 76) * D("1.5"), D(330) + 104 + (160 - 76) * D("1.5"))
    assert (without.p10, without.p50, without.p90, without.reason) == (None, D(486), None, "no band: short")


def test_the_rest_of_each_currency_is_of_what_is_not_told_in_it(empty: Ledger) -> None:
    """Of euros chat is told, tiny and less are the rest: 2 × 0.5 EUR × (10 × 1.25 + (9 + 12) × 1.50) = 44."""
    _spend(empty, "4", "EUR", "chat")
    for model in ("tiny", "less"):
        _spend(empty, "0.5", "EUR", model)
    with _forecast(empty, largest=1).store.engine.connect() as connection:
        found = views.forecasts_in(connection, "USD", "model")
    (rest,) = [row for row in found.rows if row.others and row.period == "month"]
    assert (rest.others, rest.p50, dict(rest.original or {})) == (2, D(44), {"EUR": D(31)})


def test_bills_that_changed_since_are_not_guessed_at(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "5", currency="EUR", hours=all_hours(), tags={"model": "chat"})
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE spend_day SET effective_cost = 5 WHERE charge_date = '2026-10-05'"))
        chat = _month(views.forecasts_in(connection, "USD", "model"), "model", "chat")
    assert (chat.p50, dict(chat.unconverted)) == (D(310), {"EUR": D(124)})
    assert chat.reason == "bills in EUR have changed since it was made"
