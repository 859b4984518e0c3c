"""What the engine is given to read: files of one delivery, already found and recognised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aispend.engine.line import Header, LineSql

FileFormat = Literal["csv", "parquet", "json"]


@dataclass(frozen=True)
class BillFile:
    """One readable local file.

    ``shown_as`` is what a person recognises: the path given, with the member's name inside an archive.
    ``csv`` may be gzip or plain; ``json`` is newline-delimited (concatenated objects are rewritten so before).
    ``skip_lines`` are lines before the header.
    """

    path: Path
    shown_as: str
    format: FileFormat
    header: Header
    delimiter: str = ","
    encoding: str = "utf-8"
    skip_lines: int = 0


@dataclass(frozen=True)
class Delivery:
    """Files with one header and one mapping that were delivered together; loaded in one transaction.

    ``change_token`` changes when the content does. ``declared_rows`` is the manifest's count, where there is one.
    """

    dialect: str
    files: tuple[BillFile, ...]
    line: LineSql
    change_token: str
    declared_rows: int | None = None
