"""Forecasts of the month and the quarter into ``forecast``: all spend, AI spend, and by each cut.

Assumes     ``spend_day`` as the last analysis left it; only the last months of it are read, however long it is.
Method      ``analyzer.forecast`` on each series of ``analyzer.series``, usage apart from fees; known future changes
            (``forecast_steps``, ``step_owners``) are added. Of each cut (``forecast_cuts``) the largest are told
            one by one and the rest of each currency is one series, forecast as such. A period is what is known of it
            plus what is expected; its band is learned from the sums of past forecasts over the same days ahead. The
            company's own costs are written down and not forecast: those of days known and to come are added as they
            are.
Cases       Where the bills end long before today, the days between are forecast too, and count as expected. A bill
            that is behind is in none, and is named by those it would be in (``forecast_behind``).
Drawbacks   Series are forecast one by one: the models' medians need not add up to that of AI spend.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, delete

from aispend.clock import Clock, month_of, next_month
from aispend.money import exact_sum, exactly
from aispend.schema import forecast as forecast_table
from aispend.settings import Settings
from analyzer.forecast import DAILY, Forecast, History, forecast_each
from analyzer.forecast_bands import LEAST_ORIGINS
from analyzer.forecast_behind import in_words, left_out
from analyzer.forecast_cuts import PLACES, QUESTIONS, Cut
from analyzer.forecast_remembered import remembering
from analyzer.forecast_steps import Ahead, KnownStep, steps_ahead, told_once
from analyzer.remembered import Remembered
from analyzer.series import Behind, Series, SeriesSet, own_costs
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


@dataclass(frozen=True)
class Subject:
    """One series to forecast, usage apart from everything else; ``others`` are how many are summed up in it.

    ``own`` are the company's own costs, by day, known for days to come too; ``members`` the values summed up in it;
    ``behind`` the bills that would be in it and are not.
    """

    cut: Cut
    value: str | None
    others: int
    currency: str
    first: date
    usage: tuple[Decimal, ...]
    fees: tuple[Decimal, ...]
    partly_unknown: bool
    own: Mapping[date, Decimal] = field(default_factory=dict)
    members: tuple[str | None, ...] = ()
    behind: tuple[Behind, ...] = ()

    @property
    def total(self) -> Decimal:
        """All its days together."""
        return exact_sum((*self.usage, *self.fees, *self.own.values()))

    @property
    def is_written_down(self) -> bool:
        """Whether it is own costs alone: nothing of it is uncertain."""
        return bool(self.own) and not any((*self.usage, *self.fees))

    @property
    def history(self) -> History:
        """As forecasts take it."""
        import numpy as np

        return History(np.array(self.usage, dtype=float), np.array(self.fees, dtype=float), self.first)

    @property
    def values(self) -> tuple[str | None, ...]:
        """Those of its cut that are in it."""
        return self.members or (self.value,)

    def takes(self, step: KnownStep) -> bool:
        """Whether a known step is part of it."""
        return any(step.is_of(self.cut, value, self.currency) for value in self.values)

    def between(self, first: date, end: date) -> Decimal:
        """What clouds charged from ``first`` up to, not including, ``end``."""
        start, stop = ((day - self.first).days for day in (first, end))
        if start >= stop:
            return Decimal(0)
        return exact_sum((*self.usage[max(0, start) : max(0, stop)], *self.fees[max(0, start) : max(0, stop)]))

    def own_between(self, first: date, end: date) -> Decimal:
        """Own costs from ``first`` up to, not including, ``end``."""
        return exact_sum(cost for day, cost in self.own.items() if first <= day < end) if self.own else Decimal(0)


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
            steps = [*ahead.written, *ahead.ending]
            placed = [*at_places(connection, ahead.written, found.end, PLACES), *ahead.ending]
        since = min(found.first, wholes[-1].first)
        own = own_costs(connection, (by,), since, max(whole.end for whole in wholes), ai_only=ai_only)
        lacking = left_out(connection, question, found.behind, since)
        for cut in question.cuts:
            chosen += (
                replace(one, behind=tuple(bill.bill for bill in lacking if bill.is_of(cut, one.values, one.currency)))
                for one in largest(subjects(cut, found, own), settings.forecast.largest)
            )
        known_to = found.end
    if not chosen:
        return 0
    horizon = (max(whole.end for whole in wholes) - known_to).days
    told = forecast_each(
        [one.history for one in chosen],
        horizon,
        DAILY,
        settings.forecast.level,
        remembering(remembered or Remembered()),
    )
    made = zip(chosen, told, strict=True)
    rows = (
        row | {"made_at": now}
        for one, ours in made
        for row in forecast_rows(one, ours, known_to, wholes, placed if one.cut in PLACES else steps)
    )
    _write(connection, rows)
    return len(chosen)


def periods(known_to: date, today: date) -> list[Period]:
    """The month and the quarter of today, or of the first day not known where that is later."""
    month = month_of(max(known_to, today))
    quarter = date(month.year, month.month - (month.month - 1) % 3, 1)
    after = next_month(next_month(next_month(quarter)))
    return [Period("month", month, next_month(month)), Period("quarter", quarter, after)]


def subjects(cut: Cut, found: SeriesSet, own: Sequence[Series] = ()) -> list[Subject]:
    """Series of one cut by charge category, put together: use, and everything else; or all of them in one."""
    groups: dict[tuple[str, str | None], tuple[list[Series], list[Series]]] = {}
    for side, series in enumerate((found.series, own)):
        for one in series:
            name = (one.currency, None if cut in ("all", "ai") else one.cut[0])
            groups.setdefault(name, ([], []))[side].append(one)
    return [
        Subject(
            cut=cut,
            value=value,
            others=0,
            currency=currency,
            first=found.first,
            usage=_added((one.costs for one in group if one.cut[-1] == "Usage"), found),
            fees=_added((one.costs for one in group if one.cut[-1] != "Usage"), found),
            partly_unknown=any(one.partly_unknown for one in (*group, *ours)),
            own=_by_day(day for one in ours for day in one.days()),
        )
        for (currency, value), (group, ours) in groups.items()
    ]


def largest(found: Sequence[Subject], count: int) -> list[Subject]:
    """The ``count`` largest of each currency, and the sum of its others; a single other is told by itself."""
    chosen: list[Subject] = []
    for currency in sorted({one.currency for one in found}):
        ours = sorted((one for one in found if one.currency == currency), key=lambda one: (-one.total, one.value or ""))
        rest = ours[count:]
        if len(rest) > 1:
            ours = ours[:count]
            first = rest[0]
            ours.append(
                replace(
                    first,
                    value=None,
                    others=len(rest),
                    members=tuple(one.value for one in rest),
                    usage=_by_day_sums(one.usage for one in rest),
                    fees=_by_day_sums(one.fees for one in rest),
                    partly_unknown=any(one.partly_unknown for one in rest),
                    own=_by_day(day for one in rest for day in one.own.items()),
                )
            )
        chosen += ours
    return chosen


def _added(costs: Iterable[tuple[Decimal, ...]], found: SeriesSet) -> tuple[Decimal, ...]:
    parts = list(costs)
    return _by_day_sums(parts) if parts else (Decimal(0),) * (found.end - found.first).days


def _by_day_sums(parts: Iterable[tuple[Decimal, ...]]) -> tuple[Decimal, ...]:
    """Parts of one length added up day by day; at least one."""
    with exactly():
        return tuple(sum(day, Decimal(0)) for day in zip(*parts, strict=True))


def _by_day(costs: Iterable[tuple[date, Decimal]]) -> dict[date, Decimal]:
    found: dict[date, Decimal] = {}
    for day, cost in costs:
        if cost:
            found[day] = exact_sum((found.get(day, Decimal(0)), cost))
    return found


def _write(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """By ``COPY``: there is a row for each series and day."""
    columns = [column.name for column in forecast_table.columns]
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {forecast_table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] if name != "steps" else json.dumps(row[name]) for name in columns])


def forecast_rows(
    subject: Subject, told: Forecast, known_to: date, wholes: Sequence[Period], steps: Sequence[KnownStep]
) -> Iterator[dict[str, Any]]:
    """Month, quarter and each day ahead of one series."""
    horizon = len(told.values)
    ours = [step for step in steps if subject.takes(step)]
    path = told.values + steps_ahead(ours, known_to, horizon)
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
            "level": Decimal(str(told.level)),
            "method": told.method,
            "history_days": told.steps_known,
            "steps": told_once(
                [one for one in ours if one.first < period.end and (one.end or period.end) > period.first]
            ),
            "partly_unknown": subject.partly_unknown,
            **_amounts(subject, told, path, period, known_to),
        }


def _amounts(subject: Subject, told: Forecast, path: Floats, period: Period, known_to: date) -> dict[str, Any]:
    """What is known of the period, its median, and its band where there is an honest one."""
    start, stop = max(0, (period.first - known_to).days), (period.end - known_to).days
    known = max(period.first, min(period.end, known_to))
    actual = exact_sum((subject.between(period.first, known), subject.own_between(period.first, known)))
    certain = exact_sum((actual, subject.own_between(known, period.end)))
    expected = float(path[start:stop].sum())
    width = told.half_widths[start] if period.kind == "day" else told.width_of_total(start, stop)
    if subject.is_written_down:
        width = 0.0
    low = None if width is None else max(expected - width, min(expected, told.lowest(stop - start)))
    return {
        "actual": actual,
        "p10": None if low is None else certain + _money(low),
        "p50": certain + _money(expected),
        "p90": None if width is None else certain + _money(expected + width),
        "reason": _reason(subject, told, period, known_to, width),
    }


def _reason(subject: Subject, told: Forecast, period: Period, known_to: date, width: float | None) -> str | None:
    reasons = []
    if told.silent is not None and not subject.is_written_down:
        last = known_to - timedelta(days=told.silent + 1)
        reasons.append(f"no usage since {last}: taken to have ended, so that only what is known is expected")
    if width is None:
        reasons.append(
            f"no band: {told.steps_known} days since the first charge are too few for {LEAST_ORIGINS} past forecasts "
            "of this length"
        )
    if told.method in ("run rate", "as a season ago"):
        reasons.append(f"{told.method}: less than two weeks of history")
    if period.kind != "day" and subject.first > period.first and not subject.is_written_down:
        reasons.append(f"nothing is loaded before {subject.first}")
    if period.kind != "day" and subject.behind:
        reasons.append(f"behind and not in it: {in_words(subject.behind)}")
    return "; ".join(reasons) or None


def _money(amount: float) -> Decimal:
    """To a millionth: finer than any forecast is."""
    return Decimal(f"{amount:.6f}")
