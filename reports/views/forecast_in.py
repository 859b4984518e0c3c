"""Forecasts in one currency: what is known at the rate of each day, what is to come at that of the last known day.

Each currency is forecast by itself; here its rows are converted and added. The known days are read as the forecast read
them. A band is that of the expected part; those of several currencies are added, which is right where they move
together and too wide where they do not. Where a day of a period has no rate, all that is expected of the period in that
currency is in no number, and named; where nothing is left, the forecast is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import Connection

from aispend.money import exact_sum
from analyzer.currency import ExchangeRates, Quote, exchange_rates, rounded
from analyzer.forecast_cuts import QUESTIONS, Question
from analyzer.series import Series, bill_series, bills_behind, coverage, daily_series, own_costs
from reports.views.forecast import ForecastCut, ForecastRow, Forecasts, forecasts

_Name = tuple[str, str | None, bool, str]
"""Cut, value, whether it is the rest, and currency."""


@dataclass(frozen=True)
class _Part:
    """One currency's row in the one asked for; without ``row`` it is in no number, and ``reason`` says why."""

    asked: ForecastRow
    row: ForecastRow | None
    reason: str | None
    oldest_rate: date | None


def forecasts_in(connection: Connection, currency: str, by: ForecastCut | None = None) -> Forecasts:
    """Month and quarter as :func:`reports.views.forecasts`, all in ``currency``, and the providers' own too."""
    found = forecasts(connection, by)
    rates = exchange_rates(connection)
    known = _known_days(connection, found.rows, currency)
    groups: dict[tuple[str, str, str | None, bool], list[_Part]] = {}
    for row in found.rows:
        part = _part(row, known.get(_name(row)), rates, currency)
        groups.setdefault((row.period, row.cut, row.value, row.others > 0), []).append(part)
    theirs = [[_part(row, {}, rates, currency)] for row in found.theirs]
    parts = [part for group in (*groups.values(), *theirs) for part in group]
    rows = [_together(group, currency) for group in groups.values()]
    cuts = list(dict.fromkeys(row.cut for row in found.rows))
    rows.sort(
        key=lambda row: (
            row.period != "month",
            cuts.index(row.cut),
            row.others > 0,
            row.p50 is None,
            -(row.p50 or Decimal(0)),
            row.value or "",
        )
    )
    return Forecasts(
        tuple(rows),
        tuple(_together(group, currency) for group in theirs),
        currency,
        min((part.oldest_rate for part in parts if part.oldest_rate is not None), default=None),
    )


def _name(row: ForecastRow) -> _Name:
    return row.cut, row.value, row.others > 0, row.currency


def _part(row: ForecastRow, known: Mapping[date, Decimal] | None, rates: ExchangeRates, currency: str) -> _Part:
    if row.currency == currency:
        return _Part(row, row, None, None)
    last = row.known_to or row.made_at.date()
    days = {day: cost for day, cost in (known or {}).items() if row.period_start <= day < min(last, row.period_end)}
    if row.actual is not None and exact_sum(days.values()) != row.actual:
        return _Part(row, None, f"bills in {row.currency} have changed since it was made", None)
    quotes = {day: rates.quote(row.currency, currency, day) for day in (*(day for day in days if days[day]), last)}
    at_last = quotes[last]
    in_force = [quote for quote in quotes.values() if quote is not None]
    if at_last is None or len(in_force) < len(quotes):
        return _Part(row, None, None, None)
    return _Part(row, _converted(row, days, quotes, at_last), None, min(quote.as_of for quote in in_force))


def _converted(
    row: ForecastRow, days: Mapping[date, Decimal], quotes: Mapping[date, Quote | None], at_last: Quote
) -> ForecastRow:
    spent = sum(
        (Fraction(days[day]) * quote.rate for day, quote in quotes.items() if quote and day in days), Fraction()
    )

    def ahead(amount: Decimal | None) -> Decimal | None:
        if amount is None:
            return None
        return rounded(spent + (Fraction(amount) - Fraction(row.actual or 0)) * at_last.rate)

    return replace(
        row,
        actual=None if row.actual is None else rounded(spent),
        p10=ahead(row.p10),
        p50=ahead(row.p50),
        p90=ahead(row.p90),
    )


