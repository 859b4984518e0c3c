"""Which recommendations count together.

Method
    Advice that acts on the same money (same conflict group) is exclusive: the one with the largest net saving counts,
    ties by kind; the others are shown and not counted. A counted saving never exceeds the cost it acts on.
Known drawbacks
    Greedy by group; groups do not overlap today, so it is also optimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from recommender.contract import Advice


def counted(advice: Iterable[Advice]) -> Mapping[int, bool]:
    """Position in ``advice`` → whether it counts in the total."""
    items = list(advice)
    best: dict[str, int] = {}
    for index, item in enumerate(items):
        rival = best.get(item.conflict_group)
        if rival is None or _rank(item) > _rank(items[rival]):
            best[item.conflict_group] = index
    return {index: best[item.conflict_group] == index for index, item in enumerate(items)}


def _rank(item: Advice) -> tuple[Decimal, str]:
    return item.saving.net, item.kind
