"""Several services on shared machines of a type that is there already: the half of ``consolidate`` that is of pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Recommend
from aispend.prices.accelerators import accelerator
from recommender.contract import COST_UNKNOWN, Advice, WhyNot
from recommender.evidence import load_evidence, machine_price
from recommender.guards import covered_remark, given_up_too, preconditions_of, refusal_of_service, scarce_among
from recommender.kinds.replayed import MAX_BOUND
from recommender.kinds.together import describe_all
from recommender.methods.outcome import Outcome
from recommender.methods.packing import Packing, Server, Tenant, pack, replay_packing
from recommender.methods.risk import risk_level
from recommender.savings import Spread, cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.machines import Machine
from recommender.subjects.services import Member, Pool, Service, together
from recommender.to_be_had import needs_of

NAME = "consolidate"
_HOURS_PER_DAY = 24
MOST_TENANTS = 100
"""Machines of a pool that are packed: the least loaded, where most is to be had."""


@dataclass(frozen=True)
class _Placed:
    """A packing onto one type: how many of it, their monthly cost, and how it fared on hours it was not made from."""

    machine: Machine
    count: int
    cost: Decimal
    packing: Packing
    outcomes: tuple[Outcome, ...]
    adapters: bool
    earlier_cost: Decimal

    @property
    def bound(self) -> float:
        return max(outcome.bound for outcome in self.outcomes)

    def spread(self, now: Decimal) -> Spread:
        """What the packing that was tried would have saved of ``now``, and how often a machine of it fell short."""
        worst = max(self.outcomes, key=lambda one: one.bound)
        thinned = min(worst.effective_hours / worst.hours, 1.0) if worst.hours else 0.0
        return Spread(
            shares=(float(max(1 - self.earlier_cost / now, Decimal(0))),),
            short_hours=worst.violation_hours * thinned,
            hours=worst.effective_hours,
            beside="the time that sharing costs, which activity does not show",
        )

    @property
    def violation_minutes(self) -> float:
        return sum(outcome.violation_minutes for outcome in self.outcomes)


def share(subject: Pool, settings: Recommend) -> Advice | WhyNot:
    """What the services of a pool would take together, or why they stay apart."""
    days = settings.schedule.window_days
    whole = monthly_cost(subject, days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, whole)

    services = _least_loaded([service for service in subject.services if _able(service, settings)])
    if len(services) < 2:
        measured = any(member.measured for service in subject.services for member in service.current)
        return no(
            "nothing_to_share" if measured else "telemetry_missing",
            f"Of {len(subject.services)} services on {subject.accelerator_type}, {len(services)} work, may be moved "
            "and were measured enough, in load and memory, to say what they could share.",
        )
    machines = [member.machine for service in services for member in service.current]
    costs = {machine.resource_id: monthly_cost(machine, days) for machine in machines}
    known = {name: cost for name, cost in costs.items() if cost is not None}
    if len(known) < len(machines):
        return no("cost_unknown", COST_UNKNOWN)
    now = sum(known.values(), Decimal(0))
    found = [
        placed
        for adapters in (False, True)
        for placed in _placements(services, settings, known, adapters=adapters)
        if placed.cost < now and placed.count < len(machines)
    ]
    held = [one for one in found if not one.violation_minutes or one.bound <= MAX_BOUND]
    if not held:
        if found:
            return no("replay_failed", "What fits together in the earlier hours was too much for it in the later ones.")
        return no(
            "busy",
            f"Its {len(machines)} machines cannot be fewer: memory, load at p{settings.consolidate.percentile * 100:g} "
            "and replicas that stay apart fill them.",
        )
    best = min(held, key=lambda one: (one.cost, one.adapters))
    return _advice(subject, settings, best, machines=machines, costs=known)


def _least_loaded(services: Sequence[Service]) -> list[Service]:
    """Those with the smallest load for each machine, as many as are packed in a second; in the order they came."""
    ordered = sorted(services, key=lambda one: (float(np.nanmean(one.demand("load_mean"))), one.resource_id))
    taken: set[str] = set()
    machines = 0
    for service in ordered:
        machines += len(service.current)
        if machines > MOST_TENANTS and taken:
            break
        taken.add(service.resource_id)
    return [service for service in services if service.resource_id in taken]


def tenants_of(services: Sequence[Service], bases: Mapping[str, str]) -> list[Tenant]:
    """Each machine of each service, in accelerators; adapters of one base as the machines of one service.

    Of adapters, what the largest of them holds is held once: the base's weights are most of it.
    """
    groups: dict[str, list[Service]] = {}
    for service in services:
        groups.setdefault(bases.get(service.model or "", service.resource_id), []).append(service)
    tenants = []
    for name, several in groups.items():
        members = [member for service in several for member in service.current]
        if len(several) > 1:
            load = np.sum([_load(member) for member in members], axis=0)
            largest = max(members, key=_memory)
            replicas = max(len(service.current) for service in several)
            tenants += [
                Tenant(
                    f"{name}#{number}",
                    _memory(largest),
                    load[None, :] / replicas,
                    name if replicas > 1 else None,
                    largest.on_each,
                )
                for number in range(replicas)
            ]
            continue
        apart = name if len(members) > 1 else None
        tenants += [
            Tenant(member.machine.resource_id, _memory(member), _load(member)[None, :], apart, member.on_each)
            for member in members
        ]
    return tenants


def _placements(
    services: Sequence[Service], settings: Recommend, costs: Mapping[str, Decimal], *, adapters: bool
) -> list[_Placed]:
    """The packing onto each type that is there, tried on the later half of the hours."""
    options = settings.consolidate
    bases = options.bases if adapters else {}
    tenants = tenants_of(services, bases)
    if adapters and not any("#" in tenant.key for tenant in tenants):
        return []
    hours = tenants[0].activity.shape[1]
    split = hours // _HOURS_PER_DAY // 2 * _HOURS_PER_DAY
    ran = _ran(services, bases)
    placed = []
    for name in sorted({machine.instance_type or "" for service in services for machine in _machines(service)}):
        of_type = [one for service in services for one in _machines(service) if one.instance_type == name]
        card = accelerator(of_type[0].accelerator_type or "")
        count = float(of_type[0].accelerator_count or 0)
        if card is None or not count:
            continue
        server = Server(
            memory=float(card.memory_gb) * 1e9 * count,
            activity=count,
            percentile=options.percentile,
            target=options.target,
            memory_headroom=options.memory_headroom,
            devices=max(int(count), 1),
        )
        whole = _all_hours(services, name, costs)
        packing, earlier = pack(tenants, server), pack([_part(one, 0, split) for one in tenants], server)
        if packing.not_placed or earlier.not_placed:
            continue
        later = {one.key: _part(one, split, hours) for one in tenants}
        placed.append(
            _Placed(
                machine=of_type[0],
                count=len(packing.servers),
                cost=whole * _hours(packing, ran),
                packing=packing,
                outcomes=tuple(replay_packing(earlier, later, server, slots_per_hour=1)),
                adapters=adapters,
                earlier_cost=whole * _hours(earlier, ran),
            )
        )
    return placed


def _ran(services: Sequence[Service], bases: Mapping[str, str]) -> dict[str, NDArray[np.bool_]]:
    """Hours in which each machine was billed, and each adapter's base: while any of its services was."""
    ran: dict[str, NDArray[np.bool_]] = {}
    for service in services:
        base = bases.get(service.model or "")
        for member in service.current:
            for name in (member.machine.resource_id, base):
                if name is not None:
                    # where the bill knows no hours, all of them
                    ran[name] = ran.get(name, np.zeros(member.running.size, dtype=bool)) | ~(member.running == 0)
    return ran


