"""From fleets, as their owners think of them, to machines with a name, a life and hours on the bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from sample.catalogue import MACHINES, Machine
from sample.chance import Chance
from sample.google_projects import NUMBERS
from sample.timeline import Hours, Timeline

Platform = Literal["vm", "k8s", "endpoint", "training_job", "notebook", "ml_cluster"]
Purchase = Literal["on_demand", "spot", "savings_plan", "reserved", "committed_use"]
Naming = Literal["id", "short", "host", "dns"]
Hygiene = Literal["tagged", "missing", "wrong"]

WRITTEN = {"llama-3.1-70b": "llama-3.1-70b-instruct", "mistral-7b": "Mistral-7B-Instruct-v0.3"}
"""Models that tags and logs call by a longer name than the truth does."""
MISSING_TAG_SHARE = 0.12
WRONG_TAG_SHARE = 0.03
MISSING_TELEMETRY_SHARE = 0.08


@dataclass(frozen=True)
class Shape:
    """When machines of a fleet exist. ``always`` runs on; the others open windows of ``hours`` (or ``minutes``)."""

    kind: Literal["always", "daily", "weekly", "monthly", "bursts"] = "always"
    hour: int = 0
    hours: int = 24
    weekday: int = 0
    weekdays_only: bool = False
    per_day: int = 0
    minutes: int = 0
    fresh: bool = True
    """Each window is a new machine with a new id; otherwise one machine is stopped and started."""


@dataclass(frozen=True)
class Load:
    """How busy the accelerators of a running machine are.

    ``level`` is the mean activity when there is work; ``follows`` names the usage series that drives it;
    ``idle_days`` ago the work ended, the memory staying in use if ``resident``; ``busy`` is how many of
    the accelerators see any work; ``weekly`` (weekday, hour, hours), ``daily`` (hour, hours, weekdays only) and
    ``monthly`` (day of the month, hour, hours) confine work to a window, ``scattered`` to that share of all hours.
    """

    level: float = 0.6
    memory: float = 0.8
    follows: str | None = None
    idle_days: int | None = None
    resident: bool = False
    busy: int | None = None
    weekly: tuple[int, int, int] | None = None
    daily: tuple[int, int, bool] | None = None
    monthly: tuple[int, int, int] | None = None
    scattered: float | None = None
    steady: bool = False
    """Never interrupted, and hardly varying."""
    together: tuple[int, int, int] | None = None
    """Weekday, hour, hours: all accelerators work at once then, whatever ``busy`` says."""
    memory_peak: tuple[int, int, float] | None = None
    """Days ago, hours, share: how much memory is once held, of all accelerators."""
    reserved: float | None = None
    """Share of the memory a server takes at its start; ``memory`` is what it needs of it."""
    blips: tuple[float, float] = (0.002, 0.004)
    """Share of quiet samples that are not quite zero, and what they show: an idle card answers its driver."""
    counted: bool = True
    """False where the counter of activity misses the work, which only power shows."""


@dataclass(frozen=True)
class Verdict:
    """What a careful engineer would say about it, for the truth file."""

    state: str
    action: str
    looks_idle: bool
    why: str
    from_days: int
    """The state holds since so many days ago."""
    to_machine: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Machines of one type doing one thing for one team. ``first_day``/``last_day`` count days before today."""

    name: str
    bill: str
    account: str
    region: str
    machine: str
    model: str | None
    team: str
    stage: str
    count: int = 1
    shape: Shape = Shape()
    load: Load = Load()
    platform: Platform = "vm"
    purchase: Purchase = "on_demand"
    names: Naming = "id"
    first_day: int | None = None
    last_day: int | None = None
    rotate_days: int | None = None
    fixed: bool = False
    """Part of the story: its number does not follow the scale and its tags are as told."""
    tags: tuple[tuple[str, str], ...] = ()
    group: str | None = None
    """Auto-scaling group, node pool or scale set its machines are tagged with."""
    shared: bool = False
    mapped: bool = True
    """Whether the inventory file explains the names telemetry uses."""
    telemetry: bool = True
    gaps: float = 0.0
    """Share of hours whose samples never arrived."""
    failures: tuple[int, ...] = ()
    """Hours of its life after which its run failed, and began again from zero."""
    abandoned: bool = False
    """Nobody ever said how its run ended."""
    told_by_cloud: bool = False
    """Its cloud's own services say what there is of it and how busy it is, in place of the company's files."""
    verdict: Verdict | None = None

    @property
    def is_loss(self) -> bool:
        """Whether its run was lost or repeated: told beside the rest, whose tags and agents it leaves as they are."""
        return bool(self.failures) or self.abandoned

    @property
    def spec(self) -> Machine:
        """Its machine type."""
        return MACHINES[self.machine]


