"""The relation ``raw``: a delivery's files as DuckDB reads them, columns as the header names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aispend.engine.line import identifier, literal
from aispend.engine.scan import BillFile

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class RejectTables:
    """Names of the tables DuckDB writes structural CSV errors to."""

    errors: str = "csv_error"
    scans: str = "csv_scan"


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


def _paths(files: Sequence[BillFile]) -> str:
    return "[" + ", ".join(literal(str(file.path)) for file in files) + "]"


def is_gzip(path: Path) -> bool:
    """Whether the file is gzip, by its content."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def column_list(names: Sequence[str]) -> str:
    """Quoted names for SELECT."""
    return ", ".join(identifier(name) for name in names)
