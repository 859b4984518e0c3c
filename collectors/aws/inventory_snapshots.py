"""Snapshots of EBS volumes, and the machine images that stand on them.

A snapshot behind a registered image looks like one nobody needs, so both are read or neither: where images may not be
listed, snapshots are unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collectors.aws.inventory_ec2 import Place, row, tags_of

OPERATIONS = ("ec2.DescribeImages", "ec2.DescribeSnapshots")
KIND = "ebs_snapshot"


def snapshot_pages(ec2: Any) -> Iterator[Mapping[str, Any]]:
    """The account's own snapshots."""
    yield from ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 1000})


def image_pages(ec2: Any) -> Iterator[Mapping[str, Any]]:
    """The account's own machine images, disabled ones too: they can be enabled again."""
    yield from ec2.get_paginator("describe_images").paginate(
        Owners=["self"], IncludeDisabled=True, PaginationConfig={"PageSize": 1000}
    )


def images_by_snapshot(pages: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Ids of the images that stand on each snapshot, sorted.

    >>> disk = {"Ebs": {"SnapshotId": "snap-1"}}
    >>> images_by_snapshot([{"Images": [{"ImageId": "ami-1", "BlockDeviceMappings": [disk]}]}])
    {'snap-1': ['ami-1']}
    """
    found: dict[str, set[str]] = defaultdict(set)
    for page in pages:
        for image in page["Images"]:
            for disk in image.get("BlockDeviceMappings", []):
                if name := disk.get("Ebs", {}).get("SnapshotId"):
                    found[name].add(image["ImageId"])
    return {name: sorted(images) for name, images in found.items()}


def snapshot_rows(
    pages: Iterable[Mapping[str, Any]], images: Mapping[str, list[str]], place: Place
) -> list[dict[str, Any]]:
    """Snapshots of the account itself, as the bill names them; ``full_bytes`` is what a restore would bring back."""
    return [
        row(
            place.arn("ec2", f"snapshot/{one['SnapshotId']}"),
            one.get("State"),
            volume=one.get("VolumeId"),
            volume_gib=one.get("VolumeSize"),
            full_bytes=one.get("FullSnapshotSizeInBytes"),
            tier=one.get("StorageTier"),
            taken_at=one.get("StartTime"),
            restored_until=one.get("RestoreExpiryTime"),
            images=images.get(one["SnapshotId"]),
            name=tags_of(one).get("Name"),
            tags=tags_of(one) or None,
        )
        for page in pages
        for one in page["Snapshots"]
        if one.get("OwnerId", place.account) == place.account
    ]
