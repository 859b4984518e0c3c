"""Laying out results: tables for people within 80 columns, JSON and CSV for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from aispend.cli.doors import Format, note

if TYPE_CHECKING:
    from reports.columns import Column
    from reports.records import Record


@dataclass(frozen=True)
class Head:
    """A table's column: its title, side, and whether it may be wrapped."""

    title: str
    side: Literal["left", "right"] = "left"
    wrap: bool = False


def machine(columns: Sequence[Column], rows: Iterable[Record], style: Format) -> None:
    """JSON or CSV on stdout."""
    from reports.output import json_text, write_csv

    if style is Format.json:
        sys.stdout.write(json_text(columns, rows))
    else:
        write_csv(sys.stdout, columns, rows)


def answered(columns: Sequence[Column], rows: Iterable[Record], style: Format, missing: str) -> bool:
    """Whether the answer is out: as JSON or CSV, or as the sentence that says why there is none; else a table is due.

    For machines that sentence goes to stderr, beside an empty result.
    """
    if style is not Format.table:
        machine(columns, rows, style)
        if missing:
            note(missing)
        return True
    if missing:
        lines([missing])
    return bool(missing)


def table(
    heads: Sequence[Head],
    rows: Iterable[Sequence[str]],
    *,
    totals: Sequence[Sequence[str]] = (),
    notes: Iterable[str] = (),
) -> None:
    """A table on stdout, its totals under a line, and the terms it holds under."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    grid = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for head in heads:
        grid.add_column(Text(head.title), justify=head.side, no_wrap=not head.wrap, overflow="ellipsis")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    if totals:
        grid.add_section()
        for total in totals:
            grid.add_row(*(Text(cell, style="bold") for cell in total))
    console.print(grid)
    lines(notes)


def lines(sentences: Iterable[str]) -> None:
    """Sentences on stdout, wrapped."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    for sentence in sentences:
        console.print(Text(sentence))


def say_unconverted(amounts: Mapping[str, Decimal]) -> None:
    """On stderr, what is in no number of an answer in one currency for want of an exchange rate."""
    from reports.formats import unconverted_lines

    for line in unconverted_lines(amounts):
        note(line)


def short_id(resource_id: str, width: int = 28, name: str | None = None) -> str:
    """The telling end of a resource id: what follows the last slash, its middle left out where it is long.

    What is no single resource is called by its ``name``, else by what its id says.
    """
    from reports.subject_names import subject_name

    ours = subject_name(resource_id)
    end = (name or ours) if ours else resource_id.rstrip("/").rsplit("/", 1)[-1]
    if len(end) <= width:
        return end
    half = (width - 1) // 2
    return f"{end[: width - 1 - half]}…{end[-half:]}"
