"""Spot on the prices there were: what it would have cost, and when it would not have been had.

Assumes
    Nobody pays more for spot than the bid, which by default is the on-demand price: in an hour with a higher price the
    work runs on demand. Prices are those of all zones the market was collected for.
Method
    *Price*: rolling origins. Of what came before, the mean of the hourly maximum over the zones says whether spot
    would have been chosen, by the same least saving as today's advice; of what follows, each hour costs its own price,
    times what interruptions repeat and spare replicas add. An hour above the bid is a violation, and what is paid now.
    *Interruptions*: each rise above the bid, counted; beside them those the risk band expects in the hours on spot.
    *Deadline*: the policies of ``spot_policies`` on the same series; a zone has spot where its price is within the bid.
Cases
    Hours before the first price are unknown and left out, up to the next whole day. Under two days there is no replay.
    A deadline longer than the series, or too near for a changeover, is not played.
Sources
    Methods, spot economics; docs/advice.md (replay and its bound).
Known drawbacks
    Prices show what capacity cost and not whether there was any: losses within the bid come from the band alone. A
    price that never changed says little of one that will, and its hours count in full.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity, Demand, DemandAt, Slots
from recommender.methods.replay import Replay, replay
from recommender.methods.spot_policies import Policy, SpotJob, SpotRuns, simulate_starts, spread_starts

Prices = NDArray[np.float64]
DEADLINE_POLICIES: tuple[Policy, ...] = ("uniform_progress", "greedy")
_HOURS_PER_DAY = 24
_MIN_DAYS = 2
_STARTS = 8
_SHORT_WORK = 24.0
"""Hours of work below which ticks of an hour are too coarse for a deadline, and quarters are played."""


@dataclass(frozen=True)
class SpotTerms:
    """What spot is bought on, by the hour of one machine's worth of work.

    ``bid`` the most that is paid for spot, ``paid_now`` what the hour costs today, both in the currency of the prices.
    On spot an hour costs ``per_price`` × its price (what is repeated, and replicas to spare) + ``fixed`` × what is paid
    now (what runs on demand all the same). ``lost_every`` hours something is taken away; ``min_saving`` is the least
    share for which spot is chosen.
    """

    bid: float
    paid_now: float
    per_price: float
    fixed: float
    lost_every: float
    min_saving: float

    def cost(self, price: Prices) -> Prices:
        """Of each hour at such a price."""
        on_spot: Prices = self.per_price * price + self.fixed * self.paid_now
        return np.where(price > self.bid, self.paid_now, on_spot)


@dataclass(frozen=True)
class SpotReplay:
    """``outbid`` is how often the price rose above the bid in the hours tried, ``lost`` what the band expects there."""

    played: Replay
    hours_known: int
    outbid: int
    lost: float


def replay_prices(zones: Prices, terms: SpotTerms) -> SpotReplay | None:
    """Try spot on held-out prices, (zones, hours) from a whole day on, NaN unknown; None where too few are known."""
    price = known_part(zones)
    if price.size < _MIN_DAYS * _HOURS_PER_DAY:
        return None
    folds = make_folds(price.size, 1)

    def choose(train: DemandAt, test: Slots) -> Capacity | None:
        left = 1 - float(terms.cost(train.load).mean()) / terms.paid_now
        if left < terms.min_saving:
            return None
        return Capacity(load=terms.bid, cost=terms.cost(price[test]))

    played = replay(choose, Demand(price, slots_per_hour=1), folds, current=Capacity(load=np.inf, cost=terms.paid_now))
    on_spot = np.zeros(price.size, dtype=np.bool_)
    for fold, capacity in zip(folds.folds, played.capacities, strict=True):
        on_spot[fold.test] |= capacity is not None
    above = on_spot & (price > terms.bid)
    rises = above & ~np.concatenate([[False], above[:-1]])
    had = float((on_spot & ~above).sum())
    return SpotReplay(played, price.size, int(rises.sum()), had / terms.lost_every)


def replay_deadline(
    zones: Prices, *, bid: float, work: float, deadline: float, changeover: float, ratio: float
) -> tuple[SpotRuns, ...] | None:
    """Both policies on the series, from starts spread over it; times in hours, ``ratio`` spot over what is paid now.

    None where the series does not hold the deadline, or the deadline no changeover.
    """
    hours = known_part(zones).size
    if not hours or deadline < work + changeover:
        return None
    job = SpotJob(work, deadline, changeover, ratio)
    tick = 1.0 if work >= _SHORT_WORK else 0.25
    available = np.repeat(zones[:, -hours:] <= bid, round(1 / tick), axis=1)
    starts = spread_starts(available.shape[1], tick, job, _STARTS)
    if not starts:
        return None
    return tuple(simulate_starts(policy, available, tick, job, starts) for policy in DEADLINE_POLICIES)


def known_part(zones: Prices) -> Prices:
    """The highest price over the zones by the hour, from the first whole day of which all hours have one."""
    if not zones.size:
        return np.empty(0)
    highest: Prices = np.fmax.reduce(zones, axis=0)
    unknown = np.flatnonzero(np.isnan(highest))
    first = -(-(int(unknown[-1]) + 1) // _HOURS_PER_DAY) * _HOURS_PER_DAY if unknown.size else 0
    return highest[first:]
