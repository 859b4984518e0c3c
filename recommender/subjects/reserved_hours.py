"""What ran in reserved machines, by the hours of the bill or a cloud's own series of them: the most at once, and
machine-hours, day by day.

Assumes     each line of a used hour names the machine that ran, and its quantity is in hours.
Cases       A machine of more machine-hours than hours is several (a reservation that is named for those in it), or a
            bill without hours: what ran on that day is unknown, as on each day of a charge of several. A bill that
            marks what was not used and nothing as used had nothing that ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.methods.empty_machines import HOURS, Ran

_ROUNDING = 1e-6


def ran_in(
    connection: Connection, reservations: Collection[str], since: date, until: date
) -> Mapping[tuple[str, date], Ran | None]:
    """By reservation and day, where the bill has a line of use; None where it does not say how many ran when."""
    rows = connection.execute(
        text(_USED), {"ids": list(reservations), "since": since, "until": until, "month": since.replace(day=1)}
    )
    at_once: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0] * HOURS)
    ran: dict[tuple[str, date], float | None] = defaultdict(float)
    for name, day, key, hours, quantity in rows:
        before = ran[name, day]
        if hours is None or quantity is None or not key or quantity > int(hours).bit_count() + _ROUNDING:
            ran[name, day] = None
        elif before is not None:
            ran[name, day] = before + float(quantity)
            for hour in range(HOURS):
                at_once[name, day][hour] += int(hours) >> hour & 1
    return {at: None if amount is None else Ran(amount, max(at_once[at])) for at, amount in ran.items()}


@dataclass(frozen=True)
class Measured:
    """Machine-hours that stood empty by day, and what ran: None on a day the series does not tell."""

    empty: Mapping[date, Decimal]
    ran: Mapping[date, Ran | None]


def measured_use(details: Mapping[str, Any], days: Collection[date]) -> Measured | None:
    """What the listing of a reservation has of its series on these days; None where it has none."""
    told: Mapping[str, Mapping[str, float]] = details.get("use_by_day") or {}
    if not told:
        return None
    known = {day: told[f"{day}"] for day in days if f"{day}" in told}
    return Measured(
        {day: Decimal(str(one["reserved_hours"])) - Decimal(str(one["used_hours"])) for day, one in known.items()},
        {day: Ran(known[day]["used_hours"], int(known[day]["used_most"])) if day in known else None for day in days},
    )


_USED = f"""
    SELECT k.capacity_reservation_id, c.charge_date + later AS day, c.resource_key,
           CASE WHEN bool_and(c.hours IS NOT NULL AND days = 1) THEN bit_or(c.hours) END,
           CASE WHEN bool_and(c.pricing_quantity IS NOT NULL AND lower(s.pricing_unit) ~ 'hour|hrs?$')
                THEN sum(c.pricing_quantity) END
    FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key)
    {JOIN_TO_DATE}
    CROSS JOIN LATERAL (SELECT greatest({CHARGED_UNTIL} - c.charge_date, 1) AS days) AS period
    CROSS JOIN LATERAL generate_series(0, days - 1) AS later
    WHERE k.capacity_reservation_id = ANY(:ids) AND k.capacity_reservation_status = 'Used'
      AND k.charge_category = 'Usage' AND s.is_ai
      AND c.charge_date + later >= :since AND c.charge_date + later < :until
      AND c.billing_month >= :month
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE position('+' in dataset) > 0))
    GROUP BY 1, 2, 3"""
