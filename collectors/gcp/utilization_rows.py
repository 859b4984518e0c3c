"""Series of Cloud Monitoring as rows of the utilization form: whose accelerator each is, in the form's units.

A percentage above 100 by less than one is a rounding; one above that cannot be true and is left out and counted. What
is not measured is not in a row: unknown, never zero.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collectors import gpu_columns
from collectors.gcp.monitoring import Question, Series, grouped
from collectors.gpu_columns import gpu_row

COLUMNS = gpu_columns.COLUMNS | {"sm_active": "number", "tensor_active": "number"}
"""Columns of the form and their types."""

USE, MEMORY, PEAK, TOTAL = "gpu_utilization", "memory_used_bytes", "memory_used_max_bytes", "memory_total_bytes"
_ROUNDING = 1.0
_PERCENT = 100.0
LeftOut = Counter[str]
"""Points that were left out, by resource."""


@dataclass(frozen=True)
class Meaning:
    """What a question's points are: the column they fill, and the factor to the form's units."""

    asked: Question
    column: str
    factor: float = 1.0


_AGENT = "agent.googleapis.com/gpu"
_DCGM = "workload.googleapis.com/dcgm.gpu.profiling"
_USED = 'metric.labels.memory_state = "used"'
_BY_GPU = grouped(["r.instance_id", "m.gpu_number", "m.uuid"])
MACHINES = (
    Meaning(Question(f"{_AGENT}/utilization"), USE),
    Meaning(Question(f"{_AGENT}/memory/bytes_used", only=_USED), MEMORY),
    Meaning(Question(f"{_AGENT}/memory/bytes_used", "ALIGN_MAX", only=_USED), PEAK),
    # used and free together
    Meaning(Question(f"{_AGENT}/memory/bytes_used", reducer="REDUCE_SUM", by=_BY_GPU), TOTAL),
    Meaning(Question(f"{_DCGM}.sm_utilization"), "sm_active"),
    Meaning(Question(f"{_DCGM}.pipe_utilization", only='metric.labels.pipe = "tensor"'), "tensor_active"),
)
"""The Ops Agent on virtual machines, by GPU."""

_NODE = "kubernetes.io/node/accelerator"
NODES = (
    Meaning(Question(f"{_NODE}/duty_cycle"), USE),
    Meaning(Question(f"{_NODE}/memory_used"), MEMORY),
    Meaning(Question(f"{_NODE}/memory_used", "ALIGN_MAX"), PEAK),
    Meaning(Question(f"{_NODE}/memory_total"), TOTAL),
    Meaning(Question(f"{_NODE}/tensorcore_utilization"), "tensor_active", 0.01),
)
"""GKE's nodes, by accelerator; whoever shares it."""

_CONTAINER = "kubernetes.io/container/accelerator"
_BY_NODE = grouped(["r.cluster_name", "r.location", "s.node_name", "m.accelerator_id"])
CONTAINERS = (
    Meaning(Question(f"{_CONTAINER}/duty_cycle", reducer="REDUCE_MEAN", by=_BY_NODE), USE),
    Meaning(Question(f"{_CONTAINER}/memory_used", reducer="REDUCE_MAX", by=_BY_NODE), MEMORY),
    Meaning(Question(f"{_CONTAINER}/memory_used", "ALIGN_MAX", reducer="REDUCE_MAX", by=_BY_NODE), PEAK),
    Meaning(Question(f"{_CONTAINER}/memory_total", reducer="REDUCE_MAX", by=_BY_NODE), TOTAL),
)
"""GKE's containers, which have accelerators to themselves; of nodes that say nothing themselves."""

_ONLINE = "aiplatform.googleapis.com/prediction/online/accelerator"
ENDPOINTS = (
    Meaning(Question(f"{_ONLINE}/duty_cycle"), USE, _PERCENT),
    Meaning(Question(f"{_ONLINE}/memory/bytes_used"), MEMORY),
    Meaning(Question(f"{_ONLINE}/memory/bytes_used", "ALIGN_MAX"), PEAK),
)
"""Endpoints of Vertex AI, by replica: a fraction from 0 to 1, the mean over its accelerators; memory of all of them."""

EVERY = (*MACHINES, *NODES, *CONTAINERS, *ENDPOINTS)


