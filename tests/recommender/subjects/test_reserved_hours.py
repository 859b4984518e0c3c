"""What stood empty in a reservation, and what ran in it, by the hours of the bill."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert, null

from aispend.advising import Recommend
from aispend.clock import month_of
from aispend.schema import charge, charge_kind, resource_history
from aispend.store import Store
from recommender.contract import Advice
from recommender.kinds.idle_capacity import evaluate
from recommender.methods.empty_machines import Ran
from tests.recommender.subjects.conftest import AS_OF, DAYS, UNUSED, USED, loaded, write


def test_of_a_reservation_only_what_stood_empty_counts(ledger: Store) -> None:
    found = loaded(ledger)

    assert set(found) == {"provisioned-model/abc", "cr-1"}
    assert found["cr-1"].what == "capacity_reservation"
    assert [cost.effective_cost for cost in found["cr-1"].costs] == [Decimal(1320)] * DAYS


def test_what_ran_in_a_reservation_is_told_by_the_hour(ledger: Store) -> None:
    """Two machines ran from midnight to noon on one day, one from eleven on: 24 + 1 hours, three at eleven."""
    day, other = ((AS_OF - timedelta(days=number)).date() for number in (1, 2))
    with ledger.engine.begin() as connection:
        connection.execute(charge.delete().where(charge.c.charge_kind_key == USED, charge.c.charge_date == day))
        for number, hours in enumerate((0xFFF, 0xFFF, 1 << 11), start=1):
            connection.execute(
                insert(charge).values(
                    billing_month=month_of(day), slice_id=1, half=0, ordinal=9000 + number, charge_date=day,
                    account_key=1, sku_key=2, location_key=1, resource_key=100 + number, tag_set_key=0,
                    commitment_key=0, charge_kind_key=USED, hours=hours, billed_cost=1, effective_cost=1, list_cost=1,
                    pricing_quantity=hours.bit_count(), line_count=1,
                )
            )  # fmt: skip
    reserved = loaded(ledger)["cr-1"]
    assert reserved.unit_hours[day] == 24
    assert reserved.ran is not None
    assert reserved.ran[day] == Ran(25, most_at_once=3)
    assert reserved.ran[other] == Ran(24, most_at_once=1)


def test_a_line_of_more_machine_hours_than_hours_is_of_several_machines(ledger: Store) -> None:
    """What ran in which hour is unknown then."""
    with ledger.engine.begin() as connection:
        connection.execute(charge.update().where(charge.c.charge_kind_key == USED).values(pricing_quantity=48))
    reserved = loaded(ledger)["cr-1"]
    assert reserved.ran is not None
    assert set(reserved.ran.values()) == {None}


def test_a_used_line_of_a_month_leaves_what_ran_unknown_on_each_of_its_days(ledger: Store) -> None:
    """720 machine-hours of November: nobody knows how many ran at once on any of its days, and not that none did."""
    with ledger.engine.begin() as connection:
        used = charge.c.charge_kind_key == USED
        connection.execute(charge.delete().where(used, charge.c.charge_date > AS_OF.date() - timedelta(days=DAYS)))
        connection.execute(
            charge.update()
            .where(used)
            .values(charge_date=date(2026, 11, 1), charge_end_date=date(2026, 12, 1), pricing_quantity=720, hours=None)
        )
    reserved = loaded(ledger)["cr-1"]
    assert reserved.ran == dict.fromkeys(cost.day for cost in reserved.costs)
    assert len(reserved.ran) == DAYS


@pytest.mark.parametrize("is_used", [True, False])
def test_of_what_a_month_says_no_day_is_known_to_have_stood_empty(ledger: Store, is_used: bool) -> None:
    """Half of a reservation's 1,440 machine-hours of November were not used: nobody knows on which days, and 1,320 on
    each of them is what an even half would be. Where nothing was used, all of it stood empty on all of them."""
    with ledger.engine.begin() as connection:
        of_it = charge.c.charge_kind_key.in_((UNUSED, USED))
        connection.execute(charge.delete().where(of_it, charge.c.charge_date > AS_OF.date() - timedelta(days=DAYS)))
        if not is_used:
            connection.execute(charge.delete().where(charge.c.charge_kind_key == USED))
        connection.execute(
            charge.update()
            .where(of_it)
            .values(
                charge_date=date(2026, 11, 1), charge_end_date=date(2026, 12, 1), pricing_quantity=720, hours=None,
                billed_cost=39_600, effective_cost=39_600, list_cost=39_600,
            )
        )  # fmt: skip
    found = evaluate(loaded(ledger)["cr-1"], Recommend())
    if is_used:
        assert not isinstance(found, Advice)
        assert found.reason == "not_by_day"
    else:
        assert isinstance(found, Advice)
        # 39,600 ÷ 30 × 730 ÷ 24
        assert found.saving.effective == found.monthly_cost == Decimal("40150.00")


def measured(store: Store, most: int, *, without: int | None = None) -> None:
    """Four machines by the listing; on each day thirty machine-hours were used, so many at once at the most."""
    days = {
        f"{(AS_OF - timedelta(days=number + 1)).date()}": {
            "reserved_hours": 96.0,
            "used_hours": 30.0,
            "used_most": most,
        }
        for number in range(DAYS)
        if number != without
    }
    write(
        store, resource_history, resource_key=2, valid_from=AS_OF - timedelta(days=20), scope="ml", state="READY",
        kind="gce_reservation", details={"total": 4, "use_by_day": days}, source="gcp/inventory", seen_at=AS_OF,
    )  # fmt: skip


def test_series_of_a_reservation_count_machines_where_the_bill_counts_cores(ledger: Store) -> None:
    """The bill has 24 hours of something; by the series 96 − 30 = 66 machine-hours stood empty, and three ran at once:
    one of four was never used, 24 of the 66 hours, 24 ÷ 66 of 1,320 a day."""
    measured(ledger, most=3)
    reserved = loaded(ledger)["cr-1"]
    assert set(reserved.unit_hours.values()) == {Decimal(66)}
    assert reserved.ran is not None
    assert set(reserved.ran.values()) == {Ran(30.0, most_at_once=3)}

    found = evaluate(reserved, Recommend())
    assert isinstance(found, Advice)
    assert (found.evidence["machines_empty"], found.evidence["units_needed"]) == (1, 3)
    assert found.evidence["unused_cost_least"] == "480.00"


def test_where_all_of_it_was_used_at_once_nothing_is_given_up(ledger: Store) -> None:
    measured(ledger, most=4)
    found = evaluate(loaded(ledger)["cr-1"], Recommend())
    assert not isinstance(found, Advice)
    assert found.reason == "used"


def test_a_day_the_series_lack_leaves_it_to_the_bill(ledger: Store) -> None:
    """What ran on it is unknown, so no number of machines is told."""
    measured(ledger, most=3, without=4)
    found = evaluate(loaded(ledger)["cr-1"], Recommend())
    assert isinstance(found, Advice)
    assert "machines_empty" not in found.evidence


def test_a_bill_that_names_no_reservation_does_not_say_what_ran_in_it(ledger: Store) -> None:
    """It marks what was not used, and nothing as used: that nothing ran does not follow."""
    with ledger.engine.begin() as connection:
        connection.execute(charge_kind.update().values(capacity_reservation_id=null()))
    assert loaded(ledger)["cr-1"].ran is None
