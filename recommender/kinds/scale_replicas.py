"""As many replicas as each hour of the week asks for: a group of machines that do the same work.

Assumes
    Load can go to any of the machines, all of one type, and the weeks to come are like those seen.
Method
    The P95 of the summed load of each hour of the local week, at a target share of what one machine carries; as many as
    the hour after asks for, since a start takes time; never fewer than two where two or more serve online. The same
    rule is replayed on the days after those it was made from. The saving is what the ups and downs of the week
    give: machines above the need of the largest hour are other advice (fewer of them at all hours).
Cases
    As many run in each hour as it needs, or fewer: scaled by the hour already. Machines of several types, or that train
    together: no advice.
    Hours that are not alike in every other week: chance, and no pattern to plan by.
Sources
    docs/advice.md; methods 5.1; ``methods/schedule``.
Known drawbacks
    The largest loads of the machines in an hour are added as if they fell together, which asks for more replicas.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from aispend.advising import Recommend
from aispend.percents import percent, percent_apart
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Kind, Step, WhyNot
from recommender.evidence import load_evidence, machine_price
from recommender.guards import (
    covered_remark,
    others_in_group,
    others_remark,
    preconditions_of,
    refusal_of_service,
    reserved,
    scarce_among,
)
from recommender.kinds.clock import replica_commands
from recommender.kinds.replayed import MAX_BOUND, replay_evidence, spread_of
from recommender.kinds.together import cost_of_each, describe_all, no_replicas, one_type
from recommender.kinds.weeks import start_hours, weeks_of
from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity, Demand
from recommender.methods.replay import replay
from recommender.methods.schedule import (
    GOOD_WEEKS,
    HOURS_PER_WEEK,
    repeats,
    replicas,
    schedule_policy,
    schedule_saving,
    week_profile,
)
from recommender.savings import cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.services import Service

NAME = "scale_replicas"
_TRAIN_DAYS = 14
_LEAST_ONLINE = 2
_ALIKE = 0.3
"""Correlation of the hours of every other week from which on they are a pattern, as for days that come back (idle)."""


def applies(subject: Service) -> bool:
    """Two machines or more that run now."""
    return len(subject.current) > 1


def evaluate(subject: Service, settings: Recommend) -> Advice | WhyNot:
    """Replicas by the hour of the week, or why not."""
    options = settings.schedule
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    machines = [member.machine for member in subject.current]
    if refused := refusal_of_service(subject, settings) or no_replicas(subject) or reserved(machines):
        return no(*refused)
    kind = one_type(machines)
    if kind is None:
        return no("mixed", "Its machines are of several types, so replicas of it cannot be counted.")
    week = weeks_of(subject, options, requests=False).since_known()
    if week.coverage < options.min_coverage:
        return no(
            "telemetry_missing",
            f"Utilization covers {percent_apart(week.coverage, options.min_coverage)} of its billed hours in "
            f"{options.window_days} days; {percent(options.min_coverage)} is needed to know when it works.",
        )
    profile = week_profile(week.load, week.week_hours)
    if profile is None:
        return no("too_short", "Less than two weeks of it are known, and a schedule repeats by the week.")
    if not np.nanmax(profile.demand) > options.active:
        return no("idle", "It did no work in the window: there is no hour to plan for.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    each = float(kind[2])
    least = min(_LEAST_ONLINE, len(machines)) if subject.stage == "inference_online" else 1
    ahead = math.ceil(start_hours(subject, settings))
    planned = replicas(profile, per_replica=each, target=options.target, minimum=least, lookahead_hours=ahead)
    # what is above the largest hour's need is not the schedule's saving
    flat = np.minimum(week.billed, planned.max())
    saved_hours = float((flat - np.minimum(planned, flat)).sum())
    if saved_hours < options.min_hours_off:
        return no(
            "scaled_already" if np.ptp(week.billed) > 1 else "always_needed",
            f"By the hour it asks for {planned.min()} to {planned.max()} machines at {percent(options.target)} of "
            f"their capacity, and {week.billed.mean():.1f} run on average: no hour of the week has one to spare.",
        )
    alike = repeats(week.load, week.week_hours)
    if alike is not None and alike < _ALIKE:
        return no(
            "no_pattern",
            f"By the hour it would ask for {planned.min()} to {planned.max()} machines, but its hours are not alike "
            f"from week to week (correlation {alike:.2f}, and {_ALIKE:g} is needed): scale on load instead.",
        )
    share = saved_hours / float(flat.sum())
    policy = schedule_policy(
        week.week_hours, per_replica=each, target=options.target, price=1.0, minimum=least, lookahead_hours=ahead
    )
    folds = make_folds(week.load.size, 1, min_train_days=_TRAIN_DAYS)
    most = float(max(planned.max(), 1))
    found = replay(
        policy,
        Demand(load=week.load, slots_per_hour=1),
        folds,
        current=Capacity(load=most * each, cost=most, target=options.target),
    )
    outcome = found.outcome
    if folds.low_evidence or not any(found.capacities):
        return no("too_short", "Less than three weeks of it are known: two to plan from, and days to try the plan on.")
    if outcome.violation_minutes and outcome.bound > MAX_BOUND:
        return no(
            "replay_failed",
            f"Planned by the hours of earlier weeks, {outcome.violation_hours} of {outcome.hours:.0f} held-out hours "
            f"would have asked for more (upper bound {percent(outcome.bound, 1)}): scale on load instead.",
        )
    # the folds count machine hours of the most there were, the saving those that were billed
    fewer = 1 - float(planned.mean()) / most
    spread = spread_of(found, share / fewer if fewer else 1.0)
    saved = saving(subject, options.window_days, Decimal(repr(round(share, 12))), spread)
    others = others_in_group(machines)
    command, terraform = replica_commands(machines[0], planned + others, week.zone)
    command = preconditions_of(machines) + others_remark(others) + command
    confidence: Confidence = "medium" if profile.weeks >= GOOD_WEEKS else "low"
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{describe_all(machines)}, {week.billed.sum():.0f} machine hours a week",
        proposed=f"{planned.min()} to {planned.max()} by the hour of the week ({week.zone}), "
        f"{planned.sum()} machine hours a week",
        monthly_cost=cost,
        saving=saved,
        risk=outcome.risk,
        confidence=confidence,
        effort="low",
        reason=(
            f"At {percent(options.target)} of a machine's capacity its weeks ask for {planned.min()} to "
            f"{planned.max()} machines. Tried on {outcome.hours:.0f} held-out hours, the plan was short in "
            f"{outcome.violation_hours}. Load has to go to whichever runs."
            f"{covered_remark(saved, 'it')}{cost_remark(subject, options.window_days)}"
        ),
        undo="delete the scheduled sizes and set the size back",
        command=command,
        hard_to_regain=scarce_among(machines) is not None,
        violation_bound=Decimal(repr(round(outcome.bound, 6))),
        target="by-hour",
        acts_on=cost_of_each(subject, options.window_days, cost),
        evidence={
            "window_days": options.window_days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(week.coverage, 4),
            "timezone": week.zone,
            "weeks": profile.weeks,
            "replicas_by_hour": [int(count) for count in planned],
            "replicas_least": int(planned.min()),
            "replicas_most": int(planned.max()),
            "hours_of_week": HOURS_PER_WEEK,
            "saved_of_the_most_all_week_share": round(schedule_saving(planned, int(planned.max())), 4),
            "billed_hours_of_week": round(float(week.billed.sum()), 1),
            **load_evidence(week.load, subject.demand("concurrent")),
            **({} if terraform is None else {"terraform": terraform}),
            **replay_evidence(found, saved.effective),
            **machine_price(machines[0]),
            "cost_basis": cost_basis(subject, options.window_days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
        evidence_until=week.measured_until,
    )


KIND = Kind(
    name=NAME,
    subject=Service,
    step=Step.SCHEDULE,
    title="As many machines as the hour asks for",
    needs="accelerator utilization of two weeks and more; hours billed; machines of one type",
    excludes=frozenset({"rightsize"}),
    applies=applies,
    evaluate=evaluate,
)
