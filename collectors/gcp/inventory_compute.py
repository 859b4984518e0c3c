"""What runs, waits and lies about in Compute Engine: accelerated machines, groups, disks nobody has, reservations.

Everything here is pure: messages of the SDK become rows. *Ids* are as the detailed bill has them, by the project's and
the resource's number; names are aliases, as telemetry has them. A machine whose project's number is not known bears
its name instead, and does not meet the bill by itself.

*Accelerators* are those the machine type brings, by the catalogue; else those attached to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from aispend.prices.accelerators import instance_type
from aispend.resource_id import canonical
from collectors.gcp.listing import instant, last_of, region_of
from collectors.gcp.reservation_use import Day, counted
from collectors.machine_names import Held

Row = dict[str, Any]
OPERATIONS = (
    "compute.autoscalers.aggregatedList",
    "compute.disks.aggregatedList",
    "compute.instanceGroupManagers.aggregatedList",
    "compute.instances.aggregatedList",
    "compute.reservations.aggregatedList",
)
INSTANCE, DISK, GROUP, RESERVATION = "gce_instance", "gce_disk", "gce_instance_group", "gce_reservation"
_OVER = {"STOPPING", "STOPPED", "SUSPENDING", "SUSPENDED", "TERMINATED", "DEPROVISIONING"}
_WORKSTATION = "-vws"


@dataclass(frozen=True)
class Project:
    """A project: its id, and its number, by which the bill names what is in it; empty where it is not known."""

    id: str
    number: str = ""

    def resource(self, place: str, collection: str, number: int, name: str) -> str:
        """The id of something in a zone or region (``zones/us-central1-a``), as the bill writes it."""
        if self.number:
            return f"projects/{self.number}/{place}/{collection}/{number}"
        return f"projects/{self.id}/{place}/{collection}/{name}"


@dataclass(frozen=True)
class Hardware:
    """Accelerators of a machine: their canonical name, and how many; a fraction of one where it is shared."""

    accelerator_type: str | None
    accelerators: Decimal


def hardware(machine: str | None, attached: Iterable[tuple[str | None, int]] = ()) -> Hardware | None:
    """The accelerators of a machine type, or those ``attached`` to one (name and number); None where there are none.

    >>> hardware("n1-standard-8", [("nvidia-tesla-t4", 2)])
    Hardware(accelerator_type='nvidia-t4', accelerators=Decimal('2'))
    >>> hardware("e2-medium") is None
    True
    """
    known = instance_type("gcp", machine) if machine else None
    if known is not None and known.accelerators:
        return Hardware(known.accelerator_type, known.accelerators)
    listed = [(name, count) for name, count in attached if count]
    if not listed:
        return None
    named = {_accelerator(name) for name, _ in listed}
    return Hardware(named.pop() if len(named) == 1 else None, Decimal(sum(count for _, count in listed)))


def _accelerator(name: str | None) -> str | None:
    known = instance_type("gcp", name.lower().replace("_", "-").removesuffix(_WORKSTATION)) if name else None
    return known.accelerator_type if known else None


def of_instance(one: Any) -> Hardware | None:
    """The accelerators of an instance."""
    attached = [(last_of(card.accelerator_type), card.accelerator_count) for card in one.guest_accelerators]
    return hardware(last_of(one.machine_type), attached)


def resource_id(one: Any, project: Project) -> str:
    """The id of an instance."""
    return project.resource(f"zones/{last_of(one.zone)}", "instances", one.id, one.name)


def fleet(one: Any) -> str | None:
    """The node pool or group an instance belongs to, which would start it again."""
    if pool := one.labels.get("goog-k8s-node-pool-name"):
        return "/".join(filter(None, (one.labels.get("goog-k8s-cluster-name"), pool)))
    return last_of(made_by) if (made_by := group_of(one)) else None


def group_of(one: Any) -> str | None:
    """The managed group that made an instance, as its metadata names it: no bill has that."""
    made_by = next((item.value for item in one.metadata.items if item.key == "created-by"), "")
    return str(made_by) if "/instanceGroupManagers/" in made_by else None


def is_spot(one: Any) -> bool:
    """Whether an instance may be taken back at any time."""
    return bool(one.scheduling.provisioning_model == "SPOT" or one.scheduling.preemptible)


def runs(one: Any) -> bool:
    """Whether an instance runs, or is about to."""
    return one.status not in _OVER


def described(one: Any, project: Project) -> Row:
    """An instance as a row of an inventory, without names."""
    known = of_instance(one)
    return {
        "provider": "gcp",
        "resource_id": resource_id(one, project),
        "resource_name": one.name,
        "account": project.id,
        "region": region_of(last_of(one.zone)),
        "fleet": fleet(one),
        "instance_type": last_of(one.machine_type),
        "accelerator_type": known.accelerator_type if known else None,
        "accelerators": float(known.accelerators) if known else None,
    }


def held_names(one: Any, project: Project) -> Iterator[Held]:
    """What an instance is called: its number, its names within zone and project, its addresses within its network."""
    itself, zone, start = resource_id(one, project), last_of(one.zone), instant(one.creation_timestamp)
    if start is None:
        return
    path = f"projects/{project.id}/zones/{zone}/instances/{one.name}"
    hosts = (f"{one.name}.{zone}.c.{project.id}.internal", one.hostname)
    for name in {str(one.id), path, *hosts} - {"", itself}:
        yield Held(name.lower(), itself, itself, start)
    yield Held(one.name.lower(), itself, f"{project.id}/{zone}", start)
    for card in one.network_interfaces:
        if card.network_i_p:
            yield Held(card.network_i_p, itself, card.network or project.id, start)


def started(one: Any) -> datetime | None:
    """When an instance was started last."""
    return instant(one.last_start_timestamp) or instant(one.creation_timestamp)


def life(one: Any, project: Project) -> Row | None:
    """A row of ``resource_life``: from its last start to its last stop; None where that is not said."""
    start = started(one)
    end = None
    if start is None:
        return None
    if not runs(one):
        said = (instant(one.last_stop_timestamp), instant(one.last_suspended_timestamp))
        end = max((at for at in said if at is not None), default=None)
        if end is None or end <= start:
            return None
    return {
        "provider": "gcp",
        "resource_id": resource_id(one, project),
        "started_at": start,
        "ended_at": end,
        "method": "listing",
    }


# --------------------------------------------------------------------------------- histories


def row(itself: str, state: str | None, **details: Any) -> Row:
    """A row of a history; what is None is left out, times are text."""
    return {
        "provider": "gcp",
        "resource_id": itself,
        "state": state or None,
        "details": {name: _plain(value) for name, value in details.items() if value not in (None, "", [], {})},
    }


def instance_row(one: Any, project: Project) -> Row:
    """An instance that is there, running or not."""
    zone, known = last_of(one.zone), of_instance(one)
    affinity = one.reservation_affinity
    specific = affinity.consume_reservation_type == "SPECIFIC_RESERVATION"
    return row(
        resource_id(one, project),
        one.status,
        name=one.name,
        instance_type=last_of(one.machine_type),
        accelerator_type=known.accelerator_type if known else None,
        accelerators=_count(known),
        lifecycle="spot" if is_spot(one) else "on-demand",
        region=region_of(zone),
        zone=zone,
        fleet=fleet(one),
        tags=dict(one.labels) | ({"created-by": made_by} if (made_by := group_of(one)) else {}),
        capacity_reservation=", ".join(affinity.values) if specific else None,
        launched_at=started(one),
    )


def disk_row(one: Any, project: Project) -> Row:
    """A disk no machine has; Google says when it was detached, which a listing seen for the first time does not."""
    zone, region = last_of(one.zone), last_of(one.region)
    return row(
        project.resource(_place(zone, region), "disks", one.id, one.name),
        "unattached",
        name=one.name,
        size_gib=one.size_gb,
        volume_type=last_of(one.type_),
        iops=one.provisioned_iops or None,
        throughput=one.provisioned_throughput or None,
        region=region or region_of(zone),
        zone=zone,
        tags=dict(one.labels),
        created_at=instant(one.creation_timestamp),
        unattached_since=instant(one.last_detach_timestamp) or instant(one.creation_timestamp),
    )


def place_row(found: Mapping[str, Any], project: Project) -> Row:
    """A row of an inventory that says of what is in a history's row where it is, and no more."""
    return {
        "provider": "gcp",
        "resource_id": found["resource_id"],
        "resource_name": found["details"].get("name"),
        "account": project.id,
        "region": found["details"].get("region"),
    }


