"""``aispend collect``: what every collector needs and none does itself.

Method
    Collectors run one after another, each under a lock of its own name. A slice whose change token is the one of its
    last success is left alone. Others are read into a folder that goes with the process, and written: files take the
    way of an import (rolled up, replaced whole), rows replace what the slice had. Only then is the token remembered,
    so that a run that is killed leaves the old slice or the new one and the next run goes on there.

Cases
    - A slice that cannot be read (damaged, being delivered) fails alone; a missing permission, an expired credential
      or a used-up budget ends its source. Neither stops the other sources, and neither touches what was there.
    - A delivery caught half-way is tried again a few times, then left to the next run as *waiting*.
    - Nothing where there was something before is an error, unless a person says that it is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aispend.clock import Clock
from aispend.errors import AccessError, AispendError, BudgetError, EmptyAnswerError, NotReadyError, StoreError
from aispend.store import collections
from aispend.store.locks import exclusive
from collectors.contract import (
    Collector,
    Files,
    History,
    Merge,
    Progress,
    Reading,
    Rows,
    Seen,
    Slice,
    Window,
    is_request,
)
from collectors.files.workfolder import work_folder

if TYPE_CHECKING:
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.files.telemetry_load import TelemetryReport

Outcome = Literal["loaded", "unchanged", "waiting", "failed"]
TRIES = 3
WAITS = (20.0, 60.0)
"""Seconds between tries of a delivery that is under way."""


@dataclass(frozen=True)
class SliceReport:
    """What became of one slice."""

    title: str
    outcome: Outcome
    rows: int = 0
    message: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class SourceReport:
    """What became of one source. ``requests`` counts by operation what was sent; ``error`` ended it early."""

    source: str
    slices: list[SliceReport] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether something of it could not be collected."""
        return self.error is not None or any(one.outcome == "failed" for one in self.slices)

    @property
    def loaded(self) -> int:
        """Slices that were read and written."""
        return self.count("loaded")

    @property
    def unchanged(self) -> int:
        """Slices that were what they had been."""
        return self.count("unchanged")

    @property
    def waiting(self) -> int:
        """Slices that are being delivered."""
        return self.count("waiting")

    @property
    def failures(self) -> int:
        """Slices that could not be collected."""
        return self.count("failed")

    @property
    def rows(self) -> int:
        """Rows written."""
        return sum(one.rows for one in self.slices if one.outcome == "loaded")

    @property
    def requests_sent(self) -> int:
        """Requests, retries included."""
        return sum(number for name, number in self.requests.items() if is_request(name))

    def count(self, outcome: Outcome) -> int:
        """How many slices ended so."""
        return sum(one.outcome == outcome for one in self.slices)


@dataclass(frozen=True)
class Source:
    """A collector with the counter of its connection's requests."""

    collector: Collector
    connection: str
    requests: Callable[[], Mapping[str, int]]
    """Requests sent since it was asked last, by operation."""


