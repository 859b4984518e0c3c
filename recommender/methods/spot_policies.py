"""A job with a deadline on spot and on-demand capacity, played on a series of when spot was there.

Assumes
    Work can move at any time for a changeover, which is paid and brings nothing (saving, waiting, loading). Whether
    spot is there is known at the start of each tick of the series, and holds for the tick. Times are in hours.
Method
    Each policy has the same net: on demand as soon as the time left less the work left is no more than two changeovers
    and a tick. So the deadline is met whatever spot does.
    *on_demand*          on demand from start to end
    *greedy*             spot whenever it is there; without it, wait until the net catches
    *uniform_progress*   as greedy, but without spot and behind t·W/D: on demand until ahead of it by two changeovers
                         of time; where zones are hopped, only until spot returns
    Spot stays where it is while that zone has it, and else moves to the first zone that has.
    Cost is in hours of on-demand capacity; savings are against staying on demand, changeover included.
Cases
    A deadline that work and one changeover do not fit into is an error.
Sources
    docs/advice.md; Wu et al., NSDI 2024 (Can't Be Late), whose measured savings are 27 to 84 %.
Known drawbacks
    No price differences between zones, no cost of moving data, and no shortage of whole gangs of machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Policy = Literal["on_demand", "greedy", "uniform_progress"]
GREEDY_FROM = 1.75
"""Deadline over work from which waiting for spot beats buying progress."""
_ON_DEMAND = -1
_WAITING = -2
_TINY = 1e-9


@dataclass(frozen=True)
class SpotJob:
    """Hours of work, hours until it must be done, hours a changeover takes, and spot price over on-demand price."""

    work: float
    deadline: float
    changeover: float
    price_ratio: float

    def __post_init__(self) -> None:
        if not (self.work > 0 and self.changeover >= 0 and self.price_ratio >= 0):
            raise ValueError("work is above 0, changeover and price ratio are not negative")
        if self.deadline < self.work + self.changeover:
            raise ValueError(f"{self.work:g} h of work and a changeover do not fit into {self.deadline:g} h")


@dataclass(frozen=True)
class SpotRun:
    """How one run went. Hours from its start; ``cost`` in on-demand hours; ``moves`` are all starts and changeovers.

    ``saving`` is the share of the cost on demand, ``share_of_possible`` that of 1 − price ratio; None where spot is
    no cheaper.
    """

    policy: Policy
    cost: float
    spot_hours: float
    on_demand_hours: float
    finished: float
    met_deadline: bool
    moves: int
    saving: float
    share_of_possible: float | None


@dataclass(frozen=True)
class SpotRuns:
    """A policy over several starts."""

    policy: Policy
    runs: int
    mean_saving: float
    worst_saving: float
    share_of_possible: float | None
    met_deadlines: bool
    availability: float
    """Share of ticks in which any zone had spot."""


def simulate(
    policy: Policy, available: NDArray[np.bool_], tick: float, job: SpotJob, *, start: int = 0, hop: bool | None = None
) -> SpotRun:
    """Play one job from a tick of an availability series, (ticks,) or (zones, ticks).

    ``hop`` says that the job may change zones, as it may by default where there are several.

    Raises:
        ValueError: the series ends before the deadline, or the tick is not above 0.
    """
    zones = np.atleast_2d(available)
    ticks = math.ceil(job.deadline / tick - _TINY) if tick > 0 else 0
    if ticks < 1 or start < 0 or start + ticks > zones.shape[1]:
        raise ValueError(f"{zones.shape[1]} ticks of {tick:g} h do not hold {job.deadline:g} h from tick {start}")
    hops = zones.shape[0] > 1 if hop is None else hop
    state = _State(job, tick)
    for number in range(ticks):
        there = zones[: None if hops else 1, start + number]
        state.step(state.choose(policy, there, number * tick, leave_for_spot=hops))
        if state.finished is not None:
            break
    return state.run(policy)


def simulate_starts(
    policy: Policy, available: NDArray[np.bool_], tick: float, job: SpotJob, starts: Sequence[int]
) -> SpotRuns:
    """The same job from several ticks of a series."""
    if not starts:
        raise ValueError("one start or more is needed")
    runs = [simulate(policy, available, tick, job, start=start) for start in starts]
    mean = float(np.mean([run.saving for run in runs]))
    return SpotRuns(
        policy=policy,
        runs=len(runs),
        mean_saving=mean,
        worst_saving=min(run.saving for run in runs),
        share_of_possible=_share(mean, job),
        met_deadlines=all(run.met_deadline for run in runs),
        availability=float(np.atleast_2d(available).any(axis=0).mean()),
    )


def spread_starts(ticks: int, tick: float, job: SpotJob, count: int) -> list[int]:
    """Starts spread evenly over a series, each with room for its deadline; none where there is none."""
    last = ticks - math.ceil(job.deadline / tick - _TINY)
    if last < 0 or count < 1:
        return []
    return sorted({round(float(at)) for at in np.linspace(0, last, count)})


def policy_for(work: float, deadline: float) -> Policy:
    """The better one on measured traces: greedy where the deadline is far, uniform progress where it is near."""
    return "greedy" if deadline >= GREEDY_FROM * work else "uniform_progress"


class _State:
    """Where one job is: done work, what it runs on, and what is left of a changeover."""

    def __init__(self, job: SpotJob, tick: float) -> None:
        self.job, self.tick = job, tick
        self.done = self.warm = self.elapsed = self.spot_hours = self.on_demand_hours = 0.0
        self.place, self.moves = _WAITING, 0
        self.catching_up = False
        self.finished: float | None = None

    def choose(self, policy: Policy, there: NDArray[np.bool_], now: float, *, leave_for_spot: bool) -> int:
        """Zone to run in for this tick, on demand, or nothing."""
        job = self.job
        spare = job.deadline - now - (job.work - self.done)
        if policy == "on_demand" or spare <= 2 * job.changeover + self.tick + _TINY:
            return _ON_DEMAND
        zone = self.place if self.place >= 0 and there[self.place] else int(np.argmax(there)) if there.any() else None
        if policy == "greedy":
            return _WAITING if zone is None else zone
        due = job.work / job.deadline
        if self.catching_up:
            caught_up = self.done >= (now + 2 * job.changeover) * due - _TINY
            self.catching_up = not caught_up and not (leave_for_spot and zone is not None)
        elif zone is None:
            self.catching_up = self.done < now * due - _TINY
        if self.catching_up:
            return _ON_DEMAND
        return _WAITING if zone is None else zone

    def step(self, place: int) -> None:
        """Run one tick there, or the part of it that finishes the work."""
        if place not in (self.place, _WAITING):
            self.warm = self.job.changeover
            self.moves += 1
        self.place = place
        if place == _WAITING:
            self.elapsed += self.tick
            return
        needed = self.warm + self.job.work - self.done
        paid = min(self.tick, needed)
        self.done += max(paid - self.warm, 0.0)
        self.warm = max(self.warm - paid, 0.0)
        self.elapsed += paid
        if place == _ON_DEMAND:
            self.on_demand_hours += paid
        else:
            self.spot_hours += paid
        if needed <= self.tick + _TINY:
            self.finished = self.elapsed

    def run(self, policy: Policy) -> SpotRun:
        """What came of it."""
        job = self.job
        cost = self.on_demand_hours + self.spot_hours * job.price_ratio
        saving = 1 - cost / (job.work + job.changeover)
        return SpotRun(
            policy=policy,
            cost=cost,
            spot_hours=self.spot_hours,
            on_demand_hours=self.on_demand_hours,
            finished=self.elapsed,
            met_deadline=self.finished is not None and self.finished <= job.deadline + _TINY,
            moves=self.moves,
            saving=saving,
            share_of_possible=_share(saving, job),
        )


def _share(saving: float, job: SpotJob) -> float | None:
    return saving / (1 - job.price_ratio) if job.price_ratio < 1 else None
