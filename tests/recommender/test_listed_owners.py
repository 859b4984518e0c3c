"""Who starts a machine again, and who asks to keep it, where its cloud's listing says so and the bill does not.

AWS writes a tag to the bill only where somebody chose it for that, and Google writes no metadata there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from aispend.clock import Clock
from aispend.schema import recommendation, resource_history, why_not
from aispend.settings import Settings
from aispend.store import Store
from recommender.actions import switch_off
from recommender.owners import owner_of
from recommender.run import recommend
from recommender.subjects.machine_life import Life
from recommender.subjects.machines import Machine
from tests.recommender.test_run import fleet

__all__ = ["fleet"]

Make = Callable[..., Machine]
AZURE = "/subscriptions/c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926/resourcegroups/rg-gpu/providers/microsoft.compute"
FLEXIBLE = f"{AZURE}/virtualmachines/serving_1a2b3c4d"


def _listed(store: Store, *, since: datetime = datetime(2026, 10, 1, tzinfo=UTC), **details: Any) -> None:
    with store.engine.begin() as connection:
        connection.execute(
            insert(resource_history).values(
                resource_key=11, valid_from=since, kind="ec2_instance", scope="us-east-1",
                state="running", details=details, source="aws/inventory",
                seen_at=datetime(2026, 11, 20, tzinfo=UTC),
            )
        )  # fmt: skip


def test_a_machine_of_a_group_that_the_listing_names_is_ended_at_its_group(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """The bill has no tags: what is stopped would be started anew by the group, and cost as before."""
    _listed(fleet, tags={"aws:autoscaling:groupName": "serving-asg"})
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        found = connection.execute(select(recommendation).where(recommendation.c.resource_id == "i-idle")).one()
    assert found.proposed == "scale serving-asg down by this one, at its owner"
    assert "stop-instances" not in found.command
    assert "aws autoscaling terminate-instance-in-auto-scaling-group --instance-id i-idle" in found.command


def test_a_listing_counts_though_it_began_after_the_bill_ends(fleet: Store, store_settings: Settings) -> None:
    """A connection of the 23rd, beside a bill that is known to the 20th."""
    _listed(fleet, since=datetime(2026, 11, 23, 9, tzinfo=UTC), tags={"aws:autoscaling:groupName": "serving-asg"})
    recommend(fleet.engine, store_settings, lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
    with fleet.engine.connect() as connection:
        found = connection.execute(select(recommendation).where(recommendation.c.resource_id == "i-idle")).one()
    assert found.proposed == "scale serving-asg down by this one, at its owner"


def test_what_was_changed_after_the_bill_ends_is_new(fleet: Store, store_settings: Settings) -> None:
    """Idle to the 20th, another type since the 22nd: what it does now nobody measured."""
    _listed(fleet, instance_type="p4d.24xlarge")
    _listed(fleet, since=datetime(2026, 11, 22, 9, tzinfo=UTC), instance_type="g6.xlarge")
    recommend(fleet.engine, store_settings, lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
    with fleet.engine.connect() as connection:
        rows = connection.execute(select(why_not).where(why_not.c.resource_id == "i-idle"))
        reasons = {row.kind: row for row in rows}
    assert reasons["stop_idle"].reason == "too_new"
    assert "deployed on 2026-11-22" in reasons["stop_idle"].explanation


@pytest.mark.parametrize(("tags", "reason"), [({"do-not-stop": "yes"}, "excluded"), ({"role": "dr"}, "standby")])
def test_a_tag_that_asks_to_keep_a_machine_counts_where_it_is_on_no_bill(
    fleet: Store, store_settings: Settings, clock: Clock, tags: Mapping[str, str], reason: str
) -> None:
    _listed(fleet, tags=tags)
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        rows = connection.execute(select(why_not).where(why_not.c.resource_id == "i-idle"))
        reasons = {row.kind: row.reason for row in rows}
    assert reasons["stop_idle"] == reason


def test_what_the_bill_says_of_a_tag_comes_before_the_listing(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """A listing that says nothing of tags, and one of a machine without any, change nothing."""
    _listed(fleet, tags=None)
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        found = connection.execute(select(recommendation).where(recommendation.c.resource_id == "i-idle")).one()
    assert "aws ec2 stop-instances --instance-ids i-idle" in found.command


def test_a_machine_of_a_flexible_scale_set_is_deallocated_knowing_its_set(make_subject: Make) -> None:
    """Its id is that of any machine; its listing names the set, whose autoscaling may start another."""
    life = Life(kind="azure_vm", details={"owner": f"{AZURE}/virtualmachinescalesets/serving"})
    machine = make_subject(provider="azure", resource_id=FLEXIBLE, life=life)
    owner = owner_of(machine)
    assert owner is not None
    assert (owner.name, owner.kind) == ("serving", "scale_set")
    proposed, text, _ = switch_off(machine)
    place = "--resource-group rg-gpu --subscription c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926"
    assert proposed == "scale serving down by this one, at its owner"
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        f"az vmss show --name serving {place}",
        f"az vm deallocate --ids {FLEXIBLE}",
    ]
    assert "an autoscale rule may start another" in text


@pytest.mark.parametrize("owner", [None, f"{AZURE}/disks/x"])
def test_what_else_manages_a_machine_of_azure_is_no_scale_set(make_subject: Make, owner: str | None) -> None:
    machine = make_subject(provider="azure", resource_id=FLEXIBLE, life=Life(kind="azure_vm", details={"owner": owner}))
    assert owner_of(machine) is None
