"""A commitment at the size it is offered in, and what is left of its saving when usage goes.

Assumes     hourly on-demand money, of all usage and by resource.
Method      saved(usage) = Σ over hours of min(usage, covers) − rate · covers: what it covers less what is paid for it,
            used or not. A change leaves a share of a resource's usage, in every hour, or in hours that nobody knows. Of
            these the worst is taken: that the commitment would have covered all of what goes, or that all the resource
            uses went, whichever costs it less.
Cases       Below zero where more is paid than would be used. Where resources use more than all usage is, as a
            commitment that is owned covers a part, what goes is no more than there is.
Drawbacks   What moves into the family is not added: it makes nothing worse.

Source: newsvendor problem; methods, commitments (T5.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aispend.clock import HOURS_PER_MONTH
from aispend.money import rate as rate_of
from recommender.methods.hours_used import HOURS_PER_DAY, Spent

Floats = NDArray[np.floating[Any]]


class Left(NamedTuple):
    """The share of a resource's usage that a change leaves (0 to 1): of every hour, or in hours that nobody knows."""

    share: Decimal
    of_every_hour: bool = True


@dataclass(frozen=True)
class Taken:
    """On-demand money that changes take out of a pool: by the hour, and in hours that nobody knows, all together.

    ``exposed`` is by the hour what the resources use that are switched off in hours nobody knows.
    """

    by_hour: Floats
    somewhen: float
    exposed: Floats

    def plus(self, other: Taken) -> Taken:
        """What both take."""
        return Taken(self.by_hour + other.by_hour, self.somewhen + other.somewhen, self.exposed + other.exposed)

    @property
    def whole(self) -> float:
        """All of it."""
        return float(self.by_hour.sum()) + self.somewhen


@dataclass(frozen=True)
class Offered:
    """``covers`` on-demand money an hour of ``usage``, which begins on ``first``, for ``rate`` of it (0 to 1).

    ``sold`` is the rate it is bought at: less, where prices fall over its term. ``parts`` is the usage of each
    resource, all of it known.
    """

    provider: str
    family: str
    covers: Decimal
    rate: Decimal
    sold: Decimal
    first: date
    usage: tuple[Decimal, ...]
    parts: Mapping[str, Sequence[Spent]]

    def taken(self, changes: Mapping[str, Iterable[Left]]) -> Taken:
        """What changes take of its usage, by resource in the order they are done; of resources outside it nothing."""
        found = self.nothing
        for name, lefts in changes.items():
            before = present = self._hours_of(self.parts.get(name, ()))
            unknown = 0.0
            for left in lefts:
                if left.of_every_hour:
                    present = present * float(left.share)
                else:
                    unknown += float(1 - left.share) * float(present.sum())
            exposed = present if unknown else self._none
            found = found.plus(Taken(before - present, min(unknown, float(present.sum())), exposed))
        return found

    @property
    def nothing(self) -> Taken:
        """Nothing taken."""
        return Taken(self._none, 0.0, self._none)

    def kept(self, taken: Taken) -> Decimal:
        """The share of its saving that is left after that: 1 is all, below 0 a loss."""
        whole = self._saved(self._used)
        present = np.maximum(self._used - taken.by_hour, 0)
        left = max(self._saved(present) - taken.somewhen, self._saved(np.maximum(present - taken.exposed, 0)))
        return Decimal(repr(round(left / whole, 12))) if whole > 0 else Decimal(0)

    def bought(self, hourly: Decimal) -> tuple[Offered, Decimal]:
        """With only ``hourly`` of it paid, and the share of its saving that this part has."""
        part = replace(self, covers=rate_of(hourly, self.sold))
        whole = self._saved(self._used)
        share = Decimal(repr(round(part._saved(self._used) / whole, 12))) if whole > 0 else Decimal(0)
        return part, share

    def monthly(self, amount: float) -> Decimal:
        """An amount of all hours as that of a month, to the cent."""
        return (Decimal(repr(amount)) * HOURS_PER_MONTH / len(self.usage)).quantize(Decimal("0.01"))

    def used_by(self, name: str) -> Decimal:
        """What a resource uses a month, of its known days."""
        return self.monthly(float(sum((one.amount or Decimal(0) for one in self.parts.get(name, ())), Decimal(0))))

    @cached_property
    def _none(self) -> Floats:
        return np.zeros(len(self.usage))

    @cached_property
    def _used(self) -> Floats:
        return np.array([float(hour) for hour in self.usage])

    def _saved(self, usage: Floats) -> float:
        paid = float(self.covers * self.rate) * usage.size
        return float(np.minimum(usage, float(self.covers)).sum()) - paid

    def _hours_of(self, spent: Iterable[Spent]) -> Floats:
        hours = np.zeros((len(self.usage) // HOURS_PER_DAY, HOURS_PER_DAY))
        for one in spent:
            hours[(one.day - self.first).days] += float(one.amount or 0) * _part_of_each_hour(one.hours)
        return hours.reshape(-1)


@lru_cache(maxsize=1024)
def _part_of_each_hour(mask: int | None) -> Floats:
    """The part of a day's money that each of its hours has."""
    ran = np.array([mask is None or bool(mask >> hour & 1) for hour in range(HOURS_PER_DAY)], dtype=float)
    part: Floats = ran / max(ran.sum(), 1.0)
    return part
