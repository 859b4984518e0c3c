"""Tokens served on machines of one's own, out of charges, shares and records in the real database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from aispend.clock import month_of, next_month
from aispend.schema import (
    account,
    charge,
    charge_kind,
    cost_share,
    inference_hour,
    location,
    resource,
    resource_alias,
    resource_history,
    share_target,
    sku,
    tag_set,
)
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.served_tokens import ServedTokens, load_served_tokens

LAST = date(2026, 11, 20)
AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
LLAMA, OTHER, IDLE = 1, 2, 3


@pytest.fixture
def fleet(database: Store) -> Any:
    """Two machines at $96 a day: ``own`` serves Llama, ``shared`` Llama and another model."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [month_of(LAST), next_month(month_of(LAST))])
        connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
        connection.execute(insert(location).values(location_key=1, provider="aws", region_id="us-east-1"))
        connection.execute(
            insert(charge_kind).values(
                charge_kind_key=1, charge_category="Usage", pricing_category="Standard", billing_currency="USD"
            )
        )
        connection.execute(insert(sku).values(sku_key=1, provider="aws", is_ai=True, platform="gpu_vm", accelerators=1))
        for key, model in ((LLAMA, "llama-3.1-70b"), (OTHER, "mistral-7b"), (IDLE, None)):
            connection.execute(
                insert(share_target).values(
                    target_key=key, model=model, team="support", stage="inference_online", reason="used", is_ai=True,
                    rung="instance-hour", method="usage", confidence=1,
                )
            )  # fmt: skip
        _machine(connection, 1, "own", {LLAMA: Decimal(60), IDLE: Decimal(36)})
        _machine(connection, 2, "shared", {LLAMA: Decimal(48), OTHER: Decimal(48)})
        yield connection


def _machine(connection: Connection, key: int, name: str, shares: dict[int, Decimal]) -> None:
    connection.execute(
        insert(resource).values(
            resource_key=key, provider="aws", resource_id=name, instance_type="g6e.12xlarge", accelerators=4,
            first_seen=date(2026, 1, 1),
        )
    )  # fmt: skip
    connection.execute(
        insert(resource_alias).values(
            namespace="files", alias=name, valid_from=datetime(2026, 1, 1, tzinfo=UTC), resource_key=key, method="bill",
            confidence=1,
        )
    )  # fmt: skip
    connection.execute(insert(tag_set).values(tag_set_key=key, tags={"keep": "disaster-recovery"}))
    for number in range(16):
        day = LAST - timedelta(days=number)
        where = {"billing_month": month_of(day), "slice_id": 1, "half": 0, "ordinal": key * 100 + number}
        connection.execute(
            insert(charge).values(
                **where, charge_date=day, account_key=1, sku_key=1, location_key=1, resource_key=key, tag_set_key=key,
                commitment_key=0, charge_kind_key=1, billed_cost=96, effective_cost=96, list_cost=120, line_count=24,
            )
        )  # fmt: skip
        for target, part in shares.items():
            connection.execute(
                insert(cost_share).values(**where, target_key=target, billed_cost=part, effective_cost=part)
            )
        for unit_class, quantity in (("input", 1000), ("output", 100)):
            connection.execute(
                insert(inference_hour).values(
                    slice_id=2, hour=datetime.combine(day, datetime.min.time(), UTC), namespace="files", alias=name,
                    provider="aws", model="llama-3.1-70b", unit_class=unit_class, quantity=quantity,
                )
            )  # fmt: skip


def loaded(connection: Connection) -> dict[str | None, ServedTokens]:
    return {one.model: one for one in load_served_tokens(connection, AS_OF, 14)}


def test_a_machine_of_its_own_is_paid_whole_and_shared_ones_are_counted_apart(fleet: Connection) -> None:
    """$96 a day, the 36 idle ones too; the other machine, which would stay, is 1,344 in a fortnight."""
    found = loaded(fleet)
    assert set(found) == {"llama-3.1-70b"}
    llama = found["llama-3.1-70b"]
    assert [cost.effective_cost for cost in llama.costs] == [Decimal(96)] * 14
    assert llama.costs[0].list_cost == 120
    assert llama.machines == {"own": Decimal(96 * 14)}
    assert llama.shared_cost == 1344
    assert llama.tokens == {"input": 14_000, "output": 1_400}
    assert (llama.account, llama.region, llama.team) == ("111122223333", "us-east-1", "support")
    assert llama.per_dollar == 1
    (part,) = llama.parts.values()
    assert (part.instance_type, part.tags, part.deployed_at) == ("g6e.12xlarge", {"keep": "disaster-recovery"}, None)
    assert list(part.costs) == list(llama.costs)
    assert part.platform == "gpu_vm"


