"""What took a resource's place: of the same fleet, name or alias, first paid for once the change was made.

Units of throughput that are given up for fewer have no name in common with those: ``bought_again.py``.

Method
    A resource that first appears on the day of a change or later, and shares a fleet, a name or an alias with
    what was changed, counts with the change made last before it; among several made on that day, with the one that has
    fewest yet. Each resource counts once, but with every commitment: each counts the hours that its own covers. It
    counts with a schedule too, which is of the number of hours and not of their price: a group starts other machines
    each morning.
    What is changed itself on a later day counts with the earlier change all the same, until then or as ``order.py``
    holds the two apart.
Cases
    What is stopped has no successor: its own charges alone say whether it stopped. What its group, name or alias
    started within a week is told beside it (``started_beside``).
Known drawbacks
    A node that a growing fleet adds is taken for a replacement. At the price of the change it adds the hours it
    ran; where the service's hours are compared it only lowers what is realised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from recommender.contract import Step
from recommender.ledger.baseline import step_of

_SOON_DAYS = 7
_REPLACED = ("same_hours", "same_service", "commitment")


def successors(connection: Connection, items: Sequence[Any], own: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """Keys of the resources that count with each item beside its own; items in the order they were done."""
    able = [item for item in items if own[item.recommendation_id]]
    replaced = _replaced(connection, [item for item in able if item.counterfactual in _REPLACED], own, items)
    off = [item for item in able if item.counterfactual == "kept_running"]
    planned = [item for item in off if step_of(item.kind) is Step.SCHEDULE]
    restarted = _replaced(connection, planned, own, off)
    nothing: set[int] = set()
    return {name: replaced.get(name, nothing) | restarted.get(name, nothing) for name in own}


def started_beside(connection: Connection, item: Any, own: set[int]) -> str | None:
    """A sentence where a group that a machine was stopped of started others soon after; None where it did not."""
    if item.kind != "stop_idle" or not own:
        return None
    rows = connection.execute(text(_RELATED), {"keys": sorted(own), "done_on": item.done_on})
    number = sum(row.first_seen <= item.done_on + timedelta(days=_SOON_DAYS) for row in rows)
    if not number:
        return None
    others = "1 other" if number == 1 else f"{number} others"
    return f"Its group started {others} within {_SOON_DAYS} days: whether one took its place, the bill does not say."


def _replaced(
    connection: Connection, able: Sequence[Any], own: Mapping[str, set[int]], others: Sequence[Any]
) -> dict[str, set[int]]:
    """What counts with each of ``able``; nothing that one of the ``others`` was about before, or on that day."""
    found: dict[str, set[int]] = {item.recommendation_id: set() for item in able}
    committed = {item.recommendation_id for item in able if item.counterfactual == "commitment"}
    about: dict[int, list[Any]] = defaultdict(list)
    for item in others:
        for key in own[item.recommendation_id]:
            about[key].append(item)
    related: dict[int, list[Any]] = {}
    first_seen = {}
    for item in able:
        rows = connection.execute(
            text(_RELATED), {"keys": sorted(own[item.recommendation_id]), "done_on": item.done_on}
        )
        for row in rows:
            if item.undone_on is not None and item.undone_on <= row.first_seen:
                continue
            before = [one for one in about[row.resource_key] if one.done_on <= item.done_on]
            is_committed = item.recommendation_id in committed
            if not before and not (is_committed and about[row.resource_key]):
                related.setdefault(row.resource_key, []).append(item)
                first_seen[row.resource_key] = row.first_seen
            elif is_committed and all(one.recommendation_id in committed for one in before):
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
