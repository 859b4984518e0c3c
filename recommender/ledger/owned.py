"""Which resources each change is about: its own, and those that took their place since.

Method
    Two changes meet where the later one is about something that the earlier one is about, or about what took its place.
    Nothing is left of the earlier one where the later one is about all of it that was paid for until its day or longer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from recommender.ledger.baseline import keys_of
from recommender.ledger.bought_again import bought_again
from recommender.ledger.successors import successors


@dataclass(frozen=True)
class Owned:
    """Resource keys by recommendation: ``own``, what ``replaced`` them, and what was ``bought`` in their place.

    ``since`` are all of these. ``paid_until`` has the last day of those of a change of which some were replaced.
    ``about`` and ``about_since`` are the places in ``items`` of what a resource is its own of, or any of all these.
    """

    own: Mapping[str, set[int]]
    replaced: Mapping[str, set[int]]
    bought: Mapping[str, set[int]]
    since: Mapping[str, set[int]]
    names: Mapping[int, str]
    paid_until: Mapping[int, date]
    items: Sequence[Any]
    about: Mapping[int, Sequence[int]]
    about_since: Mapping[int, Sequence[int]]

    def of(self, item: Any) -> set[int]:
        """Its own, as they were when it was done."""
        return self.own[item.recommendation_id]

    def with_later(self, item: Any) -> set[int]:
        """Its own, and all that took their place since."""
        return self.since[item.recommendation_id]

    def acting_on(self, item: Any) -> list[Any]:
        """All whose own are something of it, in the order they were done; itself among them."""
        return self._at(self.about, self.with_later(item))

    def acted_on_by(self, item: Any) -> list[Any]:
        """All of which it is about something, in the order they were done; itself among them."""
        return self._at(self.about_since, self.of(item))

    def _at(self, places: Mapping[int, Sequence[int]], keys: Collection[int]) -> list[Any]:
        return [self.items[place] for place in sorted({place for key in keys for place in places.get(key, ())})]

    def shared(self, earlier: Any, later: Any) -> set[int]:
        """What the later change is about that the earlier one is about as well."""
        return self.with_later(earlier) & self.of(later)

    def names_of(self, keys: Collection[int]) -> frozenset[str]:
        """Their ids."""
        return frozenset(self.names[key] for key in keys)

    def is_all_of(self, earlier: Any, later: Any) -> bool:
        """Whether the later change is about all that is left of the earlier one on its day."""
        theirs = self.of(later)
        if self.of(earlier) <= theirs:
            return True
        left = (key for key in self.with_later(earlier) if self.paid_until.get(key, date.max) >= later.done_on)
        return theirs.issuperset(left)


def owned_by(connection: Connection, items: Sequence[Any]) -> Owned:
    """The resources of all that was done; ``items`` in the order they were."""
    found = {item.recommendation_id: keys_of(connection, item.provider, list(item.parts)) for item in items}
    own = {name: {*keys.values()} for name, keys in found.items()}
    replaced = successors(connection, items, own)
    bought = bought_again(connection, items, own)
    moving = sorted({key for name, keys in replaced.items() if keys for key in (*keys, *own[name])})
    first = min((item.window_first for item in items), default=date.min).replace(day=1)
    rows = connection.execute(text(_PAID_UNTIL), {"keys": moving, "month": first}) if moving else ()
    since = {name: keys | replaced[name] | bought[name] for name, keys in own.items()}
    return Owned(
        own=own,
        replaced=replaced,
        bought=bought,
        since=since,
        names={key: name for keys in found.values() for name, key in keys.items()},
        paid_until={row.resource_key: row.last for row in rows},
        items=items,
        about=_places(items, own),
        about_since=_places(items, since),
    )


def _places(items: Sequence[Any], keys: Mapping[str, set[int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        for key in keys[item.recommendation_id]:
            found[key].append(place)
    return dict(found)


_PAID_UNTIL = """
    SELECT resource_key, max(coalesce(charge_end_date - 1, charge_date)) AS last
    FROM charge JOIN charge_kind USING (charge_kind_key)
    WHERE charge_category = 'Usage' AND resource_key = ANY(:keys) AND billing_month >= :month
    GROUP BY resource_key"""
