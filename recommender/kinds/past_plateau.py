"""End training runs that have stopped getting better.

Assumes
    A run's metric is what it was run for. What went on past its plateau in the window will again, if nobody acts.
Method
    The rule of ``methods/plateau.py`` says where each run with a curve would have been stopped. Spared are its hours
    after that, at what the bill says they cost; what it cost since it was last better is told beside it, as the rule's
    patience is part of the price. Attempts that came to nothing are ``training_waste``'s, and never counted here.
    *Replay*: every run the rule would have stopped; wrong where it gained a thousandth of all or more afterwards. Where
    more than one in twenty did, nothing is advised, and such a run spares nothing in any case.
    P10 to P90 are of whole weeks, times the share of stops that are not wrong (Jeffreys' posterior of the replay); net
    is the P10, as in ``training_waste``.
Cases
    No curve of any run: the reason, with what to load. None past its plateau: the reason.
Sources
    docs/advice.md; Prechelt 1998, Early stopping - but when?
Known drawbacks
    Whether a small late gain was worth its price is for a person to say. Curves by step alone are spread evenly.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from statistics import median

from aispend.advising import Recommend
from aispend.money import in_words
from aispend.percents import percent
from aispend.running import TrainingWaste
from recommender.comments import comment
from recommender.contract import COST_UNKNOWN, Advice, DailyCost, Kind, Step, WhyNot
from recommender.evidence import as_billed
from recommender.kinds.run_costs import acts_on, careful_saving, shares_of, together_on
from recommender.methods.lost_runs import LOST, Attempt, attempts, spared_after
from recommender.methods.plateau import Plateau, Rule, plateau_of
from recommender.methods.risk import risk_level
from recommender.methods.tried import Tried
from recommender.savings import CENT, Spread, cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.training_runs import TrainingRun, TrainingRuns, part_of

NAME = "past_plateau"
MAX_WRONG = 0.05
"""Share of runs that gained later, above which the rule is not offered."""
ENOUGH = 3
"""Stopped runs below which confidence is low."""
SHOWN = 10
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class _Stopped:
    """A run past its plateau: by day the share of its cost after the stop, and since it was last better."""

    run: TrainingRun
    found: Plateau
    spared: dict[date, Decimal]
    level: dict[date, Decimal]
    running: bool

    def cost(self, shares: dict[date, Decimal]) -> Decimal:
        """Known effective cost of shares of its days."""
        return sum(
            ((cost.effective_cost or _NOTHING) * shares.get(cost.day, _NOTHING) for cost in self.run.costs), _NOTHING
        )


def applies(subject: TrainingRuns) -> bool:
    """Training of which runs are recorded."""
    return bool(subject.runs)


def evaluate(subject: TrainingRuns, settings: Recommend) -> Advice | WhyNot:
    """Advice to stop early, or why not."""
    options = settings.training_waste
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    known = [run for run in subject.runs if run.curves]
    if not known:
        return no(
            "curves_missing",
            f"{_runs(len(subject.runs))} recorded, and of none how its loss or another metric went. Load the curves: "
            "aispend import-curves (docs/telemetry.md).",
        )
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    rule = Rule(options.plateau_gain, options.plateau_patience, options.plateau_points)
    found = {run.workload: plateau for run in known if (plateau := plateau_of(run.curves, rule)) is not None}
    late = [name for name, plateau in found.items() if plateau.gained_later >= rule.min_gain]
    tried = Tried(len(found), len(late))
    if tried.share > MAX_WRONG:
        return no(
            "improved_later",
            f"Of {len(known)} runs with curves {tried.trials} would have been stopped, and {tried.wrong} of them got "
            f"better later ({', '.join(sorted(late)[:3])}). More patience may serve "
            "(recommend.training_waste.plateau_patience).",
        )
    stopped = [
        _stopped(run, found[run.workload], subject, options)
        for run in known
        if run.workload in found and run.workload not in late
    ]
    stopped = [one for one in stopped if any(share > 0 for share in one.spared.values())]
    if not stopped:
        return no(
            "no_plateau",
            f"{_runs(len(known))} with curves: none went on after the rule would have stopped it.",
        )
    spared = replace(subject, costs=_by_day(stopped))
    if saving(spared, options.window_days, Decimal(1)).effective <= 0:
        return no("no_plateau", "What runs did after the rule would have stopped them cost nothing in the window.")
    return _advice(subject, options, cost, stopped=stopped, tried=tried, spared=spared, known=len(known))


def _runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"


def _stopped(run: TrainingRun, found: Plateau, subject: TrainingRuns, options: TrainingWaste) -> _Stopped:
    """Hours of lost attempts keep their place in the run and are nobody's waste here."""
    parts = attempts(run.hours, run.newest, options.given_up_days)
    whole = Attempt(run.hours, "unknown")
    lost = {hour.start for part in parts if part.ending in LOST for hour in part.hours}
    seconds: dict[date, Decimal] = defaultdict(Decimal)
    after: dict[str, dict[date, Decimal]] = {"spared": defaultdict(Decimal), "level": defaultdict(Decimal)}
    shares = {
        name: spared_after(whole, max(at - run.hours_before, 0.0))
        for name, at in (("spared", found.stop), ("level", found.since))
    }
    first = (subject.as_of - timedelta(days=options.window_days)).date()
    for number, hour in enumerate(run.hours):
        day, ran = hour.start.date(), Decimal(repr(hour.seconds))
        seconds[day] += ran
        if hour.start in lost or day < first:
            continue
        for name, parted in shares.items():
            after[name][day] += ran * Decimal(repr(parted[number]))
    ending = parts[-1].ending if parts else "unknown"
    return _Stopped(
        run, found, shares_of(after["spared"], seconds), shares_of(after["level"], seconds), ending == "running"
    )


