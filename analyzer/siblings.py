"""What a fleet's tagged machines say of those nobody tagged, and of those tagged otherwise.

Assumes     machines of one auto-scaling group, node pool or scale set do the same work.
Method      Per fleet (or resource, whose tags may come and go) and month: where at least ``AGREEMENT`` of the cost
            that rules or tags decided names one and the same model, team or stage, charges of the fleet for
            which nothing decided that field take it over, with low confidence. Telemetry outranks it.
            A machine whose tag says otherwise than those of at least ``WITNESSES`` others is doubted: its tag stands
            with low confidence, unless telemetry too says what they say (:mod:`analyzer.answers`).
Cases       A machine that was itself tagged as the others in that month was tagged anew, and is not doubted.
Drawbacks   A pool shared by teams whose tagged part happens to belong to one of them is taken for that team's.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from analyzer.answers import CONTRADICTED
from analyzer.decisions import FIELDS

AGREEMENT = "0.8"
"""Part of the decided cost of a fleet that must name the same value."""
CONFIDENCE = "0.6"
WITNESSES = 2
"""Other machines that must be tagged alike to cast doubt on the tag of one."""

_AGREED = """
    WITH votes AS (
        SELECT group_name, {field} AS answer, sum(abs(coalesce(effective_cost, billed_cost, 0))) AS votes,
               count(DISTINCT resource_key) AS machines
        FROM charge_now
        WHERE route = 'use' AND resource_key <> 0 AND {field}_source IN ('rule', 'tag')
        GROUP BY group_name, {field}),
    agreed AS (
        SELECT group_name, answer, machines
        FROM (SELECT *, sum(votes) OVER (PARTITION BY group_name) AS all_votes FROM votes) AS counted
        WHERE votes > 0 AND votes >= {agreement} * all_votes)"""

_TAKE_OVER = """
    UPDATE charge_now c
    SET {field} = a.answer, {field}_source = 'signal', {field}_method = 'siblings', {field}_confidence = {confidence}
    FROM agreed a
    WHERE c.group_name = a.group_name AND c.route = 'use' AND c.resource_key <> 0 AND c.{field}_source = 'none'"""


_DOUBT = """
    UPDATE charge_now c
    SET {field}_siblings = a.answer, {field}_method = c.{field}_method || ' (siblings: ' || a.answer || ')',
        {field}_confidence = {doubted}
    FROM agreed a
    WHERE c.group_name = a.group_name AND a.machines >= {witnesses} AND c.route = 'use' AND c.resource_key <> 0
      AND c.{field}_source = 'tag' AND lower(c.{field}) <> lower(a.answer)
      AND NOT EXISTS (SELECT FROM charge_now own WHERE own.resource_key = c.resource_key AND own.route = 'use'
                      AND own.{field} = a.answer)"""


def learn_from_siblings(connection: Connection) -> None:
    """Fill what nothing decided from the charge's fleet, in ``charge_now``; and note where its fleet contradicts a tag.

    Adds a column ``…_siblings`` for each field: what the fleet says instead of the tag, else NULL.
    """
    columns = ", ".join(f"ADD COLUMN {field}_siblings text" for field in FIELDS)
    connection.execute(text(f"ALTER TABLE charge_now {columns}"))
    words = {"agreement": AGREEMENT, "confidence": CONFIDENCE, "witnesses": WITNESSES, "doubted": CONTRADICTED}
    for field in FIELDS:
        for statement in (_DOUBT, _TAKE_OVER):
            connection.execute(text((_AGREED + statement).format(field=field, **words)))
