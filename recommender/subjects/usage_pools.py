"""Usage that a commitment could cover: by payer, region and machine family, hour by hour, as it would cost on demand.

Assumes     a commitment covers whatever the payer runs of a family in a region, whichever account it runs in. A savings
            plan of AWS or Azure may cover more.
Method      The on-demand cost of each day is spread evenly over the hours the bill saw it run, else over as many as its
            quantity says (twelve hours a day are a morning, of every machine, as nobody knows which), else over all;
            a charge of several days is of each of them alike. Billed cost stands in where there is no effective one.
            Usage that no commitment covers counts, and what a commitment covers that ends within ``expiring_days``, or
            has ended: that is on demand now.
            Spot does not, nor does a type without a committed price. What accepted changes will take away is taken out
            first, of those that expired since as well: of a machine to be stopped, to go to spot, to another family, or
            whose work is to be bought, all; of what is switched off by the hour all but the machines that never are;
            else the share it will save. What is done already shows in the bill from its day on, and is taken out of the
            days before. What they take of hours that commitments cover for longer, these cover of the others instead.
Cases       An hour nothing ran is zero usage: it would be paid for all the same. Days before the first that is loaded
            of its payer, or before the end of a month that is not, are unknown: the usage begins after them. A day
            whose cost is unknown makes its pool's usage of that day unknown. A machine that was changed to another type
            is on each day of the type it is billed as.
Drawbacks   Plans that cover several families and regions at once are taken as one for each; what changes set free of
            one is not looked for in the others. Usage outside AI, which is kept without resources, is left out: there
            may be more to commit to than is seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil, prod
from typing import Any

from sqlalchemy import Connection, text

from aispend.clock import HOURS_PER_MONTH
from aispend.money import rate
from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.contract import DailyCost, Subject
from recommender.methods.hours_used import HOURS_PER_DAY, Spent, spread_over_hours, uncovered
from recommender.prices import PriceBook, load_prices
from recommender.subjects.charged_days import each_day
from recommender.subjects.committed_rates import CommittedRate, committed_rates, one_accelerator
from recommender.subjects.decided_usage import Decided, decided_of, decisions_of
from recommender.subjects.families import family_of
from recommender.subjects.loaded_days import loaded_since

_A_WEEK = timedelta(days=7)
"""Of bills under a commitment show what it leaves (``methods/lasting.py``)."""
_ENDED = ("retired", "returned", "deleted", "queued-deleted", "payment-failed", "expired", "cancelled", "failed")
_AMOUNTS = ("on_demand", "list_cost", "effective", "quantity")


@dataclass(frozen=True)
class Expiring:
    """A commitment that ends soon, and what it covers an hour, in on-demand money."""

    commitment_id: str
    ends_at: datetime
    hourly: Decimal


@dataclass(frozen=True)
class Begun:
    """A commitment that may cover a pool and that bills do not show yet, or for less than a week."""

    description: str
    starts_at: datetime


@dataclass(frozen=True, kw_only=True)
class UsagePool(Subject):
    """``usage`` is on-demand money of each hour of the window, None on days of unknown cost, oldest first.

    ``by_resource`` and ``by_type`` are on-demand money of the window by resource and by machine type, ``parts`` that
    of each resource by day, all after what was decided; ``decided`` is what accepted and done changes take out of it,
    ``freed`` what commitments that they set free cover of the rest, ``unpriced`` what types without a committed price
    cost and ``excluded`` what the settings leave out, each a month. ``begun`` are commitments that begin, by their
    listing, less than a week before the end of the evidence or after it: what they cover is in the usage.
    ``by_hour`` is false where the bill does not say which hours of a day ran, only how many. ``one_accelerator`` is
    what one costs an hour on demand where commitments are to whole ones.
    """

    family: str
    start: datetime
    usage: tuple[Decimal | None, ...]
    by_type: Mapping[str, Decimal]
    by_resource: Mapping[str, Decimal]
    parts: Mapping[str, Sequence[Spent]]
    rates: tuple[CommittedRate, ...]
    expiring: tuple[Expiring, ...]
    decided: Decimal
    freed: Decimal = Decimal(0)
    unpriced: Decimal = Decimal(0)
    excluded: Decimal = Decimal(0)
    begun: tuple[Begun, ...] = ()
    by_hour: bool = True
    one_accelerator: Decimal | None = None


def load_usage_pools(
    connection: Connection,
    as_of: datetime,
    window_days: int,
    expiring_days: int,
    without: Collection[tuple[str, str]] = frozenset(),
) -> Iterator[UsagePool]:
    """Pools with usage in the window, by name; ``without`` resources, by provider and id."""
    first, end = (as_of - timedelta(days=window_days)).date(), as_of.date()
    decisions = decisions_of(connection)
    scope = {"start": first, "end": end, "soon": as_of + timedelta(days=expiring_days)}
    changed = sorted({row.resource_id for row in decisions})
    pools: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for row in connection.execute(text(_USAGE), scope | {"changed": changed}):
        family = family_of(row.provider, row.instance_type)
        pools[row.provider, row.payer or "", row.region or "", family, row.currency] += each_day(
            row, _AMOUNTS, since=first, until=end
        )
    decided = decided_of(decisions, _monthly_usage(pools.values(), window_days))
    prices = load_prices(connection, as_of.date())
    loaded = loaded_since(connection, first, end)
    begun = connection.execute(text(_BEGUN), scope | {"since": as_of - _A_WEEK, "ended": list(_ENDED)}).all()
    for (provider, payer, region, family, currency), found_rows in sorted(pools.items()):
        begins = loaded.get((provider, payer), first)
        every = [row for row in found_rows if row.day >= begins]
        rows = [row for row in every if row.is_held or (provider, row.resource_id) not in without]
        if all(row.is_held for row in rows):
            continue
        found = _pool(
            rows, decided, prices, start=datetime.combine(begins, time(), UTC), as_of=as_of,
            header={"provider": provider, "account": payer or None, "region": region or None, "currency": currency},
            family=family,
        )  # fmt: skip
        covering = [one for one in begun if _may_cover(one, provider, payer, region, family)]
        yield replace(
            found,
            begun=tuple(Begun(one.description, one.starts_at) for one in covering),
            excluded=_a_month(_on_demand(every) - _on_demand(rows), (end - begins).days),
        )


def _on_demand(rows: Iterable[Any]) -> Decimal:
    return sum((row.on_demand or Decimal(0) for row in rows if not row.is_held), Decimal(0))


def _a_month(amount: Decimal, days: int) -> Decimal:
    return rate(amount * HOURS_PER_MONTH, Decimal(days * HOURS_PER_DAY))


def _may_cover(one: Any, provider: str, payer: str, region: str, family: str) -> bool:
    """Whether a commitment may cover usage of a family, as far as its listing says what it is for."""
    if one.provider != provider or (one.payers and payer not in one.payers):
        return False
    if one.region is not None and one.region.lower() != region.lower():
        return False
    if one.kind == "savings_plan" and provider == "aws" and one.instance_type is None:
        return str(one.description).lower().startswith("sagemaker" if family.startswith("ml.") else "compute")
    if one.kind == "savings_plan" and one.instance_type is None:
        return True
    # Google's is bound to an accelerator, and which family has that is not looked at
    return one.instance_type is not None and (provider == "gcp" or family_of(provider, one.instance_type) == family)


def _pool(
    rows: Sequence[Any],
    changes: Mapping[tuple[str, str], Sequence[Decided]],
    prices: PriceBook,
    *,
    start: datetime,
    as_of: datetime,
    header: Mapping[str, Any],
    family: str,
) -> UsagePool:
    spent: dict[str, list[Spent]] = defaultdict(list)
    alike: dict[Spent, Spent] = {}
    by_type: dict[str, Decimal] = defaultdict(Decimal)
    by_resource: dict[str, Decimal] = defaultdict(Decimal)
    expiring: dict[str, tuple[datetime, Decimal]] = {}
    costs: dict[date, DailyCost] = {}
    decided = unpriced = Decimal(0)
    place = (header["provider"], header["region"] or "", header["currency"])
    free = [row for row in rows if not row.is_held]
    rates = tuple(committed_rates(place, free, prices, as_of.date()))
    priced = {one.instance_type for one in rates}
    for row in free:
        if priced and row.priced_as not in priced:
            unpriced += row.on_demand or Decimal(0)
            continue
        stays = _stays(changes, header["provider"], row)
        paid = None if row.on_demand is None else row.on_demand * stays
        one = Spent(row.day, _hours_run(row), paid)
        # machines of one type cost the same on most days: what is equal is kept once
        spent[row.resource_id].append(alike.setdefault(one, one))
        amount = Decimal(0) if row.on_demand is None else row.on_demand
        by_type[row.priced_as] += amount * stays
        by_resource[row.resource_id] += amount * stays
        decided += amount * (1 - stays)
        if row.commitment_id is not None and row.ends_at > as_of:
            ends, covered = expiring.get(row.commitment_id, (row.ends_at, Decimal(0)))
            expiring[row.commitment_id] = (ends, covered + amount * stays)
        costs[row.day] = _add(costs.get(row.day), row)
    days = (as_of - start).days
    hours = days * HOURS_PER_DAY
    usage, freed = uncovered(
        spread_over_hours((one for of_one in spent.values() for one in of_one), start.date(), days),
        spread_over_hours(_set_free(rows, changes, header["provider"]), start.date(), days),
    )
    return UsagePool(
        resource_key=0,
        resource_id=f"usage:{header['account'] or 'unknown'}/{header['region'] or 'unknown'}/{family}",
        tags={},
        model=None,
        team=None,
        first_seen=min(costs),
        costs=[costs[day] for day in sorted(costs)],
        as_of=as_of,
        family=family,
        start=start,
        usage=usage,
        by_type=dict(by_type),
        by_resource=dict(by_resource),
        parts={name: tuple(of_one) for name, of_one in spent.items()},
        rates=rates,
        one_accelerator=one_accelerator(
            header["provider"], ((row.instance_type, _hour_count(row), row.on_demand) for row in free)
        ),
        expiring=tuple(
            Expiring(name, ends, rate(whole, Decimal(hours))) for name, (ends, whole) in sorted(expiring.items())
        ),
        decided=_a_month(decided, days),
        freed=_a_month(freed, days),
        unpriced=_a_month(unpriced, days),
        by_hour=all(row.hours is not None or _hours_run(row) is None for row in free),
        **header,
    )


def _stays(changes: Mapping[tuple[str, str], Sequence[Decided]], provider: str, row: Any) -> Decimal:
    """The share of a row's usage that is left after what was decided."""
    return prod((change.of(row.day) for change in changes.get((provider, row.resource_id), ())), start=Decimal(1))


