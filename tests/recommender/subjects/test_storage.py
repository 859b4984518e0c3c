"""Which disks are unattached, since when, and whose charges they have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from aispend.schema import account, charge, charge_kind, exchange_rate, sku, spend_day
from aispend.store import Store
from aispend.store.collections import replace_history, write_history
from aispend.store.names import resource_key
from aispend.store.partitions import ensure_partitions
from recommender.subjects.storage import Volume, load_volumes

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
PLACE = "111122223333 us-east-1"


def volume(name: str, state: str = "available", **details: Any) -> dict[str, Any]:
    return {"provider": "aws", "resource_id": name, "state": state, "details": details}


def listed(database: Store, day: int, *rows: dict[str, Any]) -> None:
    """A listing on a day of October or, from 32 on, of November."""
    now = datetime(2026, 9, 30, 6, tzinfo=UTC) + timedelta(days=day)
    with database.engine.begin() as connection:
        write_history(connection, source="aws", kind="ebs_volume", scope=PLACE, rows=rows, now=now)


def loaded(database: Store) -> list[Volume]:
    with database.engine.connect() as connection:
        return list(load_volumes(connection, AS_OF, 32))


def test_a_change_of_what_it_is_does_not_break_the_time_and_a_machine_does(database: Store) -> None:
    listed(database, 1, volume("vol-1", size_gib=5), volume("vol-2"), volume("vol-3"), volume("vol-4"))
    # vol-2 and vol-3 got a machine, or are gone; vol-1 grew
    listed(database, 10, volume("vol-1", size_gib=50), volume("vol-4", "in-use"))
    listed(database, 20, volume("vol-1", size_gib=50), volume("vol-3"), volume("vol-4"))
    listed(database, 40, volume("vol-1", size_gib=50), volume("vol-3"), volume("vol-4"))

    found = {one.resource_id: one for one in loaded(database)}

    assert {name: one.unattached_since.date() for name, one in found.items()} == {
        "vol-1": date(2026, 10, 1),
        "vol-3": date(2026, 10, 20),
        "vol-4": date(2026, 10, 20),
    }
    assert found["vol-1"].unattached_days == 39
    assert found["vol-1"].size_gib == 50
    assert (found["vol-1"].account, found["vol-1"].region) == ("111122223333", "us-east-1")
    assert found["vol-1"].costs == []


def test_a_size_that_none_can_have_is_unknown(database: Store) -> None:
    """Five GiB below nothing would be paid for with 0.40 a month less."""
    listed(database, 1, volume("vol-1", size_gib=-5, iops="NaN", throughput=125), volume("vol-2", size_gib="Infinity"))
    one, other = loaded(database)
    assert (one.size_gib, one.iops, one.throughput) == (None, None, 125)
    assert other.size_gib is None


def test_of_two_sources_the_newer_counts(database: Store) -> None:
    listed(database, 1, volume("vol-1", size_gib=5))
    told = volume("vol-1", "unattached", size_gib="7") | {
        "scope": PLACE,
        "valid_from": datetime(2026, 11, 1, tzinfo=UTC),
        "valid_to": None,
    }
    with database.engine.begin() as connection:
        replace_history(connection, source="files", kind="disk", rows=[told], now=AS_OF)

    (found,) = loaded(database)

    assert (found.size_gib, found.unattached_since.date()) == (Decimal(7), date(2026, 11, 1))


def test_charges_of_its_own_come_from_the_bill(database: Store) -> None:
    listed(database, 1, volume("vol-1", size_gib=5, created_at="2026-05-01T00:00:00+00:00", tags={"team": "ml"}))
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 11, 1)])
        connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
        connection.execute(insert(sku).values(sku_key=1, provider="aws", service_name="EC2", is_ai=True))
        connection.execute(
            insert(charge_kind).values(charge_kind_key=1, charge_category="Usage", billing_currency="EUR")
        )
        connection.execute(
            insert(charge).values(
                billing_month=date(2026, 11, 1), slice_id=1, half=0, ordinal=1, charge_date=date(2026, 11, 20),
                account_key=1, sku_key=1, location_key=0, resource_key=resource_key("aws", "vol-1"), tag_set_key=0,
                commitment_key=0, charge_kind_key=1, hours=1, line_count=1,
                billed_cost=4, effective_cost=3, list_cost=5,
            )
        )  # fmt: skip

    (found,) = loaded(database)

    assert (found.currency, found.first_seen, found.tags) == ("EUR", date(2026, 5, 1), {"team": "ml"})
    (cost,) = found.costs
    assert (cost.list_cost, cost.effective_cost, cost.uncovered_effective_cost) == (Decimal(5), Decimal(3), Decimal(3))


def test_a_charge_of_a_month_is_of_its_days(database: Store) -> None:
    """310 of October, of which the window has twelve days, and 150 of November: 10 and 5 a day, beside 3 on one."""
    listed(database, 1, volume("vol-1", size_gib=5))
    lines = [
        (date(2026, 10, 1), date(2026, 11, 1), 310),
        (date(2026, 11, 1), date(2026, 12, 1), 150),
        (date(2026, 11, 20), None, 3),
    ]
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 10, 1), date(2026, 11, 1)])
        connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
        connection.execute(insert(sku).values(sku_key=1, provider="aws", service_name="EC2", is_ai=True))
        connection.execute(
            insert(charge_kind).values(charge_kind_key=1, charge_category="Usage", billing_currency="USD")
        )
        for number, (day, end, cost) in enumerate(lines, 1):
            connection.execute(
                insert(charge).values(
                    billing_month=day.replace(day=1), slice_id=1, half=0, ordinal=number, charge_date=day,
                    charge_end_date=end, account_key=1, sku_key=1, location_key=0,
                    resource_key=resource_key("aws", "vol-1"), tag_set_key=0, commitment_key=0, charge_kind_key=1,
                    line_count=1, billed_cost=cost, effective_cost=cost, list_cost=cost,
                )
            )  # fmt: skip

    (found,) = loaded(database)

    assert [(cost.day, cost.effective_cost, cost.list_cost) for cost in found.costs] == [
        *((date(2026, 10, day), 10, 10) for day in range(20, 32)),
        *((date(2026, 11, day), 5, 5) for day in range(1, 20)),
        (date(2026, 11, 20), 8, 8),
    ]


def test_a_disk_of_azure_says_itself_since_when_it_is_unattached(database: Store) -> None:
    disk = "/subscriptions/s1/resourceGroups/g/providers/Microsoft.Compute/disks/"
    told = {"region": "eastus", "size_gib": 1024, "volume_type": "Premium_LRS", "name": "old"}
    rows: list[dict[str, Any]] = [
        {"provider": "azure", "resource_id": disk + name, "state": "unattached", "details": told | more}
        for name, more in (
            ("old", {"unattached_since": "2026-09-01T00:00:00.1234567Z"}),
            ("young", {"unattached_since": "2026-11-19T00:00:00Z"}),
            ("silent", {}),
        )
    ]
    with database.engine.begin() as connection:
        now = AS_OF - timedelta(days=1)
        write_history(connection, source="azure/inventory", kind="azure_disk", scope="s1", rows=rows, now=now)
    found = {one.resource_id.rpartition("/")[2]: one for one in loaded(database)}
    assert {name: one.unattached_since.date() for name, one in found.items()} == {
        "old": date(2026, 9, 1),
        "young": date(2026, 11, 19),
        "silent": date(2026, 11, 20),
    }
    assert (found["old"].account, found["old"].region, found["old"].unattached_days) == ("s1", "eastus", 79)


def test_a_disk_of_google_says_its_region_and_since_when_it_is_unattached(database: Store) -> None:
    told = {"region": "us-central1", "size_gib": 500, "volume_type": "pd-ssd"}
    row = {
        "provider": "gcp",
        "resource_id": "projects/111/zones/us-central1-a/disks/7",
        "state": "unattached",
        "details": told | {"unattached_since": "2026-09-01T07:00:00+00:00"},
    }
    with database.engine.begin() as connection:
        now = AS_OF - timedelta(days=1)
        write_history(connection, source="gcp/inventory", kind="gce_disk", scope="ml-prod", rows=[row], now=now)
    (found,) = loaded(database)
    assert (found.account, found.region, found.size_gib) == ("ml-prod", "us-central1", Decimal(500))
    assert found.unattached_since.date() == date(2026, 9, 1)


def test_a_dollar_is_worth_what_the_newest_rate_says(database: Store) -> None:
    """The account is billed in euros; a rate of a day to come says nothing."""
    listed(database, 1, volume("vol-1"))
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 11, 1)])
        for day, rate in ((1, "0.9"), (20, "0.92"), (25, "0.5")):
            connection.execute(
                insert(exchange_rate).values(
                    base="USD", quote="EUR", valid_from=date(2026, 11, day), rate=Decimal(rate), source="test"
                )
            )
        connection.execute(
            insert(spend_day).values(
                billing_month=date(2026, 11, 1), slice_id=1, charge_date=date(2026, 11, 20), provider="aws",
                account="111122223333", currency="EUR", is_ai=False, stage="unknown", reason="not_ai", rung="none",
                charge_category="Usage", billed_cost=1, unknown_costs=0,
            )
        )  # fmt: skip
    (found,) = loaded(database)
    assert (found.currency, found.per_dollar) == ("EUR", Decimal("0.92"))
