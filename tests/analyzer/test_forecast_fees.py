"""Fees of working days: none is missing at a weekend, and none is expected on one; by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from analyzer.forecast import DAILY, History, project
from analyzer.forecast_fees import fees_ahead
from tests.analyzer.test_forecast_calendar import monthly

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats

AUG_1, NOV_1 = date(2026, 8, 1), date(2026, 11, 1)


def on_weekdays(first: date, end: date, price: float, days: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Floats:
    """``price`` on these weekdays (0 is Monday) from ``first`` up to, not including, ``end``."""
    every = (first + timedelta(days=number) for number in range((end - first).days))
    return np.array([price if day.weekday() in days else 0.0 for day in every])


@pytest.mark.parametrize("known", range(1, 22))
@pytest.mark.parametrize("days", [(0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5)])
def test_a_fee_of_working_days_comes_on_working_days(known: int, days: tuple[int, ...]) -> None:
    """Wherever the week is when the bills end, 100 on each day that has it to the end of the year."""
    end = NOV_1 + timedelta(days=known)
    fees = on_weekdays(AUG_1, end, 100, days)
    expected = on_weekdays(end, date(2027, 1, 1), 100, days)
    assert fees_ahead(fees, AUG_1, len(expected)).tolist() == expected.tolist()
    found = project(History(np.full(len(fees), 7.0), fees, AUG_1), len(expected), DAILY)
    assert found == pytest.approx(expected + 7)


def test_its_newest_price_goes_on_over_a_weekend() -> None:
    """100, and 150 from Thursday the 12th of November on; known to Sunday the 15th."""
    thursday, end = date(2026, 11, 12), date(2026, 11, 16)
    fees = np.concatenate((on_weekdays(AUG_1, thursday, 100), on_weekdays(thursday, end, 150)))
    assert fees_ahead(fees, AUG_1, 14).tolist() == on_weekdays(end, date(2026, 11, 30), 150).tolist()


def test_a_new_plan_of_working_days_is_seen_after_two_weeks() -> None:
    monday = date(2026, 11, 2)
    fees = on_weekdays(AUG_1, date(2026, 11, 16), 100)
    fees[: (monday - AUG_1).days] = 0
    assert fees_ahead(fees, AUG_1, 14).tolist() == on_weekdays(date(2026, 11, 16), date(2026, 11, 30), 100).tolist()


def test_a_holiday_is_no_day_off_of_every_week_and_a_fee_of_the_month_comes_on_a_weekend_too() -> None:
    """Nothing on Wednesday the 11th of November; 60 on each 1st, which was a Sunday, and on 1 December a Tuesday."""
    end = date(2026, 11, 21)
    fees = on_weekdays(AUG_1, end, 100)
    fees[(date(2026, 11, 11) - AUG_1).days] = 0
    fees += monthly(AUG_1, len(fees), {1: 60})
    expected = on_weekdays(end, date(2027, 1, 3), 100) + monthly(end, 43, {1: 60})
    assert fees_ahead(fees, AUG_1, 43).tolist() == expected.tolist()


def test_a_day_left_out_twice_is_no_pattern_of_the_week() -> None:
    """A plan of every day lacks two Sundays of four: it goes on every day."""
    end = date(2026, 11, 21)
    fees = on_weekdays(AUG_1, end, 100, tuple(range(7)))
    fees[[(date(2026, 11, 1) - AUG_1).days, (date(2026, 11, 15) - AUG_1).days]] = 0
    assert fees_ahead(fees, AUG_1, 10).tolist() == [100.0] * 10
