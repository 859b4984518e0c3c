"""Cost day by day, as series without holes: what forecasts, anomalies and budgets look at.

Assumes     ``spend_day`` as the last analysis left it.
Method      Of every bill (provider and scope) the last whole day is found (:mod:`analyzer.whole_days`). The series end
            on the earliest such day of all bills that are up to date, so that no provider's late delivery looks like a
            fall. A day without charges inside that span cost nothing.
Cases       A bill whose last day lies more than ``LATE_DAYS`` before the newest one's is *behind*: what it will
            say is unknown, so that it is in none of these series; it is named, and :func:`bill_series` reads it to its
            own last day. Where a month of a bill is missing between others, the series start after it. Where a bill
            has no effective cost, billed cost is taken. The company's own costs are written down, for days to come
            too: what is known of clouds says where series begin and end, own costs only where there is nothing else.
            No series goes on after today.
Drawbacks   One bill delivered late by up to ``LATE_DAYS`` shortens the series of all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

from sqlalchemy import Connection, Row, text

from aispend.clock import next_month
from aispend.money import exact_sum
from analyzer.whole_days import end_of_bill, end_of_own

LATE_DAYS = 5
"""Days a bill may lag behind the newest before it is left out."""

SeriesCut = Literal["provider", "account", "service", "region", "charge_category", "model", "team", "stage", "reason"]
OWN = "own"
"""The provider of costs no cloud bills: a person wrote them down, day by day and to the cent."""

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Series:
    """Cost of one cut per day, in one currency; ``costs[0]`` is of day ``first``.

    ``partly_unknown``: some charge in it has no cost although its bill gives that column; it is left out.
    """

    cut: tuple[str | None, ...]
    currency: str
    first: date
    costs: tuple[Decimal, ...]
    partly_unknown: bool = False

    @property
    def end(self) -> date:
        """The day after the last."""
        return self.first + timedelta(days=len(self.costs))

    @property
    def total(self) -> Decimal:
        """All days together."""
        return exact_sum(self.costs)

    def days(self) -> Iterator[tuple[date, Decimal]]:
        """Each day with its cost."""
        return ((self.first + timedelta(days=number), cost) for number, cost in enumerate(self.costs))


@dataclass(frozen=True)
class Behind:
    """A bill that is not up to date, and the last day it is known whole to."""

    provider: str
    scope: str
    last_day: date


@dataclass(frozen=True)
class SeriesSet:
    """Series of one question; all of them span ``first`` to the day before ``end``."""

    by: tuple[SeriesCut, ...]
    first: date
    end: date
    series: tuple[Series, ...]
    behind: tuple[Behind, ...]


@dataclass(frozen=True)
class Coverage:
    """What is known of one bill: its days from ``first`` to the day before ``end``.

    ``has_gap``: a month before ``first`` is loaded, but one between is missing.
    """

    provider: str
    scope: str
    slices: tuple[int, ...]
    first: date
    end: date
    has_gap: bool

    @property
    def as_behind(self) -> Behind:
        """The bill, and its last day."""
        return Behind(self.provider, self.scope, self.end - _ONE_DAY)


@dataclass(frozen=True)
class Window:
    """Days from ``first`` to the day before ``end``; ``current`` are the bills of clouds that say all of them."""

    first: date
    end: date
    current: tuple[Coverage, ...]
    behind: tuple[Behind, ...]


def daily_series(
    connection: Connection,
    by: Sequence[SeriesCut] = (),
    *,
    days: int,
    bills: Sequence[Coverage],
    ai_only: bool = False,
    own: bool = True,
) -> SeriesSet | None:
    """Effective cost of the last ``days`` whole days, a series for each combination of ``by`` and currency.

    A series that starts later in the window has zeros before: nothing was charged then. None where no bill is
    analyzed. ``by`` empty gives one series per currency. Ordered by currency and total, largest first. ``bills``:
    what :func:`coverage` says. ``own``: with the company's own costs.
    """
    window = window_of(bills, days)
    if window is None:
        return None
    read = [bill for bill in bills if (own if bill.provider == OWN else bill in window.current)]
    slices = [number for bill in read for number in bill.slices]
    series = _read(connection, by, (window.first, window.end), slices, ai_only)
    return SeriesSet(tuple(by), window.first, window.end, series, window.behind)


def window_of(bills: Sequence[Coverage], days: int) -> Window | None:
    """The last ``days`` whole days of what ``bills`` cover; None where there are none."""
    if not bills:
        return None
    clouds = [bill for bill in bills if bill.provider != OWN]
    newest = max(bill.end for bill in clouds or bills)
    behind = [bill for bill in clouds if newest - bill.end > timedelta(days=LATE_DAYS)]
    current = [bill for bill in clouds if bill not in behind]
    end = min((bill.end for bill in current), default=newest)
    starts = [min(bill.first for bill in current or bills), *(bill.first for bill in current if bill.has_gap)]
    first = max(end - timedelta(days=days), *starts)
    return Window(first, end, tuple(current), tuple(bill.as_behind for bill in behind))


def bill_series(
    connection: Connection, by: Sequence[SeriesCut], bill: Coverage, first: date, *, ai_only: bool = False
) -> tuple[Series, ...]:
    """The series of one bill from ``first`` to its own last whole day."""
    return _read(connection, by, (first, bill.end), bill.slices, ai_only)


def bills_behind(bills: Sequence[Coverage], behind: Sequence[Behind]) -> list[Coverage]:
    """Those of ``bills`` that are ``behind``."""
    names = {(one.provider, one.scope) for one in behind}
    return [bill for bill in bills if (bill.provider, bill.scope) in names]


def own_costs(
    connection: Connection, by: Sequence[SeriesCut], first: date, end: date, *, ai_only: bool = False
) -> tuple[Series, ...]:
    """The company's own costs from ``first`` up to, not including, ``end``, which may lie ahead: as written down."""
    slices = connection.scalars(text(_OWN_BILLS), {"provider": OWN}).all()
    return _read(connection, by, (first, end), slices, ai_only)


