"""Monthly partitions of the two large tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, text

from aispend.clock import month_of, next_month
from aispend.schema import charge, cost_share
from aispend.store.locks import wait_for

PARTITIONED = (charge.name, cost_share.name)


def partition_name(table: str, month: date) -> str:
    """``charge`` and March 2026 → ``charge_2026_03``."""
    return f"{table}_{month:%Y_%m}"


def ensure_partitions(connection: Connection, months: Iterable[date]) -> None:
    """Make the partitions of ``charge`` and ``cost_share`` for ``months`` (any day of a month) that are missing.

    Part of the caller's transaction. Safe when several sessions need the same month: the second waits for the first.
    Made as a table of its own and then attached, which lets readers and writers of other months go on, where
    ``CREATE TABLE … PARTITION OF`` would shut them out until the transaction ends.
    """
    wanted = {
        partition_name(table, month): (table, month)
        for month in sorted({month_of(day) for day in months})
        for table in PARTITIONED
    }
    if not _missing(connection, wanted):
        return
    wait_for(connection, "partitions")
    for name in _missing(connection, wanted):
        table, month = wanted[name]
        connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
        bounds = f"FROM ('{month}') TO ('{next_month(month)}')"
        connection.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"))


def _missing(connection: Connection, names: Iterable[str]) -> list[str]:
    """From the catalogue itself: ``to_regclass`` may still remember that a table was not there."""
    query = text(
        "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE NOT EXISTS (SELECT FROM pg_class WHERE"
        " relname = name AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = CAST(:like AS regclass)))"
        " ORDER BY name"
    )
    return list(connection.scalars(query, {"names": list(names), "like": charge.name}))
