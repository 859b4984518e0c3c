"""The recommendations: list, reasons for none, and their life."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import decisions, doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, ToOption
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reports import views

NO_ADVICE = (
    "No recommendations. They need bills and utilization: aispend import PATH…, aispend import-metrics PATH…, "
    "then aispend recommend. Why not: aispend recommendations why-not"
)

_TERMS = (
    "Savings: per 730 hours, net of commitments; below, the range P10–P90 over the weeks seen, – where they do not "
    "differ. Risk is of acting, confidence is in the finding. Proof: --format json"
)

StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE,…",
        help="open, accepted, snoozed, dismissed, done, verified, expired, gone. Default: all but the last two.",
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
    group.command("changes")(changes)
    decisions.register(group)
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

    Risk is the risk of acting: how often history says it would go wrong. Confidence is in the finding: how much is
    known of what it says. One can be high while the other is. A period keeps those last confirmed in it.

    Example: aispend recommendations list --state open
    """
    from reports import records, views
    from reports.advice_columns import RECOMMENDATIONS

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.recommendations(connection, states=_states(state), window=window)
        empty = "" if found.rows else _nothing(connection, _states(state) if state else (), period=window is not None)
    if style is not Format.table:
        show.machine(RECOMMENDATIONS, records.recommendation_records(found.rows), style)
    elif not found.rows:
        show.lines([empty])
    else:
        advice_table(found.rows, savings_lines(found))


def _nothing(connection: Connection, asked: Sequence[str], *, period: bool) -> str:
    """Why no recommendation is listed: none in these states or this period, none found, or nothing to find them in."""
    from reports import views

    there = views.recommendations_by_state(connection)
    if there:
        what = f"is {' or '.join(asked)}" if asked else "was last confirmed in this period" if period else "stands"
        if asked and period:
            what += " and was last confirmed in this period"
        present = ", ".join(f"{count} {state}" for state, count in there.items())
        return (
            f"No recommendation {what}. There {'is' if sum(there.values()) == 1 else 'are'} {present}. "
            f"States: {', '.join(views.STATES)}; choose with --state."
        )
    if views.why_not(connection, Decimal(0)):
        return "No recommendations: nothing was found to save. Why not: aispend recommendations why-not"
    return NO_ADVICE


def advice_table(rows: tuple[views.Recommendation, ...], notes: list[str]) -> None:
    """Recommendations for people: what, where, how much, how sure."""
    from reports.formats import kind_name, money, risk_name, saving_range

    show.table(
        [Head("id"), Head("what to do", wrap=True), Head("saves/month", "right")],
        [
            (
                row.id[:8],
                f"{kind_name(row.kind)} {show.short_id(row.resource_id, 24)}"
                + (f" ({row.model})" if row.model else "")
                + f"\n{row.current} → {row.proposed}"
                + f"\n{row.state}, risk of acting {risk_name(row.risk)}, confidence in the finding {row.confidence}"
                + _not_counted(row),
                f"{money(row.monthly_saving_net)} {row.currency}\n{saving_range(row.saving_p10, row.saving_p90)}",
            )
            for row in rows
        ],
        notes=notes,
    )


def _not_counted(row: views.Recommendation) -> str:
    """Why its saving is not in the total; nothing where it is."""
    if row.monthly_saving_net == 0:
        return "; commitments you own pay for it, so it saves nothing today and is not counted"
    if row.estimate_only:
        return "; an estimate, never counted"
    if row.gate is not None and not row.counted:
        return f"; not counted until shown: {row.gate}"
    return "" if row.counted else ", cannot be done beside what is counted"


