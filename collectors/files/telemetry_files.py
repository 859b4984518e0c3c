"""Finding telemetry files and telling what they are: by content, never by name.

CSV (comma, semicolon or tab; plain or gzip), JSON lines (plain or gzip), Parquet and the Prometheus text format.
"""

from __future__ import annotations

import csv
import glob
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aispend.engine.line import identifier, literal, plain
from aispend.errors import InputError

Format = Literal["csv", "json", "parquet", "prometheus"]

_HEAD_BYTES = 256 * 1024
_PROMETHEUS_LINE = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})?\s+[-+0-9.eEInfNa]+(\s+-?[0-9.]+)?\s*")
_PROMETHEUS_COMMENT = re.compile(r"#\s*(HELP|TYPE|UNIT|EOF|scraped_at)\b")
_WHAT_IS_READ = "CSV, JSON lines, Parquet (CSV and JSON lines also gzipped) and the Prometheus text format are read."


@dataclass(frozen=True)
class TelemetryFile:
    """One file and how it is read. ``header`` are the columns of a CSV file as they stand in it."""

    path: Path
    format: Format
    sha256: str
    size: int
    gzipped: bool = False
    header: tuple[str, ...] = ()
    delimiter: str = ","

    @property
    def shown_as(self) -> str:
        """The path as the person gave it."""
        return str(self.path)

    def scan_sql(self, path: Path, *, misfits: str | None = None) -> str:
        """DuckDB SQL reading, at ``path``, a CSV file as text columns, or any other text as one column ``line``.

        CSV rows whose cells do not fit the header are kept aside in the table ``misfits``, or else left out.
        """
        common = f"compression='{'gzip' if self.gzipped else 'none'}', auto_detect=false, max_line_size=16777216"
        if self.format == "csv":
            columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self.header)
            aside = "ignore_errors=true"
            if misfits:
                aside = f"store_rejects=true, rejects_limit=0, rejects_table='{misfits}', rejects_scan='{misfits}_scan'"
            return (
                f"read_csv({literal(str(path))}, header=true, columns={{{columns}}}, delim={literal(self.delimiter)},"
                f" quote='\"', escape='\"', {aside}, {common})"
            )
        return (
            f"read_csv({literal(str(path))}, header=false, columns={{'line': 'VARCHAR'}}, delim='\x01', quote='',"
            f" escape='', {common})"
        )


def find_files(paths: Sequence[Path | str]) -> tuple[list[TelemetryFile], list[str]]:
    """Every telemetry file under ``paths`` (files, folders, globs), and notes on what was given twice.

    Raises ``InputError`` where a path leads to nothing, or a file is none of the formats read.
    """
    files: dict[str, TelemetryFile] = {}
    notes = []
    for path in _expand(paths):
        file = recognise(path)
        if file.sha256 in files:
            notes.append(f"{path} has the same content as {files[file.sha256].path}; it was read once.")
        files.setdefault(file.sha256, file)
    return list(files.values()), notes


def recognise(path: Path) -> TelemetryFile:
    """What a file is, from its first bytes. Raises ``InputError`` when it is empty, broken or of another kind."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
        block = head
        while block:
            digest.update(block)
            size += len(block)
            block = stream.read(1024 * 1024)
    sha256 = digest.hexdigest()
    if head.startswith(b"PAR1"):
        return TelemetryFile(path, "parquet", sha256, size)
    gzipped = head.startswith(b"\x1f\x8b")
    if gzipped:
        head = _unzipped_head(path)
    try:
        text = io.TextIOWrapper(io.BytesIO(_whole_lines(head)), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise InputError(
            "The file is not UTF-8 text and not Parquet.", where=f"{path}: {error}", next_step=_WHAT_IS_READ
        ) from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError("The file is empty.", where=str(path), next_step="Export it again.")
    if lines[0].lstrip().startswith(("{", "[")):
        _check_json_line(path, lines[0])
        return TelemetryFile(path, "json", sha256, size, gzipped)
    if _PROMETHEUS_COMMENT.match(lines[0]) or _PROMETHEUS_LINE.fullmatch(lines[0]):
        return TelemetryFile(path, "prometheus", sha256, size, gzipped)
    header, delimiter = _csv_header(path, lines[0])
    return TelemetryFile(path, "csv", sha256, size, gzipped, header, delimiter)


def change_token(files: Sequence[TelemetryFile], *parts: str) -> str:
    """Changes when the files' content, the mapping or an option does; the order of files does not matter."""
    return hashlib.sha256("\n".join([*sorted(file.sha256 for file in files), *parts]).encode()).hexdigest()


def find_column(columns: Sequence[str], name: str) -> str | None:
    """The column called ``name``, compared without case, blanks, dots and underscores."""
    return next((column for column in columns if plain(column) == plain(name)), None)


def json_value_sql(key: str) -> str:
    """DuckDB SQL for one key of the JSON object in ``line``, as text."""
    return f"json_extract_string(line, {literal('$.' + identifier(key))})"


def _expand(paths: Sequence[Path | str]) -> list[Path]:
    found: dict[Path, Path] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            matches = sorted(
                item for item in path.rglob("*") if item.is_file() and not item.name.startswith((".", "_"))
            )
        elif path.is_file():
            matches = [path]
        else:
            names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
            matches = sorted(Path(name) for name in names if Path(name).is_file())
        if not matches:
            raise InputError(
                "There is no file here.", where=str(path), next_step="Give a file, a folder with files, or a pattern."
            )
        for match in matches:
            found.setdefault(match.resolve(), match)
    return list(found.values())


def _unzipped_head(path: Path) -> bytes:
    try:
        with gzip.open(path) as stream:
            return stream.read(_HEAD_BYTES)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            "The gzip file is damaged or was cut off.", where=f"{path}: {error}", next_step="Copy it again, whole."
        ) from error


def _whole_lines(head: bytes) -> bytes:
    """Without the line (and the half character) at which reading the head stopped."""
    return head if len(head) < _HEAD_BYTES else head[: head.rfind(b"\n") + 1]


def _check_json_line(path: Path, line: str) -> None:
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise InputError(
            "This is JSON, but not one object on each line.",
            where=f"{path}, line 1: {line[:80]}",
            next_step="Write JSON lines: every line one object (jq -c '.[]' turns an array into that).",
        )


def _csv_header(path: Path, line: str) -> tuple[tuple[str, ...], str]:
    delimiter = max(",;\t", key=line.count)
    header = tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter)))
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or not all(header):
        raise InputError(
            f"The header names a column twice: {', '.join(twice)}."
            if twice
            else "The header has a column without name.",
            where=f"{path}, line 1",
            next_step=f"The first line must name every column once. {_WHAT_IS_READ}",
        )
    return header, delimiter
