"""What the uncertain speed of another card does to a saving: whole machines, down to the low end of the speed."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from aispend.sizing import Rightsize
from recommender.contract import Saving, Subject
from recommender.kinds.limits import Need, Size
from recommender.kinds.replayed import spread_of
from recommender.methods.replay import Replay
from recommender.moved import moved
from recommender.savings import widened


def is_estimated(chosen: Size) -> bool:
    """Whether it has another card whose speed nobody measured within a year."""
    return chosen.speed is not None and chosen.speed.basis != "measured"


def machines_if_slow(chosen: Size, need: Need, options: Rightsize) -> int | None:
    """Machines of the size that carry the load at the low end of its speed; 1 of the same card.

    None where no number of them does, as one card is too slow for what lies on one.
    """
    part = 1 - options.compute_headroom
    if need.load_on_one > chosen.least_on_one * part:
        return None
    if not chosen.least_load:
        return 1
    return max(math.ceil(need.load / (chosen.least_load * part) - 1e-9), 1)


def slow_remark(slow: int | None) -> str:
    """A sentence on the low end of the speed, with a space before it; nothing where one machine is enough."""
    if slow is None:
        return " At the low end of its speed one card would not do what one does now."
    return f" At the low end of its speed it takes {slow} of them." if slow > 1 else ""


def moved_to_card(
    subject: Subject,
    days: int,
    shares: tuple[Decimal, Decimal],
    *,
    doing: str,
    types: tuple[str | None, str],
    found: Replay,
) -> tuple[Saving, str]:
    """``moved`` with a range. ``shares`` are saved as planned, and at the low end of the speed; below 0 is nothing."""
    share, if_slow = shares
    saved, said = moved(subject, days, share, doing, types, spread=spread_of(found))
    if if_slow >= share:
        return saved, said
    least = max(if_slow, Decimal(0))
    scale = float(least / share) if share else 0.0
    slow, _ = moved(subject, days, least, doing, types, spread=spread_of(found, scale))
    return widened(saved, "the low end of the other card's speed", low=slow), said


def speed_evidence(chosen: Size, slow: int | None) -> dict[str, Any]:
    """The speed reckoned with and its source; nothing for the same card."""
    if chosen.speed is None:
        return {}
    ratio = chosen.speed.ratio
    return {
        "speed_low": round(ratio.low, 4),
        "speed_point": None if ratio.point is None else round(ratio.point, 4),
        "speed_high": round(ratio.high, 4),
        "speed_basis": chosen.speed.basis,
        "speed_source": chosen.speed.source,
        "machines_if_slow": slow,
    }
