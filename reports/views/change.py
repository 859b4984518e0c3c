"""Why cost changed between two periods: effects that add up to the change exactly, and what is behind each.

The cells are :mod:`analyzer.drivers`', the arithmetic :mod:`analyzer.variance`'s; cut as spend is. Effective cost,
by charge day. A total is the sum of its rows, and the same number as spend over the same days, in each currency as in
one of them (:func:`reports.views.converted.spend_in`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from sqlalchemy import Connection

from aispend.clock import month_of, next_month
from aispend.errors import UsageError
from aispend.money import exact_sum, rate
from analyzer.conversion import Both, Period
from analyzer.currency import rounded
from analyzer.drivers import ACCELERATOR_HOURS, RESOURCE, TAG_PREFIX, TOKENS, CellName, Drivers, drivers
from analyzer.variance import EFFECTS, Cell, Effect, Pool, explain
from reports.views.basis import Window, newest_window

_OF_CELLS = ("provider", "account", "service", "region", "model", "team", "stage")
CHANGE_CUTS: tuple[str, ...] = (*_OF_CELLS, RESOURCE)
"""Besides these, ``tag:KEY``."""
Side = Literal["before", "after"]
_SIDES: tuple[Side, Side] = ("before", "after")
_SEVERAL = re.compile(r"^([A-Za-z -]+[A-Za-rt-z])s$")
"""A unit in the plural, as ``Hours`` and ``GB-Months``: neither ``1M characters`` nor ``Address``."""
_LEAST_SHIFT = Decimal("0.01")
"""A spot share that moves less is not what changed the mix."""


Measure = Literal[
    "requests", "tokens", "accelerator hours", "hours_per_1k", "spot_share", "price", "paid_part", "exchange_rate"
]
"""What moved: the demand served; accelerator hours, where nobody knows it; accelerator hours per 1,000 of it; the spot
share of accelerator hours; the contracted cost of one ``per``; the part of the contracted cost that is paid; the
reporting currency per unit of the bill's."""


@dataclass(frozen=True)
class Moved:
    """A measure before and after; ``of`` is the demand it is taken per, for ``hours_per_1k``, or the bill's currency,
    for ``exchange_rate`` and for a ``price`` where amounts are in another; ``per`` is what a ``price`` is the price of.
    """

    measure: Measure
    before: Decimal
    after: Decimal
    of: str = ""
    per: str = ""


@dataclass(frozen=True)
class Driver:
    """What an effect is mostly of: ``name`` a model, a SKU or a service, with its part and the figure that moved."""

    effect: Effect
    amount: Decimal
    name: str | None
    of_name: Decimal
    moved: Moved | None


@dataclass(frozen=True)
class Change:
    """One cut: effective cost before and after, in ``currency``, and the effects, which add up to their difference."""

    cut: tuple[str | None, ...]
    currency: str
    before: Decimal
    after: Decimal
    effects: Mapping[Effect, Decimal]
    partly_unknown: bool

    @property
    def change(self) -> Decimal:
        """After less before."""
        return exact_sum((self.after, self.before.copy_negate()))

    def effect(self, name: Effect) -> Decimal:
        """An effect; zero where there is none."""
        return self.effects.get(name, Decimal(0))


@dataclass(frozen=True)
class Changes:
    """Rows, the largest change first; a total for each currency with the drivers of its effects.

    ``unconverted`` and ``oldest_rate`` where all was asked for in one ``currency``: what had no rate, by currency, and
    the day the oldest rate used is from.
    """

    by: tuple[str, ...]
    before: Window
    after: Window
    ai_only: bool
    rows: tuple[Change, ...]
    totals: tuple[Change, ...]
    drivers: Mapping[str, tuple[Driver, ...]]
    demand_known: Mapping[str, bool]
    """Per currency, whether some of it has a demand to tell efficiency from volume."""
    currency: str | None = None
    unconverted: Mapping[str, Both] = field(default_factory=dict)
    oldest_rate: date | None = None


def month_against_month(connection: Connection) -> tuple[Window, Window] | None:
    """The newest month up to its newest day, and the same days of the month before; whole months where it is whole."""
    newest = newest_window(connection)
    if newest is None:
        return None
    start = month_of(newest.last)
    return same_days_before(Window(start, newest.end))


def same_days_before(after: Window) -> tuple[Window, Window]:
    """The days to hold ``after`` against: a whole month the whole month before, part of one its same days, else
    as many days just before."""
    first = month_of(after.first)
    earlier = month_of(first - timedelta(days=1))
    if after.first == first and after.end <= next_month(first):
        end = first if after.end == next_month(first) else min(earlier + timedelta(days=after.days), first)
        return Window(earlier, end), after
    return Window(after.first - timedelta(days=after.days), after.first), after


def whole_month(day: date) -> Window:
    """The month ``day`` lies in."""
    first = month_of(day)
    return Window(first, next_month(first))


def same_days_from(first: date, after: Window) -> Window:
    """As many days as ``after`` from ``first`` on; the whole month where both are months."""
    whole = after.first == month_of(after.first) and after.end == next_month(after.first) and first == month_of(first)
    return Window(first, next_month(first) if whole else first + timedelta(days=after.days))


