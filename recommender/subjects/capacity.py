"""Capacity that is paid for whether used or not: units of throughput, reserved machines nobody runs, kept warm ones.

Assumes     the bill says which hours of a reservation were not used (FOCUS status, or EC2 usage types ``Unused…``).
            Of a reservation only the cost of what was not used, by day, and of what ran in it the hours
            (``reserved_hours.py``), unless its listing has series of what was used, which count machines where a bill
            counts cores and memory. Units are the newest listing's, else what the newest two days are both charged for
            over their hours: a day on which they changed says neither number. Use is what is recorded for the resource,
            else for the provider, account and model: then what was bought by the token counts with it, which is
            careful. Where nothing is, whether anybody looked tells silence from ignorance (``watched.py``).
Cases       Units of throughput whose SKU names a term (Bedrock's 1MonthCommit, Vertex's 1 month) are sold for it.
            A day without a line had nothing unused. A charge without a cost makes its day's cost unknown. One of a
            longer time is of each of its days alike.
Drawbacks   Use is known by the hour, and a unit's limit is by the minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, text

from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.contract import DailyCost, Subject
from recommender.methods.empty_machines import Ran
from recommender.subjects.machine_life import Life, load_lives
from recommender.subjects.reserved_hours import measured_use, ran_in
from recommender.subjects.served_use import Use, served_use
from recommender.subjects.watched import looked_at, watched_days

_TERM = re.compile(r"(\d+)[ _-]*([a-z]+)", re.IGNORECASE)
What = Literal["provisioned_throughput", "capacity_reservation", "warm_pool"]


@dataclass(frozen=True, kw_only=True)
class Capacity(Subject):
    """Paid capacity; ``units`` of throughput or machines of ``instance_type``, None unknown.

    ``ends_at`` is when the commitment to it ends (None: none is known), ``sold_for`` the term that its price is of, in
    the bill's words (None: it has none), ``use`` what was asked of it by hour.
    ``details`` are its newest listing's. ``unit_hours`` are what each day was charged for, in unit- or machine-hours;
    of a reservation those that stood empty, and ``ran`` what ran in it: None unknown, a day that is missing nothing.
    ``units_used`` are the most units of throughput that a day's minutes used, as the cloud measures it. ``is_by_day``
    is false where a charge is of several days: of no single one is it known then what stood empty.
    """

    what: What
    instance_type: str | None
    accelerator_type: str | None
    units: Decimal | None
    ends_at: datetime | None = None
    sold_for: str | None = None
    use: Use | None = None
    state: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    unit_hours: Mapping[date, Decimal] = field(default_factory=dict)
    ran: Mapping[date, Ran | None] | None = None
    units_used: Mapping[date, float] = field(default_factory=dict)
    is_by_day: bool = True


def load_capacity(connection: Connection, as_of: datetime, window_days: int) -> Iterator[Capacity]:
    """All of it that was charged in the window, by its names; as many as there are reservations."""
    since = as_of.date() - timedelta(days=window_days)
    rows = connection.execute(
        text(_CHARGES), {"since": since, "until": as_of.date(), "month": since.replace(day=1)}
    ).all()
    if not rows:
        return
    reservations = {row.reservation for row in rows if row.reservation}
    ran = ran_in(connection, reservations, since, as_of.date()) if reservations else {}
    lives = load_lives(connection)
    terms = {row.commitment_id: row.ends_at for row in connection.execute(text(_TERMS))}
    by_resource, by_model = served_use(connection, as_of, window_days)
    watched = watched_days(connection, {row.resource_key for row in rows} - {0}, as_of, window_days)
    for _, group in groupby(rows, key=lambda row: tuple(row[:7])):
        charges = list(group)
        row = charges[-1]
        life = lives.get(row.resource_key, Life())
        use = by_resource.get(row.resource_key) if row.resource_key else None
        hours, running = _hours(life, charges, ran)
        place = "/".join(part or "unknown" for part in (row.account, row.region, row.model or row.instance_type))
        yield Capacity(
            resource_key=row.resource_key,
            resource_id=row.resource_id or f"{row.what}:{place}",
            provider=row.provider,
            account=row.account,
            region=row.region,
            currency=row.currency,
            tags=life.tags | {str(key): str(value) for key, value in (row.tags or {}).items()},
            model=row.model,
            team=None,
            first_seen=row.first_seen or since,
            costs=[_day(one) for one in charges],
            as_of=as_of,
            what="warm_pool" if life.kind == "sagemaker_warm_pool" else row.what,
            instance_type=row.instance_type,
            accelerator_type=row.accelerator_type,
            units=_units(life, charges),
            unit_hours=hours,
            ran=running,
            ends_at=terms.get(row.resource_id) or _ends(life),
            sold_for=_term(row.sold_for),
            use=looked_at(
                use or by_model.get((row.provider, row.account, row.model)),
                watched.get(row.resource_key, frozenset()),
                window_days,
            ),
            state=life.state,
            details=life.details,
            is_by_day=not any(one.of_several for one in charges),
            units_used={
                date.fromisoformat(day): used for day, used in (life.details.get("units_used_by_day") or {}).items()
            },
        )


def _hours(
    life: Life, charges: Sequence[Any], ran: Mapping[tuple[str, date], Ran | None]
) -> tuple[Mapping[date, Decimal], Mapping[date, Ran | None] | None]:
    """Unit-hours of each day and what ran: by the listing's series, else by the bill."""
    if measured := measured_use(life.details, [one.day for one in charges]):
        return measured.empty, measured.ran
    row = charges[-1]
    by_name = {day: found for (name, day), found in ran.items() if name == row.reservation}
    hours = {one.day: one.quantity for one in charges if one.quantity is not None and one.by_hour}
    return hours, by_name if row.marked and row.reservation else None


