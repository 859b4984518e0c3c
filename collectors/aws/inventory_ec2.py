"""What runs, waits and lies about in EC2: accelerated instances, groups, unattached volumes, reserved capacity.

Pages come from generators of raw replies; everything else here is pure. Instances are asked for by the families that
have accelerators (:data:`ACCELERATED`), so that a company's other machines cost no requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from aispend.prices.accelerators import instance_type
from collectors.aws.clients import partition_of
from collectors.machine_names import Held

OPERATIONS = (
    "autoscaling.DescribeAutoScalingGroups",
    "ec2.DescribeCapacityBlocks",
    "ec2.DescribeCapacityReservations",
    "ec2.DescribeInstanceTypes",
    "ec2.DescribeInstances",
    "ec2.DescribeVolumes",
    "eks.DescribeCluster",
    "eks.ListClusters",
)
ACCELERATED = ("dl*", "g*", "inf*", "p*", "trn*", "vt*")
"""Families with accelerators, as EC2's filters write them."""

_FLEETS = (
    ("aws:autoscaling:groupName", None),
    ("eks:nodegroup-name", "eks:cluster-name"),
    ("karpenter.sh/nodepool", "eks:eks-cluster-name"),
)
"""Tags that name the fleet and, where there is one, the cluster it is unique in: as the bill's tags are read."""

_TYPES_AT_ONCE = 100
_ENDED = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_OVER = {"stopped", "stopping", "shutting-down", "terminated"}


@dataclass(frozen=True)
class Place:
    """Where a listing was made."""

    account: str
    region: str

    @property
    def scope(self) -> str:
        """What a listing is of."""
        return f"{self.account} {self.region}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something here."""
        return f"arn:{partition_of(self.region)}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True)
class Hardware:
    """The accelerators of one machine type; a fraction of one where it is shared."""

    accelerator_type: str | None
    accelerators: Decimal


# ------------------------------------------------------------------------------------------ pages


def instance_pages(ec2: Any) -> Iterator[Mapping[str, Any]]:
    """Accelerated instances, those that ended within the hour too."""
    yield from ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-type", "Values": list(ACCELERATED)}], PaginationConfig={"PageSize": 1000}
    )


