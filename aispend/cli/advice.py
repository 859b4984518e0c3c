"""The recommendations: list, reasons for none, and their life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, ToOption
from aispend.cli.imports import login
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from reports import views

NO_ADVICE = (
    "No recommendations. They need bills and utilization: aispend import PATH…, aispend import-metrics PATH…, "
    "then aispend recommend. Why not: aispend recommendations why-not"
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.", show_default=False)]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)]
WhoOption = Annotated[
    str | None, typer.Option("--who", metavar="NAME", help="Who decides. Default: your login.", show_default=False)
]
StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE,…",
        help="open, accepted, snoozed, dismissed, done, gone. Default: all but gone.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    group = typer.Typer(
        name="recommendations", invoke_without_command=True, rich_markup_mode=None, add_help_option=True
    )
    group.callback()(recommendations)
    group.command("list")(list_all)
    group.command("why-not")(why_not)
    group.command("accept")(accept)
    group.command("dismiss")(dismiss)
    group.command("snooze")(snooze)
    group.command("done")(done)
    group.command("reopen")(reopen)
    app.add_typer(group)


def recommendations(
    context: typer.Context,
    state: StateOption = None,
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What to do about the spend.

    Without a subcommand, the list.

    Example: aispend recommendations --format json
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
    """List the recommendations.

    A period keeps those last confirmed in it.

    Example: aispend recommendations list --state open
    """
    from reports import records, views
    from reports.columns import RECOMMENDATIONS

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.recommendations(connection, states=_states(state), window=window)
    if style is not Format.table:
        show.machine(RECOMMENDATIONS, records.records(RECOMMENDATIONS, found.rows), style)
    elif not found.rows:
        show.lines([NO_ADVICE])
    else:
        advice_table(found.rows, savings_lines(found))


def advice_table(rows: tuple[views.Recommendation, ...], notes: list[str]) -> None:
    """Recommendations for people: what, where, how much, how sure."""
    from reports.formats import kind_name, money, risk_name

    show.table(
        [Head("id"), Head("what to do", wrap=True), Head("saves/month", "right")],
        [
            (
                row.id[:8],
                f"{kind_name(row.kind)} {show.short_id(row.resource_id, 24)}"
                + (f" ({row.model})" if row.model else "")
                + f"\n{row.current} → {row.proposed}"
                + f"\n{row.state}, risk {risk_name(row.risk)}, confidence {row.confidence}"
                + ("" if row.counted else ", overlaps another and is not counted"),
                f"{money(row.monthly_saving_net)} {row.currency}\n{money(row.saving_p10)}–{money(row.saving_p90)}",
            )
            for row in rows
        ],
        notes=notes,
    )


def advice_lines(rows: Sequence[views.Recommendation]) -> None:
    """The same in a line each."""
    from reports.formats import kind_name, money, risk_name

    show.table(
        [Head("largest savings"), Head("what", wrap=True), Head("saves/month", "right"), Head("risk")],
        [
            (
                f"{kind_name(row.kind)} {show.short_id(row.resource_id, 20)}",
                row.current.partition(" (")[0]
                + (f" → {row.proposed.partition(' (')[0]}" if row.kind != "stop_idle" else ""),
                f"{money(row.monthly_saving_net)} {row.currency}",
                risk_name(row.risk),
            )
            for row in rows
        ],
        notes=["Net of commitments, per 730 hours. More: aispend recommendations"],
    )


def savings_lines(found: views.Recommendations) -> list[str]:
    """The terms of the table: what a saving is, and what they add up to."""
    from reports.formats import money

    totals = [
        f"Open and accepted, overlaps counted once: {money(total.monthly_saving_net)} {total.currency} a month net "
        f"({money(total.monthly_saving_effective)} at your rates, {money(total.monthly_saving_list)} at list price), "
        f"{total.recommendations} recommendation{'s' if total.recommendations != 1 else ''}."
        for total in found.totals
    ]
    return [*totals, "Savings: per 730 hours, net of commitments, with the range P10–P90. Proof: --format json"]


def why_not(style: FormatOption = Format.table, database: DatabaseOption = None) -> None:
    """Why a costly resource has no advice.

    Each with the reason, and what to enable.

    Example: aispend recommendations why-not
    """
    from reports import records, views
    from reports.columns import WHY_NOT
    from reports.formats import kind_name, money

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.why_not(connection)
    if style is not Format.table:
        show.machine(WHY_NOT, records.records(WHY_NOT, found), style)
    elif not found:
        show.lines(["No costly resource is without advice, or nothing was looked at yet: aispend recommend"])
    else:
        show.table(
            [Head("resource, and why not", wrap=True), Head("cost/month", "right")],
            [
                (
                    f"{show.short_id(row.resource_id, 32)}: {kind_name(row.kind)}\n{row.explanation}",
                    f"{money(row.monthly_cost)} {row.currency}",
                )
                for row in found
            ],
        )


def accept(
    recommendation: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Say that it will be done.

    Example: aispend recommendations accept 3f2a91c0
    """
    _change(recommendation, "accepted", reason, who, None, database)


def dismiss(
    recommendation: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Say that it will not be done, and why.

    Example: aispend recommendations dismiss 3f2a91c0 --reason "kept for the audit"
    """
    _change(recommendation, "dismissed", reason, who, None, database)


def snooze(
    recommendation: IdArgument,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="First day it is open again.", show_default=False)
    ] = None,
    reason: ReasonOption = None,
    who: WhoOption = None,
    database: DatabaseOption = None,
) -> None:
    """Ask again later.

    Example: aispend recommendations snooze 3f2a91c0 --until 2027-01-15
    """
    _change(recommendation, "snoozed", reason, who, doors.day("--until", until) if until else None, database)


def done(
    recommendation: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Say that it has been done.

    Example: aispend recommendations done 3f2a91c0
    """
    _change(recommendation, "done", reason, who, None, database)


def reopen(
    recommendation: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Take a decision back.

    Example: aispend recommendations reopen 3f2a91c0
    """
    _change(recommendation, "reopened", reason, who, None, database)


def _change(
    recommendation: str,
    event: Literal["accepted", "dismissed", "snoozed", "done", "reopened"],
    reason: str | None,
    who: str | None,
    until: date | None,
    database: str | None,
) -> None:
    from aispend.clock import system_clock
    from recommender.life import change_state

    with doors.opened(database) as door, door.store.engine.begin() as connection:
        change_state(
            connection, recommendation, event, who=who or login(), reason=reason, until=until, clock=system_clock
        )
    typer.echo(f"{recommendation}: {event}")


def _states(text: str | None) -> tuple[str, ...]:
    from reports.views import LIVE_STATES, STATES

    chosen = doors.listed(text) or LIVE_STATES
    unknown = [state for state in chosen if state not in STATES]
    if unknown:
        raise UsageError(f"There is no state {unknown[0]!r}.", next_step=f"Choose from {', '.join(STATES)}.")
    return chosen
