"""Fewer or smaller accelerators, where history says they are enough.

Assumes
    Demand of the coming weeks is like the evidence window's.
Method
    Demand per five-minute slot, in accelerators of the present type: the sum of each one's peak activity (load), how
    many were active at once (concurrency), and the largest memory held (a cliff: the maximum of the daily peaks of all
    that is loaded, not of the window alone, and never a percentile). Of what serves online, load is that at which the
    chosen share of the work is done, where that is more than by time. The rule is replayed on rolling origins: it
    chooses from what came before and is tried on the days after (``methods/replay``, ``methods/folds``). The size
    advised is what the rule chooses from all of it.
    A candidate fits when load at the percentile, concurrency and memory stay within its capacity less headroom, what
    one card holds on one of its own where those are smaller, what one does on one of its own where those are slower
    (but of a model that has the machine alone, whose replicas or training may lie on more of them), and each
    accelerator in use keeps the vCPUs and host memory it has now, because host need is not measured. Devices that work
    together (one training, a model split over them) keep a fast link where they have one.
    Another card's capacity is its measured ratio, else the smaller of dense bf16 and bandwidth × 0.9; never above one
    of the present. The cheapest that fits wins, of those that wait for nothing first. It is offered where the lower
    quartile of its expected value is above nothing, and its bound at most 5 % or it never failed.
    A served model whose shape and requests are known needs its weights and the cache of what runs at once, on a degree
    that divides its heads; else what is held counts, reserved or needed.
Cases
    Only ``gpu_utilization`` and no power: saturation cannot be told from waiting, so no advice (idle advice still is).
    Another card: the range of its saving goes down to what whole machines at the low end of its speed would cost; not
    measured within a year, it is behind a gate (a benchmark of your own), as is a card without bf16 where the precision
    is not known, which is said.
    Memory unknown, or known for less of the time than load has to be; price of the present type or of every candidate
    unknown: no advice, with the reason.
    A type that the machine's zone is known not to offer: passed over. On spot, on a day of its last seven: no size, as
    what is paid is no price on demand.
    No candidate keeps the host's memory: one that keeps its vCPUs and has twice what the accelerators hold, behind a
    gate. Under 14 days of history: interleaved hours, low confidence. No end of a month in the window: at most medium.
    One of a group: only where all of the group have the same advice (``recommender/whole_groups.py``).
Sources
    docs/advice.md (percentiles and headroom: AWS Compute Optimizer's presets; memory by maximum; folds, bound and
    expected value: Rzadca et al. 2020 and the methods' own files).
Known drawbacks
    Memory a server reserves up front counts as needed where its model or its requests are not known: finds less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from aispend.advising import Idle, Recommend
from aispend.money import in_words
from aispend.percents import percent, percent_apart
from aispend.prices.accelerators import accelerator
from aispend.prices.prices import Candidate, Price
from aispend.sizing import Rightsize
from recommender import terraform
from recommender.actions import describe, resize
from recommender.contract import COST_UNKNOWN, HOURS_PER_MONTH, Advice, Confidence, Kind, Step, WhyNot
from recommender.evidence import load_evidence
from recommender.guards import ON_SPOT, before_another, hard_to_regain, preconditions, refusal, reserved
from recommender.kinds.another_card import (
    is_estimated,
    machines_if_slow,
    moved_to_card,
    slow_remark,
    speed_evidence,
)
from recommender.kinds.demand import demand_of, last_days, never_measured, state_shares
from recommender.kinds.limits import (
    Limit,
    ModelNeed,
    Need,
    Size,
    can_with_less_host,
    limit_of,
    need_of,
    why_none,
)
from recommender.kinds.replayed import MAX_BOUND, replay_evidence
from recommender.kinds.sizes import lacks_bf16, may_spread, model_need, sizes
from recommender.kinds.slices import sliced
from recommender.methods.folds import LOW_EVIDENCE_DAYS, make_folds
from recommender.methods.outcome import Capacity, Demand, DemandAt, Slots
from recommender.methods.replay import Replay, expected_value, replay
from recommender.methods.risk import sees_month_end
from recommender.methods.states import SLOTS_PER_DAY, SLOTS_PER_HOUR, Accelerators, measured_until
from recommender.savings import cost_basis, cost_remark, monthly_cost, recent
from recommender.subjects.machines import Machine
from recommender.to_be_had import is_offered, needs_of, not_offered

NAME = "rightsize"


@dataclass(frozen=True)
class _Rule:
    """How a size is chosen, whatever part of the history it is chosen from."""

    subject: Machine
    options: Rightsize
    sizes: tuple[Size, ...]
    model: ModelNeed | None

    def need(self, demand: Demand | DemandAt) -> Need | None:
        return need_of(demand, self.options.percentile, self.subject.stage == "inference_online")

    def choose(self, need: Need) -> tuple[Size | None, list[tuple[Candidate, Limit]]]:
        """The cheapest that fits, and what ruled out those before it."""
        ruled_out: list[tuple[Candidate, Limit]] = []
        for size in self.sizes:
            limit = limit_of(need, size, self.subject, self.options, self.model)
            if limit is None:
                return size, ruled_out
            ruled_out.append((size.candidate, limit))
        light = [
            size
            for size, (candidate, limit) in zip(self.sizes, ruled_out, strict=True)
            if limit == "host" and can_with_less_host(need, candidate, self.subject)
        ]
        return (light[0] if light else None), ruled_out

    def __call__(self, train: DemandAt, test: Slots) -> Capacity | None:
        """The rule as a policy for the replay."""
        del test
        need = self.need(train)
        if need is None or need.concurrent == 0:
            return None
        chosen, _ = self.choose(need)
        return None if chosen is None else chosen.capacity


def applies(subject: Machine) -> bool:
    """Resources with accelerators and a type; token APIs and fleets of short-lived instances have no size to change."""
    return bool(subject.accelerator_count and subject.instance_type)


def evaluate(subject: Machine, settings: Recommend) -> Advice | WhyNot:
    """A smaller size that held on history it was not chosen from, or why not."""
    options = settings.rightsize
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    history = subject.accelerators
    if refused := refusal(subject, settings) or reserved([subject]):
        return no(*refused)
    if history is None:
        return no("telemetry_missing", "No accelerator utilization is known for it.")
    demand = last_days(demand_of(history), options.window_days)
    coverage = _coverage(subject, demand, options)
    if blind := _blind(history, demand, coverage, options):
        return no(*blind)
    model = model_need(subject, settings)
    rule = _Rule(subject, options, (), model)
    need = _need(rule, demand, history)
    if isinstance(need, tuple):
        return no(*need)
    if need.concurrent == 0:
        return no("idle", "It did no work in the window, so there is no demand to choose a size by.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    price = _price(subject)
    if isinstance(price, tuple):
        return no(*price)
    candidates = sizes(
        subject.provider,
        subject.region or "",
        subject.instance_type or "",
        card=subject.accelerator_type or "",
        on=subject.as_of.date(),
        prices=subject.prices,
        target=1 - options.compute_headroom,
        check_memory=model is None,
        may_spread=may_spread(subject, need.concurrent),
    )
    here = tuple(size for size in candidates if is_offered([subject], size.candidate.instance_type) is not False)
    rule = replace(rule, sizes=here)
    chosen, ruled_out = rule.choose(need)
    if chosen is None:
        reason, explanation = why_none(ruled_out, need, subject, options)
        elsewhere, _ = replace(rule, sizes=candidates).choose(need)
        if elsewhere is not None:
            reason, explanation = "not_offered", not_offered([subject], elsewhere.candidate.instance_type)
        return sliced(subject, settings, cost) or no(reason, explanation)
    found = _replay(rule, demand, price)
    outcome = found.outcome
    if not any(found.capacities):
        return no("replay_failed", f"{chosen.candidate.instance_type} fits now, but on no earlier part of the window.")
    if outcome.violation_minutes and outcome.bound > MAX_BOUND:
        return no(
            "replay_failed",
            f"{chosen.candidate.instance_type} fits the window, but chosen from its earlier parts demand exceeded the "
            f"size for {outcome.violation_minutes:.0f} minutes after them (upper bound {percent(outcome.bound, 1)} of "
            "hours).",
        )
    hourly = cost / HOURS_PER_MONTH
    failure = hourly if options.violation_hour_cost is None else options.violation_hour_cost
    worth = expected_value(found, cost_per_hour=float(hourly), cost_per_violation_hour=float(failure))
    if worth.lower_quartile <= 0:
        return no(
            "not_worth_it",
            f"{chosen.candidate.instance_type} fits, but an hour over capacity costs "
            f"{in_words(failure, subject.currency)}, and with a chance of {percent(worth.p_violation, 1)} of one that "
            "may be more than it saves.",
        )
    return _advice(
        subject, options, demand, chosen=chosen, need=need, model=model, price=price, found=found,
        coverage=coverage, cost=cost, lower_quartile=worth.lower_quartile, idle=settings.idle,
    )  # fmt: skip


def _price(subject: Machine) -> Price | tuple[str, str]:
    """What an hour costs, to hold other types against; else why nothing can be."""
    if subject.is_on_spot:
        return "on_spot", ON_SPOT
    price, on = subject.price, subject.as_of.date()
    if price is None or subject.accelerator_type is None or accelerator(subject.accelerator_type) is None:
        return "unpriced", f"No price is known for {subject.instance_type} in {subject.place} on {on}."
    return price


def _coverage(subject: Machine, demand: Demand, options: Rightsize) -> float:
    return min(_known_hours(demand) / _billed_hours(subject, options), 1.0)


def _billed_hours(subject: Machine, options: Rightsize) -> int:
    return max(sum(item.hours for item in recent(subject, options.window_days)), 1)


def _known_hours(demand: Demand) -> int:
    return int((~np.isnan(demand.load)).sum()) // SLOTS_PER_HOUR


def _blind(history: Accelerators, demand: Demand, coverage: float, options: Rightsize) -> tuple[str, str] | None:
    """Why too little is known to choose a size by; None where enough is."""
    known_hours = _known_hours(demand)
    if known_hours < options.min_hours or coverage < options.min_coverage:
        return (
            "telemetry_missing",
            f"{never_measured(history)}{known_hours} h of utilization cover "
            f"{percent_apart(coverage, options.min_coverage)} of its billed hours; {options.min_hours} h and "
            f"{percent(options.min_coverage)} are needed.",
        )
    if history.counter == "gpu_utilization" and np.isnan(history.power_mean).all():
        return (
            "telemetry_grade",
            "Only gpu_utilization is known, which proves idleness and never need. Collect SM activity or power.",
        )
    return None


def _need(rule: _Rule, demand: Demand, history: Accelerators) -> Need | tuple[str, str]:
    """What the window asks of a size, or what is missing to know it.

    Of memory what all that is known does, as one peak more fails at once; and it has to be known for as long as load.
    """
    need, known, options = rule.need(demand), demand_of(history), rule.options
    if need is None or demand.memory is None or known.memory is None or known.on_one is None:
        return "telemetry_missing", "Memory in use is not known, and a size too small for it would fail at once."
    seen = min(int((~np.isnan(demand.memory)).sum()) / _billed_hours(rule.subject, options), 1.0)
    if rule.model is None and seen < options.min_coverage:
        return "telemetry_missing", (
            f"Memory in use is known for {percent_apart(seen, options.min_coverage)} of its billed hours; "
            f"{percent(options.min_coverage)} is needed: a size too small for its peak fails at once."
        )
    return replace(
        need,
        memory=float(np.fmax.reduce(known.memory, initial=need.memory)),
        on_one=float(np.fmax.reduce(known.on_one, initial=need.on_one)),
    )


def _replay(rule: _Rule, demand: Demand, price: Price) -> Replay:
    count = float(rule.subject.accelerator_count or 0)
    return replay(
        rule,
        demand,
        make_folds(demand.load.size, SLOTS_PER_HOUR),
        current=Capacity(load=count, devices=count, cost=float(price.hourly_price)),
        sizes=[size.capacity for size in rule.sizes],
    )


def _advice(
    subject: Machine,
    options: Rightsize,
    demand: Demand,
    *,
    chosen: Size,
    need: Need,
    model: ModelNeed | None,
    price: Price,
    found: Replay,
    coverage: float,
    cost: Decimal,
    lower_quartile: float,
    idle: Idle,
) -> Advice:
    candidate, outcome = chosen.candidate, found.outcome
    share = 1 - candidate.price.hourly_price / price.hourly_price
    types = (subject.instance_type, candidate.instance_type)
    same_card = candidate.accelerator_type == subject.accelerator_type
    estimated = is_estimated(chosen)
    slow = machines_if_slow(chosen, need, options)
    less_host = limit_of(need, chosen, subject, options, model) == "host"
    shares = (share, Decimal(0) if slow is None else 1 - slow * (1 - share))
    days = options.window_days
    saved, commitments = moved_to_card(subject, days, shares, doing="a smaller type", types=types, found=found)
    month_end = sees_month_end(subject.as_of.date(), demand.load.size // SLOTS_PER_DAY)
    confidence: Confidence = "high" if outcome.hours >= 7 * 24 and month_end else "medium"
    if not same_card:
        confidence = "medium"
    if estimated or less_host or found.low_evidence:
        confidence = "low"
    gates = [chosen.gate] if chosen.gate else []
    if less_host:
        gates.append(f"host memory in use measured below {candidate.memory_gib.normalize():f} GiB")
    command, undo = resize(subject, candidate.instance_type)
    needs = needs_of([subject], candidate.instance_type, 1)
    scarce = hard_to_regain(subject)
    percentile = f"p{options.percentile * 100:g}"
    remarks = (
        " Benchmark first: another card's speed is estimated, not measured." if estimated else "",
        slow_remark(slow),
        f" {candidate.accelerator_type} has no bf16, and the precision of what runs there is not known."
        if not same_card and model is None and lacks_bf16(candidate.accelerator_type)
        else "",
        f" Its host has {candidate.memory_gib.normalize():f} GiB of memory, less than now." if less_host else "",
        f" Its work has to be spread over {candidate.accelerators.normalize():f} cards where {need.concurrent} did it."
        if not same_card and candidate.accelerators > need.concurrent
        else "",
        "" if model else " Memory a server reserves counts as needed.",
        f" Under {LOW_EVIDENCE_DAYS} days are known, so it was tried on hours between those it was chosen from."
        if found.low_evidence
        else "",
        commitments + cost_remark(subject, options.window_days),
    )
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=f"{candidate.instance_type} ({candidate.accelerators.normalize():f} × {candidate.accelerator_type})",
        monthly_cost=cost,
        saving=saved,
        risk=outcome.risk,
        confidence=confidence,
        effort="low" if same_card else "medium",
        reason=(
            f"At most {need.concurrent} of its accelerators worked at once and load at "
            f"{percentile} was {need.load:.2f} of them; "
            f"{candidate.instance_type} would have carried the held-out {outcome.hours:.0f} h with "
            f"{outcome.violation_minutes:.0f} minutes over capacity.{''.join(remarks)}"
        ),
        undo=undo,
        command=preconditions(subject) + before_another(subject, candidate.instance_type, needs=needs) + command,
        needs=needs,
        hard_to_regain=scarce is not None,
        violation_bound=Decimal(repr(round(outcome.bound, 6))),
        target=candidate.instance_type,
        gate=", and ".join(gates) or None,
        evidence_until=None if subject.accelerators is None else measured_until(subject.accelerators),
        evidence={
            "window_days": options.window_days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(coverage, 4),
            "counter": subject.accelerators.counter if subject.accelerators else None,
            "preset": options.in_words,
            **({} if subject.accelerators is None else state_shares(subject.accelerators, idle, options.window_days)),
            **load_evidence(demand.load, demand.concurrent),
            "load_needed": round(need.load, 4),
            "load_on_one_needed": round(need.load_on_one, 4),
            "memory_used_max_bytes": int(need.memory),
            "memory_on_one_max_bytes": int(need.on_one),
            "memory_basis": "held, reserved memory included"
            if model is None
            else f"weights and the cache of {model.tokens:,} tokens at once",
            "month_end_seen": month_end,
            **replay_evidence(found, saved.effective),
            "expected_value_lower_quartile": str(Decimal(repr(lower_quartile)).quantize(Decimal("0.01"))),
            "current_price": str(price.hourly_price),
            "proposed_price": str(candidate.price.hourly_price),
            "price_currency": candidate.price.currency,
            "price_source": candidate.price.source,
            "price_date": candidate.price.valid_from.isoformat(),
            **speed_evidence(chosen, slow),
            **terraform.evidence(terraform.resized(subject, candidate.instance_type)),
            "hard_to_regain": scarce,
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
    is_of_whole_group=True,
)