@dataclass(frozen=True)
class Pod:
    """A workload on a shared node: accelerators it asks for and uses while it runs (UTC hours of the day)."""

    name: str
    kind: str
    model: str | None
    team: str
    stage: str
    node: int
    requested: int
    used: float
    hour: int = 0
    hours: int = 24
    weekdays_only: bool = False


@dataclass
class Running:
    """A machine: from its first to its last second, with the seconds it ran in each hour."""

    fleet: Fleet
    slot: int
    number: int
    resource_id: str
    name: str
    alias: str
    zone: str
    hours: Hours
    seconds: Hours
    hygiene: Hygiene = "tagged"
    telemetry: bool = True
    tags: tuple[tuple[str, str], ...] = ()
    wrong_team: str | None = None

    @property
    def first_hour(self) -> int:
        """The first hour it ran in."""
        return int(self.hours[0])

    @property
    def end_hour(self) -> int:
        """The hour after the last it ran in."""
        return int(self.hours[-1]) + 1

    @property
    def list_value(self) -> int:
        """What its hours cost at list, in 1e-10."""
        return int(self.seconds.sum()) * self.fleet.spec.price // 3600


def expand(fleets: list[Fleet], timeline: Timeline, chance: Chance, scale: float) -> list[Running]:
    """All machines of all fleets, in the order of the fleets, with their tags decided."""
    machines: list[Running] = []
    for fleet in fleets:
        count = fleet.count if fleet.fixed else max(1, round(fleet.count * scale))
        for slot in range(count):
            machines.extend(_slot(fleet, slot, timeline, chance, scale=scale, alone=count == 1))
    _decide_tags(machines, sorted({fleet.team for fleet in fleets}), chance)
    _lose_telemetry(machines, timeline, chance)
    return machines


