"""Where the month stands: month to date, where it is heading, what changed, and who spent it.

Method
    The present month is the month of the newest charge day, not of the wall clock, so that a late bill does not
    look like a saving. *Run rate*: mean cost of the last seven days with data in the month or before it.
    *Forecast*: that of the analysis (:mod:`reports.views.forecast`), with its band where past forecasts earn one. Where
    there is none of this month and cost (it is of effective cost): month to date + run rate × days left.
    *Change*: month to date against the same number of days of the month before.
Known drawbacks
    The newest day may be incomplete, which pulls the run rate down by up to a seventh of a day's cost. By run rate
    weekly patterns are averaged, monthly ones (a charge on the first) are not foreseen.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from aispend.clock import month_of, next_month
from aispend.money import exact_sum, rate
from reports.views.basis import CostColumn, Window, newest_window
from reports.views.forecast import ForecastRow, forecasts
from reports.views.spend import Spend, SpendTotal, spend
from reports.views.spend_query import SpendQuery

RUN_RATE_DAYS = 7
TREND_MONTHS = 13


@dataclass(frozen=True)
class MonthFigures:
    """One currency's month. Amounts in ``currency``; ``change`` is relative (0.1 is ten per cent more).

    ``forecast`` is of the whole month; between ``forecast_p10`` and ``forecast_p90`` it ends with probability
    ``forecast_level``, all None where there is no honest band. ``by_run_rate`` tells that nothing better is known.
    NULL where the cost is unknown, or, for the change, where the month before has none. ``partly_unknown`` tells
    that the month to date leaves out charges or bills that do not give the cost, and so does what follows from it.
    """

    currency: str
    month_to_date: Decimal | None
    run_rate_per_day: Decimal | None
    forecast: Decimal | None
    forecast_p10: Decimal | None
    forecast_p90: Decimal | None
    forecast_level: Decimal | None
    by_run_rate: bool
    previous_same_days: Decimal | None
    change: Decimal | None
    partly_unknown: bool


@dataclass(frozen=True)
class Overview:
    """The present month (``as_of`` is the newest charge day) and the trend of thirteen months.

    ``by_provider`` and ``by_model`` cover the month to date; ``trend`` is by month.
    """

    month: date
    as_of: date
    days_elapsed: int
    days_in_month: int
    figures: tuple[MonthFigures, ...]
    by_provider: Spend
    by_model: Spend
    trend: Spend


def overview(connection: Connection, *, ai_only: bool = True, cost: CostColumn = "effective_cost") -> Overview | None:
    """The overview of AI spend (or all spend), by one cost column; None where nothing is analyzed."""
    newest = newest_window(connection, 1)
    if newest is None:
        return None
    as_of = newest.first
    month = month_of(as_of)
    previous = month_of(month - timedelta(days=1))
    days_in_month = calendar.monthrange(month.year, month.month)[1]

    def cut(by: tuple[str, ...], first: date, end: date) -> Spend:
        return spend(connection, SpendQuery(by=by, window=Window(first, end), cost=cost, ai_only=ai_only))

    by_provider = cut(("provider",), month, newest.end)
    before = cut((), previous, min(previous + timedelta(days=as_of.day), month))
    recent = cut(("day",), newest.end - timedelta(days=RUN_RATE_DAYS), newest.end)
    made = _made(connection, month, ai_only=ai_only) if cost == "effective_cost" else {}
    figures = tuple(
        _figures(total, before, recent, days_in_month - as_of.day, made.get(total.currency))
        for total in by_provider.totals
    )
    return Overview(
        month=month,
        as_of=as_of,
        days_elapsed=as_of.day,
        days_in_month=days_in_month,
        figures=figures,
        by_provider=by_provider,
        by_model=cut(("model",), month, newest.end),
        trend=cut(("month",), _months_before(month, TREND_MONTHS - 1), next_month(month)),
    )


def _made(connection: Connection, month: date, *, ai_only: bool) -> Mapping[str, ForecastRow]:
    """The analysis' forecasts of the month, by currency."""
    cut = "ai" if ai_only else "all"
    rows = forecasts(connection).rows
    return {row.currency: row for row in rows if (row.cut, row.period, row.period_start) == (cut, "month", month)}


def _figures(total: SpendTotal, before: Spend, recent: Spend, days_left: int, made: ForecastRow | None) -> MonthFigures:
    cost = before.query.cost
    currency, month_to_date = total.currency, total.costs.of(cost)
    days = [row.costs.of(cost) for row in recent.rows if row.currency == currency]
    known = [amount for amount in days if amount is not None]
    run_rate = rate(exact_sum(known), Decimal(len(known))) if known else None
    previous = next((total.costs.of(cost) for total in before.totals if total.currency == currency), None)
    forecast = None if made is None else made.p50
    if made is None and month_to_date is not None and run_rate is not None:
        forecast = exact_sum([month_to_date, run_rate * days_left])
    change = None
    if month_to_date is not None and previous:
        change = rate(month_to_date - previous, previous)
    is_part = cost in total.partly_unknown
    return MonthFigures(
        currency=currency,
        month_to_date=month_to_date,
        run_rate_per_day=run_rate,
        forecast=forecast,
        forecast_p10=made.p10 if made else None,
        forecast_p90=made.p90 if made else None,
        forecast_level=made.level if made else None,
        by_run_rate=made is None,
        previous_same_days=previous,
        change=change,
        partly_unknown=is_part,
    )


def _months_before(month: date, count: int) -> date:
    for _ in range(count):
        month = month_of(month - timedelta(days=1))
    return month
