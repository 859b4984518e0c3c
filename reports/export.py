"""The same numbers as a file: CSV or Parquet by the file's suffix, complete or not there at all."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aispend.errors import UsageError
from reports.columns import Column
from reports.output import write_csv, write_parquet
from reports.records import Record, evidence_columns, evidence_records
from reports.views import Recommendation

SUFFIXES = (".csv", ".parquet")


def recommendations_csv(rows: Iterable[Recommendation]) -> str:
    """Recommendations with their evidence as CSV text."""
    text = io.StringIO(newline="")
    write_csv(text, evidence_columns(), evidence_records(rows))
    return text.getvalue()


def write_file(path: Path, columns: Sequence[Column], rows: Iterable[Record]) -> None:
    """Write ``rows`` to ``path``, replacing it. Raises ``UsageError`` for a suffix that says no format."""
    with finished(path) as unfinished:
        if path.suffix.lower() == ".parquet":
            write_parquet(unfinished, columns, rows)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as stream:
                write_csv(stream, columns, rows)


@contextmanager
def finished(path: Path) -> Iterator[Path]:
    """A file to write that becomes ``path`` only once it is whole. Raises ``UsageError`` where it cannot."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError("The file's suffix says no format.", where=str(path), next_step="Name it .csv or .parquet.")
    if not path.absolute().parent.is_dir():
        raise UsageError("The folder to write to does not exist.", where=str(path.absolute().parent))
    unfinished = path.with_name(path.name + ".part")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
