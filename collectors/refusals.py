"""Places of one run that may not be read: one is a remark as long as another is read; where none is, the run fails."""

from __future__ import annotations

from typing import Generic, TypeVar

Why = TypeVar("Why")
"""What a refusal is told by: the error, or the permission that is missing."""


class Refusals(Generic[Why]):
    """Who refused, and whether anybody did not."""

    def __init__(self) -> None:
        self._refused: list[Why] = []
        self._is_any_read = False

    def add(self, *refused: Why) -> None:
        """A place may not be read."""
        self._refused += refused

    def read(self, is_read: bool = True) -> None:
        """A place was read, in this run or by an earlier one of the same day."""
        self._is_any_read |= is_read

    @property
    def by_all(self) -> list[Why]:
        """Every refusal where nothing could be read; none where anything was."""
        return [] if self._is_any_read else self._refused
