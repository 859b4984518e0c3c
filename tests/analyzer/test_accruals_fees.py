"""Which purchases are daily, which come once a month on a few days, and which have ended; by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from analyzer.accruals import Days, Estimate, Fee, MonthBill, accrue

D = Decimal
AUGUST, SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (8, 9, 10, 11))
TWENTY = Days(NOVEMBER, date(2026, 11, 21))


def bill(fee: Fee) -> MonthBill:
    return MonthBill(D(0), D(0), D(1), D(1) + fee.billed, {fee.name: fee} if fee.by_day else {})


def on(month: date, days: Iterable[int], amount: str = "100", ends: date | None = None) -> Fee:
    return Fee("fee", {month + timedelta(days=day - 1): D(amount) for day in days}, ends)


def to_come(done: list[Fee], now: Fee, days: Days = TWENTY) -> Estimate:
    """``done`` are the fee's months that end with October."""
    months = (AUGUST, SEPTEMBER, OCTOBER)[-len(done) :]
    (found,) = accrue(bill(now), [(month, bill(fee)) for month, fee in zip(months, done, strict=True)], days)
    return found


@pytest.mark.parametrize("billed", [(1, 2, 3), (1, 3, 4), (1, 2, 3, 4, 5, 6, 7), (29, 30, 31)])
@pytest.mark.parametrize("months", [1, 2])
def test_a_fee_billed_on_a_few_days_in_a_row_comes_once_a_month(billed: tuple[int, ...], months: int) -> None:
    before = [on(month, (day for day in billed if day < 31 or month == OCTOBER)) for month in (SEPTEMBER, OCTOBER)]
    seen = [day for day in billed if day <= 20] or [1, 2, 3]
    assert to_come(before[-months:], on(NOVEMBER, seen))[2] == D("0.00")
    # nothing billed yet: 20 of 30 days of what October had
    assert to_come(before[-months:], on(NOVEMBER, ()))[2] == (D(200 * len(billed)) / 3).quantize(D("0.01"))


def test_its_basis_is_the_month_before() -> None:
    assert to_come([on(OCTOBER, (1, 2, 3))], on(NOVEMBER, (1, 2, 3)))[4] == "300 in 2026-10, 66.67 % of it"


@pytest.mark.parametrize(
    "done",
    [
        [on(OCTOBER, range(1, 16), "72")],
        [on(OCTOBER, range(1, 30), "72")],
        [on(SEPTEMBER, range(1, 31), "72"), on(OCTOBER, range(1, 16), "72")],
        # the months before tell that three days were the end of a plan of every day
        [on(AUGUST, range(20, 32), "72"), on(SEPTEMBER, range(1, 31), "72"), on(OCTOBER, range(1, 4), "72")],
    ],
)
def test_a_plan_that_ended_in_the_month_before_is_not_expected(done: list[Fee]) -> None:
    found = to_come(done, on(NOVEMBER, ()))
    last = max(done[-1].by_day)
    assert (found[2], found[4]) == (D("0.00"), f"not billed after {last}")


def test_a_fee_of_the_first_ten_days_of_every_month_has_not_ended() -> None:
    """10 x 6 in each month: by the 20th of 30 days 40 are due; once ten days are billed it is whole."""
    done = [on(month, range(1, 11), "6") for month in (SEPTEMBER, OCTOBER)]
    assert to_come(done, on(NOVEMBER, ()))[2] == D("40.00")
    assert to_come(done, on(NOVEMBER, range(1, 11), "6"))[2] == D("0.00")


def test_a_plan_that_ended_and_is_billed_anew_lacks_no_day_between() -> None:
    """15 days in October, 11 since November 10: as often as it was, less 4, by the share of the month: 720 - 792."""
    found = to_come([on(OCTOBER, range(1, 16), "72")], on(NOVEMBER, range(10, 21), "72"))
    assert found[2] == D("0.00")


@pytest.mark.parametrize(
    ("before", "now", "left", "words"),
    [
        # it began on October 29: with November's days it is one of every day
        (range(29, 32), range(1, 20), "72.00", "72 a day, billed for 19 of 20 days"),
        (range(22, 32), (), "1440.00", "72 a day, billed for 0 of 20 days"),
        # October's last day is not billed, the days after it are
        (range(1, 31), range(1, 20), "72.00", "72 a day, billed for 19 of 20 days"),
        # working days: Friday the 30th is the last of them
        ((day for day in range(1, 32) if date(2026, 10, day).weekday() < 5), (2,), "1008.00", "1 of 15 days"),
    ],
)
def test_a_plan_that_runs_at_the_months_turn_lacks_the_days_not_billed(
    before: Iterable[int], now: Iterable[int], left: str, words: str
) -> None:
    found = to_come([on(OCTOBER, before, "72")], on(NOVEMBER, now, "72"))
    assert found[2] == D(left)
    assert words in found[4]


