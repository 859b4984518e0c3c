"""What a window of daily costs says of the next day: levels of the weekdays, slope and robust scale, as logarithms.

Windows are fitted many at once, a row each, because the days of a series look back on nearly the same days: a row says
the same whatever other rows it is fitted with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import sqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_Plain = TypeVar("_Plain")

SCALE_FLOOR = 0.01
"""Least scale of the residuals: a bill that never moves is still not exact to the percent."""
REGULAR_SHARE = 0.85
"""Share of days that are zero, or not, as their weekday usually is, from which a series is regular."""
WEEK = 7
_SEASON_DAYS = 21
_EACH_WEEKDAY = 3
_FEWEST = 4
_MAD = 1.4826
_STEPS = 6
_SHARP = 1.5
_HUBER = 1.003
"""Makes the scale that of a normal distribution, of which 0.3 % lies beyond three."""


@dataclass(frozen=True)
class Fit:
    """What a window of days says of the next: in logarithms, levels removed.

    ``places`` holds the value of each weekday at position ``origin``, beginning with that of position 0 of the series,
    ``active`` whether it usually has any use; ``days`` is the length of the window.
    """

    places: tuple[float, ...]
    slope: float
    origin: int
    scale: float
    active: tuple[bool, ...]
    sparse: bool
    days: int

    def at(self, position: int) -> float:
        """The expected logarithm at a position."""
        return self.places[position % WEEK] + self.slope * (position - self.origin)

    def in_use(self, position: int) -> bool:
        """Whether its weekday usually has any use."""
        return self.active[position % WEEK]

    def spread(self, ahead: int) -> float:
        """Standard error of the line over the ``ahead`` days to come, in scales."""
        n = self.days
        return 1.25 * sqrt(1 / n + 12 / n**3 * ((n + ahead) / 2) ** 2)


def fits(values: Floats, busy: Flags, kept: Flags, days: range, *, since: int, window: int) -> Iterator[Fit]:
    """For each of ``days``, the fit of the days ``kept`` among the ``window`` before it, none of them before ``since``.

    ``values`` and ``busy`` (whether there was any use) are of all days of the series. Before there are three weeks,
    no weekday is told from another and their differences are part of the scale. Of a window that keeps no day
    nothing can be said, and what is told of it means nothing.
    """
    weeks = -(-window // WEEK)
    ends = np.arange(days.start, days.stop)[:, None]
    positions = ends - WEEK * weeks + np.arange(WEEK * weeks)
    known = np.maximum(positions, 0)
    inside = (positions >= np.maximum(since, ends - window)) & kept[known]
    by_week = (len(days), weeks, WEEK)
    rows = _Windows(
        values[known].reshape(by_week),
        (busy[known] & inside).reshape(by_week),
        inside.reshape(by_week),
        positions.reshape(by_week),
    )
    return rows.fits()


class _Windows:
    """Windows of weeks of days, a row each, of which the days ``inside`` count; ``busy`` of those alone."""

    def __init__(self, values: Floats, busy: Flags, inside: Flags, positions: NDArray[np.int64]) -> None:
        self.values, self.busy, self.inside = values, busy, inside
        self.days = inside.sum(axis=(1, 2))
        self.seasonal = self.days >= _SEASON_DAYS
        self.origin = np.where(inside, positions, -1).max(axis=(1, 2))
        self.before = (positions - self.origin[:, None, None]).astype(np.float64)
        self.first = positions[:, 0, 0]
        self.active, self.sparse, self.used = self._use()

    def fits(self) -> Iterator[Fit]:
        """A fit of each row."""
        slope = np.where(self.seasonal, weekly_slope(self.values, self.used), 0.0)
        levels, scale = self._levels(self.values - slope[:, None, None] * self.before)
        quiet = ~self.sparse[:, None] & ~self.active
        if quiet.any():
            rest = self.inside & ~self.busy
            least = np.where(self.inside, self.values, np.inf).min(axis=(1, 2))
            level = np.where(rest.any(axis=(1, 2)), _median_of_row(self.values, rest), least)
            levels = np.where(quiet, level[:, None], levels)
        # columns begin with any weekday, places with that of position 0
        turns = (-self.first % WEEK).tolist()
        rows = zip(levels.tolist(), self.active.tolist(), turns, strict=True)
        told = zip(slope.tolist(), self.origin.tolist(), scale.tolist(), strict=True)
        counts = zip(self.sparse.tolist(), self.days.tolist(), strict=True)
        for (places, active, turn), (slope_, origin, scale_), (sparse, length) in zip(rows, told, counts, strict=True):
            yield Fit(_turned(places, turn), slope_, origin, scale_, _turned(active, turn), sparse, length)

    def _use(self) -> tuple[Flags, Flags, Flags]:
        """Which weekdays are in use, whether that is too irregular to go by, and the days to learn from."""
        counts, in_use = self.inside.sum(axis=1), self.busy.sum(axis=1)
        whole = (2 * in_use.sum(axis=1) >= self.days)[:, None]
        each = self.seasonal[:, None] & (counts >= _EACH_WEEKDAY)
        active = np.where(each, 2 * in_use >= counts, whole)
        used = self.busy & active[:, None]
        regular = (self.inside & (self.busy == active[:, None])).sum(axis=(1, 2)) >= REGULAR_SHARE * self.days
        sparse = ~regular | ~active.any(axis=1) | (used.sum(axis=(1, 2)) < _FEWEST)
        return active, sparse, np.where(sparse[:, None, None], self.inside, used)

    def _levels(self, flat: Floats) -> tuple[Floats, Floats]:
        """Levels of the weekdays and the scale of what they leave."""
        levels = np.repeat(_median_of_row(flat, self.used)[:, None], WEEK, axis=1)
        known = self.seasonal[:, None] & (self.used.sum(axis=1) >= _EACH_WEEKDAY)
        if not self.seasonal.any():
            return levels, _deviation(flat, self.used)
        middle = median(flat.swapaxes(1, 2), self.used.swapaxes(1, 2))
        rough = robust_scale(flat - np.where(known, middle, levels)[:, None], self.used)
        levels = np.where(known, _sharpened(flat, self.used, middle, rough), levels)
        scale = robust_scale(flat - levels[:, None], self.used)
        return levels, scale if self.seasonal.all() else np.where(self.seasonal, scale, _deviation(flat, self.used))


def median(values: Floats, chosen: Flags) -> Floats:
    """Of the ``chosen`` along the last axis; infinite where there are none."""
    length = values.shape[-1]
    ordered = np.sort(np.where(chosen, values, np.inf), axis=-1).ravel()
    count = chosen.sum(axis=-1)
    start = np.arange(0, ordered.size, length).reshape(count.shape)
    found: Floats = 0.5 * (
        ordered[start + np.maximum(count - 1, 0) // 2] + ordered[start + np.minimum(count // 2, length - 1)]
    )
    return found


def robust_scale(residuals: Floats, chosen: Flags) -> Floats:
    """Spread of residuals in which some may be wild, of each row: from the MAD to Huber's, whose noise is half of it.

    Each step counts what lies beyond three scales as lying there. Like the MAD it is that of the residuals, with no
    allowance for the parameters fitted. At least ``SCALE_FLOOR``.
    """
    rows, known = residuals.reshape(len(residuals), -1), chosen.reshape(len(residuals), -1)
    distance = np.abs(rows - median(rows, known)[:, None])
    scale = np.maximum(_MAD * median(distance, known), SCALE_FLOOR)
    distance = np.where(known, distance, 0.0)
    count = np.maximum(known.sum(axis=1), 1)
    for _ in range(_STEPS):
        near = np.minimum(distance, 3 * scale[:, None])
        scale = np.maximum(_HUBER * np.sqrt((near * near).sum(axis=1) / count), SCALE_FLOOR)
    return scale


def weekly_slope(values: Floats, chosen: Flags) -> Floats:
    """Median slope over all pairs of days whole weeks apart, per day, of each row of weeks; 0 where there are none."""
    rows, weeks, _ = values.shape
    early, late = _pairs(weeks)
    if not len(early):
        return np.zeros(rows)
    slopes = (values[:, late] - values[:, early]) / (WEEK * (late - early))[:, None]
    both = (chosen[:, late] & chosen[:, early]).reshape(rows, -1)
    return np.where(both.any(axis=1), median(slopes.reshape(rows, -1), both), 0.0)


@lru_cache(maxsize=8)
def _pairs(weeks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every earlier week, and beside it every later one."""
    pairs = np.array(list(combinations(range(weeks), 2)), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _median_of_row(values: Floats, chosen: Flags) -> Floats:
    return median(values.reshape(len(values), -1), chosen.reshape(len(values), -1))


def _sharpened(values: Floats, chosen: Flags, middle: Floats, scale: Floats) -> Floats:
    """The median of each weekday sharpened by one step of Huber's mean: nearly as sharp as the mean, as hard to move.

    That of a weekday without any day chosen means nothing.
    """
    bound = _SHARP * scale[:, None, None]
    centre = np.where(np.isfinite(middle), middle, 0.0)
    off = np.where(chosen, np.clip(values - centre[:, None], -bound, bound), 0.0)
    found: Floats = centre + off.sum(axis=1) / np.maximum(chosen.sum(axis=1), 1)
    return found


def _deviation(values: Floats, chosen: Flags) -> Floats:
    """Standard deviation of each row, at least ``SCALE_FLOOR``."""
    rows, known = values.reshape(len(values), -1), chosen.reshape(len(values), -1)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, rows, 0.0).sum(axis=1) / count
    off = np.where(known, rows - mean[:, None], 0.0)
    found: Floats = np.maximum(np.sqrt((off * off).sum(axis=1) / count), SCALE_FLOOR)
    return found


def _turned(values: list[_Plain], by: int) -> tuple[_Plain, ...]:
    return (*values[by:], *values[:by])
