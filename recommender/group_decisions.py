"""A group's one setting is one decision: lines that share a group are accepted, refused, put off and done together.

Assumes
    ``evidence["groups"]`` of a line names the groups whose setting it changes; with kind, target, provider, account and
    region that says which lines are of one decision (``whole_groups.py``).
Method
    What somebody decides of one line is written of each, with the same who, when and why. A line that a later run finds
    in a group that was refused or put off follows the newest of these decisions: a machine that takes another's place
    asks nothing anew.
Cases
    Another line of it was decided on otherwise: the decision is not taken, and what stands in its way is named. What
    was done already stays done.
Known drawbacks
    A line that joins a group whose change was accepted is proposed by itself, as its promise was made to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from aispend.schema import recommendation, recommendation_event
from recommender.contract import Advice, Kind
from recommender.lives import KNOWN_BY
from recommender.whole_groups import groups_of

AGAINST = ("dismissed", "snoozed")
_Name = tuple[str, str, str, str | None, str | None, str]


@dataclass(frozen=True)
class Line:
    """A recommendation of the same decision."""

    id: str
    resource_id: str
    state: str
    gate: str | None


@dataclass(frozen=True)
class GroupDecision:
    """What was decided of a group: ``event`` is the state its lines are in since."""

    event_id: int
    event: str
    at: datetime
    who: str | None
    reason: str | None
    until: date | None


def decided_with(connection: Connection, recommendation_id: str) -> list[Line]:
    """The other recommendations that share a group with it, directly or through others, in order of their ids."""
    r = recommendation.c
    own = connection.execute(select(*_COLUMNS).where(r.id == recommendation_id)).one()
    if not own.groups:
        return []
    others = connection.execute(
        select(*_COLUMNS)
        .where(
            r.kind == own.kind,
            r.target == own.target,
            r.provider == own.provider,
            r.account.is_not_distinct_from(own.account),
            r.region.is_not_distinct_from(own.region),
            r.evidence.has_key("groups"),
            r.id != own.id,
        )
        .order_by(r.id)
    ).all()
    reached, found = set(own.groups), dict[str, Row[Any]]()
    while more := {row.id: row for row in others if row.id not in found and reached & set(row.groups)}:
        found |= more
        reached |= {name for row in more.values() for name in row.groups}
    # of a machine or service whose change was done and came back, the newest life alone is decided on
    newest = {own.known_by: own.life or 1}
    for row in found.values():
        newest[row.known_by] = max(newest.get(row.known_by, 1), row.life or 1)
    found = {key: row for key, row in found.items() if (row.life or 1) == newest[row.known_by]}
    return [Line(row.id, row.resource_id, row.state, row.gate) for _, row in sorted(found.items())]


def decided_against(
    connection: Connection, items: Mapping[str, Advice], states: Mapping[str, str], kinds: Sequence[Kind[Any]]
) -> dict[str, GroupDecision]:
    """Of ``items`` that nobody decided on, those whose group was refused or put off, and by which decision."""
    e = recommendation_event.c
    newest = (
        select(e.recommendation_id, e.event_id, e.event, e["at"], e.who, e.reason, e.until)
        .ext(distinct_on(e.recommendation_id))
        .where(e.event.in_(AGAINST))
        .order_by(e.recommendation_id, e.event_id.desc())
        .subquery()
    )
    rows = connection.execute(
        select(*_COLUMNS, newest)
        .join(newest, newest.c.recommendation_id == recommendation.c.id)
        .where(recommendation.c.state.in_(AGAINST), recommendation.c.state == newest.c.event)
        .order_by(newest.c.event_id)
    ).all()
    by_group: dict[_Name, GroupDecision] = {}
    for row in rows:
        if states.get(row.id, row.state) not in AGAINST:
            continue
        groups = groups_of(items[row.id], kinds) if row.id in items else row.groups or []
        decision = GroupDecision(row.event_id, row.event, row.at, row.who, row.reason, row.until)
        for name in groups:
            by_group[row.kind, row.target, row.provider, row.account, row.region, name] = decision
    found: dict[str, GroupDecision] = {}
    undecided = {key: item for key, item in items.items() if states.get(key, "open") in ("open", "gone", "expired")}
    names = {key: _names(item, kinds) for key, item in undecided.items()}
    while more := {
        key: max((by_group[name] for name in names[key] if name in by_group), key=_newest)
        for key in names.keys() - found.keys()
        if any(name in by_group for name in names[key])
    }:
        found |= more
        for key, decision in sorted(more.items()):
            for name in names[key]:
                by_group.setdefault(name, decision)
    return found


def _names(item: Advice, kinds: Sequence[Kind[Any]]) -> list[_Name]:
    of = item.subject
    return [(item.kind, item.target, of.provider, of.account, of.region, name) for name in groups_of(item, kinds)]


def _newest(decision: GroupDecision) -> int:
    return decision.event_id


_COLUMNS = (
    *(recommendation.c[name] for name in ("id", "kind", "target", "provider", "account", "region", "resource_id")),
    recommendation.c.state,
    recommendation.c.gate,
    recommendation.c.evidence["groups"].label("groups"),
    recommendation.c.evidence["life"].label("life"),
    func.coalesce(recommendation.c.evidence[KNOWN_BY].astext, recommendation.c.resource_id).label("known_by"),
)
