"""Google's detailed usage cost export: newline-delimited JSON as BigQuery writes it, one file per invoice month."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from sample.catalogue import MACHINES, UNIT
from sample.chance import Chance
from sample.gcp_lines import PACIFIC_HOURS, invoice_month
from sample.ledger import Item, Lines, money
from sample.story import GCP_DATA, GCP_GENAI, GCP_VISION
from sample.timeline import Timeline

PROJECTS = {GCP_VISION: "Vision production", GCP_GENAI: "Generative apps", GCP_DATA: "Analytics"}
_PAIR = pa.struct([("key", pa.string()), ("value", pa.string())])


def billing_account(chance: Chance) -> str:
    """Three groups of six, as Google writes billing accounts."""
    text = chance.hex(18, "gcp billing").upper()
    return f"{text[:6]}-{text[6:12]}-{text[12:]}"


def write_months(root: Path, lines: Lines, timeline: Timeline, chance: Chance) -> None:
    """One gzipped file per invoice month."""
    account = billing_account(chance)
    folder = root / f"gcp_billing_export_resource_v1_{account.replace('-', '_')}"
    folder.mkdir(parents=True, exist_ok=True)
    constants = _constants(lines.items)
    months = invoice_month(lines, timeline)
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        for month in sorted(set(months.tolist())):
            rows = _rows(lines.take(np.flatnonzero(months == month)), constants, timeline, month, account)
            path = folder / f"{timeline.months[month]:%Y%m}-000000000000.json.gz"
            connection.register("export", rows)
            connection.execute(
                f"COPY (FROM export) TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT json, COMPRESSION gzip)"
            )
            connection.unregister("export")


def _constants(items: list[Item]) -> pa.Table:
    """The nested columns that depend on the item alone."""

    def record(value: dict[str, Any] | None) -> dict[str, Any] | None:
        return value

    projects = [
        record(
            {
                "id": item.account,
                "number": str(600_000_000_000 + 7 * len(item.account)),
                "name": PROJECTS[item.account],
                "labels": [{"key": "cost-center", "value": "retail"}],
                "ancestry_numbers": "/318800410066/",
                "ancestors": [{"resource_name": "organizations/318800410066", "display_name": "larkfield.example"}],
            }
            if item.account
            else None
        )
        for item in items
    ]
    ancestors = pa.list_(pa.struct([("resource_name", pa.string()), ("display_name", pa.string())]))
    project_type = pa.struct(
        [("id", pa.string()), ("number", pa.string()), ("name", pa.string()), ("labels", pa.list_(_PAIR)),
         ("ancestry_numbers", pa.string()), ("ancestors", ancestors)]
    )  # fmt: skip
    return pa.table(
        {
            "service": pa.array([{"id": item.service_code, "description": item.service} for item in items]),
            "sku": pa.array([{"id": item.sku, "description": item.description} for item in items]),
            "project": pa.array(projects, project_type),
            "labels": pa.array([[{"key": k, "value": v} for k, v in item.tags] for item in items], pa.list_(_PAIR)),
            "system_labels": pa.array([_system_labels(item) for item in items], pa.list_(_PAIR)),
            "location": pa.array(
                [
                    {"location": item.region, "country": "US", "region": item.region, "zone": item.zone}
                    if item.region
                    else None
                    for item in items
                ],
                pa.struct([(name, pa.string()) for name in ("location", "country", "region", "zone")]),
            ),
            "resource": pa.array(
                [{"name": item.resource_name, "global_name": item.resource_id} for item in items],
                pa.struct([("name", pa.string()), ("global_name", pa.string())]),
            ),
            "price": pa.array([_price(item) for item in items], _PRICE),
            "raw_unit": pa.array([item.more("raw_unit") for item in items], pa.string()),
            "raw_per_unit": pa.array([float(item.more("raw_per_unit")) for item in items]),
            "pricing_unit": pa.array([item.unit or None for item in items], pa.string()),
            "cost_type": pa.array([_cost_type(item) for item in items]),
            "consumption_model": pa.array([{"id": "7754-699E-0EBF", "description": "Default"} for _ in items]),
            "adjustment_info": pa.array(
                [
                    {
                        "id": "adj-" + item.sku,
                        "description": item.description,
                        "mode": "MANUAL_ADJUSTMENT",
                        "type": "GOODWILL",
                    }
                    if item.charge_class
                    else None
                    for item in items
                ],
                pa.struct([(name, pa.string()) for name in ("id", "description", "mode", "type")]),
            ),
        }
    )


_PRICE = pa.struct(
    [
        (name, pa.string())
        for name in ("effective_price", "tier_start_amount", "unit", "pricing_unit_quantity", "list_price")
    ]
)


def _price(item: Item) -> dict[str, str | None] | None:
    if item.list_price is None or item.contracted_price is None:
        return None
    return {
        "effective_price": f"{item.contracted_price / UNIT:.10f}".rstrip("0").rstrip("."),
        "tier_start_amount": "0",
        "unit": item.unit,
        "pricing_unit_quantity": "1",
        "list_price": f"{item.list_price / UNIT:.10f}".rstrip("0").rstrip("."),
    }


def _system_labels(item: Item) -> list[dict[str, str]]:
    if item.machine is None:
        return []
    spec, prefix = MACHINES[item.machine], "compute.googleapis.com/"
    values = (("machine_spec", spec.name), ("cores", str(spec.vcpus)), ("memory", str(spec.ram_gib * 1024)))
    return [{"key": prefix + key, "value": value} for key, value in values]


def _cost_type(item: Item) -> str:
    if item.charge_category == "Tax":
        return "tax"
    if item.charge_category == "Adjustment":
        return "adjustment" if item.charge_class else "rounding_error"
    return "regular"


def _rows(lines: Lines, constants: pa.Table, timeline: Timeline, month: int, account: str) -> pa.Table:
    count = len(lines)
    fixed = constants.take(pa.array(lines.item))

    def stamps(hours: np.ndarray, minutes: int = 0) -> pa.Array:  # type: ignore[type-arg]
        times = timeline.stamps(hours) + np.timedelta64(minutes, "m")
        text = np.char.replace(np.datetime_as_string(times, unit="s"), "T", " ")
        return pa.array(np.char.add(text, " UTC"))

    ends = lines.start + lines.span
    # Rows appear some hours after their usage; those of the last days of a month much later.
    month_end = timeline.month_start(min(month + 1, len(timeline.months))) + PACIFIC_HOURS
    exported = np.where((ends > month_end - 48) & (ends < timeline.hours - 120), ends + 96, ends + 5)
    raw = lines.quantity * fixed.column("raw_per_unit").to_numpy()
    quantity = pa.array(lines.quantity, mask=lines.quantity == 0)
    usage = pa.StructArray.from_arrays(
        [
            pa.array(raw, mask=lines.quantity == 0),
            fixed.column("raw_unit").combine_chunks(),
            quantity,
            fixed.column("pricing_unit").combine_chunks(),
        ],
        names=["amount", "unit", "amount_in_pricing_units", "pricing_unit"],
    )
    return pa.table(
        {
            "billing_account_id": pa.repeat(pa.scalar(account), count),
            "service": fixed.column("service"),
            "sku": fixed.column("sku"),
            "usage_start_time": stamps(lines.start),
            "usage_end_time": stamps(ends),
            "project": fixed.column("project"),
            "labels": fixed.column("labels"),
            "system_labels": fixed.column("system_labels"),
            "location": fixed.column("location"),
            "tags": pa.array([[]] * count, pa.list_(_PAIR)),
            "transaction_type": pa.repeat(pa.scalar("GOOGLE"), count),
            "seller_name": pa.repeat(pa.scalar("Google"), count),
            "export_time": stamps(exported, 37),
            "cost": pa.array(money(lines.contracted)),
            "cost_at_list": pa.array(money(lines.list)),
            "currency": pa.repeat(pa.scalar("USD"), count),
            "currency_conversion_rate": pa.repeat(pa.scalar(1.0), count),
            "usage": usage,
            "credits": _credits(lines),
            "invoice": pa.repeat(
                pa.scalar({"month": f"{timeline.months[month]:%Y%m}", "publisher_type": "GOOGLE"}), count
            ),
            "cost_type": fixed.column("cost_type"),
            "adjustment_info": fixed.column("adjustment_info"),
            "consumption_model": fixed.column("consumption_model"),
            "resource": fixed.column("resource"),
            "price": fixed.column("price"),
        }
    )


def _credits(lines: Lines) -> pa.Array:
    """A credit wherever less is billed than the row costs."""
    amounts = lines.billed - lines.contracted
    has = amounts != 0
    names = [item.commitment.name if item.commitment else "Promotion" for item in lines.items]
    types = ["COMMITTED_USAGE_DISCOUNT" if item.commitment else "PROMOTION" for item in lines.items]
    ids = [item.commitment.id if item.commitment else "promo" for item in lines.items]
    picked = pa.array(lines.item[has])
    title = pa.array(names).take(picked)
    credit = pa.StructArray.from_arrays(
        [title, pa.array(money(amounts[has])), title, pa.array(ids).take(picked), pa.array(types).take(picked)],
        names=["name", "amount", "full_name", "id", "type"],
    )
    offsets = np.concatenate(([0], np.cumsum(has))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), credit)
