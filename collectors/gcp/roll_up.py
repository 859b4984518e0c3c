"""The roll-up that BigQuery does: from the lines of a month's bill to one row per charge day and everything else.

*Method.* The lines of one invoice month are grouped by the day their usage began and by every dimension the import
reads; arrays of records (labels, tags) are grouped by as JSON text and never joined, which would multiply costs. Costs
are summed as exact decimals, each line rounded once. Lines are added up only where their amounts have the same signs
and the same amounts are missing, so that whatever the import asks of an amount (is it nothing? was it paid? is it
unknown?) has the answer of each of its lines. Credits are summed by type; ``credit_types`` says which a line has, even
where they are nothing.

*What a day would lose* goes with it: how many lines there were (``x_lines``), of which hours (``x_hours``), how much of
their quantity commitments covered (which is no function of sums), and what rounding left over.

The rows are a bill in the form of ``collectors.files.dialects.gcp`` or ``.focus``: the import gives them the same
charges as it gives the lines themselves. Fees of commitments are spread there, over the whole month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aispend.money import exactly
from collectors.gcp.tables import LINE, ExportTable, exact, plain, rounded

CREDITS = ("COMMITTED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", "FEE_UTILIZATION_OFFSET", "OTHER")
"""Types of credits that are kept apart: what the import pairs with fees; the last is all that only lowers a cost."""

_DAY, _HOUR = 86_400_000_000, 3_600_000_000
_TEXTS = {
    "billing_account_id": "billing_account_id",
    "service_description": "service.description",
    "sku_id": "sku.id",
    "sku_description": "sku.description",
    "project_id": "project.id",
    "project_name": "project.name",
    "location_location": "location.location",
    "location_region": "location.region",
    "location_zone": "location.zone",
    "seller_name": "seller_name",
    "currency": "currency",
    "usage_unit": "usage.unit",
    "usage_pricing_unit": "usage.pricing_unit",
    "cost_type": "cost_type",
    "adjustment_info_mode": "adjustment_info.mode",
    "adjustment_info_type": "adjustment_info.type",
    "consumption_model_description": "consumption_model.description",
    "resource_name": "resource.name",
    "resource_global_name": "resource.global_name",
}
_NUMBERS = {
    "cost": "cost",
    "list": "cost_at_list",
    "default": "cost_at_effective_price_default",
    "used": "usage.amount",
    "priced": "usage.amount_in_pricing_units",
}
_ARRAYS = {"labels": "labels", "system_labels": "system_labels", "tags": "tags", "project_labels": "project.labels"}


STATE = "state_cost"
"""The cost of a row's lines as ``totals`` adds it up, by which is seen that both are of the same lines; no column."""


@dataclass(frozen=True)
class RollUpSql:
    """A query and its columns, each text, timestamp, integer, number or amount (a decimal of twelve places).

    It takes the parameters ``month`` (YYYYMM) and, where the table is partitioned, ``first`` and ``last``.
    """

    text: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Parts:
    """What a query is put together from.

    ``dimensions`` are SQL over a line of the table, with their kind; ``values`` what else is taken from it once: exact
    numbers, arrays, hours. ``made`` is SQL over those, ``more`` over these too, ``sums`` over all of them for many
    lines, with its kind.
    Lines that differ in one of ``apart`` are not added up.
    """

    dimensions: Mapping[str, tuple[str, str]]
    values: Mapping[str, str]
    made: Mapping[str, str]
    more: Mapping[str, str]
    sums: Mapping[str, tuple[str, str]]
    apart: Sequence[str]


def roll_up(table: ExportTable) -> RollUpSql:
    """The roll-up of a month of a table."""
    from collectors.gcp.roll_up_focus import parts_of_focus

    return _query(table, parts_of_focus(table) if table.kind == "focus" else _parts(table))


def within(table: ExportTable) -> str:
    """SQL condition: the lines of one month, in the partitions that hold them."""
    partitions = f"{table.partition} BETWEEN @first AND @last AND " if table.partition else ""
    return f"{partitions}{month(table)} = @month"


def month(table: ExportTable) -> str:
    """SQL: the invoice month of a line as YYYYMM; where it has none, the month its usage began in."""
    if table.kind == "focus":
        return f"FORMAT_TIMESTAMP('%Y%m', {LINE}.BillingPeriodStart)"
    used = f"FORMAT_TIMESTAMP('%Y%m', {LINE}.usage_start_time)"
    return f"COALESCE({LINE}.invoice.month, {used})" if table.has("invoice.month") else used


