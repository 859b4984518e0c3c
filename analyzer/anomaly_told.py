"""Which of the anomalies that show the same money is told.

Assumes     anomalies with what is behind them (:mod:`analyzer.anomaly_drivers`).
Method      An anomaly explains as much of a wider one as the wider changed in its value, and no more than it changed
            itself; a price no more than it made the days of the wider one dearer. Where that is ``share`` or more, the
            wider one is left out. Of new spend the largest is told, with all that is within it: a new service and not
            its new SKUs, a SKU and not the account it came with.
Cases       What a person has called expected explains as much as it changed, for it is no longer judged. Everything
            watched is left out where those told of one cut explain it together. A price is told whatever
            else rose.
Drawbacks   What is spread evenly over several values of a cut other than everything is told once for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from aispend.money import exact_sum
from aispend.watching import TOTALS
from analyzer.anomaly_found import Found
from analyzer.anomaly_series import ACCELERATOR, ACCOUNT, SKU

_ORDER = (SKU, "model", ACCELERATOR, "team", "service", ACCOUNT, *TOTALS)
"""Which of two that explain each other is told: the one that says most."""
_NEW_ORDER = ("model", ACCELERATOR, "service", "team", SKU, ACCOUNT)
"""The same of new spend that cost as much: what is in use, before whose it is and what the bill calls it."""


def without_explained(found: Iterable[Found], share: float) -> list[Found]:
    """Leave out each of which another explains ``share`` or more; of two that explain each other, the one that says
    more stays: new spend, a SKU's rate, a known model, accelerator, team, service, everything, in this order."""
    found = list(found)
    told = _new([one for one in found if one.kind == "new"], share)
    others = (one for one in found if one.kind != "new")
    for one in sorted(others, key=lambda one: (one.value is None, _ORDER.index(one.cut), one.first)):
        if not _is_explained(told, one, share):
            told.append(one)
    return told


def _new(found: Sequence[Found], share: float) -> list[Found]:
    """Of first spend, the largest and what is not within it."""
    told: list[Found] = []
    for one in sorted(found, key=lambda one: (-one.impact, _NEW_ORDER.index(one.cut), one.first)):
        if not any(_is_within(one, kept, share) for kept in told):
            told.append(one)
    return told


def _is_within(one: Found, wider: Found, share: float) -> bool:
    if one.cut == wider.cut or not one.overlaps(wider) or one.drivers is None:
        return False
    part = one.drivers.share_of(wider.cut, wider.value)
    return part is not None and part >= share


def _is_explained(told: Sequence[Found], wide: Found, share: float) -> bool:
    beside = [one for one in told if one.overlaps(wide) and one.downwards == wide.downwards]
    if any(one.cut == wide.cut and one.value == wide.value and _same_measure(one, wide) for one in beside):
        return True
    if wide.kind == "rate":
        return False
    parts = [(one.cut, _part(one, wide)) for one in beside if one.cut != wide.cut]
    if wide.cut in TOTALS:
        cuts = {cut for cut, _ in parts}
        return any(exact_sum(part for of, part in parts if of == cut) >= share for cut in cuts)
    return any(part >= share for _, part in parts)


def _same_measure(one: Found, other: Found) -> bool:
    """Whether both are of what was spent, or both of a price."""
    return (one.kind == "rate") == (other.kind == "rate")


def _part(narrow: Found, wide: Found) -> Decimal:
    """Part of the change in ``wide`` that ``narrow`` can be; 0 where it has none in it."""
    part = None if wide.drivers is None else wide.drivers.share_of(narrow.cut, narrow.value)
    if not part or not wide.impact:
        return Decimal(0)
    if narrow.is_expected:
        return part
    most = abs(narrow.impact)
    if narrow.kind == "rate" and narrow.actual:
        most = min(most, wide.actual * narrow.impact / narrow.actual)
    return min(part, most / abs(wide.impact))
