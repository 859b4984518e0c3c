"""An account that another payer pays for since: what was saved goes on being told, from that payer's bills."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, update

from aispend.schema import charge, recommendation, slice_
from aispend.store import Store
from analyzer.reconcile_savings import savings_rest_on_loaded_bills
from tests.recommender.ledger.machines_paid import NOVEMBER, NOW, OCTOBER, SEPTEMBER, Paid
from tests.recommender.ledger.test_floors import floor
from tests.recommender.ledger.test_late_bills import Payers
from tests.recommender.ledger.test_tokens_bought import LARGE, buy

DONE = date(2026, 9, 10)
BEFORE, AFTER = DONE - timedelta(days=14), DONE + timedelta(days=1)
KNOWN_TO = date(2026, 11, 16)
MIDDLE = date(2026, 10, 16)
TEAM: dict[str, Any] = {"sub_account": "team-1"}
SMALL: dict[str, Any] = {"rate": "4", "list_rate": "5", "instance_type": "g5.xlarge"}


@pytest.fixture
def paid(database: Store) -> Iterator[Payers]:
    """The second payer's bills are known to 15 November, and name the account when a test says."""
    with database.engine.begin() as connection:
        world = Payers(connection)
        for day in (date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15)):
            world.of_second("i-elsewhere", day, day + timedelta(days=1))
        yield world


def of_team(paid: Payers, name: str, first: date, moved: date, end: date, **words: Any) -> None:
    """A machine of the account: on the first payer's bill to before ``moved``, and on the second's from then on."""
    paid.hours(name, first, min(moved, end), **TEAM, **words)
    paid.of_second(name, max(first, moved), end, billing_account="222", **TEAM, **words)


def without_bills_of_first(paid: Payers, *months: date) -> None:
    for month in months:
        paid.connection.execute(delete(slice_).where(slice_.c.slice_id == paid.first[month]))


def without_bills_of_second(paid: Payers, *months: date) -> None:
    for month in months:
        paid.connection.execute(delete(charge).where(charge.c.slice_id == paid.second[month]))
        paid.connection.execute(delete(slice_).where(slice_.c.slice_id == paid.second[month]))


def first_goes_on(paid: Paid) -> None:
    """The first payer is charged for others, to 15 November."""
    paid.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))


@pytest.mark.parametrize("told", ["then", "late"])
def test_a_resize_is_verified_from_the_bill_of_the_new_payer(paid: Payers, told: str) -> None:
    """The first payer's bills end with September: 744 hours of October × (10 − 4), and 360 of November."""
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    if told == "then":
        paid.done(paid.advise("size-1", "i-1", kind="rightsize", net="4380"), DONE)
    of_team(paid, "i-1", AFTER, OCTOBER, KNOWN_TO, **SMALL)
    without_bills_of_first(paid, OCTOBER, NOVEMBER)
    without_bills_of_second(paid, SEPTEMBER)
    if told == "late":
        paid.done(paid.advise("size-1", "i-1", kind="rightsize", net="4380"), DONE)
    lines = paid.lines("size-1")
    assert {month: line.realised for month, line in lines.items()} == {
        "2026-09": 480 * 6,
        "2026-10": 744 * 6,
        "2026-11": 360 * 6,
    }
    assert (paid.state("size-1"), paid.baseline("size-1").outcome) == ("verified", "within")


@pytest.mark.parametrize("moved", [OCTOBER, MIDDLE, DONE - timedelta(days=3)])
def test_a_stop_is_verified_from_the_bill_of_the_new_payer(paid: Payers, moved: date) -> None:
    """Nothing of it is billed there: all 744 hours of October at 10 are saved."""
    of_team(paid, "i-1", BEFORE, moved, AFTER)
    of_team(paid, "i-rest", BEFORE, moved, KNOWN_TO)
    without_bills_of_first(paid, *(month for month in (OCTOBER, NOVEMBER) if month >= moved))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    lines = paid.lines("stop-1")
    assert (lines["2026-10"].realised, lines["2026-10"].is_final) == (7440, True)
    assert lines["2026-11"].realised == 15 * 240
    assert paid.baseline("stop-1").outcome == "within"


