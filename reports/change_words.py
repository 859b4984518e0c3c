"""A change in cost as a finance manager reads it: what moved, by how much, and what is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from aispend.money import HALF_CENT, change_in_words, exact_sum
from analyzer.variance import Effect
from reports.formats import change as relative
from reports.formats import count, figure, money, percent
from reports.views.change import Change, Driver
from reports.views.change_figures import Moved

_WORDS: Mapping[Effect, tuple[str, str]] = {
    "volume": ("more use", "less use"),
    "efficiency": ("more per request", "less per request"),
    "idle": ("more idle", "less idle"),
    "mix": ("dearer mix", "cheaper mix"),
    "price": ("higher prices", "lower prices"),
    "commitment": ("less gained from commitments", "more gained from commitments"),
    "credits": ("smaller credits", "larger credits"),
    "tax": ("more tax", "less tax"),
    "other": ("more of what has no quantity", "less of what has no quantity"),
    "currency": ("dearer currency", "cheaper currency"),
}
"""What it means when an effect raises, and when it lowers the cost."""

_CENT = Decimal("0.01")
_MORE_DIGITS = 6
_NOTHING = Decimal("0.000001")
"""Less than this is what dividing charges to 1e-12 over days and users leaves, and nothing anybody paid."""


def effect_words(effect: Effect, amount: Decimal) -> str:
    """An effect as what happened: ``volume`` above zero is ``more use``."""
    return _WORDS[effect][amount.is_signed()]


def in_cents(amounts: Sequence[Decimal]) -> list[Decimal]:
    """``amounts`` in cents that add up to their sum in cents: largest remainder, ties to the earlier.

    Each stays within a cent of itself, and what comes to nothing keeps its sign. A sum that is something, but less than
    half a cent, is not told in cents: then they stay as they are.
    """
    total = exact_sum(amounts)
    if total and abs(total) <= HALF_CENT:
        return list(amounts)
    cents = [amount.quantize(_CENT, rounding=ROUND_FLOOR) for amount in amounts]
    left = int((total.quantize(_CENT, rounding=ROUND_HALF_EVEN) - exact_sum(cents)) / _CENT)
    for index in sorted(range(len(cents)), key=lambda i: (cents[i] - amounts[i], i))[:left]:
        cents[index] += _CENT
    return [shown or shown.copy_sign(exact) for shown, exact in zip(cents, amounts, strict=True)]


def told(drivers: Iterable[Driver]) -> tuple[Driver, ...]:
    """All drivers of a change as they are printed: in cents that add up to the change as printed."""
    exact = tuple(drivers)
    shown = zip(exact, in_cents([one.amount for one in exact]), strict=True)
    return tuple(
        replace(one, amount=amount, of_name=amount if one.of_name == one.amount else one.of_name)
        for one, amount in shown
    )


def told_in_cents(drivers: Iterable[Driver]) -> list[Driver]:
    """Those of :func:`told` that come to half a cent or more."""
    return [one for one in told(drivers) if abs(one.amount) >= HALF_CENT]


def signed(amount: Decimal) -> str:
    """For a table: ``+1,234.50``, ``-1,234.50``, a part of a cent ``-0.0012``; what comes to nothing ``0.00``."""
    if abs(amount) < _NOTHING:
        return money(Decimal(0))
    text = money(abs(amount))
    return f"{'-' if amount < 0 else '+'}{text}" if amount else text


def grown(total: Change) -> str:
    """How much that is of what it cost before: `` (+12.0 %)``; nothing where that was nothing, or less."""
    return f" ({relative(total.change / total.before)})" if total.before > HALF_CENT else ""


def headline(total: Change, drivers: tuple[Driver, ...], most: int = 3) -> str:
    """The change in a sentence: its largest effects, what each is mostly of, and what the others come to."""
    known = told_in_cents(drivers)
    parts = [
        f"{change_in_words(one.amount)} {effect_words(one.effect, one.amount)}{_mostly(one)}" for one in known[:most]
    ]
    rest = exact_sum(one.amount for one in known[most:])
    others = f" and {change_in_words(rest)} other effects" if rest else ""
    moved = f"{change_in_words(total.change, total.currency)}{grown(total)}"
    return f"{moved}: {', '.join(parts)}{others}." if parts else f"{moved}."


def _mostly(driver: Driver) -> str:
    return f" ({driver.name})" if driver.name else ""


def behind(driver: Driver) -> str:
    """What carries most of an effect, with its figures: ``claude-sonnet-4 +2,276.68: requests 1,000 → 2,000``."""
    carried = f"{driver.name or 'no model or service known'} {change_in_words(driver.of_name)}"
    return f"{carried}: {_figures(driver.moved)}" if driver.moved else carried


def _figures(moved: Moved) -> str:
    if moved.measure == "spot_share":
        return f"spot share of accelerator hours {_apart(moved, percent, 0)}"
    if moved.measure == "paid_part":
        return f"{_apart(moved, percent, 0)} of the contracted price is paid"
    if moved.measure == "price":
        return f"{_apart(moved, figure, 3)}{f' {moved.of}' if moved.of else ''} per {moved.per}"
    if moved.measure == "exchange_rate":
        return f"1 {moved.of} = {_apart(moved, figure, 3)}"
    if moved.measure == "hours_per_1k":
        return f"accelerator hours per 1,000 {moved.of} {_apart(moved, figure, 3)}"
    grown_by = f"{(moved.after / moved.before - 1) * 100:+,.0f} %"
    return f"{moved.measure} {count(moved.before)} → {count(moved.after)} ({grown_by})"


def _apart(moved: Moved, form: Callable[[Decimal, int], str], digits: int) -> str:
    """Before and after with ``digits``, or with as many more as it takes to tell one from the other."""
    shown = [(form(moved.before, digits + more), form(moved.after, digits + more)) for more in range(_MORE_DIGITS)]
    return " → ".join(next((one for one in shown if one[0] != one[1]), shown[0]))


def no_demand(total: Change) -> str:
    """Why nothing of a change is told per request, where its demand is not known."""
    why = (
        "what the charges without effective cost served is not told from the rest"
        if total.partly_unknown
        else "no requests or tokens meet the bills in both periods"
    )
    return f"{why}; what each request took is in the use"


def leading_effects(row: Change, most: int = 2) -> str:
    """The largest effects of one row, and what the others come to: ``more use +3,504.44, other effects -12.00``."""
    shown = zip(row.effects, in_cents(list(row.effects.values())), strict=True)
    known = sorted(((name, cost) for name, cost in shown if abs(cost) >= HALF_CENT), key=lambda item: -abs(item[1]))
    parts = [f"{effect_words(name, amount)} {change_in_words(amount)}" for name, amount in known[:most]]
    rest = exact_sum(amount for _, amount in known[most:])
    return ", ".join([*parts, *([f"other effects {change_in_words(rest)}"] if rest else [])])
