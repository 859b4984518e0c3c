"""A bill format small enough to check by hand, for tests of the engine alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aispend.engine.exact import remainder_sql, units_sql, unreadable_sql
from aispend.engine.line import COST_COLUMNS, Check, Header, LineSql
from aispend.engine.scan import BillFile, Delivery

TEXTS = (
    "provider",
    "account",
    "currency",
    "category",
    "service",
    "description",
    "resource",
    "region",
    "tags",
    "invoice",
)
COSTS = {"billed": "billed_cost", "effective": "effective_cost", "list": "list_cost", "contracted": "contracted_cost"}
COLUMNS = (*TEXTS, "month", "start", "end", *COSTS)
DEFAULTS: Mapping[str, Any] = {
    "provider": "aws",
    "account": "111",
    "currency": "USD",
    "category": "Usage",
    "service": "Compute",
    "description": "small machine",
    "month": "2026-09-01",
    "start": "2026-09-03 05:00:00",
    "end": "2026-09-03 06:00:00",
    "billed": "1",
    "effective": "1",
    "list": "1",
    "contracted": "1",
}


def bill_line(**values: Any) -> dict[str, Any]:
    """One line with every column."""
    return dict.fromkeys(COLUMNS) | dict(DEFAULTS) | values


def mapping(cost_type: str = "VARCHAR", *, dataset: str = "mini", half: int = 0, **changes: Any) -> LineSql:
    """The mapping of the format, whose costs are of ``cost_type``."""
    select = {
        "x_provider": '"provider"',
        "x_scope": '"account"',
        "x_billing_month": 'TRY_CAST("month" AS DATE)',
        "billing_account_id": '"account"',
        "billing_currency": '"currency"',
        "charge_category": '"category"',
        "service_name": '"service"',
        "charge_description": '"description"',
        "resource_id": '"resource"',
        "region_id": '"region"',
        "invoice_id": '"invoice"',
        "tags": '"tags"',
        "charge_period_start": 'TRY_CAST("start" AS TIMESTAMP)',
        "charge_period_end": 'TRY_CAST("end" AS TIMESTAMP)',
    } | {name: units_sql(f'"{raw}"', cost_type) for raw, name in COSTS.items()}
    values: dict[str, Any] = {
        "dataset": dataset,
        "select": select,
        "columns_known": COST_COLUMNS,
        "half": half,
        "checks": tuple(Check(raw, unreadable_sql(f'"{raw}"', cost_type), "not a number") for raw in COSTS),
        "remainders": {name: remainder_sql(f'"{raw}"', cost_type) for raw, name in COSTS.items()},
    }
    return LineSql(**(values | changes))


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """The lines as CSV, every cell quoted that needs it."""

    def cell(value: Any) -> str:
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text

    rows = [",".join(COLUMNS), *(",".join(cell(line[name]) for name in COLUMNS) for line in lines)]
    return "\n".join(rows) + "\n"


def csv_delivery(
    path: Path, text: str | bytes, token: str = "t", line: LineSql | None = None, **changes: Any
) -> Delivery:
    """A delivery of one CSV file."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    header = Header(dict.fromkeys(COLUMNS, "VARCHAR"))
    file = BillFile(path, path.name, "csv", header)
    return Delivery(
        **({"dialect": "mini", "files": (file,), "line": line or mapping(), "change_token": token} | changes)
    )


def parquet_delivery(path: Path, lines: Sequence[Mapping[str, Any]], token: str = "t", **changes: Any) -> Delivery:
    """A delivery of one Parquet file whose costs are doubles."""
    columns = {
        name: pa.array([line[name] for line in lines], pa.float64() if name in COSTS else pa.string())
        for name in COLUMNS
    }
    pq.write_table(pa.table(columns), path)
    header = Header({name: "DOUBLE" if name in COSTS else "VARCHAR" for name in COLUMNS})
    file = BillFile(path, path.name, "parquet", header)
    values = {"dialect": "mini", "files": (file,), "line": mapping("DOUBLE"), "change_token": token}
    return Delivery(**(values | changes))


@dataclass(frozen=True)
class Class:
    """What the tests' classifier says: whatever has ``gpu`` in its description is AI spend."""

    is_ai: bool
    ai_rule: str | None = None
    platform: str | None = None
    accelerator_type: str | None = None
    accelerators: Decimal | None = None
    model: str | None = None
    unit_class: str | None = None
    units_per_pricing_unit: Decimal | None = None
    stage: str | None = None


def classify(sku: Mapping[str, str | None]) -> Class:
    """AI spend by description."""
    if "gpu" in (sku["charge_description"] or ""):
        return Class(True, "test", "gpu_vm", "nvidia-h100-80gb", Decimal(8))
    return Class(False)
