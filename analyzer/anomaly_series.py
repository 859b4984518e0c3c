"""What the watch looks at: daily cost per service, model, team, accelerator and in all, and what a unit of a SKU costs.

Accounts and SKUs are looked at for their first spend alone.


Usage that clouds and APIs bill alone: purchases, taxes and credits come on days of their own and have no everyday to
differ from, and the company's own costs (people, licences) are as a person wrote them down. A team or a model that
telemetry tells is watched for the days on which it does (:mod:`analyzer.anomaly_known`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum
from analyzer.anomaly_known import Told, known_span, told_values, without_holes
from analyzer.series import OWN, Behind, Series, SeriesCut
from analyzer.series_together import Asked, SpendByDay

CUTS: tuple[SeriesCut, ...] = ("model", "team", "service")
ACCELERATOR = "accelerator"
ACCOUNT: SeriesCut = "account"
SKU = "sku"
_USAGE = ("Usage", None)
_LONGEST_CHARGE = timedelta(days=62)
"""A billing month may hold charges of days before and after it."""


@dataclass(frozen=True)
class WatchedSeries:
    """Cost per day of one value of one cut, from ``first`` on; ``partly_unknown`` where some charge has no cost.

    It may begin later and end earlier than what is watched: beyond, the value is unknown. ``part_of`` says where its
    value may have another name, as a SKU in its service; empty where that is anywhere.
    """

    cut: str
    value: str | None
    currency: str
    first: date
    costs: tuple[Decimal, ...]
    partly_unknown: bool = False
    part_of: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Rates:
    """Cost and quantity of one SKU per day; ``value`` names it."""

    value: str
    currency: str
    first: date
    costs: tuple[Decimal, ...]
    quantities: tuple[Decimal, ...]


@dataclass(frozen=True)
class Watched:
    """Everything the watch looks at: the days from ``first`` to the day before ``end``, without the bills behind."""

    first: date
    end: date
    series: tuple[WatchedSeries, ...]
    rates: tuple[Rates, ...]
    behind: tuple[Behind, ...]
    left_out: tuple[int, ...]
    """Slices of the bills that are behind."""
    firsts: tuple[WatchedSeries, ...] = ()
    """Accounts and SKUs."""


def asked_by_watch(days: int, ai_only: bool) -> tuple[Asked, ...]:
    """The daily series that the watch reads."""
    return tuple(Asked(cut, ai_only, days) for cut in (*CUTS, ACCOUNT))


def watched(connection: Connection, spend: SpendByDay, *, days: int, ai_only: bool, least: Decimal) -> Watched | None:
    """The last ``days`` whole days of ``spend``; None where no bill of a cloud is analyzed.

    SKUs that cost less than ``least`` are left out.
    """
    of: dict[str, list[WatchedSeries]] = {}
    found = None
    for asked in asked_by_watch(days, ai_only) if spend.clouds else ():
        found = spend.series(asked)
        if found is not None:
            of[asked.by] = _usage(asked.by, found.series)
    if found is None:
        return None
    left_out = tuple(
        slice_id
        for one in found.behind
        for slice_id in connection.scalars(text(_SLICES), {"provider": one.provider, "scope": one.scope})
    )
    scope = {
        "first": found.first,
        "end": found.end,
        "first_month": found.first - _LONGEST_CHARGE,
        "end_month": found.end + _LONGEST_CHARGE,
        "left_out": list(left_out),
        "ai_only": ai_only,
        "least": least,
    }
    length = (found.end - found.first).days
    told = told_values(connection, found.first, found.end, left_out, least)
    series = [known for cut in CUTS for one in of[cut] if (known := _known(one, told, least)) is not None]
    series += _accelerators(connection.execute(text(_ACCELERATORS), scope).all(), found.first, length)
    behind = {(one.provider, one.scope) for one in found.behind}
    begun = max((bill.first for bill in spend.clouds if (bill.provider, bill.scope) not in behind), default=found.first)
    series += _together(of["service"], "ai" if ai_only else "all", max(found.first, begun))
    rates = _rates(connection.execute(text(_RATES), scope).all(), found.first, length)
    skus = _skus(connection.execute(text(_SKUS), scope).all(), found.first, length)
    firsts = (*of[ACCOUNT], *skus)
    return Watched(found.first, found.end, tuple(series), tuple(rates), found.behind, left_out, firsts)


def _usage(cut: str, series: Iterable[Series]) -> list[WatchedSeries]:
    """Series by cut and category, those of usage added up by cut."""
    found: dict[tuple[str | None, str], WatchedSeries] = {}
    for one in series:
        value, category = one.cut
        if category not in _USAGE:
            continue
        name = (value, one.currency)
        known = found.get(name)
        costs = one.costs if known is None else tuple(a + b for a, b in zip(known.costs, one.costs, strict=True))
        lacks = one.partly_unknown or (known is not None and known.partly_unknown)
        found[name] = WatchedSeries(cut, value, one.currency, one.first, costs, lacks)
    return list(found.values())


def _together(series: Iterable[WatchedSeries], cut: str, first: date) -> list[WatchedSeries]:
    """All of them as one series per currency, from ``first`` on: before it the spend of some bill is unknown."""
    alike: dict[str, list[WatchedSeries]] = {}
    for one in series:
        alike.setdefault(one.currency, []).append(one)
    found = []
    for currency, parts in sorted(alike.items()):
        days = zip(*(one.costs[(first - one.first).days :] for one in parts), strict=True)
        costs = tuple(exact_sum(day) for day in days)
        found.append(WatchedSeries(cut, None, currency, first, costs, any(one.partly_unknown for one in parts)))
    return [one for one in found if one.costs]


def _known(one: WatchedSeries, told: Sequence[Told], least: Decimal) -> WatchedSeries | None:
    """The days of a series on which its value is known; None where it is on none."""
    end = one.first + timedelta(days=len(one.costs))
    name = (one.cut, one.value, one.currency)
    since, until = known_span(told, name, one.first, end, least)
    costs = without_holes(told, name, one.first, one.costs, least)[
        (since - one.first).days : max((until - one.first).days, 0)
    ]
    return replace(one, first=since, costs=costs) if costs else None


def _accelerators(rows: Iterable[Sequence[Any]], first: date, length: int) -> list[WatchedSeries]:
    costs: dict[tuple[str, str], list[Decimal]] = {}
    for value, currency, day, cost in rows:
        costs.setdefault((value, currency), [Decimal(0)] * length)[(day - first).days] = cost or Decimal(0)
    return [WatchedSeries(ACCELERATOR, *name, first, tuple(values)) for name, values in sorted(costs.items())]


def _skus(rows: Iterable[Sequence[Any]], first: date, length: int) -> list[WatchedSeries]:
    costs: dict[tuple[str, str], list[Decimal]] = {}
    part_of: dict[tuple[str, str], tuple[str | None, ...]] = {}
    for value, currency, provider, service, day, cost in rows:
        days = costs.setdefault((value, currency), [Decimal(0)] * length)
        days[(day - first).days] = exact_sum((days[(day - first).days], cost or Decimal(0)))
        part_of.setdefault((value, currency), (provider, service))
    return [WatchedSeries(SKU, *name, first, tuple(days), part_of=part_of[name]) for name, days in costs.items()]


def _rates(rows: Iterable[Sequence[Any]], first: date, length: int) -> list[Rates]:
    found: dict[tuple[int, str], tuple[str, list[Decimal], list[Decimal]]] = {}
    for sku_key, value, currency, day, cost, quantity in rows:
        name = (sku_key, currency)
        if name not in found:
            found[name] = (value, [Decimal(0)] * length, [Decimal(0)] * length)
        _, costs, quantities = found[name]
        costs[(day - first).days], quantities[(day - first).days] = cost, quantity
    return [
        Rates(value, currency, first, tuple(costs), tuple(quantities))
        for (_, currency), (value, costs, quantities) in found.items()
    ]


def spent_before(connection: Connection, cut: str, value: str, day: date) -> bool:
    """Whether a cloud billed any cost of this value before a day; of a SKU, under its name or under its id."""
    special = {ACCELERATOR: _ACCELERATOR_BEFORE, SKU: _SKU_BEFORE}
    statement = special.get(cut) or _VALUE_BEFORE.format(cut=cut)
    return bool(connection.scalar(text(statement), {"value": value, "day": day}))


SKU_NAME = "coalesce(k.charge_description, k.sku_meter, k.usage_type, k.sku_id, k.service_name, 'SKU without a name')"
"""What people can recognise a SKU by, as SQL over ``sku k``."""

COST = "coalesce(s.effective_cost, CASE WHEN NOT 'effective_cost' = ANY(b.columns_known) THEN s.billed_cost END)"
"""Effective cost, or billed where the bill has no effective one: as the daily series, over ``s`` and ``slice b``."""

NOT_OWN = f"b.provider <> '{OWN}'"
"""What a cloud or an API bills, over ``b`` with a provider."""

_SLICES = "SELECT slice_id FROM slice WHERE kind = 'bill' AND provider = :provider AND scope = :scope"

_CHARGES = f"""
    FROM charge s JOIN slice b USING (slice_id) JOIN sku k USING (sku_key) JOIN charge_kind ck USING (charge_kind_key)
    WHERE s.billing_month BETWEEN :first_month AND :end_month AND s.charge_date >= :first AND s.charge_date < :end
      AND s.slice_id <> ALL(:left_out) AND {NOT_OWN} AND (ck.charge_category = 'Usage' OR ck.charge_category IS NULL)"""

_ACCELERATORS = f"""
    SELECT k.accelerator_type, ck.billing_currency, s.charge_date, sum({COST}) {_CHARGES}
      AND k.accelerator_type IS NOT NULL AND (k.is_ai OR NOT :ai_only)
    GROUP BY 1, 2, 3"""

_SKUS = f"""
    SELECT {SKU_NAME}, ck.billing_currency, k.provider, k.service_name, s.charge_date, sum({COST}) {_CHARGES}
      AND (k.is_ai OR NOT :ai_only)
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 1, 2, 3, 4, 5"""

_RATES = f"""
    WITH line AS (
        SELECT s.sku_key, {SKU_NAME} AS name, ck.billing_currency AS currency, s.charge_date AS day, {COST} AS cost,
               s.pricing_quantity AS priced, s.consumed_quantity AS consumed,
               count(s.pricing_quantity) OVER sku >= count(s.consumed_quantity) OVER sku AS by_price {_CHARGES}
          AND (k.is_ai OR NOT :ai_only) AND {COST} IS NOT NULL
        WINDOW sku AS (PARTITION BY s.sku_key)),
    day AS (
        SELECT sku_key, name, currency, day, sum(cost) AS cost,
               sum(CASE WHEN by_price THEN priced ELSE consumed END) AS quantity
        FROM line WHERE CASE WHEN by_price THEN priced ELSE consumed END > 0
        GROUP BY 1, 2, 3, 4)
    SELECT sku_key, name, currency, day, cost, quantity
    FROM (SELECT *, sum(cost) OVER (PARTITION BY sku_key, currency) AS total FROM day) AS d WHERE total > :least
    ORDER BY 1, 3, 4"""
"""By SKU, currency and day, in one unit: the price's, or that of consumption where more lines say how much that was."""

_VALUE_BEFORE = f"""
    SELECT EXISTS (SELECT FROM spend_day b
                   WHERE b.{{cut}} = :value AND b.charge_date < :day AND coalesce(b.effective_cost, b.billed_cost) > 0
                     AND {NOT_OWN})"""

_ACCELERATOR_BEFORE = f"""
    SELECT EXISTS (SELECT FROM charge c JOIN sku k USING (sku_key) JOIN slice b USING (slice_id)
                   WHERE k.accelerator_type = :value AND c.charge_date < :day
                     AND coalesce(c.effective_cost, c.billed_cost) > 0 AND {NOT_OWN})"""

_SKU_BEFORE = f"""
    WITH named AS (SELECT k.sku_key, k.provider, k.sku_id FROM sku k WHERE {SKU_NAME} = :value)
    SELECT EXISTS (SELECT FROM charge c JOIN slice b USING (slice_id)
                   WHERE c.sku_key IN (SELECT sku_key FROM named
                                       UNION SELECT k.sku_key FROM sku k JOIN named USING (provider, sku_id))
                     AND c.charge_date < :day AND coalesce(c.effective_cost, c.billed_cost) > 0 AND {NOT_OWN})"""
