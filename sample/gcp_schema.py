"""The schema of Google's billing export in BigQuery, as BigQuery's REST describes a table."""

from __future__ import annotations

from typing import Any

Field = dict[str, Any]


def one(name: str, kind: str = "STRING") -> Field:
    """A column of one value."""
    return {"name": name, "type": kind, "mode": "NULLABLE"}


def record(name: str, *fields: Field) -> Field:
    """A column that is a record."""
    return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": list(fields)}


def many(name: str, *fields: Field) -> Field:
    """A column that is an array of records."""
    return {"name": name, "type": "RECORD", "mode": "REPEATED", "fields": list(fields)}


_PAIR = (one("key"), one("value"))

STANDARD: tuple[Field, ...] = (
    one("billing_account_id"),
    record("service", one("id"), one("description")),
    record("sku", one("id"), one("description")),
    one("usage_start_time", "TIMESTAMP"),
    one("usage_end_time", "TIMESTAMP"),
    record(
        "project",
        one("id"),
        one("number"),
        one("name"),
        many("labels", *_PAIR),
        one("ancestry_numbers"),
        many("ancestors", one("resource_name"), one("display_name")),
    ),
    many("labels", *_PAIR),
    many("system_labels", *_PAIR),
    record("location", one("location"), one("country"), one("region"), one("zone")),
    many("tags", *_PAIR, one("inherited", "BOOLEAN"), one("namespace")),
    one("transaction_type"),
    one("seller_name"),
    one("export_time", "TIMESTAMP"),
    one("cost", "FLOAT"),
    one("cost_at_list", "FLOAT"),
    one("currency"),
    one("currency_conversion_rate", "FLOAT"),
    record(
        "usage",
        one("amount", "FLOAT"),
        one("unit"),
        one("amount_in_pricing_units", "FLOAT"),
        one("pricing_unit"),
    ),
    many("credits", one("name"), one("amount", "FLOAT"), one("full_name"), one("id"), one("type")),
    record("invoice", one("month"), one("publisher_type")),
    one("cost_type"),
    record("adjustment_info", one("id"), one("description"), one("mode"), one("type")),
    record("subscription", one("instance_id")),
    record("consumption_model", one("id"), one("description")),
    one("cost_at_effective_price_default", "FLOAT"),
    one("cost_at_list_consumption_model", "FLOAT"),
)

DETAILED: tuple[Field, ...] = (
    *STANDARD,
    record("resource", one("name"), one("global_name")),
    record(
        "price",
        one("effective_price", "NUMERIC"),
        one("tier_start_amount", "NUMERIC"),
        one("unit"),
        one("pricing_unit_quantity", "NUMERIC"),
        one("list_price", "NUMERIC"),
    ),
)
"""By resource: what costs, and at which price."""