@pytest.mark.parametrize(("known", "due"), [(1, 0), (2, 1), (6, 5), (7, 5), (8, 5), (9, 6), (20, 15), (22, 15)])
def test_a_plan_of_working_days_lacks_no_weekend(known: int, due: int) -> None:
    """72 on each Monday to Friday; November 1st is a Sunday. Nothing of November is billed yet, or all of it."""
    working = [day for day in range(1, 32) if date(2026, 10, day).weekday() < 5]
    days = Days(NOVEMBER, NOVEMBER + timedelta(days=known))
    found = to_come([on(OCTOBER, working, "72")], on(NOVEMBER, ()), days)
    assert (found[2], found[4]) == (D(72 * due).quantize(D("0.01")), f"72 a day, billed for 0 of {due} days")
    billed = [day for day in range(1, known + 1) if date(2026, 11, day).weekday() < 5]
    assert to_come([on(OCTOBER, working, "72")], on(NOVEMBER, billed, "72"), days)[2] == D("0.00")


def test_a_plan_of_every_day_lacks_its_weekends() -> None:
    """Every day of October, and of November all but the last weekend, 14th and 15th, and the 20th."""
    billed = [day for day in range(1, 20) if day not in (14, 15)]
    found = to_come([on(OCTOBER, range(1, 32), "72")], on(NOVEMBER, billed, "72"))
    assert (found[2], found[4]) == (D("216.00"), "72 a day, billed for 17 of 20 days")


def priced(price: str, days: Iterable[int], units: str = "1", month: date = NOVEMBER) -> Fee:
    """``units`` of a plan a day at ``price`` each."""
    fee = on(month, days, f"{D(price) * D(units)}")
    return Fee(fee.name, fee.by_day, None, dict.fromkeys(fee.by_day, D(units)))


def both(*fees: Fee) -> Fee:
    by_day = {day: cost for fee in fees for day, cost in fee.by_day.items()}
    return Fee("fee", by_day, None, {day: units for fee in fees for day, units in fee.units.items()})


OCTOBERS = priced("240", range(1, 32), month=OCTOBER)


def test_a_new_unit_price_is_that_of_the_days_after_from_its_first_day_on() -> None:
    """A plan of 240 a day is billed at 480 on the 19th, one unit as before; the 20th is not billed yet."""
    found = to_come([OCTOBERS], both(priced("240", range(1, 19)), priced("480", [19])))
    assert (found[2], found[4]) == (D("480.00"), "480 a day, billed for 19 of 20 days")


def test_a_day_that_is_charged_twice_or_corrected_is_no_price() -> None:
    """Two units of 240 on the 19th, or a line without a quantity: the 20th is one of 240."""
    twice = both(priced("240", range(1, 19)), priced("240", [19], units="2"))
    assert to_come([OCTOBERS], twice)[2] == D("240.00")
    without = both(priced("240", range(1, 19)), on(NOVEMBER, [19], "480"))
    assert to_come([OCTOBERS], without)[2] == D("240.00")


def test_two_days_that_agree_are_a_price_without_a_quantity_too() -> None:
    found = to_come([OCTOBERS], both(on(NOVEMBER, range(1, 18), "240"), on(NOVEMBER, [18, 19], "480")))
    assert found[2] == D("480.00")


def test_a_day_before_a_new_price_lacks_the_old_one() -> None:
    """240 to the 10th, 480 from the 11th on: the 5th and the 20th are not billed."""
    billed = both(priced("240", (day for day in range(1, 11) if day != 5)), priced("480", range(11, 20)))
    found = to_come([OCTOBERS], billed)
    assert (found[2], found[4]) == (D("720.00"), "240 to 480 a day, billed for 18 of 20 days")


def test_a_plan_whose_term_is_over_is_not_expected_however_few_its_days() -> None:
    ends = date(2026, 10, 6)
    found = to_come([on(OCTOBER, range(1, 6), ends=ends)], on(NOVEMBER, (), ends=ends))
    assert (found[2], found[4]) == (D("0.00"), "its term ended on 2026-10-06")


def test_a_month_that_is_not_done_in_between_ends_no_plan() -> None:
    """September is done, October is not yet: the plan ran to September's last day."""
    done = [(SEPTEMBER, bill(on(SEPTEMBER, range(1, 31), "72")))]
    (found,) = accrue(bill(on(NOVEMBER, (1,), "72")), done, Days(NOVEMBER, date(2026, 11, 3)))
    assert found[2] == D("72.00")