def _set_free(
    rows: Sequence[Any], changes: Mapping[tuple[str, str], Sequence[Decided]], provider: str
) -> Iterator[Spent]:
    """What commitments cover, and cover no longer after what was decided: it is there for other usage."""
    for row in rows:
        if row.is_held and (goes := 1 - _stays(changes, provider, row)):
            yield Spent(row.day, _hours_run(row), None if row.on_demand is None else row.on_demand * goes)


def _hours_run(row: Any) -> int | None:
    """The hours of its day that a row ran, as bits; None is all of them.

    As many as its quantity says where the bill has no hours: the same ones for all, which commits to least.
    """
    if row.hours is not None:
        return int(row.hours)
    if row.quantity is None or row.quantity > HOURS_PER_DAY - 1:
        return None
    return (1 << ceil(max(row.quantity, 0))) - 1 or None


def _hour_count(row: Any) -> int:
    mask = _hours_run(row)
    return HOURS_PER_DAY if mask is None else mask.bit_count()


def _add(before: DailyCost | None, row: Any) -> DailyCost:
    def plus(known: Decimal | None, more: Decimal | None) -> Decimal | None:
        return None if known is None or more is None else known + more

    if before is None:
        before = DailyCost(row.day, 24, Decimal(0), Decimal(0), Decimal(0), is_spot=False)
    covered = row.commitment_id is not None
    return DailyCost(
        day=row.day,
        hours=24,
        list_cost=plus(before.list_cost, row.list_cost),
        effective_cost=plus(before.effective_cost, row.effective),
        uncovered_effective_cost=plus(before.uncovered_effective_cost, Decimal(0) if covered else row.effective),
        is_spot=False,
    )


