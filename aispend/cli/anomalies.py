"""aispend anomalies: what is out of the ordinary, and what somebody says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, ToOption
from aispend.cli.imports import login
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reports import views

_TERMS = (
    "Impact: effective cost of these days less what was expected of them. … still lasts. Anomalies overlap in time, "
    "not in money they explain: each is told once, in the narrowest cut."
)
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Its id, or six characters or more it begins with.", show_default=False)
]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)]
WhoOption = Annotated[
    str | None, typer.Option("--who", metavar="NAME", help="Who decides. Default: your login.", show_default=False)
]
StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE,…",
        help="open, acknowledged, expected, gone. Default: open and acknowledged.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    group = typer.Typer(name="anomalies", invoke_without_command=True, rich_markup_mode=None, add_help_option=True)
    group.callback()(anomalies)
    group.command("list")(list_all)
    group.command("acknowledge")(acknowledge)
    group.command("expected")(expected)
    group.command("reopen")(reopen)
    app.add_typer(group)


def anomalies(
    context: typer.Context,
    state: StateOption = None,
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What is out of the ordinary.

    Without a subcommand, the list.

    Example: aispend anomalies --format json
    """
    if context.invoked_subcommand is None:
        list_all(state, first, end, style, database)


def list_all(
    state: StateOption = None,
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """List them, the largest impact first.

    The last weeks are judged with every analysis (docs/methods.md). What providers found stands below a table, on
    their own expectations, and is never added to ours.

    Example: aispend anomalies list --state open,expected --from 2026-11
    """
    from reports import records, views
    from reports.columns import ANOMALIES
    from reports.home_first import home_first

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        rows = views.found_anomalies(connection, states=_states(state), window=window)
        rows = home_first(rows, door.settings.reporting_currency)
        beside = views.anomalies_beside(connection, window)
        empty = "" if rows else _nothing(connection, period=window is not None)
    if style is not Format.table:
        show.machine(ANOMALIES, records.records(ANOMALIES, rows), style)
        return
    if rows:
        _table(rows)
    else:
        show.lines([empty])
    if beside:
        _beside_table(beside)


def _nothing(connection: Connection, *, period: bool) -> str:
    from reports import views

    if views.charge_days(connection) is None:
        return nothing.no_charges(connection)
    there = views.anomalies_by_state(connection)
    if there:
        counts = ", ".join(f"{count} {state}" for state, count in there.items())
        where = "this period and these states" if period else "these states"
        return f"No anomaly in {where}; there are {counts}. Choose with --state."
    return (
        "Nothing out of the ordinary. Series younger than ten days are judged for first spend alone, and nothing is "
        "new in the first four weeks of a ledger. Judged with every analysis: aispend analyze"
    )


def _table(rows: tuple[views.AnomalyFound, ...]) -> None:
    from reports.formats import money

    show.table(
        [Head("id"), Head("what", wrap=True), Head("impact", "right")],
        [
            (
                row.id[:8],
                f"{row.kind} {_days(row)}, {row.state}\n{row.explanation}",
                f"{money(row.impact)} {row.currency}\nof {money(row.actual)}",
            )
            for row in rows
        ],
        notes=[_TERMS, "Say what it is: aispend anomalies acknowledge ID, or expected ID --reason TEXT"],
    )


def _days(row: views.AnomalyFound) -> str:
    last = "…" if row.lasting else "" if row.last_day == row.first_day else f" to {row.last_day}"
    return f"{row.first_day}{last}"


def _beside_table(rows: tuple[views.AnomalyBeside, ...]) -> None:
    from reports.formats import money

    show.table(
        [Head("found by"), Head("what", wrap=True), Head("impact", "right")],
        [
            (
                row.provider,
                f"{row.service or '(no service)'} from {row.started_on}"
                + (f" to {row.ended_on}" if row.ended_on else ""),
                f"{money(row.impact)} {row.currency}",
            )
            for row in rows
        ],
        notes=["As providers say, on their own expectations; beside ours, never added."],
    )


def acknowledge(
    anomaly: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Say that it is seen and being looked at.

    Example: aispend anomalies acknowledge 3f2a91c0 --reason "asked the support team"
    """
    _decide(anomaly, "acknowledged", reason, who, database)


def expected(
    anomaly: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Say that it is as it should be.

    Its level is learned from its first day and not told again.

    Example: aispend anomalies expected 3f2a91c0 --reason "launch of the new assistant"
    """
    _decide(anomaly, "expected", reason, who, database)


def reopen(
    anomaly: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Take a decision back.

    Example: aispend anomalies reopen 3f2a91c0
    """
    _decide(anomaly, "reopened", reason, who, database)


def _decide(
    anomaly: str,
    decision: Literal["acknowledged", "expected", "reopened"],
    reason: str | None,
    who: str | None,
    database: str | None,
) -> None:
    from aispend.clock import system_clock
    from analyzer.anomaly_life import decide
    from reports.formats import money

    with doors.opened(database) as door, door.store.engine.begin() as connection:
        decided = decide(connection, anomaly, decision, who=who or login(), reason=reason, clock=system_clock)
    show.lines(
        [
            f"{decided.id}: {decision}. {decided.kind} of {_called(decided.cut, decided.value)}, "
            f"{money(decided.impact)} {decided.currency}"
        ]
    )


def _called(cut: str, value: str | None) -> str:
    from aispend.watching import TOTALS

    return TOTALS.get(cut) or f"{cut} {value or 'not known'}"


def _states(text: str | None) -> tuple[str, ...]:
    from reports.views import ANOMALY_STATES, TOLD_STATES

    chosen = doors.listed(text) or TOLD_STATES
    unknown = [state for state in chosen if state not in ANOMALY_STATES]
    if unknown:
        raise UsageError(f"There is no state {unknown[0]!r}.", next_step=f"Choose from {', '.join(ANOMALY_STATES)}.")
    return chosen
