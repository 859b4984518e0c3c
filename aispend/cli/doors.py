"""What the commands share: options, the opened database, progress bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli.choices import one_of
from aispend.errors import UsageError
from aispend.money import CURRENCIES

if TYPE_CHECKING:
    from aispend.settings import Settings
    from aispend.store import Store
    from reports.views import Window

Progress = Callable[[str, int, int | None], None]


class Format(StrEnum):
    """How a result is written to stdout."""

    table = "table"
    json = "json"
    csv = "csv"


DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="PostgreSQL to use (default: AISPEND_DATABASE_URL, else the embedded one).",
        show_default=False,
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="Output: for people, or for machines.", parser=one_of(Format, "--format"))
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DAY",
        help="First day, YYYY-MM-DD or YYYY-MM. Default: 30 days with data.",
        show_default=False,
    ),
]
AllFromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DAY",
        help="First day, YYYY-MM-DD or YYYY-MM. Default: everything loaded.",
        show_default=False,
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="DAY", help="Day after the last one (so that months join), likewise.", show_default=False
    ),
]


@dataclass(frozen=True)
class Door:
    """An opened database and the settings it was opened with."""

    settings: Settings
    store: Store


@contextmanager
def opened(database: str | None) -> Iterator[Door]:
    """Settings read and database open, closed afterwards."""
    from aispend.settings import load_settings
    from aispend.store import open_store

    settings = load_settings(database_url=database)
    with open_store(settings) as store:
        yield Door(settings, store)


def window(first: str | None, end: str | None, newest: Window | None) -> Window | None:
    """The period asked for; one end alone is completed from the newest window with data. None means the default.

    A first day after all data gives that day alone, and an end before the newest window the days before it, so that
    the answer is what there is then, or that there is nothing.
    """
    from datetime import timedelta

    from reports.views import Window

    if first is None and end is None:
        return None
    start = day("--from", first) if first else None
    stop = day("--to", end) if end else None
    if newest is None and (start is None or stop is None):
        return None
    if start is None and newest is not None and stop is not None:
        start = min(newest.first, stop - timedelta(days=newest.days))
    if stop is None and newest is not None and start is not None:
        stop = max(newest.end, start + timedelta(days=1))
    if start is None or stop is None or stop <= start:
        raise UsageError(
            "The period is empty: its end is not after its start.",
            where=f"--from {first or '(not given)'} --to {end or '(not given)'}",
            next_step="--to is the day after the last one; for November write --from 2026-11 --to 2026-12.",
        )
    return Window(start, stop)


def day(option: str, text: str) -> date:
    """A day, or the first day of a month."""
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == len("2026-11") else text)
    except ValueError:
        raise UsageError(
            "This is not a day.", where=f"{option} {text}", next_step="Write YYYY-MM-DD, or YYYY-MM for its first day."
        ) from None


def month(option: str, text: str) -> date:
    """The first day of a month."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise UsageError("This is not a month.", where=f"{option} {text}", next_step="Write YYYY-MM.") from None


def listed(text: str | None) -> tuple[str, ...]:
    """Comma-separated words."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


InOption = Annotated[
    str | None,
    typer.Option(
        "--in",
        metavar="CURRENCY",
        help="All in one currency, at the exchange rates of import-rates and of the bills. Default: each in its own.",
        show_default=False,
    ),
]


def currency(text: str, option: str = "--in") -> str:
    """The code of a currency as typed. Raises ``UsageError`` for anything else."""
    code = text.strip().upper()
    if code not in CURRENCIES:
        raise UsageError("This is not a currency.", where=f"{option} {text}", next_step="Write its three letters: EUR.")
    return code


@contextmanager
def progress_bars() -> Iterator[Progress | None]:
    """Progress bars on stderr, where somebody watches; None otherwise."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(label: str, done: int, total: int | None) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done, total=total)

        yield show


def note(message: str) -> None:
    """A remark for a person, on stderr so that it never mixes with a result."""
    sys.stderr.write(f"{message}\n")
