"""Machines for the tests of sizes: eight accelerators of which two work, and types to choose from."""

from collections.abc import Callable

import numpy as np

from aispend.prices.prices import Candidate, smaller_types
from recommender.subjects.machines import Machine

FORTNIGHT = 14 * 288
"""Samples of five minutes."""
CHAT = {"model": "chat", "stage": "inference_batch"}
"""A model that has its machine alone: replicas of it may lie on more cards, where those are slower."""
Make = Callable[..., Machine]


def two_of_eight(level: float = 0.5) -> np.ndarray:
    """Eight A100s of which two ever work, and never both idle for a whole day."""
    activity = np.zeros((8, FORTNIGHT))
    activity[0, ::2] = level
    activity[1, 1::3] = level
    return activity


def sizes_of(make_subject: Make) -> tuple[Machine, Callable[[str], Candidate]]:
    """An eight-card A100 machine, and the cheaper types by name."""
    subject = make_subject()
    found = smaller_types("aws", "us-east-1", "p4d.24xlarge", subject.as_of.date())
    return subject, {item.instance_type: item for item in found}.__getitem__
