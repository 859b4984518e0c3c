"""What every number says about itself: period and its axis, cost column, currency, tax, freshness, finality."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, Date, case, func, select

from aispend.clock import month_of, next_month
from aispend.schema import DONE_STATES, analysis_state, share_target, slice_, spend_day
from aispend.usual_days import newest_usual_days
from analyzer.fingerprint import allocation_words
from analyzer.series import OWN

Axis = Literal["usage", "billing"]
"""``usage``: the source's own charge day. ``billing``: the month it is invoiced in."""

CostColumn = Literal["billed_cost", "effective_cost", "list_cost", "contracted_cost"]
COSTS: tuple[CostColumn, ...] = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
DEFAULT_DAYS = 30
_LOOKED_BACK = timedelta(days=62)
"""Two months of bills show how much is usual."""


@dataclass(frozen=True)
class Window:
    """Days from ``first`` up to, not including, ``end``."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.first:
            raise ValueError(f"a window ends after it starts: {self.first} to {self.end}")

    @property
    def last(self) -> date:
        """The last day inside."""
        return self.end - timedelta(days=1)

    @property
    def days(self) -> int:
        """Number of days inside."""
        return (self.end - self.first).days


@dataclass(frozen=True)
class Gap:
    """A billing month whose bill does not give some cost columns: they are unknown there, not zero."""

    provider: str
    scope: str
    period: date
    unknown: tuple[CostColumn, ...]


@dataclass(frozen=True)
class Basis:
    """The terms under which a set of numbers holds.

    ``final_share`` gives, per currency, the share (0 to 1, by absolute effective cost) that comes from
    final, closed or restated months; the rest is provisional. ``data_as_of`` is when the newest contributing bill was
    loaded, ``newest_day`` the newest charge day in it. ``pending`` counts billing months that are loaded but
    not analyzed, and therefore not in the numbers. ``gaps`` are bills that do not give some cost at all;
    ``lacking`` the costs that a bill gives, but not for every charge in the numbers: sums leave those charges out.
    ``has_lost_tax``: tax that cannot be claimed back is part of AI spend (all other tax never is).
    ``tax_apart``: providers among the numbers whose tax is on their invoices alone, where tax is said to be included.
    ``allocation`` names, where machines are divided in the numbers, the methods and idle modes that divided them.
    """

    axis: Axis
    window: Window | None
    cost: CostColumn
    scope: Literal["all spend", "AI spend"]
    without: tuple[str, ...]
    currencies: tuple[str, ...]
    data_as_of: datetime | None
    newest_day: date | None
    final_share: Mapping[str, Decimal | None]
    gaps: tuple[Gap, ...]
    lacking: tuple[CostColumn, ...]
    pending: int
    allocation: tuple[str, ...] = ()
    has_lost_tax: bool = False
    tax_apart: tuple[str, ...] = ()


def window_ending(newest: date | None, days: int = DEFAULT_DAYS) -> Window | None:
    """``days`` days up to and including ``newest``; None where there is no newest day."""
    return None if newest is None else Window(newest - timedelta(days=days - 1), newest + timedelta(days=1))


def newest_window(connection: Connection, days: int = DEFAULT_DAYS, axis: Axis = "usage") -> Window | None:
    """The last ``days`` days with data: to the newest analyzed charge day of clouds with as much usage as usual.

    On the billing axis the month that day lies in: invoices are of whole months.

    Days after it with next to nothing on them are a line that came astray, not days that cost nothing
    (:mod:`aispend.usual_days`); the newest day may still be incomplete. The company's own costs may be written down for
    days to come: they count only where there are no others, and no day counts that was yet to come when the analysis
    was made.
    """
    d = spend_day.c
    analyzed = select(func.timezone("UTC", func.max(analysis_state.c.analyzed_at)).cast(Date)).scalar_subquery()
    newest = select(func.max(d.charge_date)).where(d.charge_date <= func.coalesce(analyzed, d.charge_date))
    line: date | None = connection.scalar(newest.where(d.provider != OWN))
    day = connection.scalar(newest) if line is None else _newest_usual(connection, line)
    if axis == "billing" and day is not None:
        return Window(month_of(day), next_month(month_of(day)))
    return window_ending(day, days)


def _newest_usual(connection: Connection, newest: date) -> date:
    """The newest day with as much usage as usual on any bill of clouds that has charges up to ``newest``."""
    d, s = spend_day.c, slice_.c
    usage = case((d.charge_category == "Usage", func.coalesce(d.effective_cost, d.billed_cost)))
    rows = connection.execute(
        select(s.provider, s.scope, d.charge_date, d.currency, func.coalesce(func.sum(usage), 0))
        .add_columns(func.bool_or(s.state.in_(DONE_STATES)))
        .join(slice_, s.slice_id == d.slice_id)
        .where(d.provider != OWN, d.charge_date <= newest, d.charge_date > newest - _LOOKED_BACK)
        .group_by(s.provider, s.scope, d.charge_date, d.currency)
    )
    found = newest_usual_days(((row[0], row[1]), row[2], row[3], row[4], row[5]) for row in rows)
    return max(found.values(), default=newest)


def charge_days(connection: Connection) -> Window | None:
    """From the first analyzed charge day to the newest; None where nothing is analyzed."""
    first, last = connection.execute(select(func.min(spend_day.c.charge_date), func.max(spend_day.c.charge_date))).one()
    return None if first is None else Window(first, last + timedelta(days=1))


def known_days(connection: Connection) -> Window | None:
    """All days with data but those to come, for which the company may have written costs down."""
    every, newest = charge_days(connection), newest_window(connection)
    return None if every is None or newest is None else Window(every.first, newest.end)


def bills_loaded(connection: Connection) -> int:
    """How many billing months are loaded."""
    return int(connection.scalar(select(func.count()).select_from(slice_).where(slice_.c.kind == "bill")) or 0)


def pending_bills(connection: Connection) -> int:
    """How many loaded billing months were never analyzed, or not since they were loaded last."""
    a = analysis_state.c
    analyzed = select(1).where(a.period == slice_.c.period, a.analyzed_at >= slice_.c.loaded_at).exists()
    count = select(func.count()).select_from(slice_).where(slice_.c.kind == "bill", ~analyzed)
    return int(connection.scalar(count) or 0)


def has_lost_tax(connection: Connection) -> bool:
    """Whether tax that cannot be claimed back was ever part of AI spend, by the settings of any analysis."""
    t = share_target.c
    return bool(connection.scalar(select(select(1).where(t.reason == "tax", t.is_ai).exists())))


def divided_by(connection: Connection, window: Window) -> tuple[str, ...]:
    """How the machines of the window's months were divided when they were analyzed: ``residual, idle separate``."""
    return allocation_words(connection, month_of(window.first), window.end)


