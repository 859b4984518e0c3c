"""What a bill that is behind says counts, and its later days are forecast, or told to be in no number; by hand.

AWS at 100 a day is known to October 31st, Azure at 10 a day to November 20th: November has 200 so far, and is to
come to thirty days of 110.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Row, insert, text

from aispend.schema import exchange_rate
from analyzer.forecast_run import write_forecasts
from analyzer.series import OWN
from reports import views
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_budget_behind import computed, fill

D = Decimal
AZURE: dict[str, Any] = {"provider": "azure", "scope": "sub", "account_id": "lab", "service_name": "Models"}
OCTOBER_31, NOVEMBER_20 = date(2026, 10, 31), date(2026, 11, 20)
GOES_ON = "behind, later days forecast: aws payer (known to 2026-10-31)"
PROVIDERS = (("provider", "aws", "USD"), ("provider", "azure", "USD"))
NOT_IN_IT = "behind, later days not in it: aws payer (known to {})"

Told = dict[tuple[Any, ...], Row[Any]]


def _told(ledger: Ledger, period: str = "month") -> Told:
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, ledger.settings, lambda: datetime(2026, 11, 21, 6, tzinfo=UTC))
        rows = connection.execute(text("SELECT * FROM forecast WHERE period = :period"), {"period": period}).all()
    return {(row.cut, row.value, row.currency): row for row in rows}


def _figures(row: Row[Any]) -> tuple[Decimal, ...]:
    return row.actual, row.p10, row.p50, row.p90


def test_its_known_days_are_so_far_and_its_later_days_are_forecast(ledger: Ledger) -> None:
    fill(ledger, "100", to=OCTOBER_31, first=date(2026, 3, 1))
    fill(ledger, "10", to=NOVEMBER_20, first=date(2026, 3, 1), **AZURE)
    month, quarter = _told(ledger), _told(ledger, "quarter")
    whole = ("all", None, "USD")
    # nothing of either ever moved: the bands are as narrow as such costs
    assert _figures(month[whole]) == (D(200), D(3300), D(3300), D(3300))
    # 31 days of 110 and 20 of 10 are known of the 92 days of the quarter
    assert _figures(quarter[whole]) == (D(3610), D(92 * 110), D(92 * 110), D(92 * 110))
    assert (month[whole].known_to, month[whole].reason) == (date(2026, 11, 21), GOES_ON)
    # by itself it is known to its own last day, and the whole is the sum of both
    aws, azure = (quarter["provider", name, "USD"] for name in ("aws", "azure"))
    assert (aws.known_to, _figures(aws)) == (date(2026, 11, 1), (D(3100), D(9200), D(9200), D(9200)))
    assert (aws.reason, azure.reason) == (GOES_ON, None)
    assert _figures(azure) == (D(510), D(920), D(920), D(920))


def test_the_whole_is_the_sum_of_both_and_so_is_its_band(ledger: Ledger) -> None:
    """Restless costs: the median and both ends of the whole are those of AWS and of Azure added, in every period."""
    first = date(2026, 3, 1)
    for number in range((NOVEMBER_20 - first).days + 1):
        day = first + timedelta(days=number)
        fill(ledger, f"{10 + number * 7 % 5}", to=day, first=day, **AZURE)
        if day <= OCTOBER_31:
            fill(ledger, f"{100 + number * 37 % 23}", to=day, first=day)
    for period in ("month", "quarter"):
        found = _told(ledger, period)
        whole, aws, azure = (found[name] for name in (("all", None, "USD"), *PROVIDERS))
        assert whole.p10 < whole.p50 < whole.p90
        for told, one, other in zip(_figures(whole), _figures(aws), _figures(azure), strict=True):
            assert told == pytest.approx(one + other, abs=D("0.00001"))


def test_of_a_period_of_which_none_of_its_days_is_known_so_far_is_unknown_and_not_nothing(ledger: Ledger) -> None:
    fill(ledger, "100", to=OCTOBER_31)
    fill(ledger, "10", to=NOVEMBER_20, **AZURE)
    _told(ledger)
    with ledger.store.engine.connect() as connection:
        rows = {(row.value, row.period): row.actual for row in views.forecasts(connection, "provider").rows}
    assert (rows["aws", "month"], rows["aws", "quarter"]) == (None, D(3100))
    assert (rows["azure", "month"], rows[None, "month"]) == (D(200), D(200))


def test_with_bills_of_the_month_before_alone_so_far_is_unknown(ledger: Ledger) -> None:
    fill(ledger, "100", to=OCTOBER_31, first=date(2026, 3, 1))
    found = _told(ledger)["all", None, "USD"]
    assert (found.known_to, found.p50, found.reason) == (date(2026, 11, 1), D(3000), None)
    with ledger.store.engine.connect() as connection:
        month, *_ = views.forecasts(connection).rows
    assert (month.period, month.actual) == ("month", None)


def test_days_are_told_from_the_last_known_one_on_with_what_the_bill_behind_is_expected_to_say(ledger: Ledger) -> None:
    fill(ledger, "100", to=OCTOBER_31)
    fill(ledger, "10", to=NOVEMBER_20, **AZURE)
    _told(ledger)
    days = ledger.rows("SELECT period_start, p50 FROM forecast WHERE period = 'day' AND cut = 'all' ORDER BY 1")
    assert days == [(date(2026, 11, 21 + number), D(110)) for number in range(10)] + [
        (date(2026, 12, 1 + number), D(110)) for number in range(31)
    ]


def test_one_that_may_have_stopped_for_good_is_not_forecast_but_what_it_said_counts(ledger: Ledger) -> None:
    """On December 20th a bill of October alone says nothing of the month before: 3,100 of it are in the quarter."""
    fill(ledger, "100", to=OCTOBER_31)
    fill(ledger, "10", to=date(2026, 12, 20), **AZURE)
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, ledger.settings, lambda: datetime(2026, 12, 21, 6, tzinfo=UTC))
        found = {(row.value, row.period): row for row in views.forecasts(connection, "provider").rows}
    whole = found[None, "quarter"]
    assert (whole.actual, whole.p50) == (D(3100 + 810), D(3100 + 920))
    assert whole.reason == NOT_IN_IT.format("2026-10-31")
    # of the bill alone nobody knows what the quarter will be
    assert ("aws", "quarter") not in found


def test_a_short_history_of_its_own_is_forecast_like_any_and_said_to_be_short(ledger: Ledger) -> None:
    fill(ledger, "100", first=date(2026, 10, 19), to=OCTOBER_31)  # 13 days
    fill(ledger, "10", to=NOVEMBER_20, **AZURE)
    found = _told(ledger, "quarter")["all", None, "USD"]
    assert (found.actual, found.p10, found.p50) == (D(1300 + 510), None, D(1300 + 6100 + 920))
    assert "as a season ago: less than two weeks of history" in (found.reason or "")


def test_it_is_named_by_what_it_charges_for_alone(ledger: Ledger) -> None:
    """AWS in dollars for the model chat; Azure serves rank, in euros, and chat in dollars."""
    fill(ledger, "100", to=OCTOBER_31, tags={"model": "chat"})
    fill(ledger, "10", to=NOVEMBER_20, tags={"model": "chat"}, **AZURE)
    fill(ledger, "4", to=NOVEMBER_20, tags={"model": "rank"}, currency="EUR", **AZURE)
    fill(ledger, "5", to=NOVEMBER_20, provider=OWN, scope="costs", account_id=None, is_ai=False, service_name="Staff")
    found = _told(ledger, "quarter")
    told = {name for name, row in found.items() if row.reason and "behind" in row.reason}
    mixed = {("all", None), ("ai", None), ("model", "chat"), ("team", None), ("region", None)}
    alone = {("provider", "aws"), ("account", "prod"), ("service", "Compute")}
    assert told == {(cut, value, "USD") for cut, value in mixed | alone}
    assert found["model", "chat", "USD"].p50 == 92 * 110
    assert ("provider", "azure", "USD") in found
    assert not [row for row in _told(ledger, "day").values() if row.reason and "behind" in row.reason]


def test_the_rest_of_a_cut_has_the_bills_behind_of_all_it_sums_up(ledger: Ledger) -> None:
    """Largest one by one: chat at 100. Of the rest AWS serves two at 2 and 1 a day, Azure the second of them at 4."""
    for model, cost in (("chat", "100"), ("rank", "2"), ("tiny", "1")):
        fill(ledger, cost, to=OCTOBER_31, tags={"model": model})
    fill(ledger, "4", to=NOVEMBER_20, tags={"model": "tiny"}, **AZURE)
    ledger.analyze(forecast={"largest": 1})
    rows = ledger.rows(
        "SELECT others, actual, p50 FROM forecast WHERE cut = 'model' AND value IS NULL AND period = 'quarter'"
    )
    assert rows == [(2, D(31 * 7 + 20 * 4), D(92 * 7))]


def test_in_one_currency_its_days_are_at_the_rates_of_its_days(ledger: Ledger) -> None:
    """Euros of AWS at 1.25 in October and 1.50 from then on; 3,100 are 3,875 USD, and 61 days to come 9,150."""
    fill(ledger, "100", to=OCTOBER_31, currency="EUR")
    fill(ledger, "10", to=NOVEMBER_20, **AZURE)
    _told(ledger)
    with ledger.store.engine.begin() as connection:
        for day, rate in ((date(2026, 9, 1), "1.25"), (date(2026, 11, 1), "1.50")):
            row = {"base": "EUR", "quote": "USD", "valid_from": day, "rate": D(rate), "source": "bank"}
            connection.execute(insert(exchange_rate).values(row))
        rows = views.forecasts_in(connection, "USD", "provider").rows
    found = {(row.value, row.period): row for row in rows if row.cut != "ai"}
    aws, whole = found["aws", "quarter"], found[None, "quarter"]
    assert (aws.actual, aws.p50) == (D(3875), D(3875 + 9150))
    assert (whole.actual, whole.p50) == (D(3875 + 510), D(3875 + 9150 + 920))
    # of dollars 200 are known; of euros nothing of November is
    assert (found["aws", "month"].actual, found["aws", "month"].p50) == (None, D(4500))
    assert (found[None, "month"].actual, found[None, "month"].p50) == (None, D(4500 + 300))


def test_a_budget_says_what_the_forecast_says(ledger: Ledger) -> None:
    fill(ledger, "100", to=OCTOBER_31)
    fill(ledger, "10", to=NOVEMBER_20, **AZURE)
    fill(ledger, "5", to=date(2026, 12, 31), provider=OWN, scope="costs", account_id=None)
    every = {"amount": 30_000, "ai_only": False}
    budgets = computed(ledger, {"name": "month", **every}, {"name": "quarter", "period": "quarter", **every})
    for period, budget in budgets.items():
        forecast = _told(ledger, period)["all", None, "USD"]
        assert (budget.actual, budget.known_to) == (forecast.actual, forecast.known_to)
        told = [round(one, 4) for one in (budget.forecast_p50, budget.forecast_p10 or 0, budget.forecast_p90 or 0)]
        assert told == [round(one or 0, 4) for one in (forecast.p50, forecast.p10, forecast.p90)]
        assert GOES_ON in budget.reason


def test_with_all_bills_up_to_date_none_is_named(ledger: Ledger) -> None:
    fill(ledger, "100", to=NOVEMBER_20)
    assert not [row for row in _told(ledger, "quarter").values() if row.reason and "behind" in row.reason]
