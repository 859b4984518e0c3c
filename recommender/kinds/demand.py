"""What work asks of a machine's accelerators, from their five-minute history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Idle
from recommender.methods.outcome import Demand
from recommender.methods.states import (
    SLOTS_PER_DAY,
    SLOTS_PER_HOUR,
    Accelerators,
    State,
    resource_states,
    slot_states,
)

BUSY_ACTIVITY = 0.05
"""Activity above which a device counts as in use."""


def demand_of(history: Accelerators) -> Demand:
    """Demand of a resource; NaN where any of its accelerators is unknown, or was another card."""
    activity, held = history.activity_max, history.memory_used_max
    in_use = (activity > BUSY_ACTIVITY).sum(axis=0).astype(float)
    load = activity.sum(axis=0, dtype=np.float64)
    in_use[np.isnan(load)] = np.nan
    known = Demand(
        load=load,
        concurrent=in_use,
        memory=held.sum(axis=0, dtype=np.float64),
        on_one=held.max(axis=0).astype(float),
        load_on_one=activity.max(axis=0).astype(float),
    )
    for series, since in (
        (known.load, history.cards_since),
        (known.concurrent, history.cards_since),
        (known.load_on_one, history.cards_since),
        (known.memory, history.cards_since // SLOTS_PER_HOUR),
        (known.on_one, history.cards_since // SLOTS_PER_HOUR),
    ):
        assert series is not None  # noqa: S101 - all of them are given above
        series[:since] = np.nan
    return known


def last_days(demand: Demand, days: int) -> Demand:
    """The last whole days, from the first in which anything is known."""
    slots = min(days * SLOTS_PER_DAY, demand.load.size)
    known = np.flatnonzero(~np.isnan(demand.load[-slots:]))
    first = int(known[0]) // SLOTS_PER_DAY * SLOTS_PER_DAY if known.size else 0
    left, hours = slots - first, (slots - first) // SLOTS_PER_HOUR
    assert demand.memory is not None  # noqa: S101 - demand_of always gives all five
    assert demand.concurrent is not None  # noqa: S101
    assert demand.on_one is not None  # noqa: S101
    assert demand.load_on_one is not None  # noqa: S101
    return Demand(
        load=demand.load[-left:],
        concurrent=demand.concurrent[-left:],
        memory=demand.memory[-hours:],
        on_one=demand.on_one[-hours:],
        load_on_one=demand.load_on_one[-left:],
    )


def never_measured(history: Accelerators) -> str:
    """A sentence on accelerators of which nothing is known, with a space after it; nothing where there are none."""
    unknown = int(np.isnan(history.activity_max).all(axis=1).sum())
    if not unknown:
        return ""
    return f"{unknown} of its {len(history.activity_max)} accelerators were never measured: nobody knows what they do. "


def states_of(history: Accelerators, idle: Idle) -> NDArray[np.int8]:
    """State of the whole resource in each slot."""
    each = slot_states(history, idle.max_activity, idle.resident_bytes, idle.underused_activity)
    return resource_states(each)


def state_shares(history: Accelerators, idle: Idle, days: int) -> dict[str, float]:
    """Shares of the known time of the last days in which it was busy, and at work below that; empty where unknown."""
    states = states_of(history, idle)[-days * SLOTS_PER_DAY :]
    known = int((states != State.UNKNOWN).sum())
    named = (("busy_time_share", State.BUSY), ("underused_time_share", State.UNDERUSED))
    return {name: round(float((states == state).sum()) / known, 4) for name, state in named if known}