def changes(
    connection: Connection,
    before: Window,
    after: Window,
    *,
    by: Sequence[str] = ("model",),
    ai_only: bool = True,
    currency: str | None = None,
) -> Changes:
    """Why each cut changed, in each currency by itself or all in ``currency``.

    By resource and tag, each value's change is taken apart by itself. Raises ``UsageError`` for a cut there is not.
    """
    for name in by:
        if name not in CHANGE_CUTS and not _is_tag(name):
            raise UsageError(
                f"Change has no cut by {name!r}.", next_step=f"Choose from {', '.join(CHANGE_CUTS)} or tag:KEY."
            )
    narrower = [name for name in by if name == RESOURCE or _is_tag(name)]
    found = drivers(connection, _period(before), _period(after), ai_only=ai_only, currency=currency, narrower=narrower)
    cells = [(cell, effects) for pool in found.pools for cell, effects in _explained(pool, found)]
    rows = sorted(_summed(cells, tuple(by), found), key=lambda row: (row.currency, -abs(row.change), str(row.cut)))
    totals = [
        _total(code, [row for row in rows if row.currency == code]) for code in sorted({row.currency for row in rows})
    ]
    asked = found.conversion
    return Changes(
        by=tuple(by),
        before=before,
        after=after,
        ai_only=ai_only,
        rows=tuple(rows),
        totals=tuple(totals),
        drivers={total.currency: tuple(_drivers(total, cells, found)) for total in totals},
        demand_known={
            total.currency: any(
                pool.demand and _shown_in(pool.cells[0].key, found) == total.currency for pool in found.pools
            )
            for total in totals
        },
        currency=currency,
        unconverted=asked.unconverted if asked else {},
        oldest_rate=asked.oldest_rate if asked else None,
    )


def _is_tag(name: str) -> bool:
    return name.startswith(TAG_PREFIX) and len(name) > len(TAG_PREFIX)


_Explained = tuple[Cell[CellName], Mapping[Effect, Decimal]]


def _explained(pool: Pool[CellName], found: Drivers) -> Iterable[_Explained]:
    effects = explain(pool, worth=found.conversion.worth if found.conversion else None)
    return ((cell, effects[cell.key]) for cell in pool.cells)


def _summed(cells: Sequence[_Explained], by: tuple[str, ...], found: Drivers) -> Iterable[Change]:
    groups: dict[tuple[str, tuple[str | None, ...]], list[_Explained]] = {}
    for cell, effects in cells:
        name = cell.key
        narrower = iter(name.narrower)
        cut = tuple(next(narrower) if part not in _OF_CELLS else getattr(name, part) for part in by)
        groups.setdefault((_shown_in(name, found), cut), []).append((cell, effects))
    for (currency, cut), members in groups.items():
        before, after = _amounts([cell for cell, _ in members], found)
        sums = {name: exact_sum(parts[name] for _, parts in members if name in parts) for name in EFFECTS}
        # amounts are rounded once a row, effects once a cell: what that leaves goes to the largest
        largest = max(EFFECTS, key=lambda name: abs(sums[name]))
        left = (after, before.copy_negate(), *(amount.copy_negate() for amount in sums.values()))
        sums[largest] = exact_sum((sums[largest], *left))
        yield Change(
            cut=cut,
            currency=currency,
            before=before,
            after=after,
            effects={name: amount for name, amount in sums.items() if amount},
            partly_unknown=any(cell.key in found.lacking for cell, _ in members),
        )


def _amounts(cells: Sequence[Cell[CellName]], found: Drivers) -> Both:
    if found.conversion is None:
        return exact_sum(cell.before.effective for cell in cells), exact_sum(cell.after.effective for cell in cells)
    worths = [found.conversion.worth[cell.key] for cell in cells]
    before, after = (sum((getattr(one, side) for one in worths), Fraction(0)) for side in _SIDES)
    return rounded(before), rounded(after)


def _shown_in(name: CellName, found: Drivers) -> str:
    return found.conversion.currency if found.conversion else name.currency


def _total(currency: str, rows: Sequence[Change]) -> Change:
    sums = {name: exact_sum(row.effect(name) for row in rows) for name in EFFECTS}
    return Change(
        cut=(),
        currency=currency,
        before=exact_sum(row.before for row in rows),
        after=exact_sum(row.after for row in rows),
        effects={name: amount for name, amount in sums.items() if amount},
        partly_unknown=any(row.partly_unknown for row in rows),
    )


def _drivers(total: Change, cells: Sequence[_Explained], found: Drivers) -> Iterable[Driver]:
    """The effects of a total, the largest first, each with what carries most of it in its own direction."""
    ours = [(cell, effects) for cell, effects in cells if _shown_in(cell.key, found) == total.currency]
    for effect, amount in sorted(total.effects.items(), key=lambda item: -abs(item[1])):
        sums: dict[str | None, Decimal] = {}
        for cell, effects in ours:
            if effect in effects:
                label = _label(cell.key, effect)
                sums[label] = exact_sum((sums.get(label, Decimal(0)), effects[effect]))
        label = max(sums, key=lambda one: (sums[one] * (1 if amount > 0 else -1), str(one)))
        members = [one for one in ours if effect in one[1] and _label(one[0].key, effect) == label]
        if effect in ("volume", "efficiency"):
            members = _largest_use(members, effect)
        yield Driver(effect, amount, label, sums[label], _moved(effect, [cell for cell, _ in members], ours, found))


