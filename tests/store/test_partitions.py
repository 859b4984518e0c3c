"""Partitions appear when asked for, once, whoever asks."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from aispend.store import Store
from aispend.store.partitions import ensure_partitions

INSERT = text("INSERT INTO cost_share (billing_month, slice_id, half, ordinal, target_key) VALUES (:month, 1, 0, 1, 7)")


def _partitions(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return list(
            connection.scalars(
                text(
                    "SELECT CAST(inhrelid::regclass AS text) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r' ORDER BY 1"
                )
            )
        )


def test_one_partition_per_month_and_table(database: Store) -> None:
    """Any day of a month stands for the month; asking again changes nothing."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 1, 31), date(2026, 1, 1), date(2025, 12, 5)])
        ensure_partitions(connection, [date(2026, 1, 2)])

    assert _partitions(database) == [
        "charge_2025_12",
        "charge_2026_01",
        "cost_share_2025_12",
        "cost_share_2026_01",
    ]
