"""Google's nested columns, whichever way they were exported.

The same field ``service.description`` stands in Parquet as a STRUCT, in JSON as an object, in flattened CSV as the
column ``service.description`` or ``service_description`` or as JSON text in a cell ``service``; arrays of records as
LIST of STRUCT, as BigQuery's Parquet ``list.element`` wrapper, as JSON, or as JSON text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from aispend.engine.line import identifier, literal
from collectors.files.dialects.columns import UNTYPED, Columns, instant_sql

_CATEGORIES = {
    "AI and Machine Learning": (
        "%vertex%",
        "%gemini%",
        "%dialogflow%",
        "cloud vision%",
        "%speech%",
        "%natural language%",
    ),
    "Compute": (
        "compute engine",
        "%kubernetes%",
        "cloud run%",
        "cloud functions",
        "app engine%",
        "cloud tpu%",
        "batch",
    ),
    "Storage": ("cloud storage%", "%filestore%", "artifact registry", "%backup%"),
    "Analytics": ("bigquery%", "%dataflow%", "%dataproc%", "%looker%", "%composer%"),
    "Databases": ("cloud sql", "%spanner%", "%bigtable%", "%firestore%", "%alloydb%", "%memorystore%"),
    "Networking": ("networking", "cloud dns", "%load balanc%", "%interconnect%", "cloud nat", "%vpn%", "%armor%"),
    "Management and Governance": ("%logging%", "%monitoring%", "%operations%", "support"),
    "Integration": ("%pub/sub%", "%workflows%", "%eventarc%", "cloud tasks", "%scheduler%"),
    "Security": ("%kms%", "%key management%", "%secret manager%", "%security command%"),
}


def service_category(service: str) -> str:
    """FOCUS ServiceCategory from a Google service name; NULL where the list does not know it."""
    whens = " ".join(
        "WHEN " + " OR ".join(f"lower({service}) LIKE {literal(name)}" for name in names) + f" THEN {literal(category)}"
        for category, names in _CATEGORIES.items()
    )
    return f"CASE {whens} END"


def struct_fields(declared: str) -> dict[str, str]:
    """Field name → type of a DuckDB ``STRUCT(a VARCHAR, "b" STRUCT(…)[])`` type text; empty for anything else.

    Fields that are empty in every line have no type: such a field is left out, nothing can be read from it.
    """
    opened = re.match(r"\s*STRUCT\s*\(", declared, re.IGNORECASE)
    if not opened:
        return {}
    fields: dict[str, str] = {}
    depth, quoted, start = 0, False, opened.end()
    for place in range(opened.end(), len(declared)):
        character = declared[place]
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif (character == "," and depth == 0) or (character == ")" and depth == 0):
            field = re.match(r'\s*(?:"((?:[^"]|"")+)"|(\S+))\s+(.+)', declared[start:place], re.DOTALL)
            if field and not field[3].strip().startswith(UNTYPED):
                fields[field[1] or field[2]] = field[3].strip()
            start = place + 1
            if character == ")":
                break
        elif character == ")":
            depth -= 1
    return fields


def scalar(columns: Columns, *path: str) -> str | None:
    """Text of a nested field, from whichever shape the file has; flattened columns are preferred."""
    if len(path) == 1 or columns.has("_".join(path)):
        return columns.text("_".join(path))
    reached = _reach(columns, path)
    if reached is None:
        return None
    expression, _ = reached
    return f"nullif({expression}, '')"


def number_text(columns: Columns, *path: str) -> tuple[str, str] | None:
    """Expression and DuckDB type of a nested number, for the exact functions."""
    flattened = columns.find("_".join(path))
    if flattened is not None:
        return identifier(flattened), columns.header.types[flattened]
    reached = _reach(columns, path)
    return (reached[0], "VARCHAR") if reached else None


def instant(columns: Columns, *path: str) -> str | None:
    """TIMESTAMP of a nested time."""
    if len(path) == 1 or columns.has("_".join(path)):
        return columns.instant("_".join(path))
    reached = _reach(columns, path)
    return instant_sql(reached[0], columns.dates) if reached else None


def _reach(columns: Columns, path: Sequence[str]) -> tuple[str, str] | None:
    """VARCHAR expression of a field below a nested column, and that column's kind."""
    top = columns.find(path[0])
    if top is None:
        return None
    quoted, kind, declared = identifier(top), columns.kind(top), columns.header.types[top]
    if kind == "STRUCT":
        for name in path[1:]:
            field = next((field for field in struct_fields(declared) if field.lower() == name.lower()), None)
            if field is None:
                return None
            declared = struct_fields(declared)[field]
            quoted = f"{quoted}.{identifier(field)}"
        return f"CAST({quoted} AS VARCHAR)", kind
    below = "$" + "".join(f'."{name}"' for name in path[1:])
    if kind == "JSON":
        return f"json_extract_string({quoted}, {literal(below)})", kind
    if kind == "VARCHAR":
        return f"CASE WHEN json_valid({quoted}) THEN json_extract_string({quoted}, {literal(below)}) END", kind
    return None


