"""What a million tokens cost on each accelerator at one's own service level, and the cheapest mix of types.

Assumes
    A throughput is what one instance serves while it keeps the service level, at one's own batch and request sizes.
Method
    Cost per million = price per hour ÷ (tokens a second × 3,600) × 10⁶; ranked among those that hold the model and keep
    the level. A move pays only where the price ratio is below the realised throughput ratio, which is the break-even.
    Pareto front: nobody is both cheaper and quicker.
    Mix: requests fall into buckets of input and output size; each bucket is cut into ``slice_factor`` equal slices,
    each slice goes to one type: minimise Σ price · instances, subject to Σ slice rate ÷ throughput ≤ instances of the
    type. An integer programme, solved to within 1 %, or for five seconds: ``gap`` says how close the answer is.
Cases
    Memory short of need: never ranked, at any price. Level not kept, throughput not known: excluded, with a reason.
    A bucket no type can serve: no mix. The solver runs out of time without an answer: no mix.
Sources
    Methods, cost-to-performance (T9.1); Griggs et al. 2024, Mélange, arXiv 2404.14527 (mix, slice factor 4).
Known drawbacks
    A slice is not divided further, so the mix is at most one slice per bucket and type from the divisible optimum. Two
    buckets on one instance are taken to share it in proportion to time, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from aispend.prices.break_even import cost_per_million

SLICE_FACTOR = 4
_GAP = 0.01
_SECONDS = 5.0
_OPTIMAL, _TIME_LIMIT = 0, 1


@dataclass(frozen=True)
class Offer:
    """An instance type for one model. Price per hour in one currency for all; None is unknown.

    ``tokens_per_second`` and ``latency_seconds`` (P95, or between tokens: the same for all) are at one's own traffic;
    memory in bytes, over all accelerators of the instance.
    """

    name: str
    hourly_price: Decimal
    tokens_per_second: float | None
    latency_seconds: float | None
    memory_bytes: float


@dataclass(frozen=True)
class RankedOffer:
    """An offer that can serve, and what a million tokens cost there."""

    offer: Offer
    cost_per_million: Decimal


@dataclass(frozen=True)
class ExcludedOffer:
    """An offer that cannot, and why: memory, latency, or unknown."""

    offer: Offer
    reason: str


@dataclass(frozen=True)
class Ranking:
    """The cheapest first, by cost per million tokens."""

    ranked: tuple[RankedOffer, ...]
    excluded: tuple[ExcludedOffer, ...]


@dataclass(frozen=True)
class InstanceOption:
    """A type of the mix: its price per hour and, bucket by bucket, requests a second at the service level (0: not)."""

    name: str
    hourly_price: Decimal
    throughput: tuple[float, ...]
    available: int | None = None


@dataclass(frozen=True)
class Mix:
    """Instances of each type, price of an hour of all, and which share of each bucket goes to which type.

    ``gap`` is how far above the optimum of the programme it may be at most.
    """

    instances: Mapping[str, int]
    hourly_price: Decimal
    shares: Mapping[str, tuple[float, ...]]
    gap: float


def rank(offers: Sequence[Offer], memory_needed: float, latency_limit: float | None = None) -> Ranking:
    """Offers that hold ``memory_needed`` bytes within ``latency_limit`` seconds (None: any), the cheapest first."""
    ranked, excluded = [], []
    for offer in offers:
        if reason := _why_not(offer, memory_needed, latency_limit):
            excluded.append(ExcludedOffer(offer, reason))
        elif offer.tokens_per_second:
            cost = cost_per_million(offer.hourly_price, Decimal(repr(offer.tokens_per_second)), Decimal(1))
            ranked.append(RankedOffer(offer, cost))
    ranked.sort(key=lambda one: (one.cost_per_million, one.offer.name))
    return Ranking(tuple(ranked), tuple(excluded))


def pareto_front(ranking: Ranking) -> tuple[RankedOffer, ...]:
    """Ranked offers than which none is both cheaper and quicker, the cheapest first; without a latency: left out."""
    front: list[RankedOffer] = []
    quickest = float("inf")
    known = [one for one in ranking.ranked if one.offer.latency_seconds is not None]
    for one in sorted(known, key=lambda one: (one.cost_per_million, one.offer.latency_seconds or 0.0)):
        latency = one.offer.latency_seconds
        if latency is not None and latency < quickest:
            front.append(one)
            quickest = latency
    return tuple(front)


def price_for_same_output(target_price: Decimal, realised: float) -> Decimal:
    """What the target costs for as much as one of the present serves."""
    return target_price / Decimal(repr(realised))


def move_pays(present_price: Decimal, target_price: Decimal, realised: float) -> bool:
    """Whether the price ratio is below the realised throughput ratio, the break-even."""
    return price_for_same_output(target_price, realised) < present_price


def cheapest_mix(
    options: Sequence[InstanceOption], request_rates: Sequence[float], slice_factor: int = SLICE_FACTOR
) -> Mix | None:
    """The cheapest instances that serve ``request_rates`` (requests a second of each bucket); None: nothing can.

    Raises ``ValueError`` where an option does not have one throughput per bucket.
    """
    buckets = [index for index, requests in enumerate(request_rates) if requests > 0]
    if any(len(option.throughput) != len(request_rates) for option in options):
        raise ValueError(f"each option needs {len(request_rates)} throughputs, one per bucket")
    if not buckets:
        return Mix({}, Decimal(0), {}, 0.0)
    if any(all(option.throughput[index] <= 0 for option in options) for index in buckets):
        return None
    found = _solve(options, [request_rates[index] for index in buckets], buckets, slice_factor)
    if found is None:
        return None
    counts, slices, gap = found
    instances = {option.name: int(count) for option, count in zip(options, counts, strict=True) if count}
    shares = {}
    for option, row in zip(options, slices, strict=True):
        if option.name in instances:
            by_bucket = dict(zip(buckets, (row / slice_factor).tolist(), strict=True))
            shares[option.name] = tuple(by_bucket.get(index, 0.0) for index in range(len(request_rates)))
    total = sum((option.hourly_price * instances.get(option.name, 0) for option in options), Decimal(0))
    return Mix(instances, total, shares, gap)


def cheapest_single_type(options: Sequence[InstanceOption], request_rates: Sequence[float]) -> Mix | None:
    """The cheapest way to serve all buckets with instances of one type, to hold a mix against."""
    found = [mix for option in options if (mix := cheapest_mix([option], request_rates))]
    return min(found, key=lambda mix: mix.hourly_price, default=None)


def _why_not(offer: Offer, memory_needed: float, latency_limit: float | None) -> str:
    if offer.memory_bytes < memory_needed:
        return f"It holds {offer.memory_bytes / 1e9:.1f} GB and {memory_needed / 1e9:.1f} GB are needed."
    if not offer.tokens_per_second:
        return "Its throughput is not known."
    if latency_limit is not None:
        if offer.latency_seconds is None:
            return "Its latency is not known."
        if offer.latency_seconds > latency_limit:
            return f"It answers in {offer.latency_seconds:g} s and at most {latency_limit:g} s are allowed."
    return ""


def _solve(
    options: Sequence[InstanceOption], rates: Sequence[float], buckets: Sequence[int], slice_factor: int
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Counts per option and slices per option and bucket: variables n_1 … n_g, then x_g,b option by option."""
    types, width = len(options), len(buckets)
    size = types + types * width
    prices = np.array([float(option.hourly_price) for option in options])
    cost = np.concatenate([prices / prices.max(), np.zeros(types * width)])
    upper = np.full(size, np.inf)
    load = np.zeros((types, size))
    placed = np.zeros((width, size))
    manned = np.zeros((types * width, size))
    for row, option in enumerate(options):
        upper[row] = np.inf if option.available is None else option.available
        load[row, row] = -1.0
        for place, bucket in enumerate(buckets):
            column = types + row * width + place
            speed = option.throughput[bucket]
            upper[column] = slice_factor if speed > 0 else 0
            load[row, column] = rates[place] / slice_factor / speed if speed > 0 else 0.0
            placed[place, column] = 1.0
            # However little a slice is, it needs an instance: loads below the solver's tolerance would have none.
            manned[column - types, [row, column]] = -slice_factor, 1.0
    result = milp(
        cost,
        integrality=np.ones(size),
        bounds=Bounds(np.zeros(size), upper),
        constraints=[
            LinearConstraint(load, -np.inf, 0.0),
            LinearConstraint(placed, slice_factor, slice_factor),
            LinearConstraint(manned, -np.inf, 0.0),
        ],
        options={"mip_rel_gap": _GAP, "time_limit": _SECONDS},
    )
    if result.status not in (_OPTIMAL, _TIME_LIMIT) or result.x is None:
        return None
    whole = np.rint(result.x)
    slices = whole[types:].reshape(types, width)
    return whole[:types], slices, float(result.mip_gap or 0.0)
