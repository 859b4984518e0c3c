"""Charges that inference usage divides: shared endpoints and servers by the day, token-priced SKUs by quantity.

Assumes     ``inference_hour`` counts requests and disjoint token classes per resource or per provider, account,
            model and team.
Method      Token-priced charges (the SKU names a model and a unit class) are divided over teams by the quantity of
            that very class: on their resource where usage names it, else by provider × account × model × unit
            class × day. Any other charge of a resource with usage is divided over models and teams by token
            weights (:data:`analyzer.tokens.TOKEN_WEIGHTS`), by the day.
Cases       Where some of a resource's models have no tokens (images, embeddings counted as requests), all of its
            usage of that time is weighed by requests: tokens and requests do not add up.
            Usage of a resource that is paid for, but not by the token, is an own server's and divides no API's charge.
            Where the class is not counted, all classes of that model are taken, by token weights.
            An Azure subscription is the same with and without ``/subscriptions/`` before it.
            Usage without an account serves any account of the provider. Tokens without a model stay with the
            model the bill names, if any.
            A tag on a token-priced charge that has no resource of its own stands even if several teams use the
            model: the bill has divided these charges by tag already.
Drawbacks   Idle time of an endpoint is not seen from usage: whoever uses it carries all of it.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from analyzer.answers import Said, resolved, target_sql
from analyzer.names import inference_hours
from analyzer.tokens import TOKEN_WEIGHTS

_WEIGHT = "CASE unit_class {} ELSE 0 END".format(
    " ".join(f"WHEN '{name}' THEN {weight}" for name, weight in TOKEN_WEIGHTS.items())
)

_USED = """
    CREATE TEMP TABLE used_day ON COMMIT DROP AS
    SELECT t.resource_key, coalesce(r.provider, lower(t.provider)) AS provider,
           regexp_replace(lower(t.account), '^/subscriptions/', '') AS account,
           (t.hour AT TIME ZONE 'UTC')::date AS day, t.model, t.team, t.service_tier,
           CASE t.unit_class WHEN 'requests' THEN 'request' ELSE t.unit_class END AS unit_class,
           sum(t.quantity) AS quantity
    FROM {inference_hours} AS t
    LEFT JOIN resource r USING (resource_key)
    WHERE t.hour >= :first AND t.hour < :last AND t.quantity > 0
      AND t.unit_class NOT IN ('failed_requests', 'reasoning', 'prefill_us', 'decode_us')
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"""

_WEIGHED = f"""
    CREATE TEMP TABLE used_weight ON COMMIT DROP AS
    SELECT resource_key, provider, account, day, model, team, service_tier ~* 'batch' AS is_batch,
           sum(quantity * {_WEIGHT}) AS tokens, sum(CASE unit_class WHEN 'request' THEN quantity ELSE 0 END) AS requests
    FROM used_day
    GROUP BY 1, 2, 3, 4, 5, 6, 7"""

_USERS = """
    CREATE TEMP TABLE usage_users ON COMMIT DROP AS
    SELECT g.group_name, count(DISTINCT lower(u.model)) AS model, count(DISTINCT lower(u.team)) AS team
    FROM used_weight u JOIN (SELECT DISTINCT resource_key, group_name FROM charge_now) AS g USING (resource_key)
    GROUP BY g.group_name"""

_ACCOUNTS = """
    CREATE TEMP TABLE account_name ON COMMIT DROP AS
    SELECT DISTINCT c.account_key, regexp_replace(lower(n.name), '^/subscriptions/', '') AS name
    FROM (SELECT DISTINCT account_key FROM charge_now WHERE is_ai) AS c
    JOIN account a USING (account_key)
    CROSS JOIN LATERAL unnest(
        CASE WHEN a.sub_account_id IS NULL THEN ARRAY[a.billing_account_id, a.billing_account_name]
             ELSE ARRAY[a.sub_account_id, a.sub_account_name] END) AS n (name)
    WHERE n.name IS NOT NULL"""

_OWN_SERVERS = """
    CREATE TEMP TABLE own_server ON COMMIT DROP AS
    SELECT resource_key FROM charge_now WHERE resource_key <> 0 AND charge_category = 'Usage'
    GROUP BY resource_key HAVING bool_and(sku_model IS NULL OR unit_class IS NULL)"""
"""Resources that are paid for, and not by the token: what they served an API did not."""

_OPEN = "c.route = 'use' AND NOT EXISTS (SELECT FROM share_weight AS placed WHERE placed.cid = c.cid)"
_DAYS = "u.day >= c.charge_date AND u.day < c.end_date"
_BY_QUANTITY = "c.sku_model IS NOT NULL AND c.unit_class IS NOT NULL"
_SAME_MODEL = "lower(u.model) = lower(c.sku_model)"
_ANY_WEIGHT = (
    "CASE WHEN bool_and(sum(u.tokens) > 0) OVER (PARTITION BY c.cid) THEN sum(u.tokens) ELSE sum(u.requests) END"
)

_ON_RESOURCE = "c.resource_key <> 0 AND u.resource_key = c.resource_key"
_ELSEWHERE = """u.provider = c.provider AND (u.resource_key IS NULL
    OR (c.resource_key = 0 AND NOT EXISTS (SELECT FROM own_server o WHERE o.resource_key = u.resource_key)))"""
_BY_ACCOUNT = f"""{_ELSEWHERE}
    AND u.account IN (SELECT n.name FROM account_name n WHERE n.account_key = c.account_key)"""
_NO_ACCOUNT = f"{_ELSEWHERE} AND u.account IS NULL"


def place_by_usage(connection: Connection, *, first: date, last: date) -> None:
    """Weigh the charges still open that usage within ``[first, last)`` meets."""
    connection.execute(text(_USED.format(inference_hours=inference_hours())), {"first": first, "last": last})
    for statement in (_WEIGHED, _USERS, _ACCOUNTS, _OWN_SERVERS, "ANALYZE used_day", "ANALYZE used_weight"):
        connection.execute(text(statement))
    if not connection.scalar(text("SELECT EXISTS (SELECT FROM used_weight)")):
        return  # planning the statements below takes longer than all else here
    for meets, rung in (
        (_ON_RESOURCE, "endpoint-day"),
        (_BY_ACCOUNT, "sku-day"),
        (_NO_ACCOUNT, "sku-day"),
    ):
        same_class = f"{meets} AND {_SAME_MODEL} AND u.unit_class = c.unit_class"
        connection.execute(text(_place("used_day", f"{_BY_QUANTITY} AND {same_class}", "sum(u.quantity)", rung)))
        any_class = f"{_BY_QUANTITY} AND {meets} AND {_SAME_MODEL}"
        connection.execute(text(_place("used_weight", any_class, _ANY_WEIGHT, rung)))
    connection.execute(
        text(_place("used_weight", f"{_ON_RESOURCE} AND NOT ({_BY_QUANTITY})", _ANY_WEIGHT, "endpoint-day"))
    )


def _place(relation: str, meets: str, weight: str, rung: str) -> str:
    """An INSERT that divides open charges over the usage ``u`` they meet."""
    batch = "u.is_batch" if relation == "used_weight" else "u.service_tier ~* 'batch'"
    matched = f"""(
        SELECT c.cid AS met, u.model AS used_model, u.team AS used_team, {batch} AS is_batch, {weight} AS w
        FROM charge_now c JOIN {relation} u ON {_DAYS} AND {meets}
        WHERE {_OPEN}
        GROUP BY c.cid, u.model, u.team, {batch}) AS p
        JOIN charge_now c ON c.cid = p.met
        LEFT JOIN usage_users u ON u.group_name = c.group_name AND c.resource_key <> 0"""
    stage = """CASE WHEN p.is_batch THEN 'inference_batch'
        WHEN c.stage_source IN ('none', 'signal') THEN 'inference_online'
        WHEN c.stage_source = 'tag' AND c.stage NOT LIKE 'inference%' THEN 'inference_online' END"""
    fields = [
        ("model", resolved("model", Said("p.used_model", "usage", "0.85"), "u.model")),
        ("team", resolved("team", Said("p.used_team", "usage", "0.85"), "u.team")),
        ("stage", resolved("stage", Said(stage, "usage", "0.8"), "0")),
    ]
    return target_sql(matched, fields, workload="NULL::text", reason="'used'", rung=f"'{rung}'", weight="p.w")
