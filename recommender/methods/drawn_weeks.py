"""What a day of a window came to on average, drawn anew many times: the range that a saving's weeks give.

Assumes
    Days from the window's oldest to its newest, none of them unknown.
Method
    Circular block bootstrap: a week is seven days in a row from any day, over the window's end as well, so that each
    day counts as often as in the plain average, those beside whole weeks too. As many weeks are drawn as the window
    has whole ones, 2,000 times; the seed is fixed so that a rerun agrees, and so that two amounts of the same days
    come from the same draws.
Cases
    Weeks over the end join days that never followed each other, so alone they show no difference: where all others
    are alike, every draw is the plain average.
Sources
    Politis & Romano 1992.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
WEEK = 7
_SEED = 730
_SAME = 1e-9


def weeks_differ(daily: NDArray[np.float64]) -> bool:
    """Whether seven days in a row come to another sum than seven others; ``daily`` has a week or more."""
    sums = np.lib.stride_tricks.sliding_window_view(daily, WEEK).sum(axis=1)
    return not np.allclose(sums, sums[0], rtol=_SAME, atol=_SAME)


def mean_days(daily: NDArray[np.float64]) -> NDArray[np.float64]:
    """The average day of each draw, in the unit of ``daily``, which has a week or more."""
    if not weeks_differ(daily):
        return np.full(DRAWS, daily.mean())
    circle = np.append(daily, daily[: WEEK - 1])
    sums = np.lib.stride_tricks.sliding_window_view(circle, WEEK).sum(axis=1)
    drawn = np.random.default_rng(_SEED).choice(sums, size=(DRAWS, daily.size // WEEK))
    return np.asarray(drawn.mean(axis=1) / WEEK)
