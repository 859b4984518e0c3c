"""What was worked out before, by what it was worked out from: the same question is not worked out twice.

An answer is known by a hash of all it rests on: the numbers asked about, and the code that answers. So it makes no
difference to a result whether it was remembered, and a restated month costs no more than the series it changed. What
a look ahead does not ask for any more is forgotten with it.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from aispend.schema import worked_out


class Remembered:
    """Answers of the last look ahead, and those of this one; all are lists, numbers, texts and None."""

    def __init__(self, connection: Connection | None = None) -> None:
        self._before: dict[str, Any] = {}
        self._now: dict[str, tuple[str, Any]] = {}
        if connection is not None:
            kept = worked_out.c
            rows = connection.execute(select(kept.made_from, kept.answer)).all()
            self._before = {row.made_from: row.answer for row in rows}

    def get(self, part: str, key: str) -> Any:
        """The answer, or None where it is not known."""
        if key not in self._now and key in self._before:
            self._now[key] = part, self._before[key]
        return self._now[key][1] if key in self._now else None

    def put(self, part: str, key: str, answer: Any) -> None:
        """Remember an answer."""
        self._now[key] = part, answer

    def ask(self, part: str, key: str, work: Callable[[], Any]) -> Any:
        """The answer, worked out where it is not known."""
        found = self.get(part, key)
        if found is None:
            found = work()
            self.put(part, key, found)
        return found

    def keep(self, connection: Connection) -> None:
        """Write down what was asked for this time, and nothing else."""
        gone = [key for key in self._before if key not in self._now]
        if gone:
            connection.execute(delete(worked_out).where(worked_out.c.made_from.in_(gone)))
        new = [
            {"made_from": key, "part": part, "answer": answer}
            for key, (part, answer) in self._now.items()
            if key not in self._before
        ]
        if new:
            connection.execute(insert(worked_out), new)


def key_of(*words: str | bytes) -> str:
    """A hash of all of them, each apart from the next."""
    found = hashlib.sha256()
    for word in words:
        data = word.encode() if isinstance(word, str) else word
        found.update(len(data).to_bytes(8))
        found.update(data)
    return found.hexdigest()


@lru_cache(maxsize=32)
def method_of(*modules: ModuleType) -> str:
    """A hash of their code: what a method said before it was changed is not what it says now."""
    return key_of(*(inspect.getsource(module) for module in modules))
