"""Any cut of cost, adding up to the bill. Costs in different currencies are never added: a row per currency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, null, select

from aispend.money import exactly, rate
from analyzer.unknown_costs import COST_BITS
from reports.views.basis import (
    COSTS,
    Basis,
    Bill,
    CostColumn,
    Gap,
    Window,
    bills_of,
    divided_by,
    has_lost_tax,
    newest_day,
    newest_window,
    pending_bills,
)
from reports.views.spend_query import SpendQuery
from reports.views.spend_sources import Source, from_days, source_for
from reports.views.tax_lines import tax_apart

CutValue = str | date | bool | None
_DATE_CUTS = ("day", "month")
_DIVIDED = {"model", "team", "stage", "reason", "rung"}
"""Cuts that divide machines."""


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
    comes from final months. ``partly_unknown`` names the costs that some contributing bill does not give, or not
    for every charge: there the number covers only the charges that have the cost.
    """

    cut: tuple[CutValue, ...]
    costs: Costs
    currency: str
    final_share: Decimal | None
    partly_unknown: tuple[CostColumn, ...]


@dataclass(frozen=True)
class SpendTotal:
    """Everything in one currency; ``partly_unknown`` as in :class:`SpendRow`.

    ``ai`` is the AI spend within it, in the cost the query asks for; ``ai_is_partly_unknown`` where some charge of it
    has no such cost.
    """

    currency: str
    costs: Costs
    ai: Decimal | None
    final_share: Decimal | None
    partly_unknown: tuple[CostColumn, ...]
    ai_is_partly_unknown: bool


@dataclass(frozen=True)
class Spend:
    """The answer to a :class:`SpendQuery`: rows by size (by date where that is the first cut), and totals."""

    query: SpendQuery
    rows: tuple[SpendRow, ...]
    totals: tuple[SpendTotal, ...]
    basis: Basis


def spend(connection: Connection, query: SpendQuery) -> Spend:
    """Cost by the cuts of ``query``."""
    window = query.window or newest_window(connection, axis=query.axis)
    if window is None:
        return Spend(query, (), (), _basis(connection, query, None, (), {}))
    source = source_for(connection, query, window)
    parts = _parts(connection, source, len(query.by))
    # a relation that does not know what is AI spend leaves that total to the one that does
    ai_spend = replace(query, by=(), ai_only=True)
    known = (
        parts if source.ai is not None else _parts(connection, _one_cost(from_days(ai_spend, window), query.cost), 0)
    )
    bills = bills_of(connection, {part.slice_id for part in parts})
    with exactly():
        rows = sorted(_rows(parts, bills), key=lambda row: _order(row, query))
        totals = tuple(_totals(parts, known, bills, query.cost))
    lacking = tuple(name for name in COSTS if any(part.lacks(name) for part in parts))
    return Spend(query, tuple(rows), totals, _basis(connection, query, window, totals, bills, lacking=lacking))


class _Part(NamedTuple):
    """What one bill contributes to one combination of the cuts; ``unknown_costs`` as in ``spend_day``."""

    currency: str
    slice_id: int
    is_ai: bool | None
    unknown_costs: int
    costs: tuple[Decimal | None, ...]
    cut: tuple[CutValue, ...]

    @property
    def size(self) -> Decimal:
        """Effective cost, or billed cost where it is unknown."""
        billed, effective, *_ = self.costs
        return (effective if effective is not None else billed) or Decimal(0)

    def lacks(self, name: CostColumn) -> bool:
        """Whether some charge behind it has no such cost, although its bill gives the column."""
        return bool(self.unknown_costs & COST_BITS[name])


def _parts(connection: Connection, source: Source, cuts: int) -> list[_Part]:
    """Sums within each bill: summed further here, where finality and unknown columns are decided bill by bill."""
    keys = [source.currency, source.slice_id, null() if source.ai is None else source.ai, *source.cuts]
    unknown = source.unknown_costs if source.is_summed else func.bit_or(source.unknown_costs)
    costs = source.costs if source.is_summed else [func.sum(cost) for cost in source.costs]
    # named apart: a cut may be the same column as a key
    columns = [column.label(f"column_{number}") for number, column in enumerate((*keys, unknown, *costs))]
    statement = select(*columns).select_from(source.relation).where(*source.conditions)
    if not source.is_summed:
        statement = statement.group_by(*keys)
    return [
        _Part(row[0], row[1], row[2], row[3 + cuts], tuple(row[4 + cuts :]), tuple(row[3 : 3 + cuts]))
        for row in connection.execute(statement)
    ]