def _by_day(stopped: Sequence[_Stopped]) -> list[DailyCost]:
    """What would have been spared, by day."""
    days: dict[date, list[DailyCost]] = defaultdict(list)
    for one in stopped:
        for cost in one.run.costs:
            days[cost.day].append(part_of(cost, min(one.spared.get(cost.day, _NOTHING), Decimal(1))))
    return [together_on(costs) for _, costs in sorted(days.items())]


def _advice(
    subject: TrainingRuns,
    options: TrainingWaste,
    cost: Decimal,
    *,
    stopped: Sequence[_Stopped],
    tried: Tried,
    spared: TrainingRuns,
    known: int,
) -> Advice:
    days = options.window_days
    # a run that would have got better later spares nothing
    most = saving(spared, days, Decimal(1), Spread(short_hours=tried.wrong, hours=tried.trials))
    used = careful_saving(most, spared, days)
    careful = used.net
    level = sum((one.cost(one.level) for one in stopped), _NOTHING).quantize(CENT)
    after = sum((one.cost(one.spared) for one in stopped), _NOTHING).quantize(CENT)
    running = sorted(one.run.workload for one in stopped if one.running)
    bound = tried.bound if tried.bound is not None else 1.0
    still = f" {', '.join(running[:3])} {'is' if len(running) == 1 else 'are'} still running." if running else ""
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{len(stopped)} of {_runs(known)} of {subject.model} with curves went on too long",
        proposed=f"stop a run when {percent(options.plateau_patience)} of it brought less than "
        f"{percent(options.plateau_gain, 1)} of what it gained",
        monthly_cost=cost,
        saving=used,
        risk=risk_level(bound),
        confidence="low" if len(stopped) < ENOUGH else "medium",
        effort="low",
        reason=f"{_runs(len(stopped))} cost {in_words(level, subject.currency)} in the last {days} days after they "
        f"were last better; a rule that waits would have spared {in_words(after)}. Of {tried.trials} it would have "
        f"stopped, {tried.wrong} gained anything to speak of later. At most {in_words(most.net)} a month; by the "
        f"careful figure (P10 of its weeks) {in_words(careful)}, and no more than that counts."
        f"{still}{cost_remark(subject, days)}",
        undo="take the callback out; a run that was stopped goes on from its last checkpoint",
        command=_command(subject, options, stopped, running),
        target="early_stopping",
        violation_bound=Decimal(repr(round(bound, 6))),
        acts_on=acts_on(subject, cost),
        estimate_only=careful <= 0 < most.net,
        evidence_until=max(run.newest for run in subject.runs),
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "runs": len(subject.runs),
            "runs_with_curves": known,
            "coverage": round(known / len(subject.runs), 4),
            **as_billed(subject),
            "past_their_plateau": len(stopped),
            "cost_after_the_plateau": str(level),
            "spared_cost": str(after),
            "most_spared_monthly": str(most.net),
            "plateau_gain": options.plateau_gain,
            "plateau_patience": options.plateau_patience,
            "plateau_points": options.plateau_points,
            "rule_source": "Prechelt 1998, Early stopping - but when?",
            "largest": _largest(stopped),
            "cost_basis": cost_basis(subject, days),
            "replay": {
                "tried": tried.trials,
                "wrong": tried.wrong,
                "violation_bound": round(bound, 6),
                "of": "runs the rule would have stopped",
                "wrong_where": f"gained {percent(options.plateau_gain, 1)} or more afterwards",
            },
        },
    )


def _largest(stopped: Sequence[_Stopped]) -> list[dict[str, str | float | bool]]:
    """The runs that cost most after their plateau."""
    by_cost = sorted(stopped, key=lambda one: (-one.cost(one.spared), one.run.workload))
    return [
        {
            "run": one.run.workload,
            "metric": one.found.metric,
            "hours": round(one.run.hours_before + sum(hour.wall for hour in one.run.hours) / 3600, 1),
            "last_better_at_hour": round(one.found.since, 1),
            "stopped_at_hour": round(one.found.stop, 1),
            "cost_after_the_plateau": str(one.cost(one.level).quantize(CENT)),
            "spared_cost": str(one.cost(one.spared).quantize(CENT)),
            "still_running": one.running,
        }
        for one in by_cost[:SHOWN]
    ]


def _command(subject: TrainingRuns, options: TrainingWaste, stopped: Sequence[_Stopped], running: Sequence[str]) -> str:
    """A callback for the usual trainers; patience counts evaluations, a quarter of those a run had when it stopped."""
    place = f"account {subject.account or 'unknown'}, region {subject.region or 'unknown'}"
    metric = stopped[0].found.metric
    patience = ceil(options.plateau_patience * median(one.found.points for one in stopped))
    lines = [comment(f"{place}; in the jobs of {subject.model}, keeping the best checkpoint:")]
    lines.append(f"# - Keras, Lightning: EarlyStopping(monitor={metric!r}, patience={patience})")
    lines.append(f"# - Transformers: EarlyStoppingCallback(early_stopping_patience={patience})")
    lines += [comment(f"look whether {run} is worth going on with") for run in running]
    lines.append("# what each run cost:")
    lines.append(f"aispend runs --format csv | grep -i -e {shlex.quote(subject.model or '')}")
    return "\n".join(lines)


KIND = Kind(
    name=NAME,
    subject=TrainingRuns,
    step=Step.REMOVE,
    title="End runs that have stopped getting better",
    needs="workload records of training runs, and the curves of their metrics",
    applies=applies,
    evaluate=evaluate,
    together=frozenset({NAME, "training_waste"}),
    is_of_part=True,
)