def _read(
    connection: Connection, by: Sequence[SeriesCut], span: tuple[date, date], slices: Sequence[int], ai_only: bool
) -> tuple[Series, ...]:
    first, end = span
    cuts = "".join(f"{cut}, " for cut in by)
    groups = ", ".join(str(number + 1) for number in range(len(by) + 1))
    rows = connection.execute(
        text(_DAYS.format(cuts=cuts, groups=groups, only="AND d.is_ai" if ai_only else "")),
        {"first": first, "end": end, "slices": list(slices)},
    )
    return tuple(_assembled(rows, first, (end - first).days))


def ordered(found: Iterable[Series]) -> list[Series]:
    """By currency and total, the largest first."""
    return sorted(found, key=lambda one: (one.currency, -one.total, tuple(str(value) for value in one.cut)))


def _assembled(rows: Iterable[Sequence[Any]], first: date, days: int) -> list[Series]:
    costs: dict[tuple[str, tuple[str | None, ...]], list[Decimal]] = {}
    lacking: set[tuple[str, tuple[str | None, ...]]] = set()
    for *cut, currency, positions, amounts, lacks in rows:
        name = (currency, tuple(cut))
        costs[name] = [Decimal(0)] * days
        for position, cost in zip(positions, amounts, strict=True):
            costs[name][position] = cost or Decimal(0)
        if lacks:
            lacking.add(name)
    return ordered(
        Series(cut, currency, first, tuple(values), (currency, cut) in lacking)
        for (currency, cut), values in costs.items()
    )


def coverage(connection: Connection, today: date) -> list[Coverage]:
    """Each bill, from after its last missing month to its last whole day: yesterday at the latest, of own costs today.

    A month without own costs is none that is missing: nothing was written down for it.
    """
    found = []
    bills: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in connection.execute(text(_BILLS)):
        bills.setdefault((row.provider, row.scope), []).append(row)
    for (provider, scope), every in bills.items():
        own = provider == OWN
        # a line of a month to come says nothing of the days before it
        months = [month for month in every if own or month.period <= today]
        if not months:
            continue
        after_gap = next(
            (
                later.period
                for earlier, later in reversed(list(pairwise(months)))
                if next_month(earlier.period) < later.period and not own
            ),
            None,
        )
        oldest = connection.scalar(text(_OLDEST), {"slice": months[0].slice_id})
        end_of = end_of_own if own else end_of_bill
        end = end_of(connection, [month.slice_id for month in months[-2:]], today)
        if end is not None and oldest is not None:
            found.append(
                Coverage(
                    provider=provider,
                    scope=scope,
                    slices=tuple(month.slice_id for month in months),
                    first=min(after_gap or oldest, end),
                    end=end,
                    has_gap=after_gap is not None,
                )
            )
    return found


def coverage_analyzed(connection: Connection) -> list[Coverage]:
    """:func:`coverage` on the day of the last analysis."""
    day: date | None = connection.scalar(text(_ANALYZED_ON))
    return [] if day is None else coverage(connection, day)


_ANALYZED_ON = "SELECT timezone('UTC', max(analyzed_at))::date FROM analysis_state"

_BILLS = "SELECT provider, scope, period, slice_id FROM slice WHERE kind = 'bill' ORDER BY 1, 2, 3"

_OWN_BILLS = "SELECT slice_id FROM slice WHERE kind = 'bill' AND provider = :provider"

_OLDEST = "SELECT min(charge_date) FROM spend_day WHERE slice_id = :slice"

_DAYS = """
    SELECT {cuts}currency, array_agg(charge_date - CAST(:first AS date)), array_agg(cost), bool_or(lacks)
    FROM (SELECT {cuts}currency, charge_date,
                 sum(coalesce(effective_cost, CASE WHEN NOT given THEN billed_cost END)) AS cost,
                 bool_or(given AND unknown_costs & 2 = 2) AS lacks
          FROM (SELECT d.*, 'effective_cost' = ANY(s.columns_known) AS given
                FROM spend_day d JOIN slice s USING (slice_id)
                WHERE d.charge_date >= :first AND d.charge_date < :end AND d.slice_id = ANY(:slices) {only}) AS d
          GROUP BY {cuts}currency, charge_date) AS d
    GROUP BY {groups}"""
