"""Amounts in one currency: every one at the rate of its charge day, what has no rate named apart.

Spend is the rows of :func:`reports.views.spend.spend` by day; conversion comes after, and once. Other views give
:func:`in_one` their amounts by day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection

from aispend.money import exact_sum
from analyzer.currency import ExchangeRates, exchange_rates, rounded
from reports.views.spend import Spend, spend
from reports.views.spend_query import SpendQuery


@dataclass(frozen=True)
class ConvertedRow:
    """One cut in ``currency``; ``original`` are its amounts by the currency they were billed in."""

    cut: tuple[Any, ...]
    amount: Decimal
    original: Mapping[str, Decimal]


@dataclass(frozen=True)
class Converted:
    """Rows, the largest first; ``unconverted`` is what no rate was in force for, by currency.

    ``oldest_rate`` is the day the oldest rate used is from; None where nothing had to be converted.
    """

    query: SpendQuery
    currency: str
    rows: tuple[ConvertedRow, ...]
    total: Decimal
    unconverted: Mapping[str, Decimal]
    oldest_rate: date | None
    spend: Spend


@dataclass(frozen=True)
class InOne:
    """``amount`` in one currency, None where nothing of it could be; ``original`` is all of it as it was billed.

    ``unconverted`` is the part no rate was in force for, by currency, in ``amount`` not. ``oldest_rate`` is the day the
    oldest rate used is from; None where nothing had to be converted.
    """

    amount: Decimal | None
    original: Mapping[str, Decimal]
    unconverted: Mapping[str, Decimal]
    oldest_rate: date | None


def in_one(rates: ExchangeRates, currency: str, amounts: Iterable[tuple[str, date, Decimal]]) -> InOne:
    """Amounts by currency and day, added up in ``currency``, each at the rate of its day."""
    original: dict[str, Decimal] = {}
    unconverted: dict[str, Decimal] = {}
    total: Fraction | None = None
    oldest: date | None = None
    for billed_in, day, amount in amounts:
        original[billed_in] = exact_sum((original.get(billed_in, Decimal(0)), amount))
        quote = rates.quote(billed_in, currency, day)
        if quote is None:
            unconverted[billed_in] = exact_sum((unconverted.get(billed_in, Decimal(0)), amount))
            continue
        total = (total or Fraction(0)) + Fraction(amount) * quote.rate
        if billed_in != currency:
            oldest = quote.as_of if oldest is None else min(oldest, quote.as_of)
    return InOne(None if total is None else rounded(total), original, unconverted, oldest)


def spend_in(connection: Connection, query: SpendQuery, currency: str) -> Converted:
    """The query's cost in ``currency``, at the exchange rates loaded."""
    asked = spend(connection, query)
    daily = asked if set(asked.basis.currencies) <= {currency} else spend(connection, _by_day(query))
    rates = exchange_rates(connection)
    rows: dict[tuple[Any, ...], dict[str, Decimal]] = {}
    amounts: dict[tuple[Any, ...], Fraction] = {}
    unconverted: dict[str, Decimal] = {}
    oldest: date | None = None
    for row in daily.rows:
        cost = row.costs.of(query.cost)
        if cost is None:
            continue
        cut = row.cut[: len(query.by)]
        quote = None
        if row.currency != currency:
            quote = rates.quote(row.currency, currency, _day(row.cut, daily.query))
            if quote is None:
                unconverted[row.currency] = exact_sum((unconverted.get(row.currency, Decimal(0)), cost))
                continue
            oldest = quote.as_of if oldest is None else min(oldest, quote.as_of)
        original = rows.setdefault(cut, {})
        original[row.currency] = exact_sum((original.get(row.currency, Decimal(0)), cost))
        amounts[cut] = amounts.get(cut, Fraction(0)) + Fraction(cost) * (quote.rate if quote else 1)
    found = [ConvertedRow(cut, rounded(amounts[cut]), original) for cut, original in rows.items()]
    dated = query.by[:1] in (("day",), ("month",))
    found.sort(key=lambda row: (row.cut[0] if dated else 0, -row.amount, str(row.cut)))
    total = exact_sum(row.amount for row in found)
    return Converted(query, currency, tuple(found), total, unconverted, oldest, asked)


def _by_day(query: SpendQuery) -> SpendQuery:
    return query if "day" in query.by else replace(query, by=(*query.by, "day"))


def _day(cut: tuple[Any, ...], query: SpendQuery) -> date:
    day: date = cut[query.by.index("day")]
    return day
