"""Snapshots of managed disks, listed in the words of every cloud's: what advice on old ones is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.inventory import Inventory
from collectors.azure.inventory_snapshots import ACTION, snapshot_rows
from collectors.runner import SourceReport
from recommender.subjects.snapshots import Snapshot, load_snapshots
from sample.azure_double import Azure
from sample.azure_graph import Graph
from tests.azure.double import SUBSCRIPTION
from tests.azure.graph import compute

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
SNAPSHOTS = "'microsoft.compute/snapshots'"
DISK = compute("data", "disks")


def taken(name: str, on: str, **about: Any) -> dict[str, Any]:
    """A row of Resource Graph."""
    known = {"location": "eastus", "tags": {}, "sku": "Standard_LRS", "gib": 512, "state": "Succeeded", "done": 100.0}
    source = {"source": DISK, "number": "0f-1", "created": f"{on}T03:00:00Z", "incremental": True}
    return {"id": compute(name, "snapshots"), "name": name, **known, **source, **about}


def listed(store: Store) -> dict[str, Snapshot]:
    """The snapshots as advice sees them, by name."""
    with store.engine.connect() as connection:
        found = load_snapshots(connection, datetime(2026, 11, 21, 7, tzinfo=UTC), 28)
        return {str(one.name): one for one in found if isinstance(one, Snapshot)}


def test_snapshots_of_a_disk_are_a_lineage_and_what_is_not_complete_is_none(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph = Graph(azure)
    graph.has(
        SNAPSHOTS,
        taken("first", "2026-01-01", tags={"team": "ml"}),
        taken("second", "2026-02-01", managedBy="/subscriptions/1/x/backupVaults/nightly"),
        taken("other", "2026-02-01", number="0f-2"),
        taken("copy", "2026-03-01", source=compute("first", "snapshots")),
        taken("copying", "2026-11-20", done=40.0),
        taken("failed", "2026-11-20", state="Failed"),
    )
    report = run(Inventory(connect(), clock))
    assert (report.error, report.slices[0].notes) == (None, ())
    found = listed(database)
    assert {name: (one.older, one.newer) for name, one in found.items()} == {
        "first": (0, 1),
        "second": (1, 0),
        "other": (0, 0),
        "copy": (None, None),
    }
    first = found["first"]
    assert (first.provider, first.account, first.region, first.age_days) == ("azure", SUBSCRIPTION, "eastus", 324)
    assert (first.volume_gib, first.full_gib, first.tags["team"]) == (Decimal(512), None, "ml")
    assert (first.schedule, found["second"].schedule) == (None, "nightly")

    graph.has(SNAPSHOTS)
    run(Inventory(connect(), lambda: datetime(2026, 11, 21, 8, tzinfo=UTC)))
    assert listed(database) == {}


def test_where_snapshots_may_not_be_read_what_is_known_of_them_stays(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph = Graph(azure)
    graph.has(SNAPSHOTS, taken("first", "2026-01-01"))
    run(Inventory(connect(), clock))
    graph.has(SNAPSHOTS)
    graph.grant("*/read", without=[ACTION])
    report = run(Inventory(connect(), lambda: datetime(2026, 11, 21, 8, tzinfo=UTC)))
    assert f"Snapshots of disks is unknown: the permission {ACTION} is missing." in report.slices[0].notes
    assert set(listed(database)) == {"first"}


@pytest.mark.parametrize(("number", "volume"), [("0f-1", "0f-1"), ("", DISK.lower()), (None, DISK.lower())])
def test_a_disk_is_known_by_its_number_else_by_its_id(number: str | None, volume: str) -> None:
    (row,) = snapshot_rows([taken("a", "2026-01-01", number=number)])
    assert row["details"]["volume"] == volume
