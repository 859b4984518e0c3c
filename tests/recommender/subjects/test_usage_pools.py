"""Usage that a commitment could cover, from charges: by the hour, without spot, less what was decided."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, literal, select

from aispend.clock import month_of
from aispend.schema import (
    account,
    charge,
    charge_kind,
    commitment_term,
    price,
    recommendation,
    resource,
    sku,
    slice_,
)
from aispend.store import Store
from recommender.methods.hours_used import Spent
from recommender.subjects.usage_pools import load_usage_pools
from tests.recommender.subjects.p4d_fleet import (
    AS_OF,
    DAY,
    DEMAND,
    MORNING,
    at_list,
    decide,
    load,
    measure,
    p4d_fleet,
)


@pytest.fixture
def fleet(database: Store) -> Store:
    """One payer's p4d, of which one is on demand in the morning, one on spot and one covered until next month."""
    return p4d_fleet(database)


def test_on_demand_money_by_the_hour(fleet: Store) -> None:
    """240 over twelve hours are 20 each; what ends soon adds its 120 on demand over 24. The day before had nothing."""
    found = load(fleet)

    assert found.resource_id == "usage:payer/us-east-1/p4d"
    assert found.usage[:24] == (Decimal(0),) * 24
    assert found.usage[24:36] == (Decimal(25),) * 12
    assert found.usage[36:] == (Decimal(5),) * 12
    assert [(one.commitment_id, one.hourly) for one in found.expiring] == [("sp-9", Decimal("2.5"))]
    assert found.by_resource == {"i-1": Decimal(240), "i-3": Decimal(120)}
    # what commitments cover is not paid on demand today
    assert [cost.uncovered_effective_cost for cost in found.costs] == [Decimal(240)]


def test_a_committed_hour_is_held_against_one_on_demand(fleet: Store) -> None:
    """At list: what is not known to be cheaper is 12 of 20."""
    at_list(fleet)
    (rate,) = load(fleet).rates
    assert (rate.term, rate.instance_type, rate.rate, rate.paid) == ("1y", "p4d.24xlarge", Decimal("0.6"), 1)
    assert rate.committed.source == "price list"


def test_a_bill_in_another_currency_has_the_rate_of_the_price_list_in_dollars(fleet: Store) -> None:
    """12 of 20 USD an hour are 0.6 of whatever an hour costs in euros; a list in euros itself comes first."""
    at_list(fleet)
    with fleet.engine.begin() as connection:
        connection.execute(charge_kind.update().values(billing_currency="EUR"))
    (rate,) = load(fleet).rates
    assert (load(fleet).currency, rate.rate, rate.committed.currency) == ("EUR", Decimal("0.6"), "USD")

    with fleet.engine.begin() as connection:
        for term, hourly in (("on_demand", "18"), ("1y", "9")):
            connection.execute(
                insert(price).values(
                    provider="aws", region="us-east-1", instance_type="p4d.24xlarge", term=term, currency="EUR",
                    valid_from=DAY, hourly_price=hourly, source="price list",
                )
            )  # fmt: skip
    assert [one.rate for one in load(fleet).rates] == [Decimal("0.5")]


def test_what_a_commitment_covers_for_longer_is_no_usage_to_commit_to(fleet: Store) -> None:
    found = load(fleet, expiring_days=10)
    assert found.usage[24:36] == (Decimal(20),) * 12
    assert found.expiring == ()


def test_what_was_accepted_is_taken_out_first(fleet: Store) -> None:
    """Half of i-1's cost is to go, within its family: ten an hour stay; what is open takes nothing out."""
    decide(fleet, 1, "accepted", target="p4d.12xlarge")
    decide(fleet, 2, "open", target="p4d.12xlarge")
    found = load(fleet, expiring_days=10)

    assert found.usage[24:36] == (Decimal(10),) * 12
    assert found.by_resource == {"i-1": Decimal(120)}
    # 120 of 48 hours
    assert found.decided == Decimal(1825)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("rightsize", "g6.xlarge"),
        ("consolidate", "g6.xlarge+lora"),
        ("arm_host", "c8g.xlarge"),
        ("spot", "spot"),
        ("stop_idle", "stop"),
        # what is off by the hour may be off in any of them
        ("schedule", "hours"),
        ("auto_stop", "idle"),
    ],
)
def test_of_what_leaves_the_family_nothing_is_left_to_commit_to(fleet: Store, kind: str, target: str) -> None:
    decide(fleet, 1, "accepted", kind=kind, target=target)
    assert load(fleet, expiring_days=10).usage[24:36] == (Decimal(0),) * 12


