"""What there is in Google Cloud: machines and the names telemetry calls them, disks, snapshots, endpoints, jobs.

*Two slices* for each project: what is listed, and what the audit log says of starts and ends (``lives``), which is read
on from where the last run came to. A listing has no change token; the hour of the clock stands for one, so that a
second run within the hour asks nothing. An empty listing is an answer: fleets go down to nothing.

*Parts* a project does without (no permission, a service not enabled, a zone that does not answer) are remarks, and what
was known of them stays. Only where nothing at all may be read anywhere the source fails.

*Names.* The bill names a machine by the numbers of its project and itself, telemetry by its name: a row of the
inventory for each name says whom it means.

*Known drawbacks.* Where the audit log may not be read, a machine that lives for minutes between two runs is not seen,
one that is gone ends when it was seen last, and one that was stopped and started in between has the newer of its lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.contract import Files, History, Merge, Part, Progress, Reading, Seen, Slice, Window
from collectors.gcp import inventory_compute as compute
from collectors.gcp import inventory_snapshots as stored
from collectors.gcp import inventory_vertex as vertex
from collectors.gcp import lives as audit
from collectors.gcp import monitoring, reservation_use
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.inventory_compute import Project, Row
from collectors.gcp.listing import is_off, last_of, of_compute, of_rest, unless_refused
from collectors.gcp.places import NUMBER
from collectors.gcp.reservation_use import ByDay
from collectors.machine_names import Held, Names
from collectors.refusals import Refusals
from collectors.table_file import table_file

_TEXTS = ("resource_id", "alias", "resource_name", "account", "region", "fleet", "instance_type", "accelerator_type")
_INVENTORY = {
    "provider": "text",
    **dict.fromkeys(_TEXTS, "text"),
    "valid_from": "timestamp",
    "valid_to": "timestamp",
    "accelerators": "number",
}
_WORKLOADS = {
    "timestamp": "timestamp",
    "period_seconds": "number",
    **dict.fromkeys(("resource_id", "workload", "kind", "stage", "outcome"), "text"),
    "accelerators_requested": "number",
}
_EVENTS = " events"
"""Ends the keys of slices of the audit log."""

Read = Callable[[Project, list[Row]], list[Part]]
"""Reads a part of a project: adds rows of the inventory to the list it is given, and returns the other parts."""


class Inventory(GcpCollector):
    """See the module's text."""

    kind = "inventory"
    reach = timedelta(days=1)
    restated_for = timedelta(0)
    operations = tuple(
        sorted(
            {NUMBER, audit.OPERATION, monitoring.OPERATION, *compute.OPERATIONS, *stored.OPERATIONS, *vertex.OPERATIONS}
        )
    )

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._names = Names()
        self._refusals = Refusals[Exception]()
        self._notes: list[str] = []
        self._places: dict[str, list[str]] = {}
        self._before: Mapping[str, Seen] = {}
        self._projects: dict[str, Project] = {}
        self._there: dict[str, dict[str, audit.Running]] = {}
        self._schedules: dict[str, stored.Schedules] = {}
        self._parts: tuple[tuple[str, Read], ...] = (
            ("machines", self._instances),
            ("groups of machines", self._groups),
            ("disks", self._disks),
            ("snapshots", self._snapshots),
            ("reservations", self._reservations),
            ("endpoints of Vertex AI", self._endpoints),
            ("jobs of Vertex AI", self._jobs),
            ("notebooks", self._notebooks),
            ("TPUs", self._tpus),
        )

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """Two slices per project, the listing first."""
        hour = f"{self.clock():%Y-%m-%dT%H}"
        self._before = dict(seen)
        for project in self.clients.projects:
            known = seen.get(project)
            self._refusals.read(known is not None and known.token == hour)
            yield Slice(project, hour, f"listing of {project}")
            read = seen.get(f"{project}{_EVENTS}")
            whole = read is not None and audit.is_whole(read.token, hour)
            yield Slice(f"{project}{_EVENTS}", read.token if read and whole else hour, f"audit log of {project}")
        if refused := self._refusals.by_all:
            raise refused[0]

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """Everything of one project, or what its audit log says."""
        notes: list[str] = []
        self._notes = notes
        if piece.key.endswith(_EVENTS):
            return self._events(self._project(piece.key.removesuffix(_EVENTS), notes), folder, piece.token)
        described: list[Row] = []
        parts: list[Part] = []
        self._jobs_file = folder / "jobs.parquet"
        project = self._project(piece.key, notes)
        answered = False
        for done, (what, read) in enumerate(self._parts):
            if progress:
                progress(f"{piece.title}: {what}", done, len(self._parts))
            made = unless_refused(lambda read=read: self._kept(read, project, described), what, notes)  # type: ignore[misc]
            if made is not None:
                parts += made
                answered = True
        self._refusals.read(answered)
        if not answered:
            return Reading([], tuple(notes), may_be_empty=True, token=f"{piece.token} refused")
        if described:
            with table_file(folder / "inventory.parquet", _INVENTORY) as write:
                write(described)
            parts.insert(0, Files("inventory", [folder / "inventory.parquet"], rows=len(described)))
        return Reading(parts, tuple(dict.fromkeys(notes)), may_be_empty=True)

    def _kept(self, read: Read, project: Project, described: list[Row]) -> list[Part]:
        """What a part says, and its rows of the inventory only where all of it was read."""
        from google.api_core.exceptions import Forbidden

        rows: list[Row] = []
        try:
            made = read(project, rows)
        except Forbidden as error:
            if not is_off(error):
                self._refusals.add(error)
            raise
        described += rows
        return made

    def _project(self, project: str, notes: list[str]) -> Project:
        """A project with its number, asked once in a run."""
        if project not in self._projects:
            read = lambda: [self.clients.fetch(NUMBER, f"/v1/projects/{project}")]  # noqa: E731
            found = unless_refused(read, f"the number of {project}, by which the bill calls its machines", notes)
            self._projects[project] = Project(project, str(found[0].get("projectNumber", "")) if found else "")
        return self._projects[project]

    # ----------------------------------------------------------------------- Compute Engine

    def _instances(self, project: Project, described: list[Row]) -> list[Part]:
        found = self._accelerated(project)
        described += [compute.described(one, project) for one in found]
        described += self._named(held for one in found for held in compute.held_names(one, project))
        running = frozenset(compute.resource_id(one, project) for one in found if compute.runs(one))
        rows = [compute.instance_row(one, project) for one in found]
        lives = [row for one in found if (row := compute.life(one, project)) is not None]
        return [History(compute.INSTANCE, project.id, rows, running), Merge("resource_life", lives)]

    def _accelerated(self, project: Project) -> list[Any]:
        """The machines with accelerators; others are not kept: a fleet may be large."""
        listed = of_compute(self.clients, "instances", project.id, "instances")
        found = [one for one in listed if compute.of_instance(one)]
        self._there[project.id] = {
            compute.resource_id(one, project): audit.Running(compute.started(one), compute.runs(one)) for one in found
        }
        return found

    def _events(self, project: Project, folder: Path, hour: str) -> Reading:
        """What the audit log says since it was read last; a remark where it may not be read."""
        until = self.clock() - audit.LATE
        before = self._before.get(f"{project.id}{_EVENTS}")
        reached = audit.reached_by(before.token) if before else None
        since = max(reached, until - audit.HISTORY) if reached else until - audit.HISTORY

        def read() -> list[Any]:
            if project.id not in self._there:
                self._accelerated(project)
            return [audit.entries(self.clients, project.id, since, until)]

        found = unless_refused(read, f"starts and ends of machines in {project.id}", self._notes)
        if found is None:
            return Reading([], tuple(self._notes), may_be_empty=True, token=audit.token_of(hour, reached, "refused"))
        ((entries, came_to, whole),) = found
        changed = audit.changes(entries)
        gone = audit.ends_of(changed)
        made = list(audit.launched(changed))
        rows = [compute.described(one, project) for one in made]
        rows += self._named(
            replace(held, end=gone.get(str(one.id))) for one in made for held in compute.held_names(one, project)
        )
        recorded = before.at if before and reached else None
        numbers = [str(one.id) for one in made]
        lived = list(audit.lives(changed, project, self._there[project.id], numbers, recorded))
        parts: list[Part] = [Merge("resource_life", lived)]
        if rows:
            with table_file(folder / "launched.parquet", _INVENTORY) as write:
                write(rows)
            parts.insert(0, Files("inventory", [folder / "launched.parquet"], rows=len(rows)))
        if not whole:
            said = f"The audit log is long: read up to {came_to:%Y-%m-%d %H:%M} UTC; the next run goes on from there."
            self._notes.append(said)
        token = audit.token_of(hour, came_to, "" if whole else "more")
        return Reading(parts, tuple(self._notes), may_be_empty=True, token=token)

    def _named(self, held: Iterable[Held]) -> list[Row]:
        """Rows of the inventory that name resources, as far as their names are certain."""
        aliases = self._names.add(held)
        return [
            {
                "provider": "gcp",
                "resource_id": one.resource_id,
                "alias": one.alias,
                "valid_from": one.start,
                "valid_to": one.end,
            }
            for one in self._names.meanings(aliases)
        ]

    def _groups(self, project: Project, described: list[Row]) -> list[Part]:
        scalers = list(of_compute(self.clients, "autoscalers", project.id, "autoscalers"))
        groups = of_compute(self.clients, "instance_group_managers", project.id, "instance_group_managers")
        return [History(compute.GROUP, project.id, compute.group_rows(groups, scalers, project))]

    def _disks(self, project: Project, described: list[Row]) -> list[Part]:
        schedules: dict[str, frozenset[str]] = {}
        rows = []
        for one in of_compute(self.clients, "disks", project.id, "disks"):
            schedules[str(one.id)] = stored.schedules_of(one)
            if not one.users:
                rows.append(compute.disk_row(one, project))
        self._schedules[project.id] = schedules
        described += [compute.place_row(row, project) for row in rows]
        return [History(compute.DISK, project.id, rows)]

    def _snapshots(self, project: Project, described: list[Row]) -> list[Part]:
        found = stored.snapshots(self.clients, project.id)
        policies = of_compute(self.clients, "resource_policies", project.id, "resource_policies")
        rows = stored.snapshot_rows(found, policies, self._schedules.get(project.id), project)
        described += [compute.place_row(row, project) for row in rows]
        return [History(stored.KIND, project.id, rows)]

    def _reservations(self, project: Project, described: list[Row]) -> list[Part]:
        found = list(of_compute(self.clients, "reservations", project.id, "reservations"))
        use = self._use_of_reservations(project) if found else {}
        rows = [compute.reservation_row(one, project, use.get(str(one.id))) for one in found]
        described += [compute.place_row(row, project) for row in rows]
        return [History(compute.RESERVATION, project.id, rows)]

    def _use_of_reservations(self, project: Project) -> ByDay:
        """What their series say; nothing, and a remark, where they may not be read or not wholly."""
        what, errors = "how much of the reservations is used", list[str]()
        read = lambda: [reservation_use.read(self.clients, project.id, self.clock(), errors)]  # noqa: E731
        found = unless_refused(read, what, self._notes)
        if errors:
            self._notes.append(f"{what} is not whole: {errors[0]}")
        return found[0] if found and not errors else {}

    # ------------------------------------------------------------------- Vertex AI and TPUs

    def _locations(self, project: Project) -> list[str]:
        """Locations of Vertex AI, asked once for each project."""
        if project.id not in self._places:
            url = f"/{vertex.VERTEX_VERSION}/projects/{project.id}/locations"
            found = of_rest(self.clients.pages(vertex.LOCATIONS, url), "locations")
            self._places[project.id] = [str(one.get("locationId") or last_of(one["name"])) for one in found]
        return self._places[project.id]

    def _of_vertex(self, project: Project, operation: str, field: str, **asked: str) -> Iterator[Mapping[str, Any]]:
        from google.api_core.exceptions import BadRequest, MethodNotImplemented, NotFound

        for location in self._locations(project):
            url = vertex.vertex_url(project.id, location, field)
            try:
                yield from of_rest(self.clients.pages(operation, url, pageSize=100, **asked), field)
            except (BadRequest, MethodNotImplemented, NotFound):
                continue  # not every location has everything

    def _endpoints(self, project: Project, described: list[Row]) -> list[Part]:
        rows = vertex.endpoint_rows(self._of_vertex(project, vertex.ENDPOINTS, "endpoints"))
        described += vertex.endpoint_inventory(rows, project)
        described += self._named(held for one in rows for held in vertex.endpoint_names(one, project))
        return [History(vertex.ENDPOINT, project.id, rows)]

    def _jobs(self, project: Project, described: list[Row]) -> list[Part]:
        now = self.clock()
        asked = self._of_vertex(project, vertex.JOBS, "customJobs", filter=vertex.jobs_filter(now))
        lives: list[Row] = []
        with table_file(self._jobs_file, _WORKLOADS) as write:
            for job in asked:
                count = write(vertex.workloads(job, now))
                if (life := vertex.job_life(job)) is not None:
                    lives.append(life)
            count = write([])
        parts: list[Part] = [Merge("resource_life", lives)]
        if count:
            parts.insert(0, Files("workloads", [self._jobs_file], rows=count, whole_resources=True))
        return parts

    def _notebooks(self, project: Project, described: list[Row]) -> list[Part]:
        url = f"/{vertex.NOTEBOOKS_VERSION}/projects/{project.id}/locations/-/instances"
        found = of_rest(self.clients.pages(vertex.NOTEBOOKS, url, pageSize=500), "instances")
        rows = vertex.notebook_rows(found)
        described += [compute.place_row(row, project) for row in rows]
        return [History(vertex.NOTEBOOK, project.id, rows)]

    def _tpus(self, project: Project, described: list[Row]) -> list[Part]:
        url = f"/{vertex.TPU_VERSION}/projects/{project.id}/locations/-/nodes"
        rows = vertex.node_rows(of_rest(self.clients.pages(vertex.NODES, url, pageSize=500), "nodes"))
        described += vertex.node_inventory(rows, project)
        return [History(vertex.TPU, project.id, rows)]
