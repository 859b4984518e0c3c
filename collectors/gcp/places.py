"""Where a company's machines are: the zones and regions that prices, spot history and advice are asked for.

Along the way it is seen which number the bill knows a machine by that others call by its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from collectors.gcp.clients import GcpClients
from collectors.gcp.listing import AT_ONCE, UnreachableError, left_out, named

OPERATION = "compute.instances.aggregatedList"
NUMBER = "cloudresourcemanager.projects.get"


class Places:
    """Zones with machines by project, asked once in a run.

    Projects that may not be read (``closed``) and those of which zones did not answer (``silent``) are remarks: of
    neither it is known where all their machines are.
    """

    def __init__(self, clients: GcpClients) -> None:
        self._clients = clients
        self._zones: dict[str, Collection[str]] = {}
        self._machines: dict[str, dict[tuple[str, str], int]] = {}
        self._named: dict[str, Mapping[str, str]] = {}
        self.notes: list[str] = []
        self.closed: dict[str, Exception] = {}
        self.silent: set[str] = set()

    def zones(self, project: str) -> Collection[str]:
        """The zones of a project that have machines, sorted."""
        from google.api_core.exceptions import Forbidden

        if project not in self._zones:
            try:
                self._zones[project] = self._listed(project)
            except Forbidden as error:
                self._zones[project] = []
                self.notes.append(left_out(error, f"the zones of {project}"))
                self.closed[project] = error
        return self._zones[project]

    def regions(self) -> list[str]:
        """The regions of the settings; else those with machines, in all projects."""
        if self._clients.connection.regions:
            return list(self._clients.connection.regions)
        return sorted({zone.rpartition("-")[0] for project in self._clients.projects for zone in self.zones(project)})

    def named(self, project: str) -> Mapping[str, str]:
        """The bill's ids of a project's machines by ids made of names; none where its number may not be read."""
        from google.api_core.exceptions import Forbidden

        if project not in self._named:
            machines = self._machines.get(project, {})
            try:
                number = self._clients.fetch(NUMBER, f"/v1/projects/{project}")["projectNumber"] if machines else ""
                self._named[project] = {
                    f"projects/{project}/{place}/{name}": f"projects/{number}/{place}/{one}"
                    for (zone, name), one in machines.items()
                    for place in (f"zones/{zone}/instances",)
                }
            except Forbidden as error:
                self.notes.append(left_out(error, f"the number of {project}"))
                self._named[project] = {}
        return self._named[project]

    def _listed(self, project: str) -> list[str]:
        request = {"project": project, "max_results": AT_ONCE}
        machines = self._machines.setdefault(project, {})
        for scope, found in self._clients.compute("instances").aggregated_list(request=request):
            zone = scope.removeprefix("zones/")
            if found.warning.code == "UNREACHABLE":
                self.silent.add(project)
                self.notes.append(left_out(UnreachableError(zone), f"the zones of {project}"))
            machines |= {(zone, one.name): one.id for one in named(found.instances, f"{OPERATION} of {project}")}
        return sorted({zone for zone, _ in machines})
