"""Fewer servers for the same work: what fits together, tried on the sum of what each did.

Assumes
    Tenants can share a server if it has the memory for all at once and the time for what they do together. Activity is
    a share of one server per dimension (compute, bandwidth, …), memory in bytes; NaN is unknown.
Method
    First-fit decreasing: the largest first, by its greatest dimension relative to the server's, each into the first
    server that takes it. Memory adds up by maxima, since a cliff forgives nothing. Activity adds up slot by slot, and
    the sum's P95 must stay within the target: of two that work by turns neither is ever in the other's way, which the
    sum of their percentiles cannot see.
    What a tenant holds on one device stays on one, its largest part first, each where most room is left.
    Tenants that must not share a server (the replicas of one service) name the same group.
    :func:`replay_packing` counts what would have gone wrong on other history than it was packed by.
Cases
    A tenant of unknown memory or activity, or too large for a server, is not placed and says so.
    A server whose tenants are known together in less than half of the slots takes no more of them.
Sources
    docs/advice.md; Johnson 1973 (first-fit decreasing: no more than 11/9 of the best, and one, in one dimension).
Known drawbacks
    Sharing a server costs time that the sum does not hold (cache, bandwidth between tenants): keep the target low.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.methods.outcome import Capacity, Demand, Outcome, outcome
from recommender.methods.percentiles import weighted_percentile

Series = NDArray[np.float64]

ACTIVITY_PERCENTILE = 0.95
ACTIVITY_TARGET = 0.8
MEMORY_HEADROOM = 0.1
MIN_KNOWN = 0.5
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Tenant:
    """Something that runs on a server: largest memory in bytes, activity (dimensions, slots), and its group apart.

    ``on_each`` is the largest memory on each device it has now; empty: all of it is on one.
    """

    key: str
    memory: float
    activity: Series
    apart: str | None = None
    on_each: tuple[float, ...] = ()


@dataclass(frozen=True)
class Server:
    """What one server has: bytes of memory on all its ``devices``, and 1 (or more) of each dimension of activity."""

    memory: float
    activity: float = 1.0
    percentile: float = ACTIVITY_PERCENTILE
    target: float = ACTIVITY_TARGET
    memory_headroom: float = MEMORY_HEADROOM
    devices: int = 1


@dataclass(frozen=True)
class Packing:
    """Keys of the tenants of each server, and those that fit nowhere."""

    servers: tuple[tuple[str, ...], ...]
    not_placed: tuple[str, ...]


@dataclass(frozen=True)
class Balance:
    """How evenly a load lies on its replicas, and how many would do if it lay evenly.

    ``hottest`` is the greatest share of the load that one replica had, ``ratio`` that over an even share.
    """

    hottest: float
    ratio: float
    needed: int
    needed_as_is: int


def first_fit_decreasing(
    sizes: Series, capacity: Sequence[float], apart: Sequence[str | None] | None = None
) -> tuple[list[list[int]], list[int]]:
    """Bins of item numbers for fixed sizes (items, dimensions), and the items larger than a bin.

    Items with the same group in ``apart`` share no bin. Sizes are not negative; NaN is too large.
    """
    room = np.asarray(capacity, dtype=float)
    relative = (sizes / room).max(axis=1) if sizes.size else np.zeros(len(sizes))
    bins: list[list[int]] = []
    left = np.empty((max(len(sizes), 1), room.size))
    groups: dict[str, list[int]] = {}
    too_large = []
    for item in np.argsort(-np.nan_to_num(relative, nan=np.inf), kind="stable"):
        if not relative[item] <= 1 + _ROUNDING:
            too_large.append(int(item))
            continue
        group = apart[item] if apart is not None else None
        takes = (left[: len(bins)] >= sizes[item] - _ROUNDING * room).all(axis=1)
        if group is not None:
            takes[groups.setdefault(group, [])] = False
        if takes.any():
            at = int(np.argmax(takes))
        else:
            at = len(bins)
            bins.append([])
            left[at] = room
        bins[at].append(int(item))
        left[at] -= sizes[item]
        if group is not None:
            groups[group].append(at)
    return bins, too_large


def lower_bound(sizes: Series, capacity: Sequence[float]) -> int:
    """Bins that no packing does without: the total of the scarcest dimension."""
    if not len(sizes):
        return 0
    totals = sizes.sum(axis=0) / np.asarray(capacity, dtype=float)
    return max(math.ceil(float(totals.max()) - _ROUNDING), 1)


def fits_together(tenants: Sequence[Tenant], server: Server) -> bool:
    """Whether tenants may share a server: groups, memory by maxima, and activity by the percentile of its sum."""
    groups = [tenant.apart for tenant in tenants if tenant.apart is not None]
    memory = sum(tenant.memory for tenant in tenants)
    if len(groups) != len(set(groups)) or not memory <= server.memory * (1 - server.memory_headroom):
        return False
    cards: list[float] | None = _all_of(server)
    for tenant in tenants:
        cards = None if cards is None else _with(cards, tenant, server)
    if cards is None:
        return False
    together = np.sum([tenant.activity for tenant in tenants], axis=0)
    return _active_within(together, server)


def pack(tenants: Sequence[Tenant], server: Server) -> Packing:
    """Tenants on as few servers of one kind as first-fit decreasing finds.

    Raises:
        ValueError: two tenants have one key, or activity of different shapes.
    """
    _check(tenants)
    memory_room = server.memory * (1 - server.memory_headroom)
    size = {tenant.key: _relative_size(tenant, server, memory_room) for tenant in tenants}
    bins: list[_Bin] = []
    not_placed = []
    for tenant in sorted(tenants, key=lambda one: (-size[one.key] if not math.isnan(size[one.key]) else 0, one.key)):
        if math.isnan(size[tenant.key]) or not fits_together([tenant], server):
            not_placed.append(tenant.key)
            continue
        for bin_ in bins:
            if bin_.takes(tenant, server, memory_room):
                bin_.add(tenant)
                break
        else:
            bins.append(_Bin(tenant, server))
    return Packing(tuple(tuple(bin_.keys) for bin_ in bins), tuple(sorted(not_placed)))


def replay_packing(
    packing: Packing, demand: Mapping[str, Tenant], server: Server, *, slots_per_hour: int = 12
) -> list[Outcome]:
    """What each server of a packing would have met on this demand: the summed activity against all it has.

    Of several dimensions the busiest of each slot counts; memory is each tenant's maximum, for every slot.
    """
    found = []
    for keys in packing.servers:
        tenants = [demand[key] for key in keys]
        together = np.sum([tenant.activity for tenant in tenants], axis=0)
        # NaN in any dimension is unknown, unless another is above capacity
        above = np.where(together > server.activity, together, -np.inf).max(axis=0)
        busiest = np.where(np.isinf(above), together.max(axis=0), above)
        memory = np.full(busiest.size, float(sum(tenant.memory for tenant in tenants)))
        found.append(
            outcome(
                Demand(load=busiest, memory=memory, slots_per_hour=slots_per_hour),
                Capacity(load=server.activity, memory=server.memory, target=server.target),
            )
        )
    return found


def balance(loads: Series, *, per_replica: float, target: float = ACTIVITY_TARGET, percentile: float = 0.95) -> Balance:
    """How a load (replicas, slots) lies on its replicas, and replicas needed if it lay evenly and as it lies.

    As it lies, the hottest replica's share stays what it is and decides how many there must be.

    Raises:
        ValueError: nothing is known, or nothing was done.
    """
    known = ~np.isnan(loads).any(axis=0)
    totals = loads[:, known].sum(axis=1)
    if not totals.sum() > 0:
        raise ValueError("a load that is unknown or nothing lies nowhere")
    hottest = float(totals.max() / totals.sum())
    room = per_replica * target
    together, alone = loads[:, known].sum(axis=0), loads[:, known].max(axis=0)
    ones = np.ones(together.size)
    needed = max(math.ceil(weighted_percentile(together, ones, percentile) / room - _ROUNDING), 1)
    scale = weighted_percentile(alone, ones, percentile) / room
    return Balance(
        hottest=hottest,
        ratio=hottest * len(loads),
        needed=needed,
        needed_as_is=max(math.ceil(len(loads) * scale - _ROUNDING), needed),
    )


class _Bin:
    """A server being filled."""

    def __init__(self, first: Tenant, server: Server) -> None:
        self.server = server
        self.cards = _all_of(server)
        self.keys: list[str] = []
        self.groups: set[str] = set()
        self.memory = 0.0
        self.activity = np.zeros_like(first.activity, dtype=float)
        self.add(first)

    def takes(self, tenant: Tenant, server: Server, memory_room: float) -> bool:
        return (
            tenant.apart not in self.groups
            and self.memory + tenant.memory <= memory_room
            and _with(self.cards, tenant, server) is not None
            and _active_within(self.activity + tenant.activity, server)
        )

    def add(self, tenant: Tenant) -> None:
        self.keys.append(tenant.key)
        if tenant.apart is not None:
            self.groups.add(tenant.apart)
        self.cards = _with(self.cards, tenant, self.server) or self.cards
        self.memory += tenant.memory
        self.activity = self.activity + tenant.activity


def _all_of(server: Server) -> list[float]:
    """What each device has room for."""
    return [server.memory * (1 - server.memory_headroom) / server.devices] * server.devices


def _with(cards: Sequence[float], tenant: Tenant, server: Server) -> list[float] | None:
    """What is left of each device once a tenant is there, its largest part first; None where a part fits on none.

    Each part goes where most is left, so that those of one tenant stay on devices of their own while there are any.
    What fills a device now, headroom and all, fills one again.
    """
    room, left = server.memory * (1 - server.memory_headroom) / server.devices, list(cards)
    for part in sorted(tenant.on_each or (tenant.memory,), reverse=True):
        size = min(part, room)
        at = max(range(len(left)), key=left.__getitem__)
        if not size <= left[at] + _ROUNDING * room:
            return None
        left[at] -= size
    return left


def _active_within(together: Series, server: Server) -> bool:
    """Whether summed activity stays within the target in every dimension at the percentile, and is known enough."""
    limit = server.activity * server.target + _ROUNDING
    for series in together:
        known = series[~np.isnan(series)]
        if known.size < MIN_KNOWN * series.size or not known.size:
            return False
        if float(np.quantile(known, server.percentile, method="inverted_cdf")) > limit:
            return False
    return True


def _relative_size(tenant: Tenant, server: Server, memory_room: float) -> float:
    """Greatest dimension relative to what a server has for it; NaN where one is unknown."""
    ones = np.ones(tenant.activity.shape[1])
    activity = [weighted_percentile(series, ones, server.percentile) for series in tenant.activity]
    sizes = [tenant.memory / memory_room, *(value / (server.activity * server.target) for value in activity)]
    return math.nan if any(math.isnan(size) for size in sizes) else max(sizes)


def _check(tenants: Sequence[Tenant]) -> None:
    if len({tenant.key for tenant in tenants}) != len(tenants):
        raise ValueError("two tenants have one key")
    if len({tenant.activity.shape for tenant in tenants}) > 1 or any(one.activity.ndim != 2 for one in tenants):
        raise ValueError("activity is (dimensions, slots), and the same for all tenants")
