"""What history says is needed: percentiles in which recent or heavy samples count for more.

Assumes
    Samples are usage in units of what is sized (cores, bytes, accelerators), with their age. NaN is unknown and left
    out; nothing known gives NaN, never 0.
Method
    *Decay*: a sample of age τ weighs 2^(−τ / half-life). The percentile is the smallest sample at or below which the
    asked share of the weight lies, so it is always a value that was seen.
    *Load-adjusted* (Autopilot): each sample also weighs as much as its load, so that P95 serves 95 % of the work and
    not of the time.
    *Vertical Pod Autoscaler*: buckets that grow by 5 %, the end of the bucket is taken; P90 is the target, P50 and P95
    the bounds, 15 % on top, and the bounds widen where history is short.
    *Autopilot*: batch is sized by its decayed mean, serving by its load-adjusted P95, memory by its maximum.
    *Memory* is a cliff: the largest daily peak and a headroom, never a percentile.
Sources
    docs/advice.md; Rzadca et al., EuroSys 2020 (Autopilot); kubernetes/autoscaler, recommender.
Known drawbacks
    A half-life of a day forgets the weekend: weekly services need seven days or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
Work = Literal["batch", "serving", "memory"]

AUTOPILOT_HALF_LIFE_HOURS: dict[Work, float] = {"batch": 12, "serving": 12, "memory": 48}
AUTOPILOT_MARGIN = 0.15
VPA_HALF_LIFE_DAYS = 1.0
VPA_MARGIN = 0.15
MEMORY_HEADROOM = 0.10
MEMORY_MIN_DAYS = 14
_MINUTES_PER_DAY = 1440
ROUNDING = 1e-12


@dataclass(frozen=True)
class Buckets:
    """Buckets of a histogram: the first from 0 to ``first``, each of the next ``growth`` times as wide."""

    first: float
    growth: float = 1.05

    def index(self, value: float) -> int:
        """Bucket a value falls in; a bucket holds its start and not its end."""
        if value < self.first:
            return 0
        found = int(np.log(value * (self.growth - 1) / self.first + 1) / np.log(self.growth))
        # the logarithm may round across a border
        while self.start(found + 1) <= value:
            found += 1
        while self.start(found) > value:
            found -= 1
        return found

    def start(self, index: int) -> float:
        """Where a bucket begins."""
        return float(self.first * (self.growth**index - 1) / (self.growth - 1))


VPA_CPU = Buckets(0.01)
"""Cores."""
VPA_MEMORY = Buckets(1e7)
"""Bytes."""


@dataclass(frozen=True)
class VpaRecommendation:
    """Request and the bounds within which a present one is left alone; ``days`` is the history they rest on."""

    lower: float
    target: float
    upper: float
    days: float


@dataclass(frozen=True)
class AutopilotStatistics:
    """Autopilot's S statistics of one history: peak, decayed mean, and decayed load-adjusted P95."""

    maximum: float
    average: float
    p95: float


@dataclass(frozen=True)
class MemoryNeed:
    """Largest daily peak, the peak with headroom, the days it is known for, and whether they are enough (14)."""

    peak: float
    need: float
    days: int
    enough: bool


def decay_weights(ages: Series, half_life: float) -> Series:
    """Weight of samples by age, in the half-life's unit."""
    if half_life <= 0:
        raise ValueError(f"a half-life is positive, not {half_life}")
    return np.asarray(np.exp2(-np.asarray(ages, dtype=float) / half_life))


def weighted_percentile(values: Series, weights: Series, share: float) -> float:
    """Smallest value at or below which ``share`` (0–1) of the weight lies; NaN where nothing is known."""
    known = ~np.isnan(values) & (weights > 0)
    if not known.any():
        return float("nan")
    order = np.argsort(values[known], kind="stable")
    ordered, heights = values[known][order], np.cumsum(weights[known][order])
    at = int(np.searchsorted(heights, share * heights[-1] * (1 - ROUNDING)))
    return float(ordered[min(at, ordered.size - 1)])


def decaying_percentile(
    values: Series, ages: Series, share: float, *, half_life: float | None, load_adjusted: bool = False
) -> float:
    """Percentile of samples weighed by age (no decay where ``half_life`` is None) and, if asked, by their own load.

    Nothing but zeros has no load to weigh by: then 0, as every percentile is.
    """
    values = np.asarray(values, dtype=float)
    weights = np.ones(values.size) if half_life is None else decay_weights(ages, half_life)
    if load_adjusted and np.nansum(values) > 0:
        weights = weights * np.nan_to_num(np.maximum(values, 0))
    return weighted_percentile(values, weights, share)


