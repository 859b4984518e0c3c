"""What is to come: aispend forecast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, InOption
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from reports import views


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("forecast")(forecast)


def forecast(
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="CUT", help="provider, account, service, region, model or team.", show_default=False
        ),
    ] = None,
    currency: InOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What the month and the quarter will cost.

    All spend and AI spend, with the band that past forecasts of the same length earn; where there were too few,
    there is no band. Made with every analysis.

    \b
    Examples:
      aispend forecast
      aispend forecast --by team --format json
      aispend forecast --in EUR
    """
    from reports import records, views
    from reports.columns import FORECAST, FORECAST_IN

    cuts: dict[str, views.ForecastCut] = {cut: cut for cut in views.FORECAST_CUTS}
    if by is not None and by not in cuts:
        raise UsageError(f"There is no forecast by {by!r}.", next_step=f"Choose from {', '.join(cuts)}.")
    cut = cuts[by] if by else None
    asked = doors.currency(currency) if currency else None
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.forecasts_in(connection, asked, cut) if asked else views.forecasts(connection, cut)
        missing = "" if found.rows else nothing.no_forecast(connection)
        home = door.settings.reporting_currency
    rows = (*found.rows, *found.theirs)
    flat = records.forecast_in_records(rows) if asked else records.forecast_records(rows)
    if not show.answered(FORECAST_IN if asked else FORECAST, flat, style, missing):
        _table(found, home)
    elif found.rows:
        show.say_unconverted(found.rows[0].unconverted or {})


def _table(found: views.Forecasts, home: str) -> None:
    from reports.formats import UNKNOWN, currencies_apart, money, unconverted_lines
    from reports.home_first import home_first

    def band(row: views.ForecastRow) -> str:
        return UNKNOWN if row.p10 is None or row.p90 is None else f"{money(row.p10)} – {money(row.p90)}"

    heads = [
        Head("effective cost"),
        Head("so far", "right"),
        Head("expected", "right"),
        Head("band", "right"),
        Head("currency"),
    ]
    for number, (_, group) in enumerate(groupby(found.rows, key=lambda row: row.period)):
        rows = sorted(home_first(group, home), key=lambda row: row.cut not in ("all", "ai"))
        if number:
            show.lines([""])
        show.lines([_period(rows[0])])
        show.table(
            heads,
            [
                (
                    _name(row),
                    money(row.actual) + ("*" if row.partly_unknown else ""),
                    money(row.p50),
                    band(row),
                    row.currency,
                )
                for row in rows
            ],
            notes=unconverted_lines(rows[0].unconverted or {}),
        )
    show.lines(["", *_terms(found), *_beside(found), *currencies_apart(row.currency for row in found.rows)])


def _period(row: views.ForecastRow) -> str:
    from reports.formats import month

    if row.period == "month":
        return f"{month(row.period_start)}:"
    return f"Quarter from {month(row.period_start)}:"


def _name(row: views.ForecastRow) -> str:
    if row.cut in ("all", "ai"):
        return "all spend" if row.cut == "all" else "AI spend"
    if row.others:
        return f"the other {row.others} {row.cut}s"
    return row.value or f"no {row.cut} known"


def _day_before(day: date | None) -> str:
    return "" if day is None else str(day - timedelta(days=1))


def _terms(found: views.Forecasts) -> Iterator[str]:
    """What the numbers hold under."""
    from decimal import Decimal

    from aispend.money import in_words
    from reports.formats import moment, percent
    from reports.records import step_words

    first = found.rows[0]
    yield (
        f"Bills known to {_day_before(first.known_to)}; made {moment(first.made_at)}. "
        f"The whole period is in the band in {percent(first.level)} of such cases, as past forecasts were."
    )
    if found.currency:
        oldest = f" Oldest rate used: {found.oldest_rate}." if found.oldest_rate else ""
        yield (
            f"In {found.currency}: known days at the rate of each, days to come at that of the last known day.{oldest} "
            "Bands of several currencies are added: too wide where they do not move together."
        )
    several = len({row.currency for row in found.rows}) > 1

    def amounts(row: views.ForecastRow) -> str:
        return f"{_name(row)} in {row.currency}" if several else _name(row)

    names: dict[str, dict[str, None]] = {}
    for row in found.rows:
        if row.reason:
            names.setdefault(row.reason, {})[amounts(row)] = None
    every = {amounts(row) for row in found.rows}
    for reason, ours in names.items():
        whose = "" if ours.keys() == every else f" ({', '.join(ours)})"
        yield f"{reason[0].upper()}{reason[1:]}{whose}."
    for step in found.steps:
        amount = in_words(Decimal(str(step["amount_per_day"])))
        yield f"In it {step_words({**step, 'amount_per_day': amount})}."
    if any(row.partly_unknown for row in found.rows):
        yield "* some charges have no effective cost: unknown, not zero, and not in it."


def _beside(found: views.Forecasts) -> Iterator[str]:
    """What providers forecast themselves: other terms, hence beside."""
    from reports.formats import money, percent

    for row in found.theirs:
        band = ""
        if row.p10 is not None and row.p90 is not None:
            band = f" ({money(row.p10)} – {money(row.p90)}, {percent(row.level)})"
        yield (
            f"{row.value} itself, {row.period_start} to {_day_before(row.period_end)}, {row.method}: "
            f"{money(row.p50)} {row.currency}{band}."
        )
