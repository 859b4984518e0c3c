"""Unit costs in one currency, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import insert

from aispend.schema import exchange_rate
from reports import records, views
from tests.analyzer.conftest import Ledger

D = Decimal


def test_unit_costs_in_one_currency_are_each_day_at_its_rate(ledger: Ledger) -> None:
    """2 M tokens for 40 EUR, 3 M for 60 EUR, 1 M for 7 GBP: 40 × 1.25 + 60 × 1.20 = 122 USD, 24.40 a million of 5 M.

    Pounds have no rate, and stay.
    """
    tags = {"model": "chat", "stage": "inference_online"}
    for day, cost, currency, tokens in (
        ("2026-10-05", "40", "EUR", 2_000_000),
        ("2026-10-06", "60", "EUR", 3_000_000),
        ("2026-10-07", "7", "GBP", 1_000_000),
    ):
        ledger.charge(day, cost, resource_id="ep-1", tags=tags, currency=currency)
        ledger.usage({"requests": 10, "input": tokens}, alias="ep-1", model="chat", day=day)
    ledger.attribute()
    given = [("EUR", "USD", date(2026, 10, 1), D("1.25")), ("EUR", "USD", date(2026, 10, 6), D("1.20"))]
    with ledger.store.engine.begin() as connection:
        for base, quote, day_, rate in given:
            row = {"base": base, "quote": quote, "valid_from": day_, "rate": rate, "source": "bank"}
            connection.execute(insert(exchange_rate).values(row))
    with ledger.store.engine.connect() as connection:
        found = views.unit_costs(connection, basis="allocation", currency="USD")
    pounds, dollars = found.rows
    assert (dollars.currency, dollars.effective_cost, dollars.cost_per_1m_tokens) == ("USD", D(122), D("24.4"))
    assert (pounds.currency, pounds.effective_cost, pounds.cost_per_1m_tokens) == ("GBP", D(7), D(7))
    assert found.oldest_rate == date(2026, 10, 1)
    assert dollars.original is not None
    assert dict(dollars.original) == {"EUR": D(100)}
    assert records.unit_cost_records([dollars])[0]["original"].startswith("100")
