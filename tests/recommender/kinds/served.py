"""Services built by hand: machines, and the load of each by the hour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from recommender.subjects.machines import Machine
from recommender.subjects.services import Member, Service, together
from tests.recommender.conftest import AS_OF

Make = Callable[..., Machine]
HOURS = 28 * 24


def service_of(
    machines: Sequence[Machine], *, load: float | np.ndarray | None = 4.0, memory: float = 100e9, **more: Any
) -> Service:
    """A service whose members all carry ``load`` accelerators in every hour of 28 days; None is never measured."""
    series = np.full(HOURS, np.nan if load is None else load) if load is None or np.isscalar(load) else load
    known = np.isnan(series).all()
    members = tuple(
        Member(
            machine=replace(machine, accelerators=None),
            load_mean=series,
            load_max=series,
            concurrent=np.ceil(series),
            memory=np.full(HOURS, np.nan if known else memory),
            on_each=()
            if known
            else (memory / int(machine.accelerator_count or 1),) * int(machine.accelerator_count or 1),
            running=np.ones(HOURS),
        )
        for machine in machines
    )
    first = machines[0]
    values: dict[str, Any] = {
        "resource_key": first.resource_key if len(machines) == 1 else 0,
        "resource_id": first.resource_id if len(machines) == 1 else "service:test",
        "provider": first.provider,
        "account": first.account,
        "region": first.region,
        "currency": first.currency,
        "tags": first.tags,
        "model": first.model,
        "team": first.team,
        "first_seen": first.first_seen,
        "costs": together([machine.costs for machine in machines]),
        "as_of": AS_OF,
        "stage": first.stage,
        "start": AS_OF,
        "members": members,
        "use": None,
    }
    return Service(**(values | more))


def bought(machine: Machine, spot: range) -> Machine:
    """The machine with these days of its costs, the oldest first, on spot at 150 instead of 480."""
    cheap = Decimal(150)
    costs = [
        replace(cost, effective_cost=cheap, uncovered_effective_cost=cheap, is_spot=True) if number in spot else cost
        for number, cost in enumerate(machine.costs)
    ]
    return replace(machine, costs=costs)


def at_costs(service: Service, covered: bool = True) -> Service:
    """The service with every hour of its machines covered by a commitment."""
    uncovered = Decimal(0) if covered else None

    def of(machine: Machine) -> Machine:
        return replace(machine, costs=[replace(cost, uncovered_effective_cost=uncovered) for cost in machine.costs])

    members = tuple(replace(member, machine=of(member.machine)) for member in service.members)
    return replace(service, members=members, costs=together([member.machine.costs for member in members]))
