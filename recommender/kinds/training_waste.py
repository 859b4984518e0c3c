"""Lose less with training runs that fail, are repeated or are given up.

Assumes
    What was lost in the window will be lost again, if nobody does anything about it.
Method
    Each attempt that came to nothing is met by one measure, by how it ended: *failed* by a short run of everything it
    does (its first hour is lost all the same), *retried* by checkpoints at Daly's interval, *given up* by a look at it
    after a day. What that would have spared of each day's cost is the most it could save (``methods/lost_runs.py``);
    it never exceeds the cost of those attempts. P10 to P90 are of whole weeks, as failures come in bursts, and never
    above that most, however many bursts a draw of weeks has. Net is the P10 of that, not the most; where it is nothing,
    one event in the window say, the advice is an estimate and never counts.
Cases
    No run recorded, or none with a word on how it ended: the reason, with what to load. None lost: the reason. Where
    steps are recorded, a run that went on from where it had stopped lost nothing.
Sources
    docs/advice.md; Young 1974; Daly 2006.
Known drawbacks
    A test run does not show every failure, and a look does not always see that a run leads nowhere: what is spared is
    the most it could be, so confidence is never high. Runs past their plateau are ``past_plateau``'s.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from aispend.advising import Recommend
from aispend.money import in_words
from aispend.running import TrainingWaste
from recommender.comments import comment
from recommender.contract import (
    COST_UNKNOWN,
    HOURS_PER_MONTH,
    Advice,
    Confidence,
    DailyCost,
    Kind,
    Step,
    WhyNot,
)
from recommender.evidence import as_billed, not_replayed, unmeasured
from recommender.kinds.run_costs import acts_on, careful_saving, shares_of, together_on
from recommender.methods.lost_runs import (
    LOST,
    Attempt,
    Ending,
    attempts,
    checkpoint_every,
    spared_after,
    spared_by_checkpoints,
    with_resumed,
)
from recommender.savings import CENT, cost_basis, cost_remark, monthly_cost, recent, saving
from recommender.subjects.training_runs import TrainingRun, TrainingRuns, part_of

NAME = "training_waste"
SHOWN = 10
"""Runs told one by one."""
ENOUGH = 3
"""Lost attempts below which confidence is low: one bad week is no habit."""
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class _Tried:
    """A run, its attempts, and of each day of the window the share of its cost that was lost and could be spared."""

    run: TrainingRun
    attempts: Sequence[Attempt]
    lost: Mapping[Ending, Mapping[date, Decimal]]
    spared: Mapping[Ending, Mapping[date, Decimal]]

    def cost(self, shares: Mapping[Ending, Mapping[date, Decimal]]) -> Decimal:
        """Known effective cost of the shares of its days."""
        return sum((self.cost_of(ending, shares) for ending in LOST), _NOTHING)

    def cost_of(self, ending: Ending, shares: Mapping[Ending, Mapping[date, Decimal]]) -> Decimal:
        """The same, of attempts that ended so."""
        days = shares.get(ending, {})
        return sum(
            ((cost.effective_cost or _NOTHING) * days.get(cost.day, _NOTHING) for cost in self.run.costs),
            _NOTHING,
        )

    @property
    def lost_at_unknown_cost(self) -> bool:
        """Whether something was lost on a day whose cost is not known."""
        days = {day for shares in self.lost.values() for day, share in shares.items() if share > 0}
        return any(cost.effective_cost is None and cost.day in days for cost in self.run.costs)


def applies(subject: TrainingRuns) -> bool:
    """All training that was paid for."""
    return bool(subject.costs) or subject.unrecorded_cost > 0


def evaluate(subject: TrainingRuns, settings: Recommend) -> Advice | WhyNot:
    """Advice on how less is lost, or why not."""
    options = settings.training_waste
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if not subject.runs:
        cost = (subject.unrecorded_cost * HOURS_PER_MONTH / (24 * options.window_days)).quantize(CENT)
        return no(
            "telemetry_missing",
            f"{in_words(subject.unrecorded_cost, subject.currency)} of training in the last "
            f"{options.window_days} days, and no run of it is recorded. Load what the scheduler knows, outcomes "
            "included: aispend import-workloads, or aispend collect for SageMaker's jobs.",
        )
    if not any(hour.outcome for run in subject.runs for hour in run.hours):
        return no(
            "telemetry_endings",
            f"{_runs(len(subject.runs))} recorded, and of none how it ended. Give outcome (running, succeeded, "
            "failed, retried) with the workloads.",
        )
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    first = subject.as_of - timedelta(days=options.window_days)
    found = {run.workload: _attempts(run, first, options) for run in subject.runs}
    interval = _interval([part for parts in found.values() for part in parts], options)
    tried = [_tried(run, found[run.workload], options, interval) for run in subject.runs]
    lost = [one for one in tried if any(part.ending in LOST for part in one.attempts)]
    when = f"in the last {options.window_days} days"
    if not lost:
        return no("no_waste", f"{_runs(len(subject.runs))} {when}: none failed, was repeated or given up.")
    if not any(one.cost(one.lost) > 0 for one in lost):
        came = f"{_runs(len(lost))} that came to nothing {when}"
        if any(one.lost_at_unknown_cost for one in lost):
            return no("cost_unknown", f"What was lost with {came} is not known: its bill gives no cost of it.")
        return no("costs_nothing", f"What was lost with {came} cost nothing.")
    spared = _spared_by_day(tried)
    saved = saving(replace(subject, costs=spared), options.window_days, Decimal(1))
    if saved.effective <= 0:
        whole = sum((one.cost(one.lost) for one in lost), _NOTHING)
        return no(
            "fails_early",
            f"What came to nothing cost {in_words(whole, subject.currency)} in {options.window_days} days, and ended "
            "as early as it could.",
        )
    return _advice(subject, options, cost, tried, interval=interval, spared=replace(subject, costs=spared))


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"


def _attempts(run: TrainingRun, first: datetime, options: TrainingWaste) -> list[Attempt]:
    """Attempts that reach into the window."""
    found = with_resumed(attempts(run.hours, run.newest, options.given_up_days), run.steps)
    return [attempt for attempt in found if attempt.hours[-1].start >= first]


def _interval(parts: Sequence[Attempt], options: TrainingWaste) -> float | None:
    """Hours between checkpoints that fit the failures of all the runs together; None where nothing failed."""
    failures = sum(part.ending in ("failed", "retried") for part in parts)
    return checkpoint_every(sum(part.wall_hours for part in parts), failures, options.checkpoint_minutes / 60)


def _tried(run: TrainingRun, found: Sequence[Attempt], options: TrainingWaste, interval: float | None) -> _Tried:
    by_checkpoints = (
        spared_by_checkpoints(
            found,
            interval,
            checkpoint_hours=options.checkpoint_minutes / 60,
            restart_hours=options.restart_minutes / 60,
        )
        if interval
        else 0.0
    )
    seconds: dict[date, Decimal] = defaultdict(Decimal)
    lost: dict[Ending, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    spared: dict[Ending, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for attempt in found:
        if attempt.ending == "failed":
            shares = spared_after(attempt, options.smoke_hours)
        elif attempt.ending == "given_up":
            shares = spared_after(attempt, options.review_hours)
        else:
            shares = [by_checkpoints] * len(attempt.hours)
        for hour, share in zip(attempt.hours, shares, strict=True):
            day, ran = hour.start.date(), Decimal(repr(hour.seconds))
            seconds[day] += ran
            if attempt.ending in LOST:
                lost[attempt.ending][day] += ran
                spared[attempt.ending][day] += ran * Decimal(repr(share))
    return _Tried(run, found, _by_day(lost, seconds), _by_day(spared, seconds))


def _by_day(
    parts: Mapping[Ending, Mapping[date, Decimal]], seconds: Mapping[date, Decimal]
) -> dict[Ending, dict[date, Decimal]]:
    """Seconds as shares of their day's."""
    return {ending: shares_of(days, seconds) for ending, days in parts.items()}


