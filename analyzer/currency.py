"""Amounts of several currencies in one: by dated rates, the original kept beside.

Assumes     ``exchange_rate``: each rate holds from its day until the next of its pair.
Method      Of a day, the rate in force: as given, else the inverse of the opposite pair, else through one third
            currency for which both are given. Amounts are closed in their own currency first and converted once, day by
            day, at the rate of the charge's day.
Cases       A day before the first rate of a pair has none: its amount stays unconverted, and is named.
Drawbacks   A rate that was not renewed holds on: the answer says how old the oldest rate it used is.

Two ways through third currencies give slightly different rates; the one of the alphabetically first third currency
is taken, so that the same rates always give the same amount.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection, select

from aispend.schema import exchange_rate


@dataclass(frozen=True)
class Quote:
    """A rate in force: the amount of the other currency one unit is worth, and the day its oldest part is from."""

    rate: Fraction
    as_of: date


@dataclass
class ExchangeRates:
    """All rates given, to be asked for a pair on a day."""

    _steps: Mapping[tuple[str, str], tuple[tuple[date, ...], tuple[Decimal, ...]]]
    _found: dict[tuple[str, str, date], Quote | None] = field(default_factory=dict)

    @classmethod
    def of(cls, rates: Iterable[tuple[str, str, date, Decimal]]) -> ExchangeRates:
        """From (base, quote, first day, rate) in any order."""
        pairs: dict[tuple[str, str], list[tuple[date, Decimal]]] = {}
        for base, quote, day, rate in rates:
            pairs.setdefault((base, quote), []).append((day, rate))
        steps = {}
        for pair, dated in pairs.items():
            days, values = zip(*sorted(dated), strict=True)
            steps[pair] = (days, values)
        return cls(steps)

    def quote(self, base: str, quote: str, day: date) -> Quote | None:
        """What one ``base`` is worth in ``quote`` on ``day``; None where no rate is in force."""
        if base == quote:
            return Quote(Fraction(1), day)
        key = (base, quote, day)
        if key not in self._found:
            self._found[key] = self._direct(base, quote, day) or self._through_third(base, quote, day)
        return self._found[key]

    def _direct(self, base: str, quote: str, day: date) -> Quote | None:
        given = self._in_force(base, quote, day)
        if given is not None:
            return given
        opposite = self._in_force(quote, base, day)
        return None if opposite is None else Quote(1 / opposite.rate, opposite.as_of)

    def _in_force(self, base: str, quote: str, day: date) -> Quote | None:
        days, values = self._steps.get((base, quote), ((), ()))
        place = bisect_right(days, day)
        return Quote(Fraction(values[place - 1]), days[place - 1]) if place else None

    def _through_third(self, base: str, quote: str, day: date) -> Quote | None:
        for third in sorted({currency for pair in self._steps for currency in pair} - {base, quote}):
            first, second = self._direct(base, third, day), self._direct(third, quote, day)
            if first is not None and second is not None:
                return Quote(first.rate * second.rate, min(first.as_of, second.as_of))
        return None


def exchange_rates(connection: Connection) -> ExchangeRates:
    """Every rate that was loaded."""
    c = exchange_rate.c
    return ExchangeRates.of(tuple(row) for row in connection.execute(select(c.base, c.quote, c.valid_from, c.rate)))
