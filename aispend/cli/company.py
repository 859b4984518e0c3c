"""What a company adds of its own: costs, rates, outcomes, zones and quotas; and what an outcome cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.analysis import run_analysis, say_analysis
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, InOption, ToOption
from aispend.cli.imports import AnalyzeOption, Paths
from aispend.cli.show import Head

if TYPE_CHECKING:
    from reports import views


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("import-costs")(import_costs)
    app.command("import-rates")(import_rates)
    app.command("import-outcomes")(import_outcomes)
    app.command("import-offerings")(import_offerings)
    app.command("import-quotas")(import_quotas)
    app.command("outcomes")(outcomes)


def import_costs(paths: Paths, analyze_after: AnalyzeOption = True, database: DatabaseOption = None) -> None:
    """Load costs that no cloud bills.

    People, data and labelling, licences, seats, prepaid credits, hardware of your own: AI spend of provider "own".
    A CSV file; each amount is divided equally over its days.

    \b
    Columns (the first five are required):
      from         first day, YYYY-MM-DD, or a month, YYYY-MM
      category     people, data, licence, seat, credit, hardware or other
      description  what it is
      amount       digits and a point
      currency     USD, EUR …
      to           first day no longer in it; without it, the day or month of from
      vendor, model, team, stage, resource_id
      book         a list kept on its own (default: costs); a month of a book is replaced whole

    Example: aispend import-costs people-2026.csv
    """
    from aispend.clock import system_clock
    from collectors.files.own_costs import import_own_costs

    with doors.opened(database) as door, doors.progress_bars() as bars:
        reports = import_own_costs(paths, door.store, door.settings, system_clock, progress=bars)
        analyzed = None
        if analyze_after and any(report.outcome == "loaded" for report in reports):
            analyzed = run_analysis(door, bars)
    for report in reports:
        typer.echo(str(report))
    if analyzed is not None:
        say_analysis(analyzed, door.settings.reporting_currency)
        typer.echo("See: aispend spend --by service --ai-only")


def import_rates(paths: Paths, database: DatabaseOption = None) -> None:
    """Load exchange rates.

    A CSV file with the columns date, base, quote, rate (and source): one base is so many quote from that day until the
    next rate of the pair. The opposite pair, and pairs through a third currency, follow.

    Example: aispend import-rates ecb-2026.csv
    """
    from collectors.files.exchange_rates import import_exchange_rates

    with doors.opened(database) as door:
        count = import_exchange_rates(paths, door.store)
        home = door.settings.reporting_currency
    typer.echo(f"{count:,} exchange rate{'s' if count != 1 else ''} loaded. See: aispend spend --in {home}")


def import_outcomes(
    paths: Paths,
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="Where it comes from; it replaces its own earlier lines.")
    ] = "outcomes",
    database: DatabaseOption = None,
) -> None:
    """Load what the use of AI was for, counted.

    A CSV file with the columns from, outcome, count (and to, model, team, and value with its currency, what one is
    worth to you): so many tickets resolved, documents read …
    in those days. What names no model or team is held against all AI spend.

    Example: aispend import-outcomes tickets-2026-11.csv
    """
    from collectors.files.outcomes import import_outcomes as load

    with doors.opened(database) as door:
        count = load(paths, door.store, source=source)
    typer.echo(f"{count:,} line{'s' if count != 1 else ''} of outcomes loaded. See: aispend outcomes")


def import_offerings(
    paths: Paths,
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="Where it comes from; it replaces its own earlier lines.")
    ] = "files",
    database: DatabaseOption = None,
) -> None:
    """Load which zones offer which machine types.

    For accounts whose offers are not collected: advice passes over a type that the machine's zone does not have. A CSV
    file with the columns provider, account, region, instance_type, zones (and as_of); see docs/telemetry.md.

    Example: aispend import-offerings zones.csv
    """
    from aispend.clock import system_clock
    from collectors.files.places import import_offerings as load

    with doors.opened(database) as door:
        count = load(paths, door.store, system_clock, source=source)
    typer.echo(f"{count:,} machine type{'s' if count != 1 else ''} loaded. See: aispend recommend")


def import_quotas(
    paths: Paths,
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="Where it comes from; it replaces its own earlier lines.")
    ] = "files",
    database: DatabaseOption = None,
) -> None:
    """Load how much may run at once.

    For accounts whose quotas are not collected: advice that takes more than is granted says so instead. A CSV file with
    the columns provider, account, region, code, granted, covers (and title, purchase, unit, used, as_of); see
    docs/telemetry.md.

    Example: aispend import-quotas quotas.csv
    """
    from aispend.clock import system_clock
    from collectors.files.places import import_quotas as load

    with doors.opened(database) as door:
        count = load(paths, door.store, system_clock, source=source)
    typer.echo(f"{count:,} quota{'s' if count != 1 else ''} loaded. See: aispend recommend")


def outcomes(
    first: FromOption = None,
    end: ToOption = None,
    currency: InOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What an outcome cost, and what it is worth.

    AI spend of the model and team, on the days that were counted, for each outcome you counted. What was billed in
    several currencies is converted to yours, each day at its rate. Worth is what your file says one is worth.

    Example: aispend outcomes --from 2026-10 --to 2026-11
    """
    from reports import records, views
    from reports.economics_columns import OUTCOMES

    asked = doors.currency(currency) if currency else None
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        newest = views.newest_window(connection)
        window = doors.window(first, end, newest) or newest
        found = views.outcome_costs(connection, window, home=door.settings.reporting_currency, currency=asked)
        missing = "" if found.rows else nothing.no_outcomes(connection, found)
    if not show.answered(OUTCOMES, records.outcome_records(found.rows), style, missing):
        _outcome_table(found)


