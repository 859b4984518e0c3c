"""Keep what a run found: advice under an identity that stays, its state, and the reasons where there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from aispend.schema import recommendation, recommendation_event, saving_baseline, why_not
from recommender.contract import Advice, Answer, WhyNot
from recommender.group_decisions import GroupDecision, decided_against
from recommender.known_anew import known_anew
from recommender.lives import CARRIED_OUT, KNOWN_BY, known_by, living
from recommender.portfolio import NOT_COUNTED, Counted, combine
from recommender.portfolio_commitments import as_bought
from recommender.quotas_together import within_quotas
from recommender.registry import KINDS
from recommender.whole_groups import groups_of

DECIDED_AGAINST = ("dismissed", "snoozed", *CARRIED_OUT)
"""States in which a proposal adds nothing to the total: it was refused, put off, or is done already."""
BILL_STALE = "bill_stale"
"""The reason where the bill itself ends too long ago; the others that make advice expire are of telemetry."""
_NOT_FOUND = ("gone", "expired")
_MUST_BE_FOUND = ("open", "accepted")
_DECISIONS = ("accepted", "dismissed", "snoozed", "done", "reopened")


@contextmanager
def as_decided(
    connection: Connection, advice: Sequence[Advice], reasons: Sequence[WhyNot], now: datetime
) -> Iterator[None]:
    """Within it the states are those after a run that found this, and after it those there were.

    Commitments are sized on what is left after all else that was accepted and still holds: what that is, a run says
    only at its end. Where nobody ever accepted anything the states are as they were.
    """
    e = recommendation_event.c
    if connection.scalar(select(e.event_id).where(e.event == "accepted").limit(1)) is None:
        yield
        return
    with connection.begin_nested() as trial:
        keep(connection, advice, reasons, now)
        yield
        trial.rollback()


def keep(
    connection: Connection, advice: Sequence[Advice], reasons: Sequence[WhyNot], now: datetime
) -> tuple[int, list[WhyNot]]:
    """Write all of it; how many recommendations count, and what is refused as it has no room beside the others."""
    stored = connection.execute(select(*(recommendation.c[name] for name in ("id", "state", "resource_id")))).all()
    before = known_anew(connection, advice, {row.id: row.state for row in stored})
    passed = _passed_gates(connection)
    woken = _wake(connection, now)
    before |= dict.fromkeys(woken, "open")
    lives = living(connection, advice, before, now.date())
    items = lives.items
    lost = [key for key in items if before.get(key) in _NOT_FOUND]
    found_again = dict.fromkeys(_still_accepted(connection, lost), "accepted")
    before |= found_again
    followed = decided_against(connection, items, before, KINDS)
    states = before | {key: decision.event for key, decision in followed.items()}
    bought = _not_billed_yet(connection, items, states)
    asking = {key: item for key, item in items.items() if states.get(key) not in DECIDED_AGAINST}
    standing, refused = within_quotas(
        asking,
        KINDS,
        lambda left: _counted(
            {key: item for key, item in items.items() if key in left or key not in asking}, states, passed, bought
        ),
        lambda key: states.get(key) == "accepted",
    )
    items = {key: standing.get(key, item) for key, item in items.items() if key in standing or key not in asking}
    counts = _counted(items, states, passed, bought)
    changing = {key: item for key, item in items.items() if before.get(key) not in CARRIED_OUT}
    _upsert(connection, [_row(key, item, counts[key], now) for key, item in changing.items()])
    for key, decision in followed.items():
        _follow(connection, key, decision, now)
    fresh = [key for key in items if key not in followed and before.get(key) in (None, *_NOT_FOUND)]
    _say(connection, fresh, "proposed", "open", now, why=lives.came_back)
    again = {key: "Found again; it was accepted before." for key in found_again if key in items}
    _say(connection, list(again), "proposed", "accepted", now, why=again)
    every = [*reasons, *refused]
    _end(connection, list(items.values()), items, every, now)
    connection.execute(
        update(recommendation)
        .where(recommendation.c.id.not_in(items) | recommendation.c.state.in_((*DECIDED_AGAINST, *_NOT_FOUND)))
        .values(counted=False, counted_list=0, counted_effective=0, counted_net=0)
    )
    # what was done is kept as it was: where another machine took the place of the one it names, nothing tells of that
    acted_on = {row.id: row.resource_id for row in stored if row.state in CARRIED_OUT}
    told = [
        item for key, item in items.items() if acted_on.get(key, item.subject.resource_id) == item.subject.resource_id
    ]
    _keep_reasons(connection, told, every, now)
    return sum(item.counts for item in counts.values()), refused


def _counted(
    items: Mapping[str, Advice],
    states: Mapping[str, str],
    passed: set[str],
    bought: Sequence[Advice],
) -> dict[str, Counted]:
    """What each adds to the best combination; what was decided against takes no part in it.

    What is done and found as before keeps its place, as no bill shows it yet, and adds nothing; commitments are
    ``bought``.
    """
    part = {
        key: item
        for key, item in items.items()
        if states.get(key) not in DECIDED_AGAINST or (states.get(key) in CARRIED_OUT and item.pays_for is None)
    }
    found = {
        key: replace(item, gate=None) if key in passed or states.get(key) in CARRIED_OUT else item
        for key, item in part.items()
    }
    done = {id(item) for key, item in found.items() if states.get(key) in CARRIED_OUT}
    accepted = done | {id(item) for key, item in found.items() if states.get(key) == "accepted"}
    counted = combine(
        list(found.values()), KINDS, lambda item: id(item) in accepted, bought, lambda item: id(item) in done
    )
    counts = dict.fromkeys(items, NOT_COUNTED) | dict(zip(found, counted, strict=True))
    return counts | {key: NOT_COUNTED for key in found if states.get(key) in CARRIED_OUT}


def _not_billed_yet(connection: Connection, items: Mapping[str, Advice], states: Mapping[str, str]) -> list[Advice]:
    """Commitments that were bought on the last day of the evidence or later: no bill shows what they cover."""
    done = {key: item for key, item in items.items() if item.pays_for is not None and states.get(key) == "done"}
    r, b = recommendation.c, saving_baseline.c
    rows = connection.execute(
        select(r.id, r.evidence, b.done_on)
        .join(saving_baseline, b.recommendation_id == r.id)
        .where(r.id.in_(done), b.done_on.is_not(None))
    )
    bought = {row.id: row for row in rows}
    newest = {key: item.subject.as_of.date() - timedelta(days=1) for key, item in done.items()}
    return [
        as_bought(item, bought[key].evidence)
        for key, item in done.items()
        if key in bought and bought[key].done_on >= newest[key]
    ]


def _end(
    connection: Connection, advice: Sequence[Advice], found: Collection[str], reasons: Sequence[WhyNot], now: datetime
) -> None:
    """What is open or accepted and was not found is gone, or expired where nobody measured it lately; and why.

    What expired and is measured again, and not found, is gone as well.
    """
    why = {_asked(item): f"Proposed instead: {item.proposed}" for item in advice}
    why |= {_asked(reason): reason.explanation for reason in reasons}
    blind = {
        _asked(reason) for reason in reasons if reason.reason.startswith("telemetry_") or reason.reason == BILL_STALE
    }
    c = recommendation.c
    rows = connection.execute(
        select(c.id, c.kind, c.provider, c.resource_id, c.currency, c.state, c.evidence)
        .where(c.state.in_((*_MUST_BE_FOUND, "expired")), c.id.not_in(found))
        .order_by(c.id)
    ).all()
    lost = {row.id: (row.kind, row.provider, known_by(row), row.currency) for row in rows}
    stays = {row.id for row in rows if row.state == "expired" and lost[row.id] in blind}
    for state in _NOT_FOUND:
        ours = [key for key, what in lost.items() if (what in blind) == (state == "expired") and key not in stays]
        _say(connection, ours, state, state, now, why={key: why[lost[key]] for key in ours if lost[key] in why})


def _still_accepted(connection: Connection, lost: Sequence[str]) -> list[str]:
    """Of what was not found for a while, what somebody had accepted: that decision holds when it is found again."""
    e = recommendation_event.c
    newest = (
        select(e.recommendation_id, e.event)
        .ext(distinct_on(e.recommendation_id))
        .where(e.recommendation_id.in_(lost), e.event.in_(_DECISIONS))
        .order_by(e.recommendation_id, e.event_id.desc())
    )
    return [row.recommendation_id for row in connection.execute(newest) if row.event == "accepted"]


def _passed_gates(connection: Connection) -> set[str]:
    """Recommendations whose gate somebody has shown to be passed, by its newest record."""
    newest = (
        select(recommendation_event.c.recommendation_id, recommendation_event.c.event)
        .ext(distinct_on(recommendation_event.c.recommendation_id))
        .where(recommendation_event.c.event.in_(("evaluation_passed", "evaluation_failed")))
        .order_by(recommendation_event.c.recommendation_id, recommendation_event.c.event_id.desc())
    )
    return {row.recommendation_id for row in connection.execute(newest) if row.event == "evaluation_passed"}


def _wake(connection: Connection, now: datetime) -> list[str]:
    """A snooze whose day has come is open again."""
    newest = (
        select(recommendation_event.c.recommendation_id, recommendation_event.c.until)
        .ext(distinct_on(recommendation_event.c.recommendation_id))
        .where(recommendation_event.c.event == "snoozed")
        .order_by(recommendation_event.c.recommendation_id, recommendation_event.c.event_id.desc())
        .subquery()
    )
    due = list(
        connection.execute(
            select(recommendation.c.id)
            .join(newest, newest.c.recommendation_id == recommendation.c.id)
            .where(recommendation.c.state == "snoozed", newest.c.until <= now.date())
        ).scalars()
    )
    _say(connection, due, "reopened", "open", now)
    return due


def _upsert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write all rows at once, of those there are already everything but their state and when they began."""
    if rows:
        statement = upsert(recommendation)
        changing = {
            column: statement.excluded[column] for column in rows[0] if column not in ("id", "state", "created_at")
        }
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changing), rows)


