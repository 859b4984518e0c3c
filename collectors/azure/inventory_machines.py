"""What Resource Graph says of machines: accelerated virtual machines, scale sets, disks no machine has.

Machines with accelerators are those of the N families; a company's others are not asked for. How many accelerators a
size has is in the catalogue, else in Azure's own list of sizes, which counts them but does not say which they are.

A machine that is stopped but not deallocated is paid for like one that runs, and counts as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aispend.prices.accelerators import instance_type
from collectors.azure.graph import Row, name_of, subscription_of
from collectors.machine_names import Held

VM, SCALE_SET, DISK = "azure_vm", "azure_scale_set", "azure_disk"
UNATTACHED = "unattached"

_MACHINE = """ size = tostring(coalesce(properties.hardwareProfile.vmSize, sku.name))
 | where size startswith 'standard_n'
 | project id, name, location, zones, tags, size, managedBy,
   priority = tostring(properties.priority), power = tostring(properties.extended.instanceView.powerState.code),
   host = tostring(properties.osProfile.computerName), created = tostring(properties.timeCreated),
   scaleSet = tostring(properties.virtualMachineScaleSet.id),
   reserved = tostring(properties.capacityReservation.capacityReservationGroup.id) | order by id asc"""
MACHINES = f"| where type =~ 'microsoft.compute/virtualmachines' | extend{_MACHINE}"
MEMBERS = f"| where type =~ 'microsoft.compute/virtualmachinescalesets/virtualmachines' | extend{_MACHINE}"
SCALE_SETS = """| where type =~ 'microsoft.compute/virtualmachinescalesets'
 | extend size = tostring(coalesce(sku.name, properties.virtualMachineProfile.hardwareProfile.vmSize))
 | where size startswith 'standard_n'
 | project id, name, location, zones, tags, size, capacity = sku.capacity,
   mode = tostring(properties.orchestrationMode), priority = tostring(properties.virtualMachineProfile.priority)
 | order by id asc"""
DISKS = """| where type =~ 'microsoft.compute/disks' and isempty(managedBy)
 and tostring(properties.diskState) !in~ ('Attached', 'Reserved', 'ActiveSAS', 'Frozen')
 | project id, name, location, zones, tags, sku = tostring(sku.name), gib = properties.diskSizeGB,
   tier = tostring(properties.tier), iops = properties.diskIOPSReadWrite, mbps = properties.diskMBpsReadWrite,
   created = tostring(properties.timeCreated), owned = tostring(properties.LastOwnershipUpdateTime),
   state = tostring(properties.diskState) | order by id asc"""

_POOLS = (
    ("aks-managed-poolname", "aks-managed-cluster-name"),
    ("karpenter.sh/nodepool", "karpenter.azure.com/cluster"),
    ("karpenter.sh_nodepool", "karpenter.azure.com_cluster"),
)
"""Tags that name the pool of a node of AKS and the cluster; Azure's tags know no slash."""

Sizes = Mapping[str, Decimal]
"""Accelerators by size in lower case, as Azure counts them."""


