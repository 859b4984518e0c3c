"""Files with the same content: counted once, whatever they are called and however they are packed."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from aispend.engine.scan import BillFile
from aispend.engine.source import is_gzip

_CHUNK = 1 << 20


def drop_repeated(files: Sequence[BillFile]) -> tuple[list[BillFile], list[str]]:
    """The files with each content once (the first stays), and what to say about the others.

    To be asked for files of one part of a bill: the two exports of a month may be the same, and are two looks at it.

    Cheap where nothing repeats: files are compared only if their unpacked sizes agree, then their checksums, then
    bytes.
    """
    by_size: dict[int, list[BillFile]] = defaultdict(list)
    for file in files:
        by_size[_size(file.path)].append(file)
    repeated: dict[int, str] = {}
    for group in by_size.values():
        kept: list[tuple[int, BillFile]] = []
        for file in group if len(group) > 1 else ():
            checksum = _checksum(file.path)
            same = next((other for known, other in kept if known == checksum and _equal(other.path, file.path)), None)
            if same is None:
                kept.append((checksum, file))
            else:
                repeated[id(file)] = f"{file.shown_as}: the same content as {same.shown_as}; counted once."
    return [file for file in files if id(file) not in repeated], list(repeated.values())


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if is_gzip(path) else path.open("rb")


def _trailer(path: Path) -> tuple[int, int]:
    """Checksum and size (modulo 2**32) of the unpacked content, from the end of a gzip file."""
    with path.open("rb") as file:
        file.seek(-8, 2)
        checksum, size = struct.unpack("<II", file.read(8))
    return checksum, size


def _size(path: Path) -> int:
    return _trailer(path)[1] if is_gzip(path) else path.stat().st_size % (1 << 32)


def _checksum(path: Path) -> int:
    if is_gzip(path):
        return _trailer(path)[0]
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _equal(one: Path, other: Path) -> bool:
    with _open(one) as left, _open(other) as right:
        while True:
            chunk = left.read(_CHUNK)
            if chunk != right.read(_CHUNK):
                return False
            if not chunk:
                return True