def _spared_by_day(tried: Sequence[_Tried]) -> list[DailyCost]:
    """What would have been spared, by run and day; several of one day stand beside each other."""
    together: dict[date, list[DailyCost]] = defaultdict(list)
    for one in tried:
        for cost in one.run.costs:
            share = sum((days.get(cost.day, _NOTHING) for days in one.spared.values()), _NOTHING)
            together[cost.day].append(part_of(cost, min(share, Decimal(1))))
    return [together_on(costs) for _, costs in sorted(together.items())]


def _advice(
    subject: TrainingRuns,
    options: TrainingWaste,
    cost: Decimal,
    tried: Sequence[_Tried],
    *,
    interval: float | None,
    spared: TrainingRuns,
) -> Advice:
    days = options.window_days
    counts = {ending: sum(part.ending == ending for one in tried for part in one.attempts) for ending in LOST}
    amounts = {ending: sum((one.cost_of(ending, one.spared) for one in tried), _NOTHING) for ending in LOST}
    lost = sum((one.cost(one.lost) for one in tried), _NOTHING)
    measures = _measures(amounts, options, interval)
    most = saving(spared, days, Decimal(1))
    used = careful_saving(most, spared, days)
    careful = used.net
    words = ", ".join(f"{count} {ending.replace('_', ' ')}" for ending, count in counts.items() if count)
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{len(subject.runs)} run{'' if len(subject.runs) == 1 else 's'} of {subject.model}, attempts: {words}",
        proposed="; ".join(measures),
        monthly_cost=cost,
        saving=used,
        risk=0,
        confidence=_confidence(counts, amounts),
        effort="medium",
        reason=f"Attempts that came to nothing cost {in_words(lost, subject.currency)} in the last {days} days "
        f"({words}). At most {in_words(most.net)} a month of it could have been spared; by the careful figure (P10 of "
        f"its weeks, as failures come in bursts) it is {in_words(careful)}, and no more than that counts."
        f"{cost_remark(subject, days)}",
        undo="leave the checks out again; nothing else changes",
        command=_command(subject, measures),
        target="lose_less",
        acts_on=acts_on(subject, cost),
        estimate_only=careful <= 0 < most.net,
        evidence_until=max(run.newest for run in subject.runs),
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            **_recorded(subject, days),
            **as_billed(subject),
            **not_replayed("what would have been spared is counted on attempts that are over, and none is held out"),
            "runs": len(subject.runs),
            "attempts": {ending: counts[ending] for ending in LOST},
            "lost_cost": str(lost.quantize(CENT)),
            "spared_cost": {ending: str(amount.quantize(CENT)) for ending, amount in amounts.items()},
            "most_spared_monthly": str(most.net),
            "unrecorded_cost": str(subject.unrecorded_cost.quantize(CENT)),
            "smoke_hours": options.smoke_hours,
            "review_hours": options.review_hours,
            "checkpoint_interval_hours": None if interval is None else round(interval, 2),
            "checkpoint_minutes": options.checkpoint_minutes,
            "largest": _largest(tried),
            "cost_basis": cost_basis(subject, days),
        },
    )


