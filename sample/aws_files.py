"""AWS Data Exports: FOCUS 1.2 in Parquet, one folder per billing month, each month with its manifest."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np

from aispend.clock import next_month
from sample.arrow import Arrow, pa
from sample.aws_machines import REGION_NAMES
from sample.catalogue import MACHINES, UNIT
from sample.chance import Chance
from sample.focus_columns import AWS_12
from sample.ledger import Item, Lines, money
from sample.story import AWS_ACCOUNTS, COMPANY, PAYER
from sample.timeline import Timeline

EXPORT = "larkfield-focus-hourly"
BUCKET = "larkfield-billing-exports"
ROWS_PER_FILE = 60_000
_TEXT_MAP = pa.map_(pa.string(), pa.string())
_STAMP = pa.timestamp("ms")


def write_months(
    root: Path, lines: Lines, months: list[int], *, timeline: Timeline, chance: Chance, run: str = "final"
) -> None:
    """Deliver these months (by number) under ``root``, as OVERWRITE_REPORT leaves them."""
    constants = _constants(lines.items)
    month_of_line = timeline.month_of_hour[lines.start]
    for month in months:
        mine = lines.take(np.flatnonzero(month_of_line == month))
        _write_month(root, mine, constants, timeline=timeline, month=month, chance=chance, run=run)


def invoice_id(month: int, timeline: Timeline, chance: Chance) -> str | None:
    """AWS numbers an invoice when the month is over; the open month has none yet."""
    return None if month == len(timeline.months) - 1 else chance.digits(10, "aws invoice", timeline.months[month])


def _write_month(
    root: Path, lines: Lines, constants: Arrow, *, timeline: Timeline, month: int, chance: Chance, run: str
) -> None:
    first = timeline.months[month]
    period = f"BILLING_PERIOD={first:%Y-%m}"
    table = _table(lines, constants, timeline, first, invoice_id(month, timeline, chance))
    data = root / EXPORT / "data" / period
    data.mkdir(parents=True, exist_ok=True)
    files = []
    for number, offset in enumerate(range(0, max(1, len(table)), ROWS_PER_FILE), start=1):
        name = f"{EXPORT}-{number:05d}.snappy.parquet"
        part = table.slice(offset, ROWS_PER_FILE)
        pa.parquet.write_table(part, data / name, compression="snappy", store_schema=False)
        files.append(f"s3://{BUCKET}/{EXPORT}/data/{period}/{name}")
    manifest = {
        "executionId": chance.uuid("aws run", month, run),
        "billingPeriod": {"start": f"{first}T00:00:00.000Z", "end": f"{next_month(first)}T00:00:00.000Z"},
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/{EXPORT}",
        "contentType": "Parquet",
        "compression": "PARQUET",
        "columns": [{"name": field.name, "type": _type_name(field.type)} for field in table.schema],
        "dataFiles": files,
    }
    folder = root / EXPORT / "metadata" / period
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{EXPORT}-Manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _type_name(kind: Arrow) -> str:
    return "string" if pa.types.is_dictionary(kind) else str(kind)


def _constants(items: list[Item]) -> Arrow:
    """The columns that depend on the item alone, one row per item."""

    def text(*values: str | None) -> Arrow:
        # Kept as codes: repeating a text hundreds of thousands of times would take most of the time.
        return pa.array(values, pa.string()).dictionary_encode()

    def unit_price(price: int | None) -> float | None:
        return None if price is None else price / UNIT

    price_id = [f"{item.sku}.JRTCKXETXF.6YS6EN2CT7" if item.list_price is not None else None for item in items]
    details = [_details(item) for item in items]
    list_prices = pa.array([unit_price(item.list_price) for item in items], pa.float64())
    contracted_prices = pa.array([unit_price(item.contracted_price) for item in items], pa.float64())
    commitment = [item.commitment for item in items]
    usage = [item.charge_category == "Usage" and item.list_price is not None for item in items]
    return pa.table(
        {
            "AvailabilityZone": text(*(item.zone for item in items)),
            "BillingCurrency": text(*("USD" for _ in items)),
            "ChargeCategory": text(*(item.charge_category for item in items)),
            "ChargeClass": text(*(item.charge_class for item in items)),
            "ChargeDescription": text(*(item.description for item in items)),
            "ChargeFrequency": text(*(item.frequency for item in items)),
            "CommitmentDiscountCategory": text(*(c.category if c else None for c in commitment)),
            "CommitmentDiscountId": text(*(c.id if c else None for c in commitment)),
            "CommitmentDiscountName": text(*(c.name if c else None for c in commitment)),
            "CommitmentDiscountType": text(*(c.type if c else None for c in commitment)),
            "CommitmentDiscountUnit": text(*(c.unit if c else None for c in commitment)),
            "CommitmentDiscountStatus": text(*(item.commitment_status for item in items)),
            "ConsumedUnit": text(*(item.unit if used else None for item, used in zip(items, usage, strict=True))),
            "ContractedUnitPrice": contracted_prices,
            "InvoiceIssuerName": text(*("Amazon Web Services, Inc." for _ in items)),
            "ListUnitPrice": list_prices,
            "PricingCategory": text(*(item.pricing_category for item in items)),
            "PricingUnit": text(*(item.unit for item in items)),
            "PublisherName": text(*(item.publisher or "Amazon Web Services, Inc." for item in items)),
            "RegionId": text(*(item.region for item in items)),
            "RegionName": text(*(REGION_NAMES[item.region] for item in items)),
            "ResourceId": text(*(item.resource_id for item in items)),
            "ResourceName": text(*(item.resource_name for item in items)),
            "ResourceType": text(*(item.resource_type for item in items)),
            "ServiceCategory": text(*(item.category for item in items)),
            "ServiceName": text(*(item.service for item in items)),
            "ServiceSubcategory": text(*(item.subcategory for item in items)),
            "SkuId": text(*(item.sku for item in items)),
            "SkuMeter": text(*(item.meter for item in items)),
            "SkuPriceId": text(*price_id),
            "SkuPriceDetails": pa.array(details, _TEXT_MAP),
            "SubAccountId": text(*(item.account for item in items)),
            "SubAccountName": text(*(AWS_ACCOUNTS.get(item.account, COMPANY) for item in items)),
            "Tags": pa.array([list(item.tags) for item in items], _TEXT_MAP),
            "x_Operation": text(*(item.operation for item in items)),
            "x_ServiceCode": text(*(item.service_code for item in items)),
            "uses": pa.array(usage),
            "measured": pa.array([item.commitment is not None for item in items]),
        }
    )


def _details(item: Item) -> list[tuple[str, str]]:
    if item.machine is None:
        return []
    spec = MACHINES[item.machine]
    details = [("CoreCount", str(spec.vcpus)), ("InstanceType", spec.name), ("MemorySize", str(spec.ram_gib))]
    details.append(("OperatingSystem", "Linux"))
    if spec.accelerators:
        details.insert(1, ("GpuCount", str(spec.accelerators)))
    return details


def _table(lines: Lines, constants: Arrow, timeline: Timeline, first: date, invoice: str | None) -> Arrow:
    count = len(lines)
    fixed = constants.take(pa.array(lines.item))

    def same(value: str | None) -> Arrow:
        codes = pa.array(np.zeros(count, dtype=np.int32), mask=np.full(count, value is None))
        return pa.DictionaryArray.from_arrays(codes, pa.array([value or ""], pa.string()))

    def stamp(day: date) -> Arrow:
        return pa.repeat(pa.scalar(np.datetime64(day.isoformat(), "ms"), _STAMP), count)

    def masked(values: np.ndarray, keep: str) -> Arrow:
        return pa.array(values, pa.float64(), mask=~fixed.column(keep).to_numpy(zero_copy_only=False))

    varying = {
        "BilledCost": pa.array(money(lines.billed)),
        "BillingAccountId": same(PAYER),
        "BillingAccountName": same(COMPANY),
        "BillingAccountType": same("Billing Account"),
        "BillingPeriodEnd": stamp(next_month(first)),
        "BillingPeriodStart": stamp(first),
        "CapacityReservationId": same(None),
        "CapacityReservationStatus": same(None),
        "ChargePeriodEnd": pa.array(timeline.stamps(lines.start + lines.span), _STAMP),
        "ChargePeriodStart": pa.array(timeline.stamps(lines.start), _STAMP),
        "CommitmentDiscountQuantity": masked(lines.quantity, "measured"),
        "ConsumedQuantity": masked(lines.quantity, "uses"),
        "ContractedCost": pa.array(money(lines.contracted)),
        "EffectiveCost": pa.array(money(lines.effective)),
        "InvoiceId": same(invoice),
        "ListCost": pa.array(money(lines.list)),
        "PricingCurrency": same("USD"),
        "PricingCurrencyContractedUnitPrice": fixed.column("ContractedUnitPrice"),
        "PricingCurrencyEffectiveCost": pa.array(money(lines.effective)),
        "PricingCurrencyListUnitPrice": fixed.column("ListUnitPrice"),
        "PricingQuantity": pa.array(lines.quantity),
        "ProviderName": same("AWS"),
        "SubAccountType": same("Account"),
        "x_Discounts": _discounts(lines),
    }
    return pa.table(
        {name: varying.get(name, fixed.column(name) if name in fixed.column_names else None) for name in AWS_12}
    )


def _discounts(lines: Lines) -> Arrow:
    """The private price shows as a discount of list against contracted."""
    amounts = money(lines.list - lines.contracted)
    has = (amounts > 0) & (lines.billed > 0)
    offsets = np.concatenate(([0], np.cumsum(has))).astype(np.int32)
    names = pa.repeat(pa.scalar("PrivateRateDiscount"), int(has.sum()))
    return pa.MapArray.from_arrays(pa.array(offsets), names, pa.array(-amounts[has]))
