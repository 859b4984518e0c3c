"""The roll-up's SQL: from raw lines to facts keyed by content.

Method
    ``line``      the canonical line: the dialect's mapping with day, hours, flags and whether it is readable.
                  A query over columnar files, of which each step reads the columns it needs; other files, and small
                  ones, are read only once, into a table grouped by everything.
    ``grouped``   lines summed over the 64-bit hash of each group of dimensions (context, SKU, resource, tags) and the
                  day. Hashing a dimension costs a fraction of comparing forty texts per line, and keeps memory narrow.
    ``raw_…``     the distinct values of each group with their hash. Were two values to share a hash, this shows it,
                  and the roll-up refuses to go on: nothing is ever merged by accident.
    ``context`` … each distinct value with its content keys; canonical ids, JSON and classes are made here, once each.
    ``fact``      ``grouped`` joined to the keys and summed once more, because different texts may be the same thing,
                  and because spend that is not AI is kept without resource, tags and hours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from aispend.engine import rates
from aispend.engine.line import (
    ACCOUNT_COLUMNS,
    COMMITMENT_COLUMNS,
    COST_COLUMNS,
    DIMENSION_COLUMNS,
    KIND_COLUMNS,
    LOCATION_COLUMNS,
    MEASURE_COLUMNS,
    RESOURCE_COLUMNS,
    SKU_COLUMNS,
    SLICE_COLUMNS,
    TAG_COLUMN,
    Check,
    Header,
    LineSql,
    identifier,
)
from aispend.engine.repeated import once_per_line
from aispend.engine.source import column_list
from aispend.keys import NO_KEY, content_key_sql
from aispend.resource_id import canonical_sql, trimmed_sql

_DETAILS = "sku_price_details"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "context": (*SLICE_COLUMNS, *ACCOUNT_COLUMNS, *LOCATION_COLUMNS, *COMMITMENT_COLUMNS, *KIND_COLUMNS),
    "sku": ("x_provider", *(name for name in SKU_COLUMNS if name != _DETAILS)),
    "details": (_DETAILS,),
    "resource": ("x_provider", *RESOURCE_COLUMNS),
    "tags": (TAG_COLUMN,),
}
"""The dimensions that are hashed together. Price details and tags may be maps, dear to compare, hence alone."""

Fixed = Mapping[str, str]
"""Dimension columns that are the same on every line, with their SQL; they need neither hashing nor comparing."""

REMAINDERS = tuple(f"{name}_remainder" for name in COST_COLUMNS)
EFFECTIVE_ZERO = "effective_zero_on_paid_usage"
_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_HALF_GIVES = {1: "effective_cost", 2: "billed_cost"}
_REQUIRED = {
    "x_provider": "no provider",
    "x_scope": "no billing account",
    "x_billing_month": "no billing month, or not a date",
    "billing_currency": "no currency",
    "charge_period_start": "no charge date, or not a date",
}


_ASKED = ("charge_category", "charge_class", "commitment_discount_id", "pricing_category")
"""Columns the engine itself asks per line, in its own flag."""


def flag_names(line: LineSql) -> tuple[str, ...]:
    """The flags of a line in the order of their bits: the dialect's, then the engine's own."""
    names = tuple(flag.name for flag in line.flags)
    return names if EFFECTIVE_ZERO in names else (*names, EFFECTIVE_ZERO)


def columns_given(line: LineSql) -> tuple[str, ...]:
    """The cost columns a delivery fills: an actual half gives no effective, an amortised half no billed cost."""
    return tuple(name for name in COST_COLUMNS if name in line.columns_known and name != _HALF_GIVES.get(line.half))


def fixed_columns(line: LineSql, header: Header, constants: Mapping[str, str]) -> dict[str, str]:
    """The dimension columns made from nothing but ``constants`` (raw column → SQL), or from no column at all."""
    found = {}
    for name in DIMENSION_COLUMNS:
        sql = line.select.get(name, "CAST(NULL AS VARCHAR)")
        used = [column for column in header.columns if identifier(column) in sql]
        if all(column in constants for column in used):
            for column in used:
                sql = sql.replace(identifier(column), constants[column])
            found[name] = sql
    return found


def varying(group: str, fixed: Fixed) -> tuple[str, ...]:
    """The columns of a group that differ between lines; one at least, to have something to hash."""
    return tuple(name for name in GROUPS[group] if name not in fixed) or GROUPS[group][:1]


def all_checks(line: LineSql, header: Header) -> tuple[Check, ...]:
    """The dialect's checks, then the engine's own: a line needs provider, scope, month, currency and day."""
    own = [
        Check(source_column(line, header, name) or name, f"({line.select.get(name, 'NULL')}) IS NULL", reason)
        for name, reason in _REQUIRED.items()
    ]
    return (*line.checks, *own)


def source_column(line: LineSql, header: Header, name: str) -> str | None:
    """The first column of the file that a canonical column is made from."""
    sql = line.select.get(name, "")
    return next((column for column in header.columns if identifier(column) in sql), None)


def columns_used(line: LineSql, header: Header) -> str:
    """The raw columns the mapping is made from."""
    checks = [check.bad for check in line.checks]
    before = [sql for sql in (line.lines, line.hours) if sql]
    return _mentioned(
        header,
        [*line.select.values(), *line.remainders.values(), *checks, line.where, *rates.columns_sql(line), *before],
    )


def line_sql(line: LineSql, raw: str) -> str:
    """SELECT for the canonical line over the FROM item ``raw``."""
    select = line.select
    costs = columns_given(line)
    measures = [
        f"CAST({select[name] if name in select and (name in costs or name not in COST_COLUMNS) else 'NULL'} AS HUGEINT)"
        f" AS {identifier(name)}"
        for name in MEASURE_COLUMNS
    ]
    times = [
        f"CAST({select.get(name, 'NULL')} AS TIMESTAMP) AS {identifier(name)}"
        for name in ("charge_period_start", "charge_period_end")
    ]
    checks = [f"CAST(({check.bad}) IS TRUE AS TINYINT)" for check in line.checks]
    unreadable = f"({' + '.join(checks)}) > 0" if checks else "FALSE"
    before = [
        f"{sql} AS {name}"
        for name, sql in (("lines_before", line.lines), ("hours_before", line.hours))
        if sql is not None
    ]
    columns = [
        *_dimensions(line, DIMENSION_COLUMNS),
        *measures,
        *_remainders(line),
        *times,
        *rates.columns_sql(line),
        *before,
    ]
    asked = f"{', '.join(columns)}, {unreadable} AS unreadable, ({line.where}) IS TRUE AS kept"
    asked, raw = once_per_line(asked, raw, line.repeated)
    canonical = f"SELECT {asked} FROM {raw} AS raw"
    length = "epoch_us(charge_period_end) - epoch_us(charge_period_start)"
    missing = " OR ".join(f"{identifier(name)} IS NULL" for name in _REQUIRED)
    return (
        f"SELECT {column_list(DIMENSION_COLUMNS)}, {column_list(MEASURE_COLUMNS)}, {column_list(REMAINDERS)}, "
        f"{''.join(f'{name}, ' for name in rates.RATE_COLUMNS if line.rate)}"
        "CAST(charge_period_start AS DATE) AS day, "
        f"CASE WHEN {length} > {_DAY} "
        "THEN CAST(make_timestamp(epoch_us(charge_period_end) - 1) AS DATE) + 1 END AS end_day, "
        f"{_hours(line, length)} AS hours, {'CAST(lines_before AS BIGINT)' if line.lines else '1'} AS lines, "
        f"{_flags(line)} AS flags, {_unknown(line)} AS unknown, (unreadable OR {missing}) AS bad, kept "
        f"FROM ({canonical})"
    )


def _hours(line: LineSql, length: str) -> str:
    """The hours of its day a line is of, as bits, where it says so to the hour."""
    if line.hours:
        return "CAST(hours_before AS INTEGER)"
    return f"CASE WHEN {length} <= {_HOUR} THEN 1 << CAST(epoch_us(charge_period_start) // {_HOUR} % 24 AS INTEGER) END"


def _dimensions(line: LineSql, columns: Sequence[str]) -> list[str]:
    """Dimension columns; an empty text is made NULL later, once per distinct value, where nothing asks before."""
    asked = " ".join([*_REQUIRED, *_ASKED, *(flag.when for flag in line.flags)])
    found = []
    for name in columns:
        sql = line.select.get(name, "CAST(NULL AS VARCHAR)")
        bare = re.fullmatch(r"nullif\((\"(?:[^\"]|\"\")+\"), ''\)", sql)
        found.append(f"{bare[1] if bare and name not in asked else sql} AS {identifier(name)}")
    return found


def _remainders(line: LineSql) -> list[str]:
    given = columns_given(line)
    return [
        f"CAST({line.remainders[name] if name in given and name in line.remainders else 'NULL'} AS DECIMAL(38,24))"
        f" AS {identifier(name + '_remainder')}"
        for name in COST_COLUMNS
    ]


def _flags(line: LineSql) -> str:
    conditions = {flag.name: flag.when for flag in line.flags}
    conditions.setdefault(
        EFFECTIVE_ZERO,
        "effective_cost = 0 AND billed_cost > 0 AND charge_category = 'Usage' AND commitment_discount_id IS NULL "
        "AND pricing_category IS DISTINCT FROM 'Committed'",
    )
    bits = [f"CASE WHEN {conditions[name]} THEN {1 << bit} ELSE 0 END" for bit, name in enumerate(flag_names(line))]
    return f"CAST({' + '.join(bits)} AS INTEGER)"


def _unknown(line: LineSql) -> str:
    """Bits of the amounts that the bill gives, but not this line: unknown is never summed with known."""
    costs = columns_given(line)
    given = [name for name in MEASURE_COLUMNS if name in line.select and (name in costs or name not in COST_COLUMNS)]
    bits = [f"CASE WHEN {name} IS NULL THEN {1 << MEASURE_COLUMNS.index(name)} ELSE 0 END" for name in given]
    return f"CAST({' + '.join(bits) or '0'} AS TINYINT)"


def once_sql(line: str, fixed: Fixed, extra: Sequence[str] = ()) -> str:
    """``line`` grouped by everything it says, ``extra`` columns too, for files that should be read only once."""
    dimensions = dict.fromkeys(name for group in GROUPS for name in varying(group, fixed))
    places = [name for name in (*SLICE_COLUMNS, "billing_currency") if name not in dimensions]
    sums = ", ".join(f"CAST(sum({name}) AS HUGEINT) AS {name}" for name in MEASURE_COLUMNS)
    left = ", ".join(f"sum({name}) AS {name}" for name in REMAINDERS)
    return (
        f"SELECT {column_list([*dimensions, *places, *extra])}, day, end_day, flags, unknown, bad, kept, "
        f"bit_or(hours) AS hours, {sums}, {left}, sum(lines) AS lines FROM ({line}) GROUP BY ALL"
    )


def narrow_sql(line: LineSql, raw: str, columns: Sequence[str]) -> str:
    """SELECT for some columns of the canonical line and its remainders: only what these need is planned and read."""
    chosen = _dimensions(line, columns)
    return f"SELECT {', '.join([*chosen, *_remainders(line)])}, ({line.where}) IS TRUE AS kept FROM {raw} AS raw"


def grouped_sql(line: str, lines: str, fixed: Fixed) -> str:
    """Facts over the canonical ``line`` by the hash of each dimension group; ``lines`` counts raw lines."""
    hashes = ", ".join(f"hash({column_list(varying(group, fixed))}) AS {group}_h" for group in GROUPS)
    sums = ", ".join(f"CAST(sum({name}) AS HUGEINT) AS {name}" for name in MEASURE_COLUMNS)
    return (
        f"SELECT {hashes}, day, end_day, flags, unknown, bad, kept, bit_or(hours) AS hours, {sums}, "
        f"CAST({lines} AS BIGINT) AS lines FROM {_from(line)} GROUP BY ALL"
    )


def remainder_sql(line: str) -> str:
    """What rounding leaves over, per slice and currency, over readable lines."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in REMAINDERS)
    return (
        f"SELECT {column_list(SLICE_COLUMNS)}, billing_currency, {sums} "
        f"FROM {_from(line)} WHERE kept AND NOT bad GROUP BY ALL"
    )


