"""Slices of one card (MIG): which is enough for a workload, and what part of the card it takes.

Assumes
    A workload runs on one slice; compute and memory of a slice are its own, so neighbours do not slow it down.
Method
    A card has seven compute and eight memory slices. The smallest profile whose share of compute carries the load and
    whose memory holds what is held, both with headroom. Its part of the card is the larger of its two shares.
    Workloads share a card as long as neither seven nor eight are exceeded: the fewest cards, by first-fit decreasing
    where that is as few as the slices take at least, else by trying what a card may hold.
Sources
    NVIDIA MIG user guide; profiles of its configuration lists; docs/advice.md.
Known drawbacks
    The driver allows only certain placements of slices, so a set that fits by number may not fit by place. Bandwidth
    follows the memory slices. Changing profiles drains the card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from recommender.methods.packing import first_fit_decreasing, lower_bound

COMPUTE_SLICES, MEMORY_SLICES = 7, 8
_Shapes = tuple[tuple[tuple[int, int], int], ...]


@dataclass(frozen=True)
class Profile:
    """A slice: of seven for compute and of eight for memory, and what memory it has."""

    name: str
    compute: int
    memory: int
    bytes: float

    @property
    def share(self) -> Fraction:
        """Its part of the card."""
        return max(Fraction(self.compute, COMPUTE_SLICES), Fraction(self.memory, MEMORY_SLICES))


_SHAPES = ((1, 1), (1, 2), (2, 2), (3, 4), (4, 4), (7, 8))
_GB_PER_SLICE = {
    "nvidia-a100-40gb": 5, "nvidia-a100-80gb": 10, "nvidia-h100-80gb": 10, "nvidia-h100-80gb-pcie": 10,
    "nvidia-h100-94gb-nvl": 12,
    "nvidia-h200-141gb": 18,
}  # fmt: skip
"""GB of memory of one of the eight slices, by card."""


def profiles(accelerator_type: str) -> tuple[Profile, ...]:
    """The profiles of a card, the smallest first; none for a card that cannot be sliced, or is not known."""
    each = _GB_PER_SLICE.get(accelerator_type)
    if each is None:
        return ()
    return tuple(
        Profile(f"{compute}g.{memory * each}gb", compute, memory, memory * each * 1e9) for compute, memory in _SHAPES
    )


def smallest(
    accelerator_type: str, load: float, memory_bytes: float, *, compute_headroom: float, memory_headroom: float
) -> Profile | None:
    """The smallest profile for a load (share of the card) and memory in use; None where none but more than a card is.

    An unknown (NaN) load or memory fits nothing.
    """
    for profile in profiles(accelerator_type):
        carries = load <= profile.compute / COMPUTE_SLICES * (1 - compute_headroom)
        if carries and memory_bytes <= profile.bytes * (1 - memory_headroom):
            return profile
    return None


def cards_needed(slices: Sequence[Profile]) -> int:
    """The fewest cards that hold these slices, by number of slices."""
    if not slices:
        return 0
    card = (COMPUTE_SLICES, MEMORY_SLICES)
    sizes = np.array([[one.compute, one.memory] for one in slices], dtype=float)
    bins, _ = first_fit_decreasing(sizes, card)
    if len(bins) == lower_bound(sizes, card):
        return len(bins)
    shapes = Counter((one.compute, one.memory) for one in slices)
    return _fewest(tuple(sorted(shapes.items(), reverse=True)))


@lru_cache(maxsize=4096)
def _fewest(left: _Shapes) -> int:
    """Cards for so many of each shape, largest first: a card holds one of the largest, and any that fit beside it."""
    if not left:
        return 0
    (compute, memory), _ = left[0]
    beside = _less(left, (1, *(0 for _ in left[1:])))
    return 1 + min(
        _fewest(_less(beside, counts)) for counts in _fillings(beside, COMPUTE_SLICES - compute, MEMORY_SLICES - memory)
    )


def _less(left: _Shapes, counts: tuple[int, ...]) -> _Shapes:
    return tuple((shape, number - taken) for (shape, number), taken in zip(left, counts, strict=True) if number > taken)


def _fillings(left: _Shapes, compute: int, memory: int) -> Iterator[tuple[int, ...]]:
    """How many of each shape may go into what is left of a card."""
    if not left:
        yield ()
        return
    (each_compute, each_memory), number = left[0]
    for taken in range(min(number, compute // each_compute, memory // each_memory) + 1):
        for others in _fillings(left[1:], compute - taken * each_compute, memory - taken * each_memory):
            yield (taken, *others)
