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
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.contract import Files, Finding, Part
from collectors.gcp import inventory_vertex as vertex
from collectors.gcp import monitoring
from collectors.gcp.clients import GcpClients
from collectors.gcp.daily import DailySeries
from collectors.gcp.listing import left_out, of_rest
from collectors.gcp.monitoring import Series, Span
from collectors.gcp.utilization_rows import (
    COLUMNS,
    CONTAINERS,
    ENDPOINTS,
    EVERY,
    MACHINES,
    NODES,
    Indexes,
    LeftOut,
    Replicas,
    machine_rows,
    node_rows,
    remarks,
)
from collectors.table_file import Write

FINEST, COARSE = 300, 600
"""Seconds between points: of the last six weeks, and before."""

_AT_ONCE = timedelta(hours=6)
"""Of endpoints, whose replicas are put in order in memory."""


class Utilization(DailySeries):
    """See the module's text."""

    kind = "utilization"
    operations = (vertex.ENDPOINTS, monitoring.OPERATION)
    columns = COLUMNS

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._each: dict[tuple[str, str], Mapping[str, int]] = {}
        self._unknown: list[str] = []
        self._doubtful: LeftOut = Counter()

    def metrics(self) -> Sequence[str]:
        """See the base."""
        return [one.asked.metric for one in EVERY]

    def examine(self) -> Iterator[Finding]:
        """Whether it can be read, and whether anything is measured."""
        yield from super().examine()
        wanted = {one.asked.metric for one in (*MACHINES, *NODES)}
        try:
            with self.explained(self.name):
                measured = any(self.has(project, one) for project in self.clients.projects for one in wanted)
        except AispendError:  # said above
            return
        if not measured:
            yield Finding(
                "note",
                "no machine publishes GPU metrics: their use is unknown",
                "Install the Ops Agent, or import what Prometheus has.",
            )

    def span(self, start: datetime, end: datetime) -> Span:
        """A day up to the last whole period, back from whose end Google counts periods."""
        self._doubtful.clear()
        period = FINEST if self.clock() - start < monitoring.FULL_RATE else COARSE
        return Span(start, end - (end - start) % timedelta(seconds=period), period)

    def parts(self, path: Path, rows: int) -> Sequence[Part]:
        """See the base."""
        return [Files("metrics", [path] if rows else [], rows=rows)]

    def remarks(self) -> Sequence[str]:
        """Points that cannot be true, and what is not known of endpoints."""
        return [*self._unknown, *remarks(self._doubtful)]

    def read_project(self, project: str, span: Span, write: Write, errors: list[str]) -> None:
        """See the base."""
        indexes = Indexes()
        nodes: set[str] = set()
        for meaning in MACHINES:
            found = self.series(project, meaning.asked, span, errors)
            write(machine_rows(found, meaning, span.period, indexes, self._doubtful))
        for meaning in NODES:
            found = _noted(self.series(project, meaning.asked, span, errors), nodes)
            write(node_rows(found, meaning, span.period, indexes, self._doubtful))
        for meaning in CONTAINERS:
            found = self.series(project, meaning.asked, span, errors)
            alone = (one for one in found if one.labels.get("node_name") not in nodes)
            write(node_rows(alone, meaning, span.period, indexes, self._doubtful))
        start = span.start
        while start < span.end:
            part = Span(start, min(start + _AT_ONCE, span.end), span.period)
            replicas = Replicas()
            for meaning in ENDPOINTS:
                replicas.add(self.series(project, meaning.asked, part, errors), meaning)
            each = self._accelerators(project, {name.split("/")[3] for name, _ in replicas.values})
            write(replicas.rows(each, span.period, self._doubtful))
            start = part.end

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
                    self._unknown.append(
                        left_out(error, f"how many accelerators a replica of {project}'s endpoints has")
                    )
                    self._each[project, location] = {}
            found |= self._each[project, location]
        return found


def _noted(found: Iterator[Series], nodes: set[str]) -> Iterator[Series]:
    """The series as they are; the nodes they name are added to ``nodes``."""
    for one in found:
        if node := one.labels.get("node_name"):
            nodes.add(node)
        yield one
