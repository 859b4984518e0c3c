"""How far off such forecasts were: split conformal bands from past origins.

Source      Split conformal prediction (Vovk et al. 2005; Lei et al. 2018), with scores scaled as MASE is.
Assumes     What comes differs from the forecast as much as what came did at past origins, measured in the
            seasonal-naive error of the history of each.
Method      At each past origin the forecast is made from the history before it alone, as it would have been then.
            A score is the absolute error over the scale of that origin. The half-width of a band at level p is the
            ceil((n + 1) p)-th smallest of n scores, times the scale of today. Steps of a horizon bucket share one
            quantile; a total has scores of its own, those of the error of the *sum* over the same steps: errors of
            days go together, so their bands must not be added up.
Cases       Too few origins: there is no band, and none is made up.
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

_HAIR = 1e-9
"""By which binary arithmetic may pass a whole number."""


@dataclass(frozen=True)
class Backtest:
    """What forecasts from past origins missed by.

    ``errors``: actual less forecast, a row per origin and a column per step ahead; NaN for what has not come yet.
    ``scales``: seasonal-naive error of the history of each origin; ``scale``: that of today's.
    """

    errors: Floats
    scales: Floats
    scale: float

    def half_width_of_total(self, start: int, end: int, level: float) -> float | None:
        """Of the sum over steps ``start`` up to, not including, ``end``; None where too few origins know it."""
        import numpy as np

        sums = np.abs(self.errors[:, start:end].sum(axis=1))
        known = ~np.isnan(sums)
        return self._of(sums[known] / self.scales[known], int(known.sum()), level)

    def half_widths(self, buckets: Sequence[int], level: float) -> list[float | None]:
        """Of each step; ``buckets`` are the last steps of each bucket but the last, counted from 1."""
        import numpy as np

        horizon = self.errors.shape[1]
        edges = [0, *(edge for edge in buckets if edge < horizon), horizon]
        found: list[float | None] = []
        for start, end in pairwise(edges):
            scores = np.abs(self.errors[:, start:end]) / self.scales[:, None]
            known = ~np.isnan(scores)
            width = self._of(scores[known], int(known.any(axis=1).sum()), level)
            found += [width] * (end - start)
        return found

    def _of(self, scores: Floats, origins: int, level: float) -> float | None:
        """The conformal quantile of the scores, in today's scale."""
        import numpy as np

        if origins < LEAST_ORIGINS:
            return None
        rank = min(len(scores), math.ceil((len(scores) + 1) * level - _HAIR))
        return float(np.sort(scores)[rank - 1]) * self.scale
