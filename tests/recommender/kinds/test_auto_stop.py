"""A machine that stops by itself: what the rule would have done, slot by slot, and when it is not offered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.auto_stop import KIND, applies, evaluate, play
from recommender.methods.states import State
from recommender.subjects.machine_life import Life
from recommender.subjects.machines import Machine
from tests.recommender.conftest import AS_OF, history
from tests.recommender.kinds.contract import KindContract

SETTINGS = Recommend()
DAYS = 14
Make = Callable[..., Machine]
IDLE, BUSY, UNKNOWN = State.RESIDENT_IDLE, State.BUSY, State.UNKNOWN


def office_hours() -> np.ndarray:
    """Busy from 9 to 17 every day: 8 h of work, 16 h idle in a row, of which an hour is waited."""
    activity = np.zeros((1, DAYS, 288))
    activity[:, :, 9 * 12 : 17 * 12] = 0.6
    return activity.reshape(1, -1)


def notebook(make_subject: Make, **more: object) -> Machine:
    given = {
        "platform": "notebook",
        "stage": "notebook",
        "accelerators": history(office_hours()),
        "accelerator_count": Decimal(1),
    }
    return make_subject(**(given | more))


def advise(subject: Machine) -> Advice:
    answer = evaluate(subject, SETTINGS)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Machine) -> str:
    answer = evaluate(subject, SETTINGS)
    assert isinstance(answer, WhyNot), answer
    return answer.reason


def test_the_wait_is_paid_and_the_rest_of_the_idle_time_is_not() -> None:
    """Wait of 2 slots: of 5 idle ones 3 are off, then a start; of the last 3, 1."""
    played = play(np.array([BUSY, *[IDLE] * 5, BUSY, *[IDLE] * 3], dtype=np.int8), 2)
    assert (played.known, played.off, played.starts) == (10, 4, 1)


def by_the_slot(states: list[int], wait: int) -> tuple[int, int]:
    """The rule said slot by slot: off from the wait on, a start where work comes after more idle slots than that."""
    off = starts = idle = 0
    for state in states:
        if state in (State.ALLOCATED_UNUSED, State.RESIDENT_IDLE):
            off += idle >= wait
            idle += 1
            continue
        starts += idle > wait and state >= State.UNDERUSED
        idle = 0
    return off, starts


@given(st.lists(st.integers(0, 4), max_size=80), st.integers(0, 6))
def test_runs_of_idle_slots_are_the_rule_slot_by_slot(states: list[int], wait: int) -> None:
    played = play(np.array(states, dtype=np.int8), wait)
    assert (played.off, played.starts) == by_the_slot(states, wait)


def test_what_is_not_known_is_not_idle_and_begins_the_wait_anew() -> None:
    played = play(np.array([IDLE, IDLE, UNKNOWN, IDLE, IDLE], dtype=np.int8), 2)
    assert (played.known, played.off, played.starts) == (4, 0, 0)


def test_a_notebook_used_by_day_is_off_at_night(make_subject: Make) -> None:
    """Less an hour of waiting each: a night of 9 h, 13 of 16 h, an evening of 7 h: 8 + 195 + 6 of 336 h.

    Each of 14 starts is paid for five minutes before there is work again: 209 − 70 ÷ 60 = 207.83 of 336 h are saved.
    """
    advice = advise(notebook(make_subject))

    assert advice.evidence["idle_share"] == round(209 / 336, 4) == 0.622
    # 14,600 a month × 0.6186
    assert advice.saving.effective == Decimal("9031.56")
    assert advice.evidence["starts"] == 14
    assert advice.evidence["replay"]["violation_minutes"] == 14 * 5
    assert advice.target == "auto_stop"


def test_a_training_machine_waits_two_hours_and_its_queue_is_looked_at(make_subject: Make) -> None:
    advice = advise(notebook(make_subject, platform="gpu_vm", stage="training"))
    # 7 + 13 × 14 + 5 of 336 h
    assert advice.evidence["idle_share"] == round(194 / 336, 4)
    assert advice.command.startswith("# only while no job is queued for it\n")


def test_servers_are_never_asked(make_subject: Make) -> None:
    assert not applies(make_subject(platform="gpu_vm", stage="inference_online"))


@pytest.mark.parametrize(
    ("activity", "reason"), [(np.zeros((1, DAYS * 288)), "idle"), (np.full((1, DAYS * 288), 0.5), "busy")]
)
def test_never_or_always_at_work_is_another_question(make_subject: Make, activity: np.ndarray, reason: str) -> None:
    assert refuse(notebook(make_subject, accelerators=history(activity))) == reason


def test_what_was_deployed_this_week_is_left_alone(make_subject: Make) -> None:
    assert refuse(notebook(make_subject, life=Life(deployed_at=AS_OF - timedelta(days=6)))) == "too_new"
    advise(notebook(make_subject, life=Life(deployed_at=AS_OF - timedelta(days=8))))


@given(st.lists(st.sampled_from([IDLE, BUSY, UNKNOWN]), min_size=1, max_size=60), st.integers(1, 10))
def test_a_longer_wait_is_never_off_for_longer(states: list[State], wait: int) -> None:
    array = np.array(states, dtype=np.int8)
    short, long = play(array, wait), play(array, wait + 1)
    assert 0 <= long.off <= short.off <= short.known
    assert long.starts <= short.starts


class TestAutoStopContract(KindContract):
    """A notebook used from nine to five; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Machine:
        return notebook(make_subject)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Machine:
        return notebook(make_subject, accelerators=None)
