"""What an estimated speed of another card does to the saving of a size: whole machines, down to the low end."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aispend.sizing import Rightsize
from recommender.contract import Saving
from recommender.kinds.limits import Need, Size
from recommender.savings import CENT


def is_estimated(chosen: Size) -> bool:
    """Whether it has another card whose speed nobody measured within a year."""
    return chosen.speed is not None and chosen.speed.basis != "measured"


def machines_if_slow(chosen: Size, need: Need, options: Rightsize) -> int:
    """Machines of the size that carry the load at the low end of its speed; 1 where it is not estimated."""
    if not is_estimated(chosen) or not chosen.least_load:
        return 1
    return max(math.ceil(need.load / (chosen.least_load * (1 - options.compute_headroom)) - 1e-9), 1)


def ranged(saved: Saving, machines: int, price_share: Decimal) -> Saving:
    """The saving, down to what is left of it where it takes so many machines at a share of the present price each."""
    if machines <= 1:
        return saved
    left = max(1 - machines * price_share, Decimal(0)) / (1 - price_share)
    low, middle, high = (saved.net if one is None else one for one in (saved.p10, saved.p50, saved.p90))
    low = (low * left).quantize(CENT)
    if low == high:
        return saved
    of = "the low end of the estimated speed"
    of = of if saved.p10 is None else f"{saved.range_from}, {of}"
    return replace(saved, p10=low, p50=middle, p90=high, range_from=of)


def speed_evidence(chosen: Size, slow: int) -> dict[str, Any]:
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
