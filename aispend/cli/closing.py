"""Months: their state, closing and opening them, what changed since; and spend agreements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption
from aispend.cli.imports import login
from aispend.cli.nothing import NO_CHARGES
from aispend.cli.show import Head
from aispend.errors import UsageError
from aispend.money import exact_sum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from reports import views

_COSTS = (Head("billed", "right"), Head("effective", "right"), Head(""))
_NO_AGREEMENTS = "No spend agreements. Write them into aispend.toml as [[agreement]]; aispend init shows how."


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("close")(close)
    app.command("agreements")(agreements)


MonthArgument = Annotated[
    str | None, typer.Argument(metavar="MONTH", help="YYYY-MM. Without it: every month and its state.")
]


def close(
    month: MonthArgument = None,
    who: Annotated[
        str | None,
        typer.Option("--who", metavar="NAME", help="Who closes it. Default: your login.", show_default=False),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="What to remember of it.", show_default=False)
    ] = None,
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="REASON", help="Close it although checks fail; kept.", show_default=False),
    ] = None,
    reopen: Annotated[
        str | None, typer.Option("--reopen", metavar="REASON", help="Open a closed month again.", show_default=False)
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="Show what was published of MONTH.")] = False,
    adjustments: Annotated[bool, typer.Option("--adjustments", help="Show what changed after closing.")] = False,
    accrued: Annotated[bool, typer.Option("--accrued", help="Show what is estimated to be billed yet.")] = False,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Close a month, or list months and their state.

    Closing publishes the month as it is, with the rules in force and the loads behind it, and is refused while a check
    of the month fails. What changes later never touches it: the difference is an adjustment with its cause.

    Example: aispend close 2026-10 --note "as sent to finance"
    """
    chosen = doors.month("MONTH", month) if month else None
    modes = [name for name, on in (("published", published), ("adjustments", adjustments), ("accrued", accrued)) if on]
    if len(modes) + (reopen is not None) + (force is not None) > 1:
        raise UsageError(
            "These do not go together.",
            where="--published, --adjustments, --accrued, --reopen, --force",
            next_step="Give one.",
        )
    changes = not modes and (chosen is not None or any(value is not None for value in (force, reopen, text, who)))
    if (changes or published) and chosen is None:
        raise UsageError("Which month?", next_step="Name it: aispend close 2026-10")
    with doors.opened(database) as door:
        if changes and chosen is not None:
            _change(door, chosen, who=who or login(), text=text, force=force, reopen=reopen)
            return
        with door.store.engine.connect() as connection:
            if published and chosen is not None:
                _published(connection, chosen, style)
            elif adjustments:
                _adjustments(connection, chosen, style)
            elif accrued:
                _accrued(connection, chosen, style)
            else:
                _months(connection, style, door.settings.reporting_currency)


def _change(
    door: doors.Door, month: date, *, who: str, text: str | None, force: str | None, reopen: str | None
) -> None:
    from aispend.clock import system_clock
    from analyzer.closing import close_month, reopen_month

    engine = door.store.engine
    for option, reason in (("--force", force), ("--reopen", reopen)):
        if reason is not None and not reason.strip():
            raise UsageError("A reason is needed.", where=option, next_step=f'Write it: {option} "why"')
    if reopen is not None:
        version = reopen_month(engine, system_clock, month, who=who, reason=reopen)
        typer.echo(f"{month:%Y-%m} is open again; version {version} stays on record.")
        return
    done = close_month(engine, door.settings, system_clock, month, who=who, note=text, force_reason=force)
    typer.echo(
        f"{month:%Y-%m} closed: version {done.version}, {done.amounts:,} amounts by {who}"
        + (f"; {done.failed} checks did not hold, closed by force" if done.failed else "")
        + (f"; a bill was {' and '.join(set(done.states) - {'final'})}" if set(done.states) - {"final"} else "")
    )


def _months(connection: Connection, style: Format, home: str) -> None:
    from reports import records, views
    from reports.columns import MONTHS
    from reports.formats import UNKNOWN, money, tax_included
    from reports.home_first import home_first

    rows = sorted(home_first(views.months(connection), home), key=lambda row: -row.month.toordinal())
    if style is not Format.table:
        show.machine(MONTHS, records.records(MONTHS, rows), style)
        return
    if not rows:
        show.lines([NO_CHARGES])
        return
    show.table(
        [
            Head("month"),
            Head("state"),
            Head("billed", "right"),
            Head("accrued", "right"),
            Head("adjusted", "right"),
            Head("", "left"),
            Head("closed", wrap=True),
        ],
        [
            (
                f"{row.month:%Y-%m}",
                row.state,
                money(row.billed_cost),
                money(row.accrued),
                money(row.adjusted),
                row.currency,
                f"{row.closed_at:%Y-%m-%d} {row.closed_by}, version {row.version}" if row.closed_at else UNKNOWN,
            )
            for row in rows
        ],
        notes=[
            f"Billed cost by billing month, all spend, {tax_included(views.tax_apart(connection))}. Accrued: estimated "
            "to be billed or invoiced yet, not in the ledger (--accrued). Adjusted: booked since it was closed "
            "(--adjustments)."
        ],
    )


