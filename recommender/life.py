"""The life of a recommendation: accepted, dismissed, snoozed, evaluated, done; each step with who and why.

What is decided of one line of a group is decided of all of them (``group_decisions.py``).
What was promised, and what it cost before, is written down when it is accepted and when it is done
(``ledger/baseline.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, delete, insert, select, update

from aispend.clock import Clock
from aispend.errors import UsageError
from aispend.schema import recommendation, recommendation_event, saving_baseline
from recommender.group_decisions import Line, decided_with
from recommender.ledger.baseline import promise_of, unpaid_until, write_baseline
from recommender.lives import CARRIED_OUT, next_life

Event = Literal["accepted", "dismissed", "snoozed", "done", "reopened"]
Verdict = Literal["evaluation_passed", "evaluation_failed"]

_ALLOWED: dict[str, tuple[str, ...]] = {
    "accepted": ("open", "snoozed", "gone", "expired"),
    # what was accepted and then not found would be accepted again by itself where it is found
    "dismissed": ("open", "accepted", "snoozed", "gone", "expired"),
    "snoozed": ("open",),
    # what was done before it was said so may be found no longer
    "done": ("open", "accepted", "snoozed", "gone", "expired"),
    "reopened": ("accepted", "dismissed", "snoozed", "done", "verified"),
}
_JUDGED = ("open", "accepted", "snoozed")
_UNDECIDED_OR_NOT = ("open", "accepted", "snoozed", "dismissed")
SHORTEST_ID = 6
"""Characters of an id that a decision needs: fewer may mean another recommendation after the next run."""
_CANDIDATES = 8


@dataclass(frozen=True)
class Decided:
    """What was decided on; ``monthly_saving_net`` is what it promises in ``currency``, None where unknown.

    ``with_it`` are the ids of the other lines of its group, which the same was decided of.
    """

    id: str
    kind: str
    resource_id: str
    monthly_saving_net: Decimal | None
    currency: str
    model: str | None = None
    team: str | None = None
    with_it: tuple[str, ...] = ()


@dataclass(frozen=True)
class Doing:
    """When something was done, today where it is not said, and when it would have ended in any case."""

    on: date | None = None
    planned_end: date | None = None


def change_state(
    connection: Connection,
    recommendation_id: str,
    event: Event,
    *,
    who: str,
    reason: str | None = None,
    until: date | None = None,
    doing: Doing = Doing(),
    clock: Clock,
) -> Decided:
    """Record ``event`` and set the state; with the promise where it is accepted or done.

    ``recommendation_id`` may be a unique prefix of six characters or more. Raises ``UsageError`` for fewer, an unknown
    id, an ambiguous prefix, a step the present state does not allow, a dismissal without reason, a snooze
    without a future day, something done in the future, after its end or when nothing of it was paid for, or taking back
    what was proposed anew since.
    """
    decided, state = _find(connection, recommendation_id)
    full_id = decided.id
    if state not in _ALLOWED[event]:
        raise _refused(connection, full_id, state, event)
    now, reason = clock(), (reason or "").strip() or None
    if event == "dismissed" and not reason:
        raise UsageError("A dismissal needs a reason.", where=full_id, next_step="Add --reason TEXT.")
    if event == "snoozed" and (until is None or until <= now.date()):
        raise UsageError("A snooze needs a day in the future.", where=full_id, next_step="Add --until YYYY-MM-DD.")
    if event == "reopened" and state in CARRIED_OUT:
        _refuse_earlier_life(connection, full_id)
    others = _following(connection, full_id, event, state)
    for one in (full_id, *(line.id for line in others)):
        if event == "done":
            _write_done(connection, one, doing, now)
        elif event == "accepted":
            write_baseline(connection, one, now)
        elif event == "reopened":
            _take_back(connection, one, now)
        _record(connection, one, event, who=who, reason=reason, until=until, now=now)
        new_state = "open" if event == "reopened" else event
        connection.execute(
            update(recommendation).where(recommendation.c.id == one).values(state=new_state, updated_at=now)
        )
    return replace(decided, with_it=tuple(line.id for line in others))


def _refused(connection: Connection, full_id: str, state: str, event: Event) -> UsageError:
    """Why the present state does not allow a step, and what to do first."""
    what = f"A recommendation that is {state} cannot become {event}."
    if event == "reopened":
        what = f"It is {state}: there is nothing to take back."
    elif event == state:
        c = recommendation_event.c
        last = connection.execute(
            select(c.who, c.at).where(c.recommendation_id == full_id, c.event == event).order_by(c.at.desc()).limit(1)
        ).first()
        what = f"It is {state} already" + (f", by {last.who} on {last.at:%Y-%m-%d}." if last else ".")
    told = f"{event} is possible for: {', '.join(_ALLOWED[event])}."
    if state in _ALLOWED["reopened"]:
        told = f"Take that back first: aispend recommendations reopen {full_id}"
    return UsageError(what, where=full_id, next_step=told)


def _refuse_earlier_life(connection: Connection, full_id: str) -> None:
    """What came back after it was done has a later life: that one is decided on."""
    r = recommendation.c
    row = connection.execute(select(recommendation).where(r.id == full_id)).one()
    later = connection.scalar(select(r.id).where(r.id == next_life(row)))
    if later is not None:
        raise UsageError(
            f"It came back after it was done, and is proposed anew as {later}.",
            where=full_id,
            next_step=f"Decide on that one: aispend recommendations accept {later}",
        )


def _following(connection: Connection, full_id: str, event: Event, state: str) -> list[Line]:
    """The other lines of its group, which take the step as well; raises ``UsageError`` where one is against it."""
    lines = decided_with(connection, full_id)
    after = "open" if event == "reopened" else event
    for line in lines:
        if line.state in _UNDECIDED_OR_NOT and line.state not in (after, *_ALLOWED[event]):
            raise UsageError(
                f"A group's machines change together, and {line.id} ({line.resource_id.rsplit('/', 1)[-1]}) of the "
                f"same group is {line.state}.",
                where=full_id,
                next_step=f"Take that back first: aispend recommendations reopen {line.id}",
            )
    return [
        line
        for line in lines
        if line.state in _ALLOWED[event]
        and line.state != "gone"
        and (event != "reopened" or (line.state in CARRIED_OUT) == (state in CARRIED_OUT))
    ]


def evaluate(
    connection: Connection, recommendation_id: str, verdict: Verdict, *, who: str, reason: str | None, clock: Clock
) -> Decided:
    """Record whether what a recommendation waits for has been shown; the next run counts it, or does not.

    Raises ``UsageError`` as ``change_state`` does, where it waits for nothing, and for a failure without a reason.
    """
    reason = (reason or "").strip() or None
    decided, state = _find(connection, recommendation_id)
    gate = connection.scalar(select(recommendation.c.gate).where(recommendation.c.id == decided.id))
    if gate is None:
        raise UsageError(
            "This recommendation waits for no evaluation.",
            where=decided.id,
            next_step=f"Accept or dismiss it: aispend recommendations accept {decided.id}",
        )
    if state not in _JUDGED:
        raise UsageError(
            f"A recommendation that is {state} is not evaluated any more.",
            where=decided.id,
            next_step=f"It is possible for: {', '.join(_JUDGED)}.",
        )
    if verdict == "evaluation_failed" and not reason:
        raise UsageError("A failed evaluation needs a reason.", where=decided.id, next_step="Add --reason TEXT.")
    others = [
        line.id for line in decided_with(connection, decided.id) if line.gate is not None and line.state in _JUDGED
    ]
    now = clock()
    for one in (decided.id, *others):
        _record(connection, one, verdict, who=who, reason=reason, until=None, now=now)
    return replace(decided, with_it=tuple(others))


def _write_done(connection: Connection, full_id: str, doing: Doing, now: datetime) -> None:
    on = doing.on or now.date()
    if on > now.date():
        raise UsageError(
            f"{on} has not come yet.", where="--on", next_step="Accept it now, and say that it is done when it is."
        )
    if doing.on is not None and (first := unpaid_until(connection, full_id, on, now.date())) is not None:
        raise UsageError(
            f"Nothing of it was paid for in the 28 days before {on}: it was first paid for on {first}.",
            where=f"--on {on}",
            next_step="Give a day on which there was something to change.",
        )
    if doing.planned_end is not None and doing.planned_end <= on:
        raise UsageError(
            f"It would have ended on {doing.planned_end}, before it was done: nothing is saved.",
            where="--planned-end",
            next_step="Give a day after the one it was done.",
        )
    write_baseline(connection, full_id, now, done_on=on, planned_end=doing.planned_end)


def _take_back(connection: Connection, full_id: str, now: datetime) -> None:
    """What was done and taken back stays in the ledger up to that day; what was only accepted promised nothing."""
    c = saving_baseline.c
    connection.execute(delete(saving_baseline).where(c.recommendation_id == full_id, c.done_on.is_(None)))
    connection.execute(update(saving_baseline).where(c.recommendation_id == full_id).values(undone_on=now.date()))


def _record(
    connection: Connection,
    full_id: str,
    event: Event | Verdict,
    *,
    who: str,
    reason: str | None,
    until: date | None,
    now: datetime,
) -> None:
    connection.execute(
        insert(recommendation_event).values(
            recommendation_id=full_id, at=now, event=event, who=who, reason=reason, until=until
        )
    )


def possible(state: str) -> tuple[str, ...]:
    """What may be decided on advice that is in this state."""
    return tuple(event for event, states in _ALLOWED.items() if state in states)


def full_id(connection: Connection, given: str) -> str:
    """The id of the one recommendation that ``given`` begins. Raises ``UsageError`` where there is none, or several."""
    return _find(connection, given)[0].id


def _find(connection: Connection, given: str) -> tuple[Decided, str]:
    """The one recommendation meant, and its state."""
    listed = "aispend recommendations lists the ids."
    if len(given) < SHORTEST_ID:
        raise UsageError(f"An id needs at least {SHORTEST_ID} characters.", where=given or "no id", next_step=listed)
    r = recommendation.c
    found = connection.execute(
        select(r.id, r.kind, r.resource_id, r.monthly_saving_net, r.currency, r.state, r.evidence)
        .add_columns(r.saving_p10, r.saving_p50, r.saving_p90, r.model, r.team)
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
    net = promise_of(row)["net"]
    return Decided(row.id, row.kind, row.resource_id, net, row.currency, row.model, row.team), row.state
