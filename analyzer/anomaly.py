"""What is out of the ordinary in the last weeks, found once, with what is behind it.

Assumes     daily cost of what clouds and APIs bill for usage, as :mod:`analyzer.anomaly_series` gives it.
Method      Every service, model, team and accelerator is judged by :mod:`analyzer.anomaly_score`; beside that, the
            first spend on a model or accelerator (*new*), and a SKU whose cost per unit rose while its quantity did
            not (*rate*). Each is taken apart (:mod:`analyzer.anomaly_drivers`); one of which a narrower one explains
            ``suppress_share`` or more is not told a second time. Ordered by money.
Cases       Nothing is new in a ledger younger than ``_NEW_HISTORY`` days. A rate must stay for two days of use. A
            value that costs less than the least impact in all is not looked at.
Drawbacks   An anomaly spread evenly over several teams and models is told once for each cut it shows in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection

from aispend.money import COST_QUANTUM, exact_sum
from aispend.watching import Anomaly
from analyzer import anomaly_fit, anomaly_runs, anomaly_score, anomaly_states
from analyzer.anomaly_drivers import Change, Drivers, drivers
from analyzer.anomaly_runs import Limits, Run
from analyzer.anomaly_score import DRIFT_DAYS, find_runs
from analyzer.anomaly_series import ACCELERATOR, SKU, Rates, Watched, WatchedSeries, spent_before
from analyzer.anomaly_states import States
from analyzer.remembered import Remembered, key_of, method_of

Kind = Literal["rise", "drop", "drift", "new", "rate"]
Expected = Mapping[tuple[str, str | None, str], Collection[date]]
"""Per cut, value and currency, the days a person has called expected."""

_Judge = Callable[..., list[Run]]
"""Costs, their first day and the positions of days called expected: what is out of the ordinary."""
_RUNS, _STATES = "days out of the ordinary", "known before a month"
_NEW_HISTORY = 28
_RATE_DAYS = 2
_ORDER = (SKU, "model", ACCELERATOR, "team", "service")
"""Which of two that explain each other is told: the one that says most."""


@dataclass(frozen=True)
class Found:
    """Days out of the ordinary; money in ``currency``, ``impact`` = ``actual`` − ``expected``.

    ``distance`` in robust scales, None where there is no scale; ``lasting`` when the last day known still was so.
    """

    kind: Kind
    cut: str
    value: str | None
    currency: str
    first: date
    last: date
    lasting: bool
    actual: Decimal
    expected: Decimal
    distance: float | None
    drivers: Drivers | None = None

    @property
    def impact(self) -> Decimal:
        """What it cost more than expected; negative where less."""
        return self.actual - self.expected

    @property
    def downwards(self) -> bool:
        """Whether it cost less."""
        return self.kind == "drop"

    @property
    def behind(self) -> Drivers | None:
        """Its drivers, where what they add up to went the way it did: against the weeks before, not against a trend."""
        return self.drivers if self.drivers is not None and self.drivers.total * self.impact > 0 else None

    def overlaps(self, other: Found) -> bool:
        """Whether they are of one currency and share a day."""
        return self.currency == other.currency and self.first <= other.last and other.first <= self.last


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


def new_spend(connection: Connection, seen: Watched, settings: Anomaly) -> list[Found]:
    """Models and accelerators whose first spend lies in the days judged and is worth a word."""
    since = seen.end - timedelta(days=settings.watch_days)
    oldest = seen.first + timedelta(days=_NEW_HISTORY)
    found = []
    for series in seen.series:
        if series.cut not in ("model", ACCELERATOR) or series.value is None:
            continue
        start = next((number for number, cost in enumerate(series.costs) if cost > 0), None)
        if start is None:
            continue
        first = series.first + timedelta(days=start)
        if first < max(since, oldest):
            continue
        days = series.costs[start : start + settings.learn_days]
        cost = exact_sum(days)
        if cost < settings.new_cost or spent_before(connection, series.cut, series.value, first):
            continue
        last = first + timedelta(days=max(number for number, one in enumerate(days) if one > 0))
        lasting = last == seen.end - timedelta(days=1)
        found.append(
            Found(
                "new", series.cut, series.value, series.currency, first, last, lasting, cost, Decimal(0), distance=None
            )
        )
    return found


def anomalies(
    connection: Connection, seen: Watched, settings: Anomaly, expected: Expected, remembered: Remembered
) -> list[Found]:
    """Everything out of the ordinary, each once, with its drivers, the largest impact first."""
    found = candidates(seen, settings, expected, remembered) + new_spend(connection, seen, settings)
    changes = [Change(one.cut, one.value, one.currency, one.first, one.last, _other_days(one, found)) for one in found]
    behind = drivers(connection, seen, changes, ai_only=settings.ai_only, remembered=remembered)
    explained = [replace(one, drivers=theirs) for one, theirs in zip(found, behind, strict=True)]
    told = without_explained(explained, settings.suppress_share)
    return sorted(told, key=lambda one: (-abs(one.impact), one.first, one.cut, one.value or ""))


def without_explained(found: Sequence[Found], share: float) -> list[Found]:
    """Leave out each of which another explains ``share`` or more; of two that explain each other, the one that says
    more stays: a SKU's rate, a known model, accelerator, team, service, in this order."""
    told: list[Found] = []
    for one in sorted(found, key=lambda one: (one.value is None, _ORDER.index(one.cut), one.kind != "new", one.first)):
        if any(_explains(kept, one, share) for kept in told):
            continue
        told.append(one)
    return told


def _explains(narrow: Found, wide: Found, share: float) -> bool:
    """Whether the change in ``wide`` is, by ``share`` or more, a change in ``narrow``."""
    if not narrow.overlaps(wide) or narrow.downwards != wide.downwards:
        return False
    if narrow.cut == wide.cut:
        return narrow.value == wide.value
    part = None if wide.drivers is None else wide.drivers.share_of(narrow.cut, narrow.value)
    return part is not None and part >= share


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