@dataclass
class Indexes:
    """Numbers of the accelerators of a machine: the device's own where it has one, else in the order of their names."""

    _given: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def of(self, machine: str, device: str) -> int:
        """The number of a device; the same for the same name as long as this lives."""
        told = re.fullmatch(r"\D{0,12}?(\d{1,3})", device)
        given = self._given[machine]
        if device not in given:
            free = (number for number in range(len(given) + 1) if number not in given.values())
            given[device] = int(told[1]) if told and int(told[1]) not in given.values() else next(free)
        return given[device]


def machine_rows(
    found: Iterable[Series], meaning: Meaning, period: int, indexes: Indexes, left_out: LeftOut
) -> Iterator[dict[str, Any]]:
    """Rows of the GPUs of virtual machines, which Cloud Monitoring knows by number."""
    for one in found:
        if machine := one.labels.get("instance_id"):
            device = one.labels.get("gpu_number") or one.labels.get("uuid", "")
            yield from _rows(one, meaning, (machine, indexes.of(machine, device)), period, left_out)


def node_rows(
    found: Iterable[Series], meaning: Meaning, period: int, indexes: Indexes, left_out: LeftOut
) -> Iterator[dict[str, Any]]:
    """Rows of the accelerators of GKE's nodes, which are machines of that name."""
    for one in found:
        if node := one.labels.get("node_name"):
            index = indexes.of(node, one.labels.get("accelerator_id", ""))
            yield from _rows(one, meaning, (node, index), period, left_out)


@dataclass
class Replicas:
    """Which accelerators of an endpoint replicas are: at each moment those that answer, in the order of their names.

    ``each`` tells the accelerators of a replica by project, location and deployed model; where it does not know, one
    stands for all of them, and memory is that of all.
    """

    values: dict[tuple[str, str], dict[datetime, dict[str, dict[str, float]]]] = field(default_factory=dict)

    def add(self, found: Iterable[Series], meaning: Meaning) -> None:
        """Remember the points of a metric."""
        for one in found:
            told = one.labels
            endpoint = f"projects/{told.get('resource_container')}/locations/{told.get('location')}"
            key = (f"{endpoint}/endpoints/{told.get('endpoint_id')}", told.get("deployed_model_id", ""))
            times = self.values.setdefault(key, {})
            for at, value in one.points.items():
                times.setdefault(at, {}).setdefault(told.get("replica_id", ""), {})[meaning.column] = (
                    value * meaning.factor
                )

    def rows(self, each: Mapping[str, int], period: int, left_out: LeftOut) -> Iterator[dict[str, Any]]:
        """Rows of all that was remembered, and forget it; ``each`` is accelerators of a replica by deployed model."""
        first: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
        for (endpoint, model), times in sorted(self.values.items()):
            count = each.get(model, 1)
            for at, replicas in sorted(times.items()):
                for _, values in sorted(replicas.items()):
                    start = first[endpoint][at]
                    first[endpoint][at] += count
                    row = {name: value / (1 if name == USE else count) for name, value in values.items()}
                    if USE in row and (believed := _percent(row.pop(USE))) is not None:
                        row[USE] = believed
                    elif USE in values:
                        left_out[endpoint] += 1
                    for index in range(start, start + count):
                        if row:
                            yield gpu_row(at, period, endpoint, index) | row
        self.values.clear()


def _rows(
    one: Series, meaning: Meaning, device: tuple[str, int], period: int, left_out: LeftOut
) -> Iterator[dict[str, Any]]:
    for at, given in one.points.items():
        value: float | None = given * meaning.factor
        if meaning.column == USE:
            value = _percent(given * meaning.factor)
        if value is None:
            left_out[device[0]] += 1
        else:
            yield gpu_row(at, period, *device) | {meaning.column: value}


def _percent(value: float) -> float | None:
    """A percentage as it is believed; None where it cannot be one."""
    return min(value, _PERCENT) if 0 <= value <= _PERCENT + _ROUNDING else None


def remarks(left_out: LeftOut) -> list[str]:
    """What is said of points that were left out."""
    return [
        f"{resource}: {count} points of more than 100 percent are left out." for resource, count in left_out.items()
    ]
