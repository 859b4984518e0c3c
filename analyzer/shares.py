"""From weights to shares: who gets which part, exactly, and what it adds up to by day and by resource.

Assumes     every step has written its weights into ``share_weight``.
Method      Weights of one charge for one target are added; the charge's four costs are divided by them with the
            largest remainder (:func:`analyzer.exact_sql.split_exact_sql`); a charge with one target is copied.
            The roll-ups are sums of the very same shares, written in the same transaction.
Drawbacks   The names of a target are written once and never deleted, though its last share may be.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from aispend.errors import StoreError
from analyzer.answers import BILLED_REASON, BILLED_RUNG, as_billed, target_sql
from analyzer.exact_sql import COSTS, content_key_pg, split_exact_sql

_TARGET = ("model", "team", "stage", "workload", "reason", "is_ai", "rung", "method", "confidence")
_KEY = content_key_pg([f"{column}::text" if column == "is_ai" else column for column in _TARGET[:-1]] + [
    "trim_scale(confidence)::text"
])  # fmt: skip
_COSTS = ", ".join(COSTS)
_SUMS = ", ".join(f"sum(s.{column}) AS {column}" for column in COSTS) + ", bit_or(c.unknown_costs)"

_WHOLE = {
    "tax": "'tax'",
    "support": "'support'",
    "not_ai": "'not_ai'",
    "commitment_unused": "'commitment_unused'",
    "reservation_unused": "'idle'",
}
"""Reason of charges that are never divided, by route."""

_OWNER_ONLY = "CASE WHEN c.{field}_source IN ('rule', 'tag') THEN c.{field} END"


def weigh_whole_charges(connection: Connection) -> None:
    """Weigh what is never divided, and what no telemetry met: the bill alone decides it."""
    for route, reason in _WHOLE.items():
        fields = as_billed() if route == "reservation_unused" else of_the_owner()
        relation = f"charge_now c WHERE c.route = '{route}'"
        rung = "'charge'" if route == "reservation_unused" else "'account-day'"
        sql = target_sql(relation, fields, workload="NULL::text", reason=reason, rung=rung, weight="1")
        connection.execute(text(sql))
    still_open = """charge_now c WHERE c.route = 'use'
        AND NOT EXISTS (SELECT FROM share_weight AS placed WHERE placed.cid = c.cid)"""
    sql = target_sql(still_open, as_billed(), workload="NULL::text", reason=BILLED_REASON, rung=BILLED_RUNG, weight="1")
    connection.execute(text(sql))


def of_the_owner() -> list[tuple[str, tuple[str, str, str]]]:
    """All fields of what is no use of anything: its team, a model that a rule or tag names, and no stage."""
    fields = as_billed()
    fields[0] = ("model", (_OWNER_ONLY.format(field="model"), "c.model_method", "c.model_confidence"))
    fields[2] = ("stage", ("NULL::text", "''", "0"))
    return fields


def make_share_tables(connection: Connection) -> None:
    """Make the empty ``share_now`` and ``target_now``."""
    connection.execute(
        text(
            "CREATE TEMP TABLE target_now (target_key bigint PRIMARY KEY, model text, team text, stage text,"
            " workload text, reason text, is_ai boolean, rung text, method text, confidence numeric) ON COMMIT DROP"
        )
    )
    columns = ", ".join(f"{column} numeric" for column in COSTS)
    connection.execute(text(f"CREATE TEMP TABLE share_now (cid bigint, target_key bigint, {columns}) ON COMMIT DROP"))


def divide(connection: Connection) -> None:
    """Turn the weights of charges that have no share yet into exact shares."""
    columns = ", ".join(_TARGET)
    for statement in (
        "ANALYZE share_weight",
        f"""CREATE TEMP TABLE weighed ON COMMIT DROP AS
            SELECT cid, {_KEY} AS target_key, {columns}, w, count(*) OVER (PARTITION BY cid) AS targets
            FROM (SELECT cid, {columns}, sum(w) AS w FROM share_weight
                  WHERE cid NOT IN (SELECT cid FROM share_now) GROUP BY cid, {columns}) AS added""",
        f"INSERT INTO target_now SELECT DISTINCT target_key, {columns} FROM weighed ON CONFLICT DO NOTHING",
        f"""INSERT INTO share_now
            SELECT w.cid, w.target_key, {", ".join(f"c.{column}" for column in COSTS)}
            FROM weighed w JOIN charge_now c USING (cid) WHERE w.targets = 1""",
        f"""CREATE TEMP TABLE dividing ON COMMIT DROP AS
            SELECT w.cid, w.target_key, w.w, {", ".join(f"c.{column}" for column in COSTS)}
            FROM weighed w JOIN charge_now c USING (cid) WHERE w.targets > 1""",
        f"INSERT INTO share_now {split_exact_sql('dividing', 'cid', 'target_key', 'w')}",
        "DROP TABLE weighed, dividing",
        "ANALYZE share_now",
    ):
        connection.execute(text(statement))


def drop_slices(connection: Connection, *, month: date, slices: list[int]) -> None:
    """Delete the shares of ``slices`` and what was summed from them."""
    for table in ("cost_share", "spend_day", "spend_resource_month"):
        connection.execute(
            text(f"DELETE FROM {table} WHERE billing_month = :month AND slice_id = ANY(:slices)"),
            {"month": month, "slices": slices},
        )


def replace_slices(connection: Connection, *, month: date, slices: list[int]) -> int:
    """Write the shares of ``slices`` and their roll-ups in place of the old ones; returns how many shares.

    Raises ``StoreError`` if a target's key already stands for another target.
    """
    drop_slices(connection, month=month, slices=slices)
    columns = ", ".join(_TARGET)
    connection.execute(
        text(
            f"INSERT INTO share_target (target_key, {columns}) SELECT target_key, {columns} FROM target_now"
            " ORDER BY target_key ON CONFLICT DO NOTHING"
        )
    )
    same = " AND ".join(f"k.{column} IS NOT DISTINCT FROM n.{column}" for column in _TARGET)
    clash = connection.scalar(
        text(f"SELECT min(target_key) FROM target_now n JOIN share_target k USING (target_key) WHERE NOT ({same})")
    )
    if clash is not None:
        raise StoreError(
            "Two different share targets have the same key.",
            where=f"share_target {clash}",
            next_step="Please report this; nothing was changed.",
        )
    written = connection.execute(
        text(
            f"INSERT INTO cost_share (billing_month, slice_id, half, ordinal, target_key, {_COSTS})"
            f" SELECT c.billing_month, c.slice_id, c.half, c.ordinal, s.target_key,"
            f" {', '.join(f's.{column}' for column in COSTS)} FROM share_now s JOIN charge_now c USING (cid)"
        )
    ).rowcount
    for statement in (_SPEND_DAY, _SPEND_RESOURCE):
        connection.execute(text(statement))
    return written


_SPEND_DAY = f"""
    INSERT INTO spend_day (billing_month, charge_date, slice_id, provider, account, service, region, charge_category,
                           is_ai, model, team, stage, reason, rung, currency, {_COSTS}, unknown_costs)
    SELECT c.billing_month, c.charge_date, c.slice_id, c.provider, c.account, c.service, l.region_id,
           c.charge_category, t.is_ai, t.model, t.team, t.stage, t.reason, t.rung, c.currency, {_SUMS}
    FROM share_now s
    JOIN charge_now c USING (cid)
    JOIN target_now t USING (target_key)
    LEFT JOIN location l USING (location_key)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"""

_SPEND_RESOURCE = f"""
    INSERT INTO spend_resource_month (billing_month, slice_id, resource_key, provider, charge_category, is_ai, model,
                                      team, stage, reason, currency, {_COSTS}, unknown_costs)
    SELECT c.billing_month, c.slice_id, c.resource_key, c.provider, c.charge_category, t.is_ai, t.model, t.team,
           t.stage, t.reason, c.currency, {_SUMS}
    FROM share_now s
    JOIN charge_now c USING (cid)
    JOIN target_now t USING (target_key)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"""
