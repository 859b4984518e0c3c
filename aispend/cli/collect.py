"""aispend collect: what changed in the clouds, into the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, show
from aispend.cli.analysis import run_analysis, say_analysis
from aispend.cli.doors import DatabaseOption, Format, FormatOption, ToOption, note
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.contract import Window
    from collectors.runner import SourceReport

_NO_SOURCE = "No cloud is named in aispend.toml. docs/connect-aws.md says how; aispend init writes an example."


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("collect")(collect)


def collect(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="As aws or aws/bills. Default: all of them.", show_default=False),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DAY",
            help="First day, YYYY-MM-DD or YYYY-MM. Default: as far back as the source keeps.",
            show_default=False,
        ),
    ] = None,
    end: ToOption = None,
    accept_empty: Annotated[
        bool, typer.Option("--accept-empty", help="Nothing is right where there was something before.")
    ] = False,
    analyze_after: Annotated[
        bool, typer.Option("--analyze/--no-analyze", help="Work out the months it changes, right away.")
    ] = True,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Collect what changed in your clouds.

    Each source by itself: one that fails neither stops the others nor touches what it had before, and the next run
    goes on where it stopped. Exit status 1 where a source failed.

    \b
    Examples:
      aispend collect
      aispend collect aws/bills --from 2026-10
    """
    from aispend.clock import system_clock
    from collectors import registry, runner
    from reports.records import records

    with doors.opened(database) as door, doors.progress_bars() as bars:
        chosen = registry.sources(door.settings, door.store, system_clock, sources or ())
        if not chosen:
            note(_NO_SOURCE)
            return
        reports = runner.collect(
            chosen,
            door.store,
            door.settings,
            system_clock,
            window=_window(first, end),
            accept_empty=accept_empty,
            progress=bars,
        )
        changed = any(report.count("loaded") for report in reports)
        analyzed = run_analysis(door, bars) if changed and analyze_after else None
    if style is Format.table:
        tell(reports)
    else:
        from reports.columns import COLLECTED

        show.machine(COLLECTED, records(COLLECTED, reports), style)
    if analyzed is not None and style is Format.table:
        say_analysis(analyzed, door.settings.reporting_currency)
    if any(report.failed for report in reports):
        raise typer.Exit(1)


def tell(reports: Sequence[SourceReport]) -> None:
    """What became of each source, for people; remarks and failures follow."""
    show.table(
        [
            Head("source"),
            Head("loaded", "right"),
            Head("unchanged", "right"),
            Head("waiting", "right"),
            Head("failed", "right"),
            Head("rows", "right"),
            Head("requests", "right"),
            Head("seconds", "right"),
        ],
        [
            (
                report.source,
                *(str(report.count(outcome)) for outcome in ("loaded", "unchanged", "waiting", "failed")),
                f"{report.rows:,}",
                f"{report.requests_sent:,}",
                f"{report.seconds:.1f}",
            )
            for report in reports
        ],
    )
    for report in reports:
        for one in report.slices:
            for remark in one.notes:
                note(f"{report.source}, {one.title}: {remark}")
            if one.message:
                note(f"{report.source}, {one.title}: {one.outcome}: {one.message}")
        if report.error:
            note(f"{report.source}: {report.error}")
    if all(report.count("unchanged") == len(report.slices) and not report.error for report in reports):
        typer.echo("Nothing new.")


def _window(first: str | None, end: str | None) -> Window | None:
    from datetime import timedelta

    from aispend.clock import system_clock
    from collectors.contract import Window

    if first is None and end is None:
        return None
    if first is None:
        raise UsageError("--to needs --from.", next_step="Write aispend collect --from 2026-10 --to 2026-11.")
    start = doors.day("--from", first)
    stop = doors.day("--to", end) if end else system_clock().date() + timedelta(days=1)
    if stop <= start:
        raise UsageError("The period is empty.", where=f"--from {first} --to {end or '(today)'}")
    return Window(start, stop)
