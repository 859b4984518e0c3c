"""What a smaller size fails on, in the order it is asked: the work, the memory in use, what joins devices, the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aispend.prices.accelerators import Accelerator, InstanceType, accelerator, instance_type
from aispend.prices.prices import Candidate
from aispend.sizing import Rightsize
from recommender.machine_facts import has_fast_link
from recommender.methods.model_memory import Precision, accelerators_needed
from recommender.methods.outcome import Capacity, Demand, DemandAt
from recommender.methods.percentiles import ROUNDING
from recommender.methods.realised_ratio import RealisedRatio
from recommender.methods.throughput import ServedModel
from recommender.subjects.machines import Machine

Limit = Literal["busy", "memory", "link", "host"]
_ORDER: tuple[Limit, ...] = ("busy", "memory", "link", "host")
TRAINING = ("training", "fine_tuning")
_GIB = 2**30
HOST_PER_DEVICE_MEMORY = 2
"""GiB of host memory for each GiB held on the accelerators: weights pass through it, and something else runs there."""
_WITHOUT_BF16 = frozenset({"kepler", "maxwell", "pascal", "volta", "turing"})


@dataclass(frozen=True)
class Need:
    """What history asks of a size: load at the chosen percentile, accelerators at once, bytes on all and on one; and
    the load of the one that has most, at the percentile too."""

    load: float
    concurrent: int
    memory: float
    on_one: float
    load_on_one: float = 0.0


@dataclass(frozen=True)
class ModelNeed:
    """A model that is known to be all that runs there, and the tokens it has to hold at once."""

    model: ServedModel
    tokens: int


@dataclass(frozen=True)
class Size:
    """A cheaper type and what it can carry; ``load`` and ``devices`` are the capacity's, as numbers.

    ``speed`` is that of another card against the present one, None for the same card. ``gate`` names what has to be
    shown before another card may count; ``least_load`` is the load it carries at the low end of its speed, and
    ``least_on_one`` what one card of it carries then of what lies on one now (infinite where it may be spread).
    """

    candidate: Candidate
    capacity: Capacity
    load: float
    devices: float
    speed: RealisedRatio | None = None
    gate: str | None = None
    least_load: float | None = None
    least_on_one: float = np.inf


def load_at(load: NDArray[np.float64], share: float, *, by_work: bool) -> float:
    """Load that ``share`` of the known time does not exceed; ``by_work``: at which that share of the *work* is done,
    where that is more (bursts between long quiet times). NaN where nothing is known."""
    known = load[~np.isnan(load)]
    if not known.size:
        return float("nan")
    # both percentiles lie in the top: the work above a share is done by no more than that part of the time
    from_top = min(int((1 - share) * known.size) + 2, known.size)
    parted = np.partition(known, known.size - from_top)
    lower, top = parted[: known.size - from_top], np.sort(parted[known.size - from_top :])
    position = share * (known.size - 1) - lower.size
    below = int(position)
    above = min(below + 1, top.size - 1)
    by_time = float(top[below] + (top[above] - top[below]) * (position - below))
    return max(by_time, _by_work(lower, top, share)) if by_work and top[-1] > 0 else by_time


def _by_work(lower: NDArray[np.float64], top: NDArray[np.float64], share: float) -> float:
    """``weighted_percentile`` of values by themselves, none below 0; the top is in order and holds the answer."""
    heights = lower.sum() + np.cumsum(top)
    at = int(np.searchsorted(heights, share * heights[-1] * (1 - ROUNDING)))
    return float(top[min(at, top.size - 1)])


def need_of(demand: Demand | DemandAt, share: float, by_work: bool) -> Need | None:
    """Need of a stretch of history; None where load or memory is not known at all."""
    if demand.concurrent is None or demand.memory is None or demand.on_one is None:
        return None
    percentile = load_at(demand.load, share, by_work=by_work)
    most, held, on_one = (
        float(np.fmax.reduce(series, initial=-np.inf)) for series in (demand.concurrent, demand.memory, demand.on_one)
    )
    if np.isnan(percentile) or np.isinf(most) or np.isinf(held) or np.isinf(on_one):
        return None
    busiest = 0.0 if demand.load_on_one is None else load_at(demand.load_on_one, share, by_work=by_work)
    return Need(percentile, int(most), held, on_one, busiest)


def smaller_card(candidate: Candidate, present: str | None) -> float:
    """Bytes that one card of the candidate holds where that is less than one of the present type, else infinite.

    What fills a card of now fits one as large. What is on it is split over smaller ones by its own software alone, in
    as many parts as divide its heads (tensor parallelism): where the model is not known nobody can say that it may be.
    """
    ours = accelerator(present or "")
    each = candidate.memory_gb / max(candidate.accelerators, Decimal(1))
    return float(each) * 1e9 if ours is None or each < ours.memory_gb else np.inf


def limit_of(
    need: Need, size: Size, subject: Machine, options: Rightsize, model: ModelNeed | None = None
) -> Limit | None:
    """What rules a size out; None where nothing does."""
    part = 1 - options.compute_headroom
    if need.load > size.load * part or need.concurrent > size.devices:
        return "busy"
    if need.load_on_one > size.capacity.load_on_one * part:
        return "busy"
    if model is not None:
        if not holds_model(model, size.candidate):
            return "memory"
    else:
        room = 1 - options.memory_headroom
        if need.memory > float(size.candidate.memory_gb) * 1e9 * room:
            return "memory"
        if need.on_one > smaller_card(size.candidate, subject.accelerator_type) * room:
            return "memory"
    if _loses_link(need, size, subject, model):
        return "link"
    return None if _keeps_host_share(size.candidate, subject, need) else "host"


def _loses_link(need: Need, size: Size, subject: Machine, model: ModelNeed | None) -> bool:
    """Whether devices that work together are joined by a fast link now and would not be there.

    Together work those of one training, and those that a model is split over, as its shape says.
    """
    candidate = size.candidate
    if has_fast_link(candidate.accelerator_type) or not has_fast_link(subject.accelerator_type):
        return False
    if subject.stage in TRAINING:
        return need.concurrent > 1
    return model is not None and (degree_of(model, candidate) or 1) > 1


def holds_model(need: ModelNeed, candidate: Candidate) -> bool:
    """Whether the type's cards hold the model at a degree that divides its heads, and compute in its precision."""
    return degree_of(need, candidate) is not None


