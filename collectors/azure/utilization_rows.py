"""Series of Azure Monitor as rows of the utilization form: one per GPU and five minutes, in the form's units.

*Online deployments* give one number for each machine, which is taken for each of its GPUs; how many it has its size
says. *Jobs* give one for each GPU. Energy is given in joules, and divided by its time is power.

*Numbers of GPUs.* Azure names machines and devices, the form wants numbers. They are given in the order in which GPUs
were first seen on the day, so that those of a day that goes on keep theirs. Each deployment of an endpoint begins at a
multiple of :data:`OF_A_DEPLOYMENT`, in the order of their names.

A percentage above 100 by less than one is a rounding; what is above that is left out and counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from aispend.prices.accelerators import accelerator, instance_type
from collectors.azure.metrics import Aggregation, Question, Series
from collectors.gpu_columns import gpu_row

STEP = 300
OF_A_DEPLOYMENT = 1_500
_MIB, _GB = 1024 * 1024, 10**9
_WORKSPACES = "Microsoft.MachineLearningServices/workspaces"
_PEAKS: tuple[Aggregation, ...] = ("Average", "Maximum")
_GPU, _MEMORY, _ENERGY = "GpuUtilizationPercentage", "GpuMemoryUtilizationPercentage", "GpuEnergyJoules"
_USED, _CAPACITY = "GpuMemoryUtilizationMegabytes", "GpuMemoryCapacityMegabytes"

_DEPLOYMENTS = f"{_WORKSPACES}/onlineEndpoints/deployments"
_DEVICE = ("ComputeName", "InstanceId", "DeviceId")
OF_DEPLOYMENTS = (
    Question(_DEPLOYMENTS, (_GPU, _MEMORY), ("instanceId",), _PEAKS),
    Question(_DEPLOYMENTS, (_ENERGY,), ("instanceId",), ("Total",)),
)
OF_JOBS = (
    Question(_WORKSPACES, (_GPU, _USED, _CAPACITY), _DEVICE, _PEAKS),
    Question(_WORKSPACES, (_ENERGY,), _DEVICE, ("Total",)),
)


class Deployment(NamedTuple):
    """An online deployment on machines with GPUs: so many on each, with so much memory (bytes; None unknown)."""

    id: str
    gpus: int
    memory: float | None

    @property
    def endpoint(self) -> str:
        """The endpoint it is of."""
        return self.id.partition("/deployments/")[0]


class Machine(NamedTuple):
    """Who publishes a series: a machine of a deployment, or a GPU (``device``) of a machine of a compute."""

    resource_id: str
    name: str
    device: str = ""


LeftOut = Counter[str]
"""Points that were left out, by resource."""

Rows = Iterator[dict[str, Any]]


def deployment_of(resource_id: str, size: str | None) -> Deployment | None:
    """A deployment by its size; None where it has no whole GPU, or none that is known."""
    known = instance_type("azure", size) if size else None
    if known is None or known.accelerators < 1:
        return None
    card = accelerator(known.accelerator_type)
    return Deployment(resource_id.lower(), int(known.accelerators), float(card.memory_gb * _GB) if card else None)


def deployment_rows(found: Iterable[Series], deployments: Iterable[Deployment], left_out: LeftOut) -> Rows:
    """Rows of online deployments, under their endpoint."""
    known = {one.id: one for one in deployments}
    before = _places(known)
    by_deployment: dict[str, dict[Machine, list[Series]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        by_deployment[one.resource_id][Machine(one.resource_id, one.get("instanceId") or "")].append(one)
    for name, machines in by_deployment.items():
        deployment = known[name]
        for number, machine in enumerate(_in_order(machines)):
            first = before[name] * OF_A_DEPLOYMENT + number * deployment.gpus
            for at, values in sorted(_by_time(machines[machine]).items()):
                told = _of_machine(values, deployment, left_out)
                for index in range(first, first + deployment.gpus if told else first):
                    yield gpu_row(at, STEP, deployment.endpoint, index) | told


def job_rows(found: Iterable[Series], left_out: LeftOut) -> Rows:
    """Rows of jobs, under the compute they run on; those without one under their workspace."""
    by_compute: dict[str, dict[Machine, list[Series]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        compute = one.get("ComputeName")
        resource = f"{one.resource_id}/computes/{compute.lower()}" if compute else one.resource_id
        device = Machine(resource, one.get("InstanceId") or "", one.get("DeviceId") or "")
        by_compute[resource][device].append(one)
    for resource, devices in by_compute.items():
        for index, device in enumerate(_in_order(devices)):
            for at, values in sorted(_by_time(devices[device]).items()):
                if told := _of_device(values, resource, left_out):
                    yield gpu_row(at, STEP, resource, index) | told


def remarks(left_out: LeftOut) -> list[str]:
    """What was left out, for a person."""
    return [f"{name}: {count} points left out, of more than 100 percent." for name, count in sorted(left_out.items())]


Values = Mapping[tuple[str, Aggregation], float]


def _of_machine(values: Values, deployment: Deployment, left_out: LeftOut) -> dict[str, float]:
    """What is known of each GPU of a machine."""
    told: dict[str, float] = {}
    for (metric, aggregation), value in values.items():
        if metric == _ENERGY:
            told["power_watts"] = value / STEP / deployment.gpus
            continue
        if (metric, aggregation) == (_GPU, "Maximum"):
            continue
        percent = _percent(value, deployment.endpoint, left_out)
        if percent is None:
            continue
        if metric == _GPU:
            told["gpu_utilization"] = percent
        elif deployment.memory is not None and aggregation == "Maximum":
            told["memory_used_max_bytes"] = percent / 100 * deployment.memory
        elif deployment.memory is not None:
            told |= {"memory_used_bytes": percent / 100 * deployment.memory, "memory_total_bytes": deployment.memory}
    return told


def _of_device(values: Values, resource: str, left_out: LeftOut) -> dict[str, float]:
    """What is known of one GPU."""
    told: dict[str, float] = {}
    for name, column, scale in (
        ((_USED, "Average"), "memory_used_bytes", _MIB),
        ((_USED, "Maximum"), "memory_used_max_bytes", _MIB),
        ((_CAPACITY, "Maximum"), "memory_total_bytes", _MIB),
        ((_ENERGY, "Total"), "power_watts", 1 / STEP),
    ):
        if name in values:
            told[column] = values[name] * scale  # type: ignore[index]
    if (_GPU, "Average") in values:
        percent = _percent(values[_GPU, "Average"], resource, left_out)
        if percent is not None:
            told["gpu_utilization"] = percent
    return told


def _percent(value: float, resource: str, left_out: LeftOut) -> float | None:
    if value > 101:
        left_out[resource] += 1
        return None
    return min(value, 100.0)


def _by_time(found: Iterable[Series]) -> dict[datetime, dict[tuple[str, Aggregation], float]]:
    values: dict[datetime, dict[tuple[str, Aggregation], float]] = defaultdict(dict)
    for one in found:
        for aggregation, points in one.points.items():
            for at, value in points.items():
                values[at][one.metric, aggregation] = value
    return values


def _in_order(machines: Mapping[Machine, Iterable[Series]]) -> list[Machine]:
    """By the first point each has, so that who comes later changes no number."""
    first = {
        machine: min((at for one in found for points in one.points.values() for at in points), default=None)
        for machine, found in machines.items()
    }
    seen = {machine: at for machine, at in first.items() if at is not None}
    return sorted(seen, key=lambda machine: (seen[machine], machine))


def _places(known: Mapping[str, Deployment]) -> dict[str, int]:
    """The place of each deployment among those of its endpoint."""
    places: dict[str, int] = {}
    counted: Counter[str] = Counter()
    for name in sorted(known):
        places[name] = counted[known[name].endpoint]
        counted[known[name].endpoint] += 1
    return places
