"""Percentiles by age and load, as published by those who size by them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.percentiles import (
    VPA_CPU,
    decaying_percentile,
    vpa_multipliers,
    vpa_recommend,
    weighted_percentile,
)

LOADS = st.lists(st.floats(0, 100), min_size=1, max_size=60).map(np.array)


def test_p90_of_the_time_and_p90_of_the_work() -> None:
    """Autopilot, figure 2: load 1 for nine units, then 10 for one."""
    load, ages = np.array([1.0] * 9 + [10.0]), np.arange(10.0)[::-1]
    assert decaying_percentile(load, ages, 0.9, half_life=None) == 1
    assert decaying_percentile(load, ages, 0.9, half_life=None, load_adjusted=True) == 10


def test_half_the_weight_after_a_half_life() -> None:
    """4 now weighs 1, 8 one half-life ago ½, 2 two ago ¼: of 1.75, 4 and below hold 1.25 (71 %)."""
    values, ages = np.array([2.0, 8.0, 4.0]), np.array([24.0, 12.0, 0.0])
    assert decaying_percentile(values, ages, 0.71, half_life=12) == 4
    assert decaying_percentile(values, ages, 0.72, half_life=12) == 8
    # by work they weigh ½, 4 and 4: half of 8.5 is reached at 4; without decay, half of 14 is only at 8
    assert decaying_percentile(values, ages, 0.5, half_life=12, load_adjusted=True) == 4
    assert decaying_percentile(values, ages, 0.5, half_life=None, load_adjusted=True) == 8


def test_nothing_known_is_nan_and_unknown_is_left_out() -> None:
    assert np.isnan(weighted_percentile(np.array([np.nan]), np.ones(1), 0.5))
    assert weighted_percentile(np.array([np.nan, 3.0]), np.ones(2), 0.01) == 3
    assert vpa_recommend(np.array([np.nan]), np.zeros(1)) is None


@pytest.mark.parametrize(("days", "factor"), [(0.5, 3.0), (1, 2.0), (7, 1.142857)])
def test_upper_multiplier(days: float, factor: float) -> None:
    assert vpa_multipliers(days)[1] == pytest.approx(factor, abs=1e-6)


@pytest.mark.parametrize(("minutes", "factor"), [(5, 0.6028), (30, 0.9105), (60, 0.9537)])
def test_lower_multiplier(minutes: float, factor: float) -> None:
    assert vpa_multipliers(minutes / 1440)[0] == pytest.approx(factor, abs=5e-5)


def test_a_constant_core_is_the_end_of_its_bucket_and_15_percent() -> None:
    assert VPA_CPU.index(1.0) == 36
    assert VPA_CPU.start(36) == pytest.approx(0.958363, abs=1e-6)
    assert VPA_CPU.start(37) == pytest.approx(1.016281, abs=1e-6)
    week = vpa_recommend(np.ones(7 * 1440 + 1), np.arange(7 * 1440 + 1) / 1440)
    assert week is not None
    assert week.target == pytest.approx(1.168724, abs=1e-6)
    assert week.days == pytest.approx(7)
    assert week.upper == pytest.approx(1.168724 * 8 / 7, abs=1e-6)
    assert week.lower == pytest.approx(1.168724 * (1 + 0.001 / 7) ** -2, abs=1e-6)


@given(st.floats(0, 1e6))
def test_every_value_is_in_its_bucket(value: float) -> None:
    index = VPA_CPU.index(value)
    assert VPA_CPU.start(index) <= value < VPA_CPU.start(index + 1)


@given(LOADS, st.floats(0.01, 1), st.floats(0.1, 100))
def test_a_percentile_was_seen_and_rises_with_its_share(loads: np.ndarray, share: float, half_life: float) -> None:
    ages = np.arange(loads.size, dtype=float)
    low = decaying_percentile(loads, ages, share / 2, half_life=half_life)
    high = decaying_percentile(loads, ages, share, half_life=half_life)
    assert low <= high
    assert high in loads
    assert decaying_percentile(loads, ages, share, half_life=None, load_adjusted=True) >= decaying_percentile(
        loads, ages, share, half_life=None
    )