def _rows(parts: Iterable[_Part], bills: Mapping[int, Bill]) -> Iterator[SpendRow]:
    groups: dict[tuple[Any, ...], list[_Part]] = {}
    for part in parts:
        groups.setdefault((part.currency, *part.cut), []).append(part)
    for group in groups.values():
        costs = _costs(group)
        yield SpendRow(
            cut=group[0].cut,
            costs=costs,
            currency=group[0].currency,
            final_share=_final_share(group, bills),
            partly_unknown=_partly_unknown(costs, group, bills),
        )


def _partly_unknown(costs: Costs, parts: Sequence[_Part], bills: Mapping[int, Bill]) -> tuple[CostColumn, ...]:
    """The costs that are known, but not of everything behind ``parts``."""
    return tuple(
        name
        for name in COSTS
        if costs.of(name) is not None
        and any(part.lacks(name) or name in bills[part.slice_id].unknown for part in parts)
    )


def _costs(parts: Sequence[_Part]) -> Costs:
    if len(parts) == 1:
        return Costs(*parts[0].costs)
    return Costs(*(_sum(column) for column in zip(*(part.costs for part in parts), strict=True)))


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known[1:], known[0]) if known else None


def _final_share(parts: Sequence[_Part], bills: Mapping[int, Bill]) -> Decimal | None:
    """Each contributing bill weighs by the absolute value of its sum, so that the cut makes no difference."""
    sums: dict[int, Decimal] = {}
    for part in parts:
        sums[part.slice_id] = sums.get(part.slice_id, Decimal(0)) + part.size
    whole = sum(map(abs, sums.values()), Decimal(0))
    final = sum((abs(size) for slice_id, size in sums.items() if bills[slice_id].is_final), Decimal(0))
    return rate(final, whole) if whole else None


def _one_cost(source: Source, cost: CostColumn) -> Source:
    """The source with one of its costs: adding up four takes four times as long."""
    return replace(source, costs=(source.costs[COSTS.index(cost)],))


def _totals(
    parts: Sequence[_Part], known: Sequence[_Part], bills: Mapping[int, Bill], cost: CostColumn
) -> Iterator[SpendTotal]:
    """Per currency; ``known`` covers the same charges and tells which are AI spend; it may have ``cost`` alone."""
    for currency in sorted({part.currency for part in parts}):
        ours = [part for part in parts if part.currency == currency]
        ai = [part for part in known if part.currency == currency and part.is_ai]
        whole = _costs(ours)
        of_ai = _sum(part.costs[COSTS.index(cost) if len(part.costs) > 1 else 0] for part in ai) if ai else Decimal(0)
        lacking = any(part.lacks(cost) or cost in bills[part.slice_id].unknown for part in ai)
        yield SpendTotal(
            currency=currency,
            costs=whole,
            ai=of_ai,
            final_share=_final_share(ours, bills),
            partly_unknown=_partly_unknown(whole, ours, bills),
            ai_is_partly_unknown=of_ai is not None and lacking,
        )


def _order(row: SpendRow, query: SpendQuery) -> tuple[Any, ...]:
    amount = row.costs.of(query.cost)
    by_size = (row.currency, amount is None, -(amount or Decimal(0)), tuple(str(value) for value in row.cut))
    return (row.cut[0], *by_size) if query.by and query.by[0] in _DATE_CUTS else by_size


def _basis(
    connection: Connection,
    query: SpendQuery,
    window: Window | None,
    totals: Sequence[SpendTotal],
    bills: Mapping[int, Bill],
    *,
    lacking: tuple[CostColumn, ...] = (),
) -> Basis:
    return Basis(
        axis=query.axis,
        window=window,
        cost=query.cost,
        scope="AI spend" if query.ai_only else "all spend",
        without=query.without,
        currencies=tuple(total.currency for total in totals),
        data_as_of=max((bill.loaded_at for bill in bills.values()), default=None),
        newest_day=None if window is None else newest_day(connection, query.axis, window),
        final_share={total.currency: total.final_share for total in totals},
        gaps=tuple(
            Gap(bill.provider, bill.scope, bill.period, bill.unknown) for bill in bills.values() if bill.unknown
        ),
        lacking=lacking,
        pending=pending_bills(connection),
        allocation=divided_by(connection, window) if window and _DIVIDED & set(query.by) else (),
        has_lost_tax="tax" not in query.without and has_lost_tax(connection),
        tax_apart=() if query.ai_only or "tax" in query.without else tax_apart(connection, bills),
    )
