"""The life of a recommendation: accepted, dismissed, snoozed, done; each step with who and why."""

from __future__ import annotations

from datetime import date
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


def change_state(
    connection: Connection,
    recommendation_id: str,
    event: Event,
    *,
    who: str,
    reason: str | None = None,
    until: date | None = None,
    clock: Clock,
) -> None:
    """Record ``event`` and set the state.

    ``recommendation_id`` may be a unique prefix. Raises ``UsageError`` for an unknown id, an ambiguous prefix,
    a step the present state does not allow, a dismissal without reason, or a snooze without a future day.
    """
    found = connection.execute(
        select(recommendation.c.id, recommendation.c.state)
        .where(recommendation.c.id.startswith(recommendation_id, autoescape=True))
        .order_by(recommendation.c.id)
        .limit(2)
    ).all()
    if len(found) != 1:
        problem = "No recommendation has this id." if not found else "More than one recommendation begins with this id."
        raise UsageError(problem, where=recommendation_id, next_step="aispend recommendations lists the ids.")
    full_id, state = found[0]
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
