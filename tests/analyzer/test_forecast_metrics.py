"""Measures of a forecast, with published and hand-computed values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.forecast_metrics import coverage, mase, seasonal_naive_error, total_error, winkler

TRAIN = [100.0, 102.0, 101.0, 105.0, 107.0]
_AMOUNTS = st.integers(0, 10**6)


def test_the_scale_is_the_mean_step_of_the_history() -> None:
    """T7.1, its scale."""
    assert seasonal_naive_error(TRAIN, 1) == pytest.approx((2 + 1 + 4 + 2) / 4)
    assert seasonal_naive_error(TRAIN, 1) == pytest.approx(2.25)


def test_mase_of_a_flat_forecast() -> None:
    """T7.1: 107 and 107 where 110 and 108 came."""
    assert mase([110.0, 108.0], [107.0, 107.0], TRAIN, 1) == pytest.approx(2 / 2.25)
    assert mase([110.0, 108.0], [107.0, 107.0], TRAIN, 1) == pytest.approx(0.8889, abs=5e-5)


def test_mase_is_unknown_where_the_history_never_moves_or_is_too_short() -> None:
    assert mase([1.0], [2.0], [5.0] * 20, 7) is None
    assert mase([1.0], [2.0], [5.0] * 7, 7) is None
    assert mase([], [], TRAIN, 1) is None


def test_winkler_is_the_width_inside_and_ten_times_the_miss_outside_of_an_80_percent_band() -> None:
    """T7.2."""
    assert winkler(90, 110, 105, 0.8) == pytest.approx(20)
    assert winkler(90, 110, 115, 0.8) == pytest.approx(70)
    assert winkler(90, 110, 85, 0.8) == pytest.approx(70)


def test_coverage_counts_the_edges_in() -> None:
    assert coverage([(0, 1), (0, 1), (0, 1), (2, 3)], [0, 1, 0.5, 1]) == pytest.approx(0.75)
    assert coverage([], []) is None


def test_the_error_of_a_total_lets_days_make_up_for_each_other() -> None:
    assert total_error([10, 10], [5, 16]) == pytest.approx(0.05)
    assert total_error([-10, -10], [-5, -16]) == pytest.approx(0.05)
    assert total_error([0, 0], [1, 1]) is None


@given(st.lists(_AMOUNTS, min_size=8, max_size=30), st.integers(1, 1000))
def test_mase_does_not_depend_on_the_currency(history: list[int], factor: int) -> None:
    before = mase(history[:3], history[3:6], history, 7)
    scaled = [value * factor for value in history]
    after = mase(scaled[:3], scaled[3:6], scaled, 7)
    assert (before is None) == (after is None)
    assert before is None or before == pytest.approx(after, rel=1e-6)
