"""The three members of the forecast and their median.

Assumes     A series without holes, in steps of one day (season 7) or one hour (season 24).
Method      (i) the mean of the last four steps at the same place in the season; (ii) damped additive Holt-Winters;
            (iii) simple exponential smoothing of what STL (robust) leaves after taking the season out, the last
            season put back. The forecast is the median of the three, step by step: one member that is led astray
            is outvoted.
Parameters  Smoothing parameters are the best of a fixed grid by squared one-step errors: nothing is searched for, so
            nothing fails to converge, and the same history gives the same forecast. The whole grid runs through the
            history at once; tests hold the recursions against those of statsmodels.
Cases       Less than three seasons: the mean of the same steps alone. Less than two: the season before, again.
            Less than one: the mean of what there is, called run rate. A history that repeats exactly is repeated.
Drawbacks   No member knows of holidays, nor of what has never happened before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

Method = Literal["median of three", "mean of same steps", "as a season ago", "run rate", "nothing charged"]

_SEASONS_AVERAGED = 4
_SEASONS_FOR_ALL = 3
_SEASONS_FOR_MEAN = 2
_EXACT = 1e-9
"""A season repeats itself where it differs by less than this share of the mean."""

_LEVELS = (0.05, 0.15, 0.3, 0.5, 0.8)
_GRID = tuple((level, level * share, season) for level, share, season in product(_LEVELS, (0.0, 0.1), (0.02, 0.15)))
"""Holt-Winters: smoothing of level, trend and season."""

_DAMPING = 0.95
_ROBUST_ROUNDS = 5
"""Of re-weighting in STL: outliers have lost their weight by then, and fifteen take three times as long."""


def method_for(length: int, season: int) -> Method:
    """How a history of that many steps since its first charge is forecast."""
    if not length:
        return "nothing charged"
    if length < season:
        return "run rate"
    if length < _SEASONS_FOR_MEAN * season:
        return "as a season ago"
    return "median of three" if length >= _SEASONS_FOR_ALL * season else "mean of same steps"


def ahead(history: Floats, horizon: int, season: int) -> Floats:
    """The next ``horizon`` steps after ``history``, in its unit."""
    import numpy as np

    method = method_for(len(history), season)
    if method == "nothing charged":
        return np.zeros(horizon)
    if method == "run rate":
        return np.full(horizon, history.mean())
    if method == "as a season ago" or _repeats(history, season):
        return seasonal_naive(history, horizon, season)
    same = _again(_mean_season(history, season), horizon)
    if method == "mean of same steps":
        return same
    members = (same, holt_winters(history, horizon, season), _stl(history, horizon, season))
    found: Floats = np.median(np.array(members), axis=0)
    return found


def seasonal_naive(history: Floats, horizon: int, season: int) -> Floats:
    """The last season again and again: what every forecast is held against; needs one season."""
    return _again(history[-season:], horizon)


def holt_winters(
    history: Floats, horizon: int, season: int, grid: Sequence[tuple[float, float, float]] = _GRID
) -> Floats:
    """Damped additive Holt-Winters, begun from the first two seasons; needs two.

    ``grid`` are the smoothing parameters of level, trend and season to choose from.
    """
    import numpy as np

    alpha, beta, gamma = np.array(grid).T
    first, second = history[:season].mean(), history[season : 2 * season].mean()
    level = np.full(len(grid), first)
    trend = np.full(len(grid), (second - first) / season)
    offset = (history[:season] - first + history[season : 2 * season] - second) / 2
    cycle = np.repeat(offset[:, None], len(grid), axis=1)
    missed = np.zeros(len(grid))
    for step, value in enumerate(history):
        place = step % season
        base = level + _DAMPING * trend
        error = value - base - cycle[place]
        missed += error * error
        trend = _DAMPING * trend + beta * error
        level = base + alpha * error
        cycle[place] += gamma * error
    best = int(missed.argmin())
    places = (len(history) + np.arange(horizon)) % season
    damped = np.cumsum(_DAMPING ** np.arange(1, horizon + 1))
    found: Floats = level[best] + trend[best] * damped + cycle[places, best]
    return found


def _again(cycle: Floats, horizon: int) -> Floats:
    import numpy as np

    return np.resize(cycle, horizon)


def _repeats(history: Floats, season: int) -> bool:
    import numpy as np

    differences = np.abs(history[season:] - history[:-season])
    return bool(differences.max(initial=0.0) <= _EXACT * np.abs(history).mean())


def _mean_season(history: Floats, season: int) -> Floats:
    """The mean of up to four seasons, in the order of the steps to come."""
    seasons = min(_SEASONS_AVERAGED, len(history) // season)
    mean: Floats = history[len(history) - seasons * season :].reshape(seasons, season).mean(axis=0)
    return mean


def _stl(history: Floats, horizon: int, season: int) -> Floats:
    """The level of the history without its season, and the last season again."""
    import numpy as np
    from statsmodels.tsa.seasonal import STL

    fitted = STL(history, period=season, robust=True).fit(inner_iter=2, outer_iter=_ROBUST_ROUNDS)
    seasonal = np.asarray(fitted.seasonal)
    return smoothed_level(history - seasonal) + _again(seasonal[-season:], horizon)


def smoothed_level(values: Floats, levels: Sequence[float] = _LEVELS) -> float:
    """The last level of simple exponential smoothing, with the best parameter of ``levels``."""
    import numpy as np

    alpha = np.array(levels)
    level = np.full(len(levels), values[: len(values) // 10 + 1].mean())
    missed = np.zeros(len(levels))
    for value in values:
        error = value - level
        missed += error * error
        level = level + alpha * error
    return float(level[int(missed.argmin())])
