"""Capacity by the hour of the week, from what each hour asked for in the weeks before.

Assumes
    The weeks to come are like those seen, hour by hour of the local week: people's habits follow their clocks, so an
    hour of the week keeps its place through a change to summer time. Where a zone is half an hour from UTC's, an hour
    of UTC lies in two of its clock: what it asked for, both may have (:class:`LocalHours`).
Method
    Profile: a high quantile (P95) of demand of each of the 168 hours over the weeks, times growth; at least two weeks,
    four for good evidence. Replicas of an hour: max(minimum, ⌈demand / (capacity of one × target)⌉), and as many as
    any of the hours ahead that start-up takes.
    On and off: an hour is on where its demand was above a threshold in any week. Saving: 1 − Σ n / (168·n_flat).
    :func:`schedule_policy` is the same as a policy for :mod:`recommender.methods.replay`.
    Reactive floor, against which a schedule must do better: Autopilot's replicas, from the largest or the P95 demand
    of three days.
Cases
    An hour of the week never seen is unknown, and has as much as the largest hour.
Sources
    docs/advice.md; Rzadca et al., EuroSys 2020 (horizontal scaling).
Known drawbacks
    Holidays and month ends are not in the week; a repeated exception lifts its hour for all weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from recommender.methods.outcome import Capacity, DemandAt, Slots
from recommender.methods.replay import Policy

Series = NDArray[np.float64]
Hours = NDArray[np.int64]

HOURS_PER_WEEK = 168
MIN_WEEKS = 2
GOOD_WEEKS = 4
QUANTILE = 0.95
_MINUTES = 60
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Profile:
    """Demand of each hour of the local week, Monday 00:00 first; NaN where it was never seen.

    ``weeks`` is how often the typical hour was seen; ``low_evidence`` below four.
    """

    demand: Series
    weeks: int

    @property
    def low_evidence(self) -> bool:
        """Whether fewer weeks were seen than make good evidence."""
        return self.weeks < GOOD_WEEKS


@dataclass(frozen=True)
class Window:
    """A stretch of the week that is on, in hours since Monday 00:00 local time; ``end`` may pass the week's end."""

    start: int
    end: int

    @property
    def hours(self) -> int:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True)
class LocalHours:
    """Hours of a clock that go with consecutive hours of UTC, each with the one in which it begins.

    ``week_hours``: 0 to 167 from Monday 00:00. ``own`` and ``after``: how many minutes of it lie in its hour of UTC and
    in the one after that, which is in two hours of the clock where its zone is not whole hours from UTC.
    """

    week_hours: Hours
    own: Series
    after: Series

    def largest(self, series: Series) -> Series:
        """Of values by hour of UTC the larger known one that each hour has a part in."""
        return np.asarray(np.fmax(series, np.where(self.after > 0, _next(series), np.nan)))

    def mean(self, series: Series) -> Series:
        """Of values by hour of UTC the mean over each hour's minutes; unknown where a part is."""
        later = np.where(self.after > 0, _next(series), 0.0)
        return np.asarray((self.own * series + self.after * later) / (self.own + self.after))


def _next(series: Series) -> Series:
    return np.append(series[1:], np.nan)


def local_hours(start: datetime, hours: int, zone: str) -> LocalHours:
    """The hours of a zone's clock that begin in consecutive hours of UTC from ``start``.

    Raises:
        ValueError: ``start`` has no time zone.
        ZoneInfoNotFoundError: no zone has that name.
    """
    if start.tzinfo is None:
        raise ValueError("the first hour needs a time zone")
    local, first = ZoneInfo(zone), start.astimezone(UTC)
    begun = [first + timedelta(hours=hour) for hour in range(hours)]
    gone = np.array([moment.astimezone(local).minute for moment in begun], dtype=float)
    left = np.where(gone > 0, _MINUTES - gone, 0.0)
    moments = (
        (moment + timedelta(minutes=minutes)).astimezone(local) for moment, minutes in zip(begun, left, strict=True)
    )
    return LocalHours(
        week_hours=np.array([moment.weekday() * 24 + moment.hour for moment in moments], dtype=np.int64),
        own=_MINUTES - left,
        after=np.append(left[1:], 0.0),
    )


def week_profile(
    demand: Series, week_hours: Hours, *, quantile: float = QUANTILE, growth: float = 1.0
) -> Profile | None:
    """Profile of hourly demand (NaN unknown) at these hours of the week; None where the typical hour has no two."""
    known = ~np.isnan(demand)
    seen = np.bincount(week_hours[known], minlength=HOURS_PER_WEEK)
    weeks = int(np.median(seen))
    if weeks < MIN_WEEKS:
        return None
    values, hours = demand[known], week_hours[known]
    ordered = values[np.lexsort((values, hours))]
    # of n values of an hour the smallest at or below which the quantile of them lies, all hours at once
    place = np.clip(np.ceil(quantile * seen * (1 - _ROUNDING)).astype(np.int64) - 1, 0, None)
    found = np.full(HOURS_PER_WEEK, np.nan)
    there = seen > 0
    found[there] = ordered[(np.cumsum(seen) - seen + place)[there]] * growth
    return Profile(found, weeks)


