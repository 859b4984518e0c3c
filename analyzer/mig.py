"""What part of an accelerator a partition is.

Assumes     NVIDIA multi-instance profiles by name (``3g.40gb``), on a card of 7 compute and 8 memory slices.
Method      A partition is ``max(compute slices / 7, memory slices / 8)`` of its card: whichever runs out first
            is what nobody else can use. Slices not handed out are idle. Where rounding of the profiles makes the
            partitions exceed the card, they are scaled to fit it.
Cases       Memory slices are the profile's gigabytes over an eighth of the card's, to the nearest whole.
            A card with other slice counts (A30: 4 and 4) says so.
Drawbacks   Media engines and the ``+me`` variants are not weighed.

Source: NVIDIA MIG user guide, supported profiles (memory of a 1g slice: A100 40 GB 5, 80-GB cards 10, H200 18).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from aispend.money import COST_QUANTUM, split_exact
from aispend.prices.accelerators import accelerator

_PROFILE = re.compile(r"(?:nvidia\.com/)?(?:mig-)?(?P<compute>\d+)g\.(?P<memory>\d+)gb(?:[+.].*)?", re.IGNORECASE)

_SLICES = {"nvidia-a30": (4, 4), "nvidia-rtx-pro-6000-96gb": (4, 4)}
"""Compute and memory slices of cards that have others than 7 and 8."""
_PART_DECIMALS = 20


def mig_share(profile: str, card_gb: int, *, compute_slices: int = 7, memory_slices: int = 8) -> Fraction:
    """The part of a card of ``card_gb`` gigabytes that one partition of ``profile`` takes, at most 1.

    Raises ``ValueError`` for a name that is no profile, or one larger than the card.
    """
    match = _PROFILE.fullmatch(profile.strip())
    if match is None:
        raise ValueError(f"{profile!r} is not a MIG profile such as 3g.40gb")
    compute = Fraction(int(match["compute"]), compute_slices)
    memory = Fraction(round(Fraction(int(match["memory"]) * memory_slices, card_gb)), memory_slices)
    share = max(compute, memory)
    if not 0 < share <= 1:
        raise ValueError(f"profile {profile} does not fit a card of {card_gb} GB")
    return share


def part_named(name: str, accelerator_type: str | None) -> Decimal:
    """The part of one accelerator a workload's profile means, 0 to 1: a MIG profile, or ``1/4`` of a time-sliced one.

    Where the card is unknown, or the profile is none of its own, the compute slices alone count. Raises ``ValueError``
    for what is neither.
    """
    time_slice = re.fullmatch(r"1/([1-9]\d?)", name.strip())
    if time_slice:
        part = Fraction(1, int(time_slice[1]))
    else:
        match = _PROFILE.fullmatch(name.strip())
        if match is None:
            raise ValueError(f"{name!r} is neither a MIG profile such as 3g.40gb nor a part such as 1/4")
        card = accelerator(accelerator_type) if accelerator_type else None
        compute, memory = _SLICES.get(accelerator_type or "", (7, 8))
        part = min(Fraction(int(match["compute"]), compute), Fraction(1))
        with contextlib.suppress(ValueError):
            if card is not None:
                part = mig_share(name, int(card.memory_gb), compute_slices=compute, memory_slices=memory)
    return round(Decimal(part.numerator) / Decimal(part.denominator), _PART_DECIMALS)


def mig_split(
    cost: Decimal, partitions: Mapping[str, Fraction], quantum: Decimal = COST_QUANTUM
) -> tuple[dict[str, Decimal], Decimal]:
    """Divide a card's cost over its partitions (name → share); the second value is idle. Exact."""
    names = sorted(partitions)
    shares = [partitions[name] for name in names]
    idle = max(1 - sum(shares, Fraction(0)), Fraction(0))
    *amounts, rest = split_exact(cost, [*shares, idle], quantum)
    return dict(zip(names, amounts, strict=True)), rest
