"""How busy GPUs are, as Azure Monitor knows it: those of ML's online deployments and of its jobs.

Azure measures no GPU of a virtual machine, of a scale set or of AKS: their use is unknown, never nothing, and this says
so. DCGM's exporter with Prometheus measures them (``aispend import-metrics``).

*Drawbacks.* Of an online deployment Azure gives one number for each machine, so that one of its GPUs works alone is not
to be seen. Points of five minutes hide peaks within, but for those of memory, which are asked for. How much of
provisioned throughput is used is not here: the accounts that are listed have it (``inventory``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.azure import utilization_rows as gpu
from collectors.azure.access import PERMISSIONS, Access, Readable, left_out, limited, was_refused
from collectors.azure.base import THROTTLED, AzureCollector, explained, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph, Row
from collectors.azure.inventory_machines import MACHINES, MEMBERS
from collectors.azure.inventory_models import VARIANTS, WORKSPACES
from collectors.azure.metrics import OPERATION, Metrics, Place, Question, Resource, Series, Span, by_place
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window
from collectors.days import day_slices, today_and_before, without
from collectors.gpu_columns import COLUMNS
from collectors.table_file import table_file

_STEP = timedelta(seconds=gpu.STEP)
_ACTIONS = (
    "Microsoft.Insights/metrics/read",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/read",
    "Microsoft.MachineLearningServices/workspaces/read",
)
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


class Utilization(AzureCollector):
    """See the module's text."""

    kind = "utilization"
    reach = timedelta(days=30)
    restated_for = timedelta(days=1)
    operations = (PERMISSIONS, "arm.ListSubscriptions", "computeresources.Query", OPERATION, "resources.Query")

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._graph = Graph(clients)
        self._metrics = Metrics(clients)
        self._access = Access(clients)
        self._limited = False
        self._known: _There | None = None
        self._said = False

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first, where there is anything that Azure measures."""
        if self._there.places:
            scopes = self._readable.subscriptions
            days = day_slices(window, seen, self.clock(), self.kind, scopes=scopes, again=was_refused)
            for piece in days:
                if self._limited:
                    return
                yield piece

    def examine(self) -> Iterator[Finding]:
        """What is measured, and what is not."""
        from azure.core.exceptions import HttpResponseError

        try:
            with explained(self.name):
                try:
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
                    yield from (Finding("note", one) for one in (*there.remarks, *self._readable.remarks))
                except HttpResponseError as error:
                    yield self.denied(error)
        except AispendError as error:
            yield Finding("broken", error.what, error.next_step)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The points of one day, of all subscriptions and regions."""
        from azure.core.exceptions import HttpResponseError

        span = Span(*today_and_before(date.fromisoformat(piece.key), self.clock()), _STEP)
        there = self._there
        notes = [] if self._said else self._general
        self._said = True
        doubtful: gpu.LeftOut = Counter()
        refused: HttpResponseError | None = None
        lacking: set[Place] = set()
        path = folder / "utilization.parquet"
        with table_file(path, COLUMNS) as write:
            for place in there.places:
                if progress:
                    progress(f"{piece.title}: {', '.join(place)}", 0, None)
                cut: list[str] = []
                try:
                    deployments = there.deployments.get(place, [])
                    resources = [Resource(one.id, place[1]) for one in deployments]
                    found = self._series(resources, gpu.OF_DEPLOYMENTS, span, cut)
                    write(gpu.deployment_rows(found, deployments, doubtful))
                    found = self._series(there.workspaces.get(place, []), gpu.OF_JOBS, span, cut)
                    write(gpu.job_rows(found, doubtful))
                except HttpResponseError as error:
                    if status_of(error) == THROTTLED:
                        self._limited = True
                        raise limited(f"{self.name}, {piece.title}") from None
                    notes.append(left_out(error, f"Utilization in {', '.join(place)}", OPERATION))
                    refused = error
                    lacking.add(place)
                notes += cut
                lacking |= {place} if cut else set()
            written = write([])
        if refused is not None and lacking == set(there.places):
            raise refused
        return Reading(
            [Files("metrics", [path] if written else [], rows=written)],
            tuple(dict.fromkeys((*notes, *gpu.remarks(doubtful)))),
            may_be_empty=True,
            token=without(piece.token, [*self._readable.lacking, *map("/".join, lacking)]),
        )

    def _series(
        self, resources: Sequence[Resource], asked: Iterable[Question], span: Span, cut: list[str]
    ) -> Iterator[Series]:
        for one in asked if resources else ():
            yield from self._metrics.read(resources, one, span, cut)

    def _try_one(self, there: _There) -> None:
        """Ask for the metrics of one resource, which raises where they may not be read."""
        now = self.clock()
        span = Span(now - _STEP, now, _STEP)
        for place in there.places[:1]:
            one = there.workspaces.get(place) or [Resource(there.deployments[place][0].id, place[1])]
            asked = gpu.OF_JOBS if place in there.workspaces else gpu.OF_DEPLOYMENTS
            list(self._series(one[:1], asked[:1], span, []))

    @property
    def _general(self) -> list[str]:
        """Remarks on what no reading has."""
        there = self._there
        said = [f"{_UNMEASURED.format(there.machines)}. {_MEASURE}"] if there.machines else []
        return [*said, *there.remarks, *self._readable.remarks]

    @property
    def _readable(self) -> Readable:
        return self._access.readable(self.name, "Utilization", _ACTIONS)

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
        yield from self._graph.rows(table, query, self._readable.subscriptions)
