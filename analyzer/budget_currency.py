"""A budget's daily cost in its own currency: every day at its exchange rate, what has none named apart.

Assumes     daily cost by currency, closed in each; exchange rates (analyzer.currency).
Method      Cost of a day is converted once, at the rate in force on it.
Cases       A day of the period without a rate: its amount stands apart, in no figure of the budget. Days before the
            period only serve the forecast: those before the first rate are taken at the first, so that the day a rate
            begins is no jump in demand.
Drawbacks   Cost that had no rate is not in the forecast either, and the budget says so only by what stands apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from aispend.money import exact_sum
from analyzer.currency import ExchangeRates, Quote, rounded


@dataclass(frozen=True)
class DailyCost:
    """Cost per currency and day from ``first`` on: by use, and everything else; which currencies lack some cost."""

    first: date
    usage: Mapping[str, list[Decimal]]
    fees: Mapping[str, list[Decimal]]
    lacking: frozenset[str]
    length: int

    @property
    def end(self) -> date:
        """The day after its last."""
        return self.first + timedelta(days=self.length)

    def part(self, start: int, stop: int) -> DailyCost:
        """Its days from number ``start`` up to, not including, ``stop``."""
        return DailyCost(
            first=self.first + timedelta(days=start),
            usage={code: costs[start:stop] for code, costs in self.usage.items()},
            fees={code: costs[start:stop] for code, costs in self.fees.items()},
            lacking=self.lacking,
            length=stop - start,
        )


@dataclass(frozen=True)
class InCurrency:
    """Usage and fees a day, whether some cost of it is unknown, and what of the period has no rate, by currency."""

    usage: list[Decimal]
    fees: list[Decimal]
    partly_unknown: bool
    unconverted: Mapping[str, Decimal]

    def with_others(self, others: Sequence[InCurrency]) -> InCurrency:
        """The same days with what ``others`` say of them, whose first day is the same."""
        every = (self, *others)
        return InCurrency(
            _added([one.usage for one in every]),
            _added([one.fees for one in every]),
            any(one.partly_unknown for one in every),
            {
                code: exact_sum(one.unconverted.get(code, Decimal(0)) for one in every)
                for code in sorted({code for one in every for code in one.unconverted})
            },
        )


def in_currency(daily: DailyCost, currency: str, first: date, rates: ExchangeRates) -> InCurrency:
    """All of ``daily`` in ``currency``; the budget's period begins on ``first``."""
    start = (first - daily.first).days
    usage, fees = ([Decimal(0)] * daily.length for _ in range(2))
    unconverted, partly_unknown = {}, False
    for code in daily.usage:
        quotes = _quotes(daily, code, currency, start, rates)
        partly_unknown |= code in daily.lacking and any(quotes)
        without: list[Decimal] = []
        for day, quote in enumerate(quotes):
            amounts = daily.usage[code][day], daily.fees[code][day]
            if quote is not None:
                for side, amount in zip((usage, fees), amounts, strict=True):
                    side[day] = exact_sum((side[day], rounded(Fraction(amount) * quote.rate)))
            elif day >= start:
                without += amounts
        if left := exact_sum(without):
            unconverted[code] = left
    return InCurrency(usage, fees, partly_unknown, unconverted)


def _added(sides: Sequence[Sequence[Decimal]]) -> list[Decimal]:
    """Day by day; none goes on longer than the first."""
    length = len(sides[0])
    return [exact_sum(side[day] for side in sides if day < len(side)) for day in range(length)]


def _quotes(daily: DailyCost, code: str, currency: str, start: int, rates: ExchangeRates) -> list[Quote | None]:
    """The rate of each day, before the period at least the first there is."""
    found = [rates.quote(code, currency, daily.first + timedelta(days=day)) for day in range(daily.length)]
    earliest = next((quote for quote in found if quote is not None), None)
    return [quote or (earliest if day < start else None) for day, quote in enumerate(found)]
