"""Utilization samples of the accelerators and records of what ran where, under the names telemetry uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from sample.arrow import Arrow, pa
from sample.chance import Chance
from sample.demand import Demand
from sample.machines import WRITTEN, Pod, Running
from sample.timeline import FINE_DAYS, TELEMETRY_DAYS, Floats, Hours, Timeline

_RUNNING, _SUCCEEDED, _FAILED = range(3)
_OUTCOMES = ("running", "succeeded", "failed")
JOB_STAGES = ("training", "fine_tuning", "evaluation", "inference_batch", "notebook")
_STAMP = pa.timestamp("ms", tz="UTC")

Columns = dict[str, npt.NDArray[Any]]
"""Samples of accelerators; ``minutes`` are since the first hour of the timeline."""


def pod_hours(pod: Pod, hours: Hours, timeline: Timeline) -> npt.NDArray[np.bool_]:
    """In which of these hours a pod runs."""
    hour_of_day = hours % 24
    runs = (hour_of_day - pod.hour) % 24 < pod.hours
    if pod.weekdays_only:
        runs &= (hours // 24 + timeline.first.weekday()) % 7 < 5
    return runs


def at_work(machine: Running, hours: Hours, timeline: Timeline) -> npt.NDArray[np.bool_]:
    """In which of these hours a machine that is on has anything to do."""
    load = machine.fleet.load
    work = np.ones(len(hours), dtype=bool)
    if load.idle_days is not None:
        work &= hours < timeline.day_ago(load.idle_days)
    if load.weekly is not None:
        work &= _weekly(load.weekly, hours, timeline)
    if load.daily is not None:
        hour, length, weekdays_only = load.daily
        work &= (hours - hour) % 24 < length
        if weekdays_only:
            # a night shift belongs to the day it begins on
            work &= ((hours - hour) // 24 + timeline.first.weekday()) % 7 < 5
    if load.monthly is not None:
        day, hour, length = load.monthly
        began = np.array([timeline.date(int(number)).day == day for number in range(timeline.days)])
        first = np.flatnonzero(began) * 24 + hour
        work &= ((hours[:, None] >= first) & (hours[:, None] < first + length)).any(axis=1)
    if load.scattered is not None:
        dice = np.random.default_rng(crc32(machine.resource_id.encode()))
        work &= dice.random(timeline.hours)[hours] < load.scattered
    return work


def _weekly(window: tuple[int, int, int], hours: Hours, timeline: Timeline) -> npt.NDArray[np.bool_]:
    weekday, hour, length = window
    since = (hours - hour - 24 * ((weekday - timeline.first.weekday()) % 7)) % 168
    inside: npt.NDArray[np.bool_] = since < length
    return inside


@dataclass(frozen=True)
class _Samples:
    minutes: Hours
    """Minutes since the first hour of the timeline."""
    seconds: int


def write_metrics(
    folder: Path,
    machines: list[Running],
    pods: list[Pod],
    demands: dict[str, Demand],
    *,
    timeline: Timeline,
    chance: Chance,
) -> int:
    """Hourly samples of the last sixty days, five-minute ones of the last thirty. Returns the number of rows.

    What a cloud measures itself (:func:`measured_from`) is left to its collector.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fine_from = timeline.day_ago(FINE_DAYS)
    coarse_from = timeline.day_ago(TELEMETRY_DAYS)
    rows = 0
    for name, seconds, begin, end in (
        ("metrics-hourly", 3600, coarse_from, fine_from),
        ("metrics-5-minutes", 300, fine_from, timeline.hours),
    ):
        columns: list[Columns] = []
        aliases: list[str] = []
        for machine in machines:
            if begin >= measured_from(machine, timeline):
                continue
            found = measured(
                machine, pods, demands, begin=begin, end=end, seconds=seconds, timeline=timeline, chance=chance
            )
            if found is not None:
                columns.append(found | {"code": np.full(len(found["minutes"]), len(aliases), dtype=np.int32)})
                aliases.append(machine.alias)
        if columns:
            table = _metrics_table(columns, aliases, seconds, timeline)
            pa.parquet.write_table(table, folder / f"{name}.parquet", compression="zstd")
            rows += len(table)
    return rows


