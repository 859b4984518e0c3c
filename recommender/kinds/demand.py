"""What work asks of a machine's accelerators, from their five-minute history."""

from __future__ import annotations

import numpy as np

from recommender.methods.outcome import Demand
from recommender.methods.states import SLOTS_PER_DAY, SLOTS_PER_HOUR, Accelerators

BUSY_ACTIVITY = 0.05
"""Activity above which a device counts as in use."""


def demand_of(history: Accelerators) -> Demand:
    """Demand of a resource; NaN where any of its accelerators is unknown."""
    activity = history.activity_max
    in_use = (activity > BUSY_ACTIVITY).sum(axis=0).astype(float)
    load = activity.sum(axis=0, dtype=np.float64)
    in_use[np.isnan(load)] = np.nan
    return Demand(load=load, concurrent=in_use, memory=history.memory_used_max.sum(axis=0, dtype=np.float64))


def last_days(demand: Demand, days: int) -> Demand:
    """The last whole days, from the first in which anything is known."""
    slots = min(days * SLOTS_PER_DAY, demand.load.size)
    known = np.flatnonzero(~np.isnan(demand.load[-slots:]))
    first = int(known[0]) // SLOTS_PER_DAY * SLOTS_PER_DAY if known.size else 0
    left, hours = slots - first, (slots - first) // SLOTS_PER_HOUR
    assert demand.memory is not None  # noqa: S101 - demand_of always gives all three
    assert demand.concurrent is not None  # noqa: S101
    return Demand(
        load=demand.load[-left:],
        concurrent=demand.concurrent[-left:],
        memory=demand.memory[-hours:],
    )
