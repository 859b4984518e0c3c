"""Google's commitments by hand: fees, covered usage, and what becomes of corrections of either."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collectors.bill_lines import COSTS, Read, one
from tests.collectors.test_dialect_gcp import changed, covered, fee, flattened, google, write_flat

SPEND = "Commitment - dollar based v1: GCE for 1 year"
WRONG = {"id": "1", "mode": "PARTIAL_CORRECTION", "type": "USAGE_CORRECTION"}


def effective(found: Read) -> list[Decimal]:
    return [line["effective_cost"] for line in found.lines]


def corrected(cost: float, hours: float) -> dict[str, Any]:
    """A line that takes covered usage back: negative cost, its credit returned."""
    return covered(cost, cost, hours, adjustment_info=WRONG)


def dollar(cost: float, credit: float) -> dict[str, Any]:
    amount = {"name": "c", "amount": -credit, "type": "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"}
    return changed(cost=cost, credits=[amount])


def offset(cost: float, used: float) -> dict[str, Any]:
    return fee(cost, 1, SPEND) | {"credits": [{"name": "o", "amount": -used, "type": "FEE_UTILIZATION_OFFSET"}]}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # 100 of 100 hours used, 60 over credits of 110 - 10
        ([fee(60, 100), covered(110, 110, 110), corrected(-10, -10)], [0, 66, -6]),
        # 50 of 100 hours used: 30 over credits of 60 - 10, 30 unused
        ([fee(60, 100), covered(60, 60, 60), corrected(-10, -10)], [30, 36, -6]),
        # half of the fee is taken back with half of the hours: 50 of 50 are used
        ([fee(60, 100), fee(-30, -50), covered(50, 50, 50)], [0, 0, 30]),
        # negated and billed again: nothing but the last remains
        ([fee(60, 100), covered(100, 100, 100), corrected(-100, -100), covered(50, 50, 50)], [30, 60, -60, 30]),
    ],
    ids=["usage", "usage of half a commitment", "fee", "negated and billed again"],
)
def test_corrections_take_their_share_back(tmp_path: Path, rows: list[dict[str, Any]], expected: list[int]) -> None:
    found = google(tmp_path, *rows)

    assert effective(found) == expected
    assert found.total("effective_cost") == found.total("billed_cost")
    assert {line["x_flag"] for line in found.lines} == {"commitment_fee_spread"}
    of_usage = [line for line in found.lines if line["charge_category"] == "Usage"]
    assert {(line["commitment_discount_status"], line["pricing_category"]) for line in of_usage} == {
        ("Used", "Committed")
    }


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([fee(60, 100), covered(100, 100, 100), corrected(-100, -100)], [60, 0, 0]),
        ([fee(60, 100), covered(100, 100, 100), corrected(-110, -110)], [60, 0, 0]),
        ([fee(60, 100), fee(-70, -110), covered(50, 50, 50)], [60, -70, 0]),
    ],
    ids=["usage is negated", "more is taken back than was used", "more fee is taken back than was paid"],
)
def test_where_nothing_is_left_nothing_is_spread(
    tmp_path: Path, rows: list[dict[str, Any]], expected: list[int]
) -> None:
    found = google(tmp_path, *rows)

    assert effective(found) == expected
    assert {line.get("x_flag") for line in found.lines} == {None}


def test_a_fee_never_outgrows_the_credits_it_is_spread_by(tmp_path: Path) -> None:
    """Without quantities to compare, credits of 20 were worth 20 of a fee of 60 at most; 40 went unused.
    With them, credits of 100 - 99.99 would be spread at 6000 each; twice the credits is the most that is spread."""
    assert effective(google(tmp_path, fee(60, 1, SPEND), dollar(20, 20))) == [40, 20]

    cancelling = google(tmp_path / "b", fee(60, 100), covered(100, 100, 100), covered(-99.99, -99.99, 0.0))
    assert effective(cancelling) == [Decimal("59.98"), 200, Decimal("-199.98")]


def test_fees_that_are_offset_are_not_spread(tmp_path: Path) -> None:
    """Their usage is billed at the discounted rate, so what their credits leave of them, 10, is what went unused."""
    found = google(tmp_path, fee(30, 1, SPEND), dollar(50, 50), offset(60, 50))

    assert [line["billed_cost"] for line in found.lines] == [30, 0, 10]
    assert effective(found) == [0, 30, 10]
    assert [line["x_flag"] for line in found.lines] == ["commitment_fee_spread"] * 2 + [None]
    assert found.lines[2]["commitment_discount_status"] == "Unused"


def test_quantities_that_are_no_numbers_tell_nothing(tmp_path: Path) -> None:
    strange = covered(30, 30, 30) | {"usage": {"amount": "NaN", "unit": "hour"}}

    assert effective(google(tmp_path, fee(60, 100), strange)) == [30, 30]


money = st.decimals(min_value=-5000, max_value=5000, places=7)
lines_of_a_pool = st.lists(
    st.tuples(st.sampled_from(["fee", "usage", "plain"]), money, money, st.none() | st.integers(-500, 500)), max_size=6
)


@settings(max_examples=8)
@given(st.lists(lines_of_a_pool, min_size=1, max_size=6), st.booleans())
def test_every_pool_costs_what_was_billed(
    tmp_path_factory: pytest.TempPathFactory, pools: list[list[tuple[str, Decimal, Decimal, int | None]]], large: bool
) -> None:
    """Whatever fees, usage, credits and corrections of either sign: effective adds up to billed in every pool."""
    times = 1000 if large else 1
    by_region = {
        f"region-{place}": [(what, cost * times, credit * times, hours) for what, cost, credit, hours in pool]
        for place, pool in enumerate(pools)
    }
    rows = []
    for region, pool in by_region.items():
        for what, cost, credit, hours in pool:
            row = fee(0, 0) if what == "fee" else covered(0, float(credit), 0) if what == "usage" else changed()
            if what == "usage":
                row = row | {"credits": [row["credits"][0] | {"amount": str(-credit)}]}
            amount = {"amount": hours, "unit": "hour"}
            rows.append(row | {"cost": str(cost), "usage": amount, "location": {"region": region}})
    if not rows:
        return

    found = google(tmp_path_factory.mktemp("pools"), *rows)

    for region, pool in by_region.items():
        mine = [line for line in found.lines if line["region_id"] == region]
        billed = sum((line["billed_cost"] for line in mine), Decimal(0))
        size = sum((abs(cost) + abs(credit) for _, cost, credit, _ in pool), Decimal(0))
        rounding = len(pool) * Decimal("1e-12") + (size * Decimal("1e-17") if large else 0)
        assert abs(sum(line["effective_cost"] for line in mine) - billed) <= rounding


BILL = [
    fee(60, 100) | {"cost_at_list": 60},
    covered(80, 60, 80) | {"cost_at_list": 90},
    corrected(-10, -10) | {"cost_at_list": -11.25},
    changed(cost=7, cost_at_list=8, cost_at_effective_price_default=6.5,
            credits=[{"name": "a", "amount": -2, "type": "PROMOTION"}, {"name": "b", "amount": -1}]),
    changed(cost=1.5, cost_type="tax", credits=[], cost_at_list=None),
]  # fmt: skip
EXPECTED = [
    # covered hours 80 * 60/80 - 10 = 50 of 100; 30 over credits of 60 - 10
    (60, 30, 60, 60),
    (20, 56, 90, 80),
    (0, -6, Decimal("-11.25"), -10),
    (4, 4, 8, Decimal("6.5")),
    (Decimal("1.5"), Decimal("1.5"), None, Decimal("1.5")),
]
"""Billed, effective, list and contracted of each line of BILL."""


@pytest.mark.parametrize("shape", ["json", "dots", "underscores", "json cells", "parquet", "parquet list.element"])
def test_a_bill_by_hand_in_every_shape(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "export"
    keys = list(dict.fromkeys(key for row in BILL for key in row))
    if shape == "json":
        path.write_text("".join(json.dumps(row) + "\n" for row in BILL))
    elif shape.startswith("parquet"):
        pq.write_table(pa.Table.from_pydict({key: _column(key, wrapped="list" in shape) for key in keys}), path)
    else:
        separator = "." if shape == "dots" else "_"
        rows = [flattened({key: row.get(key) for key in keys}, separator, cells=shape == "json cells") for row in BILL]
        write_flat(path, [{key: "" if cell == "null" else cell for key, cell in row.items()} for row in rows])

    found = one(path, tmp_path / "work")

    assert [tuple(line[name] for name in COSTS) for line in found.lines] == EXPECTED
    assert found.total("billed_cost") == found.total("effective_cost") == Decimal("85.5")


def _column(key: str, *, wrapped: bool) -> list[Any]:
    values = [row.get(key) for row in BILL]
    if key == "usage":
        values = [{name: value.get(name) for name in ("amount", "unit")} for value in values if value]
    if any(isinstance(value, float) for value in values):
        values = [None if value is None else float(value) for value in values]
    if key == "credits":
        values = [
            [credit | {"amount": float(credit["amount"])} for credit in value] for value in values if value is not None
        ]
    if wrapped and any(isinstance(value, list) for value in values):
        return [{"list": [{"element": item} for item in value]} for value in values if value is not None]
    return values
