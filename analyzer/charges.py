"""The charges of one provider's month, in temporary tables the placing steps share.

    charge_now    one charge each: ``cid``, the way it goes (``route``), what is decided about it, its four costs
    share_weight  what each step says: charge → to whom and why, with a weight
    held_hour     workloads resolved to resources, by hour
    used_day      inference usage resolved to resources, by day

Nothing here outlives the transaction.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from analyzer.exact_sql import COSTS
from analyzer.unknown_costs import costs_given, null_costs_sql

SUPPORT = "(s.service_name ~* 'support' OR s.service_subcategory ~* 'support')"
"""Support plans are recognised by the service's name; the FOCUS categories have no value for them."""

HELD_OVER_TIME = """(s.accelerators IS NOT NULL OR coalesce(s.consumed_unit, s.pricing_unit) IS NULL
    OR coalesce(s.consumed_unit, s.pricing_unit) ~* '(hour|hrs|\\mh\\M|second|minute|day|month)')"""
"""What is paid for by time can be idle; what is paid for by use cannot."""

IS_AI = "coalesce(d.ai_ruled, d.is_ai OR ai.resource_key IS NOT NULL) AND k.charge_category <> 'Tax'"
"""A machine's cores, memory and licence are billed beside its accelerators: one AI charge on a resource makes all of
its charges AI spend. Tax never is of itself."""

ROUTE = f"""CASE
    WHEN k.charge_category = 'Tax' THEN 'tax'
    WHEN k.charge_category IN ('Credit', 'Adjustment') THEN 'credit'
    WHEN k.commitment_discount_status = 'Unused' THEN 'commitment_unused'
    WHEN k.charge_category = 'Purchase' AND c.commitment_key <> 0 THEN 'fee'
    WHEN d.shared IS NOT NULL THEN 'shared'
    WHEN NOT ({IS_AI}) AND {SUPPORT} THEN 'support'
    WHEN NOT ({IS_AI}) THEN 'not_ai'
    WHEN k.capacity_reservation_status = 'Unused' THEN 'reservation_unused'
    ELSE 'use' END"""

PIECE = """CASE
    WHEN s.accelerators > 0 THEN 'accelerators'
    WHEN concat_ws(' ', s.sku_meter, s.charge_description) ~* '\\m(ram|memory)\\M' THEN 'memory'
    WHEN concat_ws(' ', s.sku_meter, s.charge_description) ~* '\\m(v?cpus?|v?cores?)\\M' THEN 'cpus'
    ELSE 'node' END"""
"""Which piece of a machine the SKU prices, where a bill has a price for each (see :mod:`analyzer.capacity`)."""

_HOURS_CONSUMED = """
    WHEN s.consumed_unit ~* '\\m(hours?|hrs?|h)\\M' THEN c.consumed_quantity
    WHEN s.consumed_unit ~* '\\m(seconds?|secs?|s)\\M' THEN c.consumed_quantity / 3600
    WHEN s.consumed_unit ~* '\\m(minutes?|mins?)\\M' THEN c.consumed_quantity / 60"""

HOURS_BILLED = f"""CASE {_HOURS_CONSUMED}
    WHEN s.pricing_unit ~* '\\m(hours?|hrs?|h)\\M' THEN c.pricing_quantity
    ELSE bit_count(c.hours::bit(24)) END"""
"""Hours the charge is for: its quantity where the unit says so, else the hours it has lines in."""

_HOURS_SAID = f"""CASE {_HOURS_CONSUMED}
    WHEN s.pricing_unit ~* '\\m(hours?|hrs?|h)\\M' AND s.pricing_unit !~ '^ *1?[02-9]' THEN c.pricing_quantity END"""
"""Hours the charge's quantity says, in a unit of one of them; NULL is unknown."""

_DECIDED = ", ".join(
    f"{field} text, {field}_source text, {field}_method text, {field}_confidence numeric"
    for field in ("model", "team", "stage")
)
_CREATE_CHARGES = f"""
    CREATE TEMP TABLE charge_now (
        cid bigint PRIMARY KEY, route text NOT NULL,
        billing_month date, slice_id int, half smallint, ordinal int,
        charge_date date, end_date date, hours int,
        account_key bigint, sku_key bigint, location_key bigint, resource_key bigint, tag_set_key bigint,
        commitment_key bigint, currency text, charge_category text, provider text, account text, service text,
        group_name text, capacity numeric, size text NOT NULL, piece text, over_time boolean, shared_cost text,
        sku_model text, unit_class text, accelerator_hours numeric, accelerators numeric, hours_said numeric,
        units numeric, is_ai boolean, {_DECIDED},
        {", ".join(f"{column} numeric" for column in COSTS)}, unknown_costs smallint NOT NULL
    ) ON COMMIT DROP"""

