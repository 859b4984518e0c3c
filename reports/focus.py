"""The ledger as a FOCUS 1.2 dataset with AI columns: one row per share of a charge.

Method
    Shares add up to their charge in all four costs, so the file adds up to the bill. Quantities are divided as
    the effective cost is (billed, then list cost where that is unknown; evenly where all are zero), to twelve
    decimals, the last share taking what is left, so that they add up too, where FOCUS allows a quantity.
    A commitment's fee carries in the ledger what of it went unused, as its effective cost. FOCUS has two rows for
    that: the purchase with effective cost 0, and an unused usage row with nothing but the effective cost.
    One billing month at a time, streamed as Arrow from Postgres: memory does not grow with the ledger.
Known drawbacks
    Rows are days, not hours. Where a bill gives no list, contracted or effective cost, that mandatory column is
    null and a validator says so, rightly; :func:`write_focus` returns how many rows that concerns. So it is with
    the invoice (Google's bill names none), ResourceType of an id that says none, quantity and unit of commitments.
    The unused row of a split fee has no commitment quantity: the fee says what was bought, not what of it was used.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from aispend.money import COST_DECIMALS
from aispend.schema import spend_day
from aispend.store import Store
from analyzer.unknown_costs import COST_BITS, CostsGiven, costs_given
from reports.export import finished
from reports.focus_columns import FOCUS, MANDATORY, UNUSED_FEE
from reports.focus_units import focus_unit
from reports.output import defused
from reports.views import Axis, Window

if TYPE_CHECKING:
    import pyarrow as pa

_COSTS = tuple(COST_BITS)
_QUANTITIES = ("pricing_quantity", "consumed_quantity", "commitment_quantity")


@dataclass
class FocusReport:
    """What was written: rows, billing months, and mandatory columns left null because the bill does not say."""

    rows: int = 0
    months: tuple[date, ...] = ()
    nulls: dict[str, int] = field(default_factory=dict)


def write_focus(store: Store, path: Path, window: Window | None = None, axis: Axis = "usage") -> FocusReport:
    """Write the ledger, or the part of it in ``window``, to ``path`` (.parquet or .csv).

    Raises ``UsageError`` for another suffix or a missing folder.
    """
    with store.engine.connect() as connection:
        months = _months(connection, window, axis)
        slices = select(spend_day.c.slice_id).where(spend_day.c.billing_month.in_(months)).distinct()
        given = costs_given(connection, connection.scalars(slices).all())
    report = FocusReport(months=tuple(months))
    with finished(path) as unfinished:
        tables = (table for month in months for table in _read(store.uri, month, given, window, axis))
        if path.suffix.lower() == ".parquet":
            _write_parquet(unfinished, tables, report)
        else:
            _write_csv(unfinished, tables, report)
    return report


def _months(connection: Connection, window: Window | None, axis: Axis) -> Sequence[date]:
    c = spend_day.c
    months = select(c.billing_month).distinct().order_by(c.billing_month)
    if window is not None:
        day = c.charge_date if axis == "usage" else c.billing_month
        months = months.where(day >= window.first, day < window.end)
    return connection.scalars(months).all()


def _read(uri: str, month: date, given: CostsGiven, window: Window | None, axis: Axis) -> Iterator[pa.Table]:
    import pyarrow as pa
    from adbc_driver_postgresql import dbapi

    halves = [",".join(map(str, numbers)) for numbers in (given.slices, given.halves, given.given)]
    bounds: list[date | str] = [month, *halves]
    narrowing = ""
    if window is not None and axis == "usage":
        narrowing = "AND c.charge_date >= $5 AND c.charge_date < $6"
        bounds += [window.first, window.end]
    with closing(dbapi.connect(uri)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(_sql(narrowing), parameters=bounds)
        for batch in cursor.fetch_record_batch():
            yield _spelt(pa.Table.from_batches([batch]).cast(_schema()))


def _spelt(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    for place, column in enumerate(FOCUS):
        if column.kind == "unit":
            units = [None if unit is None else focus_unit(unit) for unit in table[column.name].to_pylist()]
            table = table.set_column(place, table.schema.field(place), pa.array(units, pa.string()))
    return table


def _schema() -> pa.Schema:
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "text": pa.string(),
        "unit": pa.string(),
        "decimal": pa.decimal128(38, COST_DECIMALS),
        "instant": pa.timestamp("us", tz="UTC"),
        "flag": pa.bool_(),
    }
    return pa.schema([(column.name, types[column.kind]) for column in FOCUS])


def _sql(narrowing: str) -> str:
    """Shares of one billing month (``$1``) with quantities divided; decimals leave as text, to keep every digit.

    ``$2`` to ``$4`` are slices, halves and the bits of the costs each is the one to give: a half has 0 of the others.
    """
    as_text = {"decimal": "({})::text", "instant": "({})::timestamp AT TIME ZONE 'UTC'"}
    columns = ", ".join(f'{as_text.get(c.kind, "{}").format(c.sql)} AS "{c.name}"' for c in FOCUS)
    given = ", ".join(f"string_to_array(${number}, ',')::int[]" for number in (2, 3, 4))
    charge_key = "billing_month, slice_id, half, ordinal"
    costs = ", ".join(
        f"CASE WHEN c.half <> 0 AND '{name}' = ANY(sl.columns_known) AND g.given & {bit} = 0"
        f" THEN coalesce(x.{name}, 0) ELSE x.{name} END AS {name}"
        for name, bit in COST_BITS.items()
    )
    divided = ", ".join(
        f"CASE WHEN rank = shares THEN {name} - coalesce(sum(round({name} * fraction, {COST_DECIMALS}))"
        f" FILTER (WHERE rank < shares) OVER whole, 0) ELSE round({name} * fraction, {COST_DECIMALS}) END AS {name}"
        for name in _QUANTITIES
    )
    kept = "charge_date, charge_end_date, account_key, sku_key, location_key, resource_key, tag_set_key, commitment_key"
    return f"""
        WITH weighed AS (
            SELECT c.{", c.".join(charge_key.split(", "))}, c.{", c.".join(kept.split(", "))}, c.charge_kind_key,
                   x.target_key, {costs}, c.{", c.".join(_QUANTITIES)},
                   abs(coalesce(x.effective_cost, x.billed_cost, x.list_cost, 0)) AS weight
            FROM charge c
            JOIN cost_share x USING ({charge_key})
            JOIN slice sl ON sl.slice_id = c.slice_id
            JOIN (SELECT * FROM unnest({given})) AS g (slice_id, half, given)
              ON g.slice_id = c.slice_id AND g.half = c.half
            WHERE c.billing_month = $1 {narrowing}
        ), ranked AS (
            SELECT *, row_number() OVER (PARTITION BY {charge_key} ORDER BY target_key) AS rank,
                   count(*) OVER same AS shares,
                   CASE WHEN sum(weight) OVER same = 0 THEN 1.0 / count(*) OVER same
                        ELSE weight / sum(weight) OVER same END AS fraction
            FROM weighed WINDOW same AS (PARTITION BY {charge_key})
        ), p AS (
            SELECT {charge_key}, {kept}, charge_kind_key, target_key, {", ".join(_COSTS)}, {divided}
            FROM ranked WINDOW whole AS (PARTITION BY {charge_key})
        ), service AS (
            SELECT provider, service_name, min(service_category) AS service_category,
                   CASE WHEN count(DISTINCT service_subcategory) = 1 THEN min(service_subcategory) END
                   AS service_subcategory
            FROM sku WHERE service_name IS NOT NULL
            GROUP BY provider, service_name HAVING count(DISTINCT service_category) = 1
        )
        SELECT {columns}
        FROM p
        JOIN slice sl ON sl.slice_id = p.slice_id
        JOIN account a ON a.account_key = p.account_key
        JOIN sku s ON s.sku_key = p.sku_key
        JOIN location l ON l.location_key = p.location_key
        JOIN resource r ON r.resource_key = p.resource_key
        JOIN tag_set g ON g.tag_set_key = p.tag_set_key
        JOIN commitment m ON m.commitment_key = p.commitment_key
        JOIN charge_kind k ON k.charge_kind_key = p.charge_kind_key
        JOIN share_target t ON t.target_key = p.target_key
        LEFT JOIN service v ON v.provider = s.provider AND v.service_name = s.service_name
        CROSS JOIN LATERAL (
            SELECT false UNION ALL SELECT true WHERE {UNUSED_FEE} AND p.effective_cost <> 0
        ) AS part (unused)
        ORDER BY p.slice_id, p.half, p.ordinal, p.target_key, part.unused"""


def _write_parquet(path: Path, tables: Iterator[pa.Table], report: FocusReport) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, _schema()) as writer:
        for table in tables:
            _count(table, report)
            writer.write_table(table)


def _write_csv(path: Path, tables: Iterator[pa.Table], report: FocusReport) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow([column.name for column in FOCUS])
        for table in tables:
            _count(table, report)
            columns = [_cells(table[column.name], column.kind) for column in FOCUS]
            writer.writerows(zip(*columns, strict=True))


def _cells(values: Any, kind: str) -> list[str]:
    from reports.output import exact

    listed = values.to_pylist()
    if kind == "decimal":
        return ["" if value is None else exact(value) for value in listed]
    if kind == "instant":
        return ["" if value is None else f"{value:%Y-%m-%dT%H:%M:%SZ}" for value in listed]
    if kind == "flag":
        return ["" if value is None else str(value).lower() for value in listed]
    return ["" if value is None else defused(value) for value in listed]


def _count(table: pa.Table, report: FocusReport) -> None:
    report.rows += table.num_rows
    for name in MANDATORY:
        if table[name].null_count:
            report.nulls[name] = report.nulls.get(name, 0) + table[name].null_count
