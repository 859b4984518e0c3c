"""What a resource is, as its bill says last: whose, where, which machine, in which reservation.

Cases       Of several charges those with accelerators count, and of these the newest. What names no region, type or
            accelerators there is told by the resource's own row.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from aispend.schema import account, charge, charge_kind, location, resource, sku, tag_set


def facts_of(connection: Connection, keys: Collection[tuple[int, str]], since: date) -> dict[int, dict[str, Any]]:
    """What each resource is, from the resource table and its newest charge."""
    newest = (
        select(
            charge.c.resource_key,
            account.c.sub_account_id,
            account.c.billing_account_id,
            location.c.region_id,
            location.c.availability_zone,
            sku.c.platform,
            sku.c.instance_type,
            sku.c.accelerator_type,
            sku.c.accelerators,
            tag_set.c.tags,
            charge_kind.c.capacity_reservation_id,
        )
        .ext(distinct_on(charge.c.resource_key))
        .join(account, account.c.account_key == charge.c.account_key)
        .join(location, location.c.location_key == charge.c.location_key)
        .join(sku, sku.c.sku_key == charge.c.sku_key)
        .join(tag_set, tag_set.c.tag_set_key == charge.c.tag_set_key)
        .join(charge_kind, charge_kind.c.charge_kind_key == charge.c.charge_kind_key)
        .where(
            charge.c.resource_key.in_({key for key, _ in keys}),
            func.greatest(charge.c.charge_end_date, charge.c.charge_date + 1) > since,
            charge.c.billing_month >= since.replace(day=1),
        )
        .order_by(
            charge.c.resource_key,
            # not its disks or processors, and what it is now: it may have been another type before
            sku.c.accelerator_type.is_(None),
            func.coalesce(charge.c.charge_end_date - 1, charge.c.charge_date).desc(),
            sku.c.accelerators.desc().nulls_last(),
            # some hours of a day in a reservation say that there is one
            charge_kind.c.capacity_reservation_id.asc().nulls_last(),
            # of charges alike the same one, in whatever order they came
            charge.c.account_key,
            charge.c.sku_key,
            charge.c.location_key,
            charge.c.tag_set_key,
        )
        .subquery()
    )
    rows = connection.execute(
        select(resource, newest).join(newest, newest.c.resource_key == resource.c.resource_key)
    ).mappings()
    facts: dict[int, dict[str, Any]] = {}
    for row in rows:
        facts[row[resource.c.resource_key]] = {
            "resource_id": row[resource.c.resource_id],
            "provider": row[resource.c.provider],
            "account": row[newest.c.sub_account_id] or row[newest.c.billing_account_id],
            "region": row[newest.c.region_id] or row[resource.c.region],
            "zone": row[newest.c.availability_zone],
            "platform": row[newest.c.platform],
            "instance_type": row[resource.c.instance_type] or row[newest.c.instance_type],
            "billed_type": row[newest.c.instance_type],
            "accelerator_type": row[resource.c.accelerator_type] or row[newest.c.accelerator_type],
            "accelerator_count": row[resource.c.accelerators] or row[newest.c.accelerators],
            "fleet": row[resource.c.fleet],
            "reservation": row[newest.c.capacity_reservation_id],
            "tags": {str(key): str(value) for key, value in row[newest.c.tags].items()},
            "first_seen": row[resource.c.first_seen] or since,
        }
    return facts
