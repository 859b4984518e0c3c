"""How columns write numbers: each cell is read as what it says, or not at all."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aispend.engine.line import Header, identifier
from collectors.files.dialects.columns import Columns
from collectors.files.dialects.contract import Look
from collectors.files.dialects.styles import numbered
from tests.collectors.bill_lines import FOCUS_LINE, Read, amount, one, write_csv

FEW = 1000 if os.environ.get("AISPEND_SOAK") else 15
REJECTED = "rejected"
Meaning = Decimal | str | None


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def table(duck: duckdb.DuckDBPyConnection, columns: Mapping[str, Sequence[str | None]]) -> Columns:
    """The columns as relation ``raw``, with the notations found; the first 200 lines are the sample."""
    names = ", ".join(f"unnest(${place}::VARCHAR[]) AS {identifier(name)}" for place, name in enumerate(columns, 1))
    duck.execute(f"CREATE OR REPLACE TABLE raw AS SELECT {names}", [list(cells) for cells in columns.values()])
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    look = Look(
        "bill.csv",
        Columns(Header(dict.fromkeys(columns, "VARCHAR")), "csv"),
        rows[:200],
        lambda sql: duck.execute(sql).fetchall(),
    )
    return numbered(look, tuple(columns))


def meanings(duck: duckdb.DuckDBPyConnection, **columns: Sequence[str | None]) -> dict[str, list[Meaning]]:
    """What every cell of every column is read as."""
    found = table(duck, columns)
    read: dict[str, list[Meaning]] = {}
    for name in columns:
        check = found.unreadable(name)
        assert check is not None
        rows = duck.execute(f"SELECT {found.units(name)}, ({check.bad}) IS TRUE, {found.about(name)} FROM raw")
        read[name] = []
        for units, bad, about in rows.fetchall():
            assert not (bad and units is not None)
            value = amount(units)
            assert bad or about == (None if value is None else pytest.approx(float(value)))
            read[name].append(REJECTED if bad else value)
    return read


def cells(duck: duckdb.DuckDBPyConnection, *texts: str | None) -> list[Meaning]:
    return meanings(duck, cost=texts)["cost"]


def numbers(*texts: str | None) -> list[Meaning]:
    return [text if text in (None, REJECTED) else Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        # plain
        (["1.25", "1,5", "1,234.5"], ["1.25", "rejected", "1234.5"]),
        (["1.234", "0.5", None, "NULL", " "], ["1.234", "0.5", None, None, None]),
        # a decimal comma; a point before three digits alone could be either and is left
        (["0,5", "0,25", "1.25"], ["0.5", "0.25", "rejected"]),
        (["0,5", "1.250", "1,250"], ["0.5", "rejected", "1.250"]),
        (["0,5", "1.234,50", "1.250"], ["0.5", "1234.5", "1250"]),
        (["1.234.567", "1,234"], ["1234567", "1.234"]),
        (["0,5", "1.5E-7", "2,5E-3", "1.000,5E-7"], ["0.5", "0.00000015", "0.0025", "rejected"]),
        (["0,5", "1.23,5", "12.34.567", "1.234.56", "1,2,3"], ["0.5", *["rejected"] * 4]),
        # a decimal point with groups
        (["1,234.50", "1,234", "12,34.5", "1,234,567"], ["1234.5", "1234", "rejected", "1234567"]),
        (["1,234.50", "1,5", "1,234"], ["1234.5", "rejected", "rejected"]),
        (["1,234.50", "1,5", "2.5"], ["1234.5", "rejected", "2.5"]),
        (["1.25", "3.5", "1,234"], ["1.25", "3.5", "rejected"]),
        (["$1.50", "1,5"], ["1.5", "rejected"]),
        # nothing tells what the mark is
        (["1,234", "2,500", "7", "0"], ["rejected", "rejected", "7", "0"]),
        # most cells decide; the rest, and what could be the rest, is left
        (["0,5", "0,7", "1.25", "1,234", "3"], ["0.5", "0.7", "rejected", "rejected", "3"]),
        (["0,5", "1.25", "7.75", "1.234", "3"], ["rejected", "1.25", "7.75", "rejected", "3"]),
        # signs, money and blanks
        (["-1,50", "1,50-", "(1,50)", "+1,5"], ["-1.5", "-1.5", "-1.5", "1.5"]),
        (["--1,5", "(-1,5)", "(1,5", "-1,5-"], ["rejected"] * 4),
        (["$1.50", "-$1.50", "$-1.50", "($1.50)", "$ 12"], ["1.5", "-1.5", "-1.5", "-1.5", "12"]),
        (["1,50 €", "€ 1,50", "1 234,567", "1\u00a0234", "1'234,5"], ["1.5", "1.5", "1234.567", "1234", "1234.5"]),
        (["1 234,50", "1 23,5", "12 3456,1"], ["1234.5", "rejected", "rejected"]),
        (["0,5", "n/a", "5e", "1_000", "NaN", ",", "-"], ["0.5", *["rejected"] * 6]),
    ],
)
def test_a_cell_is_read_as_its_column_writes_or_not_at_all(
    duck: duckdb.DuckDBPyConnection, texts: list[str | None], read: list[str | None]
) -> None:
    assert cells(duck, *texts) == numbers(*read)


def test_a_plain_column_leaves_later_marks(duck: duckdb.DuckDBPyConnection) -> None:
    """What comes behind the first lines is no number unless it is plainly written."""
    late = ["1,5", "1,234.5", "1,234", "$5", "(5)", "2.5"]

    assert cells(duck, *["1"] * 300, *late)[300:] == numbers(*["rejected"] * 5, "2.5")


def test_columns_are_written_each_in_its_own_way(duck: duckdb.DuckDBPyConnection) -> None:
    found = meanings(duck, cost=["0,5", "1,25"], listed=["1,234.5", "2"], quantity=["1.5", "2.25"])

    assert found == {
        "cost": numbers("0.5", "1.25"),
        "listed": numbers("1234.5", "2"),
        "quantity": numbers("1.5", "2.25"),
    }


def test_a_column_that_says_nothing_is_read_as_the_others(duck: duckdb.DuckDBPyConnection) -> None:
    assert meanings(duck, cost=["1,234", "2"], quantity=["0,5", "1"])["cost"] == numbers("1.234", "2")
    assert meanings(duck, cost=["1,234", "2"], quantity=["1,234.5", "1"])["cost"] == numbers("1234", "2")
    assert meanings(duck, cost=["1,234", "2"], quantity=["1.5", "1"])["cost"] == numbers("rejected", "2")
    disagreeing = meanings(duck, cost=["1,234", "2"], quantity=["0,5", "1"], listed=["1,234.5", "1"])
    assert disagreeing["cost"] == numbers("rejected", "2")


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["1", "2"], "not a number as this file writes them (1234.50)"),
        (["0,5"], "not a number as this file writes them (1234,50)"),
        (["1.234,5"], "not a number as this file writes them (1.234,50)"),
        (["1,234.5"], "not a number as this file writes them (1,234.50)"),
        (["0,5", "0,6", "1.25"], "not a number as most of this column writes them (1234,50)"),
        (["1,234"], "not a number beyond doubt: 1,234 can be 1234 or 1.234, and no amount of the file tells"),
    ],
)
def test_the_reason_says_how_the_column_is_written(
    duck: duckdb.DuckDBPyConnection, texts: list[str], reason: str
) -> None:
    assert table(duck, {"cost": texts}).no_number_reason("cost").startswith(reason)


# -------------------------------------------------------------------------------- properties

amounts = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=6)
STYLES = ((".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (".", "'"))


def written(value: Decimal, decimal: str, group: str, places: int) -> str:
    """An amount as a program with these marks writes it."""
    return f"{value:,.{places}f}".replace(",", "_").replace(".", decimal).replace("_", group)


@settings(max_examples=FEW, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=20), st.sampled_from(STYLES), st.sampled_from([1, 2, 4, 6]))
def test_amounts_written_in_one_way_are_read_exactly(
    duck: duckdb.DuckDBPyConnection, values: list[Decimal], style: tuple[str, str], places: int
) -> None:
    rounded = [Decimal(f"{value:.{places}f}") for value in values]

    assert cells(duck, *(written(value, *style, places) for value in rounded)) == rounded


def own_meaning(text: str) -> Decimal | None:
    """What a text can only mean, whoever wrote it; None where it can mean two things, or nothing. Written for the test
    alone: by cases, not by the patterns of the product."""
    marks = re.findall(r"[.,]", text)
    if not marks:
        return Decimal(text)
    groups = re.split(r"[.,]", text.lstrip("-"))
    whole_groups = 1 <= len(groups[0]) <= 3 and not groups[0].startswith("0")
    if len(set(marks)) == 2:
        between = groups[1:-1]
        fits = whole_groups and len(set(marks[:-1])) == 1 and all(len(group) == 3 for group in between)
        return Decimal("".join(groups[:-1]) + "." + groups[-1]).copy_sign(-1 if text[0] == "-" else 1) if fits else None
    if len(marks) > 1:
        fits = whole_groups and all(len(group) == 3 for group in groups[1:])
        return Decimal(text.replace(marks[0], "")) if fits else None
    if len(groups[1]) == 3 and whole_groups:
        return None
    return Decimal(text.replace(",", "."))


@settings(max_examples=FEW * 3, deadline=None)
@given(st.lists(st.from_regex(r"-?[0-9]{1,4}([.,][0-9]{1,4}){0,3}", fullmatch=True), min_size=1, max_size=12))
def test_whatever_is_mixed_a_cell_is_never_another_amount(duck: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    read = cells(duck, *texts)
    unmistakable = {own_meaning(text) for text in texts if own_meaning(text) is not None and re.search("[.,]", text)}

    for text, value in zip(texts, read, strict=True):
        meant = own_meaning(text)
        if meant is not None:
            assert value in (meant, REJECTED)
        elif value != REJECTED:
            # one of the two readings of a lone mark, never without a cell that tells
            assert value in (Decimal(text.replace(",", ".")), Decimal(re.sub("[.,]", "", text)))
            assert unmistakable or "." in text


def test_a_line_kept_aside_says_how_the_file_is_written(tmp_path: Path) -> None:
    changes = [{"BilledCost": text} for text in ("0,5", "0,75", "1.25")] + [{"BilledCost": "1", "ListCost": "1,5.0"}]

    found = focus(tmp_path, *changes)

    assert [line["billed_cost"] for line in found.lines] == numbers("0.5", "0.75")
    assert found.refused == [
        "no billed cost, or not a number as most of this column writes them (1234,50)",
        "not a number as this file writes them (1234.50)",
    ]


def focus(tmp_path: Path, *changes: Mapping[str, str]) -> Read:
    return one(write_csv(tmp_path / "bill.csv", [FOCUS_LINE | change for change in changes]), tmp_path / "work")


def test_order_of_lines_changes_nothing(duck: duckdb.DuckDBPyConnection) -> None:
    texts = ["0,5", "1.25", "1,234", "7", "2,75", "1.234,5"]
    chance = random.Random(7)
    whole = dict(zip(texts, cells(duck, *texts), strict=True))
    for _ in range(10):
        chance.shuffle(texts)
        assert dict(zip(texts, cells(duck, *texts), strict=True)) == whole
