"""Savings verified from the bill: aispend savings; and the ledger brought up to date for other commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from reports import views

NOTHING_DONE = (
    "Nothing has been accepted or done yet, so there is no saving to verify. Choose from aispend recommendations, "
    "then: aispend recommendations accept ID, and when it is done: aispend recommendations done ID --on DAY"
)
CUTS = ("month", "recommendation", "line")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("savings")(savings)


def verify(door: doors.Door) -> int:
    """Hold what was done against the bills that are loaded; how many recommendations were verified by it."""
    from aispend.clock import system_clock
    from analyzer.agreements import drawdowns
    from recommender.ledger.floors import Floor
    from recommender.ledger.months import update_ledger

    with door.store.engine.begin() as connection:
        agreements = door.settings.agreements
        found = drawdowns(connection, agreements)
        floors = [Floor(one, drawn.shortfall) for one, drawn in zip(agreements, found, strict=True)]
        return update_ledger(connection, floors, system_clock())


def savings(
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="CUT",
            help="month, recommendation, or line (each month of each). A table shows the first two unless asked.",
            show_default=False,
        ),
    ] = None,
    calibration: Annotated[bool, typer.Option("--calibration", help="How well promises were kept instead.")] = False,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What was promised, and what the bill shows came of it.

    Of all that was done, misses included. What list prices, commitments and the floors of spend agreements
    account for is taken out and shown apart.

    \b
    Examples:
      aispend savings
      aispend savings --by recommendation --format csv
      aispend savings --calibration
    """
    from reports import records, views
    from reports.home_first import home_first
    from reports.savings_columns import CALIBRATION, SAVING_LINES, SAVINGS_BY_MONTH, SAVINGS_BY_RECOMMENDATION

    if by is not None and by not in CUTS:
        raise UsageError(f"There are no savings by {by!r}.", next_step=f"Choose from {', '.join(CUTS)}.")
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.savings(connection)
        kept = views.calibration(connection)
        home = door.settings.reporting_currency
    missing = "" if found.items else NOTHING_DONE
    if calibration:
        if not show.answered(CALIBRATION, calibration_records(kept), style, missing):
            _calibration(kept)
        return
    columns, rows = {
        "month": (SAVINGS_BY_MONTH, sorted(home_first(found.months, home), key=lambda row: row.month)),
        "recommendation": (SAVINGS_BY_RECOMMENDATION, found.items),
        "line": (SAVING_LINES, found.lines),
    }[by or "month"]
    if show.answered(columns, records.records(columns, rows), style, missing):
        return
    if by in (None, "month"):
        _months(found, home)
    if by is None:
        show.lines([""])
    if by in (None, "recommendation"):
        _items(found)
    if by == "line":
        _lines(found)


def calibration_records(kept: views.Calibration) -> list[dict[str, Any]]:
    """A row for each measure, and for each kind's factor."""

    def row(measure: str, value: Decimal | None, count: int, goal: str | None = None, **words: str) -> dict[str, Any]:
        blank = {"kind": None, "currency": None}
        return {"measure": measure, **blank, **words, "value": value, "count": count, "goal": goal}

    return [
        row("within P10 to P90", kept.within_range, kept.promised, "0.8 or more"),
        row("without a range: within a tenth", None, kept.promised - kept.with_range),
        row("at or above P50", kept.at_least_median, kept.with_range, "about 0.5"),
        row("missed", None, len(kept.misses)),
        row("stops regretted", kept.regret, kept.stops, "0.05 or less"),
        row("stops still paid for", None, kept.not_stopped),
        row("taken back", None, kept.rollbacks),
        *(
            row("realised over promised", one.factor, one.verified, kind=one.kind, currency=one.currency)
            for one in kept.factors
        ),
    ]


def _months(found: views.Savings, home: str) -> None:
    from reports.formats import money, month
    from reports.home_first import home_first

    if not found.months:
        show.lines(
            ["No bill of the days since has been held against it yet: aispend analyze does, once one is loaded."]
        )
        return
    show.table(
        [
            Head("month"),
            Head("promised", "right"),
            Head("realised", "right"),
            Head("in all", "right"),
            Head("price", "right"),
            Head("commitm.", "right"),
            Head("floor", "right"),
            Head(""),
        ],
        [
            (
                f"{month(row.month)[:3]} {row.month.year}" + ("" if row.is_final else " *"),
                money(row.predicted_net),
                money(row.realised) + ("?" if row.unknown else ""),
                money(row.cumulative),
                money(row.price_effect) + ("?" if row.price_unknown else ""),
                money(row.commitment_effect),
                money(row.floor_effect),
                row.currency,
            )
            for row in sorted(home_first(found.months, home), key=lambda row: row.month)
        ],
        notes=_terms(found),
    )


