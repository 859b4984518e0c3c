"""Google's detailed usage cost export: newline-delimited JSON as BigQuery writes it, one file per invoice month.

What depends on the item alone is rendered once; a row is three such fragments with its times and amounts between them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sample.catalogue import MACHINES, UNIT
from sample.chance import Chance
from sample.gcp_lines import PACIFIC_HOURS, invoice_month
from sample.google_projects import NUMBERS, PROJECTS
from sample.ledger import Item, Lines
from sample.timeline import Timeline

CREDIT_TYPE = "COMMITTED_USAGE_DISCOUNT"


def billing_account(chance: Chance) -> str:
    """Three groups of six, as Google writes billing accounts."""
    text = chance.hex(18, "gcp billing").upper()
    return f"{text[:6]}-{text[6:12]}-{text[12:]}"


def write_months(root: Path, lines: Lines, timeline: Timeline, chance: Chance) -> None:
    """One gzipped file per invoice month."""
    account = billing_account(chance)
    folder = root / f"gcp_billing_export_resource_v1_{account.replace('-', '_')}"
    folder.mkdir(parents=True, exist_ok=True)
    fragments = [_fragments(item, account) for item in lines.items]
    months = invoice_month(lines, timeline)
    for month in sorted(set(months.tolist())):
        mine = lines.take(np.flatnonzero(months == month))
        text = "".join(_rows(mine, fragments, timeline, month)).encode()
        path = folder / f"{timeline.months[month]:%Y%m}-000000000000.json.gz"
        path.write_bytes(gzip.compress(text, 3, mtime=0))


def _fragments(item: Item, account: str) -> tuple[str, str, str, str, str]:
    """JSON before the usage times, before the export time, the usage's unit and its price's, and at the row's end."""
    head = {
        "billing_account_id": account,
        "service": {"id": item.service_code, "description": item.service},
        "sku": {"id": item.sku, "description": item.description},
    }
    middle = {
        "project": _project(item),
        "labels": [{"key": key, "value": value} for key, value in item.tags],
        "system_labels": _system_labels(item),
        "location": {"location": item.region, "country": "US", "region": item.region, "zone": item.zone}
        if item.region
        else None,
        "tags": [],
        "transaction_type": "GOOGLE",
        "seller_name": "Google",
    }
    adjustment = {
        "id": f"adj-{item.sku}",
        "description": item.description,
        "mode": "MANUAL_ADJUSTMENT",
        "type": "GOODWILL",
    }
    tail = {
        "cost_type": _cost_type(item),
        "adjustment_info": adjustment if item.charge_class else None,
        "consumption_model": {"id": "7754-699E-0EBF", "description": "Default"},
        "resource": {"name": item.resource_name, "global_name": item.resource_id} if item.resource_id else None,
        "price": _price(item),
    }
    return (
        _inside(head),
        _inside(middle),
        json.dumps(item.more("raw_unit")),
        json.dumps(item.unit or None),
        _inside(tail),
    )


def _inside(record: dict[str, Any]) -> str:
    """A record's JSON without its braces."""
    return json.dumps(record, separators=(",", ":"))[1:-1]


def _project(item: Item) -> dict[str, Any] | None:
    if not item.account:
        return None
    return {
        "id": item.account,
        "number": NUMBERS[item.account],
        "name": PROJECTS[item.account],
        "labels": [{"key": "cost-center", "value": "retail"}],
        "ancestry_numbers": "/318800410066/",
        "ancestors": [{"resource_name": "organizations/318800410066", "display_name": "larkfield.example"}],
    }


def _price(item: Item) -> dict[str, str | None] | None:
    """Prices are NUMERIC, which BigQuery writes as text."""
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


def _rows(
    lines: Lines, fragments: list[tuple[str, str, str, str, str]], timeline: Timeline, month: int
) -> Iterator[str]:
    ends = lines.start + lines.span
    # Rows appear some hours after their usage; those of the last days of a month much later.
    month_end = timeline.month_start(min(month + 1, len(timeline.months))) + PACIFIC_HOURS
    exported = np.where((ends > month_end - 48) & (ends < timeline.hours - 120), ends + 96, ends + 5)
    clock = _Clock(timeline)
    per_unit = [float(item.more("raw_per_unit")) for item in lines.items]
    invoice = f'"invoice":{{"month":"{timeline.months[month]:%Y%m}","publisher_type":"GOOGLE"}}'
    columns = (lines.item, lines.start, ends, exported, lines.quantity, lines.billed, lines.contracted, lines.list)
    for item, start, end, seen, quantity, billed, cost, at_list in zip(*(c.tolist() for c in columns), strict=True):
        head, middle, raw_unit, unit, tail = fragments[item]
        amount, raw = (repr(quantity), repr(quantity * per_unit[item])) if quantity else ("null", "null")
        used = f'"amount":{raw},"unit":{raw_unit},"amount_in_pricing_units":{amount},"pricing_unit":{unit}'
        yield (
            f'{{{head},"usage_start_time":"{clock[start]}:00:00 UTC","usage_end_time":"{clock[end]}:00:00 UTC",'
            f'{middle},"export_time":"{clock[seen]}:37:12 UTC",'
            f'"cost":{cost / UNIT!r},"cost_at_list":{at_list / UNIT!r},'
            f'"currency":"USD","currency_conversion_rate":1.0,"usage":{{{used}}},'
            f'"credits":{_credits(lines.items[item], billed - cost)},{invoice},{tail}}}\n'
        )


class _Clock(dict[int, str]):
    """Hour number → ``2026-11-01 08``, each rendered once."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def __missing__(self, hour: int) -> str:
        self[hour] = f"{self._timeline.at(hour):%Y-%m-%d %H}"
        return self[hour]


def _credits(item: Item, amount: int) -> str:
    """A credit wherever less is billed than the row costs."""
    if not amount or item.commitment is None:
        return "[]"
    name, identity = item.commitment.name, item.commitment.id
    number = repr(amount / UNIT)
    return f'[{{"name":"{name}","amount":{number},"full_name":"{name}","id":"{identity}","type":"{CREDIT_TYPE}"}}]'