def type_pages(ec2: Any, names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """What these machine types are."""
    wanted = sorted(set(names))
    for start in range(0, len(wanted), _TYPES_AT_ONCE):
        # an unknown name would refuse the request; a filter leaves it out
        block = [{"Name": "instance-type", "Values": wanted[start : start + _TYPES_AT_ONCE]}]
        yield from ec2.get_paginator("describe_instance_types").paginate(Filters=block)


def volume_pages(ec2: Any) -> Iterator[Mapping[str, Any]]:
    """Volumes no instance has."""
    yield from ec2.get_paginator("describe_volumes").paginate(
        Filters=[{"Name": "status", "Values": ["available"]}], PaginationConfig={"PageSize": 500}
    )


def cluster_replies(eks: Any) -> Iterator[Mapping[str, Any]]:
    """Each cluster's description."""
    for page in eks.get_paginator("list_clusters").paginate():
        for name in page["clusters"]:
            yield eks.describe_cluster(name=name)


# ------------------------------------------------------------------------------------------ pure


def accelerated(machine: str | None) -> bool:
    """Whether a machine type is of a family that has accelerators."""
    return bool(machine) and any(fnmatchcase(str(machine), pattern) for pattern in ACCELERATED)


def hardware(pages: Iterable[Mapping[str, Any]]) -> dict[str, Hardware]:
    """Accelerators by machine type, as EC2 describes them; the catalogue knows their canonical name.

    >>> gpu = {"Name": "L4", "Count": 0, "LogicalGpuCount": 1, "GpuPartitionSize": 0.125}
    >>> reply = {"InstanceTypes": [{"InstanceType": "g6f.large", "GpuInfo": {"Gpus": [gpu]}}]}
    >>> hardware([reply])["g6f.large"].accelerators
    Decimal('0.125')
    """
    found = {}
    for page in pages:
        for one in page["InstanceTypes"]:
            gpus = sum((_equivalent(gpu) for gpu in one.get("GpuInfo", {}).get("Gpus", [])), Decimal(0))
            others = sum(
                device.get("Count", 0)
                for group, devices in (
                    ("NeuronInfo", "NeuronDevices"),
                    ("InferenceAcceleratorInfo", "Accelerators"),
                    ("MediaAcceleratorInfo", "Accelerators"),
                )
                for device in one.get(group, {}).get(devices, [])
                # EC2 describes Inferentia in two ways: as Neuron devices and as inference accelerators
                if group == "NeuronInfo" or "NeuronInfo" not in one
            )
            known = instance_type("aws", one["InstanceType"])
            found[one["InstanceType"]] = Hardware(known.accelerator_type if known else None, gpus + others)
    return found


def _equivalent(gpu: Mapping[str, Any]) -> Decimal:
    """GPUs, or the part of one: a shared GPU is counted by its partition."""
    if gpu.get("Count"):
        return Decimal(gpu["Count"])
    return Decimal(gpu.get("LogicalGpuCount", 0)) * Decimal(str(gpu.get("GpuPartitionSize", 0)))


def known_hardware(machine: str | None) -> Hardware | None:
    """Accelerators of a machine type, SageMaker's too, by the catalogue; None where it does not know."""
    known = instance_type("aws", machine) if machine else None
    return Hardware(known.accelerator_type, known.accelerators) if known else None


def instances(pages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Every instance once."""
    found = {one["InstanceId"]: one for page in pages for group in page["Reservations"] for one in group["Instances"]}
    return list(found.values())


def fleet(tags: Mapping[str, str]) -> str | None:
    """The fleet a machine belongs to."""
    for pool, cluster in _FLEETS:
        if tags.get(pool):
            return "/".join(filter(None, (tags.get(cluster or ""), tags[pool])))
    return None


def tags_of(thing: Mapping[str, Any]) -> dict[str, str]:
    """Tags by key."""
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags") or [] if tag.get("Key") and tag.get("Value")}


def described(instance: Mapping[str, Any], place: Place, types: Mapping[str, Hardware]) -> dict[str, Any]:
    """An instance as a row of an inventory, without names."""
    machine = instance.get("InstanceType")
    known = types.get(str(machine)) or known_hardware(machine)
    tags = tags_of(instance)
    return {
        "provider": "aws",
        "resource_id": place.arn("ec2", f"instance/{instance['InstanceId']}"),
        "resource_name": tags.get("Name"),
        "account": place.account,
        "region": place.region,
        "fleet": fleet(tags),
        "instance_type": machine,
        "accelerator_type": known.accelerator_type if known else None,
        "accelerators": known.accelerators if known and known.accelerators else None,
    }


def held_names(instance: Mapping[str, Any], place: Place, end: datetime | None = None) -> Iterator[Held]:
    """The names an instance goes by: private host name and address within its network, and its name tag."""
    resource_id = place.arn("ec2", f"instance/{instance['InstanceId']}")
    start = _began(instance)
    network = instance.get("VpcId") or place.scope
    for name in {instance.get("PrivateDnsName"), instance.get("PrivateIpAddress")} - {None, ""}:
        yield Held(str(name).lower(), resource_id, network, start, end)
    if name := tags_of(instance).get("Name"):
        yield Held(name.lower(), resource_id, resource_id, start, end)


def arn(instance_id: str, place: Place) -> str:
    """The ARN of an instance."""
    return place.arn("ec2", f"instance/{instance_id}")


def runs(instance: Mapping[str, Any]) -> bool:
    """Whether an instance runs, or is about to."""
    return instance["State"]["Name"] not in _OVER


def life(instance: Mapping[str, Any], place: Place) -> dict[str, Any] | None:
    """A row of ``resource_life``: from the launch to the end that the listing tells; None where that is not said."""
    end = None
    if not runs(instance):
        said = _ENDED.search(instance.get("StateTransitionReason") or "")
        if said is None:
            return None
        end = datetime.strptime(said[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        if end <= instance["LaunchTime"]:
            return None
    return {
        "provider": "aws",
        "resource_id": place.arn("ec2", f"instance/{instance['InstanceId']}"),
        "started_at": instance["LaunchTime"].astimezone(UTC),
        "ended_at": end,
        "method": "listing",
        "gone": instance["State"]["Name"] == "terminated",
    }


def _began(instance: Mapping[str, Any]) -> datetime:
    """When it got its address: a stopped instance keeps it, and is launched anew."""
    attached = [
        card["Attachment"]["AttachTime"]
        for card in instance.get("NetworkInterfaces", [])
        if card.get("Attachment", {}).get("DeviceIndex") == 0 and "AttachTime" in card["Attachment"]
    ]
    found: datetime = min([instance["LaunchTime"], *attached])
    return found.astimezone(UTC)


# --------------------------------------------------------------------------------- histories


def row(resource_id: str, state: str | None, **details: Any) -> dict[str, Any]:
    """A row of a history; what is None is left out, times are text."""
    return {
        "provider": "aws",
        "resource_id": resource_id,
        "state": state,
        "details": {name: _plain(value) for name, value in details.items() if value is not None},
    }


def instance_rows(found: Sequence[Mapping[str, Any]], place: Place) -> list[dict[str, Any]]:
    """Instances that are there; one that was terminated is not."""
    return [
        row(
            place.arn("ec2", f"instance/{one['InstanceId']}"),
            one["State"]["Name"],
            instance_type=one.get("InstanceType"),
            lifecycle=one.get("InstanceLifecycle", "on-demand"),
            zone=one.get("Placement", {}).get("AvailabilityZone"),
            fleet=fleet(tags_of(one)),
            image=one.get("ImageId"),
            launch_template=_template(tags_of(one)),
            # a bill has only those that somebody chose for it
            tags=tags_of(one) or None,
            capacity_reservation=one.get("CapacityReservationId"),
            launched_at=one["LaunchTime"],
        )
        for one in found
        if one["State"]["Name"] not in ("terminated", "shutting-down")
    ]


def _template(tags: Mapping[str, str]) -> str | None:
    """Launch template and version, which EC2 tells of an instance by its own tags alone."""
    given = (tags.get("aws:ec2launchtemplate:id"), tags.get("aws:ec2launchtemplate:version"))
    return ":".join(filter(None, given)) or None


def group_rows(pages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Auto-scaling groups and what they may hold."""
    rows = []
    for page in pages:
        for one in page["AutoScalingGroups"]:
            overrides = one.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("Overrides", [])
            types = {given.get("InstanceType") for given in [*overrides, *one.get("Instances", [])]} - {None}
            rows.append(
                row(
                    one["AutoScalingGroupARN"],
                    one.get("Status", "in_service"),
                    name=one["AutoScalingGroupName"],
                    min=one["MinSize"],
                    max=one["MaxSize"],
                    desired=one["DesiredCapacity"],
                    running=len(one.get("Instances", [])),
                    instance_types=sorted(types) or None,
                )
            )
    return rows


def volume_rows(pages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Volumes no instance has; the bill names them by their id alone."""
    return [
        row(
            one["VolumeId"],
            one["State"],
            size_gib=one.get("Size"),
            volume_type=one.get("VolumeType"),
            iops=one.get("Iops"),
            throughput=one.get("Throughput"),
            zone=one.get("AvailabilityZone"),
            name=tags_of(one).get("Name"),
            tags=tags_of(one) or None,
            created_at=one.get("CreateTime"),
        )
        for page in pages
        for one in page["Volumes"]
    ]


def reservation_rows(pages: Iterable[Mapping[str, Any]], place: Place) -> list[dict[str, Any]]:
    """Capacity reservations of the account itself; what is available in an active one is paid for and idle.

    A reservation shared with the account is listed for its owner.
    """
    return [
        row(
            one["CapacityReservationArn"],
            one["State"],
            instance_type=one["InstanceType"],
            total=one["TotalInstanceCount"],
            available=one["AvailableInstanceCount"],
            accelerators=_count(one["InstanceType"]),
            zone=one.get("AvailabilityZone"),
            reservation_type=one.get("ReservationType"),
            capacity_block=one.get("CapacityBlockId"),
            starts_at=one.get("StartDate"),
            ends_at=one.get("EndDate"),
        )
        for page in pages
        for one in page["CapacityReservations"]
        if one.get("OwnerId", place.account) == place.account and one["State"] not in ("expired", "cancelled", "failed")
    ]


def block_rows(pages: Iterable[Mapping[str, Any]], place: Place) -> list[dict[str, Any]]:
    """Capacity blocks and the reservations they consist of."""
    return [
        row(
            place.arn("ec2", f"capacity-block/{one['CapacityBlockId']}"),
            one.get("State"),
            reservations=sorted(one.get("CapacityReservationIds", [])),
            zone=one.get("AvailabilityZone"),
            ultraserver_type=one.get("UltraserverType"),
            starts_at=one.get("StartDate"),
            ends_at=one.get("EndDate"),
        )
        for page in pages
        for one in page["CapacityBlocks"]
    ]


def cluster_rows(replies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """EKS clusters."""
    return [
        row(
            one["arn"],
            one.get("status"),
            name=one["name"],
            version=one.get("version"),
            auto_mode=one.get("computeConfig", {}).get("enabled"),
            created_at=one.get("createdAt"),
        )
        for one in (reply["cluster"] for reply in replies)
    ]


def _count(machine: str) -> str | None:
    known = known_hardware(machine)
    return f"{known.accelerators.normalize():f}" if known else None


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
