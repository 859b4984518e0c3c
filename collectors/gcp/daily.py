"""What collectors of Cloud Monitoring share: a slice for each day, of all projects, and projects that may not be read.

*Method.* A metric is asked for in a project only where it has a series, which is asked once in a run. A project that is
denied, or whose answer is not whole, is a remark: the day comes again once it answers. Where every project is denied
the source fails.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from aispend.clock import Clock
from collectors.contract import Part, Progress, Reading, Seen, Slice, Window
from collectors.days import day_slices, midnight, today_and_before, without
from collectors.gcp import monitoring
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.listing import left_out
from collectors.gcp.monitoring import Question, Series, Span
from collectors.table_file import Write, table_file


class DailySeries(GcpCollector):
    """A collector of series; see the module's text."""

    reach = timedelta(days=30)
    restated_for = timedelta(days=1)
    columns: ClassVar[Mapping[str, str]]
    """Of the file of a day, and their types."""

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._since = clock() - monitoring.FULL_RATE
        self._known: dict[tuple[str, str], bool] = {}
        self._answers: dict[str, bool] = {}

    @abstractmethod
    def read_project(self, project: str, span: Span, write: Write, errors: list[str]) -> None:
        """Write what a project has of a day; what Google could not read is added to ``errors``."""

    @abstractmethod
    def parts(self, path: Path, rows: int) -> Sequence[Part]:
        """The parts of a day, whose file has so many rows."""

    @abstractmethod
    def metrics(self) -> Sequence[str]:
        """The metrics that are asked for."""

    def span(self, start: datetime, end: datetime) -> Span:
        """How a day is asked for."""
        return Span(start, end, 3600)

    def remarks(self) -> Sequence[str]:
        """What else is to be said of the day that was read last."""
        return ()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first; a day that is over is asked for once, or until it is whole."""
        self._since = min(self._since, midnight(window.first))
        scopes = self.clients.projects
        yield from day_slices(window, seen, self.clock(), self.kind, scopes=scopes, again=self._answer_by_now)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The points of one day, of all projects."""
        from google.api_core.exceptions import Forbidden

        span = self.span(*today_and_before(date.fromisoformat(piece.key), self.clock()))
        notes: list[str] = []
        lacking: set[str] = set()
        refused: Forbidden | None = None
        path = folder / f"{self.kind}.parquet"
        with table_file(path, self.columns) as write:
            for done, project in enumerate(self.clients.projects):
                if progress:
                    progress(f"{piece.title}: {project}", done, len(self.clients.projects))
                errors: list[str] = []
                try:
                    if span.start < span.end:
                        self.read_project(project, span, write, errors)
                except Forbidden as error:
                    notes.append(left_out(error, f"{self.kind} in {project}"))
                    lacking.add(project)
                    refused = error
                if errors:
                    notes.append(f"{project} is not whole: {errors[0]}")
                    lacking.add(project)
            written = write([])
        if refused is not None and lacking == set(self.clients.projects):
            raise refused
        said = tuple(dict.fromkeys((*notes, *self.remarks())))
        return Reading(self.parts(path, written), said, token=without(piece.token, lacking))

    def series(self, project: str, asked: Question, span: Span, errors: list[str]) -> Iterator[Series]:
        """The series a question asks for; none where the metric has none in the project."""
        if self.has(project, asked.metric):
            yield from monitoring.read(self.clients, project, asked, span, errors)

    def has(self, project: str, metric: str) -> bool:
        """Whether a metric has series in a project; asked once in a run."""
        key = (project, metric)
        if key not in self._known:
            self._known[key] = monitoring.has_series(self.clients, project, metric, self._since, self.clock())
        return self._known[key]

    def _answer_by_now(self, _day: date, lacking: str, _at: datetime) -> bool:
        return any(self._may_be_read(project) for project in lacking.split(","))

    def _may_be_read(self, project: str) -> bool:
        """Whether a project answers by now; asked once in a run."""
        from google.api_core.exceptions import Forbidden

        if project not in self._answers:
            try:
                self.has(project, self.metrics()[0])
                self._answers[project] = True
            except Forbidden:
                self._answers[project] = False
        return self._answers[project]
