"""JSON as lines: concatenated objects and arrays rewritten, number texts untouched, in constant memory."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import BinaryIO

from aispend.errors import InputError

_CHUNK = 1 << 20
_LARGEST_OBJECT = 8 << 20
"""What the engine reads as one object (``aispend.engine.source``)."""
_BETWEEN = re.compile(r"[\s,\ufeff]*")


def is_lines(text: str, *, whole: bool) -> bool:
    """Whether each of the first lines is one complete object already."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not whole and len(lines) > 1:
        lines.pop()
    return bool(lines) and all(
        line.lstrip("\ufeff").startswith("{") and _complete(line.lstrip("\ufeff")) for line in lines[:20]
    )


def _complete(line: str) -> bool:
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


def rewrite(source: BinaryIO, target: Path, shown_as: str) -> Path:
    """Write each object of a stream of objects, or of an array of them, on a line of its own.

    The object's own text is kept (a line break can only stand between its tokens), so no digit of a number is lost.
    Raises ``InputError`` where the text breaks off or is no JSON, with the place.
    """
    decoder, scanner = codecs.getincrementaldecoder("utf-8")(), json.JSONDecoder()
    buffer, place, ended, done = "", 0, False, 0
    inside_array: bool | None = None
    with target.open("w", encoding="utf-8", newline="\n") as lines:
        while True:
            start = _BETWEEN.match(buffer, place)
            place = start.end() if start else place
            if inside_array is None and place < len(buffer):
                inside_array = buffer[place] == "["
                place += inside_array
                continue
            if place < len(buffer) and buffer[place] == "]" and inside_array:
                place += 1
                continue
            try:
                if place >= len(buffer):
                    raise json.JSONDecodeError("no more", buffer, place)
                value, end = scanner.raw_decode(buffer, place)
            except json.JSONDecodeError as error:
                if ended and place >= len(buffer):
                    return target
                if ended or len(buffer) - place > _LARGEST_OBJECT:
                    raise _broken(shown_as, done + error.pos, error) from error
                chunk = source.read(_CHUNK)
                ended = not chunk
                done += place
                buffer, place = buffer[place:] + decoder.decode(chunk, final=ended), 0
                continue
            if isinstance(value, dict):
                lines.write(buffer[place:end].replace("\r", " ").replace("\n", " "))
                lines.write("\n")
            place = end


def _broken(shown_as: str, place: int, error: json.JSONDecodeError) -> InputError:
    return InputError(
        "The JSON breaks off or is no JSON.",
        where=f"{shown_as}, character {place + 1:,}: {error.msg}",
        next_step="Export or download it again.",
    )
