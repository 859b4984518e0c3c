"""What another payer pays for the same: its discount is a change of price, and its currency none that saves.

Assumes
    Who pays for an account has a discount and a currency of its own; what runs is the same.
Method
    *Discount*: what the same SKUs cost of their list price since the account changed its payer, over what they did in
    the four weeks before. *Currency*: an hour that is charged in another one counts at what an hour of the same machine
    type (without one, the same SKU) cost before, in those weeks or in the baseline's.
Cases
    No list cost, or no SKU on both sides: no discount is known to have changed. What spot costs is the market's. An
    hour of a type that was never paid for in the old currency, or one that a commitment covers, stays as it is charged.
Known drawbacks
    A change of list prices after another currency came is not seen in what is paid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from aispend.money import exact_sum, rate
from aispend.schema import sku
from recommender.contract import Step
from recommender.ledger.baseline import step_of
from recommender.ledger.billed import Line, lines, sum_up

_BEFORE = timedelta(days=28)
_WHOLE = Decimal(1)
_SAME = Decimal("0.001")
"""A discount that differs by less is rounding."""


def new_discount(
    connection: Connection, item: Any, keys: Collection[int], moved: date, span: tuple[date, date]
) -> Decimal:
    """What is paid of the list price in a span after the account ``moved``, over what was before; 1 where unknown."""
    if item.counterfactual in ("commitment", "same_tokens", "unknown") or step_of(item.kind) is Step.SPOT:
        return _WHOLE
    then = _paid_of_list(lines(connection, keys, item.currency, moved - _BEFORE, moved))
    since = _paid_of_list(lines(connection, keys, item.currency, *span))
    both = then.keys() & since.keys()
    paid = exact_sum(since[one][0] for one in both)
    would = exact_sum(rate(since[one][1] * then[one][0], then[one][1]) for one in both)
    if not paid or not would:
        return _WHOLE
    ratio = rate(paid, would)
    return _WHOLE if abs(ratio - 1) < _SAME else ratio


def _paid_of_list(found: Iterable[Line]) -> dict[int, tuple[Decimal, Decimal]]:
    """By SKU what no commitment covered cost, and at list price."""
    sums: dict[int, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for line in found:
        if not line.covered and line.cost and line.list_cost:
            sums[line.sku_key].append((line.cost, line.list_cost))
    return {key: (exact_sum(cost for cost, _ in some), exact_sum(at for _, at in some)) for key, some in sums.items()}


def at_prices_before(
    connection: Connection, item: Any, found: Sequence[Line], keys: Collection[int], moved: date
) -> tuple[list[Line], str | None]:
    """The lines with what another payer pays in another currency at what an hour cost before, and a sentence of it."""

    def is_other(line: Line) -> bool:
        return line.day >= moved and line.currency != item.currency and not line.covered

    others = [line for line in found if is_other(line)]
    if not others:
        return list(found), None
    weeks = lines(connection, keys, item.currency, moved - _BEFORE, moved)
    baseline = lines(connection, keys, item.currency, item.window_first, item.window_end)
    names = _types(connection, {line.sku_key for line in (*others, *weeks, *baseline)})
    hourly = _hourly(baseline, names) | _hourly(weeks, names)
    changed = []
    for line in found:
        price = hourly.get(names.get(line.sku_key, line.sku_key)) if is_other(line) and line.cost is not None else None
        changed.append(line if price is None else _at(line, *price, item.currency))
    currencies = " and ".join(sorted({line.currency for line in others}))
    return changed, f"Since {moved} another payer pays for it in {currencies}: an hour counts at what it cost before."


def _at(line: Line, hourly: Decimal, listed: Decimal | None, currency: str) -> Line:
    hours = sum_up([line]).hours
    return replace(
        line,
        cost=rate(hourly * hours, _WHOLE),
        list_cost=None if listed is None else rate(listed * hours, _WHOLE),
        currency=currency,
    )


def _types(connection: Connection, keys: Collection[int]) -> dict[int, str]:
    rows = connection.execute(
        select(sku.c.sku_key, sku.c.instance_type).where(sku.c.sku_key.in_(keys), sku.c.instance_type.is_not(None))
    )
    return {row.sku_key: row.instance_type for row in rows}


def _hourly(found: Iterable[Line], names: dict[int, str]) -> dict[int | str, tuple[Decimal, Decimal | None]]:
    """By machine type, or SKU without one, what an hour without a commitment cost, and its list cost."""
    of: dict[int | str, list[Line]] = defaultdict(list)
    for line in found:
        if not line.covered:
            of[names.get(line.sku_key, line.sku_key)].append(line)
    every = {name: sum_up(some) for name, some in of.items()}
    return {
        name: (rate(one.uncovered, one.hours), None if one.list_cost is None else rate(one.list_cost, one.hours))
        for name, one in every.items()
        if one.hours
    }
