"""What switching something off would have met: the rule of idleness on held-out history.

Assumes
    What is off is asked for as much as what is on: a slot in which it worked is one in which somebody would have
    found it off. Who needs it starts it, and nobody stops it again before the rule would say so.
Method
    Rolling origins (``folds.py``): where it was idle for the whole window before an origin, by the share of inactive
    slots and on one active day at most, it is switched off, and what it did in the seven days after counts. Where
    there is no such origin in its past (what stopped less than a window and a week ago), the window itself is parted:
    learnt from its first days, tried on the rest. Nothing is counted of a fold in which the rule would have left it on.
    An endpoint of which only requests are known is tried by the day.
    *Needed again*: it is off until it works, then on until the first midnight at which the rule finds it idle anew (a
    day at least, and the whole window as before), and so on; an endpoint to the end of the fold. The saving is that of
    the part of the held-out time in which it would have stayed off, risk a level above the window's at least.
Cases
    Never needed again: risk and saving are the window's. Under two weeks odd hours are tried on even ones, which come
    before as well as after: they tell of no need, and only what is held out of the window counts as tried.
Sources
    docs/advice.md, replay and its bound.
Known drawbacks
    Where the window itself is parted, what it is tried on is why the advice is given, so that it can hold little
    against it; work that comes back after longer is not seen. Nothing says what off in an hour of work costs. Requests,
    power and the week of earlier work, which stop the advice today, are not asked at an origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Idle
from aispend.percents import percent_apart
from recommender.evidence import not_replayed
from recommender.kinds.replayed import replay_evidence
from recommender.methods.folds import Folds, make_folds
from recommender.methods.outcome import Capacity, Demand
from recommender.methods.replay import Replay, fixed
from recommender.methods.replay import replay as play
from recommender.methods.risk import RISK_BOUNDS, risk_level
from recommender.methods.states import SLOTS_PER_DAY, SLOTS_PER_HOUR, Accelerators, State, idle_since
from recommender.methods.tried import Tried
from recommender.savings import Spread

_ON = Capacity(load=np.inf, cost=1.0)
_OFF = Capacity(load=0.0)
_HELD_OUT_DAYS = 7


@dataclass(frozen=True)
class NeededAgain:
    """On how many of the held-out days it was needed after it had been switched off; 0: never, as far as is known.

    ``parts`` is the share of each fold in which it would have stayed off, ``bound`` the upper 95 % bound of the share
    of hours (of an endpoint, days) in which it was needed.
    """

    days: int = 0
    of_days: int = 0
    parts: tuple[float, ...] = ()
    bound: float = 0.0

    @property
    def share_off(self) -> Decimal:
        """Share of the held-out time in which it would have stayed off; 1 where it was never needed again."""
        return Decimal(repr(round(float(np.mean(self.parts)), 12))) if self.days else Decimal(1)

    def spread(self, window: Spread) -> Spread:
        """What the saving may differ by, beside what the window itself says."""
        return replace(window, shares=self.parts) if self.days else window

    def judged(self, window_bound: float) -> tuple[int, Decimal]:
        """Risk of the stop, and its bound: the larger of the two; of what was needed a level above the window's."""
        bound = max(window_bound, self.bound) if self.days else window_bound
        level = risk_level(window_bound)
        if self.days:
            level = max(min(level + 1, len(RISK_BOUNDS)), risk_level(bound))
        return level, Decimal(repr(round(bound, 6)))

    @property
    def remark(self) -> str:
        """A sentence for the reason, with a space before it; nothing where it was never needed."""
        if not self.days:
            return ""
        return (
            f" Switched off like this before, it would have been needed again on {self.days} of {self.of_days} "
            f"held-out days; the saving counts only the {percent_apart(self.share_off, 0, 1, decimals=1)} of that time "
            "in which it would have stayed off."
        )


@dataclass(frozen=True)
class IdleReplay:
    """The rule on held-out history: what it met, None where it was never tried, and whether it was needed again."""

    found: Replay | None = None
    needed: NeededAgain = NeededAgain()


@dataclass(frozen=True)
class QuietReplay:
    """The same of an endpoint, by the day."""

    tried: Tried
    needed: NeededAgain = NeededAgain()


