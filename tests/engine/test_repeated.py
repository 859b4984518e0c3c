"""What several columns are made from is worked out once, and means the same."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from aispend.engine.repeated import once_per_line

NUMBER = """TRY_CAST(replace(replace("amount", ',', ''), ' ', '') AS DECIMAL(18,2))"""
TWICE = f"(coalesce({NUMBER}, 0) + coalesce({NUMBER}, 0) + 0.00000000001)"
RAW = "(SELECT * FROM (VALUES ('1,234.50', 'a'), ('no number', 'b')) AS t(\"amount\", \"name\"))"


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def test_an_expression_within_another_is_worked_out_once(duck: duckdb.DuckDBPyConnection) -> None:
    columns = f'"name", {NUMBER} AS one, {TWICE} AS two, {TWICE} > 5 AS many'

    short, raw = once_per_line(columns, RAW, [TWICE, NUMBER])

    assert (short + raw).count("replace(replace(") == 1
    said = 'SELECT {} FROM {} AS raw ORDER BY "name"'
    assert duck.execute(said.format(short, raw)).fetchall() == duck.execute(said.format(columns, RAW)).fetchall()


def test_what_stands_once_or_is_short_stays_where_it_is() -> None:
    columns = f'"name", "name" AS same, {NUMBER} AS one'

    assert once_per_line(columns, RAW, [NUMBER, '"name"', TWICE]) == (columns, RAW)
