"""Bill files as a DuckDB relation, for the questions asked before the import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aispend.engine.instance import Lent
from aispend.engine.line import literal
from aispend.engine.scan import BillFile
from aispend.engine.source import RejectTables, raw_sql
from aispend.errors import InputError

if TYPE_CHECKING:
    import duckdb

_SAMPLE_LINES = 200


def connect(workdir: Path) -> Lent:
    """A private in-memory DuckDB that spills into ``workdir`` and never reaches for the network."""
    return Lent(workdir, "512MB", keep_order=False)


def relation(files: Sequence[BillFile]) -> str:
    """SQL table expression over files of one header; lines of broken structure are left to the import."""
    if files[0].format == "json":
        paths = ", ".join(literal(str(file.path)) for file in files)
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in files[0].header.types.items())
        # Without a larger maximum_object_size: DuckDB reserves twice that much memory for every thread.
        return f"read_json([{paths}], format = 'newline_delimited', columns = {{{types}}})"
    return raw_sql(files, RejectTables("intake_error", "intake_scan"))


def asker(
    connection: duckdb.DuckDBPyConnection, files: Sequence[BillFile]
) -> Callable[[str], list[tuple[object, ...]]]:
    """A function that runs SQL over the lines of the files as relation ``raw``.

    It raises ``InputError`` where a file ends too early or cannot be read.
    """
    source = relation(files)
    names = [file.shown_as for file in files]
    return lambda sql: run(connection, f"WITH raw AS (FROM {source}) {sql}", names)


def run(connection: duckdb.DuckDBPyConnection, sql: str, names: Sequence[str]) -> list[tuple[object, ...]]:
    """Rows of a statement that reads files. Raises ``InputError`` naming them where one cannot be read to its end."""
    import duckdb

    try:
        rows: list[tuple[object, ...]] = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        of_the_file = (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException)
        if isinstance(error, of_the_file) or type(error) is duckdb.Error:  # Parquet's own codes have no class
            raise unreadable(", ".join(names), error) from error
        raise
    return rows


def unreadable(shown_as: str, error: Exception) -> InputError:
    """The error of a file that breaks off or is damaged."""
    said = str(error).splitlines()[0]
    return InputError(
        "The file cannot be read to its end: it is cut off or damaged.",
        where=f"{shown_as}: {said}",
        next_step="Download or export it again; compare its size with the original.",
    )


def parquet_types(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[dict[str, str], int]:
    """Column types and number of rows of a Parquet file."""
    types = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))})").fetchall()
    rows = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({literal(str(path))})").fetchone()
    return {str(name): str(kind) for name, kind, *_ in types}, int(rows[0]) if rows else 0


def sample(connection: duckdb.DuckDBPyConnection, file: BillFile) -> list[dict[str, str | None]]:
    """The first lines of a file as text by column."""
    names = file.header.columns
    rows = asker(connection, [file])(f"SELECT COLUMNS(*)::VARCHAR FROM raw LIMIT {_SAMPLE_LINES}")
    return [{name: None if cell is None else str(cell) for name, cell in zip(names, row, strict=True)} for row in rows]
