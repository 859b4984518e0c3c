"""Every error the collectors raise tells its reader what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from aispend import errors
from aispend.errors import AispendError
from collectors.registry import clouds

ROOT = Path(__file__).parents[2] / "collectors"
KINDS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, AispendError)}


def without_next_step(text: str) -> Iterator[int]:
    """The lines on which an error of aispend is made that has no next step."""
    tree = ast.parse(text)
    own = {
        one.name
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id in KINDS for base in one.bases)
    }
    for one in ast.walk(tree):
        made = isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in KINDS | own
        if made and "next_step" not in {word.arg for word in one.keywords}:
            yield one.lineno


def test_one_without_is_found() -> None:
    text = 'raise InputError("a", where="b")\nraise CollectError("a",\n    next_step="c")\nraise ValueError("d")\n'
    assert list(without_next_step(text)) == [1]


@pytest.mark.parametrize("cloud", [*clouds(), "."])
def test_every_error_tells_what_to_do(cloud: str) -> None:
    files = sorted((ROOT / cloud).glob("*.py"))
    assert files
    found = [f"{path.name}:{line}" for path in files for line in without_next_step(path.read_text(encoding="utf-8"))]
    assert not found
