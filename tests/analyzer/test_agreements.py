"""Drawdown of spend agreements: pace by hand, what counts, and the check against the ledger."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from aispend.settings import Agreement
from analyzer.agreements import Drawdown, agreements_are_drawn_down, drawdowns, pace
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal


@pytest.mark.parametrize(
    ("committed", "drawn", "days_left", "expected", "shortfall", "needed", "status"),
    [
        ("36500", "20000", 100, "26000", "10500", "165", "short"),  # 5400 in 90 days is 60 a day
        ("26000", "20000", 100, "26000", "0", "60", "on course"),
        ("20000", "20000", 100, "26000", "0", "0", "met"),
        ("20000.01", "20000", 0, "20000", "0.01", None, "ended short"),
    ],
)
def test_the_pace_of_ninety_days_is_taken_on_to_the_end(
    committed: str, drawn: str, days_left: int, expected: str, shortfall: str, needed: str | None, status: str
) -> None:
    found = pace(D(committed), D(drawn), recent=D(5400), recent_days=90, days_left=days_left)
    assert (found.per_day, found.expected, found.shortfall, found.status) == (
        D(60),
        D(expected),
        D(shortfall),
        status,
    )
    assert found.needed_per_day == (None if needed is None else D(needed))


def agreement(**values: Any) -> Agreement:
    full = {"name": "EDP", "provider": "aws", "from": "2026-10-01", "to": "2026-11-01", "committed": "100"}
    return Agreement.model_validate(full | values)


def drawn(ledger: Ledger, **values: Any) -> Drawdown:
    with ledger.store.engine.connect() as connection:
        (found,) = drawdowns(connection, [agreement(**values)])
    return found


def october(ledger: Ledger) -> None:
    """Ten days: EC2 2 a day on two of them, support 5, tax 1, an upfront purchase of 30, 7 euros."""
    ledger.charge("2026-10-01", "2", service_name="EC2")
    ledger.charge("2026-10-10", "2", service_name="EC2", hours=all_hours())
    ledger.charge("2026-10-09", "5", service_name="AWS Support", is_ai=False)
    ledger.charge("2026-10-09", "1", service_name="EC2", category="Tax", is_ai=False)
    ledger.charge("2026-10-02", "30", service_name="EC2", category="Purchase", kind={"charge_frequency": "One-Time"})
    ledger.charge("2026-10-09", "7", service_name="EC2", currency="EUR")
    ledger.charge("2026-10-09", "1000", service_name="EC2", scope="another")
    ledger.attribute()


def test_what_counts_is_drawn_down(ledger: Ledger) -> None:
    october(ledger)

    found = drawn(ledger, scope="pay*", without_services=["*support*"])

    assert (found.drawn, found.analyzed, found.through) == (D(34), D(34), date(2026, 10, 10))
    # 4 dollars in ten days, 21 days left: the purchase is not taken on
    assert (found.per_day, found.expected, found.shortfall) == (D("0.4"), D("42.4"), D("57.6"))
    assert (found.needed_per_day, found.status) == (D("3.14"), "short")
    assert (found.other_currencies, found.unknown_until, found.drawn_share) == (("EUR",), None, D("0.34"))


def test_what_was_drawn_before_the_first_bill_is_added_or_said_to_be_unknown(ledger: Ledger) -> None:
    october(ledger)
    earlier = {"scope": "payer", "from": "2026-08-01", "services": ["EC2"]}
    assert drawn(ledger, **earlier).unknown_until == date(2026, 10, 1)
    found = drawn(ledger, **earlier, drawn_before="66")
    assert (found.unknown_until, found.drawn, found.status) == (None, D(100), "met")


def test_without_bills_nothing_is_claimed(ledger: Ledger) -> None:
    found = drawn(ledger, provider="gcp")
    assert (found.drawn, found.through, found.status) == (D(0), None, "nothing loaded")


def each_day(ledger: Ledger, first: str, days: int, cost: str) -> None:
    """One charge a day; the last reaches its last hour."""
    for number in range(days):
        ledger.charge(f"{date.fromisoformat(first) + timedelta(days=number)}", cost, hours=all_hours())


def test_the_pace_is_of_days_that_are_loaded(ledger: Ledger) -> None:
    each_day(ledger, "2026-11-01", 10, "100")
    ledger.charge("2026-09-03", "90", month="2026-11-01")  # a correction: no bill of September is loaded
    ledger.attribute()

    year = {"from": "2026-01-01", "to": "2027-01-01"}
    found = drawn(ledger, **year, drawn_before="28910", committed="35100")

    # 1,000 in ten days, 51 days left: 28,910 + 90 + 1,000 + 5,100
    assert (found.drawn, found.through, found.per_day) == (D(30000), date(2026, 11, 10), D(100))
    assert (found.expected, found.shortfall, found.status) == (D(35100), D(0), "on course")
    # of days before the last seven nothing is asked
    assert drawn(ledger, **year, run_rate_days=7).per_day == D(100)


def test_the_pace_begins_with_the_first_day_of_a_bill(ledger: Ledger) -> None:
    for day, cost in (("2026-10-05", "240"), ("2026-10-06", "123"), ("2026-10-07", "10")):
        ledger.charge(day, cost, hours=all_hours())
    ledger.attribute()
    # 373 in three days, 24 days left: 373 + 2,984
    assert (drawn(ledger).per_day, drawn(ledger).expected) == (D("124.33"), D(3357))
    assert drawn(ledger).unknown_until is None


def test_where_all_days_known_are_before_the_first_bill_no_pace_is_claimed(ledger: Ledger) -> None:
    # an invoice of November with the last hours of a day in October, as time zones have it
    ledger.charge("2026-10-30", "10", month="2026-11-01", hours=all_hours())
    ledger.attribute()
    found = drawn(ledger, to="2026-12-01")
    assert (found.drawn, found.through, found.per_day, found.status) == (D(10), None, None, "unknown")
    assert found.unknown_until == date(2026, 11, 1)


def test_a_month_missing_between_others_is_said_and_is_none_of_the_pace(ledger: Ledger) -> None:
    each_day(ledger, "2026-08-30", 2, "10")
    each_day(ledger, "2026-10-01", 10, "10")
    ledger.attribute()
    since_august = {"from": "2026-08-01", "drawn_before": "5"}

    found = drawn(ledger, **since_august)

    # 5 + 20 + 100, and 21 days at 10; September is not there, whatever was drawn before August
    assert (found.drawn, found.per_day, found.expected) == (D(125), D(10), D(335))
    assert found.unknown_until == date(2026, 10, 1)
    assert (drawn(ledger).per_day, drawn(ledger).unknown_until) == (D(10), None)  # from October on nothing is missing
    with ledger.store.engine.connect() as connection:
        (row,) = agreements_are_drawn_down(connection, [agreement(**since_august)])
    assert row.cause == "drawn down 125 of 100: met; drawdown before 2026-10-01 is not all known"
    assert row.attention


def test_of_an_agreement_that_ended_before_what_is_missing_all_is_known(ledger: Ledger) -> None:
    each_day(ledger, "2026-08-01", 31, "1")
    each_day(ledger, "2026-10-01", 10, "10")
    ledger.attribute()

    found = drawn(ledger, **{"from": "2026-08-01", "to": "2026-09-01"})

    assert (found.drawn, found.status, found.unknown_until, found.per_day) == (D(31), "ended short", None, None)
    assert drawn(ledger, **{"from": "2026-08-01", "to": "2026-09-02"}).unknown_until == date(2026, 10, 1)


def test_where_a_bill_does_not_give_the_cost_the_drawdown_is_unknown(ledger: Ledger) -> None:
    ledger.charge("2026-09-30", ("2", "2", "4", "4"), service_name="EC2")
    ledger.charge("2026-10-10", ("2", "2", None, None), service_name="EC2")
    with ledger.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE slice SET columns_known = ARRAY['billed_cost', 'effective_cost'] WHERE period = '2026-10-01'")
        )
    ledger.attribute()

    found = drawn(ledger, cost="list")
    assert (found.drawn, found.drawn_share, found.status, found.partly_unknown) == (None, None, "unknown", True)
    assert (found.per_day, found.expected, found.shortfall, found.needed_per_day) == (None,) * 4
    # 4 of September are known: at least so much
    partly = drawn(ledger, cost="list", **{"from": "2026-09-01"})
    assert (partly.drawn, partly.status, partly.partly_unknown) == (D(4), "unknown", True)
    met = drawn(ledger, cost="list", committed="4", **{"from": "2026-09-01"})
    assert (met.status, met.shortfall) == ("met", 0)
    with ledger.store.engine.connect() as connection:
        (row,) = agreements_are_drawn_down(connection, [agreement(cost="list")])
    assert (row.theirs, row.difference, row.holds, row.attention) == (None, None, True, True)
    assert row.cause == "drawn down – of 100: unknown; some of what counts has no list cost"


def test_a_line_without_the_cost_makes_the_drawdown_unknown_and_an_empty_half_does_not(ledger: Ledger) -> None:
    ledger.charge("2026-10-01", "2", service_name="EC2")
    ledger.charge("2026-10-02", ("1", None, None, None), service_name="EC2", provider="azure", half=1)
    ledger.charge("2026-10-02", (None, "1", "1", "1"), service_name="EC2", provider="azure", half=2)
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE slice SET dataset = 'azure_actual+azure_amortized' WHERE provider = 'azure'"))
    ledger.charge("2026-10-03", (None, "5", "5", "5"), service_name="EC2")
    ledger.charge("2026-10-03", (None, "5", "5", "5"), service_name="EC2", category="Tax")
    ledger.attribute()
    assert drawn(ledger, provider="azure").partly_unknown is False
    assert (drawn(ledger).drawn, drawn(ledger).status) == (D(2), "unknown")
    assert drawn(ledger, cost="effective").status == "short"


def test_the_check_says_what_will_be_missing_and_fails_where_the_analysis_differs(ledger: Ledger) -> None:
    october(ledger)
    terms = [agreement(scope="payer")]
    with ledger.store.engine.begin() as connection:
        (row,) = agreements_are_drawn_down(connection, terms)
        assert (row.ours, row.theirs, row.holds, row.attention) == (D(39), D(39), True, True)
        # 2 + 2 + 5 in ten days are 0.9 a day; 39 + 21 * 0.9 = 57.9
        assert row.cause.startswith("drawn down 39 of 100: short, 42.1 will be missing on 2026-11-01 at 0.9 a day")
        connection.execute(
            text("UPDATE spend_day SET billed_cost = billed_cost + 1 WHERE charge_category = 'Purchase'")
        )
        (row,) = agreements_are_drawn_down(connection, terms)
    assert (row.difference, row.holds, row.cause) == (D(1), False, "+1: run aispend analyze")


def test_an_agreement_ends_after_it_starts() -> None:
    with pytest.raises(ValidationError, match="ends after it starts"):
        agreement(to="2026-10-01")