def times(start: str, end: str) -> dict[str, str]:
    """SQL: the day a line begins on, the day it ends on where it is of more than one, and the hours of its day."""
    length = f"TIMESTAMP_DIFF({end}, {start}, MICROSECOND)"
    day = f"TIMESTAMP_TRUNC({start}, DAY)"
    next_day = f"TIMESTAMP_ADD({day}, INTERVAL 1 DAY)"
    last = f"TIMESTAMP_ADD(TIMESTAMP_TRUNC(TIMESTAMP_SUB({end}, INTERVAL 1 MICROSECOND), DAY), INTERVAL 1 DAY)"
    return {
        "start": day,
        "end": f"CASE WHEN {length} > {_DAY} THEN {last} ELSE {next_day} END",
        "hours": f"CASE WHEN {length} <= {_HOUR} THEN 1 << EXTRACT(HOUR FROM {start}) END",
    }


def _parts(table: ExportTable) -> Parts:
    when = times(f"{LINE}.usage_start_time", f"{LINE}.usage_end_time")
    dimensions = {
        **{name: (table.text(path), "text") for name, path in _TEXTS.items() if table.has(path)},
        **{name: (table.json(path), "text") for name, path in _ARRAYS.items() if table.has(f"{path}[]")},
        "invoice_month": (month(table), "text"),
        "usage_start_time": (when["start"], "timestamp"),
        "usage_end_time": (when["end"], "timestamp"),
        "currency_conversion_rate": (rounded(table.number("currency_conversion_rate")), "amount"),
    }
    values = {f"n_{name}": table.number(path) for name, path in _NUMBERS.items()}
    values |= {"n_credits": _credits(table), "n_hours": when["hours"], "n_exported": f"{LINE}.export_time"}
    one = "UNNEST(n_credits) AS one"
    made = {"credit_types": f"(SELECT STRING_AGG(DISTINCT one.kind ORDER BY one.kind) FROM {one})"}
    made |= {
        f"n_{name.lower()}": f"COALESCE((SELECT SUM(one.amount) FROM {one} WHERE one.kind = '{name}'), 0)"
        for name in CREDITS
    }
    by_type = [f"n_{name.lower()}" for name in CREDITS]
    part_of = {"n_net": ["n_cost", *by_type], "n_committed": by_type[:2]}
    more = {name: " + ".join(parts) for name, parts in part_of.items()}
    # where a line has no cost the whole of it is covered, as least() of the import's engine has it
    part = "LEAST(1, COALESCE(ABS(SAFE_DIVIDE(CAST(n_committed AS FLOAT64), CAST(n_cost AS FLOAT64))), 1))"
    sums = {
        "export_time": ("MAX(n_exported)", "timestamp"),
        "cost": (_sum("n_cost"), "amount"),
        "billed": (_sum("n_net"), "amount"),
        "cost_at_list": (_sum("n_list"), "amount"),
        "cost_at_effective_price_default": (_sum("n_default"), "amount"),
        "usage_amount": (_sum("n_used"), "amount"),
        "usage_amount_in_pricing_units": (_sum("n_priced"), "amount"),
        **{name.lower(): (_sum(f"n_{name.lower()}"), "amount") for name in CREDITS},
        "x_covered_quantity": (f"SUM(CAST(n_used AS FLOAT64) * {part})", "number"),
        "x_billed_remainder": (_left("n_net"), "remainder"),
        "x_list_remainder": (_left("n_list"), "remainder"),
        "x_hours": ("BIT_OR(n_hours)", "integer"),
    }
    signs = [f"SIGN({rounded(name)})" for name in ("n_cost", "n_net", "n_list", "n_default", "n_committed")]
    return Parts(dimensions, values, made, more, sums, [*signs, "n_used IS NULL", "n_priced IS NULL"])


def _sum(number: str) -> str:
    return f"SUM({rounded(number)})"


def _left(number: str) -> str:
    """SQL: what rounding lines left over, to the 24 decimals the import reads; nothing mostly."""
    return f"ROUND(SUM({number} - {rounded(number)}), 24)"


