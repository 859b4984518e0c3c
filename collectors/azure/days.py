"""Series day by day, where some subscriptions may not be read: what a day lacks is part of its change token."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from collectors.contract import Seen, Slice, Window
from collectors.days import unsettled_days


def days_without(
    window: Window, seen: Mapping[str, Seen], now: datetime, what: str, lacking: Collection[str]
) -> Iterator[Slice]:
    """A slice per UTC day, the newest first; days that are over come again when other subscriptions are ``lacking``.

    So a permission that is missing for good costs one reading, and one that is granted brings what was missing.
    """
    said = f" without {' '.join(sorted(lacking))}" if lacking else ""
    known = {
        key: replace(one, token=one.token.removesuffix(said)) for key, one in seen.items() if one.token.endswith(said)
    }
    for piece in unsettled_days(window, known, now, what):
        yield replace(piece, token=f"{piece.token}{said}")
