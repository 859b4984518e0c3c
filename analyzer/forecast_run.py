"""Forecasts of the month and the quarter into ``forecast``: all spend, AI spend, and by each cut.

Assumes     ``spend_day`` as the last analysis left it; only the last months of it are read, however long it is.
Method      ``analyzer.forecast`` on each series of ``analyzer.series``, usage apart from fees; known future changes
            (``forecast_steps``, ``step_owners``) are added. Of each cut (``forecast_cuts``) the largest are told
            one by one and the rest of each currency is one series, forecast as such. A period is what is known of it
            plus what is expected; its band is learned from the sums of past forecasts over the same days ahead. The
            company's own costs are written down and not forecast: those of days known and to come are added as they
            are.
Cases       Where the bills end long before today, the days between are forecast too, and count as expected. What a
            bill that is behind says is known, and the days after it are forecast from its own history where that goes
            on (``forecast_behind``): medians and bands are added. Where it does not, its days to come are in no number.
            Either is named.
Drawbacks   Series are forecast one by one: the models' medians need not add up to that of AI spend. Added bands are too
            wide where bills do not move together. The rows of days begin after the last known day: what bills behind
            are expected to say of days before is in the periods alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, delete

from aispend.clock import Clock, month_of, next_month
from aispend.money import exact_sum
from aispend.schema import forecast as forecast_table
from aispend.settings import Settings
from analyzer.forecast import DAILY, Forecast, forecast_each
from analyzer.forecast_bands import LEAST_ORIGINS
from analyzer.forecast_behind import behind_words, late_subjects
from analyzer.forecast_cuts import PLACES, QUESTIONS
from analyzer.forecast_remembered import remembering
from analyzer.forecast_steps import Ahead, KnownStep, steps_ahead, told_once, without_begun
from analyzer.forecast_subjects import Part, Subject, largest, subjects, with_late
from analyzer.remembered import Remembered
from analyzer.series import bills_behind, own_costs
from analyzer.series_together import Asked, SpendByDay
from analyzer.step_owners import at_places

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats


@dataclass(frozen=True)
class Period:
    """A month, a quarter or a day: from ``first`` up to, not including, ``end``."""

    kind: Literal["month", "quarter", "day"]
    first: date
    end: date


def asked_by_forecasts() -> tuple[Asked, ...]:
    """The daily series that forecasts read."""
    return tuple(Asked(question.by, question.ai_only, DAILY.history) for question in QUESTIONS)


def write_forecasts(
    connection: Connection,
    settings: Settings,
    clock: Clock,
    remembered: Remembered | None = None,
    spend: SpendByDay | None = None,
) -> int:
    """Replace all forecasts; returns how many series were forecast. None are left where no bill is analyzed.

    ``spend``: where :func:`asked_by_forecasts` is among what is read.
    """
    connection.execute(delete(forecast_table))
    now = clock()
    wholes: list[Period] = []
    steps: list[KnownStep] = []
    placed: list[KnownStep] = []
    chosen: list[Subject] = []
    spend = spend or SpendByDay(connection, now.date(), asked_by_forecasts())
    for question, asked in zip(QUESTIONS, asked_by_forecasts(), strict=True):
        by, ai_only = question.by, question.ai_only
        found = spend.series(asked)
        if found is None:
            return 0
        if not wholes:
            wholes = periods(found.end, now.date())
            ahead = Ahead.look(
                connection, settings.forecast.steps, found.end, wholes[-1].end, settings.reporting_currency
            )
            steps = [*ahead.written, *ahead.told_by_bills]
            placed = [*at_places(connection, ahead.written, found.end, PLACES), *ahead.told_by_bills]
        since = min(found.first, wholes[-1].first)
        own = own_costs(connection, (by,), since, max(whole.end for whole in wholes), ai_only=ai_only)
        behind = [bill for bill in bills_behind(spend.bills, found.behind) if bill.end > since]
        late = [late_subjects(connection, question, bill, found.end, wholes[-1].first) for bill in behind]
        for cut in question.cuts:
            ours = subjects(cut, found, own)
            ours = with_late(ours, [one for bill in late for one in bill[cut]], (found.first, found.end))
            chosen += largest(ours, settings.forecast.largest)
    if not chosen:
        return 0
    taken = [[step for step in (placed if one.cut in PLACES else steps) if one.takes(step)] for one in chosen]
    told = _forecast_all(chosen, taken, max(whole.end for whole in wholes), settings, remembered)
    rows = (
        row | {"made_at": now}
        for one, ours, its in zip(chosen, told, taken, strict=True)
        for row in forecast_rows(one, ours, wholes, its)
    )
    _write(connection, rows)
    return len(chosen)


def _forecast_all(
    chosen: Sequence[Subject],
    steps: Sequence[Sequence[KnownStep]],
    end: date,
    settings: Settings,
    remembered: Remembered | None,
) -> list[list[Forecast]]:
    """Of each, with its ``steps``, its parts up to ``end``: those of the same last day together, which costs less."""
    projector = remembering(remembered or Remembered())
    found: dict[tuple[int, int], Forecast] = {}
    parts = {(row, at): part for row, one in enumerate(chosen) for at, part in enumerate(one.parts)}
    for row, ours in enumerate(steps):
        part = parts[row, 0]
        parts[row, 0] = replace(part, fees=without_begun(part.fees, ours, part.end))
    for known_to in {part.end for part in parts.values()}:
        same = {name: part.history for name, part in parts.items() if part.end == known_to}
        level, horizon = settings.forecast.level, (end - known_to).days
        found.update(zip(same, forecast_each([*same.values()], horizon, DAILY, level, projector), strict=True))
    return [[found[row, at] for at in range(len(one.parts))] for row, one in enumerate(chosen)]


def periods(known_to: date, today: date) -> list[Period]:
    """The month and the quarter of today, or of the first day not known where that is later."""
    month = month_of(max(known_to, today))
    quarter = date(month.year, month.month - (month.month - 1) % 3, 1)
    after = next_month(next_month(next_month(quarter)))
    return [Period("month", month, next_month(month)), Period("quarter", quarter, after)]


def _write(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """By ``COPY``: there is a row for each series and day."""
    columns = [column.name for column in forecast_table.columns]
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {forecast_table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] if name != "steps" else json.dumps(row[name]) for name in columns])


def forecast_rows(
    subject: Subject, told: Sequence[Forecast], wholes: Sequence[Period], steps: Sequence[KnownStep]
) -> Iterator[dict[str, Any]]:
    """Month, quarter and each day ahead of one series; ``told`` are the forecasts of its parts."""
    known_to, (first, *_) = subject.part.end, told
    horizon = len(first.values)
    ours = [step for step in steps if subject.takes(step)]
    paths = [first.values + steps_ahead(ours, known_to, horizon), *(one.values for one in told[1:])]
    ahead = [
        _Ahead(part, one, path, is_certain=part is subject.part and subject.is_written_down)
        for part, one, path in zip(subject.parts, told, paths, strict=True)
        if part.goes_on
    ]
    days = [
        Period("day", day, day + timedelta(days=1)) for day in (known_to + timedelta(days=n) for n in range(horizon))
    ]
    for period in (*wholes, *days):
        yield {
            "cut": subject.cut,
            "value": subject.value,
            "others": subject.others,
            "currency": subject.currency,
            "period": period.kind,
            "period_start": period.first,
            "period_end": period.end,
            "known_to": known_to,
            "level": Decimal(str(first.level)),
            "method": first.method,
            "history_days": first.steps_known,
            "steps": told_once(
                [one for one in ours if one.first < period.end and (one.end or period.end) > period.first]
            ),
            "partly_unknown": subject.partly_unknown,
            **_amounts(subject, ahead, period),
        }


@dataclass(frozen=True)
class _Ahead:
    """What a part of a series is expected to cost, by the days after its own last one."""

    part: Part
    told: Forecast
    path: Floats
    is_certain: bool

    def of(self, period: Period) -> tuple[float, float | None, float | None]:
        """Median of the days of ``period`` that are not known, and both ends of their band."""
        start, stop = max(0, (period.first - self.part.end).days), (period.end - self.part.end).days
        expected = float(self.path[start:stop].sum())
        width = self.told.half_widths[start] if period.kind == "day" else self.told.width_of_total(start, stop)
        if self.is_certain:
            width = 0.0
        if width is None:
            return expected, None, None
        return expected, max(expected - width, min(expected, self.told.lowest(stop - start))), expected + width


def _amounts(subject: Subject, ahead: Sequence[_Ahead], period: Period) -> dict[str, Any]:
    """What is known of the period, its median, and its band where there is an honest one."""
    known = max(period.first, min(period.end, subject.part.end))
    charged = exact_sum(part.between(period.first, period.end) for part in subject.parts)
    actual = exact_sum((charged, subject.own_between(period.first, known)))
    certain = exact_sum((actual, subject.own_between(known, period.end)))
    p50, p10, p90 = (_sum(certain, ends) for ends in zip(*(one.of(period) for one in ahead), strict=True))
    return {"actual": actual, "p10": p10, "p50": p50, "p90": p90, "reason": _reason(subject, ahead, period)}


def _sum(certain: Decimal, expected: Sequence[float | None]) -> Decimal | None:
    """Unknown where one is."""
    known = [_money(one) for one in expected if one is not None]
    return exact_sum((certain, *known)) if len(known) == len(expected) else None


def _reason(subject: Subject, ahead: Sequence[_Ahead], period: Period) -> str | None:
    reasons = []
    for one in ahead:
        told = one.told
        if told.silent is not None and not one.is_certain and one.part is subject.part:
            last = one.part.end - timedelta(days=told.silent + 1)
            reasons.append(f"no usage since {last}: taken to have ended, so that only what is known is expected")
        if one.of(period)[2] is None:
            reasons.append(
                f"no band: {told.steps_known} days since the first charge are too few for {LEAST_ORIGINS} past "
                "forecasts of this length"
            )
        if told.method in ("run rate", "as a season ago"):
            reasons.append(f"{told.method}: less than two weeks of history")
    if period.kind != "day":
        if subject.part.first > period.first and not subject.is_written_down:
            reasons.append(f"nothing is loaded before {subject.part.first}")
        reasons += behind_words([(part.bill, part.goes_on) for part in subject.parts if part.bill is not None])
    return "; ".join(dict.fromkeys(reasons)) or None


def _money(amount: float) -> Decimal:
    """To a millionth: finer than any forecast is."""
    return Decimal(f"{amount:.6f}")
