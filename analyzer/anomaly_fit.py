"""What a window of daily costs says of the next day: levels of the weekdays, slope and robust scale, as logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SCALE_FLOOR = 0.01
"""Least scale of the residuals: a bill that never moves is still not exact to the percent."""
REGULAR_SHARE = 0.85
"""Share of days that are zero, or not, as their weekday usually is, from which a series is regular."""
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

    ``weekdays`` holds the value of each weekday at position ``origin``, ``active`` whether it usually has any use;
    ``days`` is the length of the window.
    """

    weekdays: Floats
    slope: float
    origin: float
    scale: float
    active: NDArray[np.bool_]
    sparse: bool
    days: int

    def at(self, position: int, weekday: int) -> float:
        """The expected logarithm at a position."""
        return float(self.weekdays[weekday]) + self.slope * (position - self.origin)

    def spread(self, ahead: int) -> float:
        """Standard error of the line over the ``ahead`` days to come, in scales."""
        n = self.days
        return 1.25 * sqrt(1 / n + 12 / n**3 * ((n + ahead) / 2) ** 2)


def robust_scale(residuals: Floats) -> float:
    """Spread of residuals in which some may be wild: from the MAD to Huber's, whose noise is half of it.

    Each step counts what lies beyond three scales as lying there. Like the MAD it is that of the residuals, with no
    allowance for the parameters fitted. At least ``SCALE_FLOOR``.
    """
    distance = np.abs(residuals - _median(residuals))
    scale = max(_MAD * _median(distance), SCALE_FLOOR)
    for _ in range(_STEPS):
        near = np.minimum(distance, 3 * scale)
        scale = max(_HUBER * sqrt(float(near @ near) / len(near)), SCALE_FLOOR)
    return scale


def robust_level(values: Floats, scale: float) -> float:
    """The median, sharpened by one step of Huber's mean: nearly as sharp as the mean, as hard to move as the median."""
    middle = _median(values)
    bound = _SHARP * scale
    return middle + float(np.mean(np.clip(values - middle, -bound, bound)))


def weekly_slope(values: Floats, positions: Floats) -> float:
    """Median slope over all pairs of days whole weeks apart, per day; 0 where there are none."""
    gaps = positions[None, :] - positions[:, None]
    chosen = (gaps > 0) & (gaps % 7 == 0)
    if not chosen.any():
        return 0.0
    return _median((values[None, :] - values[:, None])[chosen] / gaps[chosen])


def fit(values: Floats, positions: Floats, weekdays: NDArray[np.int64], busy: NDArray[np.bool_]) -> Fit:
    """Weekday levels, slope and scale of a window; ``busy`` tells the days with use from those without.

    Before there are three weeks, no weekday is told from another and their differences are part of the scale.
    """
    long_enough = len(values) >= _SEASON_DAYS
    counts = np.bincount(weekdays, minlength=7)
    in_use = np.bincount(weekdays, weights=busy, minlength=7)
    active = np.full(7, 2 * in_use.sum() >= len(values))
    if long_enough:
        active = np.where(counts >= _EACH_WEEKDAY, 2 * in_use >= counts, active)
    used = busy & active[weekdays]
    regular = int((busy == active[weekdays]).sum()) >= REGULAR_SHARE * len(values)
    sparse = not regular or not active.any() or int(used.sum()) < _FEWEST
    y, x, day = (values, positions, weekdays) if sparse else (values[used], positions[used], weekdays[used])
    origin = float(positions[-1])
    slope = weekly_slope(y, x) if long_enough else 0.0
    flat = y - slope * (x - origin)
    levels = np.full(7, _median(flat))
    if long_enough:
        known = [weekday for weekday in range(7) if np.count_nonzero(day == weekday) >= _EACH_WEEKDAY]
        for weekday in known:
            levels[weekday] = _median(flat[day == weekday])
        rough = robust_scale(flat - levels[day])
        for weekday in known:
            levels[weekday] = robust_level(flat[day == weekday], rough)
        scale = robust_scale(flat - levels[day])
    else:
        scale = max(float(np.std(flat)), SCALE_FLOOR)
    if not sparse and not active.all():
        rest = values[~busy]
        levels[~active] = _median(rest) if len(rest) else float(values.min())
    return Fit(levels, slope, origin, scale, active, sparse, len(values))


def _median(values: Floats) -> float:
    """Of a few numbers, without the cost of asking numpy what they are."""
    ordered = np.sort(values)
    return 0.5 * float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2])
