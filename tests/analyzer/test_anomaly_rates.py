"""A SKU's price per unit is of one unit, whichever quantities its lines happen to give."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from analyzer.anomaly_series import asked_by_watch, watched
from analyzer.series_together import SpendByDay
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
FIRST = date(2026, 11, 2)
DAYS = 12


@pytest.mark.parametrize(
    ("consumed", "priced", "expected"),
    [
        ("CASE WHEN charge_date < '2026-11-09' THEN 7.7e13 END", "20", D(20)),
        ("7.7e13", "CASE WHEN charge_date < '2026-11-05' THEN 20 END", D("7.7e13")),
        ("7.7e13", "20", D(20)),
    ],
)
def test_a_price_is_in_the_unit_most_lines_have(ledger: Ledger, consumed: str, priced: str, expected: Decimal) -> None:
    """A line of 5 a day for 20 gibibyte hours, which are 7.7e13 byte-seconds where the bill can say so."""
    for number in range(DAYS):
        when = FIRST + timedelta(days=number)
        ledger.charge(when.isoformat(), "5", hours=all_hours(), quantity="1", charge_description="RAM", sku_id="ram")
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        connection.execute(text(f"UPDATE charge SET consumed_quantity = {consumed}, pricing_quantity = {priced}"))
        spend = SpendByDay(connection, ledger.clock().date(), asked_by_watch(60, False))
        found = watched(connection, spend, days=60, ai_only=False, least=D(0))
    assert found is not None
    (rates,) = found.rates
    told = {quantity for quantity in rates.quantities if quantity}
    assert told == {expected}
    prices = {cost / quantity for cost, quantity in zip(rates.costs, rates.quantities, strict=True) if quantity}
    assert prices == {5 / expected}
