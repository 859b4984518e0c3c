"""What is out of the ordinary in the last weeks, found once, with what is behind it.

Assumes     daily cost of what clouds and APIs bill for usage, as :mod:`analyzer.anomaly_series` gives it.
Method      Every service, model, team and accelerator, and all together, is judged by :mod:`analyzer.anomaly_score`;
            beside that, first spend (*new*, :mod:`analyzer.anomaly_new`), and a SKU whose cost per unit rose while its
            quantity did not (*rate*). Each is taken apart (:mod:`analyzer.anomaly_drivers`); what another explains
            is not told a second time (:mod:`analyzer.anomaly_told`). Ordered by money.
Cases       A rate must stay for two days of use. What all spend changed by is not told where one value by itself is
            behind it and is as usual. A value that costs less than the least impact in all is not looked at.
Drawbacks   An anomaly spread evenly over several teams and models is told once for each cut it shows in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from aispend.money import COST_QUANTUM, exact_sum
from aispend.watching import TOTALS, Anomaly
from analyzer import anomaly_fit, anomaly_runs, anomaly_score, anomaly_states
from analyzer.anomaly_drivers import Change, drivers
from analyzer.anomaly_found import Found
from analyzer.anomaly_new import new_spend
from analyzer.anomaly_runs import Limits, Run
from analyzer.anomaly_score import DRIFT_DAYS, find_runs
from analyzer.anomaly_series import SKU, Rates, Watched, WatchedSeries
from analyzer.anomaly_states import States
from analyzer.anomaly_told import without_explained
from analyzer.remembered import Remembered, key_of, method_of

Expected = Mapping[tuple[str, str | None, str], Collection[date]]
"""Per cut, value and currency, the days a person has called expected."""

_Judge = Callable[..., list[Run]]
"""Costs, their first day and the positions of days called expected: what is out of the ordinary."""
_RUNS, _STATES = "days out of the ordinary", "known before a month"
_RATE_DAYS = 2


def limits(settings: Anomaly) -> Limits:
    """The settings as the score takes them."""
    return Limits(
        k=settings.k,
        min_impact=float(settings.min_impact),
        min_share=settings.min_share,
        window_days=settings.window_days,
        min_days=settings.min_days,
        learn_days=settings.learn_days,
    )


def days_needed(settings: Anomaly) -> int:
    """Days to read: those judged, and before them what the oldest is held against."""
    return settings.watch_days + settings.window_days + DRIFT_DAYS + settings.learn_days


def candidates(seen: Watched, settings: Anomaly, expected: Expected, remembered: Remembered) -> list[Found]:
    """Everything out of the ordinary that reaches into the days judged, one cut at a time."""
    since = seen.end - timedelta(days=settings.watch_days)
    judge = _judge(limits(settings), remembered)
    found: list[Found] = []
    for series in seen.series:
        found += _runs(series, settings, expected, since, judge)
    for rates in seen.rates:
        found += _rate(rates, settings, expected, since, judge)
    return found


def anomalies(
    connection: Connection, seen: Watched, settings: Anomaly, expected: Expected, remembered: Remembered
) -> list[Found]:
    """Everything out of the ordinary, each once, with its drivers, the largest impact first."""
    found = candidates(seen, settings, expected, remembered) + new_spend(connection, seen, settings)
    changes = [Change(one.cut, one.value, one.currency, one.first, one.last, _other_days(one, found)) for one in found]
    behind = drivers(connection, seen, changes, ai_only=settings.ai_only, remembered=remembered)
    explained = [
        replace(one, drivers=theirs, is_expected=_is_expected(one, expected))
        for one, theirs in zip(found, behind, strict=True)
    ]
    told = without_explained(
        (one for one in explained if not _is_usual(one, seen, explained, settings)), settings.suppress_share
    )
    return sorted(told, key=lambda one: (-abs(one.impact), one.first, one.cut, one.value or ""))


def _judge(limits: Limits, remembered: Remembered) -> _Judge:
    """:func:`find_runs`, of series not judged before, each from the month on that is not as it was."""
    import numpy as np

    method = f"{method_of(anomaly_fit, anomaly_runs, anomaly_score, anomaly_states)} {limits}"

    def judge(costs: Sequence[float], first: date, expected: Collection[int] = ()) -> list[Run]:
        values = np.array(costs, dtype=float)

        def key(part: str, end: int) -> str:
            known = sorted(day for day in expected if day < end)
            return key_of(part, method, values[:end].tobytes(), str(first), str(known))

        keys = {day: key(_STATES, day) for day in _month_starts(first, len(costs))}
        states = States(tuple(keys))
        for day, name in keys.items():
            if (state := remembered.get(_STATES, name)) is not None:
                states.known[day] = state

        def find() -> list[tuple[Any, ...]]:
            found = [astuple(run) for run in find_runs(costs, first, limits, expected, states)]
            for day, state in states.made.items():
                remembered.put(_STATES, keys[day], state)
            return found

        return [Run(*run) for run in remembered.ask(_RUNS, key(_RUNS, len(costs)), find)]

    return judge


def _month_starts(first: date, length: int) -> list[int]:
    """Positions of the first days of months, but for position 0: before it nothing is known."""
    days = (first + timedelta(days=number) for number in range(1, length))
    return [number for number, day in enumerate(days, 1) if day.day == 1]


def _runs(series: WatchedSeries, settings: Anomaly, expected: Expected, since: date, judge: _Judge) -> Iterator[Found]:
    start = max((since - series.first).days, 0)
    if not _worth_looking(series.costs, start, settings):
        return
    known = _positions(expected, (series.cut, series.value, series.currency), series.first)
    costs = [float(cost) for cost in series.costs]
    for run in judge(costs, series.first, known):
        if run.last >= start:
            yield Found(
                run.kind,
                series.cut,
                series.value,
                series.currency,
                series.first + timedelta(days=run.first),
                series.first + timedelta(days=run.last),
                run.lasting,
                actual=_money(run.actual),
                expected=_money(run.expected),
                distance=run.peak,
            )


def _rate(rates: Rates, settings: Anomaly, expected: Expected, since: date, judge: _Judge) -> Iterator[Found]:
    """A SKU whose cost per unit rose while its quantity did not rise.

    The rate is judged as the cost of the median quantity, and the quantity as its cost at the median rate.
    """
    known = [number for number, quantity in enumerate(rates.quantities) if quantity > 0]
    if len(known) < settings.min_days:
        return
    per_unit = {number: float(rates.costs[number] / rates.quantities[number]) for number in known}
    lowest, highest = min(per_unit.values()), max(per_unit.values())
    if lowest < 0 or highest <= lowest * (1 + settings.min_share):
        return
    quantity = sorted(float(rates.quantities[number]) for number in known)[len(known) // 2]
    rate, held = per_unit[known[0]], []
    for number in range(known[0], len(rates.costs)):
        rate = per_unit.get(number, rate)
        held.append(rate * quantity)
    first = rates.first + timedelta(days=known[0])
    start = max((since - first).days, 0)
    days = _positions(expected, (SKU, rates.value, rates.currency), first)
    usual = sorted(per_unit.values())[len(known) // 2]
    used = [float(one) * usual for one in rates.quantities[known[0] :]]
    busy: list[Run] | None = None
    for run in judge(held, first, days):
        used_on = [one for one in range(run.first, run.last + 1) if known[0] + one in per_unit]
        if run.last < start or run.kind == "drop" or len(used_on) < _RATE_DAYS or not run.expected:
            continue
        if busy is None:
            busy = judge(used, first)
        if any(one.first <= run.last and run.first <= one.last and one.actual > one.expected for one in busy):
            continue
        actual = exact_sum(rates.costs[known[0] + run.first : known[0] + run.last + 1])
        before = _money(float(actual) * run.expected / run.actual)
        if actual - before <= settings.min_impact:
            continue
        yield Found(
            "rate",
            SKU,
            rates.value,
            rates.currency,
            first + timedelta(days=run.first),
            first + timedelta(days=run.last),
            run.lasting,
            actual=actual,
            expected=before,
            distance=run.peak,
        )


def _is_usual(one: Found, seen: Watched, found: Sequence[Found], settings: Anomaly) -> bool:
    """Whether a change in all spend is one value's, of which it is nothing out of the ordinary."""
    if one.cut not in TOTALS or one.drivers is None:
        return False
    out = {(other.cut, other.value) for other in found if other.overlaps(one)}
    for series in seen.series:
        start = next((number for number, cost in enumerate(series.costs) if cost > 0), len(series.costs))
        judged_from = series.first + timedelta(days=start + settings.min_days)
        known = judged_from <= one.first and one.last < series.first + timedelta(days=len(series.costs))
        if known and series.currency == one.currency and (series.cut, series.value) not in out:
            part = one.drivers.share_of(series.cut, series.value)
            if part is not None and part >= settings.suppress_share:
                return True
    return False


def _is_expected(one: Found, expected: Expected) -> bool:
    return any(one.first <= day <= one.last for day in expected.get((one.cut, one.value, one.currency), ()))


def _other_days(one: Found, found: Sequence[Found]) -> set[date]:
    """Days of the same series that belong to others."""
    name = (one.cut, one.value, one.currency)
    return {
        other.first + timedelta(days=number)
        for other in found
        if other is not one and (other.cut, other.value, other.currency) == name
        for number in range((other.last - other.first).days + 1)
    }


def _worth_looking(costs: Sequence[Decimal], start: int, settings: Anomaly) -> bool:
    """Whether a run of the days judged can reach the least impact at all."""
    recent, before = exact_sum(abs(cost) for cost in costs[start:]), max(costs[:start], default=Decimal(0))
    return max(recent, before) > settings.min_impact


def _positions(expected: Expected, name: tuple[str, str | None, str], first: date) -> set[int]:
    return {(day - first).days for day in expected.get(name, ())}


def _money(value: float) -> Decimal:
    """A statistic as money: its shortest text, to the ledger's decimals."""
    return Decimal(repr(value)).quantize(COST_QUANTUM)
