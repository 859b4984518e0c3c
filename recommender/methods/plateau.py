"""When a training run had stopped getting better, by a rule that knows only what came before.

Assumes
    A run that brought nearly nothing in its last stretch will bring nearly nothing in the next.
Method
    *Best so far* of a metric at each point. The rule stops at the first point, from ``min_points`` on, at which the
    last ``patience`` (a share of the run so far, a quarter) brought less than ``min_gain`` (a share, a thousandth) of
    all that was gained since the first point. Patience grows with the run: Prechelt found that slow criteria lose
    least, and that stopping late costs time and stopping early quality. The best of noisy values creeps on, so noise
    makes it stop later. Of several metrics those of validation count, where there are any, and the last to stop.
    *Gained later*: the share of all it ever gained that came after the stop. Where it is ``min_gain`` or more the rule
    would have been wrong, which is its replay: at no point does it know what is to come.
Cases
    Fewer points than ``min_points``, five within the last stretch, or no gain at all (a run that never learned is no
    plateau): None. A value that is no number is no gain.
    Points are placed by the hours the run ran; without a time, evenly by their steps.
Sources
    Prechelt 1998, Early stopping - but when? (criteria UP and PQ; slower ones generalise about 4 % better and take
    about four times as long).
Known drawbacks
    Schedules that lower the learning rate at the end bring a late gain, and some runs learn suddenly; the replay shows
    how often. A gain of a thousandth may be worth its price.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recommender.methods.lost_runs import RunHour

_VALIDATION = re.compile(r"(^|[^a-z])(val|valid|validation|eval|evaluation|dev|test|heldout)([^a-z]|$)")
_LEAST_IN_STRETCH = 5
_HOUR = 3600


@dataclass(frozen=True)
class Point:
    """A value as it was recorded; None is no number, or a time or step that is not known."""

    at: datetime | None
    step: int | None
    value: float | None


@dataclass(frozen=True)
class Curve:
    """A metric over the hours a run ran; the points in order of these."""

    metric: str
    lower_is_better: bool
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Rule:
    """See the module's text."""

    min_gain: float
    patience: float
    min_points: int


@dataclass(frozen=True)
class Plateau:
    """Where the rule stopped: hours and points until then, hours until it was last better, share gained afterwards."""

    metric: str
    since: float
    stop: float
    points: int
    gained_later: float


def plateau(curve: Curve, rule: Rule) -> Plateau | None:
    """Where the rule would have stopped; None where it never would."""
    sign = 1.0 if curve.lower_is_better else -1.0
    hours: list[float] = []
    best: list[float] = []
    since: list[float] = []
    first: float | None = None
    for hour, value in curve.points:
        signed = None if value is None else value * sign
        if first is None:
            if signed is None:
                continue
            first = signed
        better = signed is not None and (not best or signed < best[-1])
        hours.append(hour)
        best.append(signed if better and signed is not None else best[-1])
        since.append(hour if better else since[-1])
    if first is None:
        return None
    for number in range(rule.min_points - 1, len(hours)):
        gained = first - best[number]
        start = bisect_right(hours, hours[number] * (1 - rule.patience)) - 1
        if start < 0 or number - start < _LEAST_IN_STRETCH or gained <= 0:
            continue
        if best[start] - best[number] < rule.min_gain * gained:
            later = (best[number] - best[-1]) / (first - best[-1])
            return Plateau(curve.metric, since[number], hours[number], number + 1, later)
    return None


def plateau_of(curves: Sequence[Curve], rule: Rule) -> Plateau | None:
    """Where a run would have been stopped that has several metrics: those of validation first, the last to stop."""
    judged = [curve for curve in curves if _VALIDATION.search(curve.metric.lower())] or list(curves)
    found = [plateau(curve, rule) for curve in judged]
    stops = [one for one in found if one is not None]
    if not stops or len(stops) < len(found):
        return None
    return max(stops, key=lambda one: (one.stop, one.gained_later, one.metric))


def place(points: Sequence[Point], hours: Sequence[RunHour]) -> list[tuple[float, float | None]]:
    """Points by the hours the run ran until then; none where its hours are not known."""
    if not hours:
        return []
    starts = [hour.start for hour in hours]
    before = [0.0]
    for hour in hours:
        before.append(before[-1] + hour.wall)
    steps = [point.step for point in points if point.step is not None]

    def ran(point: Point) -> float:
        if point.at is not None:
            number = bisect_right(starts, point.at) - 1
            if number < 0:
                return 0.0
            return before[number] + min((point.at - starts[number]).total_seconds(), hours[number].wall)
        low, high = min(steps), max(steps)
        part = ((point.step or 0) - low) / (high - low) if high > low else 1.0
        return part * before[-1]

    placed = [(ran(point) / _HOUR, point.value) for point in points if point.at is not None or point.step is not None]
    return sorted(placed, key=lambda one: one[0])
