"""What collectors of Azure Monitor share: a slice for each day, of all subscriptions and regions that have series.

*Method.* What of a subscription may not be read is a remark, and its days are read again once it may. Where an answer
may be cut off, or is refused all the same, what came of it is kept and the day is asked for again. Where all is refused
the source fails; where Azure limits the rate of requests no more is asked in the run.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.azure.access import Access, Readable, left_out, limited
from collectors.azure.base import THROTTLED, AzureCollector, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph
from collectors.azure.metrics import OPERATION, Metrics, Place, Span
from collectors.base import finding_of
from collectors.contract import Finding, Part, Progress, Reading, Seen, Slice, Window
from collectors.days import day_slices, today_and_before, without
from collectors.table_file import Write, table_file


@dataclass
class Told:
    """What is to be said of a place: remarks, what was cut off, and whether what came is all there is."""

    notes: list[str]
    cut: list[str] = field(default_factory=list)
    whole: bool = True


class DailySeries(AzureCollector):
    """A collector of series; see the module's text."""

    restated_for = timedelta(days=1)
    title: ClassVar[str]
    """What it reads, as remarks begin."""
    actions: ClassVar[tuple[str, ...]]
    """What must be granted to read it in a subscription."""
    step: ClassVar[timedelta]
    columns: ClassVar[Mapping[str, str]]
    """Of the file of a day, and their types."""

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self.graph = Graph(clients)
        self.metrics = Metrics(clients)
        self._access = Access(clients)
        self._limited = False

    @property
    @abstractmethod
    def places(self) -> Sequence[Place]:
        """Where there is anything to ask about."""

    @abstractmethod
    def read_place(self, place: Place, span: Span, write: Write, told: Told) -> None:
        """Write what a place has of a day."""

    @abstractmethod
    def parts(self, paths: Sequence[Path], rows: int, whole: Collection[Place]) -> Sequence[Part]:
        """The parts of a day, whose file has so many rows; all there is of these places is among them."""

    @abstractmethod
    def look(self) -> Iterator[Finding]:
        """What the doctor says, raising what the SDK raises."""

    def remarks(self) -> Sequence[str]:
        """What is to be said before any place is read, once for each day."""
        return self.readable.remarks

    def closing(self) -> Sequence[str]:
        """What is to be said of the day that was read last."""
        return ()

    @property
    def readable(self) -> Readable:
        """The subscriptions it may be read of."""
        return self._access.readable(self.name, self.title, self.actions)

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first, where there is anything to ask about."""
        if self.places:
            scopes = self.readable.subscriptions
            for piece in day_slices(window, seen, self.clock(), self.kind, scopes=scopes, again=_was_refused):
                if self._limited:
                    return
                yield piece

    def examine(self) -> Iterator[Finding]:
        """See :meth:`look`."""
        from azure.core.exceptions import HttpResponseError

        try:
            with self.explained(self.name):
                try:
                    yield from self.look()
                except HttpResponseError as error:
                    yield self.denied(error)
        except AispendError as error:
            yield finding_of(error, self.name)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """What one day has, of all places."""
        from azure.core.exceptions import HttpResponseError

        span = Span(*today_and_before(date.fromisoformat(piece.key), self.clock()), self.step)
        notes = list(self.remarks())
        whole: list[Place] = []
        refused: HttpResponseError | None = None
        path = folder / f"{self.kind}.parquet"
        with table_file(path, self.columns) as write:
            for place in self.places:
                if progress:
                    progress(f"{piece.title}: {', '.join(place)}", 0, None)
                told = Told(notes)
                try:
                    self.read_place(place, span, write, told)
                except HttpResponseError as error:
                    if status_of(error) == THROTTLED:
                        self._limited = True
                        raise limited(f"{self.name}, {piece.title}") from None
                    notes.append(left_out(error, f"{self.title} in {', '.join(place)}", OPERATION))
                    refused = error
                    told.whole = False
                notes += told.cut
                whole += [place] if told.whole and not told.cut else []
            written = write([])
        if refused is not None and not whole:
            raise refused
        lacking = [*self.readable.lacking, *map("/".join, set(self.places) - set(whole))]
        return Reading(
            self.parts([path] if written else [], written, whole),
            tuple(dict.fromkeys((*notes, *self.closing()))),
            may_be_empty=True,
            token=without(piece.token, lacking),
        )


def _was_refused(_day: date, lacking: str, _at: datetime) -> bool:
    """Whether a day lacks places that were refused though they may be read; a subscription comes again by its scope."""
    return "/" in lacking