def _say(
    connection: Connection,
    keys: Sequence[str],
    event: str,
    state: str,
    now: datetime,
    *,
    why: Mapping[str, str] | None = None,
) -> None:
    """The same event and state for all of them, in their order; with the reason of those that have one."""
    if keys:
        said = {"at": now, "event": event, "who": "aispend"}
        told = [{"recommendation_id": key, **said, "reason": (why or {}).get(key)} for key in keys]
        connection.execute(insert(recommendation_event), told)
        _set_state(connection, keys, state, now)


def _set_state(connection: Connection, keys: Sequence[str], state: str, now: datetime) -> None:
    connection.execute(update(recommendation).where(recommendation.c.id.in_(keys)).values(state=state, updated_at=now))


def _follow(connection: Connection, key: str, decision: GroupDecision, now: datetime) -> None:
    """A line of a group that was refused or put off: who, when and why are those of the group's decision."""
    connection.execute(
        insert(recommendation_event).values(
            recommendation_id=key,
            at=decision.at,
            event=decision.event,
            who=decision.who,
            reason=decision.reason,
            until=decision.until,
        )
    )
    _set_state(connection, [key], decision.event, now)


def _keep_reasons(connection: Connection, advice: Sequence[Advice], reasons: Sequence[WhyNot], now: datetime) -> None:
    """The reasons of whatever no kind has advice for that could count today; one of each kind."""
    connection.execute(delete(why_not))
    advised = {_whose(item) for item in advice if item.gate is None and not item.estimate_only}
    unanswered = [reason for reason in reasons if _whose(reason) not in advised]
    if unanswered:
        connection.execute(
            upsert(why_not).on_conflict_do_nothing(),
            [
                {
                    "resource_key": reason.subject.resource_key,
                    "provider": reason.subject.provider,
                    "resource_id": reason.subject.resource_id,
                    "kind": reason.kind,
                    "reason": reason.reason,
                    "explanation": reason.explanation,
                    "monthly_cost": reason.monthly_cost,
                    "currency": reason.subject.currency,
                    "at": now,
                    "model": reason.subject.model,
                    "team": reason.subject.team,
                }
                for reason in unanswered
            ],
        )


