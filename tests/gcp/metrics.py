"""Points of series as tests write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AT_ONCE = 7
"""Points on a page, so that there are several."""


def every(seconds: int, first: datetime, *values: Any) -> dict[datetime, Any]:
    """Values of periods that follow each other from ``first`` on, by the end of each."""
    return {first + timedelta(seconds=seconds * (number + 1)): value for number, value in enumerate(values)}
