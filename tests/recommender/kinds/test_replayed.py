"""A replay in the words of the evidence."""

from __future__ import annotations

import numpy as np

from recommender.kinds.replayed import outcome_evidence
from recommender.methods.outcome import Capacity, Demand, outcome


def test_work_while_it_was_off_is_no_number_above_nothing() -> None:
    """An hour of work met no capacity: 60 minutes over it, and how far above nothing is not said."""
    works = np.array([1.0, 1.0, 0.0, 1.0])
    on = np.array([1.0, 0.0, 0.0, 1.0])
    found = outcome_evidence(outcome(Demand(works, slots_per_hour=1), Capacity(load=on, target=1.0)))
    assert found["replay_violation_minutes"] == 60
    assert found["replay_worst_overload"] is None


def test_a_fifth_above_is_a_fifth() -> None:
    found = outcome_evidence(outcome(Demand(np.array([1.0, 2.4]), slots_per_hour=1), Capacity(load=2.0)))
    assert found["replay_worst_overload"] == 0.2
    assert found["replay_hours"] == 2
