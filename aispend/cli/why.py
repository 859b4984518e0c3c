"""aispend why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, InOption, ToOption, note
from aispend.cli.show import Head

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reports import views


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("why")(why)


def why(
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="CUT,…",
            help="Any of provider, account, service, region, resource, model, team, stage, tag:KEY.",
        ),
    ] = "model",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="First day of the period to compare with, as many days long. Default: the month before, or its same "
            "days.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All spend. Default: AI spend.")] = False,
    first: FromOption = None,
    end: ToOption = None,
    currency: InOption = None,
    style: FormatOption = Format.table,
    limit: Annotated[int, typer.Option(min=1, help="Rows a table shows.")] = 15,
    database: DatabaseOption = None,
) -> None:
    """Why did cost change?

    More use, more or less per request, idle, another mix, prices, commitments: effects that add up to the change
    exactly. Without a period: the newest month, against the same days of the month before. In one currency (--in) the
    exchange rate is an effect of its own.

    \b
    Examples:
      aispend why --from 2026-10 --to 2026-11
      aispend why --by team,model --format csv
      aispend why --in EUR
    """
    from reports import records, views
    from reports.columns import change_columns
    from reports.home_first import home_first

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        periods = _periods(connection, first, end, against)
        found = (
            None
            if periods is None
            else views.changes(
                connection,
                *periods,
                by=doors.listed(by),
                ai_only=not everything,
                currency=doors.currency(currency) if currency else None,
            )
        )
        home = door.settings.reporting_currency
        if found:
            found = replace(found, rows=home_first(found.rows, home), totals=home_first(found.totals, home))
        lacking = _unconverted(found) if found else []
        missing = [] if found and (found.rows or lacking) else [_nothing(connection, found)]
    if style is not Format.table:
        show.machine(change_columns(doors.listed(by)), records.change_records(found) if found else [], style)
        for line in missing or lacking:
            note(line)
    elif found is None or not found.rows:
        show.lines(missing or lacking)
    else:
        _table(found, limit)


def _nothing(connection: Connection, found: views.Changes | None) -> str:
    if found is None or not found.ai_only:
        return nothing.no_charges(connection)
    return nothing.no_ai_spend(connection, found.after, "aispend why --all")


def _periods(
    connection: Connection, first: str | None, end: str | None, against: str | None
) -> tuple[views.Window, views.Window] | None:
    from reports import views

    asked = doors.window(first, end, views.newest_window(connection))
    periods = views.same_days_before(asked) if asked else views.month_against_month(connection)
    if against is None or periods is None:
        return periods
    start = doors.day("--against", against)
    return views.same_days_from(start, periods[1]), periods[1]


def _table(found: views.Changes, limit: int) -> None:
    from aispend.money import change_in_words
    from reports.change_words import behind, effect_words, grown, leading_effects, no_demand, signed, told_in_cents
    from reports.formats import money, period

    for total in found.totals:
        rows = [row for row in found.rows if row.currency == total.currency]
        drivers = told_in_cents(found.drivers[total.currency])
        ending = ", because of" if drivers else "" if any(row.change for row in rows) else ": nothing changed."
        moved = change_in_words(total.change, total.currency) + (grown(total) if total.change else "")
        show.lines([f"{moved}{ending}", ""])
        cells = [(signed(one.amount), effect_words(one.effect, one.amount), behind(one)) for one in drivers]
        if cells:
            show.table([Head(total.currency, "right"), Head("effect"), Head("mostly", wrap=True)], cells)
            typer.echo("")
        show.table(
            [
                Head(", ".join(found.by)),
                Head("before", "right"),
                Head("after", "right"),
                Head("change", "right"),
                Head("because", wrap=True),
            ],
            [
                (
                    ", ".join(_label(name, value) for name, value in zip(found.by, row.cut, strict=True)),
                    money(row.before),
                    money(row.after) + ("*" if row.partly_unknown else ""),
                    signed(row.change),
                    leading_effects(row),
                )
                for row in rows[:limit]
            ],
            totals=[("total", money(total.before), money(total.after), signed(total.change), "")],
            notes=_hidden(len(rows) - limit),
        )
        typer.echo("")
    scope = "AI spend" if found.ai_only else "All spend"
    is_narrower = any(name == "resource" or name.startswith("tag:") for name in found.by)
    notes = [f"{scope} by effective cost; charge day {period(found.after)} against {period(found.before)}."]
    notes += [
        f"{total.currency}: {no_demand(total)}."
        for total in found.totals
        if not found.demand_known[total.currency] and not is_narrower
    ]
    if is_narrower:
        notes.append("What a resource or a tag served is not known; what each request took is in the use of its row.")
    elif not all(found.demand_by_cut.values()):
        notes.append(
            f"Whose the requests or tokens were is not known of every {' and '.join(found.by)}; what each took is then "
            "in the use of the row."
        )
    if found.currency:
        oldest = f" Oldest rate used: {found.oldest_rate}." if found.oldest_rate else ""
        notes.append(
            f"In {found.currency} at the rate of each charge's day, converted once.{oldest} Effects are at the mean "
            "rate of the period before; what rates did is an effect of its own."
        )
    notes += _unconverted(found)
    if any(row.partly_unknown for row in found.rows):
        notes.append("* leaves out charges whose effective cost the bill does not give: unknown, not zero.")
    show.lines(notes)


def _unconverted(found: views.Changes) -> list[str]:
    from reports.formats import money

    if not found.unconverted:
        return []
    amounts = ", ".join(
        f"{money(before)} {code} before and {money(after)} {code} after"
        for code, (before, after) in found.unconverted.items()
    )
    return [f"Not in it, for want of a rate: {amounts}. Load rates: aispend import-rates FILE"]


def _label(cut: str, value: str | None) -> str:
    if value and cut == "resource":
        return show.short_id(value, 36)
    return value or (f"no {cut} known" if cut in ("model", "team", "stage") else "(none)")


def _hidden(rows: int) -> list[str]:
    return (
        [f"… and {rows} more row{'s' if rows > 1 else ''}, in the total; show them with --limit."] if rows > 0 else []
    )
