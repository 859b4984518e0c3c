"""Time, passed in rather than asked for: the doors open the clock, everything else receives it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

Clock = Callable[[], datetime]
"""Returns the present instant, timezone-aware, in UTC."""
HOURS_PER_MONTH = Decimal(730)
"""A month, wherever a rate is said of one: a twelfth of 8,760 hours, as clouds count it."""


def system_clock() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def month_of(day: date) -> date:
    """First day of the month ``day`` lies in."""
    return date(day.year, day.month, 1)


def next_month(month: date) -> date:
    """First day of the month after ``month``."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
