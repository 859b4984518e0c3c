"""Time-sliced accelerators whose memory runs full.

Assumes     ``measured_hour`` and ``name_now`` of the month (:mod:`analyzer.hours`).
Method      Replicas of a time-sliced accelerator (profile ``1/4``) share its memory without a wall between them. What
            all of them hold at their peak is the most of the card's memory that was used in the hour; above ``FULL``
            of the card a replica that asks for more stops another one. Hours in which such replicas ran and the card
            was that full are told.
Cases       A card that no replica shares is not looked at: an engine that takes nine tenths of it at its start
            (vLLM) does what it is meant to. Where the memory was not measured nothing is told.
Drawbacks   Which replica holds how much is not known.

Source: NVIDIA GPU operator, time-slicing (no memory or fault isolation between replicas).
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from analyzer.names import workload_hours

FULL = "0.9"
"""Part of the card's memory above which it is told."""

_NAMED = 3

_SLICED = "SELECT EXISTS (SELECT FROM accelerator_part WHERE profile ~ '^\\s*1/[1-9]')"

_CROWDED = """
    SELECT coalesce(r.resource_name, r.resource_id) AS name, count(*) AS hours, max(m.fullest) AS fullest
    FROM (SELECT DISTINCT t.resource_key, t.hour FROM {workload_hours} AS t
          WHERE t.hour >= :first AND t.hour < :last AND t.accelerator_profile ~ '^\\s*1/[1-9]') AS shared
    JOIN measured_hour m USING (resource_key, hour)
    JOIN resource r USING (resource_key)
    WHERE m.fullest > {full}
    GROUP BY r.resource_key, r.resource_name, r.resource_id
    ORDER BY hours DESC, name"""


def crowded_cards(connection: Connection, *, first: date, last: date) -> list[str]:
    """A sentence on the machines of ``[first, last)`` whose time-sliced accelerators ran full; none where none did."""
    if not connection.scalar(text(_SLICED)):
        return []
    query = _CROWDED.format(workload_hours=workload_hours(), full=FULL)
    found = connection.execute(text(query), {"first": first, "last": last}).all()
    if not found:
        return []
    named = ", ".join(
        f"{row.name} ({row.hours} hour{'s' if row.hours > 1 else ''}, up to {row.fullest * 100:.0f} %)"
        for row in found[:_NAMED]
    )
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return [
        f"Memory of time-sliced accelerators was more than 90 % full in {first:%Y-%m}: {named}{more}. Replicas have no"
        " memory of their own: one that asks for more stops another."
    ]