def _monthly_usage(pools: Iterable[Sequence[Any]], days: int) -> dict[tuple[str, str], Decimal]:
    """What each resource uses a month in on-demand money, covered or not."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in (row for rows in pools for row in rows):
        found[row.provider, row.resource_id] += (row.on_demand or 0) * HOURS_PER_MONTH / (days * HOURS_PER_DAY)
    return found


_USAGE = rf"""
    SELECT r.provider, a.billing_account_id AS payer, coalesce(l.region_id, r.region) AS region,
           coalesce(s.instance_type, r.instance_type) AS instance_type, k.billing_currency AS currency,
           coalesce(substring(coalesce(s.usage_type, s.sku_meter) FROM '^(?\:[A-Z]{{2,4}}\d*-)?(\w+\:ml\..+)$'),
                    s.instance_type, r.instance_type) AS priced_as, of_line.is_held,
           r.resource_id, c.charge_date AS day, {CHARGED_UNTIL} AS end_day,
           CASE WHEN bool_and(c.charge_end_date IS NULL) THEN bit_or(c.hours) END AS hours, t.commitment_id, t.ends_at,
           CASE WHEN bool_and(of_line.quantity IS NOT NULL) THEN max(of_line.quantity) END AS quantity,
           CASE WHEN bool_and(of_line.on_demand IS NOT NULL) THEN sum(of_line.on_demand) END AS on_demand,
           CASE WHEN bool_and(c.list_cost IS NOT NULL) THEN sum(c.list_cost) END AS list_cost,
           CASE WHEN bool_and(of_line.paid IS NOT NULL) THEN sum(of_line.paid) END AS effective
    FROM charge AS c
    JOIN charge_kind AS k USING (charge_kind_key)
    JOIN sku AS s USING (sku_key)
    JOIN account AS a USING (account_key)
    JOIN resource AS r USING (resource_key)
    LEFT JOIN location AS l USING (location_key)
    {JOIN_TO_DATE}
    LEFT JOIN commitment AS m USING (commitment_key)
    LEFT JOIN commitment_term AS t
      ON t.provider = m.provider AND lower(t.commitment_id) = lower(m.commitment_discount_id) AND t.ends_at < :soon
    CROSS JOIN LATERAL (
        SELECT covers.is_any AND t.commitment_id IS NULL AS is_held,
               CASE WHEN covers.is_any THEN coalesce(c.contracted_cost, c.list_cost)
                    ELSE coalesce(c.effective_cost, c.billed_cost, c.contracted_cost) END AS on_demand,
               coalesce(c.effective_cost,
                        CASE WHEN t.commitment_id IS NULL OR c.billed_cost <> 0 THEN c.billed_cost END) AS paid,
               CASE WHEN s.consumed_unit ~* '\m(hours?|hrs?|h)\M' THEN c.consumed_quantity
                    WHEN s.consumed_unit ~* '\m(seconds?|secs?|s)\M' THEN c.consumed_quantity / 3600
                    WHEN s.pricing_unit ~* '\m(hours?|hrs?|h)\M' AND s.pricing_unit !~ '^ *1?[02-9]'
                    THEN c.pricing_quantity END AS quantity
        FROM (SELECT c.commitment_key <> 0 OR k.pricing_category IS NOT DISTINCT FROM 'Committed' AS is_any) AS covers
    ) AS of_line
    WHERE s.is_ai AND k.charge_category = 'Usage'
      AND coalesce(k.pricing_category, 'Standard') <> 'Dynamic'
      AND (NOT of_line.is_held OR r.resource_id = ANY(:changed))
      AND coalesce(s.instance_type, r.instance_type) IS NOT NULL
      AND greatest(c.charge_end_date, c.charge_date + 1) > :start AND c.charge_date < :end
      AND c.billing_month >= date_trunc('month', CAST(:start AS date))
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE position('+' in dataset) > 0))
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13
    ORDER BY r.resource_id, c.charge_date, end_day"""

_BEGUN = """
    SELECT t.provider, t.kind, t.description, t.region, t.instance_type, t.starts_at,
           (SELECT array_agg(DISTINCT a.billing_account_id) FROM account AS a
            WHERE a.provider = t.provider AND a.billing_account_id IS NOT NULL
              AND t.owner_account IN (a.sub_account_id, a.billing_account_id)) AS payers
    FROM commitment_term AS t
    WHERE t.kind IN ('savings_plan', 'reservation', 'committed_use') AND t.state <> ALL(:ended)
      AND t.starts_at > :since AND t.starts_at < :soon AND (t.ends_at IS NULL OR t.ends_at > t.starts_at)
    ORDER BY t.starts_at, t.description, t.commitment_id"""
