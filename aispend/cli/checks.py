"""Whether the numbers close, and what they are made from: reconcile and loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, ToOption
from aispend.cli.show import Head
from aispend.cli.spending import NO_CHARGES

if TYPE_CHECKING:
    from reports import views


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("reconcile")(reconcile)
    app.command("loads")(loads)


def reconcile(
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Check that the numbers close.

    The promises, checked on what is loaded: the bill closes to the invoice, shares add up to the bill.
    Exit status 1 where one does not hold.

    Example: aispend reconcile
    """
    from reports import records, views
    from reports.columns import RECONCILE

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.reconcile(connection, window)
    if style is not Format.table:
        show.machine(RECONCILE, records.records(RECONCILE, found.rows), style)
    elif not found.rows:
        show.lines([NO_CHARGES])
    else:
        _reconcile_table(found)
    if not found.holds:
        raise typer.Exit(1)


def _reconcile_table(found: views.Reconciliation) -> None:
    """How many checks of each promise hold, and every one that does not."""
    from reports.formats import money

    counts: dict[str, list[bool]] = {}
    for row in found.rows:
        counts.setdefault(row.promise, []).append(row.holds)
    show.table(
        [Head("promise", wrap=True), Head("checks", "right"), Head("hold", "right")],
        [
            (promise, str(len(holds)), str(sum(holds)) if all(holds) else f"{sum(holds)} !")
            for promise, holds in counts.items()
        ],
    )
    for row in found.rows:
        if not row.holds:
            where = " ".join(str(part) for part in (row.scope, row.period) if part is not None)
            show.lines(
                [
                    f"BROKEN: {row.promise}{f' ({where})' if where else ''}: {money(row.ours)} against "
                    f"{money(row.theirs)}{f' {row.currency}' if row.currency else ''}, "
                    f"difference {money(row.difference)}: {row.cause}"
                ]
            )
    named = sum(bool(row.difference) for row in found.rows if row.holds)
    if named:
        show.lines([f"{named} differences have a known cause, which --format json names."])
    broken = sum(not row.holds for row in found.rows)
    show.lines([f"{broken} of {len(found.rows)} checks do not hold." if broken else "Every check holds."])


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