def test_what_runs_on_at_the_new_payer_was_not_stopped(paid: Payers) -> None:
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    of_team(paid, "i-1", AFTER, OCTOBER, KNOWN_TO)
    without_bills_of_first(paid, OCTOBER, NOVEMBER)
    assert paid.lines("stop-1")["2026-10"].realised == 0
    assert paid.baseline("stop-1").outcome == "miss"


def test_a_month_counts_the_days_the_new_payer_is_billed_for(paid: Payers) -> None:
    """Moved on 1 October; the first payer goes on to 15 November, the second's October bill is not loaded."""
    of_team(paid, "i-1", BEFORE, OCTOBER, AFTER)
    of_team(paid, "i-rest", BEFORE, OCTOBER, KNOWN_TO)
    first_goes_on(paid)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    paid.connection.execute(update(slice_).where(slice_.c.slice_id == paid.second[OCTOBER]).values(kind="other"))
    assert set(paid.lines("stop-1")) == {"2026-09", "2026-11"}


def test_an_account_that_is_on_no_bill_any_more_saves_nothing_that_is_known(paid: Payers) -> None:
    """Its other machine ran to 10 October: October counts, November does not, though the payer's bill goes on."""
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    paid.hours("i-rest", BEFORE, date(2026, 10, 11), **TEAM)
    first_goes_on(paid)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    lines = paid.lines("stop-1")
    assert (lines["2026-10"].realised, lines["2026-11"].realised) == (7440, None)
    assert lines["2026-11"].remark == (
        "Account team-1 is on no bill since 2026-10-10: whether it was closed, or others pay for it now, is not known."
    )


@pytest.mark.parametrize("others", ["none", "stopped as well", "back later"])
def test_an_account_in_which_nothing_was_left_is_saved_all_the_same(paid: Payers, others: str) -> None:
    """15 days of November × 240: what was stopped was all there was in it; or it is used again on the 14th."""
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    if others != "none":
        paid.hours("i-rest", BEFORE, date(2026, 10, 11), **TEAM)
    if others == "back later":
        paid.hours("i-rest", date(2026, 11, 14), KNOWN_TO, **TEAM)
    elif others == "stopped as well":
        paid.done(paid.advise("stop-2", "i-rest"), date(2026, 10, 10))
    first_goes_on(paid)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert paid.lines("stop-1")["2026-11"].realised == 15 * 240


def test_tokens_are_told_from_the_bill_of_the_new_payer(paid: Payers) -> None:
    """45 a day before, half of it in ten days of October by the second payer's bill: 225."""
    buy(paid, BEFORE, 20, **TEAM, input=("10", "3"), output=("1", "15"))
    name = paid.advise("batch-1", f"tokens:team-1/us-east-1/{LARGE}/search/standard", kind="batch", account="team-1")
    paid.connection.execute(update(recommendation).values(model=LARGE, team="search"))
    paid.done(name, DONE)
    paid.slices = paid.second
    buy(paid, OCTOBER, 10, tier="batch", **TEAM, input=("10", "1.5"), output=("1", "7.5"))
    paid.slices = paid.first
    without_bills_of_first(paid, OCTOBER, NOVEMBER)
    assert paid.lines(name)["2026-10"].realised == 225


def test_a_floor_is_of_the_payer_of_its_month(paid: Payers) -> None:
    """The second payer's agreement lacks 1,104: of October's 744 hours and November's 360, none of September's."""
    of_team(paid, "i-1", BEFORE, OCTOBER, AFTER)
    of_team(paid, "i-rest", BEFORE, OCTOBER, KNOWN_TO)
    without_bills_of_first(paid, OCTOBER, NOVEMBER)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    lines = paid.lines("stop-1", floor("1104", scope="222"))
    assert [line.floor_effect for line in lines.values()] == [0, 744, 360]