def _asked(answer: Answer) -> tuple[str, str, str, str]:
    """Which question it answers, of a service by its name, as its id may be another machine's than in the last run."""
    subject = answer.subject
    return answer.kind, subject.provider, subject.identified_by, subject.currency


def _whose(answer: Answer) -> tuple[str, str, str]:
    subject = answer.subject
    return subject.provider, subject.resource_id, subject.currency


def _row(key: str, item: Advice, counted: Counted, now: datetime) -> dict[str, Any]:
    subject = item.subject
    payback = None
    if item.one_off_cost and item.saving.net > 0:
        payback = (item.one_off_cost / item.saving.net).quantize(Decimal("0.1"))
    return {
        "id": key,
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
        "target": item.target,
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
        "evidence": {
            **item.evidence,
            **({"range_from": item.saving.range_from} if item.saving.range_from else {}),
            **({"groups": groups} if (groups := groups_of(item, KINDS)) else {}),
            **({KNOWN_BY: subject.identified_by} if subject.identified_by != subject.resource_id else {}),
        },
        "acts_on": {
            name: {"monthly_cost": str(cost), "counted_net": str(counted.by_resource.get(name, 0))}
            for name, cost in (item.acts_on or {subject.resource_id: item.monthly_cost}).items()
        },
        "gate": item.gate,
        "hard_to_regain": item.hard_to_regain,
        "estimate_only": item.estimate_only,
        "evidence_until": item.evidence_until,
        "reason": f"{item.reason}{counted.remark}",
        "undo": item.undo,
        "command": item.command,
        "state": "open",
        "counted": counted.counts,
        "counted_list": counted.list_cost,
        "counted_effective": counted.effective,
        "counted_net": counted.net,
        "created_at": now,
        "updated_at": now,
    }
