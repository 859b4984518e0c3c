"""The cells of a change in one currency: what each was worth in two periods, and at which rate effects are valued.

Assumes     exchange rates (analyzer.currency), of which a few are in force over a period.
Method      The days of each currency are numbered by the rate in force (*steps*), so that the database adds up what has
            one rate and no more rows come back than there are rates. A cell is worth the sum of its steps at their
            rates. The rate of a period is what all its amounts were worth by what they were, both by size: credits make
            it neither larger nor smaller than the rates it is made of.
Cases       Without a rate a step is left out and named by currency. Without cost before, effects are valued at the rate
            of the period after, so that what is new has no currency effect.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, text

from aispend.money import exact_sum
from analyzer.currency import Quote, exchange_rates
from analyzer.variance import Worth

Key = TypeVar("Key", bound=Hashable)

Period = tuple[date, date]
"""First day, and the day after the last."""

Both = tuple[Decimal, Decimal]
"""Before and after."""

STEPS = """(SELECT unnest(CAST(:codes AS text[])) AS code, unnest(CAST(:days AS date[])) AS day,
             unnest(CAST(:numbers AS int[])) AS step)"""
"""FROM item: the rate in force by currency and day, by its number."""

NO_STEPS: Mapping[str, Sequence[Any]] = {"codes": [], "days": [], "numbers": []}


@dataclass(frozen=True)
class Conversion(Generic[Key]):
    """What cells are worth in ``currency``.

    ``rates``: by the bill's currency, its mean rate before and after; None where it had no cost in the period.
    ``unconverted``: by currency, what had no rate before and after. ``oldest_rate``: the day the oldest rate used is
    from; None where nothing had to be converted.
    """

    currency: str
    worth: Mapping[Key, Worth]
    rates: Mapping[str, tuple[Fraction | None, Fraction | None]]
    unconverted: Mapping[str, Both]
    oldest_rate: date | None


@dataclass
class Converter(Generic[Key]):
    """Converts amounts cell by cell as they are read."""

    currency: str
    steps: Mapping[str, Sequence[Any]]
    _quotes: Sequence[Quote]
    _cells: dict[Key, tuple[str, list[Fraction]]] = field(default_factory=dict)
    _sizes: dict[str, list[Fraction]] = field(default_factory=dict)
    _worths: dict[str, list[Fraction]] = field(default_factory=dict)
    _without: dict[str, list[Decimal]] = field(default_factory=dict)
    _used: set[date] = field(default_factory=set)

    @classmethod
    def of(cls, connection: Connection, currency: str, periods: Sequence[Period]) -> Converter[Key]:
        """With the rates in force over the periods, for every currency there are charges in."""
        rates = exchange_rates(connection)
        codes = connection.scalars(text("SELECT DISTINCT billing_currency FROM charge_kind")).all()
        days = sorted({first + timedelta(days=n) for first, end in periods for n in range((end - first).days)})
        numbers: dict[Quote, int] = {}
        found = [
            (code, day, numbers.setdefault(quote, len(numbers)))
            for code in codes
            if code != currency
            for day in days
            if (quote := rates.quote(code, currency, day)) is not None
        ]
        columns = zip(*found, strict=True) if found else ((), (), ())
        steps = dict(zip(NO_STEPS, map(list, columns), strict=True))
        return cls(currency, steps, list(numbers))

    def convert(self, cell: Key, code: str, side: int, amount: Decimal, step: int | None) -> bool:
        """Take in a part of a cell in currency ``code``, ``side`` 0 before or 1 after; False where it has no rate."""
        rate = Fraction(1)
        if code != self.currency:
            if step is None:
                without = self._without.setdefault(code, [Decimal(0), Decimal(0)])
                without[side] = exact_sum((without[side], amount))
                return False
            rate = self._quotes[step].rate
            self._used.add(self._quotes[step].as_of)
        size = abs(Fraction(amount))
        self._cells.setdefault(cell, (code, _nothing()))[1][side] += Fraction(amount) * rate
        self._sizes.setdefault(code, _nothing())[side] += size
        self._worths.setdefault(code, _nothing())[side] += size * rate
        return True

    def conversion(self) -> Conversion[Key]:
        """What was taken in."""
        rates = {
            code: (_mean(worth[0], self._sizes[code][0]), _mean(worth[1], self._sizes[code][1]))
            for code, worth in self._worths.items()
        }
        worths = {}
        for cell, (code, (before, after)) in self._cells.items():
            old, new = rates[code]
            worths[cell] = Worth(before, after, old or new or Fraction(1))
        without = {code: (before, after) for code, (before, after) in sorted(self._without.items())}
        return Conversion(self.currency, worths, rates, without, min(self._used, default=None))


def _nothing() -> list[Fraction]:
    return [Fraction(0), Fraction(0)]


def _mean(worth: Fraction, size: Fraction) -> Fraction | None:
    return worth / size if size else None
