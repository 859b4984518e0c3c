"""Load records: what each loading read, wrote, kept aside, and whether it changed anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

    from aispend.store import Store

Key = tuple[str, str, date]
"""Provider, scope, first day of the billing month."""

Texts = Mapping[str, Mapping[str, str]]
"""Currency → cost column → amount as decimal text."""


@dataclass(frozen=True)
class Attempt:
    """One loading of one delivery: what was read, and when it began. ``files`` have name, bytes and rows."""

    dataset: str
    change_token: str
    files: Sequence[Mapping[str, object]]
    started_at: datetime


@dataclass(frozen=True)
class Rejected:
    """A line kept aside, with the slice it counts with."""

    key: Key
    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str
    raw: str


@dataclass(frozen=True)
class Counted:
    """What a load record says of one slice."""

    lines: int
    facts: int
    rejected: int
    totals: Texts
    residuals: Texts
    flags: Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class EarlierLoad:
    """A slice whose present content is what would be loaded again."""

    key: Key
    slice_id: int
    dataset: str
    state: str
    lines: int
    facts: int
    rejected: int
    totals: Texts
    flags: Sequence[Mapping[str, Any]]


def unchanged(store: Store, change_token: str) -> list[EarlierLoad]:
    """The slices this token was loaded to, if their content is still exactly that, line for line; else nothing."""
    with store.engine.connect() as connection:
        rows = connection.execute(text(_UNCHANGED), {"token": change_token}).all()
    if not rows or not all(row.is_there for row in rows):
        return []
    return [
        EarlierLoad(
            key=(row.provider, row.scope, row.period),
            slice_id=row.slice_id,
            dataset=row.dataset,
            state=row.state,
            lines=row.rows_in - row.rows_rejected,
            facts=row.rows_out,
            rejected=row.rows_rejected,
            totals=row.totals,
            flags=row.flags,
        )
        for row in rows
    ]


def record_unchanged(store: Store, earlier: Sequence[EarlierLoad], attempt: Attempt, now: datetime) -> None:
    """Write the load records of a loading that changed nothing."""
    with store.engine.begin() as connection:
        for one in earlier:
            values = _short(attempt, now) | {
                "slice_id": one.slice_id,
                "rows_in": one.lines,
                "flags": "[]",
                "outcome": "unchanged",
            }
            connection.execute(text(_SHORT_LOAD), values)


def record_failure(store: Store, attempt: Attempt, reason: str, now: datetime) -> None:
    """Write the load record of a delivery that was refused, with the reason as its flag."""
    flags = json.dumps([{"flag": "refused", "explanation": reason}])
    values = _short(attempt, now) | {"slice_id": None, "rows_in": 0, "flags": flags, "outcome": "failed"}
    with store.engine.begin() as connection:
        connection.execute(text(_SHORT_LOAD), values)


def write_load(cursor: Cursor, attempt: Attempt, slice_id: int, counted: Counted, now: datetime) -> int:
    """Write the load record of a slice that is being loaded, in the caller's transaction; returns its id."""
    values = (
        slice_id,
        attempt.dataset,
        attempt.change_token,
        json.dumps(attempt.files),
        counted.lines + counted.rejected,
        counted.facts,
        counted.rejected,
        json.dumps(counted.totals),
        json.dumps(counted.residuals),
        json.dumps(counted.flags),
        attempt.started_at.isoformat(),
        str((now - attempt.started_at).total_seconds()),
    )
    cursor.execute(_INSERT_LOAD, values)
    return int(next(iter(cursor.fetchall()))[0])


def write_rejected(cursor: Cursor, load_id: int, rejected: Sequence[Rejected]) -> None:
    """Write the lines kept aside, in the caller's transaction."""
    import pyarrow as pa

    if not rejected:
        return
    columns: dict[str, Any] = {
        "load_id": pa.array([load_id] * len(rejected), pa.int32()),
        "ordinal": pa.array(range(1, len(rejected) + 1), pa.int32()),
        "line": pa.array([one.line for one in rejected], pa.int32()),
    }
    for name in ("file", "column", "value", "reason", "raw"):
        # Postgres takes no NUL characters in text
        texts = [None if (cell := getattr(one, name)) is None else cell.replace("\0", "") for one in rejected]
        columns["column_name" if name == "column" else name] = pa.array(texts, pa.string())
    cursor.adbc_ingest("rejected_row", pa.table(columns), mode="append")


def _short(attempt: Attempt, now: datetime) -> dict[str, object]:
    return {
        "dataset": attempt.dataset,
        "token": attempt.change_token,
        "files": json.dumps(attempt.files),
        "started_at": attempt.started_at,
        "seconds": (now - attempt.started_at).total_seconds(),
    }


_COLUMNS = """
    (slice_id, dataset, change_token, files, rows_in, rows_out, rows_rejected, totals, residuals, flags, outcome,
     started_at, seconds)"""

_INSERT_LOAD = f"""
    INSERT INTO load {_COLUMNS} VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8::jsonb, $9::jsonb, $10::jsonb, 'loaded',
      $11::timestamptz, $12::numeric) RETURNING load_id"""

_SHORT_LOAD = f"""
    INSERT INTO load {_COLUMNS} VALUES (:slice_id, :dataset, :token, CAST(:files AS jsonb), :rows_in, 0, 0,
      '{{}}', '{{}}', CAST(:flags AS jsonb), :outcome, :started_at, :seconds)"""

_UNCHANGED = """
    SELECT DISTINCT ON (slice_id) slice_id, slice.provider, slice.scope, slice.period, load.dataset, load.rows_in,
      load.rows_rejected, load.rows_out, slice.state, load.totals, load.flags,
      load.dataset = ANY (string_to_array(slice.dataset, '+')) AND NOT EXISTS (
        SELECT FROM load AS later WHERE later.slice_id = load.slice_id AND later.outcome = 'loaded'
        AND later.load_id > load.load_id AND later.dataset = load.dataset)
      AND load.rows_in - load.rows_rejected = (
        SELECT coalesce(sum(charge.line_count), 0) FROM charge
        WHERE charge.billing_month = slice.period AND charge.slice_id = slice.slice_id
        AND (strpos(slice.dataset, '+') = 0
          OR charge.half = array_position(string_to_array(slice.dataset, '+'), load.dataset))) AS is_there
    FROM load JOIN slice USING (slice_id)
    WHERE load.change_token = :token AND load.outcome = 'loaded' ORDER BY slice_id, load_id DESC"""
