"""What runs that came to nothing cost, and which of their hours would have been spared.

Assumes
    A scheduler's record says how an attempt ended. A run that was started again began from zero, unless the steps of
    its curves say that it went on.
Method
    *Attempts* of a run end at an hour said to have failed, been retried or succeeded, where the next one differs or
    does not follow on. An attempt that failed is *retried* where another came after it, else *failed*; one last heard
    of running, and silent for longer than ``given_up_days`` of its source's records, was *given up*. One whose next
    attempt reached its first recorded step in less than half of the time that it had taken itself, was *resumed* from a
    checkpoint: nothing is spared of it.
    *Spared* of a failed attempt: its hours after a test run's. Of one given up: those after a look at it. Of retried
    ones: the hours lost, less what is lost in spite of checkpoints at Daly's interval (half of it, and a restart) and
    less the time that writing them takes in all attempts.
Cases
    Without a word on how it ended an attempt is *unknown*, however long ago it was: nothing is spared.
Sources
    docs/advice.md; Young 1974; Daly 2006 (``runtime_on_spot``).
Known drawbacks
    A test run does not show everything that fails later, so what is spared of failed attempts is the most it could be.
    Runs that went on after they had stopped getting better are ``plateau.py``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, zip_longest
from typing import Literal

from recommender.methods.runtime_on_spot import daly_interval

Ending = Literal["succeeded", "failed", "retried", "resumed", "given_up", "running", "unknown"]
Step = tuple[datetime, int]
"""When a run had come how far, by what it recorded."""
LOST: tuple[Ending, ...] = ("failed", "retried", "given_up")
_ENDS = ("succeeded", "failed", "retried")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class RunHour:
    """An hour of a run: seconds by the clock, seconds of all its machines, how it ended if it did."""

    start: datetime
    wall: float
    seconds: float
    outcome: str | None


@dataclass(frozen=True)
class Attempt:
    """Hours of a run up to where it ended."""

    hours: Sequence[RunHour]
    ending: Ending

    @property
    def wall_hours(self) -> float:
        """Its length by the clock."""
        return sum(hour.wall for hour in self.hours) / 3600


def attempts(hours: Sequence[RunHour], newest: datetime, given_up_days: int) -> list[Attempt]:
    """The attempts of a run, from its hours in order; ``newest`` is the last hour its source recorded of anything."""
    if not hours:
        return []
    parts: list[list[RunHour]] = [[hours[0]]]
    for one, other in pairwise(hours):
        ended = one.outcome in _ENDS and (other.outcome != one.outcome or other.start - one.start > _HOUR)
        if ended:
            parts.append([])
        parts[-1].append(other)
    last = len(parts) - 1
    return [Attempt(part, _ending(part[-1], number < last, newest, given_up_days)) for number, part in enumerate(parts)]


def with_resumed(found: Sequence[Attempt], steps: Sequence[Step]) -> list[Attempt]:
    """The attempts of a run, with those told that the next one went on from; ``steps`` in order of time."""
    return [
        Attempt(one.hours, "resumed") if one.ending == "retried" and after and _went_on(one, after, steps) else one
        for one, after in zip_longest(found, found[1:])
    ]


def _went_on(one: Attempt, after: Attempt, steps: Sequence[Step]) -> bool:
    began, again = one.hours[0].start, after.hours[0].start
    until = after.hours[-1].start + _HOUR
    before = [(at, step) for at, step in steps if began <= at < again]
    first = next(((at, step) for at, step in steps if again <= at < until), None)
    if not before or first is None:
        return False
    reached = next((at for at, step in before if step >= first[1]), one.hours[-1].start + _HOUR)
    return (first[0] - again) * 2 < reached - began


def _ending(end: RunHour, again: bool, newest: datetime, given_up_days: int) -> Ending:
    if end.outcome == "succeeded":
        return "succeeded"
    if end.outcome in ("failed", "retried"):
        return "retried" if again else "failed"
    if end.outcome != "running":
        return "unknown"
    return "given_up" if end.start < newest - timedelta(days=given_up_days) else "running"


def spared_after(attempt: Attempt, limit_hours: float) -> list[float]:
    """Share of each hour that lies after the first ``limit_hours`` of an attempt."""
    shares, passed, limit = [], 0.0, limit_hours * 3600
    for hour in attempt.hours:
        after = max(passed + hour.wall - limit, 0.0)
        shares.append(min(after / hour.wall, 1.0) if hour.wall else 0.0)
        passed += hour.wall
    return shares


def checkpoint_every(wall_hours: float, failures: int, checkpoint_hours: float) -> float | None:
    """Daly's interval at one failure per so many hours; None where nothing failed."""
    return daly_interval(checkpoint_hours, wall_hours / failures) if failures and wall_hours > 0 else None


def spared_by_checkpoints(
    run: Sequence[Attempt], interval: float, *, checkpoint_hours: float, restart_hours: float
) -> float:
    """Share of the hours of a run's retried attempts that checkpoints would have spared, their own time taken off."""
    lost = [attempt.wall_hours for attempt in run if attempt.ending == "retried"]
    total = sum(lost)
    if not total:
        return 0.0
    still_lost = sum(min(hours, interval / 2 + restart_hours) for hours in lost)
    written = sum(attempt.wall_hours for attempt in run) * checkpoint_hours / interval
    return max(total - still_lost - written, 0.0) / total
