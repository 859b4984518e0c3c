"""Units of throughput bought in the place of those that were given up: they count against what giving up saves.

Assumes
    A purchase cannot be made smaller everywhere: fewer units are another one, bought beside it before it is deleted.
    They share neither name nor alias.
Method
    What is first paid for within a fortnight of the day it was done, before or after, on the same platform, in the
    same account and region, and of the same model (one the bill does not name may be that), took its place. Each
    counts once: with the change it was promised for that has fewest yet, and of those the nearest in time.
Cases
    Fewer units were promised, the old ones are paid for no longer and nothing took their place: what is paid for the
    rest is not known, and so is not what was saved. Lowered where they are, they are their own rest.
    What was bought is changed in turn: that change ends the line of the earlier one.
Sources
    Amazon Bedrock API: UpdateProvisionedModelThroughput changes name and model, never units.
Known drawbacks
    Units bought in these days for something new are taken for those: less is realised, never more. What is bought later
    than a fortnight after all of it was given up is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

NEAR = timedelta(days=14)
NOT_BOUGHT = (
    f"It is paid for no longer, and the fewer units bought in its place within {NEAR.days} days are not on the bill by "
    "a name: what they cost is not known."
)
_KIND, _FEWER = "idle_capacity", "fewer_units"


def bought_again(connection: Connection, items: Sequence[Any], own: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """Keys of the resources bought in the place of each item's own; empty for what gives up no capacity."""
    found: dict[str, set[int]] = {item.recommendation_id: set() for item in items}
    wanted: dict[int, list[Any]] = {}
    since: dict[int, date] = {}
    for item in items:
        keys = own[item.recommendation_id]
        if item.kind != _KIND or not keys:
            continue
        rows = connection.execute(
            text(_BOUGHT),
            {"keys": sorted(keys), "provider": item.provider, "month": item.window_first.replace(day=1)}
            | {"first": item.done_on - NEAR, "last": item.done_on + NEAR},
        )
        for row in rows:
            wanted.setdefault(row.resource_key, []).append(item)
            since[row.resource_key] = row.first_seen
    for key in sorted(wanted, key=lambda one: (since[one], one)):
        chosen = min(
            wanted[key],
            key=lambda item: (
                item.target != _FEWER,
                len(found[item.recommendation_id]),
                abs(item.done_on - since[key]),
                item.recommendation_id,
            ),
        )
        found[chosen.recommendation_id].add(key)
    return found


def is_missing(item: Any, bought: set[int]) -> bool:
    """Whether something has to have taken the place of what is paid for no longer, and nothing is known to."""
    return bool(item.kind == _KIND and item.target == _FEWER and not bought)


_BOUGHT = """
    WITH line AS (
        SELECT c.resource_key, s.platform, s.model, l.region_id AS region,
               coalesce(a.sub_account_id, a.billing_account_id) AS account
        FROM charge c JOIN sku s USING (sku_key) JOIN account a USING (account_key)
        JOIN location l USING (location_key) JOIN charge_kind k USING (charge_kind_key)
        WHERE k.charge_category = 'Usage' AND s.is_ai AND s.platform = 'provisioned_throughput'
          AND c.billing_month >= :month
          AND c.resource_key IN (
              SELECT resource_key FROM resource
              WHERE provider = :provider AND resource_key <> 0
                AND (resource_key = ANY(:keys) OR first_seen BETWEEN :first AND :last)))
    SELECT DISTINCT new.resource_key, r.first_seen
    FROM line new JOIN resource r USING (resource_key)
    JOIN line old ON old.resource_key = ANY(:keys) AND new.resource_key <> ALL(:keys)
      AND (old.account, old.region) IS NOT DISTINCT FROM (new.account, new.region)
      AND coalesce(old.model, new.model) IS NOT DISTINCT FROM coalesce(new.model, old.model)"""
