"""Reading telemetry files into one typed table, inside DuckDB, with every unreadable row kept aside.

No row passes through Python except the rejected ones (and the Prometheus text format, which is small).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aispend.engine.instance import Lent
from aispend.engine.line import identifier, literal, plain
from aispend.errors import InputError
from aispend.settings import Settings
from aispend.store.telemetry import RejectedRow
from collectors.files.telemetry_files import TelemetryFile, find_column, json_value_sql
from collectors.files.telemetry_form import DUCK_TYPES, Form
from collectors.files.workfolder import work_folder

if TYPE_CHECKING:
    import duckdb

_PRIVATE = {
    "user", "userid", "username", "enduser", "enduserid", "customer", "customerid", "email", "ip", "ipaddress",
    "requesteripaddress", "useragent", "sessionid", "apikey",
}  # fmt: skip
_CONTENT = {
    "prompt", "prompts", "messages", "message", "input", "inputs", "completion", "answer", "answers", "response",
    "output", "outputs", "text", "content", "systemprompt", "requestbody", "responsebody",
}  # fmt: skip


@dataclass
class Reading:
    """What reading found; the accepted rows are in the table ``record``."""

    rows_in: int = 0
    rejects: list[RejectedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ParsedRows:
    """Rows of a file that was parsed in Python: column → values; ``lines`` are their lines in the file."""

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]


@dataclass(frozen=True)
class Workspace:
    """A DuckDB database of its own in a temporary folder, bounded in memory, gone afterwards."""

    engine: duckdb.DuckDBPyConnection
    folder: Path

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        rows: list[tuple[Any, ...]] = self.engine.execute(query, list(parameters)).fetchall()
        return rows

    def value(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """The first value of a query."""
        return self.rows(query, parameters)[0][0]


@contextmanager
def workspace(settings: Settings) -> Iterator[Workspace]:
    """Open a workspace under ``settings.home``."""
    with work_folder(settings.home / "work", "telemetry-") as folder:
        bound = settings.engine
        with Lent(
            folder / "spill",
            bound.memory,
            threads=bound.thread_count,
            database=folder / "telemetry.duckdb",
            zone="UTC",
        ) as engine:
            yield Workspace(engine, folder)


def read(
    space: Workspace,
    form: Form,
    files: Sequence[TelemetryFile],
    now: datetime,
    parsed: Mapping[Path, ParsedRows] | None = None,
) -> Reading:
    """Read ``files`` into the table ``record`` (the form's columns) and return what was met on the way.

    ``parsed`` holds the rows of the files that are no tables (Prometheus text). Raises ``InputError`` when a file
    lacks a required column or is damaged.
    """
    types = ", ".join(f"{identifier(column.name)} {DUCK_TYPES[column.kind]}" for column in form.columns)
    space.engine.execute(f"CREATE OR REPLACE TABLE record ({types}, zoneless BOOLEAN, bad SMALLINT)")
    reading, zoneless = Reading(), 0
    for number, file in enumerate(files):
        source = _open(space, form, file, (parsed or {}).get(file.path), number)
        _note_columns(form, file, source.names, reading)
        rows = _insert(space, form, source, now)
        misfits = _misfits(space, file, number)
        reading.rejects += misfits
        bad, zoneless = space.rows("SELECT count(bad), count(*) FILTER (zoneless AND bad IS NULL) FROM record")[0]
        if bad:
            reading.rejects += _rejects(space, form, source, now, misfits)
            space.engine.execute("DELETE FROM record WHERE bad IS NOT NULL")
        reading.rows_in += rows + len(misfits)
    if zoneless:
        reading.notes.append(f"{zoneless:,} rows have times without a zone; they were taken as UTC.")
    return reading


@dataclass(frozen=True)
class _Source:
    """One file as DuckDB sees it.

    ``columns`` maps the form's columns to (expression, type) over ``from_sql``; ``again_sql`` is for a second pass in
    file order, in which ``row_sql`` numbers the rows from 1 and ``first_line`` is the line of row 1.
    """

    file: TelemetryFile
    from_sql: str
    again_sql: str
    names: tuple[str, ...]
    columns: Mapping[str, tuple[str, str]]
    first_line: int = 1
    row_sql: str = "row_number() OVER ()"
    unreadable: str = "false"


def _open(space: Workspace, form: Form, file: TelemetryFile, parsed: ParsedRows | None, number: int) -> _Source:
    if parsed is not None:
        return _open_parsed(space, form, file, parsed, number)
    path = space.folder / f"{number}-{file.sha256}"
    path.symlink_to(file.path.resolve())  # a name without the characters DuckDB takes for a pattern
    if file.format == "csv":
        again = file.scan_sql(path)
        columns = _columns(form, {name: (identifier(name), "VARCHAR") for name in file.header})
        return _Source(file, file.scan_sql(path, misfits=f"misfits_{number}"), again, file.header, columns, 2)
    if file.format == "parquet":
        scan = f"read_parquet({literal(str(path))}, file_row_number=true)"
        described = {row[0]: str(row[1]) for row in _guarded(space, f"DESCRIBE SELECT * FROM {scan}", file)}
        named = {name: (identifier(name), kind) for name, kind in described.items() if name != "file_row_number"}
        return _Source(file, scan, scan, tuple(named), _columns(form, named), row_sql="file_row_number + 1")
    if file.format == "json":
        lines = file.scan_sql(path)
        keys = f"SELECT DISTINCT unnest(json_keys(line)) FROM {lines} WHERE json_valid(line) ORDER BY ALL"
        named = {row[0]: (json_value_sql(row[0]), "VARCHAR") for row in _guarded(space, keys, file)}
        scan = (
            "(SELECT CASE WHEN json_valid(line) THEN line END AS line, nullif(trim(line), '') AS said, row_number"
            f" FROM (SELECT line, row_number() OVER () AS row_number FROM {lines}))"
        )
        scan = f"(FROM {scan} WHERE said IS NOT NULL)"
        return _Source(
            file, scan, scan, tuple(named), _columns(form, named), row_sql="row_number", unreadable="line IS NULL"
        )
    raise InputError(
        f"The Prometheus text format holds no {form.kind}.",
        where=file.shown_as,
        next_step=f"Give a table with the columns {form.help}.",
    )


def _open_parsed(space: Workspace, form: Form, file: TelemetryFile, parsed: ParsedRows, number: int) -> _Source:
    import pyarrow as pa

    arrow = {"time": pa.string(), "text": pa.string(), "number": pa.float64(), "whole": pa.int64()}
    duck = {"time": "VARCHAR", "text": "VARCHAR", "number": "DOUBLE", "whole": "BIGINT"}
    kinds = {column.name: column.kind for column in form.columns}
    columns = {name: pa.array(values, arrow[kinds[name]]) for name, values in parsed.columns.items()}
    table = pa.table(columns | {"parsed_line": pa.array(parsed.lines, pa.int64())})
    relation = f"parsed_{number}"
    space.engine.register(relation, table)
    found = {name: (identifier(name), duck[kinds[name]]) for name in columns}
    return _Source(file, relation, relation, tuple(columns), found, row_sql="parsed_line")


def _columns(form: Form, named: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    found = {column.name: find_column(tuple(named), column.name) for column in form.columns}
    return {name: named[column] for name, column in found.items() if column}


def _insert(space: Workspace, form: Form, source: _Source, now: datetime) -> int:
    """Append a file to ``record``; returns the rows read, the rejected ones included."""
    values = ", ".join(f"v_{index}" for index in range(len(form.columns)))
    inserted = _guarded(
        space,
        f"INSERT INTO record SELECT {values}, zoneless, {form.bad_sql(source.columns, now)} FROM"
        f" (SELECT {form.values_sql(source.columns)}, {form.zoneless_sql(source.columns)} AS zoneless,"
        f" {source.unreadable} AS unreadable FROM {source.from_sql})",
        source.file,
    )
    return int(inserted[0][0])


def _rejects(
    space: Workspace, form: Form, source: _Source, now: datetime, misfits: Sequence[RejectedRow]
) -> list[RejectedRow]:
    """The rejected rows of a file with their lines: a second pass, because numbering rows is slow."""
    raw = ", ".join(f"{literal(name)}, CAST({sql} AS VARCHAR)" for name, (sql, _) in source.columns.items())
    said = ", ".join(f"CAST(r_{index} AS VARCHAR)" for index in range(len(form.columns)))
    found = _guarded(
        space,
        f"SELECT row_number, bad, raw, {said} FROM (SELECT *, {form.bad_sql(source.columns, now)} AS bad FROM"
        f" (SELECT {form.values_sql(source.columns)}, {source.unreadable} AS unreadable,"
        f" {source.row_sql} AS row_number, CAST(json_object({raw}) AS VARCHAR) AS raw FROM {source.again_sql}))"
        " WHERE bad IS NOT NULL ORDER BY row_number",
        source.file,
    )
    # Rows that do not fit the header are left out in this pass; each shifts the lines after it.
    gaps = sorted(misfit.line for misfit in misfits if misfit.line is not None)
    rejects = []
    for row_number, code, row, *values in found:
        line = row_number + source.first_line - 1
        for gap in gaps:
            line += gap <= line
        column, reason, shown = form.wrong(code)
        value = values[shown] if shown is not None else None
        rejects.append(RejectedRow(source.file.shown_as, line, column, value, reason, row))
    return rejects


def _misfits(space: Workspace, file: TelemetryFile, number: int) -> list[RejectedRow]:
    if file.format != "csv":
        return []
    rows = space.rows(f"SELECT line, min(error_message) FROM misfits_{number} GROUP BY line ORDER BY line")
    return [
        RejectedRow(file.shown_as, int(line), None, None, f"the row does not fit the header: {message.splitlines()[0]}")
        for line, message in rows
    ]


def _guarded(space: Workspace, query: str, file: TelemetryFile) -> list[tuple[Any, ...]]:
    """Run a query over a file; what DuckDB cannot read becomes an ``InputError`` naming the file."""
    import duckdb

    try:
        return space.rows(query)
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        raise InputError(
            "The file cannot be read.",
            where=f"{file.shown_as}: {str(error).splitlines()[0]}",
            next_step="Copy or export it again; it may be cut off or damaged.",
        ) from error


def _note_columns(form: Form, file: TelemetryFile, names: Sequence[str], reading: Reading) -> None:
    """Say what is not read; refuse a file without the required columns."""
    missing = [column.name for column in form.columns if column.required and not find_column(names, column.name)]
    if missing:
        raise InputError(
            f"The file lacks the column {', '.join(missing)}.",
            where=f"{file.shown_as}: found {', '.join(names) or 'no columns'}",
            next_step=f"Rename its columns to those of the form: {form.help}.",
        )
    known = {plain(column.name) for column in form.columns}
    others = [name for name in names if plain(name) not in known]
    private = [name for name in others if plain(name) in _PRIVATE | _CONTENT]
    ignored = [name for name in others if name not in private]
    if private:
        reading.notes.append(f"{file.shown_as}: never read, because it may tell about people: {', '.join(private)}.")
    if ignored:
        reading.notes.append(f"{file.shown_as}: columns not in the form, not read: {', '.join(ignored)}.")
