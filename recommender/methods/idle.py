"""What keeps idle advice from being wrong: work that comes back, stops that were regretted, and other rules.

Assumes
    Activity is known as one maximum per day, NaN where a day is unknown.
Method
    *Periodicity*: autocorrelation of daily maxima at 7 days, and at 28 to 31, above 0.3. Something that works by such a
    period must be seen idle for two of them.
    *Regret*: stops that were started again within seven days over all stops; above 5 % the window of that class
    grows by half.
    *The cloud's rule* of G and P instances, to say what it would have found: accelerator inactive for more than 99 % of
    the time, less than 5 % of its memory in use, processor never above 5 %, less than 5 MB of network a day.
Cases
    Fewer than two periods of history: nothing can be said of that period. Activity that never varies has none.
Sources
    docs/advice.md; AWS Compute Optimizer, idle resources.
Known drawbacks
    Two bursts that happen to be a month apart look like a period; the cost is a longer wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WEEK = (7,)
MONTH = (28, 29, 30, 31)
TWO_MONTHS = 2 * max(MONTH)
"""Days of history that show whether work comes back by the month."""
MIN_CORRELATION = 0.3
MAX_REGRET = 0.05
WIDER = 1.5


@dataclass(frozen=True)
class Periodicity:
    """A period in days and how strongly activity follows it, 0 to 1."""

    days: int
    correlation: float

    @property
    def window_days(self) -> int:
        """Days of idleness to be seen before it counts."""
        return 2 * self.days


def autocorrelation(series: NDArray[np.float64], lag: int) -> float:
    """Correlation of a series with itself ``lag`` steps on, from pairs known at both ends; NaN where nothing varies."""
    if not 0 < lag < series.size:
        return float("nan")
    known = ~np.isnan(series)
    if not known.any():
        return float("nan")
    centred = series - series[known].mean()
    variance = float((centred[known] ** 2).sum())
    pairs = known[lag:] & known[:-lag]
    # rounding leaves a constant series a variance of its own
    if variance <= 1e-12 * max(float((series[known] ** 2).sum()), 1e-300) or not pairs.any():
        return float("nan")
    return float((centred[lag:][pairs] * centred[:-lag][pairs]).sum()) / variance


def periodicity(
    daily_max: NDArray[np.float64], periods: Sequence[tuple[int, ...]] = (WEEK, MONTH)
) -> Periodicity | None:
    """The period activity comes back by: the week if there is one, else the strongest of a month's lengths."""
    for lags in periods:
        told = [Periodicity(lag, autocorrelation(daily_max, lag)) for lag in lags if daily_max.size >= 2 * lag]
        strong = [one for one in told if one.correlation > MIN_CORRELATION]
        if strong:
            return max(strong, key=lambda one: one.correlation)
    return None


def regret(stops: int, restarts: int) -> float | None:
    """Share of stops started again within seven days; None where nothing was stopped."""
    if not 0 <= restarts <= stops:
        raise ValueError(f"{restarts} restarts of {stops} stops")
    return restarts / stops if stops else None


def next_window(window_hours: float, stops: int, restarts: int) -> float:
    """The window to use from now on for a class whose stops went so."""
    found = regret(stops, restarts)
    return window_hours * WIDER if found is not None and found > MAX_REGRET else window_hours


def cloud_rule_finds(
    *, inactive_share: float, memory_share: float, processor_max: float, network_bytes_per_day: float
) -> bool:
    """Whether AWS's rule for instances with accelerators calls it idle; shares from 0 to 1."""
    return inactive_share > 0.99 and memory_share < 0.05 and processor_max < 0.05 and network_bytes_per_day < 5_000_000
