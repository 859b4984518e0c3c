"""What a bill that is behind says is spent; what it will say of days others tell of is expected, and not nothing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from aispend.settings import Settings
from analyzer.budgets import write_budgets
from analyzer.series import OWN
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
AWS = {"provider": "aws"}


def fill(
    ledger: Ledger, cost: str, *, to: date, first: date = date(2026, 9, 1), provider: str = "aws", **words: Any
) -> None:
    """``cost`` a day, every day whole up to ``to``."""
    for number in range((to - first).days + 1):
        ledger.charge(f"{first + timedelta(days=number)}", cost, hours=all_hours(), provider=provider, **words)


def computed(ledger: Ledger, *budgets: dict[str, Any]) -> dict[str, Row[Any]]:
    ledger.analyze()
    settings = Settings.model_validate(ledger.settings.model_dump(by_alias=True) | {"budget": budgets})
    with ledger.store.engine.begin() as connection:
        write_budgets(connection, settings, ledger.clock)
        return {row.name: row for row in connection.execute(text("SELECT * FROM budget_status"))}


def aws_behind(ledger: Ledger, to: date = date(2026, 10, 31)) -> None:
    """AWS at 100 a day is known to ``to``, Azure at 10 and own costs at 5 to November 20th."""
    fill(ledger, "100", to=to)
    fill(ledger, "10", to=date(2026, 11, 20), provider="azure", scope="sub", account_id="lab")
    fill(ledger, "5", to=date(2026, 11, 20), provider=OWN, scope="costs", account_id=None)


def test_a_budget_of_a_bill_that_is_behind_is_known_to_its_last_day_and_forecast_from_there(ledger: Ledger) -> None:
    """Thirty days of November at 100, of which none is known: 3,000, not the 0 of days no bill tells of."""
    aws_behind(ledger)
    found = computed(ledger, {"name": "aws", "amount": 2900, "match": AWS})["aws"]
    assert (found.period_start, found.known_to) == (date(2026, 11, 1), date(2026, 11, 1))
    told = (found.actual, found.burn_rate, round(found.forecast_p50, 4), found.state)
    assert told == (D(0), None, D(3000), "warn")
    assert found.reason == (
        "no whole day of this period is billed yet; the forecast's median is above the budget; "
        "behind, later days forecast: aws payer (known to 2026-10-31)"
    )


def test_a_bill_that_is_behind_is_no_word_of_budgets_that_do_not_cover_it(ledger: Ledger) -> None:
    """November's twenty days at 10 and at 5 are known; its ten others are expected, or written down to the 20th."""
    aws_behind(ledger)
    found = computed(
        ledger,
        {"name": "azure", "amount": 1000, "match": {"provider": "azure"}},
        {"name": "lab", "amount": 1000, "match": {"account": "lab"}},
        {"name": "own", "amount": 1000, "match": {"provider": OWN}},
    )
    told = {name: (row.known_to, row.actual, round(row.forecast_p50, 4), row.reason) for name, row in found.items()}
    assert told == {
        "azure": (date(2026, 11, 21), D(200), D(300), "20 % spent"),
        "lab": (date(2026, 11, 21), D(200), D(300), "20 % spent"),
        "own": (date(2026, 11, 21), D(100), D(100), "10 % spent"),
    }


def test_of_a_budget_over_several_bills_all_that_is_loaded_is_spent(ledger: Ledger) -> None:
    """200 of Azure and 100 of own costs in November; 3,000 of AWS and 100 of Azure are to come. A quarter adds the
    31 days of October at 115 and expects 61 days of AWS, 41 of Azure, and own costs as written down. What is due by the
    twentieth cannot be held against what lacks a bill: there is no burn rate."""
    aws_behind(ledger)
    found = computed(
        ledger,
        {"name": "all", "amount": 10_000},
        {"name": "small", "amount": 300},
        {"name": "quarter", "amount": 20_000, "period": "quarter"},
    )
    (all_, quarter) = (found[name] for name in ("all", "quarter"))
    assert (all_.known_to, all_.actual, round(all_.forecast_p50, 4)) == (date(2026, 11, 21), D(300), D(3400))
    assert (all_.burn_rate, all_.reason) == (
        None,
        "3 % spent; behind, later days forecast: aws payer (known to 2026-10-31)",
    )
    assert (found["small"].state, found["small"].actual) == ("critical", D(300))
    assert (quarter.known_to, quarter.actual) == (date(2026, 11, 21), D(31 * 115 + 20 * 15))
    assert round(quarter.forecast_p50, 4) == D(31 * 115 + 20 * 15 + 61 * 100 + 41 * 10)


def test_a_threshold_may_be_expected_on_a_day_that_another_bill_tells_of(ledger: Ledger) -> None:
    """115 a day with what AWS is to say, of which 15 are billed: half of 2,000 on the ninth, all on the 18th, 2,070.
    Of 400 half is spent by the 14th day of 15, and 300 to date; 345 and 460 were due to the third and the fourth."""
    aws_behind(ledger)
    found = computed(ledger, {"name": "large", "amount": 2000}, {"name": "small", "amount": 400})
    assert [(one["expected_on"], one["reached_on"]) for one in found["large"].thresholds] == [
        ("2026-11-09", None),
        ("2026-11-14", None),
        ("2026-11-18", None),
    ]
    assert (found["large"].exhausted_on, found["large"].state) == (date(2026, 11, 18), "warn")
    assert [(one["expected_on"], one["reached_on"]) for one in found["small"].thresholds] == [
        (None, "2026-11-14"),
        ("2026-11-03", None),
        ("2026-11-04", None),
    ]


def test_the_days_of_an_earlier_period_that_are_unknown_are_bridged_and_are_not_of_this_one(ledger: Ledger) -> None:
    """AWS is known to October 25th: November is still thirty days of 100, without October's last six."""
    aws_behind(ledger, to=date(2026, 10, 25))
    found = computed(ledger, {"name": "aws", "amount": 4000, "match": AWS}, {"name": "all", "amount": 4000})
    told = {name: (row.period_start, row.known_to, round(row.forecast_p50, 4)) for name, row in found.items()}
    assert told == {
        "aws": (date(2026, 11, 1), date(2026, 10, 26), D(3000)),
        "all": (date(2026, 11, 1), date(2026, 11, 21), D(3400)),
    }
    assert found["all"].actual == D(300)


def test_a_bill_that_stopped_long_ago_does_not_hold_back_what_others_say(ledger: Ledger) -> None:
    """An account closed in September says nothing of October: a budget of it alone is unknown, that of all is not."""
    aws_behind(ledger, to=date(2026, 9, 20))
    found = computed(ledger, {"name": "aws", "amount": 4000, "match": AWS}, {"name": "all", "amount": 4000})
    assert found["aws"].known_to == date(2026, 9, 21)
    assert (found["all"].known_to, found["all"].actual) == (date(2026, 11, 21), D(300))
    assert found["all"].reason == "8 % spent; behind, later days not in it: aws payer (known to 2026-09-20)"
