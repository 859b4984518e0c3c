"""Another generation, family or maker of accelerator for the same work.

Assumes
    Machines of a service share its work, and could share it over another number of other machines.
Method
    Demand by the hour, in accelerators of the present type: the largest sum over the members. A target's speed is a
    benchmark of one's own (settings), else a published measurement, else an estimate from dense specifications
    (``methods/realised_ratio.py``); training is bound like prefill, serving by both. A move pays only where the price
    of one accelerator rises by less than its speed. Machines: as many as carry the demand at its percentile with
    headroom and hold what each machine holds now, and all together what those that train together hold; two at least
    where several serve; without a known model as many devices as were in use at once. The cheapest that saves enough
    wins, played on the window with rolling origins.
Cases
    Measured: medium confidence, high for one's own benchmark and demand over the end of a month, where the low end is
    enough as well; else low. Not
    measured, or a year ago: low, behind a gate. The range of the saving goes down to what whole machines at the low end
    of the speed would cost; it is nothing where that is more than now. The reason says from which speed on the move
    pays and is large enough.
    Another maker that nobody measured: never on specifications; the reason names what would be worth a benchmark.
    Of a model nobody knows more load on one card than one of the target carries at the low end of its speed; more on
    one card than a smaller one of the target holds, where neither the model's shape nor a benchmark of one's
    own says that it may be split; weights in bf16 where the target has none, a degree that does not divide the heads,
    no fast link between the devices of a machine that trains or splits a model, a zone known not to have the type: not
    offered. On spot, a machine of it on a day of its last seven: nothing is, as what is paid is no price on demand. A
    group that holds others besides: only where they would move to the same (``recommender/whole_groups.py``).
Sources
    docs/advice.md; methods, cost to performance (T9.1); AWS's scale of migration effort.
Known drawbacks
    Memory a server reserves counts as needed where the model's shape is not known. Discounts are taken to be the same.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from aispend.advising import Recommend
from aispend.moving import Accelerators
from aispend.percents import percent, percent_apart
from aispend.prices.accelerators import InstanceType, accelerator, instance_type
from aispend.prices.prices import Price
from recommender import terraform
from recommender.actions import describe, resize
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Effort, Kind, Step, WhyNot
from recommender.evidence import load_evidence
from recommender.guards import (
    ON_SPOT,
    before_another,
    hard_to_regain,
    others_in_group,
    preconditions,
    refusal_of_service,
    reserved,
)
from recommender.kinds.another_card import moved_to_card
from recommender.kinds.limits import TRAINING
from recommender.kinds.other_types import Move, Work, machines_for, moves_of
from recommender.kinds.parts import Parts, parts_of
from recommender.kinds.replayed import MAX_BOUND, replay_evidence
from recommender.kinds.sizes import model_need
from recommender.machine_facts import scarcity
from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity, Demand, DemandAt, Slots
from recommender.methods.replay import Replay, replay
from recommender.methods.risk import sees_month_end
from recommender.savings import cost_basis, cost_remark
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service
from recommender.to_be_had import is_offered, needs_of, not_offered

NAME = "accelerator"
_PORTS = frozenset({"tpu", "npu"})
_HOURS_PER_DAY = 24


def applies(subject: Service) -> bool:
    """Machines of one known type."""
    return len({(one.machine.instance_type, one.machine.accelerator_type) for one in subject.current}) == 1


def evaluate(subject: Service, settings: Recommend) -> Advice | WhyNot:
    """The cheapest other accelerator that carries the same work, or why not."""
    options = settings.accelerator
    parts = parts_of(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, parts.cost)

    if found := refusal_of_service(subject, settings) or reserved(parts.machines):
        return no(*found)
    first = parts.machines[0]
    on = first.as_of.date()
    present = instance_type(first.provider, first.instance_type or "")
    card = accelerator(present.accelerator_type) if present else None
    price = first.price
    if any(machine.is_on_spot for machine in parts.machines):
        return no("on_spot", ON_SPOT)
    if present is None or card is None or price is None:
        return no("unpriced", f"No price is known for {first.instance_type or 'its type'} in {first.place} on {on}.")
    work = _work(subject, parts, settings)
    if isinstance(work, tuple):
        return no(*work)
    if parts.cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    moves, untried = moves_of(parts, present, price, work, settings)
    here = [move for move in moves if is_offered(parts.machines, move.target.instance_type) is not False]
    for move in here:
        played = _played(parts, move, work, options, present=present, price=price)
        if played is None or not (played.outcome.violation_minutes == 0 or played.outcome.bound <= MAX_BOUND):
            continue
        return _advice(parts, move, work, options, played=played, present=present, price=price)
    if moves and not here:
        return no("not_offered", not_offered(parts.machines, moves[0].target.instance_type))
    if moves:
        return no("replay_failed", "What would be cheaper was too small on days it was not chosen from.")
    bench = f" Worth a benchmark, as nobody measured them: {', '.join(untried)}." if untried else ""
    return no(
        "best_here",
        f"No other accelerator with a known price in {first.place} does the work of {parts.count}"
        f"{first.instance_type} for {percent(options.min_saving)} less.{bench}",
    )


def _work(subject: Service, parts: Parts, settings: Recommend) -> Work | tuple[str, str]:
    """The demand of the window, or what is missing to know it."""
    options = settings.accelerator
    hours = options.window_days * _HOURS_PER_DAY
    load = subject.demand("load_max")[-hours:]
    ran = subject.machines_running()[-hours:]
    billed = max(float((ran > 0).sum()), 1.0) if not np.isnan(ran).any() else float(hours)
    known = float((~np.isnan(load) & ~(ran == 0)).sum())
    if known < options.min_hours or known / billed < options.min_coverage:
        return "telemetry_missing", (
            f"{known:.0f} h of utilization cover {percent_apart(known / billed, options.min_coverage)} of the hours it "
            f"ran; {options.min_hours} h and {percent(options.min_coverage)} are needed."
        )
    if not all(member.graded for member in subject.current):
        return "telemetry_grade", (
            "Only gpu_utilization is known, which proves idleness and never need. Collect SM activity or power."
        )
    known_memory = [member for member in subject.current if not np.isnan(member.memory[-hours:]).all()]
    held = [float(np.nanmax(member.memory[-hours:])) for member in known_memory]
    if not held:
        return "telemetry_missing", "Memory in use is not known, and a machine too small for it would fail at once."
    concurrent = subject.demand("concurrent")[-hours:]
    if np.nanmax(load) <= 0 or np.nanmax(concurrent) < 1:
        return "idle", "It did no work in the window, so there is no demand to choose by."
    # what all replicas hold together, on each: careful, and the weights are most of it
    model = model_need(replace(parts.machines[0], use=subject.use), settings)
    seen = _memory_seen(subject, hours)
    if model is None and seen < options.min_coverage:
        return "telemetry_missing", (
            f"Memory in use is known for {percent_apart(seen, options.min_coverage)} of the measured hours; "
            f"{percent(options.min_coverage)} is needed, as a machine too small for its peak would fail at once."
        )
    each = max(float(np.nanmax(member.concurrent[-hours:])) for member in subject.current if member.measured)
    several_serve = subject.stage == "inference_online" and len(parts.machines) > 1
    of_one_model = subject.model is not None and all(machine.is_models_own for machine in parts.machines)
    return Work(
        demand=load,
        concurrent=concurrent,
        per_machine=max(held),
        # where it is not known how it lies, all may lie on one
        on_one=max(max(member.on_each, default=most) for member, most in zip(known_memory, held, strict=True)),
        joined=each > 1 and subject.stage != "notebook",
        model=model,
        precision=model.model.precision if model else "bf16",
        least_machines=2 if several_serve else 1,
        shared=of_one_model,
        coverage=min(known / billed, 1.0),
        in_parts=max(held) * len(parts.machines) if subject.stage in TRAINING else 0.0,
        load_on_one=0.0 if of_one_model else _busiest(subject, hours, options),
    )


def _memory_seen(subject: Service, hours: int) -> float:
    """Share of the hours in which machines ran and were measured of which their memory is known."""
    measured = sum(int(one.measured_hours[-hours:].sum()) for one in subject.current)
    known = sum(int((~np.isnan(one.memory) & one.measured_hours)[-hours:].sum()) for one in subject.current)
    return known / max(measured, 1)


def _busiest(subject: Service, hours: int, options: Accelerators) -> float:
    """The load of the accelerator that has most, at the percentile."""
    known = [one.load_on_one[-hours:] for one in subject.current if one.load_on_one is not None and one.measured]
    return max((float(np.nanpercentile(load, options.percentile * 100)) for load in known), default=0.0)


def _played(
    parts: Parts, move: Move, work: Work, options: Accelerators, *, present: InstanceType, price: Price
) -> Replay | None:
    """The move on folds of the window: its size chosen on what came before, tried on what came after."""
    folds = make_folds(work.demand.size, 1)
    count = len(parts.machines)
    target = 1 - options.headroom
    now = Capacity(load=float(present.accelerators) * count, cost=float(price.hourly_price) * count, target=target)

    def chosen(train: DemandAt, test: Slots) -> Capacity | None:
        del test
        if train.concurrent is None or np.isnan(train.load).all() or np.isnan(train.concurrent).all():
            return None
        machines = machines_for(
            train.load, train.concurrent, target=move.target, speed=move.speed, work=work, options=options
        )
        return Capacity(
            load=float(move.target.accelerators) * move.speed.ratio.planned * machines,
            cost=float(move.price.hourly_price) * machines,
            target=target,
        )

    demand = Demand(load=work.demand, concurrent=work.concurrent, slots_per_hour=1)
    return replay(chosen, demand, folds, current=now) if folds.folds else None


def _advice(
    parts: Parts, move: Move, work: Work, options: Accelerators, *, played: Replay, present: InstanceType, price: Price
) -> Advice:
    subject, first, days = parts.whole, parts.machines[0], options.window_days
    now = price.hourly_price * len(parts.machines)
    types = (first.instance_type, move.target.instance_type)
    slow_hourly = move.price.hourly_price * move.slow
    shares = (1 - move.hourly / now, 1 - slow_hourly / now)
    used, commitments = moved_to_card(subject, days, shares, doing="moving", types=types, found=played)
    each_now, each = price.hourly_price / present.accelerators, move.price.hourly_price / move.target.accelerators
    ratio, measured = move.speed.ratio, move.speed.basis in ("own", "measured")
    theirs = accelerator(move.target.accelerator_type)
    ours = accelerator(present.accelerator_type)
    effort: Effort = "low"
    if theirs and ours and (theirs.maker, theirs.kind) != (ours.maker, ours.kind):
        effort = "very_high" if theirs.kind in _PORTS else "high"
    elif theirs and theirs.name == "nvidia-t4g":
        effort = "medium"
    command, undo = resize(first, move.target.instance_type, others_in_group(parts.machines))
    scarce = hard_to_regain(first)
    target_scarce = scarcity(move.target.accelerator_type)
    needs = needs_of(parts.machines, move.target.instance_type, move.machines)
    quota = before_another(first, move.target.instance_type, needs=needs)
    quota += f"# it is {target_scarce}\n" if target_scarce else ""
    several = len(parts.machines) > 1 or move.machines > 1
    howmany = f"# {move.machines} of them instead of {len(parts.machines)}; the first:\n" if several else ""
    bound = played.outcome.bound
    named = f"{move.machines} × {move.target.instance_type}" if several else move.target.instance_type
    needed = _speed_needed(move, work, options, each / each_now)
    sure = measured and ratio.low >= needed
    spread = f"{ratio.low:.2g} to {ratio.high:.2g}"
    known_days = (work.demand.size - int(np.argmax(~np.isnan(work.demand)))) // _HOURS_PER_DAY
    proven = move.speed.basis == "own" and sees_month_end(subject.as_of.date(), known_days)
    confidence: Confidence = "low" if not sure else "high" if proven else "medium"
    by = move.speed.source if not measured else f"{move.speed.basis}: {move.speed.source}"
    speed = spread if ratio.point is None else f"{ratio.point:.2f} ({spread})"
    if_slow = ""
    if move.slow > move.machines:
        more = ", more than now" if slow_hourly > now else ""
        if_slow = f" At the low end of that speed it takes {move.slow} of them, for {slow_hourly} an hour{more}."
    assert parts.cost is not None  # noqa: S101 - the caller has returned otherwise
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{parts.count}{describe(first)}",
        proposed=f"{named} ({move.target.accelerators.normalize():f} × {move.target.accelerator_type} each)",
        monthly_cost=parts.cost,
        saving=used,
        risk=played.outcome.risk if measured else max(played.outcome.risk, 3),
        confidence=confidence,
        effort=effort,
        reason=f"One {move.target.accelerator_type} does the work of {speed} of the present ones "
        f"({by.removesuffix('; benchmark first')}), and has to do that of {needed:.2f} at least; "
        f"{named} would have carried the demand of "
        f"{played.outcome.hours:.0f} hours with {played.outcome.violation_minutes:.0f} minutes over capacity, for "
        f"{move.hourly} instead of {now} {price.currency} an hour at list.{if_slow}"
        f"{'' if measured else ' Benchmark first.'}"
        f"{commitments}{cost_remark(subject, days)}",
        undo=undo,
        command=quota + howmany + preconditions(first) + command,
        violation_bound=Decimal(repr(round(bound, 6))),
        acts_on=parts.acts_on,
        gate=None if measured else f"a benchmark of your own on {move.target.accelerator_type}",
        hard_to_regain=scarce is not None,
        target=move.target.instance_type,
        needs=needs,
        evidence_until=subject.measured_until,
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(work.coverage, 4),
            **load_evidence(work.demand, work.concurrent),
            "memory_needed_by": "model shape" if work.model else "most held by a machine",
            "memory_per_machine_bytes": int(work.per_machine),
            "precision": work.precision,
            "speed_low": ratio.low,
            "speed_point": ratio.point,
            "speed_high": ratio.high,
            "speed_needed": round(needed, 4),
            "speed_basis": move.speed.basis,
            "speed_source": move.speed.source,
            "machines": move.machines,
            "machines_if_slow": move.slow,
            **replay_evidence(played, used.effective),
            "current_price": str(price.hourly_price),
            "proposed_price": str(move.price.hourly_price),
            "price_currency": price.currency,
            "price_source": move.price.source,
            "price_date": move.price.valid_from.isoformat(),
            **terraform.evidence(_terraform(first, move, len(parts.machines), others_in_group(parts.machines))),
            "hard_to_regain": scarce,
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _terraform(machine: Machine, move: Move, count: int, others: int) -> str | None:
    """The type, and the number where it changes too; ``others`` of its group are not of this."""
    number = move.machines + others if move.machines != count else None
    return terraform.resized(machine, move.target.instance_type, number, machines=count)


def of_group(item: Advice, machines: int) -> Advice:
    """The same where its group, others of which move too, will have so many machines."""
    assert isinstance(item.subject, Service)  # noqa: S101 - what this kind looks at
    first = next(one.machine for one in item.subject.current if one.machine.resource_id in item.acts_on)
    number = machines if machines != first.siblings + 1 else None
    return replace(
        item, evidence={**item.evidence, **terraform.evidence(terraform.resized(first, item.target, number))}
    )


def _speed_needed(move: Move, work: Work, options: Accelerators, price_ratio: Decimal) -> float:
    """The speed from which the move pays and its machines carry the demand with headroom."""
    load = float(np.nanpercentile(work.demand, options.percentile * 100))
    carried = load / (move.machines * float(move.target.accelerators) * (1 - options.headroom))
    return max(float(price_ratio), carried)


KIND = Kind(
    name=NAME,
    subject=Service,
    step=Step.SIZE,
    title="Another accelerator",
    needs="utilization and memory in use; prices of other types in the region; measured speed, or a benchmark",
    applies=applies,
    evaluate=evaluate,
    is_of_whole_group=True,
    of_group=of_group,
)
