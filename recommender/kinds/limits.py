"""What a smaller size fails on, in the order it is asked: the work, then the memory in use, then the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Rightsize
from aispend.prices.accelerators import InstanceType, instance_type
from aispend.prices.prices import Candidate
from recommender.methods.states import SLOTS_PER_HOUR
from recommender.subjects.machines import Machine

Limit = Literal["busy", "memory", "host"]
_ORDER: tuple[Limit, ...] = ("busy", "memory", "host")
_GIB = 2**30


@dataclass(frozen=True)
class Demand:
    """Demand per slot, in accelerators of the present type, and memory in bytes by hour."""

    load: NDArray[np.float64]
    concurrent: NDArray[np.float64]
    memory: NDArray[np.float64]

    def slots(self, start: int, end: int) -> Demand:
        """The part between two slots."""
        return Demand(
            self.load[start:end],
            self.concurrent[start:end],
            self.memory[start // SLOTS_PER_HOUR : -(-end // SLOTS_PER_HOUR)],
        )

    def load_at(self, percentile: float) -> float:
        """Load that this share of the known slots does not exceed."""
        if percentile not in self._loads:
            self._loads[percentile] = float(np.nanpercentile(self.load, percentile * 100))
        return self._loads[percentile]

    @cached_property
    def _loads(self) -> dict[float, float]:
        """What was asked before: every cheaper type is held against the same load."""
        return {}


@dataclass(frozen=True)
class Capacity:
    """What a candidate can carry, in the same units."""

    load: float
    devices: float
    memory: float


def fits(demand: Demand, capacity: Capacity, options: Rightsize) -> bool:
    """Whether a capacity carries a demand with headroom."""
    return _carries(demand, capacity, options) and _holds(demand, capacity, options)


def limit_of(
    demand: Demand, capacity: Capacity, candidate: Candidate, subject: Machine, options: Rightsize
) -> Limit | None:
    """What rules a candidate out; None where nothing does."""
    if not _carries(demand, capacity, options):
        return "busy"
    if not _holds(demand, capacity, options):
        return "memory"
    return None if _keeps_host_share(candidate, subject, demand) else "host"


def why_none(
    ruled_out: Sequence[tuple[Candidate, Limit]], demand: Demand, subject: Machine, options: Rightsize
) -> tuple[str, str]:
    """Reason and explanation where every cheaper type was ruled out: by what the last of them failed on."""
    if not ruled_out:
        return "smallest", f"No type cheaper than {subject.instance_type} has a known price in {subject.region}."
    limit = max((limit for _, limit in ruled_out), key=_ORDER.index)
    if limit == "busy":
        return limit, (
            f"Load at p{options.percentile * 100:g} was {demand.load_at(options.percentile):.2f} of its "
            f"{_plain(subject.accelerator_count)} accelerators, {_most(demand.concurrent)} of them at once; none of "
            f"the {len(ruled_out)} cheaper types with a known price carries that with headroom."
        )
    if limit == "memory":
        return limit, (
            f"It holds up to {float(np.nanmax(demand.memory)) / _GIB:.1f} GiB of accelerator memory; no cheaper "
            "type that could do its work has that with headroom."
        )
    host = instance_type(subject.provider, subject.instance_type or "")
    if host is None or host.vcpus is None or host.memory_gib is None:
        return limit, (
            f"A smaller type could do its work, but the vCPUs and host memory of {subject.instance_type} are not "
            "known, so nobody can say what it would lose."
        )
    vcpus, memory = _host_need(host, demand)
    able = [candidate for candidate, what in ruled_out if what == "host"]
    nearest = max(able, key=lambda item: min(item.vcpus / vcpus, item.memory_gib / memory))
    return limit, (
        f"Cheaper types could do its accelerators' work, but none keeps the {_plain(vcpus)} vCPUs and "
        f"{_plain(memory)} GiB of host memory that the accelerators in use have now, and host need is not measured. "
        f"Nearest: {nearest.instance_type}, {_plain(nearest.vcpus)} vCPUs and {_plain(nearest.memory_gib)} GiB."
    )


def _carries(demand: Demand, capacity: Capacity, options: Rightsize) -> bool:
    return (
        demand.load_at(options.percentile) <= capacity.load * (1 - options.compute_headroom)
        and float(np.nanmax(demand.concurrent)) <= capacity.devices
    )


def _holds(demand: Demand, capacity: Capacity, options: Rightsize) -> bool:
    return float(np.nanmax(demand.memory)) <= capacity.memory * (1 - options.memory_headroom)


def _keeps_host_share(candidate: Candidate, subject: Machine, demand: Demand) -> bool:
    """Whether each accelerator in use keeps the vCPUs and host memory it has now; false where the host is not known."""
    host = instance_type(subject.provider, subject.instance_type or "")
    if host is None or host.vcpus is None or host.memory_gib is None:
        return False
    vcpus, memory = _host_need(host, demand)
    return candidate.vcpus >= vcpus and candidate.memory_gib >= memory


def _host_need(host: InstanceType, demand: Demand) -> tuple[Decimal, Decimal]:
    """The vCPUs and GiB of host memory that go with the accelerators in use."""
    in_use = Decimal(_most(demand.concurrent)) / host.accelerators
    return (host.vcpus or Decimal(0)) * in_use, (host.memory_gib or Decimal(0)) * in_use


def _most(series: NDArray[np.float64]) -> int:
    return int(np.nanmax(series))


def _plain(number: Decimal | None) -> str:
    return "unknown" if number is None else f"{number.quantize(Decimal('0.1')).normalize():f}"
