"""Files for other programs: recommendations, spend, unit costs, the ledger as FOCUS."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing
from aispend.cli.advice import NO_ADVICE
from aispend.cli.doors import DatabaseOption, FromOption, ToOption, note
from aispend.cli.spending import (
    AiOnlyOption,
    AxisOption,
    ByOption,
    CostOption,
    WithoutOption,
    spend_query,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection


class What(StrEnum):
    """What can be exported."""

    recommendations = "recommendations"
    spend = "spend"
    unit_costs = "unit-costs"
    focus = "focus"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("export")(export)


def export(
    what: Annotated[What, typer.Argument(help="What to write.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help=".csv or .parquet.", show_default=False)],
    by: ByOption = "model",
    cost: CostOption = "effective",
    without: WithoutOption = None,
    ai_only: AiOnlyOption = False,
    axis: AxisOption = "usage",
    first: FromOption = None,
    end: ToOption = None,
    database: DatabaseOption = None,
) -> None:
    """Write results to a CSV or Parquet file.

    Recommendations with their evidence, spend, unit costs, or the ledger as FOCUS 1.2 with AI columns.
    All digits are kept; in CSV, text that a spreadsheet would run as a formula is defused with an apostrophe.
    Without a period, recommendations and focus are everything, spend and unit-costs the last 30 days with data.
    A file without rows still has its header; what is missing is said on stderr.

    \b
    Examples:
      aispend export recommendations --output advice.csv
      aispend export focus --output ledger.parquet --from 2026-11 --to 2026-12 --axis billing
    """
    from reports import columns, records, views
    from reports.export import write_file
    from reports.focus import write_focus

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        query = spend_query(connection, by, cost, without, ai_only, axis, first, end)
        window = query.window
        if what is What.focus:
            written = write_focus(door.store, output, window, query.axis)
            rows = written.rows
            for name, count in sorted(written.nulls.items()):
                note(f"note: {name} is null in {count:,} rows: their bill does not give it, and it is not guessed.")
        elif what is What.recommendations:
            advice = views.recommendations(connection, window=window)
            rows = len(advice.rows)
            write_file(output, records.evidence_columns(), records.evidence_records(advice.rows))
        elif what is What.unit_costs:
            costs = views.unit_costs(connection, window)
            rows = len(costs.rows)
            write_file(output, columns.UNIT_COSTS, records.records(columns.UNIT_COSTS, costs.rows))
        else:
            found = views.spend(connection, query)
            rows = len(found.rows)
            write_file(output, columns.spend_columns(query.by), records.spend_records(found))
        for missing in _missing(connection, what, rows):
            note(missing)
    typer.echo(f"{output}: {rows:,} rows")


def _missing(connection: Connection, what: What, rows: int) -> list[str]:
    """What the file lacks because it was not loaded or not analyzed, and what to do."""
    from reports import views
    from reports.formats import pending

    if what is What.recommendations:
        return [] if rows else [NO_ADVICE]
    if waiting := views.pending_bills(connection):
        return [pending(waiting)]
    if rows:
        return []
    return [nothing.no_unit_costs(connection, None) if what is What.unit_costs else nothing.no_charges(connection)]
