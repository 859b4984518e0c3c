"""Exchange rates where they are used: an old one still converts, and should be known (promise 8).

Amounts are closed in each currency by itself first: every other check compares within one currency, and none of them
converts. What is said here is of the second step, in which ``--in`` and budgets bring amounts into the reporting
currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from analyzer.currency import OLDEST_DAYS, exchange_rates
from analyzer.findings import Finding

FRESH = "exchange rates are fresh where they are used"


def rates_are_fresh(connection: Connection, currency: str) -> Iterator[Finding]:
    """One finding for each billing month and currency that has a rate to ``currency`` on any of its charge days."""
    rates = exchange_rates(connection)
    months: dict[tuple[date, str], list[date]] = {}
    for month, code, day in connection.execute(text(_DAYS), {"currency": currency}):
        months.setdefault((month, code), []).append(day)
    for (month, code), days in months.items():
        found = [(day, quote.as_of) for day in days if (quote := rates.quote(code, currency, day))]
        if not found:
            continue
        used, as_of = max(found, key=lambda one: (one[0] - one[1], one[0]))
        age = (used - as_of).days
        old, without = age > OLDEST_DAYS, len(days) - len(found)
        cause = f"the rate of {as_of} is {age} days old on {used}"
        cause += ": load newer ones, aispend import-rates" if old else ""
        if without:
            cause += f"; of {len(days)} days {without} without a rate stay in {code}"
        yield Finding(
            promise=FRESH,
            scope=f"{code} in {currency}",
            period=month,
            currency=None,
            ours=Decimal(age),
            theirs=Decimal(OLDEST_DAYS),
            difference=Decimal(age - OLDEST_DAYS),
            cause=cause,
            holds=True,
            attention=old or without > 0,
            unit="days",
        )


_DAYS = """
    SELECT DISTINCT billing_month, currency, charge_date FROM spend_day
    WHERE currency <> :currency ORDER BY billing_month, currency, charge_date"""
