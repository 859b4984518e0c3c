"""What a cloud's listing no longer has, or has had switched off for days: a bill comes later, and says so last.

Method      The newest row of a resource's listing, one that still holds first. Ended: none holds; when it was missed.
            Off: switched off since, as the last listing confirmed, for two days at least: what stops every night runs
            on in the morning.
Cases       A machine of Azure that is stopped and not deallocated is paid for. Of two listings that name a resource one
            that has it counts.
Drawbacks   Which is not listed again (a connection that was taken away) stays as it was last seen.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

_OFF = ["stopped", "terminated", "suspended", "deallocated"]
_PAID_WHEN_STOPPED = "azure_vm"


def off_since(connection: Connection) -> dict[int, datetime]:
    """By resource key, since when its listing has it no more, or off."""
    asked = {"off": _OFF, "paid": _PAID_WHEN_STOPPED}
    return {row.resource_key: row.since for row in connection.execute(text(_ENDED), asked)}


_ENDED = """
    WITH newest AS (
        SELECT DISTINCT ON (resource_key) resource_key, kind, lower(state) AS state, valid_from, valid_to, seen_at
        FROM resource_history
        ORDER BY resource_key, valid_to IS NOT NULL, valid_from DESC)
    SELECT resource_key, coalesce(valid_to, valid_from) AS since
    FROM newest
    WHERE valid_to IS NOT NULL
       OR (state = ANY(:off) AND NOT (kind = :paid AND state = 'stopped')
           AND seen_at - valid_from >= interval '2 days')"""
