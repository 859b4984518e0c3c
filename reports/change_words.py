"""A change in cost as a finance manager reads it: what moved, by how much, and what is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from analyzer.variance import Effect
from reports.formats import change as relative
from reports.formats import count, figure, money, percent
from reports.views.change import Change, Driver, Moved

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

_CENT = Decimal("0.005")


def effect_words(effect: Effect, amount: Decimal) -> str:
    """An effect as what happened: ``volume`` above zero is ``more use``."""
    return _WORDS[effect][amount < 0]


def signed(amount: Decimal) -> str:
    """``+1,234.50`` or ``-1,234.50``; nothing is ``0.00``."""
    text = money(abs(amount))
    return text if abs(amount) < _CENT else f"{'-' if amount < 0 else '+'}{text}"


def headline(total: Change, drivers: tuple[Driver, ...], most: int = 3) -> str:
    """The change in a sentence: its largest effects, and what each is mostly of."""
    grown = f" ({relative(total.change / total.before)})" if total.before > 0 else ""
    told = [one for one in drivers if abs(one.amount) >= _CENT][:most]
    parts = [f"{signed(one.amount)} {effect_words(one.effect, one.amount)}{_mostly(one)}" for one in told]
    return f"{signed(total.change)} {total.currency}{grown}" + (f": {', '.join(parts)}." if parts else ".")


def _mostly(driver: Driver) -> str:
    return f" ({driver.name})" if driver.name else ""


def behind(driver: Driver) -> str:
    """What carries most of an effect, with its figures: ``claude-sonnet-4 +2,276.68: requests 1,000 → 2,000``."""
    carried = f"{driver.name or 'no model or service known'} {signed(driver.of_name)}"
    return f"{carried}: {_figures(driver.moved)}" if driver.moved else carried


def _figures(moved: Moved) -> str:
    before, after = moved.before, moved.after
    if moved.measure == "spot_share":
        return f"spot share of accelerator hours {percent(before)} → {percent(after)}"
    if moved.measure == "paid_part":
        return f"{percent(before)} → {percent(after)} of the contracted price is paid"
    if moved.measure == "price":
        return f"{figure(before)} → {figure(after)}{f' {moved.of}' if moved.of else ''} per unit"
    if moved.measure == "exchange_rate":
        return f"1 {moved.of} = {figure(before)} → {figure(after)}"
    if moved.measure == "hours_per_1k":
        return f"accelerator hours per 1,000 {moved.of} {figure(before)} → {figure(after)}"
    return f"{moved.measure} {count(before)} → {count(after)} ({(after / before - 1) * 100:+.0f} %)"


def leading_effects(row: Change, most: int = 2) -> str:
    """The largest effects of one row: ``more use +3,504.44, cheaper mix -12.00``."""
    ordered = sorted(row.effects.items(), key=lambda item: -abs(item[1]))
    told = [f"{effect_words(name, amount)} {signed(amount)}" for name, amount in ordered if abs(amount) >= _CENT]
    return ", ".join(told[:most])
