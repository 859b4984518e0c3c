"""Days out of the ordinary: ours with what is behind them and their life, and beside them those providers found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, func, select

from aispend.schema import anomaly, anomaly_event, provider_anomaly
from reports.views.basis import Window

ANOMALY_STATES = ("open", "acknowledged", "expected", "gone")
TOLD_STATES = ("open", "acknowledged")
"""Shown unless asked otherwise."""


@dataclass(frozen=True)
class AnomalyFound:
    """One anomaly of ours, as stored; effective cost of its days in ``currency``, ``impact`` = actual − expected.

    ``resource_share`` is above 1 where other resources offset some of ``resource_change``.
    """

    id: str
    kind: str
    cut: str
    value: str | None
    currency: str
    first_day: date
    last_day: date
    lasting: bool
    actual: Decimal
    expected: Decimal
    impact: Decimal
    distance: Decimal | None
    provider: str | None
    account: str | None
    service: str | None
    model: str | None
    team: str | None
    sku: str | None
    resource_id: str | None
    resource_share: Decimal | None
    explanation: str
    state: str
    found_at: datetime
    updated_at: datetime
    resource_change: Decimal | None = None


@dataclass(frozen=True)
class AnomalyBeside:
    """One a provider found, in its words and on its own expectation; never added to ours."""

    provider: str
    anomaly_id: str
    account: str | None
    service: str | None
    region: str | None
    started_on: date
    ended_on: date | None
    impact: Decimal | None
    expected: Decimal | None
    currency: str
    as_of: datetime


@dataclass(frozen=True)
class AnomalyEvent:
    """A step in the life of an anomaly; ``who`` is None where the analysis took it."""

    at: datetime
    event: str
    who: str | None
    reason: str | None


def found_anomalies(
    connection: Connection, *, states: Sequence[str] = TOLD_STATES, window: Window | None = None
) -> tuple[AnomalyFound, ...]:
    """Anomalies in the given states, large impacts of each currency first; ``window`` keeps those with a day in it."""
    a = anomaly.c
    conditions: list[ColumnElement[bool]] = [a.state.in_(states)]
    if window is not None:
        conditions += [a.first_day < window.end, a.last_day >= window.first]
    stored = (a[one.name] for one in fields(AnomalyFound) if one.name != "resource_change")
    rows = connection.execute(
        select(*stored, a.drivers).where(*conditions).order_by(a.currency, func.abs(a.impact).desc(), a.id)
    )
    return tuple(replace(AnomalyFound(*row[:-1]), resource_change=_largest(row.drivers, "resource")) for row in rows)


def _largest(drivers: Mapping[str, Sequence[Mapping[str, str]]], cut: str) -> Decimal | None:
    """The change of the value of ``cut`` that has the largest part of it."""
    parts = drivers.get(cut)
    return Decimal(parts[0]["change"]) if parts else None


def anomalies_by_state(connection: Connection) -> Mapping[str, int]:
    """How many anomalies there are in each state that has any, in the order of ``ANOMALY_STATES``."""
    state = anomaly.c.state
    found = {row[0]: row[1] for row in connection.execute(select(state, func.count()).group_by(state))}
    return {name: found[name] for name in ANOMALY_STATES if name in found}


def anomaly_events(connection: Connection, anomaly_id: str) -> tuple[AnomalyEvent, ...]:
    """The life of one anomaly, oldest first."""
    e = anomaly_event.c
    rows = connection.execute(
        select(e["at"], e.event, e.who, e.reason).where(e.anomaly_id == anomaly_id).order_by(e.event_id)
    )
    return tuple(AnomalyEvent(*row) for row in rows)


def anomalies_beside(connection: Connection, window: Window | None = None) -> tuple[AnomalyBeside, ...]:
    """Anomalies the providers found, the latest first; ``window`` keeps those with a day in it."""
    p = provider_anomaly.c
    conditions: list[ColumnElement[bool]] = []
    if window is not None:
        conditions = [p.started_on < window.end, func.coalesce(p.ended_on, window.first) >= window.first]
    rows = connection.execute(
        select(*(p[one.name] for one in fields(AnomalyBeside)))
        .where(*conditions)
        .order_by(p.started_on.desc(), p.provider, p.anomaly_id)
    )
    return tuple(AnomalyBeside(*row) for row in rows)
