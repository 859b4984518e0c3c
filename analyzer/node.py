"""What each workload on a shared node costs.

Assumes     the cost of a node for a period, what the node can hold, and what each workload asked for and used.
Method      1. The cost is divided over the node's resources (accelerators, CPU, memory) by *parts*:
               :func:`residual_parts` (the default: CPU and memory at the region's general-purpose rate, the rest
               is the accelerators'), :func:`preset_parts` (AWS split cost allocation 9 : 0.9 : 0.1 per unit, or
               95/3/2 of the node), or reference prices scaled to the node's price (pass them as parts).
            2. A workload holds ``max(requested, used)`` of each resource, out of
               ``max(sum of what is held, capacity)``: an over-subscribed node is divided by what is held.
            3. The rest is idle, and goes where the idle mode says.
Cases       ``separate`` idle stays its own row; ``weighted`` idle follows what is held, per resource; ``even`` idle
            is divided equally over the workloads; ``owner`` idle goes to the owner named. A resource nobody
            holds keeps its idle row in every mode but ``owner``, and no cost is lost.
Drawbacks   The methods disagree by a factor of two on the accelerators' part of the same node, so the name of
            the method belongs beside every number made with it. ``even`` charges a workload that holds nothing.

Sources: OpenCost specification 0.1 (max of request and usage, idle, reference prices); AWS Data Exports guide,
"split cost allocation data" (weights, unused cost); OpenCost ``configs/default.json`` (reference rates).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from aispend.money import COST_QUANTUM, split_exact

IdleMode = Literal["separate", "weighted", "even", "owner"]
Amounts = Mapping[str, Decimal]

GPU, CPU, MEMORY = "gpu", "cpu", "memory"

GENERAL_PURPOSE_RATES: Amounts = MappingProxyType({CPU: Decimal("0.031611"), MEMORY: Decimal("0.004237")})
"""US dollars per vCPU hour and per GB hour (OpenCost ``configs/default.json``)."""

PRESETS: Mapping[str, Amounts] = MappingProxyType(
    {
        "aws_accelerated": MappingProxyType({GPU: Decimal(9), CPU: Decimal("0.9"), MEMORY: Decimal("0.1")}),
        "aws_plain": MappingProxyType({CPU: Decimal(9), MEMORY: Decimal(1)}),
        "95_3_2": MappingProxyType({GPU: Decimal(95), CPU: Decimal(3), MEMORY: Decimal(2)}),
    }
)
"""AWS presets are weights per unit (accelerator, vCPU, GB); 95/3/2 are percent of the node."""


@dataclass(frozen=True)
class Workload:
    """What one pod, job or replica asked for and used of each resource, in the capacity's units."""

    name: str
    requested: Amounts = field(default_factory=dict)
    used: Amounts = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(amount < 0 for amount in (*self.requested.values(), *self.used.values())):
            raise ValueError(f"workload {self.name}: requested and used must not be negative")

    def held(self, resource: str) -> Decimal:
        """The greater of request and usage."""
        return max(self.requested.get(resource, Decimal(0)), self.used.get(resource, Decimal(0)))


@dataclass(frozen=True)
class NodeShare:
    """One part of a node's cost: ``active`` for what was held, ``idle`` for idle cost put upon it.

    ``workload`` is None for idle cost that stays on its own.
    """

    workload: str | None
    resource: str
    active: Decimal
    idle: Decimal

    @property
    def cost(self) -> Decimal:
        """Active and idle together."""
        return self.active + self.idle


def residual_parts(
    list_price: Decimal, capacity: Amounts, rates: Amounts = GENERAL_PURPOSE_RATES
) -> dict[str, Decimal]:
    """Parts of a node's price: what has a rate costs its rate, the accelerators cost the rest.

    ``list_price`` is the node's on-demand price per hour, so that a discounted node is divided in the same
    proportion. Where the rates alone exceed the price, nothing is left for the accelerators.
    """
    parts = {resource: amount * rates[resource] for resource, amount in capacity.items() if resource in rates}
    rest = max(list_price - sum(parts.values()), Decimal(0))
    unpriced = {resource: amount for resource, amount in capacity.items() if resource not in rates}
    total = sum(unpriced.values())
    return parts | {resource: rest * amount / total for resource, amount in unpriced.items() if total}


def preset_parts(preset: str, capacity: Amounts) -> dict[str, Decimal]:
    """Parts of a node's price by one of :data:`PRESETS`."""
    weights = PRESETS[preset]
    per_unit = preset.startswith("aws_")
    return {
        resource: weight * capacity[resource] if per_unit else weight
        for resource, weight in weights.items()
        if capacity.get(resource)
    }


def node_allocate(
    cost: Decimal,
    capacity: Amounts,
    workloads: Iterable[Workload],
    *,
    parts: Amounts,
    idle: IdleMode = "separate",
    owner: str | None = None,
    quantum: Decimal = COST_QUANTUM,
) -> list[NodeShare]:
    """Divide ``cost`` over resources by ``parts``, then over workloads and idle; adds up to ``cost`` exactly.

    The result does not depend on the order of ``workloads``. Raises ``ValueError`` when two workloads share
    a name, or ``idle="owner"`` comes without ``owner``.
    """
    ordered = sorted(workloads, key=lambda workload: workload.name)
    if len({workload.name for workload in ordered}) < len(ordered):
        raise ValueError("workload names must be unique")
    if idle == "owner" and owner is None:
        raise ValueError('idle mode "owner" needs the owner')
    resources = sorted(parts)
    shares: list[NodeShare] = []
    for resource, amount in zip(
        resources, split_exact(cost, [parts[resource] for resource in resources], quantum), strict=True
    ):
        held = [workload.held(resource) for workload in ordered]
        unused = max(capacity.get(resource, Decimal(0)) - sum(held), Decimal(0))
        if not any(held) and not unused:
            unused = Decimal(1)  # a resource of no known size that nobody holds still has its cost
        *active, rest = split_exact(amount, [*held, unused], quantum)
        spread = _spread_idle(rest, held, idle, quantum)
        shares += [
            NodeShare(workload.name, resource, own, extra)
            for workload, own, extra in zip(ordered, active, spread or [Decimal(0)] * len(ordered), strict=True)
            if own or extra or workload.held(resource)
        ]
        if rest and not spread:
            shares.append(NodeShare(owner if idle == "owner" else None, resource, Decimal(0), rest))
    return shares


def _spread_idle(rest: Decimal, held: Sequence[Decimal], idle: IdleMode, quantum: Decimal) -> list[Decimal]:
    """Idle cost for each workload; empty where it stays a row of its own."""
    if idle == "weighted" and any(held):
        return split_exact(rest, held, quantum)
    if idle == "even" and held:
        return split_exact(rest, [1] * len(held), quantum)
    return []
