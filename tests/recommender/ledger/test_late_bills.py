"""Payers whose bills come later than others': what is not billed yet was neither free before nor saved since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from aispend.schema import recommendation, slice_
from aispend.store import Store
from tests.recommender.ledger.machines_paid import AUGUST, NOVEMBER, OCTOBER, SEPTEMBER, Paid
from tests.recommender.ledger.test_tokens_bought import LARGE, buy

DONE = date(2026, 9, 20)
MONTHS = (AUGUST, SEPTEMBER, OCTOBER, NOVEMBER)


class Payers(Paid):
    """Bills of a second payer, 222, beside those of 111."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.first = self.slices
        self.second = {
            month: self.ledger.bill("aws", "222", month, state="provisional" if month == NOVEMBER else "final")
            for month in MONTHS
        }

    def of_second(self, name: str, first: date, end: date, **words: Any) -> None:
        """A machine that the second payer is charged for."""
        self.slices = self.second
        self.hours(name, first, end, **words)
        self.slices = self.first


@pytest.fixture
def paid(database: Store) -> Iterator[Payers]:
    """The second payer's bills are known to 15 November; the first one's end where a test says."""
    with database.engine.begin() as connection:
        world = Payers(connection)
        for day in (date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15)):
            world.of_second("i-elsewhere", day, day + timedelta(days=1))
        yield world


def _rest_of_first(paid: Payers) -> None:
    paid.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))


def test_days_its_payer_has_no_bill_of_yet_were_not_free(paid: Payers) -> None:
    """12 days at 240 to 31 August, where the bill ended when it was stopped; October's 31 days at 240 are saved."""
    paid.hours("i-1", date(2026, 8, 20), SEPTEMBER)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    before = paid.baseline("stop-1")
    assert (before.window_end, before.days, before.effective_cost) == (SEPTEMBER, 12, 2880)
    _rest_of_first(paid)
    assert paid.lines("stop-1")["2026-10"].realised == 7440


def test_where_two_payers_share_a_change_the_days_of_both_count(paid: Payers) -> None:
    """480 a day, both known to 31 August alone: 12 days. The second one's dearer September has no part in it."""
    paid.hours("i-1", date(2026, 8, 20), SEPTEMBER)
    paid.of_second("i-2", date(2026, 8, 20), DONE + timedelta(days=1))
    paid.done(paid.advise("stop-2", "i-1", "i-2"), DONE)
    before = paid.baseline("stop-2")
    assert (before.window_end, before.days, before.effective_cost) == (SEPTEMBER, 12, 12 * 480)


def test_the_payer_it_was_of_once_says_nothing_of_its_days(paid: Payers) -> None:
    """The first payer's bills end on 26 August, when the machine went to the second one, known to 20 September."""
    paid.hours("i-1", date(2026, 8, 20), date(2026, 8, 27))
    paid.of_second("i-1", date(2026, 8, 27), DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    before = paid.baseline("stop-1")
    assert (before.scopes, before.window_end, before.days) == (["222"], DONE, 28)
    assert before.effective_cost == 28 * 240


def test_a_cost_before_that_is_on_no_bill_yet_is_measured_when_it_is(paid: Payers) -> None:
    """Advised by another's word, on its bill a month later: 28 days at 240 before, and all of October saved."""
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert paid.lines("stop-1")["2026-10"].realised is None
    paid.hours("i-1", date(2026, 8, 20), DONE + timedelta(days=1))
    _rest_of_first(paid)
    assert paid.lines("stop-1")["2026-10"].realised == 7440
    before = paid.baseline("stop-1")
    assert (before.scopes, before.window_first, before.window_end) == (["111"], date(2026, 8, 23), DONE)
    assert (before.done_on, before.effective_cost, before.predicted_net) == (DONE, 28 * 240, 7300)
    assert paid.state("stop-1") == "verified"


def test_a_cost_before_that_is_known_stays_as_it_was_written(paid: Payers) -> None:
    paid.hours("i-1", date(2026, 8, 20), SEPTEMBER)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    paid.hours("i-1", SEPTEMBER, DONE + timedelta(days=1), rate="30")
    _rest_of_first(paid)
    paid.lines("stop-1")
    assert paid.baseline("stop-1").effective_cost == 2880


def test_what_is_paid_for_first_after_it_was_done_tells_no_cost_before(paid: Payers) -> None:
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    paid.hours("i-1", OCTOBER, NOVEMBER)
    _rest_of_first(paid)
    assert paid.lines("stop-1")["2026-10"].realised is None
    assert paid.baseline("stop-1").quantity is None


def test_a_month_counts_the_days_that_all_its_payers_are_billed_for(paid: Payers) -> None:
    """November is known to the 5th of one and to the 15th of the other: five days of two machines at 240."""
    paid.hours("i-1", date(2026, 8, 20), DONE + timedelta(days=1))
    paid.of_second("i-2", date(2026, 8, 20), DONE + timedelta(days=1))
    paid.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 5))
    paid.done(paid.advise("stop-2", "i-1", "i-2"), DONE)
    line = paid.lines("stop-2")["2026-11"]
    assert (line.first_day, line.end_day, line.realised) == (NOVEMBER, date(2026, 11, 6), 5 * 480)


def test_a_final_bill_with_nothing_on_it_is_known_to_its_end(paid: Payers) -> None:
    """All that this payer had was stopped: October's bill is final, and has no usage."""
    paid.hours("i-1", date(2026, 8, 20), DONE + timedelta(days=1))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    lines = paid.lines("stop-1")
    assert {month: line.realised for month, line in lines.items()} == {"2026-09": 2400, "2026-10": 7440}


def test_tokens_of_an_account_that_changed_its_payer_are_the_new_ones(paid: Payers) -> None:
    """The first payer's bills end on 10 August. Ten days of October at half of 45 a day: 225, by the second's."""
    price: dict[str, Any] = {"sub_account": "team-1", "input": ("10", "3"), "output": ("1", "15")}
    half: dict[str, Any] = {"sub_account": "team-1", "input": ("10", "1.5"), "output": ("1", "7.5")}
    buy(paid, AUGUST, 10, **price)
    for month in (SEPTEMBER, OCTOBER, NOVEMBER):
        paid.connection.execute(delete(slice_).where(slice_.c.slice_id == paid.first[month]))
    paid.slices = paid.second
    buy(paid, date(2026, 8, 11), 41, **price)
    buy(paid, OCTOBER, 10, tier="batch", **half)
    name = paid.advise("batch-1", f"tokens:team-1/us-east-1/{LARGE}/search/standard", kind="batch", account="team-1")
    paid.connection.execute(update(recommendation).values(model=LARGE, team="search"))
    paid.done(name, DONE)
    before = paid.baseline(name)
    assert (before.scopes, before.window_end, before.days) == (["222"], DONE, 28)
    assert paid.lines(name)["2026-10"].realised == 225
