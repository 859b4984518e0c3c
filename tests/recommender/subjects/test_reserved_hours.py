"""What stood empty in a reservation, and what ran in it, by the hours of the bill."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import insert

from aispend.clock import month_of
from aispend.schema import (
    charge,
)
from aispend.store import Store
from recommender.methods.empty_machines import Ran
from tests.recommender.subjects.conftest import AS_OF, DAYS, USED, loaded


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
