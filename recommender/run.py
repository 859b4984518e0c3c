"""Ask every kind about every subject, settle what can be done together, and keep advice and the reasons for none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from aispend.advising import Recommend
from aispend.clock import Clock
from aispend.drawn import DrawnSoFar, not_asked
from aispend.money import in_words
from aispend.settings import Settings
from aispend.store.locks import exclusive
from recommender.contract import Advice, Answer, Kind, Subject, WhyNot
from recommender.growth import note_growth
from recommender.guards import exclusion_of, is_about
from recommender.kinds.commit import NAME as COMMIT
from recommender.ledger.calibration import learned
from recommender.record import BILL_STALE, as_decided, keep
from recommender.registry import KINDS
from recommender.remedies import or_unnamed, with_remedy
from recommender.settings_check import check_settings
from recommender.subjects.load import evidence_end, load_subjects, load_usage
from recommender.subjects.machines import Machine
from recommender.subjects.served_tokens import ServedTokens
from recommender.subjects.services import Pool, Service
from recommender.subjects.token_use import TokenUse
from recommender.subjects.training_runs import TrainingRuns
from recommender.subjects.unanswered import unanswered
from recommender.subjects.unnamed import unnamed_hosts
from recommender.to_be_had import held
from recommender.whole_groups import is_shared, whole_groups

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class RecommendReport:
    """What a run found.

    ``subjects`` is what was looked at, each once whatever it is part of. ``found`` is what was proposed, ``advice``
    what of it counts: it saves something net beside what else can be done. ``without_advice`` is resources that no kind
    has advice for. ``is_stale``: the newest bill ends longer ago than advice lasts, so that none stands on it.
    ``unmet`` are the places of rules in ``recommend.exclude`` that are about nothing that was looked at.
    """

    subjects: int
    found: int
    advice: int
    without_advice: int
    evidence_end: datetime | None
    is_stale: bool = False
    unmet: tuple[int, ...] = ()


def recommend(
    engine: Engine,
    settings: Settings,
    clock: Clock,
    *,
    progress: Progress | None = None,
    drawn: DrawnSoFar = not_asked,
) -> RecommendReport:
    """Recompute all recommendations from what is loaded, in one transaction.

    ``drawn`` says how far the agreements of the settings are drawn down, as the last analysis knows it.

    What is open or accepted and no longer found becomes ``gone``, or ``expired`` where what it rests on ended more than
    ``expires_after_days`` before now; what else a person decided is kept. What was done stays as it was, and is
    proposed anew where it came back (``lives.py``). A snooze that has run out becomes open again. What became of
    earlier stops widens the window of idleness (``calibration.py``).
    """
    now = clock()
    with engine.begin() as connection:
        exclusive(connection, "recommend")
        check_settings(connection, settings, clock().date())
        settings = learned(connection, settings)
        end = evidence_end(connection)
        advice: list[Advice] = []
        reasons: list[WhyNot] = []
        seen: set[tuple[str, str]] = set()
        left_alone: set[tuple[str, str]] = set()
        rules = settings.recommend.exclude
        unmet = set(range(len(rules)))
        hosts = unnamed_hosts(connection, end) if end is not None else ()

        def meets(subject: Subject) -> None:
            parts = (subject, *_parts(subject)) if unmet else ()
            unmet.difference_update([place for place in unmet if any(is_about(rules[place], part) for part in parts)])

        def ask(subjects: Iterable[Subject]) -> None:
            for subject in subjects:
                name = (subject.provider, subject.resource_id)
                seen.add(name)
                if isinstance(subject, Machine) and exclusion_of(subject, COMMIT, settings.recommend) is not None:
                    left_alone.add(name)
                meets(subject)
                if progress:
                    progress("Recommending", len(seen), None)
                for said in _answers(subject, settings.recommend, now, hosts):
                    answer = replace(said, subject=_without_history(subject))
                    if isinstance(answer, Advice):
                        advice.append(answer)
                    else:
                        reasons.append(answer)

        if end is not None:
            ask(load_subjects(connection, end, settings, drawn(connection, settings.agreements)))
        advice, refused = whole_groups(advice, KINDS, settings.recommend.min_monthly_saving)
        reasons += refused
        if end is not None:
            with as_decided(connection, advice, reasons, now):
                ask(load_usage(connection, end, settings, left_alone))
            told = {(one.subject.provider, name) for one in advice for name in (one.subject.resource_id, *one.acts_on)}
            told |= {(one.subject.provider, one.subject.resource_id) for one in reasons}
            for reason in unanswered(connection, end, settings.recommend, told):
                meets(reason.subject)
                reasons.append(reason)
        counts, refused = keep(connection, advice, reasons, now)
        note_growth(connection, settings.recommend.min_monthly_saving, now)
    over = {(reason.kind, reason.subject.resource_id) for reason in refused}
    kept = [item for item in advice if (item.kind, item.subject.resource_id) not in over]
    advised = {item.subject.resource_id for item in kept}
    without = {reason.subject.resource_id for reason in (*reasons, *refused)} - advised
    is_stale = end is not None and _has_ended(end, settings.recommend, now)
    return RecommendReport(len(seen), len(kept), counts, len(without), end, is_stale, tuple(sorted(unmet)))


def _without_history(subject: Subject) -> Subject:
    """The subject as answers keep it: its five-minute history would make memory grow with the fleet."""
    return replace(subject, accelerators=None) if isinstance(subject, Machine) else subject


def _answers(subject: Subject, options: Recommend, now: datetime, hosts: Sequence[str]) -> Iterator[Answer]:
    for kind in KINDS:
        if isinstance(subject, kind.subject) and kind.applies(subject):
            said = answer(kind, subject, options, now)
            yield or_unnamed(said, hosts) if isinstance(said, WhyNot) else said


def _has_ended(until: datetime, options: Recommend, now: datetime) -> bool:
    """Whether evidence up to then is too old to advise anything on now."""
    return now - until > timedelta(days=options.expires_after_days)


def answer(kind: Kind[Any], subject: Subject, options: Recommend, now: datetime) -> Answer:
    """What a kind says of a subject, held against what holds for all kinds; ``now`` is what its age is taken from.

    A part of what is said of a whole group may be small: the group has to save enough (``whole_groups.py``).
    """
    excluded = exclusion_of(subject, kind.name, options)
    said = kind.evaluate(subject, options)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(kind.name, subject, reason, explanation, said.monthly_cost)

    if excluded is not None:
        return no("excluded", f"Your settings exclude it: {excluded.why}")
    if isinstance(said, WhyNot):
        told = with_remedy(said)
        return _of_old_bills(told) if _has_ended(subject.as_of, options, now) else told
    for part in _parts(subject):
        is_acted_on = isinstance(subject, TokenUse) or part.resource_id in (said.acts_on or {subject.resource_id})
        rule = exclusion_of(part, kind.name, options) if is_acted_on else None
        if rule is not None:
            which = "a part" if part.resource_id == subject.resource_id else part.resource_id
            return no("excluded", f"Your settings exclude {which} of it: {rule.why}")
    saved, currency = said.saving.effective, subject.currency
    if saved < options.min_monthly_saving and not is_shared(kind, subject):
        return no(
            "small",
            f"It would save {in_words(saved, currency)} a month, below the minimum of "
            f"{in_words(options.min_monthly_saving)} (recommend.min_monthly_saving).",
        )
    net = max(said.saving.net, Decimal(0))
    if said.one_off_cost > options.max_payback_months * net:
        how_long = f": more than {options.max_payback_months} months to pay back" if net else ", which never comes back"
        return no(
            "payback",
            f"It would save {in_words(net, currency)} a month net of commitments, and cost "
            f"{in_words(said.one_off_cost)} once{how_long} (recommend.max_payback_months).",
        )
    until = said.evidence_until or subject.as_of
    if _has_ended(until, options, now):
        is_of_bill = _has_ended(subject.as_of, options, now)
        what, more = ("bills and telemetry", "newer bills") if is_of_bill else ("telemetry", "telemetry again")
        return no(
            BILL_STALE if is_of_bill else "telemetry_stale",
            f"What it would rest on, {what}, ends on {until:%Y-%m-%d}, more than {options.expires_after_days} days ago "
            f"(recommend.expires_after_days). Collect {more}.",
        )
    return held(said)


def _of_old_bills(said: WhyNot) -> WhyNot:
    """What is said to be missing may be there since: nothing is looked at beyond the bills."""
    if not said.reason.startswith("telemetry_"):
        return said
    last = said.subject.as_of - timedelta(days=1)
    more = f"Its bills end with {last:%Y-%m-%d}, and what was measured since is not looked at: collect newer bills."
    return replace(said, explanation=f"{said.explanation} {more}")


def _parts(subject: Subject) -> Iterator[Subject]:
    """What it consists of, ran on or is bought through, with its own tags: a rule of the settings may name a part."""
    if isinstance(subject, Service):
        yield from (member.machine for member in subject.members)
    elif isinstance(subject, Pool):
        for service in subject.services:
            yield from _parts(service)
    elif isinstance(subject, ServedTokens):
        for name, part in subject.parts.items():
            yield replace(subject, resource_id=name, tags=part.tags)
    elif isinstance(subject, TokenUse):
        yield from (replace(subject, tags=tags) for tags, _ in subject.tagged)
        yield from (replace(subject, resource_id=name) for name in subject.resource_ids)
    elif isinstance(subject, TrainingRuns):
        yield from (replace(subject, resource_id=name) for name in sorted(subject.by_resource) if name)
