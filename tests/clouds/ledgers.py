"""A ledger for one test, and what it holds in a form that two ledgers can be held against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Table, select

from aispend.schema import metadata
from aispend.settings import Settings
from aispend.store import Store
from collectors.base import CloudCollector
from collectors.runner import SourceReport
from tests.clouds.running import collecting

REPLACED = (
    "accelerator_hour",
    "charge",
    "inference_hour",
    "provider_advice",
    "provider_anomaly",
    "provider_forecast",
    "provider_total",
    "workload_hour",
)
"""Tables in which a slice takes the place of what it was."""

KEPT = (
    "commitment_term",
    "invoice",
    "price",
    "quota",
    "resource_history",
    "resource_life",
    "spot_price",
    "spot_risk",
    "type_offering",
)
"""Tables in which what was known stays known."""

_OF_A_READING = {"as_of", "entered_at", "ordinal", "seen_at", "slice_id"}
"""Columns that tell when and how a row came, not what it says; so do all keys."""

Content = Mapping[str, Counter[tuple[str, ...]]]


@dataclass(frozen=True)
class Ledger:
    """A database and its settings."""

    store: Store
    settings: Settings

    def collect(self, collector: CloudCollector, now: datetime, first: date, end: date) -> SourceReport:
        """Collect these days at an instant."""
        return collecting(self.store, self.settings, lambda: now)(collector, first=first, end=end)

    def content(self, names: Iterable[str] = (*REPLACED, *KEPT)) -> Content:
        """What rows say, and how often, by table."""
        with self.store.engine.connect() as connection:
            return {
                name: Counter(
                    tuple(str(value) for column, value in row.items() if _says(name, column))
                    for row in connection.execute(select(metadata.tables[name])).mappings()
                )
                for name in names
            }

    def by_slice(self) -> dict[tuple[str, str], Counter[tuple[str, ...]]]:
        """Rows of the tables in which slices are replaced, by table and what slices are told apart by there."""
        found: dict[tuple[str, str], Counter[tuple[str, ...]]] = {}
        with self.store.engine.connect() as connection:
            for name in REPLACED:
                for row in connection.execute(select(metadata.tables[name])).mappings():
                    told = tuple(str(value) for column, value in row.items() if _says(name, column))
                    found.setdefault((name, _slice(metadata.tables[name], row)), Counter())[told] += 1
        return found


NewLedger = Callable[[], Ledger]


def _says(table: str, column: str) -> bool:
    if column in _OF_A_READING or column.endswith("_key"):
        return False
    # a price that a list corrects holds from when that was seen, as what a listing shows does
    return not (table in ("price", "resource_history") and column in ("valid_from", "valid_to"))


def _slice(table: Table, row: Mapping[str, Any]) -> str:
    """A bill's month, the day of an hour, or the slice itself."""
    if "hour" in table.c:
        return f"{row['hour'].astimezone(UTC).date()}"
    return str(row["billing_month"] if table.name == "charge" else row["slice"])
