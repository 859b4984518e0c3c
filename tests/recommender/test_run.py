"""From charges and telemetry in the database to recommendations, reasons and their life."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update

from aispend.clock import Clock, month_of, next_month
from aispend.errors import UsageError
from aispend.schema import (
    accelerator_hour,
    account,
    charge,
    charge_kind,
    location,
    recommendation,
    recommendation_event,
    resource,
    resource_alias,
    sku,
    slice_,
    why_not,
)
from aispend.settings import Settings
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.life import change_state
from recommender.run import recommend

LAST = date(2026, 11, 20)
DAYS = 15
ON_DEMAND, COVERED = 1, 2


def _dimensions(connection: Connection) -> None:
    connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
    connection.execute(insert(location).values(location_key=1, provider="aws", region_id="us-east-1"))
    connection.execute(
        insert(sku).values(
            sku_key=1,
            provider="aws",
            service_name="Amazon Elastic Compute Cloud",
            instance_type="p4d.24xlarge",
            is_ai=True,
            platform="gpu_vm",
            accelerator_type="nvidia-a100-40gb",
            accelerators=8,
        )
    )
    for key, category in ((ON_DEMAND, "Standard"), (COVERED, "Committed")):
        connection.execute(
            insert(charge_kind).values(
                charge_kind_key=key, charge_category="Usage", pricing_category=category, billing_currency="USD"
            )
        )


def _resource(connection: Connection, key: int, name: str, kind: int) -> None:
    connection.execute(
        insert(resource).values(
            resource_key=key,
            provider="aws",
            resource_id=name,
            instance_type="p4d.24xlarge",
            accelerator_type="nvidia-a100-40gb",
            accelerators=8,
            first_seen=date(2026, 1, 1),
        )
    )
    for number in range(DAYS):
        day = LAST - timedelta(days=number)
        connection.execute(
            insert(charge).values(
                billing_month=month_of(day),
                slice_id=1,
                half=0,
                ordinal=key * 100 + number,
                charge_date=day,
                account_key=1,
                sku_key=1,
                location_key=1,
                resource_key=key,
                tag_set_key=0,
                commitment_key=0,
                charge_kind_key=kind,
                hours=(1 << 24) - 1,
                billed_cost=Decimal(480) if kind == ON_DEMAND else Decimal(0),
                effective_cost=480,
                list_cost=600,
                line_count=24,
            )
        )


def idle_telemetry(connection: Connection, key: int, name: str, since: date = date(2026, 11, 7)) -> None:
    """Eight cards that do nothing, measured from the first hour of ``since`` to the last of 20 November."""
    connection.execute(
        insert(resource_alias).values(
            namespace="files",
            alias=name,
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            resource_key=key,
            method="bill",
            confidence=1,
        )
    )
    connection.execute(
        text("""
            INSERT INTO accelerator_hour (slice_id, namespace, alias, accelerator_index, hour,
                interval_seconds, counter, activity_mean, activity_max, memory_used_max, power_mean, coverage,
                slot_mean, slot_max)
            SELECT 2, 'files', :name, index, hour, 300, 'sm_active', 0, 0, 40e9, 60, 1,
                array_fill(0.0, ARRAY[12]), array_fill(0.0, ARRAY[12])
            FROM generate_series(0, 7) index,
                generate_series(CAST(:since AS timestamptz), '2026-11-20T23:00Z', interval '1 hour') hour
        """),
        {"name": name, "since": datetime(since.year, since.month, since.day, tzinfo=UTC)},
    )


@pytest.fixture
def fleet(database: Store) -> Store:
    """Three nodes: one idle on demand, one idle and covered by a commitment, one without telemetry."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [month_of(LAST), next_month(month_of(LAST))])
        connection.execute(
            insert(slice_).values(
                kind="bill",
                source="files",
                provider="aws",
                scope="111122223333",
                period=month_of(LAST),
                dataset="focus",
                columns_known=["billed_cost", "effective_cost", "list_cost"],
                state="open",
                loaded_at=datetime(2026, 11, 21, tzinfo=UTC),
            )
        )
        _dimensions(connection)
        for key, name, kind in ((11, "i-idle", ON_DEMAND), (12, "i-covered", COVERED), (13, "i-dark", ON_DEMAND)):
            _resource(connection, key, name, kind)
        idle_telemetry(connection, 11, "i-idle")
        idle_telemetry(connection, 12, "i-covered")
    return database


