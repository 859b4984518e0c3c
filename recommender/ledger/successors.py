"""What took a resource's place: of the same fleet, name or alias, first paid for once the change was made.

Units of throughput that are given up for fewer have no name in common with those: ``bought_again.py``.

Method
    A resource that first appears on the day of a change or later, and shares a fleet, a name or an alias with
    what was changed, counts with the change made last before it; among several made on that day, with the one that has
    fewest yet. Each resource counts once, but with every commitment: each counts the hours that its own covers.
Cases
    What is stopped or put on a schedule has no successor: its own charges alone say whether it stopped.
Known drawbacks
    A node that a growing fleet adds is taken for a replacement. At the price of the change it adds the hours it
    ran; where the service's hours are compared it only lowers what is realised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

_REPLACED = ("same_hours", "same_service", "commitment")


def successors(connection: Connection, items: Sequence[Any], own: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """Keys of the resources that count with each item beside its own; items in the order they were done."""
    found: dict[str, set[int]] = {item.recommendation_id: set() for item in items}
    committed = {item.recommendation_id for item in items if item.counterfactual == "commitment"}
    taken = {key for keys in own.values() for key in keys}
    changed = {key for name, keys in own.items() if name not in committed for key in keys}
    able = [item for item in items if item.counterfactual in _REPLACED and own[item.recommendation_id]]
    related: dict[int, list[Any]] = {}
    first_seen = {}
    for item in able:
        rows = connection.execute(
            text(_RELATED), {"keys": sorted(own[item.recommendation_id]), "done_on": item.done_on}
        )
        for row in rows:
            if row.resource_key not in taken:
                related.setdefault(row.resource_key, []).append(item)
                first_seen[row.resource_key] = row.first_seen
            elif item.recommendation_id in committed and row.resource_key not in changed:
                found[item.recommendation_id].add(row.resource_key)
    for key in sorted(related, key=lambda one: (first_seen[one], one)):
        latest = max(item.done_on for item in related[key])
        candidates = [item for item in related[key] if item.done_on == latest]
        chosen = min(candidates, key=lambda item: (len(found[item.recommendation_id]), item.recommendation_id))
        found[chosen.recommendation_id].add(key)
        if chosen.recommendation_id in committed:
            for item in related[key]:
                if item.recommendation_id in committed:
                    found[item.recommendation_id].add(key)
    return found


_RELATED = """
    WITH own AS (SELECT * FROM resource WHERE resource_key = ANY(:keys))
    SELECT DISTINCT r.resource_key, r.first_seen
    FROM resource r JOIN own ON r.provider = own.provider AND r.resource_key <> own.resource_key
    WHERE r.first_seen >= :done_on AND r.resource_key <> 0
      AND (nullif(r.fleet, '') = own.fleet
           OR (nullif(r.resource_name, '') = own.resource_name AND r.account IS NOT DISTINCT FROM own.account)
           OR EXISTS (SELECT 1 FROM resource_alias one JOIN resource_alias other USING (namespace, alias)
                      WHERE one.resource_key = own.resource_key AND other.resource_key = r.resource_key))"""
