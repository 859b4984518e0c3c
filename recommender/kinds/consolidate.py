"""Fewer machines for the same work: fewer replicas of one service, or several services on shared machines.

Assumes
    Replicas of a service can take each other's load. Services that share a machine slow each other down no more than
    the target leaves room for.
Method
    *Replicas*: P95 of the summed load over what one carries at the target; as the load lies today the hottest replica
    decides, and where an even load would need fewer, that is said. Never fewer than two where two or more serve online.
    *Sharing* (pools): every machine of every service is a tenant, with its largest memory and its load; replicas of one
    service stay apart. First-fit decreasing onto each type that is there already; the cheapest wins. Adapters (LoRA) of
    one base model are one tenant: the base is held once.
    Both are packed by the earlier part of the hours and tried on the later, on the *sum* of what the tenants did. A
    saving is a machine less in each hour in which so many ran, and nothing where their number stays. A shared machine
    runs, and is paid for, while any of those on it would.
Cases
    Sharing waits for a load test of the models together (gate), for adapters that the engine loads them.
    Services scaled by the hour, without work, kept by a tag or measured too little: not packed. Machines that train
    together are no replicas.
Sources
    docs/advice.md; methods 5.6, T5.6; ``methods/packing``, ``methods/techniques`` (pools of adapters).
Known drawbacks
    Bandwidth between tenants of a card is not measured by the hour. Largest loads of an hour are added up.
"""

from __future__ import annotations

import math
import shlex
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Recommend
from aispend.percents import percent, percent_apart
from aispend.sizing import Consolidate
from recommender import terraform
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Kind, Step, Subject, WhyNot
from recommender.evidence import load_evidence, machine_price
from recommender.guards import (
    covered_remark,
    given_up_too,
    others_in_group,
    others_remark,
    preconditions_of,
    refusal_of_service,
    scarce_among,
)
from recommender.kinds.replayed import MAX_BOUND, replay_evidence, spread_of
from recommender.kinds.share_machines import share as share_pool
from recommender.kinds.together import cost_of_each, describe_all, no_replicas, one_type
from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity, Demand, DemandAt, Slots
from recommender.methods.packing import balance
from recommender.methods.percentiles import weighted_percentile
from recommender.methods.queueing import erlang_c
from recommender.methods.replay import Policy, replay
from recommender.owners import owner_of
from recommender.savings import cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.machines import Machine
from recommender.subjects.services import Pool, Service

NAME = "consolidate"
_LEAST_ONLINE = 2
_STEADY = 0.5
"""Share of hours in which as many ran as run now, below which their number follows the hour."""
_UNEVEN = 1.2
"""Hottest share ÷ even share from which on the load is called uneven."""


def applies(subject: Subject) -> bool:
    """A service of two machines or more, or a pool of services."""
    return isinstance(subject, Pool) or (isinstance(subject, Service) and len(subject.current) > 1)


def evaluate(subject: Subject, settings: Recommend) -> Advice | WhyNot:
    """Fewer machines, or why not."""
    if isinstance(subject, Pool):
        return share_pool(subject, settings)
    assert isinstance(subject, Service)  # noqa: S101 - applies has said so
    return _replicas(subject, settings)