def sizes(listed: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Accelerators of machine sizes from Azure's list of SKUs; sizes without any are left out.

    >>> gpus = {"name": "GPUs", "value": "2"}
    >>> sizes([{"resourceType": "virtualMachines", "name": "Standard_NC2x", "capabilities": [gpus]}])
    {'standard_nc2x': Decimal('2')}
    """
    found = {}
    for one in listed:
        for capability in one.get("capabilities") or ():
            if one.get("resourceType") == "virtualMachines" and capability.get("name") == "GPUs":
                found[str(one["name"]).lower()] = Decimal(str(capability.get("value") or 0))
    return found


def pool(tags: Mapping[str, str] | None) -> str | None:
    """The pool of an AKS cluster that tags name."""
    plain = {str(key).lower(): str(value) for key, value in (tags or {}).items() if value}
    for name, cluster in _POOLS:
        if plain.get(name):
            return "/".join(filter(None, (plain.get(cluster), plain[name])))
    return None


def scale_set_of(row: Row) -> str | None:
    """The id of the scale set a machine is of, in lower case; None for one by itself."""
    if row.get("scaleSet"):
        return str(row["scaleSet"]).lower()
    before, found, _ = str(row["id"]).lower().partition("/virtualmachines/")
    return before if found and "/virtualmachinescalesets/" in before else None


def fleet(row: Row, sets: Mapping[str, Row]) -> str | None:
    """The fleet of a machine: its pool of AKS, else its scale set by name."""
    owner = scale_set_of(row)
    return pool(row.get("tags")) or pool(sets.get(owner or "", {}).get("tags")) or (name_of(owner) if owner else None)


def state(row: Row) -> str:
    """What a machine does: running, stopped (which is paid for), deallocated …; unknown where Azure does not say."""
    return str(row.get("power") or "").rpartition("/")[2].lower() or "unknown"


def is_paid(row: Row) -> bool:
    """Whether a machine is paid for by the hour."""
    return state(row) not in ("deallocated", "deallocating")


def machine_rows(rows: Iterable[Row], sets: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Histories of machines."""
    return [
        history(
            row,
            state(row),
            instance_type=row["size"],
            lifecycle=(row.get("priority") or "Regular").lower().replace("regular", "on-demand"),
            fleet=fleet(row, sets),
            owner=row.get("managedBy") or scale_set_of(row),
            capacity_reservation=name_of(str(row["reserved"])) if row.get("reserved") else None,
            tags=dict(row.get("tags") or {}),
            created_at=row.get("created"),
        )
        for row in rows
    ]


def described(row: Row, sets: Mapping[str, Row], counted: Sizes) -> dict[str, Any]:
    """A machine as a row of an inventory, without names."""
    known = instance_type("azure", row["size"])
    accelerators = known.accelerators if known else counted.get(str(row["size"]).lower())
    return {
        "provider": "azure",
        "resource_id": row["id"],
        "resource_name": row["name"],
        "account": subscription_of(row["id"]),
        "region": row["location"],
        "fleet": fleet(row, sets),
        "instance_type": row["size"],
        "accelerator_type": known.accelerator_type if known else None,
        "accelerators": float(accelerators) if accelerators else None,
    }


def held_names(row: Row, now: datetime) -> Iterator[Held]:
    """The names a machine goes by, from when it was made: its host name, and the name Azure gives it."""
    start = instant(row.get("created")) or now
    members = scale_set_of(row) is not None and "/virtualmachinescalesets/" in str(row["id"]).lower()
    # members of a scale set are called by numbers, which mean nothing outside of it
    names = {str(row.get("host") or "").lower(), "" if members else str(row["name"]).lower()} - {""}
    for name in sorted(names):
        yield Held(name, row["id"], row["id"], start)


def scale_set_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Histories of scale sets and how many machines they are to have."""
    return [
        history(
            row,
            "in_service",
            instance_type=row["size"],
            desired=number(row.get("capacity")),
            mode=row.get("mode"),
            lifecycle=(row.get("priority") or "Regular").lower().replace("regular", "on-demand"),
            fleet=pool(row.get("tags")) or row["name"],
        )
        for row in rows
    ]


def disk_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Histories of disks no machine has. Disks of Azure say when that began, if it was after they were made."""
    return [
        history(
            row,
            UNATTACHED,
            size_gib=number(row.get("gib")),
            volume_type=row.get("sku"),
            tier=row.get("tier"),
            iops=number(row.get("iops")),
            throughput=number(row.get("mbps")),
            created_at=row.get("created"),
            unattached_since=row.get("owned") or row.get("created"),
            tags=dict(row.get("tags") or {}),
        )
        for row in rows
    ]


def history(row: Row, now: str | None, **details: Any) -> dict[str, Any]:
    """A row of a history; what is not known is left out."""
    told = {"region": row.get("location"), "zone": _zone(row), "name": row.get("name"), **details}
    return {
        "provider": "azure",
        "resource_id": row["id"],
        "state": now,
        "details": {name: value for name, value in told.items() if value not in (None, "", {}, [])},
    }


def instant(said: Any) -> datetime | None:
    """A time as Azure writes it, in UTC; None where there is none."""
    try:
        found = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def number(said: Any) -> int | str | None:
    """A count as JSON keeps it: exact."""
    return str(said) if isinstance(said, Decimal) else said


def _zone(row: Row) -> str | None:
    zones = row.get("zones") or []
    return ", ".join(f"{row.get('location')}-{zone}" for zone in zones) or None
