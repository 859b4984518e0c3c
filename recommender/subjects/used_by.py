"""Who uses a machine: the model, team and stage with the largest share of its cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from aispend.schema import charge, cost_share, share_target

ALONE = Decimal("0.9")
"""Share of what models cost on a machine from which on one of them has it alone."""


def used_by(connection: Connection, since: date) -> dict[int, tuple[str | None, str | None, str | None, bool]]:
    """Model, team and stage with the largest effective share of each resource, and whether the model has it alone."""
    effective = func.sum(func.coalesce(cost_share.c.effective_cost, cost_share.c.billed_cost))
    rows = connection.execute(
        select(
            charge.c.resource_key,
            share_target.c.model,
            share_target.c.team,
            share_target.c.stage,
            func.sum(effective).over(partition_by=(charge.c.resource_key, share_target.c.model)),
            func.sum(effective).filter(share_target.c.model.is_not(None)).over(partition_by=charge.c.resource_key),
        )
        .ext(distinct_on(charge.c.resource_key))
        .join(
            cost_share,
            and_(
                cost_share.c.billing_month == charge.c.billing_month,
                cost_share.c.slice_id == charge.c.slice_id,
                cost_share.c.half == charge.c.half,
                cost_share.c.ordinal == charge.c.ordinal,
            ),
        )
        .join(share_target, share_target.c.target_key == cost_share.c.target_key)
        .where(
            charge.c.resource_key != 0,
            func.greatest(charge.c.charge_end_date, charge.c.charge_date + 1) > since,
            charge.c.billing_month >= since.replace(day=1),
            share_target.c.model.is_not(None) | share_target.c.team.is_not(None) | (share_target.c.stage != "unknown"),
        )
        .group_by(charge.c.resource_key, share_target.c.model, share_target.c.team, share_target.c.stage)
        .order_by(
            charge.c.resource_key,
            effective.desc().nulls_last(),
            share_target.c.model,
            share_target.c.team,
            share_target.c.stage,
        )
    )
    return {
        key: (model, team, stage, model is None or not of_all or of_model >= ALONE * of_all)
        for key, model, team, stage, of_model, of_all in rows
    }
