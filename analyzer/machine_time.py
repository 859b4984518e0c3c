"""How long a machine ran in each hour: what the bill says of a day, put where the machine is known to have run.

Assumes     A bill's quantity is the time of the machine where its unit is one of time: its hours × accelerators, out of
            the accelerators the machine has; without accelerators, the hours of what is neither CPUs nor memory.
Method      Only where a period is billed for less than the hours it may lie in (those that have lines, else all).
            An hour was run as long as the longest of its workloads took, or as long as what all held takes of the whole
            machine, if that is longer. The rest is put into hours the machine was measured in, and what these cannot
            hold into the others, in each by the room there is. Where workloads say more than was billed, every hour
            counts in proportion.
Cases       The two halves of an Azure pair say the same once. Billed time that nobody knows, or that is no less than
            the hours it may lie in, leaves them whole. It counts to a thousandth of an hour: what rounding in the bill
            adds to the time held is not idle.
Drawbacks   When within its day a machine ran that nobody held and nobody measured is not known. Cores that are billed
            by themselves, on a machine without accelerators, say nothing of the machine's time.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_ALL_DAY = (1 << 24) - 1

_BILLED = f"""
    CREATE TEMP TABLE billed_time ON COMMIT DROP AS
    SELECT resource_key, charge_date, end_date, bit_or(mask) AS mask, trunc(max(hours) + 0.0001, 3) AS hours
    FROM (SELECT c.resource_key, c.charge_date, c.end_date, c.half, bit_or(coalesce(c.hours, {_ALL_DAY})) AS mask,
                 sum(c.hours_said * CASE WHEN n.capacity IS NULL THEN 1 ELSE c.accelerators / n.capacity END) AS hours
          FROM charge_now c JOIN node n USING (resource_key, size)
          WHERE c.route = 'use' AND c.unit_class IS NULL AND c.over_time
            AND CASE WHEN n.capacity IS NULL THEN c.piece = 'node' AND c.hours_said IS NOT NULL
                     ELSE c.piece = 'accelerators' END
            AND c.resource_key IN (SELECT resource_key FROM held_hour)
          GROUP BY c.resource_key, c.charge_date, c.end_date, c.half
          HAVING bool_and(c.hours_said IS NOT NULL)) AS told
    GROUP BY resource_key, charge_date, end_date"""

_RAN = """
    CREATE TEMP TABLE ran_hour ON COMMIT DROP AS
    SELECT resource_key, hour, least(sum(ran), 1) AS ran, nullif(least(greatest(sum(ran), max(held)), 1), 0) AS lasted
    FROM (SELECT resource_key, hour, held,
                 round(coalesce(held * least(hours / nullif(all_held, 0), 1), 0)
                       + coalesce(room_measured * least(greatest(hours - all_held, 0) / nullif(all_measured, 0), 1), 0)
                       + coalesce(room_other * greatest(hours - all_held - all_measured, 0) / nullif(all_other, 0), 0),
                       20) AS ran
          FROM (SELECT told.*, sum(held) OVER w AS all_held, sum(room_measured) OVER w AS all_measured,
                       sum(room_other) OVER w AS all_other, count(*) OVER w AS slots
                FROM (SELECT b.*, h.hour, coalesce(t.held, 0) AS held,
                             CASE WHEN m.hour IS NULL THEN 0 ELSE 1 - coalesce(t.held, 0) END AS room_measured,
                             CASE WHEN m.hour IS NULL THEN 1 - coalesce(t.held, 0) ELSE 0 END AS room_other
                      FROM billed_time b
                      CROSS JOIN LATERAL generate_series(b.charge_date::timestamptz,
                          b.end_date::timestamptz - interval '1 hour', interval '1 hour') AS h (hour)
                      LEFT JOIN (SELECT resource_key, hour, least(1, greatest(max(part),
                                            coalesce(sum(a) / max(n.capacity), sum(c) / max(n.cpus)))) AS held
                                 FROM held_hour JOIN node n USING (resource_key, size)
                                 GROUP BY resource_key, hour) AS t USING (resource_key, hour)
                      LEFT JOIN measured_hour m USING (resource_key, hour)
                      WHERE (b.mask >> extract(hour FROM h.hour)::int) & 1 = 1 AND b.hours > 0) AS told
                WINDOW w AS (PARTITION BY resource_key, charge_date, end_date)) AS summed
          WHERE hours < slots) AS spread
    GROUP BY resource_key, hour"""


def stage_machine_time(connection: Connection) -> None:
    """Make ``ran_hour``, where a machine ran for less than the hours its bill names: of each, the part it ran.

    ``lasted`` is the part of the hour that those who held the machine had of it: ``ran``, or what they say if more.
    Needs ``charge_now``, ``node``, ``held_hour`` and ``measured_hour``. An hour that is not in it counts whole.
    """
    for statement in (_BILLED, "ANALYZE billed_time", _RAN, "ANALYZE ran_hour"):
        connection.execute(text(statement))
