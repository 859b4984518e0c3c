"""A bill that comes in another currency from October on: what was paid before is in none of its amounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from aispend.schema import recommendation
from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid
from tests.recommender.ledger.test_tokens_bought import BEFORE as BOUGHT_BEFORE
from tests.recommender.ledger.test_tokens_bought import LARGE, SMALL, buy
from tests.recommender.ledger.test_tokens_bought import done as tokens_done

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)
AFTER = DONE + timedelta(days=1)
IN_EUR = "It is charged in EUR since, and what that is in USD is not known."


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October, and to 15 November."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))
        yield world


def test_a_machine_that_ran_on_in_another_currency_was_not_saved(paid: Paid) -> None:
    """It ran on all September in dollars, 0 saved, and from October in euros: none of its 7,440 is saved either."""
    paid.hours("i-1", BEFORE, OCTOBER)
    paid.hours("i-1", OCTOBER, date(2026, 11, 16), rate="9", currency="EUR")
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    lines = paid.lines("stop-1")
    assert {month: line.realised for month, line in lines.items()} == {"2026-09": 0, "2026-10": None, "2026-11": None}
    assert (lines["2026-10"].counterfactual_cost, lines["2026-10"].actual_cost) == (None, None)
    assert lines["2026-10"].remark == IN_EUR
    assert (paid.state("stop-1"), paid.baseline("stop-1").outcome) == ("done", None)
    assert paid.baseline("stop-1").restarted_on == AFTER, "it was never stopped"


def test_a_stop_that_was_made_counts_whatever_currency_the_bill_has(paid: Paid) -> None:
    """Nothing of it is charged since; other machines of its type are, in euros: no change of its price in dollars."""
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-new", OCTOBER, NOVEMBER, rate="5", list_rate="6", currency="EUR")
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    assert (line.counterfactual_cost, line.price_effect, line.realised) == (7440, 0, 7440)


def test_a_stop_is_regretted_in_another_currency_as_well(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-1", AFTER + timedelta(days=3), AFTER + timedelta(days=5), rate="9", currency="EUR")
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    paid.lines("stop-1")
    assert paid.baseline("stop-1").restarted_on == AFTER + timedelta(days=3)


@pytest.mark.parametrize("kind", ["rightsize", "schedule", "spot"])
def test_other_changes_are_unknown_from_the_day_the_currency_is_another(paid: Paid, kind: str) -> None:
    """Twelve hours a day at 4 since; half of October in dollars says nothing of the other."""
    paid.hours("i-1", BEFORE, AFTER)
    small = {"rate": "4", "list_rate": "5", "hours": "12", "instance_type": "g5.xlarge"}
    paid.hours("i-1", AFTER, date(2026, 10, 16), **small)
    paid.hours("i-1", date(2026, 10, 16), date(2026, 11, 16), **small, currency="EUR")
    paid.done(paid.advise("less-1", "i-1", kind=kind), DONE)
    lines = paid.lines("less-1")
    # 20 days: 240 a day less 48, or 12 × (10 − 4) a day
    assert lines["2026-09"].realised == (20 * 192 if kind == "schedule" else 20 * 72)
    assert (lines["2026-10"].realised, lines["2026-10"].remark) == (None, IN_EUR)


def test_what_was_charged_in_another_currency_before_as_well_is_another_thing(paid: Paid) -> None:
    """Software for it is charged in euros all along; the machine itself, in dollars, is gone."""
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-1", BEFORE, NOVEMBER, rate="1", list_rate="1", instance_type="software", currency="EUR")
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert paid.lines("stop-1")["2026-10"].realised == 7440
    assert (paid.baseline("stop-1").restarted_on, paid.baseline("stop-1").outcome) == (None, "within")


def test_what_took_its_place_may_be_charged_in_the_currencies_it_was_itself(paid: Paid) -> None:
    """A node of the fleet at half the price, with the same software in euros: 744 hours × 5 in October."""
    software = {"rate": "1", "list_rate": "1", "instance_type": "software", "currency": "EUR"}
    for name, first, end, rate in (("i-1", BEFORE, AFTER, "10"), ("i-2", OCTOBER, NOVEMBER, "5")):
        paid.hours(name, first, end, rate=rate)
        paid.hours(name, first, end, **software)
        paid.know(name, fleet="pool", first_seen=first)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize"), DONE)
    assert paid.lines("size-1")["2026-10"].realised == 744 * 5


def test_charges_of_nothing_are_nothing_in_any_currency(paid: Paid) -> None:
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="0", list_rate="0", currency="EUR")
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert paid.lines("stop-1")["2026-10"].realised == 7440


def test_days_in_another_currency_were_not_free_before(paid: Paid) -> None:
    """Advised in dollars, done on 10 October: 240 a day to 30 September is what it cost, over 19 days and not 28."""
    paid.hours("i-1", date(2026, 9, 1), OCTOBER)
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="9", currency="EUR")
    paid.done(paid.advise("stop-1", "i-1"), date(2026, 10, 10))
    before = paid.baseline("stop-1")
    assert (before.window_first, before.window_end) == (date(2026, 9, 12), OCTOBER)
    assert (before.days, before.effective_cost) == (19, 19 * 240)
    assert paid.lines("stop-1")["2026-10"].realised is None


@pytest.mark.parametrize("kind", ["batch", "route"])
def test_tokens_bought_in_another_currency_are_unknown(paid: Paid, kind: str) -> None:
    """Half of October in euros: the dollars of the other half are not all of it."""
    buy(paid, BOUGHT_BEFORE, 14, input=("10", "3"), output=("1", "15"))
    buy(paid, OCTOBER, 15, input=("10", "1.5"), output=("1", "7.5"))
    if kind == "batch":
        buy(paid, date(2026, 10, 16), 16, currency="EUR", input=("10", "1.4"), output=("1", "7"))
    else:
        buy(paid, date(2026, 10, 16), 16, model=SMALL, currency="EUR", input=("4", "0.25"), output=("1", "1"))
    name = tokens_done(paid, kind, target=SMALL)
    line = paid.lines(name)["2026-10"]
    assert (line.realised, line.counterfactual_cost, line.remark) == (None, None, IN_EUR)
    assert paid.state(name) == "done"


def test_tokens_of_another_model_may_be_charged_in_any_currency(paid: Paid) -> None:
    """15 days at half of 3 and 15 a million: 45 less 22.50 a day."""
    buy(paid, BOUGHT_BEFORE, 14, input=("10", "3"), output=("1", "15"))
    buy(paid, OCTOBER, 15, input=("10", "1.5"), output=("1", "7.5"))
    buy(paid, OCTOBER, 15, model=SMALL, currency="EUR", input=("4", "0.25"))
    name = tokens_done(paid, "batch")
    paid.connection.execute(update(recommendation).values(model=LARGE))
    assert float(paid.lines(name)["2026-10"].realised) == 15 * 22.5
