"""Alerts of a budget as a finance manager reads them: the day of each threshold, how fast the last days went, and how
far the bills behind it are known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from reports.formats import UNKNOWN
from reports.views import BudgetStatus, BudgetThreshold


def threshold_words(row: BudgetStatus) -> str:
    """The day of each threshold: ``50 % reached 2026-11-10, 80 % expected 2026-11-16, 100 % not in this period``.

    A day that had passed when it was computed is of days that no bill tells of yet, and says so.
    """
    return ", ".join(f"{one.percent:f} % {_when(one, row)}" for one in row.thresholds)


def used_up_words(row: BudgetStatus) -> str:
    """``used up 2026-11-20``; nothing where it is not in this period."""
    if row.exhausted_on is None:
        return ""
    return f"used up {row.exhausted_on}{'' if row.actual >= row.amount else _past(row.exhausted_on, row)}"


def known_words(row: BudgetStatus) -> str:
    """How far the bills are known: ``bills known to 2026-11-10``."""
    return "no bills analyzed" if row.known_to is None else f"bills known to {row.known_to - timedelta(days=1)}"


def spent(row: BudgetStatus) -> Decimal | None:
    """What is spent to date; None where no day of the period is known: that is not nothing."""
    return None if row.known_to is None or row.known_to <= row.period_start else row.actual


def _past(day: date, row: BudgetStatus) -> str:
    return " (past, not billed yet)" if day < row.computed_at.date() else ""


def _when(one: BudgetThreshold, row: BudgetStatus) -> str:
    if one.reached_on is not None:
        return f"reached {one.reached_on}"
    if one.expected_on is not None:
        return f"expected {one.expected_on}{_past(one.expected_on, row)}"
    return "not in this period" if row.forecast_p50 is not None else "not reached"


def times(burn: Decimal | None) -> str:
    """How many times the pace a budget allows: ``1.50×``."""
    return UNKNOWN if burn is None else f"{burn:,.2f}×"


def window_words(row: BudgetStatus) -> tuple[str, ...]:
    """The burn of the last days, the long window first: ``7 days 1.50×``; nothing where neither is known."""
    windows = ((row.burn_long_days, row.burn_long), (row.burn_short_days, row.burn_short))
    return tuple(f"{days} day{'' if days == 1 else 's'} {times(burn)}" for days, burn in windows if burn is not None)