def quick_remainder_sql(line: LineSql, raw: str, header: Header) -> str:
    """The same where every line is readable: computed once per distinct combination of the raw values it depends on.

    Prices repeat, so these are few; taking a double's digits apart is what costs.
    """
    places = {name: line.select[name] for name in (*SLICE_COLUMNS, "billing_currency")}
    selected = ", ".join(f"{sql} AS {name}" for name, sql in places.items())
    parts = []
    for cost in (name for name in columns_given(line) if name in line.remainders):
        columns = _mentioned(header, [*places.values(), line.where, line.remainders[cost]])
        others = ", ".join(
            f"{f'({line.remainders[cost]}) * lines' if name == cost else 'NULL'} AS {name}_remainder"
            for name in COST_COLUMNS
        )
        parts.append(
            f"SELECT {selected}, {others} FROM (SELECT {columns}, count(*) AS lines FROM {raw} AS raw "
            f"WHERE {line.where} GROUP BY ALL) AS raw"
        )
    sums = ", ".join(f"sum({name}) AS {name}" for name in REMAINDERS)
    return f"SELECT {', '.join(places)}, {sums} FROM ({' UNION ALL '.join(parts)}) GROUP BY ALL"


def distinct_places_sql(line: LineSql, raw: str, header: Header) -> str:
    """The distinct provider, scope and month of kept lines, worked out once per distinct combination of raw values."""
    expressions = [line.select.get(name, "NULL") for name in SLICE_COLUMNS]
    columns = _mentioned(header, [*expressions, line.where])
    narrow = f"SELECT DISTINCT {columns} FROM {raw} AS raw WHERE {line.where}"
    return f"SELECT DISTINCT {', '.join(expressions)} FROM ({narrow}) AS raw"


