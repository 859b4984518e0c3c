"""How far off such forecasts were: split conformal bands from past origins.

Source      Split conformal prediction (Vovk et al. 2005; Lei et al. 2018), with scores scaled as MASE is.
Assumes     What comes differs from the forecast as much as what came did at past origins, measured in the
            seasonal-naive error of the history of each, its last season counted more.
Method      At each past origin the forecast is made from the history before it alone, as it would have been then.
            A score is the absolute error over the scale of that origin. Steps of a horizon bucket share their scores;
            a total has scores of its own, those of the error of the *sum* over the same steps: errors of days go
            together, so their bands must not be added up. The half-width of a band at level p is the
            ceil(n p (m + 1) / m)-th smallest of n scores, times the scale of today, where m of them are independent;
            with m = n this is split conformal. Scores of steps are worth m = n / (1 + (steps - 1) r), r being how much
            those of one forecast go together (intraclass correlation; Kish 1965). Totals of origins k strides apart
            share s = 1 - k stride / length of their steps; whether they leave an 80 % band goes together about as
            s cubed (of normal errors 0.63 s squared + 0.37 s to the fourth), so m = n / (1 + 2 sum of those cubes).
Cases       Too few origins: there is no band, and none is made up. Where m is below p / (1 - p) the band is the largest
            error seen. An error after a history that hardly moved is many of its scales, and would be as many of
            today's: no band is wider than twice the largest error seen.
Drawbacks   Coverage is on average over time, not for each day. What has never happened is in no score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.forecast_members import Floats

LEAST_ORIGINS = 5
"""Below four no 80 % band exists at all; with four it is the largest error seen."""

_BEYOND = 2.0
"""Times the largest error seen that a band may reach."""

_HAIR = 1e-9
"""By which binary arithmetic may pass a whole number."""


@dataclass(frozen=True)
class Backtest:
    """What forecasts from past origins missed by.

    ``errors``: actual less forecast, a row per origin and a column per step ahead; NaN for what has not come yet.
    ``scales``: what errors are measured in, by the history of each origin; ``scale``: by today's. ``stride``: steps
    from one origin to the next.
    """

    errors: Floats
    scales: Floats
    scale: float
    stride: int

    def half_width_of_total(self, start: int, end: int, level: float) -> float | None:
        """Of the sum over steps ``start`` up to, not including, ``end``; None where too few origins know it."""
        import numpy as np

        sums = np.abs(self.errors[:, start:end].sum(axis=1))
        known = ~np.isnan(sums)
        scores = sums[known] / self.scales[known]
        width = self._of(scores, len(scores), len(scores) / self._worth_one(end - start), level)
        return None if width is None else min(width, _BEYOND * float(sums[known].max()))

    def half_widths(self, buckets: Sequence[int], level: float) -> list[float | None]:
        """Of each step; ``buckets`` are the last steps of each bucket but the last, counted from 1."""
        import numpy as np

        horizon = self.errors.shape[1]
        edges = [0, *(edge for edge in buckets if edge < horizon), horizon]
        found: list[float | None] = []
        for start, end in pairwise(edges):
            errors = np.abs(self.errors[:, start:end])
            scores = errors / self.scales[:, None]
            known = ~np.isnan(scores)
            width = self._of(scores[known], int(known.any(axis=1).sum()), _independent(scores), level)
            width = None if width is None else min(width, _BEYOND * float(errors[known].max()))
            found += [width] * (end - start)
        return found

    def _worth_one(self, length: int) -> float:
        """How many totals of that length tell as much as one that shares no step with another."""
        shared = (1 - apart / length for apart in range(self.stride, length, self.stride))
        return 1 + 2 * sum(share**3 for share in shared)

    def _of(self, scores: Floats, origins: int, independent: float, level: float) -> float | None:
        """The conformal quantile of the scores, in today's scale."""
        import numpy as np

        if origins < LEAST_ORIGINS:
            return None
        corrected = level * (1 + 1 / independent)
        rank = min(len(scores), math.ceil(len(scores) * corrected - _HAIR))
        return float(np.sort(scores)[rank - 1]) * self.scale


def _independent(scores: Floats) -> float:
    """How many independent scores those of several forecasts (a row each, NaN for what has not come) are worth."""
    import numpy as np

    rows = scores[~np.isnan(scores).all(axis=1)]
    counts = (~np.isnan(rows)).sum(axis=1)
    origins, every = len(rows), int(counts.sum())
    if origins < 2 or every == origins:
        return float(every)
    means = np.nansum(rows, axis=1) / counts
    within = float(np.nansum((rows - means[:, None]) ** 2)) / (every - origins)
    between = float((counts * (means - np.nansum(rows) / every) ** 2).sum()) / (origins - 1)
    size = (every - float((counts**2).sum()) / every) / (origins - 1)
    whole = between + (size - 1) * within
    together = max(0.0, (between - within) / whole) if whole > 0 else 0.0
    return every / (1 + (size - 1) * together)
