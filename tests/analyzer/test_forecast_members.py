"""The members of the forecast: held against statsmodels, against exact patterns, and in their fallbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.holtwinters import ExponentialSmoothing, SimpleExpSmoothing

from analyzer.forecast_members import (
    OF_DAYS,
    OF_HOURS,
    ahead,
    ahead_of_each,
    holt_winters,
    last_season,
    method_for,
    seasonal_naive,
    smoothed_level,
    usual_season,
    usual_shape,
    usual_shape_now,
    week_ago,
)

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats

WEEK = (10.0, 5.0, 5.0, 5.0, 5.0, 1.0, 2.0)


def _noisy(days: int, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    noisy: Floats = 100 + 0.3 * np.arange(days) + np.resize(WEEK, days) + rng.normal(0, 4, days)
    return noisy


@pytest.mark.parametrize(("alpha", "beta", "gamma"), [(0.3, 0.1, 0.15), (0.8, 0.0, 0.02), (0.05, 0.1, 0.15)])
def test_holt_winters_is_that_of_statsmodels(alpha: float, beta: float, gamma: float) -> None:
    history = _noisy(112)
    first, second = history[:7].mean(), history[7:14].mean()
    model = ExponentialSmoothing(
        history,
        trend="add",
        damped_trend=True,
        seasonal="add",
        seasonal_periods=7,
        initialization_method="known",
        initial_level=first,
        initial_trend=(second - first) / 7,
        initial_seasonal=(history[:7] - first + history[7:14] - second) / 2,
    )
    theirs = model.fit(
        smoothing_level=alpha, smoothing_trend=beta, smoothing_seasonal=gamma, damping_trend=0.95, optimized=False
    ).forecast(30)
    # theirs smooths the trend with a share of the level's parameter, ours with the product
    (ours,) = holt_winters(history[None], 30, 7, [(alpha, alpha * beta, gamma)])
    # and leaves the season of the last day as it was a week before, where ours learns from that day too
    learned = np.arange(30) % 7 != 6
    assert ours[learned] == pytest.approx(theirs[learned])


def test_smoothing_of_the_level_is_that_of_statsmodels() -> None:
    history = _noisy(112)
    model = SimpleExpSmoothing(history, initialization_method="known", initial_level=history[:12].mean())
    theirs = model.fit(smoothing_level=0.3, optimized=False).forecast(1)[0]
    assert smoothed_level(history[None], [0.3])[0] == pytest.approx(theirs)


@pytest.mark.parametrize("days", [14, 20, 21, 56, 112])
def test_an_exact_week_is_repeated_without_error(days: int) -> None:
    history = np.resize(WEEK, days)
    expected = np.resize(WEEK, days + 30)[days:]
    assert ahead(history, 30, 7) == pytest.approx(expected, abs=1e-12)


def test_a_short_history_says_less() -> None:
    assert [method_for(days, 7) for days in (0, 6, 7, 13, 14, 20, 21)] == [
        "nothing charged",
        "run rate",
        "as a season ago",
        "as a season ago",
        "mean of same steps",
        "mean of same steps",
        "middle of members",
    ]
    assert ahead(np.array([]), 3, 7).tolist() == [0, 0, 0]
    assert ahead(np.array([1.0, 2.0, 6.0]), 2, 7).tolist() == [3, 3]
    assert ahead(np.array([9.0, *WEEK]), 8, 7).tolist() == [*WEEK, WEEK[0]]
    two_weeks = np.array([*WEEK, *(value + 2 for value in WEEK)])
    assert ahead(two_weeks, 7, 7).tolist() == [value + 1 for value in WEEK]


def test_a_step_up_is_followed_and_a_trend_flattens() -> None:
    rng = np.random.default_rng(3)
    step = np.concatenate((np.full(60, 100.0), np.full(28, 200.0))) + rng.normal(0, 1, 88)
    assert ahead(step, 30, 7).mean() == pytest.approx(200, rel=0.02)
    trend = 100 + 2.0 * np.arange(112) + rng.normal(0, 1, 112)
    found = ahead(trend, 30, 7)
    assert found[0] > trend[-7:].mean()
    assert found[-1] < trend[-1] + 2 * 30


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.integers(1, 1000))
def test_a_forecast_does_not_depend_on_the_currency(history: list[int], factor: int) -> None:
    values = np.array(history, dtype=float)
    assert ahead(values * factor, 10, 7) == pytest.approx(ahead(values, 10, 7) * factor, rel=1e-6, abs=1e-6 * factor)


def test_seasonal_naive_begins_where_the_history_ends() -> None:
    assert seasonal_naive(np.arange(10.0), 8, 7).tolist() == [3, 4, 5, 6, 7, 8, 9, 3]


def test_hours_are_the_middle_of_the_last_day_the_week_before_the_usual_day_and_its_shape_at_two_levels() -> None:
    # seasons of two steps: (1, 3), (2, 6), (4, 4), (8, 8); the last is a burst
    history = np.array([[1.0, 3.0, 2.0, 6.0, 4.0, 4.0, 8.0, 8.0]])
    assert last_season(history, 2, 2).tolist() == [[8, 8]]
    assert usual_season(history, 3, 2).tolist() == [[3, 5, 3]]
    # shares (0.5, 1.5), (0.5, 1.5), (1, 1), (1, 1): medians 0.75 and 1.25, at the last level of 8
    assert usual_shape(history, 2, 2).tolist() == [[6, 10]]
    # the last half of a season came to 8 where the shape has 1.25: a level of 6.4
    assert usual_shape_now(history, 3, 2) == pytest.approx(np.array([[4.8, 8, 4.8]]))
    assert week_ago(history, 2, 2).tolist() == [[8, 8]]
    # of 8, 3, 6, 4.8 and 8, and of 8, 5, 10, 8 and 8
    assert ahead(history[0], 2, 2, OF_HOURS).tolist() == [6, 8]


def test_a_week_of_hours_is_seven_seasons() -> None:
    history = np.arange(20.0)[None]
    assert week_ago(history, 3, 2).tolist() == [[6, 7, 8]]
    assert week_ago(history, 16, 2)[0, -3:].tolist() == [19, 6, 7]
    assert week_ago(history[:, :13], 3, 2).tolist() == [[11, 12, 11]]


def test_a_shape_is_that_of_seasons_that_came_to_something() -> None:
    assert usual_shape(np.array([[0.0, 0.0, 1.0, 3.0]]), 2, 2).tolist() == [[1, 3]]
    assert usual_shape(np.array([[0.0, 0.0, 0.0, 0.0]]), 2, 2).tolist() == [[0, 0]]
    assert usual_shape(np.array([[1.0, 3.0, 0.0, 0.0]]), 2, 2).tolist() == [[0, 0]]


def test_a_half_in_which_little_is_usual_says_nothing_of_the_level() -> None:
    # a twentieth of the season falls in its second half, where twice as much came last time: no sign of twice the level
    quiet = np.array([[19.0, 1.0, 19.0, 1.0, 19.0, 1.0, 18.0, 2.0]])
    assert usual_shape_now(quiet, 2, 2) == pytest.approx(np.array([[19, 1]]))
    # where nothing ever came, and where the usual shape is none
    assert usual_shape_now(np.zeros((1, 6)), 2, 2).tolist() == [[0, 0]]
    assert usual_shape_now(np.array([[1.0, 3.0, 0.0, 0.0]]), 2, 2).tolist() == [[0, 0]]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 1000), min_size=6, max_size=60), st.integers(1, 20))
def test_a_forecast_of_hours_stays_within_what_its_members_say(values: list[int], horizon: int) -> None:
    history = np.array(values, dtype=float)
    told = np.array([member(history[None], horizon, 2)[0] for member in OF_HOURS])
    assert (told >= 0).all()
    found = ahead(history, horizon, 2, OF_HOURS)
    assert (found >= told.min(axis=0) - 1e-9).all()
    assert (found <= told.max(axis=0) + 1e-9).all()


def test_histories_forecast_together_do_not_touch_each_other() -> None:
    histories = [_noisy(112, 1), _noisy(60, 2), np.resize(WEEK, 60), _noisy(60, 3), _noisy(9, 4)]
    together = ahead_of_each(histories, 30, 7, OF_DAYS)
    for history, found in zip(histories, together, strict=True):
        assert found == pytest.approx(ahead(history, 30, 7))
