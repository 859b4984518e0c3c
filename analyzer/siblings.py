"""What a fleet's tagged machines say of those nobody tagged.

Assumes     machines of one auto-scaling group, node pool or scale set do the same work.
Method      Per fleet (or resource, whose tags may come and go) and month: where at least ``AGREEMENT`` of the cost
            that rules or tags decided names one and the same model, team or stage, charges of the fleet for
            which nothing decided that field take it over, with low confidence. Telemetry outranks it.
Drawbacks   A pool shared by teams whose tagged part happens to belong to one of them is taken for that team's.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from analyzer.decisions import FIELDS

AGREEMENT = "0.8"
"""Part of the decided cost of a fleet that must name the same value."""
CONFIDENCE = "0.6"

_TAKE_OVER = """
    WITH votes AS (
        SELECT group_name, {field} AS answer, sum(abs(coalesce(effective_cost, billed_cost, 0))) AS votes
        FROM charge_now
        WHERE route = 'use' AND resource_key <> 0 AND {field}_source IN ('rule', 'tag')
        GROUP BY group_name, {field}),
    agreed AS (
        SELECT group_name, answer
        FROM (SELECT *, sum(votes) OVER (PARTITION BY group_name) AS all_votes FROM votes) AS counted
        WHERE votes > 0 AND votes >= {agreement} * all_votes)
    UPDATE charge_now c
    SET {field} = a.answer, {field}_source = 'signal', {field}_method = 'siblings', {field}_confidence = {confidence}
    FROM agreed a
    WHERE c.group_name = a.group_name AND c.route = 'use' AND c.resource_key <> 0 AND c.{field}_source = 'none'"""


def learn_from_siblings(connection: Connection) -> None:
    """Fill what nothing decided from the charge's fleet, in ``charge_now``."""
    for field in FIELDS:
        statement = _TAKE_OVER.format(field=field, agreement=AGREEMENT, confidence=CONFIDENCE)
        connection.execute(text(statement))
