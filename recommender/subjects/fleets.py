"""How many more machines of a fleet run beside each: a size of their group is theirs as well.

Assumes     a fleet is one group of one account and region, by the bill's tags or an inventory.
Drawbacks   Machines of the group that are no AI spend are not in it, so that a size is said to be of what is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from recommender.contract import DailyCost

_LATELY = timedelta(days=2)


def siblings(
    facts: Mapping[int, Mapping[str, Any]],
    costs: Mapping[tuple[int, str], Sequence[DailyCost]],
    as_of: datetime,
    off_since: Mapping[int, datetime] = MappingProxyType({}),
) -> dict[int, int]:
    """By resource key, the machines of its fleet that run and are not itself; only of what has a fleet."""
    running = {key for (key, _), days in costs.items() if not has_ended(days, as_of, off_since.get(key))}
    of = {
        key: (fact["provider"], fact["account"], fact["region"], fact["fleet"])
        for key, fact in facts.items()
        if fact["fleet"]
    }
    sizes = Counter(fleet for key, fleet in of.items() if key in running)
    return {key: sizes[fleet] - (key in running) for key, fleet in of.items()}


def has_ended(costs: Sequence[DailyCost], as_of: datetime, off_since: datetime | None = None) -> bool:
    """Whether no hour was billed in the last two days of the evidence, or after a listing had it ``off_since``."""
    last = next((cost.day for cost in reversed(costs) if cost.hours), None)
    if last is None or last < (as_of - _LATELY).date():
        return True
    return off_since is not None and last <= off_since.astimezone(UTC).date()
