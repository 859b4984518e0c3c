"""How busy accelerators are, as Cloud Monitoring knows it: the Ops Agent on machines, GKE, Vertex AI's endpoints.

Google does not measure the GPUs of a plain machine without an agent in it: a machine without series is unknown, never
idle. So are GPUs that GKE's containers share in time, unless the node is measured.

| series | unit | becomes |
|---|---|---|
| Ops Agent ``agent.googleapis.com/gpu/*``, DCGM | percent, bytes, ratio | a row per machine, GPU and period |
| GKE ``kubernetes.io/{node,container}/accelerator/*`` | percent, bytes | the same, by the name of the node |
| Vertex AI ``…/prediction/online/accelerator/*`` | fraction from 0 to 1, bytes | of a replica, for each of its |

*Method.* A day at a time, of all projects; metrics without series in a project are asked for once in a run. Points of
five minutes: means, and for memory the highest too. Of days that are older than six weeks points of ten minutes.

*Drawbacks.* What Vertex AI gives is a mean over the accelerators of a replica. Devices without a number of their own
are numbered anew each day: in the order of their names as they are met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window
from collectors.days import today_and_before
from collectors.gcp import inventory_vertex as vertex
from collectors.gcp import monitoring
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.days import day_slices, token_of
from collectors.gcp.listing import left_out as said
from collectors.gcp.listing import of_rest
from collectors.gcp.monitoring import Series, Span
from collectors.gcp.utilization_rows import (
    COLUMNS,
    CONTAINERS,
    ENDPOINTS,
    MACHINES,
    NODES,
    Indexes,
    LeftOut,
    Meaning,
    Replicas,
    machine_rows,
    node_rows,
    remarks,
)
from collectors.table_file import Write, table_file

FINEST, COARSE = 300, 600
"""Seconds between points: of the last six weeks, and before."""

_AT_ONCE = timedelta(hours=6)
"""Of endpoints, whose replicas are put in order in memory."""


class Utilization(GcpCollector):
    """See the module's text."""

    kind = "utilization"
    reach = timedelta(days=30)
    restated_for = timedelta(days=1)
    operations = (vertex.ENDPOINTS, monitoring.OPERATION)

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._known: dict[tuple[str, str], bool] = {}
        self._each: dict[tuple[str, str], Mapping[str, int]] = {}
        self._answers: dict[str, bool] = {}
        self._unknown: list[str] = []

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first; a day that is over is asked for once, or until it is whole."""
        yield from day_slices(window, seen, self.clock(), "utilization", self._may_be_read)

    def examine(self) -> Iterator[Finding]:
        """Whether it can be read, and whether anything is measured."""
        yield from super().examine()
        try:
            with self.explained(self.name):
                measured = [project for project in self.clients.projects if self._asked(project, (MACHINES, NODES))]
        except AispendError:  # said above
            return
        if not measured:
            yield Finding(
                "note",
                "no machine publishes GPU metrics: their use is unknown",
                "Install the Ops Agent, or import what Prometheus has.",
            )

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The points of one day, of all projects."""
        from google.api_core.exceptions import Forbidden

        start, end = _aligned(*today_and_before(date.fromisoformat(piece.key), self.clock()))
        notes: list[str] = []
        lacking: set[str] = set()
        doubtful: LeftOut = Counter()
        refused: Forbidden | None = None
        path = folder / "utilization.parquet"
        with table_file(path, COLUMNS) as write:
            for done, project in enumerate(self.clients.projects):
                if progress:
                    progress(f"{piece.title}: {project}", done, len(self.clients.projects))
                errors: list[str] = []
                try:
                    if start < end:
                        self._project(project, (start, end), write, errors, doubtful)
                except Forbidden as error:
                    notes.append(said(error, f"utilization in {project}"))
                    lacking.add(project)
                    refused = error
                if errors:
                    notes.append(f"{project} is not whole: {errors[0]}")
                    lacking.add(project)
            written = write([])
        if refused is not None and lacking == set(self.clients.projects):
            raise refused
        return Reading(
            [Files("metrics", [path] if written else [], rows=written)],
            tuple(dict.fromkeys((*notes, *self._unknown, *remarks(doubtful)))),
            token=token_of(piece.token, lacking),
        )

    def _project(
        self,
        project: str,
        day: tuple[datetime, datetime],
        write: Write,
        errors: list[str],
        doubtful: LeftOut,
    ) -> None:
        start, end = day
        period = FINEST if self.clock() - start < monitoring.FULL_RATE else COARSE
        indexes = Indexes()
        nodes: set[str] = set()

        def read(meaning: Meaning, since: datetime = start, until: datetime = end) -> Iterator[Series]:
            return monitoring.read(self.clients, project, meaning.asked, Span(since, until, period), errors)

        for meaning in self._asked(project, (MACHINES,)):
            write(machine_rows(read(meaning), meaning, period, indexes, doubtful))
        for meaning in self._asked(project, (NODES,)):
            write(node_rows(_noted(read(meaning), nodes), meaning, period, indexes, doubtful))
        for meaning in self._asked(project, (CONTAINERS,)):
            alone = (one for one in read(meaning) if one.labels.get("node_name") not in nodes)
            write(node_rows(alone, meaning, period, indexes, doubtful))
        hosted = self._asked(project, (ENDPOINTS,))
        since = start
        while hosted and since < end:
            until = min(since + _AT_ONCE, end)
            replicas = Replicas()
            for meaning in hosted:
                replicas.add(read(meaning, since, until), meaning)
            each = self._accelerators(project, {name.split("/")[3] for name, _ in replicas.values})
            write(replicas.rows(each, period, doubtful))
            since = until

    def _asked(self, project: str, groups: tuple[tuple[Meaning, ...], ...]) -> list[Meaning]:
        """What there are series of in a project; asked once in a run for each metric."""
        return [one for group in groups for one in group if self._has(project, one.asked.metric)]

    def _has(self, project: str, metric: str) -> bool:
        key = (project, metric)
        if key not in self._known:
            now = self.clock()
            self._known[key] = monitoring.has_series(self.clients, project, metric, now - monitoring.FULL_RATE, now)
        return self._known[key]

    def _accelerators(self, project: str, locations: set[str]) -> dict[str, int]:
        """Accelerators of a replica by deployed model, asked once in a run for each location."""
        from google.api_core.exceptions import Forbidden

        found: dict[str, int] = {}
        for location in sorted(locations):
            if (project, location) not in self._each:
                url = vertex.vertex_url(project, location, "endpoints")
                pages = self.clients.pages(vertex.ENDPOINTS, url, pageSize=100)
                try:
                    rows = vertex.endpoint_rows(of_rest(pages, "endpoints"))
                    self._each[project, location] = vertex.accelerators_by_model(rows)
                except Forbidden as error:
                    self._unknown.append(said(error, f"how many accelerators a replica of {project}'s endpoints has"))
                    self._each[project, location] = {}
            found |= self._each[project, location]
        return found

    def _may_be_read(self, project: str) -> bool:
        """Whether a project answers by now; asked once in a run."""
        from google.api_core.exceptions import Forbidden

        if project not in self._answers:
            try:
                self._has(project, MACHINES[0].asked.metric)
                self._answers[project] = True
            except Forbidden:
                self._answers[project] = False
        return self._answers[project]


def _aligned(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """A day up to the last whole period, back from whose end Google counts periods."""
    over = (end - start) % timedelta(seconds=COARSE)
    return start, end - over


def _noted(found: Iterator[Series], nodes: set[str]) -> Iterator[Series]:
    """The series as they are; the nodes they name are added to ``nodes``."""
    for one in found:
        if node := one.labels.get("node_name"):
            nodes.add(node)
        yield one
