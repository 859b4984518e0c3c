"""What is wrong in a settings file, in words: line, key, value, and what is allowed or was meant."""

from __future__ import annotations

import bisect
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from aispend.misnamed import NEAR, either, nearest, same

_SHOWN = "recommend"
"""The section whose values are shown: in the others a credential can stand by mistake."""
_BUT_FOR_A_LETTER = 0.85
"""How much of two short names is the same where one has a letter more: ``kind``, ``kinds``."""
Place = Sequence[int | str]
"""Keys and numbers from the file's top to a value."""


def problem(item: ErrorDetails, model: type[BaseModel], path: Path | None, *, withheld: frozenset[str]) -> str:
    """Line, key, value and what is allowed; of a name that does not exist, the nearest there is.

    ``withheld`` are fields of ``model`` that no file sets.
    """
    place = item["loc"]
    key = ".".join(map(str, place))
    is_shown = place[:1] == (_SHOWN,) and item["type"] != "missing"
    value = f" = {_as_written(item['input'])}" if is_shown else ""
    told = item["msg"]
    if item["type"] == "extra_forbidden":
        told = f"there is no such setting; {_meant(place, model, withheld)}"
    return f"{at_line(path, place)}{key}{value}: {told}"


def at_line(path: Path | None, place: Place) -> str:
    """``line 3, `` where the file says which; else nothing."""
    line = line_of(path, place)
    return "" if line is None else f"line {line}, "


def line_of(path: Path | None, place: Place) -> int | None:
    """Line on which a value of a TOML file begins, or what is there of the way to it; None where nothing is.

    The first lines of such a file are one themselves wherever no value is cut. So the value begins behind the last
    such beginning that lacks it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path else []
    except (OSError, UnicodeDecodeError):
        return None

    @cache
    def beginning(count: int) -> tuple[int, dict[str, Any]]:
        """The longest beginning of ``count`` lines at most that is whole, and what it says."""
        for size in range(count, 0, -1):
            try:
                return size, tomllib.loads("\n".join(lines[:size]))
            except tomllib.TOMLDecodeError:
                continue
        return 0, {}

    for depth in range(len(place), 0, -1):
        part = place[:depth]
        end = bisect.bisect_left(range(len(lines) + 1), True, key=lambda count: _has(beginning(count)[1], part))
        if end <= len(lines):
            return beginning(end - 1)[0] + 1
    return None


def _has(value: Any, place: Place) -> bool:
    for step in place:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _meant(place: Place, model: type[BaseModel], withheld: frozenset[str]) -> str:
    """The same name here in another case, or but for a letter; the same in a few other tables; the nearest here; else
    what there is here.

    A name that many tables have (``provider``) says nothing of the one that was meant.
    """
    name = str(place[-1])
    here = {key: None for owner in _owners(place[:-1], model) for key in _keys(owner) if key not in withheld}
    everywhere = [dotted for dotted in _all_keys(model) if dotted not in withheld]
    elsewhere = [dotted for dotted in everywhere if same(name, [dotted.rpartition(".")[2]])]
    others = tuple(elsewhere) if len(elsewhere) <= NEAR else ()
    if near := same(name, here) or nearest(name, here, 1, _BUT_FOR_A_LETTER) or others or nearest(name, here, 1):
        return f"did you mean {either(near)}?"
    return f"there are: {', '.join(here)}"


def _owners(place: Place, model: type[BaseModel]) -> list[type[BaseModel]]:
    """What may stand at a place below ``model``: a number, or a key that is data, leads to the same section."""
    owners = [model]
    for step in place:
        known = [_keys(owner)[step] for owner in owners if step in _keys(owner)] if isinstance(step, str) else []
        owners = [below for annotation in known for below in _models(annotation)] or owners
    return owners


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    """Keys of a section as they are written, and what each may hold."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _all_keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for key, annotation in _keys(model).items():
        yield f"{before}{key}"
        for below in _models(annotation):
            yield from _all_keys(below, f"{before}{key}.")


def _as_written(value: Any) -> str:
    return str(value) if isinstance(value, date | Decimal) else repr(value)
