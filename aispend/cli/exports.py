"""Files for other programs: recommendations, spend, unit costs, the ledger as FOCUS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aispend import clock
from aispend.cli import doors, nothing
from aispend.cli.advice import NO_ADVICE
from aispend.cli.advice import in_order as advice_in_order
from aispend.cli.advice_options import Narrowing, narrowed
from aispend.cli.choices import one_of
from aispend.cli.doors import DatabaseOption, FromOption, ToOption, note
from aispend.cli.spending import (
    AiOnlyOption,
    AxisOption,
    ByOption,
    CostOption,
    WithoutOption,
    in_order,
    spend_query,
)
from aispend.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection


class AdviceFormat(StrEnum):
    """How recommendations are written."""

    csv = "csv"
    parquet = "parquet"
    json = "json"


class What(StrEnum):
    """What can be exported."""

    recommendations = "recommendations"
    spend = "spend"
    unit_costs = "unit-costs"
    focus = "focus"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("export")(export)


@narrowed
def export(
    what: Annotated[What, typer.Argument(help="What to write.", show_default=False, parser=one_of(What))],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help=".csv, .parquet; .json for advice.", show_default=False),
    ] = None,
    by: ByOption = "model",
    cost: CostOption = "effective",
    without: WithoutOption = None,
    ai_only: AiOnlyOption = False,
    axis: AxisOption = "usage",
    first: FromOption = None,
    end: ToOption = None,
    *,
    narrowing: Narrowing,
    style: Annotated[
        AdviceFormat | None,
        typer.Option(
            "--format",
            help="Of recommendations. Default: as the file is named.",
            show_default=False,
            parser=one_of(AdviceFormat, "--format"),
        ),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Write results to a CSV or Parquet file.

    Recommendations with their evidence, spend, unit costs, or the ledger as FOCUS 1.2 with AI columns.
    All digits are kept; in CSV, text that a spreadsheet would run as a formula is defused with an apostrophe.
    Recommendations come as Excel opens them, ids as text, or as JSON; the options from --state to --counted choose
    among them as on the page. With --format and no --output they go to recommendations.csv, .parquet or .json here.
    Without a period, recommendations and focus are everything, spend and unit-costs the last 30 days with data.
    A file without rows still has its header; what is missing is said on stderr.

    \b
    Examples:
      aispend export recommendations --output advice.csv
      aispend export recommendations --format parquet --team search --risk low
      aispend export focus --output ledger.parquet --from 2026-11 --to 2026-12 --axis billing
    """
    from reports import columns, records, views
    from reports.advice_words import outdated_line
    from reports.export import write_file, write_recommendations
    from reports.focus import write_focus
    from reports.home_first import home_first

    of_advice = (*narrowing.given(), *(["--format"] if style is not None else []))
    of_spend = {"--by": by != "model", "--cost": cost != "effective", "--without": bool(without), "--ai-only": ai_only}
    _refuse(what, of_advice, What.recommendations)
    _refuse(what, [option for option, is_given in of_spend.items() if is_given], What.spend)
    _refuse(what, ["--axis"] if axis != "usage" else [], What.spend, What.focus)
    output = output or _unnamed(what, style)
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        query = spend_query(connection, by, cost, without, ai_only, axis, first, end)
        window = query.window
        there = 0
        if what is What.focus:
            written = write_focus(door.store, output, window, query.axis)
            rows = written.rows
            for name, count in sorted(written.nulls.items()):
                note(f"note: {name} is null in {count:,} rows: their bill does not give it, and it is not guessed.")
        elif what is What.recommendations:
            advice = views.recommendations(connection, narrowing.chosen(window))
            rows = len(advice.rows)
            there = sum(views.recommendations_by_state(connection).values())
            listed = advice_in_order(advice.rows, door.settings.reporting_currency)
            write_recommendations(output, listed, style.value if style else None)
            outdated = outdated_line(advice, clock.system_clock(), door.settings.recommend.expires_after_days)
            if outdated:
                note(outdated)
        elif what is What.unit_costs:
            costs = views.unit_costs(connection, window)
            rows = len(costs.rows)
            priced = home_first(costs.rows, door.settings.reporting_currency)
            write_file(output, columns.UNIT_COSTS, records.records(columns.UNIT_COSTS, priced))
        else:
            found = views.spend(connection, query)
            found = replace(found, rows=in_order(found, door.settings.reporting_currency))
            rows = len(found.rows)
            write_file(output, columns.spend_columns(query.by), records.spend_records(found))
        for missing in _missing(connection, what, rows, there):
            note(missing)
    typer.echo(f"{output}: {rows:,} rows")


def _refuse(what: What, given: Sequence[str], *meant_for: What) -> None:
    """Raise ``UsageError`` for an option that says nothing of what is exported: it would be ignored."""
    if given and what not in meant_for:
        names = " and ".join(one.value for one in meant_for)
        raise UsageError(f"{given[0]} is for {names}.", where=f"export {what.value}", next_step="Leave it out.")


def _unnamed(what: What, style: AdviceFormat | None) -> Path:
    """The file to write where none is named. Raises ``UsageError`` where no format is given either."""
    if what is What.recommendations and style is not None:
        return Path(f"recommendations.{style.value}")
    raise UsageError("Which file to write is not said.", next_step=f"Add --output {what.value}.csv")


def _missing(connection: Connection, what: What, rows: int, there: int) -> list[str]:
    """What the file lacks because it was not loaded or not analyzed, or not asked for, and what to do.

    ``there`` is how many recommendations there are at all.
    """
    from reports import views
    from reports.formats import pending

    if what is What.recommendations:
        if there and not rows:
            return [f"None of the {there} recommendations fits what was asked for."]
        return [] if rows else [NO_ADVICE]
    if waiting := views.pending_bills(connection):
        return [pending(waiting)]
    if rows:
        return []
    return [nothing.no_unit_costs(connection, None) if what is What.unit_costs else nothing.no_charges(connection)]