def test_a_newer_bill_of_the_new_payer_makes_the_line_old(paid: Payers) -> None:
    of_team(paid, "i-1", BEFORE, OCTOBER, AFTER)
    of_team(paid, "i-rest", BEFORE, OCTOBER, KNOWN_TO)
    paid.done(paid.advise("stop-1", "i-1", account="team-1"), DONE)
    paid.lines("stop-1")
    assert all(finding.holds for finding in savings_rest_on_loaded_bills(paid.connection))
    later = NOW + timedelta(hours=1)
    paid.connection.execute(update(slice_).where(slice_.c.slice_id == paid.second[OCTOBER]).values(loaded_at=later))
    assert [finding.period for finding in savings_rest_on_loaded_bills(paid.connection) if not finding.holds] == [
        OCTOBER
    ]


def test_another_discount_of_the_new_payer_is_a_change_of_price(paid: Payers) -> None:
    """20 % off list until 15 October, none since: 10 and 4 an hour, then 12.50 and 5.

    360 hours × (10 − 4) + 384 × (12.50 − 5) are saved; price: 384 × (10 − 12.50).
    """
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize", net="4380"), DONE)
    paid.hours("i-1", AFTER, MIDDLE, **TEAM, **SMALL)
    paid.of_second("i-1", MIDDLE, KNOWN_TO, billing_account="222", **TEAM, **SMALL | {"rate": "5"})
    line = paid.lines("size-1")["2026-10"]
    assert (line.quantity, line.counterfactual_cost, line.actual_cost) == (744, 7440, 360 * 4 + 384 * 5)
    assert (line.price_effect, line.realised) == (-960, 360 * 6 + 384 * Decimal("7.5"))
    assert "another payer pays for it" in line.remark
    # all of November's 15 days
    assert paid.lines("size-1")["2026-11"].realised == 360 * Decimal("7.5")


def test_what_the_old_payer_paid_for_spot_says_nothing_of_the_new_ones_discount(paid: Payers) -> None:
    """The market's price of an hour went from 3 to 2: 744 × (10 − 2)."""
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    paid.done(paid.advise("spot-1", "i-1", kind="spot"), DONE)
    paid.hours("i-1", AFTER, OCTOBER, rate="3", **TEAM)
    paid.of_second("i-1", OCTOBER, KNOWN_TO, billing_account="222", rate="2", **TEAM)
    assert paid.lines("spot-1")["2026-10"].realised == 744 * 8


@pytest.mark.parametrize(("kind", "saved"), [("rightsize", 744 * 6), ("schedule", 372 * 10)])
def test_hours_a_new_payer_pays_for_in_its_currency_count_at_what_they_cost_before(
    paid: Payers, kind: str, saved: int
) -> None:
    """744 hours at 4 dollars instead of 10, in euros since October; or 372 of 744 hours at 10."""
    since: dict[str, Any] = SMALL if kind == "rightsize" else {"hours": "12"}
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    paid.done(paid.advise("less-1", "i-1", kind=kind, net=str(Decimal(saved) * 730 / 744)), DONE)
    paid.hours("i-1", AFTER, OCTOBER, **TEAM, **since)
    in_euros = since | {"rate": "3.5", "list_rate": "4.6", "currency": "EUR", "billing_account": "222"}
    paid.of_second("i-1", OCTOBER, KNOWN_TO, **TEAM, **in_euros)
    without_bills_of_first(paid, OCTOBER, NOVEMBER)
    line = paid.lines("less-1")["2026-10"]
    assert (line.realised, paid.baseline("less-1").outcome) == (saved, "within")
    assert "in EUR" in line.remark


def test_what_was_never_paid_for_in_the_old_currency_is_unknown(paid: Payers) -> None:
    """Resized on the day it moved: what an hour of the new size costs in dollars is on no bill."""
    paid.hours("i-1", BEFORE, AFTER, **TEAM)
    paid.done(paid.advise("size-1", "i-1", kind="rightsize", net="4380"), DONE)
    in_euros = SMALL | {"currency": "EUR", "billing_account": "222"}
    paid.of_second("i-1", AFTER, KNOWN_TO, **TEAM, **in_euros)
    assert paid.lines("size-1")["2026-10"].realised is None
