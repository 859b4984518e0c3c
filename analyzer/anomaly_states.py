"""A watch of one series stopped before a day and taken up there again: what is restated later changes nothing before.

Assumes     the series is the same up to that day, with the same days called expected and the same limits.
Method      Everything the days to come are judged by, as lists, numbers, texts and None: what was learned and left
            out, the fits that slow drift is still held against, the runs so far. What follows from the costs alone is
            made anew, and what was looked ahead is looked ahead again: it says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.anomaly_fit import Fit
from analyzer.anomaly_runs import OpenRun, Run

if TYPE_CHECKING:
    from analyzer.anomaly_score import Watch

State = list[Any]
"""As kept: see :func:`state_of`."""


@dataclass
class States:
    """States before some ``days`` of a series: those ``known``, and those ``made`` while it was judged."""

    days: tuple[int, ...] = ()
    known: dict[int, State] = field(default_factory=dict)
    made: dict[int, State] = field(default_factory=dict)

    def last(self) -> tuple[int, State] | None:
        """The latest known, and its day."""
        return max(self.known.items(), default=None, key=lambda item: item[0])


def state_of(watch: Watch, day: int, since: int) -> State:
    """What ``watch`` knows before ``day``; of its fits those of the days from ``since`` on."""
    changes = np.flatnonzero(np.diff(watch.levels[: day + 1], prepend=0.0)).tolist()
    run = watch.open
    return [
        watch.since,
        watch.level,
        list(watch.accepted),
        [[one, float(watch.levels[one])] for one in changes],
        np.flatnonzero(watch.masked[:day]).tolist(),
        [[one, float(watch.out[one])] for one in np.flatnonzero(watch.out[:day]).tolist()],
        np.flatnonzero(watch.usual[:day]).tolist(),
        [[one, *_plain(vars(fit).values())] for one, fit in watch.fits.items() if one >= since],
        [list(vars(one).values()) for one in watch.runs],
        None if run is None else [run.kind, run.first, run.last, _pairs(run.expected.items()), run.peak],
    ]


def take_up(watch: Watch, state: State) -> None:
    """Make ``watch``, in which nothing was judged, know what ``state`` says."""
    since, level, accepted, levels, masked, out, usual, fits, runs, run = state
    watch.since, watch.level, watch.accepted = since, level, list(accepted)
    for one, changed in levels:
        watch.levels[one:] = changed
    watch.masked[masked] = True
    watch.usual[usual] = True
    for one, residual in out:
        watch.out[one] = residual
    for one, places, slope, origin, scale, active, sparse, days in fits:
        watch.fits[one] = Fit(tuple(places), slope, origin, scale, tuple(active), sparse, days)
    watch.runs = [Run(*one) for one in runs]
    if run is not None:
        kind, first, last, expected, peak = run
        watch.open = OpenRun(kind, first, last, dict(expected), peak)


def _plain(values: Iterable[Any]) -> list[Any]:
    return [list(one) if isinstance(one, tuple) else one for one in values]


def _pairs(items: Iterable[tuple[int, float]]) -> list[list[int | float]]:
    return [[day, cost] for day, cost in items]