def idle_replay(states: NDArray[np.int8], history: Accelerators, window: int, idle: Idle) -> IdleReplay:
    """The rule on what is known of it; ``window`` in slots."""
    known = np.flatnonzero(states != State.UNKNOWN)
    if not known.size:
        return IdleReplay()
    # folds begin with a day
    first = int(known[0]) // SLOTS_PER_DAY * SLOTS_PER_DAY
    begin = max(states.size - window, 0)
    for start, least in ((first, window), (begin, 0)):
        part = states[start:]
        folds = make_folds(part.size, SLOTS_PER_HOUR)
        if folds.low_evidence and start < begin:
            # hours before it was idle would be held against it
            continue
        fired = [fold for fold in folds.folds if _is_idle(part, fold.train, window, least, idle)]
        if fired:
            load = np.fmax.reduce(history.activity_max[:, start:], axis=0).astype(float)
            load = np.where(part >= State.UNDERUSED, load, 0.0)
            load[part == State.UNKNOWN] = np.nan
            found = play(fixed(_OFF), Demand(load=load), Folds(tuple(fired), folds.low_evidence), current=_ON)
            if folds.low_evidence or not found.outcome.violation_minutes:
                return IdleReplay(found)
            stays_off = [_stays_off(part, fold.test, window, least, idle) for fold in fired]
            tested = np.unique(np.concatenate([fold.test for fold in fired]))
            return IdleReplay(
                found,
                NeededAgain(
                    days=_days(tested[part[tested] >= State.UNDERUSED]),
                    of_days=_days(tested[part[tested] != State.UNKNOWN]),
                    parts=tuple(float(off.mean()) for off in stays_off),
                    bound=found.outcome.bound,
                ),
            )
    return IdleReplay()


def idle_evidence(tried: IdleReplay, monthly_saving: Decimal) -> dict[str, Any]:
    """As other kinds give it; where it could not be tried, why."""
    if tried.found is None or tried.found.outcome.hours <= 0:
        return not_replayed("no held-out part of its history follows one in which it was idle as it is now")
    said = replay_evidence(tried.found, monthly_saving)
    said["replay"]["off"] = True
    return said


def quiet_replay(asked: Sequence[bool], window_days: int) -> QuietReplay:
    """The rule of endpoints by the day, oldest first: whether a request came."""
    days = np.array(asked, dtype=np.bool_)
    origins = range(days.size - _HELD_OUT_DAYS, window_days - 1, -_HELD_OUT_DAYS)
    held = [days[at : at + _HELD_OUT_DAYS] for at in origins if not days[at - window_days : at].any()]
    if not held:
        half = days[-window_days:]
        at = half.size - half.size // 2
        held = [half[at:]] if half.size > 1 and not half[:at].any() else []
    tried = Tried(sum(part.size for part in held), sum(int(part.sum()) for part in held))
    if not tried.wrong or tried.bound is None:
        return QuietReplay(tried)
    off = tuple(float(np.argmax(part) / part.size) if part.any() else 1.0 for part in held)
    return QuietReplay(tried, NeededAgain(tried.wrong, tried.trials, off, tried.bound))


def quiet_evidence(found: QuietReplay) -> dict[str, Any]:
    """How many held-out days it was tried on, and how many had a request; where there were none, why."""
    tried = found.tried
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


def _stays_off(
    states: NDArray[np.int8], test: NDArray[np.int64], window: int, least: int, idle: Idle
) -> NDArray[np.bool_]:
    """Slots of a fold in which it is off: until it works, and again from the midnight the rule finds it idle anew."""
    off = np.ones(test.size, dtype=np.bool_)
    at = 0
    while (work := np.flatnonzero(states[test[at:]] >= State.UNDERUSED)).size:
        back = at + int(work[0])
        midnights = (int(slot) for slot in test[back + 1 :] if slot % SLOTS_PER_DAY == 0)
        again = (slot for slot in midnights if _is_idle_anew(states[:slot], window, least, idle))
        at = next(again, int(test[-1]) + 1) - int(test[0])
        off[back:at] = False
    return off


def _is_idle_anew(states: NDArray[np.int8], window: int, least: int, idle: Idle) -> bool:
    """Whether the rule finds it idle at the end of ``states``, and it has been for a day, or the window if shorter."""
    idle_for = states.size - idle_since(states)
    return idle_for >= min(window, SLOTS_PER_DAY) and _is_idle(states, np.arange(states.size), window, least, idle)


def _days(slots: NDArray[np.int64]) -> int:
    return int(np.unique(slots // SLOTS_PER_DAY).size)


def _is_idle(states: NDArray[np.int8], train: NDArray[np.int64], window: int, least: int, idle: Idle) -> bool:
    """Whether the rule would have switched it off, from the newest slots of ``train``, ``least`` of them."""
    recent = train[-window:]
    known = int((states[recent] != State.UNKNOWN).sum())
    if recent.size < max(least, 1) or not known or known < idle.min_coverage * recent.size:
        return False
    active = recent[states[recent] >= State.UNDERUSED]
    one_day = active.size == 0 or active[0] // SLOTS_PER_DAY == active[-1] // SLOTS_PER_DAY
    return bool(one_day and 1 - active.size / known >= idle.inactive_share)
