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
Sources
    docs/advice.md; Rzadca et al., EuroSys 2020 (Autopilot); kubernetes/autoscaler, recommender.
Known drawbacks
    A half-life of a day forgets the weekend: weekly services need seven days or more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

VPA_HALF_LIFE_DAYS = 1.0
VPA_MARGIN = 0.15
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


@dataclass(frozen=True)
class VpaRecommendation:
    """Request and the bounds within which a present one is left alone; ``days`` is the history they rest on."""

    lower: float
    target: float
    upper: float
    days: float


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
