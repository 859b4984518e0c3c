"""Google's export by hand: credits, commitments, and one bill in all the shapes it is delivered in."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.files.dialects.gcp_nested import struct_fields
from tests.collectors.bill_lines import Read, one

LINE: dict[str, Any] = {
    "billing_account_id": "0177BB-554433-X9Y8Z7",
    "service": {"id": "6F81", "description": "Compute Engine"},
    "sku": {"id": "S1", "description": "A2 Instance Core running in Americas"},
    "usage_start_time": "2026-09-03 07:00:00 UTC",
    "usage_end_time": "2026-09-03 08:00:00 UTC",
    "project": {
        "id": "ml-dev",
        "name": "ML",
        "labels": [{"key": "team", "value": "project-team"}, {"key": "unit", "value": "u1"}],
    },
    "labels": [{"key": "team", "value": "vision"}, {"key": "k8s-namespace", "value": "serve"}],
    "system_labels": [{"key": "compute.googleapis.com/machine_spec", "value": "a2-highgpu-1g"}],
    "location": {"location": "us-central1", "region": "us-central1", "zone": "us-central1-a"},
    "tags": [{"key": "env", "value": "prod", "inherited": True, "namespace": "org"}],
    "export_time": "2026-09-03 10:00:00 UTC",
    "cost": 10.5,
    "cost_at_list": 12.25,
    "currency": "USD",
    "currency_conversion_rate": 1.0,
    "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
    "credits": [
        {"name": "Promo", "amount": -0.1, "type": "PROMOTION"},
        {"name": "SUD", "amount": -0.2, "type": "SUSTAINED_USAGE_DISCOUNT"},
    ],
    "invoice": {"month": "202609"},
    "cost_type": "regular",
    "resource": {
        "name": "vm-1",
        "global_name": "//compute.googleapis.com/projects/ml-dev/zones/us-central1-a/instances/123",
    },
}


def changed(**changes: Any) -> dict[str, Any]:
    return LINE | changes


def google(tmp_path: Path, *rows: dict[str, Any]) -> Read:
    path = tmp_path / "export.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return one(path, tmp_path / "work")


def test_billed_is_cost_with_its_credits(tmp_path: Path) -> None:
    found = google(tmp_path, LINE)
    (line,) = found.lines

    assert (line["billed_cost"], line["effective_cost"]) == (Decimal("10.2"), Decimal("10.2"))
    assert (line["list_cost"], line["contracted_cost"]) == (Decimal("12.25"), Decimal("10.5"))
    assert (line["x_provider"], line["x_scope"], str(line["x_billing_month"])) == (
        "gcp",
        "0177BB-554433-X9Y8Z7",
        "2026-09-01",
    )
    assert line["tags"] == {"env": "prod", "k8s-namespace": "serve", "team": "vision", "unit": "u1"}
    assert (line["x_instance_type"], line["sub_account_id"], line["region_id"]) == (
        "a2-highgpu-1g",
        "ml-dev",
        "us-central1",
    )
    assert (line["pricing_quantity"], line["consumed_quantity"]) == (1, 3600)
    assert found.delivery.line.dataset == "gcp_detailed"


def flattened(row: dict[str, Any], separator: str, *, cells: bool) -> dict[str, str]:
    """A line as spreadsheets flatten it: records by dots or underscores, arrays as JSON cells."""
    flat: dict[str, str] = {}
    for key, value in row.items():
        if isinstance(value, dict) and not cells:
            for name, inner in value.items():
                flat[f"{key}{separator}{name}"] = inner if isinstance(inner, str) else json.dumps(inner)
        else:
            flat[key] = value if isinstance(value, str) else json.dumps(value)
    return flat


def write_flat(path: Path, rows: list[dict[str, str]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue())
    return path


ROWS = [
    LINE,
    changed(credits=[], labels=[], cost=1e-9, cost_at_list=None),
    changed(cost="35.0", credits=[{"name": "x", "amount": "-10.0"}]),
]


@pytest.mark.parametrize("shape", ["dots", "underscores", "json cells", "parquet", "parquet list.element"])
def test_every_shape_is_the_same_bill(tmp_path: Path, shape: str) -> None:
    expected = google(tmp_path / "json", *ROWS).lines
    path = tmp_path / "export"
    if shape.startswith("parquet"):
        rows = [
            row
            | {
                "cost": float(row["cost"]),
                "credits": [c | {"amount": float(c["amount"]), "type": c.get("type")} for c in row["credits"]],
            }
            for row in ROWS
        ]
        wrapped = {"credits", "labels", "system_labels", "tags"} if "list" in shape else set()
        columns: dict[str, Any] = {}
        for key in LINE:
            values = [row[key] for row in rows]
            columns[key] = (
                [{"list": [{"element": item} for item in value]} for value in values] if key in wrapped else values
            )
        pq.write_table(pa.Table.from_pydict(columns), path)
    else:
        separator = "." if shape == "dots" else "_"
        write_flat(path, [flattened(row, separator, cells=shape == "json cells") for row in ROWS])

    found = one(path, tmp_path / "work").lines

    def sorted_by_cost(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(lines, key=lambda line: line["billed_cost"])

    assert sorted_by_cost(found) == sorted_by_cost(expected)


def test_categories_months_and_corrections(tmp_path: Path) -> None:
    late = {"month": "202610"}
    correction = {"id": "1", "mode": "PARTIAL_CORRECTION", "type": "USAGE_CORRECTION"}
    lines = google(
        tmp_path,
        changed(cost_type="tax"),
        changed(cost_type="rounding_error"),
        changed(cost_type="adjustment", adjustment_info=correction, invoice=late),
        changed(invoice=late),
        changed(invoice=None),
        changed(
            sku={"id": "s", "description": "Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas"}
        ),
    ).lines

    assert [line["charge_category"] for line in lines] == ["Tax", "Adjustment", "Adjustment", "Usage", "Usage", "Usage"]
    assert [line["charge_class"] for line in lines] == [None, None, "Correction", None, None, None]
    assert [str(line["x_billing_month"])[5:7] for line in lines] == ["09", "09", "10", "10", "09", "09"]
    assert lines[5]["pricing_category"] == "Dynamic"


def fee(
    cost: float, hours: float, description: str = "Commitment v1: A2 Core in Americas for 1 Year"
) -> dict[str, Any]:
    return changed(
        sku={"id": "f", "description": description},
        cost=cost,
        credits=[],
        usage={"amount": hours, "unit": "hour"},
        cost_at_list=None,
    )


def covered(cost: float, credit: float, hours: float, **changes: Any) -> dict[str, Any]:
    discount = {"name": "Committed Usage Discount: CPU", "amount": -credit, "type": "COMMITTED_USAGE_DISCOUNT"}
    return changed(cost=cost, credits=[discount], usage={"amount": hours, "unit": "hour"}, **changes)


def test_a_commitment_fee_moves_to_the_usage_it_covered(tmp_path: Path) -> None:
    """100 committed hours for 60; 80 were used, by lines with credits of 30 and 50: 48 of the fee go to them 18 to 30,
    12 stay on the fee as unused."""
    found = google(tmp_path, fee(60, 100), covered(30, 30, 30), covered(100, 50, 100), changed())

    assert [line["billed_cost"] for line in found.lines] == [60, 0, 50, Decimal("10.2")]
    assert [line["effective_cost"] for line in found.lines] == [12, 18, 80, Decimal("10.2")]
    assert [line["commitment_discount_status"] for line in found.lines] == ["Unused", "Used", "Used", None]
    assert [line["charge_category"] for line in found.lines] == ["Purchase", "Usage", "Usage", "Usage"]
    assert len({line["commitment_discount_id"] for line in found.lines[:3]}) == 1
    assert [line["x_flag"] for line in found.lines] == ["commitment_fee_spread"] * 3 + [None]
    assert [flag.name for flag in found.delivery.line.flags] == ["commitment_fee_spread"]


def test_fees_stay_with_their_region_resource_and_month(tmp_path: Path) -> None:
    elsewhere = {"location": "europe-west4", "region": "europe-west4", "zone": None}
    memory = {"id": "m", "description": "A2 Instance Ram running in Americas"}
    found = google(
        tmp_path,
        fee(60, 100),
        covered(30, 30, 30, location=elsewhere),
        covered(30, 30, 30, sku=memory),
        covered(30, 30, 30, invoice={"month": "202608"}),
    )

    assert [line["effective_cost"] for line in found.lines] == [60, 0, 0, 0]
    assert [line["x_flag"] for line in found.lines] == [None] * 4


def test_spend_based_fees_count_as_used(tmp_path: Path) -> None:
    dollar = {"name": "c", "amount": -20, "type": "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"}
    found = google(
        tmp_path, fee(14, 1, "Commitment - dollar based v1: GCE for 1 year"), changed(cost=20, credits=[dollar])
    )

    assert [line["effective_cost"] for line in found.lines] == [0, 14]
    assert found.lines[0]["commitment_discount_category"] == "Spend"


def test_what_cannot_be_read_is_kept_aside(tmp_path: Path) -> None:
    found = google(
        tmp_path,
        LINE,
        changed(cost="?"),
        changed(credits=[{"name": "x", "amount": "many"}]),
        changed(credits={"name": "x", "amount": "-1"}),
        changed(currency=None),
        changed(usage_start_time="later"),
        changed(invoice={"month": "September"}),
        changed(billing_account_id=None),
    )

    assert len(found.lines) == 1
    assert len(found.refused) >= 7
    bad_cell = [flattened(row, "_", cells=True) for row in ROWS[:1]]
    bad_cell.append(bad_cell[0] | {"credits": "[{broken"})
    flat = one(write_flat(tmp_path / "flat.csv", bad_cell), tmp_path / "work")
    assert (len(flat.lines), flat.refused) == (1, ["credits are not a JSON array"])


money = st.decimals(min_value=-1000, max_value=1000, places=6)


@settings(max_examples=10)
@given(st.lists(st.tuples(money, st.lists(money, max_size=4), st.integers(0, 3)), min_size=1, max_size=8))
def test_credits_never_multiply_a_line(
    tmp_path_factory: pytest.TempPathFactory, bill: list[tuple[Decimal, list[Decimal], int]]
) -> None:
    rows = [
        changed(
            cost=str(cost),
            credits=[{"name": f"c{place}", "amount": str(amount)} for place, amount in enumerate(amounts)],
            labels=[{"key": f"k{label}", "value": "v"} for label in range(labels)],
        )
        for cost, amounts, labels in bill
    ]

    found = google(tmp_path_factory.mktemp("property"), *rows)

    assert len(found.lines) == len(bill)
    assert found.total("billed_cost") == sum((cost + sum(amounts) for cost, amounts, _ in bill), Decimal(0))


def plain_credit(row: dict[str, Any], amount: str | None, **more: str) -> dict[str, Any]:
    """The line as a table without arrays shows it: what its credits come to, in a column of its own."""
    return {key: value for key, value in row.items() if key != "credits"} | {"credits_amount": amount} | more


@pytest.mark.parametrize("shape", ["json", "csv", "parquet"])
def test_credits_count_in_whichever_of_two_styles_a_line_has_them(tmp_path: Path, shape: str) -> None:
    """10.5 - 0.1 - 0.2, then 10.5 - 4, 10.5 without any, and 10.5 - 0.5 where both styles agree: 37.7 of 42."""
    nested = {"name": "x", "amount": -0.5, "type": "PROMOTION"}
    rows = [
        LINE | {"credits_amount": None},
        plain_credit(LINE, "-4") | {"credits": None},
        plain_credit(LINE, None) | {"credits": []},
        changed(credits=[nested]) | {"credits_amount": "-0.50"},
    ]
    if shape == "json":
        found = google(tmp_path, *rows)
    elif shape == "csv":
        found = one(write_flat(tmp_path / "x.csv", [flattened(row, "_", cells=True) for row in rows]), tmp_path / "w")
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
        found = one(tmp_path / "x.parquet", tmp_path / "w")

    billed = [line["billed_cost"] for line in found.lines]
    assert billed == [Decimal("10.2"), Decimal("6.5"), Decimal("10.5"), Decimal(10)]
    assert [line["effective_cost"] for line in found.lines] == billed


def test_files_of_two_credit_styles_are_one_month(tmp_path: Path) -> None:
    """10.2 in the one and 10.5 - 4 = 6.5 in the other."""
    for place, row in enumerate((LINE, plain_credit(LINE, "-4"))):
        write_flat(tmp_path / "in" / f"{place}.csv", [flattened(row, "_", cells=place == 0)])

    assert one(tmp_path / "in", tmp_path / "work").total("billed_cost") == Decimal("16.7")


def test_credits_of_two_styles_that_contradict_each_other_are_kept_aside(tmp_path: Path) -> None:
    found = google(
        tmp_path, LINE | {"credits_amount": "-0.3"}, LINE | {"credits_amount": "-3"}, plain_credit(LINE, "many")
    )

    assert [line["billed_cost"] for line in found.lines] == [Decimal("10.2")]
    assert found.refused == [
        "credits and credits_amount give two amounts",
        "not a number as this file writes them (1234.50)",
    ]


def test_a_commitment_credit_in_a_column_of_its_own_takes_its_share_of_the_fee(tmp_path: Path) -> None:
    """100 committed hours for 60, of which 30 and 50 were used: 18 and 30 move, 12 stay."""
    flat = plain_credit(covered(100, 50, 100), "-50", credits_type="COMMITTED_USAGE_DISCOUNT")
    found = google(tmp_path, fee(60, 100), covered(30, 30, 30), flat)

    assert [line["billed_cost"] for line in found.lines] == [60, 0, 50]
    assert [line["effective_cost"] for line in found.lines] == [12, 18, 80]


def test_the_fields_of_a_struct_type() -> None:
    declared = 'STRUCT(id VARCHAR, "odd, (name)" DECIMAL(38,9), inner STRUCT("key" VARCHAR, n INTEGER)[])'

    assert struct_fields(declared) == {
        "id": "VARCHAR",
        "odd, (name)": "DECIMAL(38,9)",
        "inner": 'STRUCT("key" VARCHAR, n INTEGER)[]',
    }
    assert struct_fields("MAP(VARCHAR, VARCHAR)") == {}
