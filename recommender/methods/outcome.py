"""What a demand meets in a capacity: violations, risk and how sure one may be of them.

Assumes
    Slots are of equal length and count from a whole hour. NaN is unknown: not 0, and not evidence.
Method
    A slot is in violation where any demand is above its capacity, at risk where load is above the target share of it.
    *Bound*: hours are thinned by their autocorrelation; the upper 95 % limit of the share of hours in violation.
Cases
    A slot is judged where all demand that has a limit is known, or where any of it is in violation.
Sources
    docs/advice.md; ``risk.py``.
Known drawbacks
    A service that slows down asks for less than it would have; saturated history hides demand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommender.methods.risk import effective_sample, risk_level, violation_bound

Series = NDArray[np.float64]
Slots = NDArray[np.int64]

TARGET = 0.8
"""Share of a capacity above which load is a risk: the rest is headroom."""


def _part(slots: Slots) -> slice | Slots:
    """Neighbours are a view: the parts of long histories are not copied for every fold."""
    is_slice = slots.size > 0 and int(slots[-1] - slots[0]) + 1 == slots.size
    return slice(int(slots[0]), int(slots[-1]) + 1) if is_slice else slots


@dataclass(frozen=True)
class Demand:
    """Demand per slot; NaN is unknown, None is not asked about.

    ``load`` in the unit of capacity, ``concurrent`` devices in use at once, ``memory`` of all devices together and
    ``on_one`` the most on one of them, both per slot or by the hour; ``load_on_one`` the most load on one of them.
    ``first`` is the number of the first slot since the history began, a whole hour.
    """

    load: Series
    concurrent: Series | None = None
    memory: Series | None = None
    slots_per_hour: int = 12
    first: int = 0
    on_one: Series | None = None
    load_on_one: Series | None = None

    def __post_init__(self) -> None:
        hours = -(-self.load.size // self.slots_per_hour)
        if self.concurrent is not None and self.concurrent.size != self.load.size:
            raise ValueError(f"{self.concurrent.size} slots of concurrency do not go with {self.load.size} of load")
        for held in (self.memory, self.on_one):
            if held is not None and held.size not in (self.load.size, hours):
                raise ValueError(f"{held.size} values of memory are neither by slot nor by hour")

    def _each_slot(self, held: Series | None) -> Series | None:
        if held is None or held.size == self.load.size:
            return held
        return np.repeat(held, self.slots_per_hour)[: self.load.size]

    def by_slot(self) -> Demand:
        """The same with memory by the slot."""
        return replace(self, memory=self._each_slot(self.memory), on_one=self._each_slot(self.on_one))

    def at(self, slots: Slots) -> DemandAt:
        """The demand of some slots in ascending order, counted from the first of this one."""
        by_slot, part = self.by_slot(), _part(slots)
        return DemandAt(
            slots=slots + self.first,
            load=self.load[part],
            concurrent=None if self.concurrent is None else self.concurrent[part],
            memory=None if by_slot.memory is None else by_slot.memory[part],
            on_one=None if by_slot.on_one is None else by_slot.on_one[part],
            load_on_one=None if self.load_on_one is None else self.load_on_one[part],
            slots_per_hour=self.slots_per_hour,
        )


@dataclass(frozen=True)
class DemandAt:
    """Demand of slots that need not be neighbours; ``slots`` are their numbers since the history began."""

    slots: Slots
    load: Series
    concurrent: Series | None
    memory: Series | None
    on_one: Series | None
    load_on_one: Series | None
    slots_per_hour: int

    @property
    def hours(self) -> Slots:
        """Number of the hour of each slot."""
        return self.slots // self.slots_per_hour


@dataclass(frozen=True)
class Capacity:
    """What there is: for all slots, or one value for each slot of the test; infinite where there is no limit.

    ``memory`` is that of all devices, ``on_one`` what one of them holds, ``load_on_one`` the load one carries of what
    lies on one now. ``cost`` is per hour, in any unit that the present capacity's has too. ``target`` is the share of
    ``load`` above which there is risk.
    """

    load: float | Series
    devices: float | Series = np.inf
    memory: float | Series = np.inf
    on_one: float | Series = np.inf
    load_on_one: float | Series = np.inf
    cost: float | Series = 0.0
    target: float = TARGET


@dataclass(frozen=True)
class Outcome:
    """What a capacity met. Minutes and hours are of judged slots; ``worst_overload`` 0.2 is 20 % above capacity.

    ``slack`` is the mean share of load capacity not used, ``effective_hours`` what the hours are worth as independent
    ones, ``bound`` the upper 95 % limit of the share of hours in violation, ``risk`` 0 to 4.
    """

    hours: float
    violation_minutes: float
    risk_minutes: float
    violation_hours: int
    worst_overload: float
    slack: float | None
    effective_hours: float
    bound: float
    risk: int


def outcome(demand: Demand | DemandAt, capacity: Capacity) -> Outcome:
    """What a capacity would have met, all of the demand taken as the test."""
    at = demand.at(np.arange(demand.load.size)) if isinstance(demand, Demand) else demand
    return tally(at, judge(at, capacity))


@dataclass
class Judged:
    """Per slot: whether it was tested, judged, violated and at risk. The worst overload, and slack as sum and count."""

    tested: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    violated: NDArray[np.bool_]
    risky: NDArray[np.bool_]
    overload: float = 0.0
    slack: tuple[float, int] = (0.0, 0)

    @classmethod
    def blank(cls, size: int) -> Judged:
        """So many slots of which none was tested."""
        tested, judged, violated, risky = np.zeros((4, size), dtype=np.bool_)
        return cls(tested, judged, violated, risky)

    def worsen(self, slots: Slots, other: Judged) -> None:
        """Take the worse of what is known of these slots and of what is found now."""
        part = _part(slots)
        self.tested[part] = True
        self.judged[part] |= other.judged
        self.violated[part] |= other.violated
        self.risky[part] |= other.risky
        self.overload = max(self.overload, other.overload)
        self.slack = (self.slack[0] + other.slack[0], self.slack[1] + other.slack[1])

    def at(self, slots: Slots) -> Judged:
        """The same of some slots in ascending order."""
        part = _part(slots)
        names = ("tested", "judged", "violated", "risky")
        return replace(self, **{name: getattr(self, name)[part] for name in names})


def judge(at: DemandAt, capacity: Capacity) -> Judged:
    """What each slot met."""
    size = at.load.size
    violated, unknown = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    overload = 0.0
    for series, limit in _limits(at, capacity):
        if series is None or np.isinf(limit).all():
            continue
        above = series > limit
        unknown |= np.isnan(series)
        if above.any():
            violated |= above
            with np.errstate(divide="ignore"):
                overload = max(overload, float((series[above] / np.broadcast_to(limit, size)[above]).max()) - 1)
    judged = violated | ~unknown
    used = at.load / np.where(np.asarray(capacity.load) > 0, capacity.load, np.nan)
    told = judged & ~np.isnan(used)
    return Judged(
        tested=np.ones(size, dtype=np.bool_),
        judged=judged,
        violated=violated,
        risky=violated | (at.load > np.asarray(capacity.load) * capacity.target),
        overload=overload,
        slack=(float((1 - used[told]).sum()), int(told.sum())),
    )


def _limits(at: DemandAt, capacity: Capacity) -> tuple[tuple[Series | None, float | Series], ...]:
    """What is asked for and what there is of it."""
    return (
        (at.load, capacity.load),
        (at.concurrent, capacity.devices),
        (at.memory, capacity.memory),
        (at.on_one, capacity.on_one),
        (at.load_on_one, capacity.load_on_one),
    )


def tally(at: DemandAt, found: Judged) -> Outcome:
    """What the slots met together."""
    per_hour, minutes = at.slots_per_hour, 60 / at.slots_per_hour
    judged_hours = float(found.judged.sum()) / per_hour
    hour = at.hours
    violation_hours = _different(hour[found.violated])
    # what one device holds goes up and down with what all do
    thinned = [
        effective_sample(_hourly_max(series, hour, found.judged))
        for series in (at.load, at.concurrent, at.memory)
        if series is not None
    ]
    seen_hours = _different(hour[found.judged])
    # hours of which only a part is known are worth that part
    effective = min(thinned) * (judged_hours / seen_hours) if seen_hours else 0.0
    effective = min(effective, judged_hours)
    bound = violation_bound(violation_hours, effective)
    return Outcome(
        hours=judged_hours,
        violation_minutes=float(found.violated.sum()) * minutes,
        risk_minutes=float(found.risky.sum()) * minutes,
        violation_hours=violation_hours,
        worst_overload=found.overload,
        slack=found.slack[0] / found.slack[1] if found.slack[1] else None,
        effective_hours=effective,
        bound=bound,
        risk=risk_level(bound),
    )


def _hourly_max(series: Series, hour: Slots, judged: NDArray[np.bool_]) -> Series:
    """Largest known value of each hour with a judged slot, oldest first."""
    keep = judged & ~np.isnan(series)
    if not keep.any():
        return np.empty(0)
    kept_hours, values = hour[keep], series[keep]
    starts = np.flatnonzero(np.concatenate([[True], kept_hours[1:] != kept_hours[:-1]]))
    return np.asarray(np.maximum.reduceat(values, starts), dtype=float)


def most_of(at: DemandAt) -> tuple[float, ...]:
    """The largest known load, concurrency and memory, of all and on one; below any limit where it is not asked."""
    series = (at.load, at.concurrent, at.memory, at.on_one, at.load_on_one)
    return tuple(-np.inf if one is None else float(np.fmax.reduce(one, initial=-np.inf)) for one in series)


def fails(at: DemandAt, size: Capacity, most: tuple[float, ...]) -> bool:
    """Whether any demand is above the size; of a limit for all slots the largest demand says so."""
    return any(
        largest > limit if isinstance(limit, float | int) else series is not None and bool((series > limit).any())
        for (series, limit), largest in zip(_limits(at, size), most, strict=True)
    )


def _different(ascending: Slots) -> int:
    return int((np.diff(ascending) != 0).sum()) + 1 if ascending.size else 0
