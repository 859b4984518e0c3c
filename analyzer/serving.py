"""Cost of serving that does not say so: put where the model was served, so that it is in the price of what was served.

Assumes     the month's lines by day (``unit_line``) and its usage, placed upon them (``usage_day``).
Method      What a model carries of a shared cost goes where the model's usage was placed: to these providers and
            stages, in the proportion of the month's cost there. What a machine cost in hours of which nobody says the
            stage goes to the stages its model served on it. Parts add up exactly. What models carry of a credit, or of
            tax that is lost, is part of the shared cost it is on.
Cases       A shared cost with a stage of its own goes to that stage alone. A place in the same currency comes before
            others, then one of the same provider; the currency itself stays. Telemetry's own name of a model leads
            to the model its usage was placed upon. A model without usage, and a machine that did other work for
            the model in the month, keep what they have: it is unknown what for. So does a day on which requests were
            counted upon the unknown stage itself.
            A credit is on the shared cost where this is the closest of what has its model and stage (resource, usage
            type, service, account); where both a shared cost and the model's own are, it is on the model's own.
Drawbacks   A shared cost follows the month's cost of its places, whatever it was shared by.

Sources: OpenCost, AI inference cost tracking (shared pods are part of the allocation basis, in proportion to cost).
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from analyzer.exact_sql import split_exact_sql

_OF_SHARED = """
    CREATE TEMP TABLE of_shared ON COMMIT DROP AS
    WITH base AS (
        SELECT DISTINCT c.slice_id, c.half, c.currency, c.account_key, c.service, c.sku_key, t.model, t.stage,
               c.route = 'shared' AS is_shared,
               CASE WHEN c.route = 'shared' THEN c.resource_key ELSE 0 END AS shared_key
        FROM share_now s JOIN charge_now c USING (cid) JOIN target_now t USING (target_key)
        WHERE c.route NOT IN ('credit', 'fee', 'tax', 'lost_tax')
          AND (t.model, t.stage) IN (SELECT n.model, n.stage FROM share_now JOIN charge_now o USING (cid)
                                     JOIN target_now n USING (target_key) WHERE o.route = 'shared'))
    SELECT cid, target_key
    FROM (SELECT s.cid, s.target_key, b.is_shared,
                 rank() OVER (PARTITION BY s.cid, s.target_key ORDER BY
                              (b.shared_key = c.resource_key AND c.resource_key <> 0) DESC,
                              (b.sku_key = c.sku_key) DESC,
                              (b.service = c.service) DESC, (b.account_key = c.account_key) DESC) AS nearest
          FROM share_now s JOIN charge_now c USING (cid) JOIN target_now t USING (target_key)
          JOIN base b ON b.slice_id = c.slice_id AND b.half = c.half AND b.currency = c.currency
                     AND b.model = t.model AND b.stage = t.stage
          WHERE c.route IN ('credit', 'lost_tax') AND (b.account_key = c.account_key OR c.route = 'lost_tax')) AS met
    WHERE nearest = 1
    GROUP BY cid, target_key
    HAVING bool_and(is_shared)"""

_PLACES = """
    CREATE TEMP TABLE served_at ON COMMIT DROP AS
    SELECT u.resource_key, u.said, u.model, u.provider, u.stage, u.currency, coalesce(c.cost, 0) AS cost
    FROM (SELECT DISTINCT coalesce(resource_key, 0) AS resource_key, lower(model) AS said, placed_model AS model,
                 provider, placed_stage AS stage, currency
          FROM usage_day WHERE placed_model IS NOT NULL AND placed_stage <> 'unknown') AS u
    LEFT JOIN (SELECT model, provider, stage, currency, sum(cost) AS cost FROM unit_line WHERE reason <> 'shared'
               GROUP BY 1, 2, 3, 4) AS c USING (model, provider, stage, currency)"""

_ADRIFT = """
    CREATE TEMP TABLE adrift ON COMMIT DROP AS
    SELECT row_number() OVER () AS line_id, l.ctid AS line, l.*
    FROM unit_line l
    WHERE (l.reason = 'shared' AND l.model IS NOT NULL
           OR l.stage = 'unknown' AND (l.resource_key, l.model) IN (
               SELECT resource_key, model FROM served_at WHERE resource_key <> 0)
              AND NOT EXISTS (SELECT FROM unit_line o WHERE o.resource_key = l.resource_key AND o.model = l.model
                              AND o.reason <> 'shared'
                              AND o.stage NOT IN ('unknown', 'inference_online', 'inference_batch')))
      AND NOT EXISTS (SELECT FROM usage_day u WHERE l.stage = 'unknown' AND u.placed_stage = 'unknown'
                      AND u.day = l.day AND u.provider = l.provider AND u.placed_model = l.model
                      AND u.currency = l.currency)"""

_ASHORE = """
    CREATE TEMP TABLE ashore ON COMMIT DROP AS
    SELECT line_id, row_number() OVER (PARTITION BY line_id ORDER BY model, provider, stage) AS place, model, provider,
           stage, cost, CASE WHEN sum(weight) OVER (PARTITION BY line_id) > 0 THEN weight ELSE 1 END AS w
    FROM (SELECT a.line_id, a.cost, p.model, p.provider, p.stage,
                 max(CASE WHEN p.currency = a.currency THEN greatest(p.cost, 0) ELSE 0 END) AS weight,
                 rank() OVER (PARTITION BY a.line_id ORDER BY bool_or(p.currency = a.currency) DESC,
                              bool_or(p.model = a.model) DESC, bool_or(p.provider = a.provider) DESC) AS nearest
          FROM adrift a
          JOIN served_at p ON CASE WHEN a.reason = 'shared'
                                   THEN lower(a.model) IN (lower(p.model), p.said) AND a.stage IN ('unknown', p.stage)
                                   ELSE p.resource_key = a.resource_key AND p.model = a.model
                                        AND p.provider = a.provider AND p.currency = a.currency END
          GROUP BY a.line_id, a.cost, p.model, p.provider, p.stage) AS places
    WHERE nearest = 1"""

_MOVE = f"""
    DELETE FROM unit_line l USING adrift a
    WHERE l.ctid = a.line AND EXISTS (SELECT FROM ashore s WHERE s.line_id = a.line_id);
    INSERT INTO unit_line
    SELECT a.day, s.provider, a.account_key, a.resource_key, a.currency, s.model, s.stage, a.reason, a.sku_model,
           a.unit_class, d.cost, a.paid * s.w / sum(s.w) OVER (PARTITION BY line_id),
           a.units * s.w / sum(s.w) OVER (PARTITION BY line_id), a.partial
    FROM ({split_exact_sql("ashore", "line_id", "place", "w", ["cost"])}) AS d
    JOIN ashore s USING (line_id, place) JOIN adrift a USING (line_id)"""


def find_what_is_on_shared(connection: Connection) -> None:
    """Make ``of_shared``: the shares of credits and lost tax that are on a shared cost. Needs the month's shares."""
    connection.execute(text(_OF_SHARED))


def put_where_served(connection: Connection) -> None:
    """Move the lines of ``unit_line`` that belong to serving to where their models were served."""
    for statements in (_PLACES, _ADRIFT, _ASHORE, _MOVE):
        for statement in statements.split(";"):
            connection.execute(text(statement))
