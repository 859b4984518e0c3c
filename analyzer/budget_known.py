"""How far a budget is known: as far as the bills it covers, and not as far as others are.

Assumes     What :mod:`analyzer.series` says of bills: the day all are known to that are up to date, and those behind.
Method      A bill is covered where a charge of it is. The budget is known to the earliest day of the bills behind that
            it covers; where it covers none, to that of all.
Cases       A bill that says nothing of the month before the newest either may have stopped for good: it does not hold
            back what others say, and is named. A budget of such bills alone is known to their last day.
Drawbacks   Cost of days after that is at least what the other bills say; it is told in words, in no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, text

from aispend.clock import month_of
from analyzer.budget_cover import Covered
from analyzer.forecast_behind import in_words
from analyzer.series import Behind

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Known:
    """``end``: the day after the last known one of a budget; ``behind``: the bills it covers that are behind."""

    end: date
    behind: tuple[Behind, ...] = ()

    @property
    def named(self) -> str:
        """The bills that are behind, each with its last known day."""
        return in_words(self.behind)


def known_of(connection: Connection, cover: Covered, end: date, behind: Sequence[Behind]) -> Known:
    """How far what ``cover`` holds is known; ``end`` is the day after the last of all bills that are not ``behind``."""
    if not behind:
        return Known(end)
    rows = connection.execute(text(_BILLS.format(source=cover.source, only=cover.by_day)), cover.parameters)
    bills = {(provider, scope) for provider, scope in rows}
    ours = tuple(one for one in behind if (one.provider, one.scope) in bills)
    month_before = month_of(month_of(end - _ONE_DAY) - _ONE_DAY)
    days = [one.last_day for one in ours if one.last_day >= month_before]
    if not days and len(ours) == len(bills):
        days = [max((one.last_day for one in ours), default=end - _ONE_DAY)]
    return Known(min(end, *(day + _ONE_DAY for day in days)) if days else end, ours)


_BILLS = """
    SELECT DISTINCT b.provider, b.scope FROM {source} AS d JOIN slice b USING (slice_id)
    WHERE d.charge_date >= :first AND d.charge_date < :end{only}"""