def _together(parts: Sequence[_Part], currency: str) -> ForecastRow:
    """The rows of one series in all its currencies as one; terms are those of all of them, the shortest history."""
    asked = [part.asked for part in parts]
    rows = [part.row for part in parts if part.row is not None]
    left = {part.asked.currency: part.asked.p50 for part in parts if part.row is None}
    without_rate = sorted(part.asked.currency for part in parts if part.row is None and part.reason is None)
    reasons = [
        *(
            row.reason if _holds_of_all(row.reason, asked) else f"{row.currency}: {row.reason}"
            for row in asked
            if row.reason
        ),
        *(part.reason for part in parts),
        f"no exchange rate from {', '.join(without_rate)} to {currency}" if without_rate else None,
    ]
    histories = [row.history_days for row in asked if row.history_days is not None]
    return replace(
        asked[0],
        currency=currency,
        others=sum(row.others for row in asked),
        actual=_sum([row.actual for row in rows]),
        p10=_sum([row.p10 for row in rows]),
        p50=_sum([row.p50 for row in rows]),
        p90=_sum([row.p90 for row in rows]),
        method="; ".join(dict.fromkeys(row.method for row in asked)),
        history_days=min(histories, default=None),
        reason="; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None,
        steps=tuple(step for row in rows for step in row.steps),
        partly_unknown=any(row.partly_unknown for row in asked),
        original={row.currency: row.p50 for row in asked if row.p50 is not None},
        unconverted={code: amount for code, amount in left.items() if amount is not None},
    )


def _holds_of_all(reason: str, rows: Sequence[ForecastRow]) -> bool:
    return all(row.reason == reason for row in rows)


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Unknown where one is, or there is none."""
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if known and len(known) == len(amounts) else None


def _known_days(
    connection: Connection, every: Sequence[ForecastRow], currency: str
) -> dict[_Name, dict[date, Decimal]]:
    """What each series but those in ``currency`` cost on the known days of its periods, as its forecast saw them."""
    rows = [row for row in every if row.currency != currency]
    # what only bills behind charge for is known to fewer days than all others
    known_to = max((row.known_to for row in every if row.known_to is not None), default=None)
    if known_to is None or not rows:
        return {}
    first = min(row.period_start for row in rows)
    days = max((known_to - first).days, 1)
    bills = coverage(connection, rows[0].made_at.date())
    found: dict[_Name, dict[date, Decimal]] = {}
    for question in QUESTIONS:
        cuts = {row.cut for row in rows}.intersection(question.cuts)
        if not cuts:
            continue
        read = daily_series(connection, (question.by,), days=days, bills=bills, ai_only=question.ai_only, own=False)
        if read is None or read.end != known_to:
            continue
        own = own_costs(connection, (question.by,), first, known_to, ai_only=question.ai_only)
        late = [
            series
            for bill in bills_behind(bills, read.behind)
            if bill.end > first
            for series in bill_series(
                connection, (question.by,), bill, max(first, bill.first), ai_only=question.ai_only
            )
        ]
        _sort_out(question, cuts, rows, (*read.series, *own, *late), found)
    return found


def _sort_out(
    question: Question,
    cuts: Iterable[str],
    rows: Sequence[ForecastRow],
    series: Iterable[Series],
    found: dict[_Name, dict[date, Decimal]],
) -> None:
    """Adds each series to the forecasts it is in: the whole, its own, or the rest of its currency."""
    told = {_name(row) for row in rows}
    for one in series:
        for name in _names(question, cuts, told, one):
            days = found.setdefault(name, {})
            for day, cost in one.days():
                days[day] = exact_sum((days.get(day, Decimal(0)), cost))


def _names(question: Question, cuts: Iterable[str], told: set[_Name], one: Series) -> Iterator[_Name]:
    for cut in cuts:
        if cut != question.by:
            yield cut, None, False, one.currency
        else:
            by_itself = (cut, one.cut[0], False, one.currency)
            yield by_itself if by_itself in told else (cut, None, True, one.currency)