def collect(
    sources: Iterable[Source],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    window: Window | None = None,
    accept_empty: bool = False,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[SourceReport]:
    """Collect what changed from each source; ``window`` None means from each collector's reach to today."""
    runner = _Runner(store, settings, clock, accept_empty, progress, sleep)
    return [runner.source(source, window) for source in sources]


@dataclass(frozen=True)
class _Runner:
    store: Store
    settings: Settings
    clock: Clock
    accept_empty: bool
    progress: Progress | None
    sleep: Callable[[float], None]

    def source(self, source: Source, window: Window | None) -> SourceReport:
        """One source, whatever happens to it."""
        report = SourceReport(source.collector.name)
        began = self.clock()
        try:
            with _alone(self.store, source.collector.name):
                self._slices(source.collector, window or _reach(source.collector, began), report)
        except AispendError as error:
            report.error = str(error)
        except Exception as error:  # noqa: BLE001 - a defect in one source must not stop the others; it is reported
            report.error = f"Something went wrong that aispend did not expect: {type(error).__name__}: {error}"
        report.requests = dict(source.requests())
        with self.store.engine.begin() as connection:
            collections.count_requests(connection, source.connection, began.date(), report.requests)
        report.seconds = (self.clock() - began).total_seconds()
        return report

    def _slices(self, collector: Collector, window: Window, report: SourceReport) -> None:
        with self.store.engine.connect() as connection:
            known = collections.collected(connection, collector.name)
        seen = {key: Seen(one.change_token, one.collected_at, one.rows) for key, one in known.items()}
        if self.progress:
            self.progress(f"{collector.name}: looking", 0, None)
        for done, piece in enumerate(collector.slices(window, seen)):
            if self.progress:
                self.progress(f"{collector.name}: {piece.title}", done, None)
            before = seen.get(piece.key)
            if before is not None and before.token == piece.token:
                with self.store.engine.begin() as connection:
                    collections.remember(
                        connection, collector.name, piece.key, piece.token, rows=None, now=self.clock()
                    )
                report.slices.append(SliceReport(piece.title, "unchanged", before.rows))
                continue
            report.slices.append(self._slice(collector, piece, before))

    def _slice(self, collector: Collector, piece: Slice, before: Seen | None) -> SliceReport:
        try:
            with work_folder(self.settings.home / "work", "collect-") as folder:
                reading = self._read(collector, piece, folder)
                rows, notes = self._write(collector.name, piece, reading, before)
        except NotReadyError as error:
            self._failed(collector, piece, "waiting", error)
            return SliceReport(piece.title, "waiting", message=str(error))
        except (AccessError, BudgetError, StoreError) as error:
            self._failed(collector, piece, "failed", error)
            raise
        except AispendError as error:
            self._failed(collector, piece, "failed", error)
            return SliceReport(piece.title, "failed", message=str(error))
        return SliceReport(piece.title, "loaded", rows, notes=(*reading.notes, *notes))

    def _read(self, collector: Collector, piece: Slice, folder: Path) -> Reading:
        for wait in (*WAITS[: TRIES - 1], None):
            try:
                return collector.read(piece, folder, self.progress)
            except NotReadyError:
                if wait is None:
                    raise
                self.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _write(self, name: str, piece: Slice, reading: Reading, before: Seen | None) -> tuple[int, tuple[str, ...]]:
        counted = [_size(part) for part in reading.parts]
        right = self.accept_empty or reading.may_be_empty
        if before is not None and before.rows and not sum(counted) and not right:
            raise EmptyAnswerError(
                f"Nothing came, where there were {before.rows:,} rows on {before.at:%Y-%m-%d}.",
                where=f"{name}, {piece.title}",
                next_step="Look whether it was switched off. If nothing is right: aispend collect --accept-empty",
            )
        notes: list[str] = []
        rows = 0
        for part in reading.parts:
            if isinstance(part, Files):
                written, said = self._import(name, part)
                rows += written
                notes += said
        now = self.clock()
        with self.store.engine.begin() as connection:
            for part in reading.parts:
                match part:
                    case Rows():
                        rows += collections.replace_rows(connection, part.table, name, piece.key, part.rows)
                    case Merge():
                        rows += collections.merge_rows(connection, part.table, name, part.rows)
                        for listing in part.listings:
                            collections.end_unlisted(connection, name, listing, part.rows, now)
                    case History():
                        collections.write_history(
                            connection,
                            source=name,
                            kind=part.kind,
                            scope=part.scope,
                            rows=part.rows,
                            now=now,
                            running=part.running,
                        )
                        rows += len(part.rows)
            collections.remember(connection, name, piece.key, reading.token or piece.token, rows=rows, now=now)
        return rows, tuple(notes)

    def _import(self, name: str, part: Files) -> tuple[int, Sequence[str]]:
        """Files in a documented form; returns rows and remarks."""
        from collectors.files.bills import import_bills
        from collectors.files.inventory import import_inventory
        from collectors.files.metrics import import_metrics
        from collectors.files.usage import import_usage
        from collectors.files.workloads import import_workloads

        if not part.paths:
            return 0, ()
        given = (part.paths, self.store, self.settings, self.clock)
        match part.form:
            case "bills":
                source = f"{name} {part.export}".rstrip()
                bills = import_bills(*given, source=source, progress=self.progress)
                return sum(one.lines for one in bills), [note for one in bills for note in one.notes]
            case "inventory":
                found = import_inventory(*given, source=name, progress=self.progress, keep_past=True)
                return found.resources + found.aliases, found.notes
            case "metrics" | "usage" | "workloads":
                loads: dict[str, Callable[..., TelemetryReport]] = {
                    "metrics": partial(import_metrics, utilization_unit="percent"),  # as the form of collectors says
                    "usage": partial(import_usage, whole_places=part.whole_places),
                    "workloads": partial(import_workloads, whole_resources=part.whole_resources),
                }
                report = loads[part.form](*given, source=name, progress=self.progress)
                return report.rows_in, report.notes

    def _failed(self, collector: Collector, piece: Slice, outcome: Outcome, error: AispendError) -> None:
        with self.store.engine.begin() as connection:
            collections.remember_failure(
                connection, collector.name, piece.key, outcome=outcome, message=str(error), now=self.clock()
            )


def _size(part: Files | Rows | Merge | History) -> int:
    if isinstance(part, Files):
        return part.rows if part.rows is not None else len(part.paths)
    return len(part.rows)


def _reach(collector: Collector, now: datetime) -> Window:
    today = now.date()
    return Window(today - collector.reach, today + timedelta(days=1), usual=True)


@contextmanager
def _alone(store: Store, name: str) -> Iterator[None]:
    with store.engine.begin() as connection:
        exclusive(connection, f"collect {name}")
        yield
