"""Why cost changed between two periods: effects that add up to the change exactly, and what is behind each.

The cells are :mod:`analyzer.drivers`', the arithmetic :mod:`analyzer.variance`'s; cut as spend is. Effective cost,
by charge day. The change of a total is the sum of its rows', and its costs the same number as spend over the same days,
in each currency as in one of them (:func:`reports.views.converted.spend_in`). Each row is taken apart by itself, the
total as a whole: it is told the same whatever the cut, and what went from one row to another is no effect in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection

from aispend.clock import month_of, next_month
from aispend.errors import UsageError
from aispend.money import exact_sum
from analyzer.conversion import Both, Period
from analyzer.currency import rounded
from analyzer.drivers import RESOURCE, TAG_PREFIX, CellName, Drivers, drivers
from analyzer.served import Use
from analyzer.variance import EFFECTS, Cell, Effect, Pool, explain, mix_against_mean
from reports.views.basis import Window, newest_window
from reports.views.change_figures import SIDES, Explained, Moved, moved, use_of

_OF_CELLS = ("provider", "account", "service", "region", "model", "team", "stage")
CHANGE_CUTS: tuple[str, ...] = (*_OF_CELLS, RESOURCE)
"""Besides these, ``tag:KEY``."""


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
    demand_by_cut: Mapping[str, bool]
    """Per currency, whether what has a demand in the total has one of its own in all rows with it on both sides."""
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

    Each value of a cut is taken apart by itself. Raises ``UsageError`` for a cut there is not.
    """
    for name in by:
        if name not in CHANGE_CUTS and not _is_tag(name):
            raise UsageError(
                f"Change has no cut by {name!r}.", next_step=f"Choose from {', '.join(CHANGE_CUTS)} or tag:KEY."
            )
    found = drivers(connection, _period(before), _period(after), ai_only=ai_only, currency=currency, by=by)
    cells = _explained(found.pools, found)
    whole = cells if found.pools is found.whole else _explained(found.whole, found)
    rows = sorted(_summed(cells, tuple(by), found), key=lambda row: (row.currency, -abs(row.change), str(row.cut)))
    totals = [
        _total(code, [row for row in rows if row.currency == code], [one for one in whole if one.currency == code])
        for code in sorted({row.currency for row in rows})
    ]
    asked = found.conversion
    with_demand = {(use_of(pool), pool.cells[0].key.unit) for pool in found.whole if pool.demand}
    needing = [
        one
        for one in cells
        if one.cell.kind == "use"
        and (use_of(one.pool), one.cell.key.unit) in with_demand
        and all(any(getattr(cell, side).quantity for cell in one.pool.cells) for side in SIDES)
    ]
    return Changes(
        by=tuple(by),
        before=before,
        after=after,
        ai_only=ai_only,
        rows=tuple(rows),
        totals=tuple(totals),
        drivers={total.currency: tuple(_drivers(total, whole, found)) for total in totals},
        demand_known={
            total.currency: any(one.pool.demand for one in whole if one.currency == total.currency) for total in totals
        },
        demand_by_cut={
            total.currency: all(one.pool.demand for one in needing if one.currency == total.currency)
            for total in totals
        },
        currency=currency,
        unconverted=asked.unconverted if asked else {},
        oldest_rate=asked.oldest_rate if asked else None,
    )


def _is_tag(name: str) -> bool:
    return name.startswith(TAG_PREFIX) and len(name) > len(TAG_PREFIX)


def _explained(pools: Iterable[Pool[CellName]], found: Drivers) -> list[Explained]:
    worth = found.conversion.worth if found.conversion else None
    explained = []
    for pool in pools:
        effects = explain(pool, worth=worth)
        explained += [Explained(cell, effects[cell.key], pool, _shown_in(cell.key, found)) for cell in pool.cells]
    return explained


def _summed(cells: Sequence[Explained], by: tuple[str, ...], found: Drivers) -> Iterable[Change]:
    groups: dict[tuple[str, tuple[str | None, ...]], list[Explained]] = {}
    for one in cells:
        name = one.cell.key
        narrower = iter(name.narrower)
        cut = tuple(next(narrower) if part not in _OF_CELLS else getattr(name, part) for part in by)
        groups.setdefault((one.currency, cut), []).append(one)
    for (currency, cut), members in groups.items():
        before, after = _amounts([one.cell for one in members], found)
        yield Change(
            cut=cut,
            currency=currency,
            before=before,
            after=after,
            effects=_effects(members, before, after),
            partly_unknown=any(one.cell.key in found.lacking for one in members),
        )


