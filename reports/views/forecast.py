"""What the month and the quarter will cost, as last forecast, and what providers say of it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Row, select

from aispend.schema import forecast as forecast_table
from aispend.schema import provider_forecast

ForecastCut = Literal["provider", "account", "service", "region", "model", "team"]
FORECAST_CUTS: tuple[ForecastCut, ...] = get_args(ForecastCut)
_WHOLES = ("all", "ai")
_NOT_KEPT = ("source", "original", "unconverted")


@dataclass(frozen=True)
class ForecastRow:
    """Effective cost of a whole period: known days and expected ones.

    ``cut`` is ``all`` (spend), ``ai`` (AI spend), or what it is cut by; models and teams are of AI spend, other cuts of
    all. ``value`` is None for a whole, for what nobody is known for, and where ``others`` series are summed
    up as the rest. ``actual`` is None where no day of the period is known. ``p10`` and ``p90`` are the ends of the band
    that holds with probability ``level``: None where there is no honest one, and ``reason`` says why. ``steps`` are
    known future changes that are in it. A provider's own forecast has ``source`` set to the provider, and ``method`` to
    the cost it means. In one currency ``original`` is what is expected by the currency it is forecast in, and
    ``unconverted`` what of it is in no number; ``p50`` is None where that is all of it.
    """

    cut: str
    value: str | None
    others: int
    currency: str
    period: str
    period_start: date
    period_end: date
    known_to: date | None
    actual: Decimal | None
    p10: Decimal | None
    p50: Decimal | None
    p90: Decimal | None
    level: Decimal | None
    method: str
    history_days: int | None
    reason: str | None
    steps: tuple[Mapping[str, Any], ...]
    partly_unknown: bool
    made_at: datetime
    source: str = "aispend"
    original: Mapping[str, Decimal] | None = None
    unconverted: Mapping[str, Decimal] | None = None


@dataclass(frozen=True)
class ForecastDay:
    """One day to come; ``p10`` and ``p90`` as in :class:`ForecastRow`."""

    day: date
    p10: Decimal | None
    p50: Decimal
    p90: Decimal | None


@dataclass(frozen=True)
class Forecasts:
    """Ours, the month before the quarter and the largest first; and the providers' own of the same time or later.

    ``currency`` where one was asked for; ``oldest_rate`` is then the day the oldest rate used is from.
    """

    rows: tuple[ForecastRow, ...]
    theirs: tuple[ForecastRow, ...]
    currency: str | None = None
    oldest_rate: date | None = None

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Known future changes in any of ours, each once."""
        told = {
            (step["from"], step["why"], step["currency"], step["to"] or ""): step
            for row in reversed(self.rows)
            for step in row.steps
        }
        return tuple(told[key] for key in sorted(told))


def forecasts(connection: Connection, by: ForecastCut | None = None) -> Forecasts:
    """Month and quarter: all spend, AI spend, and each of ``by``."""
    f = forecast_table.c
    cuts = (*_WHOLES, by) if by else _WHOLES
    found = connection.execute(select(forecast_table).where(f.period.in_(("month", "quarter")), f.cut.in_(cuts))).all()
    rows = sorted((_row(one) for one in found), key=lambda row: _order(row, cuts))
    start = min((row.period_start for row in rows), default=None)
    return Forecasts(tuple(rows), () if start is None else _theirs(connection, start))


def forecast_days(
    connection: Connection, currency: str, cut: str = "ai", value: str | None = None
) -> tuple[ForecastDay, ...]:
    """The days to come of one series, to the end of the quarter: for a chart beside the days that were."""
    f = forecast_table.c
    same = f.value.is_(None) if value is None else f.value == value
    rows = connection.execute(
        select(f.period_start, f.p10, f.p50, f.p90)
        .where(f.period == "day", f.cut == cut, same, f.others == 0, f.currency == currency)
        .order_by(f.period_start)
    )
    return tuple(ForecastDay(*row) for row in rows)


def _row(found: Row[Any]) -> ForecastRow:
    values = {one.name: getattr(found, one.name) for one in fields(ForecastRow) if one.name not in _NOT_KEPT}
    actual = found.actual if found.known_to > found.period_start else None
    return ForecastRow(**values | {"steps": tuple(found.steps), "actual": actual})


def _order(row: ForecastRow, cuts: tuple[str, ...]) -> tuple[Any, ...]:
    return (row.period != "month", cuts.index(row.cut), row.currency, row.others > 0, -(row.p50 or 0), row.value or "")


def _theirs(connection: Connection, start: date) -> tuple[ForecastRow, ...]:
    """Providers' own forecasts of periods that end after ``start``, as last asked."""
    p = provider_forecast.c
    rows = connection.execute(
        select(provider_forecast)
        .where(p.period_end > start)
        .order_by(p.provider, p.account, p.metric, p.period_start, p.as_of)
    )
    newest = {(row.provider, row.account, row.metric, row.period_start, row.period_end): row for row in rows}
    return tuple(
        ForecastRow(
            cut="provider",
            value=f"{row.provider} {row.account}" if row.account else row.provider,
            others=0,
            currency=row.currency,
            period="day" if (row.period_end - row.period_start).days == 1 else "month",
            period_start=row.period_start,
            period_end=row.period_end,
            known_to=None,
            actual=None,
            p10=row.low,
            p50=row.mean,
            p90=row.high,
            level=row.level,
            method=row.metric,
            history_days=None,
            reason=None,
            steps=(),
            partly_unknown=False,
            made_at=row.as_of,
            source=row.provider,
        )
        for row in newest.values()
        if (row.period_end - row.period_start).days > 1
    )
