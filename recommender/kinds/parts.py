"""The machines of a service that still run, as what advice acts on: their cost, each and together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from recommender.savings import monthly_cost
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service, together


@dataclass(frozen=True)
class Parts:
    """``whole`` is the service with the costs of what still runs; ``cost`` a month, None where one's is unknown."""

    whole: Service
    machines: tuple[Machine, ...]
    cost: Decimal | None
    acts_on: Mapping[str, Decimal]

    @property
    def count(self) -> str:
        """How many there are, in front of what they are; nothing for one."""
        return f"{len(self.machines)} × " if len(self.machines) > 1 else ""


def parts_of(service: Service, window_days: int) -> Parts:
    """What a service consists of today."""
    machines = tuple(member.machine for member in service.current)
    costs = {machine.resource_id: monthly_cost(machine, window_days) for machine in machines}
    known = {name: cost for name, cost in costs.items() if cost is not None}
    whole = replace(service, costs=together([machine.costs for machine in machines]))
    complete = bool(known) and len(known) == len(costs)
    return Parts(whole, machines, sum(known.values(), Decimal(0)) if complete else None, known if complete else {})
