"""Exports in the making: a container as a folder, files first and their manifest after them, as Azure does."""

from __future__ import annotations

import calendar
import gzip
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

CONTAINER = "bills"
NOW = 1_795_237_200
"""An hour before the tests' now."""

FOCUS = {
    "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/8611537",
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ProviderName": "Microsoft",
    "ServiceName": "Virtual Machines",
    "PricingCategory": "Standard",
    "ResourceId": "/subscriptions/s-1/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm",
    "SubAccountId": "/subscriptions/s-1",
    "Tags": "{}",
    "x_SkuMeterCategory": "Virtual Machines",
}
COST = {
    "BillingAccountId": "8611537",
    "SubscriptionId": "s-1",
    "MeterCategory": "Virtual Machines",
    "MeterName": "NC24ads A100 v4",
    "MeterId": "f31064a2",
    "Quantity": "2",
    "UnitPrice": "3",
    "PayGPrice": "4",
    "BillingCurrency": "USD",
    "ResourceId": "/subscriptions/s-1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm",
    "ChargeType": "Usage",
    "Frequency": "UsageBased",
    "PricingModel": "OnDemand",
    "ReservationId": "",
}


def focus(month: str, cost: str, day: int = 3, **changes: str) -> dict[str, str]:
    """A line of a FOCUS export."""
    year, number = int(month[:4]), int(month[5:])
    following = f"{year + number // 12}-{number % 12 + 1:02}-01T00:00:00Z"
    start = f"{month}-{day:02}T00:00:00Z"
    return {
        **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost),
        **FOCUS,
        "BillingPeriodStart": f"{month}-01T00:00:00Z",
        "BillingPeriodEnd": following,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": f"{month}-{day + 1:02}T00:00:00Z",
        **changes,
    }


def cost(month: str, amount: str, **changes: str) -> dict[str, str]:
    """A line of an actual or amortised export."""
    year, number = month.split("-")
    last = calendar.monthrange(int(year), int(number))[1]
    days = {"BillingPeriodStartDate": f"{number}/01/{year}", "BillingPeriodEndDate": f"{number}/{last}/{year}"}
    return {**COST, **days, "Date": f"{number}/21/{year}", "Cost": amount, **changes}


RESERVED = {"PricingModel": "Reservation", "ReservationId": "r-1", "PayGPrice": "0", "UnitPrice": "0"}


class Container:
    """One container with any number of exports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.time = NOW
        self._runs = 0

    def put(self, name: str, content: str | bytes) -> None:
        """A blob, ten seconds after the one before."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.time += 10
        os.utime(path, (self.time, self.time))

    def run(
        self,
        month: str,
        *files: Sequence[Mapping[str, str]],
        export: str = "focus",
        kind: str = "FocusCost",
        form: str = "csv",
        days: tuple[int, int] | None = None,
        keep: bool = False,
        scope: str = "/providers/Microsoft.Billing/billingAccounts/8611537",
        **manifest: Any,
    ) -> str:
        """Deliver a run over ``month``, or some ``days`` of it; gives the folder. ``keep`` is CreateNewReport.

        ``manifest`` are changes to it; ``manifest=None`` there leaves it out.
        """
        self._runs += 1
        year, number = (int(part) for part in month.split("-"))
        first, last = days or (1, calendar.monthrange(year, number)[1])
        span = f"{export}/{year}{number:02}{first:02}-{year}{number:02}{last:02}"
        if not keep:
            shutil.rmtree(self.root / "cost" / span, ignore_errors=True)
        stamp = f"/2026112003{self._runs:02}" if keep else ""
        folder = f"cost/{span}{stamp}/{UUID(int=self._runs)}"
        blobs = []
        for place, rows in enumerate(files):
            name = f"{folder}/part_0_{place:04}.{SUFFIXES[form]}"
            self.put(name, content(rows, form))
            size = (self.root / name).stat().st_size
            blobs.append({"blobName": name, "byteCount": size, "dataRowCount": len(rows)})
        said = {
            "manifestVersion": "2024-04-01",
            "blobCount": len(blobs),
            "dataRowCount": sum(len(rows) for rows in files),
            "exportConfig": {
                "exportName": export,
                "resourceId": f"{scope}/providers/Microsoft.CostManagement/exports/{export}",
                "type": kind,
            },
            "runInfo": {
                "runId": f"{UUID(int=self._runs)}",
                "submittedTime": f"2026-11-20T03:{self._runs:02}:00.0000000Z",
                "startDate": f"{month}-{first:02}T00:00:00",
                "endDate": f"{month}-{last:02}T00:00:00",
            },
            "blobs": blobs,
        }
        if manifest.get("manifest", "") is not None:
            self.put(f"{folder}/manifest.json", json.dumps(said | manifest))
        return folder


SUFFIXES = {"csv": "csv", "gzip": "csv.gz", "parquet": "snappy.parquet"}


def content(rows: Sequence[Mapping[str, str]], form: str) -> bytes:
    """Rows in one of Azure's forms; amounts are decimals in Parquet."""
    table = pa.Table.from_pylist([dict(row) for row in rows])
    if form == "parquet":
        file = io.BytesIO()
        pa.parquet.write_table(_typed(table), file, compression="snappy")
        return file.getvalue()
    out = io.BytesIO()
    pa.csv.write_csv(table, out)
    return gzip.compress(out.getvalue()) if form == "gzip" else out.getvalue()


def _typed(table: pa.Table) -> pa.Table:
    for place, name in enumerate(table.column_names):
        if name.endswith("Cost"):
            table = table.set_column(place, name, table.column(name).cast(pa.decimal128(38, 18)))
        elif "Period" in name:
            moments = pa.compute.strptime(table.column(name), "%Y-%m-%dT%H:%M:%SZ", "ms")
            table = table.set_column(place, name, moments.cast(pa.timestamp("ms", "UTC")))
    return table
