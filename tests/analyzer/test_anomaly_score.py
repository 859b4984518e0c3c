"""Days out of the ordinary, on series whose truth is written down."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.anomaly_fit import Floats, fits, robust_scale, weekly_slope
from analyzer.anomaly_runs import Limits, Run, merged
from analyzer.anomaly_score import find_runs

MONDAY = date(2026, 6, 1)
WEEK = (100.0, 110.0, 105.0, 100.0, 120.0, 40.0, 30.0)


def weeks(count: int) -> list[float]:
    return list(WEEK) * count


def found(costs: list[float], **limits: float) -> list[tuple[str, int, int]]:
    return [(run.kind, run.first, run.last) for run in find_runs(costs, MONDAY, Limits(**limits))]  # type: ignore[arg-type]


def scale(sample: Floats) -> float:
    return float(robust_scale(sample[None], np.ones((1, len(sample)), dtype=bool))[0])


def test_robust_scale_of_a_normal_sample_is_its_deviation_and_a_wild_value_hardly_moves_it() -> None:
    sample = np.random.default_rng(3).normal(0, 0.06, 2000)
    assert scale(sample) == pytest.approx(0.06, rel=0.04)
    assert scale(np.append(sample, [50.0] * 20)) == pytest.approx(0.06, rel=0.06)


def test_scale_of_a_bill_that_never_moves_is_one_percent() -> None:
    assert scale(np.zeros(56)) == 0.01


def test_slope_is_that_of_days_whole_weeks_apart() -> None:
    values = (0.01 * np.arange(28.0) + np.resize(np.log(WEEK), 28)).reshape(1, 4, 7)
    values[0, 2, 6] += 5
    assert weekly_slope(values, np.ones((1, 4, 7), dtype=bool)) == pytest.approx([0.01])


@given(st.integers(0, 2**32 - 1), st.sampled_from([28, 30, 56]))
def test_a_window_says_the_same_alone_and_among_others(seed: int, window: int) -> None:
    random = np.random.default_rng(seed)
    values, kept, busy = random.normal(4, 0.3, 70), random.random(70) > 0.2, random.random(70) > 0.1
    together = list(fits(values, busy, kept, range(10, 70), since=2, window=window))
    alone = [next(fits(values, busy, kept, range(day, day + 1), since=2, window=window)) for day in range(10, 70)]
    assert together == alone


def test_a_weekly_pattern_is_expected_from_the_first_weekend_on() -> None:
    assert found(weeks(12)) == []


def test_a_spike_is_told_with_what_was_expected() -> None:
    costs = weeks(9)
    costs[58] = 210.0  # a Wednesday, otherwise 105
    (run,) = find_runs(costs, MONDAY, Limits())
    assert (run.kind, run.first, run.last, run.lasting) == ("rise", 58, 58, False)
    assert run.actual == 210.0
    assert run.expected == pytest.approx(105.0)
    # distance in scales of one percent, of logarithms with a tenth of the least impact added
    assert run.peak == pytest.approx((log(211) - log(106)) / 0.01)


@pytest.mark.parametrize(("cost", "told"), [(109.0, False), (118.0, True)])
def test_an_impact_must_exceed_both_the_amount_and_the_share(cost: float, told: bool) -> None:
    costs = [100.0] * 70
    costs[69] = cost
    assert bool(found(costs)) is told
    assert found([one / 10 for one in costs]) == []  # 1.80 more than 10: a share, no amount
    assert bool(found([one * 10 for one in costs], min_share=0.2)) is False


def test_a_day_without_cost_is_a_drop() -> None:
    costs = [50.0] * 60
    costs[55] = 0.0
    assert found(costs) == [("drop", 55, 55)]


def test_consecutive_days_are_one_and_a_level_that_stays_is_learned() -> None:
    costs = [100.0] * 60 + [160.0] * 40
    (run,) = find_runs(costs, MONDAY, Limits())
    assert (run.kind, run.first, run.last, run.lasting) == ("rise", 60, 73, False)
    assert run.impact == pytest.approx(14 * 60.0)


def test_a_fall_back_to_a_level_that_was_usual_is_no_drop() -> None:
    assert found([100.0] * 60 + [160.0] * 30 + [100.0] * 20) == [("rise", 60, 73)]


def test_what_was_called_expected_is_learned_from_its_first_day() -> None:
    costs = [100.0] * 60 + [160.0] * 5
    assert [(run.first, run.last, run.lasting) for run in find_runs(costs, MONDAY, Limits())] == [(60, 64, True)]
    longer = costs + [160.0] * 5 + [100.0] * 20
    labelled = find_runs(longer, MONDAY, Limits(), expected={60})
    assert [(run.first, run.last) for run in labelled] == [(60, 60)]
    again = find_runs([*costs, 160.0, 260.0], MONDAY, Limits(), expected=set(range(60, 65)))
    assert [(run.first, run.last) for run in again] == [(60, 60), (66, 66)]


def test_a_slow_ramp_is_told_though_no_day_is_out_by_itself() -> None:
    rng = np.random.default_rng(11)
    level = 1000 * np.exp(rng.normal(0, 0.12, 100))
    level[80:] *= 1.02 ** np.arange(1, 21)
    runs = find_runs(list(level), MONDAY, Limits())
    assert [run.kind for run in runs] == ["drift"]
    assert runs[0].first >= 80
    assert runs[0].last >= 92


def test_what_comes_every_week_is_no_surprise_the_third_time() -> None:
    costs = [100.0] * 120
    for day in range(61, 120, 7):
        costs[day] = 300.0
    assert found(costs) == [("rise", 61, 61), ("rise", 68, 68)]


def test_what_comes_every_month_is_no_surprise_the_third_time() -> None:
    costs = [100.0] * 150
    for day in (date(2026, 7, 14), date(2026, 8, 14), date(2026, 9, 15), date(2026, 10, 13)):
        costs[(day - MONDAY).days] = 500.0
    assert [MONDAY + timedelta(days=first) for _, first, _ in found(costs)] == [date(2026, 7, 14), date(2026, 8, 14)]


def test_a_pattern_that_changes_is_learned_anew() -> None:
    # a job on Saturdays, beside a machine of which one of two is given back: Saturday costs what it did
    before, after = [25.0] * 5 + [1100.0, 25.0], [13.0] * 5 + [1088.0, 13.0]
    runs = find_runs(before * 6 + after * 12, MONDAY, Limits())
    assert [(run.kind, run.first) for run in runs] == [("drop", 42)]


def test_a_young_series_is_not_judged_until_it_is_ten_days_old() -> None:
    assert found([0.0] * 50 + [100.0] * 9 + [900.0]) == []
    assert found([0.0] * 50 + [100.0] * 10 + [900.0]) == [("rise", 60, 60)]


def test_a_sparse_series_is_quiet_unless_it_doubles_its_record() -> None:
    costs = [0.0] * 100
    for day in (3, 17, 20, 38, 51, 77):
        costs[day] = 400.0
    assert found(costs) == []
    costs[90] = 790.0
    assert found(costs) == []
    costs[90] = 2000.0
    (run,) = find_runs(costs, MONDAY, Limits())
    assert (run.first, run.expected, run.peak) == (90, 400.0, None)


def test_a_machine_left_running_over_the_weekend_is_told() -> None:
    costs = [80.0, 80.0, 80.0, 80.0, 80.0, 0.0, 0.0] * 9
    costs[61] = costs[62] = 80.0
    assert found(costs) == [("rise", 61, 62)]


def test_nothing_in_nothing_out() -> None:
    assert found([]) == []
    assert found([0.0] * 90) == []
    assert found([-5.0] * 90) == []


def test_runs_of_one_direction_with_a_quiet_day_between_are_one() -> None:
    first = Run("rise", 3, 4, actual=30, expected=10, peak=5.0)
    second = Run("drift", 6, 7, actual=20, expected=5, peak=None, lasting=True)
    drop = Run("drop", 9, 9, actual=0, expected=5, peak=-9.0)
    assert merged([first, second, drop]) == [
        Run("rise", 3, 7, actual=50, expected=15, peak=5.0, lasting=True),
        drop,
    ]


@given(
    st.lists(st.floats(0, 5000), min_size=1, max_size=90),
    st.integers(0, 6),
)
def test_runs_lie_within_the_series_apart_and_in_order(costs: list[float], shift: int) -> None:
    runs = find_runs(costs, MONDAY + timedelta(days=shift), Limits())
    for run in runs:
        assert 0 <= run.first <= run.last < len(costs)
        assert run.kind != "rise" or run.impact > 0
        assert run.kind != "drop" or run.impact < 0
    assert all(one.first <= two.last for one, two in pairwise(runs))


@given(st.integers(0, 10_000))
def test_what_was_told_stays_told_when_days_are_added(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = list(300 * np.exp(rng.normal(0, 0.05, 90)))
    costs[70] *= 2
    early = [(run.kind, run.first) for run in find_runs(costs[:75], MONDAY, Limits())]
    late = [(run.kind, run.first) for run in find_runs(costs, MONDAY, Limits())]
    assert ("rise", 70) in early
    assert late[: len(early)] == early
