"""Accelerator hours of a month by place, card and model, with the power and activity measured on them.

Assumes     the month's ``unit_line`` (:mod:`analyzer.unit_costs`): paid hours by day, resource, model and stage, the
            idle ones put upon who used the resource that day.
Method      Of each resource and day the measured power and activity per accelerator hour are taken; they hold for the
            part of the paid hours that was measured. Its users share both as they share its hours.
Cases       More hours measured than paid (a bill still late) count as the paid ones. Where nothing was measured the
            hours are neither measured nor known. A place with several cards on a day counts as the one with most hours.
Drawbacks   Who of two users of a machine drew more power is not known.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

_CARDS = """
    CREATE TEMP TABLE card_of ON COMMIT DROP AS
    SELECT DISTINCT ON (c.resource_key, c.provider, c.account_key, d.day) c.resource_key, c.provider, c.account_key,
           d.day::date AS day, s.accelerator_type, l.region_id AS region
    FROM charge_now c JOIN sku s USING (sku_key) LEFT JOIN location l USING (location_key)
    CROSS JOIN LATERAL generate_series(c.charge_date, c.end_date - 1, interval '1 day') AS d (day)
    WHERE c.accelerator_hours > 0
    ORDER BY c.resource_key, c.provider, c.account_key, d.day, c.accelerator_hours DESC, s.accelerator_type,
             l.region_id"""

_POWER = """
    CREATE TEMP TABLE power_day ON COMMIT DROP AS
    SELECT resource_key, (hour AT TIME ZONE 'UTC')::date AS day,
           sum(powered) AS measured, coalesce(sum(watts), 0) AS wh,
           sum(unpowered) AS known, coalesce(sum(active_unpowered), 0) AS busy
    FROM measured_hour
    WHERE resource_key IN (SELECT resource_key FROM charge_now WHERE route = 'use' AND accelerator_hours > 0)
    GROUP BY resource_key, 2"""

_WRITE = """
    INSERT INTO energy_day (billing_month, day, provider, region, accelerator_type, model, stage, is_idle,
                            accelerator_hours, measured_hours, measured_wh, known_hours, busy_hours)
    SELECT CAST(:month AS date), l.day, l.provider, c.region, c.accelerator_type, l.model, l.stage, l.reason = 'idle',
           round(sum(l.paid), 6), round(sum(l.paid * coalesce(p.measured_part, 0)), 6),
           round(sum(l.paid * coalesce(p.measured_part * p.wh / nullif(p.measured, 0), 0)), 6),
           round(sum(l.paid * coalesce(p.known_part, 0)), 6),
           round(sum(l.paid * coalesce(p.known_part * p.busy / nullif(p.known, 0), 0)), 6)
    FROM unit_line l
    LEFT JOIN card_of c USING (resource_key, provider, account_key, day)
    LEFT JOIN (SELECT d.*, d.measured / greatest(d.measured + d.known, paid.hours) AS measured_part,
                      d.known / greatest(d.measured + d.known, paid.hours) AS known_part
               FROM power_day d
               JOIN (SELECT resource_key, day, sum(paid) AS hours FROM unit_line WHERE paid > 0 AND resource_key <> 0
                     GROUP BY resource_key, day) AS paid USING (resource_key, day)) AS p USING (resource_key, day)
    WHERE l.paid > 0
    GROUP BY l.day, l.provider, c.region, c.accelerator_type, l.model, l.stage, l.reason = 'idle'"""


def write_energy_hours(connection: Connection, *, month: date) -> None:
    """Replace the month's ``energy_day``. Needs ``charge_now``, ``unit_line`` and ``measured_hour``."""
    connection.execute(text("DELETE FROM energy_day WHERE billing_month = :month"), {"month": month})
    connection.execute(text(_CARDS))
    connection.execute(text(_POWER))
    connection.execute(text(_WRITE), {"month": month})