@pytest.mark.parametrize(
    ("kind", "target"),
    [("consolidate", "replicas"), ("consolidate", "p4d.24xlarge+lora")],
)
def test_what_stays_in_the_family_is_left_as_far_as_it_stays(fleet: Store, kind: str, target: str) -> None:
    """Half of the replicas, of their type: the other half runs on, and may be committed to."""
    decide(fleet, 1, "accepted", kind=kind, target=target)
    assert load(fleet, expiring_days=10).usage[24:36] == (Decimal(10),) * 12


def test_what_lost_runs_cost_is_a_part_of_what_their_machine_uses(fleet: Store) -> None:
    """Half of their 100 a month, of the 240 in 48 hours that i-1 uses, 3,650 a month: 1/73 of its 20 an hour goes."""
    decide(fleet, 1, "accepted", kind="training_waste", target="lose_less")
    found = load(fleet, expiring_days=10)
    assert found.usage[24:36] == pytest.approx((Decimal(20) * 72 / 73,) * 12)
    assert found.decided == pytest.approx(Decimal(50))


@pytest.mark.parametrize(("least", "left"), [(0, 0), (1, 10)])
def test_of_replicas_by_the_hour_those_stay_that_are_never_off(fleet: Store, least: int, left: int) -> None:
    """i-1 and i-2 of which one at least is always on: half of i-1's 20 an hour; with none, nothing for certain."""
    both = {name: {"monthly_cost": "100", "counted_net": "25"} for name in ("i-1", "i-2")}
    decide(fleet, 1, "accepted", kind="scale_replicas", target="by-hour")
    with fleet.engine.begin() as connection:
        connection.execute(recommendation.update().values(acts_on=both, evidence={"replicas_least": least}))
    assert load(fleet, expiring_days=10).usage[24:36] == (Decimal(left),) * 12


def test_what_has_ended_covers_nothing_any_more(fleet: Store) -> None:
    """It covered i-3 until a day ago: the hours count as before, and none of their saving waits for an end to come."""
    with fleet.engine.begin() as connection:
        connection.execute(commitment_term.update().values(ends_at=AS_OF - timedelta(days=1)))
    found = load(fleet)
    assert found.usage[36:] == (Decimal(5),) * 12
    assert found.expiring == ()


@pytest.mark.parametrize(
    ("listed", "is_told"),
    [
        ({}, True),
        ({"starts_at": AS_OF + timedelta(days=30), "state": "queued"}, True),
        ({"kind": "reservation", "description": "2 p4d.24xlarge", "instance_type": "p4d.24xlarge"}, True),
        ({"description": "EC2Instance savings plan, p4d", "instance_type": "p4d", "region": "us-east-1"}, True),
        ({"owner_account": "one"}, True),
        ({"owner_account": "elsewhere"}, True),
        ({"owner_account": "other"}, False),
        ({"starts_at": AS_OF - timedelta(days=7)}, False),
        ({"state": "queued-deleted"}, False),
        ({"description": "SageMaker savings plan"}, False),
        ({"description": "EC2Instance savings plan, g5", "instance_type": "g5"}, False),
        ({"region": "eu-west-1"}, False),
        ({"kind": "reservation", "description": "10 units of throughput"}, False),
        ({"kind": "capacity_block"}, False),
    ],
)
def test_what_was_bought_a_moment_ago_is_told(fleet: Store, listed: dict[str, Any], is_told: bool) -> None:
    """A plan for all families began two days before the bill ends; what else is listed of it decides whether it may
    cover the pool. Of an owner no bill names it is taken to."""
    values: dict[str, Any] = {
        "provider": "aws", "commitment_id": "sp-new", "kind": "savings_plan", "description": "Compute savings plan",
        "currency": "USD", "state": "active", "source": "aws", "starts_at": AS_OF - timedelta(days=2),
        "ends_at": AS_OF + timedelta(days=363), "as_of": AS_OF,
    }  # fmt: skip
    with fleet.engine.begin() as connection:
        connection.execute(
            insert(account).values(account_key=7, provider="aws", billing_account_id="another", sub_account_id="other")
        )
        connection.execute(insert(commitment_term).values(values | listed))
    assert [one.description for one in load(fleet).begun] == [(values | listed)["description"]] * is_told


