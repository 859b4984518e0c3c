"""Alerts of a budget in words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from reports.budget_words import known_words, spent, threshold_words, times, used_up_words, window_words
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
        "state": "warn", "reason": "50 % spent", "unconverted": {}, "partly_unknown": False,
        "computed_at": datetime(2026, 11, 11, 6, tzinfo=UTC),
    }  # fmt: skip
    return BudgetStatus(**known | values)


def test_each_threshold_has_its_day() -> None:
    assert threshold_words(half_spent()) == (
        "50 % reached 2026-11-10, 80 % expected 2026-11-16, 150.5 % not in this period"
    )


def test_a_day_that_has_passed_is_not_called_expected_without_saying_so() -> None:
    """Bills end on 31 October, and it is 22 November: the 8th and the 21st are past, today and the 23rd are not."""
    days = (8, 21, 22, 23)
    row = half_spent(
        known_to=november(1),
        computed_at=datetime(2026, 11, 22, 6, tzinfo=UTC),
        thresholds=tuple(BudgetThreshold(D(day), None, november(day)) for day in days),
    )
    assert threshold_words(row) == (
        "8 % expected 2026-11-08 (past, not billed yet), 21 % expected 2026-11-21 (past, not billed yet), "
        "22 % expected 2026-11-22, 23 % expected 2026-11-23"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "used up 2026-11-20"),
        ({"computed_at": datetime(2026, 11, 22, 6, tzinfo=UTC)}, "used up 2026-11-20 (past, not billed yet)"),
        # it was reached: the bill says so
        (
            {"known_to": november(21), "actual": D(1000), "computed_at": datetime(2026, 11, 22, 6, tzinfo=UTC)},
            "used up 2026-11-20",
        ),
        # one bill tells of the day, and what another is to say of it uses it up
        (
            {"known_to": november(21), "computed_at": datetime(2026, 11, 22, 6, tzinfo=UTC)},
            "used up 2026-11-20 (past, not billed yet)",
        ),
        ({"exhausted_on": None}, ""),
    ],
)
def test_when_it_is_used_up(values: dict[str, Any], said: str) -> None:
    assert used_up_words(half_spent(**values)) == said


@pytest.mark.parametrize(
    ("values", "said", "known"),
    [
        ({}, "bills known to 2026-11-10", D(500)),
        ({"known_to": november(1), "actual": D(0)}, "bills known to 2026-10-31", None),
        ({"known_to": None, "actual": D(0)}, "no bills analyzed", None),
        # a day of which nothing was charged is known
        ({"known_to": november(2), "actual": D(0)}, "bills known to 2026-11-01", D(0)),
    ],
)
def test_how_far_bills_are_known_is_said_and_what_is_before_them_is_unknown(
    values: dict[str, Any], said: str, known: Decimal | None
) -> None:
    row = half_spent(**values)
    assert (known_words(row), spent(row)) == (said, known)
    (record,) = budget_records([row])
    assert record["actual"] == known


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
