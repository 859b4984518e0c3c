"""Where cost is cut from.

Two narrow roll-ups answer nearly everything: ``spend_day`` (every cut but resource and tag) and
``spend_resource_month`` (resource by billing month). Tags, and resources by day or beside a cut the
roll-up does not keep, come from ``cost_share`` joined to ``charge``: grouped by keys first, named after,
and only over the billing months that have charges in the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Subquery,
    and_,
    cast,
    func,
    null,
    select,
)

from aispend.schema import (
    account,
    charge,
    charge_kind,
    cost_share,
    location,
    resource,
    share_target,
    sku,
    spend_day,
    spend_resource_month,
    tag_set,
)
from reports.views.basis import COSTS, Window
from reports.views.spend_query import CATEGORIES, TAG_PREFIX, SpendQuery

Value = ColumnElement[Any]
_DAY_CUTS = ("provider", "account", "service", "region", "model", "stage", "team", "charge_category", "reason", "rung")
_RESOURCE_MONTH_CUTS = ("provider", "charge_category", "model", "team", "stage", "reason")


@dataclass(frozen=True)
class Source:
    """A relation to cut cost from: the values of the cuts asked for, and what every cut needs besides."""

    relation: FromClause
    cuts: tuple[Value, ...]
    costs: tuple[Value, ...]
    currency: Value
    slice_id: Value
    newest: Value
    ai: Value
    conditions: tuple[ColumnElement[bool], ...]


def source_for(connection: Connection, query: SpendQuery, window: Window) -> Source:
    """The cheapest relation that can answer the query."""
    if not any(name == "resource" or name.startswith(TAG_PREFIX) for name in query.by):
        return _from_days(query, window)
    if query.axis == "billing" and set(query.by) <= {"resource", "month", "ai", *_RESOURCE_MONTH_CUTS}:
        return _from_resource_months(query, window)
    return _from_shares(connection, query, window)


def _from_days(query: SpendQuery, window: Window) -> Source:
    c = spend_day.c
    axis = c.charge_date if query.axis == "usage" else c.billing_month
    month = cast(func.date_trunc("month", c.charge_date), Date) if query.axis == "usage" else c.billing_month
    cuts: dict[str, Value] = {name: c[name] for name in _DAY_CUTS}
    cuts |= {"day": c.charge_date, "month": month, "ai": c.is_ai}
    return Source(
        relation=spend_day,
        cuts=tuple(cuts[name] for name in query.by),
        costs=tuple(c[name] for name in COSTS),
        currency=c.currency,
        slice_id=c.slice_id,
        newest=c.charge_date,
        ai=c.is_ai,
        conditions=(axis >= window.first, axis < window.end, *_narrowing(query, c.charge_category, c.is_ai)),
    )


def _from_resource_months(query: SpendQuery, window: Window) -> Source:
    c = spend_resource_month.c
    cuts: dict[str, Value] = {name: c[name] for name in _RESOURCE_MONTH_CUTS}
    cuts |= {"resource": _RESOURCE_ID, "month": c.billing_month, "ai": c.is_ai}
    return Source(
        relation=spend_resource_month.join(resource, resource.c.resource_key == c.resource_key),
        cuts=tuple(cuts[name] for name in query.by),
        costs=tuple(c[name] for name in COSTS),
        currency=c.currency,
        slice_id=c.slice_id,
        newest=c.billing_month,
        ai=c.is_ai,
        conditions=(
            c.billing_month >= window.first,
            c.billing_month < window.end,
            *_narrowing(query, c.charge_category, c.is_ai),
        ),
    )


def _from_shares(connection: Connection, query: SpendQuery, window: Window) -> Source:
    days = charge.c.charge_date if query.axis == "usage" else charge.c.billing_month
    keys: dict[str, Value] = {"charge_kind_key": charge.c.charge_kind_key, "target_key": cost_share.c.target_key}
    for name in query.by:
        keys |= _keys_for(name, query)
    grouped = (
        select(
            *(column.label(name) for name, column in keys.items()),
            charge.c.slice_id.label("slice_id"),
            func.max(charge.c.charge_date).label("newest"),
            *(func.sum(cost_share.c[name]).label(name) for name in COSTS),
        )
        .select_from(cost_share.join(charge, _same_charge()))
        .where(
            charge.c.billing_month.in_(_billing_months(connection, query, window)),
            days >= window.first,
            days < window.end,
        )
        .group_by(*keys.values(), charge.c.slice_id)
        .subquery("grouped")
    )
    relation: FromClause = grouped.join(charge_kind, charge_kind.c.charge_kind_key == grouped.c.charge_kind_key).join(
        share_target, share_target.c.target_key == grouped.c.target_key
    )
    cuts: list[Value] = []
    joined: set[str] = set()
    for number, name in enumerate(query.by):
        if name.startswith(TAG_PREFIX):
            tags = _tag_values(connection, name.removeprefix(TAG_PREFIX), number)
            relation = relation.join(tags, tags.c.tag_set_key == grouped.c.tag_set_key)
            cuts.append(tags.c.value)
            continue
        relation, value = _named(relation, grouped, name, joined)
        cuts.append(value)
    return Source(
        relation=relation,
        cuts=tuple(cuts),
        costs=tuple(grouped.c[name] for name in COSTS),
        currency=charge_kind.c.billing_currency,
        slice_id=grouped.c.slice_id,
        newest=grouped.c.newest,
        ai=share_target.c.is_ai,
        conditions=_narrowing(query, charge_kind.c.charge_category, share_target.c.is_ai),
    )


def _same_charge() -> ColumnElement[bool]:
    return and_(*(cost_share.c[name] == charge.c[name] for name in ("billing_month", "slice_id", "half", "ordinal")))


def _billing_months(connection: Connection, query: SpendQuery, window: Window) -> Sequence[date]:
    """The partitions to read: a charge may be billed in another month than it was used in."""
    axis = spend_day.c.charge_date if query.axis == "usage" else spend_day.c.billing_month
    months = select(spend_day.c.billing_month).distinct().where(axis >= window.first, axis < window.end)
    return connection.scalars(months).all()


_RESOURCE_ID = func.nullif(resource.c.resource_id, "")
"""The row for "no resource" has an empty id, which is shown as unknown."""
_DIMENSION_OF = {"provider": account, "account": account, "service": sku, "region": location, "resource": resource}


def _keys_for(name: str, query: SpendQuery) -> dict[str, Value]:
    """The key columns of ``charge`` a cut is named from."""
    if name in _DIMENSION_OF:
        key = f"{_DIMENSION_OF[name].name}_key"
        return {key: charge.c[key]}
    if name == "day":
        return {"day": charge.c.charge_date}
    if name == "month":
        if query.axis == "billing":
            return {"month": charge.c.billing_month}
        return {"month": cast(func.date_trunc("month", charge.c.charge_date), Date)}
    return {"tag_set_key": charge.c.tag_set_key} if name.startswith(TAG_PREFIX) else {}


def _named(relation: FromClause, grouped: Subquery, name: str, joined: set[str]) -> tuple[FromClause, Value]:
    """Join what a cut's name is read from, once, and give the name."""
    if name in ("day", "month"):
        return relation, grouped.c[name]
    if name == "ai":
        return relation, share_target.c.is_ai
    if name in ("model", "team", "stage", "reason", "rung"):
        return relation, share_target.c[name]
    if name == "charge_category":
        return relation, charge_kind.c.charge_category
    table = _DIMENSION_OF[name]
    if table.name not in joined:
        joined.add(table.name)
        key = f"{table.name}_key"
        relation = relation.join(table, table.c[key] == grouped.c[key])
    values: dict[str, Value] = {
        "provider": account.c.provider,
        "account": func.coalesce(account.c.sub_account_id, account.c.billing_account_id),
        "service": sku.c.service_name,
        "region": location.c.region_id,
        "resource": _RESOURCE_ID,
    }
    return relation, values[name]


def _tag_values(connection: Connection, wanted: str, number: int) -> Subquery:
    """The value of a tag per tag set; keys fit as they do for attribution, without case and provider's prefix."""
    from analyzer.attribution import plain_tag_key  # only a cut by tag needs the price catalogue behind it

    used = connection.scalars(select(func.jsonb_object_keys(tag_set.c.tags).label("key")).distinct().order_by("key"))
    fitting = [key for key in used if plain_tag_key(key) == plain_tag_key(wanted)]
    value = func.coalesce(*(tag_set.c.tags[key].astext for key in fitting)) if fitting else null()
    return select(tag_set.c.tag_set_key, value.label("value")).subquery(f"tag_{number}")


def _narrowing(query: SpendQuery, category: Value, ai: Value) -> tuple[ColumnElement[bool], ...]:
    conditions: list[ColumnElement[bool]] = [category.is_distinct_from(CATEGORIES[name]) for name in query.without]
    if query.ai_only:
        conditions.append(ai)
    return tuple(conditions)
