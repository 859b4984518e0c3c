"""The days and months there are to ask for, and when a day of a series is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from aispend.clock import month_of
from collectors.contract import Seen, Slice, Window

SETTLED = "settled"
"""What the change token of a day begins with that was read when it was complete."""

SETTLES = timedelta(hours=6)
"""After the end of a day its points are taken for complete."""

_OF, _WITHOUT = " of ", " without "


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


class Remembered(NamedTuple):
    """What a day's change token says: of what it was read, of which scopes (as marks), and what was lacking."""

    content: str
    scopes: frozenset[str]
    lacking: str


def remembered(token: str) -> Remembered:
    """A change token of :func:`day_slices`, taken apart.

    >>> remembered("settled of 5994471a without a/eastus")
    Remembered(content='settled', scopes=frozenset({'5994471a'}), lacking='a/eastus')
    """
    told, _, lacking = token.partition(_WITHOUT)
    content, _, scopes = told.partition(_OF)
    return Remembered(content, frozenset(scopes.split(",") if scopes else ()), lacking)


def without(token: str, lacking: Iterable[str], between: str = ",") -> str:
    """The change token of a day that lacks something."""
    said = between.join(sorted(set(lacking)))
    return f"{token}{_WITHOUT}{said}" if said else token


def mark(scope: str) -> str:
    """A scope's mark in change tokens, short since a day has one of each."""
    return sha256(scope.encode()).hexdigest()[:8]


def day_slices(
    window: Window,
    seen: Mapping[str, Seen],
    now: datetime,
    what: str,
    *,
    scopes: Iterable[str],
    again: Callable[[date, str, datetime], bool],
) -> Iterator[Slice]:
    """A slice per UTC day, the newest first: a settled day once, one that is not anew every hour.

    ``scopes`` are what is asked about (accounts, regions, projects): a day that was asked for before one of them was
    added comes again. A day that lacks something comes again where ``again`` says so, which is given the day, what it
    lacks and when it was read.
    """
    marks = {mark(one) for one in scopes}
    last = min(window.end, now.date() + timedelta(days=1)) - timedelta(days=1)
    for back in range((last - window.first).days + 1):
        day = last - timedelta(days=back)
        content = SETTLED if now >= midnight(day + timedelta(days=1)) + SETTLES else f"{now:%Y-%m-%dT%H}"
        known = seen.get(f"{day}")
        if known is not None:
            before = remembered(known.token)
            asked = before.content == content and marks <= before.scopes
            if asked and not (before.lacking and again(day, before.lacking, known.at)):
                continue
        token = f"{content}{_OF}{','.join(sorted(marks))}" if marks else content
        yield Slice(f"{day}", token, f"{what} of {day}")