def measured_from(machine: Running, timeline: Timeline) -> int:
    """The hour from which on its cloud measures the accelerators of a machine; the end of everything where none does.

    Azure Machine Learning measures what its jobs run on, Azure no other machine. Cloud Monitoring has GPUs of machines
    with its agent, of GKE's nodes and of Vertex AI's endpoints.
    """
    fleet = machine.fleet
    watched = fleet.told_by_cloud and fleet.spec.accelerator_type.startswith("nvidia")
    return timeline.day_ago(FINE_DAYS) if watched or fleet.platform == "ml_cluster" else timeline.hours


def measured(
    machine: Running,
    pods: list[Pod],
    demands: dict[str, Demand],
    *,
    begin: int,
    end: int,
    seconds: int,
    timeline: Timeline,
    chance: Chance,
) -> Columns | None:
    """What was measured of a machine's accelerators within these hours; None where nothing was."""
    if not machine.telemetry or not machine.fleet.spec.accelerators:
        return None
    inside = (machine.hours >= begin) & (machine.hours < end)
    if not inside.any():
        return None
    samples = _received(machine, _samples(machine, inside, seconds), timeline, chance)
    if not len(samples.minutes):
        return None
    return _measure(machine, samples, pods, demands, timeline=timeline, chance=chance)


