"""Snapshots of disks as they are listed: what each is, and which machine images stand on it."""

from __future__ import annotations

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws.inventory import Inventory
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_inventory import ARN, THEN, Connect, Run, empty, history

__all__ = ["empty"]


def test_snapshots_are_kept_with_the_images_that_stand_on_them(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    old = {
        "SnapshotId": "snap-1", "VolumeId": "vol-1", "VolumeSize": 500, "FullSnapshotSizeInBytes": 214748364800,
        "StartTime": THEN, "State": "completed", "StorageTier": "standard", "OwnerId": ACCOUNT,
        "Tags": [{"Key": "Name", "Value": "llama-run-7"}],
    }  # fmt: skip
    behind = old | {"SnapshotId": "snap-2", "Tags": [], "FullSnapshotSizeInBytes": None}
    shared = old | {"SnapshotId": "snap-3", "OwnerId": "999"}
    empty.on("ec2.DescribeSnapshots", {"Snapshots": [old, {k: v for k, v in behind.items() if v is not None}, shared]})
    disk = {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": "snap-2"}}
    image = {"ImageId": "ami-1", "State": "available", "BlockDeviceMappings": [disk, {"VirtualName": "ephemeral0"}]}
    empty.on("ec2.DescribeImages", {"Images": [image, image | {"ImageId": "ami-0"}]})

    run(Inventory(connect(), clock))

    found = history(database)
    assert found[f"{ARN}:snapshot/snap-1"] == (
        "ebs_snapshot",
        "completed",
        {
            "volume": "vol-1", "volume_gib": 500, "full_bytes": 214748364800, "tier": "standard",
            "taken_at": "2026-11-01T12:00:00+00:00", "name": "llama-run-7", "tags": {"Name": "llama-run-7"},
        },
    )  # fmt: skip
    assert found[f"{ARN}:snapshot/snap-2"][2]["images"] == ["ami-0", "ami-1"]
    assert f"{ARN}:snapshot/snap-3" not in found


def test_without_the_images_no_snapshot_is_listed(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """What stands behind an image would look like what nobody needs."""
    empty.on("ec2.DescribeSnapshots", {"Snapshots": [{"SnapshotId": "snap-1", "OwnerId": ACCOUNT, "StartTime": THEN}]})
    empty.on("ec2.DescribeImages", [RefusalError("UnauthorizedOperation", status=403)])

    report = run(Inventory(connect(), clock))

    assert report.slices[0].notes == ("EBS snapshots is unknown: the permission is missing (UnauthorizedOperation).",)
    assert history(database) == {}
