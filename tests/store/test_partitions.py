"""Partitions appear when asked for, once, whoever asks; nobody is shut out meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from aispend.store import Store
from aispend.store.partitions import ensure_partitions

JANUARY = date(2026, 1, 1)
LIST = text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1")
INSERT = text("INSERT INTO cost_share (billing_month, slice_id, half, ordinal, target_key) VALUES (:month, 1, 0, 1, 7)")


def _partitions(connection: Connection) -> list[str]:
    return list(connection.scalars(LIST))


def test_one_partition_per_month_and_table(database: Store) -> None:
    """Any day of a month stands for the month; asking again changes nothing."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 1, 31), JANUARY, date(2025, 12, 5)])
        ensure_partitions(connection, [date(2026, 1, 2)])
        found = _partitions(connection)

    assert found == ["charge_2025_12", "charge_2026_01", "cost_share_2025_12", "cost_share_2026_01"]


def test_a_row_of_its_month_fits_and_no_other(database: Store) -> None:
    """The bounds are the month's, the year's end included; keys hold within it."""
    december = date(2025, 12, 1)
    with database.engine.begin() as connection:
        ensure_partitions(connection, [december])
        connection.execute(INSERT, {"month": december})
        place = connection.scalar(text("SELECT CAST(tableoid::regclass AS text) FROM cost_share"))
    with database.engine.connect() as connection, pytest.raises(IntegrityError, match="no partition"):
        connection.execute(INSERT, {"month": JANUARY})
    with database.engine.connect() as connection, pytest.raises(IntegrityError, match="duplicate key"):
        connection.execute(INSERT, {"month": december})

    assert place == "cost_share_2025_12"


def test_a_partition_has_what_its_parent_has(database: Store) -> None:
    """Indexes, keys and checks: as many, and attached to the parent's."""
    count = text(
        "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = to_regclass(:name)),"
        " (SELECT count(*) FROM pg_constraint WHERE conrelid = to_regclass(:name) AND contype IN ('c', 'p'))"
    )
    with database.engine.begin() as connection:
        ensure_partitions(connection, [JANUARY])
        parent = connection.execute(count, {"name": "charge"}).one()
        partition = connection.execute(count, {"name": "charge_2026_01"}).one()
        attached = connection.scalar(
            text(
                "SELECT count(*) FROM pg_inherits WHERE inhrelid IN"
                " (SELECT indexrelid FROM pg_index WHERE indrelid = to_regclass('charge_2026_01'))"
            )
        )

    assert partition == parent
    assert attached == parent[0]


def test_several_sessions_at_once(database: Store) -> None:
    """Four sessions need the same three months at the same time: each month is made once, nobody fails."""
    months = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]

    def ask(_: int) -> None:
        with database.engine.begin() as connection:
            ensure_partitions(connection, months)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    with database.engine.connect() as connection:
        assert len(_partitions(connection)) == 6


def test_readers_and_writers_go_on_while_a_partition_is_made(database: Store) -> None:
    """A load that made a partition and is still busy shuts nobody out of the other months."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [JANUARY])
    with database.engine.begin() as loading:
        ensure_partitions(loading, [date(2026, 2, 1)])
        with database.engine.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '2s'"))
            other.execute(INSERT, {"month": JANUARY})
            seen = other.scalar(text("SELECT count(*) FROM cost_share"))

    assert seen == 1


def test_an_abandoned_transaction_leaves_no_partition(database: Store) -> None:
    """It is part of the caller's transaction."""
    with database.engine.connect() as connection:
        ensure_partitions(connection, [JANUARY])
        connection.rollback()
        assert _partitions(connection) == []
