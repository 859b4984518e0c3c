"""What a roll-up adds up to: per slice and currency the totals, the rounding, the flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING

from aispend.engine import rates, rollup
from aispend.engine.line import COST_COLUMNS, SLICE_COLUMNS, LineSql
from aispend.engine.result import FlagCount, RejectedLine, RolledSlice, SliceKey
from aispend.engine.source import column_list

if TYPE_CHECKING:
    import duckdb

Amounts = dict[SliceKey, dict[str, dict[str, Decimal]]]

_WIDE = Context(prec=80)
_SLICE = "slice.x_provider, x_scope, x_billing_month"
_JOINS = "JOIN context USING (context_h) JOIN slice USING (slice_no)"
_EXPLAINED = (
    "The line was billed, yet its effective cost is 0 and no commitment covers it: "
    "the effective cost is not given, it is not free."
)
_MOSTLY = " Most paid lines are so: trust billed cost, not effective cost, in this bill."


def slices(duck: duckdb.DuckDBPyConnection, line: LineSql, rejected: Sequence[RejectedLine]) -> tuple[RolledSlice, ...]:
    """Every slice of the roll-up, in order of provider, scope and month; ``rejected`` lines know theirs."""
    given = rollup.columns_given(line)
    sums = ", ".join(f"CAST(sum({name}) AS VARCHAR)" for name in COST_COLUMNS)
    totals: Amounts = {}
    lines: dict[SliceKey, int] = {}
    invoiced: dict[SliceKey, bool] = {}
    for row in duck.execute(
        f"SELECT {_SLICE}, billing_currency, sum(lines), bool_and(invoice_id IS NOT NULL), {sums} FROM grouped "
        f"{_JOINS} WHERE kept AND NOT bad GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        key, (currency, count, has_invoice) = SliceKey(*row[:3]), row[3:6]
        lines[key] = lines.get(key, 0) + int(count)
        invoiced[key] = invoiced.get(key, True) and has_invoice
        totals.setdefault(key, {})[currency] = {
            name: _amount(units)
            for name, units in zip(COST_COLUMNS, row[6:], strict=True)
            if name in given and units is not None
        }
    residuals = _residuals(duck, line, totals)
    facts = duck.execute(f"SELECT {_SLICE}, count(*) FROM fact JOIN slice USING (slice_no) GROUP BY ALL").fetchall()
    written = {SliceKey(*row[:3]): int(row[3]) for row in facts}
    flags = _flags(duck, line)
    billed_at = rates.by_slice(duck, line)
    aside: Counter[SliceKey | None] = Counter()
    for one in rejected:
        aside[one.key] += one.lines
    return tuple(
        RolledSlice(
            key,
            lines[key],
            written[key],
            totals[key],
            residuals[key],
            tuple(flags.get(key, ())),
            invoiced[key],
            aside[key],
            billed_at.get(key, ()),
        )
        for key in totals
    )


def _residuals(duck: duckdb.DuckDBPyConnection, line: LineSql, totals: Amounts) -> Amounts:
    """What rounding left over, where the dialect can tell; added to ``totals``, which then are of the raw lines."""
    residuals: Amounts = {
        key: {
            currency: {name: Decimal(0) for name in costs if name in line.remainders}
            for currency, costs in all_.items()
        }
        for key, all_ in totals.items()
    }
    if not line.remainders:
        return residuals
    names = ", ".join(rollup.REMAINDERS)
    for row in duck.execute(
        f"SELECT {column_list(SLICE_COLUMNS)}, billing_currency, {names} FROM remainder"
    ).fetchall():
        key, currency = SliceKey(*row[:3]), row[3]
        total = totals[key][currency]
        for name, left in zip(COST_COLUMNS, row[4:], strict=True):
            if left is not None and name in total:
                residuals[key][currency][name] = left
                total[name] = _WIDE.add(total[name], left)
    return residuals


def _flags(duck: duckdb.DuckDBPyConnection, line: LineSql) -> dict[SliceKey, list[FlagCount]]:
    said = {flag.name: (flag.column, flag.explanation) for flag in line.flags}
    counted: dict[SliceKey, list[FlagCount]] = {}
    for bit, flag in enumerate(rollup.flag_names(line)):
        column, explanation = said.get(flag, ("effective_cost", _EXPLAINED))
        about = "billed_cost" if flag == rollup.EFFECTIVE_ZERO else column
        carries = f"flags & {1 << bit} <> 0"
        for row in duck.execute(
            f"SELECT {_SLICE}, billing_currency, sum(lines) FILTER ({carries}), "
            f"CAST(sum({about}) FILTER ({carries}) AS VARCHAR), "
            "sum(lines) FILTER (charge_category = 'Usage' AND billed_cost > 0) "
            f"FROM grouped {_JOINS} WHERE kept AND NOT bad GROUP BY ALL HAVING bool_or({carries}) ORDER BY ALL"
        ).fetchall():
            currency, lines, units, paid = row[3:]
            mostly = flag == rollup.EFFECTIVE_ZERO and paid and lines * 2 > paid
            counted.setdefault(SliceKey(*row[:3]), []).append(
                FlagCount(
                    flag,
                    column,
                    currency,
                    int(lines),
                    None if units is None else _amount(units),
                    explanation + (_MOSTLY if mostly else ""),
                )
            )
    return counted


def _amount(units: str) -> Decimal:
    return Decimal(units).scaleb(-12, context=_WIDE)
