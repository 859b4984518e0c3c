"""What all collectors of Google Cloud share: errors in words of what to do, and permissions proved by asking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from aispend.errors import AispendError
from collectors.base import MOST_EXAMINED, CloudCollector, finding_of
from collectors.contract import Finding
from collectors.gcp.clients import GcpClients
from collectors.gcp.errors import explained
from collectors.gcp.permissions import needed


class GcpCollector(CloudCollector):
    """One kind of fact from one connection; see ``collectors.contract.Collector``."""

    clients: GcpClients

    def explained(self, where: str) -> AbstractContextManager[None]:
        """See ``collectors.gcp.errors.explained``."""
        return explained(where, lambda: self.clients.latest)

    def examine(self) -> Iterator[Finding]:
        """See the contract. Here: Google is asked, for nothing, which of the permissions are held in each project.

        A collector adds what it alone knows.
        """
        try:
            with self.explained(self.name):
                found = list(self._missing())
                yield from found
                if not found:
                    yield Finding("good", "can be read")
        except AispendError as error:
            yield finding_of(error, self.name)

    def _missing(self) -> Iterator[Finding]:
        here = needed(self.operations, "project")
        if here:
            yield from self._lacking(self.clients.project, here)
        others = needed(self.operations, "organization")
        if others:
            for project in self.clients.projects[:MOST_EXAMINED]:
                yield from self._lacking(project, others)

    def _lacking(self, project: str, permissions: list[str]) -> Iterator[Finding]:
        held = self.clients.held(project, permissions)
        for name in permissions:
            if name not in held and not name.startswith("billing."):  # those are of billing accounts, not of projects
                yield missing(name, project)


def missing(permission: str, place: str) -> Finding:
    """The finding of a permission that is missing."""
    return Finding(
        "broken",
        f"the permission {permission} is missing in {place}",
        f"Grant {permission}: aispend policy gcp prints the roles.",
    )
