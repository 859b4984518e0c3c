"""From what a person names to single files on disk: folders, globs, archives; safe against hostile archives.

A folder is walked with all its subfolders; what the operating system leaves there (``.DS_Store``, ``__MACOSX``,
``_SUCCESS``) is not looked at. Members of a zip keep their folders below a private work folder, so that a
delivery inside an archive is found by its manifest like any other. A member that would leave that folder, an
encrypted one, an archive inside an archive, and one that unpacks to far more than its size are refused.
"""

from __future__ import annotations

import glob
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aispend.errors import InputError

ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_HIDDEN = ("__MACOSX", "_SUCCESS", "Thumbs.db", "desktop.ini")
_BOMB_RATIO = 250
_BOMB_FLOOR = 1 << 30
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Found:
    """A file to look at. ``named`` is False for what a folder or archive brought along; ``archive`` is the zip it
    was unpacked from."""

    path: Path
    shown_as: str
    named: bool
    archive: Path | None = None


def find(paths: Sequence[str | Path], workdir: Path) -> list[Found]:
    """Every single file behind the given paths, each once, archives unpacked into ``workdir``.

    Raises ``InputError`` for a path that does not exist, a glob without match, and an archive that cannot be trusted.
    """
    found: dict[Path, Found] = {}
    for given in paths:
        for item in _expand(str(given)):
            known = found.get(item.path.resolve())
            if known is None or (item.named and not known.named):
                found[item.path.resolve()] = item
    return [
        single for place, item in enumerate(found.values()) for single in _unpacked(item, workdir / f"unpacked{place}")
    ]


def _expand(given: str) -> Iterable[Found]:
    path = Path(given).expanduser()
    if path.is_file():
        return [Found(path, given, True)]
    if path.is_dir():
        below = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(path)))
        if not below:
            raise InputError("The folder holds no files.", where=given, next_step="Name the folder of the bill.")
        return [Found(file, str(file), False) for file in below]
    if any(mark in given for mark in "*?["):
        matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if matches:
            return [item for match in matches for item in _expand(match)]
        raise InputError(
            "No file fits this pattern.", where=given, next_step="Compare it with the files that are there."
        )
    here = f"Check the path; relative paths start in {Path.cwd()}"
    raise InputError("There is no such file or folder.", where=given, next_step=here)


def _is_hidden(path: Path | PurePosixPath) -> bool:
    return any((part.startswith(".") and part != "..") or part in _HIDDEN for part in path.parts)


def _unpacked(item: Found, workdir: Path) -> list[Found]:
    with item.path.open("rb") as file:
        head = file.read(4)
    if head == _EMPTY_ZIP:
        raise InputError("The archive is empty.", where=item.shown_as, next_step="Import the archive of the bill.")
    if head != ZIP:
        return [item]
    try:
        with zipfile.ZipFile(item.path) as archive:
            name = zlib.crc32(str(item.path.resolve()).encode())
            return _members(archive, item, workdir / f"unpacked-{name:08x}")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, NotImplementedError) as error:
        raise InputError(
            "The archive cannot be unpacked: it is cut off, damaged or packed in an unknown way.",
            where=f"{item.shown_as}: {error}",
            next_step="Download it again, or unpack it yourself and import the folder.",
        ) from error


def _members(archive: zipfile.ZipFile, item: Found, folder: Path) -> list[Found]:
    members = [
        info for info in archive.infolist() if not info.is_dir() and not _is_hidden(PurePosixPath(info.filename))
    ]
    names = {info.filename for info in members}
    if "[Content_Types].xml" in names:
        raise InputError(
            "This is an Excel workbook, not a bill.",
            where=item.shown_as,
            next_step="Save the sheet as CSV and import that.",
        )
    if not members:
        raise InputError("The archive is empty.", where=item.shown_as, next_step="Import the archive of the bill.")
    size = sum(info.file_size for info in members)
    if size > max(_BOMB_FLOOR, _BOMB_RATIO * item.path.stat().st_size):
        raise InputError(
            f"The archive says it unpacks to {size:,} bytes, more than {_BOMB_RATIO} times its own size.",
            where=item.shown_as,
            next_step="If it is a bill, unpack it yourself and import the folder.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(f"There is no room to unpack {size:,} bytes; {free:,} are free.", where=str(folder))
    return [_extract(archive, info, item, folder, alone=len(members) == 1) for info in members]


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, item: Found, folder: Path, *, alone: bool) -> Found:
    shown_as = f"{item.shown_as}/{info.filename}"
    inside = PurePosixPath(info.filename.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
        raise InputError(
            "The archive holds a file that points out of it.", where=shown_as, next_step="Do not trust this archive."
        )
    if info.flag_bits & 1:
        raise InputError(
            "The archive is encrypted.", where=shown_as, next_step="Unpack it with its password and import the folder."
        )
    target = folder / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as source, target.open("wb") as copy:
        left = info.file_size
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise InputError(
                    "A file in the archive is larger than it says.",
                    where=shown_as,
                    next_step="Do not trust this archive.",
                )
            copy.write(chunk)
    with target.open("rb") as copied:
        if copied.read(4) == ZIP:
            raise InputError(
                "The archive holds another archive.", where=shown_as, next_step="Unpack it and import the folder."
            )
    return Found(target, shown_as, item.named and alone, item.path.resolve())
