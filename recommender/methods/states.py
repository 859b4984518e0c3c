"""What an accelerator was doing, five minutes at a time.

Assumes
    Activity is a share of time (0–1) of a named counter. ``gpu_utilization`` proves idleness near 0 and
    never saturation when high.
Method
    unknown            no sample
    resident_idle      activity below the threshold, memory held (a server with weights loaded and no work);
                       a bare CUDA context holds less than the threshold
    allocated_unused   activity below the threshold, no memory held
    underused          active, below a second threshold
    busy               the rest
Sources
    docs/advice.md; the states' thresholds are settings.
Known drawbacks
    Memory is known by the hour only, so it is the same for all twelve slots of an hour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLOTS_PER_HOUR = 12
SLOTS_PER_DAY = 24 * SLOTS_PER_HOUR


@dataclass(frozen=True)
class Accelerators:
    """Five-minute history of a resource's accelerators over whole hours.

    Arrays are (accelerators, slots), twelve slots an hour, oldest first; NaN is unknown.
    ``activity_*`` 0–1, ``memory_used_max`` bytes by hour (accelerators, hours), ``power_mean`` watts by hour.
    ``counter`` says what the activity is: sm_active, tensor_active or gpu_utilization. Slots before ``cards_since`` are
    of other cards, of which activity is another share and memory another size.
    """

    start: datetime
    counter: str
    activity_mean: NDArray[np.float32]
    activity_max: NDArray[np.float32]
    memory_used_max: NDArray[np.float64]
    memory_total: NDArray[np.float64]
    power_mean: NDArray[np.float32]
    cards_since: int = 0

    def since(self, day: date) -> int:
        """The first slot of a day; 0 where the history begins later."""
        begun = datetime.combine(day, time(), self.start.tzinfo)
        return max((begun - self.start) // timedelta(hours=1), 0) * SLOTS_PER_HOUR


def of_all_cards(history: Accelerators, count: Decimal | None, changed: date | None = None) -> Accelerators:
    """The history with a row for each accelerator of ``count``: of unknown values where it was never measured.

    Of what was ``changed`` on a day to a type of fewer, those that were measured before alone are gone: they do nothing
    since.
    """
    history = _without_gone(history, math.ceil(count or 0), changed)
    lacking = math.ceil(count or 0) - len(history.activity_max)
    if lacking <= 0:
        return history

    def filled(values: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([values, np.full((lacking, values.shape[1]), np.nan, dtype=values.dtype)])

    return replace(
        history,
        activity_mean=filled(history.activity_mean),
        activity_max=filled(history.activity_max),
        memory_used_max=filled(history.memory_used_max),
        memory_total=filled(history.memory_total),
        power_mean=filled(history.power_mean),
    )


def _without_gone(history: Accelerators, count: int, changed: date | None) -> Accelerators:
    too_many = len(history.activity_max) - count
    if changed is None or not 0 < too_many < len(history.activity_max):
        return history
    slot = history.since(changed)
    silent = np.isnan(history.activity_max[:, slot:]).all(axis=1)
    gone = np.flatnonzero(silent)[-too_many:]

    def nothing(values: NDArray[Any], since: int) -> NDArray[Any]:
        values = values.copy()
        values[gone, since:] = 0
        return values

    return replace(
        history,
        activity_mean=nothing(history.activity_mean, slot),
        activity_max=nothing(history.activity_max, slot),
        memory_used_max=nothing(history.memory_used_max, slot // SLOTS_PER_HOUR),
        memory_total=nothing(history.memory_total, slot // SLOTS_PER_HOUR),
    )


class State(IntEnum):
    """State of one accelerator in one five-minute slot."""

    UNKNOWN = 0
    ALLOCATED_UNUSED = 1
    RESIDENT_IDLE = 2
    UNDERUSED = 3
    BUSY = 4


_UNKNOWN, _ALLOCATED_UNUSED, _RESIDENT_IDLE, _UNDERUSED, _BUSY = (np.int8(state) for state in State)


def slot_states(
    history: Accelerators, max_idle_activity: float, resident_bytes: float, underused_activity: float
) -> NDArray[np.int8]:
    """State per (accelerator, slot)."""
    activity = history.activity_max
    # one byte a slot from the start: these are the largest arrays there are; no comparison holds of what is unknown
    idle = np.where(history.memory_used_max > resident_bytes, _RESIDENT_IDLE, _ALLOCATED_UNUSED)
    states = np.where(activity >= underused_activity, _BUSY, _UNDERUSED)
    inactive = activity < max_idle_activity
    np.copyto(states, np.repeat(idle, SLOTS_PER_HOUR, axis=1)[:, : activity.shape[1]], where=inactive)
    np.copyto(states, _UNKNOWN, where=np.isnan(activity))
    return states


def resource_states(states: NDArray[np.int8]) -> NDArray[np.int8]:
    """State per slot of the whole resource: as busy as its busiest accelerator; unknown if any idle one is unknown."""
    busiest = states.max(axis=0)
    any_unknown = (states == State.UNKNOWN).any(axis=0)
    active = busiest >= State.UNDERUSED
    return np.where(any_unknown & ~active, _UNKNOWN, busiest)


def idle_since(states: NDArray[np.int8]) -> int:
    """Index of the first slot of the idle stretch the history ends with; its length where it ends active.

    Unknown slots neither end the stretch nor begin it.
    """
    active = np.flatnonzero(states >= State.UNDERUSED)
    first = int(active[-1]) + 1 if active.size else 0
    known_idle = np.flatnonzero(states[first:] != State.UNKNOWN)
    return first + int(known_idle[0]) if known_idle.size else states.size


def measured_until(history: Accelerators) -> datetime | None:
    """End of the newest slot in which any accelerator was measured; None where none ever was."""
    known = np.flatnonzero(~np.isnan(history.activity_max).all(axis=0))
    return history.start + timedelta(minutes=60 / SLOTS_PER_HOUR * (int(known[-1]) + 1)) if known.size else None
