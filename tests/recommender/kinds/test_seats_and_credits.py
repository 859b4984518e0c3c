"""Seats nobody sits on, and money that will be lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, DailyCost, Subject, WhyNot
from recommender.kinds.seats_and_credits import KIND, evaluate
from recommender.portfolio import combine
from recommender.subjects.contracts import Contract
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.contract import KindContract

SETTINGS = Recommend()


def contract(**overrides: Any) -> Contract:
    """100 seats of a code assistant at $3,000 for thirty days, 60 in use."""
    values: dict[str, Any] = {
        "resource_key": 0,
        "resource_id": "contract:costs/Code assistant",
        "provider": "own",
        "account": "costs",
        "region": None,
        "currency": "USD",
        "tags": {},
        "model": None,
        "team": None,
        "first_seen": date(2026, 1, 1),
        "costs": [
            DailyCost((AS_OF - timedelta(days=day)).date(), 24, *[Decimal(100)] * 3, is_spot=False)
            for day in range(30, 0, -1)
        ],
        "as_of": AS_OF,
        "what": "seats",
        "name": "Code assistant",
        "first": date(2026, 1, 1),
        "end": date(2027, 1, 1),
        "total": Decimal(36_500),
        "seats": Decimal(100),
        "seats_used": Decimal(60),
    }
    return Contract(**(values | overrides))


def credit(**overrides: Any) -> Contract:
    """12,000 until the year's end, 6,000 drawn by 20 November, 20 a day: 41 days left."""
    values: dict[str, Any] = {
        "what": "credit",
        "costs": [],
        "total": Decimal(12_000),
        "drawn": Decimal(6_000),
        "drawn_until": date(2026, 11, 21),
        "per_day": Decimal(20),
        "seats": None,
        "seats_used": None,
    }
    return contract(**(values | overrides))


def advise(subject: Contract) -> Advice:
    answer = evaluate(subject, SETTINGS)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Contract) -> WhyNot:
    answer = evaluate(subject, SETTINGS)
    assert isinstance(answer, WhyNot), answer
    return answer


def test_seats_nobody_sits_on_are_not_renewed() -> None:
    """60 in use and 5 % to spare are 63; 37 of 100 at 100 a day × 730 / 24 = 3,041.67: 1,125.42 a month."""
    found = advise(contract())
    assert found.monthly_cost == Decimal("3041.67")
    assert found.saving.net == Decimal("1125.42")
    assert found.target == "seats"
    assert "2027-01-01" in found.reason
    assert [item.counts for item in combine([found], [KIND])] == [True]


def test_a_contract_younger_than_the_window_is_not_thought_to_have_cost_nothing_before() -> None:
    """Twenty days at 100 a day are 3,041.67 a month, as thirty are."""
    young = contract(first=date(2026, 11, 1), first_seen=date(2026, 11, 1), costs=contract().costs[-20:])
    assert advise(young).monthly_cost == Decimal("3041.67")
    assert advise(young).saving.net == Decimal("1125.42")


def test_seats_in_use_are_left() -> None:
    assert refuse(contract(seats_used=Decimal(96))).reason == "in_use"
    assert refuse(contract(seats_used=Decimal(120))).reason == "in_use"


@pytest.mark.parametrize("cost", [Decimal(0), Decimal(-100)])
def test_seats_that_cost_nothing_are_not_advised_on(cost: Decimal) -> None:
    free = [
        replace(one, list_cost=cost, effective_cost=cost, uncovered_effective_cost=cost) for one in contract().costs
    ]
    assert refuse(contract(costs=free)).reason == "costs_nothing"


def test_no_seats_bought_are_known_to_be_none() -> None:
    assert refuse(contract(seats=Decimal(0), seats_used=Decimal(0))).reason == "no_seats"
    assert refuse(contract(seats=None)).reason == "seats_unknown"


def test_money_that_will_be_lost_is_said_and_never_counts() -> None:
    """6,000 − 41 × 20 = 5,180 lost; by the month of 30.4167 days: 5,180 × 30.4167 / 41 = 3,842.89."""
    found = advise(credit())
    assert found.evidence["lost"] == "5180.00"
    assert found.saving.net == Decimal("3842.89")
    assert found.monthly_cost == Decimal("4451.22")
    assert found.estimate_only
    assert [item.counts for item in combine([found], [KIND])] == [False]


def test_an_agreement_on_course_is_left_and_one_that_ends_late_is_too_early() -> None:
    assert refuse(credit(what="agreement", per_day=Decimal(147))).reason == "on_course"
    assert refuse(credit(what="agreement", end=date(2027, 6, 1))).reason == "ends_later"


def test_what_is_drawn_must_be_known() -> None:
    assert "drawn_on" in refuse(credit(drawn=None)).explanation
    assert "drawn_before" in refuse(credit(what="agreement", drawn=None)).explanation


class TestSeats(KindContract):
    kind = KIND

    @pytest.fixture
    def advised(self) -> Subject:
        return contract()

    @pytest.fixture
    def blind(self) -> Subject:
        return contract(seats_used=None)
