"""What may be rented where: which machine types the zones offer, and how many accelerators a project may run.

*Types.* Machine types with accelerators and those on Arm are listed for all zones at once, by family. One that is in
some zone of the answer, or in the catalogue, and not in those of a region is offered nowhere in it. A region of which a
zone did not answer is left out, and said.

*Quotas.* Limits of accelerators of each region, on demand and on spot, with what is used of them: those of the kinds
Compute Engine has a limit of its own for (:data:`LIMITED`); newer kinds are limited elsewhere, and stay unknown, as
does the limit of all regions together. A limit of nothing on spot is left out: then the other one may count.

*Slices* are projects, once a day: those without machines are not asked, regions are those of the settings, else all.
What may not be read is a remark, and asked again by the next run; where nothing may be read anywhere the source fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.contract import Merge, Part, Progress, Reading, Seen, Slice, Window
from collectors.gcp import places
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.listing import AT_ONCE, UnreachableError, left_out, named, region_of
from collectors.gcp.places import Places
from collectors.gcp.spot import types
from collectors.refusals import Refusals

Row = dict[str, Any]
TYPES, REGIONS = "compute.machineTypes.aggregatedList", "compute.regions.list"
_ARM = ("c4a", "t2a", "n4a")
LIMITED: Mapping[str, tuple[str, ...]] = {
    "NVIDIA_L4_GPUS": ("g2-standard-*",),
    "NVIDIA_A100_GPUS": ("a2-highgpu-*", "a2-megagpu-*"),
    "NVIDIA_A100_80GB_GPUS": ("a2-ultragpu-*",),
    "NVIDIA_H100_GPUS": ("a3-highgpu-*", "a3-edgegpu-*"),
}
"""Metrics of a region's quotas, and patterns of the machine types that have such accelerators."""

_SPOT = "PREEMPTIBLE_"


class Offerings(GcpCollector):
    """See the module's text."""

    kind = "offerings"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (TYPES, REGIONS, places.OPERATION)

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._places = Places(clients)
        self._refusals = Refusals[Exception]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per project; new every day."""
        today = f"{self.clock().date()}"
        for project in self.clients.projects:
            known = seen.get(project)
            self._refusals.read(known is not None and known.token == today)
            yield Slice(project, today, f"machine types and quotas of {project}")
        if refused := self._refusals.by_all:
            raise refused[0]

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """What one project is told of all regions."""
        from google.api_core.exceptions import Forbidden

        has_machines = bool(self._places.zones(piece.key))
        notes, self._places.notes = self._places.notes, []
        if piece.key in self._places.closed:
            self._refusals.add(self._places.closed[piece.key])
            return Reading([], tuple(notes), may_be_empty=True, token=f"{piece.token} refused")
        if not has_machines:
            self._refusals.read()
            return Reading([], tuple(notes), may_be_empty=True)
        parts: list[Part] = []
        read: tuple[tuple[str, Callable[[str, list[str]], Part]], ...] = (
            ("which types its zones offer", self._offered),
            ("how much its quotas grant", self._granted),
        )
        for what, ask in read:
            try:
                parts.append(ask(piece.key, notes))
            except Forbidden as error:
                notes.append(left_out(error, f"{piece.key}, {what}"))
                self._refusals.add(error)
        self._refusals.read(bool(parts))
        token = piece.token if parts else f"{piece.token} refused"
        return Reading(parts, tuple(notes), may_be_empty=True, token=token)

    def _offered(self, project: str, notes: list[str]) -> Part:
        request = {"project": project, "max_results": AT_ONCE, "filter": f'name eq "({"|".join(families())})-.*"'}
        listed: dict[str, set[str]] = defaultdict(set)
        silent: set[str] = set()
        for scope, found in self.clients.compute("machine_types").aggregated_list(request=request):
            zone = scope.removeprefix("zones/")
            if found.warning.code == "UNREACHABLE":
                silent.add(region_of(zone) or "")
                notes.append(left_out(UnreachableError(zone), f"{project}, which types its zones offer"))
            listed[zone] |= {one.name for one in named(found.machine_types, f"{self.clients.latest} of {project}")}
        rows = offering_rows(listed, project, self.clock(), silent)
        return Merge("type_offering", [row for row in rows if self._is_asked(row["region"])])

    def _granted(self, project: str, _notes: list[str]) -> Part:
        found = self.clients.compute("regions").list(request={"project": project, "max_results": AT_ONCE})
        regions = named(found, f"{self.clients.latest} of {project}")
        rows = [row for one in regions for row in quota_rows(one.name, one.quotas, project, self.clock())]
        return Merge("quota", [row for row in rows if self._is_asked(row["region"])])

    def _is_asked(self, region: str) -> bool:
        return region in (self.clients.connection.regions or (region,))


def families() -> list[str]:
    """The families of machine types that are asked for: with accelerators, and on Arm."""
    return sorted({*_ARM, *(name.split("-")[0] for name in types())})


def offering_rows(
    listed: Mapping[str, Collection[str]], project: str, now: datetime, silent: Collection[str] = ()
) -> list[Row]:
    """Rows of ``type_offering`` from machine types by zone, without the regions of which a zone was ``silent``.

    None where no zone has any: that is no answer.
    """
    zones: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for zone, names in listed.items():
        for name in names:
            zones[name][region_of(zone) or ""].add(zone)
    if not zones:
        return []
    regions = {region_of(zone) or "" for zone in listed} - {*silent, ""}
    return [
        {
            "provider": "gcp",
            "account": project,
            "region": region,
            "instance_type": name,
            "zones": sorted(zones[name][region]) if name in zones else [],
            "as_of": now,
        }
        for region in sorted(regions)
        for name in sorted({*zones, *types()})
    ]


def quota_rows(region: str, quotas: Iterable[Any], project: str, now: datetime) -> list[Row]:
    """Rows of ``quota`` from those of a region, for accelerators whose machine types are known."""
    return [
        {
            "provider": "gcp",
            "account": project,
            "region": region,
            "code": one.metric,
            "title": one.metric.replace("_", " ").capitalize(),
            "covers": list(LIMITED[metric]),
            "purchase": "spot" if is_spot else "on_demand",
            "unit": "accelerator",
            "granted": Decimal(repr(one.limit)),
            "used": Decimal(repr(one.usage)),
            "as_of": now,
        }
        for one in quotas
        for is_spot in (one.metric.startswith(_SPOT),)
        for metric in (one.metric.removeprefix(_SPOT),)
        if metric in LIMITED and (one.limit > 0 or (one.limit == 0 and not is_spot))
    ]