def records(columns: Columns, path: Sequence[str], fields: Sequence[str]) -> str | None:
    """SQL: LIST of STRUCT with the given fields as text, of an array of records; NULL where there is none."""
    top = columns.find("_".join(path)) or columns.find(path[0])
    if top is None or (len(path) > 1 and not columns.has("_".join(path)) and columns.kind(top) == "LIST"):
        return None
    quoted, kind, declared = identifier(top), columns.kind(top), columns.header.types[top]
    rest = () if columns.has("_".join(path)) else tuple(path[1:])
    if kind in ("STRUCT", "LIST"):
        for name in rest:
            known = {field.lower(): field for field in struct_fields(declared)}
            if name.lower() not in known:
                return None
            field = known[name.lower()]
            quoted, declared = f"{quoted}.{identifier(field)}", struct_fields(declared)[field]
        return _from_list(quoted, declared, fields)
    below = "$" + "".join(f'."{name}"' for name in rest)
    shape = literal(json.dumps([dict.fromkeys(fields, "VARCHAR")]))
    if kind == "JSON":
        is_array = f"json_type({quoted}, {literal(below)}) = 'ARRAY'"
        return f"CASE WHEN {is_array} THEN from_json(json_extract({quoted}, {literal(below)}), {shape}) END"
    if kind == "VARCHAR":
        is_array = f"CASE WHEN json_valid({quoted}) THEN json_type({quoted}, {literal(below)}) = 'ARRAY' END"
        return f"CASE WHEN {is_array} THEN from_json(json_extract({quoted}, {literal(below)}), {shape}) END"
    return None


def credit_records(columns: Columns, fields: Sequence[str]) -> str | None:
    """SQL: LIST of STRUCT of a line's credits, fields among name, amount and type, as text.

    Where a line lists none, what a table without arrays says in ``credits_amount`` (``credits_name``, ``credits_type``)
    is its one credit: files and lines of both styles may meet in one month.
    """
    nested, amount = records(columns, ("credits",), fields), columns.number("credits_amount")
    if amount is None:
        return nested
    said = {"amount": f"CAST({amount} AS VARCHAR)"} | {
        name: columns.text(f"credits_{name}") or "CAST(NULL AS VARCHAR)" for name in ("name", "type")
    }
    record = ", ".join(f"{literal(name)}: {said[name]}" for name in fields)
    own = f"CASE WHEN ({amount}) IS NOT NULL THEN [{{{record}}}] END"
    return f"CASE WHEN len({nested}) > 0 THEN {nested} ELSE {own} END" if nested else own


def _from_list(quoted: str, declared: str, fields: Sequence[str]) -> str | None:
    wrapper = struct_fields(declared)
    if len(wrapper) == 1 and next(iter(wrapper)).lower() == "list":  # BigQuery: list.element
        name, declared = next(iter(wrapper.items()))
        inner = struct_fields(declared.removesuffix("[]"))
        element = next(iter(inner), None)
        if element is None:
            return None
        item, declared = f"item.{identifier(element)}", inner[element]
        quoted = f"{quoted}.{identifier(name)}"
    else:
        item, declared = "item", declared.removesuffix("[]")
    known = {field.lower(): field for field in struct_fields(declared)}
    taken = ", ".join(
        f"{literal(name)}: CAST({item}.{identifier(known[name.lower()])} AS VARCHAR)"
        if name.lower() in known
        else f"{literal(name)}: CAST(NULL AS VARCHAR)"
        for name in fields
    )
    return f"list_transform({quoted}, lambda item: {{{taken}}})" if known else None


def labels_entries(columns: Columns) -> str | None:
    """LIST of {key, value}: labels, then resource-manager tags, then the project's labels (all of them inherit)."""
    focus = columns.has("x_Labels", "x_Tags", "x_ProjectLabels")
    sources: tuple[tuple[str, ...], ...] = (("labels",), ("labels_1",), ("tags",), ("project", "labels"))
    fields = ("key", "value")
    if focus:
        sources, fields = (("x_Labels",), ("x_Tags",), ("x_ProjectLabels",)), ("Key", "Value")
    listed = [found for path in sources if (found := records(columns, path, fields))]
    if not listed:
        return None
    pair = f"{{'key': label.{identifier(fields[0])}, 'value': label.{identifier(fields[1])}}}"
    same = [f"coalesce(list_transform({found}, lambda label: {pair}), [])" for found in listed]
    return f"list_concat({', '.join(same)})" if len(same) > 1 else same[0]
