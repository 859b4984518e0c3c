"""Budgets: the published example, the rule of states, and what a budget covers in a ledger."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.errors import SettingsError
from aispend.settings import Settings
from aispend.watching import Budget
from analyzer.budget_path import Path, burn_path
from analyzer.budgets import period_of, standing, weekday_profile, write_budgets
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NOVEMBER = date(2026, 11, 1)


def budget(**values: Any) -> Budget:
    return Budget.model_validate({"name": "all", "amount": 1000} | values)


def flat(cost: str, days: int) -> tuple[Decimal, ...]:
    return (D(cost),) * days


def test_half_the_money_in_a_third_of_the_month_burns_at_one_and_a_half_and_ends_on_day_twenty() -> None:
    """T7.6."""
    spent, weights = flat("50", 10), flat("1", 30)
    found = standing(budget(), NOVEMBER, spent, weights, burn_path(spent, weights))
    assert (found.actual, found.burn_rate) == (D(500), D("1.5000"))
    assert found.expected_to_date == D("333.333333333333")
    assert found.exhausted_on == date(2026, 11, 20)
    assert (found.p50, found.threshold, found.state) == (D(1500), D(50), "warn")


@pytest.mark.parametrize(
    ("low", "median", "state"),
    [("300", "450", "ok"), ("450", "600", "warn"), ("501", "600", "critical"), (None, "600", "warn")],
)
def test_above_the_budget_at_the_median_warns_and_at_the_tenth_percentile_is_critical(
    low: str | None, median: str, state: str
) -> None:
    path = Path((D(median),), D(low) if low else None, D(900) if low else None, "forecast")
    assert standing(budget(), NOVEMBER, flat("50", 10), flat("1", 11), path).state == state


def test_money_that_is_spent_is_critical_and_says_when_it_was() -> None:
    found = standing(budget(), NOVEMBER, flat("250", 5), flat("1", 30), None)
    assert (found.state, found.exhausted_on, found.threshold, found.p50) == (
        "critical",
        date(2026, 11, 4),
        D(100),
        None,
    )


def test_before_the_first_day_nothing_is_due() -> None:
    found = standing(budget(), NOVEMBER, (), flat("1", 30), burn_path((), flat("1", 30)))
    assert (found.actual, found.burn_rate, found.p50, found.state) == (D(0), None, None, "ok")


def test_what_is_due_follows_the_weekdays() -> None:
    costs = [D(10)] * 5 + [D(0)] * 2
    profile = weekday_profile(costs * 4, date(2026, 11, 2))  # a Monday follows four whole weeks
    assert profile == (*flat("10", 5), D(0), D(0))
    assert weekday_profile(costs, date(2026, 11, 2)) == flat("1", 7)


@pytest.mark.parametrize(
    ("period", "first", "end"),
    [
        ("month", date(2026, 11, 1), date(2026, 12, 1)),
        ("quarter", date(2026, 10, 1), date(2027, 1, 1)),
        ("year", date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_periods_are_those_of_the_calendar(period: str, first: date, end: date) -> None:
    assert period_of(date(2026, 11, 20), period) == (first, end)


def computed(ledger: Ledger, *budgets: dict[str, Any]) -> dict[str, Any]:
    ledger.analyze()
    settings = Settings.model_validate(ledger.settings.model_dump(by_alias=True) | {"budget": budgets})
    with ledger.store.engine.begin() as connection:
        write_budgets(connection, settings, ledger.clock)
    names = "name, actual, state, unconverted, known_to, partly_unknown, covers"
    return {row[0]: row[1:] for row in ledger.rows(f"SELECT {names} FROM budget_status")}


def fill(ledger: Ledger) -> None:
    for number in range(40):
        day = (date(2026, 10, 12) + timedelta(days=number)).isoformat()
        ledger.charge(day, "10", hours=all_hours(), tags={"team": "search", "user:env": "prod"})
        ledger.charge(day, "5", hours=all_hours(), tags={"team": "ads"}, account_id="lab")
        ledger.charge(day, "3", hours=all_hours(), currency="EUR", tags={"team": "ads"})
        ledger.charge(day, "100", hours=all_hours(), is_ai=False, service_name="Object storage")


def test_a_budget_covers_what_it_matches_and_adds_no_other_currency(ledger: Ledger) -> None:
    fill(ledger)
    found = computed(
        ledger,
        {"name": "ai", "amount": 1000},
        {"name": "everything", "amount": 1000, "ai_only": False},
        {"name": "ads", "amount": 40, "match": {"team": "AD*"}},
        {"name": "lab", "amount": 1000, "match": {"account": "lab"}, "cost": "billed"},
        {"name": "prod", "amount": 1000, "match": {"tags": {"env": "prod"}}},
        {"name": "nobody", "amount": 1000, "match": {"model": "none"}},
    )
    # whole days known of November: the 1st to the 20th
    assert found["ai"] == (D(300), "warn", {"EUR": "60"}, date(2026, 11, 21), False, "AI spend")
    assert found["everything"][:2] == (D(2300), "critical")
    assert found["ads"][:2] == (D(100), "critical")
    assert found["ads"][5] == "AI spend, team AD*"
    assert found["lab"][0] == D(100)
    assert found["prod"][0] == D(200)
    assert found["nobody"][:3] == (D(0), "ok", {})


def test_a_budget_is_cut_by_region_resource_and_sku(ledger: Ledger) -> None:
    """Two days of November: 10 in Frankfurt of which 4 are of one machine, 1 in Dublin."""
    for day in ("2026-10-31", "2026-11-01", "2026-11-02"):
        ledger.charge(
            day, "4", hours=all_hours(), region="eu-central-1", resource_id="i-1", sku_id="S1", sku_meter="Box"
        )
        ledger.charge(day, "6", hours=all_hours(), region="eu-central-1", resource_id="i-2", sku_id="S2")
        ledger.charge(day, "1", hours=all_hours(), region="eu-west-1", sku_id="S2", tags={"team": "ads"})
    matches: dict[str, dict[str, Any]] = {
        "region": {"region": "EU-central-*"},
        "machine": {"resource_id": "i-1"},
        "any machine": {"resource_id": "*"},
        "sku": {"sku": "s2"},
        "meter": {"sku": "box"},
        "both": {"sku": "S2", "region": "eu-west-1"},
        "all": {"service": "Compute", "account": "prod", "tags": {"team": "ads"}},
        "none": {"resource_id": "i-1", "region": "eu-west-1"},
    }
    found = computed(ledger, *({"name": name, "amount": 100, "match": match} for name, match in matches.items()))
    assert {name: int(row[0]) for name, row in found.items()} == {
        "region": 20,
        "machine": 8,
        "any machine": 20,
        "sku": 14,
        "meter": 8,
        "both": 2,
        "all": 2,
        "none": 0,
    }
    assert found["both"][5] == "AI spend, region eu-west-1, sku S2"


def test_another_currency_counts_at_the_rate_of_each_day(ledger: Ledger) -> None:
    """3 EUR a day: ten days of November at 1.10 and ten at 1.20 are 69 dollars beside 300; 15 dollars a day are 250
    euros at 1.20 and 272.72… at 1.10, beside 60."""
    fill(ledger)
    with ledger.store.engine.begin() as connection:
        for day, rate in (("2026-10-20", "1.10"), ("2026-11-11", "1.20")):
            values = {"day": day, "rate": rate}
            connection.execute(
                text(
                    "INSERT INTO exchange_rate (base, quote, valid_from, rate, source) "
                    "VALUES ('EUR', 'USD', CAST(:day AS date), CAST(:rate AS numeric), 'test')"
                ),
                values,
            )
    found = computed(
        ledger,
        {"name": "dollars", "amount": 1000},
        {"name": "euros", "amount": 1000, "currency": "EUR"},
        {"name": "pounds", "amount": 1000, "currency": "GBP"},
    )
    assert found["dollars"][:3] == (D(369), "ok", {})
    assert round(found["euros"][0], 6) == round(D(60) + D(150) / D("1.1") + D(150) / D("1.2"), 6)
    assert found["pounds"][0] == 0
    assert found["pounds"][1:3] == ("warn", {"EUR": "60", "USD": "300"})


def test_a_period_of_which_no_day_is_known_is_not_said_to_have_cost_nothing() -> None:
    found = standing(Budget(name="all", amount=D(1000)), date(2026, 11, 1), [], [D(1)] * 30, None)
    assert (found.state, found.reason) == ("ok", "no whole day of this period is billed yet")
    ahead = Path((D(40),) * 30, None, None, "forecast")
    found = standing(Budget(name="all", amount=D(1000)), date(2026, 11, 1), [], [D(1)] * 30, ahead)
    assert (found.state, found.reason) == (
        "warn",
        "no whole day of this period is billed yet; the forecast's median is above the budget",
    )


def test_what_has_no_rate_and_what_nothing_fits_is_said(ledger: Ledger) -> None:
    """Three euros a day without a rate may be above any budget in dollars; a match without a charge may be misspelt."""
    fill(ledger)
    computed(
        ledger,
        {"name": "euros", "amount": 1000, "match": {"team": "ads"}},
        {"name": "spent", "amount": 10, "match": {"team": "ads"}},
        {"name": "dollars", "amount": 1000, "match": {"team": "search"}},
        {"name": "misspelt", "amount": 1000, "match": {"team": "serach"}},
    )
    assert dict(ledger.rows("SELECT name, state || ': ' || reason FROM budget_status")) == {
        "euros": "warn: 10 % spent; what has no exchange rate is not counted",
        "spent": "critical: 1000 % spent; what has no exchange rate is not counted",
        "dollars": "ok: 20 % spent",
        "misspelt": "ok: 0 % spent; no charge since 2026-01-01 fits it",
    }


def test_a_budget_without_a_bill_is_nothing_spent_and_before_it_begins_there_is_none(ledger: Ledger) -> None:
    found = computed(ledger, {"name": "ai", "amount": 10}, {"name": "later", "amount": 10, "from": "2028-01-01"})
    assert found == {"ai": (D(0), "ok", {}, None, False, "AI spend")}


def test_two_budgets_of_one_name_are_refused(ledger: Ledger) -> None:
    with pytest.raises(SettingsError, match="same name"):
        computed(ledger, {"name": "ai", "amount": 10}, {"name": "ai", "amount": 20})
