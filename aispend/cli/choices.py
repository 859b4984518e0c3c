"""Options of which one of a few words is meant: in any case, and with what there is to choose from where it is none."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from aispend.errors import UsageError
from aispend.misnamed import did_you_mean, same

_SPREADSHEETS = ("xlsx", "xls", "excel", "ods")


def one_of(kind: type[StrEnum], option: str = "") -> Callable[[str], StrEnum]:
    """A parser for a word of ``kind`` at ``option``, of an argument without a name; ``UsageError`` for another."""
    names = [one.value for one in kind]

    def parse(typed: str) -> StrEnum:
        found = same(typed, names)
        if not found:
            excel = "Excel opens csv as it is. " if typed.lower() in _SPREADSHEETS and "csv" in names else ""
            raise UsageError(
                f"There is no {typed!r} here.",
                where=f"{option} {typed}".strip(),
                next_step=f"{excel or did_you_mean(typed, names)}Choose from {', '.join(names)}.",
            )
        return kind(found[0])

    parse.__name__ = f"<{'|'.join(names)}>"  # help shows it as what may be written
    return parse
