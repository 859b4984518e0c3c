"""Whether the numbers close, and what they are made from: reconcile and loads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aispend.cli import doors, show
from aispend.cli.doors import AllFromOption, DatabaseOption, Format, FormatOption, ToOption, note
from aispend.cli.nothing import NO_BILL_OF_PERIOD, NO_CHARGES
from aispend.cli.show import Head

if TYPE_CHECKING:
    from analyzer.reconcile import Finding

_CENT = Decimal("0.01")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("reconcile")(reconcile)
    app.command("loads")(loads)


def reconcile(
    first: AllFromOption = None,
    end: ToOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every check, not only what needs a look.")] = False,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Check that the numbers close.

    The promises, checked on what is loaded: the bill closes to the invoice, shares add up to the bill.
    Exit status 1 where one does not hold, and where no bill is loaded: nothing was checked then.
    JSON and CSV have every check.

    Example: aispend reconcile
    """
    from reports import records, views
    from reports.columns import RECONCILE

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.reconcile(connection, window, door.settings)
        loaded = views.bills_loaded(connection)
    if not loaded or (window is not None and all(row.period is None for row in found.rows)):
        if style is not Format.table:
            show.machine(RECONCILE, [], style)
        note(f"Nothing was checked. {NO_BILL_OF_PERIOD if loaded else NO_CHARGES}")
        raise typer.Exit(1)
    if style is not Format.table:
        show.machine(RECONCILE, records.records(RECONCILE, found.rows), style)
    else:
        _promises(found.rows)
        _rows(found.rows, every=every)
    if not found.holds:
        raise typer.Exit(1)


def _promises(rows: Sequence[Finding]) -> None:
    """One line per promise."""
    by_promise: dict[str, list[Finding]] = {}
    for row in rows:
        by_promise.setdefault(row.promise, []).append(row)
    show.table(
        [
            Head("", "right"),
            Head("promise", wrap=True),
            Head("checks", "right"),
            Head("held", "right"),
            Head("failed", "right"),
            Head("largest difference", "right"),
        ],
        [
            (
                str(found[0].number or ""),
                promise,
                str(len(found)),
                str(sum(row.holds for row in found)),
                _failed(found),
                largest_difference(found),
            )
            for promise, found in by_promise.items()
        ],
    )


def _failed(found: Sequence[Finding]) -> str:
    failed = sum(not row.holds for row in found)
    return f"{failed} !" if failed else "0"


def largest_difference(found: Sequence[Finding]) -> str:
    """Of the failed checks where some failed, else of all; signed, ours less theirs, with what it counts."""
    from reports.formats import UNKNOWN

    rows = [row for row in found if not row.holds] or found
    compared = [(abs(row.difference), row) for row in rows if row.difference is not None]
    if not compared:
        return UNKNOWN
    size, row = max(compared, key=lambda pair: pair[0])
    if not size:
        return "0"
    if row.currency and size < _CENT:
        return f"< {_CENT} {row.currency}"
    return _amount(row, "difference")


def _amount(row: Finding, which: Literal["ours", "theirs", "difference"]) -> str:
    """An amount with its currency; what is counted with its unit, where it has one."""
    from reports.formats import UNKNOWN, money

    amount = getattr(row, which)
    if amount is None:
        return UNKNOWN
    sign = "+" if which == "difference" and amount > 0 else ""
    if row.currency:
        return f"{sign}{money(amount)} {row.currency}"
    return f"{sign}{amount:,.0f} {row.unit}".rstrip()


def _rows(rows: Sequence[Finding], *, every: bool) -> None:
    """What does not hold in full, what is known and still needs a look, and how it ends."""
    failed = [row for row in rows if not row.holds]
    _blocks("Does not hold", failed)
    if every:
        _blocks("Holds", [row for row in rows if row.holds])
    else:
        known = _alike(row for row in rows if row.holds and row.attention)
        if known:
            show.lines(["", "Holds, with a cause to know of:"])
        for row, more in known:
            _indented(f"{_where(row)}: {row.cause}" + (f" (and {more} more like it)" if more else ""))
    ending = f"{len(failed)} of {len(rows)} checks do not hold." if failed else f"All {len(rows)} checks hold."
    show.lines(["", ending if every else f"{ending} Each of them: --all"])


def _blocks(title: str, rows: Sequence[Finding]) -> None:
    if rows:
        show.lines(["", f"{title}:"])
    for row in rows:
        _indented(_where(row))
        _indented(
            f"{_amount(row, 'ours')} against {_amount(row, 'theirs')}, difference {_amount(row, 'difference')}: "
            f"{row.cause}",
            4,
        )


def _where(row: Finding) -> str:
    period = f"{row.period:%Y-%m}" if row.period else None
    currency = row.currency if row.ours is None and row.theirs is None else None  # else it is beside the amount
    return ", ".join(part for part in (row.promise, row.scope, period, currency) if part)


def _alike(rows: Iterable[Finding]) -> list[tuple[Finding, int]]:
    """The first of those whose causes differ in their numbers alone, and how many more there are."""
    import re

    groups: dict[tuple[str, str], list[Finding]] = {}
    for row in rows:
        groups.setdefault((row.promise, re.sub(r"[-+]?\d[\d.]*", "#", row.cause)), []).append(row)
    return [(found[0], len(found) - 1) for found in groups.values()]


def _indented(sentence: str, indent: int = 2) -> None:
    import textwrap

    from rich.console import Console

    margin = " " * indent
    width = Console(file=sys.stdout).width
    show.lines(
        textwrap.wrap(sentence, width, initial_indent=margin, subsequent_indent=margin + "  ", break_on_hyphens=False)
    )


def loads(
    rejected: Annotated[bool, typer.Option("--rejected", help="The lines that could not be read instead.")] = False,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What is loaded, and what could not be read.

    Example: aispend loads --rejected --format csv
    """
    from reports import records, views
    from reports.columns import FRESHNESS, REJECTED
    from reports.formats import count, moment

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        lines = views.rejected_rows(connection) if rejected else ()
        sources = () if rejected else views.freshness(connection)
    if style is not Format.table:
        columns = REJECTED if rejected else FRESHNESS
        show.machine(columns, records.records(columns, lines if rejected else sources), style)
    elif rejected:
        show.lines(
            [f"{row.file}, line {row.line}, {row.column or 'line'}: {row.value or ''} – {row.reason}" for row in lines]
            or ["Every line could be read."]
        )
    elif not sources:
        show.lines([NO_CHARGES])
    else:
        show.table(
            [
                Head("kind"),
                Head("scope"),
                Head("newest"),
                Head("loaded (UTC)"),
                Head("rows", "right"),
                Head("unread", "right"),
            ],
            [
                (
                    row.kind,
                    show.short_id(f"{row.provider} {row.scope}".strip(), 22),
                    str(row.newest_day),
                    moment(row.loaded_at).removesuffix(" UTC"),
                    count(row.rows_in),
                    count(row.rows_rejected),
                )
                for row in sources
            ],
        )
