"""Advice that was done and is there again: proposed anew, as another life of the same advice with an id of its own.

Assumes
    What was done acts from the day after it on: nothing that was seen before says whether it came back.
Method
    The id of a life is a hash of kind, provider, what its subject is known by (``Subject.identified_by``: of a service
    its name, whichever machines it has), currency, target and, from the second on, its number. So what was promised and
    realised of an earlier life stays in the ledger as it is, and the next has a promise of its own. A stop came back
    where its resource is paid for on a day after it, and was measured idle since. All other advice rests on a window,
    and may be seen again once the whole of it lies after the change: half a window would show the days before. Fewer
    seats are seen again no earlier than a window after the renewal they were for.
Cases
    Hours of less than a day in all say nothing: a machine stopped in the evening of a zone west of UTC has hours on the
    next day, and somebody may have started it to fetch a file. Where the bill has no hours, a day counts whole that has
    24 of its quantity, any other as half a day.
    A life that was proposed once stays, whatever a later bill says of the days before it.
Sources
    docs/advice.md, identity and life.
Known drawbacks
    What follows a whole window waits for it: weeks in which a schedule that was taken off again is proposed by nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, select

from aispend.schema import recommendation, saving_baseline
from recommender.contract import Advice
from recommender.ledger.billed import Line, lines
from recommender.ledger.seats import counts_from
from recommender.ledger.windows import WINDOW_DAYS

CARRIED_OUT = ("done", "verified")
"""States of what was done."""
KNOWN_BY = "identified_by"
"""Where evidence tells the name of a service whose id is that of its one machine."""
_STOP = "stop_idle"
_ONE_DAY = timedelta(days=1)
_HOURS_OF_A_DAY = 24


@dataclass(frozen=True)
class Lives:
    """The advice of a run by id; ``came_back`` says of new lives, in a sentence, what they follow."""

    items: Mapping[str, Advice]
    came_back: Mapping[str, str] = field(default_factory=dict)


def identity_of(item: Advice, life: int = 1) -> str:
    """Twelve hex digits that stay the same from run to run for the same proposal, however it is worded."""
    subject = item.subject
    return identity((item.kind, subject.provider, subject.identified_by, subject.currency, item.target), life)


def identity(what: tuple[str, str, str, str, str], life: int = 1) -> str:
    """The same from kind, provider, what it is known by, currency and target; ``life`` is 2 after it was done once."""
    parts = (*what, str(life)) if life > 1 else what
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def next_life(row: Any) -> str:
    """The id that a recommendation has when it is proposed after it was done; whether there is one is not said."""
    life = int(row.evidence.get("life", 1)) + 1
    return identity((row.kind, row.provider, known_by(row), row.currency, row.target), life)


def known_by(row: Any) -> str:
    """What the subject of a recommendation that is kept is known by; of a service it is told beside its one machine."""
    name: str = row.evidence.get(KNOWN_BY, row.resource_id)
    return name


def living(connection: Connection, advice: Iterable[Advice], states: Mapping[str, str], today: date) -> Lives:
    """Each of ``advice`` under the id of the life it is in; ``states`` are those of all that is kept.

    What was done and is not known to be back stays under its id, where it counts for nothing.
    """
    done = _done(connection)
    items: dict[str, Advice] = {}
    came_back: dict[str, str] = {}
    for item in advice:
        life, key, before = 1, identity_of(item), ""
        while key in done and states.get(key) in CARRIED_OUT:
            row, following = done[key], identity_of(item, life + 1)
            says = None if following in states else _came_back(connection, item, row, today)
            if following not in states and says is None:
                break
            life, before = life + 1, f"{row.done_on} as {key[:8]}"
            if says is not None:
                came_back[following] = f"{says} (as {key[:8]})."
            key = following
        told = {"life": life, "done_before": before} if life > 1 else {}
        items[key] = replace(item, evidence={**item.evidence, **told}) if told else item
    return Lives(items, came_back)


def _done(connection: Connection) -> Mapping[str, Any]:
    r, b = recommendation.c, saving_baseline.c
    rows = connection.execute(
        select(r.id, r.kind, r.target, r.evidence, b.done_on)
        .join(saving_baseline, b.recommendation_id == r.id)
        .where(r.state.in_(CARRIED_OUT), b.done_on.is_not(None))
    )
    return {row.id: row for row in rows}


def _came_back(connection: Connection, item: Advice, row: Any, today: date) -> str | None:
    """Since when it is there again; None where that is not so, or not known yet."""
    acts_after = max(row.done_on, (counts_from(row) or date.min + _ONE_DAY) - _ONE_DAY)
    if item.evidence_until is not None and item.evidence_until <= datetime.combine(acts_after + _ONE_DAY, time(), UTC):
        return None
    if item.kind == _STOP:
        return _paid_again(connection, item, row.done_on, today)
    days = item.evidence.get("window_days", WINDOW_DAYS)
    first = (item.subject.as_of - timedelta(days=int(days))).date()
    if first <= acts_after:
        return None
    if item.commits is not None:
        return f"Next stage: this is left to commit to since {first}, all of it after what was bought on {row.done_on}"
    return f"Came back: seen again on {first} and in the days since, after it was done on {row.done_on}"


def _paid_again(connection: Connection, item: Advice, done_on: date, today: date) -> str | None:
    start, end = done_on + _ONE_DAY, min(item.subject.as_of.date(), today)
    found = [
        line
        for line in lines(connection, [item.subject.resource_key], item.subject.currency, start, end)
        if line.is_paid and line.is_charged_after(done_on)
    ]
    days = sorted({line.day for line in found})
    if sum(_hours([line for line in found if line.day == day]) for day in days) < _HOURS_OF_A_DAY:
        return None
    back = next((day for place, day in enumerate(days) if day != start + timedelta(days=place)), None)
    if back is None:
        return f"Still paid for on every day from {start} to {days[-1]}, after it was done on {done_on}"
    return f"Came back on {back}, after it was done on {done_on}"


def _hours(found: Sequence[Line]) -> int:
    """How many hours of one day these lines are of; half a day where neither hours nor quantity say it."""
    known = 0
    for line in found:
        known |= line.mask or 0
    if known or all(line.mask is not None for line in found):
        return known.bit_count()
    is_whole = any(line.quantity is not None and line.quantity >= _HOURS_OF_A_DAY for line in found)
    return _HOURS_OF_A_DAY if is_whole else _HOURS_OF_A_DAY // 2
