"""Daily series of many cuts, read together and by the month: a month read once is not read again until it changes.

Assumes     what :mod:`analyzer.series` says of bills, days and costs; each series is the one it would read. What
            ``spend_day`` has of a month follows from what the month was analyzed from.
Method      Of each billing month all cuts are grouped in one statement (grouping sets). What came of it is remembered
            by the month's fingerprint, so that a refresh reads the months that changed. All windows end on the same
            day: of a shorter one only the last days count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exactly
from analyzer.remembered import Remembered, key_of
from analyzer.series import OWN, Coverage, Series, SeriesCut, SeriesSet, coverage, ordered, window_of

_PART = "days of a month"


@dataclass(frozen=True)
class Asked:
    """What clouds bill by ``by`` and charge category, of the last ``days``; of AI spend alone, or of all."""

    by: SeriesCut
    ai_only: bool
    days: int


_Question = tuple[SeriesCut, bool]
_Name = tuple[str | None, str | None, str]
"""Value of the cut, charge category, currency."""


@dataclass
class _Days:
    """Cost of each day that has any, and the days where some cost is missing; days as ordinals."""

    costs: dict[int, Decimal] = field(default_factory=dict)
    lacking: set[int] = field(default_factory=set)

    def add(self, days: str, costs: str, lacking: str) -> None:
        """What one month has of it."""
        for day, cost in zip(map(int, days.split()), map(Decimal, costs.split()), strict=True):
            self.costs[day] = self.costs[day] + cost if day in self.costs else cost
        self.lacking.update(map(int, lacking.split()))

    def between(self, first: date, end: date, name: _Name) -> Series | None:
        """The series of the days from ``first`` up to, not including, ``end``; None where nothing was charged."""
        start, stop = first.toordinal(), end.toordinal()
        known = [(day - start, cost) for day, cost in self.costs.items() if start <= day < stop]
        if not known:
            return None
        costs = [Decimal(0)] * (stop - start)
        for day, cost in known:
            costs[day] = cost or Decimal(0)
        *cut, currency = name
        return Series(tuple(cut), currency, first, tuple(costs), any(start <= day < stop for day in self.lacking))


class SpendByDay:
    """The series of all ``asked``, read when the first of them is wanted."""

    def __init__(
        self, connection: Connection, today: date, asked: Iterable[Asked], remembered: Remembered | None = None
    ) -> None:
        self._connection = connection
        self._remembered = remembered or Remembered()
        wanted = set(asked)
        self._longest = max(one.days for one in wanted)
        self._questions = sorted({(one.by, one.ai_only) for one in wanted})
        self.bills = coverage(connection, today)

    @property
    def clouds(self) -> list[Coverage]:
        """The bills but for the company's own costs."""
        return [bill for bill in self.bills if bill.provider != OWN]

    def series(self, asked: Asked) -> SeriesSet | None:
        """As :func:`analyzer.series.daily_series` without own costs; None where no bill is analyzed."""
        window = window_of(self.bills, asked.days)
        if window is None:
            return None
        known = self._known[asked.by, asked.ai_only].items()
        found = (days.between(window.first, window.end, name) for name, days in known)
        series = tuple(ordered(one for one in found if one is not None))
        return SeriesSet((asked.by, "charge_category"), window.first, window.end, series, window.behind)

    @cached_property
    def _known(self) -> dict[_Question, dict[_Name, _Days]]:
        """Of every question its series, with all days of the months that reach into the longest window."""
        found: dict[_Question, dict[_Name, _Days]] = {question: {} for question in self._questions}
        window = window_of(self.bills, self._longest)
        slices = [number for bill in window.current for number in bill.slices] if window else []
        if window is None or not slices:
            return found
        scope = {"first": window.first, "end": window.end, "slices": slices}
        statement = _statement(self._questions)
        with exactly():
            for month, fingerprint in self._connection.execute(text(_MONTHS), scope).all():
                told = self._of_month(statement, month, fingerprint, slices)
                for number, value, category, currency, days, costs, lacking in told:
                    name = (value, category, currency)
                    found[self._questions[number]].setdefault(name, _Days()).add(days, costs, lacking)
        return found

    def _of_month(self, statement: str, month: date, fingerprint: str | None, slices: Sequence[int]) -> list[list[Any]]:
        """Rows of all questions: the question's number, the name of the series, days, costs and days without."""

        def read() -> list[list[Any]]:
            rows = self._connection.execute(text(statement), {"month": month, "slices": list(slices)})
            return [list(row) for row in rows.all()]

        if fingerprint is None:
            return read()
        key = key_of(statement, f"{month}", fingerprint, f"{sorted(slices)}")
        told: list[list[Any]] = self._remembered.ask(_PART, key, read)
        return told


def _statement(questions: Sequence[_Question]) -> str:
    """One pass over the days of a month for all ``questions``; each is known by its number."""
    cuts = sorted({by for by, _ in questions})
    some_of_ai = any(ai_only for _, ai_only in questions)
    sets, which, value = [], [], []
    for number, (by, ai_only) in enumerate(questions):
        sets.append(f"({by}, {'is_ai, ' if ai_only else ''}charge_category, currency, charge_date)")
        of_ai = f" AND GROUPING(is_ai) = {int(not ai_only)}" if some_of_ai else ""
        which.append(f"WHEN GROUPING({by}) = 0{of_ai} THEN {number}")
        value.append(f"WHEN {number} THEN {by}")
    return _DAYS.format(
        cuts=", ".join(cuts),
        which=" ".join(which),
        value=" ".join(value),
        sets=", ".join(sets),
        only="HAVING GROUPING(is_ai) = 1 OR is_ai" if some_of_ai else "",
    )


_MONTHS = """
    SELECT d.billing_month, a.fingerprint
    FROM (SELECT DISTINCT billing_month FROM spend_day
          WHERE charge_date >= :first AND charge_date < :end AND slice_id = ANY(:slices)) AS d
    LEFT JOIN analysis_state a ON a.period = d.billing_month
    ORDER BY 1"""

_DAYS = """
    SELECT which, CASE which {value} END AS value, charge_category, currency, string_agg(CAST(day AS text), ' '),
           string_agg(CAST(cost AS text), ' '),
           coalesce(string_agg(CASE WHEN lacks THEN CAST(day AS text) END, ' '), '')
    FROM (SELECT {cuts}, charge_category, currency, charge_date - DATE '0001-01-01' + 1 AS day,
                 CASE {which} END AS which,
                 coalesce(sum(coalesce(effective_cost, CASE WHEN NOT given THEN billed_cost END)), 0) AS cost,
                 bool_or(given AND unknown_costs & 2 = 2) AS lacks
          FROM (SELECT d.*, 'effective_cost' = ANY(s.columns_known) AS given
                FROM spend_day d JOIN slice s USING (slice_id)
                WHERE d.billing_month = :month AND d.slice_id = ANY(:slices)) AS d
          GROUP BY GROUPING SETS ({sets})
          {only}) AS d
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, 4"""