def vpa_confidence(age_days: float, samples: int) -> float:
    """Days of history a recommendation rests on: the span, or the samples at one a minute where they are fewer."""
    return min(age_days, samples / _MINUTES_PER_DAY)


def vpa_multipliers(days: float) -> tuple[float, float]:
    """Factors of the lower and upper bound: (1 + 0.001/N)⁻² and 1 + 1/N; both reach 1 as history grows."""
    if days <= 0:
        return 0.0, float("inf")
    return (1 + 0.001 / days) ** -2, 1 + 1 / days


def vpa_recommend(
    values: Series, age_days: Series, *, buckets: Buckets = VPA_CPU, half_life_days: float = VPA_HALF_LIFE_DAYS
) -> VpaRecommendation | None:
    """Vertical Pod Autoscaler's recommendation for samples of these ages; None where nothing is known.

    For its memory give daily peaks (:func:`daily_peaks`) and :data:`VPA_MEMORY`. Ours is :func:`memory_need`.
    """
    known = ~np.isnan(values)
    if not known.any():
        return None
    values, ages = values[known], age_days[known]
    ends = np.array([buckets.start(buckets.index(float(value)) + 1) for value in values])
    weights = decay_weights(ages, half_life_days)
    days = vpa_confidence(float(np.ptp(ages)), values.size)
    low, high = vpa_multipliers(days)
    p50, p90, p95 = (weighted_percentile(ends, weights, share) * (1 + VPA_MARGIN) for share in (0.5, 0.9, 0.95))
    return VpaRecommendation(lower=p50 * low, target=p90, upper=p95 * high, days=days)


def autopilot_statistics(values: Series, age_hours: Series, half_life_hours: float) -> AutopilotStatistics:
    """Peak, decayed mean and decayed load-adjusted P95; NaN where nothing is known."""
    known = ~np.isnan(values)
    if not known.any():
        return AutopilotStatistics(*[float("nan")] * 3)
    values, ages = values[known], age_hours[known]
    return AutopilotStatistics(
        maximum=float(values.max()),
        average=float(np.average(values, weights=decay_weights(ages - ages.min(), half_life_hours))),
        p95=decaying_percentile(values, ages - ages.min(), 0.95, half_life=half_life_hours, load_adjusted=True),
    )


def autopilot_limit(values: Series, age_hours: Series, work: Work, *, margin: float = AUTOPILOT_MARGIN) -> float:
    """Limit for work of a class, with its margin: mean for batch, P95 of the load for serving, maximum for memory."""
    found = autopilot_statistics(values, age_hours, AUTOPILOT_HALF_LIFE_HOURS[work])
    chosen = {"batch": found.average, "serving": found.p95, "memory": found.maximum}[work]
    return chosen * (1 + margin)


def held(limits: Series, steps: int) -> Series:
    """Each limit raised to the largest of the last ``steps``: up at once, down only after that long."""
    if steps < 1:
        raise ValueError(f"a limit is held for one step or more, not {steps}")
    padded = np.concatenate([np.full(steps - 1, -np.inf), limits])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, steps).max(axis=1))


def daily_peaks(samples: Series, per_day: int) -> Series:
    """Largest sample of each day, oldest first, an unfinished last day included; NaN for a day without any."""
    days = -(-samples.size // per_day)
    padded = np.full(days * per_day, np.nan)
    padded[: samples.size] = samples
    by_day = np.where(np.isnan(padded), -np.inf, padded).reshape(days, per_day).max(axis=1)
    return np.where(np.isinf(by_day), np.nan, by_day)


def memory_need(samples: Series, per_day: int, *, headroom: float = MEMORY_HEADROOM) -> MemoryNeed | None:
    """Memory to provide: the largest daily peak and the headroom; None where nothing is known."""
    peaks = daily_peaks(samples, per_day)
    days = int((~np.isnan(peaks)).sum())
    if not days:
        return None
    peak = float(np.nanmax(peaks))
    return MemoryNeed(peak=peak, need=peak * (1 + headroom), days=days, enough=days >= MEMORY_MIN_DAYS)
