"""Serving on spot replicas with some to spare, and on demand for what is missing.

Assumes
    N replicas carry the load. N + k are kept on spot; each is there a share ``a`` of the time. What is missing of N is
    started on demand at once.
Method
    Cost per needed replica, in on-demand prices: [(N + k)·a·r + Σ_{x<N} (N − x)·P(X = x)] / N, r the price ratio.
    X is binomial where replicas fail one by one. Where zones fail as a whole, the replicas of a zone are there or not
    together, and X is the sum over zones: what can be promised is capped by the largest of them.
    The spare asked for a target is the least k with P(X ≥ N) at or above it; for the loss of any one zone it is
    ⌈N ÷ (zones − 1)⌉.
Cases
    No spare however large reaches the target (fewer zones than it takes): None.
Sources
    docs/advice.md; Mao et al., EuroSys 2025 (SkyServe): 43 % lower cost on average.
Known drawbacks
    A fallback is not there at once: the time it takes to start is not in P(X < N), and asks for more spare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-12


@dataclass(frozen=True)
class SpotServing:
    """What spot with fallback costs and promises.

    ``cost_share`` of N replicas on demand, ``saving`` 1 less that; ``shortfall`` the chance that fewer than N are on
    spot, ``fallback`` the mean number on demand.
    """

    needed: int
    spare: int
    cost_share: float
    saving: float
    shortfall: float
    fallback: float


def available_replicas(domains: Sequence[int], availability: Sequence[float]) -> NDArray[np.float64]:
    """P(X = x) for x from 0 to all replicas: each domain is there as a whole with its availability, or not at all.

    Replicas that fail one by one are domains of one.
    """
    if len(domains) != len(availability):
        raise ValueError(f"{len(domains)} domains have {len(availability)} availabilities")
    if any(count < 0 for count in domains) or any(not 0 <= share <= 1 for share in availability):
        raise ValueError("replicas are not negative, and availability is from 0 to 1")
    chances = np.ones(1)
    for count, share in zip(domains, availability, strict=True):
        if count:
            longer = np.zeros(chances.size + count)
            longer[: chances.size] += (1 - share) * chances
            longer[count:] += share * chances
            chances = longer
    return chances


def spread(replicas: int, zones: int) -> tuple[int, ...]:
    """Replicas over zones as evenly as they go, the larger first."""
    each, more = divmod(replicas, zones)
    return tuple(each + (zone < more) for zone in range(zones))


def serving_cost(
    needed: int,
    spare: int,
    availability: float | Sequence[float],
    price_ratio: float,
    *,
    domains: Sequence[int] | None = None,
) -> SpotServing:
    """Cost and promise of ``needed`` + ``spare`` spot replicas, which fail one by one or with their domain.

    ``domains`` are the replicas of each zone, and ``availability`` then may be one share for each.
    """
    if needed < 1 or spare < 0:
        raise ValueError("one replica or more is needed, and the spare is not negative")
    each = (1,) * (needed + spare) if domains is None else tuple(domains)
    if sum(each) != needed + spare:
        raise ValueError(f"the domains hold {sum(each)} replicas, not {needed + spare}")
    shares = [availability] * len(each) if isinstance(availability, int | float) else list(availability)
    chances = available_replicas(each, shares)
    missing = np.maximum(needed - np.arange(chances.size), 0)
    fallback = float(missing @ chances)
    running = sum(count * share for count, share in zip(each, shares, strict=True))
    cost = (running * price_ratio + fallback) / needed
    return SpotServing(
        needed=needed,
        spare=spare,
        cost_share=cost,
        saving=1 - cost,
        shortfall=float(chances[:needed].sum()),
        fallback=fallback,
    )


def mean_field_saving(needed: int, spare: int, availability: float, price_ratio: float) -> float:
    """The saving if always exactly the mean number of replicas were there: never below the true one."""
    running = (needed + spare) * availability
    return 1 - (running * price_ratio + max(needed - running, 0)) / needed


def smallest_spare(needed: int, availability: float, target: float, *, zones: int | None = None) -> int | None:
    """Least spare with which ``needed`` replicas are on spot with the chance ``target``; None where none is enough.

    ``zones`` spreads them evenly over zones that fail as a whole; without it replicas fail one by one. Past ``needed``
    replicas in every zone more cannot help: one zone left is enough then.
    """
    if not 0 < availability <= 1:
        return None
    most = needed * (zones - 1) if zones else _enough(needed, availability, target)
    for spare in range(most + 1):
        domains = spread(needed + spare, zones) if zones else (1,) * (needed + spare)
        chances = available_replicas(domains, [availability] * len(domains))
        if float(chances[needed:].sum()) >= target - _ROUNDING:
            return spare
    return None


def spare_for_a_zone(needed: int, zones: int) -> int:
    """Least spare with which ``needed`` replicas are left when any one of two zones or more is lost: ⌈N ÷ (zones − 1)⌉.

    Spread evenly the largest zone holds ⌈(N + k) ÷ zones⌉, and k has to be no less.
    """
    return -(-needed // (zones - 1))


def _enough(needed: int, availability: float, target: float) -> int:
    """A spare that is surely enough, by Hoeffding: the mean exceeds N by more than √(n·ln(1/(1−target))/2)."""
    if target >= 1:
        return 0 if availability == 1 else -1
    tail = -math.log1p(-target) if target > 0 else 0.0
    # a·n − √(n·tail/2) ≥ N, solved for √n
    root = (math.sqrt(tail / 2) + math.sqrt(tail / 2 + 4 * availability * needed)) / (2 * availability)
    return math.ceil(root * root) - needed
