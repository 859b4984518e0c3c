"""Which days of a daily cost series are out of the ordinary: the pure part of the watch.

Assumes     one number a day, zero where nothing was charged; costs that multiply rather than add, so logarithms of
            cost plus a tenth of the smallest impact worth a word, which lets a zero day be a number.
Method      Day by day, from what was known on the day before. Of the last ``window_days``: the seasonal Kendall
            slope (median slope over pairs whole weeks apart: Theil-Sen where a weekday pattern is), weekday medians
            (sharpened by one step of Huber's mean) and a robust scale of what is left (Huber's, begun at
            1.4826 · MAD), at least one percent. A day is out where its residual exceeds ``k`` scales and its impact
            exceeds both limits. Slow drift, which a day at a time cannot see, is found by a CUSUM over the last
            ``DRIFT_DAYS`` against what was expected before them.
Cases       Three days in a row that are out are not learned from. What was out alike on two of the last five same
            weekdays, or in two of the last three months within two days, is no surprise. After ``learn_days`` of a
            run its level is the level (where the pattern changed too, all before is forgotten), and from its first
            day where a person called it expected. A fall back to a level that was accepted is no drop. A weekday
            that is always zero is expected to be zero. A series without such regularity is *sparse*: only a day
            above ``SPARSE_FACTOR`` times all its days before is out. No series younger than ``min_days``.
Drawbacks   A job that runs once a month is told twice before it is known. A growth that stays within the noise for
            months is learned as trend. On a noisy series a small spike is not seen: at 12 % noise a day must cost
            about 60 % more.
Sources     Hirsch, Slack 1982 (seasonal Kendall slope); Huber 1981 (scale, proposal 2); Page 1954 (CUSUM).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import exp

import numpy as np

from analyzer.anomaly_fit import WEEK, Fit, Flags, Floats, fits
from analyzer.anomaly_runs import Limits, OpenRun, Run, RunKind, merged
from analyzer.anomaly_states import States, state_of, take_up

DRIFT_DAYS = 14
DRIFT_SLACK = 0.6
"""What the CUSUM forgives a day, in scales, beside twice the uncertainty of the line it is held against."""
DRIFT_LIMIT = 9.0
"""CUSUM, in scales, above which a drift is out."""
SPARSE_FACTOR = 2.0
_ROUNDING = 1e-6
"""More than sums of a few days differ by when they are made in another order."""
_DRIFT_TRAINING = 28
_DRIFT_LEAST = 5
"""Fewer days are no drift: each of them is judged by itself."""
_SPARSE_BEFORE = 3
_MASK_FROM = 3
"""Days in a row that are no longer learned from; medians bear fewer."""
_SEEN_WEEKS = 5
_SEEN_MONTHS = 3
_SEEN_TWICE = 2
_MONTH_SHIFT = 2
"""Days by which what comes every month moves, for weekends."""
_ALIKE = 0.25
"""In logarithms: how much more than before it may be, from month to month."""
_LOOK_AHEAD = 4
"""Days fitted at once after a surprise; twice as many each time until the next."""
_SAME_PATTERN = 0.9
"""Less than the share of days that remain when one weekday is another."""


@dataclass
class Watch:
    """One pass over a series."""

    costs: Floats
    first: date
    limits: Limits
    expected: frozenset[int]
    logs: Floats = field(init=False)
    levels: Floats = field(init=False)
    masked: Flags = field(init=False)
    out: Floats = field(init=False)
    usual: Flags = field(init=False)
    foreseen: Flags = field(init=False)
    since: int = 0
    level: float = 0.0
    accepted: list[float] = field(default_factory=lambda: [0.0])
    fits: dict[int, Fit] = field(default_factory=dict)
    ahead: dict[int, Fit] = field(default_factory=dict)
    block: int = 0
    drifts: dict[int, float] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    open: OpenRun | None = None

    def __post_init__(self) -> None:
        self.logs = np.log(np.maximum(self.costs, 0) + self.limits.offset)
        self.levels = np.zeros(len(self.costs))
        self.masked = np.zeros(len(self.costs), dtype=bool)
        self.out = np.zeros(len(self.costs))
        self.usual = np.zeros(len(self.costs), dtype=bool)
        self.foreseen = ~self.masked
        self.busy = self.costs > self.limits.offset

    def play(self, states: States) -> list[Run]:
        """Judge every day in turn, from the latest of the ``states`` on."""
        if not self.busy.any():
            return []
        self.since = start = begin = int(np.argmax(self.busy))
        self.block = len(self.costs)
        if (last := states.last()) is not None:
            begin, state = last
            take_up(self, state)
        for day in range(begin, len(self.costs)):
            if start < day and day in states.days and day not in states.known:
                states.made[day] = state_of(self, day, day - DRIFT_DAYS + 1)
            known = self._fit(day)
            if known is None:
                continue
            self.fits[day] = known
            self._judge(start, day, known)
        if self.open is not None:
            self._close()
        return self.runs

    def _fit(self, day: int) -> Fit | None:
        """What the days before it say of a day; None where they are too few."""
        since = max(self.since, day - self.limits.window_days)
        kept = ~self.masked[since:day]
        if day - self.since < self.limits.min_days or np.count_nonzero(kept) < self.limits.min_days:
            return None
        if not np.array_equal(kept, self.foreseen[since:day]):
            self._forget_ahead()
        if day not in self.ahead:
            self._look_ahead(day)
        return self.ahead[day]

    def _look_ahead(self, day: int) -> None:
        """Fits of that day and some after it, as if all were learned from, or none where a run is not.

        They hold as long as it comes like that; where it does not, fewer days are looked ahead for a while.
        """
        self.foreseen = ~self.masked
        self.foreseen[day:] = not self.masked[day - 1]
        days = range(day, min(day + self.block, len(self.costs)))
        told = fits(
            self.logs - self.levels, self.busy, self.foreseen, days, since=self.since, window=self.limits.window_days
        )
        self.ahead = dict(zip(days, told, strict=True))
        self.drifts.update(zip(days, self._most_drift(days), strict=True))
        self.block *= 2

    def _most_drift(self, days: range) -> list[float]:
        """What the CUSUM over the days from each of ``days`` on can come to at most, by the fit of that day.

        Every day counts, and none takes away, as long as the levels are what they are.
        """
        told = [self.ahead[day] for day in days]
        places = np.array([fit.places for fit in told])
        slopes, origins, scales = np.array([(fit.slope, fit.origin, fit.scale) for fit in told]).T[..., None]
        slack = np.array([_slack(fit) for fit in told])[:, None]
        ahead = np.arange(days.start, days.stop)[:, None] + np.arange(DRIFT_DAYS)
        known = np.minimum(ahead, len(self.costs) - 1)
        at = np.take_along_axis(places, ahead % WEEK, axis=1) + slopes * (ahead - origins) + self.levels[known]
        steps = np.minimum((self.logs[known] - at) / scales, self.limits.k) - slack
        most: list[float] = np.maximum(steps, 0.0).sum(axis=1).tolist()
        return most

    def _forget_ahead(self) -> None:
        self.ahead, self.block = {}, _LOOK_AHEAD

    def _judge(self, start: int, day: int, known: Fit) -> None:
        found = self._sparse(start, day) if known.sparse else self._single(day, known) or self._drift(day)
        if found is None:
            if self.open is not None and day - self.open.last > 1:
                self._close()
            return
        kind, first, expectation, distance = found
        if self.open is not None and (self.open.kind == "drop") != (kind == "drop"):
            self._close()
        if self.open is None:
            self.open = OpenRun(kind, first)
        self.open.add(first, day, expectation, distance)
        if day - self.open.first + 1 >= _MASK_FROM:
            self.masked[self.open.first : day + 1] = True
        if day - self.open.first + 1 >= self.limits.learn_days or not self.expected.isdisjoint(
            range(self.open.first, day + 1)
        ):
            self._learn(day)

    def _sparse(self, start: int, day: int) -> tuple[RunKind, int, dict[int, float], float | None] | None:
        """A day above all days before, where there is no regularity to hold it against."""
        before = self.costs[start:day]
        used = before[self.busy[start:day]]
        if len(used) < _SPARSE_BEFORE:
            return None
        record, cost = float(used.max()), float(self.costs[day])
        if cost <= SPARSE_FACTOR * record or cost - record <= self.limits.min_impact:
            return None
        return "rise", day, {day: record}, None

    def _single(self, day: int, known: Fit) -> tuple[RunKind, int, dict[int, float], float | None] | None:
        """A day that is out by itself."""
        expected = known.at(day) + self.level
        residual = float(self.logs[day]) - expected
        distance = residual / known.scale
        cost = max(exp(expected) - self.limits.offset, 0.0)
        if abs(distance) <= self.limits.k or not self._matters(float(self.costs[day]) - cost, cost):
            return None
        self.out[day] = residual
        if self._seen_before(day, known.scale):
            self.usual[day] = True
            return None
        if residual < 0:
            for level in self.accepted:
                if level < self.level and residual >= level - self.level - self.limits.k * known.scale:
                    self.level = level
                    self.levels[day:] = level
                    self.drifts.clear()
                    self._forget_ahead()
                    return None
        return "rise" if residual > 0 else "drop", day, {day: cost}, distance

    def _seen_before(self, day: int, scale: float) -> bool:
        """Whether it was out alike twice before, on these weekdays or these days of the month: no surprise any more."""
        weeks = [day - 7 * week for week in range(1, _SEEN_WEEKS + 1)]
        if sum(self._alike(one, day, 2 * scale) for one in weeks) >= _SEEN_TWICE:
            return True
        months = [self._month_before(day, month) for month in range(1, _SEEN_MONTHS + 1)]
        near = (range(one - _MONTH_SHIFT, one + _MONTH_SHIFT + 1) for one in months)
        return sum(any(self._alike(one, day, _ALIKE) for one in days) for days in near) >= _SEEN_TWICE

    def _alike(self, before: int, day: int, tolerance: float) -> bool:
        """Whether an earlier day was out in the same direction, by as much or more."""
        if before < 0 or self.out[before] * self.out[day] <= 0:
            return False
        return abs(float(self.out[day])) - abs(float(self.out[before])) <= tolerance

    def _month_before(self, day: int, months: int) -> int:
        """Position of the same day some months before; of the last day of a month that is too short."""
        when = self.first + timedelta(days=day)
        year, month = divmod(when.year * 12 + when.month - 1 - months, 12)
        last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
        return (date(year, month + 1, min(when.day, last)) - self.first).days

    def _drift(self, day: int) -> tuple[RunKind, int, dict[int, float], float | None] | None:
        """Days that are each within the noise and together are not."""
        if self.drifts.get(day - DRIFT_DAYS + 1, DRIFT_LIMIT) < DRIFT_LIMIT - _ROUNDING:
            return None
        past = self.fits.get(day - DRIFT_DAYS + 1)
        if past is None or past.sparse or past.days < _DRIFT_TRAINING:
            return None
        slack = _slack(past)
        total, first = 0.0, day
        expected: dict[int, float] = {}
        days = slice(day - DRIFT_DAYS + 1, day + 1)
        left_out = (self.masked[days] | self.usual[days]).tolist()
        told = zip(self.logs[days].tolist(), self.levels[days].tolist(), left_out, strict=True)
        for one, (log, level, without) in enumerate(told, days.start):
            if without or not past.in_use(one):
                continue
            at = past.at(one) + level
            total = max(0.0, total + min((log - at) / past.scale, self.limits.k) - slack)
            if total == 0.0:
                first, expected = one + 1, {}
            else:
                expected[one] = at
        if total <= DRIFT_LIMIT or day not in expected or len(expected) < _DRIFT_LEAST:
            return None
        expectation = {one: max(exp(at) - self.limits.offset, 0.0) for one, at in expected.items()}
        usual = sum(expectation.values())
        if not self._matters(sum(float(self.costs[one]) for one in expectation) - usual, usual):
            return None
        return "drift", first, expectation, None

    def _matters(self, impact: float, expected: float) -> bool:
        return abs(impact) > max(self.limits.min_impact, self.limits.min_share * expected)

    def _learn(self, day: int) -> None:
        """What the open run costs is usual from now on: the same pattern on another level, or another pattern."""
        if self.open is None:
            return
        first, known = self.open.first, self.fits[day]
        days = range(first, day + 1)
        off = {one: float(self.logs[one]) - known.at(one) for one in days}
        new = float(np.median([off[one] for one in days if one in self.open.expected][-7:]))
        alike = sum(abs(one - new) <= self.limits.k * known.scale for one in off.values())
        self.masked[first : day + 1] = False
        if alike >= _SAME_PATTERN * len(off):
            self.levels[first:] = new
            self.level = new
            self.accepted.append(new)
        else:
            self.since, self.level, self.accepted = first, 0.0, [0.0]
            self.levels[first:] = 0.0
            self.fits.clear()
        self.drifts.clear()
        self._forget_ahead()
        self._close()

    def _close(self) -> None:
        if self.open is not None:
            self.runs.append(self.open.run(self.costs, len(self.costs)))
        self.open = None


def _slack(fit: Fit) -> float:
    return DRIFT_SLACK + 2 * fit.spread(DRIFT_DAYS)


def find_runs(
    costs: Sequence[float],
    first: date,
    limits: Limits,
    expected: Collection[int] = (),
    states: States | None = None,
) -> list[Run]:
    """Days out of the ordinary, oldest first. ``first`` is the day of position 0.

    ``expected``: positions of days a person has called expected; their level is learned at once. Runs with at most a
    quiet day between them are one. ``states``: where to begin, and before which days to say what is known.
    """
    watch = Watch(np.asarray(costs, dtype=np.float64), first, limits, frozenset(expected))
    return merged(watch.play(states or States()))
