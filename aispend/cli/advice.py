"""The recommendations: the list, and what changed about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from aispend import clock
from aispend.cli import decisions, doors, one_advice, reasons, show
from aispend.cli.advice_options import Narrowing, narrowed
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, ToOption
from aispend.cli.show import Head
from aispend.errors import UsageError
from aispend.misnamed import nearest

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reports import views

NO_ADVICE = (
    "No recommendations. They need bills and utilization: aispend import PATH…, aispend import-metrics PATH…, "
    "then aispend recommend. Why not: aispend recommendations why-not"
)

_TERMS = (
    "Savings: per 730 hours, net of commitments, of each alone; below, what of it is counted in the total, and the "
    "range P10–P90 over the weeks seen, where they differ. Risk is of acting, confidence is in the finding. Proof: "
    "--format csv or json"
)


_ID = re.compile("[0-9a-f]{6,}", re.IGNORECASE)


class _Group(TyperGroup):
    """The commands; an id in the place of one is told what shows it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and _ID.fullmatch(args[0]):
            raise UsageError(
                "An id is no command.", where=args[0], next_step=f"To see it: aispend recommendations show {args[0]}"
            )
        return super().resolve_command(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    group = typer.Typer(
        name="recommendations",
        cls=_Group,
        invoke_without_command=True,
        rich_markup_mode=None,
        add_help_option=True,
    )
    group.callback()(recommendations)
    group.command("list")(list_all)
    one_advice.register(group)
    reasons.register(group)
    group.command("changes")(changes)
    decisions.register(group)
    app.add_typer(group)


@narrowed
def recommendations(
    context: typer.Context,
    narrowing: Narrowing,
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
        _list(narrowing, first, end, style, database)


@narrowed
def list_all(
    narrowing: Narrowing,
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """List the recommendations.

    Open ones first, then what adds most to the total. Risk is the risk of acting: how often history says it would go
    wrong. Confidence is in the finding: how much is known of what it says. One can be high while the other is. A period
    keeps those last confirmed in it. JSON and CSV carry the proof; as a file for a spreadsheet: aispend export

    \b
    Examples:
      aispend recommendations list --state open --team search --risk low
      aispend recommendations list --kind stop_idle,spot --min-saving 500
    """
    _list(narrowing, first, end, style, database)


def _list(narrowing: Narrowing, first: str | None, end: str | None, style: Format, database: str | None) -> None:
    from reports import views
    from reports.advice_columns import RECOMMENDATIONS
    from reports.advice_records import recommendation_records
    from reports.advice_words import lost_line, outdated_line

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        chosen = narrowing.chosen(doors.window(first, end, views.newest_window(connection)))
        found = views.recommendations(connection, chosen)
        found = replace(found, rows=in_order(found.rows, door.settings.reporting_currency))
        reasons = views.why_not(connection, door.settings.recommend.min_monthly_saving)
        lost = lost_line(views.recommendations(connection, replace(chosen, states=views.ENDED_STATES)))
        outdated = outdated_line(found, clock.system_clock(), door.settings.recommend.expires_after_days)
        empty = "" if found.rows else _nothing(connection, chosen, asked_states=bool(narrowing.state))
    if style is not Format.table:
        show.machine(RECOMMENDATIONS, recommendation_records(found.rows), style)
    elif not found.rows:
        show.lines([empty])
    else:
        advice_table(
            found.rows, [*([outdated] if outdated else []), *savings_lines(found, reasons), *([lost] if lost else [])]
        )


def in_order(rows: Iterable[views.Recommendation], home: str) -> tuple[views.Recommendation, ...]:
    """By state as they came, and within a state those in the currency ``home`` first."""
    from reports.home_first import home_first

    listed = list(rows)
    states = list(dict.fromkeys(row.state for row in listed))
    return tuple(sorted(home_first(listed, home), key=lambda row: states.index(row.state)))


def _nothing(connection: Connection, chosen: views.AdviceFilter, *, asked_states: bool) -> str:
    """Why none is listed: none in these states or this period, none that fits, none found, or nothing to find it in."""
    from reports import views
    from reports.advice_words import none_stands_line

    there = views.recommendations_by_state(connection)
    if there:
        parts = [f"is {' or '.join(chosen.states)}"] if asked_states else []
        parts += ["was last confirmed in this period"] if chosen.window is not None else []
        parts += [f"fits {', '.join(_option(name) for name in chosen.narrowing)}"] if chosen.narrowing else []
        present = ", ".join(f"{count} {state}" for state, count in there.items())
        ended = views.recommendations(connection, views.AdviceFilter(states=views.ENDED_STATES))
        old = None if asked_states else none_stands_line(ended)
        return (
            f"No recommendation {' and '.join(parts) or 'stands'}. "
            f"There {'is' if sum(there.values()) == 1 else 'are'} {present}. "
            f"States: {', '.join(views.STATES)}; choose with --state."
            + (f" {old}." if old else "")
            + "".join(f" {question}" for question in _meant(connection, chosen))
        )
    if views.why_not(connection, Decimal(0)):
        return "No recommendations: nothing was found to save. Why not: aispend recommendations why-not"
    return NO_ADVICE


def _meant(connection: Connection, chosen: views.AdviceFilter) -> Iterator[str]:
    """For each name asked for that no recommendation has, the nearest that one has, as a question."""
    from reports import views

    rows = views.recommendations(connection, views.AdviceFilter(states=views.STATES)).rows
    for name in ("providers", "accounts", "teams", "models"):
        known = {had for row in rows if (had := getattr(row, name.removesuffix("s"))) is not None}
        for asked in getattr(chosen, name):
            if asked is not None and asked not in known and (near := nearest(asked, known, 1)):
                yield f"{_option(name)} {asked}: did you mean {near[0]}?"


_OPTIONS = {"counted_only": "--counted", "max_risk": "--risk"}


def _option(name: str) -> str:
    """The option that sets a filter: ``kinds`` is ``--kind``."""
    return _OPTIONS.get(name, "--" + name.removesuffix("s").replace("_", "-"))


def advice_table(rows: Sequence[views.Recommendation], notes: list[str]) -> None:
    """Recommendations for people: what, where, how much alone, how much of it counts, how sure."""
    show.table(
        [Head("id"), Head("what to do", wrap=True), Head("saves/month", "right")],
        [(row.id[:8], _what(row), _saves(row)) for row in rows],
        notes=notes,
    )


def _what(row: views.Recommendation) -> str:
    from reports.advice_words import badges, not_counted
    from reports.formats import risk_name
    from reports.kinds import kind_title

    minded = [text for text in badges(row) if row.uncounted != "gate" or not text.startswith("to be shown")]
    missing = not_counted(row)
    return "\n".join(
        [
            f"{kind_title(row.kind)}: {_called(row)}"
            + (f" ({row.model})" if row.model and row.model not in _called(row) else ""),
            f"{row.current} → {row.proposed}",
            f"{row.state}, risk of acting {risk_name(row.risk)}, confidence in the finding {row.confidence}",
            *([f"! {'; '.join(minded)}"] if minded else []),
            *([f"not counted, {missing}"] if missing else []),
        ]
    )


def _saves(row: views.Recommendation) -> str:
    """What it saves alone, what of it counts where that is another amount, and the range."""
    from reports.formats import UNKNOWN, money, saving_range

    lines = [f"{money(row.monthly_saving_net)} {row.currency}"]
    if row.uncounted is not None:
        lines.append("0.00 counted")
    elif row.counted_net != row.monthly_saving_net:
        lines.append(f"{money(row.counted_net)} counted")
    between = saving_range(row.saving_p10, row.saving_p90)
    return "\n".join([*lines, *([between] if between != UNKNOWN else [])])


def _called(row: views.Recommendation) -> str:
    """The end of its id, with the name people have for it where that is another."""
    from reports.subject_names import subject_name

    end = show.short_id(row.resource_id, 32)
    if row.name and subject_name(row.resource_id):
        return row.name
    return f"{end} ({row.name})" if row.name and row.name != end else end


def advice_lines(rows: Sequence[views.Recommendation]) -> None:
    """The same in a line each."""
    from reports.formats import kind_name, money, risk_name

    show.table(
        [Head("largest savings"), Head("what", wrap=True), Head("saves/month", "right"), Head("risk of acting")],
        [
            (
                f"{kind_name(row.kind)} {show.short_id(row.resource_id, 20, row.name)}",
                row.current.partition(" (")[0]
                + (f" → {row.proposed.partition(' (')[0]}" if row.kind != "stop_idle" else ""),
                f"{money(row.monthly_saving_net)} {row.currency}",
                risk_name(row.risk),
            )
            for row in rows
        ],
        notes=["Net of commitments, per 730 hours. More: aispend recommendations"],
    )


def savings_lines(found: views.Recommendations, reasons: Sequence[views.WhyNot] = ()) -> list[str]:
    """The terms of the table: what counts and what does not, in each currency, and what a saving is."""
    from reports.advice_words import as_of_line, counted_line, not_counted_line, payback_line
    from reports.formats import currencies_apart

    currencies = list(dict.fromkeys(row.currency for row in found.rows))
    groups = found.not_counted()
    told = (
        line
        for code in currencies
        for line in (counted_line(found, code), not_counted_line(groups, code), payback_line(reasons, code))
    )
    as_of = as_of_line(found)
    ends = [f"{as_of[0].upper()}{as_of[1:]}."] if as_of else []
    return [*(line for line in told if line), *ends, _TERMS, *currencies_apart(currencies)]


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
    from reports.home_first import home_first
    from reports.savings_columns import ADVICE_CHANGES

    first = doors.day("--since", since) if since else system_clock().date() - timedelta(days=7)
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.advice_changes(connection, first)
        ordered = home_first(found.rows, door.settings.reporting_currency)
    found = replace(found, rows=tuple(sorted(ordered, key=lambda row: views.CHANGES.index(row.event))))
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
