"""The FOCUS export in BigQuery: the same charges as its lines, with commitments told by their credits."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.contract import Rows, Window
from collectors.gcp.bills import Bills
from collectors.gcp.clients import GcpClients
from sample.gcp_schema import many, one
from tests.gcp.double import Google
from tests.gcp.test_equal import WINDOW, charges, same

TABLE = "billing-host.gcp_billing_immutable_0177BB_us.gcp_billing_export_focus_0177BB"
TEXTS = "BillingAccountId BillingCurrency ChargeCategory ChargeDescription PricingCategory PricingUnit ProviderName"
TIMES = "BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd x_ExportTime"
NUMBERS = "BilledCost EffectiveCost ListCost ContractedCost PricingQuantity ConsumedQuantity"
SCHEMA = [
    *(
        one(name)
        for name in [*TEXTS.split(), "ResourceId", "ServiceName", "SkuId", "SubAccountId", "RegionId", "x_CostType"]
    ),
    *(one(name, "TIMESTAMP") for name in TIMES.split()),
    *(one(name, "NUMERIC") for name in NUMBERS.split()),
    many("x_Credits", one("Name"), one("Amount", "NUMERIC"), one("Type")),
    many("x_Labels", one("Key"), one("Value")),
]
LINE: dict[str, Any] = {
    "BillingAccountId": "0177BB-554433-X9Y8Z7", "BillingCurrency": "USD", "ChargeCategory": "Usage",
    "ChargeDescription": "A2 Instance Core running in Americas", "PricingCategory": "Standard", "PricingUnit": "hour",
    "ResourceId": "//compute.googleapis.com/projects/ml-dev/zones/us-central1-a/instances/123",
    "ServiceName": "Compute Engine", "SkuId": "S1", "SubAccountId": "ml-dev", "RegionId": "us-central1",
    "BillingPeriodStart": "2026-09-01 00:00:00 UTC", "BillingPeriodEnd": "2026-10-01 00:00:00 UTC",
    "BilledCost": "10.5", "EffectiveCost": "10.5", "ListCost": "12.25", "ContractedCost": "10.5",
    "PricingQuantity": "1", "ConsumedQuantity": "3600", "x_CostType": "regular", "x_Credits": [],
    "x_Labels": [{"Key": "team", "Value": "vision"}],
}  # fmt: skip


def line(hour: int, **changes: Any) -> dict[str, Any]:
    times = {
        "ChargePeriodStart": f"2026-09-03 {hour:02}:00:00 UTC",
        "ChargePeriodEnd": f"2026-09-03 {hour + 1:02}:00:00 UTC",
    }
    return LINE | times | {"x_ExportTime": "2026-09-04 01:00:00 UTC"} | changes


COVERED = {"x_Credits": [{"Name": "c", "Amount": "-5.5", "Type": "COMMITTED_USAGE_DISCOUNT"}]}
ROWS = [
    line(1), line(2), line(3, ListCost="0"), line(4, EffectiveCost="0"), line(5, **COVERED), line(6, **COVERED),
    line(7, BilledCost="-3", EffectiveCost="-3", ListCost="-4"), line(8, PricingQuantity=None),
    line(9, BilledCost="0.000000001", x_CostType="tax"),
]  # fmt: skip


def test_its_lines_and_their_roll_up_are_the_same_charges(
    google: Google, connect: Callable[..., GcpClients], clock: Clock, tmp_path: Path
) -> None:
    google.add(TABLE, SCHEMA, ROWS, exported="x_ExportTime")
    bills = Bills(connect(export=[{"table": TABLE}]), clock)
    (tmp_path / "collected").mkdir()
    (piece,) = bills.slices(Window(WINDOW.first, WINDOW.end), {})
    _, totals = bills.read(piece, tmp_path / "collected", None).parts
    path = tmp_path / "lines.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    (collected,) = (tmp_path / "collected").iterdir()
    same(charges(collected, tmp_path / "a"), charges(path, tmp_path / "b"), 0)
    assert isinstance(totals, Rows)
    ((metric, amount),) = {(one["metric"], one["amount"]) for one in totals.rows}
    # 10.5 seven times, less 3, and a billionth of tax
    assert (metric, amount) == ("NetCost", Decimal("70.500000001"))
