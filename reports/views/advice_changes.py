"""What changed about the advice since a day: new, grew, accepted, done, verified, dismissed, gone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import Connection, and_, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from aispend.schema import recommendation, recommendation_event, resource, saving_baseline
from reports.subject_names import subject_name

CHANGES = (
    *("proposed", "grew", "accepted", "evaluation_passed", "evaluation_failed", "done", "verified"),
    *("dismissed", "snoozed", "reopened", "expired", "gone"),
)
"""In the order they are told."""
_PROMISED = ("accepted", "done", "verified")
_ENDED = ("expired", "gone")


@dataclass(frozen=True)
class AdviceChange:
    """A step of a recommendation; ``monthly_saving_net`` as it was then, or was promised, where that is kept, else as
    it is.
    """

    at: datetime
    event: str
    id: str
    kind: str
    resource_id: str
    name: str | None
    team: str | None
    who: str | None
    reason: str | None
    monthly_saving_net: Decimal | None
    saving_before: Decimal | None
    currency: str


@dataclass(frozen=True)
class ChangeCount:
    """How many recommendations took a step, and what they save a month together; None where one is unknown."""

    event: str
    currency: str
    recommendations: int
    monthly_saving_net: Decimal | None


@dataclass(frozen=True)
class AdviceChanges:
    """The steps since a day, in the order of ``CHANGES``, the largest savings first; and their counts."""

    since: date
    rows: tuple[AdviceChange, ...]

    def counts(self, currency: str) -> tuple[ChangeCount, ...]:
        """Of each step; a recommendation counts once."""
        found = []
        for event in CHANGES:
            ours = {row.id: row for row in self.rows if (row.event, row.currency) == (event, currency)}
            if ours:
                amounts = [row.monthly_saving_net for row in ours.values()]
                known = [amount for amount in amounts if amount is not None]
                total = sum(known, Decimal(0)) if len(known) == len(amounts) else None
                found.append(ChangeCount(event, currency, len(ours), total))
        return tuple(found)


def advice_changes(connection: Connection, since: date) -> AdviceChanges:
    """The steps from the start of a UTC day on; of several alike of one recommendation the newest.

    One that was proposed and is gone again by now stands under both. One that was there before, went and came back is
    neither new nor gone, one that had ended before and is back is new alone.
    """
    start = datetime.combine(since, time(), UTC)
    e, r = recommendation_event.c, recommendation.c
    said = recommendation_event.alias("said")
    before = (
        select(said.c.monthly_saving_net)
        .where(
            and_(
                said.c.recommendation_id == e.recommendation_id,
                said.c.event_id < e.event_id,
                said.c.monthly_saving_net.is_not(None),
            )
        )
        .order_by(said.c.event_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    # of what is bought in stages the first alone
    promised = case((e.event.in_(_PROMISED), saving_baseline.c.predicted_net))
    name = func.coalesce(func.nullif(resource.c.resource_name, ""), func.nullif(resource.c.fleet, ""))
    rows = connection.execute(
        select(
            e["at"],
            e.event,
            r.id,
            r.kind,
            r.resource_id,
            name,
            r.team,
            e.who,
            e.reason,
            func.coalesce(e.monthly_saving_net, promised, r.monthly_saving_net),
            before,
            r.currency,
            r.model,
        )
        .select_from(recommendation_event)
        .join(recommendation, r.id == e.recommendation_id)
        .outerjoin(resource, resource.c.resource_key == r.resource_key)
        .outerjoin(saving_baseline, saving_baseline.c.recommendation_id == r.id)
        .where(e["at"] >= start, e.event.in_(CHANGES))
        .order_by(e.event_id.desc())
    )
    newest: dict[tuple[str, str], AdviceChange] = {}
    last: dict[str, str] = {}
    for row in rows:
        change = AdviceChange(*tuple(row)[:-1])
        ours = subject_name(change.resource_id, row.model, change.team)
        newest.setdefault((change.event, change.id), change if ours is None else replace(change, name=ours))
        last.setdefault(change.id, change.event)
    was = _last_before(connection, start, last)
    ordered = sorted(
        (row for row in newest.values() if _is_change(row.event, was.get(row.id), last[row.id])),
        key=lambda row: (CHANGES.index(row.event), row.currency, -(row.monthly_saving_net or Decimal(0)), row.id),
    )
    return AdviceChanges(since, tuple(ordered))


def _last_before(connection: Connection, start: datetime, wanted: Collection[str]) -> dict[str, str]:
    """The last step of each before then."""
    e = recommendation_event.c
    rows = connection.execute(
        select(e.recommendation_id, e.event)
        .ext(distinct_on(e.recommendation_id))
        .where(e["at"] < start, e.recommendation_id.in_(wanted))
        .order_by(e.recommendation_id, e.event_id.desc())
    )
    return {row.recommendation_id: row.event for row in rows}


def _is_change(event: str, before: str | None, last: str) -> bool:
    """Whether a step says what is other than it was ``before``, where coming and going may have cancelled out."""
    if event == "proposed":
        return before is None or before in _ENDED
    return event not in _ENDED or event == last
