"""BigQuery's SQL, values and schemas as DuckDB's, and back: what :mod:`sample.bigquery` is served with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlglot import exp

PARTITION = "_PARTITIONTIME"
Schema = Sequence[Mapping[str, Any]]
_TYPES = {
    "STRING": "VARCHAR",
    "FLOAT": "DOUBLE",
    "FLOAT64": "DOUBLE",
    "INTEGER": "BIGINT",
    "BOOLEAN": "BOOLEAN",
    "NUMERIC": "DECIMAL(38,9)",
    "BIGNUMERIC": "DECIMAL(38,24)",
    "TIMESTAMP": "TIMESTAMP",
    "DATE": "DATE",
}
_BACK = {"VARCHAR": "STRING", "DOUBLE": "FLOAT", "BOOLEAN": "BOOLEAN", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE"}


def as_duckdb(node: exp.Expression) -> exp.Expression:
    """What sqlglot leaves different: decimal types, rounding, and texts of numbers."""
    if isinstance(node, exp.DataType) and not node.expressions:
        exact = {exp.DataType.Type.DECIMAL: "DECIMAL(38,9)", exp.DataType.Type.BIGDECIMAL: "DECIMAL(38,24)"}
        return exp.DataType.build(exact[node.this], dialect="duckdb") if node.this in exact else node
    if isinstance(node, exp.Round) and node.args.get("truncate"):
        return exp.Anonymous(this="round_even", expressions=[node.this, node.args["decimals"]])
    if isinstance(node, exp.Format):
        return exp.Anonymous(this="printf", expressions=[node.this, *node.expressions])
    return node


def partition_conditions(tree: Any) -> list[str]:
    """Conditions on partitions alone: those that spare BigQuery the reading."""
    found = []
    for where in tree.find_all(exp.Where):
        parts = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
        for part in parts:
            columns = list(part.find_all(exp.Column))
            if columns and all(one.name == PARTITION for one in columns):
                bare = part.copy().transform(lambda one: exp.column(PARTITION) if isinstance(one, exp.Column) else one)
                found.append(bare.sql(dialect="duckdb"))
    return found


def is_read(name: str, leaf: str) -> bool:
    """Whether a query that names ``name`` reads the column ``leaf``."""
    return leaf == name or leaf.startswith(f"{name}.") or name.startswith(f"{leaf}.")


def leaf_paths(fields: Schema, above: str) -> Iterator[str]:
    for one in fields:
        if one.get("fields"):
            yield from leaf_paths(one["fields"], f"{above}{one['name']}.")
        else:
            yield f"{above}{one['name']}"


def duck_type(one: Mapping[str, Any]) -> str:
    if one["type"] in ("RECORD", "STRUCT"):
        inner = ", ".join(f"{quoted(field['name'])} {duck_type(field)}" for field in one["fields"])
        kind = f"STRUCT({inner})"
    else:
        kind = _TYPES[one["type"]]
    return f"{kind}[]" if one.get("mode") == "REPEATED" else kind


def rest_type(declared: str) -> str:
    if declared.startswith("DECIMAL"):
        scale = int(re.findall(r"\d+", declared)[1])
        return "NUMERIC" if scale <= 9 else "BIGNUMERIC"
    return _BACK.get(declared.split("(", maxsplit=1)[0], "INTEGER")


def cell(value: Any) -> str | None:
    """A value as REST writes it: text, times as microseconds."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return str(round(value.replace(tzinfo=UTC).timestamp() * 1_000_000))
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def parameter_values(query: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in query.get("queryParameters", ()):
        text, kind = one["parameterValue"]["value"], one["parameterType"]["type"]
        value: Any = text
        if kind == "TIMESTAMP":
            value = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
        elif kind == "DATE":
            value = date.fromisoformat(text)
        found[one["name"]] = value
    return found


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def sql_text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
