"""Cloud Monitoring's points of the company, by the hour or five minutes: how busy accelerators are, what models answer.

A table for each kind, and beside it of whom its rows are: resource and labels as Cloud Monitoring has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sample.arrow import Arrow, pa
from sample.chance import Chance
from sample.demand import Demand
from sample.gcp_lines import GKE_CLUSTER
from sample.google_projects import NUMBERS
from sample.machines import Running
from sample.telemetry import Columns, measured, measured_from
from sample.timeline import Timeline
from sample.usage import counted_from, latencies, provider_of

DEVICES, MODELS = "devices", "models"
PERIOD, HOUR = 300, 3600
_MEASURES = ("gpu_utilization", "memory_used_bytes", "memory_total_bytes", "sm_active", "tensor_active")
Json = dict[str, Any]


def write_points(
    folder: Path, machines: Sequence[Running], demands: Mapping[str, Demand], timeline: Timeline, chance: Chance
) -> int:
    """Points of accelerators (``devices``) and of publisher models (``models``). Returns how many rows they have."""
    folder.mkdir(parents=True, exist_ok=True)
    devices = list(_devices(machines, demands, timeline, chance))
    models = list(_models(demands, timeline))
    return _write(folder / DEVICES, devices, _MEASURES) + _write(folder / MODELS, models, _COUNTS)


def _write(path: Path, found: Sequence[tuple[Json, dict[str, npt.NDArray[Any]]]], names: Sequence[str]) -> int:
    """A table of points in the order of whose they are, and of time; and whose they are."""
    path.with_suffix(".json").write_text(json.dumps([whose for whose, _ in found], indent=1), encoding="utf-8")
    if not found:
        return 0
    whole = {name: np.concatenate([points[name] for _, points in found]) for name in ("end", *names)}
    code = np.concatenate([np.full(len(points["end"]), number) for number, (_, points) in enumerate(found)])
    columns: dict[str, Arrow] = {"series": pa.array(code, pa.int32())}
    columns |= {name: pa.array(values, from_pandas=True) for name, values in whole.items()}
    pa.parquet.write_table(pa.table(columns), path.with_suffix(".parquet"), compression="zstd")
    return len(code)


# --------------------------------------------------------------------------------- accelerators


def _devices(
    machines: Sequence[Running], demands: Mapping[str, Demand], timeline: Timeline, chance: Chance
) -> Iterator[tuple[Json, dict[str, npt.NDArray[Any]]]]:
    origin = int(np.datetime64(timeline.first.isoformat(), "s").astype(np.int64))
    for machine in machines:
        begin = measured_from(machine, timeline)
        if not machine.fleet.told_by_cloud or begin >= timeline.hours:
            continue
        found = measured(
            machine,
            [],
            dict(demands),
            begin=begin,
            end=timeline.hours,
            seconds=PERIOD,
            timeline=timeline,
            chance=chance,
        )
        if found is None:
            continue
        for card in np.unique(found["accelerator_index"]):
            mine = found["accelerator_index"] == card
            points: Columns = {name: found[name][mine] for name in _MEASURES}
            points["end"] = origin + found["minutes"][mine] * 60 + PERIOD
            yield _device(machine, int(card), chance), points


def _device(machine: Running, card: int, chance: Chance) -> Json:
    fleet = machine.fleet
    text = chance.hex(12, "gpu", machine.resource_id, card)
    told: Json = {"project": fleet.account}
    if fleet.platform == "endpoint":
        return told | {
            "of": "endpoint",
            "resource": {
                "resource_container": NUMBERS[fleet.account],
                "location": fleet.region,
                "endpoint_id": machine.alias,
            },
            "labels": {
                "deployed_model_id": deployed_model(machine, chance),
                "replica_id": f"{fleet.name}-{machine.slot}-{text}",
            },
        }
    if fleet.platform == "k8s":
        return told | {
            "of": "node",
            "resource": {"cluster_name": GKE_CLUSTER, "location": fleet.region, "node_name": machine.name},
            "labels": {"accelerator_id": f"GPU-{text}", "make": "nvidia"},
        }
    return told | {
        "of": "machine",
        "resource": {"instance_id": machine.resource_id.rpartition("/")[2], "zone": machine.zone},
        "labels": {"gpu_number": str(card), "uuid": f"GPU-{text}"},
    }


def deployed_model(machine: Running, chance: Chance) -> str:
    """The id of the model an endpoint serves."""
    return chance.digits(19, "deployed model", machine.fleet.name)


# -------------------------------------------------------------------------------------- models

_COUNTS = ("input", "output", "answered", "failed", "latency")


def _models(demands: Mapping[str, Demand], timeline: Timeline) -> Iterator[tuple[Json, dict[str, npt.NDArray[Any]]]]:
    """Hours in which a publisher model was asked; what it read from a cache is not told from other input."""
    origin = int(np.datetime64(timeline.first.isoformat(), "s").astype(np.int64))
    for demand in demands.values():
        series = demand.series
        begin = counted_from(demand, timeline)
        if provider_of(series.bill) != "gcp" or begin >= timeline.hours:
            continue
        hours = begin + np.flatnonzero(demand.requests[begin:])
        whose = {
            "project": series.account,
            "of": "model",
            "resource": {"publisher": "google", "model_user_id": series.model, "location": series.region},
            "labels": {"request_type": "shared"},
        }
        yield (
            whose,
            {
                "end": origin + (hours + 1) * HOUR,
                "input": (demand.uncached + demand.cached)[hours],
                "output": demand.output[hours],
                "answered": demand.answered[hours],
                "failed": demand.failed[hours],
                "latency": latencies(demand, hours),
            },
        )
