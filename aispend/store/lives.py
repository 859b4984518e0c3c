"""When resources ran, in the database: what several readings learn of one life, put together.

A life is known by its resource and its start. An end is exact where an event or the provider's own words tell it
(methods ``event`` and ``listing``), or a bound (:data:`LAST_SEEN`): the resource is gone from its listing, and ran at
least until it was seen last. A bound gives way to an exact end, and to a listing in which the resource runs after all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, or_, text
from sqlalchemy.dialects import postgresql

from aispend.schema import resource_life

LAST_SEEN = "last seen"
"""``method`` of an end that nothing told: it was seen last then."""

_BLOCK = 1000


def merge_lives(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Begin and end lives; returns how many rows were given. A row without ``started_at`` ends the open life.

    An end that is known is not forgotten where a reading knows none.
    """
    life = resource_life.c
    begun = {(row["resource_key"], row["started_at"]): row for row in rows if row.get("started_at") is not None}
    found = list(begun.values())
    for start in range(0, len(found), _BLOCK):
        statement = postgresql.insert(resource_life).values(found[start : start + _BLOCK])
        new = statement.excluded
        runs_after_all = and_(new.ended_at.is_(None), life.method == LAST_SEEN, new.method == "listing")
        knows_more = and_(
            life.ended_at.is_not(None), or_(new.ended_at.is_(None), new.method == LAST_SEEN), ~runs_after_all
        )
        changed = {name: case((knows_more, life[name]), else_=new[name]) for name in ("ended_at", "method", "source")}
        connection.execute(
            statement.on_conflict_do_update(index_elements=[life.resource_key, life.started_at], set_=changed)
        )
    ends = [row for row in rows if row.get("started_at") is None]
    if ends:
        connection.execute(
            text(
                "UPDATE resource_life AS life SET ended_at = first.ended_at, method = first.method FROM ("
                " SELECT open.resource_key, open.started_at, min(given.ended_at) AS ended_at,"
                " min(given.method) AS method FROM resource_life AS open JOIN"
                " unnest(CAST(:keys AS bigint[]), CAST(:ends AS timestamptz[]),"
                " CAST(:methods AS text[])) AS given (resource_key, ended_at, method)"
                " ON given.resource_key = open.resource_key AND given.ended_at > open.started_at"
                " WHERE open.ended_at IS NULL OR open.method = :bound"
                " GROUP BY open.resource_key, open.started_at) AS first"
                " WHERE life.resource_key = first.resource_key AND life.started_at = first.started_at"
            ),
            {
                "keys": [row["resource_key"] for row in ends],
                "ends": [row["ended_at"] for row in ends],
                "methods": [row.get("method") for row in ends],
                "bound": LAST_SEEN,
            },
        )
    return len(found) + len(ends)


def end_unseen(connection: Connection, seen: Mapping[int, datetime]) -> None:
    """End the open lives of resources that run no more, when they were seen last: ``seen`` by resource key."""
    if seen:
        connection.execute(
            text(
                "UPDATE resource_life AS life SET ended_at = greatest(given.seen, life.started_at), method = :bound"
                " FROM unnest(CAST(:keys AS bigint[]), CAST(:seen AS timestamptz[])) AS given (resource_key, seen)"
                " WHERE life.resource_key = given.resource_key AND life.ended_at IS NULL"
            ),
            {"keys": list(seen), "seen": list(seen.values()), "bound": LAST_SEEN},
        )
