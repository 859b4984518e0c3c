"""What was committed: committed use discounts for resources (cores, memory, accelerators, local SSD) and for licences.

*Ids* are the commitment's own, by project, region and number. Google's bill does not name a commitment: it has fees and
credits, which meet in pools of a region and resource (docs/dialects.md). Each pool is a row too, by its id of the bill:
it ends when its commitments do, and at an unknown time where they end at several or not all projects could be read.
*Money* is in the bill alone: no listing tells it, nor what a spend-based commitment is of.

*Method.* All projects are listed once a day, with what is over. What a project may not list is a remark, and it is
asked again by the next run; where none may be listed the source fails. Whose usage a commitment covers hangs on whether
it is shared in the billing account, which no listing says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window
from collectors.gcp.base import GcpCollector
from collectors.gcp.listing import UnreachableError, instant, last_of, left_out, of_compute

LISTING = "compute.regionCommitments.aggregatedList"
Row = dict[str, Any]
_YEARS = {"TWELVE_MONTH": "1 year", "THIRTY_SIX_MONTH": "3 years", "SIXTY_MONTH": "5 years"}
_STATES = {"CANCELLED": "retired", "EXPIRED": "expired", "NOT_YET_ACTIVE": "queued", "CREATING": "queued"}
_POOL = "committed_use_pool"
_MIB_OF_GIB = 1024
_SERIES = {
    "GENERAL_PURPOSE": "n1",
    "COMPUTE_OPTIMIZED": "c2",
    "MEMORY_OPTIMIZED": "m1",
    "ACCELERATOR_OPTIMIZED": "a2",
    "ACCELERATOR_OPTIMIZED_A3": "a3",
    "ACCELERATOR_OPTIMIZED_A3_MEGA": "a3",
    "ACCELERATOR_OPTIMIZED_A3_ULTRA": "a3",
    "GRAPHICS_OPTIMIZED": "g2",
}
"""The series in the text of a commitment's fee, where the type's last word is not it."""

_GPU = re.compile(r"\b([a-z]{1,2}\d{1,3}[a-z]?|k80)\b")
"""What the bill's pools take from a GPU's name."""

_UNSET: Row = {
    "provider": "gcp",
    "currency": "USD",  # of no amount
    **dict.fromkeys(
        (
            *("owner_account", "benefits", "region", "instance_type", "quantity", "hourly_commitment"),
            *("upfront", "recurring_hourly", "payment_option", "starts_at", "ends_at"),
        )
    ),
}


class Commitments(GcpCollector):
    """See the module's text."""

    kind = "commitments"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (LISTING,)

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """One slice; new every day."""
        yield Slice("terms", f"{self.clock().date()}", "commitments")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """What all projects committed to."""
        from google.api_core.exceptions import Forbidden

        now = self.clock()
        rows: list[Row] = []
        fed: dict[str, list[Any]] = defaultdict(list)
        notes: list[str] = []
        refused: list[Exception] = []
        for done, project in enumerate(self.clients.projects):
            if progress:
                progress(f"{piece.title} of {project}", done, len(self.clients.projects))
            try:
                found = list(of_compute(self.clients, "region_commitments", project, "commitments"))
            except (Forbidden, UnreachableError) as error:
                notes.append(left_out(error, f"what {project} committed to"))
                refused.append(error)
                continue
            rows += terms(found, project, now)
            for one in found:
                if one.status == "ACTIVE":
                    for pool in pools(one):
                        fed[pool].append(one)
        if refused and len(refused) == len(self.clients.projects) and isinstance(refused[0], Forbidden):
            raise refused[0]
        rows += [pool_row(pool, feeding, now, whole=not refused) for pool, feeding in sorted(fed.items())]
        listings = [] if refused else [{"kind": _POOL}]  # a pool that nothing feeds any more is over
        token = f"{piece.token} in part" if refused else piece.token
        return Reading([Merge("commitment_term", rows, listings)], tuple(notes), may_be_empty=True, token=token)


def pools(one: Any) -> Iterator[str]:
    """The ids by which the bill knows what a commitment's fees and credits meet in."""
    region = last_of(one.region)
    series = _SERIES.get(one.type_, one.type_.rpartition("_")[2].lower())
    for resource in one.resources:
        if resource.type_ == "ACCELERATOR":
            named = _GPU.search(str(last_of(resource.accelerator_type)).replace("-", " "))
            of = f"gpu {named[1] if named else ''}"
        else:
            of = {"VCPU": f"{series} cpu", "MEMORY": f"{series} ram"}.get(resource.type_, "local ssd")
        yield f"cud {region} {of}"


def pool_row(pool: str, feeding: Sequence[Any], now: datetime, *, whole: bool) -> Row:
    """A row of ``commitment_term`` for what several commitments meet in."""
    ends = {instant(one.end_timestamp) for one in feeding}
    starts = [start for one in feeding if (start := instant(one.start_timestamp)) is not None]
    _, region, of = pool.split(" ", maxsplit=2)
    number = "1 commitment" if len(feeding) == 1 else f"{len(feeding)} commitments"
    return _UNSET | {
        "commitment_id": pool,
        "kind": _POOL,
        "description": f"{of} in {region}, {number}",
        "region": region,
        "starts_at": min(starts, default=now),
        "ends_at": ends.pop() if whole and len(ends) == 1 else None,
        "state": "active",
        "as_of": now,
    }


def terms(found: Iterable[Any], project: str, now: datetime) -> list[Row]:
    """Rows of ``commitment_term``; of a commitment to several resources the accelerators are its quantity."""
    rows = []
    for one in found:
        region = last_of(one.region)
        held = [_held(resource) for resource in one.resources]
        gpus = [resource for resource in one.resources if resource.type_ == "ACCELERATOR"]
        licence = last_of(one.license_resource.license_)
        what = [f"{count} {name}" for count, name in held] or (
            [f"{one.license_resource.amount} {licence}"] if licence else []
        )
        series = one.type_.lower().replace("_", " ")
        quantity = sum(gpu.amount for gpu in gpus) if gpus else one.license_resource.amount or None
        rows.append(
            _UNSET
            | {
                "commitment_id": f"projects/{project}/regions/{region}/commitments/{one.id or one.name}",
                "kind": "committed_use",
                "description": ", ".join(filter(None, (one.name, series, *what, _YEARS.get(one.plan, one.plan)))),
                "owner_account": project,
                "region": region,
                "instance_type": ", ".join(sorted({str(last_of(gpu.accelerator_type)) for gpu in gpus})) or None,
                "quantity": Decimal(quantity) if quantity is not None else _only(held),
                "payment_option": "renews itself" if one.auto_renew else None,
                "starts_at": instant(one.start_timestamp) or instant(one.creation_timestamp) or now,
                "ends_at": instant(one.end_timestamp),
                "state": _STATES.get(one.status, one.status.lower() or "active"),
                "as_of": now,
            }
        )
    return rows


def _held(resource: Any) -> tuple[Decimal, str]:
    """How much of what: vCPUs, GiB of memory or local SSD, accelerators of a type."""
    amount = Decimal(resource.amount)
    if resource.type_ == "MEMORY":
        return amount / _MIB_OF_GIB, "GiB"
    if resource.type_ == "LOCAL_SSD":
        return amount, "GiB local SSD"
    if resource.type_ == "ACCELERATOR":
        return amount, str(last_of(resource.accelerator_type))
    return amount, "vCPU"


def _only(held: list[tuple[Decimal, str]]) -> Decimal | None:
    """The quantity where there is one resource alone."""
    return held[0][0] if len(held) == 1 else None
