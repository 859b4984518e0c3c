"""Deadlines on spot: small series worked by hand, and the promise that none is missed."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.spot_policies import (
    Policy,
    SpotJob,
    policy_for,
    simulate,
    simulate_starts,
    spread_starts,
)


def series(text: str) -> np.ndarray:
    """One zone a line, ``1`` where spot is there."""
    return np.array([[mark == "1" for mark in line] for line in text.split()])


def bursty(
    hours: int, seed: int, *, up: float = 9.0, down: float = 5.0, zones: int = 1, tick: float = 0.1
) -> np.ndarray:
    """Markov series with these mean hours of spot and of none."""
    rng = np.random.default_rng(seed)
    ticks = round(hours / tick)
    found = np.empty((zones, ticks), dtype=bool)
    for zone in found:
        there = rng.random() < up / (up + down)
        for at in range(ticks):
            there = there if rng.random() >= tick / (up if there else down) else not there
            zone[at] = there
    return found


def test_always_spot_saves_all_that_is_possible() -> None:
    """(4 + 0.5) h × 0.3 against 4.5 h on demand."""
    found = simulate("greedy", series("1" * 12), 1.0, SpotJob(4, 12, 0.5, 0.3))
    assert found.cost == pytest.approx(1.35)
    assert (found.saving, found.share_of_possible) == (pytest.approx(0.7), pytest.approx(1))
    assert (found.finished, found.moves) == (4.5, 1)


def test_never_spot_waits_for_the_net_and_saves_nothing() -> None:
    """Spare 12 − 4 = 8 at first; at hour 6 it is 2 = 2 × 0.5 + 1, so 4.5 h from there."""
    found = simulate("greedy", series("0" * 12), 1.0, SpotJob(4, 12, 0.5, 0.3))
    assert (found.finished, found.cost, found.saving) == (10.5, 4.5, 0)
    assert found.met_deadline


def test_greedy_by_hand() -> None:
    """110100011111, 4 h of work in 12, half an hour to change over, spot at 0.3.

    Ticks 0, 1 spot (0.5 + 1 done), 2 none, 3 spot (2 done), 4 to 6 none. At 7: spot again (2.5), 8 (3.5), half of 9.
    The net would catch at a spare of 2: at 6 it is 12 − 6 − 2 = 4. Paid: 1 + 1 + 1 + 1 + 1 + 0.5 = 5.5 h of spot.
    """
    found = simulate("greedy", series("110100011111"), 1.0, SpotJob(4, 12, 0.5, 0.3))
    assert (found.spot_hours, found.on_demand_hours, found.finished, found.moves) == (5.5, 0, 9.5, 3)
    assert found.cost == pytest.approx(1.65)


def test_uniform_progress_by_hand() -> None:
    """The same series: due is a third of an hour an hour.

    0, 1 spot (1.5 done); 2 none, ahead of 0.67: wait; 3 spot (2); 4 and 5: ahead of 1.33 and 1.67; 6: 2 is not behind
    2: wait; 7 spot (2.5), 8 (3.5), half of 9. Nothing differs from greedy.
    """
    job = SpotJob(4, 12, 0.5, 0.3)
    found = simulate("uniform_progress", series("110100011111"), 1.0, job)
    assert found.cost == pytest.approx(1.65)


def test_uniform_progress_buys_until_it_is_ahead() -> None:
    """Due is half an hour an hour (6 h in 12), changeover 0.25 h, no spot but in ticks 3 to 5 and from 9 on.

    0: not behind at 0: wait. 1: 0 < 0.5: on demand (0.75). 2: ahead by 2 × 0.25 h is (2 + 0.5)/2 = 1.25: stay (1.75).
    3: (3.5)/2 = 1.75 reached: leave; spot (2.5), 4 (3.5), 5 (4.5). 6: ahead of 3, 7 of 3.5, 8 of 4: wait. 9: spot
    (5.25; spare at 9 is 3 − 1.5 = 1.5 = 2 × 0.25 + 1, so the net catches: on demand, 5.25), 10: rest 0.75.
    """
    found = simulate("uniform_progress", series("000111000111"), 1.0, SpotJob(6, 12, 0.25, 0.5))
    assert found.spot_hours == 3
    assert found.on_demand_hours == pytest.approx(2 + 1.75)
    assert found.finished == pytest.approx(10.75)
    assert found.moves == 3


def test_uniform_progress_gets_ahead_by_two_changeovers() -> None:
    """Due half an hour an hour, changeover half an hour: on demand from 1 on, 0.5, 1.5 and 2.5 done at 2, 3 and 4.

    At 3 the due 1.5 is reached and (3 + 1)/2 is not; at 4 (4 + 1)/2 is, and spot takes over.
    """
    found = simulate("uniform_progress", series("000111111111"), 1.0, SpotJob(6, 12, 0.5, 0.5))
    assert found.on_demand_hours == 3


def test_on_one_zone_catching_up_ignores_spot_and_with_hops_it_does_not() -> None:
    """Behind from tick 1 on; spot is there from tick 2, where progress 0.75 is short of (2 + 0.5)/2."""
    job = SpotJob(6, 12, 0.25, 0.5)
    one = simulate("uniform_progress", series("001111111111"), 1.0, job)
    several = simulate("uniform_progress", series("001111111111 000000000000"), 1.0, job)
    assert (one.on_demand_hours, several.on_demand_hours) == (2, 1)


def test_a_second_zone_takes_over_at_the_cost_of_a_changeover() -> None:
    """111000… and 000111…: 3 h of spot there (2.5 done), then the other: 0.5 + 1.5."""
    job = SpotJob(4, 8, 0.5, 0.3)
    found = simulate("greedy", series("11100000 00011111"), 1.0, job)
    assert (found.spot_hours, found.on_demand_hours, found.moves, found.finished) == (5, 0, 2, 5)


def test_a_job_stays_in_its_zone_while_it_can() -> None:
    found = simulate("greedy", series("01111111 11111111"), 1.0, SpotJob(4, 8, 0.5, 0.3))
    assert found.moves == 1


def test_impossible_deadlines_and_short_series_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        SpotJob(4, 4.2, 0.5, 0.3)
    with pytest.raises(ValueError, match="do not hold"):
        simulate("greedy", series("1111"), 1.0, SpotJob(4, 8, 0.5, 0.3))


def test_policy_by_deadline() -> None:
    assert policy_for(48, 48 * 1.7) == "uniform_progress"
    assert policy_for(48, 84) == "greedy"


def test_starts_are_spread_and_leave_room() -> None:
    job = SpotJob(4, 8, 0.5, 0.3)
    assert spread_starts(20, 1.0, job, 4) == [0, 4, 8, 12]
    assert spread_starts(7, 1.0, job, 4) == []


@pytest.mark.parametrize("policy", get_args(Policy))
@pytest.mark.parametrize("stretch", [1.1, 1.25, 1.5, 2.0])
def test_bursty_series_meet_every_deadline(policy: Policy, stretch: float) -> None:
    job, found = SpotJob(24, 24 * stretch, 0.1, 0.3), bursty(400, seed=3)
    told = simulate_starts(policy, found, 0.1, job, spread_starts(found.shape[1], 0.1, job, 20))
    assert told.met_deadlines
    assert told.runs == 20
    assert told.mean_saving <= 0.7 + 1e-9
    if policy == "on_demand":
        assert told.mean_saving == pytest.approx(0)


def test_near_deadlines_favour_uniform_progress_and_zones_favour_both() -> None:
    """The orders measured on real traces hold on simulated ones."""
    one, three = bursty(600, seed=11), bursty(600, seed=11, zones=3)
    job = SpotJob(24, 24 * 1.1, 0.1, 0.3)
    starts = spread_starts(one.shape[1], 0.1, job, 20)
    greedy, uniform = (simulate_starts(name, one, 0.1, job, starts) for name in ("greedy", "uniform_progress"))
    assert uniform.mean_saving > greedy.mean_saving
    assert simulate_starts("uniform_progress", three, 0.1, job, starts).mean_saving > uniform.mean_saving
    far = SpotJob(24, 48, 0.1, 0.3)
    starts = spread_starts(one.shape[1], 0.1, far, 20)
    greedy, uniform = (simulate_starts(name, one, 0.1, far, starts) for name in ("greedy", "uniform_progress"))
    assert greedy.mean_saving > uniform.mean_saving


@given(
    st.lists(st.lists(st.booleans(), min_size=60, max_size=60), min_size=1, max_size=3).map(np.array),
    st.sampled_from(get_args(Policy)),
    st.floats(0.2, 15),
    st.floats(0, 2),
    st.floats(0, 1),
    st.sampled_from([0.25, 0.5, 1.0]),
    st.booleans(),
)
def test_no_deadline_is_missed_whatever_spot_does(
    zones: np.ndarray, policy: Policy, work: float, changeover: float, room: float, tick: float, hop: bool
) -> None:
    deadline = work + changeover + room * (60 * tick - work - changeover)
    if deadline < work + changeover:
        return
    job = SpotJob(work, deadline, changeover, 0.3)
    found = simulate(policy, zones, tick, job, hop=hop)
    assert found.met_deadline
    assert found.finished <= deadline + 1e-6
    assert found.spot_hours + found.on_demand_hours <= found.finished + 1e-6
    assert found.spot_hours + found.on_demand_hours >= work + changeover - 1e-6
    assert found.saving <= 0.7 + 1e-9
    assert found.cost == pytest.approx(found.on_demand_hours + 0.3 * found.spot_hours)