def _day(row: Any) -> DailyCost:
    return DailyCost(
        day=row.day,
        hours=24 if row.hours is None else int(row.hours).bit_count(),
        list_cost=row.list_cost,
        effective_cost=row.cost,
        uncovered_effective_cost=row.uncovered,
        is_spot=False,
        billed=bool(row.billed),
        hours_mask=None if row.hours is None else int(row.hours),
    )


def _units(life: Life, charges: Sequence[Any]) -> Decimal | None:
    """Model units or machines: as listed, else what the newest two days were both charged for over their hours."""
    listed = life.details.get("model_units", life.details.get("total"))
    if listed is not None:
        return Decimal(str(listed))
    sizes = {_size(row) for row in charges[-2:]}
    return sizes.pop() if len(sizes) == 1 else None


def _size(row: Any) -> Decimal | None:
    hours = 24 if row.hours is None else int(row.hours).bit_count()
    return round(row.quantity / hours, 2) if row.quantity and hours and row.by_hour else None


def _term(words: str | None) -> str | None:
    """``1 month`` of 1Month, as a bill runs words together."""
    found = None if words is None else _TERM.fullmatch(words)
    return None if found is None else f"{found[1]} {found[2].lower()}{'' if found[1] == '1' else 's'}"


def _ends(life: Life) -> datetime | None:
    told = life.details.get("commitment_ends_at", life.details.get("ends_at"))
    return datetime.fromisoformat(str(told)) if told else None


_TERMS = "SELECT commitment_id, ends_at FROM commitment_term WHERE state NOT IN ('retired', 'deleted', 'expired')"

_CHARGES = rf"""
    WITH line AS (
        SELECT CASE WHEN s.platform = 'provisioned_throughput' THEN s.platform ELSE 'capacity_reservation' END AS what,
               s.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account, l.region_id AS region,
               coalesce(r.resource_id, k.capacity_reservation_id) AS resource_id, s.model, s.instance_type,
               s.accelerator_type, k.billing_currency AS currency, c.resource_key, c.charge_date + later AS day,
               r.first_seen, t.tags, c.hours, c.list_cost / days AS list_cost,
               c.effective_cost / days AS effective_cost, c.billed_cost / days AS billed_cost,
               c.pricing_quantity / days AS pricing_quantity, days > 1 AS of_several,
               coalesce(k.pricing_category = 'Committed', false) OR c.commitment_key <> 0 AS covered,
               lower(s.pricing_unit) ~ 'hour|hrs?$' AS by_hour, k.capacity_reservation_id AS reservation,
               k.capacity_reservation_status IS NOT NULL AS marked,
               CASE WHEN s.platform = 'provisioned_throughput'
                    THEN substring(concat_ws(' ', s.usage_type, s.sku_meter, s.charge_description)
                                   FROM '(?i)\d+[ _-]*(?\:week|month|year)') END AS sold_for
        FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key)
        JOIN account a USING (account_key) LEFT JOIN location l USING (location_key)
        LEFT JOIN resource r ON r.resource_key = c.resource_key AND c.resource_key <> 0
        LEFT JOIN tag_set t ON t.tag_set_key = c.tag_set_key
        -- a charge of a longer time is of each of its days alike
        {JOIN_TO_DATE}
        CROSS JOIN LATERAL (SELECT greatest({CHARGED_UNTIL} - c.charge_date, 1) AS days) AS period
        CROSS JOIN LATERAL generate_series(0, days - 1) AS later
        WHERE k.charge_category = 'Usage' AND s.is_ai
          AND c.charge_date + later >= :since AND c.charge_date + later < :until
          AND c.billing_month >= :month
          AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE position('+' in dataset) > 0))
          AND (s.platform = 'provisioned_throughput' OR k.capacity_reservation_status = 'Unused'
               OR (s.platform = 'capacity_reservation' AND s.usage_type ~ 'Unused(Box|Ded):'))),
    valued AS (
        SELECT *, coalesce(effective_cost, CASE WHEN NOT (covered AND billed_cost = 0) THEN billed_cost END) AS cost
        FROM line)
    SELECT what, provider, account, region, resource_id, coalesce(model, instance_type) AS name, currency, day,
           max(model) AS model, max(instance_type) AS instance_type, max(accelerator_type) AS accelerator_type,
           max(resource_key) AS resource_key, min(first_seen) AS first_seen, (array_agg(tags))[1] AS tags,
           CASE WHEN bool_and(hours IS NOT NULL) THEN bit_or(hours) END AS hours,
           CASE WHEN bool_and(list_cost IS NOT NULL) THEN sum(list_cost) END AS list_cost,
           CASE WHEN bool_and(cost IS NOT NULL) THEN sum(cost) END AS cost,
           CASE WHEN bool_and(covered OR cost IS NOT NULL)
                THEN coalesce(sum(cost) FILTER (WHERE NOT covered), 0) END AS uncovered,
           bool_or(effective_cost IS NULL AND cost IS NOT NULL) AS billed, sum(pricing_quantity) AS quantity,
           bool_and(coalesce(by_hour, false)) AS by_hour, max(reservation) AS reservation, bool_and(marked) AS marked,
           max(sold_for) AS sold_for,
           bool_or(of_several) AS of_several
    FROM valued
    GROUP BY what, provider, account, region, resource_id, coalesce(model, instance_type), currency, day
    ORDER BY what, provider, account, region, resource_id, name, currency, day"""
