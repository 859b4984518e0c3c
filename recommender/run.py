"""Ask every kind about every subject, settle overlaps, and write advice and the reasons for none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from aispend.clock import Clock
from aispend.schema import recommendation, recommendation_event, why_not
from aispend.settings import Recommend, Settings
from aispend.store.locks import exclusive
from recommender import rightsize, stop_idle
from recommender.contract import Advice, Kind, Subject, WhyNot
from recommender.portfolio import counted
from recommender.subjects import evidence_end, load_subjects

KINDS: tuple[Kind, ...] = (stop_idle.KIND, rightsize.KIND)
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class RecommendReport:
    """What a run found.

    ``advice`` is what counts: it saves something net, and overlaps are one. ``without_advice`` is resources that no
    kind has advice for.
    """

    subjects: int
    advice: int
    without_advice: int
    evidence_end: datetime | None


def recommend(engine: Engine, settings: Settings, clock: Clock, *, progress: Progress | None = None) -> RecommendReport:
    """Recompute all recommendations from what is loaded, in one transaction.

    An open recommendation that is no longer found becomes ``gone``; what a person decided is kept, and its
    figures are brought up to date. A snooze that has run out becomes open again.
    """
    options = settings.recommend
    with engine.begin() as connection:
        exclusive(connection, "recommend")
        end = evidence_end(connection)
        advice: list[Advice] = []
        reasons: list[WhyNot] = []
        subjects = 0
        if end is not None:
            window = max(options.idle.window_days, options.rightsize.window_days)
            for subject in load_subjects(connection, end, window):
                subjects += 1
                if progress:
                    progress("Recommending", subjects, None)
                _ask(subject, options, advice, reasons)
        counts = _write(connection, advice, reasons, clock())
    advised = {item.subject.resource_key for item in advice}
    without = {reason.subject.resource_key for reason in reasons} - advised
    return RecommendReport(subjects, counts, len(without), end)


def _ask(subject: Subject, options: Recommend, advice: list[Advice], reasons: list[WhyNot]) -> None:
    for kind in KINDS:
        if not kind.applies(subject):
            continue
        answer = kind.evaluate(subject, options)
        if isinstance(answer, WhyNot):
            reasons.append(answer)
        elif answer.saving.effective < options.min_monthly_saving:
            reasons.append(
                WhyNot(
                    kind.name,
                    subject,
                    "small",
                    f"It would save {answer.saving.effective} {subject.currency} a month, below the minimum of "
                    f"{options.min_monthly_saving} (recommend.min_monthly_saving).",
                    answer.monthly_cost,
                )
            )
        else:
            advice.append(answer)


def identity(kind: str, provider: str, resource_id: str, proposed: str) -> str:
    """Twelve hex digits that stay the same from run to run for the same proposal."""
    return hashlib.sha256("\x1f".join((kind, provider, resource_id, proposed)).encode()).hexdigest()[:12]


def _write(connection: Connection, advice: list[Advice], reasons: list[WhyNot], now: datetime) -> int:
    """Write all of it; how many recommendations count."""
    counts = counted(advice)
    before = {row.id: row.state for row in connection.execute(select(recommendation.c.id, recommendation.c.state))}
    rows = {}
    for index, item in enumerate(advice):
        row = _row(item, counts[index], now)
        rows[row["id"]] = row
    for row in rows.values():
        statement = upsert(recommendation).values(**row)
        changing = {column: statement.excluded[column] for column in row if column not in ("id", "state", "created_at")}
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changing))
        if before.get(row["id"]) in (None, "gone"):
            _event(connection, row["id"], "proposed", now)
            connection.execute(update(recommendation).where(recommendation.c.id == row["id"]).values(state="open"))
    for gone in [key for key, state in before.items() if key not in rows and state == "open"]:
        connection.execute(
            update(recommendation)
            .where(recommendation.c.id == gone)
            .values(state="gone", counted=False, updated_at=now)
        )
        _event(connection, gone, "gone", now)
    _wake(connection, now)
    connection.execute(
        update(recommendation)
        .where(recommendation.c.state.in_(("dismissed", "snoozed", "done", "gone")))
        .values(counted=False)
    )
    connection.execute(delete(why_not))
    unanswered = [
        reason for reason in reasons if reason.subject.resource_id not in {a.subject.resource_id for a in advice}
    ]
    if unanswered:
        connection.execute(
            upsert(why_not).on_conflict_do_nothing(),
            [
                {
                    "resource_key": reason.subject.resource_key,
                    "resource_id": reason.subject.resource_id,
                    "kind": reason.kind,
                    "reason": reason.reason,
                    "explanation": reason.explanation,
                    "monthly_cost": reason.monthly_cost,
                    "currency": reason.subject.currency,
                    "at": now,
                }
                for reason in unanswered
            ],
        )
    return sum(counts[index] and item.saving.net != 0 for index, item in enumerate(advice))


def _wake(connection: Connection, now: datetime) -> None:
    """A snooze whose day has come is open again."""
    newest = (
        select(recommendation_event.c.recommendation_id, recommendation_event.c.until)
        .ext(distinct_on(recommendation_event.c.recommendation_id))
        .where(recommendation_event.c.event == "snoozed")
        .order_by(recommendation_event.c.recommendation_id, recommendation_event.c.event_id.desc())
        .subquery()
    )
    due = connection.execute(
        select(recommendation.c.id)
        .join(newest, newest.c.recommendation_id == recommendation.c.id)
        .where(recommendation.c.state == "snoozed", newest.c.until <= now.date())
    ).scalars()
    for key in due.all():
        connection.execute(update(recommendation).where(recommendation.c.id == key).values(state="open"))
        _event(connection, key, "reopened", now)


def _event(connection: Connection, key: str, event: str, now: datetime) -> None:
    connection.execute(insert(recommendation_event).values(recommendation_id=key, at=now, event=event, who="aispend"))


def _row(item: Advice, is_counted: bool, now: datetime) -> dict[str, Any]:
    subject = item.subject
    payback = None
    if item.one_off_cost and item.saving.net > 0:
        payback = (item.one_off_cost / item.saving.net).quantize(Decimal("0.1"))
    return {
        "id": identity(item.kind, subject.provider, subject.resource_id, item.proposed),
        "kind": item.kind,
        "resource_key": subject.resource_key,
        "resource_id": subject.resource_id,
        "provider": subject.provider,
        "account": subject.account,
        "region": subject.region,
        "model": subject.model,
        "team": subject.team,
        "current": item.current,
        "proposed": item.proposed,
        "monthly_cost": item.monthly_cost,
        "monthly_saving_list": item.saving.list_cost,
        "monthly_saving_effective": item.saving.effective,
        "monthly_saving_net": item.saving.net,
        "saving_p10": item.saving.p10,
        "saving_p50": item.saving.p50,
        "saving_p90": item.saving.p90,
        "currency": subject.currency,
        "risk": item.risk,
        "confidence": item.confidence,
        "effort": item.effort,
        "one_off_cost": item.one_off_cost,
        "payback_months": payback,
        "violation_bound": item.violation_bound,
        "evidence": dict(item.evidence),
        "reason": item.reason,
        "undo": item.undo,
        "command": item.command,
        "state": "open",
        "counted": is_counted,
        "created_at": now,
        "updated_at": now,
    }