def _mentioned(header: Header, expressions: Sequence[str]) -> str:
    """The raw columns that expressions are made from."""
    text = "\n".join(expressions)
    return column_list([name for name in header.columns if identifier(name) in text])


def distinct_sql(group: str, line: str, fixed: Fixed) -> str:
    """The distinct values of a dimension group with their hash."""
    different = varying(group, fixed)
    names = column_list(different)
    rest = "".join(f", {fixed[name]} AS {identifier(name)}" for name in GROUPS[group] if name not in different)
    return f"SELECT hash({names}) AS h, *{rest} FROM (SELECT {names} FROM {_from(line)} WHERE kept GROUP BY ALL)"


def _from(relation: str) -> str:
    return f"({relation})" if relation.startswith("SELECT") else relation


def _clean(expression: str) -> str:
    """Text a database takes: no NUL characters, nothing instead of an empty text."""
    return f"nullif(replace(CAST({expression} AS VARCHAR), chr(0), ''), '')"


def _key(columns: Sequence[str], empty: Sequence[str] = ()) -> str:
    """Content key of columns; 0 where all ``empty`` are missing."""
    key = content_key_sql([identifier(name) for name in columns])
    if not empty:
        return key
    return f"CASE WHEN {' AND '.join(f'{identifier(name)} IS NULL' for name in empty)} THEN {NO_KEY} ELSE {key} END"