def _net(row: views.OutcomeCost) -> str:
    """What it is worth more than it cost; starred where some of the cost is not known."""
    from reports.formats import money

    return money(row.net_value) + ("*" if row.partly_unknown and row.net_value is not None else "")


def _outcome_table(found: views.OutcomeCosts) -> None:
    from reports.formats import count, money, unit_price

    is_valued = any(row.value_each is not None for row in found.rows)
    show.table(
        [
            Head("outcome"),
            Head("of"),
            Head("count", "right"),
            Head("AI spend", "right"),
            Head("each", "right"),
            *([Head("worth", "right"), Head("net", "right")] if is_valued else []),
            Head("currency"),
        ],
        [
            (
                row.outcome,
                ", ".join(part for part in (row.model, row.team) if part) or "all AI spend",
                count(row.count) + (f"\nto {row.known_to}" if row.known_to else ""),
                money(row.effective_cost)
                + ("*" if row.partly_unknown else "")
                + "".join(f"\nbesides {money(amount)} {name}" for name, amount in sorted(row.unconverted.items())),
                unit_price(row.cost_per_outcome),
                *([unit_price(row.value_each), _net(row)] if is_valued else []),
                row.currency or "",
            )
            for row in found.rows
        ],
        notes=outcome_notes(found),
    )


def outcome_notes(found: views.OutcomeCosts) -> list[str]:
    """What is to be known of the table of outcomes."""
    from reports.formats import period

    is_valued = any(row.value_each is not None for row in found.rows)
    return [
        *([f"Effective cost of the days that were counted within {period(found.window)}."] if found.window else []),
        *(
            ["To the day below a count: a bill of what it cost ends on that day, and nothing later is counted."]
            if any(row.known_to for row in found.rows)
            else []
        ),
        *(["Worth: of one, as your file says. Net: what all are worth less AI spend."] if is_valued else []),
        *(
            [f"Converted at the rate of each charge's day. Oldest rate used: {found.oldest_rate}."]
            if found.oldest_rate
            else []
        ),
        *(
            ["Besides: no exchange rate is known, so that AI spend and each are partial: aispend import-rates FILE"]
            if any(row.unconverted for row in found.rows)
            else []
        ),
        *(
            ["* leaves out charges whose effective cost the bill does not give: unknown, not zero."]
            if any(row.partly_unknown for row in found.rows)
            else []
        ),
    ]
