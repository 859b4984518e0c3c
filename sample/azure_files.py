"""Azure Cost Management exports: FOCUS with Azure's own columns and deviations, a manifest in every run folder.

The dollar account exports version 1.2-preview as Parquet, the euro account version 1.0r2 as gzipped CSV.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from aispend.clock import next_month
from sample.arrow import Arrow, pa
from sample.azure_lines import EURO_PER_DOLLAR, REGIONS
from sample.chance import Chance
from sample.focus_columns import AZURE_10, AZURE_12
from sample.ledger import Ints, Item, Lines
from sample.story import AZURE_SUBSCRIPTIONS
from sample.timeline import Timeline

ROWS_PER_PART = 900
ROOT = "cost"
"""The exports' root folder, in a container of each one's name."""
BILLS = {
    "azure-usd": ("Larkfield Home Inc.", "USD", "1.2-preview", "focus-usd"),
    "azure-eur": ("Larkfield Europe GmbH", "EUR", "1.0r2", "focus-eur"),
}
_STAMP = pa.timestamp("ms", tz="UTC")
_DECIMAL = pa.decimal128(38, 18)


def write_months(
    root: Path, bill: str, lines: Lines, months: list[int], *, timeline: Timeline, chance: Chance, run: str = "final"
) -> None:
    """Deliver these months of one billing account under ``root``; each run has its folder and manifest."""
    _, currency, version, export = BILLS[bill]
    columns = AZURE_12 if version == "1.2-preview" else AZURE_10
    constants = _constants(lines.items, chance)
    month_of_line = timeline.month_of_hour[lines.start]
    for month in months:
        first = timeline.months[month]
        mine = lines.take(np.flatnonzero(month_of_line == month))
        table = _table(mine, constants, bill, timeline=timeline, month=month, chance=chance).select(columns)
        run_id = chance.uuid(bill, month, run)
        period = f"{first:%Y%m%d}-{next_month(first) - timedelta(days=1):%Y%m%d}"
        folder = root / ROOT / export / period / run_id
        folder.mkdir(parents=True, exist_ok=True)
        blobs = []
        for number, offset in enumerate(range(0, max(1, len(table)), ROWS_PER_PART), start=1):
            part = table.slice(offset, ROWS_PER_PART)
            name = f"part_0_{number:04d}." + ("snappy.parquet" if currency == "USD" else "csv.gz")
            if currency == "USD":
                pa.parquet.write_table(part, folder / name, compression="snappy")
            else:
                _write_csv(part, folder / name)
            blobs.append(
                {
                    "blobName": f"{ROOT}/{export}/{period}/{run_id}/{name}",
                    "byteCount": (folder / name).stat().st_size,
                    "dataRowCount": len(part),
                }
            )
        manifest = _manifest(
            bill, first, run_id, blobs, account=account_id(bill, chance), timeline=timeline, month=month, run=run
        )
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def invoice_id(bill: str, month: int, timeline: Timeline, chance: Chance) -> str | None:
    """Microsoft's invoice number, once the month is over."""
    return None if month == len(timeline.months) - 1 else "G" + chance.digits(9, bill, timeline.months[month])


def account_id(bill: str, chance: Chance) -> str:
    """The billing account's id."""
    return f"/providers/Microsoft.Billing/billingAccounts/{chance.uuid('billing', bill)}"


def _write_csv(table: Arrow, path: Path) -> None:
    """As Azure writes it: times with a Z, decimals without trailing zeros, empty for null."""
    plain = []
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_timestamp(field.type):
            column = pa.compute.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
        elif pa.types.is_decimal(field.type):
            texts = [None if value is None else f"{value.normalize():f}" for value in column.to_pylist()]
            column = pa.array(texts, pa.string())
        plain.append(column)
    text = io.BytesIO()
    pa.csv.write_csv(pa.table(plain, names=table.column_names), text)
    path.write_bytes(gzip.compress(text.getvalue(), 6, mtime=0))


def _manifest(
    bill: str,
    first: date,
    run_id: str,
    blobs: list[dict[str, Any]],
    *,
    account: str,
    timeline: Timeline,
    month: int,
    run: str,
) -> dict[str, Any]:
    _, currency, version, export = BILLS[bill]
    submitted = (
        timeline.today
        if month == len(timeline.months) - 1
        else next_month(first) + timedelta(days=5 if run == "final" else 1)
    )
    return {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(blob["byteCount"] for blob in blobs),
        "blobCount": len(blobs),
        "dataRowCount": sum(blob["dataRowCount"] for blob in blobs),
        "exportConfig": {
            "exportName": export,
            "resourceId": f"{account}/providers/Microsoft.CostManagement/exports/{export}",
            "dataVersion": version,
            "apiVersion": "2025-03-01",
            "type": "FocusCost",
            "timeFrame": "MonthToDate",
            "granularity": "Daily",
        },
        "deliveryConfig": {
            "partitionData": True,
            "dataOverwriteBehavior": "OverwritePreviousReport",
            "fileFormat": "Parquet" if currency == "USD" else "Csv",
            "compressionMode": "snappy" if currency == "USD" else "gzip",
            "containerUri": f"https://larkfieldcosts.blob.core.windows.net/{export}",
            "rootFolderPath": ROOT,
        },
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": f"{submitted}T03:11:08.0000000Z",
            "runId": run_id,
            "startDate": f"{first}T00:00:00",
            "endDate": f"{next_month(first) - timedelta(days=1)}T00:00:00",
        },
        "blobs": blobs,
    }


