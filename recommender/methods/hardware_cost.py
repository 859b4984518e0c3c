"""What a million tokens cost on each accelerator at one's own service level.

Assumes
    A throughput is what one instance serves while it keeps the service level, at one's own batch and request sizes.
Method
    Cost per million = price per hour ÷ (tokens a second × 3,600) × 10⁶; ranked among those that hold the model and keep
    the level. A move pays only where the price ratio is below the realised throughput ratio, which is the break-even.
Cases
    Memory short of need: never ranked, at any price. Level not kept, throughput not known: excluded, with a reason.
Sources
    Methods, cost-to-performance (T9.1).
Known drawbacks
    A mix of types for requests of different sizes (Mélange) may cost less than any one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from aispend.prices.break_even import cost_per_million


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


def price_for_same_output(target_price: Decimal, realised: float) -> Decimal:
    """What the target costs for as much as one of the present serves."""
    return target_price / Decimal(repr(realised))


def move_pays(present_price: Decimal, target_price: Decimal, realised: float) -> bool:
    """Whether the price ratio is below the realised throughput ratio, the break-even."""
    return price_for_same_output(target_price, realised) < present_price


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
