"""Series day by day: which days there are to ask for, and which projects a day lacks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta

from collectors.contract import Seen, Slice, Window
from collectors.days import SETTLES, midnight

_WITHOUT = " without "


def token_of(token: str, lacking: Collection[str]) -> str:
    """The change token of a day that lacks projects.

    >>> token_of("settled", ["b", "a"]), told_by("settled without a,b"), told_by("settled")
    ('settled without a,b', ('settled', ('a', 'b')), ('settled', ()))
    """
    return f"{token}{_WITHOUT}{','.join(sorted(lacking))}" if lacking else token


def told_by(token: str) -> tuple[str, tuple[str, ...]]:
    """The change token itself, and the projects that are lacking."""
    content, _, lacking = token.partition(_WITHOUT)
    return content, tuple(lacking.split(",")) if lacking else ()


def day_slices(
    window: Window, seen: Mapping[str, Seen], now: datetime, what: str, answers: Callable[[str], bool]
) -> Iterator[Slice]:
    """A slice per UTC day, the newest first: a settled day once, one that is not anew every hour.

    A day that lacks projects comes again once one of them ``answers``.
    """
    last = min(window.end, now.date() + timedelta(days=1)) - timedelta(days=1)
    for back in range((last - window.first).days + 1):
        day = last - timedelta(days=back)
        token = "settled" if now >= midnight(day + timedelta(days=1)) + SETTLES else f"{now:%Y-%m-%dT%H}"
        known = seen.get(f"{day}")
        content, lacking = told_by(known.token) if known else ("", ())
        if content != token or any(answers(project) for project in lacking):
            yield Slice(f"{day}", token, f"{what} of {day}")
