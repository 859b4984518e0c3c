"""Where cost is cut from.

Two narrow roll-ups answer nearly everything: ``spend_day`` (every cut but resource and tag) and
``spend_resource_month`` (resource by billing month). Tags, and resources by day or beside a cut the roll-up does
not keep, come from ``charge``, joined to ``cost_share`` only where somebody's share is asked for: grouped by keys
first, named after, and only over the bills that are analyzed and have charges in the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal_column,
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
    slice_,
    spend_day,
    spend_resource_month,
    tag_set,
)
from aispend.tag_keys import spellings
from analyzer.unknown_costs import ALL_COSTS, CostsGiven, costs_given, null_costs_sql
from reports.views.basis import COSTS, Window
from reports.views.spend_query import CATEGORIES, TAG_PREFIX, SpendQuery

Value = ColumnElement[Any]
_DAY_CUTS = ("provider", "account", "service", "region", "model", "stage", "team", "charge_category", "reason", "rung")
_TARGET_CUTS = ("model", "team", "stage", "reason", "rung", "ai")
"""What is said of a share, not of a charge."""
_RESOURCE_MONTH_CUTS = ("provider", "charge_category", "model", "team", "stage", "reason")


@dataclass(frozen=True)
class Source:
    """A relation to cut cost from: the values of the cuts asked for, and what every cut needs besides.

    ``unknown_costs`` are the bits of the costs that some charge lacks (see the column of that name in ``spend_day``).
    ``ai`` is None where the relation does not know what is AI spend. ``is_summed`` tells that its rows are
    sums already, one or few for each combination of the cuts and a bill.
    """

    relation: FromClause
    cuts: tuple[Value, ...]
    costs: tuple[Value, ...]
    unknown_costs: Value
    currency: Value
    slice_id: Value
    ai: Value | None
    conditions: tuple[ColumnElement[bool], ...]
    is_summed: bool = False


def source_for(connection: Connection, query: SpendQuery, window: Window) -> Source:
    """The cheapest relation that can answer the query."""
    if not any(name == "resource" or name.startswith(TAG_PREFIX) for name in query.by):
        return from_days(query, window)
    if query.axis == "billing" and set(query.by) <= {"resource", "month", "ai", *_RESOURCE_MONTH_CUTS}:
        return _from_resource_months(query, window)
    return _from_charges(connection, query, window)


def from_days(query: SpendQuery, window: Window) -> Source:
    """``spend_day``, which knows every cut but resource and tag."""
    c = spend_day.c
    axis = c.charge_date if query.axis == "usage" else c.billing_month
    month = _month_of(c.charge_date) if query.axis == "usage" else c.billing_month
    cuts: dict[str, Value] = {name: c[name] for name in _DAY_CUTS}
    cuts |= {"day": c.charge_date, "month": month, "ai": c.is_ai}
    return Source(
        relation=spend_day,
        cuts=tuple(cuts[name] for name in query.by),
        costs=tuple(c[name] for name in COSTS),
        unknown_costs=c.unknown_costs,
        currency=c.currency,
        slice_id=c.slice_id,
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
        unknown_costs=c.unknown_costs,
        currency=c.currency,
        slice_id=c.slice_id,
        ai=c.is_ai,
        conditions=(
            c.billing_month >= window.first,
            c.billing_month < window.end,
            *_narrowing(query, c.charge_category, c.is_ai),
        ),
    )


def _from_charges(connection: Connection, query: SpendQuery, window: Window) -> Source:
    days = charge.c.charge_date if query.axis == "usage" else charge.c.billing_month
    by_share = query.ai_only or any(name in _TARGET_CUTS for name in query.by)
    summed = cost_share if by_share else charge
    keys: dict[str, Value] = {"charge_kind_key": charge.c.charge_kind_key}
    if by_share:
        keys["target_key"] = cost_share.c.target_key
    for name in query.by:
        keys |= _keys_for(name, query)
    loaded = connection.execute(_bills(query, window)).all()
    bills = [bill for bill in loaded if bill.is_analyzed]
    months = [bill.period for bill in bills] or [window.first]
    others = {bill.slice_id for bill in loaded if not bill.is_analyzed and min(months) <= bill.period <= max(months)}
    given = costs_given(connection, [bill.slice_id for bill in bills])
    if given.has_pairs:
        keys["half"] = charge.c.half
    grouped = (
        select(
            *(column.label(name) for name, column in keys.items()),
            charge.c.slice_id.label("slice_id"),
            *(func.sum(summed.c[name]).label(name) for name in COSTS),
            func.bit_or(literal_column(null_costs_sql(summed.name), Integer)).label("null_costs"),
        )
        .select_from(cost_share.join(charge, _same_charge()) if by_share else charge)
        .where(
            charge.c.billing_month >= min(months),
            charge.c.billing_month <= max(months),
            *([charge.c.slice_id.not_in(others)] if others else []),  # asked of every charge: only where it matters
            days >= window.first,
            days < window.end,
        )
        .group_by(*keys.values(), charge.c.slice_id)
        .subquery("grouped")
    )
    relation: FromClause = grouped.join(charge_kind, charge_kind.c.charge_kind_key == grouped.c.charge_kind_key)
    if by_share:
        relation = relation.join(share_target, share_target.c.target_key == grouped.c.target_key)
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
        unknown_costs=_unknown_costs(grouped, given),
        currency=charge_kind.c.billing_currency,
        slice_id=grouped.c.slice_id,
        ai=share_target.c.is_ai if by_share else None,
        conditions=_narrowing(query, charge_kind.c.charge_category, share_target.c.is_ai),
        is_summed=True,
    )


def _unknown_costs(grouped: Subquery, given: CostsGiven) -> Value:
    """Of the costs that are NULL on some charge, those its bill, or its half of it, is the one to give.

    Each mask stands beside its places (slice × 4 + half) rather than in a relation to join, which the planner
    would take for one that leaves next to nothing.
    """
    places: dict[int, list[int]] = {}
    for slice_id, half, bits in zip(given.slices, given.halves, given.given, strict=True):
        if bits != ALL_COSTS and (given.has_pairs or not half):
            places.setdefault(bits, []).append(4 * slice_id + half)
    if not places:
        return grouped.c.null_costs
    place = 4 * grouped.c.slice_id + (grouped.c.half if given.has_pairs else 0)
    masks = case(*((place.in_(found), bits) for bits, found in places.items()), else_=ALL_COSTS)
    return grouped.c.null_costs.op("&")(masks)


def _same_charge() -> ColumnElement[bool]:
    return and_(*(cost_share.c[name] == charge.c[name] for name in ("billing_month", "slice_id", "half", "ordinal")))


def _bills(query: SpendQuery, window: Window) -> Select[tuple[date, int, bool]]:
    """The bills, and whether they have analyzed charges in the window, which may be billed in another month."""
    axis = spend_day.c.charge_date if query.axis == "usage" else spend_day.c.billing_month
    inside = select(1).where(spend_day.c.slice_id == slice_.c.slice_id, axis >= window.first, axis < window.end)
    return select(slice_.c.period, slice_.c.slice_id, inside.exists().label("is_analyzed")).where(
        slice_.c.kind == "bill"
    )


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
        return {"month": _month_of(charge.c.charge_date)}
    return {"tag_set_key": charge.c.tag_set_key} if name.startswith(TAG_PREFIX) else {}


def _named(relation: FromClause, grouped: Subquery, name: str, joined: set[str]) -> tuple[FromClause, Value]:
    """Join what a cut's name is read from, once, and give the name."""
    if name in ("day", "month"):
        return relation, grouped.c[name]
    if name == "ai":
        return relation, share_target.c.is_ai
    if name in _TARGET_CUTS:
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
    """The value of a tag per tag set; of keys that fit one written as asked comes first, then one without its signs."""
    used = connection.scalars(select(func.jsonb_object_keys(tag_set.c.tags).label("key")).distinct().order_by("key"))
    as_asked, alike = spellings(used, wanted)
    fitting = [*as_asked, *alike]
    value = func.coalesce(*(tag_set.c.tags[key].astext for key in fitting)) if fitting else null()
    return select(tag_set.c.tag_set_key, value.label("value")).subquery(f"tag_{number}")


def _month_of(day: Value) -> Value:
    """Without a zone: of a plain date, ``date_trunc`` would go through one, which takes longer than all the rest."""
    return cast(func.date_trunc("month", cast(day, DateTime(timezone=False))), Date)


def _narrowing(query: SpendQuery, category: Value, ai: Value) -> tuple[ColumnElement[bool], ...]:
    conditions: list[ColumnElement[bool]] = [category.is_distinct_from(CATEGORIES[name]) for name in query.without]
    if query.ai_only:
        conditions.append(ai)
    return tuple(conditions)