_DECISION = """decision d ON d.account_key = c.account_key AND d.sku_key = c.sku_key
                   AND d.location_key = c.location_key AND d.tag_set_key = c.tag_set_key
                   AND d.resource_key = CASE WHEN :by_resource THEN c.resource_key ELSE 0 END
                   AND c.charge_date >= d.valid_from AND c.charge_date < d.valid_to"""

_AI_RESOURCES = f"""
    CREATE TEMP TABLE ai_resource ON COMMIT DROP AS
    SELECT DISTINCT c.resource_key FROM charge c JOIN {_DECISION}
    WHERE c.billing_month = :month AND c.slice_id = ANY(:slices) AND c.resource_key <> 0 AND d.is_ai"""

_FILL_CHARGES = f"""
    INSERT INTO charge_now
    SELECT row_number() OVER (ORDER BY c.slice_id, c.half, c.ordinal), {ROUTE},
           c.billing_month, c.slice_id, c.half, c.ordinal,
           c.charge_date, greatest(coalesce(c.charge_end_date, c.charge_date), c.charge_date + 1), c.hours,
           c.account_key, c.sku_key, c.location_key, c.resource_key, c.tag_set_key,
           c.commitment_key, k.billing_currency, k.charge_category, a.provider,
           coalesce(a.sub_account_id, a.billing_account_id), s.service_name,
           coalesce(a.provider || ':' || r.fleet, c.resource_key::text),
           coalesce(nullif(r.accelerators, 0), nullif(s.accelerators, 0)), '', {PIECE},
           {HELD_OVER_TIME}, d.shared,
           s.model, s.unit_class,
           s.accelerators * {HOURS_BILLED}, s.accelerators, {_HOURS_SAID},
           c.pricing_quantity * s.units_per_pricing_unit, {IS_AI},
           d.model, d.model_source, d.model_method, d.model_confidence,
           d.team, d.team_source, d.team_method, d.team_confidence,
           d.stage, d.stage_source, d.stage_method, d.stage_confidence,
           {", ".join(f"c.{column}" for column in COSTS)}, ({null_costs_sql("c")}) & g.given
    FROM charge c
    JOIN unnest(CAST(:given_slices AS int[]), CAST(:given_halves AS smallint[]), CAST(:given AS int[]))
         AS g (slice_id, half, given) USING (slice_id, half)
    JOIN account a USING (account_key)
    JOIN sku s USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    LEFT JOIN resource r USING (resource_key)
    JOIN {_DECISION}
    LEFT JOIN ai_resource ai ON ai.resource_key = c.resource_key
    WHERE c.billing_month = :month AND c.slice_id = ANY(:slices)"""

_UNUSED_FOR_AI = """
    UPDATE charge_now c SET is_ai = true
    FROM (SELECT slice_id, commitment_key FROM charge_now
          WHERE route IN ('use', 'shared', 'not_ai') AND commitment_key <> 0
          GROUP BY slice_id, commitment_key
          HAVING sum(abs(coalesce(effective_cost, list_cost))) FILTER (WHERE is_ai)
                 >= 0.5 * sum(abs(coalesce(effective_cost, list_cost)))) AS covers
    WHERE c.route = 'commitment_unused' AND c.slice_id = covers.slice_id
      AND c.commitment_key = covers.commitment_key"""
"""The unused part of a commitment is AI spend where most of what it covered is."""

_CREATE_WEIGHTS = """
    CREATE TEMP TABLE share_weight (
        cid bigint NOT NULL, model text, team text, stage text NOT NULL, workload text, reason text NOT NULL,
        is_ai boolean NOT NULL, rung text NOT NULL, method text NOT NULL, confidence numeric NOT NULL,
        w numeric NOT NULL CHECK (w > 0)
    ) ON COMMIT DROP"""


def stage_charges(connection: Connection, *, month: date, slices: list[int], by_resource: bool) -> int:
    """Make ``charge_now`` and an empty ``share_weight``; returns how many charges there are. Needs ``decision``."""
    scope = {"month": month, "slices": slices, "by_resource": by_resource}
    connection.execute(text(_AI_RESOURCES), scope)
    connection.execute(text(_CREATE_CHARGES))
    given = costs_given(connection, slices)
    by_half = {"given_slices": given.slices, "given_halves": given.halves, "given": given.given}
    count = connection.execute(text(_FILL_CHARGES), scope | by_half).rowcount
    connection.execute(text(_UNUSED_FOR_AI))
    connection.execute(text(_CREATE_WEIGHTS))
    for statement in (
        "CREATE INDEX ON charge_now (resource_key) WHERE route = 'use' AND resource_key <> 0",
        "ANALYZE charge_now",
        "CREATE INDEX ON share_weight (cid)",
    ):
        connection.execute(text(statement))
    return count
