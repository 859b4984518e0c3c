"""A watch taken up where a series changed says the same as one begun anew."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.anomaly_fit import Floats
from analyzer.anomaly_runs import Limits
from analyzer.anomaly_score import find_runs
from analyzer.anomaly_states import States

FIRST = date(2026, 7, 24)
DAYS = 119
STARTS = (8, 39, 69, 100)
"""Positions of the first of August, September, October and November."""


def costs_of(seed: int) -> Floats:
    """A noisy series with weekends, bursts, a new level, another pattern, quiet days and days without use."""
    random = np.random.default_rng(seed)
    days = np.arange(DAYS)
    costs = random.choice([3.0, 40.0, 900.0]) * np.where(days % 7 < 5, 1.0, random.choice([0.0, 0.4, 1.0]))
    costs = costs * np.exp(random.normal(0, random.choice([0.005, 0.05, 0.2]), DAYS))
    costs = costs * np.exp(random.choice([0.0, 0.0, 0.01, -0.02]) * days)
    for _ in range(random.integers(0, 5)):
        start, length = int(random.integers(0, DAYS)), int(random.choice([1, 1, 2, 5, 20, 60]))
        costs[start : start + length] *= random.choice([0.0, 0.3, 1.4, 2.5, 8.0])
    if random.random() < 0.3:
        costs[: random.integers(0, DAYS)] = 0
    return costs


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
    st.sets(st.integers(0, DAYS - 1), max_size=2),
)
def test_a_restated_month_is_judged_as_the_whole_is(seed: int, month: int, restated: int, expected: set[int]) -> None:
    begun = costs_of(seed)
    first = States(STARTS)
    plain = find_runs(list(begun), FIRST, Limits(), expected)
    assert find_runs(list(begun), FIRST, Limits(), expected, first) == plain
    changed, start = begun.copy(), STARTS[month]
    changed[start : start + 31] = costs_of(restated)[start : start + 31]
    kept = json.loads(json.dumps([[day, state] for day, state in first.made.items() if day <= start]))
    again = States(STARTS, dict(kept))
    whole = States(STARTS)
    assert find_runs(list(changed), FIRST, Limits(), expected, again) == find_runs(
        list(changed), FIRST, Limits(), expected, whole
    )
    assert kept_as(again.known | again.made) == kept_as(whole.made)


@pytest.mark.parametrize("begins", [30, 39, 45])
def test_before_the_first_use_nothing_is_known(begins: int) -> None:
    """A model first used on 23 August, 1 September or the 7th: restated, it was first used on the 10th."""
    costs = np.resize([100.0, 110.0, 105.0, 100.0, 120.0, 40.0, 30.0], DAYS)
    costs[:begins] = 0
    states = States(STARTS)
    find_runs(list(costs), FIRST, Limits(), (), states)
    assert sorted(states.made) == [day for day in STARTS if day > begins]
    costs[:48] = 0
    known = {day: state for day, state in states.made.items() if day <= begins}
    assert find_runs(list(costs), FIRST, Limits(), (), States(STARTS, known)) == find_runs(list(costs), FIRST, Limits())


def kept_as(states: dict[int, list[object]]) -> list[str]:
    return [json.dumps([day, state]) for day, state in sorted(states.items())]


@pytest.mark.parametrize("learned", [14, 5])
def test_a_run_goes_on_over_the_turn_of_the_month(learned: int) -> None:
    """From 28 October to 12 November at 2.5 times the usual: October is known when November is restated."""
    costs = [100.0 if (FIRST + timedelta(days=day)).weekday() < 5 else 40.0 for day in range(DAYS)]
    costs[96:112] = [2.5 * cost for cost in costs[96:112]]
    limits = Limits(learn_days=learned)
    states = States(STARTS)
    (*_, run) = find_runs(costs, FIRST, limits, (), states)
    assert states.made[100][9] is not None or learned == 5
    costs[110] = 900.0
    assert find_runs(costs, FIRST, limits, (), States((), {100: states.made[100]})) == find_runs(costs, FIRST, limits)
    assert run.first >= 96


def test_only_the_days_from_the_last_known_state_on_are_judged() -> None:
    costs = np.resize([100.0, 110.0, 105.0, 100.0, 120.0, 40.0, 30.0], DAYS)
    states = States(STARTS)
    find_runs(list(costs), FIRST, Limits(), (), states)
    assert sorted(states.made) == list(STARTS)
    again = States(STARTS, {day: states.made[day] for day in STARTS[:3]})
    find_runs(list(costs), FIRST, Limits(), (), again)
    assert list(again.made) == [100]
