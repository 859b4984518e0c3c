"""The SELECTs that hand a roll-up's tables to the store, columns named as in ``aispend.schema``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from aispend.engine.exact import amount_sql
from aispend.engine.line import (
    ACCOUNT_COLUMNS,
    COMMITMENT_COLUMNS,
    COST_COLUMNS,
    KIND_COLUMNS,
    LOCATION_COLUMNS,
    SKU_COLUMNS,
    literal,
)

CLASS_COLUMNS = (
    "is_ai",
    "ai_rule",
    "platform",
    "accelerator_type",
    "accelerators",
    "model",
    "unit_class",
    "units_per_pricing_unit",
    "stage",
)
"""What a classifier says of a SKU, in the order of table ``sku``."""

CLASS_TYPES = {"is_ai": "BOOLEAN", "accelerators": "DECIMAL(38,12)", "units_per_pricing_unit": "DECIMAL(38,12)"}
"""DuckDB types of those that are no text."""

_QUANTITIES = {
    "pricing_quantity": "pricing_quantity",
    "consumed_quantity": "consumed_quantity",
    "commitment_discount_quantity": "commitment_quantity",
}


def facts_sql(slice_ids: Mapping[tuple[str, str, date], int], half: int, known: Sequence[str]) -> str:
    """Rows of table ``charge``; cost columns not in ``known`` are NULL."""
    ids = ", ".join(
        f"({literal(provider)}, {literal(scope)}, DATE '{month}', {number})"
        for (provider, scope, month), number in slice_ids.items()
    )
    costs = [
        f"{amount_sql(name) if name in known else 'CAST(NULL AS DECIMAL(38,12))'} AS {name}" for name in COST_COLUMNS
    ]
    quantities = [f"{amount_sql(ours)} AS {column}" for ours, column in _QUANTITIES.items()]
    return (
        "SELECT x_billing_month AS billing_month, CAST(slice_id AS INTEGER) AS slice_id, "
        f"CAST({half} AS SMALLINT) AS half, CAST(row_number() OVER () AS INTEGER) AS ordinal, "
        "day AS charge_date, end_day AS charge_end_date, account_key, sku_key, location_key, resource_key, "
        f"tag_set_key, commitment_key, charge_kind_key, hours, {', '.join(costs + quantities)}, line_count "
        "FROM fact JOIN slice USING (slice_no) "
        f"JOIN (VALUES {ids}) AS loaded(provider, scope, month, slice_id) "
        "ON provider = x_provider AND scope = x_scope AND month = x_billing_month"
    )


_MACHINE_USED = (
    "nullif(regexp_extract(coalesce(x_usage_type, sku_meter), "
    r"'(?:BoxUsage|SpotUsage|DedicatedUsage|UnusedBox|UnusedDed):([a-z0-9-]+\.[a-z0-9-]+)', 1), '')"
)
"""The machine type that AWS writes into the usage type: its FOCUS 1.0 exports say it nowhere else."""

_SEEN = f"""
    SELECT resource_key, min(day) AS first_seen, max(last) AS last_seen,
      max(coalesce(sub_account_id, billing_account_id)) AS account, max(region_id) AS region, max(fleet) AS fleet,
      coalesce(max(x_instance_type) FILTER (accelerators IS NOT NULL), max(x_instance_type), max(used_type))
        AS instance_type,
      max(accelerator_type) AS accelerator_type, max(accelerators) AS accelerators
    FROM (SELECT resource_key, account_key, location_key, sku_key, tag_set_key, min(day) AS day, max(day) AS last
            FROM fact WHERE resource_key <> 0 GROUP BY ALL)
    LEFT JOIN (SELECT account_key, any_value(sub_account_id) AS sub_account_id,
                 any_value(billing_account_id) AS billing_account_id FROM context GROUP BY ALL) USING (account_key)
    LEFT JOIN (SELECT location_key, any_value(region_id) AS region_id FROM context GROUP BY ALL) USING (location_key)
    LEFT JOIN (SELECT sku_key, any_value(x_instance_type) AS x_instance_type, max({_MACHINE_USED}) AS used_type
                 FROM sku GROUP BY ALL) USING (sku_key)
    LEFT JOIN sku_class USING (sku_key)
    LEFT JOIN (SELECT tag_set_key, max(fleet) AS fleet FROM tag_fact GROUP BY ALL) USING (tag_set_key)
    GROUP BY resource_key
"""


def _plain(columns: Sequence[str]) -> str:
    return ", ".join(f"{name} AS {name.removeprefix('x_')}" for name in columns)


DIMENSIONS = {
    "account": f"SELECT DISTINCT account_key, x_provider AS provider, {_plain(ACCOUNT_COLUMNS)} FROM context "
    "WHERE account_key IN (SELECT account_key FROM fact)",
    "sku": f"SELECT DISTINCT sku_key, x_provider AS provider, {_plain(SKU_COLUMNS)}, {', '.join(CLASS_COLUMNS)} "
    "FROM sku JOIN sku_class USING (sku_key) WHERE sku_key IN (SELECT sku_key FROM fact)",
    "location": f"SELECT DISTINCT location_key, x_provider AS provider, {_plain(LOCATION_COLUMNS)} FROM context "
    "WHERE location_key <> 0 AND location_key IN (SELECT location_key FROM fact)",
    "tag_set": "SELECT DISTINCT tag_set_key, tags FROM tag_set "
    "WHERE tag_set_key <> 0 AND tag_set_key IN (SELECT tag_set_key FROM fact)",
    "charge_kind": f"SELECT DISTINCT charge_kind_key, {_plain(KIND_COLUMNS[:-1])}, flag FROM charge_kind "
    "WHERE charge_kind_key IN (SELECT charge_kind_key FROM fact)",
    "commitment": "SELECT commitment_key, any_value(x_provider) AS provider, "
    "any_value(commitment_discount_id) AS commitment_discount_id, "
    + ", ".join(f"max({name}) AS {name}" for name in COMMITMENT_COLUMNS[1:])
    + " FROM context WHERE commitment_key <> 0 AND commitment_key IN (SELECT commitment_key FROM fact) GROUP BY ALL",
    "resource": f"WITH seen AS ({_SEEN}), named AS (SELECT resource_key, any_value(x_provider) AS provider, "
    "any_value(resource_id) AS resource_id, max(resource_name) AS resource_name, max(resource_type) AS resource_type "
    "FROM resource GROUP BY ALL) SELECT seen.resource_key, named.provider, resource_id, resource_name, resource_type, "
    "account, region, coalesce(fleet, nullif(regexp_extract(resource_id, '/virtualmachinescalesets/([^/]+)', 1), '')) "
    "AS fleet, instance_type, accelerator_type, accelerators, first_seen, last_seen "
    "FROM seen JOIN named USING (resource_key)",
}
"""The rows of each dimension table that the facts point to."""
