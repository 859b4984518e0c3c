"""What models answered, as Cloud Monitoring counts it: tokens, requests, failures and latencies by the hour.

Of publisher models (Gemini and partners') by project, location, model and tier; of endpoints of Vertex AI by deployed
model. See ``usage_rows`` for what counts as what.

*Unknown.* Input read from a cache is not told apart from other input: it is among the uncached, and how much of it is
cached is unknown. Metrics are of a project: they know no user, team or label of a request; the bill does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.contract import Files, Finding, Part
from collectors.gcp import monitoring
from collectors.gcp.clients import GcpClients
from collectors.gcp.daily import DailySeries
from collectors.gcp.monitoring import Span
from collectors.gcp.usage_rows import COLUMNS, EVERY, Counted
from collectors.table_file import Write

_CACHED = "Google does not tell cached input apart: it is counted with the uncached, and its number is unknown."


class Usage(DailySeries):
    """See the module's text."""

    kind = "usage"
    operations = (monitoring.OPERATION,)
    columns = COLUMNS

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._whole: set[tuple[str, str]] = set()
        self._input = self._said = False

    def metrics(self) -> Sequence[str]:
        """See the base."""
        return [one.metric for one in EVERY]

    def examine(self) -> Iterator[Finding]:
        """Whether it can be read, and whether any model answered."""
        yield from super().examine()
        try:
            with self.explained(self.name):
                answered = any(self.has(one, metric) for one in self.clients.projects for metric in self.metrics())
        except AispendError:  # said above
            return
        if answered:
            yield Finding("note", _CACHED)
        else:
            yield Finding("note", "no model and no endpoint has answered anything within six weeks")

    def parts(self, path: Path, rows: int) -> Sequence[Part]:
        """See the base."""
        places = sorted(self._whole)
        self._whole = set()
        return [Files("usage", [path] if rows else [], rows=rows, whole_places=places)]

    def remarks(self) -> Sequence[str]:
        """What is not told, once in a run."""
        if self._said or not self._input:
            return []
        self._said = True
        return [_CACHED]

    def read_project(self, project: str, span: Span, write: Write, errors: list[str]) -> None:
        """See the base."""
        counted = Counted()
        for question in EVERY:
            counted.add(question, self.series(project, question, span, errors))
        self._input |= counted.has_input
        rows = list(counted.rows(project))
        if not errors:
            self._whole |= {(project, row["region"]) for row in rows}
        write(rows)