def _recorded(subject: TrainingRuns, days: int) -> dict[str, Any]:
    """The share of what training cost in the window that runs are recorded for."""
    recorded = sum((day.effective_cost or _NOTHING for day in recent(subject, days)), _NOTHING)
    whole = recorded + subject.unrecorded_cost
    if whole <= 0:
        return unmeasured("its bill gives no cost to compare the recorded runs with")
    return {"coverage": float(round(recorded / whole, 4))}


def _measures(amounts: Mapping[Ending, Decimal], options: TrainingWaste, interval: float | None) -> list[str]:
    measures = []
    if amounts["failed"] > 0:
        measures.append(f"try everything a run does in {options.smoke_hours:g} h first, and fail fast")
    if amounts["retried"] > 0 and interval is not None:
        measures.append(f"write a checkpoint every {interval:.1f} h and go on from it")
    if amounts["given_up"] > 0:
        measures.append(f"look at a run after {options.review_hours:g} h and end what leads nowhere")
    return measures


def _confidence(counts: Mapping[Ending, int], amounts: Mapping[Ending, Decimal]) -> Confidence:
    """That a run was given up is told by silence alone; few losses are chance."""
    guessed = amounts["given_up"] * 2 > sum(amounts.values(), _NOTHING)
    return "low" if guessed or sum(counts.values()) < ENOUGH else "medium"


def _largest(tried: Sequence[_Tried]) -> list[dict[str, str | float]]:
    """The runs that lost most: cost of what was lost, how it ended, hours of it."""
    by_cost = sorted(tried, key=lambda one: (-one.cost(one.lost), one.run.workload))
    return [
        {
            "run": one.run.workload,
            "ending": one.attempts[-1].ending if one.attempts else "unknown",
            "lost_attempts": sum(part.ending in LOST for part in one.attempts),
            "lost_hours": round(sum(part.wall_hours for part in one.attempts if part.ending in LOST), 1),
            "lost_cost": str(one.cost(one.lost).quantize(CENT)),
            "spared_cost": str(one.cost(one.spared).quantize(CENT)),
        }
        for one in by_cost[:SHOWN]
        if one.cost(one.lost) > 0
    ]


def _command(subject: TrainingRuns, measures: Sequence[str]) -> str:
    place = f"account {subject.account or 'unknown'}, region {subject.region or 'unknown'}"
    lines = [comment(f"{place}; in the jobs of {subject.model}:"), *(f"# - {one}" for one in measures)]
    runs = f"aispend runs --format csv | grep -i -e {shlex.quote(subject.model or '')}"
    return "\n".join([*lines, "# what each run cost, and how it ended:", runs])


KIND = Kind(
    name=NAME,
    subject=TrainingRuns,
    step=Step.REMOVE,
    title="Lose less with runs that come to nothing",
    needs="workload records of training runs, with their outcomes",
    applies=applies,
    evaluate=evaluate,
    # each is about runs of its own, whatever machines they share
    together=frozenset({NAME}),
    is_of_part=True,
)
