"""How far a budget is known, and what it is known to have cost: by the bills that are up to date, and those behind.

Assumes     What :mod:`analyzer.series` says of bills: the day all are known to that are up to date, and those behind.
Method      Of what a budget covers, cost by day: of clouds up to the day all are known to that are up to date, of each
            bill behind up to its own last day, of the company's own up to the end of the period. A budget is known as
            far as forecasts of the same: what bills behind say counts, and what they do not say yet is expected where
            they go on (:mod:`analyzer.forecast_behind`).
Cases       A budget of bills behind alone is known to the last day of the newest of them. How fast the
            last days went is told of days that all bills tell of that go on.
Drawbacks   Of days that a bill does not tell of yet, cost to date lacks it: it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.clock import month_of
from aispend.watching import Budget
from analyzer.budget_cover import Covered
from analyzer.budget_currency import DailyCost
from analyzer.series import OWN, Coverage


@dataclass(frozen=True)
class Late:
    """What a bill that is behind charged; ``goes_on``: the days after are expected."""

    bill: Coverage
    cost: DailyCost
    goes_on: bool


@dataclass(frozen=True)
class Known:
    """Daily cost of what a budget covers, all from one day on.

    ``clouds`` is of the bills up to date, or of the newest behind where there is nothing else, and ``own`` of what the
    company wrote down, for days to come too. ``late`` are the other bills behind; ``behind`` all of them.
    ``has_unfinished``: there are charges of days that are not known whole.
    """

    clouds: DailyCost
    own: DailyCost
    late: tuple[Late, ...]
    behind: tuple[Late, ...]
    has_unfinished: bool

    @property
    def end(self) -> date:
        """The day after the last known one."""
        return self.clouds.end

    @property
    def told_by_all(self) -> date:
        """The day after the last that all bills tell of that go on."""
        return min((self.end, *(one.bill.end for one in self.late if one.goes_on)))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever charged on a whole day."""
        return not (self.clouds.usage or self.own.usage or self.late)


def oldest(first: date) -> date:
    """The first day to read for a period: what forecasts remember."""
    from analyzer.forecast import DAILY

    return month_of(first - timedelta(days=DAILY.history))


def known_of(
    connection: Connection,
    budget: Budget,
    cover: Covered,
    *,
    first: date,
    upto: date,
    end: date,
    behind: Mapping[Coverage, bool],
) -> Known:
    """What ``cover`` holds is known to have cost from ``first`` on.

    ``upto`` is the day after the last of all bills that are not ``behind``, ``end`` that after the period's last.
    ``behind`` are those that are, each with whether it goes on.
    """
    ends = {None: upto, OWN: end} | {_name(bill): bill.end for bill in behind}
    statement = _COSTS.format(
        source=cover.source, column=f"{budget.cost}_cost", bit=_BITS[budget.cost], only=cover.by_day
    )
    late = [number for bill in behind for number in bill.slices]
    parameters = {**cover.parameters, "own": OWN, "late": late}
    made = {name: _Read(first, max((last - first).days, 0)) for name, last in ends.items()}
    unfinished = False
    for name, currency, day, by_use, cost, lacks in connection.execute(text(statement), parameters):
        if day >= ends[name]:
            unfinished = True
        else:
            made[name].add(currency, day, cost, by_use=by_use, lacks=lacks)
    theirs = [Late(bill, made[_name(bill)].daily, on) for bill, on in behind.items() if made[_name(bill)].usage]
    clouds, own = made[None].daily, made[OWN].daily
    if clouds.usage or own.usage or not theirs:
        return Known(clouds, own, tuple(theirs), tuple(theirs), unfinished)
    newest, *others = sorted(theirs, key=lambda one: one.bill.end, reverse=True)
    return Known(newest.cost, own, tuple(others), tuple(theirs), unfinished)


def _name(bill: Coverage) -> str:
    return f"{bill.provider} {bill.scope}"


class _Read:
    """Rows put together as daily cost."""

    def __init__(self, first: date, length: int) -> None:
        self._first, self._length = first, length
        self.usage: dict[str, list[Decimal]] = {}
        self._fees: dict[str, list[Decimal]] = {}
        self._lacking: set[str] = set()

    def add(self, currency: str, day: date, cost: Decimal | None, *, by_use: bool, lacks: bool) -> None:
        """Cost of a day, by use or otherwise; None is left out."""
        for side in (self.usage, self._fees):
            side.setdefault(currency, [Decimal(0)] * self._length)
        (self.usage if by_use else self._fees)[currency][(day - self._first).days] = cost or Decimal(0)
        if lacks:
            self._lacking.add(currency)

    @property
    def daily(self) -> DailyCost:
        """All of it."""
        return DailyCost(self._first, self.usage, self._fees, frozenset(self._lacking), self._length)


_BITS: Mapping[str, int] = {"billed": 1, "effective": 2}

_COSTS = """
    SELECT CASE WHEN d.provider = :own THEN :own WHEN slice_id = ANY(:late) THEN b.provider || ' ' || b.scope END,
           d.currency, d.charge_date, coalesce(d.charge_category, 'Usage') = 'Usage',
           sum(coalesce(d.{column}, CASE WHEN NOT '{column}' = ANY(b.columns_known) THEN d.billed_cost END)),
           bool_or('{column}' = ANY(b.columns_known) AND d.unknown_costs & {bit} = {bit})
    FROM {source} AS d JOIN slice b USING (slice_id)
    WHERE d.charge_date >= :first AND d.charge_date < :end{only}
    GROUP BY 1, 2, 3, 4"""
