"""Providers' advice beside ours: met by the resource's id however it is written, and never added."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert

from aispend.schema import provider_advice, recommendation, resource
from aispend.store import Store, collections
from aispend.store.names import resource_key
from reports import views
from tests.reports.samples import advice

D = Decimal
ASKED = datetime(2026, 11, 21, 6, tzinfo=UTC)
MACHINE = "arn:aws:ec2:us-east-1:222:instance/i-0ab"
ENDPOINT = "arn:aws:sagemaker:us-east-1:222:endpoint/chat"
VOLUME = "arn:aws:ec2:us-east-1:222:volume/vol-0cd"
GROUP = "arn:aws:autoscaling:us-east-1:222:autoScalingGroup:1f:autoScalingGroupName/trainers"


def has(connection: Connection, resource_id: str, **values: Any) -> None:
    """The ledger has a resource."""
    row = {"resource_key": resource_key("aws", resource_id), "provider": "aws", "resource_id": resource_id} | values
    connection.execute(insert(resource).values(row))


def theirs(connection: Connection, *given: tuple[str | None, str, str | None]) -> None:
    """Advice as it is collected: resource, action and saving of each."""
    rows = [
        {
            "provider": "aws",
            "adviser": "Compute Optimizer",
            "advice_id": f"{action} {resource_id}",
            "resource_id": resource_id,
            "action": action,
            "monthly_saving": None if saving is None else D(saving),
            "currency": "USD",
            "details": {"finding": "Idle"},
            "as_of": ASKED,
        }
        for resource_id, action, saving in given
    ]
    collections.replace_rows(connection, provider_advice.name, "aws/advice", "all", rows)


def ours(connection: Connection, number: int, resource_id: str, **values: Any) -> None:
    """Our advice, which saves 90 × number net."""
    row = advice(number, resource_id=resource_id, resource_key=resource_key("aws", resource_id), **values)
    connection.execute(insert(recommendation).values(row))


def told(connection: Connection) -> list[tuple[Any, ...]]:
    return [
        (row.resource_id, row.in_ledger, [one.action for one in row.theirs], [one.kind for one in row.ours])
        for row in views.provider_advice(connection)
    ]


def test_theirs_and_ours_meet_on_the_resource(database: Store) -> None:
    with database.engine.begin() as connection:
        for resource_id in ("i-0ab", ENDPOINT, "vol-0cd"):
            has(connection, resource_id)
        theirs(
            connection,
            (MACHINE, "Rightsize", "500.1"),
            (MACHINE, "Stop", "80"),
            (ENDPOINT, "Delete", "40"),
            (VOLUME, "Delete", "8"),
        )
        ours(connection, 1, "i-0ab")
        assert told(connection) == [
            ("i-0ab", True, ["Rightsize", "Stop"], ["stop_idle"]),
            (ENDPOINT, True, ["Delete"], []),
            ("vol-0cd", True, ["Delete"], []),
        ]
        machine = views.provider_advice(connection)[0]
        assert [one.monthly_saving for one in machine.theirs] == [D("500.1"), D(80)]
        assert machine.ours[0].monthly_saving_net == D(90)
        assert not [name for name in vars(machine) if "total" in name or "saving" in name], "the two are never added"


def test_a_group_meets_the_machines_of_its_fleet(database: Store) -> None:
    with database.engine.begin() as connection:
        has(connection, "i-1", fleet="trainers")
        has(connection, "i-2", fleet="trainers")
        has(connection, "i-3", fleet="servers")
        theirs(connection, (GROUP, "ScaleIn", "10"))
        for number in (1, 2, 3):
            ours(connection, number, f"i-{number}")
        (alone, group) = views.provider_advice(connection)
    assert (group.resource_id, group.name, group.in_ledger) == (GROUP, "trainers", True)
    assert [one.resource_id for one in group.ours] == ["i-1", "i-2"]
    assert (alone.resource_id, alone.theirs, len(alone.ours)) == ("i-3", (), 1)


def test_advice_on_no_resource_and_on_one_the_ledger_lacks_is_shown(database: Store) -> None:
    with database.engine.begin() as connection:
        theirs(
            connection,
            (None, "PurchaseSavingsPlans", "1000"),
            (None, "PurchaseReservedInstances", None),
            (MACHINE, "Keep", None),
        )
        assert told(connection) == [
            (None, False, ["PurchaseSavingsPlans"], []),
            (None, False, ["PurchaseReservedInstances"], []),
            ("i-0ab", False, ["Keep"], []),
        ]


def test_a_provider_that_was_not_asked_says_nothing_known(database: Store) -> None:
    with database.engine.begin() as connection:
        has(connection, "i-1")
        ours(connection, 1, "i-1")
        assert views.provider_advice(connection) == ()


def test_advice_of_ours_that_was_put_aside_is_left_out(database: Store) -> None:
    with database.engine.begin() as connection:
        theirs(connection, (MACHINE, "Stop", "1"))
        ours(connection, 1, "i-0ab", state="dismissed")
        ours(connection, 2, "i-1", state="gone")
        assert told(connection) == [("i-0ab", False, ["Stop"], [])]
        (all_of_it,) = views.provider_advice(connection, states=("dismissed",))
        assert len(all_of_it.ours) == 1