def _largest_use(members: Sequence[_Explained], effect: Effect) -> list[_Explained]:
    """Of a model those of one use of it, its training or its serving, which carries most of the effect.

    What one use moved is not told by the figures of another.
    """
    uses: dict[tuple[str, ...], list[_Explained]] = {}
    for one in members:
        uses.setdefault((one[0].key.provider, one[0].key.stage, one[0].key.currency), []).append(one)
    parts = {use: exact_sum(effects[effect] for _, effects in found) for use, found in uses.items()}
    direction = 1 if exact_sum(parts.values()) > 0 else -1
    return uses[max(parts, key=lambda use: (parts[use] * direction, use))]


def _label(name: CellName, effect: Effect) -> str | None:
    if effect == "currency":
        return name.currency
    if effect in ("price", "mix"):
        return name.what or name.service
    return name.model or name.service


def _moved(
    effect: Effect, members: Sequence[Cell[CellName]], everything: Sequence[_Explained], found: Drivers
) -> Moved | None:
    """The figure behind the largest part of an effect; None where there is none worth a sentence."""
    if effect in ("volume", "efficiency"):
        return _served(effect, members, found)
    if effect == "mix":
        return _spot([cell for cell, _ in everything])
    if effect == "currency":
        return _rate(members[0].key.currency, found)
    if len({cell.key.currency for cell in members}) > 1:
        return None
    if effect == "price":
        return _price(members, members[0].key.currency if found.conversion else "")
    if effect == "commitment":
        return _pair("paid_part", *(_paid_part(members, side) for side in _SIDES))
    return None


def _served(effect: Effect, members: Sequence[Cell[CellName]], found: Drivers) -> Moved | None:
    name = members[0].key
    served = found.served.get((name.provider, name.model or "", name.stage, name.currency))
    if served is not None and effect == "volume":
        return Moved(served.unit, served.before, served.after)
    hours = [cell for cell in members if cell.key.unit == ACCELERATOR_HOURS]
    before, after = (_quantity(hours, side) for side in _SIDES)
    if not before or not after or (served is None and len(hours) < len(members)):
        return None
    if served is None:
        return _pair("accelerator hours", before, after) if effect == "volume" else None
    return Moved("hours_per_1k", rate(before, served.before, 1000), rate(after, served.after, 1000), served.unit)


def _spot(cells: Sequence[Cell[CellName]]) -> Moved | None:
    hours = [cell for cell in cells if cell.key.unit == ACCELERATOR_HOURS]
    whole = [_quantity(hours, side) for side in _SIDES]
    if not all(whole):
        return None
    on_spot = [cell for cell in hours if cell.key.is_spot]
    before, after = (rate(_quantity(on_spot, side), of) for side, of in zip(_SIDES, whole, strict=True))
    return Moved("spot_share", before, after) if abs(after - before) >= _LEAST_SHIFT else None


def _price(cells: Sequence[Cell[CellName]], of: str) -> Moved | None:
    """What one of what is counted cost; None where that is not the same in all cells."""
    units = {cell.key.unit for cell in cells}
    unit = units.pop()
    if units or unit is None:
        return None
    many, per = (1_000_000, f"million {TOKENS}") if unit == TOKENS else (1, _SEVERAL.sub(r"\1", unit))
    return _pair("price", *(_per_unit(cells, side, many) for side in _SIDES), of=of, per=per)


def _per_unit(cells: Sequence[Cell[CellName]], side: Side, many: int) -> Decimal | None:
    quantity = _quantity(cells, side)
    return rate(_cost(cells, side, "contracted"), quantity, many) if quantity else None


def _paid_part(cells: Sequence[Cell[CellName]], side: Side) -> Decimal | None:
    contracted = _cost(cells, side, "contracted")
    return rate(_cost(cells, side, "effective"), contracted) if contracted > 0 else None


def _rate(currency: str, found: Drivers) -> Moved | None:
    before, after = found.conversion.rates[currency] if found.conversion else (None, None)
    if before is None or after is None:
        return None
    return _pair("exchange_rate", rounded(before), rounded(after), of=currency)


def _pair(
    measure: Measure, before: Decimal | None, after: Decimal | None, *, of: str = "", per: str = ""
) -> Moved | None:
    return None if before is None or after is None or before == after else Moved(measure, before, after, of, per)


def _quantity(cells: Sequence[Cell[CellName]], side: Side) -> Decimal:
    return exact_sum(getattr(cell, side).quantity or Decimal(0) for cell in cells)


def _cost(cells: Sequence[Cell[CellName]], side: Side, column: Literal["contracted", "effective"]) -> Decimal:
    return exact_sum(getattr(getattr(cell, side), column) or Decimal(0) for cell in cells)


def _period(window: Window) -> Period:
    return window.first, window.end
