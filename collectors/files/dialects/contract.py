"""What a dialect is: the columns it needs, how it splits files, and the mapping it makes for a concrete file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aispend.engine.line import LineSql
from collectors.files.dialects.columns import Columns

Row = tuple[object, ...]


@dataclass(frozen=True)
class Look:
    """What a dialect may look at before it decides.

    ``sample`` are the first lines as text by column. ``ask`` runs SQL over all lines (relation ``raw``): one more
    pass, for what only the whole content can say. ``declared`` is the manifest's own word for the kind of export.
    """

    shown_as: str
    columns: Columns
    sample: Sequence[dict[str, str | None]]
    ask: Callable[[str], list[Row]]
    declared: str | None = None

    def values(self, *names: str) -> list[str]:
        """Non-empty sample values of the first of these columns the file has."""
        column = self.columns.find(*names)
        return [text for row in self.sample if column is not None and (text := row.get(column))]


@dataclass(frozen=True)
class Part:
    """Which part of a bill a file is: files of different parts are never read as one.

    ``leave_out`` says why a file is not read (its lines are already in another one), ``also`` names a second part the
    file counts in.
    """

    name: str = ""
    leave_out: str | None = None
    notes: tuple[str, ...] = ()
    also: str | None = None


def one_part(looks: Sequence[Look]) -> list[Part]:
    """Every file is a piece of the whole bill."""
    return [Part() for _ in looks]


@dataclass(frozen=True)
class Dialect:
    """A bill format.

    ``needs`` are groups of alternative column names; a header fits when it has one of each. ``line`` maps a concrete
    header; ``parts`` is asked once for all files of the dialect that were given together.
    """

    name: str
    title: str
    needs: tuple[tuple[str, ...], ...]
    line: Callable[[Look, Part], LineSql]
    parts: Callable[[Sequence[Look]], list[Part]] = field(default=one_part)

    def missing(self, columns: Columns) -> list[str]:
        """The needs a header does not meet, each as its usual column name (alternatives behind ``or``)."""
        return [" or ".join(group[:3]) for group in self.needs if not columns.has(*group)]