def _decimal(amounts: Ints) -> Arrow:
    """Amounts in 1e-10 as the exact decimals Azure delivers."""
    whole = pa.array(amounts).cast(pa.decimal128(19, 0))
    unit = pa.scalar("0.0000000001").cast(pa.decimal128(11, 10))
    return pa.compute.multiply(whole, unit).cast(_DECIMAL)


def _quantity(values: np.ndarray) -> Arrow:
    return _decimal(np.rint(values * 10**10).astype(np.int64))


def _constants(items: list[Item], chance: Chance) -> Arrow:
    """The columns that depend on the item alone, one row per item."""

    def text(value: Callable[[Item], str | None]) -> Arrow:
        return pa.array([value(item) for item in items], pa.string())

    def price(value: Callable[[Item], int | None]) -> Arrow:
        return _decimal(np.array([value(item) or 0 for item in items], dtype=np.int64))

    return pa.table(
        {
            "ChargeCategory": text(lambda item: item.charge_category),
            "ChargeClass": text(lambda item: item.charge_class),
            "ChargeDescription": text(lambda item: item.description),
            "ChargeFrequency": text(lambda item: item.frequency),
            "CommitmentDiscountCategory": text(lambda item: item.commitment.category if item.commitment else None),
            "CommitmentDiscountId": text(lambda item: item.commitment.id if item.commitment else None),
            "CommitmentDiscountName": text(lambda item: item.commitment.name if item.commitment else None),
            "CommitmentDiscountStatus": text(lambda item: item.commitment_status),
            "CommitmentDiscountType": text(lambda item: item.commitment.type if item.commitment else None),
            "ConsumedUnit": text(lambda item: DISTINCT_UNITS[item.unit] if item.charge_category == "Usage" else None),
            "ContractedUnitPrice": price(lambda item: item.contracted_price),
            "ListUnitPrice": price(lambda item: item.list_price),
            "PricingCategory": text(lambda item: item.pricing_category),
            "PublisherName": text(lambda item: item.publisher or (None if item.publisher == "" else "Microsoft")),
            "RegionId": text(lambda item: item.region),
            "RegionName": text(lambda item: REGIONS[item.region]),
            "ResourceId": text(lambda item: item.resource_id),
            "ResourceName": text(lambda item: item.resource_name),
            "ResourceType": text(lambda item: item.resource_type),
            "ServiceCategory": text(lambda item: item.category),
            "ServiceName": text(lambda item: item.service or None),
            "ServiceSubcategory": text(lambda item: item.subcategory),
            "SkuId": text(lambda item: item.sku),
            "SkuMeter": text(lambda item: item.meter),
            "SkuPriceId": text(lambda item: f"{item.sku}_{item.sku[:4]}"),
            "SubAccountId": text(lambda item: f"/subscriptions/{item.account}"),
            "SubAccountName": text(lambda item: AZURE_SUBSCRIPTIONS[item.account]),
            "Tags": text(lambda item: json.dumps(dict(item.tags)) if item.tags else None),
            "x_BilledUnitPrice": price(lambda item: item.contracted_price),
            "x_EffectiveUnitPrice": price(lambda item: item.contracted_price),
            "x_PricingSubcategory": text(lambda item: "Reservation" if item.commitment else "On-Demand"),
            "x_PricingUnitDescription": text(lambda item: item.unit),
            "x_PublisherCategory": text(lambda item: "Vendor" if item.publisher else "Cloud Provider"),
            "x_ResourceGroupName": text(lambda item: item.more("group")),
            "x_ResourceType": text(
                lambda item: (item.resource_id or "").partition("/providers/")[2].rpartition("/")[0] or None
            ),
            "x_SkuDescription": text(lambda item: item.description),
            "x_SkuDetails": text(lambda item: item.more("details")),
            "x_SkuMeterCategory": text(lambda item: item.more("meter_category")),
            "x_SkuMeterId": text(lambda item: chance.uuid("meter", item.meter)),
            "x_SkuMeterName": text(lambda item: item.meter),
            "x_SkuMeterSubcategory": text(lambda item: item.more("meter_subcategory") or None),
            "x_SkuOrderId": text(lambda item: item.more("order")),
            "x_SkuOrderName": text(lambda item: item.commitment.name if item.commitment else None),
            "x_SkuRegion": text(lambda item: item.region),
            "x_SkuTerm": pa.array([item.more("term") for item in items], pa.int64()),
            "PricingUnit": text(lambda item: DISTINCT_UNITS[item.unit]),
            "block": pa.array([int(item.more("block", 1)) for item in items]),
            "consumes": pa.array([item.charge_category == "Usage" for item in items]),
        }
    )


