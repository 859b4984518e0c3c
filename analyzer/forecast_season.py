"""What repeats in a series: seasonal decomposition by local regression (STL), of many histories at once.

Source      Cleveland, Cleveland, McRae and Terpenning 1990, with the windows statsmodels takes by default: seven
            seasons for the season, 1.5 seasons / (1 - 1.5 / 7) for the trend, both locally linear; tests hold the
            result against ``statsmodels.tsa.seasonal.STL``.
Assumes     Histories of one length without holes, at least three seasons long: through two, everything is a line.
Method      Two inner rounds (season of each place, less what is left of the level in it; then the trend of the rest),
            begun anew after each of five outer rounds that take weight from steps far off the fit (bisquare).
            A local line through weighted points is a ratio of weighted sums, so that each smoothing is a few
            such sums for all histories together: the past forecasts of a series cost little more than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from analyzer.forecast_members import Floats

_SEASONS_SMOOTHED = 7
_INNER_ROUNDS = 2
_ROBUST_ROUNDS = 5
"""Outliers have lost their weight by then, and fifteen take three times as long."""

_NEAR, _FAR = 0.001, 0.999
"""Shares of the window's half-width within which weight is full, and beyond which there is none."""

_FLAT = 0.001
"""Share of the whole length below which points are spread too little to lay a line through them."""


def seasonal_part(histories: Floats, season: int) -> Floats:
    """The season of every step of each history (a row each)."""
    import numpy as np

    if len(histories) == 1:  # a single row would be added up in another order: its last digits must not tell
        return seasonal_part(np.repeat(histories, 2, axis=0), season)[:1]
    length = histories.shape[1]
    smooth_trend = _local_lines(length, _odd(1.5 * season / (1 - 1.5 / _SEASONS_SMOOTHED)))
    smooth_level = _local_lines(length, _odd(season + 1))
    trend = np.zeros_like(histories)
    weights = np.ones_like(histories)
    for outer in range(_ROBUST_ROUNDS + 1):
        for _ in range(_INNER_ROUNDS):
            wide = _places_smoothed(histories - trend, weights, season)
            seasonal = wide[:, season:-season] - smooth_level(_without_season(wide, season))
            trend = smooth_trend(histories - seasonal, weights)
        if outer < _ROBUST_ROUNDS:
            weights = _bisquare(histories - trend - seasonal)
    return seasonal


@dataclass(frozen=True)
class _Lines:
    """Local lines at each target through its window: tricube weights times distance to the power 0, 1 and 2.

    All are matrices of targets by points of the window; ``window`` says which points those are.
    """

    window: npt.NDArray[np.int64]
    ones: Floats
    firsts: Floats
    seconds: Floats
    least_spread: float

    def __call__(self, values: Floats, weights: Floats | None = None) -> Floats:
        """The line at each target, points weighted as given or alike.

        Targets beyond the ends of which no point has weight take the value beside them, the others keep theirs.
        """
        import numpy as np

        if weights is None:
            return _summed(values[..., self.window], self._of_equals)
        near = weights[..., self.window]
        weighted = near * values[..., self.window]
        whole, first, second = (_summed(near, part) for part in (self.ones, self.firsts, self.seconds))
        mean, cross = (_summed(weighted, part) for part in (self.ones, self.firsts))
        unknown = whole <= 0
        whole[unknown] = 1.0
        centre, mean = first / whole, mean / whole
        spread = second / whole - centre * centre
        flat = spread <= self.least_spread
        spread[flat] = 1.0
        slope = (cross / whole - centre * mean) / spread
        slope[flat] = 0.0
        found: Floats = mean - centre * slope
        if unknown.any():
            beyond = (found.shape[-1] - values.shape[-1]) // 2
            inner = slice(beyond, found.shape[-1] - beyond)
            found[..., inner] = np.where(unknown[..., inner], values, found[..., inner])
            for end, beside in ((0, beyond), (-1, -1 - beyond)):
                found[..., end] = np.where(unknown[..., end], found[..., beside], found[..., end])
        return found

    @cached_property
    def _of_equals(self) -> Floats:
        """What each point of a window adds to the line at its target, where all weigh alike."""
        import numpy as np

        whole = self.ones.sum(axis=1, keepdims=True)
        centre = self.firsts.sum(axis=1, keepdims=True) / whole
        spread = self.seconds.sum(axis=1, keepdims=True) / whole - centre * centre
        steep = np.where(spread > self.least_spread, centre / np.maximum(spread, self.least_spread), 0.0)
        found: Floats = (self.ones - steep * (self.firsts - centre * self.ones)) / whole
        return found


def _summed(windows: Floats, weights: Floats) -> Floats:
    """Weighted sums; not as a matrix product, whose threads would cost more than they save."""
    import numpy as np

    found: Floats = np.einsum("...tp,tp->...t", windows, weights)
    return found


@lru_cache(maxsize=128)
def _local_lines(length: int, window: int, beyond: int = 0) -> _Lines:
    """Lines through the nearest ``window`` of ``length`` points, and at ``beyond`` more targets on either side."""
    import numpy as np

    targets = np.arange(-beyond, length + beyond)[:, None]
    inside = min(window, length)
    start = np.clip(targets - (inside - 1) // 2, 0, length - inside)
    half = np.maximum(targets - start, start + inside - 1 - targets) + max(0, (window - length) // 2)
    points = start + np.arange(inside)
    distance = points - targets
    away = np.abs(distance)
    weight = np.where(away <= _NEAR * half, 1.0, (1 - (away / half) ** 3) ** 3)
    weight = np.where(away <= _FAR * half, weight, 0.0)
    return _Lines(points, weight, weight * distance, weight * distance**2, (_FLAT * (length - 1)) ** 2)


@lru_cache(maxsize=8)
def _box(season: int) -> Floats:
    """Two means over a season and one over three steps, one after the other."""
    import numpy as np

    once = np.full(season, 1 / season)
    return np.convolve(np.convolve(once, once), np.full(3, 1 / 3))


def _without_season(wide: Floats, season: int) -> Floats:
    import numpy as np

    around = np.arange(wide.shape[1] - 2 * season)[:, None] + np.arange(2 * season + 1)
    found: Floats = np.einsum("rtp,p->rt", wide[:, around], _box(season))
    return found


def _places_smoothed(values: Floats, weights: Floats, season: int) -> Floats:
    """The steps of each place in the season smoothed among themselves, one season more on either side."""
    import numpy as np

    rows, length = values.shape
    wide = np.empty((rows, length + 2 * season))
    whole, rest = divmod(length, season)
    for first, last, count in ((0, rest, whole + 1), (rest, season, whole)):
        if first == last:
            continue
        steps = np.arange(first, last)[:, None] + season * np.arange(count)
        smoothed = _local_lines(count, _SEASONS_SMOOTHED, beyond=1)(values[:, steps], weights[:, steps])
        wide[:, np.arange(first, last)[:, None] + season * np.arange(count + 2)] = smoothed
    return wide


def _bisquare(rest: Floats) -> Floats:
    """The weight of each step: none beyond six median absolute deviations."""
    import numpy as np

    away = np.abs(rest)
    reach = 6 * np.median(away, axis=1, keepdims=True)
    falling = (1 - (away / np.where(reach > 0, reach, 1.0)) ** 2) ** 2
    return np.where(away <= _NEAR * reach, 1.0, np.where(away <= _FAR * reach, falling, 0.0))


def _odd(least: float) -> int:
    """The smallest odd number from there on."""
    import math

    whole = math.ceil(least)
    return whole + (whole + 1) % 2