def advice_lines(rows: Sequence[views.Recommendation]) -> None:
    """The same in a line each."""
    from reports.formats import kind_name, money, risk_name

    show.table(
        [Head("largest savings"), Head("what", wrap=True), Head("saves/month", "right"), Head("risk of acting")],
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
    from reports.formats import currencies_apart, money

    totals = [
        f"Open and accepted, overlaps counted once: {money(total.monthly_saving_net)} {total.currency} a month net "
        f"({money(total.monthly_saving_effective)} at your rates, {money(total.monthly_saving_list)} at list price), "
        f"{total.recommendations} recommendation{'s' if total.recommendations != 1 else ''}."
        for total in found.totals
    ]
    return [*totals, _TERMS, *currencies_apart(row.currency for row in found.rows)]


def why_not(
    limit: Annotated[int, typer.Option(min=1, help="Resources a table shows; the rest is summed up.")] = 15,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Why a costly resource has no advice.

    Each with the reason, and what to enable. What costs less a month than advice has to save
    (recommend.min_monthly_saving) is left out and summed up.

    Example: aispend recommendations why-not --limit 40
    """
    from reports import records, views
    from reports.advice_columns import WHY_NOT

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        floor = door.settings.recommend.min_monthly_saving
        found = views.why_not(connection, floor)
        below = _below_floor(views.why_not_below(connection, floor), floor)
    if style is not Format.table:
        show.machine(WHY_NOT, records.records(WHY_NOT, found), style)
        for sentence in below:
            doors.note(f"note: {sentence}")
    elif not found:
        show.lines(
            ["No costly resource is without advice.", *below]
            if below
            else ["No costly resource is without advice, or nothing was looked at yet: aispend recommend"]
        )
    else:
        _reasons_table(found, limit, below)


def _reasons_table(found: Sequence[views.WhyNot], limit: int, below: list[str]) -> None:
    """A resource at a time, with what each kind of advice says of it."""
    from reports.formats import kind_name, money

    resources = [list(rows) for _, rows in groupby(found, key=lambda row: (row.currency, row.resource_id))]
    rest: dict[str, list[Decimal | None]] = {}
    for rows in resources[limit:]:
        rest.setdefault(rows[0].currency, []).append(rows[0].monthly_cost)
    show.table(
        [Head("resource, and why not", wrap=True), Head("cost/month", "right")],
        [
            (
                "\n".join(
                    [
                        _called(rows[0]),
                        *(f"{kind_name(row.kind)}: {row.explanation}" for row in rows),
                    ]
                ),
                f"{money(rows[0].monthly_cost)} {rows[0].currency}",
            )
            for rows in resources[:limit]
        ],
        notes=[
            *(_rest(costs, currency) for currency, costs in rest.items()),
            *below,
            "Cost: what the last days of the bill cost, scaled to 730 hours.",
        ],
    )


def _called(row: views.WhyNot) -> str:
    """The end of its id, with the name people have for it where that is another."""
    end = show.short_id(row.resource_id, 32)
    return f"{end} ({row.name})" if row.name and row.name != end else end


def _rest(costs: Sequence[Decimal | None], currency: str) -> str:
    from reports.formats import money

    known = [cost for cost in costs if cost is not None]
    unknown = f", {len(costs) - len(known)} of unknown cost" if len(known) < len(costs) else ""
    return (
        f"{len(costs)} more resource{'' if len(costs) == 1 else 's'}, {money(sum(known, Decimal(0)))} {currency} "
        f"a month together{unknown}. See them with --limit."
    )


def _below_floor(below: Sequence[views.Below], floor: Decimal) -> list[str]:
    from reports.formats import money

    return [
        (f"{row.resources} resources cost" if row.resources > 1 else "1 resource costs")
        + f" less than {floor} {row.currency} a month{' each' if row.resources > 1 else ''} "
        f"(recommend.min_monthly_saving), {money(row.monthly_cost)} {row.currency} together: too little for advice."
        for row in below
    ]


def changes(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DAY", help="First day. Default: a week ago.", show_default=False),
    ] = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What changed about the advice.

    New, grown by a fifth or more, accepted, done, verified, dismissed and gone.

    Example: aispend recommendations changes --since 2026-11-01
    """
    from datetime import timedelta

    from aispend.clock import system_clock
    from reports import records, views
    from reports.savings_columns import ADVICE_CHANGES

    first = doors.day("--since", since) if since else system_clock().date() - timedelta(days=7)
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.advice_changes(connection, first)
    missing = "" if found.rows else f"Nothing about the advice has changed since {first}."
    if not show.answered(ADVICE_CHANGES, records.records(ADVICE_CHANGES, found.rows), style, missing):
        _changes_table(found)


def _changes_table(found: views.AdviceChanges) -> None:
    from reports.formats import change_name, kind_name, money

    def saving(row: views.AdviceChange) -> str:
        was = f"\nwas {money(row.saving_before)}" if row.event == "grew" else ""
        return f"{money(row.monthly_saving_net)} {row.currency}{was}"

    show.table(
        [Head("since then"), Head("what", wrap=True), Head("saves/month", "right")],
        [
            (
                f"{change_name(row.event)}\n{row.at:%Y-%m-%d}",
                f"{row.id[:8]} {kind_name(row.kind)} {row.name or show.short_id(row.resource_id, 24)}"
                + (f"\n{row.who}" if row.who and row.who != "aispend" else "")
                + (f": {row.reason}" if row.reason else ""),
                saving(row),
            )
            for row in found.rows
        ],
        notes=[f"Since {found.since}. Savings: net of commitments, per 730 hours."],
    )


def _states(text: str | None) -> tuple[str, ...]:
    from reports.views import LIVE_STATES, STATES

    chosen = doors.listed(text) or LIVE_STATES
    unknown = [state for state in chosen if state not in STATES]
    if unknown:
        raise UsageError(f"There is no state {unknown[0]!r}.", next_step=f"Choose from {', '.join(STATES)}.")
    return chosen