def test_a_machine_changed_to_another_type_is_of_the_one_it_is_billed_as(fleet: Store) -> None:
    """i-1 is a g5 by its line, and a p4d by what it was with most accelerators: its 240 are to be committed as a g5."""
    with fleet.engine.begin() as connection:
        connection.execute(
            insert(sku).values(sku_key=5, provider="aws", is_ai=True, platform="gpu_vm", instance_type="g5.12xlarge")
        )
        connection.execute(charge.update().where(charge.c.resource_key == 1).values(sku_key=5))
    with fleet.engine.connect() as connection:
        found = {one.family: one.by_resource for one in load_usage_pools(connection, AS_OF, 2, 60)}
    assert found == {"g5": {"i-1": Decimal(240)}, "p4d": {"i-3": Decimal(120)}}


def test_the_usage_of_each_machine_is_kept_by_day(fleet: Store) -> None:
    """i-1 in the morning, and half of it where that was accepted; i-3 all day."""
    assert load(fleet).parts == {
        "i-1": (Spent(DAY, MORNING, Decimal(240)),),
        "i-3": (Spent(DAY, None, Decimal(120)),),
    }
    decide(fleet, 1, "accepted", target="p4d.12xlarge")
    assert load(fleet).parts["i-1"] == (Spent(DAY, MORNING, Decimal(120)),)


def test_the_whole_payer_is_one_pool_whichever_account_runs_it(fleet: Store) -> None:
    """i-4 of another account of the payer: 48 more a day, 2 an hour, in the same pool."""
    with fleet.engine.begin() as connection:
        connection.execute(
            insert(account).values(account_key=2, provider="aws", billing_account_id="payer", sub_account_id="two")
        )
        connection.execute(
            insert(resource).values(resource_key=4, provider="aws", resource_id="i-4", instance_type="p4d.24xlarge")
        )
        connection.execute(
            insert(charge).values(
                billing_month=month_of(DAY), slice_id=1, half=0, ordinal=4, charge_date=DAY, account_key=2, sku_key=1,
                location_key=1, resource_key=4, tag_set_key=0, commitment_key=0, charge_kind_key=DEMAND, hours=None,
                effective_cost=48, list_cost=48, contracted_cost=48, line_count=1,
            )
        )  # fmt: skip
    found = load(fleet, expiring_days=10)
    assert found.account == "payer"
    assert found.usage[24:36] == (Decimal(22),) * 12
    assert found.by_resource == {"i-1": Decimal(240), "i-4": Decimal(48)}


@pytest.mark.parametrize(
    ("state", "done_on", "left"),
    [
        ("done", DAY, 10),
        ("done", DAY - timedelta(days=1), 20),
        # accepted, and not measured since
        ("expired", None, 10),
        # done and taken back, open again, and not measured since
        ("expired", DAY, 20),
        # found to be needed
        ("gone", None, 20),
    ],
)
def test_a_decision_is_taken_out_where_it_holds_and_no_bill_shows_it(
    fleet: Store, state: str, done_on: date | None, left: int
) -> None:
    decide(fleet, 1, state, target="p4d.12xlarge")
    measure(fleet, 1, done_on)
    assert load(fleet, expiring_days=10).usage[24:36] == (Decimal(left),) * 12


def test_a_type_without_a_committed_price_is_nothing_to_commit_to(fleet: Store) -> None:
    """i-3 is of a type of the family that nobody sells for a year: its 120 of 48 hours are left out, and said."""
    with fleet.engine.begin() as connection:
        connection.execute(resource.update().where(resource.c.resource_key == 3).values(instance_type="p4d.metal"))
    found = load(fleet)
    assert found.by_type == {"p4d.24xlarge": Decimal(240)}
    assert found.unpriced == Decimal(1825)


def test_what_the_settings_exclude_is_nothing_to_commit_to(fleet: Store) -> None:
    """i-3 ends its commitment within 60 days and is excluded: its 120 of 48 hours, 1,825 a month, are left out."""
    with fleet.engine.connect() as connection:
        (found,) = load_usage_pools(connection, AS_OF, 2, 60, frozenset({("aws", "i-3")}))
        assert list(load_usage_pools(connection, AS_OF, 2, 60, frozenset({("aws", "i-1"), ("aws", "i-3")}))) == []
    assert found.by_resource == {"i-1": Decimal(240)}
    assert found.usage[24:36] == (Decimal(20),) * 12
    assert (found.excluded, found.expiring) == (Decimal(1825), ())