def repeats(demand: Series, week_hours: Hours) -> float | None:
    """How alike the hours of the week are in every other week: the correlation of their means, -1 to 1.

    Near 0 where chance alone makes hours differ. None where fewer than two weeks are known or no hour differs.
    """
    odd = np.arange(demand.size) // HOURS_PER_WEEK % 2
    means = []
    for part in (0, 1):
        known = ~np.isnan(demand) & (odd == part)
        seen = np.bincount(week_hours[known], minlength=HOURS_PER_WEEK)
        total = np.bincount(week_hours[known], demand[known], minlength=HOURS_PER_WEEK)
        means.append(np.where(seen > 0, total / np.maximum(seen, 1), np.nan))
    both = ~np.isnan(means).any(axis=0)
    one, other = (mean[both] for mean in means)
    if both.sum() < HOURS_PER_WEEK / 2 or not (np.ptp(one) > 0 and np.ptp(other) > 0):
        return None
    return float(np.corrcoef(one, other)[0, 1])


def replicas(
    profile: Profile, *, per_replica: float, target: float, minimum: int = 1, lookahead_hours: int = 1
) -> Hours:
    """Replicas of each hour of the week.

    ``per_replica`` is what one carries, ``target`` the share of it to use, ``lookahead_hours`` the hours a start takes,
    begun ones whole.
    """
    if not (per_replica > 0 and target > 0 and minimum >= 0 and lookahead_hours >= 0):
        raise ValueError("capacity and target are above 0, minimum and look-ahead are not negative")
    demand = np.where(np.isnan(profile.demand), np.nanmax(profile.demand), profile.demand)
    # what a rounding error adds is no reason for one more
    needed = np.ceil(demand / (per_replica * target) - 1e-9).astype(np.int64)
    return ahead(np.maximum(needed, minimum), lookahead_hours)


def ahead(week: NDArray[np.int64], hours: int) -> NDArray[np.int64]:
    """Each hour of a week raised to the largest of the ``hours`` after it, over the week's end."""
    return np.asarray(np.max([np.roll(week, -step) for step in range(hours + 1)], axis=0), dtype=np.int64)


def schedule_saving(counts: Sequence[int] | Hours, flat: int) -> float:
    """Share saved against ``flat`` replicas all week."""
    if flat < 1 or len(counts) != HOURS_PER_WEEK:
        raise ValueError(f"{len(counts)} hours of {flat} replicas are not a week of one or more")
    return 1 - float(np.sum(counts)) / (HOURS_PER_WEEK * flat)


def on_hours(
    activity: Series, week_hours: Hours, *, threshold: float, lookahead_hours: int = 1
) -> NDArray[np.bool_] | None:
    """Hours of the week to be on: active above ``threshold`` in any week, never seen, or just before one of them.

    None where fewer than two weeks were seen.
    """
    profile = week_profile(activity, week_hours, quantile=1.0)
    if profile is None:
        return None
    on = np.isnan(profile.demand) | (profile.demand > threshold)
    return np.asarray(ahead(on.astype(np.int64), lookahead_hours) > 0)


def windows(on: NDArray[np.bool_]) -> list[Window]:
    """The stretches of a week that are on, in the order they begin; none where all is off."""
    if on.all():
        return [Window(0, HOURS_PER_WEEK)]
    starts = np.flatnonzero(on & ~np.roll(on, 1))
    ends = np.flatnonzero(~on & np.roll(on, 1))
    found = []
    for start in starts:
        later = ends[ends > start]
        found.append(Window(int(start), int(later[0] if later.size else ends[0] + HOURS_PER_WEEK)))
    return found


def on_off_saving(hours_on: float) -> float:
    """Share of compute saved by being on for so many hours of the week; storage is paid all the same."""
    return 1 - hours_on / HOURS_PER_WEEK


def schedule_policy(
    week_hours: Hours,
    *,
    per_replica: float,
    target: float,
    price: float,
    minimum: int = 1,
    lookahead_hours: int = 1,
    growth: float = 1.0,
) -> Policy:
    """The schedule as a policy to be replayed; leaves what there is where training has fewer than two weeks.

    ``week_hours`` are those of the whole history, hour by hour; ``price`` of one replica an hour. Load is demand by the
    slot, and an hour asks for its largest.
    """

    def plan(train: DemandAt, test: Slots) -> Capacity | None:
        hours = train.hours
        hourly = np.full(int(hours[-1]) + 1, -np.inf)
        known = ~np.isnan(train.load)
        np.maximum.at(hourly, hours[known], train.load[known])
        hourly = np.where(np.isinf(hourly), np.nan, hourly)
        profile = week_profile(hourly, week_hours[: hourly.size], growth=growth)
        if profile is None:
            return None
        counts = replicas(
            profile, per_replica=per_replica, target=target, minimum=minimum, lookahead_hours=lookahead_hours
        )
        planned = counts[week_hours[test // train.slots_per_hour]].astype(float)
        return Capacity(load=planned * per_replica, cost=planned * price, target=target)

    return plan
