"""What was committed: committed use discounts for resources (cores, memory, accelerators, local SSD) and for licences.

*Ids* are the commitment's own, by project, region and number. Google's bill does not name a commitment: it has their
fees and credits, which meet in pools of a region and resource (docs/dialects.md), so these rows are terms to look at.
*Money* is in the bill alone: no listing tells it, nor what a spend-based commitment is of.

*Method.* Listed for each project, once a day, those that are over too. What a project may not list is a remark; where
none may be listed the source fails. Whose usage a commitment covers hangs on whether it is shared in the billing
account, which no listing says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.listing import UnreachableError, instant, last_of, left_out, of_compute

LISTING = "compute.regionCommitments.aggregatedList"
Row = dict[str, Any]
_YEARS = {"TWELVE_MONTH": "1 year", "THIRTY_SIX_MONTH": "3 years", "SIXTY_MONTH": "5 years"}
_STATES = {"CANCELLED": "retired", "EXPIRED": "expired", "NOT_YET_ACTIVE": "queued", "CREATING": "queued"}
_MIB_OF_GIB = 1024


class Commitments(GcpCollector):
    """See the module's text."""

    kind = "commitments"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (LISTING,)

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._refused: list[Exception] = []
        self._answered = False

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per project; new every day."""
        today = f"{self.clock().date()}"
        for project in self.clients.projects:
            known = seen.get(project)
            self._answered |= known is not None and known.token == today
            yield Slice(project, today, f"commitments of {project}")
        if self._refused and not self._answered:
            raise self._refused[0]

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """What one project committed to."""
        from google.api_core.exceptions import Forbidden

        project = piece.key
        try:
            rows = terms(of_compute(self.clients, "region_commitments", project, "commitments"), project, self.clock())
        except (Forbidden, UnreachableError) as error:
            if isinstance(error, Forbidden):
                self._refused.append(error)
            note = left_out(error, f"what {project} committed to")
            return Reading([], (note,), may_be_empty=True, token=f"{piece.token} refused")
        self._answered = True
        return Reading([Merge("commitment_term", rows)], may_be_empty=True)


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
            {
                "provider": "gcp",
                "commitment_id": f"projects/{project}/regions/{region}/commitments/{one.id or one.name}",
                "kind": "committed_use",
                "description": ", ".join(filter(None, (one.name, series, *what, _YEARS.get(one.plan, one.plan)))),
                "owner_account": project,
                "benefits": None,
                "region": region,
                "instance_type": ", ".join(sorted({str(last_of(gpu.accelerator_type)) for gpu in gpus})) or None,
                "quantity": Decimal(quantity) if quantity is not None else _only(held),
                "hourly_commitment": None,
                "upfront": None,
                "recurring_hourly": None,
                "currency": "USD",  # of no amount
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
