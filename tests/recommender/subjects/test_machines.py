"""What a machine is paid in, and what its currency is worth."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import insert

from aispend.schema import (
    accelerator_hour,
    charge,
    charge_kind,
    exchange_rate,
    resource,
    resource_alias,
    sku,
    workload_hour,
)
from aispend.store import Store
from recommender.savings import monthly_cost, saving
from recommender.subjects.machines import Machine, load_machines
from tests.recommender.subjects.conftest import AS_OF, DAYS, SPOT, write


def spot_machine(ledger: Store) -> Machine:
    with ledger.engine.connect() as connection:
        (found,) = (one for one in load_machines(connection, AS_OF, DAYS) if one.resource_key == 3)
    return found


def test_a_charge_of_a_month_is_of_its_days(ledger: Store) -> None:
    """600 of November are 20 a day beside the 400 of each: 7 to 20 November are in the window, and nothing after it."""
    write(
        ledger, charge,
        billing_month=date(2026, 11, 1), slice_id=1, half=0, ordinal=999, charge_date=date(2026, 11, 1),
        charge_end_date=date(2026, 12, 1), account_key=1, sku_key=2, location_key=1, resource_key=3, tag_set_key=0,
        commitment_key=0, charge_kind_key=SPOT, billed_cost=600, effective_cost=600, list_cost=600, line_count=1,
    )  # fmt: skip
    costs = spot_machine(ledger).costs
    assert [cost.day for cost in costs] == [date(2026, 11, 7) + timedelta(days=number) for number in range(14)]
    assert {(cost.list_cost, cost.effective_cost, cost.uncovered_effective_cost) for cost in costs} == {(420,) * 3}
    assert {cost.hours for cost in costs} == {24}


def test_a_machine_billed_by_the_month_runs_on_its_days(ledger: Store) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(charge.delete().where(charge.c.resource_key == 3))
    write(
        ledger, charge,
        billing_month=date(2026, 11, 1), slice_id=1, half=0, ordinal=999, charge_date=date(2026, 11, 1),
        charge_end_date=date(2026, 12, 1), account_key=1, sku_key=2, location_key=1, resource_key=3, tag_set_key=0,
        commitment_key=0, charge_kind_key=SPOT, billed_cost=600, effective_cost=600, list_cost=600, line_count=1,
    )  # fmt: skip
    machine = spot_machine(ledger)
    assert (len(machine.costs), machine.is_off) == (14, False)
    assert monthly_cost(machine, DAYS) == Decimal("608.33")


def changed_type(ledger: Store, before: int, day: date) -> None:
    """The machine of now, with H100s at 400 a day, was another at 24 a day before a day; with so many A10Gs."""
    write(
        ledger, sku, sku_key=3, provider="aws", is_ai=True, platform="gpu_vm", instance_type="g5.other",
        accelerator_type="nvidia-a10g", accelerators=before,
    )  # fmt: skip
    with ledger.engine.begin() as connection:
        lines = charge.update().where(charge.c.resource_key == 3, charge.c.charge_date < day)
        connection.execute(lines.values(sku_key=3, effective_cost=24, billed_cost=24, list_cost=24))


@pytest.mark.parametrize("before", [1, 16])
def test_a_machine_is_what_it_was_changed_to_and_costs_what_that_costs(ledger: Store, before: int) -> None:
    """Nine days of two lines at 24, then five at 300 and 100: 400 a day is 12,166.67 a month, and not the 5,284.76 of
    all days; however many cards it had before."""
    changed_type(ledger, before, date(2026, 11, 16))
    machine = spot_machine(ledger)
    assert (machine.instance_type, machine.accelerator_type) == ("p5.48xlarge", "nvidia-h100-80gb")
    assert machine.costs_since == date(2026, 11, 16)
    assert monthly_cost(machine, DAYS) == Decimal("12166.67")
    assert saving(machine, DAYS, Decimal(1)).list_cost == Decimal("12166.67")


def test_two_types_of_one_resource_on_every_day_are_no_change(ledger: Store) -> None:
    """An endpoint with a variant of each: 300 of one and 100 of the other every day."""
    write(
        ledger, sku, sku_key=3, provider="aws", is_ai=True, platform="gpu_vm", instance_type="g5.other",
        accelerator_type="nvidia-a10g", accelerators=1,
    )  # fmt: skip
    with ledger.engine.begin() as connection:
        lines = charge.update().where(charge.c.resource_key == 3, charge.c.effective_cost == 100)
        connection.execute(lines.values(sku_key=3))
    machine = spot_machine(ledger)
    assert machine.costs_since is None
    assert monthly_cost(machine, DAYS) == Decimal("12166.67")


def test_accelerators_nobody_measured_are_there_and_unknown(ledger: Store) -> None:
    """One row of an hour for a machine of eight: seven series are unknown throughout."""
    with ledger.engine.begin() as connection:
        connection.execute(resource.update().where(resource.c.resource_key == 3).values(accelerators=8))
    write(
        ledger, resource_alias, namespace="*", alias="node", valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        resource_key=3, method="bill", confidence=1,
    )  # fmt: skip
    write(
        ledger, accelerator_hour, slice_id=1, namespace="files", alias="node", accelerator_index=0,
        interval_seconds=300, hour=datetime(2026, 11, 19, tzinfo=UTC), counter="sm_active", coverage=1,
        slot_max=[0.0] * 12,
    )  # fmt: skip
    history = spot_machine(ledger).accelerators
    assert history is not None
    assert history.activity_max.shape == (8, DAYS * 288)
    assert (~np.isnan(history.activity_max)).sum(axis=1).tolist() == [12, 0, 0, 0, 0, 0, 0, 0]
    assert {len(rows) for rows in (history.activity_mean, history.memory_used_max, history.power_mean)} == {8}


def test_of_cards_that_a_type_before_had_nothing_is_missing_since(ledger: Store) -> None:
    """Two cards until the 15th and one since: the second is measured on the 15th, and is gone on the 19th."""
    changed_type(ledger, 2, date(2026, 11, 16))
    with ledger.engine.begin() as connection:
        connection.execute(resource.update().where(resource.c.resource_key == 3).values(accelerators=1))
    write(
        ledger, resource_alias, namespace="*", alias="node", valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        resource_key=3, method="bill", confidence=1,
    )  # fmt: skip
    for index, day in ((0, 15), (1, 15), (0, 19)):
        write(
            ledger, accelerator_hour, slice_id=1, namespace="files", alias="node", accelerator_index=index,
            interval_seconds=300, hour=datetime(2026, 11, day, tzinfo=UTC), counter="sm_active", coverage=1,
            slot_max=[0.5] * 12,
        )  # fmt: skip
    history = spot_machine(ledger).accelerators
    assert history is not None
    load = history.activity_max.sum(axis=0)
    # a type of which nobody knows the cards may have had the same
    assert history.cards_since == 0
    assert set(load[8 * 288 : 8 * 288 + 12]) == {1.0}
    assert set(load[12 * 288 : 12 * 288 + 12]) == {0.5}
    with ledger.engine.begin() as connection:
        connection.execute(sku.update().where(sku.c.sku_key == 3).values(instance_type="g5.xlarge"))
    history = spot_machine(ledger).accelerators
    assert history is not None
    # 16 November, in a window from the 7th on
    assert history.cards_since == 9 * 288


@pytest.mark.parametrize(
    ("unit", "amounts", "hours"),
    [
        ("Hours", (10, None), 10),
        # a begun hour is one, and cores beside accelerators are of the same hours, which nobody can say
        ("Hours", ("9.25", None), 10),
        ("Hours", (10, 10), 20),
        ("Seconds", (36_000, None), 10),
        ("GB", (10, None), 24),
        # a scale set of three
        ("Hours", (72, None), 24),
    ],
)
def test_a_day_without_hours_has_as_many_as_its_quantity_says(
    ledger: Store, unit: str, amounts: tuple[object, object], hours: int
) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(charge.delete().where(charge.c.resource_key == 3))
        connection.execute(sku.update().where(sku.c.sku_key == 2).values(consumed_unit=unit, pricing_unit=None))
    for number, amount in enumerate(amount for amount in amounts if amount is not None):
        write(
            ledger, charge,
            billing_month=date(2026, 11, 1), slice_id=1, half=0, ordinal=900 + number, charge_date=date(2026, 11, 20),
            account_key=1, sku_key=2, location_key=1, resource_key=3, tag_set_key=0, commitment_key=0,
            charge_kind_key=SPOT, billed_cost=30, effective_cost=30, list_cost=30, line_count=1,
            consumed_quantity=amount,
        )  # fmt: skip
    (cost,) = spot_machine(ledger).costs
    assert (cost.hours, cost.hours_mask) == (hours, None)


def test_a_dollar_is_worth_what_the_newest_rate_says(ledger: Store) -> None:
    assert spot_machine(ledger).per_dollar == 1
    with ledger.engine.begin() as connection:
        connection.execute(
            charge_kind.update().where(charge_kind.c.charge_kind_key == SPOT).values(billing_currency="EUR")
        )
    assert spot_machine(ledger).per_dollar is None
    rates = ((date(2026, 1, 1), "0.5"), (date(2026, 11, 20), "0.8"), (date(2026, 11, 22), "0.9"))
    for day, rate in rates:
        write(ledger, exchange_rate, base="USD", quote="EUR", valid_from=day, rate=Decimal(rate), source="x")
    assert spot_machine(ledger).per_dollar == Decimal("0.8")


@pytest.mark.parametrize("longest_first", [True, False])
def test_seconds_of_workloads_add_up_alike_in_any_order(ledger: Store, longest_first: bool) -> None:
    """Ten workloads all day, and one of 0.03 s in each of 20 hours: 864,000.6 s."""
    write(
        ledger, resource_alias, namespace="*", alias="node", valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        resource_key=3, method="bill", confidence=1,
    )  # fmt: skip
    ran = [(f"w{number}", hour, 3600) for number in range(10) for hour in range(24)]
    rows = [
        {"slice_id": 1, "hour": datetime(2026, 11, 19, hour, tzinfo=UTC), "namespace": "k8s", "alias": "node",
         "workload": name, "kind": "job", "seconds": seconds}
        for name, hour, seconds in [*ran, *(("x", hour, 0.03) for hour in range(20))]
    ]  # fmt: skip
    with ledger.engine.begin() as connection:
        connection.execute(insert(workload_hour), rows if longest_first else rows[::-1])
    found = spot_machine(ledger).workload_seconds
    assert found is not None
    assert found[date(2026, 11, 19)] == 864_000.6


def test_a_disk_under_the_id_of_its_machine_does_not_run(ledger: Store) -> None:
    """Stopped since 16 November, with a volume by the gigabyte and month in every hour since: off, at no hours."""
    write(ledger, sku, sku_key=3, provider="aws", is_ai=True, platform="notebook", pricing_unit="GB-Mo")
    with ledger.engine.begin() as connection:
        since = charge.update().where(charge.c.resource_key == 3, charge.c.charge_date >= date(2026, 11, 16))
        connection.execute(since.values(sku_key=3, hours=2**24 - 1))
    machine = spot_machine(ledger)
    assert machine.is_off
    assert [cost.hours for cost in machine.costs] == [24] * 9 + [0] * 5
    assert {cost.effective_cost for cost in machine.costs} == {400}
