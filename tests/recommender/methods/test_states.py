"""States of slots and of resources, said case by case."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Idle
from recommender.methods.states import State, of_all_cards, resource_states, slot_states
from tests.recommender.conftest import AS_OF, history

IDLE = Idle()
RESIDENT_BYTES = 512 * 2**20
ACTIVITIES = [float("nan"), 0.0, 0.005, 0.01, 0.1, 0.2, 0.9]


def said(activity: float, held: float) -> State:
    """Below 1 %: with weights in memory or without; below 20 %; above."""
    if np.isnan(activity):
        return State.UNKNOWN
    if np.float32(activity) < 0.01:
        return State.RESIDENT_IDLE if held > RESIDENT_BYTES else State.ALLOCATED_UNUSED
    return State.UNDERUSED if np.float32(activity) < 0.2 else State.BUSY


@given(
    st.lists(st.sampled_from(ACTIVITIES), min_size=24, max_size=24),
    st.sampled_from([float("nan"), 0.0, RESIDENT_BYTES, RESIDENT_BYTES + 1.0]),
)
def test_each_slot_has_the_state_that_is_said_of_it(activities: list[float], held: float) -> None:
    """Two accelerators over an hour; memory that nobody knows holds nothing."""
    seen = history(np.array(activities).reshape(2, 12), memory_bytes=held)
    states = slot_states(seen, IDLE.max_activity, IDLE.resident_bytes, IDLE.underused_activity)
    assert states.dtype == np.int8
    assert states.ravel().tolist() == [said(one, held) for one in activities]


def test_a_resource_is_as_busy_as_its_busiest_and_unknown_where_an_idle_one_is() -> None:
    states = np.array([[0, 0, 1, 2, 3], [1, 4, 2, 2, 1]], dtype=np.int8)
    assert resource_states(states).tolist() == [State.UNKNOWN, State.BUSY, State.RESIDENT_IDLE, 2, State.UNDERUSED]


def test_cards_that_a_smaller_type_does_not_have_do_nothing_since() -> None:
    """Two days of four cards, then one of two, idle: the machine is idle on the third day, and not unknown."""
    activity = np.full((4, 3 * 288), 0.5)
    activity[:2, 2 * 288 :] = 0.0
    activity[2:, 2 * 288 :] = np.nan
    before = history(activity)
    changed = (AS_OF - timedelta(days=1)).date()
    found = of_all_cards(before, Decimal(2), changed)
    states = resource_states(slot_states(found, IDLE.max_activity, IDLE.resident_bytes, IDLE.underused_activity))
    assert (states[: 2 * 288] == State.BUSY).all()
    assert (states[2 * 288 :] == State.RESIDENT_IDLE).all()
    assert found.memory_used_max[:, -1].tolist() == [40 * 2**30, 40 * 2**30, 0, 0]
    assert np.isnan(before.activity_max[2:, -1]).all()
    # of as many cards as there are now, one that nobody measures any more is unknown
    for cards, since in ((4, changed), (2, None)):
        same = of_all_cards(before, Decimal(cards), since)
        assert np.isnan(same.activity_max[2:, 2 * 288 :]).all()
