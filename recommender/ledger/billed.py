"""What the bill shows of resources in a period: hours, cost with and without commitments, list price per hour.

Assumes
    Usage charges of AI spend are what a change of a resource changes; purchases, credits and tax are not.
Method
    Hours are the quantity where the SKU is priced by the hour, else the hours with a line, else 24 for a day with a
    charge. A resource with several SKUs ran as long as the longest of them; a machine's disk, by the gigabyte and month
    under the machine's id, does not run. Cost is effective cost; billed cost stands
    in as in ``recommender/subjects/machines.py``.
Cases
    A day on which a charge of a resource has no known cost is left out of hours and costs, and counted as unknown.
    A charge of several days is of each of them, in equal parts: one for a month is paid for on the days after a change
    too. In a bill by the month that is not over, it is of the days until it was loaded (``aispend/monthly_bills.py``).
Known drawbacks
    A charge of a month that names no period stands on its day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.money import exact_sum, rate
from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.subjects.machine_hours import STORED

_NOTHING = Decimal(0)
_HOUR = r"^(hours?|hrs?|h|1 ?hour|instance[- ]hours?|compute[- ]hours?|vm[- ]hours?)$"
_DAY = Decimal(24)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """Charges of one resource, day, SKU, commitment and currency; ``mask`` of hours None where the bill has none.

    ``commitment_key`` is 0 where no commitment covers it, or one that the bill does not name.
    """

    resource_key: int
    day: date
    sku_key: int
    region: str | None
    covered: bool
    cost: Decimal | None
    list_cost: Decimal | None
    quantity: Decimal | None
    mask: int | None
    commitment_key: int = 0
    currency: str = ""
    part_of: date | None = None
    """First day of the charge it is a part of; None where it is one of its day."""

    @property
    def is_paid(self) -> bool:
        """Whether it costs something and is no disk of a machine, which is paid for while the machine is off."""
        return self.cost != 0 and self.quantity != 0

    def is_charged_after(self, day: date) -> bool:
        """Whether the charge began later: one for a month runs on though what it is for was stopped."""
        return (self.part_of or self.day) > day


@dataclass(frozen=True)
class Billed:
    """Sums over the days whose cost is known; ``hours`` of resources added up, ``service_hours`` with any of them.

    ``covered_hours`` are those a commitment covered, ``covered_share`` of them all. ``list_cost`` and
    ``uncovered_list`` are None where some charge has none. ``main_sku`` is what most was paid for, in ``region``, at
    ``list_price`` an hour.
    """

    days: int
    unknown_days: int
    hours: Decimal
    service_hours: Decimal
    covered_hours: Decimal
    covered_share: Decimal
    effective: Decimal
    uncovered: Decimal
    list_cost: Decimal | None
    uncovered_list: Decimal | None
    main_sku: int
    region: str | None
    list_price: Decimal | None
    parts: dict[int, tuple[Decimal, Decimal]]
    """Hours and effective cost by resource."""


def lines(connection: Connection, keys: Collection[int], currency: str | None, first: date, end: date) -> list[Line]:
    """Usage of the resources on the days from ``first`` to before ``end``, by day; of all currencies where None."""
    if not keys or end <= first:
        return []
    month_before = (first.replace(day=1) - _ONE_DAY).replace(day=1)
    rows = connection.execute(
        text(_LINES),
        {"keys": sorted(keys), "currency": currency, "first": first, "end": end, "month": month_before}
        | {"hour": _HOUR, "stored": STORED},
    )
    return sorted(
        (line for *row, end_day in rows for line in _on_its_days(Line(*row), end_day) if first <= line.day < end),
        key=lambda line: (line.resource_key, line.day),
    )


def _on_its_days(whole: Line, end: date | None) -> Iterator[Line]:
    """A charge on each of its days, to the one before ``end``; the last has what equal parts leave."""
    days = 1 if end is None else (end - whole.day).days
    if days <= 1:
        yield whole
        return

    def part(amount: Decimal | None, *, is_last: bool) -> Decimal | None:
        if amount is None:
            return None
        each = rate(amount, Decimal(days))
        return exact_sum((amount, -each * (days - 1))) if is_last else each

    for number in range(days):
        is_last = number == days - 1
        yield replace(
            whole,
            day=whole.day + number * _ONE_DAY,
            cost=part(whole.cost, is_last=is_last),
            list_cost=part(whole.list_cost, is_last=is_last),
            quantity=part(whole.quantity, is_last=is_last),
            mask=None,
            part_of=whole.day,
        )


def in_other_currencies(found: Iterable[Line], currency: str, before: Iterable[Line]) -> list[Line]:
    """Lines that cost something in another currency than this one in which their SKU was not charged ``before``."""
    known = {(line.sku_key, line.currency) for line in before}
    return [
        line
        for line in found
        if line.cost != 0 and line.currency != currency and (line.sku_key, line.currency) not in known
    ]


def charged_in(others: Iterable[str], currency: str) -> str:
    """A sentence that says that it is charged in other currencies than before."""
    return f"It is charged in {' and '.join(sorted({*others}))} since, and what that is in {currency} is not known."


def sum_up(found: Iterable[Line]) -> Billed:
    """The lines of a period together, which are of one currency."""
    by_day: dict[tuple[int, date], list[Line]] = defaultdict(list)
    for line in found:
        by_day[line.resource_key, line.day].append(line)
    unknown = {day for (_, day), ours in by_day.items() if any(line.cost is None for line in ours)}
    known = {key: ours for key, ours in by_day.items() if key[1] not in unknown}
    every = [line for ours in known.values() for line in ours]
    ran = {key: _hours(ours) for key, ours in known.items()}
    hours = exact_sum(total for total, _ in ran.values())
    covered = exact_sum(part for _, part in ran.values())
    sku, region = _main(every)
    return Billed(
        days=len({day for _, day in known}),
        unknown_days=len(unknown),
        hours=hours,
        service_hours=_service_hours(known, ran),
        covered_hours=covered,
        covered_share=rate(covered, hours) if hours else _NOTHING,
        effective=_sum(line.cost for line in every),
        uncovered=_sum(line.cost for line in every if not line.covered),
        list_cost=_known_sum([line.list_cost for line in every]),
        uncovered_list=_known_sum([line.list_cost for line in every if not line.covered]),
        main_sku=sku,
        region=region,
        list_price=_list_price([line for line in every if line.sku_key == sku]),
        parts={
            key: (
                exact_sum(total for (other, _), (total, _) in ran.items() if other == key),
                _sum(line.cost for line in every if line.resource_key == key),
            )
            for key in sorted({line.resource_key for line in every})
        },
    )


def list_price_of(
    connection: Connection, sku_key: int, region: str | None, first: date, end: date, *, currency: str
) -> Decimal | None:
    """List cost per hour that any resource was charged for a SKU in a region; None where nobody paid for it in the
    currency."""
    wanted = {"sku": sku_key, "region": region, "currency": currency, "first": first, "end": end, "hour": _HOUR}
    row = connection.execute(text(_LIST_PRICE), wanted).one()
    return rate(row.list_cost, row.hours) if row.hours else None


def _hours(ours: Sequence[Line]) -> tuple[Decimal, Decimal]:
    """Hours a resource ran on a day, and how many of them a commitment covered: by its longest SKU."""
    by_sku: dict[int, list[Line]] = defaultdict(list)
    for line in ours:
        by_sku[line.sku_key].append(line)
    return max((_sku_hours(same) for same in by_sku.values()), key=lambda hours: hours[0])


def _sku_hours(same: Sequence[Line]) -> tuple[Decimal, Decimal]:
    mine = [line for line in same if line.covered]
    if all(line.quantity is not None for line in same):
        return _sum(line.quantity for line in same), _sum(line.quantity for line in mine)
    if all(line.mask is not None for line in same):
        total = 0
        for line in same:
            total |= line.mask or 0
        bits = sum((line.mask or 0).bit_count() for line in same)
        hours = Decimal(total.bit_count())
        share = Decimal(sum((line.mask or 0).bit_count() for line in mine))
        return hours, rate(hours * share, Decimal(bits)) if bits else _NOTHING
    return _DAY, rate(_DAY * len(mine), Decimal(len(same)))


def _service_hours(
    known: dict[tuple[int, date], list[Line]], ran: dict[tuple[int, date], tuple[Decimal, Decimal]]
) -> Decimal:
    """Hours in which at least one of the resources ran: by the hours with a line, else as the longest of the day."""
    masks: dict[date, int] = defaultdict(int)
    longest: dict[date, Decimal] = defaultdict(Decimal)
    blind: set[date] = set()
    for (key, day), ours in known.items():
        longest[day] = max(longest[day], ran[key, day][0])
        for line in ours:
            masks[day] |= line.mask or 0
            if line.mask is None:
                blind.add(day)
    return exact_sum(
        min(hours, _DAY) if day in blind else Decimal(masks[day].bit_count()) for day, hours in longest.items()
    )


def _main(every: Sequence[Line]) -> tuple[int, str | None]:
    """The SKU and region that most was paid for."""
    paid: dict[tuple[int, str | None], Decimal] = defaultdict(Decimal)
    for line in every:
        paid[line.sku_key, line.region] += line.cost or _NOTHING
    return max(paid, key=lambda key: (paid[key], -key[0]), default=(0, None))


def _list_price(same: Sequence[Line]) -> Decimal | None:
    total = _known_sum([line.list_cost for line in same])
    by_day: dict[tuple[int, date], list[Line]] = defaultdict(list)
    for line in same:
        by_day[line.resource_key, line.day].append(line)
    hours = exact_sum(_hours(ours)[0] for ours in by_day.values())
    return None if total is None or not hours else rate(total, hours)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return exact_sum(amount for amount in amounts if amount is not None)


def _known_sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if known and len(known) == len(amounts) else None


_JOINED = f"""
    FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key)
    JOIN location l USING (location_key) {JOIN_TO_DATE}"""

_COUNTED = """
    WHERE k.charge_category = 'Usage' AND s.is_ai
      AND coalesce(c.charge_end_date, c.charge_date + 1) > :first AND c.charge_date < :end
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE position('+' in dataset) > 0))"""

_USAGE = _JOINED + _COUNTED

_USAGE_OF_RESOURCES = f"""{_JOINED} JOIN resource r USING (resource_key)
    CROSS JOIN LATERAL (
        SELECT r.instance_type IS NOT NULL AND coalesce(lower(s.pricing_unit) ~ :stored, false) AS is_disk) kept
    {_COUNTED}"""

_LINES = f"""
    WITH line AS (
        SELECT c.resource_key, c.charge_date, {CHARGED_UNTIL} AS charge_end_date, c.sku_key, c.commitment_key,
               l.region_id,
               coalesce(k.pricing_category = 'Committed', false) OR c.commitment_key <> 0 AS covered,
               c.effective_cost, c.billed_cost, c.list_cost, k.billing_currency,
               CASE WHEN kept.is_disk THEN 0 ELSE c.hours END AS hours,
               CASE WHEN kept.is_disk THEN 0 WHEN lower(s.pricing_unit) ~ :hour THEN c.pricing_quantity END AS quantity
        {_USAGE_OF_RESOURCES} AND c.resource_key = ANY(:keys) AND c.billing_month >= :month
          AND (CAST(:currency AS text) IS NULL OR k.billing_currency = :currency)),
    valued AS (
        SELECT *, coalesce(effective_cost, CASE WHEN NOT (covered AND billed_cost = 0) THEN billed_cost END) AS cost
        FROM line)
    SELECT resource_key, charge_date, sku_key, max(region_id), covered,
           CASE WHEN bool_and(cost IS NOT NULL) THEN sum(cost) END,
           CASE WHEN bool_and(list_cost IS NOT NULL) THEN sum(list_cost) END,
           CASE WHEN bool_and(quantity IS NOT NULL) THEN sum(quantity) END,
           CASE WHEN bool_and(hours IS NOT NULL) THEN bit_or(hours) END,
           commitment_key, billing_currency, charge_end_date
    FROM valued
    GROUP BY resource_key, charge_date, sku_key, covered, commitment_key, billing_currency, charge_end_date
    ORDER BY resource_key, charge_date, sku_key, covered, commitment_key, billing_currency, charge_end_date"""

_LIST_PRICE = f"""
    WITH line AS (
        SELECT c.list_cost, CASE WHEN lower(s.pricing_unit) ~ :hour AND c.pricing_quantity IS NOT NULL
                                 THEN c.pricing_quantity
                                 WHEN c.charge_end_date IS NULL THEN bit_count(CAST(c.hours AS bit(32))) END AS hours
        {_USAGE} AND c.sku_key = :sku AND l.region_id IS NOT DISTINCT FROM :region
          AND k.billing_currency = :currency)
    SELECT sum(list_cost) AS list_cost, sum(hours) AS hours
    FROM line WHERE list_cost IS NOT NULL AND hours > 0"""
