"""Snapshots of disks in Compute Engine, and the schedules that make and delete some of them.

Everything here but the reading of pages is pure. A snapshot that a schedule still deletes by its own plan is named with
it: while its disk has the schedule, or, where the disk is gone, if the schedule's plan outlives it. All of this is read
or nothing, so that no such snapshot looks like one nobody minds.

*Size.* Google says of each snapshot what it stores itself, compressed. The oldest there is of a disk, in one place and
chain, stores all that is in it; others store what changed, and what a restore of them would bring back is not said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from collectors.gcp.clients import GcpClients
from collectors.gcp.inventory_compute import Project, Row, row
from collectors.gcp.listing import AT_ONCE, UnreachableError, instant, last_of

KIND = "gce_snapshot"
LISTING, SCHEDULES = "compute.snapshots.list", "compute.resourcePolicies.aggregatedList"
OPERATIONS = (LISTING, SCHEDULES)
_OUTLIVES = "APPLY_RETENTION_POLICY"

Schedules = Mapping[str, frozenset[str]]
"""By number of a disk the names of the schedules it has; a disk without any is there too."""


def snapshots(clients: GcpClients, project: str) -> Iterator[Any]:
    """All snapshots of a project. Raises ``UnreachableError`` where a place did not answer."""
    request = {"project": project, "max_results": AT_ONCE}
    for page in clients.compute("snapshots").list(request=request).pages:
        if page.warning.code == "UNREACHABLE":
            raise UnreachableError("a place snapshots are kept in")
        yield from page.items


def schedules_of(disk: Any) -> frozenset[str]:
    """The names of the schedules a disk has."""
    return frozenset(str(last_of(policy)) for policy in disk.resource_policies)


def snapshot_rows(
    found: Iterable[Any], policies: Iterable[Any], disks: Schedules | None, project: Project
) -> list[Row]:
    """Rows of a history, in the words of every cloud's snapshots. ``disks`` None: nobody knows which there are."""
    listed = list(found)
    plans = {one.name: one.snapshot_schedule_policy.retention_policy.on_source_disk_delete for one in policies}
    whole = _oldest(listed)
    return [
        row(
            project.resource("global", "snapshots", one.id, one.name),
            one.status,
            name=one.name,
            volume=_volume(one),
            volume_gib=one.disk_size_gb or None,
            full_bytes=one.storage_bytes if one.id in whole and _is_known(one) else None,
            tier="archive" if one.snapshot_type == "ARCHIVE" else "standard",
            taken_at=instant(one.creation_timestamp),
            region=_place(one),
            schedule=_schedule(one, plans, disks),
            tags=dict(one.labels),
        )
        for one in listed
    ]


def _schedule(one: Any, plans: Mapping[str, str], disks: Schedules | None) -> str | None:
    """The schedule that will delete a snapshot; None where none will."""
    name = last_of(one.source_snapshot_schedule_policy)
    if not name or name not in plans:
        return None
    has = None if disks is None else disks.get(str(one.source_disk_id))
    if disks is None or (has is not None and name in has):
        return name
    return name if has is None and plans[name] == _OUTLIVES else None


def _oldest(found: Iterable[Any]) -> set[int]:
    """The numbers of those that are the oldest of their disk, place, chain and type."""
    chains: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for one in found:
        if one.status == "READY" and one.source_disk_id and one.creation_timestamp:
            chains[one.source_disk_id, _place(one) or "", one.chain_name, one.snapshot_type].append(one)
    return {min(those, key=_taken).id for those in chains.values()}


def _taken(one: Any) -> datetime:
    return datetime.fromisoformat(one.creation_timestamp)


def _volume(one: Any) -> str | None:
    """A disk by its number, as names are given again; a chain of its own is a lineage of its own."""
    return " ".join(filter(None, (str(one.source_disk_id or ""), one.chain_name))) or None


def _place(one: Any) -> str | None:
    """The region, or several (``us``), it is kept in."""
    return next(iter(one.storage_locations), None)


def _is_known(one: Any) -> bool:
    return one.storage_bytes_status in ("", "UP_TO_DATE") and one.storage_bytes > 0
