"""What spot capacity cost over a stretch of time, from prices that hold until they change.

Assumes
    Each zone's prices are steps: one holds until the next of the same zone.
Method
    Of each hour the highest price any zone had in it, as who needs capacity cannot choose; their mean, weighted by the
    time of the hour that is known.
Cases
    Before a zone's first step its price is unknown. An hour in which no zone's price is known has no weight; a stretch
    of such hours has no mean.
Sources
    Methods, spot economics (tests): time-weighted mean of the hourly maximum over the zones.
Known drawbacks
    Who may move between zones pays less than this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

_HOUR = timedelta(hours=1)
Step = tuple[datetime, Decimal]


def mean_of_hourly_maximum(
    zones: Mapping[str, Sequence[Step]], start: datetime, end: datetime
) -> tuple[Decimal, int] | None:
    """The mean between two instants, and how many hours it is of; ``zones`` have their steps in order of time."""
    paid, known, hours = Decimal(0), Decimal(0), 0
    at = start
    while at < end:
        until = min(at + _HOUR, end)
        held = [price for steps in zones.values() for price in _held(steps, at, until)]
        since = min((steps[0][0] for steps in zones.values() if steps), default=until)
        if held:
            weight = Decimal(repr((until - max(at, since)).total_seconds()))
            paid, known, hours = paid + max(held) * weight, known + weight, hours + 1
        at = until
    return (paid / known, hours) if known else None


def hourly_highest(steps: Sequence[Step], start: datetime, end: datetime) -> NDArray[np.float64]:
    """The highest price of one zone that held at some time of each hour; NaN before its first step."""
    count = max(-(-(end - start) // _HOUR), 0)
    found = np.full(count, np.nan)
    for number, (at, price) in enumerate(steps):
        until = steps[number + 1][0] if number + 1 < len(steps) else end
        first, last = max((at - start) // _HOUR, 0), min(-(-(until - start) // _HOUR), count)
        if first < last and until > at:
            found[first:last] = np.fmax(found[first:last], float(price))
    return found


def _held(steps: Sequence[Step], start: datetime, end: datetime) -> list[Decimal]:
    """Prices that held at some time from ``start`` to before ``end``."""
    before = [price for at, price in steps if at <= start][-1:]
    return before + [price for at, price in steps if start < at < end]
