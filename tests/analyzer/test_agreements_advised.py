"""What is advised on an agreement rests on the same drawdown as ``aispend agreements`` shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from aispend.advising import Recommend
from analyzer.agreements import drawdowns, drawn_so_far
from recommender.contract import Advice, Answer
from recommender.kinds.seats_and_credits import evaluate
from recommender.subjects.contracts import load_contracts
from tests.analyzer.conftest import Ledger, all_hours
from tests.analyzer.test_agreements import agreement

YEAR = {"from": "2026-01-01", "to": "2027-01-01", "drawn_before": "28910"}


def each_day(ledger: Ledger, first: date, days: int, cost: str) -> None:
    """One charge a day; each reaches its last hour."""
    for number in range(days):
        ledger.charge(f"{first + timedelta(days=number)}", cost, hours=all_hours())
    ledger.attribute()


def advised(ledger: Ledger, as_of: date, **values: Any) -> Answer:
    terms = [agreement(**(YEAR | values))]
    now = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    with ledger.store.engine.connect() as connection:
        (contract,) = load_contracts(connection, now, 30, terms, drawn_so_far(connection, terms))
    return evaluate(contract, Recommend())


def test_days_before_the_first_that_is_loaded_slow_no_pace(ledger: Ledger) -> None:
    """100 a day from 11 November on, 41 days left: 28,910 + 1,000 + 4,100 = 34,010, and not 50 a day and 31,960."""
    each_day(ledger, date(2026, 11, 11), 10, "100")
    on_course = advised(ledger, date(2026, 11, 21), committed="34010")
    assert not isinstance(on_course, Advice)
    assert (on_course.reason, on_course.explanation) == (
        "on_course",
        "At 100.00 USD a day it is used up by 2027-01-01.",
    )


def test_what_is_told_as_lost_is_the_shortfall(ledger: Ledger) -> None:
    """33.333 a day: rates are rounded to be shown alone, and what is lost is the same to the cent."""
    each_day(ledger, date(2026, 11, 11), 9, "33.333")
    found = advised(ledger, date(2026, 11, 21), committed="40000")
    assert isinstance(found, Advice)
    with ledger.store.engine.connect() as connection:
        (shown,) = drawdowns(connection, [agreement(**YEAR, committed="40000")])
    assert Decimal(found.evidence["lost"]) == round(shown.shortfall, 2)
    assert (found.evidence["drawn_until"], found.evidence["days_left"]) == ("2026-11-20", 42)


def test_a_month_that_is_missing_leaves_what_is_drawn_unknown(ledger: Ledger) -> None:
    """September and November are loaded: what October drew is known to nobody, and not nothing."""
    each_day(ledger, date(2026, 9, 1), 30, "100")
    each_day(ledger, date(2026, 11, 1), 20, "100")
    found = advised(ledger, date(2026, 11, 21), committed="40000")
    assert not isinstance(found, Advice)
    assert found.reason == "drawn_unknown"
