"""The exchange rates a bill names beside its costs, one for each pair and day of a slice.

Assumes     a bill that is priced in one currency and billed in another says on every line at what rate.
Method      Lines are counted by slice, pair, rate and the day the rate was set. A slice's earliest rate of a pair holds
            from the first day of its month, later ones from the day they were set.
Cases       Lines of one pair and day with different rates (usage of an earlier month that is billed late): the rate of
            most lines, the source says how many others there are. A pair of one currency, a token or credit as a
            currency, a rate of zero or less: no rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from aispend.clock import next_month
from aispend.engine.line import SLICE_COLUMNS, Header, LineSql, identifier
from aispend.engine.result import BilledRate, SliceKey
from aispend.engine.source import column_list

if TYPE_CHECKING:
    import duckdb

RATE_COLUMNS = ("rate_base", "rate", "rate_day")
"""Columns of the canonical line that only rates need: they are no dimension of a charge."""

_CURRENCY = "'[A-Z]{3}'"


@dataclass(frozen=True)
class Counted:
    """So many ``lines`` say that one ``base`` is ``rate`` of ``quote``, set on ``day`` where they say so."""

    base: str
    quote: str
    rate: Decimal
    day: date | None
    lines: int


def of_a_month(month: date, counted: Iterable[Counted]) -> tuple[BilledRate, ...]:
    """The rates of a slice, by pair and first day."""
    pairs: dict[tuple[str, str], dict[date, dict[Decimal, int]]] = {}
    for one in counted:
        last = next_month(month) - timedelta(days=1)
        day = min(max(one.day or month, month), last)
        rates = pairs.setdefault((one.base, one.quote), {}).setdefault(day, {})
        rates[one.rate] = rates.get(one.rate, 0) + one.lines
    found = []
    for (base, quote), days in sorted(pairs.items()):
        for place, (day, rates) in enumerate(sorted(days.items())):
            most = max(rates, key=lambda rate: (rates[rate], rate))
            found.append(BilledRate(base, quote, day if place else month, most, len(rates) - 1))
    return tuple(found)


def columns_sql(line: LineSql) -> list[str]:
    """The rate columns of the canonical line; none where the bill names no rate."""
    if line.rate is None:
        return []
    base = f"upper(trim({line.rate.base}))"
    return [
        f"CASE WHEN regexp_full_match({base}, {_CURRENCY}) THEN {base} END AS rate_base",
        f"{line.rate.rate} AS rate",
        f"{line.rate.day} AS rate_day",
    ]


def counted_sql(line: str) -> str:
    """SELECT for the rates in canonical lines (or lines grouped by all they say), by slice and pair."""
    return (
        f"SELECT {column_list([*SLICE_COLUMNS, 'billing_currency', *RATE_COLUMNS])}, "
        "CAST(sum(lines) AS BIGINT) AS lines "
        f"FROM {line} WHERE kept AND NOT bad AND rate > 0 AND rate_base <> billing_currency GROUP BY ALL"
    )


def quick_counted_sql(line: LineSql, raw: str, header: Header) -> str:
    """The same over columnar files whose lines are all readable: once per distinct combination of the raw values."""
    places = {name: line.select[name] for name in (*SLICE_COLUMNS, "billing_currency")}
    rates = columns_sql(line)
    text = "\n".join([*places.values(), *rates, line.where])
    used = column_list([name for name in header.columns if identifier(name) in text])
    selected = ", ".join([*(f"{sql} AS {name}" for name, sql in places.items()), *rates])
    lines = f"sum({line.lines})" if line.lines else "count(*)"
    narrow = f"SELECT {used}, {lines} AS lines FROM {raw} AS raw WHERE {line.where} GROUP BY ALL"
    return counted_sql(f"(SELECT {selected}, lines, TRUE AS kept, FALSE AS bad FROM ({narrow}) AS raw)")


def by_slice(duck: duckdb.DuckDBPyConnection, line: LineSql) -> dict[SliceKey, tuple[BilledRate, ...]]:
    """The rates of every slice, from table ``bill_rate``."""
    if line.rate is None:
        return {}
    counted: dict[SliceKey, list[Counted]] = {}
    columns = column_list([*SLICE_COLUMNS, "rate_base", "billing_currency", "rate", "rate_day", "lines"])
    for row in duck.execute(f"SELECT {columns} FROM bill_rate").fetchall():
        base, quote, rate, day, lines = row[3:]
        counted.setdefault(SliceKey(*row[:3]), []).append(Counted(base, quote, rate.normalize(), day, int(lines)))
    return {key: of_a_month(key.month, said) for key, said in counted.items()}