@dataclass(frozen=True)
class Bill:
    """What a number must know of a bill it contains: ``unknown`` are the cost columns the bill does not give."""

    provider: str
    scope: str
    period: date
    unknown: tuple[CostColumn, ...]
    is_final: bool
    loaded_at: datetime


def bills_of(connection: Connection, slice_ids: Collection[int]) -> dict[int, Bill]:
    """The given slices."""
    rows = connection.execute(
        select(slice_).where(slice_.c.slice_id.in_(slice_ids)).order_by(*(slice_.c[name] for name in _ORDER))
    )
    return {
        row.slice_id: Bill(
            provider=row.provider,
            scope=row.scope,
            period=row.period,
            unknown=tuple(name for name in COSTS if name not in row.columns_known),
            is_final=row.state in DONE_STATES,
            loaded_at=row.loaded_at,
        )
        for row in rows
    }


_ORDER = ("provider", "scope", "period")


def newest_day(connection: Connection, axis: Axis, window: Window) -> date | None:
    """The newest analyzed charge day in the window."""
    column = spend_day.c.charge_date if axis == "usage" else spend_day.c.billing_month
    statement = select(func.max(spend_day.c.charge_date)).where(column >= window.first, column < window.end)
    newest: date | None = connection.scalar(statement)
    return newest
