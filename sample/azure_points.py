"""What Azure Monitor holds: tokens of OpenAI's deployments by the hour, accelerators of Machine Learning's jobs.

Deployments count as ``usage`` does and are called by their series; input includes what came from a cache, as OpenAI
counts it. Nothing is here that the company's files hold too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sample.arrow import Arrow, pa
from sample.azure_lines import MODEL_VERSIONS, openai_account
from sample.chance import Chance
from sample.demand import Demand
from sample.machines import Running
from sample.telemetry import measured, measured_from
from sample.timeline import Timeline
from sample.usage import counted_from, latencies, provider_of

STEP = 300
_MIB = 1 << 20
_STAMP = pa.timestamp("ms", tz="UTC")


def write_points(
    path: Path, machines: Sequence[Running], demands: Mapping[str, Demand], timeline: Timeline, chance: Chance
) -> int:
    """All points. Returns their number."""
    parts = [*_tokens(demands.values(), timeline), *_jobs(machines, demands, timeline, chance)]
    pa.parquet.write_table(pa.concat_tables(parts), path, compression="zstd")
    return sum(map(len, parts))


def _tokens(demands: Any, timeline: Timeline) -> Iterator[Arrow]:
    for demand in demands:
        series = demand.series
        if provider_of(series.bill) != "azure" or not series.token_api:
            continue
        first = counted_from(demand, timeline)
        hours = first + np.flatnonzero(demand.requests[first:])
        given = demand.uncached + demand.cached
        counts = {"ModelRequests": demand.answered, "InputTokens": given, "TotalTokens": given + demand.output}
        counts |= {"OutputTokens": demand.output} if series.tokens_out else {}
        counts |= {"cacheReadInputTokens": demand.cached} if series.cached else {}
        model = {
            "ModelDeploymentName": series.name,
            "ModelName": series.model,
            "ModelVersion": MODEL_VERSIONS[series.model],
        }
        stamps, account = timeline.stamps(hours), openai_account(series)
        for metric, values in counts.items():
            about = model | ({"StatusCode": "200"} if metric == "ModelRequests" else {})
            yield _points(account, metric, about, stamps, values[hours])
        yield _points(account, "ModelRequests", model | {"StatusCode": "429"}, stamps, demand.failed[hours])
        answered = demand.answered[hours] > 0
        yield _points(account, "TimeToLastByte", model, stamps[answered], latencies(demand, hours[answered]))


def _jobs(
    machines: Sequence[Running], demands: Mapping[str, Demand], timeline: Timeline, chance: Chance
) -> Iterator[Arrow]:
    origin = np.datetime64(timeline.first.isoformat(), "ms")
    for machine in machines:
        if provider_of(machine.fleet.bill) != "azure":
            continue
        begin = measured_from(machine, timeline)
        found = measured(
            machine, [], dict(demands), begin=begin, end=timeline.hours, seconds=STEP, timeline=timeline, chance=chance
        )
        if found is None:
            continue
        workspace, _, compute = machine.resource_id.partition("/computes/")
        values = {
            "GpuUtilizationPercentage": found["gpu_utilization"],
            "GpuMemoryUtilizationMegabytes": found["memory_used_bytes"] / _MIB,
            "GpuMemoryCapacityMegabytes": found["memory_total_bytes"] / _MIB,
            "GpuEnergyJoules": found["power_watts"] * STEP,
        }
        stamps = origin + found["minutes"].astype("timedelta64[m]")
        for index in np.unique(found["accelerator_index"]):
            mine = found["accelerator_index"] == index
            about = {"ComputeName": compute, "InstanceId": f"{machine.name}_0", "DeviceId": f"{index}"}
            for metric, measures in values.items():
                yield _points(workspace, metric, about, stamps[mine], measures[mine])


def _points(
    resource: str, metric: str, dimensions: Mapping[str, str], stamps: npt.NDArray[Any], values: npt.NDArray[Any]
) -> Arrow:
    """Points of one series; those without a number are none."""
    known = ~np.isnan(values.astype(np.float64))
    count = int(known.sum())
    return pa.table(
        {
            "resource": pa.repeat(pa.scalar(resource), count),
            "metric": pa.repeat(pa.scalar(metric), count),
            "dimensions": pa.repeat(pa.scalar(json.dumps(dimensions)), count),
            "timestamp": pa.array(stamps[known]).cast(_STAMP),
            "value": pa.array(values[known].astype(np.float64)),
        }
    )
