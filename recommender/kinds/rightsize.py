"""Fewer or smaller accelerators, where history says they are enough.

Assumes
    Demand of the coming weeks is like the evidence window's.
Method
    Demand per five-minute slot, in accelerators of the present type: the sum of each one's peak activity
    (load), how many were active at once (concurrency), and the largest memory held (a cliff, so the maximum and
    never a percentile). The window is split: the size is chosen on the earlier part alone and replayed on the later.
    A candidate fits when load at the chosen percentile, concurrency and memory stay within its capacity less headroom,
    and each accelerator in use keeps the vCPUs and host memory it has now, because host need is not measured.
    Another accelerator's capacity is its dense bf16 throughput or its bandwidth relative to the present one,
    whichever is smaller, × 0.9 (unmeasured downgrade). The cheapest that fits wins.
    Replay counts hours of the later part in which demand exceeded capacity; the bound is their upper 95 % limit.
Cases
    Only ``gpu_utilization`` and no power: saturation cannot be told from waiting, so no advice (idle advice still is).
    Memory unknown, price of the present type or of every candidate unknown: no advice, with the reason.
Sources
    docs/advice.md (P99.5 and 20 % headroom: AWS Compute Optimizer's defaults; memory by maximum;
    downgrade rule from measured ratios).
Known drawbacks
    Memory a server reserves up front counts as needed, which is careful and finds less.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from aispend.advising import Recommend, Rightsize
from aispend.prices.accelerators import Accelerator, accelerator
from aispend.prices.prices import Candidate, Price, price_at, smaller_types
from recommender.actions import describe, resize
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Kind, Step, WhyNot
from recommender.kinds.limits import Capacity, Demand, Limit, limit_of, why_none
from recommender.methods.risk import effective_sample, risk_level, violation_bound
from recommender.methods.states import SLOTS_PER_DAY, SLOTS_PER_HOUR, Accelerators, measured_until
from recommender.savings import cost_basis, cost_remark, monthly_cost, recent, saving
from recommender.subjects.machines import Machine

NAME = "rightsize"
BUSY_ACTIVITY = 0.05
"""Activity above which a device counts as in use."""
DOWNGRADE_REALISATION = 0.9
MAX_BOUND = 0.05
"""Violation bound above which a size that was ever too small is not offered; one that never was has risk 4 there."""


@dataclass(frozen=True)
class Replay:
    """The candidate on the later part of the history, which it was not chosen from."""

    hours: int
    violation_minutes: int
    risk_minutes: int
    worst_overload: float
    bound: float


def demand_of(history: Accelerators) -> Demand:
    """Demand of a resource; NaN where any of its accelerators is unknown."""
    return Demand(
        load=history.activity_max.astype(float).sum(axis=0),
        concurrent=np.where(
            np.isnan(history.activity_max).any(axis=0), np.nan, (history.activity_max > BUSY_ACTIVITY).sum(axis=0)
        ),
        memory=history.memory_used_max.sum(axis=0),
    )


def replay(demand: Demand, capacity: Capacity, options: Rightsize) -> Replay:
    """Count what would have gone wrong on a stretch of history."""
    load = demand.load
    memory = np.repeat(demand.memory, SLOTS_PER_HOUR)[: load.size]
    violated = (load > capacity.load) | (demand.concurrent > capacity.devices) | (memory > capacity.memory)
    risky = violated | (load > capacity.load * (1 - options.compute_headroom))
    whole = load.size // SLOTS_PER_HOUR * SLOTS_PER_HOUR
    hourly = np.nan_to_num(load[:whole], nan=0.0).reshape(-1, SLOTS_PER_HOUR).max(axis=1)
    violated_hours = int(violated[:whole].reshape(-1, SLOTS_PER_HOUR).any(axis=1).sum())
    worst = float(np.nanmax(load / capacity.load)) if load.size else 0.0
    return Replay(
        hours=int((~np.isnan(load)).sum() // SLOTS_PER_HOUR),
        violation_minutes=int(violated.sum()) * 5,
        risk_minutes=int(risky.sum()) * 5,
        worst_overload=round(max(worst - 1, 0.0), 4),
        bound=violation_bound(violated_hours, effective_sample(hourly)),
    )


def applies(subject: Machine) -> bool:
    """Resources with accelerators and a type; token APIs and fleets of short-lived instances have no size to change."""
    return bool(subject.accelerator_count and subject.instance_type)


def evaluate(subject: Machine, settings: Recommend) -> Advice | WhyNot:
    """A smaller size that held on history it was not chosen from, or why not."""
    options = settings.rightsize
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if subject.is_off:
        return no("off", "It is no longer billed.")
    history = subject.accelerators
    if history is None:
        return no("telemetry_missing", "No accelerator utilization is known for it.")
    demand = demand_of(history).slots(-options.window_days * SLOTS_PER_DAY, history.activity_max.shape[1])
    known_hours = int((~np.isnan(demand.load)).sum()) // SLOTS_PER_HOUR
    billed_hours = max(sum(item.hours for item in recent(subject, options.window_days)), 1)
    coverage = min(known_hours / billed_hours, 1.0)
    if known_hours < options.min_hours or coverage < options.min_coverage:
        return no(
            "telemetry_missing",
            f"{known_hours} h of utilization cover {coverage:.0%} of its billed hours; "
            f"{options.min_hours} h and {options.min_coverage:.0%} are needed.",
        )
    if history.counter == "gpu_utilization" and np.isnan(history.power_mean).all():
        return no(
            "telemetry_grade",
            "Only gpu_utilization is known, which proves idleness and never need. Collect SM activity or power.",
        )
    if np.isnan(demand.memory).all():
        return no("telemetry_missing", "Memory in use is not known, and a size too small for it would fail at once.")
    if float(np.nanmax(demand.concurrent)) == 0:
        kept = [key for key in subject.tags if key.lower() in settings.idle.keep_tags]
        if kept:
            return no("excluded", f"Tag {kept[0]} asks to keep it, and it did no work to choose a size by.")
        return no("idle", "It did no work in the window, so there is no demand to choose a size by.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    today = subject.as_of.date()
    current_price = _current_price(subject)
    current_type = accelerator(subject.accelerator_type) if subject.accelerator_type else None
    if current_price is None or current_type is None:
        return no("unpriced", f"No price is known for {subject.instance_type} in {subject.region} on {today}.")
    split = _split(demand)
    train, test = demand.slots(0, split), demand.slots(split, demand.load.size)
    ruled_out: list[tuple[Candidate, Limit]] = []
    for candidate in _cheaper(subject, current_price):
        capacity = _capacity(candidate, current_type)
        if limit := limit_of(train, capacity, candidate, subject, options):
            ruled_out.append((candidate, limit))
            continue
        outcome = replay(test, capacity, options)
        if outcome.violation_minutes == 0 or outcome.bound <= MAX_BOUND:
            return _advice(
                subject,
                options,
                demand,
                candidate=candidate,
                current_price=current_price,
                outcome=outcome,
                coverage=coverage,
                cost=cost,
            )
        return no(
            "replay_failed",
            f"{candidate.instance_type} fits the earlier part of the window, but in the later part demand exceeded it "
            f"for {outcome.violation_minutes} minutes (upper bound {outcome.bound:.1%} of hours).",
        )
    return no(*why_none(ruled_out, train, subject, options))


def _split(demand: Demand) -> int:
    """First slot of the held-out part: the later half, on a day boundary."""
    days = demand.load.size // SLOTS_PER_DAY
    return max(days - max(days // 2, 1), 1) * SLOTS_PER_DAY


def _current_price(subject: Machine) -> Price | None:
    return price_at(
        subject.provider, subject.region or "", subject.instance_type or "", "on_demand", subject.as_of.date()
    )


def _cheaper(subject: Machine, current: Price) -> list[Candidate]:
    candidates = smaller_types(
        subject.provider, subject.region or "", subject.instance_type or "", subject.as_of.date()
    )
    cheaper = [item for item in candidates if item.price.hourly_price < current.hourly_price]
    return sorted(cheaper, key=lambda item: (item.price.hourly_price, item.instance_type))


def _capacity(candidate: Candidate, current: Accelerator) -> Capacity:
    count = float(candidate.accelerators)
    relative = 1.0 if candidate.accelerator_type == current.name else _relative_speed(candidate, current)
    return Capacity(load=count * relative, devices=max(count, 1.0), memory=float(candidate.memory_gb) * 1e9)


def _relative_speed(candidate: Candidate, current: Accelerator) -> float:
    """Speed of one of the candidate's cards relative to a present one; 0 where either is not known."""
    target = accelerator(candidate.accelerator_type)
    if target is None:
        return 0.0
    pairs = ((target.bf16_tflops, current.bf16_tflops), (target.bandwidth_gb_s, current.bandwidth_gb_s))
    ratios = [float(theirs / ours) for theirs, ours in pairs if theirs is not None and ours]
    return min(min(ratios) * DOWNGRADE_REALISATION, 1.0) if len(ratios) == len(pairs) else 0.0


