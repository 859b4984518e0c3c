"""Any cut of cost, adding up to the bill. Costs in different currencies are never added: a row per currency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, any_, func, literal, not_, select

from aispend.money import exact_sum, rate
from aispend.schema import slice_
from reports.views.basis import (
    COSTS,
    FINAL_STATES,
    Basis,
    CostColumn,
    Window,
    bill_state,
    newest_window,
    pending_bills,
)
from reports.views.spend_query import SpendQuery
from reports.views.spend_sources import Source, source_for

CutValue = str | date | bool | None
_DATE_CUTS = ("day", "month")


@dataclass(frozen=True)
class Costs:
    """The four FOCUS costs in one currency; NULL is unknown."""

    billed_cost: Decimal | None
    effective_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None

    def of(self, column: CostColumn) -> Decimal | None:
        """The cost of that name."""
        value: Decimal | None = getattr(self, column)
        return value


@dataclass(frozen=True)
class SpendRow:
    """One combination of the cuts, in one currency.

    ``cut`` holds the values in the order of ``SpendQuery.by``. ``final_share`` (0 to 1) is how much of it
    comes from final months. ``partly_unknown`` names the costs that some contributing bill does not
    give: there the number covers only the bills that do.
    """

    cut: tuple[CutValue, ...]
    costs: Costs
    currency: str
    final_share: Decimal | None
    partly_unknown: tuple[CostColumn, ...]


@dataclass(frozen=True)
class SpendTotal:
    """Everything in one currency, and the AI spend within it."""

    currency: str
    costs: Costs
    ai: Costs
    final_share: Decimal | None


@dataclass(frozen=True)
class Spend:
    """The answer to a :class:`SpendQuery`: rows by size (by date where that is the first cut), and totals."""

    query: SpendQuery
    rows: tuple[SpendRow, ...]
    totals: tuple[SpendTotal, ...]
    basis: Basis


def spend(connection: Connection, query: SpendQuery) -> Spend:
    """Cost by the cuts of ``query``."""
    window = query.window or newest_window(connection)
    found: Sequence[Row[Any]] = ()
    if window is not None:
        found = connection.execute(_statement(source_for(connection, query, window), len(query.by))).all()
    rows = sorted((_row(row, len(query.by)) for row in found), key=lambda row: _order(row, query))
    totals = _totals(found)
    return Spend(query, tuple(rows), totals, _basis(connection, query, window, found, totals))


def _statement(source: Source, cuts: int) -> Select[Any]:
    """Sum within each slice first, then over slices, where finality and unknown columns are decided."""
    names = [f"cut_{number}" for number in range(cuts)]
    keys = [*source.cuts, source.currency, source.slice_id, source.ai]
    within = (
        select(
            *(value.label(name) for name, value in zip(names, source.cuts, strict=True)),
            source.currency.label("currency"),
            source.slice_id.label("slice_id"),
            source.ai.label("is_ai"),
            func.max(source.newest).label("newest"),
            *(func.sum(value).label(name) for name, value in zip(COSTS, source.costs, strict=True)),
        )
        .select_from(source.relation)
        .where(*source.conditions)
        .group_by(*keys)
        .subquery("within")
    )
    size = func.coalesce(within.c.effective_cost, within.c.billed_cost, 0)
    return (
        select(
            *(within.c[name] for name in names),
            within.c.currency,
            *(func.sum(within.c[name]).label(name) for name in COSTS),
            *(func.sum(within.c[name]).filter(within.c.is_ai).label(f"ai_{name}") for name in COSTS),
            *(func.bool_or(not_(literal(name) == any_(slice_.c.columns_known))).label(f"gap_{name}") for name in COSTS),
            func.max(within.c.newest).label("newest"),
            func.array_agg(within.c.slice_id).label("slice_ids"),
            func.array_agg(size).label("sizes"),
            func.array_agg(slice_.c.state.in_(FINAL_STATES)).label("final"),
        )
        .join(slice_, slice_.c.slice_id == within.c.slice_id)
        .group_by(*(within.c[name] for name in names), within.c.currency)
    )


def _row(row: Row[Any], cuts: int) -> SpendRow:
    return SpendRow(
        cut=tuple(row[:cuts]),
        costs=Costs(*(getattr(row, name) for name in COSTS)),
        currency=row.currency,
        final_share=_final_share([row]),
        partly_unknown=tuple(name for name in COSTS if getattr(row, f"gap_{name}") and getattr(row, name) is not None),
    )


def _order(row: SpendRow, query: SpendQuery) -> tuple[Any, ...]:
    amount = row.costs.of(query.cost)
    by_size = (row.currency, amount is None, -(amount or Decimal(0)), tuple(str(value) for value in row.cut))
    return (row.cut[0], *by_size) if query.by and query.by[0] in _DATE_CUTS else by_size


def _totals(found: Sequence[Row[Any]]) -> tuple[SpendTotal, ...]:
    by_currency = {
        currency: [row for row in found if row.currency == currency]
        for currency in sorted({row.currency for row in found})
    }
    return tuple(
        SpendTotal(
            currency,
            Costs(*(_sum(getattr(row, name) for row in rows) for name in COSTS)),
            Costs(*(_sum(getattr(row, f"ai_{name}") for row in rows) for name in COSTS)),
            _final_share(rows),
        )
        for currency, rows in by_currency.items()
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if known else None


def _final_share(rows: Sequence[Row[Any]]) -> Decimal | None:
    """Each contributing slice weighs by the absolute value of its sum, so that the cut makes no difference."""
    sums: dict[tuple[int, bool], Decimal] = {}
    for row in rows:
        for slice_id, size, is_final in zip(row.slice_ids, row.sizes, row.final, strict=True):
            sums[slice_id, is_final] = exact_sum((sums.get((slice_id, is_final), Decimal(0)), size))
    whole = exact_sum(abs(size) for size in sums.values())
    return rate(exact_sum(abs(size) for (_, is_final), size in sums.items() if is_final), whole) if whole else None


def _basis(
    connection: Connection,
    query: SpendQuery,
    window: Window | None,
    found: Sequence[Row[Any]],
    totals: Sequence[SpendTotal],
) -> Basis:
    state = bill_state(connection, sorted({slice_id for row in found for slice_id in row.slice_ids}))
    return Basis(
        axis=query.axis,
        window=window,
        cost=query.cost,
        scope="AI spend" if query.ai_only else "all spend",
        without=query.without,
        currencies=tuple(total.currency for total in totals),
        data_as_of=state.data_as_of,
        newest_day=max((row.newest for row in found), default=None),
        final_share={total.currency: total.final_share for total in totals},
        gaps=state.gaps,
        pending=pending_bills(connection),
    )
