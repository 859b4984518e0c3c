"""Settings that follow from others."""

from __future__ import annotations

import pytest

from aispend.settings import Engine


@pytest.mark.parametrize(
    ("given", "memory"),
    [({"threads": 2}, "368MB"), ({"threads": 8}, "512MB"), ({"threads": 2, "memory_limit": "2GB"}, "2GB")],
)
def test_memory_follows_the_threads_unless_it_is_set(given: dict[str, object], memory: str) -> None:
    assert Engine.model_validate(given).memory == memory
