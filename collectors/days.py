"""The days and months there are to ask for, and when a day of a series is complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from aispend.clock import month_of
from collectors.contract import Seen, Slice, Window

SETTLES = timedelta(hours=6)
"""After the end of a day its points are taken for complete."""


def midnight(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def today_and_before(day: date, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of a day, of today to the last full hour (the first hour as far as it goes)."""
    start = midnight(day)
    hour = now.replace(minute=0, second=0, microsecond=0)
    return start, min(start + timedelta(days=1), hour if hour > start else now)


def months_of(window: Window) -> Iterator[date]:
    """Months of the window, the newest first: what is looked at most comes first."""
    month, first = month_of(window.end - timedelta(days=1)), month_of(window.first)
    while month >= first:
        yield month
        month = month_of(month - timedelta(days=1))


def unsettled_days(window: Window, seen: Mapping[str, Seen], now: datetime, what: str) -> Iterator[Slice]:
    """A slice per UTC day, the newest first: a settled day once, one that is not anew every hour.

    A day whose last reading left another token than this gave (something was missing) comes again.
    """
    last = min(window.end, now.date() + timedelta(days=1)) - timedelta(days=1)
    for back in range((last - window.first).days + 1):
        day = last - timedelta(days=back)
        settled = now >= midnight(day + timedelta(days=1)) + SETTLES
        known = seen.get(f"{day}")
        token = "settled" if settled else f"{now:%Y-%m-%dT%H}"
        if known is None or known.token != token:
            yield Slice(f"{day}", token, f"{what} of {day}")
