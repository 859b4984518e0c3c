"""The last whole day of a bill, by hand: stray lines, late services, what was switched off, weekends, low spend."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.usual_days import thin_tail
from analyzer.series import coverage
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
FRIDAY = date(2026, 11, 20)


def newest_first(*costs: str, newest: date = FRIDAY) -> list[tuple[date, dict[str, Decimal]]]:
    """Days with usage in dollars, one after the other; ``costs`` are from old to new."""
    return [(newest - timedelta(days=number), {"USD": D(cost)}) for number, cost in enumerate(reversed(costs))]


@pytest.mark.parametrize(
    ("costs", "thin"),
    [
        (["1000"] * 28, 0),
        ([*["1000"] * 28, "0"], 1),
        ([*["1000"] * 28, "1", "1"], 2),
        ([*["1000"] * 28, "499.99"], 1),
        ([*["1000"] * 28, "500"], 0),
        # three days in which hardly anything was used are believed, and so are more
        ([*["1000"] * 28, "1", "1", "1"], 0),
        *(([*["1000"] * 28, *["1"] * days], 0) for days in range(4, 20)),
        *(([*["1000"] * 12, *["1"] * days], 0) for days in range(3, 12)),
        # what comes after says that the days between were whole
        ([*["1000"] * 28, "1", "1", "1000"], 0),
        ([*["1000"] * 28, "1", "1000", "1"], 1),
        # two days of the four weeks without much do not make the third usual: the third lowest of 28 counts
        ([*["1000"] * 10, "0", *["1000"] * 10, "0", *["1000"] * 6, "1"], 1),
        ([*["1000"] * 10, "0", "0", *["1000"] * 9, "0", *["1000"] * 6, "1"], 0),
        # an uneven bill has days like that one
        ([*["5", "900", "40"] * 9, "5"], 0),
        ([*["5", "900", "40"] * 9, "1"], 1),
        # of less than a week nothing is usual, nor of a bill that costs nothing or is credited
        ([*["1000"] * 6, "1"], 0),
        ([*["1000"] * 7, "1"], 1),
        ([*["0"] * 28, "0"], 0),
        ([*["-5"] * 28, "-900"], 0),
    ],
)
def test_days_with_less_than_half_of_the_leanest_usual_day_are_not_whole_until_three_say_so(
    costs: list[str], thin: int
) -> None:
    assert thin_tail(newest_first(*costs)) == thin


@pytest.mark.parametrize(("newest", "thin"), [(date(2026, 11, 14), 0), (date(2026, 11, 15), 0), (FRIDAY, 0)])
def test_a_weekend_is_whole_where_weekends_are_lean(newest: date, thin: int) -> None:
    days = [newest - timedelta(days=number) for number in range(29)]
    found = [(day, {"USD": D(5) if day.weekday() > 4 else D(1000)}) for day in days]
    assert thin_tail(found) == thin
    # a Friday as lean as a Saturday is like other days of that bill
    assert thin_tail([(day, {"USD": D(5) if day == newest else cost["USD"]}) for day, cost in found]) == 0


def test_a_bill_with_a_line_a_month_has_no_usual_day() -> None:
    months = [date(2026, 11, 1), date(2026, 10, 1), date(2026, 9, 1), date(2026, 8, 1)]
    assert thin_tail([(day, {"USD": D(6) if day.month == 11 else D(600)}) for day in months]) == 0


def test_a_day_is_thin_where_it_is_in_every_currency_of_the_bill() -> None:
    usual = [(FRIDAY - timedelta(days=number), {"USD": D(1000), "EUR": D(10)}) for number in range(1, 29)]
    assert thin_tail([(FRIDAY, {"USD": D(1), "EUR": D(10)}), *usual]) == 0
    assert thin_tail([(FRIDAY, {"USD": D(1)}), *usual]) == 1
    # a currency that came once is not missed
    once = [(day, {"USD": cost["USD"]} | ({"EUR": D(9)} if day == date(2026, 11, 2) else {})) for day, cost in usual]
    assert thin_tail([(FRIDAY, {"USD": D(1)}), *once]) == 1


def bill(ledger: Ledger, first: str, last: str, cost: str = "1000", **words: Any) -> None:
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        ledger.charge(f"{day}", cost, **{"hours": all_hours()} | words)
        day += timedelta(days=1)


def known_to(ledger: Ledger, today: str) -> str:
    """The last day that the one bill is known whole to."""
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        (found,) = coverage(connection, date.fromisoformat(today))
    return f"{found.as_behind.last_day}"


@pytest.mark.parametrize("stray", ["0", "1", "1000"])
@pytest.mark.parametrize("hours", [None, all_hours()])
def test_a_line_of_a_day_to_come_makes_no_day_known(ledger: Ledger, stray: str, hours: int | None) -> None:
    bill(ledger, "2026-10-20", "2026-11-20")
    ledger.charge("2026-11-30", stray, hours=hours, service_name="S3")
    ledger.charge("2027-02-01", stray, hours=hours, service_name="S3")
    assert known_to(ledger, "2026-11-22") == "2026-11-20"


def test_a_stray_line_of_a_day_that_has_passed_makes_none_known_either(ledger: Ledger) -> None:
    bill(ledger, "2026-10-20", "2026-11-20")
    ledger.charge("2026-11-30", "1", hours=all_hours(), service_name="S3")
    assert known_to(ledger, "2026-12-02") == "2026-11-20"


@pytest.mark.parametrize("hours", [None, all_hours()])
def test_a_service_that_is_ahead_of_the_others_does_not_take_them_along(ledger: Ledger, hours: int | None) -> None:
    """Two days of one dollar after months of a thousand; without hours a day counts once a later one has begun."""
    bill(ledger, "2026-10-20", "2026-11-20", hours=hours)
    bill(ledger, "2026-11-21", "2026-11-22", "1", service_name="S3", hours=hours)
    assert known_to(ledger, "2026-11-22") == "2026-11-20"
    assert known_to(ledger, "2026-11-23") == "2026-11-20"


@pytest.mark.parametrize(("last", "known"), [("2026-11-19", "2026-11-17"), ("2026-11-20", "2026-11-20")])
def test_what_was_switched_off_is_believed_on_its_third_day(ledger: Ledger, last: str, known: str) -> None:
    bill(ledger, "2026-10-20", "2026-11-17")
    bill(ledger, "2026-11-18", last, "1", service_name="S3")
    assert known_to(ledger, "2026-11-21") == known


@pytest.mark.parametrize("hours", [all_hours(0, 1), all_hours()])
def test_a_day_that_has_begun_makes_the_day_before_known_and_is_not_over(ledger: Ledger, hours: int) -> None:
    bill(ledger, "2026-10-20", "2026-11-20", hours=None)
    ledger.charge("2026-11-21", "500", hours=hours)
    assert known_to(ledger, "2026-11-21") == "2026-11-20"


@pytest.mark.parametrize(("hours", "known"), [(all_hours(0, 1), "2026-11-20"), (all_hours(23), "2026-11-21")])
def test_the_day_before_today_is_whole_where_a_line_reaches_its_last_hour(
    ledger: Ledger, hours: int, known: str
) -> None:
    bill(ledger, "2026-10-20", "2026-11-20", hours=None)
    ledger.charge("2026-11-21", "500", hours=hours)
    assert known_to(ledger, "2026-11-22") == known


def test_a_final_bill_says_all_of_its_days_however_lean(ledger: Ledger) -> None:
    bill(ledger, "2026-09-20", "2026-10-20")
    ledger.charge("2026-10-31", "1", service_name="S3")
    assert known_to(ledger, "2026-11-05") == "2026-10-20"
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE slice SET state = 'final' WHERE kind = 'bill'"))
    assert known_to(ledger, "2026-11-05") == "2026-10-31"
