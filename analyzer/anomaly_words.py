"""An anomaly in a sentence a person can check against the bill."""

from __future__ import annotations

from decimal import Decimal

from aispend.money import HALF_CENT, change_in_words, exact_sum, in_words
from aispend.percents import percent
from aispend.watching import TOTALS
from analyzer.anomaly_drivers import Part
from analyzer.anomaly_found import Found

_DIMENSIONS = ("service", "model", "team", "sku", "resource")
_LEAST_SHARE = Decimal("0.005")


def explanation(found: Found) -> str:
    """What it cost, when, and against what; then the largest parts of the change."""
    unknown = TOTALS.get(found.cut, f"spend without a known {found.cut}")
    what = f"{found.cut} {found.value}" if found.value is not None else unknown
    days = (found.last - found.first).days + 1
    when = f"on {found.first}" if days == 1 else f"on {days} days from {found.first}"
    cost = in_words(found.actual, found.currency)
    if found.kind == "new":
        text = f"First spend on {what}: {cost} {when}{_a_day(found, days)}"
    elif found.kind == "rate":
        usual = f"{in_words(found.expected)} at the usual price per unit of the weeks before"
        text = f"SKU {found.value} cost {cost} {when}, {usual}"
    else:
        text = f"{what[0].upper()}{what[1:]} cost {cost} {when}, {in_words(found.expected)} expected"
    parts = _parts(found)
    return f"{text}. Largest parts of the change: {', '.join(parts)}." if parts else f"{text}."


def _a_day(found: Found, days: int) -> str:
    """What new spend costs a day, and how much of it another name cost before."""
    text = f" ({in_words(found.actual / days)} a day)" if days > 1 else ""
    return f"{text}, {in_words(found.expected)} of it in place of what ended then" if found.expected else text


def _parts(found: Found) -> list[str]:
    behind = found.behind
    if behind is None:
        return []
    largest = [behind.largest(dimension) for dimension in _DIMENSIONS if dimension != found.cut]
    return [f"{part.value} ({_size(part, behind.total)})" for part in largest if part is not None and part.value]


def _size(part: Part, total: Decimal) -> str:
    """A share of the change; where other parts offset some of it, no share but the amounts of both."""
    rest = exact_sum((total, part.change.copy_negate()))
    if rest * total < 0 and abs(rest) >= HALF_CENT:
        return f"{change_in_words(part.change)}, {change_in_words(rest)} elsewhere"
    share = min(part.change / total, Decimal(1))
    return percent(share) if share >= _LEAST_SHARE else "less than 1 %"
