"""The order in which currencies are listed, in every table, file and page: the reporting currency, then by code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class InCurrency(Protocol):
    """Anything whose money is in one currency."""

    @property
    def currency(self) -> str | None:
        """ISO 4217; None where it has none."""


Row = TypeVar("Row", bound=InCurrency)


def currency_order(home: str) -> Callable[[str | None], tuple[bool, str]]:
    """A key that sorts codes of currencies: ``home`` first, then by code."""
    return lambda code: (code != home, code or "")


def home_first(rows: Iterable[Row], home: str) -> tuple[Row, ...]:
    """Rows in the currency ``home``, then those of each other by its code; within one they stay as they are."""
    order = currency_order(home)
    return tuple(sorted(rows, key=lambda row: order(row.currency)))