def _query(table: ExportTable, parts: Parts) -> RollUpSql:
    cost = plain(table, "BilledCost" if table.kind == "focus" else "cost")
    taken = {name: sql for name, (sql, _) in parts.dimensions.items()} | dict(parts.values) | {"n_plain": cost}
    apart = {f"apart_{place}": sql for place, sql in enumerate(parts.apart)}
    summed = {name: sql for name, (sql, _) in parts.sums.items()} | {"x_lines": "COUNT(*)", STATE: "SUM(n_plain)"}
    keys = [*parts.dimensions, *(name for name in parts.made if not name.startswith("n_"))]
    text = (
        f"WITH taken AS (\n  SELECT\n    {_named(taken)}\n"
        f"  FROM `{table.name}` AS {LINE}\n  WHERE {within(table)}\n),\n"
        f"made AS (\n  SELECT\n    {_named({'*': '', **parts.made})}\n  FROM taken\n),\n"
        f"summed AS (\n  SELECT\n    {_named({'*': '', **parts.more})}\n  FROM made\n),\n"
        f"line AS (\n  SELECT\n    {_named({'*': '', **apart})}\n  FROM summed\n)\n"
        f"SELECT\n    {_named({**dict.fromkeys(keys, ''), **summed})}\nFROM line\nGROUP BY {', '.join([*keys, *apart])}"
    )
    kinds = {name: parts.dimensions[name][1] if name in parts.dimensions else "text" for name in keys}
    kinds |= {name: kind for name, (_, kind) in parts.sums.items()}
    return RollUpSql(text, kinds | {"x_lines": "integer"})


def _named(columns: Mapping[str, str]) -> str:
    return ",\n    ".join(f"{sql} AS {name}" if sql else name for name, sql in columns.items())


# ------------------------------------------------------------------------------------------------ credits


def _credits(table: ExportTable) -> str:
    """SQL: a line's credits as an array of their kind and exact amount; one without a type by its name, as the import
    has it."""
    if not table.has("credits[]"):
        return (
            "ARRAY(SELECT AS STRUCT CAST(NULL AS STRING) AS kind, CAST(NULL AS BIGNUMERIC) AS amount FROM UNNEST([0]))"
        )
    known = ", ".join(f"'{name}'" for name in CREDITS)
    committed, dollar = CREDITS[:2]
    kind = (
        f"CASE WHEN credit.type IN ({known}) THEN credit.type "
        f"WHEN UPPER(credit.type) LIKE 'COMMITTED%' AND credit.type LIKE '%DOLLAR_BASE%' THEN '{dollar}' "
        f"WHEN UPPER(credit.type) LIKE 'COMMITTED%' THEN '{committed}' "
        f"WHEN credit.type IS NULL AND LOWER(credit.name) LIKE 'committed us%' THEN '{committed}' "
        f"ELSE '{CREDITS[-1]}' END"
    )
    amount = exact("credit.amount", table.columns["credits[].amount"])
    return f"ARRAY(SELECT AS STRUCT {kind} AS kind, {amount} AS amount FROM UNNEST({LINE}.credits) AS credit)"


def with_credits(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the import reads it: its sums by type as one JSON list of credits.

    What rounding each type by itself makes the list differ from the net amount goes with it, so that cost and credits
    together are what the lines came to.
    """
    kinds = [kind for kind in str(row["credit_types"] or "").split(",") if kind]
    amounts = [(kind, Decimal(row[kind.lower()] or 0)) for kind in kinds]
    if row["cost"] is not None and row["billed"] is not None:
        with exactly():
            more = Decimal(row["billed"]) - Decimal(row["cost"]) - sum((amount for _, amount in amounts), Decimal(0))
        if more:
            amounts.append(("ROUNDING", more))
    listed = ", ".join(f'{{"type": "{kind}", "amount": "{amount:f}"}}' for kind, amount in amounts)
    of_types = {kind.lower() for kind in CREDITS}
    kept = {name: value for name, value in row.items() if name not in of_types | {"billed", "credit_types"}}
    return kept | {"credits": f"[{listed}]"}


def columns_with_credits(columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of :func:`with_credits`."""
    of_types = {kind.lower() for kind in CREDITS}
    return {name: kind for name, kind in columns.items() if name not in of_types | {"billed", "credit_types"}} | {
        "credits": "text"
    }
