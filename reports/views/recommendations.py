"""Advice with its proof, the savings it adds up to, and the reason where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, or_, select, tuple_

from aispend.advising import Recommend
from aispend.schema import recommendation, recommendation_event, resource
from aispend.schema import why_not as why_not_table
from reports.views.basis import Window

STATES = ("open", "accepted", "snoozed", "dismissed", "done", "verified", "expired", "gone")
LIVE_STATES = ("open", "accepted", "snoozed", "dismissed", "done", "verified")
"""Shown unless asked otherwise: ``gone`` no longer applies, ``expired`` lost the telemetry it rests on."""
PROMISING_STATES = ("open", "accepted")
_FLOOR = Recommend().min_monthly_saving


@dataclass(frozen=True)
class Recommendation:
    """One recommendation, as stored; money in ``currency`` per 730 hours, ``risk`` 0 none to 4 high.

    ``counted_net`` is what it adds to the total after those before it, 0 where it is no part of the best combination;
    ``acts_on`` of each resource it acts on the ``monthly_cost`` and the ``counted_net``; ``gate`` what must be shown
    before it counts; ``estimate_only`` a calculation that never does. ``name`` is what people call the resource: its
    name, or the fleet it belongs to; None where neither is known.
    """

    id: str
    kind: str
    resource_id: str
    provider: str
    account: str | None
    region: str | None
    model: str | None
    team: str | None
    current: str
    proposed: str
    monthly_cost: Decimal
    monthly_saving_list: Decimal | None
    monthly_saving_effective: Decimal | None
    monthly_saving_net: Decimal | None
    saving_p10: Decimal | None
    saving_p50: Decimal | None
    saving_p90: Decimal | None
    currency: str
    risk: int
    confidence: str
    effort: str
    one_off_cost: Decimal | None
    payback_months: Decimal | None
    violation_bound: Decimal | None
    evidence: Mapping[str, Any]
    reason: str
    undo: str
    command: str | None
    acts_on: Mapping[str, Mapping[str, str]]
    gate: str | None
    hard_to_regain: bool
    estimate_only: bool
    evidence_until: datetime | None
    state: str
    counted: bool
    counted_net: Decimal
    created_at: datetime
    updated_at: datetime
    name: str | None = None


@dataclass(frozen=True)
class SavingsTotal:
    """What the open and accepted recommendations add up to in one currency, overlaps counted once.

    One that is known to save nothing net, such as where a commitment pays for the resource, is no saving to count.
    """

    currency: str
    recommendations: int
    monthly_saving_list: Decimal | None
    monthly_saving_effective: Decimal | None
    monthly_saving_net: Decimal | None


@dataclass(frozen=True)
class Recommendations:
    """Recommendations, open ones and large net savings first, and their total."""

    rows: tuple[Recommendation, ...]
    totals: tuple[SavingsTotal, ...]


@dataclass(frozen=True)
class Event:
    """A step in the life of a recommendation."""

    at: datetime
    event: str
    who: str | None
    reason: str | None


@dataclass(frozen=True)
class WhyNot:
    """Why a costly resource has no advice of a kind; ``monthly_cost`` in ``currency`` per 730 hours."""

    resource_id: str
    kind: str
    reason: str
    explanation: str
    monthly_cost: Decimal | None
    currency: str
    at: datetime
    name: str | None = None


@dataclass(frozen=True)
class Below:
    """Resources without advice that cost too little for any, in one currency; ``monthly_cost`` is their sum."""

    currency: str
    resources: int
    monthly_cost: Decimal


_NAME = func.coalesce(func.nullif(resource.c.resource_name, ""), func.nullif(resource.c.fleet, ""))
_COLUMNS = [
    *(recommendation.c[field.name] for field in fields(Recommendation) if field.name != "name"),
    _NAME.label("name"),
]


def recommendations(
    connection: Connection,
    *,
    states: Sequence[str] = LIVE_STATES,
    window: Window | None = None,
    counted_only: bool = False,
) -> Recommendations:
    """Recommendations in the given states; ``window`` keeps those last confirmed in it (UTC days).

    ``counted_only`` keeps what is part of the best combination. The total is what each adds to that, not what each
    would save alone.
    """
    r = recommendation.c
    confirmed = func.date(func.timezone("UTC", r.updated_at))
    conditions: list[ColumnElement[bool]] = [r.state.in_(states)]
    if window is not None:
        conditions += [confirmed >= window.first, confirmed < window.end]
    if counted_only:
        conditions.append(r.counted)
    order = case({state: number for number, state in enumerate(STATES)}, value=r.state)
    rows = connection.execute(
        select(*_COLUMNS)
        .outerjoin_from(recommendation, resource, resource.c.resource_key == r.resource_key)
        .where(*conditions)
        .order_by(order, r.currency, r.monthly_saving_net.desc().nulls_last(), r.id)
    )
    totals = connection.execute(
        select(
            r.currency,
            func.count(),
            func.sum(r.counted_list),
            func.sum(r.counted_effective),
            func.sum(r.counted_net),
        )
        .where(*conditions, r.counted, r.state.in_(PROMISING_STATES))
        .group_by(r.currency)
        .order_by(r.currency)
    )
    return Recommendations(
        tuple(Recommendation(**row) for row in rows.mappings()),
        tuple(SavingsTotal(*row) for row in totals),
    )


def recommendation_events(connection: Connection, recommendation_id: str) -> tuple[Event, ...]:
    """The life of one recommendation, oldest first."""
    e = recommendation_event.c
    rows = connection.execute(
        select(e.at, e.event, e.who, e.reason).where(e.recommendation_id == recommendation_id).order_by(e.event_id)
    )
    return tuple(Event(*row) for row in rows)


def recommendations_by_state(connection: Connection) -> Mapping[str, int]:
    """How many recommendations there are in each state that has any, in the order of ``STATES``."""
    state = recommendation.c.state
    found = {row[0]: row[1] for row in connection.execute(select(state, func.count()).group_by(state))}
    return {name: found[name] for name in STATES if name in found}


def why_not(connection: Connection, floor: Decimal = _FLOOR) -> tuple[WhyNot, ...]:
    """Costly resources without advice, the costliest first.

    One that costs less than ``floor`` a month is not costly: no advice could save that much. Unknown cost stays.
    """
    w = why_not_table.c
    costly = (
        select(w.provider, w.resource_id, w.currency)
        .group_by(w.provider, w.resource_id, w.currency)
        .having(or_(func.bool_or(w.monthly_cost.is_(None)), func.max(w.monthly_cost) >= floor))
    )
    rows = connection.execute(
        select(w.resource_id, w.kind, w.reason, w.explanation, w.monthly_cost, w.currency, w["at"], _NAME)
        .outerjoin_from(why_not_table, resource, resource.c.resource_key == w.resource_key)
        .where(tuple_(w.provider, w.resource_id, w.currency).in_(costly))
        .order_by(w.currency, w.monthly_cost.desc().nulls_last(), w.resource_id, w.kind)
    )
    return tuple(WhyNot(*row) for row in rows)


def why_not_below(connection: Connection, floor: Decimal = _FLOOR) -> tuple[Below, ...]:
    """What ``why_not`` leaves out: resources that cost less than ``floor`` a month, counted once each."""
    w = why_not_table.c
    cost = func.max(w.monthly_cost)
    cheap = (
        select(w.currency, cost.label("monthly_cost"))
        .group_by(w.provider, w.resource_id, w.currency)
        .having(func.bool_and(w.monthly_cost.is_not(None)), cost < floor)
        .subquery()
    )
    rows = connection.execute(
        select(cheap.c.currency, func.count(), func.sum(cheap.c.monthly_cost))
        .group_by(cheap.c.currency)
        .order_by(cheap.c.currency)
    )
    return tuple(Below(*row) for row in rows)
