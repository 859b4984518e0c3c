"""The same numbers as a file: CSV, Parquet or JSON, complete or not there at all."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from aispend.errors import UsageError
from reports.advice_columns import RECOMMENDATIONS
from reports.advice_records import recommendation_records
from reports.columns import Column
from reports.output import json_text, spreadsheet_text, write_csv, write_parquet
from reports.records import Record
from reports.views import Recommendation

FileFormat = Literal["csv", "parquet", "json"]
SUFFIXES = (".csv", ".parquet")
_OF_ADVICE = (*SUFFIXES, ".json")
SPREADSHEET_ENCODING = "utf-8-sig"
"""With the mark by which Excel knows UTF-8."""


def recommendations_csv(rows: Iterable[Recommendation]) -> bytes:
    """Recommendations as the CSV file for spreadsheets."""
    text = io.StringIO(newline="")
    write_csv(text, RECOMMENDATIONS, recommendation_records(rows), as_text=spreadsheet_text)
    return text.getvalue().encode(SPREADSHEET_ENCODING)


def write_recommendations(path: Path, rows: Iterable[Recommendation], style: FileFormat | None = None) -> None:
    """Write recommendations to ``path``, as its suffix says unless ``style`` does, replacing it.

    Raises ``UsageError`` where neither says a format, or each another.
    """
    named = path.suffix.lower()
    suffix = f".{style}" if style else named
    if suffix != named and named in _OF_ADVICE:
        raise UsageError(
            f"The file is named {named} and asked for as {style}.",
            where=str(path),
            next_step=f"Name it {suffix}, or leave out --format.",
        )
    with finished(path, _OF_ADVICE, suffix) as unfinished:
        if suffix == ".csv":
            unfinished.write_bytes(recommendations_csv(rows))
        elif suffix == ".json":
            unfinished.write_text(json_text(RECOMMENDATIONS, recommendation_records(rows)), encoding="utf-8")
        else:
            write_parquet(unfinished, RECOMMENDATIONS, recommendation_records(rows))


def write_file(path: Path, columns: Sequence[Column], rows: Iterable[Record]) -> None:
    """Write ``rows`` to ``path``, replacing it. Raises ``UsageError`` for a suffix that says no format."""
    with finished(path) as unfinished:
        if path.suffix.lower() == ".parquet":
            write_parquet(unfinished, columns, rows)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as stream:
                write_csv(stream, columns, rows)


@contextmanager
def finished(path: Path, suffixes: Sequence[str] = SUFFIXES, suffix: str | None = None) -> Iterator[Path]:
    """A file to write that becomes ``path`` only once it is whole. Raises ``UsageError`` where it cannot."""
    if (suffix or path.suffix.lower()) not in suffixes:
        *most, last = suffixes
        raise UsageError(
            "The file's suffix says no format.", where=str(path), next_step=f"Name it {', '.join(most)} or {last}."
        )
    if not path.absolute().parent.is_dir():
        raise UsageError("The folder to write to does not exist.", where=str(path.absolute().parent))
    if path.is_dir():
        raise UsageError("It is a folder.", where=str(path), next_step="Give the file a name of its own.")
    unfinished = path.with_name(path.name + ".part")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise UsageError("The file cannot be written.", where=f"{path}: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