def _advice(
    subject: Machine,
    options: Rightsize,
    demand: Demand,
    *,
    candidate: Candidate,
    current_price: Price,
    outcome: Replay,
    coverage: float,
    cost: Decimal,
) -> Advice:
    share = 1 - candidate.price.hourly_price / current_price.hourly_price
    same_card = candidate.accelerator_type == subject.accelerator_type
    confidence: Confidence = "high" if same_card and outcome.hours >= 7 * 24 else "medium" if same_card else "low"
    proposed = f"{candidate.instance_type} ({candidate.accelerators.normalize():f} × {candidate.accelerator_type})"
    command, undo = resize(subject, candidate.instance_type)
    percentile = f"p{options.percentile * 100:g}"
    benchmark = "" if same_card else " Benchmark first: another card's speed is estimated, not measured."
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=proposed,
        monthly_cost=cost,
        saving=saving(subject, options.window_days, share),
        risk=risk_level(outcome.bound),
        confidence=confidence,
        effort="low" if same_card else "medium",
        reason=(
            f"At most {float(np.nanmax(demand.concurrent)):.0f} of its accelerators worked at once and load at "
            f"{percentile} was {float(np.nanpercentile(demand.load, options.percentile * 100)):.2f} of them; "
            f"{candidate.instance_type} would have carried the held-out {outcome.hours} h with "
            f"{outcome.violation_minutes} minutes over capacity.{benchmark}{cost_remark(subject, options.window_days)}"
        ),
        undo=undo,
        command=command,
        violation_bound=Decimal(repr(round(outcome.bound, 6))),
        target=candidate.instance_type,
        evidence_until=None if subject.accelerators is None else measured_until(subject.accelerators),
        evidence={
            "window_days": options.window_days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(coverage, 4),
            "counter": subject.accelerators.counter if subject.accelerators else None,
            "load_p50": round(float(np.nanpercentile(demand.load, 50)), 4),
            "load_p95": round(float(np.nanpercentile(demand.load, 95)), 4),
            "load_p99_5": round(float(np.nanpercentile(demand.load, 99.5)), 4),
            "load_max": round(float(np.nanmax(demand.load)), 4),
            "concurrent_max": int(np.nanmax(demand.concurrent)),
            "memory_used_max_bytes": int(np.nanmax(demand.memory)),
            "replay_hours": outcome.hours,
            "replay_violation_minutes": outcome.violation_minutes,
            "replay_risk_minutes": outcome.risk_minutes,
            "replay_worst_overload": outcome.worst_overload,
            "current_price": str(current_price.hourly_price),
            "proposed_price": str(candidate.price.hourly_price),
            "price_currency": candidate.price.currency,
            "price_source": candidate.price.source,
            "price_date": candidate.price.valid_from.isoformat(),
            "cost_basis": cost_basis(subject, options.window_days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


KIND = Kind(
    name=NAME,
    subject=Machine,
    step=Step.SIZE,
    title="Fewer or smaller accelerators",
    needs="SM activity, or utilization with power; memory in use; prices of the type and of smaller ones",
    applies=applies,
    evaluate=evaluate,
)
