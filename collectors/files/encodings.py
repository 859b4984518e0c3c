"""The bytes of a file as text: unpacked, and in whatever encoding it was written."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from aispend.errors import InputError
from collectors.files import reading
from collectors.files.unpack import Found

FORMS = "Import the bill as CSV, CSV.gz, zip, Parquet or JSON lines."
"""What can be imported, as the next step of an error."""

HEAD = 1 << 20
"""Bytes a file is recognised by."""

_VERIFY_GZIP_UP_TO = 16 << 20


class NoBillError(InputError):
    """The file is no bill at all; one that a folder brought along is passed over and said so."""


def head(found: Found, *, zipped: bool) -> tuple[bytes, bool]:
    """The first bytes, unpacked, and whether they are all. A small gzip is read to its end, which proves its checksum;
    DuckDB itself stops at the end of a larger one that is cut off."""
    try:
        with open_bytes(found.path, zipped=zipped) as file:
            head = file.read(HEAD)
            whole = len(head) < HEAD or not file.read(1)
            if zipped and found.path.stat().st_size <= _VERIFY_GZIP_UP_TO:
                while file.read(HEAD):
                    pass
    except (EOFError, OSError, zlib.error) as error:
        raise reading.unreadable(found.shown_as, error) from error
    return head, whole


def open_bytes(path: Path, *, zipped: bool) -> BinaryIO:
    """The file's content, unpacked where it is ``zipped``."""
    return cast(BinaryIO, gzip.open(path)) if zipped else path.open("rb")


def decode(found: Found, head: bytes) -> tuple[str, str]:
    """The text of the first bytes and its encoding."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            return head.decode(encoding, "replace"), encoding
    if b"\0" in head[:4096]:
        for encoding, place in (("utf-16-le", 1), ("utf-16-be", 0)):
            if head[place:400:2].count(0) > 0.9 * len(head[place:400:2]) and head[1 - place : 400 : 2].count(0) == 0:
                return head.decode(encoding, "replace"), encoding
        raise NoBillError(
            "This is a binary file, not a bill.",
            where=found.shown_as,
            next_step=FORMS,
        )
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head), "utf-8"
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    if sum(character < " " and character not in "\t\r\n\f" for character in text[:4096]) > 4:
        raise NoBillError(
            "This is a binary file, not a bill.",
            where=found.shown_as,
            next_step=FORMS,
        )
    return text, "latin-1"


def is_utf8(path: Path) -> bool:
    """Whether the whole file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(HEAD):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def transcode(path: Path, target: Path, encoding: str, *, zipped: bool) -> Path:
    """A copy of the file in UTF-8, without byte order mark, at ``target``."""
    with open_bytes(path, zipped=zipped) as source, target.open("w", encoding="utf-8", newline="") as copy:
        text = io.TextIOWrapper(source, encoding, errors="replace", newline="")
        while chunk := text.read(HEAD):
            copy.write(chunk.removeprefix("\ufeff") if copy.tell() == 0 else chunk)
    return target


def copy(source: object, target: Path) -> Path:
    """The bytes of an open file, which is closed, at ``target``."""
    with cast(BinaryIO, source) as file, target.open("wb") as copy:
        while chunk := file.read(HEAD):
            copy.write(chunk)
    return target
