"""Bedrock's provisioned throughput: model units that are paid for by the hour, used or not, until they expire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from collectors.aws.inventory_ec2 import row

OPERATIONS = ("bedrock.ListProvisionedModelThroughputs",)


def throughput_pages(bedrock: Any) -> Iterator[Mapping[str, Any]]:
    """Provisioned throughputs."""
    yield from bedrock.get_paginator("list_provisioned_model_throughputs").paginate(PaginationConfig={"PageSize": 1000})


def throughput_rows(pages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Their histories: model, units, and when the commitment ends."""
    return [
        row(
            one["provisionedModelArn"],
            one["status"],
            name=one["provisionedModelName"],
            model=one["modelArn"],
            foundation_model=one.get("foundationModelArn"),
            model_units=one["modelUnits"],
            desired_model_units=one.get("desiredModelUnits"),
            commitment=one.get("commitmentDuration"),
            commitment_ends_at=one.get("commitmentExpirationTime"),
            created_at=one.get("creationTime"),
        )
        for page in pages
        for one in page["provisionedModelSummaries"]
    ]


@lru_cache(maxsize=64)
def offered(service: str, region: str) -> bool:
    """Whether a region has the service: elsewhere the host does not exist, and asking would only take time."""
    import botocore.session

    session = botocore.session.get_session()
    partition = session.get_partition_for_region(region)
    return region in session.get_available_regions(service, partition_name=partition)
