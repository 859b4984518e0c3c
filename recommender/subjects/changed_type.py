"""Since when a machine has the type it has: what it cost before as another says nothing of what it costs now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from aispend.prices.accelerators import accelerators_of, plain_instance_type


def since(provider: str, types: Mapping[date, Collection[str]], present: str | None, newest: date) -> date | None:
    """The first day after the last on which only other types were billed; None where none was.

    A day with both, on which it was changed, is left out as well, but where it is the ``newest`` that is billed. Types
    that are billed beside the present one on every day are no change.
    """
    if present is None:
        return None
    named = {day: {plain_instance_type(provider, name) for name in billed} for day, billed in types.items()}
    without = [day for day, billed in named.items() if billed and plain_instance_type(provider, present) not in billed]
    if not without:
        return None
    before = set[str]().union(*(named[day] for day in without))
    after = min((day for day in named if day > max(without)), default=newest)
    is_day_of_change = after < newest and not before.isdisjoint(named[after])
    return after + timedelta(days=is_day_of_change)


def was_another_card(
    provider: str, types: Mapping[date, Collection[str]], changed: date | None, present: str | None
) -> bool:
    """Whether a type that was billed before the day of the change is known to have other cards than ``present``."""
    before = {name for day, names in types.items() if changed is not None and day < changed for name in names}
    found = (accelerators_of(provider, name) for name in before)
    return present is not None and any(one is not None and one[0] != present for one in found)
