"""Advice with its proof, who decided on it, what it adds up to, and what is not counted in that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Result, Subquery, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from aispend.schema import recommendation, recommendation_event, resource
from reports.subject_names import subject_name
from reports.views.advice_filter import ALL, ENDED_STATES, PROMISING_STATES, STATES, AdviceFilter, counts

DECISIONS = ("accepted", "dismissed", "snoozed", "done", "reopened", "evaluation_passed", "evaluation_failed")
"""Steps that somebody takes; the others are found by a run."""
Uncounted = Literal[
    "estimate", "gate", "evaluation_failed", "nothing_net", "unknown_net", "overlap", "not_yet", "decided"
]
UNCOUNTED: tuple[Uncounted, ...] = get_args(Uncounted)
"""Why a saving is not in the total: a calculation only, something to be shown first or shown not to hold, commitments
pay for it, nobody knows what it saves, it cannot be done beside what is counted, no run has counted it since somebody
decided on it, it was decided on otherwise."""


@dataclass(frozen=True)
class Recommendation:
    """One recommendation, as stored; money in ``currency`` per 730 hours, ``risk`` 0 none to 4 high.

    ``counted_net`` is what it adds to the total after those before it, 0 where it is no part of the best combination
    or was decided against since;
    ``acts_on`` of each resource it acts on the ``monthly_cost`` and the ``counted_net``; ``gate`` what must be shown
    before it counts, ``evaluation`` how that came out: ``evaluation_passed``, ``evaluation_failed``, None not yet;
    ``estimate_only`` a calculation that never counts. ``name`` is what people call the resource: its name, or the fleet
    it belongs to; None where neither is known. ``decision`` is the newest step that somebody took, of ``DECISIONS``;
    ``decided_until`` the first day it is open again, where it was snoozed.
    ``ended_because`` is why one that is expired or gone is so, None where no reason was found.
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
    target: str = ""
    name: str | None = None
    evaluation: str | None = None
    decision: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None
    decided_until: date | None = None
    ended_because: str | None = None

    @property
    def evidence_as_of(self) -> datetime | None:
        """End of what it rests on: of its measurement, else of the days it looked at; None where neither is told."""
        end = self.evidence.get("window_end")
        if self.evidence_until is not None or not isinstance(end, str):
            return self.evidence_until
        return datetime.fromisoformat(end)

    @property
    def is_lost(self) -> bool:
        """Whether somebody accepted it, and it was not found again since."""
        return self.state in ENDED_STATES and self.decision == "accepted"

    @property
    def uncounted(self) -> Uncounted | None:
        """Why its saving is not in the total; None where it is."""
        if self.state not in PROMISING_STATES:
            return "decided"
        if self.counted:
            return None
        if self.estimate_only:
            return "estimate"
        if self.monthly_saving_net is None:
            return "unknown_net"
        if self.monthly_saving_net <= 0:
            return "nothing_net"
        if self.gate is not None and self.evaluation != "evaluation_passed":
            return "evaluation_failed" if self.evaluation else "gate"
        # a decision has the time of its row, or a later one, until a run writes the row again
        return "not_yet" if self.decided_at is not None and self.decided_at >= self.updated_at else "overlap"


@dataclass(frozen=True)
class SavingsTotal:
    """What the open and accepted recommendations add up to in one currency, overlaps counted once.

    One that is known to save nothing net, such as where a commitment pays for the resource, is no saving to count. A
    sum is None where a part of it is unknown.
    """

    currency: str
    recommendations: int
    monthly_saving_list: Decimal | None
    monthly_saving_effective: Decimal | None
    monthly_saving_net: Decimal | None


@dataclass(frozen=True)
class NotCounted:
    """Open and accepted recommendations that are in no total, for one reason in one currency.

    ``monthly_saving_net`` adds what each would save alone, so they are not held against each other; None where none is
    known.
    """

    currency: str
    reason: Uncounted
    recommendations: int
    monthly_saving_net: Decimal | None


@dataclass(frozen=True)
class KindTotal:
    """What the listed recommendations of one kind save a month net in one currency: counted, and each alone.

    ``counted`` of the ``recommendations`` are in the total, and add ``counted_net`` to it.
    """

    currency: str
    kind: str
    recommendations: int
    counted: int
    counted_net: Decimal
    monthly_saving_net: Decimal | None


