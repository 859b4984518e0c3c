"""Runs of days out of the ordinary, and what counts as out of the ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.anomaly_fit import Floats

RunKind = Literal["rise", "drop", "drift"]


@dataclass(frozen=True)
class Limits:
    """What counts as out of the ordinary; money in the series' currency.

    ``k`` in robust scales; an impact must exceed both ``min_impact`` and ``min_share`` of what was expected.
    """

    k: float = 4.0
    min_impact: float = 10.0
    min_share: float = 0.10
    window_days: int = 56
    min_days: int = 10
    learn_days: int = 14

    @property
    def offset(self) -> float:
        """Added to every cost before its logarithm; a day of no more than that is a day without use."""
        return self.min_impact / 10 or 0.01


@dataclass(frozen=True)
class Run:
    """Days out of the ordinary that belong together: positions ``first`` to ``last`` in the series.

    ``actual`` and ``expected`` cost of these days; ``peak`` the largest distance in scales, None for a sparse series
    (which has none); ``lasting`` when the series ends with it.
    """

    kind: RunKind
    first: int
    last: int
    actual: float
    expected: float
    peak: float | None
    lasting: bool = False

    @property
    def impact(self) -> float:
        """What it cost more, or less where negative, than expected."""
        return self.actual - self.expected


@dataclass
class OpenRun:
    """A run that may go on."""

    kind: RunKind
    first: int
    last: int = -1
    expected: dict[int, float] = field(default_factory=dict)
    peak: float | None = None

    def add(self, first: int, day: int, expectation: dict[int, float], distance: float | None) -> None:
        """One more day, or several that were seen together."""
        self.first = min(self.first, first)
        for one, cost in expectation.items():
            self.expected.setdefault(one, cost)
        self.last = day
        if distance is not None and (self.peak is None or abs(distance) > abs(self.peak)):
            self.peak = distance

    def run(self, costs: Floats, length: int) -> Run:
        """As it stands."""
        return Run(
            self.kind,
            self.first,
            self.last,
            actual=float(sum(costs[one] for one in self.expected)),
            expected=float(sum(self.expected.values())),
            peak=self.peak,
            lasting=self.last >= length - 1,
        )


def merged(runs: Sequence[Run]) -> list[Run]:
    """Runs of one direction with at most one quiet day between them are one; it is called what it began as."""
    found: list[Run] = []
    for run in runs:
        last = found[-1] if found else None
        if last is None or run.first - last.last > 2 or (run.kind == "drop") != (last.kind == "drop"):
            found.append(run)
            continue
        peaks = [peak for peak in (last.peak, run.peak) if peak is not None]
        found[-1] = Run(
            last.kind,
            min(last.first, run.first),
            max(last.last, run.last),
            actual=last.actual + run.actual,
            expected=last.expected + run.expected,
            peak=max(peaks, key=abs) if peaks else None,
            lasting=run.lasting,
        )
    return found
