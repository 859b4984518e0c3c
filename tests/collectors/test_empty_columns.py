"""Parquet columns and fields without a value in any line, which some writers give no type at all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aispend.engine.duck import DuckEngine
from aispend.engine.result import RolledSlice
from aispend.errors import InputError
from aispend.settings import Engine
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import FOCUS_LINE, one
from tests.collectors.test_dialect_gcp import LINE
from tests.engine.bills import Class

NOWHERE = {"location": "us", "region": "us-central1", "zone": None}
NOBODY = {"id": None, "name": None, "labels": []}


def parquet(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def rolled(path: Path, workdir: Path) -> RolledSlice:
    """The only slice behind a path, as it would be loaded."""
    (delivery,) = deliveries([path], workdir)
    with DuckEngine(Engine(), workdir / "engine").roll_up(delivery, lambda _: Class(False)) as found:
        (only,) = found.summary.slices
    return only


@pytest.mark.parametrize(
    "empty",
    [
        {"location": NOWHERE},
        {"project": NOBODY},
        {"labels": [], "tags": [], "system_labels": []},
        {"labels": [{"key": "team", "value": None}]},
        {"cost_at_list": None, "resource": None, "invoice": None},
        {"resource": {"name": None, "global_name": None}},
        {"usage": {"amount": None, "unit": None, "amount_in_pricing_units": None, "pricing_unit": None}},
    ],
    ids=str,
)
def test_what_no_line_of_google_says_is_unknown(tmp_path: Path, empty: dict[str, Any]) -> None:
    """Two lines of 10.5 - 0.1 - 0.2."""
    found = rolled(parquet(tmp_path / "bill.parquet", LINE | empty, LINE | empty), tmp_path / "work")

    assert (found.lines, found.totals["USD"]["billed_cost"]) == (2, Decimal("20.4"))


def test_credits_without_a_type_anywhere_are_credits(tmp_path: Path) -> None:
    credit = {"name": None, "amount": -0.5, "type": None}
    found = rolled(parquet(tmp_path / "bill.parquet", LINE | {"credits": [credit]}), tmp_path / "work")

    assert found.totals["USD"]["billed_cost"] == 10


def test_what_one_file_never_says_another_may(tmp_path: Path) -> None:
    parquet(tmp_path / "in" / "1.parquet", LINE | {"location": NOWHERE, "cost_at_list": None, "resource": None})
    parquet(tmp_path / "in" / "2.parquet", LINE | {"resource": None})
    parquet(tmp_path / "in" / "3.parquet", LINE)

    read = one(tmp_path / "in", tmp_path / "lines").lines

    assert sorted(str(line["availability_zone"]) for line in read) == ["None", "us-central1-a", "us-central1-a"]
    assert sorted(str(line["list_cost"]) for line in read) == ["12.250000000000", "12.250000000000", "None"]
    assert rolled(tmp_path / "in", tmp_path / "work").totals["USD"]["billed_cost"] == Decimal("30.6")


def test_focus_of_google_without_a_credit_anywhere(tmp_path: Path) -> None:
    path = parquet(tmp_path / "bill.parquet", FOCUS_LINE | {"ProviderName": "Google", "x_Credits": [], "x_Labels": []})

    assert rolled(path, tmp_path / "work").totals["USD"]["billed_cost"] == Decimal("1.5")


@pytest.mark.parametrize("tags", [{"team": "search", "app": None}, {"team": None}], ids=str)
def test_focus_tags_as_fields_may_be_empty(tmp_path: Path, tags: dict[str, str | None]) -> None:
    row = FOCUS_LINE | {"Tags": tags, "SkuPriceDetails": {"InstanceType": None}, "ResourceId": None, "ListCost": None}
    path = parquet(tmp_path / "bill.parquet", row)

    assert one(path, tmp_path / "lines").lines[0]["tags"] == tags
    assert rolled(path, tmp_path / "work").totals["USD"]["billed_cost"] == Decimal("1.5")


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("BilledCost", "no billed cost"),
        ("BillingAccountId", "no billing account"),
        ("BillingCurrency", "no ISO 4217 currency"),
        ("BillingPeriodStart", "no billing period"),
        ("ChargePeriodStart", "no charge period"),
    ],
)
def test_a_needed_column_that_is_empty_is_the_reason(tmp_path: Path, column: str, reason: str) -> None:
    path = parquet(tmp_path / "bill.parquet", FOCUS_LINE | {column: None})

    with pytest.raises(InputError, match=reason) as caught:
        rolled(path, tmp_path / "work")
    assert column in str(caught.value)
    assert "damaged" not in str(caught.value)
