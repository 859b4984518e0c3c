"""Alerts of a budget as a finance manager reads them: the day of each threshold, and how fast the last days went."""

from __future__ import annotations

from decimal import Decimal

from reports.formats import UNKNOWN
from reports.views import BudgetStatus, BudgetThreshold


def threshold_words(row: BudgetStatus) -> str:
    """The day of each threshold: ``50 % reached 2026-11-10, 80 % expected 2026-11-16, 100 % not in this period``."""
    has_forecast = row.forecast_p50 is not None
    return ", ".join(f"{one.percent:f} % {_when(one, has_forecast=has_forecast)}" for one in row.thresholds)


def _when(one: BudgetThreshold, *, has_forecast: bool) -> str:
    if one.reached_on is not None:
        return f"reached {one.reached_on}"
    if one.expected_on is not None:
        return f"expected {one.expected_on}"
    return "not in this period" if has_forecast else "not reached"


def times(burn: Decimal | None) -> str:
    """How many times the pace a budget allows: ``1.50×``."""
    return UNKNOWN if burn is None else f"{burn:,.2f}×"


def window_words(row: BudgetStatus) -> tuple[str, ...]:
    """The burn of the last days, the long window first: ``7 days 1.50×``; nothing where neither is known."""
    windows = ((row.burn_long_days, row.burn_long), (row.burn_short_days, row.burn_short))
    return tuple(f"{days} day{'' if days == 1 else 's'} {times(burn)}" for days, burn in windows if burn is not None)