def _samples(machine: Running, inside: npt.NDArray[np.bool_], seconds: int) -> _Samples:
    """Sampling instants: as many as fit into the seconds billed, at the end of a first and the start of a last hour."""
    hours, run = machine.hours[inside], machine.seconds[inside]
    per_hour = 3600 // seconds
    fit = run // seconds
    slot = np.arange(per_hour)
    offset = np.where((hours == machine.first_hour) & (hours != machine.hours[-1]), per_hour - fit, 0)
    taken = (slot >= offset[:, None]) & (slot < (offset + fit)[:, None])
    minutes = hours[:, None] * 60 + slot * (seconds // 60)
    return _Samples(minutes[taken], seconds)


def _received(machine: Running, samples: _Samples, timeline: Timeline, chance: Chance) -> _Samples:
    """Those samples whose hour did arrive."""
    if not machine.fleet.gaps:
        return samples
    arrived = chance.stream("gaps", machine.resource_id).random(timeline.hours) >= machine.fleet.gaps
    return _Samples(samples.minutes[arrived[samples.minutes // 60]], samples.seconds)


def _measure(
    machine: Running,
    samples: _Samples,
    pods: list[Pod],
    demands: dict[str, Demand],
    *,
    timeline: Timeline,
    chance: Chance,
) -> Columns:
    fleet, spec = machine.fleet, machine.fleet.spec
    rng = chance.stream("metrics", machine.resource_id, machine.slot, samples.seconds)
    hours = samples.minutes // 60
    count, cards = len(hours), spec.accelerators
    if fleet.shared:
        activity, memory = _pod_activity(machine, hours, pods, timeline, rng)
    else:
        activity = _activity(machine, hours, demands, timeline, rng)
        working = at_work(machine, hours, timeline)
        resident = working | fleet.load.resident | (fleet.load.weekly is not None)
        held = fleet.load.memory if fleet.load.reserved is None else fleet.load.reserved
        memory = np.where(resident, held, 0.012)[:, None] * np.ones(cards)
        if fleet.load.busy is not None:
            everyone = np.zeros(count, dtype=bool)
            if fleet.load.together is not None:
                everyone = _weekly(fleet.load.together, hours, timeline)
            activity[~everyone, fleet.load.busy :] = 0
            memory[~everyone, fleet.load.busy :] = 0.012
        if fleet.load.memory_peak is not None:
            days_ago, length, share = fleet.load.memory_peak
            since = hours - timeline.day_ago(days_ago)
            memory[(since >= 0) & (since < length)] = share
    # An idle card still answers its driver now and then.
    how_often, how_much = fleet.load.blips
    quiet = (activity == 0) & (rng.random((count, cards)) < how_often)
    activity = np.where(quiet, how_much, activity)
    watts = activity
    if not fleet.load.counted:
        activity = np.zeros_like(activity)
    memory = np.clip(memory * rng.normal(1, 0.01, (count, cards)), 0, 0.97)
    nvidia = spec.accelerator_type.startswith("nvidia")
    profiled = nvidia and fleet.names != "id"
    power = spec.idle_watts + (spec.full_watts - spec.idle_watts) * 0.88 * watts + rng.normal(0, 1.5, (count, cards))
    unknown = np.full(count * cards, np.nan)
    index = np.arange(cards) + (machine.slot * cards if fleet.platform == "endpoint" else 0)
    return {
        "minutes": np.repeat(samples.minutes, cards),
        "accelerator_index": np.tile(index, count).astype(np.int16),
        "gpu_utilization": np.round(100 * activity, 1).ravel(),
        "sm_active": np.round(activity * 0.82, 4).ravel() if profiled else unknown,
        "tensor_active": np.round(activity * 0.46, 4).ravel() if profiled else unknown,
        "memory_used_bytes": (np.round(memory * 4096) * (spec.memory // 4096)).astype(np.int64).ravel(),
        "memory_total_bytes": np.full(count * cards, spec.memory, dtype=np.int64),
        "power_watts": np.round(power, 0).ravel() if nvidia else unknown,
    }


def _activity(
    machine: Running, hours: Hours, demands: dict[str, Demand], timeline: Timeline, rng: np.random.Generator
) -> Floats:
    load, cards = machine.fleet.load, machine.fleet.spec.accelerators
    count = len(hours)
    if load.follows is not None:
        mean = load.level * demands[load.follows].relative[hours]
        spread = 0.05
    elif load.steady:
        mean, spread = np.full(count, load.level), load.level / 6
    elif machine.fleet.stage == "notebook":
        # People think more than they compute: one hour in three has anything running.
        busy_hours = rng.random(int(hours.max()) + 1) < 0.34
        mean = np.where(busy_hours[hours], load.level * 2.4, 0.0)
        spread = 0.1
    else:
        # Checkpoints and data loading interrupt a job now and then.
        mean = np.where(rng.random(count) < 0.06, load.level * 0.35, load.level)
        spread = 0.04
    activity = mean[:, None] + rng.normal(0, spread, (count, cards))
    working = at_work(machine, hours, timeline) & (mean > 0)
    if load.together is not None:
        everyone = _weekly(load.together, hours, timeline)
        activity[everyone] = 0.85 + rng.normal(0, spread, (int(everyone.sum()), cards))
        working |= everyone
    result: Floats = np.where(working[:, None], np.clip(activity, min(0.02, 0.6 * load.level), 0.99), 0.0)
    return result


def _pod_activity(
    machine: Running, hours: Hours, pods: list[Pod], timeline: Timeline, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    cards = machine.fleet.spec.accelerators
    activity, memory = np.zeros((len(hours), cards)), np.full((len(hours), cards), 0.012)
    first = 0
    for pod in pods:
        if pod.node != machine.slot:
            continue
        runs = pod_hours(pod, hours, timeline)
        for card in range(first, first + pod.requested):
            level = pod.used / pod.requested
            activity[:, card] = np.where(runs, np.clip(level + rng.normal(0, 0.06, len(hours)), 0.02, 0.99), 0)
            memory[:, card] = np.where(runs, 0.65, 0.012)
        first += pod.requested
    return activity, memory


def _metrics_table(columns: list[Columns], aliases: list[str], seconds: int, timeline: Timeline) -> Arrow:
    whole = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    order = np.lexsort((whole["accelerator_index"], whole["code"], whole["minutes"] // 1440))
    whole = {name: values[order] for name, values in whole.items()}
    origin = np.datetime64(timeline.first.isoformat(), "ms")
    stamps = origin + whole["minutes"].astype("timedelta64[m]")

    def known(name: str) -> Arrow:
        return pa.array(whole[name], pa.float32(), from_pandas=True)

    return pa.table(
        {
            "timestamp": pa.array(stamps).cast(_STAMP),
            "interval_seconds": pa.repeat(pa.scalar(seconds, pa.int32()), len(stamps)),
            "resource_id": pa.array(aliases, pa.string()).take(pa.array(whole["code"])),
            "accelerator_index": pa.array(whole["accelerator_index"]),
            "gpu_utilization": known("gpu_utilization"),
            "sm_active": known("sm_active"),
            "tensor_active": known("tensor_active"),
            "memory_used_bytes": pa.array(whole["memory_used_bytes"]),
            "memory_total_bytes": pa.array(whole["memory_total_bytes"]),
            "power_watts": known("power_watts"),
        }
    )


def run_name(machine: Running) -> str:
    """What the scheduler calls a job's run on a machine."""
    return f"{machine.fleet.name}-{machine.slot}-{machine.number}"


def write_workloads(path: Path, machines: list[Running], pods: list[Pod], timeline: Timeline) -> int:
    """What the schedulers know: pods of shared nodes, jobs, batch runs and notebooks, by the hour for all months."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels: list[tuple[Any, ...]] = []
    blocks: list[tuple[npt.NDArray[Any], ...]] = []

    def record(label: tuple[Any, ...], hours: Hours, last: int, used: float, failed: Sequence[int] = ()) -> None:
        if len(hours):
            labels.append((*label, used))
            ends = np.where(np.isin(hours, failed), _FAILED, np.where(hours == last, _SUCCEEDED, _RUNNING))
            blocks.append((np.full(len(hours), len(labels) - 1), hours, ends))

    for machine in machines:
        fleet = machine.fleet
        if fleet.shared:
            for pod in pods:
                if pod.node == machine.slot % 3:
                    runs = machine.hours[pod_hours(pod, machine.hours, timeline)]
                    record(
                        (machine.alias, pod.name, pod.kind, pod.stage, pod.model, pod.team, float(pod.requested)),
                        runs,
                        -1,
                        pod.used,
                    )
        elif (
            machine.telemetry and fleet.load.follows is None and (fleet.stage in JOB_STAGES or fleet.platform == "k8s")
        ):
            runs = machine.hours[at_work(machine, machine.hours, timeline)]
            kind = {"notebook": "notebook", "inference_online": "deployment"}.get(fleet.stage, "job")
            cards = float(fleet.load.busy or fleet.spec.accelerators)
            last = -1 if kind != "job" or fleet.abandoned or not len(runs) else int(runs[-1])
            name = run_name(machine) if kind == "job" else fleet.name
            record(
                (machine.alias, name, kind, fleet.stage, fleet.model, fleet.team, cards),
                runs,
                last,
                round(cards * fleet.load.level, 3),
                [machine.first_hour + hour - 1 for hour in fleet.failures],
            )
    code = np.concatenate([block[0] for block in blocks])
    hours = np.concatenate([block[1] for block in blocks])
    ends = np.concatenate([block[2] for block in blocks])
    order = np.lexsort((code, hours))
    code, hours, ends = code[order], hours[order], ends[order]
    picked = pa.array(code)

    def text(position: int) -> Arrow:
        return pa.array([label[position] for label in labels], pa.string()).take(picked)

    requested = pa.array([label[6] for label in labels], pa.float64()).take(picked)
    jobs = np.array([label[2] == "job" for label in labels])[code]
    outcome = np.array(_OUTCOMES)[ends]
    pa.parquet.write_table(
        pa.table(
            {
                "timestamp": pa.array(timeline.stamps(hours)).cast(_STAMP),
                "period_seconds": pa.repeat(pa.scalar(3600, pa.int32()), len(code)),
                "resource_id": text(0),
                "workload": text(1),
                "kind": text(2),
                "stage": text(3),
                "model": pa.array([label[4] and WRITTEN.get(label[4], label[4]) for label in labels]).take(picked),
                "team": text(5),
                "accelerators_requested": requested,
                "accelerators_used": pa.array([label[7] for label in labels], pa.float64()).take(picked),
                "cpus_requested": pa.array(requested.to_numpy() * 11),
                "memory_requested_bytes": pa.array((requested.to_numpy() * 40 * 2**30).astype(np.int64)),
                "outcome": pa.array(outcome, pa.string(), mask=~jobs),
            }
        ),
        path,
        compression="zstd",
    )
    return len(code)
