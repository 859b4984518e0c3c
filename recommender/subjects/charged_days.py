"""Charges of more than a day, on the days they are for.

Assumes
    A charge of a period costs the same on each of its days, and what is kept is paid for without a break.
Method
    A line whose period is longer than a day is divided equally over its days. Of what is kept, a charge that names no
    period and comes back from 28 to 31 days later every time is for the days until the next one; the newest is for a
    calendar month.
Cases
    Days after the evidence's end are left out. A single charge without a period stays on its day: nobody can say what
    it is for.
Known drawbacks
    In a bill by the day a month that is still running may be billed to date alone: its days then cost too little. In
    one by the month it is of the days to date (``aispend/monthly_bills.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from aispend.clock import next_month
from recommender.contract import DailyCost

_SHORTEST_MONTH, _LONGEST_MONTH = 28, 31


def on_its_days(cost: DailyCost, end: date | None, *, since: date, until: date) -> list[DailyCost]:
    """A charge of its day, or of the days to the one before ``end``, on those of ``since`` to the one before ``until``.

    A part of a period says nothing of the hours: all 24 of each day.
    """
    if end is None or (days := (end - cost.day).days) <= 1:
        return [cost] if since <= cost.day < until else []

    def part(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else amount / days

    each = replace(
        cost,
        hours=24 if cost.hours else 0,
        hours_mask=None if cost.hours else 0,
        list_cost=part(cost.list_cost),
        effective_cost=part(cost.effective_cost),
        uncovered_effective_cost=part(cost.uncovered_effective_cost),
        bound_cost=part(cost.bound_cost),
        bound_to_type_cost=part(cost.bound_to_type_cost),
    )
    all_days = (cost.day + timedelta(days=number) for number in range(days))
    return [replace(each, day=day) for day in all_days if since <= day < until]


def each_day(
    row: Any, amounts: Sequence[str], *, since: date, until: date, by: Mapping[date, Decimal] | None = None
) -> Iterator[Any]:
    """A row of a bill, of its ``day`` or of the days to the one before ``end_day``, as one of each of its days.

    ``amounts`` are divided over all its days as ``by`` weighs them, equally where it knows none of them; told are those
    of ``since`` to the one before ``until``.
    """
    days = 1 if row.end_day is None else max((row.end_day - row.day).days, 1)
    if days == 1:
        if since <= row.day < until:
            yield row
        return
    weights = {day: (by or {}).get(day, Decimal(0)) for day in (row.day + timedelta(days=n) for n in range(days))}
    whole = sum(weights.values())
    if not whole:
        weights, whole = dict.fromkeys(weights, Decimal(1)), Decimal(days)
    for day, weight in weights.items():
        if weight and since <= day < until:
            parts = {
                name: None if (all_of := getattr(row, name)) is None else all_of * weight / whole for name in amounts
            }
            yield SimpleNamespace(**(row._asdict() | parts | {"day": day}))


def one_a_day(costs: Iterable[DailyCost]) -> list[DailyCost]:
    """What several charges of one thing come to on each day, in order; unknown where one of them is."""
    by_day: dict[date, DailyCost] = {}
    for cost in costs:
        before = by_day.get(cost.day)
        by_day[cost.day] = cost if before is None else _sum(before, cost)
    return [by_day[day] for day in sorted(by_day)]


def by_the_month(costs: Sequence[DailyCost], until: date) -> Sequence[DailyCost]:
    """The costs of what is kept, each charge of a month on its days; as they are where they are not monthly."""
    days = [cost.day for cost in costs]
    apart = [(later - day).days for day, later in pairwise(days)]
    if not apart or min(apart) < _SHORTEST_MONTH or max(apart) > _LONGEST_MONTH:
        return costs
    ends = [*days[1:], next_month(days[-1].replace(day=1)) + timedelta(days=days[-1].day - 1)]
    return [
        one for cost, end in zip(costs, ends, strict=True) for one in on_its_days(cost, end, since=days[0], until=until)
    ]


def _sum(one: DailyCost, other: DailyCost) -> DailyCost:
    def add(amount: Decimal | None, more: Decimal | None) -> Decimal | None:
        return None if amount is None or more is None else amount + more

    ran = [cost.hours_mask for cost in (one, other) if cost.hours]
    masks = [mask for mask in ran if mask is not None]
    mask = masks[0] | masks[-1] if masks else None if ran else 0
    return DailyCost(
        day=one.day,
        hours=max(one.hours, other.hours) if mask is None else mask.bit_count(),
        list_cost=add(one.list_cost, other.list_cost),
        effective_cost=add(one.effective_cost, other.effective_cost),
        uncovered_effective_cost=add(one.uncovered_effective_cost, other.uncovered_effective_cost),
        is_spot=one.is_spot or other.is_spot,
        billed=one.billed or other.billed,
        hours_mask=mask,
        bound_cost=add(one.bound_cost, other.bound_cost),
        bound_to_type_cost=add(one.bound_to_type_cost, other.bound_to_type_cost),
    )
