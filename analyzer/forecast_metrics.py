"""How good a forecast was: scaled error, interval score, coverage, error of a total.

Sources     MASE: Hyndman and Koehler 2006. Interval score: Winkler 1972, as in Gneiting and Raftery 2007.
"""

from __future__ import annotations

from collections.abc import Sequence


def seasonal_naive_error(history: Sequence[float], season: int) -> float | None:
    """Mean absolute difference to the same step one season before; None where there is no season to compare.

    The scale of MASE and of the bands: what saying "as a week ago" would have missed by, in the history's unit.
    """
    pairs = zip(history[season:], history[:-season], strict=True)
    errors = [abs(now - before) for now, before in pairs]
    return sum(errors) / len(errors) if errors else None


def mase(actual: Sequence[float], forecast: Sequence[float], history: Sequence[float], season: int) -> float | None:
    """Mean absolute error over :func:`seasonal_naive_error` of the history; None where that is zero or unknown.

    Below 1 is better than the history's own "as a season ago".
    """
    scale = seasonal_naive_error(history, season)
    if not scale or not len(actual):
        return None
    errors = [abs(told - was) for told, was in zip(forecast, actual, strict=True)]
    return sum(errors) / len(errors) / scale


def winkler(low: float, high: float, actual: float, level: float) -> float:
    """Width of a band that holds with probability ``level``, and 2 / (1 - level) times what it was missed by."""
    missed = max(low - actual, 0) + max(actual - high, 0)
    return high - low + 2 / (1 - level) * missed


def coverage(bands: Sequence[tuple[float, float]], actual: Sequence[float]) -> float | None:
    """Share of values within their band, 0 to 1; None without any."""
    held = [low <= value <= high for (low, high), value in zip(bands, actual, strict=True)]
    return sum(held) / len(held) if held else None


def total_error(actual: Sequence[float], forecast: Sequence[float]) -> float | None:
    """Absolute error of the total over the actual total's size; None where the total was zero."""
    whole = sum(actual)
    return abs(sum(forecast) - whole) / abs(whole) if whole else None