def _replicas(subject: Service, settings: Recommend) -> Advice | WhyNot:
    options, days = settings.consolidate, settings.schedule.window_days
    cost = monthly_cost(subject, days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    machines = [member.machine for member in subject.current]
    kind = one_type(machines)
    if kind is None:
        return no("mixed", "Its machines are of several types, so replicas of it cannot be counted.")
    if refused := refusal_of_service(subject, settings) or no_replicas(subject):
        return no(*refused)
    load, running = subject.demand("load_max"), subject.machines_running()
    paid = np.isnan(running) | (running > 0)
    coverage = float((~np.isnan(load[paid])).mean()) if paid.any() else 0.0
    if coverage < options.min_coverage:
        return no(
            "telemetry_missing",
            f"Utilization covers {percent_apart(coverage, options.min_coverage)} of its billed hours in {days} days; "
            f"{percent(options.min_coverage)} is needed to say how many machines its work takes.",
        )
    if not np.nanmax(load) > settings.schedule.active:
        return no("idle", "It did no work in the window: how many machines that takes is no question.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    now = len(machines)
    if float((np.isnan(running) | (running >= now)).mean()) < _STEADY:
        return no(
            "scaled_already", f"{now} run now, but in most hours fewer did: their number follows the hour already."
        )
    each = float(kind[2])
    least = min(_LEAST_ONLINE, now) if subject.stage == "inference_online" else 1
    needed = max(_needed(load, each, options), least)
    hottest = _as_it_lies(subject, each, options)
    if needed >= now:
        return no(
            "busy",
            f"P{options.percentile * 100:g} of its load is "
            f"{weighted_percentile(load, np.ones(load.size), options.percentile):.1f} accelerators; at "
            f"{percent(options.target)} of their capacity that takes {_machines(needed)}, and {now} run.",
        )
    first = int(np.argmax(~np.isnan(load))) // 24 * 24
    tried = Demand(load=load[first:], slots_per_hour=1)
    folds = make_folds(tried.load.size, 1)
    found = replay(
        _policy(each, least, now, options),
        tried,
        folds,
        current=Capacity(load=now * each, cost=float(now), target=options.target),
        sizes=[Capacity(load=number * each, cost=float(number)) for number in range(least, now)],
    )
    outcome = found.outcome
    if not any(found.capacities):
        return no(
            "replay_failed", f"{_machines(needed)} would do for all of the window, but not for its earlier parts."
        )
    if outcome.violation_minutes and outcome.bound > MAX_BOUND:
        return no(
            "replay_failed",
            f"{_machines(needed)} would do, but the number that earlier weeks ask for was too small in "
            f"{outcome.violation_hours} of {outcome.hours:.0f} held-out hours (upper bound "
            f"{percent(outcome.bound, 1)}).",
        )
    uneven = hottest is None or (hottest[0] >= _UNEVEN and max(hottest[1], least) > needed)
    share = _spared(running, now, needed)
    saved = saving(subject, days, Decimal(repr(round(share, 12))), spread_of(found, share * now / (now - needed)))
    confidence: Confidence = "low" if folds.low_evidence or uneven else "medium"
    said = ""
    if uneven and hottest is not None:
        said = (
            f" As the load lies today the hottest of them has {hottest[0]:.1f} times an even share and "
            f"{_machines(max(hottest[1], least))} would be needed: balance it first."
        )
    elif uneven:
        said = " How evenly the load lies on them is not known: look before you take one away."
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe_all(machines),
        proposed=f"{_machines(needed)} instead of {now}" + (", with an even load" if uneven else ""),
        monthly_cost=cost,
        saving=saved,
        risk=outcome.risk,
        confidence=confidence,
        effort="medium" if uneven else "low",
        reason=(
            f"Together they had a load of {weighted_percentile(load, np.ones(load.size), options.percentile):.1f} of "
            f"{now * each:.0f} accelerators at p{options.percentile * 100:g}. The number chosen on earlier weeks "
            f"carried {outcome.hours:.0f} held-out hours with {outcome.violation_minutes:.0f} minutes over capacity."
            f"{said}{covered_remark(saved, 'giving it up')}{cost_remark(subject, days)}"
        ),
        undo="set the size back",
        command=preconditions_of(machines) + _command(machines, needed + others_in_group(machines)),
        hard_to_regain=scarce_among(machines) is not None,
        violation_bound=Decimal(repr(round(outcome.bound, 6))),
        target="replicas",
        acts_on=cost_of_each(subject, days, cost),
        gate=given_up_too(machines),
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(coverage, 4),
            "machines": now,
            "machines_needed": needed,
            "machines_needed_as_load_lies": None if hottest is None else max(hottest[1], least),
            "hottest_share_over_even": None if hottest is None else round(hottest[0], 3),
            **load_evidence(load, subject.demand("concurrent")),
            **(_waiting(load, each, needed) if subject.stage == "inference_online" else {}),
            **replay_evidence(found, saved.effective),
            **terraform.evidence(terraform.counted(machines[0], needed + others_in_group(machines))),
            **machine_price(machines[0]),
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
        evidence_until=subject.measured_until,
    )


def _needed(load: NDArray[np.float64], each: float, options: Consolidate) -> int:
    """Machines for a load at the percentile and target."""
    at = weighted_percentile(load, np.ones(load.size), options.percentile)
    return max(math.ceil(at / (each * options.target) - 1e-9), 1)


def _spared(running: NDArray[np.float64], now: int, needed: int) -> float:
    """Share of the machine hours that is above need; where nobody knows how many ran, as many as run now did."""
    ran = np.minimum(np.where(np.isnan(running), now, running), now)
    return float(np.maximum(ran - needed, 0).sum() / ran.sum())


def _waiting(load: NDArray[np.float64], each: float, needed: int) -> dict[str, float]:
    """The chance that a request waits at the P95 of the load, were they to come by themselves (Erlang C)."""
    busy = weighted_percentile(load, np.ones(load.size), 0.95) / each
    return {"waiting_at_p95_share": round(erlang_c(needed, busy), 4)}


def _policy(each: float, least: int, now: int, options: Consolidate) -> Policy:
    def choose(train: DemandAt, test: Slots) -> Capacity | None:
        del test
        if np.isnan(train.load).all():
            return None
        number = max(_needed(train.load, each, options), least)
        return Capacity(load=number * each, cost=float(number), target=options.target) if number < now else None

    return choose


def _as_it_lies(subject: Service, each: float, options: Consolidate) -> tuple[float, int] | None:
    """How much more than an even share the hottest has, and machines needed if that stays; None where not known."""
    loads = np.array([member.load_max for member in subject.current])
    known = ~np.isnan(loads).any(axis=0)
    if known.sum() < 24 or not loads[:, known].sum() > 0:
        return None
    found = balance(loads, per_replica=each, target=options.target, percentile=options.percentile)
    return found.ratio, found.needed_as_is


def _machines(number: int) -> str:
    return f"{number} machine{'' if number == 1 else 's'}"


def _command(machines: list[Machine], needed: int) -> str:
    first = machines[0]
    place = " ".join(f"account {first.account or 'unknown'}, region {first.region or 'unknown'}".split())
    head = f"# {place}; take them away one at a time and watch latency\n{others_remark(others_in_group(machines))}"
    owner = owner_of(first)
    if owner is not None and owner.kind == "auto_scaling_group":
        return head + (
            f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name {shlex.quote(owner.group)}"
            f" --min-size {needed} --desired-capacity {needed} --region {shlex.quote(first.region or 'REGION')}"
        )
    if owner is not None:
        name = " ".join(owner.name.split())
        return head + "\n".join((f"# set the size of {name} to {needed}; {owner.hint}", *owner.look))
    names = " ".join(" ".join(one.resource_id.split()) for one in machines)
    return head + f"# keep {needed} of: {names}\n# stop the others as in 'switch off', once nothing is sent to them"


KIND: Kind[Subject] = Kind(
    name=NAME,
    subject=Subject,
    step=Step.SIZE,
    title="Fewer machines for the same work",
    needs="accelerator utilization and memory in use by hour; machines of one type, or services on one card",
    applies=applies,
    evaluate=evaluate,
)
