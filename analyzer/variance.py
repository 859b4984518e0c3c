"""Why cost changed: the difference between two periods taken apart into effects that add up to it exactly.

Assumes     cells of cost (a SKU in a region, on spot or not, for a model, team …) with quantity, contracted cost
            and effective cost before and after, gathered in pools whose quantities can be added (accelerator hours,
            tokens, or one SKU's own unit), each with the demand it served (requests, else tokens) where known.
Method      A pool's cost is demand × quantity per demand × share of each cell × contracted price × effective part of
            it × exchange rate. The factors are changed from before to after in this order, one at a time, each
            effect being what its change does to the cost:

            volume      q0 · (D1/D0 − 1) · p0 · d0          more or less was asked for
            efficiency  q0 · (U1/U0 − D1/D0) · p0 · d0      each request took more or less of it
            mix         (q1 − q0 · U1/U0) · p0 · d0         dearer or cheaper cells: spot, type, region, class
            price       q1 · (p1 − p0) · d0                 the contracted price of the same thing
            commitment  q1 · p1 · (d1 − d0)                 what commitments cover, and what of them is unused
            currency    after · (x1 − x0)                   the exchange rate; what days at other rates than the mean
                                                            x0 of the period before add goes here too

            (q quantity of the cell, U of the pool, D demand, p contracted cost per unit, d effective / contracted
            cost, x rate). The terms cancel, so they add up to the change; what rounding to 1e-12 leaves goes to the
            largest. Quantity before and price after is the usual price–volume split (methods, T7.5).
Cases       Without demand, quantity stands for it: efficiency is then in volume, and the row says so. Idle hours are
            an effect of their own. A pool that is new or gone is volume. A cell that is new within its pool is mix,
            at today's price. Credits, tax, and what has no quantity or changes its sign are effects of their own.
Drawbacks   The order decides to whom the joint part of two changes goes: volume is counted at old prices, price at
            new volume.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Generic, Literal, TypeVar, get_args

from aispend.money import COST_QUANTUM

Key = TypeVar("Key", bound=Hashable)
Effect = Literal[
    "volume", "efficiency", "idle", "mix", "price", "commitment", "credits", "tax", "other", "currency"
]  # fmt: skip
EFFECTS: tuple[Effect, ...] = get_args(Effect)

Kind = Literal["use", "idle", "commitment", "credits", "tax"]
"""What a cell's cost is for: ``commitment`` is the unused part of one; ``use`` everything that was used."""

_WHOLE: Mapping[Kind, Effect] = {"commitment": "commitment", "credits": "credits", "tax": "tax"}
"""Kinds whose change is one effect, whatever their quantity."""


@dataclass(frozen=True)
class Amount:
    """What a cell held in one period; costs in the bill's currency.

    ``quantity`` None: the bill counts nothing. ``contracted`` None: its price before commitments is not known.
    """

    quantity: Decimal | None = None
    contracted: Decimal | None = None
    effective: Decimal = Decimal(0)


NOTHING = Amount(quantity=Decimal(0), contracted=Decimal(0))


@dataclass(frozen=True)
class Cell(Generic[Key]):
    """One cell before and after; ``key`` is whatever names it to the caller."""

    key: Key
    kind: Kind
    before: Amount
    after: Amount


@dataclass(frozen=True)
class Pool(Generic[Key]):
    """Cells whose quantities add up, and the demand they served; None where it is not known in both periods."""

    cells: Sequence[Cell[Key]]
    demand: tuple[Decimal, Decimal] | None = None

    @property
    def counted(self) -> list[Cell[Key]]:
        """Those whose quantity explains their cost: used or idle, its quantity known and not below zero."""
        return [cell for cell in self.cells if _is_counted(cell)]


@dataclass(frozen=True)
class Rates:
    """Reporting currency per unit of the bill's, before and after."""

    before: Decimal = Decimal(1)
    after: Decimal = Decimal(1)


@dataclass(frozen=True)
class Worth:
    """A cell's effective cost in the reporting currency, each day at its own rate; ``rate`` is what effects are valued
    at: reporting currency per unit of the bill's, in the period before."""

    before: Fraction
    after: Fraction
    rate: Fraction


def explain(
    pool: Pool[Key], rates: Rates | None = None, worth: Mapping[Key, Worth] | None = None
) -> dict[Key, dict[Effect, Decimal]]:
    """The effects of every cell, none of them zero; they add up to its change exactly, to 1e-12.

    ``worth`` of each cell takes the place of one rate for all of a period.
    """
    at = rates or Rates()
    growth = _growth(pool)
    asked = growth
    if pool.demand is not None and pool.demand[0] > 0 and growth:
        asked = Fraction(pool.demand[1]) / Fraction(pool.demand[0])
    found = {}
    effects: dict[Effect, Fraction]
    for cell in pool.cells:
        if cell.kind in _WHOLE:
            effects = {_WHOLE[cell.kind]: _difference(cell)}
        elif not _is_counted(cell):
            effects = {"other": _difference(cell)}
        elif not cell.before.quantity and not cell.after.quantity:
            effects = {}
        elif growth is None or asked is None or not growth:
            effects = {"idle" if cell.kind == "idle" else "volume": _difference(cell)}
        else:
            effects = _factors(cell, growth, asked)
        found[cell.key] = _in_money(effects, _difference(cell), worth[cell.key] if worth else _at(cell, at))
    return found


