"""What the telemetry imports share: the report, the limit on unreadable rows, the way from DuckDB into the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Table

from aispend.clock import Clock
from aispend.engine.line import literal
from aispend.errors import InputError
from aispend.prices.models import canonical_model
from aispend.store import Store
from aispend.store import telemetry as store_telemetry
from aispend.store.locks import exclusive
from aispend.store.telemetry import DayCount, Facts, Origin, RejectedRow
from collectors.files.telemetry_files import TelemetryFile, change_token
from collectors.files.telemetry_scan import Reading, Workspace

Progress = Callable[[str, int, int | None], None]

MAX_REJECTED_PER_THOUSAND = 5
_ALWAYS_TOLERATED = 3
_KEPT_OF_REFUSED = 1000


@dataclass
class TelemetryReport:
    """What an import did. ``notes`` are sentences for a person; ``rejects`` the rows kept aside.

    ``totals`` are the quantities counted per unit class (usage only).
    """

    kind: str
    source: str
    outcome: Literal["loaded", "unchanged"]
    files: list[str]
    rows_in: int = 0
    rows_out: int = 0
    first_day: date | None = None
    last_day: date | None = None
    rejects: list[RejectedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rows_rejected(self) -> int:
        """Rows that could not be read."""
        return len(self.rejects)


@dataclass(frozen=True)
class Rollup:
    """Facts in DuckDB: a table with ``columns`` and ``day``.

    Hours of equal ``series`` columns replace what they cover; without series the facts add. ``rows_in`` counts the
    user's rows per UTC day. ``quality`` is the column that says how well an hour is known.
    """

    scope: str
    relation: str
    table: Table
    columns: tuple[str, ...]
    rows_in: Mapping[date, int]
    series: tuple[str, ...] = ()
    quality: str | None = None

    def export(self, space: Workspace) -> Facts:
        """Write the facts, with the slices in the table ``slice_of``, where the database can take them."""
        source = f"FROM {self.relation} JOIN slice_of USING (day)"
        file = export_csv(space, f"SELECT slice_id, {', '.join(self.columns)} {source}", f"{self.relation}-facts")
        if not self.series:
            return Facts(self.table, self.columns, file)
        series = ", ".join(self.series)
        windows = f"SELECT slice_id, {series}, min(hour), max(hour) {source} GROUP BY ALL"
        return Facts(
            self.table,
            self.columns,
            file,
            self.series,
            export_csv(space, windows, f"{self.relation}-windows"),
            self.quality,
        )


@dataclass
class Import:
    """One running import: where it comes from, what it read and, so far, wrote."""

    kind: str
    source: str
    files: Sequence[TelemetryFile]
    token: str
    clock: Clock
    origin: Origin
    notes: list[str]
    days: set[date] = field(default_factory=set)
    rows_out: int = 0
    worse_hours: int = 0

    @classmethod
    def begin(
        cls, kind: str, source: str, files: Sequence[TelemetryFile], notes: list[str], clock: Clock, *options: str
    ) -> Import:
        """Start the record of an import; ``options`` are everything else that decides its result."""
        token = change_token(files, kind, source, *options)
        infos = [{"name": file.shown_as, "bytes": file.size, "sha256": file.sha256} for file in files]
        dataset = "+".join(sorted({file.format for file in files}))
        return cls(kind, source, files, token, clock, Origin(source, dataset, token, infos, clock()), notes)

    def unchanged(self, store: Store, scopes: Sequence[str]) -> TelemetryReport | None:
        """The report of an import whose very content is what its days hold already, else None."""
        with store.engine.connect() as connection:
            if not store_telemetry.is_loaded(connection, self.kind, scopes, self.token):
                return None
        report = TelemetryReport(self.kind, self.source, "unchanged", [file.shown_as for file in self.files])
        report.notes = [*self.notes, "The same content was loaded before; nothing was changed."]
        return report

    def accept(self, store: Store, space: Workspace, reading: Reading) -> None:
        """Refuse an import of which too much could not be read, or which holds nothing.

        Raises ``InputError``, after keeping the record of the refusal and its rows.
        """
        self.notes.extend(reading.notes)
        rejects = reading.rejects
        tolerated = max(_ALWAYS_TOLERATED, reading.rows_in * MAX_REJECTED_PER_THOUSAND // 1000)
        accepted = space.value("SELECT count(*) FROM record")
        if len(rejects) > tolerated or (rejects and not accepted):
            kept = replace(self.origin, rejects=tuple(rejects[:_KEPT_OF_REFUSED]), flags=tuple(self.notes))
            with store.engine.begin() as connection:
                store_telemetry.record_refused(connection, kept, reading.rows_in, self.clock)
            raise InputError(
                f"{len(rejects):,} of {reading.rows_in:,} rows cannot be read; nothing was loaded.",
                where="; ".join(map(str, rejects[:3])),
                next_step=f"Correct the file; up to {MAX_REJECTED_PER_THOUSAND} rows in a thousand may be unreadable.",
            )
        if not accepted:
            raise InputError(
                "There is a header but no row.",
                where=", ".join(file.shown_as for file in self.files),
                next_step="Export the period again; an empty file is never taken for 'no use'.",
            )

    def save(
        self, connection: Connection, space: Workspace, rollup: Rollup, rejects: Sequence[RejectedRow]
    ) -> dict[date, int]:
        """Write a roll-up with its load records, the first of which keeps ``rejects``; returns its slices.

        The caller holds :meth:`lock`.
        """
        origin = replace(self.origin, rejects=tuple(rejects), flags=tuple(self.notes))
        rows_out = dict(space.rows(f"SELECT day, count(*) FROM {rollup.relation} GROUP BY day"))
        days = sorted({*rows_out, *rollup.rows_in})
        slices = store_telemetry.open_slices(
            connection, origin, days, kind=self.kind, scope=rollup.scope, now=self.clock()
        )
        space.engine.execute(
            "CREATE OR REPLACE TABLE slice_of AS SELECT unnest($1::DATE[]) AS day, unnest($2::INTEGER[]) AS slice_id",
            [list(slices), list(slices.values())],
        )
        self.worse_hours += store_telemetry.replace_facts(connection, rollup.export(space))
        counts = [DayCount(slices[day], rollup.rows_in.get(day, 0), rows_out.get(day, 0)) for day in days]
        store_telemetry.record_loaded(connection, origin, counts, self.clock)
        self.days.update(days)
        self.rows_out += sum(rows_out.values())
        return slices

    def lock(self, connection: Connection) -> None:
        """One import of a kind and source at a time."""
        exclusive(connection, f"import {self.kind} {self.source}")

    def report(self, reading: Reading) -> TelemetryReport:
        """The report of a finished import."""
        if self.worse_hours:
            self.notes.append(
                f"{self.worse_hours:,} hours were known better before this import than they are now: an import replaces"
                " the hours between the first and the last sample of each accelerator. Import the files of a period"
                " together."
            )
        return TelemetryReport(
            self.kind,
            self.source,
            "loaded",
            [file.shown_as for file in self.files],
            rows_in=reading.rows_in,
            rows_out=self.rows_out,
            first_day=min(self.days),
            last_day=max(self.days),
            rejects=reading.rejects,
            notes=self.notes,
            seconds=(self.clock() - self.origin.started_at).total_seconds(),
        )


def rows_per_day(space: Workspace) -> dict[date, int]:
    """How many accepted rows lie on each UTC day."""
    return dict(space.rows("SELECT CAST(timestamp AS DATE), count(*) FROM record GROUP BY 1 ORDER BY 1"))


def name_models(space: Workspace) -> None:
    """Make the table ``canonical``: each model name of ``record`` as ``written``, and the ``model`` it means."""
    models = [name for (name,) in space.rows("SELECT DISTINCT model FROM record WHERE model IS NOT NULL")]
    space.engine.execute(
        "CREATE TABLE canonical AS SELECT unnest($1::VARCHAR[]) AS written, unnest($2::VARCHAR[]) AS model",
        [models, [canonical_model(name) for name in models]],
    )


def export_csv(space: Workspace, query: str, name: str) -> Path:
    """Write a query's rows where ``COPY`` can take them."""
    path = space.folder / f"{name}.csv"
    space.engine.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT csv, HEADER false)")
    return path