def test_hours_in_which_a_machine_was_asked_are_counted_once(fleet: Connection) -> None:
    """The first hour of fourteen days, and one more with output alone; an hour of nothing is none."""
    for hour, quantity in ((5, 10), (6, 0)):
        fleet.execute(
            insert(inference_hour).values(
                slice_id=2, hour=datetime(2026, 11, 20, hour, tzinfo=UTC), namespace="files", alias="own",
                provider="aws", model="llama-3.1-70b", unit_class="output", quantity=quantity,
            )
        )  # fmt: skip
    (part,) = loaded(fleet)["llama-3.1-70b"].parts.values()
    assert part.asked_hours == 15


def test_a_listing_tells_the_tags_that_the_bill_has_not(fleet: Connection) -> None:
    fleet.execute(
        insert(resource_history).values(
            resource_key=1, valid_from=AS_OF, kind="ec2_instance", scope="us-east-1", state="running",
            details={"tags": {"do-not-stop": "yes"}}, source="aws/inventory", seen_at=AS_OF,
        )
    )  # fmt: skip
    (part,) = loaded(fleet)["llama-3.1-70b"].parts.values()
    assert part.tags == {"do-not-stop": "yes", "keep": "disaster-recovery"}


def test_days_on_which_nothing_was_recorded_are_told(fleet: Connection) -> None:
    """The log begins three days before the evidence ends; a request for another model of the account on another day
    says that the log ran then, and one of another account does not."""
    since = datetime(2026, 11, 18, tzinfo=UTC)
    fleet.execute(inference_hour.delete().where(inference_hour.c.hour < since))
    for day, account_id in ((10, None), (12, "444455556666")):
        fleet.execute(
            insert(inference_hour).values(
                slice_id=2, hour=datetime(2026, 11, day, 23, tzinfo=UTC), namespace="files", alias="elsewhere",
                provider="aws", account=account_id, model="other", unit_class="requests", quantity=1,
            )
        )  # fmt: skip
    llama = loaded(fleet)["llama-3.1-70b"]
    assert sorted(llama.recorded) == [date(2026, 11, day) for day in (10, 18, 19, 20)]
    assert llama.tokens == {"input": 3_000, "output": 300}


def test_a_machine_without_recorded_tokens_is_told(fleet: Connection) -> None:
    _machine(fleet, 3, "silent", {LLAMA: Decimal(96)})
    fleet.execute(inference_hour.delete().where(inference_hour.c.alias == "silent"))
    llama = loaded(fleet)["llama-3.1-70b"]
    assert {name: part.is_recorded for name, part in llama.parts.items()} == {"own": True, "silent": False}


def test_a_charge_of_a_month_is_of_each_of_its_days_alike(fleet: Connection) -> None:
    """2,880 of November are 96 a day: of the 30 days 14 lie in the window, 1,344."""
    daily = loaded(fleet)["llama-3.1-70b"]
    for table in (charge, cost_share):
        fleet.execute(table.delete().where(table.c.ordinal.between(100, 199), table.c.ordinal != 100))
    ends = {"charge_date": date(2026, 11, 1), "charge_end_date": date(2026, 12, 1)}
    fleet.execute(
        charge.update()
        .where(charge.c.ordinal == 100)
        .values(**ends, billed_cost=2880, effective_cost=2880, list_cost=3600)
    )
    for target, part in ((LLAMA, 1800), (IDLE, 1080)):
        fleet.execute(
            cost_share.update()
            .where(cost_share.c.ordinal == 100, cost_share.c.target_key == target)
            .values(billed_cost=part, effective_cost=part)
        )
    llama = loaded(fleet)["llama-3.1-70b"]
    assert llama.costs == daily.costs
    assert llama.machines == {"own": Decimal(1344)}


def test_machines_without_recorded_tokens_make_no_subject(fleet: Connection) -> None:
    fleet.execute(inference_hour.delete())
    assert loaded(fleet) == {}
