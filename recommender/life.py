"""The life of a recommendation: accepted, dismissed, snoozed, done; each step with who and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, insert, select, update

from aispend.clock import Clock
from aispend.errors import UsageError
from aispend.schema import recommendation, recommendation_event

Event = Literal["accepted", "dismissed", "snoozed", "done", "reopened"]

_ALLOWED: dict[str, tuple[str, ...]] = {
    "accepted": ("open", "snoozed", "gone"),
    "dismissed": ("open", "accepted", "snoozed"),
    "snoozed": ("open",),
    "done": ("open", "accepted"),
    "reopened": ("accepted", "dismissed", "snoozed", "done"),
}
SHORTEST_ID = 6
"""Characters of an id that a decision needs: fewer may mean another recommendation after the next run."""
_CANDIDATES = 8


@dataclass(frozen=True)
class Decided:
    """What was decided on; ``monthly_saving_net`` in ``currency``, None where unknown."""

    id: str
    kind: str
    resource_id: str
    monthly_saving_net: Decimal | None
    currency: str


def change_state(
    connection: Connection,
    recommendation_id: str,
    event: Event,
    *,
    who: str,
    reason: str | None = None,
    until: date | None = None,
    clock: Clock,
) -> Decided:
    """Record ``event`` and set the state.

    ``recommendation_id`` may be a unique prefix of six characters or more. Raises ``UsageError`` for fewer, an unknown
    id, an ambiguous prefix, a step the present state does not allow, a dismissal without reason, or a snooze
    without a future day.
    """
    decided, state = _find(connection, recommendation_id)
    full_id = decided.id
    if state not in _ALLOWED[event]:
        raise UsageError(
            f"A recommendation that is {state} cannot become {event}.",
            where=full_id,
            next_step=f"{event} is possible for: {', '.join(_ALLOWED[event])}.",
        )
    if event == "dismissed" and not reason:
        raise UsageError("A dismissal needs a reason.", where=full_id, next_step="Add --reason TEXT.")
    if event == "snoozed" and (until is None or until <= clock().date()):
        raise UsageError("A snooze needs a day in the future.", where=full_id, next_step="Add --until YYYY-MM-DD.")
    now = clock()
    connection.execute(
        insert(recommendation_event).values(
            recommendation_id=full_id, at=now, event=event, who=who, reason=reason, until=until
        )
    )
    new_state = "open" if event == "reopened" else event
    connection.execute(
        update(recommendation).where(recommendation.c.id == full_id).values(state=new_state, updated_at=now)
    )
    return decided


def _find(connection: Connection, given: str) -> tuple[Decided, str]:
    """The one recommendation meant, and its state."""
    listed = "aispend recommendations lists the ids."
    if len(given) < SHORTEST_ID:
        raise UsageError(f"An id needs at least {SHORTEST_ID} characters.", where=given or "no id", next_step=listed)
    r = recommendation.c
    found = connection.execute(
        select(r.id, r.kind, r.resource_id, r.monthly_saving_net, r.currency, r.state)
        .where(r.id.startswith(given.lower(), autoescape=True))
        .order_by(r.id)
    ).all()
    if not found:
        raise UsageError("No recommendation has this id.", where=given, next_step=listed)
    if len(found) > 1:
        names = [f"{row.id} ({row.kind} of {row.resource_id.rsplit('/', 1)[-1]})" for row in found[:_CANDIDATES]]
        more = f" and {len(found) - _CANDIDATES} more" if len(found) > _CANDIDATES else ""
        raise UsageError(
            f"{len(found)} recommendations begin with this id.",
            where=given,
            next_step=f"Give more of it: {', '.join(names)}{more}.",
        )
    row = found[0]
    return Decided(row.id, row.kind, row.resource_id, row.monthly_saving_net, row.currency), row.state
