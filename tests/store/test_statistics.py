"""Statistics of tables that have grown: taken once, partitions included, and not again until they grow."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from aispend.store import Store
from aispend.store.statistics import count_rows

TABLES = ("grown", "parted")


@pytest.fixture
def tables(database: Store) -> None:
    with database.engine.begin() as connection:
        for statement in (
            "CREATE TABLE grown (n int) WITH (autovacuum_enabled = false)",
            "CREATE TABLE parted (n int) PARTITION BY RANGE (n)",
            "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000) WITH (autovacuum_enabled = false)",
        ):
            connection.execute(text(statement))


def fill(connection: Connection, table: str, rows: int) -> None:
    connection.execute(text(f"INSERT INTO {table} SELECT n % 1000 FROM generate_series(1, {rows}) AS n"))


def rows_known(connection: Connection, table: str) -> float | None:
    return connection.scalar(text("SELECT reltuples FROM pg_class WHERE relname = :table"), {"table": table})


@pytest.mark.usefixtures("tables")
def test_a_table_just_filled_is_counted_and_then_left_alone(database: Store) -> None:
    with database.engine.begin() as connection:
        fill(connection, "grown", 5000)
        assert count_rows(connection, TABLES) == ["grown"]
        assert rows_known(connection, "grown") == 5000
        assert count_rows(connection, TABLES) == []
        fill(connection, "grown", 300)
        assert count_rows(connection, TABLES) == []
        fill(connection, "grown", 5000)
        assert count_rows(connection, TABLES) == ["grown"]
        assert rows_known(connection, "grown") == 10300


@pytest.mark.usefixtures("tables")
def test_a_partition_is_counted_by_the_name_of_its_table(database: Store) -> None:
    with database.engine.begin() as connection:
        fill(connection, "parted", 5000)
        assert count_rows(connection, TABLES) == ["parted_1"]
        assert count_rows(connection, TABLES) == []


@pytest.mark.usefixtures("tables")
def test_an_empty_table_needs_no_statistics(database: Store) -> None:
    with database.engine.begin() as connection:
        assert count_rows(connection, TABLES) == []


@pytest.mark.usefixtures("tables")
def test_a_table_as_large_as_before_is_counted_where_its_rows_are_others(database: Store) -> None:
    with database.engine.begin() as connection:
        fill(connection, "grown", 5000)
        assert count_rows(connection, TABLES) == ["grown"]
        assert count_rows(connection, TABLES, anyway=True) == ["grown"]
