"""Whether a bill is the month again, or something that would drop part of it: another bill, another part, a few days.

A bill is refused rather than guessed about, with both sides named; a person may say that the new one is the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aispend.errors import OverlapError
from aispend.store.loads import Attempt, Key

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

FEW_DAYS = 10
"""Below so many days a month has just begun, and its days say nothing about what is missing."""


@dataclass(frozen=True)
class Place:
    """The content of a slice that a bill replaces: all of it or one half."""

    key: Key
    slice_id: int
    halves: tuple[int, ...]

    def __str__(self) -> str:
        provider, scope, month = self.key
        return f"{provider} {scope} {month:%Y-%m}"


@dataclass(frozen=True)
class Extent:
    """How far a content reaches: its sub-accounts, and on how many days something was charged."""

    sub_accounts: frozenset[str]
    days: int


def extent(cursor: Cursor, place: Place) -> Extent:
    """What is there now."""
    values = (place.key[2].isoformat(), place.slice_id, ",".join(map(str, place.halves)))
    cursor.execute(_SUB_ACCOUNTS, values)
    names = frozenset(str(row[0]) for row in cursor.fetchall())
    cursor.execute(_DAYS, values)
    row = cursor.fetchone()
    return Extent(names, int(row[0]) if row else 0)


def refuse_another_part(
    cursor: Cursor, place: Place, before: Extent, files: Sequence[Mapping[str, object]], *, by_another: bool = False
) -> None:
    """Raise ``OverlapError`` where the content just written is another part of the month than the one it replaced.

    ``by_another`` where it came another way: then it must show every sub-account that is loaded.
    """
    now = extent(cursor, place)
    if before.sub_accounts and now.sub_accounts and not now.sub_accounts & before.sub_accounts:
        raise OverlapError(
            f"{place} is loaded with other sub-accounts; this bill would replace them all.",
            where=f"loaded: {_some(before.sub_accounts)}; new: {_some(now.sub_accounts)} ({_names(files)})",
            next_step="Import the files of all sub-accounts together, or replace the month with --accept-overlap.",
        )
    if by_another and now.sub_accounts < before.sub_accounts:
        lost = _some(before.sub_accounts - now.sub_accounts)
        raise OverlapError(
            f"{place} is loaded with more sub-accounts from another export; this bill would replace them.",
            where=f"loaded: {_some(before.sub_accounts)}; missing in the new one: {lost} ({_names(files)})",
            next_step="Collect or import only the export that shows the whole account; "
            "if this is all of it now, import it with --accept-overlap.",
        )
    if before.days >= FEW_DAYS and now.days * 2 < before.days:
        raise OverlapError(
            f"{place} is loaded with charges on {before.days} days; this bill has {now.days} of them"
            " and would replace them all.",
            where=_names(files),
            next_step="Import the whole billing month (late lines come with the rest of it), or say with "
            "--accept-overlap that this is all of it.",
        )


def overlap(cursor: Cursor, key: Key, slice_id: int, dataset: str, *, new: Attempt, together: bool) -> OverlapError:
    """Two bills for one month; ``together`` where they may be two looks at one bill."""
    cursor.execute(_LAST_FILES, (slice_id,))
    row = cursor.fetchone()
    loaded = f"{_names(json.loads(row[0]))}, loaded {row[1]:%Y-%m-%d %H:%M} UTC" if row else "loaded earlier"
    provider, scope, month = key
    next_step = "Keep the loaded one, or make the new one the ledger: aispend import --accept-overlap PATH…"
    if together:
        next_step = f"Import the actual and the amortised export of the month together. {next_step}"
    return OverlapError(
        f"Two bills claim {provider} {scope} for {month:%Y-%m}; counting both would count the money twice.",
        where=f"loaded: {dataset} ({loaded}); new: {new.dataset} ({_names(new.files)})",
        next_step=next_step,
    )


def _some(names: frozenset[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


def _names(files: Sequence[Mapping[str, object]]) -> str:
    names = [str(file["name"]) for file in files]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


_LAST_FILES = """
    SELECT files::text, started_at FROM load WHERE slice_id = $1 AND outcome = 'loaded' ORDER BY load_id DESC LIMIT 1"""

_SUB_ACCOUNTS = """
    SELECT DISTINCT sub_account_id FROM account
    WHERE sub_account_id IS NOT NULL AND account_key IN (
      SELECT account_key FROM charge WHERE billing_month = $1::date AND slice_id = $2
      AND half = ANY (string_to_array($3, ',')::smallint[]))"""

_DAYS = """
    SELECT count(DISTINCT charge_date) FROM charge WHERE billing_month = $1::date AND slice_id = $2
    AND half = ANY (string_to_array($3, ',')::smallint[])"""
