"""Bounds on what may still go wrong, against published and hand-computed values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.risk import effective_sample, risk_level, violation_bound


def test_no_violation_in_720_hours_is_the_rule_of_three() -> None:
    assert violation_bound(0, 720) == pytest.approx(0.0041667, abs=1e-7)


@pytest.mark.parametrize(("k", "n", "expected"), [(1, 10, 0.3942), (5, 100, 0.1023), (10, 10, 1.0)])
def test_bound_is_clopper_pearsons_one_sided_95_percent_limit(k: int, n: int, expected: float) -> None:
    """Expected values: Beta(0.95; k+1, n−k)."""
    assert violation_bound(k, n) == pytest.approx(expected, abs=5e-4)


def test_nothing_observed_bounds_nothing() -> None:
    assert violation_bound(0, 0) == 1.0


@given(st.integers(0, 20), st.integers(21, 2000))
def test_more_violations_never_lower_the_bound(k: int, n: int) -> None:
    assert violation_bound(k + 1, n) >= violation_bound(k, n) - 1e-9


def test_dependent_hours_count_less() -> None:
    generator = np.random.default_rng(1)
    independent = generator.normal(size=1000)
    walk = np.convolve(independent, np.ones(24) / 24, mode="same")
    assert effective_sample(independent) > 800
    assert effective_sample(walk) < 100


def test_a_daily_pattern_costs_no_evidence() -> None:
    day = np.sin(np.arange(24) / 24 * 2 * np.pi)
    pattern = np.tile(day, 14)
    noise = np.random.default_rng(2).normal(scale=0.1, size=pattern.size)
    assert effective_sample(pattern) == 336
    assert effective_sample(pattern + noise) > 250


def test_a_constant_series_keeps_its_length() -> None:
    assert effective_sample(np.zeros(336)) == 336


@pytest.mark.parametrize(("bound", "level"), [(0.0009, 0), (0.004, 1), (0.019, 2), (0.049, 3), (0.05, 4), (1.0, 4)])
def test_risk_levels_follow_the_published_scale(bound: float, level: int) -> None:
    assert risk_level(bound) == level