def _table(lines: Lines, constants: Arrow, bill: str, *, timeline: Timeline, month: int, chance: Chance) -> Arrow:
    name, currency, _, _ = BILLS[bill]
    first, count = timeline.months[month], len(lines)
    fixed = constants.take(pa.array(lines.item))
    account = account_id(bill, chance)

    def same(value: str | None) -> Arrow:
        return pa.repeat(pa.scalar(value, pa.string()), count)

    def stamp(day: date) -> Arrow:
        return pa.repeat(pa.scalar(np.datetime64(day.isoformat(), "ms"), pa.timestamp("ms")), count).cast(_STAMP)

    def in_usd(amounts: Ints) -> Arrow:
        return _decimal(amounts if currency == "USD" else amounts * 100 // EURO_PER_DOLLAR)

    blocks = fixed.column("block").to_numpy()
    invoice = invoice_id(bill, month, timeline, chance)
    starts, ends = timeline.stamps(lines.start), timeline.stamps(lines.start + lines.span)
    rate = Decimal(1) if currency == "USD" else Decimal(EURO_PER_DOLLAR) / 100
    columns: dict[str, Arrow] = {
        "BilledCost": _decimal(lines.billed),
        "EffectiveCost": _decimal(lines.effective),
        "ListCost": _decimal(lines.list),
        "ContractedCost": _decimal(lines.contracted),
        "BillingAccountId": same(account),
        "BillingAccountName": same(name),
        "BillingAccountType": same("Billing Profile"),
        "BillingCurrency": same(currency),
        "BillingPeriodEnd": stamp(next_month(first)),
        "BillingPeriodStart": stamp(first),
        "ChargePeriodEnd": pa.array(ends).cast(_STAMP),
        "ChargePeriodStart": pa.array(starts).cast(_STAMP),
        "ConsumedQuantity": pa.compute.if_else(
            fixed.column("consumes").combine_chunks(),
            _quantity(np.where(blocks > 1, np.rint(lines.quantity * blocks), lines.quantity)),
            pa.scalar(None, _DECIMAL),
        ),
        "InvoiceId": same(invoice),
        "InvoiceIssuerName": same("Microsoft"),
        "PricingCurrency": same("USD"),
        "PricingQuantity": _quantity(lines.quantity),
        "ProviderName": same("Microsoft"),
        "SubAccountType": same("Subscription"),
        "x_BilledCostInUsd": in_usd(lines.billed),
        "x_EffectiveCostInUsd": in_usd(lines.effective),
        "x_ListCostInUsd": in_usd(lines.list),
        "x_ContractedCostInUsd": in_usd(lines.contracted),
        "x_BillingAccountId": same(account.rsplit("/", 1)[1]),
        "x_BillingAccountName": same(name),
        "x_BillingProfileId": same(chance.code(15, "profile", bill)),
        "x_BillingProfileName": same(name),
        "x_BillingExchangeRate": pa.repeat(pa.scalar(rate, _DECIMAL), count),
        "x_BillingExchangeRateDate": stamp(first),
        "x_InvoiceId": same(invoice),
        "x_InvoiceIssuerId": same("Microsoft"),
        "x_PricingBlockSize": _quantity(blocks.astype(np.float64)),
        "x_PricingCurrency": same("USD"),
        "x_ServicePeriodStart": pa.array(starts).cast(_STAMP),
        "x_ServicePeriodEnd": pa.array(ends).cast(_STAMP),
        "x_SkuIsCreditEligible": pa.repeat(pa.scalar(True), count),
    }
    columns |= {column: fixed.column(column) for column in fixed.column_names}
    for column in {*AZURE_10, *AZURE_12} - set(columns):
        columns[column] = pa.nulls(count, _DECIMAL if column == "CommitmentDiscountQuantity" else pa.string())
    return pa.table(columns)


DISTINCT_UNITS = {
    "1 Hour": "Hours",
    "1": "Units",
    "1K": "Units",
    "10K": "Units",
    "1 GB/Month": "GB/Month",
    "1 GB": "GB",
    "1/Hour": "Units/Hour",
}
"""FOCUS units behind Azure's units of measure (the FinOps toolkit's table)."""
