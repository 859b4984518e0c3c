"""The parts of a listing: what is read in an account and region, each apart, so that one may be denied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from collectors.aws import inventory_bedrock as bedrock_part
from collectors.aws import inventory_ec2 as ec2_part
from collectors.aws import inventory_sagemaker as sagemaker_part
from collectors.aws import inventory_snapshots as snapshots_part
from collectors.aws.base import DENIED, code_of
from collectors.aws.inventory_ec2 import Hardware, Place
from collectors.contract import History, Part

Rows = list[dict[str, Any]]
Read = Callable[[Rows], list[Part]]
"""Reads one part: adds rows of the inventory to the list it is given, and returns the other parts."""


def readers(client: Callable[[str], Any], place: Place, instances: Read) -> Iterator[tuple[str, Read]]:
    """What is listed in a place and how; ``client`` makes clients there, ``instances`` reads EC2's machines."""
    ec2, groups, eks, sagemaker = (client(name) for name in ("ec2", "autoscaling", "eks", "sagemaker"))

    def history(kind: str, rows: Callable[[], Rows]) -> Read:
        def read(described: Rows) -> list[Part]:
            found = rows()
            if kind in ("sagemaker_endpoint", "sagemaker_notebook"):
                described.extend(sagemaker_part.inventory_rows(kind, found, place))
            return [History(kind, place.scope, found)]

        return read

    yield "EC2 instances", instances
    yield (
        "Auto Scaling groups",
        history(
            "autoscaling_group",
            lambda: ec2_part.group_rows(groups.get_paginator("describe_auto_scaling_groups").paginate()),
        ),
    )
    yield (
        "EBS volumes",
        history("ebs_volume", lambda: ec2_part.volume_rows(ec2_part.volume_pages(ec2))),
    )
    yield (
        "EBS snapshots",
        history(
            snapshots_part.KIND,
            lambda: snapshots_part.snapshot_rows(
                snapshots_part.snapshot_pages(ec2),
                snapshots_part.images_by_snapshot(snapshots_part.image_pages(ec2)),
                place,
            ),
        ),
    )
    yield (
        "capacity reservations",
        history(
            "capacity_reservation",
            lambda: ec2_part.reservation_rows(ec2.get_paginator("describe_capacity_reservations").paginate(), place),
        ),
    )
    yield (
        "capacity blocks",
        history(
            "capacity_block",
            lambda: ec2_part.block_rows(ec2.get_paginator("describe_capacity_blocks").paginate(), place),
        ),
    )
    yield "EKS clusters", history("eks_cluster", lambda: ec2_part.cluster_rows(ec2_part.cluster_replies(eks)))
    yield (
        "SageMaker endpoints",
        history("sagemaker_endpoint", lambda: sagemaker_part.endpoint_rows(sagemaker_part.endpoint_replies(sagemaker))),
    )
    yield (
        "SageMaker inference components",
        history(
            "sagemaker_inference_component",
            lambda: sagemaker_part.component_rows(sagemaker_part.component_replies(sagemaker)),
        ),
    )
    yield (
        "SageMaker notebook instances",
        history("sagemaker_notebook", lambda: sagemaker_part.notebook_rows(sagemaker_part.notebook_pages(sagemaker))),
    )
    yield (
        "SageMaker warm pools",
        history(
            "sagemaker_warm_pool",
            lambda: sagemaker_part.warm_pool_rows(sagemaker_part.warm_pool_replies(sagemaker)),
        ),
    )
    if bedrock_part.offered("bedrock", place.region):
        bedrock = client("bedrock")
        yield (
            "Bedrock provisioned throughput",
            history(
                "bedrock_provisioned_throughput",
                lambda: bedrock_part.throughput_rows(bedrock_part.throughput_pages(bedrock)),
            ),
        )


def hardware_of(ec2: Any, names: Iterable[str]) -> dict[str, Hardware]:
    """The accelerators of machine types; none where asking is denied: the catalogue knows most of them."""
    from botocore.exceptions import ClientError

    try:
        return ec2_part.hardware(ec2_part.type_pages(ec2, names))
    except ClientError as error:
        if code_of(error) not in DENIED:
            raise
        return {}
