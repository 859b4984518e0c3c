"""Alerts of a budget in words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reports.budget_words import threshold_words, times, window_words
from reports.columns import BUDGETS
from reports.records import budget_records
from reports.views import BudgetStatus, BudgetThreshold

D = Decimal


def november(day: int) -> date:
    return date(2026, 11, day)


def half_spent(**values: Any) -> BudgetStatus:
    """T7.6: half of a budget of 1000 on the tenth of November, 50 a day."""
    known = {
        "name": "all", "period_start": november(1), "period_end": date(2026, 12, 1), "period": "month",
        "covers": "AI spend", "cost": "effective", "amount": D(1000), "currency": "USD", "known_to": november(11),
        "actual": D(500), "expected_to_date": D("333.333333333333"), "burn_rate": D("1.5000"),
        "burn_short": D("1.5000"), "burn_short_days": 3, "burn_long": D("1.5000"), "burn_long_days": 7,
        "burn_state": "warn", "forecast_p10": None, "forecast_p50": D(1500), "forecast_p90": None,
        "forecast_method": "burn rate", "exhausted_on": november(20), "threshold": D(50),
        "thresholds": (
            BudgetThreshold(D(50), november(10), None),
            BudgetThreshold(D(80), None, november(16)),
            BudgetThreshold(D("150.5"), None, None),
        ),
        "state": "warn", "reason": "50% spent", "unconverted": {}, "partly_unknown": False,
        "computed_at": datetime(2026, 11, 11, 6, tzinfo=UTC),
    }  # fmt: skip
    return BudgetStatus(**known | values)


def test_each_threshold_has_its_day() -> None:
    assert threshold_words(half_spent()) == (
        "50 % reached 2026-11-10, 80 % expected 2026-11-16, 150.5 % not in this period"
    )


def test_without_a_forecast_nothing_is_said_of_the_days_to_come() -> None:
    late = BudgetThreshold(D(80), None, None)
    assert threshold_words(half_spent(forecast_p50=None, thresholds=(late,))) == "80 % not reached"
    assert threshold_words(half_spent(thresholds=())) == ""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, ("7 days 1.50×", "3 days 1.50×")),
        ({"burn_long": None, "burn_short": D("1234.5"), "burn_short_days": 1}, ("1 day 1,234.50×",)),
        ({"burn_long": None, "burn_short": None}, ()),
    ],
)
def test_how_fast_the_last_days_went(values: dict[str, Any], said: tuple[str, ...]) -> None:
    assert window_words(half_spent(**values)) == said


def test_a_burn_that_is_not_known_is_a_dash_and_no_zero() -> None:
    assert (times(None), times(D(0))) == ("–", "0.00×")


def test_a_file_has_them_as_numbers_and_the_days_as_text() -> None:
    (record,) = budget_records([half_spent()])
    assert list(record) == [column.name for column in BUDGETS]
    assert (record["burn_short"], record["burn_long"], record["burn_state"]) == (D("1.5000"), D("1.5000"), "warn")
    assert record["thresholds"] == threshold_words(half_spent())
