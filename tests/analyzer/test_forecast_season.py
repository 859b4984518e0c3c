"""The seasonal decomposition is that of statsmodels, whatever the length and the outliers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.seasonal import STL

from analyzer.forecast_season import seasonal_part

WEEK = (10.0, 5.0, 5.0, 5.0, 5.0, 1.0, 2.0)


@pytest.mark.parametrize(("season", "length"), [(7, 21), (7, 47), (7, 112), (24, 240), (2, 9)])
def test_the_season_is_that_of_statsmodels(season: int, length: int) -> None:
    rng = np.random.default_rng(season * length)
    histories = 100 + np.resize(rng.normal(0, 10, season), length) + rng.normal(0, 3, (4, length))
    histories[1, length // 2] += 500
    histories[2, length // 3 :] *= 3
    theirs = [STL(one, period=season, robust=True).fit(inner_iter=2, outer_iter=5).seasonal for one in histories]
    assert seasonal_part(histories, season) == pytest.approx(np.array(theirs), rel=1e-7, abs=1e-7)


def test_an_exact_week_is_the_season_and_its_level_is_not() -> None:
    history = np.resize(WEEK, 70)
    assert seasonal_part(history[None], 7)[0] == pytest.approx(history - np.mean(WEEK))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=21, max_size=60))
def test_histories_do_not_touch_each_other_and_stay_finite(costs: list[int]) -> None:
    one = np.array(costs, dtype=float)
    both = seasonal_part(np.array([one, one[::-1]]), 7)
    assert np.isfinite(both).all()
    assert both[0] == pytest.approx(seasonal_part(one[None], 7)[0], rel=1e-9, abs=1e-6)
