"""Dimension rows by content key: staged, checked, merged.

Keys are computed from what a row says, so a row that is there already is the same row. That is checked, not assumed:
if two different rows ever shared a key, the load is refused and nothing is changed.
Attributes that may change while the thing stays the same (a resource's name, what the catalogue says of a SKU) are
updated; a resource's come from whichever bill saw it last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aispend import schema
from aispend.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa
    from adbc_driver_manager.dbapi import Cursor

TABLES = ("account", "sku", "location", "resource", "tag_set", "commitment", "charge_kind")
"""The dimension tables of a bill, in the order they are written by everybody: no two loads can block each other."""

_MUTABLE: Mapping[str, tuple[str, ...]] = {
    "sku": (
        "is_ai",
        "ai_rule",
        "platform",
        "accelerator_type",
        "accelerators",
        "model",
        "unit_class",
        "units_per_pricing_unit",
        "stage",
    ),
    "resource": (
        "resource_name",
        "resource_type",
        "account",
        "region",
        "fleet",
        "instance_type",
        "accelerator_type",
        "accelerators",
        "first_seen",
        "last_seen",
    ),
    "commitment": (
        "commitment_discount_name",
        "commitment_discount_type",
        "commitment_discount_category",
        "commitment_discount_unit",
    ),
}
_SEEN = {"first_seen": "least(old.first_seen, new.first_seen)", "last_seen": "greatest(old.last_seen, new.last_seen)"}
_NEWER = "(old.last_seen IS NULL OR new.last_seen >= old.last_seen)"


def merge_dimension(cursor: Cursor, table: str, rows: pa.RecordBatchReader) -> None:
    """Insert the rows of ``table`` that are new, update what changed. Raises ``StoreError`` for two rows of one key."""
    stage = f"new_{table}"
    cursor.execute(f"CREATE TEMPORARY TABLE {stage} (LIKE {table}) ON COMMIT DROP")
    if table == "tag_set":
        cursor.execute(f"ALTER TABLE {stage} ALTER COLUMN tags TYPE text")
    cursor.adbc_ingest(stage, rows, mode="append", temporary=True)
    key = next(iter(schema.metadata.tables[table].primary_key)).name
    names = [column.name for column in schema.metadata.tables[table].columns]
    mutable = _MUTABLE.get(table, ())
    natural = [name for name in names if name not in mutable and name != key]
    new = [f"new.{name}::jsonb" if name == "tags" else f"new.{name}" for name in natural]
    cursor.execute(
        f"SELECT (SELECT count(*) - count(DISTINCT {key}) FROM {stage}) + (SELECT count(*) FROM {stage} AS new "
        f"JOIN {table} AS old USING ({key}) WHERE ({', '.join(new)}) IS DISTINCT FROM "
        f"({', '.join(f'old.{name}' for name in natural)}))"
    )
    clashes = cursor.fetchone()
    if clashes and clashes[0]:
        raise StoreError(
            f"Two different rows of table {table} have the same key; nothing was loaded.",
            where=f"{clashes[0]} rows",
            next_step="Check the database with 'aispend reconcile'; rows may have been edited by hand.",
        )
    if mutable:
        cursor.execute(_update_sql(table, stage, key, mutable))
    values = ", ".join("tags::jsonb" if name == "tags" else name for name in names)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {stage} ORDER BY {key} ON CONFLICT DO NOTHING"
    )


def _update_sql(table: str, stage: str, key: str, mutable: tuple[str, ...]) -> str:
    if table == "resource":
        kept = {
            name: f"CASE WHEN {_NEWER} THEN coalesce(new.{name}, old.{name}) ELSE coalesce(old.{name}, new.{name}) END"
            for name in mutable
        } | _SEEN
    elif table == "commitment":
        kept = {name: f"coalesce(new.{name}, old.{name})" for name in mutable}
    else:
        kept = {name: f"new.{name}" for name in mutable}
    return (
        f"UPDATE {table} AS changed SET {', '.join(f'{name} = merged.{name}' for name in mutable)} FROM "
        f"(SELECT {key}, {', '.join(f'{value} AS {name}' for name, value in kept.items())} "
        f"FROM {stage} AS new JOIN {table} AS old USING ({key}) ORDER BY {key}) AS merged "
        f"WHERE changed.{key} = merged.{key} AND ({', '.join(f'changed.{name}' for name in mutable)}) IS DISTINCT FROM "
        f"({', '.join(f'merged.{name}' for name in mutable)})"
    )
