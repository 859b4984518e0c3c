"""Two payers of one cloud, one bill behind the other: what is not billed yet has not stopped."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection, insert, select

from aispend.clock import Clock, month_of
from aispend.schema import (
    account,
    charge,
    recommendation,
    resource,
    saving_baseline,
    sku,
    slice_,
    why_not,
)
from aispend.settings import Settings
from aispend.store import Store
from recommender.life import change_state
from recommender.run import recommend
from tests.recommender.test_run import LAST, ON_DEMAND, fleet, idle_telemetry

__all__ = ["fleet"]

PAYER, SUB_ACCOUNT = "888", "444455556666"
NAME, KEY, SLICE = "i-late", 14, 77


def _machine_of_another_payer(connection: Connection, last: date) -> None:
    """An idle node at 480 a day from 1 November to ``last``, measured to 20 November, on its own bill."""
    connection.execute(
        insert(slice_).values(
            slice_id=SLICE, kind="bill", source="files", provider="aws", scope=PAYER, period=month_of(last),
            dataset="focus", columns_known=["billed_cost", "effective_cost", "list_cost"], state="open",
            loaded_at=datetime(2026, 11, 21, tzinfo=UTC),
        )
    )  # fmt: skip
    connection.execute(
        insert(account).values(account_key=2, provider="aws", billing_account_id=PAYER, sub_account_id=SUB_ACCOUNT)
    )
    connection.execute(
        insert(resource).values(
            resource_key=KEY, provider="aws", resource_id=NAME, instance_type="p4d.24xlarge",
            accelerator_type="nvidia-a100-40gb", accelerators=8, first_seen=date(2026, 1, 1),
        )
    )  # fmt: skip
    idle_telemetry(connection, KEY, NAME, date(2026, 11, 1))
    for number in range((last - date(2026, 11, 1)).days + 1):
        _charge(connection, last - timedelta(days=number), sku_key=1, resource_key=KEY, cost=480)


def _charge(connection: Connection, day: date, *, sku_key: int, resource_key: int, cost: int) -> None:
    connection.execute(
        insert(charge).values(
            billing_month=month_of(day), slice_id=SLICE, half=0, ordinal=9000 + 100 * sku_key + day.day,
            charge_date=day, account_key=2, sku_key=sku_key, location_key=1, resource_key=resource_key, tag_set_key=0,
            commitment_key=0, charge_kind_key=ON_DEMAND, hours=(1 << 24) - 1, billed_cost=cost, effective_cost=cost,
            list_cost=cost, line_count=24,
        )
    )  # fmt: skip


@pytest.mark.parametrize("behind", [0, 2, 3, 6])
def test_a_payer_whose_bill_comes_later_keeps_its_advice(
    fleet: Store, store_settings: Settings, clock: Clock, behind: int
) -> None:
    """480 a day are 14,600 for 730 hours, however many days of it are not billed yet."""
    with fleet.engine.begin() as connection:
        _machine_of_another_payer(connection, LAST - timedelta(days=behind))
    report = recommend(fleet.engine, store_settings, clock)
    assert report.evidence_end == datetime(2026, 11, 21, tzinfo=UTC)
    with fleet.engine.connect() as connection:
        found = {row.resource_id: row for row in connection.execute(select(recommendation))}
    assert {name: found[name].monthly_saving_net for name in (NAME, "i-idle")} == {
        NAME: Decimal("14600.00"),
        "i-idle": Decimal("14600.00"),
    }
    ends = datetime(2026, 11, 21, tzinfo=UTC) - timedelta(days=behind)
    assert found[NAME].evidence["window_end"] == ends.isoformat()


def test_a_machine_is_off_where_its_payer_was_billed_for_other_things_since(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """The bill goes on to 20 November with storage that is not AI; the machine was last in it on the 14th."""
    with fleet.engine.begin() as connection:
        _machine_of_another_payer(connection, date(2026, 11, 14))
        connection.execute(insert(sku).values(sku_key=7, provider="aws", is_ai=False))
        _charge(connection, LAST, sku_key=7, resource_key=0, cost=300)
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        assert NAME not in {row.resource_id for row in connection.execute(select(recommendation))}
        reasons = {
            row.kind: row.reason for row in connection.execute(select(why_not).where(why_not.c.resource_id == NAME))
        }
    assert reasons["stop_idle"] == "off"


def test_what_it_cost_before_is_of_the_days_its_own_bill_has(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """480 a day from 1 to 17 November are 8,160 in 17 days; the three days without a bill are none without a cost."""
    with fleet.engine.begin() as connection:
        _machine_of_another_payer(connection, date(2026, 11, 17))
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.begin() as connection:
        advised = select(recommendation.c.id).where(recommendation.c.resource_id == NAME)
        change_state(connection, str(connection.scalar(advised)), "accepted", who="kim", clock=clock)
        before = connection.execute(select(saving_baseline)).one()
    assert (before.window_first, before.window_end) == (date(2026, 11, 1), date(2026, 11, 18))
    assert (before.days, before.effective_cost) == (17, 8160)


def test_other_charges_of_its_bill_tell_how_far_that_goes(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    """Nothing of the machine is on the bill after the 17th, which goes to the 19th."""
    with fleet.engine.begin() as connection:
        _machine_of_another_payer(connection, date(2026, 11, 17))
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.begin() as connection:
        connection.execute(insert(sku).values(sku_key=7, provider="aws", is_ai=False))
        _charge(connection, date(2026, 11, 19), sku_key=7, resource_key=0, cost=300)
        advised = select(recommendation.c.id).where(recommendation.c.resource_id == NAME)
        change_state(connection, str(connection.scalar(advised)), "accepted", who="kim", clock=clock)
        before = connection.execute(select(saving_baseline)).one()
    assert (before.window_end, before.days) == (date(2026, 11, 20), 19)
