"""Lines of usage files as tests write them, and what the store keeps of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from aispend.schema import inference_hour
from aispend.store import Store

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HEADER = "timestamp,request_id,model,uncached_input_tokens,output_tokens"


def write(path: Path, lines: Iterable[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def at(minutes: float) -> str:
    return (NINE + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def facts(store: Store) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(inference_hour).order_by("hour", "model", "team", "unit_class")))


def quantities(store: Store) -> dict[tuple[int, str], int]:
    found: Counter[tuple[int, str]] = Counter()
    for row in facts(store):
        found[row.hour.hour, row.unit_class] += row.quantity
    return dict(found)