@dataclass(frozen=True)
class Recommendations:
    """Recommendations, open ones and those that add most to the total first, and the total."""

    rows: tuple[Recommendation, ...]
    totals: tuple[SavingsTotal, ...]

    @property
    def evidence_ends(self) -> tuple[datetime, datetime] | None:
        """The oldest and the newest end of what the listed ones rest on; None where none is known."""
        ends = [end for row in self.rows if (end := row.evidence_as_of) is not None]
        return (min(ends), max(ends)) if ends else None

    def not_counted(self) -> tuple[NotCounted, ...]:
        """What is open or accepted and in no total, by currency and reason, in the order of ``UNCOUNTED``."""
        found: dict[tuple[str, Uncounted], list[Decimal | None]] = {}
        for row in self.rows:
            if row.uncounted is not None and row.uncounted != "decided":
                found.setdefault((row.currency, row.uncounted), []).append(row.monthly_saving_net)
        keys = sorted(found, key=lambda key: (key[0], UNCOUNTED.index(key[1])))
        return tuple(NotCounted(*key, len(found[key]), _known_sum(found[key])) for key in keys)

    def by_kind(self) -> tuple[KindTotal, ...]:
        """The listed ones by currency and kind, the kind that adds most to the total first."""
        found: dict[tuple[str, str], list[Recommendation]] = {}
        for row in self.rows:
            found.setdefault((row.currency, row.kind), []).append(row)
        totals = [
            KindTotal(
                *key,
                len(rows),
                sum(row.uncounted is None for row in rows),
                sum((row.counted_net for row in rows if row.uncounted is None), Decimal(0)),
                _known_sum([row.monthly_saving_net for row in rows]),
            )
            for key, rows in found.items()
        ]
        return tuple(
            sorted(totals, key=lambda one: (one.currency, -one.counted_net, -(one.monthly_saving_net or 0), one.kind))
        )


@dataclass(frozen=True)
class Event:
    """A step in the life of a recommendation."""

    at: datetime
    event: str
    who: str | None
    reason: str | None


_NAME = func.coalesce(func.nullif(resource.c.resource_name, ""), func.nullif(resource.c.fleet, ""))
_JOINED = (
    "name",
    "evaluation",
    "decision",
    "decided_by",
    "decided_at",
    "decision_reason",
    "decided_until",
    "ended_because",
)
_AS_DECIDED = ("counted", "counted_net")


def recommendations(connection: Connection, asked: AdviceFilter = ALL) -> Recommendations:
    """The recommendations asked for.

    The total is what each open or accepted one adds to the best combination, not what each would save alone.
    """
    r = recommendation.c
    conditions = asked.conditions()
    order = case({state: number for number, state in enumerate(STATES)}, value=r.state)
    decided, judged = _newest(DECISIONS), _newest(("evaluation_passed", "evaluation_failed"))
    ended = _newest(ENDED_STATES)
    counted_net = case((counts(), r.counted_net), else_=Decimal(0))
    rows = connection.execute(
        select(
            *(r[field.name] for field in fields(Recommendation) if field.name not in (*_JOINED, *_AS_DECIDED)),
            counts().label("counted"),
            counted_net.label("counted_net"),
            _NAME.label("name"),
            judged.c.event.label("evaluation"),
            decided.c.event.label("decision"),
            decided.c.who.label("decided_by"),
            decided.c["at"].label("decided_at"),
            decided.c.reason.label("decision_reason"),
            decided.c.until.label("decided_until"),
            case((r.state == ended.c.event, ended.c.reason)).label("ended_because"),
        )
        .select_from(
            recommendation.outerjoin(resource, resource.c.resource_key == r.resource_key)
            .outerjoin(decided, decided.c.recommendation_id == r.id)
            .outerjoin(judged, judged.c.recommendation_id == r.id)
            .outerjoin(ended, ended.c.recommendation_id == r.id)
        )
        .where(*conditions)
        .order_by(order, r.currency, counted_net.desc(), r.monthly_saving_net.desc().nulls_last(), r.id)
    )
    totals = connection.execute(
        select(
            r.currency,
            func.count(),
            *(
                case((func.bool_or(amount.is_(None)), None), else_=func.sum(amount))
                for amount in (r.counted_list, r.counted_effective, r.counted_net)
            ),
        )
        .where(*conditions, counts())
        .group_by(r.currency)
        .order_by(r.currency)
    )
    return Recommendations(
        tuple(
            Recommendation(
                **(row | {"name": subject_name(row["resource_id"], row["model"], row["team"]) or row["name"]})
            )
            for row in _dicts(rows)
        ),
        tuple(SavingsTotal(*row) for row in totals),
    )


def _dicts(rows: Result[Any]) -> Iterator[dict[str, Any]]:
    return (dict(row) for row in rows.mappings())


def _newest(events: Sequence[str]) -> Subquery:
    """The newest of these steps of each recommendation."""
    e = recommendation_event.c
    return (
        select(e.recommendation_id, e.event, e.who, e["at"], e.reason, e.until)
        .ext(distinct_on(e.recommendation_id))
        .where(e.event.in_(events))
        .order_by(e.recommendation_id, e.event_id.desc())
        .subquery()
    )


def _known_sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """The sum of what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


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
