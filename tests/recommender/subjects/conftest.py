"""A month of bills of reserved capacity: units of throughput, a reservation half used, and a spot machine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from aispend.clock import month_of
from aispend.schema import (
    account,
    charge,
    charge_kind,
    location,
    resource,
    sku,
)
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.capacity import Capacity, load_capacity

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
DAYS = 14
UNITS, UNUSED, USED, SPOT = 1, 2, 3, 4


@pytest.fixture
def ledger(database: Store) -> Store:
    """Two units of throughput at 48 a day, a reservation of which 1,320 a day stands empty, and a spot machine."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 11, 1)])
        connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
        connection.execute(insert(location).values(location_key=1, provider="aws", region_id="us-east-1"))
        for key, platform, machine, unit, model in (
            (1, "provisioned_throughput", None, "Hours", "claude-haiku-4.5"),
            (2, "gpu_vm", "p5.48xlarge", "Hrs", None),
        ):
            connection.execute(
                insert(sku).values(
                    sku_key=key, provider="aws", is_ai=True, platform=platform, instance_type=machine,
                    accelerator_type="nvidia-h100-80gb" if machine else None, pricing_unit=unit, model=model,
                )
            )  # fmt: skip
        for kind, category, status in (
            (UNITS, "Standard", None),
            (UNUSED, "Standard", "Unused"),
            (USED, "Standard", "Used"),
            (SPOT, "Dynamic", None),
        ):
            connection.execute(
                insert(charge_kind).values(
                    charge_kind_key=kind, charge_category="Usage", pricing_category=category, billing_currency="USD",
                    capacity_reservation_status=status, capacity_reservation_id="cr-1" if status else None,
                )
            )  # fmt: skip
        names = {1: "provisioned-model/abc", 2: "cr-1", 3: "i-spot"}
        for key, name in names.items():
            connection.execute(
                insert(resource).values(
                    resource_key=key, provider="aws", resource_id=name, first_seen=date(2026, 1, 1),
                    last_seen=date(2026, 11, 20) if key < 3 else date(2026, 11, 10),
                )
            )  # fmt: skip
        ordinal = 0
        for number in range(DAYS):
            day = (AS_OF - timedelta(days=number + 1)).date()
            for key, bought, kind, cost, quantity in (
                (1, 1, UNITS, 48, 48),
                (2, 2, UNUSED, 1320, 24),
                (2, 2, USED, 1320, 24),
                (3, 2, SPOT, 300, 24),
                # a second line of the same hours: cores beside accelerators
                (3, 2, SPOT, 100, 24),
            ):
                ordinal += 1
                connection.execute(
                    insert(charge).values(
                        billing_month=month_of(day), slice_id=1, half=0, ordinal=ordinal, charge_date=day,
                        account_key=1, sku_key=bought, location_key=1, resource_key=key, tag_set_key=0,
                        commitment_key=0, charge_kind_key=kind, hours=(1 << 24) - 1, billed_cost=cost,
                        effective_cost=cost, list_cost=cost, pricing_quantity=quantity, line_count=24,
                    )
                )  # fmt: skip
    return database


def loaded(store: Store) -> dict[str, Capacity]:
    with store.engine.connect() as connection:
        return {one.resource_id: one for one in load_capacity(connection, AS_OF, DAYS)}


def write(store: Store, table: Any, **values: Any) -> None:
    with store.engine.begin() as connection:
        connection.execute(insert(table).values(**values))
