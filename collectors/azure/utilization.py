"""How busy GPUs are, as Azure Monitor knows it: those of ML's online deployments and of its jobs.

Azure measures no GPU of a virtual machine, of a scale set or of AKS: their use is unknown, never nothing, and this says
so. DCGM's exporter with Prometheus measures them (``aispend import-metrics``).

*Drawbacks.* Of an online deployment Azure gives one number for each machine, so that one of its GPUs works alone is not
to be seen. Points of five minutes hide peaks within, but for those of memory, which are asked for. How much of
provisioned throughput is used is not here: the accounts that are listed have it (``inventory``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from aispend.clock import Clock
from collectors.azure import utilization_rows as gpu
from collectors.azure.access import PERMISSIONS
from collectors.azure.clients import AzureClients
from collectors.azure.daily import DailySeries, Told
from collectors.azure.graph import Row
from collectors.azure.inventory_machines import MACHINES, MEMBERS
from collectors.azure.inventory_models import VARIANTS, WORKSPACES
from collectors.azure.metrics import OPERATION, Place, Question, Resource, Series, Span, by_place
from collectors.contract import Files, Finding, Part
from collectors.gpu_columns import COLUMNS
from collectors.table_file import Write

_UNMEASURED = "{} virtual machines have accelerators whose use Azure does not measure: it is unknown"
_MEASURE = "Let Prometheus scrape NVIDIA's DCGM exporter there, and import what it has (docs/telemetry.md)."


class _There(NamedTuple):
    """What there is to ask about, and remarks on what cannot be told."""

    deployments: dict[Place, list[gpu.Deployment]]
    workspaces: dict[Place, list[Resource]]
    remarks: tuple[str, ...]
    machines: int

    @property
    def places(self) -> list[Place]:
        """Where it is."""
        return sorted({*self.deployments, *self.workspaces})


class Utilization(DailySeries):
    """See the module's text."""

    kind = "utilization"
    title = "Utilization"
    reach = timedelta(days=30)
    operations = (
        *(PERMISSIONS, "arm.ListSubscriptions", OPERATION),
        *("endpointdeployments.Query", "machines.Query", "scalesetmachines.Query", "workspaces.Query"),
    )
    actions = (
        "Microsoft.Insights/metrics/read",
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read",
        "Microsoft.MachineLearningServices/workspaces/read",
    )
    step = timedelta(seconds=gpu.STEP)
    columns = COLUMNS

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._known: _There | None = None
        self._said = False
        self._doubtful: gpu.LeftOut = Counter()

    @property
    def places(self) -> Sequence[Place]:
        """Where there is anything that Azure measures."""
        return self._there.places

    def look(self) -> Iterator[Finding]:
        """What is measured, and what is not."""
        there = self._there
        if there.machines:
            yield Finding("note", _UNMEASURED.format(there.machines), _MEASURE)
        if not there.places:
            yield Finding("note", "there is no workspace of Machine Learning: Azure measures nothing else")
            return
        self._try_one(there)
        deployments = sum(map(len, there.deployments.values()))
        workspaces = sum(map(len, there.workspaces.values()))
        said = f"{deployments} online deployments with GPUs and the jobs of {workspaces} workspaces"
        yield Finding("good", f"can be read: {said}")
        yield from (Finding("note", one) for one in (*there.remarks, *self.readable.remarks))

    def remarks(self) -> Sequence[str]:
        """What no reading has, once in a run."""
        self._doubtful = Counter()
        if self._said:
            return ()
        self._said = True
        there = self._there
        said = [f"{_UNMEASURED.format(there.machines)}. {_MEASURE}"] if there.machines else []
        return [*said, *there.remarks, *self.readable.remarks]

    def read_place(self, place: Place, span: Span, write: Write, told: Told) -> None:
        """The points of one day."""
        there = self._there
        deployments = there.deployments.get(place, [])
        resources = [Resource(one.id, place[1]) for one in deployments]
        found = self._series(resources, gpu.OF_DEPLOYMENTS, span, told.cut)
        write(gpu.deployment_rows(found, deployments, self._doubtful))
        found = self._series(there.workspaces.get(place, []), gpu.OF_JOBS, span, told.cut)
        write(gpu.job_rows(found, self._doubtful))

    def closing(self) -> Sequence[str]:
        """What was left out."""
        return gpu.remarks(self._doubtful)

    def parts(self, paths: Sequence[Path], rows: int, whole: Collection[Place]) -> Sequence[Part]:
        """Utilization."""
        return [Files("metrics", paths, rows=rows)]

    def _series(
        self, resources: Sequence[Resource], asked: Iterable[Question], span: Span, cut: list[str]
    ) -> Iterator[Series]:
        for one in asked if resources else ():
            yield from self.metrics.read(resources, one, span, cut)

    def _try_one(self, there: _There) -> None:
        """Ask for the metrics of one resource, which raises where they may not be read."""
        now = self.clock()
        span = Span(now - self.step, now, self.step)
        for place in there.places[:1]:
            one = there.workspaces.get(place) or [Resource(there.deployments[place][0].id, place[1])]
            asked = gpu.OF_JOBS if place in there.workspaces else gpu.OF_DEPLOYMENTS
            list(self._series(one[:1], asked[:1], span, []))

    @property
    def _there(self) -> _There:
        """What there is, asked once in a run."""
        if self._known is None:
            variants = [row for row in self._rows("resources", VARIANTS) if row.get("size")]
            deployments = {
                one.id: one for row in variants if (one := gpu.deployment_of(str(row["id"]), row["size"])) is not None
            }
            places = by_place(
                Resource(str(row["id"]).lower(), row["location"])
                for row in variants
                if str(row["id"]).lower() in deployments
            )
            workspaces = (
                Resource(str(row["id"]).lower(), row["location"]) for row in self._rows("resources", WORKSPACES)
            )
            machines = sum(1 for table, query in (("resources", MACHINES), ("computeresources", MEMBERS))
                           for _ in self._rows(table, query))  # fmt: skip
            self._known = _There(
                {place: [deployments[one.id] for one in found] for place, found in places.items()},
                by_place(workspaces),
                tuple(
                    f"{row['id']}: utilization left out, since the number of its GPUs is unknown ({row['size']})."
                    for row in variants
                    if row["size"].lower().startswith("standard_n") and str(row["id"]).lower() not in deployments
                ),
                machines,
            )
        return self._known

    def _rows(self, table: str, query: str) -> Iterator[Row]:
        yield from self.graph.rows(table, query, self.readable.subscriptions)
