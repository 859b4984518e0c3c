"""Work that comes back is not idle, and a stop regretted makes the next one wait longer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.idle import (
    Periodicity,
    autocorrelation,
    cloud_rule_finds,
    next_window,
    periodicity,
    regret,
)


def days(count: int, *active: int) -> np.ndarray:
    found = np.zeros(count)
    found[list(active)] = 0.9
    return found


def test_every_monday_is_a_week() -> None:
    """Of 28 days 4: each centred on 1/7, three pairs of four meet, less what the quiet days share."""
    found = periodicity(days(28, 0, 7, 14, 21))
    assert found is not None
    assert found.days == 7
    assert found.window_days == 14
    assert found.correlation == pytest.approx(0.75, abs=0.01)


def test_a_fortnight_is_enough_for_a_week() -> None:
    found = periodicity(days(14, 0, 7))
    assert found is not None
    assert found.days == 7
    assert periodicity(days(13, 0, 7)) is None


def test_month_ends_are_a_month() -> None:
    """31 August and 30 September, with the days from 20 August to 24 October: 30 days apart."""
    found = periodicity(days(66, 11, 41))
    assert found == Periodicity(30, pytest.approx(0.48, abs=0.03))
    assert found.window_days == 60
    assert periodicity(days(55, 11, 41)) is None


def test_what_never_varies_or_is_not_known_has_no_period() -> None:
    assert periodicity(np.zeros(90)) is None
    assert periodicity(np.full(90, 0.3)) is None
    assert periodicity(np.full(90, np.nan)) is None
    assert periodicity(days(90, 13)) is None


def test_unknown_days_are_left_out() -> None:
    daily = days(28, 0, 7, 14, 21)
    daily[[3, 10]] = np.nan
    found = periodicity(daily)
    assert found is not None
    assert found.days == 7


def test_weights_in_memory_are_never_idle_for_the_clouds_rule() -> None:
    """40 of 80 GB resident, no work in 14 days: idle for us, and not found by the rule."""
    still = {"inactive_share": 1.0, "processor_max": 0.01, "network_bytes_per_day": 1e5}
    assert not cloud_rule_finds(memory_share=0.5, **still)
    assert cloud_rule_finds(memory_share=0.01, **still)


def test_regret_widens_the_window() -> None:
    assert regret(0, 0) is None
    assert regret(40, 2) == 0.05
    assert next_window(336, 40, 2) == 336
    assert next_window(336, 40, 3) == 504
    with pytest.raises(ValueError, match="3 restarts of 2"):
        regret(2, 3)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60).map(np.array), st.integers(1, 59))
def test_autocorrelation_is_between_minus_one_and_one(series: np.ndarray, lag: int) -> None:
    found = autocorrelation(series, lag)
    assert np.isnan(found) or abs(found) <= 1 + 1e-9
