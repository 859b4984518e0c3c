"""Every advice that any of these tests is given keeps the promise of proof, on whichever way it came about."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from recommender.contract import Advice
from tests.recommender.kinds.contract import gaps


@pytest.fixture(autouse=True)
def _no_gaps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found: dict[str, list[str]] = {}
    begin = Advice.__init__

    def begin_and_look(self: Advice, *args: Any, **values: Any) -> None:
        begin(self, *args, **values)
        # what a test makes up by hand promises nothing
        by = sys._getframe(1).f_globals["__name__"]
        if by.startswith("recommender.kinds") and (missing := gaps(self)):
            found[f"{by}: {self.proposed}"] = missing

    monkeypatch.setattr(Advice, "__init__", begin_and_look)
    yield
    assert found == {}
