"""The members of the forecast and their median.

Assumes     A series without holes, in steps of one day (season 7) or one hour (season 24).
Method      Days: (i) the mean of the last four steps at the same place in the season; (ii) damped additive
            Holt-Winters; (iii) simple exponential smoothing of what robust STL leaves after taking the season out,
            the last season put back. Hours, where levels jump and days are few: (i) the last day again; (ii) the
            same hours a week ago; (iii) the median of the same hours; (iv) the usual shape of a day (median share of
            each hour) at the level of the last; (v) that shape at the level of the last half of a day. The forecast
            is the median of them, step by step: one that is led astray is outvoted.
Parameters  Smoothing parameters are the best of a fixed grid by squared one-step errors: nothing is searched for, so
            nothing fails to converge, and the same history gives the same forecast. The whole grid runs through all
            histories of one length at once; tests hold the recursions against those of statsmodels.
Cases       Less than three seasons: the mean of the same steps alone. Less than two: the season before, again.
            Less than one: the mean of what there is, called run rate. A history that repeats exactly is repeated.
Drawbacks   No member knows of holidays, nor of what has never happened before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Literal

from analyzer.forecast_season import seasonal_part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Member = Callable[[Floats, int, int], Floats]
    """Histories of one length (a row each), horizon, season: what comes next, a row each."""

Method = Literal["middle of members", "mean of same steps", "as a season ago", "run rate", "nothing charged"]

_SEASONS_AVERAGED = 4
_SEASONS_FOR_ALL = 3
_SEASONS_FOR_MEAN = 2
_WEEK = 7
"""Seasons of hours to one of days."""

_LEAST_OF_HALF = 0.1
"""Share of a season that half of it must usually hold to say at which level the season is."""

_EXACT = 1e-9
"""A season repeats itself where it differs by less than this share of the mean."""

_LEVELS = (0.05, 0.15, 0.3, 0.5, 0.8)
_GRID = tuple((level, level * share, season) for level, share, season in product(_LEVELS, (0.0, 0.1), (0.02, 0.15)))
"""Holt-Winters: smoothing of level, trend and season."""

_DAMPING = 0.95


def method_for(length: int, season: int) -> Method:
    """How a history of that many steps since its first charge is forecast."""
    if not length:
        return "nothing charged"
    if length < season:
        return "run rate"
    if length < _SEASONS_FOR_MEAN * season:
        return "as a season ago"
    return "middle of members" if length >= _SEASONS_FOR_ALL * season else "mean of same steps"


def ahead(history: Floats, horizon: int, season: int, members: Sequence[Member] | None = None) -> Floats:
    """The next ``horizon`` steps after ``history``, in its unit; ``members`` are those of days where none are given."""
    found: Floats = ahead_of_each([history], horizon, season, members or OF_DAYS)[0]
    return found


def ahead_of_each(histories: Sequence[Floats], horizon: int, season: int, members: Sequence[Member]) -> Floats:
    """As :func:`ahead`, a row for each history: those of one length together, which costs little more than one."""
    import numpy as np

    found = np.zeros((len(histories), horizon))
    lengths = np.array([len(history) for history in histories], dtype=int)
    for length in set(lengths.tolist()):
        same = np.flatnonzero(lengths == length)
        found[same] = _ahead(np.array([histories[row] for row in same.tolist()]), horizon, season, members)
    return found


def _ahead(histories: Floats, horizon: int, season: int, members: Sequence[Member]) -> Floats:
    import numpy as np

    method = method_for(histories.shape[1], season)
    if method == "nothing charged":
        return np.zeros((len(histories), horizon))
    if method == "run rate":
        return np.repeat(histories.mean(axis=1, keepdims=True), horizon, axis=1)
    if method == "as a season ago":
        return last_season(histories, horizon, season)
    if method == "mean of same steps":
        members = (mean_season,)
    repeats = _repeats(histories, season)
    found = last_season(histories, horizon, season)
    if not repeats.all():
        others = histories[~repeats]
        found[~repeats] = np.median([member(others, horizon, season) for member in members], axis=0)
    return found


def seasonal_naive(history: Floats, horizon: int, season: int) -> Floats:
    """The last season again and again: what every forecast is held against; needs one season."""
    found: Floats = last_season(history[None], horizon, season)[0]
    return found


def last_season(histories: Floats, horizon: int, season: int) -> Floats:
    """As a season ago."""
    return _again(histories[:, -season:], horizon)


def mean_season(histories: Floats, horizon: int, season: int) -> Floats:
    """The mean of the same steps of up to four seasons."""
    return _again(_seasons(histories, season)[:, -_SEASONS_AVERAGED:].mean(axis=1), horizon)


def usual_season(histories: Floats, horizon: int, season: int) -> Floats:
    """The median of the same steps of all whole seasons: what one burst does not move."""
    import numpy as np

    return _again(np.median(_seasons(histories, season), axis=1), horizon)


def week_ago(histories: Floats, horizon: int, season: int) -> Floats:
    """As seven seasons ago, what came after that too; the last season where that is not known."""
    week = _WEEK * season
    return _again(histories[:, -week if histories.shape[1] >= week else -season :], horizon)


def usual_shape(histories: Floats, horizon: int, season: int) -> Floats:
    """The level of the last season, spread as seasons usually are; as a season ago where none came to anything.

    The share of a step is the median of its shares of the seasons, those left out that come to nothing or less.
    """
    return _at_level(histories, horizon, season, _usual_shares(histories, season), histories[:, -season:].mean(axis=1))


def usual_shape_now(histories: Floats, horizon: int, season: int) -> Floats:
    """As :func:`usual_shape`, at the level of the last half of a season.

    That is what the half came to over its share of a season; where it usually holds little, the last season's level.
    """
    import numpy as np

    shares, half = _usual_shares(histories, season), season // 2
    usual, came = shares[:, -half:].sum(axis=1), histories[:, -half:].sum(axis=1)
    telling = usual >= _LEAST_OF_HALF * season
    levels = np.where(telling, came / np.where(telling, usual, 1.0), histories[:, -season:].mean(axis=1))
    return _at_level(histories, horizon, season, shares, levels)


def _usual_shares(histories: Floats, season: int) -> Floats:
    """What the steps of a season usually have of it, one on average; all zero where seasons come to nothing."""
    import numpy as np

    levels = _seasons(histories, season).mean(axis=2, keepdims=True)
    counted = levels > 0
    shares = np.where(counted, _seasons(histories, season) / np.where(counted, levels, 1.0), np.nan)
    shares[~counted.any(axis=(1, 2))] = 0.0
    usual = np.nanmedian(shares, axis=1)
    whole = usual.mean(axis=1, keepdims=True)
    found: Floats = np.where(whole > 0, usual / np.where(whole > 0, whole, 1.0), 0.0)
    return found


def _at_level(histories: Floats, horizon: int, season: int, shares: Floats, levels: Floats) -> Floats:
    import numpy as np

    known = shares.any(axis=1, keepdims=True)
    return np.where(known, _again(shares * levels[:, None], horizon), last_season(histories, horizon, season))


def holt_winters(
    histories: Floats, horizon: int, season: int, grid: Sequence[tuple[float, float, float]] = _GRID
) -> Floats:
    """Damped additive Holt-Winters, begun from the first two seasons; needs two.

    ``grid`` are the smoothing parameters of level, trend and season to choose from.
    """
    import numpy as np

    alpha, beta, gamma = np.array(grid).T
    begun = histories[:, : 2 * season].reshape(-1, 2, season)
    first, second = begun.mean(axis=2).T[..., None]
    level = np.repeat(first, len(grid), axis=1)
    trend = np.repeat((second - first) / season, len(grid), axis=1)
    offset = (begun[:, 0] - first + begun[:, 1] - second) / 2
    cycle = np.repeat(offset.T[..., None], len(grid), axis=2)
    missed = np.zeros_like(level)
    for step, values in enumerate(histories.T):
        place = step % season
        base = level + _DAMPING * trend
        error = values[:, None] - base - cycle[place]
        missed += error * error
        trend = _DAMPING * trend + beta * error
        level = base + alpha * error
        cycle[place] += gamma * error
    rows, best = np.arange(len(histories)), missed.argmin(axis=1)
    places = (histories.shape[1] + np.arange(horizon)) % season
    damped = np.cumsum(_DAMPING ** np.arange(1, horizon + 1))
    found: Floats = level[rows, best][:, None] + trend[rows, best][:, None] * damped + cycle[places][:, rows, best].T
    return found


def level_without_season(histories: Floats, horizon: int, season: int) -> Floats:
    """The level of the history without its season (robust STL), and the last season again."""
    seasonal = seasonal_part(histories, season)
    return smoothed_level(histories - seasonal)[:, None] + _again(seasonal[:, -season:], horizon)


def smoothed_level(histories: Floats, levels: Sequence[float] = _LEVELS) -> Floats:
    """The last level of simple exponential smoothing of each, with the best parameter of ``levels``."""
    import numpy as np

    alpha = np.array(levels)
    begun = histories[:, : histories.shape[1] // 10 + 1].mean(axis=1, keepdims=True)
    level = np.repeat(begun, len(levels), axis=1)
    missed = np.zeros_like(level)
    for values in histories.T:
        error = values[:, None] - level
        missed += error * error
        level = level + alpha * error
    found: Floats = level[np.arange(len(histories)), missed.argmin(axis=1)]
    return found


OF_DAYS: tuple[Member, ...] = (mean_season, holt_winters, level_without_season)
OF_HOURS: tuple[Member, ...] = (last_season, week_ago, usual_season, usual_shape, usual_shape_now)


def _again(cycles: Floats, horizon: int) -> Floats:
    import numpy as np

    return cycles[:, np.arange(horizon) % cycles.shape[1]]


def _repeats(histories: Floats, season: int) -> npt.NDArray[np.bool_]:
    import numpy as np

    differences = np.abs(histories[:, season:] - histories[:, :-season])
    same: npt.NDArray[np.bool_] = differences.max(axis=1) <= _EXACT * np.abs(histories).mean(axis=1)
    return same


def _seasons(histories: Floats, season: int) -> Floats:
    """Whole seasons up to the last step, in the order of the steps to come: rows by seasons by places."""
    whole = histories.shape[1] // season
    return histories[:, histories.shape[1] - whole * season :].reshape(len(histories), whole, season)
