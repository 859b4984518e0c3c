"""Commands that work out what was loaded: analyze, recommend; and how an analysis is reported, whoever asked for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from aispend.cli import doors, savings
from aispend.cli.doors import DatabaseOption, note

if TYPE_CHECKING:
    from aispend.advising import Exclusion
    from analyzer.outlook import OutlookReport
    from analyzer.run import AnalysisReport
    from recommender.run import RecommendReport


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("analyze")(analyze)
    app.command("recommend")(recommend)


def analyze(database: DatabaseOption = None) -> None:
    """Work out whose each charge is.

    Model, team, stage and unit costs of every month whose bills, telemetry, names or rules changed.

    Example: aispend analyze
    """
    with doors.opened(database) as door, doors.progress_bars() as bars:
        report = run_analysis(door, bars)
    say_analysis(report, door.settings.reporting_currency)


def recommend(database: DatabaseOption = None) -> None:
    """Recompute the recommendations.

    Every costly resource without one gets its reason.

    Example: aispend recommend
    """
    from aispend.clock import system_clock
    from analyzer.agreements import drawn_so_far
    from recommender.run import recommend as run

    with doors.opened(database) as door, doors.progress_bars() as bars:
        report = run(door.store.engine, door.settings, system_clock, progress=bars, drawn=drawn_so_far)
        verified = savings.verify(door)
    if report.evidence_end is None:
        typer.echo("No accelerator charges yet. Load a bill: aispend import PATH…")
        return
    typer.echo(
        f"{recommended(report)}, evidence to {report.evidence_end:%Y-%m-%d}; {report.without_advice} without advice. "
        "See: aispend recommendations"
    )
    if report.is_stale:
        typer.echo(
            "Nothing stands on a bill that ends so long ago (recommend.expires_after_days): collect newer bills and "
            "telemetry."
        )
    say_notes(unmet_rules(report.unmet, door.settings.recommend.exclude))
    if verified:
        typer.echo(f"{verified} done earlier {'is' if verified == 1 else 'are'} verified now. See: aispend savings")


def unmet_rules(unmet: Iterable[int], rules: Sequence[Exclusion]) -> Iterator[str]:
    """Of each rule that keeps no advice away, as nothing is of that name, what it asks for."""
    for place in unmet:
        asked = rules[place].model_dump(exclude_defaults=True, exclude={"kinds", "why"})
        named = ", ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in asked.items())
        yield f"recommend.exclude.{place} keeps no advice away: nothing that was looked at has {named}."


def recommended(report: RecommendReport) -> str:
    """What a run proposed, and how much of that is in the total: the list has what is not as well."""
    return f"{report.found} recommendations for {report.subjects} resources, {report.advice} of them counted"


def run_analysis(door: doors.Door, bars: doors.Progress | None) -> AnalysisReport:
    """Analyze what changed, and hold what was done against the bills."""
    from aispend.clock import system_clock
    from analyzer.run import analyze as run

    report = run(door.store.engine, door.settings, system_clock, progress=bars)
    savings.verify(door)
    return report


def analysis_sentence(report: AnalysisReport, home: str) -> str:
    """What an analysis did, in a sentence; of AI spend that in the currency ``home`` first."""
    from reports.formats import percent
    from reports.home_first import currency_order

    currencies = sorted({row.currency for row in report.coverage if row.is_ai}, key=currency_order(home))
    known = ", ".join(f"{percent(report.attributed_share(code), 1)} of the AI spend in {code}" for code in currencies)
    return (
        f"{len(report.analyzed)} months analyzed, {report.unchanged} unchanged; {report.charges:,} charges in "
        f"{report.shares:,} shares" + (f"; model, team or cause known for {known}" if known else "")
    )


def say_analysis(report: AnalysisReport, home: str) -> None:
    typer.echo(analysis_sentence(report, home))
    if report.outlook is not None:
        typer.echo(outlook_sentence(report.outlook))
    say_notes(report.notes)


def outlook_sentence(report: OutlookReport) -> str:
    """What was forecast, found and held against budgets, in a sentence."""
    new = f", {report.watched.new} of them new" if report.watched.new else ""
    budgets = f", {report.budgets} budgets" if report.budgets else ""
    return f"{report.forecasts} forecasts, {report.watched.found} anomalies{new}{budgets}. See: aispend forecast"


def say_notes(notes: Iterable[str]) -> None:
    for remark in notes:
        note(f"note: {remark}")
