"""What comes back on the same day of every month: taken out before the weekly pattern is learned, put back after.

Assumes     Daily values; at most three or four days in a row are affected (longer is a level, not an event).
Method      Usage: a baseline is the centred 15-day median plus the median deviation of each weekday from it. A day
            of the month is *recurring* where the last two occurrences (two of the last three, the last one among
            them) lie beyond four robust standard deviations on the same side of the baseline, and as far from the
            same weekday a week before and after: what deviates every week is the week's own. There the history is
            set to the baseline, and the median of what it deviated by is added to that day of the months to come.
            Fees (purchases, tax, credits): the amount of the same day of the month before, where the month
            before that had one too, or is not known; a credit only where it had.
Cases       Days 29 to 31 are known as themselves; a month without that day does not have its event.
Drawbacks   An event is seen from its second time on. Events of "the third Tuesday" are not seen.
"""

from __future__ import annotations

from datetime import date
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
        day_of_each = _days_of_month(firsts[row], histories.shape[1])
        for day_of_month in sorted(set(day_of_each[side[row] != 0].tolist())):
            found = _recurring(side[row], np.flatnonzero(day_of_each == day_of_month).tolist())
            if found:
                events[row][day_of_month] = float(np.median(deviation[row, found]))
                cleaned[row, found] = baseline[row, found]
    return cleaned, events


def events_ahead(events: Mapping[int, float], first: date, horizon: int) -> Floats:
    """What the events add to each of ``horizon`` days from ``first``."""
    import numpy as np

    found = np.zeros(horizon)
    if not events:
        return found
    days = _days_of_month(first, horizon)
    for day_of_month, amount in events.items():
        found[days == day_of_month] = amount
    return found


def fees_ahead(fees: Floats, first: date, horizon: int, *, seen_once: bool = True) -> Floats:
    """Fees of the ``horizon`` days after the history of ``fees``, which begins on ``first``.

    ``seen_once``: whether one whose month before is not known is expected again. A credit then never is: who counts on
    it overspends.
    """
    import numpy as np

    found = np.zeros(horizon)
    if not fees.any():
        return found
    day_of_each = _days_of_month(first, len(fees) + horizon)
    known, to_come = day_of_each[: len(fees)], day_of_each[len(fees) :]
    for day_of_month in sorted(set(known[fees != 0].tolist())):
        before = fees[known == day_of_month][-2:]
        if np.all(before != 0) and (len(before) > 1 or (seen_once and before[-1] > 0)):
            found[to_come == day_of_month] = before[-1]
    return found


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


def _days_of_month(first: date, length: int) -> npt.NDArray[np.int64]:
    import numpy as np

    days = np.datetime64(first, "D") + np.arange(length)
    found: npt.NDArray[np.int64] = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
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


def _recurring(side: Floats, occurrences: Sequence[int]) -> list[int]:
    """Steps of the event among the occurrences of a day of the month; none where it does not recur.

    ``side`` is 1 for a step that stands out upwards, -1 downwards, 0 not at all.
    """
    last = side[occurrences[-1]]
    alike = [step for step in occurrences if last and side[step] == last]
    return alike if sum(step in occurrences[-_REMEMBERED:] for step in alike) >= 2 else []
