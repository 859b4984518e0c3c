"""Points of CloudWatch as rows of the utilization form: one per GPU and period, each in the form's units.

A percentage above 100 by less than one is a rounding; one above that cannot be true of the machine it is taken for and
is left out and counted, since a single such row would say that the whole file is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectors.aws.cloudwatch import Group, Query, Series
from collectors.gpu_columns import gpu_row

MIB = 1024 * 1024
AGENT_METRICS = {
    "nvidia_smi_utilization_gpu": ("gpu_utilization", 1.0),
    "nvidia_smi_memory_used": ("memory_used_bytes", MIB),
    "nvidia_smi_memory_total": ("memory_total_bytes", MIB),
    "nvidia_smi_power_draw": ("power_watts", 1.0),
}
NODE_METRICS = {
    "node_gpu_utilization": ("gpu_utilization", 1.0),
    "node_gpu_memory_used": ("memory_used_bytes", 1.0),
    "node_gpu_memory_total": ("memory_total_bytes", 1.0),
    "node_gpu_power_draw": ("power_watts", 1.0),
}
"""Column and factor by metric."""

PEAKS = {"memory_used_bytes": "memory_used_max_bytes", "memory": "memory_peak"}
"""Columns of which the maximum is asked for beside the mean, and the column it fills: memory is sized by its peak."""


EARLIER, TOO_MUCH = "from before its present configuration", "of more than 100 percent"
_ROUNDING = 1.0

Answer = Mapping[str, Mapping[datetime, float]]
LeftOut = Counter[tuple[str, str]]
"""Points that were left out, by resource and reason."""


@dataclass(frozen=True)
class Gpu:
    """One GPU of a machine."""

    resource_id: str
    index: int

    def __str__(self) -> str:
        return f"{self.resource_id}, GPU {self.index}"


@dataclass(frozen=True)
class Shared:
    """GPUs of a machine that are known by the sum of their percentages: so many from ``first`` on.

    ``memory`` is bytes of each; points before ``since`` are of other machines. Of several ``machines`` the sums are the
    mean.
    """

    resource_id: str
    first: int
    gpus: int
    memory: float | None = None
    since: datetime | None = None
    machines: int = 1


def ask(group: Group, column: str, series: Series) -> None:
    """Ask for the mean of a series, and for its peaks where they count."""
    group.queries[column] = Query(series, "Average")
    if column in PEAKS:
        group.queries[PEAKS[column]] = Query(series, "Maximum")


def gpu_rows(
    gpu: Gpu, answer: Answer, scales: Mapping[str, float], period: int, left_out: LeftOut
) -> Iterator[dict[str, Any]]:
    """Rows of one GPU; ``scales`` has the factor of each column."""
    for stamp in _stamps(answer):
        values = {column: points[stamp] * scales[column] for column, points in answer.items() if stamp in points}
        if "gpu_utilization" in values:
            believed = _percent(values.pop("gpu_utilization"))
            if believed is None:
                left_out[gpu.resource_id, TOO_MUCH] += 1
            else:
                values["gpu_utilization"] = believed
        if values:
            yield gpu_row(stamp, period, gpu.resource_id, gpu.index) | values


def shared_rows(shared: Shared, answer: Answer, period: int, left_out: LeftOut) -> Iterator[dict[str, Any]]:
    """Rows of each GPU of the machines, all with the mean."""
    for stamp in _stamps(answer):
        if shared.since is not None and stamp < shared.since:
            left_out[shared.resource_id, EARLIER] += 1
            continue
        values: dict[str, float] = {}
        for column in answer:
            if stamp not in answer[column]:
                continue
            believed = _percent(answer[column][stamp] / shared.gpus)
            if believed is None:
                left_out[shared.resource_id, TOO_MUCH] += 1
            elif column == "gpu_utilization":
                values[column] = believed
            elif shared.memory is not None and column == "memory_peak":
                values["memory_used_max_bytes"] = believed / 100 * shared.memory
            elif shared.memory is not None:
                values |= {"memory_used_bytes": believed / 100 * shared.memory, "memory_total_bytes": shared.memory}
        if values:
            for index in range(shared.first, shared.first + shared.gpus * shared.machines):
                yield gpu_row(stamp, period, shared.resource_id, index) | values


def remarks(left_out: LeftOut) -> list[str]:
    """What was left out, for a person."""
    return [f"{resource}: {count} points left out, {reason}." for (resource, reason), count in sorted(left_out.items())]


def _percent(value: float) -> float | None:
    return None if value > 100 + _ROUNDING else min(value, 100.0)


def _stamps(answer: Answer) -> Iterable[datetime]:
    return sorted({stamp for points in answer.values() for stamp in points})
