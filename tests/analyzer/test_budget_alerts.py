"""When a person is told of a budget: the days of its thresholds, and how fast the last days went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import text

from aispend.settings import Settings
from aispend.watching import Budget, BudgetAlerts
from analyzer.budget_alerts import Burn, Pace, Threshold, burning, reached
from analyzer.budget_path import Path, burn_path
from analyzer.budgets import standing, write_budgets
from analyzer.outlook import _fingerprint
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NOVEMBER = date(2026, 11, 1)
FIFTY_EIGHTY_ALL = (D(50), D(80), D(100))
ALERTS = BudgetAlerts()
BUDGET = Budget.model_validate({"name": "all", "amount": 1000})


def november(day: int) -> date:
    return date(2026, 11, day)


def flat(cost: str, days: int) -> tuple[Decimal, ...]:
    return (D(cost),) * days


def even(*usage: str | int) -> Pace:
    return Pace(tuple(map(D, usage)), flat("1", len(usage)))


# ---- thresholds


def test_half_the_money_on_day_ten_reaches_80_percent_on_day_16_and_all_of_it_on_day_20() -> None:
    """T7.6: 50 a day of 1000. The tenth day brings 500, the 16th 800, the 20th 1000."""
    found = reached(FIFTY_EIGHTY_ALL, D(1000), NOVEMBER, flat("50", 10), flat("50", 20))
    assert found == (
        Threshold(D(50), november(10), None),
        Threshold(D(80), None, november(16)),
        Threshold(D(100), None, november(20)),
    )


def test_what_a_credit_takes_back_is_not_reached_any_more() -> None:
    """600 of 1000 by the third, a credit of 200 on the fifth, and over half again on the seventh."""
    spent = [D(200), D(200), D(200), D(0), D(-200), D(50), D(100)]
    assert [one.reached_on for one in reached((D(50),), D(1000), NOVEMBER, spent[:5], ())] == [None]
    assert [one.reached_on for one in reached((D(50),), D(1000), NOVEMBER, spent, ())] == [november(7)]


def test_without_a_forecast_no_day_is_expected() -> None:
    assert reached((D(50),), D(1000), NOVEMBER, flat("10", 3), ()) == (Threshold(D(50), None, None),)


@given(
    st.lists(st.integers(-100, 300).map(D), max_size=20),
    st.lists(st.integers(-100, 300).map(D), max_size=20),
    st.lists(st.integers(1, 200).map(D), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_a_threshold_is_reached_or_expected_never_both_and_in_its_own_days(
    spent: list[Decimal], ahead: list[Decimal], percents: list[Decimal]
) -> None:
    found = reached(percents, D(1000), NOVEMBER, spent, ahead)
    assert [one.percent for one in found] == percents
    known_to = NOVEMBER + timedelta(days=len(spent))
    for one in found:
        assert (one.reached_on is not None) == (sum(spent) * 100 >= one.percent * 1000)
        assert one.reached_on is None or NOVEMBER <= one.reached_on < known_to
        assert one.expected_on is None or (one.reached_on is None and known_to <= one.expected_on)
    days = [one.reached_on for one in found if one.reached_on]
    assert days == sorted(days)


# ---- how fast


def test_at_half_again_the_pace_both_windows_burn_at_one_and_a_half() -> None:
    """T7.6: 33.33 a day are allowed and 50 are spent: 350 of 233.33 in seven days, 150 of 100 in three."""
    found = burning(even(*[50] * 10), ALERTS, left=D(1000), known=D(10), whole=D(30), used=D(500))
    assert found == Burn(D("1.5000"), D("1.5000"), "warn")


@pytest.mark.parametrize(
    ("last_days", "short", "long", "state"),
    [
        # 1000 over 30 days allow 100 in three days and 233.33 in seven
        ([40, 40, 40, 40, 70, 70, 70], "2.1000", "1.5857", "warn"),  # critical asks for twice in both
        ([70, 70, 70, 70, 70, 70, 70], "2.1000", "2.1000", "critical"),
        ([90, 90, 90, 90, 30, 30, 30], "0.9000", "1.9286", "ok"),  # over: the last three days are as planned
        ([10, 10, 10, 10, 70, 70, 70], "2.1000", "1.0714", "ok"),  # a bad day or two is no week
        ([50, 50, 50, 50, 50, 50, 49], "1.4900", "1.4957", "ok"),
    ],
)
def test_both_windows_must_be_too_fast(last_days: list[int], short: str, long: str, state: str) -> None:
    used = D(300 + sum(last_days))
    found = burning(even(*last_days), ALERTS, left=D(1000), known=D(10), whole=D(30), used=used)
    assert found == Burn(D(short), D(long), state)  # type: ignore[arg-type]


def test_a_pace_the_budget_outlasts_is_told_and_is_no_alert() -> None:
    """On day 28 a fifth is spent; two more days at twice the pace are 133 more: no harm."""
    found = burning(even(*[70] * 7), ALERTS, left=D(5000), known=D(28), whole=D(30), used=D(1000))
    assert found.state == "ok"
    late = burning(even(*[70] * 7), ALERTS, left=D(1000), known=D(28), whole=D(30), used=D(400))
    assert late == Burn(D("2.1000"), D("2.1000"), "ok")


def test_a_quiet_weekend_owes_nothing() -> None:
    """Work on five days a week at 10 each; on Monday the three days allow a day of work, and so do the seven five."""
    weights = tuple(map(D, (1, 1, 1, 1, 0, 0, 1)))  # Tuesday to Monday
    usage = tuple(map(D, (10, 10, 10, 10, 0, 0, 10)))
    found = burning(Pace(usage, weights), ALERTS, left=D(110), known=D(11), whole=D(22), used=D(110))
    assert found == Burn(D("2.0000"), D("2.0000"), "critical")
    weekend = burning(Pace(usage[3:6], weights[3:6]), BudgetAlerts(short_days=2), left=D(110), known=D(11),
                      whole=D(22), used=D(110))  # fmt: skip
    assert weekend == Burn(None, None, "ok")


@pytest.mark.parametrize("left", ["0", "-5"])
def test_where_fees_took_it_all_there_is_no_pace_to_allow(left: str) -> None:
    found = burning(even(*[70] * 7), ALERTS, left=D(left), known=D(10), whole=D(30), used=D(700))
    assert found == Burn(None, None, "ok")


def test_fewer_days_than_a_window_are_not_judged_by_it() -> None:
    found = burning(even(90, 90, 90), ALERTS, left=D(1000), known=D(3), whole=D(30), used=D(270))
    assert found == Burn(D("2.7000"), None, "ok")


def test_usage_taken_back_burns_at_no_rate() -> None:
    found = burning(even(*[50] * 6, -500), ALERTS, left=D(1000), known=D(10), whole=D(30), used=D(0))
    assert found == Burn(None, None, "ok")


@given(
    st.lists(st.integers(0, 10_000).map(D), min_size=7, max_size=7),
    st.integers(1, 10**6).map(D),
    st.integers(0, 10**6).map(D),
)
def test_more_spent_is_never_less_of_an_alert(usage: list[Decimal], left: Decimal, used: Decimal) -> None:
    levels = ("ok", "warn", "critical")

    def level(costs: Sequence[Decimal]) -> int:
        pace = Pace(tuple(costs), flat("1", 7))
        return levels.index(burning(pace, ALERTS, left=left, known=D(10), whole=D(30), used=used).state)

    assert level([cost * 2 for cost in usage]) >= level(usage)


# ---- the state of a budget


def test_a_fast_week_is_told_before_the_forecast_knows() -> None:
    path = Path(flat("20", 20), D(380), D(420), "forecast")  # the forecast thinks that it ends
    spent = (*flat("20", 3), *flat("70", 7))
    found = standing(BUDGET, NOVEMBER, spent, flat("1", 30), path, pace=even(*[70] * 7), used=D(550))
    assert (found.burn, found.p50, found.state) == (Burn(D("2.1000"), D("2.1000"), "critical"), D(950), "critical")
    assert (
        found.reason == "55 % spent; too fast: the last 7 days cost 2.10 times what it allows for them, the last 3 2.10"
    )


def test_of_money_that_is_spent_it_is_not_said_that_it_goes_too_fast() -> None:
    found = standing(BUDGET, NOVEMBER, flat("250", 7), flat("1", 30), None, pace=even(*[250] * 7), used=D(1750))
    assert (found.reason, found.state, found.burn.state) == ("175 % spent", "critical", "critical")


def test_a_fee_is_no_pace_and_what_it_leaves_is_what_usage_may_cost() -> None:
    """A fee of 400 on the first leaves 600, 20 a day; usage of 20 a day is as planned, though 1.8 times was spent."""
    spent = (D(420), *flat("20", 9))
    found = standing(BUDGET, NOVEMBER, spent, flat("1", 30), None, pace=even(*[20] * 7), used=D(200))
    assert (found.actual, found.burn_rate) == (D(600), D("1.8000"))
    assert found.burn == Burn(D("1.0000"), D("1.0000"), "ok")


def test_a_budget_that_a_credit_refilled_is_not_used_up() -> None:
    spent = (D(1200), D(0), D(-700), D(10))
    found = standing(BUDGET, NOVEMBER, spent, flat("1", 30), None)
    assert (found.state, found.threshold, found.exhausted_on) == ("ok", D(50), None)
    assert found.thresholds[0] == Threshold(D(50), NOVEMBER, None)


def test_thresholds_of_its_own_come_before_those_of_all() -> None:
    own = Budget.model_validate({"name": "all", "amount": 1000, "thresholds": [90, 25, 90]})
    found = standing(own, NOVEMBER, flat("50", 10), flat("1", 30), burn_path(flat("50", 10), flat("1", 30)))
    assert found.thresholds == (Threshold(D(25), november(5), None), Threshold(D(90), None, november(18)))
    assert found.threshold == D(25)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"short_days": 7}, "fewer than long_days"),
        ({"warn_burn": 2}, "below critical_burn"),
        ({"warn_burn": 1}, "greater than 1"),
        ({"thresholds": [0]}, "above 0"),
    ],
)
def test_alerts_that_cannot_be_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        BudgetAlerts.model_validate(given)


def test_a_ledger_tells_the_days_and_both_windows(ledger: Ledger) -> None:
    """10 a day from October 12th and 60 from November 14th to 20th: 130 and 420 of 1000 in November.

    Of eight weeks a weekday comes to (5 · 10 + 60) / 8, a Saturday and a Sunday to 100 / 8: November, from a Sunday on,
    weighs 401.25, a week 93.75 and its last three days 41.25. Allowed are 233.64 and 102.80; spent were 420 and 180.
    """
    for number in range(40):
        day = date(2026, 10, 12) + timedelta(days=number)
        ledger.charge(f"{day}", "60" if day >= november(14) else "10", hours=all_hours())
    ledger.analyze()
    ours = {"budget": [{"name": "all", "amount": 1000}], "budget_alerts": {"thresholds": [13, 50, 500]}}
    settings = Settings.model_validate(ledger.settings.model_dump(by_alias=True) | ours)
    with ledger.store.engine.begin() as connection:
        write_budgets(connection, settings, lambda: datetime(2026, 11, 21, 6, tzinfo=UTC))
        (row,) = connection.execute(text("SELECT * FROM budget_status")).all()
    assert (row.actual, row.burn_short_days, row.burn_long_days) == (D(550), 3, 7)
    assert [one["reached_on"] for one in row.thresholds] == ["2026-11-13", "2026-11-20", None]
    assert [one["percent"] for one in row.thresholds] == ["13", "50", "500"]
    assert row.thresholds[2]["expected_on"] is None
    assert (row.burn_short, row.burn_long, row.burn_state) == (D("1.7509"), D("1.7976"), "warn")
    assert "too fast: the last 7 days cost 1.80 times what it allows for them, the last 3 1.75" in row.reason


def test_when_to_be_told_is_asked_again_once_it_is_set_otherwise(ledger: Ledger) -> None:
    otherwise = Settings.model_validate(
        ledger.settings.model_dump(by_alias=True) | {"budget_alerts": {"thresholds": [90]}}
    )
    with ledger.store.engine.connect() as connection:
        before, after, again = (
            _fingerprint(connection, settings, ledger.clock)
            for settings in (ledger.settings, otherwise, ledger.settings)
        )
    assert before == again != after
