"""What was collected, and where what clouds say of themselves is written.

``replace_rows`` replaces what a slice had in a table; ``merge_rows`` adds, or replaces rows of the same key;
``write_history`` compares a listing with what was known and writes only what changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql

from aispend.resource_id import canonical
from aispend.schema import (
    collection,
    commitment_term,
    invoice,
    metadata,
    price,
    request_day,
    resource_history,
    resource_life,
)
from aispend.store import names
from aispend.store.invoices import as_collected
from aispend.store.lives import end_unseen, merge_lives
from aispend.store.locks import wait_for
from aispend.store.price_rows import superseding

DELETED = "deleted"
"""State of a commitment that its listing no longer names."""

_BLOCK = 1000


@dataclass(frozen=True)
class Collected:
    """The last success of one slice."""

    change_token: str
    collected_at: datetime
    rows: int


def collected(connection: Connection, source: str) -> dict[str, Collected]:
    """Slices of ``source`` that were collected, by their key."""
    c = collection.c
    query = select(c.slice, c.change_token, c.collected_at, func.coalesce(c.rows, 0)).where(
        c.source == source, c.collected_at.is_not(None)
    )
    return {key: Collected(token, at, rows) for key, token, at, rows in connection.execute(query)}


def remember(connection: Connection, source: str, key: str, token: str, *, rows: int | None, now: datetime) -> None:
    """A slice was read and written, or with ``rows`` None found to be what it was."""
    values: dict[str, Any] = {
        "source": source,
        "slice": key,
        "change_token": token,
        "collected_at": now,
        "attempted_at": now,
        "outcome": "loaded" if rows is not None else "unchanged",
        "message": None,
    }
    if rows is not None:
        values["rows"] = rows
    _upsert(connection, collection, [values])


def remember_failure(
    connection: Connection, source: str, key: str, *, outcome: str, message: str, now: datetime
) -> None:
    """A slice could not be collected; what it had before stays, and so does the record of that."""
    values = {"source": source, "slice": key, "attempted_at": now, "outcome": outcome, "message": message}
    _upsert(connection, collection, [values])


def count_requests(connection: Connection, source: str, day: date, requests: Mapping[str, int]) -> None:
    """Add to the requests of a day."""
    rows = [
        {"source": source, "day": day, "operation": operation, "requests": number}
        for operation, number in sorted(requests.items())
    ]
    if rows:
        statement = postgresql.insert(request_day).values(rows)
        more = request_day.c.requests + statement.excluded.requests
        connection.execute(
            statement.on_conflict_do_update(index_elements=request_day.primary_key, set_={"requests": more})
        )


def requests_on(connection: Connection, source: str, day: date) -> dict[str, int]:
    """The requests of a day, by operation."""
    c = request_day.c
    query = select(c.operation, c.requests).where(c.source == source, c.day == day)
    return {row.operation: row.requests for row in connection.execute(query)}


def replace_rows(connection: Connection, table_name: str, source: str, key: str, rows: Iterable[Any]) -> int:
    """Replace what a slice had in a table; returns the number of rows written."""
    table = metadata.tables[table_name]
    connection.execute(delete(table).where(table.c.source == source, table.c.slice == key))
    complete = [{**_resolved(table, row), "source": source, "slice": key} for row in rows]
    if complete:
        connection.execute(insert(table), complete)
    return len(complete)


def merge_rows(connection: Connection, table_name: str, source: str, rows: Sequence[Any]) -> int:
    """Add rows, or replace those of the same key (prices: only what changed); returns how many were written.

    The names of a resource whose life is ``gone`` for good end with it.
    """
    table = metadata.tables[table_name]
    new = superseding(connection, rows) if table is price else rows
    if table is invoice:
        new = [as_collected(connection, row) for row in rows]
    complete = [{**_resolved(table, row), "source": source} for row in new]
    if table is not resource_life:
        return _upsert(connection, table, complete)
    written = merge_lives(connection, complete)
    gone = {_key(row): row["ended_at"] for row in rows if row.get("gone")}
    if gone:
        wait_for(connection, names.LOCK)
        names.end_inventory(connection, gone)
    return written


def end_unlisted(
    connection: Connection, source: str, listing: Mapping[str, str], rows: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """End the commitments of a listing (its columns' values) that are not among its ``rows``: they were deleted."""
    c = commitment_term.c
    of_listing = [c[name] == value for name, value in listing.items()]
    connection.execute(
        update(commitment_term)
        .where(
            c.source == source,
            *of_listing,
            c.commitment_id.not_in([row["commitment_id"] for row in rows]),
            c.state != DELETED,
        )
        .values(state=DELETED, ends_at=func.least(c.ends_at, now), as_of=now)
    )


def write_history(
    connection: Connection,
    *,
    source: str,
    kind: str,
    scope: str,
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
    running: Set[str] | None = None,
) -> int:
    """Write what changed since the last listing of ``kind`` in ``scope``; returns how many rows were begun or ended.

    With ``running``, the resource ids among ``rows`` that run, the lives of others end, and so do the names of those
    that are listed no more.
    """
    wait_for(connection, names.LOCK)
    names.describe_resources(
        connection,
        [{"provider": row["provider"], "resource_id": canonical(row["provider"], row["resource_id"])} for row in rows],
    )
    c = resource_history.c
    same_listing = (c.source == source, c.kind == kind, c.scope == scope, c.valid_to.is_(None))
    listed = {_key(row): (row.get("state"), dict(row.get("details") or {})) for row in rows}
    found = connection.execute(select(c.resource_key, c.state, c.details, c.seen_at).where(*same_listing)).all()
    known = {row.resource_key: (row.state, row.details) for row in found}
    if running is not None:
        alive = {_key(row) for row in rows if row["resource_id"] in running}
        end_unseen(connection, {row.resource_key: row.seen_at for row in found if row.resource_key not in alive})
        names.end_inventory(connection, {key: now for key in known if key not in listed})
    ended = [key for key, was in known.items() if listed.get(key) != was]
    begun = [key for key, is_now in listed.items() if known.get(key) != is_now]
    if ended:
        connection.execute(
            update(resource_history).where(*same_listing, c.resource_key.in_(ended)).values(valid_to=now)
        )
    connection.execute(update(resource_history).where(*same_listing).values(seen_at=now))
    if begun:
        connection.execute(
            insert(resource_history),
            [
                {
                    "resource_key": key,
                    "valid_from": now,
                    "kind": kind,
                    "scope": scope,
                    "state": listed[key][0],
                    "details": listed[key][1],
                    "source": source,
                    "seen_at": now,
                }
                for key in begun
            ],
        )
    return len(ended) + len(begun)


def replace_history(
    connection: Connection, *, source: str, kind: str, rows: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Write what was from when to when, as told: whatever was told of the same resources and kind goes.

    Rows have a resource, ``scope``, ``state``, ``valid_from``, ``valid_to`` and ``details``; the resources are there.
    """
    if not rows:
        return
    keys = {_key(row) for row in rows}
    c = resource_history.c
    connection.execute(delete(resource_history).where(c.kind == kind, c.resource_key.in_(keys)))
    told = [
        {name: row[name] for name in ("scope", "state", "valid_from", "valid_to", "details")}
        | {"resource_key": _key(row), "kind": kind, "source": source, "seen_at": now}
        for row in rows
    ]
    connection.execute(insert(resource_history), told)


def _key(row: Mapping[str, Any]) -> int:
    return names.resource_key(row["provider"], canonical(row["provider"], row["resource_id"]))


def _resolved(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the key of its resource where the table has one and the row gives provider and id instead."""
    values = dict(row)
    if "resource_key" in table.c and "resource_key" not in values:
        values["resource_key"] = _key(row) if row.get("resource_id") else 0
    return {name: value for name, value in values.items() if name in table.c}


def _upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    keys = [column.name for column in table.primary_key]
    # of rows with one key the last: two in one statement would be an error
    unique = {tuple(json.dumps(row[name], default=str) for name in keys): row for row in rows}
    found = list(unique.values())
    for start in range(0, len(found), _BLOCK):
        block = found[start : start + _BLOCK]
        statement = postgresql.insert(table).values(block)
        changed = {name: statement.excluded[name] for name in block[0] if name not in keys}
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=changed)
            if changed
            else statement.on_conflict_do_nothing()
        )
    return len(found)
