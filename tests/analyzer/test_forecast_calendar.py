"""What recurs by the month, in every month of a leap and of an ordinary year: days that not every month has."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.forecast import DAILY, History, project
from analyzer.forecast_calendar import events_ahead, take_out_events, take_out_share
from analyzer.forecast_fees import fees_ahead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzer.forecast_members import Floats

MONTHS = [date(year, month, 1) for year in (2024, 2025) for month in range(1, 13)]
"""2024 has a 29th of February."""

LAST_DAYS = {1: 31, 2: 28, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}


def last_day(month: date) -> int:
    return 29 if month == date(2024, 2, 1) else LAST_DAYS[month.month]


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


def monthly(first: date, count: int, on: Mapping[int, float], every_day: float = 0.0) -> Floats:
    """What ``count`` days cost: amounts by day of the month, 31 its last; a day it does not have is its last."""
    found = np.full(count, every_day)
    for number, day in enumerate(days(first, count)):
        length = monthrange(day.year, day.month)[1]
        found[number] += sum(amount for wanted, amount in on.items() if day.day == min(wanted, length))
    return found


@pytest.mark.parametrize("wanted", [28, 29, 30, 31])
@pytest.mark.parametrize("month", MONTHS, ids=lambda month: f"{month:%Y-%m}")
def test_a_charge_late_in_the_month_comes_once_in_each(month: date, wanted: int) -> None:
    """However many days of the month are known; the last 112 days, as forecasts remember."""
    comes_on = min(wanted, last_day(month))
    for known in (0, 9, *range(26, last_day(month))):
        end = month + timedelta(days=known)
        first = end - timedelta(days=112)
        ahead = days(end, last_day(month) - known)
        expected = {comes_on: 100.0} if known < comes_on else {}

        fees = fees_ahead(monthly(first, 112, {wanted: 100}), first, len(ahead))
        assert {ahead[step].day: fees[step] for step in np.flatnonzero(fees)} == expected

        _, events = take_out_events(monthly(first, 112, {wanted: 100}, every_day=10), first)
        usage = events_ahead(events, end, len(ahead))
        assert {ahead[step].day: usage[step] for step in np.flatnonzero(usage)} == pytest.approx(expected)


@pytest.mark.parametrize("month", MONTHS, ids=lambda month: f"{month:%Y-%m}")
def test_two_fees_late_in_the_month_meet_where_it_is_short_and_part_where_it_is_not(month: date) -> None:
    first = month - timedelta(days=112)
    found = fees_ahead(monthly(first, 112, {30: 40, 31: 100}), first, last_day(month))
    told = {step + 1: found[step] for step in np.flatnonzero(found)}
    assert told == pytest.approx({30: 40, 31: 100} if last_day(month) == 31 else {last_day(month): 140})


@pytest.mark.parametrize("wanted", [15, 28, 29, 30, 31])
@pytest.mark.parametrize("month", MONTHS, ids=lambda month: f"{month:%Y-%m}")
def test_fees_of_every_day_are_one_a_day_and_what_comes_on_top_comes_once(month: date, wanted: int) -> None:
    for known in (0, 9, *range(26, last_day(month))):
        end = month + timedelta(days=known)
        first = end - timedelta(days=112)
        found = fees_ahead(monthly(first, 112, {wanted: 100}, every_day=10), first, 31)
        assert found.tolist() == monthly(end, 31, {wanted: 100}, every_day=10).tolist(), end


@given(
    st.dictionaries(st.sampled_from((1, 2, 15, *range(27, 32))), st.integers(1, 1000), min_size=1),
    st.dates(date(2023, 6, 1), date(2026, 6, 1)),
)
@example({1: 1, 2: 1, 27: 1, 28: 1}, date(2023, 6, 4))
def test_what_came_on_the_same_days_of_every_month_comes_on_them_in_the_next_three(
    on: dict[int, int], end: date
) -> None:
    """Whichever days they are, and wherever the history ends."""
    first = end - timedelta(days=112)
    found = fees_ahead(monthly(first, 112, on), first, 92)
    assert found == pytest.approx(monthly(end, 92, on))


def test_what_is_seen_once_on_a_last_day_is_of_the_months_end() -> None:
    first = date(2025, 11, 10)
    fees = np.zeros(30)
    fees[20] = 100  # 30 November; known to 9 December
    found = fees_ahead(fees, first, 30)
    assert [str(date(2025, 12, 10) + timedelta(days=int(step))) for step in np.flatnonzero(found)] == ["2025-12-31"]
    # the 31st of October is known and had none: so it is of the 30th
    known = np.concatenate((np.zeros(10), fees))
    found = fees_ahead(known, date(2025, 10, 31), 30)
    assert [str(date(2025, 12, 10) + timedelta(days=int(step))) for step in np.flatnonzero(found)] == ["2025-12-30"]


def test_on_top_of_fees_of_every_day_too_what_is_seen_once_is_of_the_months_end() -> None:
    first = date(2025, 10, 1)
    fees = np.full(70, 10.0)
    fees[60] = 110  # 30 November; known to 9 December
    assert fees_ahead(fees, first, 22).tolist() == [10.0] * 21 + [110.0]


def test_of_a_months_end_the_newest_amount_counts() -> None:
    """A job of 100, then 150: 150 is next, on the last day; one on the 15th comes at its median of 125."""
    first = date(2026, 8, 1)
    usage = np.full(80, 10.0)
    usage[[30, 60]] += (100, 150)  # 31 August, 30 September; known to 19 October
    usage[[14, 45]] += (100, 150)
    usage[75] += 125  # 15 October
    found = project(History(usage, np.zeros(80), first), 31, DAILY)
    told = {str(date(2026, 10, 20) + timedelta(days=step)): found[step] for step in range(31) if found[step] > 11}
    assert told == pytest.approx({"2026-10-31": 160, "2026-11-15": 135})


def test_what_comes_beside_another_fee_late_in_the_month_is_no_share() -> None:
    first = date(2026, 9, 1)
    usage = np.array([100.0 if day.month == 9 else 110.0 for day in days(first, 61)])
    at_end = np.zeros(61)
    at_end[[29, 60]] = 300, 341
    assert take_out_share({31: 341.0}, at_end, usage, first) == ({}, pytest.approx(0.1))
    assert take_out_share({30: 40.0, 31: 341.0}, at_end, usage, first) == ({30: 40.0, 31: 341.0}, 0.0)


def test_what_is_a_percentage_of_the_month_follows_the_month() -> None:
    """Support is 10 % of usage, tax 20 % of both: of 30 days at 100 and 31 at 110, of 30 at 110 next."""
    first, known = date(2026, 9, 1), 81  # to 20 November
    usage = np.array([100.0 if day.month == 9 else 110.0 for day in days(first, known)])
    fees = np.zeros(known)
    usage[29] += 300
    fees[29] = 660  # 20 % of 3300
    usage[60] += 341
    fees[60] = 750.2  # 20 % of 3751
    found = project(History(usage, fees, first), 10, DAILY)
    # 3300 of use, 330 of support, tax of 726: of the ten days left 1100 + 330 + 726
    assert found[-1] == pytest.approx(110 + 330 + 726)
    assert found.sum() == pytest.approx(1100 + 330 + 726)


def test_a_fee_that_stays_as_it_is_is_no_percentage() -> None:
    first, known = date(2026, 7, 1), 82  # two months of 31 days, to 20 September: as a share it would be the same too
    usage = np.full(known, 100.0)
    fees = np.zeros(known)
    fees[[30, 61]] = 310
    assert project(History(usage, fees, first), 10, DAILY)[-1] == pytest.approx(100 + 310)
    # and what moved with neither: as last time
    usage[31:] = 150.0
    fees[61] = 900
    assert project(History(usage, fees, first), 10, DAILY)[-1] == pytest.approx(150 + 900)


def fees_of(first: date, end: date, plans: Mapping[date, float]) -> Floats:
    """Of each day up to, not including, ``end``: what the newest of ``plans``, by their first days, costs."""
    found = np.zeros((end - first).days)
    for start, price in sorted(plans.items()):
        found[max(0, (start - first).days) :] = price
    return found


NOV_1, NOV_21 = date(2026, 11, 1), date(2026, 11, 21)
AUG_1 = date(2026, 8, 1)


def test_a_daily_plan_goes_on_at_its_newest_price() -> None:
    """240 a day, 480 from 1 November, and 100 of use: each day of November to come is 580."""
    for known in (2, 6, 7, 19, 20):
        end = NOV_1 + timedelta(days=known)
        fees = fees_of(AUG_1, end, {AUG_1: 240, NOV_1: 480})
        assert fees_ahead(fees, AUG_1, 61).tolist() == [480.0] * 61, known
        found = project(History(np.full(len(fees), 100.0), fees, AUG_1), 30 - known, DAILY)
        assert found.sum() == pytest.approx((30 - known) * 580)


def test_one_day_that_costs_more_is_no_new_price() -> None:
    """It may as well be what was bought once: only with a second day is it the price."""
    fees = fees_of(AUG_1, NOV_21, {AUG_1: 240})
    fees[-1] = 3000
    assert fees_ahead(fees, AUG_1, 29).tolist() == [240.0] * 29


@pytest.mark.parametrize("first", [AUG_1, NOV_1])
@pytest.mark.parametrize("seen_once", [True, False])
def test_a_new_plan_is_daily_from_seven_days_on(first: date, seen_once: bool) -> None:
    for known in (7, 8, 14, 20):
        fees = fees_of(first, NOV_1 + timedelta(days=known), {NOV_1: 240})
        assert fees_ahead(fees, first, 40, seen_once=seen_once).tolist() == [240.0] * 40, known
    fees = fees_of(AUG_1, NOV_1 + timedelta(days=6), {NOV_1: 240})
    assert not fees_ahead(fees, AUG_1, 25).any()


def test_a_day_left_out_does_not_end_a_plan() -> None:
    fees = fees_of(AUG_1, NOV_21, {AUG_1: 240, NOV_1: 480})
    fees[-4] = 0
    assert fees_ahead(fees, AUG_1, 41).tolist() == [480.0] * 41


@pytest.mark.parametrize("before", [0, 240])
def test_what_comes_on_top_of_a_new_price_comes_once_a_month(before: float) -> None:
    """30 on each 1st, 100 on each 28th, and on each last day 60; 3,000 on 25 October came once."""
    on = {1: 30.0, 28: 100.0, 31: 60.0}
    fees = fees_of(AUG_1, NOV_21, {AUG_1: before, NOV_1: 480}) + monthly(AUG_1, 112, on)
    fees[(date(2026, 10, 25) - AUG_1).days] += 3000
    expected = 480 + monthly(NOV_21, 41, on)
    assert fees_ahead(fees, AUG_1, 41).tolist() == expected.tolist()


@pytest.mark.parametrize("known", [1, 2, 3, 7, 8])
def test_what_comes_on_the_first_days_of_every_month_is_no_new_price(known: int) -> None:
    """Of fees of every day, 10 and 100 on top on the 1st to 3rd; of fees by the month, 100 on the 1st to 7th."""
    end = NOV_1 + timedelta(days=known)
    on_top = monthly(AUG_1, (end - AUG_1).days, {1: 100, 2: 100, 3: 100}, every_day=10)
    assert fees_ahead(on_top, AUG_1, 40).tolist() == monthly(end, 40, {1: 100, 2: 100, 3: 100}, every_day=10).tolist()
    week = dict.fromkeys(range(1, 8), 100.0)
    assert fees_ahead(monthly(AUG_1, len(on_top), week), AUG_1, 40).tolist() == monthly(end, 40, week).tolist()


def test_a_cheaper_weekend_is_no_new_price() -> None:
    """10 a day, 5 at weekends: whichever day is the last known, no forecast takes the price of the weekend for all."""
    for known in range(105, 112):
        fees = np.array([5.0 if day.weekday() >= 5 else 10.0 for day in days(AUG_1, known)])
        by_day = fees_ahead(fees, AUG_1, 28)
        assert 8 < by_day.mean() < 9, known  # 60 ÷ 7 = 8.57


def test_a_plan_of_daily_credits_is_expected_only_where_the_month_before_had_them() -> None:
    fees = fees_of(AUG_1, NOV_21, {NOV_1: -240})
    assert not fees_ahead(fees, AUG_1, 10).any()
