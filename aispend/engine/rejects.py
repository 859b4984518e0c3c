"""Lines that could not be read: which file, which line, why. Runs only where the clean pass counted some.

Method
    Lines a check refuses are read again in file order and numbered; structural errors were noted by the CSV reader with
    their byte position. CSV records become physical lines by walking the file once and counting quotes, because a
    quoted cell may hold line breaks. A rejected record that swallowed several physical lines counts as that many.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, TYPE_CHECKING

from aispend.engine.line import Check, identifier
from aispend.engine.result import RejectedLine
from aispend.engine.source import RejectTables, is_gzip, raw_sql
from aispend.errors import InputError

if TYPE_CHECKING:
    import duckdb

    from aispend.engine.scan import BillFile

RAW_LENGTH = 10_000
PER_THOUSAND = 5
FEW = 5
_SHOWN = 5
_NUMBERED = {
    "csv": (", ignore_errors=true", "row_number() OVER ()"),
    "json": ("", "row_number() OVER ()"),
    "parquet": (", file_row_number=true", "file_row_number + 1"),
}
"""Per format: reader option, and the expression that numbers its rows from 1."""
_REASONS = {
    "MISSING COLUMNS": "the line has too few columns",
    "TOO MANY COLUMNS": "the line has too many columns",
    "UNQUOTED VALUE": "a quote is opened or closed in the wrong place",
    "INVALID ENCODING": "not valid text in the file's encoding",
    "LINE SIZE OVER MAXIMUM": "the line is longer than 16 MiB",
}


def allowed(lines: int) -> int:
    """How many lines may be kept aside: 5 per thousand, up to 5 in a small file, but never half of all."""
    return min(max(lines * PER_THOUSAND // 1000, FEW), max((lines - 1) // 2, 0))


def too_many(rejected: Sequence[RejectedLine], count: int, lines: int) -> InputError:
    """The error of a delivery with too many unreadable lines."""
    shown = [_shown(line) for line in rejected[:_SHOWN]]
    more = f"\n  … and {count - len(shown)} more" if count > len(shown) else ""
    return InputError(
        f"{count} of {lines} lines cannot be read; at most {allowed(lines)} may be kept aside. Nothing was loaded.",
        where="\n  ".join(shown) + more,
        next_step="Export the bill again, or correct these lines; check delimiter and number format.",
    )


def _shown(line: RejectedLine) -> str:
    place = f"{line.file}, line {line.line}" if line.line is not None else line.file
    column = f", column {line.column}, value {line.value!r}" if line.column else ""
    return f"{place}{column}: {line.reason}"


def structural(
    duck: duckdb.DuckDBPyConnection, files: Sequence[BillFile], tables: RejectTables
) -> tuple[int, list[RejectedLine]]:
    """Lines the CSV reader refused: how many physical lines, and each record once.

    Raises ``InputError`` where a file ends in the middle of a line.
    """
    if files[0].format != "csv":
        return 0, []
    rows = duck.execute(
        f"SELECT file_path, line_byte_position, arg_min(error_type, byte_position), "
        "arg_min(column_name, byte_position), "
        f"any_value(csv_line) FROM {tables.errors} JOIN {tables.scans} USING (scan_id, file_id) "
        "GROUP BY ALL ORDER BY file_path, line_byte_position"
    ).fetchall()
    if not rows:
        return 0, []
    count, rejected = 0, []
    for file in files:
        mine = [row for row in rows if row[0] == str(file.path)]
        if not mine:
            continue
        numbers, size, ends_in_line = _lines_at_bytes(file, [row[1] for row in mine])
        for (_, position, kind, column, record), number in zip(mine, numbers, strict=True):
            text = record or ""
            if ends_in_line and position + len(text.encode()) >= size:
                raise InputError(
                    "The file ends in the middle of a line.",
                    where=f"{file.shown_as}, line {number}: {text[:200]!r}",
                    next_step="Download or export it again; compare its size with the original.",
                )
            count += 1 + text.rstrip("\r\n").count("\n")
            reason = _REASONS.get(kind, str(kind).lower())
            rejected.append(RejectedLine(file.shown_as, number, column, None, reason, text[:RAW_LENGTH]))
    return count, rejected


def refused(
    duck: duckdb.DuckDBPyConnection,
    files: Sequence[BillFile],
    checks: Sequence[Check],
    limit: int,
    *,
    where: str = "TRUE",
    broken: Sequence[RejectedLine] = (),
) -> list[RejectedLine]:
    """Lines within ``where`` that one of ``checks`` refuses, the first ``limit``.

    ``broken`` are the lines :func:`structural` found, which are no records.
    """
    header = set(files[0].header.columns)
    tests = [f"({check.bad}) IS TRUE" for check in checks]
    values = [f"CAST({identifier(check.column)} AS VARCHAR)" if check.column in header else "NULL" for check in checks]
    which = " ".join(f"WHEN {test} THEN {place}" for place, test in enumerate(tests))
    value = " ".join(f"WHEN {test} THEN {text}" for test, text in zip(tests, values, strict=True))
    found: list[RejectedLine] = []
    threads = duck.execute("SELECT current_setting('threads')").fetchone()
    duck.execute("SET threads = 1; SET preserve_insertion_order = true")
    try:
        for file in files:
            # structural errors are passed over here: they were counted before
            option, number = _NUMBERED[file.format]
            raw = raw_sql([file]).removesuffix(")") + option + ")"
            rows = duck.execute(
                f"SELECT place, CASE {which} END, CASE {value} END, "
                f"left(CAST(to_json(raw) AS VARCHAR), {RAW_LENGTH}) "
                f"FROM (SELECT *, {number} AS place FROM {raw}) AS raw "
                f"WHERE ({where}) AND ({' OR '.join(tests)}) ORDER BY place LIMIT {limit - len(found)}"
            ).fetchall()
            places = [int(row[0]) for row in rows]
            spans = {r.line: 1 + r.raw.rstrip("\r\n").count("\n") for r in broken if r.file == file.shown_as and r.line}
            numbers = _lines_of_records(file, places, spans) if file.format == "csv" else places
            found += [
                RejectedLine(file.shown_as, number, checks[check].column, cell, checks[check].reason, text)
                for number, (_, check, cell, text) in zip(numbers, rows, strict=True)
            ]
            if len(found) >= limit:
                break
    finally:
        duck.execute(f"SET threads = {threads[0] if threads else 1}; SET preserve_insertion_order = false")
    return found


def _open(file: BillFile) -> IO[bytes]:
    return gzip.open(file.path, "rb") if is_gzip(file.path) else file.path.open("rb")  # type: ignore[return-value]


def _lines_at_bytes(file: BillFile, positions: Sequence[int]) -> tuple[list[int], int, bool]:
    """Physical line of each byte position (ascending), the file's size, and whether it ends without a line break."""
    numbers: list[int] = []
    read, line, last = 0, 1, b"\n"
    wanted = list(positions)
    with closing(_open(file)) as stream:
        while chunk := stream.read(1 << 20):
            while wanted and wanted[0] < read + len(chunk):
                numbers.append(line + chunk.count(b"\n", 0, wanted.pop(0) - read))
            line += chunk.count(b"\n")
            read, last = read + len(chunk), chunk[-1:]
    return numbers + [line] * len(wanted), read, last not in (b"\n", b"\r")


def _lines_of_records(file: BillFile, records: Sequence[int], broken: Mapping[int, int]) -> Sequence[int | None]:
    """Physical line on which each record (ascending, the first below the header being 1) begins."""
    with closing(_open(file)) as stream:
        starts = enumerate(_record_starts(stream, file.skip_lines, broken))
        return [next((line for record, line in starts if record == wanted), None) for wanted in records]


def _record_starts(stream: IO[bytes], skipped: int, broken: Mapping[int, int]) -> Iterator[int]:
    """Physical lines on which records begin, the header first; empty and broken lines are no records."""
    within, resume = False, 0
    for line, text in enumerate(stream, start=1):
        if line in broken:
            within, resume = False, line + broken[line]
        if line <= skipped or line < resume:
            continue
        if not within and text.strip(b"\r\n\xef\xbb\xbf"):
            yield line
        within ^= text.count(b'"') % 2 == 1
