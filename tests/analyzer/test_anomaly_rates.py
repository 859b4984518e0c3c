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


def test_a_price_that_rises_while_use_falls_is_told_and_one_that_rises_with_use_is_not(ledger: Ledger) -> None:
    """80 days of 100 for 50 units; the last ten for 50 % more a unit: of 45 units, and of 100 that cost 300."""
    for number in range(80):
        when = (date(2026, 8, 31) + timedelta(days=number)).isoformat()
        less, more = (("135", "45"), ("300", "100")) if number >= 70 else (("100", "50"), ("100", "50"))
        for name, (cost, quantity) in (("falls", less), ("rises", more)):
            ledger.charge(when, cost, hours=all_hours(), quantity=quantity, charge_description=name, sku_id=name)
    ledger.analyze()
    found = ledger.rows("SELECT value, first_day, actual, round(expected, 6) FROM anomaly WHERE kind = 'rate'")
    assert found == [("falls", date(2026, 11, 9), D(1350), D(900))]


def test_a_price_of_one_day_is_no_rate_though_nothing_was_used_after_it(ledger: Ledger) -> None:
    """50 units for 100 on Mondays to Thursdays: for 150 on the last Thursday, or on the last four days of use."""
    for number in range(80):
        when = date(2026, 8, 31) + timedelta(days=number)  # a Monday; the last is Wednesday 18 November
        if when.weekday() > 3:
            continue
        once = "150" if when == date(2026, 11, 12) else "100"
        stays = "150" if when >= date(2026, 11, 12) else "100"
        for name, cost in (("once", once), ("stays", stays)):
            ledger.charge(
                when.isoformat(), cost, hours=all_hours(), quantity="50", charge_description=name, sku_id=name
            )
    ledger.analyze()
    found = ledger.rows(
        "SELECT value, first_day, last_day, actual, round(expected, 6) FROM anomaly WHERE kind = 'rate'"
    )
    assert found == [("stays", date(2026, 11, 12), date(2026, 11, 18), D(600), D(400))]