def reservation_row(one: Any, project: Project, use: Mapping[str, Day] | None = None) -> Row:
    """Reserved machines; those not in use are paid for and idle. ``use`` is what its series say, by day."""
    zone, given = last_of(one.zone), one.specific_reservation
    properties = given.instance_properties
    attached = [(last_of(card.accelerator_type), card.accelerator_count) for card in properties.guest_accelerators]
    known = hardware(properties.machine_type, attached)
    return row(
        project.resource(f"zones/{zone}", "reservations", one.id, one.name),
        one.status,
        name=one.name,
        instance_type=properties.machine_type,
        accelerator_type=known.accelerator_type if known else None,
        accelerators=_count(known),
        total=given.count,
        available=max(given.count - given.in_use_count, 0),
        use_by_day=counted(use or {}, given.count),
        region=region_of(zone),
        zone=zone,
        commitment=last_of(one.commitment),
        shared=one.share_settings.share_type not in ("", "LOCAL") or None,
        starts_at=instant(one.creation_timestamp),
        ends_at=instant(one.delete_at_time),
    )


def group_rows(groups: Iterable[Any], autoscalers: Iterable[Any], project: Project) -> list[Row]:
    """Managed groups and what they may hold."""
    limits = {canonical("gcp", one.target): one.autoscaling_policy for one in autoscalers if one.target}
    rows = []
    for one in groups:
        zone, region = last_of(one.zone), last_of(one.region)
        policy = limits.get(canonical("gcp", one.self_link))
        rows.append(
            row(
                project.resource(_place(zone, region), "instanceGroupManagers", one.id, one.name),
                "stable" if one.status.is_stable else "changing",
                name=one.name,
                min=policy.min_num_replicas if policy else None,
                max=policy.max_num_replicas if policy else None,
                desired=one.target_size,
                template=last_of(one.instance_template),
                region=region or region_of(zone),
                zone=zone,
            )
        )
    return rows


def _count(known: Hardware | None) -> str | None:
    return f"{known.accelerators.normalize():f}" if known else None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _place(zone: str | None, region: str | None) -> str:
    return f"zones/{zone}" if zone else f"regions/{region}"