def _effects(members: Sequence[Explained], before: Decimal, after: Decimal) -> dict[Effect, Decimal]:
    """The effects of cells, which add up to ``after`` less ``before``."""
    sums = {name: exact_sum(one.effects[name] for one in members if name in one.effects) for name in EFFECTS}
    # amounts are rounded once a row, effects once a cell: what that leaves goes to the largest
    largest = max(EFFECTS, key=lambda name: abs(sums[name]))
    left = (after, before.copy_negate(), *(amount.copy_negate() for amount in sums.values()))
    sums[largest] = exact_sum((sums[largest], *left))
    return {name: amount for name, amount in sums.items() if amount}


def _amounts(cells: Sequence[Cell[CellName]], found: Drivers) -> Both:
    if found.conversion is None:
        return exact_sum(cell.before.effective for cell in cells), exact_sum(cell.after.effective for cell in cells)
    worths = [found.conversion.worth[cell.key] for cell in cells]
    before, after = (sum((getattr(one, side) for one in worths), Fraction(0)) for side in SIDES)
    return rounded(before), rounded(after)


def _shown_in(name: CellName, found: Drivers) -> str:
    return found.conversion.currency if found.conversion else name.currency


def _total(currency: str, rows: Sequence[Change], whole: Sequence[Explained]) -> Change:
    before, after = exact_sum(row.before for row in rows), exact_sum(row.after for row in rows)
    return Change(
        cut=(),
        currency=currency,
        before=before,
        after=after,
        effects=_effects(whole, before, after),
        partly_unknown=any(row.partly_unknown for row in rows),
    )


def _drivers(total: Change, cells: Sequence[Explained], found: Drivers) -> Iterable[Driver]:
    """The effects of a total, the largest first, each with what carries most of it in its own direction."""
    ours = [one for one in cells if one.currency == total.currency]
    mix = _mix(ours, found)
    for effect, amount in sorted(total.effects.items(), key=lambda item: -abs(item[1])):
        sums: dict[str | None, Decimal] = {}
        for one in ours:
            part = mix.get(one.cell.key) if effect == "mix" else one.effects.get(effect)
            if part is not None:
                label = _label(one.cell.key, effect)
                sums[label] = exact_sum((sums.get(label, Decimal(0)), part))
        if not sums:  # what rounding left, of no cell
            yield Driver(effect, amount, None, amount, None)
            continue
        label = max(sums, key=lambda name: (sums[name] * (1 if amount > 0 else -1), str(name)))
        members = [one for one in ours if effect in one.effects and _label(one.cell.key, effect) == label]
        if effect in ("volume", "efficiency"):
            members = _largest_use(members, effect)
        yield Driver(effect, amount, label, sums[label], moved(effect, members, ours, found))


def _mix(cells: Sequence[Explained], found: Drivers) -> dict[CellName, Decimal]:
    """Whose doing the mix is, cell by cell: a machine another came beside did not change it."""
    worth = found.conversion.worth if found.conversion else None
    pools = {id(one.pool): one.pool for one in cells if "mix" in one.effects}
    return {key: part for pool in pools.values() for key, part in mix_against_mean(pool, worth).items()}


def _largest_use(members: Sequence[Explained], effect: Effect) -> list[Explained]:
    """Of a model those of one use of it, its training or its serving, which carries most of the effect.

    What one use moved is not told by the figures of another.
    """
    uses: dict[Use, list[Explained]] = {}
    for one in members:
        uses.setdefault(use_of(one.pool), []).append(one)
    parts = {use: exact_sum(one.effects[effect] for one in found) for use, found in uses.items()}
    direction = 1 if exact_sum(parts.values()) > 0 else -1
    return uses[max(parts, key=lambda use: (parts[use] * direction, use))]


def _label(name: CellName, effect: Effect) -> str | None:
    if effect == "currency":
        return name.currency
    if effect in ("price", "mix"):
        return name.what or name.service
    return name.model or name.service


def _period(window: Window) -> Period:
    return window.first, window.end
