"""Exact money: DuckDB's answers equal Python's Decimal, digit for digit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aispend.engine.exact import amount_sql, number_sql, remainder_sql, units_of_number_sql, units_sql, unreadable_sql

WIDE = Context(prec=800, rounding=ROUND_HALF_EVEN, Emin=-5000, Emax=5000)
LIMIT = 10**38
EXAMPLES = 1000 if os.environ.get("AISPEND_SOAK") else 25


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def expected_units(value: Decimal) -> int | None:
    """Half-even count of 1e-12, None from 1e26 up."""
    units = int(value.quantize(Decimal("1e-12"), context=WIDE).scaleb(12, context=WIDE))
    return units if abs(units) < LIMIT else None


def column(duck: duckdb.DuckDBPyConnection, sql: str, values: list[object], arrow: pa.DataType) -> list[object]:
    """``sql`` over the relation ``raw`` with one column ``v``, in the order of ``values``."""
    raw = pa.table({"i": range(len(values)), "v": pa.array(values, arrow)})
    duck.register("raw", raw)
    return [row[0] for row in duck.execute(f"SELECT {sql} FROM raw ORDER BY i").fetchall()]


doubles = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(min_value=-1e5, max_value=1e5, allow_nan=False),
    st.integers(-(10**17), 10**17).map(lambda n: n / 1e12),
    st.integers(-(10**13), 10**13).map(lambda n: (n + 0.5) / 1e12),
    st.integers(-(10**9), 10**9).map(lambda n: (2 * n + 1) / 2e12),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(doubles, min_size=1, max_size=200))
def test_a_double_is_rounded_through_its_shortest_text(duck: duckdb.DuckDBPyConnection, values: list[float]) -> None:
    got = column(duck, units_sql("v", "DOUBLE"), values, pa.float64())

    assert got == [expected_units(Decimal(repr(value))) for value in values]


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (5e-324, 0),
        (-5e-324, 0),
        (0.0, 0),
        (-0.0, 0),
        (5e-13, 0),  # a tie goes to the even neighbour
        (1.5e-12, 2),
        (2.5e-12, 2),
        (-2.5e-12, -2),
        (3.5e-12, 4),
        (0.1, 10**11),
        (1e22, 10**34),
        (123456789.123456789, 123456789123456790000),
        (1e26, None),
        (1.7976931348623157e308, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_doubles_at_the_edges(duck: duckdb.DuckDBPyConnection, value: float, units: int | None) -> None:
    assert column(duck, units_sql("v", "DOUBLE"), [value], pa.float64()) == [units]


digits = st.text("0123456789", max_size=45)


@st.composite
def number_texts(draw: st.DrawFn) -> str:
    """Any number text a bill may hold: sign, leading zeros, long fractions, ties, exponents, spaces."""
    whole, fraction = draw(digits), draw(st.one_of(digits, st.just("0000000000005"), digits.map(lambda d: d + "5")))
    if not whole + fraction:
        whole = "0"
    point = draw(st.sampled_from([".", "."])) if fraction else draw(st.sampled_from(["", "."]))
    exponent = draw(st.one_of(st.just(""), st.integers(-60, 30).map(lambda e: draw(st.sampled_from("eE")) + str(e))))
    sign = draw(st.sampled_from(["", "-", "+"]))
    pad = draw(st.sampled_from(["", " "]))
    return f"{pad}{sign}{whole}{point}{fraction}{exponent}{pad}"


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(number_texts(), min_size=1, max_size=200))
def test_a_text_is_rounded_with_all_its_digits(duck: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    got = column(duck, units_sql("v", "VARCHAR"), texts, pa.string())

    assert got == [expected_units(Decimal(text.strip())) for text in texts]


MISSING = [None, "", " ", "NULL", "\t"]
UNREADABLE = [
    "1,234.50",
    "1.234,50",
    "0,5",
    "$5",
    "n/a",
    "-",
    ".",
    "1_000",
    "0x10",
    "1e",
    "--1",
    "NaN",
    "inf",
    "1e99",
    "5 USD",
]


def test_missing_and_unreadable_are_told_apart(duck: duckdb.DuckDBPyConnection) -> None:
    texts = [*MISSING, *UNREADABLE, "1.5"]

    assert column(duck, units_sql("v", "VARCHAR"), texts, pa.string()) == [None] * (len(texts) - 1) + [15 * 10**11]
    assert column(duck, number_sql("v", "VARCHAR"), texts, pa.string()) == [None] * (len(texts) - 1) + [Decimal("1.5")]
    assert column(duck, unreadable_sql("v", "VARCHAR"), texts, pa.string()) == (
        [False] * len(MISSING) + [True] * len(UNREADABLE) + [False]
    )


def test_unreadable_doubles(duck: duckdb.DuckDBPyConnection) -> None:
    values = [1.5, None, float("nan"), float("inf"), 1e30]

    assert column(duck, unreadable_sql("v", "DOUBLE"), values, pa.float64()) == [False, False, True, True, True]


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_a_double_that_parquet_statistics_hide_is_still_seen(
    duck: duckdb.DuckDBPyConnection, tmp_path: Path, broken: float
) -> None:
    """Writers leave NaN out of minimum and maximum, which the optimizer believes."""
    pq.write_table(pa.table({"i": range(3), "v": [0.1, broken, 0.2]}), tmp_path / "doubles")
    sqls = [unreadable_sql("v", "DOUBLE"), units_sql("v", "DOUBLE"), number_sql("v", "DOUBLE")]
    raw = f"read_parquet('{tmp_path / 'doubles'}')"

    rows = duck.execute(f"SELECT {', '.join([*sqls, remainder_sql('v', 'DOUBLE')])} FROM {raw} ORDER BY i").fetchall()

    assert rows == [
        (False, 10**11, Decimal("0.1"), None),
        (True, None, None, None),
        (False, 2 * 10**11, Decimal("0.2"), None),
    ]
    assert duck.execute(f"SELECT count(*) FROM {raw} WHERE {sqls[0]}").fetchall() == [(1,)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(
        st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=26), min_size=1, max_size=100
    ),
    st.sampled_from([(38, 9), (38, 12), (38, 18), (38, 24), (38, 26), (18, 3)]),
)
def test_decimals_of_any_scale(duck: duckdb.DuckDBPyConnection, values: list[Decimal], shape: tuple[int, int]) -> None:
    precision, scale = shape
    room = Decimal(10) ** min(precision - scale, 12)
    values = [WIDE.quantize(value % room, Decimal(1).scaleb(-scale)) for value in values]
    arrow = pa.decimal128(precision, scale)
    values = [value for value in values if len(value.as_tuple().digits) <= precision]

    got = column(duck, units_sql("v", f"DECIMAL({precision},{scale})"), values, arrow)

    assert got == [expected_units(value) for value in values]


def test_large_decimals_and_integers(duck: duckdb.DuckDBPyConnection) -> None:
    large = Decimal("99999999999999999999.999999999")
    assert column(duck, units_sql("v", "DECIMAL(38,9)"), [large], pa.decimal128(38, 9)) == [expected_units(large)]
    assert column(duck, units_sql("v", "BIGINT"), [2**63 - 1, -5], pa.int64()) == [(2**63 - 1) * 10**12, -5 * 10**12]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(doubles.filter(lambda d: abs(d) < 9e12), min_size=1, max_size=200))
def test_one_number_rounds_as_its_text(duck: duckdb.DuckDBPyConnection, values: list[float]) -> None:
    sql = units_of_number_sql(number_sql("v", "DOUBLE"))

    assert column(duck, sql, values, pa.float64()) == [expected_units(Decimal(repr(value))) for value in values]


short_decimals = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=20)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(short_decimals, short_decimals), min_size=1, max_size=100))
def test_arithmetic_is_exact_before_the_one_rounding(
    duck: duckdb.DuckDBPyConnection, pairs: list[tuple[Decimal, Decimal]]
) -> None:
    raw = pa.table(
        {
            "i": range(len(pairs)),
            "a": pa.array([format(a, "f") for a, _ in pairs]),
            "b": pa.array([format(b, "f") for _, b in pairs]),
        }
    )
    duck.register("raw", raw)
    sql = units_of_number_sql(f"{number_sql('a', 'VARCHAR')} - {number_sql('b', 'VARCHAR')}")

    got = [row[0] for row in duck.execute(f"SELECT {sql} FROM raw ORDER BY i").fetchall()]

    assert got == [expected_units(WIDE.subtract(a, b)) for a, b in pairs]


def test_digits_beyond_the_number_range_are_sticky(duck: duckdb.DuckDBPyConnection) -> None:
    just_above_a_tie = "0.0000000000005" + "0" * 20 + "1"
    sql = units_of_number_sql(number_sql("v", "VARCHAR"))

    assert column(duck, sql, [just_above_a_tie, "-" + just_above_a_tie, "0.0000000000005"], pa.string()) == [1, -1, 0]


def test_a_number_out_of_range_is_unreadable_not_wrong(duck: duckdb.DuckDBPyConnection) -> None:
    values = ["9999999999999.5", "10000000000000", "-1e13", "12345678901234567890"]

    assert column(duck, number_sql("v", "VARCHAR"), values, pa.string()) == [
        Decimal("9999999999999.5"),
        None,
        None,
        None,
    ]


remainders = st.one_of(
    number_texts().filter(
        lambda text: abs(Decimal(text.strip())) < 10**12 and Decimal(text.strip()).as_tuple().exponent >= -24
    ),  # type: ignore[operator]
    st.floats(-1e12, 1e12, allow_nan=False).filter(lambda d: d == 0 or abs(d) >= 1e-7).map(repr),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(remainders, min_size=1, max_size=100))
def test_units_and_remainder_are_the_whole_value(duck: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    units = column(duck, units_sql("v", "VARCHAR"), texts, pa.string())
    left = column(duck, remainder_sql("v", "VARCHAR"), texts, pa.string())
    doubles = [float(text) for text in texts]
    units_of_doubles = column(duck, units_sql("v", "DOUBLE"), doubles, pa.float64())
    left_of_doubles = column(duck, remainder_sql("v", "DOUBLE"), doubles, pa.float64())

    assert [whole(u, r) for u, r in zip(units, left, strict=True)] == [Decimal(text.strip()) for text in texts]
    for value, u, r in zip(doubles, units_of_doubles, left_of_doubles, strict=True):
        if value == 0 or abs(value) >= 1e-7:
            assert whole(u, r) == Decimal(repr(value))


def whole(units: object, remainder: object) -> Decimal:
    assert isinstance(units, int)
    assert remainder is None or isinstance(remainder, Decimal)
    return WIDE.add(Decimal(units).scaleb(-12, context=WIDE), remainder or Decimal(0))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.integers(-(10**38) + 1, 10**38 - 1), min_size=1, max_size=100))
def test_units_convert_back(duck: duckdb.DuckDBPyConnection, units: list[int]) -> None:
    got = column(duck, amount_sql("CAST(v AS HUGEINT)"), [str(u) for u in units], pa.string())

    assert got == [Decimal(u).scaleb(-12, context=WIDE) for u in units]
