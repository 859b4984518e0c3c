"""What there is in Azure: accelerated machines and their names, disks nobody has, snapshots, endpoints, deployments.

*One slice* for each subscription. It has no change token; the hour of the clock stands for one, so that a second run
within the hour asks nothing. Resource Graph is asked about all subscriptions at once, one question for each kind of
thing, when the first slice is read.

*What may not be read* is left out by Resource Graph without a word, so what may be read is asked first: kinds that may
not are remarks, and what was known of them stays. Only where nothing at all may be read anywhere the source fails. An
empty listing is an answer: fleets go down to nothing.

*Known drawbacks.* Resource Graph knows no times of starting and stopping, so machines have no lives here: what is known
of their hours is what the bill says. Machines that live for minutes between two runs are not seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from aispend.clock import Clock
from aispend.errors import AispendError
from aispend.prices.accelerators import instance_type
from collectors.azure import inventory_machines as machines
from collectors.azure import inventory_models as models
from collectors.azure import inventory_snapshots as snapshots
from collectors.azure import throughput_use
from collectors.azure.access import GRANT, PERMISSIONS, Access, denied, left_out, nothing_may_be_read
from collectors.azure.base import ABSENT, AzureCollector, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph, Row, subscription_of
from collectors.azure.metrics import OPERATION as METRICS
from collectors.azure.metrics import Metrics, Resource, by_place
from collectors.base import finding_of
from collectors.contract import Files, Finding, History, Part, Progress, Reading, Seen, Slice, Window
from collectors.machine_names import Names
from collectors.refusals import Refusals
from collectors.table_file import table_file

RESOURCES, MEMBERS = "resources", "computeresources"
SIZES, COMPUTES, DEPLOYMENTS = "arm.ListMachineSizes", "arm.ListComputes", "arm.ListDeployments"
_SIZES_VERSION = "2021-07-01"

_TEXTS = ("resource_id", "alias", "resource_name", "account", "region", "fleet", "instance_type", "accelerator_type")
_COLUMNS = {
    "provider": "text",
    **dict.fromkeys(_TEXTS, "text"),
    "valid_from": "timestamp",
    "valid_to": "timestamp",
    "accelerators": "number",
}


class _Kind(NamedTuple):
    """Something that is listed: what a person calls it, what must be granted, how it is read."""

    title: str
    actions: tuple[str, ...]
    read: Callable[[str, list[dict[str, Any]], list[str]], list[Part]]
    """Reads a subscription: adds to the inventory's rows and to the remarks, and returns the parts."""


