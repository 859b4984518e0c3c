"""What Postgres divides and hashes is what Python divides and hashes."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from aispend.keys import content_key
from aispend.money import COST_QUANTUM, split_exact
from aispend.store import Store
from analyzer.exact_sql import COSTS, content_key_pg, split_exact_sql

AMOUNTS = st.none() | st.integers(-(10**22), 10**22).map(lambda units: units * COST_QUANTUM)
WEIGHTS = st.lists(st.decimals(0, 10**6, places=15, allow_nan=False), min_size=1, max_size=7).filter(any)
CASES = st.lists(st.tuples(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS), WEIGHTS), min_size=1, max_size=30)
PARTS = st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1, max_size=5)


@given(CASES)
def test_postgres_divides_as_python_does(
    database: Store, cases: list[tuple[tuple[Decimal | None, ...], list[Decimal]]]
) -> None:
    rows = [
        dict(zip(COSTS, amounts, strict=True)) | {"owner": owner, "place": place, "w": weight}
        for owner, (amounts, weights) in enumerate(cases)
        for place, weight in enumerate(weights)
    ]
    with database.engine.connect() as connection:
        columns = ", ".join(f"{column} numeric" for column in (*COSTS, "w"))
        connection.execute(text(f"CREATE TEMP TABLE case_ (owner int, place int, {columns})"))
        connection.execute(
            text(
                f"INSERT INTO case_ (owner, place, w, {', '.join(COSTS)})"
                f" VALUES (:owner, :place, :w, {', '.join(f':{column}' for column in COSTS)})"
            ),
            rows,
        )
        divided = connection.execute(
            text(f"SELECT * FROM ({split_exact_sql('case_', 'owner', 'place', 'w')}) AS d ORDER BY owner, place")
        ).all()
        connection.rollback()
    expected = []
    for owner, (amounts, weights) in enumerate(cases):
        parts = [split_exact(amount, weights) if amount is not None else [None] * len(weights) for amount in amounts]
        expected += [(owner, place, *amounts) for place, amounts in enumerate(zip(*parts, strict=True))]
    assert [tuple(row) for row in divided] == expected


@given(PARTS)
def test_postgres_computes_the_same_content_key(database: Store, parts: list[str | None]) -> None:
    names = [f"p{index}" for index in range(len(parts))]
    sql = f"SELECT {content_key_pg([f'CAST(:{name} AS text)' for name in names])}"
    with database.engine.connect() as connection:
        assert connection.scalar(text(sql), dict(zip(names, parts, strict=True))) == content_key(*parts)