def test_an_hour_of_unknown_cost_is_unknown(fleet: Store) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(
            charge.update()
            .where(charge.c.resource_key == 1)
            .values(effective_cost=None, contracted_cost=None, list_cost=None)
        )
    found = load(fleet)
    assert found.usage[24:36] == (None,) * 12
    assert found.usage[36:] == (Decimal(5),) * 12


def test_a_charge_of_a_month_runs_on_each_of_its_days(fleet: Store) -> None:
    """7,200 of November are 240 on each of its thirty days, 10 in every hour of the two of the window."""
    with fleet.engine.begin() as connection:
        connection.execute(
            charge.update()
            .where(charge.c.resource_key == 1)
            .values(charge_date=date(2026, 11, 1), charge_end_date=date(2026, 12, 1), effective_cost=7200, hours=None)
        )
    found = load(fleet, expiring_days=10)
    assert found.usage == (Decimal(10),) * 48
    assert found.by_resource == {"i-1": Decimal(480)}
    assert [(cost.day, cost.effective_cost) for cost in found.costs] == [
        (DAY - timedelta(days=1), Decimal(240)),
        (DAY, Decimal(240)),
    ]


def test_a_bill_of_actual_costs_alone_has_usage_to_commit_to(fleet: Store) -> None:
    """Azure's actual export gives no effective cost: on demand its billed 240 are what was paid. Beside the amortised
    one it is left out, as that has the same usage."""
    with fleet.engine.begin() as connection:
        connection.execute(charge.update().values(half=1))
        connection.execute(
            charge.update().where(charge.c.resource_key == 1).values(effective_cost=None, billed_cost=240)
        )
        connection.execute(
            insert(slice_).values(
                slice_id=1, kind="bill", source="files", provider="azure", scope="payer", period=month_of(DAY),
                dataset="azure_actual", columns_known=["billed_cost"], state="open", loaded_at=AS_OF,
            )
        )  # fmt: skip
    found = load(fleet, expiring_days=10)
    assert found.usage[24:36] == (Decimal(20),) * 12
    assert [cost.effective_cost for cost in found.costs] == [Decimal(240)]
    with fleet.engine.begin() as connection:
        connection.execute(slice_.update().values(dataset="azure_actual+azure_amortized"))
        assert list(load_usage_pools(connection, AS_OF, 2, 10)) == []


@pytest.mark.parametrize(
    ("days", "quantity", "ran"), [(1, "12", 12), (1, "11.2", 12), (1, "23.5", 24), (1, "48", 24), (30, "360", 12)]
)
def test_a_bill_by_the_day_says_how_many_hours_ran(fleet: Store, days: int, quantity: str, ran: int) -> None:
    """240 a day over twelve hours are 20 an hour and nothing in the others, though nobody knows which they were: of 10
    in every hour a commitment of 10 at 0.6 would have been used, and 144 a day paid for what had cost 120."""
    with fleet.engine.begin() as connection:
        connection.execute(sku.update().values(pricing_unit="1 Hour"))
        connection.execute(
            charge.update()
            .where(charge.c.resource_key == 1)
            .values(
                charge_date=DAY - timedelta(days=days - 1),
                charge_end_date=DAY + timedelta(days=1) if days > 1 else None,
                hours=None,
                effective_cost=240 * days,
                pricing_quantity=Decimal(quantity),
            )
        )
    found = load(fleet, expiring_days=10)
    assert found.usage[24:] == (Decimal(240) / ran,) * ran + (Decimal(0),) * (24 - ran)
    assert found.by_hour == (ran == 24)


def test_a_list_price_alone_is_not_what_an_hour_costs(fleet: Store) -> None:
    """A second line of i-1 with only a list price: what it costs is unknown, so its hours are, and not 240 still."""
    with fleet.engine.begin() as connection:
        columns = [column for column in charge.c if column.name not in ("ordinal", "effective_cost", "contracted_cost")]
        connection.execute(
            insert(charge).from_select(
                ["ordinal", *(column.name for column in columns)],
                select(literal(99), *columns).where(charge.c.resource_key == 1),
            )
        )
    assert load(fleet, expiring_days=10).usage[24:36] == (None,) * 12


def test_what_an_unnamed_commitment_covers_is_no_usage_to_commit_to(fleet: Store) -> None:
    """The bill prices i-3 as committed and names nothing that covers it: it is paid for already."""
    with fleet.engine.begin() as connection:
        connection.execute(charge.update().where(charge.c.resource_key == 3).values(commitment_key=0))
    assert load(fleet).usage[36:] == (Decimal(0),) * 12
