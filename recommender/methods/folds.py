"""How history is divided into what a policy learns from and what it is tried on.

Assumes
    Slots of equal length, the first of which begins a day; the unfinished last day is tested with the last fold.
Method
    Rolling origin: train on everything before, test on what follows, from three or more origins, seven days or more
    each. Tests lie a horizon apart where there is history for three, else they overlap.
    Under fourteen days, odd hours are tested on even ones and the other way round, and the evidence is marked low:
    neighbouring hours are alike, so such a test is easily passed.
Sources
    docs/advice.md; Tashman 2000 (rolling origin).
Known drawbacks
    The first folds learn from less than the advice itself will, and judge it more strictly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]

MIN_FOLDS = 3
HORIZON_DAYS = 7
LOW_EVIDENCE_DAYS = 14


@dataclass(frozen=True)
class Fold:
    """Slots to learn from and slots to be tried on."""

    train: Slots
    test: Slots


@dataclass(frozen=True)
class Folds:
    """A division of history; ``low_evidence`` where it is too short to hold whole weeks back."""

    folds: tuple[Fold, ...]
    low_evidence: bool


def make_folds(
    slots: int, slots_per_hour: int = 12, *, horizon_days: int = HORIZON_DAYS, min_train_days: int = 7
) -> Folds:
    """Rolling origins, a horizon apart where history allows three or more, else overlapping; interleaved if too short.

    Training begins with the history. It has ``min_train_days`` at least, or what three origins leave where that is
    less.
    """
    per_day = 24 * slots_per_hour
    days = slots // per_day
    if days < max(LOW_EVIDENCE_DAYS, horizon_days + MIN_FOLDS):
        odd = np.arange(slots) // slots_per_hour % 2 == 1
        every = np.arange(slots)
        both = (Fold(every[odd], every[~odd]), Fold(every[~odd], every[odd]))
        return Folds(tuple(fold for fold in both if fold.train.size and fold.test.size), low_evidence=True)
    last = days - horizon_days
    first = min(min_train_days, last - MIN_FOLDS + 1)
    origins = range(last, first - 1, -horizon_days)
    if len(origins) < MIN_FOLDS:
        origins_seen = {round(day) for day in np.linspace(first, last, MIN_FOLDS)}
    else:
        origins_seen = set(origins)
    # what is left of an unfinished last day is tested with the last fold
    return Folds(
        tuple(
            Fold(
                np.arange(day * per_day),
                np.arange(day * per_day, slots if day == last else (day + horizon_days) * per_day),
            )
            for day in sorted(origins_seen)
        ),
        low_evidence=False,
    )
