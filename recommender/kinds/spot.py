"""Run on capacity that may be taken away: training and batch that resume, and services with replicas to spare.

Assumes
    Interruptions are memoryless, at the rate a band of the market or one's own hours on spot show; all machines of a
    training service are one gang, which stops with any of them.
Method
    *Price*: the mean of the hourly maximum over zones (``subjects/spot_market.py``) over the on-demand price, or over
    what one pays now where that is less.
    *Training and batch*: expected run time at Daly's checkpoint interval; what is left of the lower price after it.
    *Serving*: the replicas there are now, with as many to spare as the loss of any one zone asks for, and on demand for
    what is missing; availability is M ÷ (M + R) for M hours between interruptions and R hours to come back.
    Less than 15 % left, by expectation or in the replay of the prices that were collected (``spot_replayed``): refused.
    A deadline is kept by the policy named: uniform progress, or greedy where it is far.
Cases
    Nobody has shown that it resumes (a setting, a tag ``checkpoint``, a job that was retried and succeeded): advice
    behind a gate, at an assumed checkpoint of five minutes. A single replica that serves, or replicas in one zone:
    never. On spot already (on a day of its last seven, or one machine of several), covered by a commitment even in
    part, interruptions unknown, no price: no advice, with the reason: a commitment would be paid for without its usage.
    Machines of a group that holds others besides: only where those would run on spot as well
    (``recommender/whole_groups.py``).
Sources
    docs/advice.md; Young 1974, Daly 2006; Wu et al., NSDI 2024; Mao et al., EuroSys 2025; AWS Spot Advisor's bands.
Known drawbacks
    That capacity is found at all is not modelled: expected time is from interruptions alone, and a large gang may wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aispend.advising import Recommend
from aispend.moving import Spot
from aispend.percents import percent, percent_apart
from recommender import terraform
from recommender.actions import as_spot, describe
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Kind, Saving, Step, Subject, WhyNot
from recommender.evidence import unmeasured
from recommender.guards import (
    before_another,
    covered_remark,
    hard_to_regain,
    preconditions,
    refusal_of_service,
    reserved,
)
from recommender.kinds.parts import Parts, parts_of
from recommender.kinds.resumes import checkpoint
from recommender.kinds.spot_quote import Quote, quote_of
from recommender.kinds.spot_replayed import (
    OnSpot,
    bound_of,
    deadline_evidence,
    replay_evidence_of,
    replay_remark,
    replayed,
)
from recommender.methods.risk import risk_level
from recommender.methods.runtime_on_spot import (
    effective_saving,
    gang_mtbf,
    is_worth_it,
    saves_on_notice,
    spot_runtime,
)
from recommender.methods.spot_policies import policy_for
from recommender.methods.spot_replay import SpotReplay
from recommender.methods.spot_serving import SpotServing, serving_cost, smallest_spare, spare_for_a_zone, spread
from recommender.prices import price_evidence
from recommender.savings import Spread, cost_basis, cost_remark, covered_share, recent, saving, widened
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service
from recommender.to_be_had import needs_of

NAME = "spot"
GATE = "proof that it resumes from a checkpoint"
_GANG = ("training", "fine_tuning")
_BATCH = (*_GANG, "evaluation", "inference_batch", "data")
_ONLINE = "inference_online"
_ON_MACHINES = (None, "gpu_vm", "ml_cluster")
_COVERED_DAYS = 7
_LEAST_SHARE = Decimal("0.01")
_USUAL_JOB_HOURS = 24.0
"""Work of a job where none is recorded; with checkpoints the expected inflation does not depend on it."""


@dataclass(frozen=True)
class _Outlook:
    """What is left of the cost, and the evidence for it."""

    saving: float
    risk: int
    reason: str
    bound: Decimal | None
    on_spot: OnSpot
    gate: str | None
    confidence: Confidence
    evidence: dict[str, Any]


def applies(subject: Service) -> bool:
    """Machines one rents by the type."""
    return all(member.machine.instance_type for member in subject.current)


def evaluate(subject: Service, settings: Recommend) -> Advice | WhyNot:
    """What spot would leave of the cost, or why it is not for this."""
    options = settings.spot
    parts = parts_of(subject, options.window_days)
    machines = parts.machines

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, parts.cost)

    if found := refusal_of_service(subject, settings):
        return no(*found)
    if found := _unfit(subject, machines):
        return no(*found)
    if parts.cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    if covered := covered_share([cost for machine in machines for cost in recent(machine, _COVERED_DAYS)]):
        return no(
            "committed",
            f"Commitments cover {percent_apart(max(covered, _LEAST_SHARE), 1)} of its cost in the last {_COVERED_DAYS} "
            "days. On spot they would be paid for without it, and all of its hours at the spot price beside them. "
            "Look again when they end, or when other usage takes them.",
        )
    quote = quote_of(machines[0], parts, options)
    if isinstance(quote, tuple):
        return no(*quote)
    outlook = _outlook(subject, machines, quote, options)
    if isinstance(outlook, tuple):
        return no(*outlook)
    if not is_worth_it(outlook.saving, options.min_saving):
        return no(
            "not_worth_it",
            f"Spot costs {percent(quote.ratio)} of what is paid now, and {_share(outlook.saving, options.min_saving)} "
            f"would be left of the cost after interruptions; {percent(options.min_saving)} is needed "
            "(recommend.spot.min_saving).",
        )
    tried = replayed(machines[0], quote, outlook.on_spot, options)
    if tried is not None and not is_worth_it(tried.played.saved_share, options.min_saving):
        return no(
            "replay_failed",
            f"On {tried.played.outcome.hours:,.0f} held-out hours of its prices spot would have left "
            f"{_share(tried.played.saved_share, options.min_saving)} of the cost; {percent(options.min_saving)} is "
            "needed (recommend.spot.min_saving).",
        )
    at_ends = [_outlook(subject, machines, replace(quote, mtbf=mtbf), options) for mtbf in quote.mtbf_ends]
    worst, best = (0.0 if isinstance(one, tuple) else one.saving for one in at_ends)
    return _advice(parts, quote, outlook, options, tried=tried, ends=(worst, best))


def _outlook(
    subject: Service, machines: tuple[Machine, ...], quote: Quote, options: Spot
) -> _Outlook | tuple[str, str]:
    """What is left at this quote, by what the machines do."""
    if subject.stage == _ONLINE:
        return _serve(machines, quote, options)
    return _run(subject, machines, quote, options)


def _unfit(subject: Service, machines: tuple[Machine, ...]) -> tuple[str, str] | None:
    """What rules spot out whatever it costs."""
    if any(machine.platform not in _ON_MACHINES for machine in machines):
        return (
            "not_offered",
            f"What runs as {machines[0].platform} is not bought by the machine, so not on spot either.",
        )
    if subject.stage != _ONLINE and subject.stage not in _BATCH:
        return "stage_unknown", (
            "What it does is not known, so nobody can say whether it may be interrupted. Tag it or write a rule: "
            "training, batch and evaluation may be, if they resume."
            if subject.stage != "notebook"
            else "Somebody works on it by hand, and would lose what is in memory."
        )
    if on_spot := sum(machine.is_on_spot for machine in machines):
        if on_spot == len(machines):
            return "already_spot", "It runs on spot already."
        return "partly_spot", (
            f"{on_spot} of its {len(machines)} machines ran on spot in the last week already: of what spot would save "
            "of the cost of all, a part is saved."
        )
    if len({machine.instance_type for machine in machines}) > 1:
        return "mixed_types", "Its machines are of several types, with a market each. Look at them type by type."
    if subject.stage == _ONLINE and len(machines) < 2:
        return "single_replica", "It serves from a single machine: an interruption would be an outage."
    return reserved(machines)


def _run(subject: Service, machines: tuple[Machine, ...], quote: Quote, options: Spot) -> _Outlook | tuple[str, str]:
    """A job that begins again from its last checkpoint after each interruption."""
    minutes, proof = checkpoint(subject, machines, options)
    gang = len(machines) if subject.stage in _GANG else 1
    mtbf = gang_mtbf(quote.mtbf, gang)
    longest = [machine.jobs.longest_hours for machine in machines if machine.jobs and machine.jobs.longest_hours > 0]
    work = max(longest, default=_USUAL_JOB_HOURS)
    found = spot_runtime(work, checkpoint=minutes / 60, restart=options.restart_minutes / 60, mtbf=mtbf)
    left = effective_saving(quote.ratio, found.inflation)
    policy = policy_for(work, options.deadline * work).replace("_", " ")
    every = "" if not found.interval else f", saving its work every {found.interval * 60:.0f} minutes"
    shown = f" That it resumes: {proof}." if proof else " Nobody has shown that it resumes from a checkpoint."
    return _Outlook(
        saving=left,
        risk=(1 if mtbf >= _USUAL_JOB_HOURS else 2) if proof else 3,
        reason=f"Spot costs {percent(quote.ratio)} of what is paid now. Interrupted about every {mtbf:,.0f} h{every}, "
        f"it would take {_times(found.inflation)} of the time and save {_share(left)}. Keep a deadline of "
        f"{options.deadline:g} times its work by {policy}.{shown}",
        bound=None,
        on_spot=OnSpot(per_price=found.inflation, fixed=0.0, lost_every=mtbf),
        gate=None if proof else GATE,
        confidence="medium" if proof and longest else "low",
        evidence={
            "checkpoint_minutes": minutes,
            "resumes": proof,
            "gang": gang,
            "mtbf_hours": round(mtbf, 2),
            "work_hours": round(work, 2),
            "work_recorded": bool(longest),
            "checkpoint_interval_minutes": None if found.interval is None else round(found.interval * 60, 1),
            "inflation": round(found.inflation, 4) if math.isfinite(found.inflation) else None,
            "break_even_ratio": round(found.break_even_ratio, 4),
            "deadline_policy": policy,
            "saves_on_notice": saves_on_notice(minutes / 60, subject.provider),
        },
    )


def _serve(machines: tuple[Machine, ...], quote: Quote, options: Spot) -> _Outlook | tuple[str, str]:
    """Replicas over zones, with some to spare, and on demand for what is missing."""
    zones = len({machine.zone for machine in machines if machine.zone})
    restart = options.restart_minutes / 60
    availability = quote.mtbf / (quote.mtbf + restart)
    spare = smallest_spare(len(machines), availability, options.availability, zones=zones) if zones else None
    if spare is None or zones < 2:
        where = "one zone" if zones == 1 else "zones nobody knows" if not zones else f"{zones} zones"
        return "failure_domain", (
            f"Its {len(machines)} replicas run in {where}, and what takes capacity away takes a zone's at once. "
            "Spread them over zones first."
        )
    spare = max(spare, spare_for_a_zone(len(machines), zones))
    domains = spread(len(machines) + spare, zones)
    found: SpotServing = serving_cost(len(machines), spare, availability, quote.ratio, domains=domains)
    return _Outlook(
        saving=found.saving,
        risk=max(risk_level(found.shortfall), 1),
        reason=f"Spot costs {percent(quote.ratio)} of what is paid now. With {spare} replicas to spare over {zones} "
        f"zones, so that the {len(machines)} there are now outlive the loss of any one zone, and on demand for what is "
        f"missing, it would save {_share(found.saving)}; a replica's place is gone {percent(1 - availability, 2)} of "
        "the time.",
        bound=Decimal(repr(round(found.shortfall, 6))),
        on_spot=OnSpot(
            per_price=(found.cost_share - found.fallback / len(machines)) / quote.ratio,
            fixed=found.fallback / len(machines),
            lost_every=quote.mtbf / (len(machines) + spare),
        ),
        gate=None,
        confidence="low",
        evidence={
            "replicas": len(machines),
            "spare": spare,
            "zones": zones,
            "domains": list(domains),
            "availability": round(availability, 6),
            "shortfall": round(found.shortfall, 6),
            "fallback_on_demand": round(found.fallback, 4),
            "mtbf_hours": round(quote.mtbf, 2),
        },
    )


def _saved(subject: Subject, days: int, outlook: _Outlook, tried: SpotReplay | None, share: float) -> Saving:
    """The saving of a share of the cost; parts of the history it was tried on saved as much more or less."""
    share = max(share, 0.0)
    scale = share / outlook.saving if outlook.saving > 0 else 0.0
    # an hour above the bid saves nothing, which the folds have counted
    folds = () if tried is None else tried.played.fold_savings
    return saving(
        subject,
        days,
        Decimal(repr(share)).quantize(Decimal("0.0001")),
        Spread(shares=tuple(saved * scale for saved in folds)),
    )


def _advice(
    parts: Parts,
    quote: Quote,
    outlook: _Outlook,
    options: Spot,
    *,
    tried: SpotReplay | None,
    ends: tuple[float, float],
) -> Advice:
    subject, days, first = parts.whole, options.window_days, parts.machines[0]
    used, low, high = (_saved(subject, days, outlook, tried, share) for share in (outlook.saving, *ends))
    used = widened(used, "how often it is interrupted", low=low, high=high)
    command, undo = as_spot(first)
    spot = quote.spot
    old = subject.as_of - spot.quoted_at > timedelta(hours=options.quote_hours)
    age = f" The spot price is of {spot.quoted_at:%Y-%m-%d}: look at today's first." if old else ""
    runs = len(parts.machines) + int(outlook.evidence.get("spare") or 0)
    needs = needs_of(parts.machines, first.instance_type or "", runs, purchase="spot", anew=True)
    several = f"# {len(parts.machines)} machines, one by one; the first of them:\n" if len(parts.machines) > 1 else ""
    scarce = hard_to_regain(first)
    assert parts.cost is not None  # noqa: S101 - the caller has returned otherwise
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{parts.count}{describe(first)} on demand",
        proposed=f"{parts.count}{first.instance_type} on spot",
        monthly_cost=parts.cost,
        saving=used,
        risk=max(outlook.risk, 2) if tried is not None and tried.outbid else outlook.risk,
        confidence="low" if old or tried is None or tried.played.low_evidence else outlook.confidence,
        effort="medium",
        reason=f"{outlook.reason}{age}{replay_remark(tried)}{covered_remark(used, 'spot')}{cost_remark(subject, days)}",
        undo=undo,
        command=several
        + before_another(first, first.instance_type or "", how=" on spot", needs=needs)
        + preconditions(first)
        + command,
        violation_bound=bound_of(tried, outlook.bound),
        acts_on=parts.acts_on,
        gate=outlook.gate,
        hard_to_regain=scarce is not None,
        target="spot",
        needs=needs,
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            **unmeasured("what it costs is decided by prices and interruptions of the market, not by how busy it is"),
            **outlook.evidence,
            **replay_evidence_of(tried, parts.cost),
            **_deadline(first, quote, outlook, options),
            "price_ratio": round(quote.ratio, 4),
            "spot_price": str(spot.hourly_price),
            "spot_price_hours": spot.hours,
            "spot_price_quoted_at": spot.quoted_at.isoformat(),
            "spot_price_is_old": old,
            "spot_price_source": spot.source,
            "on_demand_price": str(quote.on_demand.hourly_price),
            **terraform.evidence(terraform.as_spot(first, len(parts.machines))),
            **price_evidence(quote.on_demand),
            "proposed_price": str(spot.hourly_price),
            "interruptions": quote.mtbf_source,
            "expected_saving": round(outlook.saving, 4),
            "hard_to_regain": scarce,
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _deadline(machine: Machine, quote: Quote, outlook: _Outlook, options: Spot) -> dict[str, Any]:
    """The policies that keep a deadline, where the work has one."""
    work = outlook.evidence.get("work_hours")
    return {} if work is None else deadline_evidence(machine, quote, float(work), options)


def _share(value: float, *marks: float) -> str:
    return percent_apart(max(value, 0.0), *marks) if math.isfinite(value) else "nothing"


def _times(inflation: float) -> str:
    return f"{inflation:.2f} times" if math.isfinite(inflation) else "many times"


KIND = Kind(
    name=NAME,
    subject=Service,
    step=Step.SPOT,
    title="Run on spot",
    needs="the stage of the work; spot and on-demand prices; interruptions of the type; proof that it resumes",
    applies=applies,
    evaluate=evaluate,
    is_of_whole_group=True,
)