def mix_against_mean(pool: Pool[Key], worth: Mapping[Key, Worth] | None = None) -> dict[Key, Decimal]:
    """Whose doing the mix of a pool is: what each cell has beyond its share, at what it costs above the pool's mean.

    Its sum is that of the mix :func:`explain` tells, but for rounding. There a cell that stayed as it was has a part as
    well where another came beside it, so that each cell's effects add up; here it has none.
    """
    growth = _growth(pool)
    if not growth:
        return {}
    held = sum((_quantity(cell.before) for cell in pool.counted), Fraction(0))
    mean = sum((_quantity(cell.before) * _unit_cost(cell) for cell in pool.counted), Fraction(0)) / held
    found = {}
    for cell in pool.counted:
        moved = (_quantity(cell.after) - _quantity(cell.before) * growth) * (_unit_cost(cell) - mean)
        found[cell.key] = round(moved * (worth[cell.key].rate if worth else 1) / _QUANTUM) * COST_QUANTUM
    return found


def _growth(pool: Pool[Key]) -> Fraction | None:
    """Quantity after by quantity before; None where there was none."""
    before, after = (sum((_quantity(amount) for amount in side), Fraction(0)) for side in _sides(pool.counted))
    return after / before if before else None


def _unit_cost(cell: Cell[Key]) -> Fraction:
    """Effective cost per unit before; after, where it is new; nothing where there is none of it."""
    amount = cell.before if _quantity(cell.before) else cell.after
    return Fraction(amount.effective) / _quantity(amount) if _quantity(amount) else Fraction(0)


def _factors(cell: Cell[Key], growth: Fraction, asked: Fraction) -> dict[Effect, Fraction]:
    q0, q1 = _quantity(cell.before), _quantity(cell.after)
    p0, d0 = _price(cell.before if q0 else cell.after)
    p1, d1 = _price(cell.after if q1 else cell.before)
    volume = q0 * (asked - 1) * p0 * d0
    efficiency = q0 * (growth - asked) * p0 * d0
    mix = (q1 - q0 * growth) * p0 * d0
    rest: dict[Effect, Fraction] = {"price": q1 * (p1 - p0) * d0, "commitment": q1 * p1 * (d1 - d0)}
    if cell.kind == "idle":
        return {"idle": volume + efficiency + mix, **rest}
    return {"volume": volume, "efficiency": efficiency, "mix": mix, **rest}


def _price(amount: Amount) -> tuple[Fraction, Fraction]:
    """Contracted cost per unit, and the part of it that is effective; all of the price where it is not known."""
    quantity = _quantity(amount)
    if amount.contracted is None or amount.contracted <= 0:
        return Fraction(amount.effective) / quantity, Fraction(1)
    return Fraction(amount.contracted) / quantity, Fraction(amount.effective) / Fraction(amount.contracted)


def _is_counted(cell: Cell[Key]) -> bool:
    """Whether quantity explains the cost: known on both sides, and none without quantity or below zero."""
    return cell.kind in ("use", "idle") and all(
        amount.quantity is not None and (amount.quantity > 0 or (amount.quantity == 0 and not amount.effective))
        for amount in (cell.before, cell.after)
    )


def _sides(cells: Sequence[Cell[Key]]) -> tuple[list[Amount], list[Amount]]:
    return [cell.before for cell in cells], [cell.after for cell in cells]


def _quantity(amount: Amount) -> Fraction:
    return Fraction(amount.quantity or 0)


def _difference(cell: Cell[Key]) -> Fraction:
    return Fraction(cell.after.effective) - Fraction(cell.before.effective)


def _at(cell: Cell[Key], rates: Rates) -> Worth:
    before, after = Fraction(rates.before), Fraction(rates.after)
    return Worth(Fraction(cell.before.effective) * before, Fraction(cell.after.effective) * after, before)


def _in_money(effects: Mapping[Effect, Fraction], change: Fraction, worth: Worth) -> dict[Effect, Decimal]:
    """At the old rate, the rate's own effect last; rounded, and what rounding leaves put on the largest."""
    parts = {name: part * worth.rate for name, part in effects.items()}
    parts["currency"] = worth.after - worth.before - worth.rate * change
    whole = round(worth.after / _QUANTUM) - round(worth.before / _QUANTUM)
    units = {name: round(part / _QUANTUM) for name, part in parts.items()}
    largest = max(units, key=lambda name: (abs(units[name]), -EFFECTS.index(name)))
    units[largest] += whole - sum(units.values())
    return {name: amount * COST_QUANTUM for name, amount in units.items() if amount}


_QUANTUM = Fraction(COST_QUANTUM)
