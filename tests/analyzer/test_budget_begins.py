"""A budget that begins within a period, and a ledger whose days are not over: what is known, and what is not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Row, text

from aispend.settings import Settings
from analyzer.budgets import write_budgets
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal


def fill(ledger: Ledger, cost: str, first: date = date(2026, 9, 1), last: date = date(2026, 11, 20)) -> None:
    """``cost`` a day, every day whole."""
    for number in range((last - first).days + 1):
        ledger.charge(f"{first + timedelta(days=number)}", cost, hours=all_hours())


def computed(ledger: Ledger, *budgets: dict[str, Any]) -> dict[str, Row[Any]]:
    """On November 21st."""
    ledger.analyze()
    settings = Settings.model_validate(ledger.settings.model_dump(by_alias=True) | {"budget": budgets})
    with ledger.store.engine.begin() as connection:
        write_budgets(connection, settings, ledger.clock)
        return {row.name: row for row in connection.execute(text("SELECT * FROM budget_status"))}


def test_a_budget_that_begins_within_a_period_has_its_amount_for_the_rest_of_it(ledger: Ledger) -> None:
    """100 a day: six days from the 15th to the 20th of 16, 600 spent of 1,600 expected, 1,200 of 3,200 due."""
    fill(ledger, "100")
    found = computed(ledger, {"name": "half", "amount": 3200, "from": "2026-11-15"}, {"name": "all", "amount": 3200})
    half = found["half"]
    assert (half.period_start, half.period_end, half.known_to) == (
        date(2026, 11, 15),
        date(2026, 12, 1),
        date(2026, 11, 21),
    )
    assert (half.actual, half.expected_to_date, half.burn_rate) == (D(600), D(1200), D("0.5"))
    assert (round(half.forecast_p50, 4), half.state, half.exhausted_on) == (D(1600), "ok", None)
    assert {one["reached_on"] or one["expected_on"] for one in half.thresholds} == {"2026-11-30", None}
    assert found["all"].actual == D(2000)


def test_no_threshold_is_reached_before_a_budget_begins(ledger: Ledger) -> None:
    """250 of six days of 100: half, 125, on the 16th, and all on the 17th."""
    fill(ledger, "100")
    found = computed(ledger, {"name": "half", "amount": 250, "from": "2026-11-15", "period": "quarter"})["half"]
    assert [one["reached_on"] for one in found.thresholds] == ["2026-11-16", "2026-11-16", "2026-11-17"]
    assert (found.actual, found.exhausted_on, found.state) == (D(600), date(2026, 11, 17), "critical")


def test_a_credit_of_days_before_a_budget_begins_takes_nothing_off_it(ledger: Ledger) -> None:
    fill(ledger, "100")
    ledger.charge("2026-11-02", "-5000", category="Credit")
    found = computed(ledger, {"name": "half", "amount": 3200, "from": "2026-11-15"})["half"]
    assert (found.actual, found.reason) == (D(600), "19 % spent")


@pytest.mark.parametrize("begins", ["2026-11-22", "2026-11-30", "2026-12-01"])
def test_before_its_first_day_there_is_no_such_budget(ledger: Ledger, begins: str) -> None:
    fill(ledger, "100")
    assert computed(ledger, {"name": "later", "amount": 3200, "from": begins}) == {}


def test_of_a_budget_that_began_after_the_last_day_known_nothing_is_known_yet(ledger: Ledger) -> None:
    """Bills to the 15th: of the ten days from the 21st on 1,000 is expected, without the days between."""
    fill(ledger, "100", last=date(2026, 11, 15))
    found = computed(ledger, {"name": "new", "amount": 900, "from": "2026-11-21"})["new"]
    assert (found.period_start, found.known_to, found.actual) == (date(2026, 11, 21), date(2026, 11, 16), D(0))
    assert (round(found.forecast_p50, 4), found.state) == (D(1000), "warn")
    assert found.reason == "no whole day of this period is billed yet; the forecast's median is above the budget"
    assert found.exhausted_on == date(2026, 11, 29)


def test_of_a_budget_that_began_in_a_month_no_bill_tells_of_yet_the_month_is_told(ledger: Ledger) -> None:
    """Bills to October 25th, a budget from November 10th: the 21 days to the end of it at 100."""
    fill(ledger, "100", last=date(2026, 10, 25))
    found = computed(ledger, {"name": "new", "amount": 9000, "from": "2026-11-10"})["new"]
    assert (found.period_start, found.period_end) == (date(2026, 11, 10), date(2026, 12, 1))
    assert (found.known_to, found.actual, round(found.forecast_p50, 4)) == (date(2026, 10, 26), D(0), D(2100))


def test_where_no_day_is_over_nothing_is_known_and_what_fits_is_not_said_to_be_missing(ledger: Ledger) -> None:
    """The first day of a bill, of which later hours are to come."""
    ledger.charge("2026-11-20", "10", hours=all_hours(0, 1), tags={"team": "search"})
    found = computed(
        ledger,
        {"name": "all", "amount": 100},
        {"name": "quarter", "amount": 100, "period": "quarter"},
        {"name": "team", "amount": 5, "match": {"team": "search"}},
        {"name": "misspelt", "amount": 100, "match": {"team": "serach"}},
    )
    not_over = "no whole day of this period is billed yet; what fits it is of days that are not whole yet"
    told = {name: (row.known_to, row.actual, row.forecast_p50, row.state, row.reason) for name, row in found.items()}
    november, october = date(2026, 11, 1), date(2026, 10, 1)
    assert told == {
        "all": (november, D(0), None, "ok", not_over),
        "quarter": (october, D(0), None, "ok", not_over),
        "team": (november, D(0), None, "ok", not_over),
        "misspelt": (
            november,
            D(0),
            None,
            "ok",
            "no whole day of this period is billed yet; no charge since 2026-01-01 fits it",
        ),
    }


def test_what_a_team_began_on_a_day_that_is_not_over_fits_its_budget(ledger: Ledger) -> None:
    fill(ledger, "100", last=date(2026, 11, 19))
    ledger.charge("2026-11-20", "60", hours=all_hours(0, 1))
    ledger.charge("2026-11-20", "10", hours=all_hours(0, 1), tags={"team": "new"})
    found = computed(ledger, {"name": "new", "amount": 100, "match": {"team": "new"}})["new"]
    assert (found.known_to, found.actual, found.reason) == (
        date(2026, 11, 20),
        D(0),
        "0 % spent; what fits it is of days that are not whole yet",
    )