class Inventory(AzureCollector):
    """See the module's text."""

    kind = "inventory"
    reach = timedelta(days=1)
    restated_for = timedelta(0)
    operations = (
        COMPUTES,
        DEPLOYMENTS,
        METRICS,
        SIZES,
        PERMISSIONS,
        "arm.ListSubscriptions",
        *(f"{one}.Query" for one in ("accounts", "disks", "endpointdeployments", "endpoints", "machines")),
        *(f"{one}.Query" for one in ("scalesetmachines", "scalesets", "snapshots", "workspaces")),
    )

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._graph = Graph(clients)
        self._metrics = Metrics(clients)
        self._access = Access(clients)
        self._found: dict[str, dict[str, list[Row]] | Exception] = {}
        self._sizes: dict[str, machines.Sizes] = {}
        self._names = Names()
        self._refusals = Refusals[str]()
        compute, ml = "Microsoft.Compute", "Microsoft.MachineLearningServices/workspaces"
        ai = "Microsoft.CognitiveServices/accounts"
        self._kinds = (
            _Kind(
                "virtual machines",
                (
                    f"{compute}/virtualMachines/read",
                    f"{compute}/virtualMachineScaleSets/read",
                    f"{compute}/virtualMachineScaleSets/virtualMachines/read",
                ),
                self._machines,
            ),
            _Kind("disks", (f"{compute}/disks/read",), self._disks),
            _Kind("snapshots of disks", (snapshots.ACTION,), self._snapshots),
            _Kind(
                "online endpoints",
                (f"{ml}/onlineEndpoints/read", f"{ml}/onlineEndpoints/deployments/read"),
                self._endpoints,
            ),
            _Kind("computes of Machine Learning", (f"{ml}/read", f"{ml}/computes/read"), self._computes),
            _Kind("deployments of models", (f"{ai}/read", f"{ai}/deployments/read"), self._deployments),
        )

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per subscription."""
        hour = f"{self.clock():%Y-%m-%dT%H}"
        for one in self.clients.subscriptions:
            known = seen.get(one.id)
            self._refusals.read(known is not None and known.token == hour)
            yield Slice(one.id, hour, f"listing of {one.name}")
        if refused := self._refusals.by_all:
            raise nothing_may_be_read(self.name, refused)

    def examine(self) -> Iterator[Finding]:
        """What may be read in each subscription, and that Resource Graph answers."""
        from azure.core.exceptions import HttpResponseError

        try:
            with self.explained(self.name):
                try:
                    places = [(one, kind) for one in self.clients.subscriptions for kind in self._kinds]
                    lacking = [(*place, self._access.missing(place[0].id, place[1].actions)) for place in places]
                    if lacking and all(missing for *_, missing in lacking):
                        raise nothing_may_be_read(self.name, (name for *_, missing in lacking for name in missing))
                    for one, kind, missing in lacking:
                        if missing:
                            yield Finding("note", denied(f"What {one.name} has of {kind.title}", missing), GRANT)
                    machines_found = sum(map(len, self._rows(machines.VM).values()))
                    yield Finding(
                        "good", f"Resource Graph answers; {machines_found} virtual machines have accelerators"
                    )
                except HttpResponseError as error:
                    yield self.denied(error)
        except AispendError as error:
            yield finding_of(error, self.name)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """Everything of one subscription."""
        described: list[dict[str, Any]] = []
        parts: list[Part] = []
        notes: list[str] = []
        refused: list[str] = []
        for kind in self._kinds:
            if progress:
                progress(f"{piece.title}: {kind.title}", 0, None)
            if missing := self._access.missing(piece.key, kind.actions):
                notes.append(denied(kind.title.capitalize(), missing))
                refused += missing
                continue
            parts += kind.read(piece.key, described, notes)
        if refused and not parts:
            self._refusals.add(*refused)
            said = f"{piece.title} is unknown: nothing may be read there."
            return Reading([], (said,), may_be_empty=True, token=f"{piece.token} refused")
        self._refusals.read()
        if described:
            path = folder / "inventory.parquet"
            with table_file(path, _COLUMNS) as write:
                write({"provider": "azure", **row} for row in described)
            parts.insert(0, Files("inventory", [path], rows=len(described)))
        return Reading(parts, tuple(dict.fromkeys(notes)), may_be_empty=True)

    # -- kinds --------------------------------------------------------------------------------------------------------

    def _machines(self, account: str, described: list[dict[str, Any]], notes: list[str]) -> list[Part]:
        sets = {str(row["id"]).lower(): row for row in self._rows(machines.SCALE_SET)[account]}
        found = [
            row
            for row in (*self._rows(machines.VM)[account], *self._rows("members")[account])
            if not self._has_none(row["size"], row["location"], account, notes)
        ]
        counted = self._counted
        described += [machines.described(row, sets, counted) for row in found]
        held = [name for row in found for name in machines.held_names(row, self.clock())]
        described += [
            {
                "resource_id": one.resource_id,
                "alias": one.alias,
                "valid_from": one.start,
                "valid_to": one.end,
            }
            for one in self._names.meanings(self._names.add(held))
        ]
        running = frozenset(row["id"] for row in found if machines.is_paid(row))
        return [
            History(machines.VM, account, machines.machine_rows(found, sets), running),
            History(machines.SCALE_SET, account, machines.scale_set_rows(sets.values())),
        ]

    def _disks(self, account: str, described: list[dict[str, Any]], notes: list[str]) -> list[Part]:
        return [History(machines.DISK, account, machines.disk_rows(self._rows(machines.DISK)[account]))]

    def _snapshots(self, account: str, described: list[dict[str, Any]], notes: list[str]) -> list[Part]:
        return [History(snapshots.KIND, account, snapshots.snapshot_rows(self._rows(snapshots.KIND)[account]))]

    def _endpoints(self, account: str, described: list[dict[str, Any]], notes: list[str]) -> list[Part]:
        rows = models.endpoint_rows(self._rows(models.ENDPOINT)[account], self._rows("variants")[account])
        described += models.described(models.ENDPOINT, rows, self._counted)
        return [History(models.ENDPOINT, account, rows)]

    def _computes(self, account: str, described: list[dict[str, Any]], notes: list[str]) -> list[Part]:
        found: list[Mapping[str, Any]] = []
        for workspace in self._rows("workspaces")[account]:
            what = f"What {workspace['name']} has of computes"
            path, version = f"{workspace['id']}/computes", models.COMPUTES_VERSION
            if (listed := self._listed(path, version, what, COMPUTES, notes)) is None:
                return []  # what is known of the others stays, too: a listing is of the whole subscription
            found += listed
        rows = models.compute_rows(found)
        described += models.described(models.COMPUTE, rows, self._counted)
        return [History(models.COMPUTE, account, rows)]

    def _deployments(self, account: str, described: list[dict[str, Any]], notes: list[str]) -> list[Part]:
        accounts: list[dict[str, Any]] = []
        deployments: list[dict[str, Any]] = []
        for one in self._rows(models.ACCOUNT)[account]:
            what = f"What {one['name']} has of deployments"
            path, version = f"{one['id']}/deployments", models.DEPLOYMENTS_VERSION
            if (listed := self._listed(path, version, what, DEPLOYMENTS, notes)) is None:
                return []
            rows = models.deployment_rows(listed, one)
            deployments += rows
            accounts.append(models.account_row(one, rows))
        used = self._units_used(deployments, notes)
        for row in accounts:
            if days := used.get(str(row["resource_id"]).lower()):
                row["details"]["units_used_by_day"] = days
        return [History(models.ACCOUNT, account, accounts), History(models.DEPLOYMENT, account, deployments)]

    def _units_used(self, deployments: Iterable[Row], notes: list[str]) -> Mapping[str, Mapping[str, float]]:
        """How many units of throughput accounts used by day; a remark where metrics may not be read."""
        from azure.core.exceptions import HttpResponseError

        units: dict[str, dict[str, float]] = defaultdict(dict)
        regions: dict[str, str] = {}
        for one in deployments:
            details = one["details"]
            if details.get("model_units") is not None:
                account = str(details["account"]).lower()
                units[account][str(details["name"]).lower()] = float(details["model_units"])
                regions[account] = str(details["region"])
        found: dict[str, Mapping[str, float]] = {}
        for place, some in by_place(Resource(one, region) for one, region in regions.items()).items():
            try:
                found |= throughput_use.read(self._metrics, some, units, self.clock(), notes)
            except HttpResponseError as error:
                what = f"How much of provisioned throughput is used in {', '.join(place)}"
                notes.append(left_out(error, what, METRICS))
        return found

    # -- asking -------------------------------------------------------------------------------------------------------

    def _rows(self, what: str) -> dict[str, list[Row]]:
        """What Resource Graph has of a kind, by subscription, asked once in a run."""
        if what not in self._found:
            table, query = _QUERIES[what]
            ids = [one.id for one in self.clients.subscriptions]
            try:
                self._found[what] = _by_subscription(self._graph.rows(table, query, ids))
            except Exception as error:
                self._found[what] = error  # asked again for each subscription it would only take time
                raise
        found = self._found[what]
        if isinstance(found, Exception):
            raise found
        return found

    def _listed(
        self, path: str, version: str, what: str, operation: str, notes: list[str], **parameters: str
    ) -> list[Mapping[str, Any]] | None:
        """A listing of Azure's management plane; nothing of what was deleted, None with a remark where it is denied."""
        from azure.core.exceptions import HttpResponseError

        try:
            return list(self.clients.pages(path, api_version=version, **parameters))
        except HttpResponseError as error:
            if status_of(error) == ABSENT:
                return []
            notes.append(left_out(error, what, operation))
            return None

    def _has_none(self, size: str, region: str, account: str, notes: list[str]) -> bool:
        """Whether a size is known to have no accelerators."""
        if instance_type("azure", size) is not None:
            return False
        if region not in self._sizes:
            path = f"/subscriptions/{account}/providers/Microsoft.Compute/skus"
            what = f"How many accelerators the machines of {region} have"
            place = {"$filter": f"location eq '{region}'"}
            self._sizes[region] = machines.sizes(self._listed(path, _SIZES_VERSION, what, SIZES, notes, **place) or [])
        known = self._sizes[region]
        return bool(known) and size.lower() not in known

    @property
    def _counted(self) -> machines.Sizes:
        """Accelerators by size, as far as they had to be asked for."""
        return {size: count for known in self._sizes.values() for size, count in known.items()}


_QUERIES = {
    machines.VM: (RESOURCES, machines.MACHINES),
    "members": (MEMBERS, machines.MEMBERS),
    machines.SCALE_SET: (RESOURCES, machines.SCALE_SETS),
    machines.DISK: (RESOURCES, machines.DISKS),
    snapshots.KIND: (RESOURCES, snapshots.SNAPSHOTS),
    models.ENDPOINT: (RESOURCES, models.ENDPOINTS),
    "variants": (RESOURCES, models.VARIANTS),
    "workspaces": (RESOURCES, models.WORKSPACES),
    models.ACCOUNT: (RESOURCES, models.ACCOUNTS),
}


def _by_subscription(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[subscription_of(row["id"])].append(row)
    return found
