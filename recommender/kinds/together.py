"""Several machines as one subject of advice: what each of them costs of it, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from aispend.money import split_exact
from recommender.actions import describe
from recommender.kinds.limits import TRAINING
from recommender.savings import CENT, monthly_cost
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service


def cost_of_each(service: Service, days: int, cost: Decimal) -> dict[str, Decimal]:
    """The service's monthly cost on the machines that run now, by what each costs; sums to it exactly.

    Empty for one machine alone. Machines that have ended are in the service's cost: their successors pay it now.
    """
    machines = [member.machine for member in service.current]
    if len(machines) < 2:
        return {}
    each = [monthly_cost(machine, days) for machine in machines]
    known = [Decimal(0) if one is None else one for one in each]
    weights = known if any(known) and None not in each else [Decimal(1)] * len(machines)
    parts = split_exact(cost, weights, CENT)
    return {machine.resource_id: part for machine, part in zip(machines, parts, strict=True)}


def no_replicas(service: Service) -> tuple[str, str] | None:
    """Reason and explanation where its machines train as one: none takes another's load, and each holds its part."""
    if service.stage not in TRAINING:
        return None
    return "gang", (
        f"Its {len(service.current)} machines train together: each holds a part of what is trained and none can take "
        "another's, so fewer of them is a question for who trains."
    )


def describe_all(machines: Sequence[Machine]) -> str:
    """How many of which type."""
    types = sorted({describe(machine) for machine in machines})
    return f"{len(machines)} × {' or '.join(types)}" if len(machines) > 1 else types[0]


def one_type(machines: Sequence[Machine]) -> tuple[str, str, Decimal] | None:
    """Type, accelerator and number of accelerators that all of them have; None where they differ or it is not known."""
    kinds = {(one.instance_type, one.accelerator_type, one.accelerator_count) for one in machines}
    if len(kinds) != 1:
        return None
    name, card, count = kinds.pop()
    return (name, card, count) if name and card and count else None