def _hours(packing: Packing, ran: Mapping[str, NDArray[np.bool_]]) -> Decimal:
    """Machines of a packing, each as the part of the hours in which any of those on it runs."""
    parts = (
        np.any([ran[key if key in ran else key.rpartition("#")[0]] for key in keys], axis=0).mean()
        for keys in packing.servers
    )
    return sum((Decimal(repr(round(float(part), 12))) for part in parts), Decimal(0))


def _all_hours(services: Sequence[Service], name: str, costs: Mapping[str, Decimal]) -> Decimal:
    """What a machine of the type costs a month while it runs all the time, as those there are cost by the hour."""
    of_type = [one for service in services for one in service.current if one.machine.instance_type == name]
    parts = sum(float(np.nan_to_num(one.running, nan=1.0).mean()) for one in of_type)
    cost = sum((costs[one.machine.resource_id] for one in of_type), Decimal(0))
    return cost / Decimal(repr(round(max(parts, 1e-9), 12)))


def _advice(
    subject: Pool,
    settings: Recommend,
    best: _Placed,
    *,
    machines: Sequence[Machine],
    costs: Mapping[str, Decimal],
) -> Advice:
    days = settings.schedule.window_days
    now = sum(costs.values(), Decimal(0))
    own = replace(subject, costs=together([machine.costs for machine in machines]))
    part = 1 - best.cost / now
    saved = saving(own, days, part, best.spread(now))
    models = sorted({service.model or "unknown" for service in subject.services})
    gate = "a load test of the models together, at your own latency"
    if best.adapters:
        gate += ", on an engine that loads adapters of one base (LoRA)"
    if given_up := given_up_too(machines):
        gate += f", and {given_up}"
    hours = min(outcome.hours for outcome in best.outcomes)
    there = [machine for machine in machines if machine.instance_type == best.machine.instance_type]
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{describe_all(machines)} for {len(subject.services)} services",
        proposed=f"{best.count} × {best.machine.instance_type}, shared"
        + (", adapters on one base" if best.adapters else ""),
        monthly_cost=now,
        saving=saved,
        risk=risk_level(best.bound),
        confidence="low",
        effort="high" if best.adapters else "medium",
        reason=(
            f"{', '.join(models)} never ask together for more than {best.count} of {len(machines)} machines have, "
            f"replicas of one service apart. Packed by the earlier hours, {best.violation_minutes:.0f} minutes of the "
            f"{hours:.0f} h after them were over capacity. Sharing costs time that activity does not show."
            f"{covered_remark(saved, 'sharing')}{cost_remark(own, days)}"
        ),
        undo="serve each model from a machine of its own again",
        hard_to_regain=scarce_among(machines) is not None,
        command=(
            preconditions_of(machines)
            + "# place the services as below, with MPS, time-slicing or one engine for all; then take a machine away\n"
            + "\n".join(
                f"# machine {number}: {', '.join(' '.join(key.split()) for key in keys)}"
                for number, keys in enumerate(best.packing.servers, start=1)
            )
        ),
        violation_bound=Decimal(repr(round(best.bound, 6))),
        target=(best.machine.instance_type or "") + ("+lora" if best.adapters else ""),
        acts_on=dict(costs),
        gate=gate,
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "machines": len(machines),
            "machines_needed": best.count,
            "placed": [list(keys) for keys in best.packing.servers],
            "coverage": round(_coverage(subject), 4),
            **load_evidence(*(np.sum(rows, axis=0) for rows in _used(subject))),
            "replay": {
                "hours": int(hours),
                "violation_minutes": int(best.violation_minutes),
                "violation_bound": round(best.bound, 6),
                "worst_overload": round(max(outcome.worst_overload for outcome in best.outcomes), 4),
                "saving": str(saved.effective),
            },
            **machine_price(best.machine),
            "cost_basis": cost_basis(own, days),
        },
        needs=needs_of(there, best.machine.instance_type or "", best.count - len(there), anew=True),
        evidence_until=min(
            (end for service in subject.services if (end := service.measured_until) is not None), default=None
        ),
    )


