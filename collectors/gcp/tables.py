"""What a billing export's table is: its kind, the columns it has, how it is partitioned, and SQL over single columns.

Columns are added to the export over the years, and a copy or view may lack some: a query names only those the table's
own schema has.

*Exact numbers.* A cost is what its text says: a FLOAT64 is read through its shortest decimal text, as the import of a
file reads it. BigQuery's own cast to text gives fifteen digits or seventeen, so sixteen are tried between them.
Rounding is half-even to twelve decimals, once per line of the bill; BigQuery rounds half away from zero unless told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from aispend.errors import InputError

Kind = Literal["standard", "detailed", "focus"]
LINE = "bill"
"""What a line of the table is called in queries."""

_FLOATS = {"FLOAT", "FLOAT64"}


@dataclass(frozen=True)
class ExportTable:
    """A table of the billing export. ``columns`` are its leaves by dotted path with their types; arrays end in ``[]``.

    ``partition`` is SQL for the day a line was appended, where the table is partitioned by it.
    """

    name: str
    kind: Kind
    columns: Mapping[str, str]
    partition: str | None
    location: str | None
    modified: datetime | None

    def has(self, path: str) -> bool:
        """Whether the table has a column."""
        return path in self.columns

    def text(self, path: str) -> str:
        """SQL of a text; NULL where the table lacks it."""
        return f"{LINE}.{path}" if self.has(path) else "CAST(NULL AS STRING)"

    def json(self, path: str) -> str:
        """SQL: an array of records as JSON text, in which form lines can be grouped by it."""
        return f"TO_JSON_STRING({LINE}.{path})" if self.has(f"{path}[]") else "CAST(NULL AS STRING)"

    def number(self, path: str) -> str:
        """SQL of an exact number; NULL where the table lacks it, or where it is none."""
        if not self.has(path):
            return "CAST(NULL AS BIGNUMERIC)"
        return exact(f"{LINE}.{path}", self.columns[path])


def exact(value: str, kind: str) -> str:
    """SQL: a value of BigQuery's type ``kind`` as BIGNUMERIC."""
    if kind not in _FLOATS:
        return f"SAFE_CAST({value} AS BIGNUMERIC)"
    short, longer = (f"FORMAT('%.{digits}g', {value})" for digits in (15, 16))
    return (
        f"SAFE_CAST(CASE WHEN SAFE_CAST({short} AS FLOAT64) = {value} THEN {short} "
        f"WHEN SAFE_CAST({longer} AS FLOAT64) = {value} THEN {longer} "
        f"ELSE FORMAT('%.17g', {value}) END AS BIGNUMERIC)"
    )


def plain(table: ExportTable, path: str) -> str:
    """A column as an exact number by BigQuery's own text of it."""
    number = f"{LINE}.{path}"
    if table.columns[path] in ("FLOAT", "FLOAT64"):
        number = f"CAST({number} AS STRING)"
    return f"SAFE_CAST({number} AS BIGNUMERIC)"


def rounded(number: str, decimals: int = 12) -> str:
    """SQL: half-even, as everywhere in aispend."""
    return f"ROUND({number}, {decimals}, 'ROUND_HALF_EVEN')"


def of_resource(name: str, resource: Mapping[str, Any]) -> ExportTable:
    """The table as BigQuery's REST describes it. Raises ``InputError`` where it is no billing export."""
    columns = dict(_leaves(resource.get("schema", {}).get("fields", ()), ""))
    partitioning = resource.get("timePartitioning")
    partition = None
    if partitioning is not None:
        field = partitioning.get("field")
        partition = f"{LINE}.{field}" if field else f"{LINE}._PARTITIONTIME"
    modified = resource.get("lastModifiedTime")
    return ExportTable(
        name=name,
        kind=_kind(name, columns),
        columns=columns,
        partition=partition,
        location=resource.get("location"),
        modified=datetime.fromtimestamp(int(modified) / 1000).astimezone() if modified else None,
    )


def _kind(name: str, columns: Mapping[str, str]) -> Kind:
    if "BilledCost" in columns:
        return "focus"
    if {"cost", "usage_start_time", "billing_account_id", "currency", "export_time"} <= set(columns):
        return "detailed" if any(path.startswith("resource.") for path in columns) else "standard"
    raise InputError(
        "The table is no billing export of Google Cloud.",
        where=name,
        next_step="Name gcp_billing_export_v1_…, gcp_billing_export_resource_v1_… or gcp_billing_export_focus_….",
    )


def _leaves(fields: Sequence[Mapping[str, Any]], above: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for field in fields:
        path, kind = f"{above}{field['name']}", str(field["type"]).upper()
        if field.get("mode") == "REPEATED":
            found.append((f"{path}[]", kind))
            found += _leaves(field.get("fields", ()), f"{path}[].")
        elif kind in ("RECORD", "STRUCT"):
            found += _leaves(field.get("fields", ()), f"{path}.")
        else:
            found.append((path, kind))
    return found
