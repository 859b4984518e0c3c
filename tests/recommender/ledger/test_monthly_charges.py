"""What is charged by the month costs something on each of its days, before a change and after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from aispend.clock import next_month
from aispend.schema import charge, resource
from aispend.store import Store
from tests.recommender.ledger.machines_paid import AUGUST, NOVEMBER, OCTOBER, SEPTEMBER, Paid
from tests.reports.ledger import Share

DAYS = {AUGUST: 31, SEPTEMBER: 30, OCTOBER: 31}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def by_the_month(paid: Paid, name: str, a_day: str, *months: date, hours: bool = True, days: int | None = None) -> None:
    """One charge on the first of each month, for all of its days or so many to date; in hours, or in months."""
    for month in months:
        billed = days or DAYS[month]
        cost = str(Decimal(a_day) * billed)
        paid.ledger.charge(
            paid.slices[month],
            month,
            [Share((cost, cost, cost, cost))],
            provider="aws",
            service="Amazon EC2",
            region="us-east-1",
            resource_id=name,
            pricing_quantity=str(24 * billed) if hours else "1",
            sku_columns={"pricing_unit": "Hours" if hours else "Months", "instance_type": f"{name} {a_day}"},
        )
        key = select(resource.c.resource_key).where(resource.c.resource_id == name).scalar_subquery()
        paid.connection.execute(
            update(charge)
            .where(charge.c.resource_key == key, charge.c.charge_date == month)
            .values(charge_end_date=next_month(month))
        )


@pytest.mark.parametrize("hours", [True, False])
def test_a_charge_of_a_month_is_of_each_of_its_days(paid: Paid, hours: bool) -> None:
    """5 a day, given up on 20 September: its last days are paid all the same, and October saves 31 × 5."""
    by_the_month(paid, "disk-1", "5", AUGUST, SEPTEMBER, hours=hours)
    paid.done(paid.advise("stop-1", "disk-1", net="150"), date(2026, 9, 20))
    before = paid.baseline("stop-1")
    assert (before.window_first, before.days, before.quantity) == (date(2026, 8, 23), 28, 28 * 24)
    assert before.effective_cost == 28 * 5
    lines = paid.lines("stop-1")
    assert (lines["2026-09"].actual_cost, lines["2026-09"].realised) == (10 * 5, 0)
    assert (lines["2026-10"].counterfactual_cost, lines["2026-10"].realised) == (155, 155)
    assert (paid.baseline("stop-1").outcome, paid.baseline("stop-1").restarted_on) == ("within", None)


def test_what_was_paid_for_a_month_is_its_charge_to_the_last_digit(paid: Paid) -> None:
    """About 100 for October, in thirty-one equal parts; 7 a day before."""
    by_the_month(paid, "units-1", "7", AUGUST, SEPTEMBER)
    by_the_month(paid, "units-1", "3.225806451613", OCTOBER)
    paid.done(paid.advise("size-1", "units-1", kind="rightsize"), date(2026, 9, 30))
    line = paid.lines("size-1")["2026-10"]
    assert (line.end_day, line.actual_cost) == (NOVEMBER, Decimal("3.225806451613") * 31)
    assert (line.quantity, line.counterfactual_cost) == (744, 31 * 7)


@pytest.fixture
def monthly(database: Store) -> Iterator[Paid]:
    """A payer whose bills are all by the month; November's to date was loaded on the 20th, at 6."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        by_the_month(world, "i-other", "240", AUGUST, SEPTEMBER, OCTOBER)
        _to_date(world, "i-other", "240")
        yield world


def _to_date(paid: Paid, name: str, a_day: str) -> None:
    """November's charge: what the days to the 19th came to."""
    by_the_month(paid, name, a_day, NOVEMBER, days=19)


def test_a_bill_by_the_month_is_known_to_the_day_before_it_was_loaded(monthly: Paid) -> None:
    """240 a day stopped at the end of September: October saves 31 × 240, and November 19 × 240 so far."""
    by_the_month(monthly, "i-1", "240", AUGUST, SEPTEMBER)
    monthly.done(monthly.advise("stop-1", "i-1"), date(2026, 9, 30))
    before = monthly.baseline("stop-1")
    assert (before.window_end, before.days, before.effective_cost) == (date(2026, 9, 30), 28, 28 * 240)
    lines = monthly.lines("stop-1")
    assert lines["2026-10"].realised == 31 * 240
    assert (lines["2026-11"].end_day, lines["2026-11"].realised) == (date(2026, 11, 20), 19 * 240)


def test_a_month_to_date_is_of_the_days_so_far(monthly: Paid) -> None:
    """240 a day, 120 since a resize at the end of September: 2,280 for November are 19 days of it, and not 30."""
    by_the_month(monthly, "i-1", "240", AUGUST, SEPTEMBER)
    by_the_month(monthly, "i-1", "120", OCTOBER)
    _to_date(monthly, "i-1", "120")
    monthly.done(monthly.advise("size-1", "i-1", kind="rightsize"), date(2026, 9, 30))
    line = monthly.lines("size-1")["2026-11"]
    assert (line.quantity, line.actual_cost, line.realised) == (19 * 24, 19 * 120, 19 * 120)


def test_what_was_paid_before_is_of_the_days_so_far(monthly: Paid) -> None:
    """Stopped on 20 November, known to the 19th: 28 days of 240, from 23 October on."""
    by_the_month(monthly, "i-1", "240", SEPTEMBER, OCTOBER)
    _to_date(monthly, "i-1", "240")
    monthly.done(monthly.advise("stop-1", "i-1"), date(2026, 11, 20))
    before = monthly.baseline("stop-1")
    assert (before.window_first, before.window_end) == (date(2026, 10, 23), date(2026, 11, 20))
    assert (before.days, before.quantity, before.effective_cost) == (28, 28 * 24, 28 * 240)
