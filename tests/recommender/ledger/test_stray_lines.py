"""A line of 1 after the last whole day of a bill: days not billed yet were neither free before nor saved since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid

DONE = date(2026, 9, 20)
WHOLE_TO = date(2026, 11, 10)
STRAY: tuple[list[int], ...] = ([], [28], [19], [18, 19], [19, 28])
"""Days of November; the tests are on the 21st."""


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    with database.engine.begin() as connection:
        yield Paid(connection)


def _stray(paid: Paid, days: list[int], rate: str = "1") -> None:
    for number in days:
        day = date(2026, 11, number)
        paid.hours("i-stray", day, day + timedelta(days=1), rate=rate, hours="1")


@pytest.mark.parametrize("rate", ["0", "1"])
@pytest.mark.parametrize("stray", STRAY)
def test_days_that_are_not_billed_yet_are_not_saved(paid: Paid, stray: list[int], rate: str) -> None:
    """240 a day, and November whole to the 10th: ten days are saved, however far a line of 0 or 1 is ahead."""
    paid.hours("i-1", date(2026, 8, 20), DONE + timedelta(days=1))
    paid.hours("i-other", OCTOBER, WHOLE_TO + timedelta(days=1))
    _stray(paid, stray, rate)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-11"]
    assert (line.first_day, line.end_day, line.realised) == (NOVEMBER, date(2026, 11, 11), 2400)


def test_the_third_day_with_next_to_nothing_is_believed(paid: Paid) -> None:
    """All was switched off after the 10th but a line a day from the 17th: 19 days of 240 are saved."""
    paid.hours("i-1", date(2026, 8, 20), DONE + timedelta(days=1))
    paid.hours("i-other", OCTOBER, WHOLE_TO + timedelta(days=1))
    _stray(paid, [17, 18, 19])
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-11"]
    assert (line.end_day, line.realised) == (date(2026, 11, 20), 19 * 240)


def test_a_month_of_which_only_a_stray_line_is_there_has_no_line(paid: Paid) -> None:
    paid.hours("i-1", date(2026, 8, 20), DONE + timedelta(days=1))
    paid.hours("i-other", OCTOBER, NOVEMBER)
    _stray(paid, [19])
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert {month: line.realised for month, line in paid.lines("stop-1").items()} == {"2026-09": 2400, "2026-10": 7440}


@pytest.mark.parametrize("stray", STRAY)
def test_days_that_are_not_billed_yet_were_not_free_before(paid: Paid, stray: list[int]) -> None:
    """Done on the 20th, whole to the 10th at 240 a day: the 28 days to the 10th cost 6,720, not 19 of 28 did."""
    paid.hours("i-1", OCTOBER, WHOLE_TO + timedelta(days=1))
    _stray(paid, stray)
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 11, 20))
    before = paid.baseline("stop-1")
    assert (before.window_first, before.window_end) == (date(2026, 10, 14), date(2026, 11, 11))
    assert (before.days, before.effective_cost) == (28, 6720)


def test_a_line_of_a_day_to_come_is_none_of_the_days_before_however_much_it_costs(paid: Paid) -> None:
    paid.hours("i-1", OCTOBER, WHOLE_TO + timedelta(days=1))
    _stray(paid, [28], rate="240")
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 11, 20))
    assert paid.baseline("stop-1").effective_cost == 6720
