"""What a kind of recommendation is: what it looks at, and the three things it may answer.

A kind is one module with one ``Kind`` object and a pure ``evaluate``: subject in, answer out.
The runner loads subjects, asks every kind, lets the portfolio settle overlaps and writes the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aispend.settings import Recommend

Confidence = Literal["low", "medium", "high"]
HOURS_PER_MONTH = Decimal(730)
"""Hours a monthly figure stands for (the clouds' own convention)."""
COST_UNKNOWN = (
    "Its bill gives neither an effective nor a billed cost for it, so nobody can say what would be saved. "
    "Load the export that has it: for Azure, the amortised one."
)


@dataclass(frozen=True)
class Accelerators:
    """Five-minute history of a resource's accelerators over whole hours.

    Arrays are (accelerators, slots), twelve slots an hour, oldest first; NaN is unknown.
    ``activity_*`` 0–1, ``memory_used_max`` bytes by hour (accelerators, hours), ``power_mean`` watts by hour.
    ``counter`` says what the activity is: sm_active, tensor_active or gpu_utilization.
    """

    start: datetime
    counter: str
    activity_mean: NDArray[np.float32]
    activity_max: NDArray[np.float32]
    memory_used_max: NDArray[np.float64]
    memory_total: NDArray[np.float64]
    power_mean: NDArray[np.float32]


@dataclass(frozen=True)
class DailyCost:
    """Usage cost of one day, split by what a change could still save; in the subject's currency.

    None is unknown. ``billed`` says that billed cost stands in for effective cost, which the bill does not give.
    """

    day: date
    hours: int
    list_cost: Decimal | None
    effective_cost: Decimal | None
    uncovered_effective_cost: Decimal | None
    is_spot: bool
    billed: bool = False


@dataclass(frozen=True)
class Subject:
    """A costly resource as the kinds see it: what it is, what it costs, what is known of its use."""

    resource_key: int
    resource_id: str
    provider: str
    account: str | None
    region: str | None
    currency: str
    platform: str | None
    instance_type: str | None
    accelerator_type: str | None
    accelerator_count: Decimal | None
    fleet: str | None
    tags: Mapping[str, str]
    model: str | None
    team: str | None
    first_seen: date
    costs: Sequence[DailyCost]
    accelerators: Accelerators | None
    requests: Mapping[date, Decimal] | None
    """Requests per day; None where no inference records exist for the resource."""
    workload_seconds: Mapping[date, float] | None
    """Busy workload seconds per day; None where no workload records exist."""
    as_of: datetime
    """End of the evidence: the day after the newest usage charge on an accelerator."""

    @property
    def is_off(self) -> bool:
        """Whether it has not been billed for the last two days of the evidence."""
        return not self.costs or self.costs[-1].day < (self.as_of - timedelta(days=2)).date()


@dataclass(frozen=True)
class Saving:
    """A monthly saving three ways, with the range of the net one; per 730 hours, subject's currency.

    The range is None where the window shows no spread from week to week, or is too short to show one.
    """

    list_cost: Decimal | None
    effective: Decimal
    net: Decimal
    p10: Decimal | None
    p50: Decimal | None
    p90: Decimal | None


@dataclass(frozen=True)
class Advice:
    """A recommendation for one subject."""

    kind: str
    subject: Subject
    current: str
    proposed: str
    monthly_cost: Decimal
    saving: Saving
    risk: int
    confidence: Confidence
    effort: str
    reason: str
    undo: str
    command: str
    evidence: Mapping[str, Any]
    violation_bound: Decimal | None = None
    one_off_cost: Decimal = Decimal(0)
    conflict_group: str = field(default="")


@dataclass(frozen=True)
class WhyNot:
    """Why a kind has no advice for a subject."""

    kind: str
    subject: Subject
    reason: str
    explanation: str
    monthly_cost: Decimal | None


Evaluate = Callable[[Subject, Recommend], Advice | WhyNot]


@dataclass(frozen=True)
class Kind:
    """One kind of recommendation.

    ``needs`` says in words what must be known; ``applies`` whether the kind has anything to say of a subject.
    """

    name: str
    title: str
    needs: str
    applies: Callable[[Subject], bool]
    evaluate: Evaluate