def _set_activity(store: Store, name: str, activity: float) -> None:
    with store.engine.begin() as connection:
        connection.execute(
            update(accelerator_hour).values(slot_max=[activity] * 12).where(accelerator_hour.c.alias == name)
        )


def _by_resource(store: Store) -> dict[str, Any]:
    with store.engine.connect() as connection:
        return {row.resource_id: row for row in connection.execute(select(recommendation))}


def test_idle_nodes_are_found_with_three_savings(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    report = recommend(fleet.engine, store_settings, clock)

    found = _by_resource(fleet)
    assert set(found) == {"i-idle", "i-covered"}
    idle, covered = found["i-idle"], found["i-covered"]
    # 480 a day is 14,600 for 730 h; list 600 a day is 18,250
    assert (idle.monthly_saving_list, idle.monthly_saving_effective, idle.monthly_saving_net) == (
        Decimal("18250.00"),
        Decimal("14600.00"),
        Decimal("14600.00"),
    )
    assert (covered.monthly_saving_effective, covered.monthly_saving_net) == (Decimal("14600.00"), Decimal("0.00"))
    # the covered one saves nothing today: it is kept and explained, and is no saving to count
    assert (report.found, report.advice) == (2, 1)
    # i-dark has nothing, nor has the usage that a commitment could cover; that the idle ones have no size is
    # no lack of advice
    assert (report.subjects, report.without_advice) == (4, 2)
    assert idle.kind == "stop_idle"
    assert idle.evidence["state"] == "resident-idle"
    assert idle.monthly_cost >= idle.monthly_saving_effective


@pytest.mark.parametrize("names", [("ip-10-0-0-7",), ("gpu-a", "gpu-b", "gpu-c", "gpu-d"), ()])
def test_what_seems_unmeasured_may_be_measured_under_a_name_nobody_knows(
    fleet: Store, store_settings: Settings, clock: Clock, names: tuple[str, ...]
) -> None:
    """i-dark has no telemetry; what came under names that meet no resource is told with them."""
    with fleet.engine.begin() as connection:
        connection.execute(
            insert(slice_).values(
                slice_id=77, kind="metrics", source="files", provider="files", scope="hosts", period=LAST,
                dataset="metrics", columns_known=[], state="open", loaded_at=datetime(2026, 11, 21, tzinfo=UTC),
            )
        )  # fmt: skip
        for name in names:
            connection.execute(
                insert(accelerator_hour).values(
                    slice_id=77, namespace="files", alias=name, accelerator_index=0, interval_seconds=60, coverage=1,
                    hour=datetime(2026, 11, 20, 5, tzinfo=UTC), counter="gpu_utilization", activity_mean=0,
                )
            )  # fmt: skip
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        said = connection.scalar(
            select(why_not.c.explanation).where(why_not.c.resource_id == "i-dark", why_not.c.kind == "stop_idle")
        )
    assert said is not None
    told = "if one is it, tell which (aispend import-inventory)"
    if len(names) == 1:
        assert f"1 name in telemetry meets no resource of the bills (ip-10-0-0-7): {told}" in said
    elif names:
        assert f"4 names in telemetry meet no resource of the bills (gpu-a, gpu-b, gpu-c …): {told}" in said
    else:
        assert told not in said


def test_a_cloud_whose_bill_comes_later_keeps_its_advice(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    """Another cloud's bill ends five days after this one's: the idle node has not stopped, and costs what it did."""
    later = LAST + timedelta(days=5)
    with fleet.engine.begin() as connection:
        ensure_partitions(connection, [month_of(later)])
        connection.execute(insert(sku).values(sku_key=9, provider="azure", is_ai=True, platform="token_api"))
        connection.execute(
            insert(charge).values(
                billing_month=month_of(later), slice_id=1, half=0, ordinal=9, charge_date=later, account_key=1,
                sku_key=9, location_key=0, resource_key=0, tag_set_key=0, commitment_key=0, charge_kind_key=ON_DEMAND,
                effective_cost=1, line_count=1,
            )
        )  # fmt: skip
    report = recommend(fleet.engine, store_settings, clock)

    assert report.evidence_end == datetime(2026, 11, 26, tzinfo=UTC)
    assert _by_resource(fleet)["i-idle"].monthly_saving_net == Decimal("14600.00")


def test_no_telemetry_has_a_reason_and_no_advice(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        about = why_not.c.kind.in_(("stop_idle", "rightsize"))
        rows = connection.execute(select(why_not).where(about).order_by(why_not.c.kind)).all()
    assert {(row.resource_id, row.reason) for row in rows} == {("i-dark", "telemetry_missing")}
    assert all(row.monthly_cost == Decimal("14600.00") for row in rows)


def test_a_second_run_changes_nothing_but_the_time(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    recommend(fleet.engine, store_settings, clock)
    before = _by_resource(fleet)
    recommend(fleet.engine, store_settings, clock)
    assert _by_resource(fleet) == before
    with fleet.engine.connect() as connection:
        assert len(connection.execute(select(recommendation_event)).all()) == 2


def test_what_is_no_longer_found_is_gone_and_comes_back_as_proposed(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    recommend(fleet.engine, store_settings, clock)
    idle = _by_resource(fleet)["i-idle"].id
    with fleet.engine.begin() as connection:
        connection.execute(
            update(accelerator_hour).values(slot_max=[0.9] * 12).where(accelerator_hour.c.alias == "i-idle")
        )
    recommend(fleet.engine, store_settings, clock)
    gone = _by_resource(fleet)["i-idle"]
    assert (gone.state, gone.counted) == ("gone", False)
    with fleet.engine.begin() as connection:
        connection.execute(
            update(accelerator_hour).values(slot_max=[0.0] * 12).where(accelerator_hour.c.alias == "i-idle")
        )
    recommend(fleet.engine, store_settings, clock)
    again = _by_resource(fleet)["i-idle"]
    assert (again.id, again.state, again.counted) == (idle, "open", True)


def test_a_decision_is_kept_and_a_snooze_ends(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    recommend(fleet.engine, store_settings, clock)
    found = _by_resource(fleet)
    with fleet.engine.begin() as connection:
        change_state(connection, found["i-idle"].id, "dismissed", who="ana", reason="DR", clock=clock)
        change_state(connection, found["i-covered"].id[:8], "snoozed", who="ben", until=date(2026, 11, 25), clock=clock)
    recommend(fleet.engine, store_settings, clock)
    after = _by_resource(fleet)
    assert (after["i-idle"].state, after["i-idle"].counted) == ("dismissed", False)
    assert after["i-covered"].state == "snoozed"
    recommend(fleet.engine, store_settings, lambda: datetime(2026, 11, 25, 1, tzinfo=UTC))
    assert _by_resource(fleet)["i-covered"].state == "open"


@pytest.mark.parametrize(
    ("event", "arguments", "says"),
    [
        ("dismissed", {}, "needs a reason"),
        ("snoozed", {}, "needs a day in the future"),
        ("snoozed", {"until": date(2026, 11, 21)}, "needs a day in the future"),
        ("reopened", {}, "nothing to take back"),
    ],
)
def test_a_step_that_makes_no_sense_says_what_would(
    fleet: Store, store_settings: Settings, clock: Clock, event: Any, arguments: dict[str, Any], says: str
) -> None:
    recommend(fleet.engine, store_settings, clock)
    key = _by_resource(fleet)["i-idle"].id
    with fleet.engine.begin() as connection, pytest.raises(UsageError, match=says):
        change_state(connection, key, event, who="ana", clock=clock, **arguments)


def test_an_unknown_id_says_where_ids_are_listed(fleet: Store, clock: Clock) -> None:
    with fleet.engine.begin() as connection, pytest.raises(UsageError, match="aispend recommendations lists"):
        change_state(connection, "nope", "accepted", who="ana", clock=clock)


def _set_costs(store: Store, key: int, **values: Any) -> None:
    with store.engine.begin() as connection:
        connection.execute(update(charge).values(**values).where(charge.c.resource_key == key))


def test_a_cost_the_bill_does_not_give_is_unknown_and_not_zero(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    _set_costs(fleet, 11, effective_cost=None, billed_cost=None)
    recommend(fleet.engine, store_settings, clock)
    assert "i-idle" not in _by_resource(fleet)
    with fleet.engine.connect() as connection:
        row = connection.execute(
            select(why_not).where(why_not.c.resource_id == "i-idle", why_not.c.kind == "stop_idle")
        ).one()
    assert (row.reason, row.monthly_cost) == ("cost_unknown", None)


def test_billed_cost_stands_in_for_effective_and_says_so(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    _set_costs(fleet, 11, effective_cost=None)
    recommend(fleet.engine, store_settings, clock)
    idle = _by_resource(fleet)["i-idle"]
    assert idle.monthly_saving_net == Decimal("14600.00")
    assert idle.evidence["cost_basis"] == "billed cost on 14 of 14 days, where the bill gives no effective cost"


def test_usage_under_a_commitment_that_is_billed_nothing_has_no_known_cost(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """Nothing is billed for it because the commitment was; what it effectively cost, this bill does not say."""
    _set_costs(fleet, 12, effective_cost=None, billed_cost=0)
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        row = connection.execute(
            select(why_not).where(why_not.c.resource_id == "i-covered", why_not.c.kind == "stop_idle")
        ).one()
    assert (row.reason, row.monthly_cost) == ("cost_unknown", None)


def test_an_actual_export_alone_is_used_and_named(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    _set_costs(fleet, 11, half=1, effective_cost=None)
    recommend(fleet.engine, store_settings, clock)
    idle = _by_resource(fleet)["i-idle"]
    assert idle.monthly_saving_net == Decimal("14600.00")
    assert idle.evidence["cost_basis"] == "billed cost on 14 of 14 days, where the bill gives no effective cost"


def test_an_actual_export_beside_its_amortised_one_is_not_added(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """Both halves list each day: the amortised 480 a day, the actual 500; 14,600 a month and not 29,808."""
    with fleet.engine.begin() as connection:
        rows = connection.execute(select(charge).where(charge.c.resource_key == 11)).mappings().all()
        connection.execute(
            insert(charge), [{**row, "half": 1, "billed_cost": 500, "effective_cost": None} for row in rows]
        )
        connection.execute(update(charge).values(half=2, billed_cost=None).where(charge.c.half == 0))
        connection.execute(update(slice_).values(dataset="actual+amortized"))
    recommend(fleet.engine, store_settings, clock)
    idle = _by_resource(fleet)["i-idle"]
    assert idle.monthly_saving_effective == Decimal("14600.00")
    assert idle.evidence["cost_basis"] == "effective cost of the bill's last days"


def test_nothing_loaded_is_no_error(database: Store, store_settings: Settings, clock: Clock) -> None:
    report = recommend(database.engine, store_settings, clock)
    assert (report.subjects, report.advice, report.evidence_end) == (0, 0, None)
