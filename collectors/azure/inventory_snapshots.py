"""What Resource Graph says of snapshots of managed disks, in the words of every cloud's snapshots.

*Lineage.* A disk is known by its unique number, since names are given again; where that is not told by its id. What was
copied from another snapshot, or uploaded, has none.

*Size.* Azure bills what is written, and says of a snapshot only how large its disk is, so what a restore brings back is
unknown. *Managed* ones (by a service, which deletes them by its own plan) name who manages them as their schedule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from collectors.azure.graph import Row, name_of
from collectors.azure.inventory_machines import history, number

KIND = "azure_snapshot"
ACTION = "Microsoft.Compute/snapshots/read"
SNAPSHOTS = """| where type =~ 'microsoft.compute/snapshots'
 | project id, name, location, tags, managedBy, sku = tostring(sku.name), gib = properties.diskSizeGB,
   incremental = tobool(properties.incremental), created = tostring(properties.timeCreated),
   source = tostring(properties.creationData.sourceResourceId),
   number = tostring(properties.creationData.sourceUniqueId), done = todouble(properties.completionPercent),
   state = tostring(properties.provisioningState) | order by id asc"""
_WHOLE = 100


def snapshot_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Histories of snapshots; one that is still being copied is not complete."""
    return [
        history(
            row,
            "Copying" if row.get("done") is not None and row["done"] < _WHOLE else row.get("state"),
            volume=_volume(row),
            volume_gib=number(row.get("gib")),
            storage=row.get("sku"),
            incremental=row.get("incremental"),
            taken_at=row.get("created"),
            schedule=name_of(row["managedBy"]) if row.get("managedBy") else None,
            tags=dict(row.get("tags") or {}),
        )
        for row in rows
    ]


def _volume(row: Row) -> str | None:
    source = str(row.get("source") or "").lower()
    return (row.get("number") or source or None) if "/disks/" in source else None
