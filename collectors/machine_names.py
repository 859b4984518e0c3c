"""Which name meant which machine when, over all accounts and regions of a run.

Private addresses are unique within a network only, and are given again: within one network the next holder of a name
takes it over; where machines of two networks hold it at one time, neither is meant. A name a person gave (a tag) that
several machines carry at one time means none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple


@dataclass(frozen=True)
class Held:
    """A name and who held it in ``[start, end)``. In one ``place`` (a network) a name has one holder at a time."""

    alias: str
    resource_id: str
    place: str
    start: datetime
    end: datetime | None = None


class Meaning(NamedTuple):
    """``alias`` means ``resource_id`` in ``[start, end)``."""

    alias: str
    resource_id: str
    start: datetime
    end: datetime | None


class Names:
    """Every name a run came across."""

    def __init__(self) -> None:
        self._held: dict[str, dict[tuple[str, str], Held]] = defaultdict(dict)

    def add(self, held: Iterable[Held]) -> set[str]:
        """Remember who held what; returns the names."""
        found = set()
        for one in held:
            holders, key = self._held[one.alias], (one.place, one.resource_id)
            known = holders.get(key, one)
            holders[key] = replace(one, start=min(one.start, known.start), end=one.end or known.end)
            found.add(one.alias)
        return found

    def meanings(self, aliases: Iterable[str]) -> Iterator[Meaning]:
        """What these names mean, as far as it is certain; never two things at one time."""
        for alias in sorted(aliases):
            yield from _alone(self._in_turn(alias))

    def _in_turn(self, alias: str) -> list[Held]:
        """Holders with ends: in one place each ends at the latest where the next begins."""
        by_place: dict[str, list[Held]] = defaultdict(list)
        for one in self._held[alias].values():
            by_place[one.place].append(one)
        ended = []
        for holders in by_place.values():
            holders.sort(key=lambda one: (one.start, one.resource_id))
            for one, following in pairwise(holders):
                end = following.start if one.end is None else min(one.end, following.start)
                ended.append(replace(one, end=end))
            ended.append(holders[-1])
        return [one for one in ended if one.end is None or one.end > one.start]


def _alone(holders: list[Held]) -> Iterator[Meaning]:
    """The times in which a name has one holder."""
    changes: dict[datetime, tuple[list[Held], list[Held]]] = defaultdict(lambda: ([], []))
    for one in holders:
        changes[one.start][0].append(one)
        if one.end is not None:
            changes[one.end][1].append(one)
    active: set[Held] = set()
    times = sorted(changes)
    for time, following in zip(times, [*times[1:], None], strict=True):
        begun, ended = changes[time]
        active.difference_update(ended)
        active.update(begun)
        if len(active) in (1, 2) and len({one.resource_id for one in active}) == 1:
            one = next(iter(active))
            yield Meaning(one.alias, one.resource_id, time, following)
