"""Exchange rates that are old where they are used are told, and fail nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import text

from analyzer.reconcile_rates import rates_are_fresh
from tests.analyzer.conftest import Ledger

D = Decimal
SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)


def told(ledger: Ledger, *rates: tuple[str, str]) -> list[tuple[object, ...]]:
    """What is said of euros and pounds in dollars, with these rates of the euro."""
    for day, code in (
        ("2026-09-20", "EUR"),
        ("2026-10-15", "EUR"),
        ("2026-10-16", "EUR"),
        ("2026-10-16", "GBP"),
        ("2026-10-17", "USD"),
    ):
        ledger.charge(day, "5", currency=code)
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        for day, rate in rates:
            connection.execute(
                text(
                    "INSERT INTO exchange_rate (base, quote, valid_from, rate, source) "
                    "VALUES ('EUR', 'USD', CAST(:day AS date), CAST(:rate AS numeric), 'test')"
                ),
                {"day": day, "rate": rate},
            )
        found = list(rates_are_fresh(connection, "USD"))
    assert all(one.holds and one.unit == "days" for one in found)
    return [(one.scope, one.period, one.ours, one.attention, one.cause) for one in found]


def test_forty_five_days_are_fresh_and_one_more_is_old(ledger: Ledger) -> None:
    assert told(ledger, ("2026-08-31", "1.1")) == [
        ("EUR in USD", SEPTEMBER, D(20), False, "the rate of 2026-08-31 is 20 days old on 2026-09-20"),
        (
            "EUR in USD",
            OCTOBER,
            D(46),
            True,
            "the rate of 2026-08-31 is 46 days old on 2026-10-16: load newer ones, aispend import-rates",
        ),
    ]


def test_days_before_the_first_rate_are_told_beside_those_that_have_one(ledger: Ledger) -> None:
    assert told(ledger, ("2026-10-16", "1.1")) == [
        (
            "EUR in USD",
            OCTOBER,
            D(0),
            True,
            "the rate of 2026-10-16 is 0 days old on 2026-10-16; of 2 days 1 without a rate stay in EUR",
        )
    ]


def test_who_converts_nothing_is_told_nothing(ledger: Ledger) -> None:
    assert told(ledger) == []
