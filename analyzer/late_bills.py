"""Whose usage is the usage of a day that two bills charge: its own month's, or the next one's.

Assumes     the bills of a month and of those beside it as they are loaded.
Method      A bill charges days before its month that came too late for their own. Usage of such a day is of its own
            month where that month's bill charges the resource on the day, else of the next month where that one's
            does, else of its own. Usage that names no resource: where a charge of the provider and account names its
            model, else where there is one of an AI SKU that names none.
Cases       A day of which both bills have a part keeps its usage in its own month. Credits, tax, purchases and
            adjustments claim no usage. This looks at bills alone, so that both months come to the same whichever is
            analyzed first; each month's fingerprint has the claims in it.
Drawbacks   A day billed two months late, or before its month, leaves its usage unmet. Of two models on machines, one
            billed in time and one late, usage that names no machine is of the month in time.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection, text

from aispend.clock import month_of, next_month

_CLAIMS = """
    WITH charged AS MATERIALIZED (
        SELECT c.billing_month, greatest(c.charge_date, (c.billing_month - interval '1 month')::date) AS first,
               greatest(coalesce(c.charge_end_date, c.charge_date), c.charge_date + 1) AS after, c.charge_kind_key,
               c.resource_key, c.sku_key, c.account_key
        FROM charge c WHERE c.billing_month IN (:month, :next) AND c.charge_date < c.billing_month),
    late AS MATERIALIZED (
        SELECT DISTINCT d::date AS day, resource_key, sku_key, account_key
        FROM charged JOIN charge_kind k USING (charge_kind_key)
        CROSS JOIN LATERAL generate_series(first, least(after, billing_month) - 1, interval '1 day') AS d
        WHERE k.charge_category = 'Usage'),
    own AS (
        SELECT DISTINCT d.day, c.resource_key, c.sku_key, c.account_key
        FROM (SELECT DISTINCT day FROM late) AS d
        JOIN charge c ON c.billing_month IN (:before, :month)
             AND c.billing_month = date_trunc('month', d.day)::date AND c.charge_date <= d.day
             AND greatest(coalesce(c.charge_end_date, c.charge_date), c.charge_date + 1) > d.day
        JOIN charge_kind k USING (charge_kind_key)
        WHERE k.charge_category = 'Usage'),
    claims AS (SELECT *, true AS is_late FROM late UNION ALL SELECT *, false FROM own)
    SELECT DISTINCT day, is_late, resource_key, s.provider, NULL::bigint AS account_key, NULL AS model
    FROM claims JOIN sku s USING (sku_key) WHERE resource_key <> 0
    UNION
    SELECT DISTINCT day, is_late, 0, s.provider, account_key, lower(s.model)
    FROM claims JOIN sku s USING (sku_key) WHERE s.is_ai OR s.model IS NOT NULL"""
"""Which bill charges what on days that are billed late, in the bills of ``:month`` and ``:next`` to it: resources by
their keys, and under key 0 models of an account, NULL where the SKU names none."""

_CLAIMS_SAY = f"""
    SELECT concat_ws(' ', count(*), sum(hashtextextended(
        concat_ws('|', day, is_late, resource_key, provider, account_key, coalesce(model, '-')), 0)))
    FROM ({_CLAIMS}) AS c"""

_FIND = f"""
    CREATE TEMP TABLE claim ON COMMIT DROP AS
    SELECT c.*, CASE WHEN a.sub_account_id IS NULL THEN ARRAY[a.billing_account_id, a.billing_account_name]
                     ELSE ARRAY[a.sub_account_id, a.sub_account_name] END AS names
    FROM ({_CLAIMS}) AS c LEFT JOIN account a USING (account_key)"""

IS_LATE = """coalesce(CASE
    WHEN u.resource_key <> 0 THEN (
        SELECT bool_and(c.is_late) FROM claim c WHERE c.day = u.day AND c.resource_key = u.resource_key)
    ELSE (
        SELECT c.is_late FROM claim c
        WHERE c.day = u.day AND c.resource_key = 0 AND c.provider = u.provider
          AND coalesce(c.model = lower(u.model), true)
          AND (u.account IS NULL OR EXISTS (
               SELECT FROM unnest(c.names) AS n (name)
               WHERE regexp_replace(lower(n.name), '^/subscriptions/', '') = u.account))
        ORDER BY c.model IS NULL, c.is_late LIMIT 1)
    END, false)"""
"""Whether usage ``u`` (resource_key, provider, account, day, model) is of the month after its own."""


def claims_say(connection: Connection, month: date) -> str:
    """What bills claim of the usage of the month's days, and of days before it that its own bill charges, in short."""
    found: str = connection.scalar(text(_CLAIMS_SAY), _scope(month))
    return found


def find_claims(connection: Connection, month: date) -> date:
    """Make ``claim``, which :data:`IS_LATE` asks; returns the first day whose usage may be the month's."""
    connection.execute(text(_FIND), _scope(month))
    connection.execute(text("CREATE INDEX ON claim (day, resource_key)"))
    connection.execute(text("ANALYZE claim"))
    first = connection.scalar(text("SELECT min(day) FROM claim WHERE is_late"))
    return min(month, first or month)


def _scope(month: date) -> dict[str, date]:
    return {"before": month_of(month - timedelta(days=1)), "month": month, "next": next_month(month)}
