"""Forecasts by account, service and region: month and quarter, the rest as one, and changes known to come; by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analyzer.forecast_cuts import QUESTIONS
from analyzer.forecast_steps import KnownStep
from analyzer.step_owners import at_places
from reports.views import FORECAST_CUTS, forecasts
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_forecast_run import KNOWN_TO, NOW, _spend, _told

D = Decimal
MONTH = ("month", date(2026, 10, 1))
QUARTER = ("quarter", date(2026, 10, 1))
PLACES = ("account", "service", "region")
EU: dict[str, Any] = {"account_id": "prod", "region": "eu-west-1", "service_name": "SageMaker"}
US: dict[str, Any] = {"account_id": "lab", "region": "us-east-1", "service_name": "EC2", "provider": "gcp"}


def test_month_and_quarter_of_each_account_service_and_region_with_bands(ledger: Ledger) -> None:
    """10 a day and 30 a day: 31 days are 310 and 930, 92 are 920 and 2760. What is no AI is in it too."""
    _spend(ledger, 111, **EU)
    _spend(ledger, 111, "30", is_ai=False, **US)
    told = _told(ledger)
    for cut, here, there in (
        ("account", "prod", "lab"),
        ("service", "SageMaker", "EC2"),
        ("region", "eu-west-1", "us-east-1"),
    ):
        for value, month, quarter in ((here, 310, 920), (there, 930, 2760)):
            found = told[cut, value, *MONTH]
            assert (found.p10, found.p50, found.p90) == (month, month, month)  # it never moved
            assert told[cut, value, *QUARTER].p50 == quarter
        assert told[cut, here, "day", date(2026, 12, 31)].p50 == 10
    with ledger.store.engine.connect() as connection:
        rows = forecasts(connection, "region").rows
    assert [(row.value, row.p50) for row in rows if row.period == "month" and row.cut == "region"] == [
        ("us-east-1", D(930)),
        ("eu-west-1", D(310)),
    ]


def test_the_smaller_ones_are_one_series_that_says_so(ledger: Ledger) -> None:
    for number in range(4):
        _spend(ledger, 20, str(8 - number), account_id=f"team-{number}", region=None)
    told = _told(ledger, largest=2)
    rest = told["account", None, *MONTH]
    assert (rest.others, rest.p50) == (2, (6 + 5) * 31)
    assert told["account", "team-1", *MONTH].p50 == 7 * 31
    assert told["region", None, *MONTH].others == 0  # no region is known: one series by itself


def test_a_step_falls_where_the_cost_of_its_owner_fell(ledger: Ledger) -> None:
    """Chat costs 10 in prod and 30 in lab: of two days of 100 a quarter and the rest; what is of nobody nowhere."""
    _spend(ledger, 28, tags={"model": "chat"}, **EU)
    _spend(ledger, 28, "30", tags={"model": "chat"}, **US)
    _spend(ledger, 28, "5", tags={"model": "rank"}, **(US | {"account_id": "other"}))
    steps = [
        {"from": date(2026, 10, 30), "amount": D(100), "model": "chat", "why": "launch"},
        {"from": date(2026, 10, 30), "amount": D(7), "why": "of nobody"},
    ]
    told = _told(ledger, step=steps)
    amounts = {value: told["account", value, *MONTH].p50 for value in ("prod", "lab", "other")}
    assert amounts == {"prod": D(310 + 50), "lab": D(930 + 150), "other": D(155)}
    assert told["region", "us-east-1", *MONTH].p50 == 930 + 155 + 150
    assert told["all", None, *MONTH].p50 == 310 + 930 + 155 + 200 + 14
    (noted,) = told["account", "prod", *MONTH].steps
    assert (noted["amount_per_day"], noted["why"]) == ("25", "launch")
    assert ("account", None, *MONTH) not in told


def test_what_nobody_paid_for_yet_is_placed_nowhere(ledger: Ledger) -> None:
    _spend(ledger, 8, tags={"model": "chat"}, **EU)
    ledger.analyze()
    step = KnownStep(
        date(2026, 11, 1), None, D(5), "USD", "new", True, {"provider": None, "model": "new", "team": None}
    )
    with ledger.store.engine.connect() as connection:
        assert at_places(connection, [step], KNOWN_TO, PLACES) == []


def test_a_commitment_ends_where_it_was_used(ledger: Ledger) -> None:
    """Effective 6, contracted 10 in prod, 3 and 10 in lab: 4 and 7 a day more from the 25th on."""
    for place, effective in ((EU, "6"), (US | {"provider": "aws"}, "3")):
        _spend(ledger, 28, ("0", effective, "12", "10"), commitment_id="sp-1", **place)  # type: ignore[arg-type]
    ledger.plan_ends(NOW + timedelta(days=5))
    told = _told(ledger)
    for cut, here, there in (("account", "prod", "lab"), ("service", "SageMaker", "EC2")):
        assert told[cut, here, "day", date(2026, 10, 24)].p50 == 6
        assert told[cut, here, "day", date(2026, 10, 25)].p50 == 10
        assert told[cut, there, "day", date(2026, 10, 25)].p50 == 10
    assert told["all", None, "day", date(2026, 10, 25)].p50 == 20


@pytest.mark.parametrize("cut", FORECAST_CUTS)
def test_each_cut_that_is_told_is_asked_for_once(cut: str) -> None:
    assert [question.by for question in QUESTIONS if cut in question.cuts] == [cut]
