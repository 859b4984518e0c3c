"""What comes back on the same day of every month: taken out before the weekly pattern is learned, put back after.

Assumes     Daily values; at most three or four days in a row are affected (longer is a level, not an event).
Method      Usage: a baseline is the centred 15-day median plus the median deviation of each weekday from it. A day
            of the month is *recurring* where the last two occurrences (two of the last three, the last one among
            them) lie beyond four robust standard deviations on the same side of the baseline, and as far from the
            same weekday a week before and after: what deviates every week is the week's own. There the history is
            set to the baseline, and the median of what it deviated by is added to that day of the months to come.
            Fees: :mod:`analyzer.forecast_fees`.
Cases       What comes on the 29th, 30th or 31st comes on the last day of a month without it, so that the 31st is the
            end of every month. What was on such a last day is of the day that the months beside it say; where they
            do not, of the month's end. Of a month's end the newest amount counts; where the last two whole months
            agree on its share of their usage better than on its amount, and within 5 %, it is that share
            of the month to come (support, tax).
Drawbacks   An event is seen from its second time on. Events of "the third Tuesday" are not seen, nor are those
            counted from the month's end ("the last day but one").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.month_places import MONTHS_END, SHORTEST, Places, places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import numpy as np
    import numpy.typing as npt

    from analyzer.forecast_members import Floats

HALF_WINDOW = 7
_DEVIATIONS = 4.0
_MAD_TO_SIGMA = 1.4826
_LEAST_SHARE = 0.03
"""A deviation below this share of the mean is no event, however quiet the series is."""

_REMEMBERED = 3
LIKE_SHARES = 0.05
"""Two shares of a month that differ by less than this part are one percentage."""


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
        place = places(firsts[row], histories.shape[1])
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
        place = places(first, horizon)
        for day, amount in events.items():
            found[place.of(day)] += amount
    return found


def share_of_month(at_end: Floats, usage: Floats, first: date) -> float | None:
    """What came ``at_end`` of a month as a share of its ``usage``; None where it is rather an amount, or nobody knows.

    Both are days of the history, which begins on ``first``; ``usage`` without what recurs by the month.
    """
    import numpy as np

    place = places(first, len(usage))
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
    return float(shares[-1]) if apart <= LIKE_SHARES and apart < _apart(amounts) else None


def shares_ahead(share: float, usage: Floats, ahead: Floats, first: date) -> Floats:
    """What ends each month to come: ``share`` of its usage, known (from ``first``) and expected (``ahead``)."""
    import numpy as np

    whole = np.concatenate((usage, ahead))
    place = places(first, len(whole))
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
    alone = [day for day in recurring if day > SHORTEST] == [MONTHS_END]
    share = share_of_month(at_end, usage, first) if alone else None
    if share is None:
        return recurring, 0.0
    return {day: amount for day, amount in recurring.items() if day != MONTHS_END}, share


def _apart(two: Floats) -> float:
    import numpy as np

    return float(abs(two[1] - two[0]) / np.abs(two).max())


def _baseline(histories: Floats, season: int) -> Floats:
    import numpy as np

    padded = np.pad(histories, ((0, 0), (HALF_WINDOW, HALF_WINDOW)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * HALF_WINDOW + 1, axis=1)
    level = np.partition(windows, HALF_WINDOW, axis=2)[..., HALF_WINDOW]
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


def _recurring(side: Floats, place: Places) -> list[tuple[int, list[int], list[int]]]:
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
