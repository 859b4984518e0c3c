"""JSON as lines: concatenated objects and arrays rewritten, number texts untouched, in constant memory; and the keys
of all of them."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aispend.engine.line import literal
from aispend.errors import InputError
from collectors.files import reading

if TYPE_CHECKING:
    import duckdb

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


def all_keys(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    shown_as: str,
    types: Mapping[str, str],
    sample: Sequence[Mapping[str, str | None]],
) -> dict[str, str]:
    """``types`` of the first lines with the keys of all lines: exporters leave out what is empty, so a column may begin
    anywhere. Lines that are no JSON are left to the import.

    Raises ``InputError`` where an object has a key twice, or keys differ only in case.
    """
    source = f"read_ndjson_objects({literal(str(path))}, ignore_errors = true)"
    rows = reading.run(connection, f"SELECT DISTINCT json_keys(json) FROM {source}", [shown_as])
    found = [keys for (keys,) in rows if isinstance(keys, list)]
    for keys in found:
        if twice := next((key for place, key in enumerate(keys) if key in keys[:place]), None):
            raise InputError(
                f"The key {twice} stands in one object more than once.",
                where=shown_as,
                next_step="Export it again with each key once, or take out the one that is not meant.",
            )
    keys = [*types, *sorted({key for keys in found for key in keys} - types.keys())]
    _refuse_other_case(shown_as, keys)
    seen = {key for line in sample for key, value in line.items() if value is not None}
    if not (unknown := [key for key in keys if key not in seen]):
        return dict(types)
    pointers = [literal("/" + key.replace("~", "~0").replace("/", "~1")) for key in unknown]
    nested = [f"bool_or(json_type(json, {pointer}) IN ('ARRAY', 'OBJECT'))" for pointer in pointers]
    (kinds,) = reading.run(connection, f"SELECT {', '.join(nested)} FROM {source}", [shown_as])
    known = {key: "JSON" if is_nested else "VARCHAR" for key, is_nested in zip(unknown, kinds, strict=True)}
    return {key: known.get(key, types.get(key, "VARCHAR")) for key in keys}


def _refuse_other_case(shown_as: str, keys: Sequence[str]) -> None:
    first: dict[str, str] = {}
    for key in keys:
        if (other := first.setdefault(key.lower(), key)) != key:
            raise differ_in_case(other, key, shown_as)


def differ_in_case(one: str, other: str, where: str) -> InputError:
    """The refusal of two spellings of one key."""
    return InputError(
        f"The keys {one} and {other} differ only in case: which of the two is meant cannot be told.",
        where=where,
        next_step="Export it again with one of them, or take out the one that is not meant.",
    )
