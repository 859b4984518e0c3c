"""The figure behind an effect of a change: what moved, before and after; and the cells it is told of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from aispend.money import exact_sum, rate
from analyzer.currency import rounded
from analyzer.drivers import ACCELERATOR_HOURS, TOKENS, CellName, Drivers
from analyzer.served import Use
from analyzer.variance import Cell, Effect, Pool

Side = Literal["before", "after"]
SIDES: tuple[Side, Side] = ("before", "after")
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


class Explained(NamedTuple):
    """A cell with its effects, and the pool it was explained in."""

    cell: Cell[CellName]
    effects: Mapping[Effect, Decimal]
    pool: Pool[CellName]
    currency: str
    """What its amounts are in."""


def use_of(pool: Pool[CellName]) -> Use:
    """The use of a model that a pool is of; one without a model has an empty name."""
    name = pool.cells[0].key
    return Use(name.provider, name.model or "", name.stage, name.currency)


def moved(
    effect: Effect, members: Sequence[Explained], everything: Sequence[Explained], found: Drivers
) -> Moved | None:
    """The figure behind the largest part of an effect; None where there is none worth a sentence."""
    if effect in ("volume", "efficiency"):
        return _served(effect, members, found)
    if effect == "mix":
        return _spot([one.cell for one in everything])
    cells = [one.cell for one in members]
    if effect == "currency":
        return _rate(cells[0].key.currency, found)
    if len({cell.key.currency for cell in cells}) > 1:
        return None
    if effect == "price":
        return _price(cells, cells[0].key.currency if found.conversion else "")
    if effect == "commitment":
        return _pair("paid_part", *(_paid_part(cells, side) for side in SIDES))
    return None


def _served(effect: Effect, members: Sequence[Explained], found: Drivers) -> Moved | None:
    """What the pools of ``members`` served, or their accelerator hours: all of them, of what is new in a pool too."""
    pools = list({id(one.pool): one.pool for one in members}.values())
    demand = next((pool.demand for pool in pools if pool.demand), None)
    served = found.served[use_of(pools[0])] if demand else None
    if served is not None and effect == "volume":
        return Moved(served.unit, served.before, served.after)
    hours = [cell for pool in pools for cell in pool.counted if cell.key.unit == ACCELERATOR_HOURS]
    before, after = (_quantity(hours, side) for side in SIDES)
    all_hours = all(one.cell.key.unit == ACCELERATOR_HOURS for one in members)
    if not before or not after or (served is None and not all_hours):
        return None
    if served is None:
        return _pair("accelerator hours", before, after) if effect == "volume" else None
    return Moved("hours_per_1k", rate(before, served.before, 1000), rate(after, served.after, 1000), served.unit)


def _spot(cells: Sequence[Cell[CellName]]) -> Moved | None:
    hours = [cell for cell in cells if cell.key.unit == ACCELERATOR_HOURS]
    whole = [_quantity(hours, side) for side in SIDES]
    if not all(whole):
        return None
    on_spot = [cell for cell in hours if cell.key.is_spot]
    before, after = (rate(_quantity(on_spot, side), of) for side, of in zip(SIDES, whole, strict=True))
    return Moved("spot_share", before, after) if abs(after - before) >= _LEAST_SHIFT else None


def _price(cells: Sequence[Cell[CellName]], of: str) -> Moved | None:
    """What one of what is counted cost; None where that is not the same in all cells."""
    units = {cell.key.unit for cell in cells}
    unit = units.pop()
    if units or unit is None:
        return None
    many, per = (1_000_000, f"million {TOKENS}") if unit == TOKENS else (1, _SEVERAL.sub(r"\1", unit))
    return _pair("price", *(_per_unit(cells, side, many) for side in SIDES), of=of, per=per)


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
