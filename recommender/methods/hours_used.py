"""Money of days spread over the hours that ran.

Assumes     what a day cost was paid evenly in the hours the bill saw it run, else in all of them.
Method      The same hours of a day are added up before they are divided.
Cases       A part of unknown cost makes its hours unknown.
Drawbacks   An hour that ran for a minute weighs as much as a full one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from aispend.money import exact_sum

HOURS_PER_DAY = 24


class Spent(NamedTuple):
    """On-demand money of a day, None where it is unknown, and the hours that ran as bits; None is all of them."""

    day: date
    hours: int | None
    amount: Decimal | None


def spread_over_hours(spent: Iterable[Spent], first: date, days: int) -> tuple[Decimal | None, ...]:
    """Money of each hour from ``first`` on; None where a part of it is unknown.

    What ran in the same hours of a day is added up before it is divided: a fleet has few patterns of hours.
    """
    every = (1 << HOURS_PER_DAY) - 1
    amounts: dict[tuple[date, int], list[Decimal | None]] = defaultdict(list)
    for one in spent:
        amounts[one.day, every if one.hours is None else one.hours].append(one.amount)
    usage: list[Decimal | None] = [Decimal(0)] * (days * HOURS_PER_DAY)
    # divided amounts are rounded, so that they are added up in one order whatever order they came in
    for (day, mask), together in sorted(amounts.items()):
        known = [amount for amount in together if amount is not None]
        share = exact_sum(known) / mask.bit_count() if mask and len(known) == len(together) else None
        place = (day - first).days * HOURS_PER_DAY
        for hour in range(HOURS_PER_DAY):
            if mask >> hour & 1:
                before = usage[place + hour]
                usage[place + hour] = None if before is None or share is None else before + share
    return tuple(usage)


def uncovered(
    usage: Sequence[Decimal | None], covered: Sequence[Decimal | None]
) -> tuple[tuple[Decimal | None, ...], Decimal]:
    """Usage by the hour that is left of it, never below nothing and None where either is unknown; what is covered."""
    left = tuple(
        None if hour is None or part is None else max(hour - part, Decimal(0))
        for hour, part in zip(usage, covered, strict=True)
    )
    known = ((hour, rest) for hour, rest in zip(usage, left, strict=True) if hour is not None and rest is not None)
    return left, exact_sum(hour - rest for hour, rest in known)
