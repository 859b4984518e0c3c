"""How sure a claim about the future is, from how often it failed on history.

Assumes
    Violations are counted on history the advice was not made from.
Method
    Hours are not independent: n hours with lag-1 autocorrelation r carry n·(1−r)/(1+r) independent ones. The mean of
    each hour of the day is taken out first: a daily pattern is seen whole every day and hides nothing.
    For k violations in n_eff the upper 95 % bound is Clopper–Pearson's; with k = 0 it is the rule of three, 3/n_eff.
    A stretch of history without the end of a month makes no claim sure, as work is done then that is done at no other
    time.
Sources
    docs/advice.md; Clopper & Pearson 1934; Hanley & Lippman-Hand 1983 (rule of three).
Known drawbacks
    Lag-1 thinning understates the dependence of weekly patterns; short histories give wide bounds, as they should.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

_HOURS_PER_DAY = 24
_NOTHING = 1e-9
RISK_BOUNDS = (0.001, 0.005, 0.02, 0.05)
"""Upper violation bounds of risk 0, 1, 2 and 3; above the last it is 4."""


def effective_sample(hourly: NDArray[np.float64]) -> float:
    """Number of independent observations in an hourly series; its length where nothing is left to vary."""
    known = hourly[~np.isnan(hourly)]
    if known.size < 3 or np.ptp(known) == 0:
        return float(known.size)
    centred = known - known.mean()
    if known.size >= 3 * _HOURS_PER_DAY:
        hour = np.arange(known.size) % _HOURS_PER_DAY
        centred = known - (np.bincount(hour, known) / np.bincount(hour))[hour]
    if not np.any(np.abs(centred) > _NOTHING * np.abs(known).max()):
        return float(known.size)
    r1 = float((centred[1:] * centred[:-1]).sum() / (centred * centred).sum())
    r1 = min(max(r1, 0.0), 0.99)
    return known.size * (1 - r1) / (1 + r1)


def violation_bound(violations: int, n_eff: float) -> float:
    """Upper 95 % bound of the violation rate, 0 to 1; 1 where nothing was observed."""
    if n_eff <= 0:
        return 1.0
    if violations == 0:
        return min(3 / n_eff, 1.0)
    k = min(float(violations), n_eff)
    low, high = k / n_eff, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _binomial_tail(k, n_eff, middle) > 0.05:
            low = middle
        else:
            high = middle
    return high


def risk_level(bound: float) -> int:
    """0 (bound below 0.1 %) to 4, the scale AWS uses for performance risk."""
    return next((level for level, limit in enumerate(RISK_BOUNDS) if bound < limit), 4)


def sees_month_end(until: date, days: int) -> bool:
    """Whether the last day of a month lies in the ``days`` before ``until``."""
    last_of_month = until.replace(day=1) - timedelta(days=1)
    return last_of_month >= until - timedelta(days=days)


def _binomial_tail(k: float, n: float, p: float) -> float:
    """P(X ≤ k) for X ~ Binomial(n, p), with n rounded to a whole number."""
    trials = max(round(n), 1)
    if p <= 0:
        return 1.0
    if p >= 1:
        return 1.0 if k >= trials else 0.0
    log_p, log_q = math.log(p), math.log1p(-p)
    return sum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(i + 1)
            - math.lgamma(trials - i + 1)
            + i * log_p
            + (trials - i) * log_q
        )
        for i in range(min(int(k), trials) + 1)
    )
