"""FOCUS in the shapes it is delivered in: repeated columns, Parquet with maps, what clouds put beside it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aispend.errors import InputError
from tests.collectors.bill_lines import FOCUS_LINE, one
from tests.collectors.test_dialect_focus import costs, focus


def test_a_column_that_stands_twice_is_refused_with_its_places(tmp_path: Path) -> None:
    header, line = ",".join([*FOCUS_LINE, "BilledCost"]), ",".join(["x", *["1"] * len(FOCUS_LINE)])
    (tmp_path / "bill.csv").write_text(f"{header}\n{line}\n")
    names = [*FOCUS_LINE, "BilledCost"]
    pq.write_table(pa.Table.from_arrays([pa.array(["1"])] * len(names), names), tmp_path / "bill.parquet")

    for path in (tmp_path / "bill.csv", tmp_path / "bill.parquet"):
        with pytest.raises(InputError, match="BilledCost stands in this file more than once") as refused:
            one(path, tmp_path / "work")
        assert f"{path.name}, columns 1 and {len(names)}" in refused.value.where


@pytest.mark.parametrize("text", ["[]", "[ ]\n", "[\n]"])
def test_a_json_array_without_lines_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "bill.json").write_text(text)

    with pytest.raises(InputError, match=r"holds no lines(?s:.*)an empty export replaces nothing"):
        one(tmp_path / "bill.json", tmp_path / "work")


def parquet(path: Path, columns: dict[str, pa.Array]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_with_maps_doubles_and_zones(tmp_path: Path) -> None:
    texts = {name: pa.array([value]) for name, value in FOCUS_LINE.items()}
    map_type = pa.map_(pa.string(), pa.string())
    bill = parquet(
        tmp_path / "bill",
        texts
        | {
            "BilledCost": pa.array([0.1]),
            "EffectiveCost": pa.array([Decimal("0.25")], pa.decimal128(38, 15)),
            "ListCost": pa.array([2]),
            "ContractedCost": pa.array([None], pa.float64()),
            "BillingPeriodStart": pa.array([1788220800000], pa.timestamp("ms")),
            "ChargePeriodStart": pa.array([1788420600000000], pa.timestamp("us", tz="America/New_York")),
            "Tags": pa.array([[("team", "search"), ("app", None)]], map_type),
            "SkuPriceDetails": pa.array([[("InstanceType", "p5.48xlarge"), ("CoreCount", "96")]], map_type),
        },
    )

    (line,) = one(bill, tmp_path / "work").lines

    assert costs(line) == (Decimal("0.1"), Decimal("0.25"), 2, None)
    assert (str(line["x_billing_month"]), str(line["charge_period_start"])) == ("2026-09-01", "2026-09-03 07:30:00")
    assert line["tags"] == {"app": None, "team": "search"}
    assert json.loads(line["sku_price_details"]) == {"CoreCount": "96", "InstanceType": "p5.48xlarge"}
    assert line["x_instance_type"] == "p5.48xlarge"


def test_google_labels_and_credits_stand_in_for_what_its_export_lacks(tmp_path: Path) -> None:
    pair = pa.list_(pa.struct([("Key", pa.string()), ("Value", pa.string())]))
    credit = pa.list_(pa.struct([("Name", pa.string()), ("Amount", pa.float64()), ("Type", pa.string())]))
    texts = {name: pa.array([value]) for name, value in FOCUS_LINE.items() if name not in ("Tags", "SkuPriceDetails")}
    bill = parquet(
        tmp_path / "bill",
        texts
        | {
            "ProviderName": pa.array([None], pa.string()),
            "ServiceName": pa.array(["Vertex AI"]),
            "x_CostType": pa.array(["regular"]),
            "x_Credits": pa.array([[{"Name": "c", "Amount": -1.0, "Type": "COMMITTED_USAGE_DISCOUNT"}]], credit),
            "x_Labels": pa.array([[{"Key": "team", "Value": "vision"}]], pair),
            "x_Tags": pa.array([[{"Key": "env", "Value": "prod"}]], pair),
            "x_ProjectLabels": pa.array([[{"Key": "team", "Value": "other"}, {"Key": "owner", "Value": "a"}]], pair),
        },
    )

    (line,) = one(bill, tmp_path / "work").lines

    assert (line["x_provider"], line["service_category"]) == ("gcp", "AI and Machine Learning")
    assert line["tags"] == {"env": "prod", "owner": "a", "team": "vision"}
    assert (line["commitment_discount_status"], line["pricing_category"]) == ("Used", "Committed")


def test_azure_columns_stand_in_and_its_tags_are_repaired(tmp_path: Path) -> None:
    changes = {
        "ProviderName": "Microsoft",
        "Tags": '"env": "prod","team": "search"',
        "x_SkuMeterName": "NC24ads A100 v4",
        "x_SkuDetails": '{"ServiceType":"Standard_NC24ads_A100_v4"}',
    }

    (line,) = focus(tmp_path, changes, without=("SkuPriceDetails",)).lines

    assert line["tags"] == {"env": "prod", "team": "search"}
    assert (line["sku_meter"], line["x_instance_type"]) == ("NC24ads A100 v4", "Standard_NC24ads_A100_v4")
