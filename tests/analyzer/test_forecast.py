"""The whole forecast on made series: exact patterns, calibration, what recurs by the month, and short histories."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.forecast import DAILY, HOURLY, History, Plan, backtest, forecast, project
from analyzer.forecast_bands import Backtest
from analyzer.forecast_calendar import take_out_events
from analyzer.forecast_fees import fees_ahead
from analyzer.forecast_metrics import coverage

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats

FIRST = date(2026, 1, 5)
WEEK = (10.0, 5.0, 5.0, 5.0, 5.0, 1.0, 2.0)


def test_a_step_after_a_flat_history_makes_no_band_beyond_belief() -> None:
    """150 days of exactly 100, then 40 of 300: no 30 days missed by more than 6,000, at 9,000 to come."""
    found = forecast(_history(np.repeat((100.0, 300.0), (150, 40))), 30)
    width = found.width_of_total(0, 30)
    assert width is not None
    assert 0 < width <= 2 * 6000 * 1.01
    assert max(one for one in found.half_widths if one is not None) <= 2 * 200 * 1.01


def _history(usage: Floats, fees: Floats | None = None, first: date | None = FIRST) -> History:
    return History(usage, np.zeros(len(usage)) if fees is None else fees, first)


def _noisy(days: int, seed: int, noise: float = 6.0) -> Floats:
    rng = np.random.default_rng(seed)
    noisy: Floats = 100 + np.resize(WEEK, days) * 3 + rng.normal(0, noise, days)
    return noisy


def test_a_weekly_pattern_without_noise_is_told_without_error_and_without_width() -> None:
    """T7.3."""
    found = forecast(_history(np.resize(WEEK, 200)), 40)
    assert found.values == pytest.approx(np.resize(WEEK, 240)[200:], abs=1e-9)
    assert all(width is not None and width < 1e-6 for width in found.half_widths)
    total = found.backtest.half_width_of_total(0, 40, 0.8)
    assert total is not None
    assert total < 1e-5


def test_an_80_percent_band_holds_on_75_to_85_percent_of_simulated_days() -> None:
    """T7.4."""
    held = []
    for seed in range(100, 112):
        series = _noisy(250 + 30, seed)
        past, came = series[:250], series[250:]
        found = forecast(_history(past), 30, Plan(origins=12))
        widths = [width or 0.0 for width in found.half_widths]
        bands = list(zip(found.values - widths, found.values + widths, strict=True))
        held.append(coverage(bands, list(came)) or 0.0)
    assert 0.75 <= np.mean(held) <= 0.85


def test_an_80_percent_band_of_a_total_holds_in_75_to_85_percent_of_simulated_totals() -> None:
    # errors of the days of one forecast go together: the band of the sum is learned from sums
    rng = np.random.default_rng(1)
    held = []
    for _ in range(2000):
        errors = rng.normal(0, 1, (27, 10)) + rng.normal(0, 2, (27, 1))
        tested = Backtest(errors[:26], np.ones(26), 1.0, stride=10)
        held.append(abs(errors[26].sum()) <= (tested.half_width_of_total(0, 10, 0.8) or 0.0))
    assert 0.75 <= np.mean(held) <= 0.85


def test_totals_that_share_days_are_not_counted_as_if_they_did_not() -> None:
    # 30 totals of three days, origins a day apart: two thirds and one third of the days are shared with those beside,
    # so that they are worth 30 / (1 + 2 × (8/27 + 1/27)) = 18; ceil(30 × 0.8 × 19/18) = 26th smallest
    errors = np.column_stack((np.arange(1.0, 31.0), np.zeros((30, 2))))
    near, apart = (Backtest(errors, np.ones(30), 1.0, stride=stride) for stride in (1, 3))
    assert near.half_width_of_total(0, 3, 0.8) == 26
    # three apart: ceil(31 × 0.8)
    assert apart.half_width_of_total(0, 3, 0.8) == 25


def test_errors_are_measured_in_those_of_the_memory_and_a_quarter_of_those_of_the_last_season() -> None:
    # 70 days, each a week apart 1 up, the last seven 16: (56 + 7 × 16) / 63 on average, and 16 ** 0.25 = 2
    weekly = np.cumsum(np.array([0.0] + [1.0] * 8 + [16.0]))
    tested = backtest(_history(np.repeat(weekly, 7)), 5, DAILY)
    assert tested.scale == pytest.approx(2 * (168 / 63) ** 0.75)
    # a week before the last nothing had happened yet
    assert tested.scales[0] == pytest.approx(1)
    # a last season without any movement says no more than a twentieth of the usual does
    still = np.repeat(np.array([0.0] + [1.0] * 8 + [0.0]).cumsum(), 7)
    assert backtest(_history(still), 5, DAILY).scale == pytest.approx(56 / 63 * 0.05**0.25)


def test_an_80_percent_band_of_hours_holds_in_75_to_85_percent_of_simulated_demand() -> None:
    # a day's shape, a level that wanders and comes back, and noise
    rng = np.random.default_rng(5)
    shape = 1 + 0.7 * np.sin(2 * np.pi * np.arange(336) / 24)
    held = []
    for _ in range(30):
        level = np.zeros(336)
        for hour, shock in enumerate(rng.normal(0, 0.08, 335), 1):
            level[hour] = 0.97 * level[hour - 1] + shock
        demand = 100 * shape * np.exp(level + rng.normal(0, 0.1, 336))
        found = forecast(_history(demand[:288], first=None), 48, HOURLY)
        held.append(np.mean(np.abs(demand[288:] - found.values) <= np.array(found.half_widths, dtype=float)))
    assert 0.75 <= np.mean(held) <= 0.85


def test_steps_of_a_forecast_count_as_one_where_they_go_together() -> None:
    # six origins whose ten steps miss alike are worth six: ceil(60 × 0.8 × 7/6) = 56th smallest of six tens
    alike = np.repeat(np.arange(1.0, 7.0)[:, None], 10, axis=1)
    assert Backtest(alike, np.ones(6), 1.0, stride=10).half_widths((), 0.8) == [6] * 10
    # where the origins are alike and the steps are not, they are worth sixty: ceil(61 × 0.8) = 49th of ten sixes
    apart = np.repeat(np.arange(1.0, 11.0)[None], 6, axis=0)
    assert Backtest(apart, np.ones(6), 1.0, stride=10).half_widths((), 0.8) == [9] * 10


def test_a_band_is_the_corrected_quantile_of_the_scores_in_todays_scale() -> None:
    # five origins, errors 1 to 5, scale 1 then and 2 now: ceil(6 × 0.8) = 5th smallest of five, times 2
    errors = np.array([[1.0], [2.0], [3.0], [4.0], [-5.0]])
    tested = Backtest(errors, np.ones(5), 2.0, stride=1)
    assert tested.half_width_of_total(0, 1, 0.8) == pytest.approx(10)
    # nine: ceil(10 × 0.8) = 8th
    nine = Backtest(np.arange(1.0, 10.0)[:, None], np.ones(9), 1.0, stride=1)
    assert nine.half_width_of_total(0, 1, 0.8) == pytest.approx(8)


def test_an_80_percent_band_holds_in_75_to_85_percent_of_totals_whose_days_overlap() -> None:
    # 30-day totals of the same noise from origins a week apart: 26 of them are worth twelve
    rng = np.random.default_rng(2)
    held = []
    for _ in range(1500):
        noise = rng.normal(0, 1, 26 * 7 + 60)
        origins = len(noise) - 60 - 7 * np.arange(26)
        errors = noise[origins[:, None] + np.arange(30)]
        width = Backtest(errors, np.ones(26), 1.0, stride=7).half_width_of_total(0, 30, 0.8)
        held.append(abs(noise[-30:].sum()) <= (width or 0.0))
    assert 0.75 <= np.mean(held) <= 0.85


def test_a_total_is_judged_by_sums_so_that_days_may_make_up_for_each_other() -> None:
    errors = np.array([[3.0, -3.0]] * 5)
    tested = Backtest(errors, np.ones(5), 1.0, stride=2)
    assert tested.half_width_of_total(0, 2, 0.8) == pytest.approx(0)
    assert tested.half_widths((7,), 0.8) == pytest.approx([3, 3])


def test_too_few_origins_give_no_band() -> None:
    tested = Backtest(np.ones((4, 1)), np.ones(4), 1.0, stride=1)
    assert tested.half_width_of_total(0, 1, 0.8) is None
    assert tested.half_widths((7,), 0.8) == [None]
    young = forecast(_history(_noisy(40, 1)), 30)
    assert young.half_widths[-1] is None
    assert young.backtest.half_width_of_total(0, 30, 0.8) is None


def test_what_has_not_come_yet_is_no_error() -> None:
    tested = backtest(_history(_noisy(70, 1)), 30, DAILY)
    # origins 63, 56, 49, 42, 35, 28 know 7, 14, 21, 28, 30, 30 of the 30 steps ahead
    assert (~np.isnan(tested.errors)).sum(axis=1).tolist() == [7, 14, 21, 28, 30, 30]


def test_the_past_is_forecast_without_knowing_what_came() -> None:
    series = _noisy(150, 4)
    changed = series.copy()
    changed[100:] *= 50
    known, other = _history(series).before(100), _history(changed).before(100)
    assert project(known, 30, DAILY).tolist() == project(other, 30, DAILY).tolist()


def test_a_monthly_job_comes_back_on_its_day_and_does_not_blur_the_week() -> None:
    usage = np.resize(WEEK, 150)
    days = [FIRST + timedelta(days=number) for number in range(190)]
    expected = np.resize(WEEK, 190)
    for number, day in enumerate(days):
        if day.day in (9, 10):
            expected[number] += 80
    usage = expected[:150]
    cleaned, events = take_out_events(usage, FIRST)
    assert events == pytest.approx({9: 80, 10: 80})
    assert cleaned == pytest.approx(np.resize(WEEK, 150))
    assert project(_history(usage), 40, DAILY) == pytest.approx(expected[150:], abs=1e-9)


def test_noise_and_one_weekend_a_week_are_no_monthly_events() -> None:
    for seed in range(20):
        assert take_out_events(_noisy(112, seed), FIRST)[1] == {}
    # a job of Saturdays that ended half way
    usage = np.resize((10.0,) * 5 + (90.0, 10.0), 112)
    usage[60:] = 10.0
    assert take_out_events(usage, FIRST)[1] == {}


def test_fees_come_on_their_day_of_the_month_as_last_time() -> None:
    fees = np.zeros(100)
    days = [FIRST + timedelta(days=number) for number in range(130)]
    for number, day in enumerate(days[:100]):
        if day.day == 15:
            fees[number] = 40 + day.month  # 15 January, 15 February, 15 March; the history ends on 14 April
        if day == date(2026, 2, 20):
            fees[number] = 999  # once, and not in March
    found = fees_ahead(fees, FIRST, 30)
    assert {days[100 + step].isoformat(): found[step] for step in np.flatnonzero(found)} == {"2026-04-15": 43}
    assert project(_history(np.zeros(100), fees), 30, DAILY).sum() == pytest.approx(43)


def test_a_fee_seen_once_is_taken_to_recur_until_a_month_says_otherwise() -> None:
    fees = np.zeros(50)
    fees[27] = 100  # 1 February; the history ends on 23 February
    assert fees_ahead(fees, FIRST, 10)[5] == 100
    later = np.zeros(70)
    later[27] = 100  # the history ends on 15 March: nothing on the first of March
    assert fees_ahead(later, FIRST, 30).sum() == 0


def test_costs_that_never_were_negative_are_not_forecast_so() -> None:
    falling = np.maximum(100 - 1.5 * np.arange(66), 0.5) + np.resize((0.0, 0.3), 66)
    assert (forecast(_history(falling), 60).values >= 0).all()
    assert forecast(_history(np.full(60, -5.0)), 5).values == pytest.approx([-5] * 5)


def test_nothing_charged_before_is_no_history() -> None:
    late = np.concatenate((np.zeros(300), _noisy(40, 2)))
    assert forecast(_history(late), 5).steps_known == 40
    assert forecast(_history(np.zeros(50)), 3).method == "nothing charged"
    assert forecast(_history(np.zeros(50)), 3).values.tolist() == [0, 0, 0]


def test_hours_have_a_season_of_a_day() -> None:
    day = np.concatenate((np.full(8, 1.0), np.full(16, 5.0)))
    found = forecast(_history(np.resize(day, 336), first=None), 48, HOURLY)
    assert found.values == pytest.approx(np.resize(day, 48), abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=80), st.integers(1, 60))
def test_any_history_gives_finite_values_and_bands_that_are_not_negative(costs: list[int], horizon: int) -> None:
    found = forecast(_history(np.array(costs, dtype=float)), horizon)
    assert len(found.values) == len(found.half_widths) == horizon
    assert np.isfinite(found.values).all()
    assert all(width is None or 0 <= width < float("inf") for width in found.half_widths)


def test_no_band_ends_below_the_least_that_ever_was() -> None:
    found = forecast(_history(np.array([5.0, 1.0, -3.0, 2.0])), 2)
    assert (found.lowest(1), found.lowest(2), found.lowest(9)) == (-3, -2, -3)
    assert forecast(_history(np.array([5.0, 1.0])), 2).lowest(1) == 0
