"""What Azure's listing tells where it knows no events: when a machine was made, and units of throughput."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aispend.store import Store
from aispend.store.collections import merge_rows, write_history
from aispend.store.names import resource_key
from recommender.subjects.machine_life import Life, load_lives

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
MADE = datetime(2026, 11, 19, 8, tzinfo=UTC)
VM = "/subscriptions/s1/resourcegroups/g/providers/microsoft.compute/virtualmachines/a"
ACCOUNT = "/subscriptions/s1/resourcegroups/g/providers/microsoft.cognitiveservices/accounts/ai"


def listed(database: Store, kind: str, resource_id: str, now: datetime, **details: Any) -> None:
    row = {"provider": "azure", "resource_id": resource_id, "state": "running", "details": details}
    with database.engine.begin() as connection:
        write_history(connection, source="azure/inventory", kind=kind, scope="s1", rows=[row], now=now)


def life_of(database: Store, resource_id: str) -> Life:
    with database.engine.connect() as connection:
        return load_lives(connection)[resource_key("azure", resource_id)]


def test_a_machine_is_deployed_when_it_was_made_and_when_its_size_changes(database: Store) -> None:
    made = "2026-11-19T08:00:00Z"
    listed(database, "azure_vm", VM, AS_OF - timedelta(days=1), instance_type="Standard_NC6s_v3", created_at=made)
    assert (life_of(database, VM).deployed_at, life_of(database, VM).launched_at) == (MADE, MADE)
    listed(database, "azure_vm", VM, AS_OF, instance_type="Standard_NC12s_v3", created_at=made)
    assert (life_of(database, VM).deployed_at, life_of(database, VM).launched_at) == (AS_OF, MADE)


def test_a_launch_that_is_known_counts(database: Store) -> None:
    launched = datetime(2026, 11, 20, 9, tzinfo=UTC)
    listed(database, "azure_vm", VM, AS_OF, created_at="2026-11-19T08:00:00Z")
    row = {"provider": "azure", "resource_id": VM, "started_at": launched, "ended_at": None, "method": "listing"}
    with database.engine.begin() as connection:
        merge_rows(connection, "resource_life", "azure/inventory", [row])
    assert life_of(database, VM).deployed_at == launched


def test_an_account_bears_the_units_it_is_paid_for(database: Store) -> None:
    listed(database, "azure_ai_account", ACCOUNT, AS_OF, model_units="150")
    assert life_of(database, ACCOUNT).details["model_units"] == "150"
    assert life_of(database, ACCOUNT).deployed_at is None