def degree_of(need: ModelNeed, candidate: Candidate) -> int | None:
    """Over how many of the type's cards the model is split; None where they do not hold it or compute otherwise."""
    card = accelerator(candidate.accelerator_type)
    if card is None or not computes(card, need.model.precision):
        return None
    return accelerators_needed(
        need.model.shape,
        float(card.memory_gb) * 1e9,
        need.model.precision,
        tokens=need.tokens,
        kv_precision=need.model.kv_precision,
        maximum=int(candidate.accelerators),
    )


def computes(card: Accelerator, precision: Precision) -> bool:
    """Whether a card computes in this precision; four-bit weights and fp16 run on any."""
    if precision == "fp8":
        return card.fp8_tflops is not None
    if precision == "fp4":
        return card.fp4_tflops is not None
    return precision != "bf16" or card.architecture not in _WITHOUT_BF16


def can_with_less_host(need: Need, candidate: Candidate, subject: Machine) -> bool:
    """Whether vCPUs are kept and host memory, if less than now, is still twice what the accelerators hold."""
    host = _host(subject)
    if host is None:
        return False
    vcpus, _ = _host_need(host, need)
    return candidate.vcpus >= vcpus and float(candidate.memory_gib) >= HOST_PER_DEVICE_MEMORY * need.memory / _GIB


def why_none(
    ruled_out: Sequence[tuple[Candidate, Limit]], need: Need, subject: Machine, options: Rightsize
) -> tuple[str, str]:
    """Reason and explanation where every cheaper type was ruled out: by what the last of them failed on."""
    if not ruled_out:
        return "smallest", f"No type cheaper than {subject.instance_type} has a known price in {subject.place}."
    limit = max((limit for _, limit in ruled_out), key=_ORDER.index)
    if limit == "busy":
        return limit, (
            f"Load at p{options.percentile * 100:g} was {need.load:.2f} of its "
            f"{_plain(subject.accelerator_count)} accelerators, {need.concurrent} of them at once and "
            f"{need.load_on_one:.2f} of it on one; none of "
            f"the {len(ruled_out)} cheaper types with a known price carries that with headroom."
        )
    if limit == "memory":
        return limit, (
            f"It holds up to {need.memory / _GIB:.1f} GiB of accelerator memory, up to {need.on_one / _GIB:.1f} GiB of "
            "it on one card; no cheaper type that could do its work has that with headroom."
        )
    if limit == "link":
        return limit, (
            f"Its devices work together over the fast link of {subject.accelerator_type}, and those of every cheaper "
            "type that could hold the work would be joined by the host's bus alone."
        )
    host = _host(subject)
    if host is None:
        return limit, (
            f"A smaller type could do its work, but the vCPUs and host memory of {subject.instance_type} are not "
            "known, so nobody can say what it would lose."
        )
    vcpus, memory = _host_need(host, need)
    able = [candidate for candidate, what in ruled_out if what == "host"]
    nearest = max(able, key=lambda item: min(item.vcpus / vcpus, item.memory_gib / memory))
    return limit, (
        f"Cheaper types could do its accelerators' work, but none keeps the {_plain(vcpus)} vCPUs and "
        f"{_plain(memory)} GiB of host memory that the accelerators in use have now, and host need is not measured. "
        f"Nearest: {nearest.instance_type}, {_plain(nearest.vcpus)} vCPUs and {_plain(nearest.memory_gib)} GiB."
    )


def _keeps_host_share(candidate: Candidate, subject: Machine, need: Need) -> bool:
    """Whether each accelerator in use keeps the vCPUs and host memory it has now; false where the host is not known."""
    host = _host(subject)
    if host is None:
        return False
    vcpus, memory = _host_need(host, need)
    return candidate.vcpus >= vcpus and candidate.memory_gib >= memory


def _host(subject: Machine) -> InstanceType | None:
    """The present type, where its vCPUs and host memory are known."""
    host = instance_type(subject.provider, subject.instance_type or "")
    return None if host is None or host.vcpus is None or host.memory_gib is None else host


def _host_need(host: InstanceType, need: Need) -> tuple[Decimal, Decimal]:
    """The vCPUs and GiB of host memory that go with the accelerators in use."""
    in_use = Decimal(need.concurrent) / host.accelerators
    return (host.vcpus or Decimal(0)) * in_use, (host.memory_gib or Decimal(0)) * in_use


def _plain(number: Decimal | None) -> str:
    return "unknown" if number is None else f"{number.quantize(Decimal('0.1')).normalize():f}"
