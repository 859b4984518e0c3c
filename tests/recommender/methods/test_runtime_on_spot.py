"""Run time on spot: published numbers, a simulation beside the formula, and what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recommender.methods.runtime_on_spot import (
    break_even_ratio,
    daly_interval,
    effective_saving,
    expected_runtime,
    expected_runtime_from_zero,
    gang_mtbf,
    is_worth_it,
    mtbf_from_band,
    mtbf_from_preemptions,
    saves_on_notice,
    spot_runtime,
    young_interval,
)

MINUTE = 1 / 60
HOURS = st.floats(0.05, 50)
SHORT = st.floats(0.005, 0.5)


def test_five_minute_checkpoints_and_six_hours_between_preemptions() -> None:
    costs = {"checkpoint": 5 * MINUTE, "restart": 10 * MINUTE, "mtbf": 6.0}
    assert young_interval(5 * MINUTE, 6) == pytest.approx(1.0, abs=5e-5)
    assert daly_interval(5 * MINUTE, 6) == pytest.approx(0.9452, abs=5e-5)
    assert expected_runtime(48, young_interval(5 * MINUTE, 6), **costs) == pytest.approx(58.595, abs=5e-4)
    best = spot_runtime(48, **costs)
    assert best.hours == pytest.approx(58.581, abs=5e-4)
    grid = np.arange(0.5, 1.5, 0.005)
    runs = [expected_runtime(48, float(interval), **costs) for interval in grid]
    assert grid[int(np.argmin(runs))] == pytest.approx(0.945)
    assert expected_runtime(48, 1.0, **costs) / 48 == pytest.approx(1.2207, abs=5e-5)
    # at Young's interval, 48 / 58.595; at Daly's it is a little higher
    assert break_even_ratio(58.595 / 48) == pytest.approx(0.8192, abs=5e-5)
    assert effective_saving(0.35, best.inflation) == pytest.approx(0.573, abs=5e-4)
    assert is_worth_it(effective_saving(0.35, best.inflation), 0.15)


def test_two_minute_checkpoints() -> None:
    assert young_interval(2 * MINUTE, 4.3) == pytest.approx(0.5354, abs=5e-5)
    assert daly_interval(2 * MINUTE, 4.3) == pytest.approx(0.5134, abs=5e-5)
    found = spot_runtime(48, checkpoint=2 * MINUTE, restart=5 * MINUTE, mtbf=4.3)
    assert found.hours == pytest.approx(55.575, abs=5e-4)


def test_a_saving_of_three_percent_is_refused() -> None:
    found = spot_runtime(24, checkpoint=10 * MINUTE, restart=10 * MINUTE, mtbf=0.7)
    assert found.interval == pytest.approx(0.3783, abs=5e-5)
    assert found.hours == pytest.approx(66.39, abs=5e-3)
    assert found.inflation == pytest.approx(2.77, abs=5e-3)
    saving = effective_saving(0.35, found.inflation)
    assert saving == pytest.approx(0.03, abs=5e-3)
    assert not is_worth_it(saving, 0.15)


@pytest.mark.parametrize(
    ("mtbf", "inflation"), [(0.25, 5.01), (0.5, 2.64), (1, 1.83), (2, 1.47), (6, 1.22), (24, 1.096)]
)
def test_inflation_by_time_between_preemptions(mtbf: float, inflation: float) -> None:
    found = spot_runtime(1000, checkpoint=5 * MINUTE, restart=10 * MINUTE, mtbf=mtbf)
    assert found.inflation == pytest.approx(inflation, rel=0.003)


def test_without_checkpoints_it_starts_from_zero() -> None:
    assert expected_runtime_from_zero(6, mtbf=6) == pytest.approx(10.31, abs=5e-3)
    found = spot_runtime(6, checkpoint=None, restart=0, mtbf=6)
    assert (found.interval, found.inflation) == (None, pytest.approx(1.718, abs=5e-4))
    assert math.isinf(expected_runtime_from_zero(1e6, mtbf=1))
    assert effective_saving(0.3, math.inf) == -math.inf


def test_mtbf_from_what_was_seen() -> None:
    assert mtbf_from_preemptions(4, 100) == 25
    assert mtbf_from_preemptions(0, 300) == 100
    assert mtbf_from_preemptions(0, 0) is None
    # −730 / ln(0.875) and a gang of eight
    assert mtbf_from_band(0.125) == pytest.approx(5466.9, abs=0.1)
    assert gang_mtbf(mtbf_from_band(0.125), 8) == pytest.approx(683.4, abs=0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        mtbf_from_band(0)


def test_a_checkpoint_on_notice_must_be_quicker_than_the_notice() -> None:
    assert saves_on_notice(1 * MINUTE, "aws")
    assert not saves_on_notice(1 * MINUTE, "gcp")
    assert not saves_on_notice(0, "elsewhere")


def simulated(work: float, interval: float, checkpoint: float, restart: float, mtbf: float, runs: int) -> np.ndarray:
    """Hours of each run, preemption by preemption."""
    rng = np.random.default_rng(7)
    left, restarting, hours = np.full(runs, round(work / interval)), np.zeros(runs, bool), np.zeros(runs)
    while (left > 0).any():
        running = left > 0
        needed = np.where(restarting, restart, interval + checkpoint)
        until = rng.exponential(mtbf, runs)
        done = until >= needed
        hours += np.where(running, np.minimum(until, needed), 0)
        left -= running & done & ~restarting
        restarting = ~done
    return hours


@pytest.mark.parametrize(
    ("work", "interval", "checkpoint", "restart", "mtbf"),
    [(48, 1.0, 5 * MINUTE, 10 * MINUTE, 6.0), (24, 0.375, 10 * MINUTE, 10 * MINUTE, 0.7), (6, 6, 0, 0, 6)],
)
def test_simulation_agrees(work: float, interval: float, checkpoint: float, restart: float, mtbf: float) -> None:
    """Within three standard errors of 4,000 runs."""
    hours = simulated(work, interval, checkpoint, restart, mtbf, 4000)
    expected = expected_runtime(work, interval, checkpoint=checkpoint, restart=restart, mtbf=mtbf)
    assert abs(hours.mean() - expected) < 3 * hours.std() / math.sqrt(4000)


@given(HOURS, SHORT, SHORT, HOURS, st.floats(1.01, 5))
def test_more_time_between_preemptions_less_run_time(
    work: float, checkpoint: float, restart: float, mtbf: float, factor: float
) -> None:
    interval = daly_interval(checkpoint, mtbf)
    costs = {"checkpoint": checkpoint, "restart": restart, "mtbf": mtbf}
    hours = expected_runtime(work, interval, **costs)
    assume(math.isfinite(hours))
    assert hours > work
    assert expected_runtime(work, interval, **costs | {"mtbf": mtbf * factor}) < hours
    assert expected_runtime(work, interval, **costs | {"checkpoint": checkpoint * factor}) > hours
    assert expected_runtime(work, interval, **costs | {"restart": restart * factor}) > hours


@given(SHORT, HOURS)
def test_daly_is_shorter_than_young(checkpoint: float, mtbf: float) -> None:
    assume(checkpoint < 2 * mtbf)
    assert 0 < daly_interval(checkpoint, mtbf) < young_interval(checkpoint, mtbf)


def test_with_no_preemptions_only_the_work_is_left() -> None:
    found = spot_runtime(48, checkpoint=1e-6, restart=0.1, mtbf=1e9)
    assert found.hours == pytest.approx(48, rel=1e-4)


def test_free_checkpoints_are_the_limit_of_cheap_ones() -> None:
    free = spot_runtime(48, checkpoint=0, restart=0.25, mtbf=4)
    nearly = spot_runtime(48, checkpoint=1e-9, restart=0.25, mtbf=4)
    assert free.hours == pytest.approx(nearly.hours, rel=1e-3)
