"""Fees ahead (purchases, tax, credits, adjustments): what came by the month, and what comes every day.

Assumes     Daily values, and nothing but fees in them.
Method      The amount of the same day of the month before, where the month before that had one too, or is not known; a
            credit only where it had. Fees of more than half of the last 28 days are one a day. Fees of seven of the
            newest eight go on every day, at the newest price that two days in a row agree on; where that is new, what
            came on top before it is told from the 15-day median.
Cases       Fees of working days (nothing at the weekend, or on other days of each week) come on working days: for all
            else a day off is taken to be like those beside it. Days that stood out a week or a month before are no
            price, nor are credits. The days of a month: see :mod:`analyzer.month_places`.
Drawbacks   Fees of every day that are never the same two days in a row have no price: each day is as in the month
            before, or, where that had none, their median.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from analyzer.forecast_calendar import HALF_WINDOW, LIKE_SHARES, events_ahead
from analyzer.month_places import MONTHS_END, Places, places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from analyzer.forecast_members import Floats

_NEWEST = 7
_MONTH = 28
_MOST_OFF = 3
"""Days of a week: what comes on fewer than four is no fee of working days."""
_SAME_PRICE = 1e-9
"""Sums of the same amounts may differ in their last digit."""


def fees_ahead(fees: Floats, first: date, horizon: int, *, seen_once: bool = True) -> Floats:
    """Fees of the ``horizon`` days after the history of ``fees``, which begins on ``first``; see :func:`monthly_fees`.

    As they were: without shares of a month to come.
    """
    import numpy as np

    off = _days_off(fees, first)
    known = _without_days_off(fees, first, off) if off else fees
    recurring, end = monthly_fees(known, first, seen_once=seen_once), first + timedelta(days=len(fees))
    found = _amounts_ahead(recurring, end, horizon, daily=is_daily(known, first))
    if off:
        newest = _of_newest_days(known, first)
        ahead = np.isin((end.weekday() + np.arange(horizon)) % 7, off)
        found[ahead] = 0.0 if newest is None else found[ahead] - newest.price
    return found


def _amounts_ahead(recurring: Mapping[int, float], first: date, horizon: int, *, daily: bool) -> Floats:
    """As :func:`events_ahead` of fees: where they are ``daily``, days that meet on a last day are one, the largest."""
    import numpy as np

    if not daily:
        return events_ahead(recurring, first, horizon)
    found = np.zeros(horizon)
    place = places(first, horizon)
    for day, amount in recurring.items():
        on = place.of(day)
        found[on] = np.where(np.abs(found[on]) > abs(amount), found[on], amount)
    return found


def is_daily(fees: Floats, first: date) -> bool:
    """Whether fees come every day, or every working day, rather than every month."""
    return _on_most_days(fees) or bool(_days_off(fees, first)) or _of_newest_days(fees, first) is not None


def monthly_fees(fees: Floats, first: date, *, seen_once: bool = True) -> dict[int, float]:
    """The fee of each day of the month, 31 its end.

    ``seen_once``: whether one whose month before is not known is expected again. A credit then never is: who counts on
    it overspends. What the newest days have every one is expected on every day.
    """
    newest = _of_newest_days(fees, first)
    if newest is None:
        return _by_day(fees, first, daily=_on_most_days(fees), seen_once=seen_once)
    every_day = dict.fromkeys(range(1, MONTHS_END + 1), newest.price)
    if newest.on_top is None:
        return every_day | _by_day(fees, first, daily=True, seen_once=seen_once)
    on_top = _by_day(newest.on_top, first, daily=False, seen_once=seen_once)
    return every_day | {day: newest.price + amount for day, amount in on_top.items()}


def _days_off(fees: Floats, first: date) -> list[int]:
    """Weekdays (0 is Monday) on which fees of all others do not come; none where it is not those of a week.

    Of the last four weeks, from that of the first charged day on, and two weeks at least. On a day off something may
    come once in four weeks (a fee of the month), on another it may be missing once (a holiday) of at least three: what
    came on four days of a fortnight may be the end of one month and the beginning of the next.
    """
    import numpy as np

    recent = np.flatnonzero(fees[-_MONTH:][::-1])
    since = max(0, len(fees) - 7 * (int(recent[-1]) // 7 + 1)) if len(recent) else len(fees)
    charged = fees[since:] != 0
    if len(charged) < 14 or charged.all():
        return []
    off = []
    for number in range(7):
        days = charged[number::7]
        if 4 * days.sum() <= len(days):
            off.append((first.weekday() + since + number) % 7)
        elif days.sum() < max(2, len(days) - 1):
            return []
    return off if len(off) <= _MOST_OFF else []


def _without_days_off(fees: Floats, first: date, off: list[int]) -> Floats:
    """As if each day off had been a day like those beside it: the lesser, as either may have something on top.

    After the last one it is that before the last: one day alone is no price.
    """
    import numpy as np

    is_off = np.isin((first.weekday() + np.arange(len(fees))) % 7, off)
    working = np.flatnonzero(~is_off)
    filled = fees.copy()
    for step in np.flatnonzero(is_off).tolist():
        after = int(np.searchsorted(working, step))
        beside = working[after - 2 : after - 1] if after == len(working) else working[max(0, after - 1) : after + 1]
        filled[step] += fees[beside].min(initial=np.inf) if len(beside) else 0.0
    return filled


def _on_most_days(fees: Floats) -> bool:
    recent = fees[-_MONTH:]
    return bool((recent != 0).sum() * 2 > len(recent))


@dataclass(frozen=True)
class _Newest:
    """What each of the newest days was charged; ``on_top`` are the fees without it, None where it was never another."""

    price: float
    on_top: Floats | None


def _of_newest_days(fees: Floats, first: date) -> _Newest | None:
    """None where not nearly each of the newest days has a fee, or what they have comes by the week or month."""
    import numpy as np

    known = len(fees)
    charged = [step for step in range(max(0, known - _NEWEST - 1), known) if fees[step]]
    if len(charged) < _NEWEST:
        return None
    stood_out = ~np.isclose(fees, _level(fees), rtol=LIKE_SHARES, atol=0)
    place = places(first, known)
    usual = [step for step in charged if not any(stood_out[before] for before in _befores(step, place))]
    if not usual:
        return None
    priced = [step for step in usual if step and np.isclose(fees[step], fees[step - 1], rtol=_SAME_PRICE, atol=0)]
    price = float(fees[priced[-1]] if priced else np.median(fees[charged]))
    if price <= 0:
        return None
    level = _level_until(fees, price, place) if priced else np.full(known, price)
    if np.allclose(level, price, rtol=_SAME_PRICE, atol=0):
        return _Newest(price, None)
    return _Newest(price, np.where(np.isclose(fees, level, rtol=_SAME_PRICE, atol=0), 0.0, fees - level))


def _befores(step: int, place: Places) -> list[int]:
    """The same day a week and a month before, where they are known."""
    on = place.of(int(place.day[step]))
    found = [step - _NEWEST, *on[on < step][-1:].tolist()]
    return [before for before in found if before >= 0]


def _level_until(fees: Floats, price: float, place: Places) -> Floats:
    """What each day has without what is on top: ``price`` since it holds, the median of the days about it before.

    Beside the day it began on may lie one with something on top: that is of the price which leaves more nearly what
    was on top a month before.
    """
    import numpy as np

    at_price = np.flatnonzero(np.isclose(fees, price, rtol=_SAME_PRICE, atol=0))
    pauses = np.flatnonzero(np.diff(at_price) > _NEWEST)
    start = int(at_price[pauses[-1] + 1 if len(pauses) else 0])
    if start < _NEWEST and np.median(fees[:start] if start else price):
        return np.full(len(fees), price)  # too few days of another price: they may be of a weekend
    level = np.concatenate((_level(fees[:start]), np.full(len(fees) - start, price)))
    for step in range(start - 1, MONTHS_END - 1, -1):
        month_before = _befores(step, place)[-1]
        expected = fees[step] - (fees[month_before] - level[month_before])
        if abs(expected - price) >= abs(expected - level[step]):
            break
        level[step] = price
    return level


def _level(fees: Floats) -> Floats:
    """The centred median of 15 days."""
    import numpy as np

    if not len(fees):
        return fees
    padded = np.pad(fees, HALF_WINDOW, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * HALF_WINDOW + 1)
    level: Floats = np.partition(windows, HALF_WINDOW, axis=1)[:, HALF_WINDOW]
    return level


def _by_day(fees: Floats, first: date, *, daily: bool, seen_once: bool) -> dict[int, float]:
    """What each day of the month had the month before, where the month before that had one too or is not known."""
    import numpy as np

    charged = np.flatnonzero(fees)
    if not len(charged):
        return {}
    place = places(first, len(fees))
    steps = {day: place.of(day).tolist() for day in place.candidates(charged)}
    found: dict[int, float] = {}
    for day, on in steps.items():
        before = fees[on[-2:]]
        if not np.all(before != 0) or (len(before) == 1 and not (seen_once and before[-1] > 0)):
            continue
        newest = on[-1]
        amount = float(fees[newest])
        shared = {other: where for other, where in steps.items() if newest in where}
        if len(shared) > 1:
            month_before = {
                other: float(fees[where[i - 1]]) for other, where in shared.items() if (i := where.index(newest))
            }
            if not any(month_before.values()):
                month_before = {max(set(shared) - set(month_before)): amount}
            amount = _part(day, amount, month_before, daily=daily)
        if amount:
            found[day] = amount
    return found


def _part(day: int, amount: float, before: Mapping[int, float], *, daily: bool) -> float:
    """What ``day`` has of what came on one last day, by what each it may be of came to the month ``before``.

    Of fees of every day it is that of the day it is nearest to, and the others are as they were.
    """
    mine = before.get(day, 0.0)
    if daily:
        nearest = min(sorted(before, reverse=True), key=lambda one: abs(amount - before[one]))
        return amount if day == nearest else mine
    return amount * abs(mine) / sum(abs(one) for one in before.values())
