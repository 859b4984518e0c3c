"""Lines that could not be read: which file, which line, why. Runs only where the clean pass counted some.

Method
    Lines a check refuses are read again in file order and numbered; structural errors were noted by the CSV reader with
    their byte position. CSV records become physical lines by walking the file once and counting quotes, because a
    quoted cell may hold line breaks. A rejected record that swallowed several physical lines counts as that many.

    Every line counts with the slice it names, and each slice is held to :func:`allowed` on its own: a year in one file
    hides no month. Mostly only a cost is broken; of a record with broken structure the cells before the break are read,
    and believed where they name a slice that has readable lines. A line that does not say whose it is might be of any:
    the limit of every slice must hold as if all such lines were its own; they are kept with the largest slice.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from aispend.engine.line import SLICE_COLUMNS, Check, LineSql, identifier, literal
from aispend.engine.result import RejectedLine, SliceKey
from aispend.engine.source import RejectTables, at_most_threads, is_gzip, raw_sql
from aispend.errors import InputError

if TYPE_CHECKING:
    import duckdb

    from aispend.engine.scan import BillFile

RAW_LENGTH = 10_000
PER_THOUSAND = 5
ONE_FROM = 10
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
    """How many of a slice's lines may be kept aside: 5 per thousand; one in a slice of 10 to 399 lines.

    A single line may be an accident worth less than the rest of the month; a second one in a small bill is a pattern,
    such as another number format, and leaves out money that matters. Where one line is more than a tenth of the bill it
    is sooner corrected than done without.
    """
    return max(lines * PER_THOUSAND // 1000, 1 if lines >= ONE_FROM else 0)


def kept_aside(
    duck: duckdb.DuckDBPyConnection,
    files: Sequence[BillFile],
    line: LineSql,
    checks: Sequence[Check],
    broken: Sequence[RejectedLine],
) -> list[RejectedLine]:
    """All unreadable lines, each with the slice it counts with; ``broken`` are those :func:`structural` found.

    Raises ``InputError`` where a slice has too many.
    """
    good, bad, lost = _per_slice(duck)
    broken = _placed(duck, files[0], line, broken, good)
    for one in broken:
        if one.key is None:
            lost += one.lines
        else:
            bad[one.key] += one.lines
    places = [line.select.get(name, "NULL") for name in SLICE_COLUMNS]
    counted = [(key, bad[key] + lost, good[key] + bad[key] + lost) for key in sorted({*good, *bad})]
    for key, count, lines in sorted(counted, key=lambda one: one[1] / one[2], reverse=True):
        if count > allowed(lines):
            raise _too_many(duck, files, line, checks, broken, key=key, count=count, lost=lost, lines=lines)
    if not good:
        raise _too_many(duck, files, line, checks, broken, key=None, count=lost, lost=lost, lines=lost)
    largest = max(sorted(good), key=lambda key: good[key])
    most = sum(bad.values()) + lost
    found = refused(duck, files, checks, most, where=line.where, broken=broken, slice_sql=places)
    return [one if one.key else replace(one, key=largest) for one in _in_order(files, [*broken, *found])]


def _per_slice(duck: duckdb.DuckDBPyConnection) -> tuple[Counter[SliceKey], Counter[SliceKey], int]:
    """Readable and unreadable lines of each slice, and unreadable lines that do not say of which they are."""
    good: Counter[SliceKey] = Counter()
    bad: Counter[SliceKey] = Counter()
    lost = 0
    for *place, readable, unreadable in duck.execute(
        f"SELECT {', '.join(SLICE_COLUMNS)}, sum(lines) FILTER (NOT bad), sum(lines) FILTER (bad) "
        "FROM grouped JOIN raw_context ON h = context_h WHERE kept GROUP BY ALL"
    ).fetchall():
        if None in place:
            lost += int(unreadable or 0)
            continue
        key = SliceKey(*place)
        good[key] += int(readable or 0)
        bad[key] += int(unreadable or 0)
    return +good, +bad, lost


def _placed(
    duck: duckdb.DuckDBPyConnection,
    file: BillFile,
    line: LineSql,
    broken: Sequence[RejectedLine],
    known: Mapping[SliceKey, int],
) -> list[RejectedLine]:
    """Records of broken structure with the slice their readable cells name, if it is one of ``known``."""
    if not broken:
        return []
    places = [line.select.get(name, "NULL") for name in SLICE_COLUMNS]
    cells = [_cells(one.raw, file.delimiter) for one in broken]
    columns = ["unnest($1::BIGINT[]) AS place"]
    values: list[list[object]] = [list(range(len(broken)))]
    for number, name in enumerate(file.header.columns):
        if any(identifier(name) in place for place in places):
            values.append([row[number] or None if number < len(row) else None for row in cells])
            columns.append(f"unnest(${len(values)}::VARCHAR[]) AS {identifier(name)}")
    rows = duck.execute(
        f"SELECT {', '.join(places)} FROM (SELECT {', '.join(columns)}) AS raw ORDER BY place", values
    ).fetchall()
    return [
        replace(one, key=key if (key := SliceKey(*row)) in known else None)
        for one, row in zip(broken, rows, strict=True)
    ]


def _cells(record: str, delimiter: str) -> list[str]:
    """The cells of a record as far as they can be told."""
    try:
        return next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _too_many(
    duck: duckdb.DuckDBPyConnection,
    files: Sequence[BillFile],
    line: LineSql,
    checks: Sequence[Check],
    broken: Sequence[RejectedLine],
    *,
    key: SliceKey | None,
    count: int,
    lost: int,
    lines: int,
) -> InputError:
    """The error of a slice with too many unreadable lines, of which ``lost`` do not say that they are its own."""
    places = [line.select.get(name, "NULL") for name in SLICE_COLUMNS]
    nobodys = " OR ".join(f"({place}) IS NULL" for place in places)
    its = nobodys
    if key is not None:
        its = " AND ".join(
            f"CAST({place} AS VARCHAR) = {literal(str(said))}" for place, said in zip(places, key, strict=True)
        )
        its = f"({its}) IS TRUE OR {nobodys}"
    found = refused(duck, files, checks, _SHOWN, where=f"({line.where}) AND ({its})", broken=broken)
    shown = [_shown(one) for one in _in_order(files, [*(b for b in broken if b.key in (key, None)), *found])[:_SHOWN]]
    more = f"\n  … and {count - len(shown)} more" if count > len(shown) else ""
    whose = ""
    if key is not None:
        whose = f" {'that are or may be ' if lost else ''}of {key.provider} {key.scope} {key.month:%Y-%m}"
    return InputError(
        f"{count} of {lines} lines{whose} cannot be read; at most {allowed(lines)} may be kept aside. "
        "Nothing was loaded.",
        where="\n  ".join(shown) + more,
        next_step="Export the bill again, or correct these lines; check delimiter and number format.",
    )


def _in_order(files: Sequence[BillFile], lines: Sequence[RejectedLine]) -> list[RejectedLine]:
    """By file, then by line."""
    order = {file.shown_as: place for place, file in enumerate(files)}
    return sorted(lines, key=lambda one: (order[one.file], one.line or 0))


def _shown(line: RejectedLine) -> str:
    place = f"{line.file}, line {line.line}" if line.line is not None else line.file
    column = f", column {line.column}, value {line.value!r}" if line.column else ""
    return f"{place}{column}: {line.reason}"


def structural(duck: duckdb.DuckDBPyConnection, files: Sequence[BillFile], tables: RejectTables) -> list[RejectedLine]:
    """Records the CSV reader refused.

    Raises ``InputError`` where a file ends in the middle of a line.
    """
    if files[0].format != "csv":
        return []
    rows = duck.execute(
        f"SELECT file_path, line_byte_position, arg_min(error_type, byte_position), "
        "arg_min(column_name, byte_position), "
        f"any_value(csv_line) FROM {tables.errors} JOIN {tables.scans} USING (scan_id, file_id) "
        "GROUP BY ALL ORDER BY file_path, line_byte_position"
    ).fetchall()
    if not rows:
        return []
    rejected = []
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
            spanned = 1 + text.rstrip("\r\n").count("\n")
            reason = _REASONS.get(kind, str(kind).lower())
            rejected.append(RejectedLine(file.shown_as, number, column, None, reason, text[:RAW_LENGTH], lines=spanned))
    return rejected


def refused(
    duck: duckdb.DuckDBPyConnection,
    files: Sequence[BillFile],
    checks: Sequence[Check],
    limit: int,
    *,
    where: str = "TRUE",
    broken: Sequence[RejectedLine] = (),
    slice_sql: Sequence[str] = ("NULL", "NULL", "NULL"),
) -> list[RejectedLine]:
    """Lines within ``where`` that one of ``checks`` refuses, the first ``limit``.

    ``broken`` are the lines :func:`structural` found, which are no records; ``slice_sql`` says whose a line is.
    """
    header = set(files[0].header.columns)
    tests = [f"({check.bad}) IS TRUE" for check in checks]
    values = [f"CAST({identifier(check.column)} AS VARCHAR)" if check.column in header else "NULL" for check in checks]
    which = " ".join(f"WHEN {test} THEN {place}" for place, test in enumerate(tests))
    value = " ".join(f"WHEN {test} THEN {text}" for test, text in zip(tests, values, strict=True))
    found: list[RejectedLine] = []
    with at_most_threads(duck, 1):
        duck.execute("SET preserve_insertion_order = true")
        for file in files:
            # structural errors are passed over here: they were counted before
            option, number = _NUMBERED[file.format]
            raw = raw_sql([file]).removesuffix(")") + option + ")"
            rows = duck.execute(
                f"SELECT place, CASE {which} END, CASE {value} END, "
                f"left(CAST(to_json(raw) AS VARCHAR), {RAW_LENGTH}), {', '.join(slice_sql)} "
                f"FROM (SELECT *, {number} AS place FROM {raw}) AS raw "
                f"WHERE ({where}) AND ({' OR '.join(tests)}) ORDER BY place LIMIT {limit - len(found)}"
            ).fetchall()
            places = [int(row[0]) for row in rows]
            spans = {r.line: r.lines for r in broken if r.file == file.shown_as and r.line}
            numbers = _lines_of_records(file, places, spans) if file.format == "csv" else places
            found += [
                RejectedLine(
                    file.shown_as,
                    number,
                    checks[check].column,
                    cell,
                    checks[check].reason,
                    text,
                    None if None in whose else SliceKey(*whose),
                )
                for number, (_, check, cell, text, *whose) in zip(numbers, rows, strict=True)
            ]
            if len(found) >= limit:
                break
        duck.execute("SET preserve_insertion_order = false")
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
