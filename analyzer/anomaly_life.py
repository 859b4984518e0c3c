"""The life of an anomaly: found, acknowledged, expected, reopened, gone; each step with who and why.

``watch`` brings the table up to date. An anomaly keeps its id as long as it is found again: by its hash, or because
days of the same cut and direction overlap, so that a restated day does not make it another one. One that the
present bills no longer show is *gone*, never deleted; one that lies before the days judged stays as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, insert, select, update

from aispend.clock import Clock
from aispend.errors import UsageError
from aispend.schema import anomaly, anomaly_event
from aispend.settings import Settings
from analyzer.anomaly import anomalies, days_needed
from analyzer.anomaly_found import Found
from analyzer.anomaly_series import asked_by_watch, watched
from analyzer.anomaly_words import explanation
from analyzer.remembered import Remembered
from analyzer.series_together import SpendByDay

Decision = Literal["acknowledged", "expected", "reopened"]
SHORTEST_ID = 6
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "acknowledged": ("open",),
    "expected": ("open", "acknowledged"),
    "reopened": ("acknowledged", "expected"),
}
_CANDIDATES = 8


@dataclass(frozen=True)
class WatchReport:
    """What :func:`watch` did: anomalies found, those among them that were not known, and those no longer shown."""

    found: int
    new: int
    gone: int


@dataclass(frozen=True)
class Decided:
    """What was decided on; ``impact`` in ``currency``."""

    id: str
    kind: str
    cut: str
    value: str | None
    impact: Decimal
    currency: str


def watch(
    connection: Connection,
    settings: Settings,
    clock: Clock,
    remembered: Remembered | None = None,
    spend: SpendByDay | None = None,
) -> WatchReport:
    """Judge the last days and bring the anomalies up to date. Reads ``days_needed`` days, not the history.

    ``spend``: where :func:`asked_by_watch` is among what is read.
    """
    ours = settings.anomaly
    days = days_needed(ours)
    spend = spend or SpendByDay(connection, clock().date(), asked_by_watch(days, ours.ai_only))
    seen = watched(connection, spend, days=days, ai_only=ours.ai_only, least=ours.min_impact)
    if seen is None:
        return WatchReport(0, 0, 0)
    since = seen.end - timedelta(days=ours.watch_days)
    known = connection.execute(
        select(anomaly).where(anomaly.c.last_day >= seen.first).order_by(anomaly.c.id)
    ).mappings()
    stored = {row["id"]: row for row in known}
    found = anomalies(connection, seen, ours, _expected(stored.values()), remembered or Remembered())
    now = clock()
    new = 0
    taken: set[str] = set()
    for one in found:
        before = _same(one, [row for row in stored.values() if row["id"] not in taken])
        name = anomaly_id(one) if before is None else before["id"]
        taken.add(name)
        new += before is None
        _write(connection, name, one, before, now)
    late = {bill.provider for bill in seen.behind}
    gone = [
        row["id"]
        for row in stored.values()
        if row["id"] not in taken
        and row["last_day"] >= since
        and row["state"] != "gone"
        and row["provider"] not in late
    ]
    for name in gone:
        connection.execute(update(anomaly).where(anomaly.c.id == name).values(state="gone", updated_at=now))
        _record(connection, name, "gone", now, who=None, reason="The present bills do not show it.")
    return WatchReport(len(found), new, len(gone))


def anomaly_id(found: Found) -> str:
    """Identity of an anomaly that is not known yet: what it is in, and its first day."""
    words = (_direction(found.kind), found.cut, found.value or "", found.currency, found.first.isoformat())
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:16]


def decide(
    connection: Connection, given: str, decision: Decision, *, who: str, reason: str | None, clock: Clock
) -> Decided:
    """Record a decision and set the state.

    ``given`` may be a unique beginning of an id, of six characters or more. Raises ``UsageError`` for fewer, an unknown
    id, an ambiguous beginning, a step the present state does not allow, or *expected* without a reason.
    """
    decided, state = _find(connection, given)
    if state not in _ALLOWED[decision]:
        raise UsageError(
            f"An anomaly that is {state} cannot become {decision}.",
            where=decided.id,
            next_step=f"{decision} is possible for: {', '.join(_ALLOWED[decision])}.",
        )
    if decision == "expected" and not reason:
        raise UsageError(
            "What is expected needs a reason: it is learned and not told again.",
            where=decided.id,
            next_step="Add --reason TEXT.",
        )
    now = clock()
    _record(connection, decided.id, decision, now, who=who, reason=reason)
    new_state = "open" if decision == "reopened" else decision
    connection.execute(update(anomaly).where(anomaly.c.id == decided.id).values(state=new_state, updated_at=now))
    return decided


def _expected(stored: Any) -> dict[tuple[str, str | None, str], set[date]]:
    """Days that a person has called expected."""
    days: dict[tuple[str, str | None, str], set[date]] = {}
    for row in stored:
        if row["state"] == "expected":
            length = (row["last_day"] - row["first_day"]).days + 1
            days.setdefault((row["cut"], row["value"], row["currency"]), set()).update(
                row["first_day"] + timedelta(days=number) for number in range(length)
            )
    return days


def _direction(kind: str) -> str:
    """A rise may turn out a drift when a day is restated; neither turns into the others."""
    return "rise" if kind == "drift" else kind


def _same(found: Found, stored: list[RowMapping]) -> RowMapping | None:
    """The stored anomaly this is: of its id, or with a day in common."""
    name = (_direction(found.kind), found.cut, found.value, found.currency)
    alike = [row for row in stored if (_direction(row["kind"]), row["cut"], row["value"], row["currency"]) == name]
    by_id = next((row for row in alike if row["id"] == anomaly_id(found)), None)
    return by_id or next(
        (row for row in alike if row["first_day"] <= found.last and found.first <= row["last_day"]), None
    )


def _write(connection: Connection, name: str, found: Found, before: RowMapping | None, now: datetime) -> None:
    values = {
        "kind": found.kind,
        "cut": found.cut,
        "value": found.value,
        "currency": found.currency,
        "first_day": found.first,
        "last_day": found.last,
        "lasting": found.lasting,
        "actual": found.actual,
        "expected": found.expected,
        "impact": found.impact,
        "distance": None if found.distance is None else Decimal(f"{found.distance:.3f}"),
        "explanation": explanation(found),
        **_driver_values(found),
        "updated_at": now,
    }
    if before is None:
        connection.execute(insert(anomaly).values(id=name, state="open", found_at=now, **values))
        _record(connection, name, "found", now, who=None, reason=None)
        return
    # what a person called expected is quiet from then on, which must not make it look shorter than it was
    if before["state"] == "expected" and before["last_day"] > found.last:
        for column in ("last_day", "actual", "expected", "impact", "explanation"):
            values[column] = before[column]
    again = before["state"] == "gone"
    connection.execute(
        update(anomaly).where(anomaly.c.id == name).values(**values, **({"state": "open"} if again else {}))
    )
    if again:
        _record(connection, name, "found", now, who=None, reason="The present bills show it again.")


def _driver_values(found: Found) -> dict[str, Any]:
    if found.drivers is None:
        return {"drivers": {}}
    provider = found.drivers.largest("provider")
    named = {"provider": None if provider is None else provider.value}
    behind = found.behind
    if behind is None:
        return {**named, "drivers": {}}
    top = {name: behind.largest(name) for name in ("account", "service", "model", "team", "sku")}
    resource = behind.largest("resource")
    return {
        **named,
        **{name: None if part is None else part.value for name, part in top.items()},
        "resource_id": None if resource is None else resource.value,
        "resource_share": None if resource is None else resource.share,
        "drivers": behind.as_json(),
    }


def _record(
    connection: Connection, name: str, event: str, at: datetime, *, who: str | None, reason: str | None
) -> None:
    connection.execute(insert(anomaly_event).values(anomaly_id=name, at=at, event=event, who=who, reason=reason))


def _find(connection: Connection, given: str) -> tuple[Decided, str]:
    """The one anomaly meant, and its state."""
    listed = "aispend anomalies lists the ids."
    if len(given) < SHORTEST_ID:
        raise UsageError(f"An id needs at least {SHORTEST_ID} characters.", where=given or "no id", next_step=listed)
    a = anomaly.c
    found = connection.execute(
        select(a.id, a.kind, a.cut, a.value, a.impact, a.currency, a.state)
        .where(a.id.startswith(given.lower(), autoescape=True))
        .order_by(a.id)
    ).all()
    if not found:
        raise UsageError("No anomaly has this id.", where=given, next_step=listed)
    if len(found) > 1:
        names = [f"{row.id} ({row.kind} of {row.cut} {row.value})" for row in found[:_CANDIDATES]]
        raise UsageError(
            f"{len(found)} anomalies begin with this id.",
            where=given,
            next_step=f"Give more of it: {', '.join(names)}.",
        )
    (row,) = found
    return Decided(*row[:6]), row.state
