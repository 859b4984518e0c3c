"""How new the data of each source is, what was read, and which lines could not be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from aispend.schema import load, rejected_row, slice_, spend_day


@dataclass(frozen=True)
class Freshness:
    """One source and scope.

    ``newest_day`` is the newest day with data; row counts are of the loads its present content came from;
    ``failed_loads`` counts loads of it that were refused or broke off, ever.
    """

    kind: str
    source: str
    provider: str
    scope: str
    slices: int
    first_period: date
    newest_day: date
    loaded_at: datetime
    rows_in: int
    rows_out: int
    rows_rejected: int
    failed_loads: int


@dataclass(frozen=True)
class Rejected:
    """A line that could not be read."""

    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str


def freshness(connection: Connection) -> tuple[Freshness, ...]:
    """Every source and scope with data, bills first."""
    s = slice_.c
    latest = select(func.max(load.c.load_id)).where(load.c.outcome == "loaded").group_by(load.c.slice_id)
    present = select(load).where(load.c.load_id.in_(latest)).subquery()
    failed = (
        select(load.c.slice_id, func.count().label("times"))
        .where(load.c.outcome == "failed")
        .group_by(load.c.slice_id)
        .subquery()
    )
    newest = (
        select(spend_day.c.slice_id, func.max(spend_day.c.charge_date).label("day"))
        .group_by(spend_day.c.slice_id)
        .subquery()
    )
    rows = connection.execute(
        select(
            s.kind,
            s.source,
            s.provider,
            s.scope,
            func.count(),
            func.min(s.period),
            func.max(func.coalesce(newest.c.day, s.period)),
            func.max(s.loaded_at),
            func.coalesce(func.sum(present.c.rows_in), 0),
            func.coalesce(func.sum(present.c.rows_out), 0),
            func.coalesce(func.sum(present.c.rows_rejected), 0),
            func.coalesce(func.sum(failed.c.times), 0),
        )
        .outerjoin(present, present.c.slice_id == s.slice_id)
        .outerjoin(failed, failed.c.slice_id == s.slice_id)
        .outerjoin(newest, newest.c.slice_id == s.slice_id)
        .group_by(s.kind, s.source, s.provider, s.scope)
        .order_by(s.kind != "bill", s.kind, s.provider, s.scope, s.source)
    )
    return tuple(Freshness(*row) for row in rows)


def rejected_rows(connection: Connection, limit: int | None = None) -> tuple[Rejected, ...]:
    """Lines kept aside, those of the newest load first."""
    c = rejected_row.c
    rows = connection.execute(
        select(c.file, c.line, c.column_name, c.value, c.reason).order_by(c.load_id.desc(), c.ordinal).limit(limit)
    )
    return tuple(Rejected(*row) for row in rows)
