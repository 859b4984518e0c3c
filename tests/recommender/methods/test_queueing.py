"""Waiting and scaling to zero: published numbers, and bounds that hold on any arrivals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.queueing import (
    asked_before,
    cold_start_cost,
    cost_of_hour,
    erlang_c,
    keep_alive,
    ski_rental_timeout,
    warm_above,
)

SECOND = 1 / 3600


@pytest.mark.parametrize(
    ("servers", "load", "waits"),
    [(10, 7, 0.2217), (10, 8, 0.4092), (100, 80, 0.0196), (100, 90, 0.2169), (5, 3, 0.2362)],
)
def test_erlang_c(servers: int, load: float, waits: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(waits, abs=5e-5)


def test_erlang_c_at_its_ends() -> None:
    assert erlang_c(3, 0) == 0
    assert erlang_c(3, 3) == 1
    # one server: the chance to wait is its utilization
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    assert 0 < erlang_c(5000, 4900) < 1


@pytest.mark.parametrize(
    ("rate", "cost", "saving"), [(1, 0.3867, 0.903), (5, 0.3221, 0.597), (20, 0.1804, 0.098), (60, 0.0722, -0.083)]
)
def test_cost_per_request_with_five_minutes_keep_alive(rate: float, cost: float, saving: float) -> None:
    """T5.2: at a steady rate λT requests came within the keep-alive, and a request costs an hour's cost ÷ λ."""
    rates = np.full(168, float(rate))
    asked = asked_before(rates, 300 * SECOND)
    assert asked == pytest.approx(rate / 12)
    hour = cost_of_hour(4, rates, service=5 * SECOND, asked=asked, cold_start=60 * SECOND)
    assert hour / rate == pytest.approx(cost, abs=5e-5)
    assert 1 - hour / 4 == pytest.approx(saving, abs=5e-4)
    if rate == 1:
        assert np.exp(-asked) == pytest.approx(0.920, abs=5e-4)


def test_what_was_asked_before_goes_over_the_end_of_the_week() -> None:
    """Six requests in the week's last hour: half of them before its middle, all in the first hour's last two, and of a
    keep-alive of more than a week no more than a week's."""
    rates = np.zeros(168)
    rates[-1] = 6
    assert asked_before(rates, 2)[[-1, 0, 1, 2]] == pytest.approx([3, 6, 3, 0])
    assert asked_before(rates, 500) == pytest.approx(6)


def test_thresholds() -> None:
    """A cold start of 60 s at $4/h is $0.0667: warm from 60 requests an hour; with $0.50 penalty wait 510 s."""
    plain = cold_start_cost(4, 60 * SECOND)
    assert plain == pytest.approx(0.0667, abs=5e-5)
    assert warm_above(4, plain) == pytest.approx(60)
    assert ski_rental_timeout(4, cold_start_cost(4, 60 * SECOND, 0.5)) == pytest.approx(510 * SECOND)
    assert math.isinf(warm_above(4, 0))


def test_keep_alive_from_idle_times() -> None:
    """A hundred idle times of 1 to 100 minutes: P5 is 5, P99 99; a restart takes one."""
    found = keep_alive(np.append(np.arange(1.0, 101), np.nan), 1)
    assert found is not None
    assert (found.prewarm, found.keep_until) == (4, 99)
    assert keep_alive(np.array([np.nan]), 1) is None
    quick = keep_alive(np.array([0.1, 0.2]), 1)
    assert quick is not None
    assert quick.prewarm == 0


def idle_cost(idle: np.ndarray, timeout: float, *, price: float, cold: float) -> float:
    """Warm until the timeout, and a cold start for each that is longer."""
    return float(np.minimum(idle, timeout).sum()) * price + int((idle > timeout).sum()) * cold


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50).map(np.array), st.floats(0.1, 10), st.floats(0.01, 50))
def test_the_ski_rental_timeout_costs_at_most_twice_the_best(idle: np.ndarray, price: float, cold: float) -> None:
    ours = idle_cost(idle, ski_rental_timeout(price, cold), price=price, cold=cold)
    best = float(np.minimum(idle * price, cold).sum())
    assert best - 1e-9 <= ours <= 2 * best + 1e-9


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_more_servers_wait_less(servers: int, share: float) -> None:
    load = servers * share
    assert 0 <= erlang_c(servers + 1, load) <= erlang_c(servers, load) <= 1


def test_simulated_poisson_requests_cost_what_the_formula_says() -> None:
    """50,000 idle times at five an hour: warm time and cold starts within 2 %."""
    rng = np.random.default_rng(5)
    replayed = idle_cost(rng.exponential(1 / 5, 50_000), 1 / 12, price=4, cold=4 / 60)
    rates = np.full(168, 5.0)
    formula = cost_of_hour(4, rates, service=0, asked=asked_before(rates, 1 / 12), cold_start=1 / 60) / 5
    assert replayed / 50_000 == pytest.approx(formula[0], rel=0.02)
