"""What a file is, by its bytes and its header; never by its name.

Order: empty · known binary formats · HTML and XML pages · JSON (lines, concatenated objects or an array; rewritten to
lines where needed) · text tables. A table is matched against the bill dialects, then against the known files that are
no bills; for the rest the nearest dialect is named with the columns it misses.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aispend.engine.line import Header
from aispend.engine.scan import BillFile
from aispend.errors import InputError, UnknownDialectError
from collectors.files import encodings, reading
from collectors.files.dialects import DIALECTS
from collectors.files.dialects.columns import Columns
from collectors.files.dialects.contract import Dialect
from collectors.files.dialects.gcp import JSON_TYPES
from collectors.files.dialects.refused import REFUSED
from collectors.files.encodings import FORMS, NoBillError
from collectors.files.json_lines import all_keys, is_lines, rewrite
from collectors.files.unpack import Found

if TYPE_CHECKING:
    import duckdb

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
_PREAMBLE = 12
_COLUMNS_OF_A_TABLE = 4
_LONGEST_NAME = 120
_NUMBERED = re.compile(r".*_\d+", re.DOTALL)
_DELIMITERS = ",;\t|"
_FORMATS = {
    b"%PDF": "a PDF",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Obj\x01": "an Avro file",
    b"ORC": "an ORC file",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
}


@dataclass(frozen=True)
class Recognised:
    """A bill file, its dialect, its first lines, and what to say about how it was read."""

    file: BillFile
    dialect: Dialect
    sample: Sequence[dict[str, str | None]]
    notes: tuple[str, ...] = ()


def recognise(found: Found, workdir: Path, connection: duckdb.DuckDBPyConnection) -> Recognised:
    """The dialect of a file, and the file as the engine reads it.

    Raises ``NoBillError`` (no bill at all), ``UnknownDialectError`` (a table nobody knows) or ``InputError`` (a bill
    that is damaged, empty or of a format that is refused).
    """
    path = found.path
    with path.open("rb") as file:
        magic = file.read(8)
    if not magic:
        raise InputError("The file is empty.", where=found.shown_as, next_step="Export or download it again.")
    for beginning, name in _FORMATS.items():
        if magic.startswith(beginning):
            raise NoBillError(
                f"This is {name}, not a bill.",
                where=found.shown_as,
                next_step=FORMS,
            )
    if magic.startswith(PARQUET):
        return _parquet(found, path, connection)
    zipped = magic.startswith(GZIP)
    head, whole = encodings.head(found, zipped=zipped)
    if zipped and head.startswith(PARQUET):
        return _parquet(found, encodings.copy(gzip.open(path), workdir / f"{_token(path)}.parquet"), connection)
    if not head.strip():
        raise InputError("The file is empty.", where=found.shown_as, next_step="Export or download it again.")
    text, encoding = encodings.decode(found, head)
    notes: tuple[str, ...] = ()
    if encoding != "utf-8":
        path, zipped = encodings.transcode(path, workdir / f"{_token(path)}.txt", encoding, zipped=zipped), False
        if encoding == "latin-1":
            notes = (f"{found.shown_as} is not UTF-8; it was read as Latin-1.",)
    elif not zipped and not whole and not encodings.is_utf8(path):
        path = encodings.transcode(path, workdir / f"{_token(path)}.txt", "latin-1", zipped=False)
        notes = (f"{found.shown_as} is not UTF-8; it was read as Latin-1.",)
    start = text.lstrip("\ufeff \t\r\n")[:256]
    if start.startswith("<"):
        kind = "an XML answer" if start.lower().startswith(("<?xml", "<error")) else "an HTML page"
        raise NoBillError(
            f"This is {kind}, not a bill: perhaps a sign-in or error page was saved in its place.",
            where=found.shown_as,
            next_step="Download the file again while signed in.",
        )
    if start.startswith("version https://git-lfs"):
        raise NoBillError(
            "This is a Git LFS pointer, not the file itself.",
            where=found.shown_as,
            next_step="Fetch it with 'git lfs pull'.",
        )
    if start.startswith(("{", "[")):
        recognised = _json(found, path, text, workdir, connection, zipped=zipped, whole=whole)
        return replace(recognised, notes=notes)
    return _table(found, path, text, notes, whole=whole)


def match(found: Found, columns: Columns) -> Dialect:
    """The dialect of a header; the known refusals and the nearest dialect speak in the errors."""
    fitting = _fitting(found, columns)
    if fitting is None:
        raise _unknown(found, columns)
    return fitting


def _fitting(found: Found, columns: Columns) -> Dialect | None:
    fitting = next((dialect for dialect in DIALECTS if not dialect.missing(columns)), None)
    refusal = next((refusal for refusal in REFUSED if refusal.fits(columns)), None)
    if fitting is None and refusal is not None:
        error = InputError if refusal.is_bill else NoBillError
        raise error(refusal.why, where=found.shown_as, next_step=refusal.next_step)
    return fitting


def _unknown(found: Found, columns: Columns) -> InputError:
    names = columns.header.columns
    if any(len(name) > _LONGEST_NAME for name in names):
        return NoBillError("This is text, not a table.", where=found.shown_as, next_step=FORMS)
    nearest = min(DIALECTS, key=lambda dialect: len(dialect.missing(columns)) / len(dialect.needs))
    missing = nearest.missing(columns)
    seen = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
    if len(missing) == len(nearest.needs):
        return UnknownDialectError(
            "No bill format fits this header.",
            where=f"{found.shown_as}, columns {seen}",
            next_step="aispend reads FOCUS, AWS CUR 1 and 2, Azure and Google Cloud exports; see docs/dialects.md.",
        )
    return UnknownDialectError(
        f"No bill format fits this header. The nearest is {nearest.title}; it misses: {', '.join(missing)}.",
        where=f"{found.shown_as}, columns {seen}",
        next_step="Export it again with these columns; docs/dialects.md says what each format needs.",
    )


# ------------------------------------------------------------------------------------ formats


def _parquet(found: Found, path: Path, connection: duckdb.DuckDBPyConnection) -> Recognised:
    import duckdb

    try:
        types, rows = reading.parquet_types(connection, path)
    except duckdb.Error as error:
        raise reading.unreadable(found.shown_as, error) from error
    file = BillFile(path, found.shown_as, "parquet", Header(types))
    dialect = match(found, Columns(file.header, "parquet"))
    if any(_NUMBERED.fullmatch(name) for name in types):  # what DuckDB makes of a name it has seen
        import pyarrow.parquet as pq

        _refuse_repeated(found, pq.read_schema(path).names, any_case=True)
    if not rows:
        raise _no_rows(found)
    return Recognised(file, dialect, reading.sample(connection, file))


def _json(
    found: Found,
    path: Path,
    text: str,
    workdir: Path,
    connection: duckdb.DuckDBPyConnection,
    *,
    zipped: bool,
    whole: bool,
) -> Recognised:
    if not is_lines(text, whole=whole):
        with encodings.open_bytes(path, zipped=zipped) as source:
            path = rewrite(source, workdir / f"{_token(path)}.ndjson", found.shown_as)
        with path.open("rb") as lines:
            text = lines.read(encodings.HEAD).decode("utf-8", "replace")
    else:
        path = _suffixed(path, workdir, ".ndjson.gz" if zipped else ".ndjson")
    types, sample = _json_header(text)
    if not sample:
        raise NoRowsError(
            "This JSON file holds no lines.",
            where=found.shown_as,
            next_step="Export a period that has charges, or leave the file out: an empty export replaces nothing.",
        )
    types = _with_optional(all_keys(connection, path, found.shown_as, types, sample))
    file = BillFile(path, found.shown_as, "json", Header(types))
    dialect = match(found, Columns(file.header, "json"))
    return Recognised(file, dialect, sample)


def _json_header(text: str) -> tuple[dict[str, str], list[dict[str, str | None]]]:
    types: dict[str, str] = {}
    sample: list[dict[str, str | None]] = []
    for line in itertools.islice(text.splitlines(), 500):
        try:
            said = json.loads(line, parse_float=str, parse_int=str)
        except json.JSONDecodeError:
            break
        if not isinstance(said, dict):
            continue
        for key, value in said.items():
            if isinstance(value, (dict, list)):
                types[key] = "JSON"
            else:
                types.setdefault(key, "VARCHAR")
        sample.append(
            {
                key: value if isinstance(value, str) else None if value is None else json.dumps(value)
                for key, value in said.items()
            }
        )
    return types, sample


def _with_optional(types: dict[str, str]) -> dict[str, str]:
    """BigQuery leaves empty fields out of a line: files of one export have one header nevertheless."""
    if not {"billing_account_id", "usage_start_time", "service"} <= types.keys():
        return types
    known = {key.lower() for key in types}
    optional = {key: kind for key, kind in JSON_TYPES.items() if key not in ("resource", "price")}
    return {key: types.get(key, kind) for key, kind in optional.items() if key in types or key not in known} | types


def _table(found: Found, path: Path, text: str, notes: tuple[str, ...], *, whole: bool) -> Recognised:
    text = text.removeprefix("\ufeff")
    likeliest: Columns | None = None
    for skip, rest in _starts(text):
        delimiter, cells = _header(rest)
        names = _unique(cells)
        columns = Columns(Header(dict.fromkeys(names, "VARCHAR")), "csv")
        dialect = _fitting(found, columns)
        if dialect is None:
            if likeliest is None and len(names) >= (_COLUMNS_OF_A_TABLE if skip else 2):
                likeliest = columns
            continue
        _refuse_repeated(found, cells)
        file = BillFile(path, found.shown_as, "csv", columns.header, delimiter, skip_lines=skip)
        sample = list(_sample(rest, delimiter, names, whole=whole))
        if not sample and whole:
            raise _no_rows(found)
        return Recognised(file, dialect, sample, notes)
    if likeliest is None:
        raise NoBillError("This is text, not a table.", where=found.shown_as, next_step=FORMS)
    raise _unknown(found, likeliest)


def _starts(text: str) -> Iterator[tuple[int, str]]:
    """The text from each of its first lines on: some exports put lines before the header."""
    place = 0
    for skip in range(_PREAMBLE):
        if place >= len(text):
            return
        yield skip, text[place:]
        end = text.find("\n", place)
        if end < 0:
            return
        place = end + 1


def _header(text: str) -> tuple[str, list[str]]:
    """Delimiter and the cells of the header."""
    read = {mark: next(csv.reader(io.StringIO(text, newline=""), delimiter=mark), []) for mark in _DELIMITERS}
    delimiter = max(read, key=lambda mark: len(read[mark]))
    return delimiter, [cell.strip().strip("\ufeff") for cell in read[delimiter]]


def _unique(cells: Sequence[str]) -> list[str]:
    """Column names, no two the same to DuckDB.

    Those that differ only in case get blanks behind them, which a cell never has; the same ones and missing ones a
    number.
    """
    names: list[str] = []
    taken: set[str] = set()
    for place, cell in enumerate(cells):
        name = cell or f"column{place}"
        mark = "_{}" if not cell or cell in names else ""
        unique = next(
            candidate
            for number in itertools.count()
            if (candidate := name + (mark.format(number) if mark else " " * number) if number else name).lower()
            not in taken
        )
        taken.add(unique.lower())
        names.append(unique)
    return names


def _refuse_repeated(found: Found, cells: Sequence[str], *, any_case: bool = False) -> None:
    """Refuse a header that has the same name twice: which of the two is meant cannot be told."""
    same = [name.lower() for name in cells] if any_case else cells
    for place, name in enumerate(cells):
        first = same.index(same[place])
        if name and first < place:
            raise InputError(
                f"The column {name} stands in this file more than once.",
                where=f"{found.shown_as}, columns {first + 1} and {place + 1}",
                next_step="Export it again with each column once, or take out the one that is not meant.",
            )


def _sample(text: str, delimiter: str, names: Sequence[str], *, whole: bool) -> Iterator[dict[str, str | None]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(rows, None)
    kept: list[list[str]] = []
    with suppress(csv.Error):  # a cell beyond the reader's limit, or cut off: what came before is sample enough
        kept += [row for row in itertools.islice(rows, 400) if any(row)]
    if not whole and len(kept) > 1:
        kept.pop()
    for row in kept:
        yield dict(itertools.zip_longest(names, row[: len(names)]))


def _no_rows(found: Found) -> InputError:
    return NoRowsError(
        "This bill has a header without rows: there is nothing in it.",
        where=found.shown_as,
        next_step="Export a period that has charges, or leave the file out: an empty export replaces nothing.",
    )


class NoRowsError(InputError):
    """A bill with a header and no lines; one that a folder brought along is passed over and said so."""


def _token(path: Path) -> str:
    return f"{zlib.crc32(str(path.resolve()).encode()):08x}"


def _suffixed(path: Path, workdir: Path, suffix: str) -> Path:
    """JSON lines under a name DuckDB understands: it takes them for gzip by ``.gz`` alone."""
    if path.name.endswith((".gz", ".zst")) == suffix.endswith(".gz") and not path.name.endswith(".zst"):
        return path
    link = workdir / f"{_token(path)}{suffix}"
    if not link.exists():
        link.symlink_to(path.resolve())
    return link
