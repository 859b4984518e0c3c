"""The relation ``raw``: a delivery's files as DuckDB reads them, columns as the header names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aispend.engine.line import identifier, literal
from aispend.engine.scan import BillFile

if TYPE_CHECKING:
    import duckdb

MAX_LINE = 16 << 20
"""Bytes of the longest CSV line that is read."""

_GZIP = b"\x1f\x8b"
_CUT_SHORT = 64
"""Writers that shorten statistics without saying so keep at least this many bytes."""


@dataclass(frozen=True)
class RejectTables:
    """Names of the tables DuckDB writes structural CSV errors to."""

    errors: str = "csv_error"
    scans: str = "csv_scan"


def constants(duck: duckdb.DuckDBPyConnection, files: Sequence[BillFile]) -> dict[str, str]:
    """Columns of Parquet files that hold one text, or nothing, throughout: their SQL, from the files' own statistics.

    A bill has many: the payer, the currency, the issuer, columns never filled. Text only, because statistics of numbers
    leave NaN out; and no text that a writer may have cut short.
    """
    types = files[0].header.types
    rows = duck.execute(
        "SELECT path_in_schema, min(stats_min_value), max(stats_max_value), "
        "bool_and(coalesce(min_is_exact, TRUE) AND coalesce(max_is_exact, TRUE)), count(stats_min_value) = count(*), "
        "count(stats_null_count) = count(*), sum(stats_null_count), sum(num_values) "
        f"FROM parquet_metadata({_paths(files)}) GROUP BY ALL"
    ).fetchall()
    found: dict[str, str] = {}
    for name, least, most, exact, bounded, counted, nulls, values in rows:
        if types.get(name) != "VARCHAR" or not counted:
            continue
        if nulls == values:
            found[name] = "CAST(NULL AS VARCHAR)"
        elif nulls == 0 and bounded and exact and least == most and len(least) < _CUT_SHORT:
            found[name] = literal(least)
    return found


def raw_sql(files: Sequence[BillFile], rejects: RejectTables | None = None) -> str:
    """FROM item over ``files`` (all of one format and header).

    With ``rejects`` CSV lines whose structure is broken (columns, quotes, encoding) go to those tables;
    without, the first such line raises. Empty cells are NULL, quoted or not.
    """
    first = files[0]
    paths = _paths(files)
    columns = "{" + ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in first.header.types.items()) + "}"
    if first.format == "parquet":
        return f"read_parquet({paths})"
    if first.format == "json":
        return f"read_json({paths}, format='newline_delimited', columns={columns}, maximum_object_size=8388608)"
    options = [
        f"columns={columns}",
        "auto_detect=false",
        "header=true",
        f"delim={literal(first.delimiter)}",
        "quote='\"'",
        "escape='\"'",
        f"skip={first.skip_lines}",
        f"max_line_size={MAX_LINE}",
        f"buffer_size={MAX_LINE}",
        f"compression='{'gzip' if is_gzip(first.path) else 'none'}'",
    ]
    if first.encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig"):
        options.append(f"encoding={literal(first.encoding)}")
    if rejects is not None:
        options += [
            "store_rejects=true",
            f"rejects_table={literal(rejects.errors)}",
            f"rejects_scan={literal(rejects.scans)}",
            "rejects_limit=0",
        ]
    return f"read_csv({paths}, {', '.join(options)})"


@contextmanager
def at_most_threads(duck: duckdb.DuckDBPyConnection, count: int) -> Iterator[None]:
    """Work with no more than ``count`` threads meanwhile."""
    row = duck.execute("SELECT current_setting('threads')").fetchone()
    before = int(row[0]) if row else 1
    duck.execute(f"SET threads = {min(before, count)}")
    try:
        yield
    finally:
        duck.execute(f"SET threads = {before}")


def _paths(files: Sequence[BillFile]) -> str:
    return "[" + ", ".join(literal(str(file.path)) for file in files) + "]"


def is_gzip(path: Path) -> bool:
    """Whether the file is gzip, by its content."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def column_list(names: Sequence[str]) -> str:
    """Quoted names for SELECT."""
    return ", ".join(identifier(name) for name in names)
