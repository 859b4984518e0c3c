"""Resources that ran known workloads: the day's charge over its hours, each hour over who held the resource.

Assumes     ``workload_hour`` says who was on a resource in an hour, how long, and what they asked for and used.
Method      A charge's day is divided equally over the time its resource ran: the bill's hours, else all hours, and of
            these as much as it is billed for (:mod:`analyzer.machine_time`).
            The charge is divided over accelerators, CPUs and memory as ``node_part`` says (:mod:`analyzer.capacity`).
            Within an hour a workload holds ``max(requested, used)`` of each for its part of the hour, out of
            ``max(held by all, capacity × the part of the hour the machine ran)``; the rest of the hour is idle.
            Idle time goes where the setting says: ``separate`` stays by itself; ``weighted`` follows what is held, per
            resource; ``even`` goes to all workloads of the hour alike; ``owner`` goes to the machine's owner.
            CPUs and memory left over beside accelerators that are taken are *stranded*: nobody can run on them what
            the machine is for. They follow what is held, unless the setting calls them idle.
Cases       A workload that does not say what it asked for holds the whole resource; of CPUs and memory it does not
            mention, the same part as of the accelerators; without accelerators, as of the other of the two. A slice
            (MIG) or replica (time-slicing) is its part of an accelerator; slices nobody took are idle. A resource
            without accelerators whose size is unknown is divided by CPUs, else equally, and idles when nobody is on it.
            An hour without any workload is idle where that is known: accelerators measured below
            ``IDLE_ACTIVITY``, or nothing measured but the source reported other resources in that hour.
            Otherwise the hour is a *gap*, and goes where the bill alone would put it: unknown is not idle.
            What nobody holds stays idle in every mode but ``owner``: no cost is lost.
            What is not paid by time (requests, gigabytes sent) has no idle part.
            The rung is ``instance-hour`` where the bill gives the hours of one resource, ``fleet-hour`` where it
            does not, or where the resource is a whole fleet.
Drawbacks   Within an hour, who came first is not known, so two jobs of half an hour each are taken to have shared the
            hour. Which card of a machine a slice is on is not known either: slices are parts of all its accelerators.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from aispend.settings import Allocation
from analyzer.answers import BILLED_REASON, BILLED_RUNG, Said, as_billed, resolved, target_sql
from analyzer.capacity import stage_nodes
from analyzer.machine_time import stage_machine_time
from analyzer.names import accelerator_hours, workload_hours
from analyzer.stage_signals import CONTROLLER_STAGES

IDLE_ACTIVITY = "0.01"
"""Activity below which an hour without workload is idle (the recommender's default, docs/methods.md)."""

_HELD = """
    CREATE TEMP TABLE held_hour ON COMMIT DROP AS
    SELECT resource_key, hour, size, workload, max(namespace) AS namespace, max(kind) AS kind, max(stage) AS stage,
           max(model) AS model, max(team) AS team, max(part) AS part, max(cpus) AS cpus,
           max(round(part * accelerators, 20)) AS a, max(round(part * cpus, 20)) AS c, max(round(part * gib, 20)) AS m
    FROM (SELECT resource_key, hour, size, workload, namespace, kind, stage, model, team,
                 least(seconds / 3600, 1) AS part, coalesce(held, capacity) AS accelerators,
                 CASE WHEN capacity IS NULL AND node_cpus IS NULL THEN coalesce(nullif(held_cpus, 0), 1)
                      ELSE coalesce(held_cpus, node_cpus * least(held_part, 1), node_cpus) END AS cpus,
                 CASE WHEN node_gib IS NOT NULL
                      THEN coalesce(held_gib, node_gib * least(held_part, 1), node_gib) END AS gib
          FROM (SELECT asked.*, CASE WHEN capacity IS NOT NULL THEN held / capacity
                       ELSE coalesce(held_cpus / node_cpus, held_gib / node_gib) END AS held_part
          FROM (SELECT n.resource_key, n.size, n.capacity, n.cpus AS node_cpus, n.gib AS node_gib, t.hour, t.workload,
                       t.namespace, t.kind, t.stage, t.model, t.team, t.seconds::numeric AS seconds,
                       CASE WHEN n.capacity IS NOT NULL THEN greatest(
                           CASE WHEN p.part IS NULL THEN t.accelerators_requested::numeric
                                ELSE coalesce(t.accelerators_requested, 1)::numeric * p.part END,
                           t.accelerators_used::numeric) END AS held,
                       greatest(t.cpus_requested, t.cpus_used)::numeric AS held_cpus,
                       greatest(t.memory_requested_bytes, t.memory_used_bytes)::float8::numeric / 1073741824 AS held_gib
                FROM {workload_hours} AS t
                LEFT JOIN size_hour z USING (resource_key, hour)
                JOIN node n ON n.resource_key = t.resource_key AND n.size = coalesce(z.size, '')
                LEFT JOIN accelerator_part p ON p.profile = t.accelerator_profile
                     AND p.accelerator_type IS NOT DISTINCT FROM n.accelerator_type
                WHERE t.hour >= :first AND t.hour < :last
               ) AS asked
               ) AS named
         ) AS told
    GROUP BY resource_key, hour, size, workload"""
"""What each workload holds: ``a`` accelerators, ``c`` CPUs, ``m`` GiB, over its part of the hour."""

_NODE_HOURS = """
    CREATE TEMP TABLE node_hour ON COMMIT DROP AS
    SELECT h.*, {stranded}
    FROM (SELECT t.resource_key, t.hour, t.workloads, t.a, t.c, t.m, CASE WHEN n.capacity IS NOT NULL
                 THEN (greatest(t.a, s.a) - t.a) / greatest(t.a, s.a) END AS idle_a,
                 (greatest(t.c, s.c) - t.c) / nullif(greatest(t.c, s.c), 0) AS left_c,
                 (greatest(t.m, s.m) - t.m) / nullif(greatest(t.m, s.m), 0) AS left_m
          FROM (SELECT resource_key, hour, size, count(*) AS workloads, sum(a) AS a, sum(c) AS c, sum(m) AS m,
                       max(cpus) AS cpus
                FROM held_hour GROUP BY resource_key, hour, size) AS t
          JOIN node n USING (resource_key, size)
          LEFT JOIN ran_hour r USING (resource_key, hour)
          CROSS JOIN LATERAL (SELECT coalesce(r.lasted, 1) * n.capacity AS a, coalesce(r.lasted, 1) * n.gib AS m,
                                     coalesce(r.lasted, 1) * greatest(n.cpus, t.cpus) AS c) AS s) AS h"""
"""Per hour with workloads: what all hold, and which part of each is idle."""

_STRANDED = {
    "holders": "least(h.left_c, h.idle_a) AS idle_c, least(h.left_m, h.idle_a) AS idle_m",
    "idle": "h.left_c AS idle_c, h.left_m AS idle_m",
}

_HELD_PARTS = """
    CREATE TEMP TABLE held_part ON COMMIT DROP AS
    SELECT h.resource_key, h.hour, h.workload, h.kind, h.stage, h.model, h.team, {own}, {more}
    FROM held_hour h JOIN node_hour t USING (resource_key, hour)"""
"""Which part of a machine-hour's accelerators, CPUs and memory each workload holds, and how much idle it carries."""

_OF_ALL = {
    "a": "h.a / nullif(t.a, 0)",
    "c": "coalesce(h.c / nullif(t.c, 0), h.a / nullif(t.a, 0))",
    "m": "coalesce(h.m / nullif(t.m, 0), h.a / nullif(t.a, 0))",
}
"""Which part of all that is held is this workload's; of what nobody holds, as of the accelerators."""

_OWN = ", ".join(f"coalesce((1 - t.idle_{x}) * {of_all}, 0) AS {x}" for x, of_all in _OF_ALL.items())
_MORE = {
    "weighted": ", ".join(f"coalesce(t.idle_{x} * (h.{x} / nullif(t.{x}, 0)), 0) AS more_{x}" for x in _OF_ALL),
    "even": ", ".join(f"coalesce(t.idle_{x} / t.workloads, 0) AS more_{x}" for x in _OF_ALL),
}
_STAYS = {
    "weighted": ", ".join(f"CASE WHEN t.{x} > 0 THEN 0 ELSE coalesce(t.idle_{x}, 0) END AS idle_{x}" for x in _OF_ALL),
    "even": ", ".join(f"0 AS idle_{x}" for x in _OF_ALL),
}
_STAYS_BY_ITSELF = ", ".join(f"coalesce(t.idle_{x}, 0) AS idle_{x}" for x in _OF_ALL)

_RUNS = """
    CREATE TEMP TABLE run ON COMMIT DROP AS
    SELECT row_number() OVER () AS run_id, seen.*
    FROM (SELECT DISTINCT resource_key, charge_date, end_date, hours FROM charge_now
          WHERE route = 'use' AND unit_class IS NULL
            AND resource_key IN (SELECT resource_key FROM held_hour)) AS seen
    WHERE EXISTS (SELECT FROM held_hour h
                  WHERE h.resource_key = seen.resource_key AND h.hour >= seen.charge_date AND h.hour < seen.end_date)"""

_RUN_HOURS = """
    CREATE TEMP TABLE run_hour ON COMMIT DROP AS
    SELECT r.run_id, r.resource_key, h.hour, t.workloads,
           CASE WHEN max(coalesce(m.ran, 1)) OVER (PARTITION BY r.run_id) > 0 THEN coalesce(m.ran, 1) ELSE 1 END AS ran,
           {stays}
    FROM run r
    CROSS JOIN LATERAL generate_series(r.charge_date::timestamptz, r.end_date::timestamptz - interval '1 hour',
                                       interval '1 hour') AS h (hour)
    LEFT JOIN node_hour t USING (resource_key, hour)
    LEFT JOIN ran_hour m USING (resource_key, hour)
    WHERE r.hours IS NULL OR (r.hours >> extract(hour FROM h.hour)::int) & 1 = 1"""
"""The hours of each run and how much of each counts. Where others held all that is billed, a line of its own hours
still lies in these."""

_MEASURED = """
    CREATE TEMP TABLE measured_hour ON COMMIT DROP AS
    SELECT t.resource_key, t.hour, max(t.activity_mean)::numeric AS busiest,
           sum(t.activity_mean::numeric) AS active, count(t.activity_mean)::numeric AS accelerators,
           sum(t.power_mean::numeric) AS watts, count(t.power_mean)::numeric AS powered,
           sum(t.activity_mean::numeric) FILTER (WHERE t.power_mean IS NULL) AS active_unpowered,
           count(t.activity_mean) FILTER (WHERE t.power_mean IS NULL)::numeric AS unpowered,
           max(t.memory_used_max / nullif(t.memory_total, 0)) AS fullest
    FROM {accelerator_hours} AS t
    WHERE t.hour >= :first AND t.hour < :last
      AND t.resource_key IN (SELECT resource_key FROM charge_now WHERE route = 'use')
      AND t.slice_id IN (SELECT slice_id FROM slice WHERE kind = 'metrics' AND period BETWEEN :first AND :last)
    GROUP BY t.resource_key, t.hour"""

_EMPTY_HOURS = """
    CREATE TEMP TABLE empty_hour ON COMMIT DROP AS
    WITH empty AS (SELECT DISTINCT resource_key, hour FROM run_hour WHERE workloads IS NULL),
    source AS (SELECT DISTINCT resource_key, namespace FROM held_hour),
    reported AS (SELECT DISTINCT namespace, hour FROM workload_hour WHERE hour >= :first AND hour < :last)
    SELECT e.resource_key, e.hour,
           CASE WHEN m.busiest IS NOT NULL THEN m.busiest < {idle_activity}
                ELSE EXISTS (SELECT FROM source s JOIN reported r USING (namespace)
                             WHERE s.resource_key = e.resource_key AND r.hour = e.hour) END AS is_idle
    FROM empty e
    LEFT JOIN measured_hour m USING (resource_key, hour)"""

_PARTS = """
    CREATE TEMP TABLE run_part ON COMMIT DROP AS
    SELECT r.run_id, 'used' AS part, p.workload, p.kind, p.stage, p.model, p.team,
           sum(r.ran * p.a) AS a, sum(r.ran * p.c) AS c, sum(r.ran * p.m) AS m
    FROM run_hour r JOIN held_part p USING (resource_key, hour)
    GROUP BY r.run_id, p.workload, p.kind, p.stage, p.model, p.team
    UNION ALL
    SELECT run_id, CASE WHEN is_idle THEN 'idle' ELSE 'gap' END, NULL, NULL, NULL, NULL, NULL, sum(a), sum(c), sum(m)
    FROM (SELECT r.run_id, r.workloads IS NOT NULL OR e.is_idle AS is_idle,
                 r.ran * CASE WHEN r.workloads IS NULL THEN 1 ELSE r.idle_a END AS a,
                 r.ran * CASE WHEN r.workloads IS NULL THEN 1 ELSE r.idle_c END AS c,
                 r.ran * CASE WHEN r.workloads IS NULL THEN 1 ELSE r.idle_m END AS m
          FROM run_hour r LEFT JOIN empty_hour e USING (resource_key, hour)) AS rest
    GROUP BY run_id, is_idle"""
"""Hours of accelerators, CPUs and memory of each run: held, idle or unknown. All its weights are in such hours."""

_CARRIED = """
    INSERT INTO run_part
    SELECT r.run_id, 'carried', p.workload, p.kind, p.stage, p.model, p.team,
           sum(r.ran * p.more_a), sum(r.ran * p.more_c), sum(r.ran * p.more_m)
    FROM run_hour r JOIN held_part p USING (resource_key, hour)
    GROUP BY r.run_id, p.workload, p.kind, p.stage, p.model, p.team"""
"""Idle hours that those who hold the machine carry."""

_USERS = """
    CREATE TEMP TABLE hour_users ON COMMIT DROP AS
    SELECT g.group_name, count(DISTINCT lower(h.model)) AS model, count(DISTINCT lower(h.team)) AS team,
           count(DISTINCT h.stage) AS stage
    FROM held_hour h JOIN (SELECT DISTINCT resource_key, group_name FROM charge_now) AS g USING (resource_key)
    GROUP BY g.group_name"""

_CONTROLLER_STAGE = "CASE p.kind {} END".format(
    " ".join(f"WHEN '{kind}' THEN '{stage}'" for kind, stage in CONTROLLER_STAGES.items())
)
"""What a controller's kind says of the stage, where neither label nor platform does."""

_PLACED = """charge_now c
    JOIN run r ON r.resource_key = c.resource_key AND r.charge_date = c.charge_date AND r.end_date = c.end_date
              AND r.hours IS NOT DISTINCT FROM c.hours
    JOIN run_part p USING (run_id)
    JOIN node_part n ON n.resource_key = c.resource_key AND n.size = c.size AND n.piece = c.piece
    JOIN hour_users u USING (group_name)
    LEFT JOIN resource f ON f.resource_key = c.resource_key
    WHERE c.route = 'use' AND c.unit_class IS NULL AND {only}"""

_WEIGHT = "p.a * n.of_accelerators + p.c * n.of_cpus + p.m * n.of_memory"
_RUNG = "CASE WHEN c.hours IS NULL OR f.resource_id = f.fleet THEN 'fleet-hour' ELSE 'instance-hour' END"


def place_by_hour(connection: Connection, allocation: Allocation, *, first: date, last: date) -> None:
    """Weigh the charges whose resource ran known workloads within ``[first, last)``.

    Needs ``name_now``. Leaves ``measured_hour`` behind: by resource and hour, how active how many accelerators were,
    what power they drew, and how full the memory of the fullest was.
    """
    scope = {"first": first, "last": last}
    stage_nodes(connection, allocation, first=first, last=last)
    connection.execute(text(_HELD.format(workload_hours=workload_hours())), scope)
    connection.execute(text(_MEASURED.format(accelerator_hours=accelerator_hours())), scope)
    for statement in ("CREATE INDEX ON held_hour (resource_key, hour)", "ANALYZE held_hour", "ANALYZE measured_hour"):
        connection.execute(text(statement))
    stage_machine_time(connection)
    more = _MORE.get(allocation.idle)
    for statement in (
        _NODE_HOURS.format(stranded=_STRANDED[allocation.stranded]),
        "ANALYZE node_hour",
        _HELD_PARTS.format(own=_OWN, more=more or "NULL"),
        "ANALYZE held_part",
        _RUNS,
        _RUN_HOURS.format(stays=_STAYS.get(allocation.idle, _STAYS_BY_ITSELF)),
        "ANALYZE run_hour",
    ):
        connection.execute(text(statement))
    connection.execute(text(_EMPTY_HOURS.format(idle_activity=IDLE_ACTIVITY)), scope)
    for statement in (_PARTS, *([_CARRIED] if more else []), _USERS, "ANALYZE run", "ANALYZE run_part"):
        connection.execute(text(statement))
    connection.execute(text(_used("p.part = 'used'", "'used'", "n.method")))
    if more:
        connection.execute(
            text(_used("p.part = 'carried' AND c.over_time", "'idle'", f"n.method || '; idle={allocation.idle}'"))
        )
    connection.execute(text(_idle(allocation)), {"idle_owner": allocation.idle_owner})
    connection.execute(text(_gaps()))


def _used(only: str, reason: str, note: str) -> str:
    label_or_controller = (
        f"coalesce(p.stage, CASE WHEN c.stage_source IN ('none', 'signal') THEN {_CONTROLLER_STAGE} END)"
    )
    sureness = "CASE WHEN p.stage IS NULL THEN 0.6 ELSE 0.9 END"
    fields = [
        ("model", resolved("model", Said("p.model", "workload", "0.9"), "u.model")),
        ("team", resolved("team", Said("p.team", "workload", "0.9"), "u.team")),
        ("stage", resolved("stage", Said(label_or_controller, "workload", sureness), "u.stage")),
    ]
    relation = _PLACED.format(only=only)
    return target_sql(relation, fields, workload="p.workload", reason=reason, rung=_RUNG, weight=_WEIGHT, note=note)


def _idle(allocation: Allocation) -> str:
    """Idle hours of a machine that one model alone uses are that model's, if the bill says so; else no model's.

    The team is the one the bill names as owner, if it does; where owners carry idle time, also the one its fleet names,
    else the one set.
    """
    alone = "CASE WHEN c.model_source IN ('rule', 'tag') AND u.model <= 1 THEN c.model END"
    owner = ("CASE WHEN c.team_source IN ('rule', 'tag') THEN c.team END", "c.team_method", "c.team_confidence")
    if allocation.idle == "owner":
        owner = (
            "coalesce(c.team, CAST(:idle_owner AS text))",
            "CASE WHEN c.team IS NULL THEN 'idle_owner' ELSE c.team_method END",
            "CASE WHEN c.team IS NULL THEN 1 ELSE c.team_confidence END",
        )
    fields = [
        ("model", (alone, "c.model_method", "c.model_confidence")),
        ("team", owner),
        ("stage", ("'unknown'", "'workload'", "0.9")),
    ]
    note = "n.method || '; idle=owner'" if allocation.idle == "owner" else "n.method"
    relation = _PLACED.format(only="p.part = 'idle' AND c.over_time")
    return target_sql(relation, fields, workload="NULL::text", reason="'idle'", rung=_RUNG, weight=_WEIGHT, note=note)


def _gaps() -> str:
    relation = _PLACED.format(only="p.part = 'gap' AND c.over_time")
    return target_sql(
        relation, as_billed(), workload="NULL::text", reason=BILLED_REASON, rung=BILLED_RUNG, weight=_WEIGHT
    )