def _slot(fleet: Fleet, slot: int, timeline: Timeline, chance: Chance, *, scale: float, alone: bool) -> list[Running]:
    rng = chance.stream("life", fleet.name, slot)
    by_number: dict[int, list[tuple[int, int]]] = {}
    for number, window in enumerate(_windows(fleet, slot, timeline, rng, scale)):
        by_number.setdefault(number if fleet.shape.fresh else 0, []).append(window)
    machines = []
    for number, windows in by_number.items():
        hours, seconds = _clock(windows)
        if len(hours):
            day = timeline.date(int(hours[0]) // 24)
            names = identity(fleet, slot, number, chance, day=day, alone=alone)
            machines.append(Running(fleet, slot, number, *names, hours, seconds))
    return machines


def _windows(
    fleet: Fleet, slot: int, timeline: Timeline, rng: np.random.Generator, scale: float
) -> list[tuple[int, int]]:
    """Windows of running, in seconds since the first day."""
    start = 0 if fleet.first_day is None else timeline.day_ago(fleet.first_day)
    end = timeline.hours if fleet.last_day is None else timeline.day_ago(fleet.last_day)
    shape, windows = fleet.shape, []
    if shape.kind == "always":
        step = (fleet.rotate_days or 10_000) * 24
        cuts = [start, *range(start + step - int(rng.integers(0, 24)), end, step), end]
        # A replacement boots some minutes before its predecessor is gone, unless it takes over its id.
        early = 0 if fleet.bill.startswith("azure") else 2400
        return [
            (max(start * 3600, a * 3600 - int(rng.integers(0, 1 + early))) if a > start else a * 3600, b * 3600)
            for a, b in pairwise(cuts)
            if b > a
        ]
    for day in range(start // 24, end // 24):
        date = timeline.date(day)
        if shape.kind == "bursts":
            per_day = max(1, round(shape.per_day * (scale if not fleet.fixed else 1)))
            quiet = 0.4 if date.weekday() >= 5 else 1.0
            for _ in range(int(rng.poisson(per_day * quiet))):
                begin = day * 86_400 + int(rng.integers(0, 85_000))
                windows.append((begin, begin + int(rng.normal(shape.minutes * 60, shape.minutes * 6))))
            continue
        wanted = (
            (shape.kind == "daily" and (date.weekday() < 5 or not shape.weekdays_only))
            or (shape.kind == "weekly" and date.weekday() == shape.weekday)
            or (shape.kind == "monthly" and date.day == shape.weekday + 1)
        )
        if wanted:
            begin = (day * 24 + shape.hour) * 3600 + int(rng.integers(0, 1800)) + 60 * slot
            windows.append((begin, begin + shape.hours * 3600 + int(rng.integers(-900, 900))))
    return [(a, min(b, end * 3600)) for a, b in windows if a < end * 3600]


def _clock(windows: list[tuple[int, int]]) -> tuple[Hours, Hours]:
    """Seconds run in each hour touched by any of the windows."""
    seconds: dict[int, int] = {}
    for begin, finish in windows:
        if finish - begin > 86_400 * 3:
            hours = np.arange(begin // 3600, -(-finish // 3600), dtype=np.int64)
            run = np.minimum(finish, (hours + 1) * 3600) - np.maximum(begin, hours * 3600)
            if len(windows) == 1:
                return hours, run
            seconds.update(zip(hours.tolist(), run.tolist(), strict=True))
            continue
        hour = begin // 3600
        while hour * 3600 < finish:
            run_here = min(finish, (hour + 1) * 3600) - max(begin, hour * 3600)
            seconds[hour] = min(3600, seconds.get(hour, 0) + run_here)
            hour += 1
    ordered = sorted(seconds)
    return np.array(ordered, dtype=np.int64), np.array([seconds[hour] for hour in ordered], dtype=np.int64)


class Identity(NamedTuple):
    """What a machine is called: its id on the bill, its name, the name telemetry gives it, its zone ("" for none)."""

    resource_id: str
    name: str
    alias: str
    zone: str


def identity(fleet: Fleet, slot: int, number: int, chance: Chance, *, day: date, alone: bool = False) -> Identity:
    """The names of the ``number``-th machine of a slot, which began on ``day``; ``alone`` if there is one slot."""
    # Names come from a small pool, so a later machine of the slot gets an earlier one's name.
    place = slot * 2 + number % 2 + 1
    host = f"{fleet.name}-{place:02d}"
    if fleet.bill == "aws":
        return _aws_identity(fleet, slot, number, chance, host=host, day=day, alone=alone)
    key = (fleet.name, slot, number)
    if fleet.bill.startswith("azure"):
        group = f"/subscriptions/{fleet.account}/resourcegroups/rg-{fleet.team}/providers"
        if fleet.platform == "ml_cluster":
            base = f"{group}/microsoft.machinelearningservices/workspaces/mlw-{fleet.team}"
            return Identity(f"{base}/computes/{fleet.name}", fleet.name, fleet.name, "")
        name = f"vm-{fleet.name}-{slot + 1:02d}"
        alias = name if fleet.names in ("id", "short") else host
        return Identity(f"{group}/microsoft.compute/virtualmachines/{name}", name, alias, "")
    zone, project = f"{fleet.region}-{'abc'[slot % 3]}", NUMBERS.get(fleet.account, fleet.account)
    if fleet.platform == "endpoint":
        endpoint = chance.digits(19, "vertex", fleet.name)
        base = f"//aiplatform.googleapis.com/projects/{project}/locations/{fleet.region}"
        return Identity(f"{base}/endpoints/{endpoint}", fleet.name, endpoint, "")
    suffix = f"{chance.hex(4, 'pool', fleet.name)}-{chance.hex(4, *key)}"
    name = f"gke-{fleet.name}-{suffix}" if fleet.platform == "k8s" else f"{fleet.name}-{suffix}"
    base = f"//compute.googleapis.com/projects/{project}/zones/{zone}"
    alias = name if fleet.names in ("id", "short") else host
    return Identity(f"{base}/instances/{chance.digits(19, 'gce', *key)}", name, alias, zone)


def _aws_identity(
    fleet: Fleet, slot: int, number: int, chance: Chance, *, host: str, day: date, alone: bool
) -> Identity:
    key = (fleet.name, slot, number)
    arn = f"arn:aws:sagemaker:{fleet.region}:{fleet.account}"
    if fleet.platform == "endpoint":
        return Identity(f"{arn}:endpoint/{fleet.name}", fleet.name, fleet.name, "")
    if fleet.platform == "training_job":
        job = f"{fleet.name}-{day:%Y%m%d}-{chance.hex(4, *key)}"
        return Identity(f"{arn}:training-job/{job}", job, job, "")
    if fleet.platform == "notebook":
        name = fleet.name if alone else f"{fleet.name}-{slot + 1}"
        return Identity(f"{arn}:notebook-instance/{name}", name, name, "")
    instance = "i-0" + chance.hex(16, "ec2", *key)
    subnet = int(chance.hex(6, "subnet", fleet.name), 16)
    address = f"ip-10-{40 + subnet % 40}-{subnet // 64 % 200}-{20 + slot * 2 + number % 2}.ec2.internal"
    alias = {"id": instance, "short": instance, "host": host, "dns": address}[fleet.names]
    return Identity(instance, host, alias, f"{fleet.region}{'abc'[slot % 3]}")


def _decide_tags(machines: list[Running], teams: list[str], chance: Chance) -> None:
    """Leave the stated share of money without tags, give the stated share a neighbour's, tag the rest."""
    owned = [machine for machine in machines if not machine.fleet.shared]
    total = sum(machine.list_value for machine in owned if not machine.fleet.is_loss)
    free = [machine for machine in owned if not machine.fleet.fixed]
    order = chance.stream("tags").permutation(len(free))
    left: dict[Hygiene, int] = {"missing": int(total * MISSING_TAG_SHARE), "wrong": int(total * WRONG_TAG_SHARE)}
    for machine in owned:
        if machine.fleet.fixed and not machine.fleet.tags and machine.fleet.name.startswith("untagged"):
            machine.hygiene = "missing"
            left["missing"] -= machine.list_value
    for index in order:
        machine = free[int(index)]
        for state in ("missing", "wrong"):
            if machine.hygiene == "tagged" and machine.list_value <= left[state]:
                machine.hygiene = state
                left[state] -= machine.list_value
                break
    for machine in machines:
        fleet = machine.fleet
        tags = dict(fleet.tags)
        if machine.hygiene == "wrong":
            others = [team for team in teams if team != fleet.team]
            machine.wrong_team = others[int(chance.hex(6, "wrong", fleet.name, machine.number), 16) % len(others)]
        if machine.hygiene != "missing" and not fleet.shared:
            tags["team"] = machine.wrong_team or fleet.team
            if fleet.model:
                tags["model"] = WRITTEN.get(fleet.model, fleet.model)
            tags["env"] = tags.get("env", "prod")
            if fleet.stage in ("training", "fine_tuning", "evaluation"):
                tags["stage"] = fleet.stage.replace("_", "-")
        if fleet.group:
            tags[{"aws": "aws:autoscaling:groupName", "gcp": "k8s-node-pool"}.get(fleet.bill, "scaleset")] = fleet.group
        machine.tags = tuple(sorted(tags.items()))


def _lose_telemetry(machines: list[Running], timeline: Timeline, chance: Chance) -> None:
    """Switch the agent off on machines that held the stated share of recent accelerator time."""
    since = timeline.day_ago(60)

    def recent(machine: Running) -> int:
        return int(machine.seconds[machine.hours >= since].sum()) * machine.fleet.spec.accelerators

    for machine in machines:
        machine.telemetry = machine.fleet.telemetry
    total = sum(recent(machine) for machine in machines if not machine.fleet.is_loss)
    left = total * MISSING_TELEMETRY_SHARE - sum(recent(machine) for machine in machines if not machine.telemetry)
    free = [machine for machine in machines if machine.telemetry and not machine.fleet.fixed and recent(machine)]
    for index in chance.stream("agents").permutation(len(free)):
        machine = free[int(index)]
        if recent(machine) <= left:
            machine.telemetry = False
            left -= recent(machine)
