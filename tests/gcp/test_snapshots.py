"""Snapshots of disks: what a listing says, which of them a schedule deletes by itself, and the advice that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.inventory import Inventory
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.double import Google
from tests.gcp.test_inventory import COMPUTE, ZONE, asked, zones

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
GIB = 2**30
POLICY = f"{COMPUTE}/regions/us-central1/resourcePolicies"
ROWS = """SELECT r.resource_id, h.state, h.details FROM resource_history h JOIN resource r USING (resource_key)
          WHERE h.kind = 'gce_snapshot' AND h.valid_to IS NULL ORDER BY r.resource_id"""


def snapshot(number: int, disk: str, taken: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "name": f"snap-{number}",
        "status": "READY",
        "creationTimestamp": f"{taken}T00:00:00.000-08:00",
        "sourceDisk": f"{ZONE}/disks/data-{disk}",
        "sourceDiskId": disk,
        "diskSizeGb": "4000",
        "storageBytes": str(2000 * GIB),
        "storageBytesStatus": "UP_TO_DATE",
        "storageLocations": ["us-central1"],
        "snapshotType": "STANDARD",
        "labels": {"team": "ml"},
        **more,
    }


def scheduled(name: str) -> dict[str, Any]:
    return {"sourceSnapshotSchedulePolicy": f"{POLICY}/{name}", "autoCreated": True}


def policy(name: str, after: str) -> dict[str, Any]:
    kept = {"maxRetentionDays": 14, "onSourceDiskDelete": after}
    return {"id": "1", "name": name, "snapshotSchedulePolicy": {"retentionPolicy": kept}}


def serve(google: Google, *found: dict[str, Any]) -> None:
    half = len(found) // 2 + 1

    def pages(_: str, query: Any) -> dict[str, Any]:
        second = query.get("pageToken") == "2"
        return {"items": list(found[half:])} if second else {"items": list(found[:half]), "nextPageToken": "2"}

    google.listings["compute.snapshots.list"] = pages
    disks = [
        {
            "id": "70",
            "name": "data-70",
            "zone": ZONE,
            "users": [f"{ZONE}/instances/a"],
            "resourcePolicies": [f"{POLICY}/nightly"],
        },
        {"id": "71", "name": "data-71", "zone": ZONE, "users": [f"{ZONE}/instances/a"]},
    ]
    google.listings["compute.disks.aggregatedList"] = zones("disks", *disks)
    both = [policy("nightly", "KEEP_AUTO_SNAPSHOTS"), policy("strict", "APPLY_RETENTION_POLICY")]
    google.listings["compute.resourcePolicies.aggregatedList"] = {
        "items": {"regions/us-central1": {"resourcePolicies": both}}
    }


def details(database: Store) -> dict[str, dict[str, Any]]:
    return {row[0].rpartition("/")[2]: row[2] for row in asked(database, ROWS)}


def test_a_snapshot_is_described_as_every_clouds_are(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    serve(google, snapshot(1, "71", "2026-06-01"))
    assert run(Inventory(connect(projects=["ml-prod"]), clock)).error is None

    assert asked(database, ROWS) == [
        (
            "projects/111/global/snapshots/1",
            "READY",
            {
                "name": "snap-1",
                "volume": "71",
                "volume_gib": 4000,
                "full_bytes": 2000 * GIB,
                "tier": "standard",
                "taken_at": "2026-06-01T08:00:00+00:00",
                "region": "us-central1",
                "tags": {"team": "ml"},
            },
        )
    ]


def test_only_the_oldest_of_a_chain_says_what_a_restore_brings_back(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Another place, chain or tier has a whole one of its own; a size that is being worked out is not known."""
    serve(
        google,
        snapshot(1, "71", "2026-06-01"),
        snapshot(2, "71", "2026-07-01"),
        snapshot(3, "71", "2026-07-02", storageLocations=["us"]),
        snapshot(4, "71", "2026-07-03", chainName="audit"),
        snapshot(5, "71", "2026-07-04", snapshotType="ARCHIVE"),
        snapshot(6, "72", "2026-07-05", storageBytesStatus="UPDATING"),
    )
    run(Inventory(connect(projects=["ml-prod"]), clock))
    found = details(database)
    assert {name for name, one in found.items() if "full_bytes" in one} == {"1", "3", "4", "5"}
    assert [found[name].get("tier") for name in "15"] == ["standard", "archive"]
    assert found["4"]["volume"] == "71 audit"


def test_what_a_schedule_deletes_by_itself_is_named_with_it(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Of disk 70, which has it; of 71, which lost it; of 99, which is gone, by a plan that outlives it or not; and by a
    schedule that is gone itself."""
    serve(
        google,
        snapshot(1, "70", "2026-06-01", **scheduled("nightly")),
        snapshot(2, "71", "2026-06-01", **scheduled("nightly")),
        snapshot(3, "99", "2026-06-01", **scheduled("strict")),
        snapshot(4, "99", "2026-06-02", **scheduled("nightly")),
        snapshot(5, "70", "2026-06-03", **scheduled("deleted")),
    )
    run(Inventory(connect(projects=["ml-prod"]), clock))
    assert {name: one.get("schedule") for name, one in details(database).items()} == {
        "1": "nightly",
        "2": None,
        "3": "strict",
        "4": None,
        "5": None,
    }


def test_without_schedules_snapshots_are_unknown_and_without_disks_each_has_its_schedule(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    serve(google, snapshot(2, "71", "2026-06-01", **scheduled("nightly")))
    denied = RefusedError(403, "PERMISSION_DENIED", "Required 'compute.resourcePolicies.list' permission")
    google.faults["compute.resourcePolicies.aggregatedList"] = denied
    report = run(Inventory(connect(projects=["ml-prod"]), clock))
    assert details(database) == {}
    assert [note for one in report.slices for note in one.notes] == [
        "snapshots: unknown, the permission compute.resourcePolicies.list is missing."
    ]

    google.faults = {"compute.disks.aggregatedList": denied}
    run(Inventory(connect(name="other", projects=["ml-prod"]), clock))
    assert details(database)["2"]["schedule"] == "nightly"