def _cleaned(columns: Sequence[str], finish: Mapping[str, str] | None = None) -> str:
    return ", ".join(f"{_clean((finish or {}).get(name, identifier(name)))} AS {identifier(name)}" for name in columns)


def dimension_sql(line: LineSql) -> dict[str, str]:
    """SELECT for each keyed table, in the order they need each other.

    A key is 0 where the dimension says nothing; account and SKU always have one: a charge belongs to one even where
    the bill names nothing.
    """
    slices, used = column_list(SLICE_COLUMNS), "FROM grouped WHERE kept AND NOT bad"
    texts = GROUPS["context"][len(SLICE_COLUMNS) :]
    resource_id = canonical_sql("x_provider", "resource_id")
    tags = f"nullif(nullif(replace({line.tags_json}, '\\u0000', ''), '{{}}'), '')"
    plain_kind = [name for name in KIND_COLUMNS if name != "x_flag"]
    carried = ", ".join(
        f"CASE WHEN flags & {1 << bit} <> 0 THEN '{name}' END" for bit, name in enumerate(flag_names(line))
    )
    return {
        "slice": f"SELECT row_number() OVER (ORDER BY {slices}) AS slice_no, {slices} FROM "
        f"(SELECT DISTINCT {slices} FROM raw_context JOIN (SELECT DISTINCT context_h {used}) ON context_h = h)",
        "context": "SELECT *, "
        f"{_key(('x_provider', *ACCOUNT_COLUMNS))} AS account_key, "
        f"{_key(('x_provider', *LOCATION_COLUMNS), LOCATION_COLUMNS)} AS location_key, "
        f"{_key(('x_provider', 'commitment_discount_id'), ('commitment_discount_id',))} AS commitment_key "
        f"FROM (SELECT h AS context_h, slice_no, x_provider, {_cleaned(texts, line.finish)} "
        f"FROM raw_context JOIN slice USING ({slices}))",
        "sku": f"SELECT *, {_key(('x_provider', *SKU_COLUMNS))} AS sku_key FROM (SELECT sku_h, details_h, x_provider, "
        f"{_cleaned(SKU_COLUMNS, line.finish)} FROM (SELECT DISTINCT sku_h, details_h {used}) "
        "JOIN raw_sku ON raw_sku.h = sku_h JOIN raw_details ON raw_details.h = details_h)",
        "resource": f"SELECT *, {_key(('x_provider', 'resource_id'), ('resource_id',))} AS resource_key FROM "
        f"(SELECT resource_h, x_provider, nullif({resource_id}, '') AS resource_id, "
        f"{column_list(RESOURCE_COLUMNS[1:])} FROM (SELECT h AS resource_h, x_provider, "
        f"{_cleaned(RESOURCE_COLUMNS, {'resource_id': trimmed_sql('resource_id')})} FROM raw_resource))",
        "tag_set": f"SELECT *, {_key(('tags',), ('tags',))} AS tag_set_key FROM "
        f"(SELECT h AS tags_h, {tags} AS tags FROM raw_tags)",
        "charge_kind": f"SELECT *, {_key((*plain_kind, 'flag'))} AS charge_kind_key FROM (SELECT context_h, flags, "
        f"{column_list(plain_kind)}, coalesce(x_flag, nullif(concat_ws(',', {carried}), '')) AS flag "
        f"FROM (SELECT DISTINCT context_h, flags {used}) JOIN context USING (context_h))",
    }


def fact_sql() -> str:
    """The facts: ``grouped`` under content keys, joined to what ``charged`` says is AI spend."""
    sums = ", ".join(f"CAST(sum({name}) AS HUGEINT) AS {name}" for name in MEASURE_COLUMNS)
    return (
        "SELECT slice_no, day, end_day, unknown, account_key, sku_key, location_key, "
        f"CASE WHEN is_ai THEN resource_key ELSE {NO_KEY} END AS resource_key, "
        f"CASE WHEN is_ai THEN tag_set_key ELSE {NO_KEY} END AS tag_set_key, commitment_key, charge_kind_key, "
        f"bit_or(CASE WHEN is_ai THEN hours END) AS hours, {sums}, CAST(sum(lines) AS INTEGER) AS line_count "
        "FROM charged GROUP BY ALL"
    )