def _published(connection: Connection, month: date, style: Format) -> None:
    from reports import records, views
    from reports.columns import PUBLISHED

    rows = views.published(connection, month)
    if style is not Format.table:
        show.machine(PUBLISHED, records.records(PUBLISHED, rows), style)
    elif not rows:
        show.lines([f"{month:%Y-%m} is not closed. See which are: aispend close"])
    else:
        show.table(
            [*(Head(name) for name in ("provider", "category", "model")), *_COSTS],
            _summed(rows, "provider", "charge_category", "model"),
            notes=[
                f"Published version {rows[0].version} of {month:%Y-%m}. By every cut, in all four costs: --format csv",
            ],
        )


def _adjustments(connection: Connection, month: date | None, style: Format) -> None:
    from reports import records, views
    from reports.columns import ADJUSTMENTS

    rows = views.adjustments(connection, month)
    if style is not Format.table:
        show.machine(ADJUSTMENTS, records.records(ADJUSTMENTS, rows), style)
        return
    if not rows:
        show.lines(["No adjustments: no closed month has changed since."])
        return
    found = dict.fromkeys((row.month, row.adjustment) for row in rows)
    for first, number in found:
        mine = [row for row in rows if (row.month, row.adjustment) == (first, number)]
        of = mine[0]
        by = f", through {of.author}" if of.author else ""
        found_at = f"found {of.found_at:%Y-%m-%d}{by}"
        show.lines([f"{first:%Y-%m}, adjustment {number}: {of.provider} {of.scope}, {found_at}: {of.cause}"])
        show.table(
            [*(Head(name) for name in ("model", "team", "category")), *_COSTS],
            _summed(mine, "model", "team", "charge_category"),
        )
    show.lines(["Published amounts and adjustments add up to the ledger. By every cut: --format csv"])


def _summed(rows: Sequence[views.ClosedAmount], *cut: str) -> list[tuple[str, ...]]:
    """Billed and effective cost by this cut and currency, the largest amounts first."""
    from reports.formats import UNKNOWN, money

    groups: dict[tuple[str | None, ...], list[views.ClosedAmount]] = {}
    for row in rows:
        groups.setdefault((*(getattr(row, name) for name in cut), row.currency), []).append(row)
    found = [
        (key, _sum(row.billed_cost for row in group), _sum(row.effective_cost for row in group))
        for key, group in groups.items()
    ]
    found.sort(key=lambda item: (-abs(item[1] or item[2] or Decimal(0)), str(item[0])))
    return [
        (*(name or UNKNOWN for name in key[:-1]), money(billed), money(effective), key[-1] or "")
        for key, billed, effective in found
    ]


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if known else None


def _accrued(connection: Connection, month: date | None, style: Format) -> None:
    from reports import records, views
    from reports.columns import ACCRUALS
    from reports.formats import money

    rows = views.accruals(connection, month)
    if style is not Format.table:
        show.machine(ACCRUALS, records.records(ACCRUALS, rows), style)
    elif not rows:
        show.lines(["Nothing is accrued: no month is open or provisional, or none has tax, support or fees to come."])
    else:
        to_come = [row for row in rows if row.amount is None or row.amount]
        billed = len(rows) - len(to_come)
        show.table(
            [
                Head("month"),
                Head("bill", wrap=True),
                Head("what", wrap=True),
                Head("accrued", "right"),
                Head(""),
                Head("basis", wrap=True),
            ],
            [
                (
                    f"{row.month:%Y-%m}",
                    show.short_id(f"{row.provider} {row.scope}", 18),
                    row.what,
                    money(row.amount),
                    row.currency,
                    row.basis,
                )
                for row in to_come
            ],
            notes=[
                "Estimates of billed cost, and of tax on invoices alone, less what is billed already; never part of "
                "the ledger." + (f" {billed} more are billed already." if billed else "")
            ],
        )


def agreements(style: FormatOption = Format.table, database: DatabaseOption = None) -> None:
    """How far spend agreements are drawn down.

    The floor of each [[agreement]] in the settings, what counts towards it so far, what is expected at its end at the
    pace of the last days, and what would be missing.

    Example: aispend agreements
    """
    from reports import records, views
    from reports.columns import AGREEMENTS
    from reports.formats import UNKNOWN, money, percent

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        rows = views.agreements(connection, door.settings.agreements)
    if style is not Format.table:
        show.machine(AGREEMENTS, records.records(AGREEMENTS, rows), style)
        return
    if not rows:
        show.lines([_NO_AGREEMENTS])
        return
    show.table(
        [
            Head("agreement", wrap=True),
            Head("until"),
            Head("committed", "right"),
            Head("drawn", "right"),
            Head("", "right"),
            Head("missing", "right"),
            Head(""),
            Head("status", wrap=True),
        ],
        [
            (
                row.name,
                f"{row.end}",
                money(row.committed),
                money(row.drawn),
                percent(row.drawn_share),
                money(row.shortfall) if row.through else UNKNOWN,
                row.currency,
                row.status,
            )
            for row in rows
        ],
        notes=[
            f"{row.name}: through {row.through}, {money(row.per_day)} a day"
            + (f", {money(row.needed_per_day)} a day needed" if row.needed_per_day is not None else "")
            + (f"; drawdown before {row.unknown_until} is not all known" if row.unknown_until else "")
            + ("; some of what counts lacks its cost, so what is drawn is at least this" if row.partly_unknown else "")
            + (f"; charges in {', '.join(row.other_currencies)} are not counted" if row.other_currencies else "")
            for row in rows
            if row.through
        ],
    )