def _used(subject: Pool) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Load and accelerators in use of each machine, by hour; none while it does not run."""
    members = [member for service in subject.services for member in service.current]
    off = [(member.running == 0) & np.isnan(member.load_max) for member in members]
    return [_load(member) for member in members], [
        np.where(stopped, 0.0, member.concurrent) for member, stopped in zip(members, off, strict=True)
    ]


def _coverage(subject: Pool) -> float:
    """The least that is known of any of its machines, as a share of the hours."""
    loads, _ = _used(subject)
    return min(float((~np.isnan(load)).mean()) for load in loads)


def _able(service: Service, settings: Recommend) -> bool:
    """Whether it works, may be moved, and is measured enough in load and memory."""
    if refusal_of_service(service, settings):
        return False
    loads = np.array([_load(member) for member in service.current])
    enough = (~np.isnan(loads)).mean(axis=1).min() >= settings.consolidate.min_coverage
    seen = (float((~np.isnan(one.memory[one.measured_hours])).mean()) for one in service.current if one.measured)
    held = all(share >= settings.consolidate.min_coverage for share in seen)
    return bool(enough and held and np.nanmax(loads) > settings.schedule.active)


def _machines(service: Service) -> list[Machine]:
    return [member.machine for member in service.current]


def _load(member: Member) -> NDArray[np.float64]:
    """Load by hour; none while it does not run."""
    return np.where((member.running == 0) & np.isnan(member.load_max), 0.0, member.load_max)


def _memory(member: Member) -> float:
    most = float(np.fmax.reduce(member.memory, initial=-np.inf))
    return most if np.isfinite(most) else float("nan")


def _part(tenant: Tenant, first: int, last: int) -> Tenant:
    return replace(tenant, activity=tenant.activity[:, first:last])
