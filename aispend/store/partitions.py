"""Monthly partitions of the two large tables.

A partition is made as a table of its own and then attached, which lets readers and writers of other months go on, where
``CREATE TABLE … PARTITION OF`` would shut them out until the transaction ends. The first bill of a month is written
before: into a table nobody knows yet, without indexes and without write-ahead log (where the server's ``wal_level`` is
minimal); attaching builds the indexes at once, which takes a fraction of keeping them up row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from aispend.clock import month_of, next_month
from aispend.schema import charge, cost_share
from aispend.store.locks import key_of, wait_for

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

PARTITIONED = (charge.name, cost_share.name)


def partition_name(table: str, month: date) -> str:
    """``charge`` and March 2026 → ``charge_2026_03``."""
    return f"{table}_{month:%Y_%m}"


def ensure_partitions(connection: Connection, months: Iterable[date]) -> None:
    """Make the partitions of ``charge`` and ``cost_share`` for ``months`` (any day of a month) that are missing.

    Part of the caller's transaction. Safe when several sessions need the same month: the second waits for the first.
    """
    wanted = {
        partition_name(table, month): (table, month)
        for month in sorted({month_of(day) for day in months})
        for table in PARTITIONED
    }
    if not _missing(connection, wanted):
        return
    for month in sorted({month for _, month in wanted.values()}):
        wait_for(connection, _lock_name(month))
    for name in _missing(connection, wanted):
        table, month = wanted[name]
        connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
        connection.execute(text(_attach_sql(table, month)))


def new_months(cursor: Cursor, months: Iterable[date]) -> list[date]:
    """Of ``months`` (first days) those that ``charge`` has no partition for, which nobody else makes meanwhile.

    Waits for a session that is making one.
    """
    found = _without_partition(cursor, sorted(set(months)))
    for month in found:
        cursor.execute("SELECT pg_advisory_xact_lock($1)", (key_of(_lock_name(month)),))
    return _without_partition(cursor, found)


def begin_month(cursor: Cursor, month: date) -> str:
    """The name of a new table for the charges of ``month``, still without indexes and part of nothing."""
    name = partition_name(charge.name, month)
    cursor.execute(f"CREATE TABLE {name} (LIKE {charge.name} INCLUDING ALL EXCLUDING INDEXES)")
    return name


def finish_month(cursor: Cursor, month: date) -> None:
    """Make the table of :func:`begin_month` a partition of ``charge``, with its indexes."""
    cursor.execute(_attach_sql(charge.name, month))


def _lock_name(month: date) -> str:
    return f"partitions {month:%Y-%m}"


def _attach_sql(table: str, month: date) -> str:
    bounds = f"FROM ('{month}') TO ('{next_month(month)}')"
    return f"ALTER TABLE {table} ATTACH PARTITION {partition_name(table, month)} FOR VALUES {bounds}"


def _without_partition(cursor: Cursor, months: Sequence[date]) -> list[date]:
    if not months:
        return []
    by_name = {partition_name(charge.name, month): month for month in months}
    cursor.execute(
        "SELECT name FROM unnest(string_to_array($1, ',')) AS name WHERE NOT EXISTS (SELECT FROM pg_class WHERE"
        " relname = name AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = $2::text::regclass))"
        " ORDER BY name",
        (",".join(by_name), charge.name),
    )
    return [by_name[str(row[0])] for row in cursor.fetchall()]


def _missing(connection: Connection, names: Iterable[str]) -> list[str]:
    """From the catalogue itself: ``to_regclass`` may still remember that a table was not there."""
    query = text(
        "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE NOT EXISTS (SELECT FROM pg_class WHERE"
        " relname = name AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = CAST(:like AS regclass)))"
        " ORDER BY name"
    )
    return list(connection.scalars(query, {"names": list(names), "like": charge.name}))