def _terms(found: views.Savings) -> Iterator[str]:
    from reports.formats import moment

    yield (
        "Realised: what the same would have cost (effective cost before) less what was paid, without what list prices "
        "(price), commitments and floors of spend agreements account for. In all: net, since the first month."
    )
    if any(not row.is_final for row in found.months):
        yield "* provisional: the bill of the month is not final."
    if any(row.unknown for row in found.months):
        yield "? without what is unknown; why: aispend savings --by line"
    elif any(row.price_unknown for row in found.months):
        yield "? list prices today are not known of some: a change of them is in what is realised."
    yield f"As of {moment(found.computed_at)}. How well promises were kept: aispend savings --calibration"


def _items(found: views.Savings) -> None:
    from reports.formats import kind_name, money, outcome_name

    show.table(
        [Head("id"), Head("what was done", wrap=True), Head("promised", "right"), Head("realised", "right")],
        [
            (
                row.id[:8],
                f"{kind_name(row.kind)} {row.name or show.short_id(row.resource_id, 24)}"
                + f"\n{outcome_name(row)}"
                + (f"\n{row.remark}" if row.remark else ""),
                f"{money(row.predicted)} {row.currency}",
                f"{money(row.realised)} {row.currency}" + (" *" if row.provisional else ""),
            )
            for row in found.items
        ],
        notes=["Both are for the days since it was done. * some of its months are provisional."],
    )


def _lines(found: views.Savings) -> None:
    from reports.formats import money

    show.table(
        [Head("id"), Head("days"), Head("would cost", "right"), Head("paid", "right"), Head("realised", "right")],
        [
            (
                row.id[:8],
                f"{row.first_day} to {row.end_day}" + ("" if row.is_final else " *"),
                money(row.counterfactual_cost),
                money(row.actual_cost),
                f"{money(row.realised)} {row.currency}",
            )
            for row in found.lines
        ],
        notes=[
            *dict.fromkeys(f"{row.id[:8]}: {row.remark}" for row in found.lines if row.remark),
            "The second day is the day after the last. * provisional. All parts: --format csv",
        ],
    )


def _calibration(kept: views.Calibration) -> None:
    from reports.formats import kind_name, percent

    show.table(
        [Head("promises kept"), Head("share", "right"), Head("of"), Head("goal")],
        [
            ("realised within P10 to P90", percent(kept.within_range), f"{kept.promised} verified", "80 % or more"),
            ("realised at or above P50", percent(kept.at_least_median), f"{kept.with_range} verified", "about 50 %"),
            ("stops not kept for 7 days", percent(kept.regret), f"{kept.stops} stops", "5 % or less"),
            *(
                (
                    f"{kind_name(one.kind)}: realised of promised",
                    percent(one.factor),
                    f"{one.verified} verified, {one.currency}",
                    "",
                )
                for one in kept.factors
            ),
        ],
        notes=[
            f"{kept.verified} verified, {_counted(len(kept.misses), 'miss', 'misses')}, "
            f"{_counted(kept.rollbacks, 'decision', 'decisions')} taken back after being done.",
            *ranges_and_stops(kept),
            *_misses(kept.misses),
        ],
    )


def ranges_and_stops(kept: views.Calibration) -> Iterator[str]:
    """What promises without a range count by, and which stops were none, where there are any."""
    if kept.promised > kept.with_range:
        yield (
            f"{kept.promised - kept.with_range} of {kept.promised} had no range, as every week before cost the same: "
            "as promised is within 10 % of the net saving, a miss is below half of it."
        )
    if kept.not_stopped:
        yield (
            f"{_counted(kept.not_stopped, 'stop', 'stops')} never made: still paid for on every day since; "
            f"{kept.restarts} started again."
        )


def _misses(misses: Sequence[views.Kept]) -> Iterator[str]:
    from reports.formats import kind_name, money

    for one in misses:
        yield (
            f"Missed: {one.recommendation_id[:8]} {kind_name(one.kind)}, {money(one.realised)} of "
            f"{money(one.predicted_net)} {one.currency}."
        )


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
