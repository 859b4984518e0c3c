"""What a policy would have done on history it was not made from.

Assumes
    Demand does not depend on the capacity it meets, so that what was used tells what any other size would have met.
Method
    *Replay*: the policy sees the training part alone and gives a capacity, fixed or for each slot of the test; what
    that meets is ``outcome.py``'s. A slot that several folds tested counts once, by the worst.
    *Expected value*: saved − P(violation) × its cost per hour × hours − one-off cost. Its lower quartile is that of
    2,000 draws: the saving of one of the folds, P from Jeffreys' posterior of the thinned hours. The seed is fixed, so
    that a rerun agrees.
    *Regret*: what the cheapest size that never failed in the test would have saved, less what the policy saved.
Cases
    A policy that answers None keeps the present capacity in that fold and saves nothing.
Sources
    docs/advice.md; Rzadca et al., EuroSys 2020 (why replay is legitimate).
Known drawbacks
    A service that slows down asks for less than it would have; saturated history hides demand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from aispend.clock import HOURS_PER_MONTH
from recommender.methods.folds import Folds
from recommender.methods.outcome import (
    Capacity,
    Demand,
    DemandAt,
    Judged,
    Outcome,
    Slots,
    fails,
    judge,
    most_of,
    tally,
)

_MONTH_HOURS = float(HOURS_PER_MONTH)
_DRAWS = 2000

Policy = Callable[[DemandAt, Slots], Capacity | None]
"""Demand of the training slots and the numbers of the test's slots in; the capacity for them out, None to leave it."""


@dataclass(frozen=True)
class Replay:
    """A policy on all folds: the outcome, shares of the present cost saved, and regret against the best fixed size."""

    outcome: Outcome
    saved_share: float
    fold_savings: tuple[float, ...]
    low_evidence: bool
    regret: float | None
    capacities: tuple[Capacity | None, ...] = field(repr=False)


@dataclass(frozen=True)
class ExpectedValue:
    """Expected money of the change over a horizon, its lower quartile, and the chance of an hour in violation."""

    mean: float
    lower_quartile: float
    p_violation: float


def replay(
    policy: Policy, demand: Demand, folds: Folds, *, current: Capacity, sizes: Sequence[Capacity] = ()
) -> Replay:
    """Let a policy learn and be tried on each fold. ``sizes`` are what hindsight may choose among, beside ``current``.

    Raises:
        ValueError: there are no folds, or the present capacity costs nothing.
    """
    if not folds.folds:
        raise ValueError("a replay needs one fold or more")
    present = float(np.mean(current.cost))
    if not present > 0:
        raise ValueError("savings are shares of the present cost, which must be above 0")
    demand = demand.by_slot()
    merged = Judged.blank(demand.load.size)
    savings: list[float] = []
    chosen: list[Capacity | None] = []
    for fold in folds.folds:
        test = demand.at(fold.test)
        capacity = policy(demand.at(fold.train), test.slots)
        chosen.append(capacity)
        merged.worsen(fold.test, judge(test, capacity or current))
        savings.append(0.0 if capacity is None else 1 - float(np.mean(capacity.cost)) / present)
    lengths = [fold.test.size for fold in folds.folds]
    saved = float(np.average(savings, weights=lengths))
    tested = np.flatnonzero(merged.tested)
    test = demand.at(tested)
    most = most_of(test)
    best = max(
        (1 - float(np.mean(size.cost)) / present for size in (current, *sizes) if not fails(test, size, most)),
        default=0.0,
    )
    return Replay(
        outcome=tally(test, merged.at(tested)),
        saved_share=saved,
        fold_savings=tuple(savings),
        low_evidence=folds.low_evidence,
        regret=best - saved if sizes else None,
        capacities=tuple(chosen),
    )


def expected_value(
    found: Replay,
    *,
    cost_per_hour: float,
    cost_per_violation_hour: float,
    one_off: float = 0.0,
    hours: float = _MONTH_HOURS,
    seed: int = 0,
) -> ExpectedValue:
    """Money the change is expected to bring over ``hours``; costs in one currency, the present cost by the hour.

    With no hour judged nothing is known of violations, and every hour is taken for one.
    """
    result, base = found.outcome, cost_per_hour * hours
    failure = cost_per_violation_hour * hours
    if result.effective_hours <= 0:
        worst = base * found.saved_share - failure - one_off
        return ExpectedValue(worst, worst, 1.0)
    thinned = result.violation_hours * min(result.effective_hours / max(result.hours, 1), 1)
    wrong, right = thinned + 0.5, max(result.effective_hours - thinned, 0) + 0.5
    p = wrong / (wrong + right)
    rng = np.random.default_rng(seed)
    folds = np.array(found.fold_savings)
    saved = folds[rng.integers(folds.size, size=_DRAWS)]
    draws = base * saved - rng.beta(wrong, right, _DRAWS) * failure - one_off
    return ExpectedValue(
        mean=base * found.saved_share - p * failure - one_off,
        lower_quartile=float(np.quantile(draws, 0.25)),
        p_violation=p,
    )


def fixed(capacity: Capacity) -> Policy:
    """The policy that learns nothing."""

    def same(train: DemandAt, test: Slots) -> Capacity:
        del train, test
        return capacity

    return same
