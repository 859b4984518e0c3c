"""What comes back on the same day of every month: taken out before the weekly pattern is learned, put back after.

Assumes     Daily values; at most three or four days in a row are affected (longer is a level, not an event).
Method      Usage: a baseline is the centred 15-day median plus the median deviation of each weekday from it. A day
            of the month is *recurring* where the last two occurrences (two of the last three, the last one among
            them) lie beyond four robust standard deviations on the same side of the baseline, and as far from the
            same weekday a week before and after: what deviates every week is the week's own. There the history is
            set to the baseline, and the median of what it deviated by is added to that day of the months to come.
            Fees (purchases, tax, credits): the amount of the same day of the month before, where the month
            before that had one too, or is not known; a credit only where it had.
Cases       What comes on the 29th, 30th or 31st comes on the last day of a month without it, so that the 31st is the
            end of every month. What was on such a last day is of the day that the months beside it say; where they
            do not, of the month's end. Of a month's end the newest amount counts; where the last two whole months
            agree on its share of their usage better than on its amount, and within 5 %, it is that share
            of the month to come (support, tax). Fees of more than half of the last 28 days are one a day. Fees of
            seven of the newest eight go on every day, at the newest price that two days in a row agree on; where that
            is new, what came on top before it is told from the 15-day median. Days that stood out a week or a month
            before are no price, nor are credits.
Drawbacks   An event is seen from its second time on. Events of "the third Tuesday" are not seen, nor are those
            counted from the month's end ("the last day but one"). Fees of every day that are never the same two
            days in a row have no price: each day is as in the month before, or, where that had none, their median.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from analyzer.forecast_members import Floats

_HALF_WINDOW = 7
_DEVIATIONS = 4.0
_MAD_TO_SIGMA = 1.4826
_LEAST_SHARE = 0.03
"""A deviation below this share of the mean is no event, however quiet the series is."""

_REMEMBERED = 3
MONTHS_END = 31
_SHORTEST = 28
_LIKE_SHARES = 0.05
"""Two shares of a month that differ by less than this part are one percentage."""

_NEWEST = 7
_SAME_PRICE = 1e-9
"""Sums of the same amounts may differ in their last digit."""


def take_out_events(history: Floats, first: date, season: int = 7) -> tuple[Floats, dict[int, float]]:
    """The history of days from ``first`` without recurring events, and what each day of the month adds."""
    cleaned, events = take_out_events_of_each(history[None], [first], season)
    return cleaned[0], events[0]


def take_out_events_of_each(
    histories: Floats, firsts: Sequence[date], season: int
) -> tuple[Floats, list[dict[int, float]]]:
    """As :func:`take_out_events`, of histories of one length (a row each): together, which costs less."""
    import numpy as np

    cleaned = histories.copy()
    events: list[dict[int, float]] = [{} for _ in firsts]
    if histories.shape[1] < 2 * 28:
        return cleaned, events
    baseline = _baseline(histories, season)
    deviation = histories - baseline
    sigma = _MAD_TO_SIGMA * np.median(np.abs(deviation), axis=1)
    threshold = np.maximum(_DEVIATIONS * sigma, _LEAST_SHARE * np.abs(histories).mean(axis=1))[:, None]
    side = np.where(np.abs(deviation) > threshold, np.sign(deviation), 0.0) * _unlike_its_weeks(
        histories, deviation, threshold, season
    )
    for row in np.flatnonzero(side.any(axis=1)).tolist():
        place = _places(firsts[row], histories.shape[1])
        for day, found, own in _recurring(side[row], place):
            amount = deviation[row, own[-1]] if day == MONTHS_END else np.median(deviation[row, own])
            events[row][day] = float(amount)
            cleaned[row, found] = baseline[row, found]
    return cleaned, events


def events_ahead(events: Mapping[int, float], first: date, horizon: int) -> Floats:
    """What the events add to each of ``horizon`` days from ``first``."""
    import numpy as np

    found = np.zeros(horizon)
    if events:
        place = _places(first, horizon)
        for day, amount in events.items():
            found[place.of(day)] += amount
    return found


def fees_ahead(fees: Floats, first: date, horizon: int, *, seen_once: bool = True) -> Floats:
    """Fees of the ``horizon`` days after the history of ``fees``, which begins on ``first``; see :func:`monthly_fees`.

    As they were: without shares of a month to come.
    """
    recurring = monthly_fees(fees, first, seen_once=seen_once)
    return amounts_ahead(recurring, first + timedelta(days=len(fees)), horizon, daily=is_daily(fees, first))


def amounts_ahead(recurring: Mapping[int, float], first: date, horizon: int, *, daily: bool) -> Floats:
    """As :func:`events_ahead` of fees: where they are ``daily``, days that meet on a last day are one, the largest."""
    import numpy as np

    if not daily:
        return events_ahead(recurring, first, horizon)
    found = np.zeros(horizon)
    place = _places(first, horizon)
    for day, amount in recurring.items():
        on = place.of(day)
        found[on] = np.where(np.abs(found[on]) > abs(amount), found[on], amount)
    return found


def is_daily(fees: Floats, first: date) -> bool:
    """Whether fees come every day rather than every month."""
    return _on_most_days(fees) or _of_newest_days(fees, first) is not None


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


def _on_most_days(fees: Floats) -> bool:
    recent = fees[-28:]
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
    stood_out = ~np.isclose(fees, _level(fees), rtol=_LIKE_SHARES, atol=0)
    place = _places(first, known)
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


def _befores(step: int, place: _Places) -> list[int]:
    """The same day a week and a month before, where they are known."""
    on = place.of(int(place.day[step]))
    found = [step - _NEWEST, *on[on < step][-1:].tolist()]
    return [before for before in found if before >= 0]


def _level_until(fees: Floats, price: float, place: _Places) -> Floats:
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
    padded = np.pad(fees, _HALF_WINDOW, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF_WINDOW + 1)
    level: Floats = np.partition(windows, _HALF_WINDOW, axis=1)[:, _HALF_WINDOW]
    return level


def _by_day(fees: Floats, first: date, *, daily: bool, seen_once: bool) -> dict[int, float]:
    """What each day of the month had the month before, where the month before that had one too or is not known."""
    import numpy as np

    charged = np.flatnonzero(fees)
    if not len(charged):
        return {}
    place = _places(first, len(fees))
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


def share_of_month(at_end: Floats, usage: Floats, first: date) -> float | None:
    """What came ``at_end`` of a month as a share of its ``usage``; None where it is rather an amount, or nobody knows.

    Both are days of the history, which begins on ``first``; ``usage`` without what recurs by the month.
    """
    import numpy as np

    place = _places(first, len(usage))
    ends = place.of(MONTHS_END)[-2:]
    starts = ends - place.length[ends] + 1
    if len(ends) < 2 or starts[0] < 0:
        return None
    amounts = at_end[ends]
    months = np.array([usage[start : end + 1].sum() for start, end in zip(starts, ends, strict=True)])
    if not np.all(amounts) or not np.all(months > 0):
        return None
    shares = amounts / months
    apart = _apart(shares)
    return float(shares[-1]) if apart <= _LIKE_SHARES and apart < _apart(amounts) else None


def shares_ahead(share: float, usage: Floats, ahead: Floats, first: date) -> Floats:
    """What ends each month to come: ``share`` of its usage, known (from ``first``) and expected (``ahead``)."""
    import numpy as np

    whole = np.concatenate((usage, ahead))
    place = _places(first, len(whole))
    found = np.zeros(len(whole))
    for end in place.of(MONTHS_END):
        found[end] = share * whole[max(0, end - place.length[end] + 1) : end + 1].sum()
    coming: Floats = found[len(usage) :]
    return coming


def take_out_share(
    recurring: dict[int, float], at_end: Floats, usage: Floats, first: date
) -> tuple[dict[int, float], float]:
    """``recurring`` without its month's end where that is a share of the month, and nothing else is beside it; and
    this share, else 0."""
    alone = [day for day in recurring if day > _SHORTEST] == [MONTHS_END]
    share = share_of_month(at_end, usage, first) if alone else None
    if share is None:
        return recurring, 0.0
    return {day: amount for day, amount in recurring.items() if day != MONTHS_END}, share


def _apart(two: Floats) -> float:
    import numpy as np

    return float(abs(two[1] - two[0]) / np.abs(two).max())


def _baseline(histories: Floats, season: int) -> Floats:
    import numpy as np

    padded = np.pad(histories, ((0, 0), (_HALF_WINDOW, _HALF_WINDOW)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF_WINDOW + 1, axis=1)
    level = np.partition(windows, _HALF_WINDOW, axis=2)[..., _HALF_WINDOW]
    weekly = _median_of_each_place(histories - level, season)
    baseline: Floats = level + weekly[:, np.arange(histories.shape[1]) % season]
    return baseline


def _median_of_each_place(values: Floats, season: int) -> Floats:
    import numpy as np

    rows, length = values.shape
    whole, rest = divmod(length, season)
    found = np.median(values[:, : whole * season].reshape(rows, whole, season), axis=1)
    if rest:
        wide = np.pad(values, ((0, 0), (0, season - rest))).reshape(rows, -1, season)
        found[:, :rest] = np.median(wide[:, :, :rest], axis=1)
    return found


@dataclass(frozen=True)
class _Places:
    """Where days lie in their months: the day of the month, and how many days it has."""

    day: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]

    def of(self, day: int) -> npt.NDArray[np.int64]:
        """Steps on that day of the month, or on the last of a month without it."""
        import numpy as np

        on = self.day == day
        if day > _SHORTEST:
            on |= (self.day == self.length) & (self.length < day)
        found: npt.NDArray[np.int64] = np.flatnonzero(on)
        return found

    def candidates(self, steps: npt.NDArray[np.int64]) -> list[int]:
        """Days of the month that any of ``steps`` may be of."""
        days = set(self.day[steps].tolist())
        ends = self.length[steps][self.day[steps] == self.length[steps]]
        return sorted(days | set(range(int(ends.min()), MONTHS_END + 1)) if len(ends) else days)


@lru_cache(maxsize=256)
def _places(first: date, length: int) -> _Places:
    import numpy as np

    days = np.datetime64(first, "D") + np.arange(length)
    months = days.astype("datetime64[M]")
    starts = months.astype("datetime64[D]")
    return _Places(
        (days - starts).astype(np.int64) + 1, ((months + 1).astype("datetime64[D]") - starts).astype(np.int64)
    )


def _unlike_its_weeks(histories: Floats, deviation: Floats, threshold: Floats, season: int) -> npt.NDArray[np.bool_]:
    """Whether each step differs, the way it deviates, from the same place in the season before and after."""
    import numpy as np

    sign = np.sign(deviation)
    above = np.full(histories.shape, np.inf)
    above[:, season:] = sign[:, season:] * (histories[:, season:] - histories[:, :-season])
    after = sign[:, :-season] * (histories[:, :-season] - histories[:, season:])
    above[:, :-season] = np.minimum(above[:, :-season], after)
    unlike: npt.NDArray[np.bool_] = above > threshold
    return unlike


def _recurring(side: Floats, place: _Places) -> list[tuple[int, list[int], list[int]]]:
    """Days of the month that recur: each with the steps that were of it, and those of them that were of it alone.

    ``side`` is 1 for a step that stands out upwards, -1 downwards, 0 not at all. Where steps may be of several days,
    they are of the one that stood out the most often of late, the month's end first; another is meant as well only
    where it stood out of late by itself.
    """
    import numpy as np

    claims: list[tuple[int, int, list[int], list[int]]] = []
    for day in place.candidates(np.flatnonzero(side)):
        on = place.of(day).tolist()
        last = side[on[-1]]
        alike = [step for step in on if last and side[step] == last]
        late = [step for step in on[-_REMEMBERED:] if step in alike]
        if len(late) >= 2:
            claims.append((len(late), day, alike, late))
    found: list[tuple[int, list[int]]] = []
    for _, day, alike, late in sorted(claims, reverse=True):
        if any(not any(step in others for _, others in found) for step in late):
            found.append((day, alike))
    return [(day, alike, _alone(alike, found)) for day, alike in found]


def _alone(alike: Sequence[int], found: Sequence[tuple[int, list[int]]]) -> list[int]:
    """Those steps that no other of the days has; all of them where it has none to itself."""
    return [step for step in alike if sum(step in others for _, others in found) == 1] or list(alike)
