"""Amounts of several currencies in one: by dated rates, the original kept beside.

Assumes     ``exchange_rate``: rates that people gave and rates that bills name, each in force from its day until the
            next of its pair, in either direction.
Method      Of a day, the newest rate in force of the pair, as given or as the inverse of the opposite pair; else
            through one third currency for which both are known. Of one day, a rate that a person gave goes before a
            bill's, and one as given before an inverse. Amounts are closed in their own currency first and converted
            once, day by day, at the rate of the charge's day.
Cases       A day before the first rate of a pair has none: its amount stays unconverted, and is named.
Drawbacks   A rate that was not renewed holds on: the answer says how old the oldest rate it used is, and
            ``aispend reconcile`` names what is older than ``OLDEST_DAYS`` at its use. Two bills that name different
            rates for one day are both right for themselves; the first by source is taken for all.

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

from aispend.money import COST_QUANTUM
from aispend.schema import exchange_rate

OLDEST_DAYS = 45
"""Days after which a rate is old: rates are given by the month, and the month's may come up to two weeks late."""

Rate = tuple[str, str, date, Decimal]
"""One unit of the first currency is so many of the second from this day on."""


@dataclass(frozen=True)
class Quote:
    """A rate in force: the amount of the other currency one unit is worth, and the day its oldest part is from."""

    rate: Fraction
    as_of: date


@dataclass(frozen=True)
class _Step:
    rate: Fraction
    by_a_person: bool


@dataclass
class ExchangeRates:
    """All rates given, to be asked for a pair on a day."""

    _steps: Mapping[tuple[str, str], tuple[tuple[date, ...], tuple[_Step, ...]]]
    _found: dict[tuple[str, str, date], Quote | None] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Iterable[Rate], billed: Iterable[Rate] = ()) -> ExchangeRates:
        """From rates people gave, in any order, and rates of bills, of which the first counts for a pair and day."""
        pairs: dict[tuple[str, str], dict[date, _Step]] = {}
        for rates, by_a_person in ((given, True), (billed, False)):
            for base, quote, day, rate in rates:
                pairs.setdefault((base, quote), {}).setdefault(day, _Step(Fraction(rate), by_a_person))
        steps = {}
        for pair, dated in pairs.items():
            days, values = zip(*sorted(dated.items()), strict=True)
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
        as_given, opposite = self._in_force(base, quote, day), self._in_force(quote, base, day)
        if opposite is not None and (as_given is None or opposite[:2] > as_given[:2]):
            return Quote(1 / opposite[2], opposite[0])
        return None if as_given is None else Quote(as_given[2], as_given[0])

    def _in_force(self, base: str, quote: str, day: date) -> tuple[date, bool, Fraction] | None:
        """First day, whether a person gave it, and rate of the newest step of a pair."""
        days, steps = self._steps.get((base, quote), ((), ()))
        place = bisect_right(days, day)
        return (days[place - 1], steps[place - 1].by_a_person, steps[place - 1].rate) if place else None

    def _through_third(self, base: str, quote: str, day: date) -> Quote | None:
        for third in sorted({currency for pair in self._steps for currency in pair} - {base, quote}):
            first, second = self._direct(base, third, day), self._direct(third, quote, day)
            if first is not None and second is not None:
                return Quote(first.rate * second.rate, min(first.as_of, second.as_of))
        return None


def rounded(amount: Fraction) -> Decimal:
    """A converted amount as money, half-even to 1e-12."""
    return round(amount / Fraction(COST_QUANTUM)) * COST_QUANTUM


def exchange_rates(connection: Connection) -> ExchangeRates:
    """Every rate that was loaded."""
    c = exchange_rate.c
    query = select(c.slice_id, c.base, c.quote, c.valid_from, c.rate).order_by(c.source, c.half)
    rows = [tuple(row) for row in connection.execute(query)]
    return ExchangeRates.of(
        [row[1:] for row in rows if row[0] is None], [row[1:] for row in rows if row[0] is not None]
    )
