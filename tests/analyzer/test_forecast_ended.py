"""What has ended is forecast at what is known, and what is merely rare is not taken to have ended."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.budget_path import forecast_path
from analyzer.forecast import History, forecast
from analyzer.forecast_ended import silent_steps
from analyzer.forecast_run import Period, forecast_rows
from analyzer.forecast_steps import KnownStep
from analyzer.forecast_subjects import Part, Subject

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats

D = Decimal
FIRST = date(2026, 9, 21)


def _history(usage: Floats | list[float], fees: Floats | None = None) -> History:
    costs = np.asarray(usage, dtype=float)
    return History(costs, np.zeros(len(costs)) if fees is None else fees, FIRST)


def _once(days: int) -> list[float]:
    return [500.0] + [0.0] * (days - 1)


def _every(pause: int, times: int, silent: int) -> list[float]:
    """Charges with ``pause`` quiet days between them, and ``silent`` quiet days since the last."""
    return ([100.0] + [0.0] * pause) * (times - 1) + [100.0] + [0.0] * silent


@pytest.mark.parametrize(
    ("usage", "silent"),
    [
        (_once(30), 29),
        (_once(8), None),  # seven quiet days: it may be a weekly job
        (_once(9), 8),
        (_every(0, 30, 7), None),
        (_every(0, 30, 8), 8),
        (_every(6, 5, 13), None),  # a weekly job that was left out once
        (_every(6, 5, 14), 14),
        (_every(30, 3, 37), None),
        (_every(30, 3, 38), 38),
        ([0.0] * 30, None),
        ([5.0] * 30, None),
    ],
)
def test_ended_is_what_is_silent_a_week_longer_than_ever(usage: list[float], silent: int | None) -> None:
    assert silent_steps(np.array(usage), 7) == silent


def test_one_day_of_spend_a_month_ago_is_not_forecast_again() -> None:
    found = forecast(_history(_once(30)), 40)
    assert found.values.tolist() == [0.0] * 40
    assert (found.method, found.silent) == ("nothing charged", 29)
    assert found.width_of_total(0, 40) == 0
    assert found.half_widths == (0.0,) * 40


def test_what_was_used_for_weeks_and_stopped_is_not_forecast_again_and_comes_back_with_its_next_charge() -> None:
    rng = np.random.default_rng(1)
    used = rng.normal(100, 5, 100).tolist()
    assert forecast(_history([*used, *[0.0] * 8]), 30).values.sum() == 0
    assert forecast(_history([*used, *[0.0] * 200]), 30).silent == 200  # longer than what is learned from
    back = forecast(_history([*used, *[0.0] * 8, 100.0]), 30)
    assert (back.method, back.silent) == ("middle of members", None)


def test_hours_have_no_end() -> None:
    hourly = History(np.array([5.0] + [0.0] * 100), np.zeros(101), None)
    assert forecast(hourly, 5).silent is None


def test_a_fee_seen_once_does_not_outlive_the_usage_and_one_of_every_month_does() -> None:
    usage = np.array(_once(30))
    tax = np.zeros(30)
    tax[9] = 95.0  # 30 September; the tax on the one day
    assert forecast(_history(usage, tax), 40).values.sum() == 0
    usage, plan = np.array(_once(70)), np.zeros(70)
    plan[[10, 41]] = 29.0  # 1 October and 1 November; the history ends on 29 November
    found = forecast(_history(usage, plan), 10)
    assert found.values.tolist() == [0, 29.0, *[0.0] * 8]
    assert found.silent == 69


def test_a_credit_seen_once_is_not_counted_on() -> None:
    usage, credit = np.full(30, 10.0), np.zeros(30)
    credit[10] = -1000.0  # 1 October, and nothing known of 1 September
    assert forecast(_history(usage, credit), 31).values == pytest.approx(np.full(31, 10.0))
    usage, credit = np.full(50, 10.0), np.zeros(50)
    credit[[10, 41]] = -40.0, -50.0  # 1 October and 1 November
    assert forecast(_history(usage, credit), 31).values.sum() == pytest.approx(31 * 10 - 50)


def test_a_budget_expects_nothing_of_what_has_ended_however_short_its_history() -> None:
    spent = [D(cost) for cost in (500, *[0] * 9)]
    path = forecast_path(spent, [D(0)] * 10, FIRST, [D(0), D(7), D(7)])
    assert path is not None
    assert (path.days, path.low, path.high) == ((D(0), D(7), D(7)), D(14), D(14))
    assert forecast_path(spent[:5], [D(0)] * 5, FIRST, [D(0)] * 3) is None  # too little to say, and not ended


def test_it_is_said_and_what_is_known_is_added() -> None:
    part = Part(FIRST, tuple(D(f"{one:g}") for one in _once(30)), (D(0),) * 30)
    subject = Subject("all", None, 0, "EUR", part, False)
    told = forecast(part.history, 11)
    october = Period("month", date(2026, 10, 1), date(2026, 11, 1))
    rows = list(forecast_rows(subject, [told], [october], []))
    month = rows[0]
    assert (month["actual"], month["p10"], month["p50"], month["p90"]) == (0, 0, 0, 0)
    assert month["reason"] == "no usage since 2026-09-21: taken to have ended, so that only what is known is expected"
    launch = KnownStep(date(2026, 10, 30), None, D(100), "EUR", "launch", True, {})
    month = next(iter(forecast_rows(subject, [told], [october], [launch])))
    assert (month["p10"], month["p50"], month["p90"]) == (200, 200, 200)


@given(st.lists(st.sampled_from([0.0, 0.0, 3.0, 50.0]), min_size=1, max_size=60), st.integers(1, 40))
def test_any_series_that_goes_on_silent_ends_and_is_then_nothing(costs: list[float], horizon: int) -> None:
    pauses = [0.0] * (len(costs) + 8)
    found = forecast(_history([*costs, *pauses]), horizon)
    assert found.values.tolist() == [0.0] * horizon
    assert (found.method, found.silent is None) == ("nothing charged", not any(costs))
