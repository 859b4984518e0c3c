"""Where a company's machines are: the zones and regions that prices, spot history and advice are asked for."""

from __future__ import annotations

from collections.abc import Collection

from collectors.gcp.clients import GcpClients
from collectors.gcp.listing import AT_ONCE, left_out

OPERATION = "compute.instances.aggregatedList"


class Places:
    """Zones with machines by project, asked once in a run; projects that may not be read are remarks."""

    def __init__(self, clients: GcpClients) -> None:
        self._clients = clients
        self._zones: dict[str, Collection[str]] = {}
        self.notes: list[str] = []
        self.refused: list[Exception] = []

    def zones(self, project: str) -> Collection[str]:
        """The zones of a project that have machines, sorted."""
        from google.api_core.exceptions import Forbidden

        if project not in self._zones:
            self._zones[project] = []
            try:
                self._zones[project] = self._listed(project)
            except Forbidden as error:
                self.notes.append(left_out(error, f"the zones of {project}"))
                self.refused.append(error)
        return self._zones[project]

    def regions(self) -> list[str]:
        """The regions of the settings; else those with machines, in all projects."""
        if self._clients.connection.regions:
            return list(self._clients.connection.regions)
        return sorted({zone.rpartition("-")[0] for project in self._clients.projects for zone in self.zones(project)})

    def _listed(self, project: str) -> list[str]:
        request = {"project": project, "max_results": AT_ONCE}
        pager = self._clients.compute("instances").aggregated_list(request=request)
        return sorted({scope.removeprefix("zones/") for scope, found in pager if found.instances})
