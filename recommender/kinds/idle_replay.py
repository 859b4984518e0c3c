"""What switching something off would have met: the rule of idleness on held-out history.

Assumes
    What is off is asked for as much as what is on: a slot in which it worked is one in which somebody would have
    found it off.
Method
    Rolling origins (``folds.py``): where it was idle for the whole window before an origin, by the share of inactive
    slots and on one active day at most, it is switched off, and what it did in the seven days after counts. Where
    there is no such origin in its past (what stopped less than a window and a week ago), the window itself is parted:
    learnt from its first days, tried on the rest. Nothing is counted of a fold in which the rule would have left it on.
    An endpoint of which only requests are known is tried by the day.
Sources
    docs/advice.md, replay and its bound.
Known drawbacks
    Where the window itself is parted, what it is tried on is why the advice is given, so that it can hold little
    against it; work that comes back after longer is not seen. Nothing says what off in an hour of work costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Idle
from recommender.evidence import not_replayed
from recommender.kinds.replayed import replay_evidence
from recommender.methods.folds import Folds, make_folds
from recommender.methods.outcome import Capacity, Demand
from recommender.methods.replay import Replay, fixed, replay
from recommender.methods.states import SLOTS_PER_DAY, SLOTS_PER_HOUR, Accelerators, State
from recommender.methods.tried import Tried

_ON = Capacity(load=np.inf, cost=1.0)
_OFF = Capacity(load=0.0)
_HELD_OUT_DAYS = 7


def idle_replay(states: NDArray[np.int8], history: Accelerators, window: int, idle: Idle) -> Replay | None:
    """The rule on what is known of it; ``window`` in slots. None where it would never have been switched off."""
    known = np.flatnonzero(states != State.UNKNOWN)
    if not known.size:
        return None
    # folds begin with a day
    first = int(known[0]) // SLOTS_PER_DAY * SLOTS_PER_DAY
    begin = max(states.size - window, 0)
    for start, least in ((first, window), (begin, 0)):
        part = states[start:]
        folds = make_folds(part.size, SLOTS_PER_HOUR)
        fired = [fold for fold in folds.folds if _is_idle(part, fold.train, window, least, idle)]
        if fired:
            load = np.fmax.reduce(history.activity_max[:, start:], axis=0).astype(float)
            load = np.where(part >= State.UNDERUSED, load, 0.0)
            load[part == State.UNKNOWN] = np.nan
            return replay(fixed(_OFF), Demand(load=load), Folds(tuple(fired), folds.low_evidence), current=_ON)
    return None


def idle_evidence(found: Replay | None, monthly_saving: Decimal) -> dict[str, Any]:
    """As other kinds give it; where it could not be tried, why."""
    if found is None or found.outcome.hours <= 0:
        return not_replayed("no held-out part of its history follows one in which it was idle as it is now")
    said = replay_evidence(found, monthly_saving)
    said["replay"]["off"] = True
    return said


def quiet_evidence(asked: Sequence[bool], window_days: int) -> dict[str, Any]:
    """The rule of endpoints by the day, oldest first: whether a request came."""
    days = np.array(asked, dtype=np.bool_)
    origins = range(days.size - _HELD_OUT_DAYS, window_days - 1, -_HELD_OUT_DAYS)
    held = [days[at : at + _HELD_OUT_DAYS] for at in origins if not days[at - window_days : at].any()]
    if not held:
        half = days[-window_days:]
        at = half.size - half.size // 2
        held = [half[at:]] if half.size > 1 and not half[:at].any() else []
    tried = Tried(sum(part.size for part in held), sum(int(part.sum()) for part in held))
    if tried.bound is None:
        return not_replayed("no held-out part of its history follows one without a request")
    return {
        "replay": {
            "tried": tried.trials,
            "wrong": tried.wrong,
            "violation_bound": round(tried.bound, 6),
            "of": "held-out days",
            "wrong_where": "had a request",
        }
    }


def _is_idle(states: NDArray[np.int8], train: NDArray[np.int64], window: int, least: int, idle: Idle) -> bool:
    """Whether the rule would have switched it off, from the newest slots of ``train``, ``least`` of them."""
    recent = train[-window:]
    known = int((states[recent] != State.UNKNOWN).sum())
    if recent.size < max(least, 1) or not known or known < idle.min_coverage * recent.size:
        return False
    active = recent[states[recent] >= State.UNDERUSED]
    one_day = active.size == 0 or active[0] // SLOTS_PER_DAY == active[-1] // SLOTS_PER_DAY
    return bool(one_day and 1 - active.size / known >= idle.inactive_share)
