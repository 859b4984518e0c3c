"""Resources that ran known workloads: the day's charge over its hours, each hour over who held the resource.

Assumes     ``workload_hour`` says who was on a resource in an hour, how long, and how many accelerators they asked
            for and used.
Method      A charge's day is divided equally over the hours its resource ran (the bill's hours, else all hours).
            Within an hour a workload holds ``max(requested, used)`` accelerators for its part of the hour, out of
            ``max(held by all, accelerators of the resource)``; the rest of the hour is idle.
Cases       A workload that does not say what it asked for holds the whole resource. A resource without
            accelerators is divided by CPUs requested, else equally, and idles when nobody is on it.
            An hour without any workload is idle where that is known: accelerators measured below
            ``IDLE_ACTIVITY``, or nothing measured but the source reported other resources in that hour.
            Otherwise the hour is a *gap*, and goes where the bill alone would put it: unknown is not idle.
            What is not paid by time (requests, gigabytes sent) has no idle part.
            The rung is ``instance-hour`` where the bill gives the hours of one resource, ``fleet-hour`` where it
            does not, or where the resource is a whole fleet.
Drawbacks   CPUs and memory of a shared accelerator machine follow its accelerators. Within an hour, who came first
            is not known, so two jobs of half an hour each are taken to have shared the hour.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from analyzer.answers import BILLED_REASON, BILLED_RUNG, Said, as_billed, resolved, target_sql
from analyzer.names import accelerator_hours, workload_hours

IDLE_ACTIVITY = "0.01"
"""Activity below which an hour without workload is idle (the recommender's default, docs/methods.md)."""

_HELD = """
    CREATE TEMP TABLE held_hour ON COMMIT DROP AS
    WITH wanted AS (SELECT resource_key, max(capacity) AS capacity FROM charge_now
                    WHERE route = 'use' AND resource_key <> 0 GROUP BY resource_key)
    SELECT resource_key, hour, workload, max(namespace) AS namespace, max(kind) AS kind, max(stage) AS stage,
           max(model) AS model, max(team) AS team, max(capacity) AS capacity, max(cpus) AS cpus,
           max(least(seconds / 3600, 1) * CASE
               WHEN capacity IS NULL THEN cpus ELSE coalesce(greatest(requested, used), capacity) END) AS held
    FROM (SELECT w.resource_key, w.capacity, t.hour, t.workload, t.namespace, t.kind, t.stage, t.model, t.team,
                 t.seconds::numeric, t.accelerators_requested::numeric AS requested,
                 t.accelerators_used::numeric AS used, coalesce(nullif(t.cpus_requested, 0), 1)::numeric AS cpus
          FROM {workload_hours} AS t
          JOIN wanted w USING (resource_key)
          WHERE t.hour >= :first AND t.hour < :last
         ) AS named
    GROUP BY resource_key, hour, workload"""

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
    SELECT r.run_id, r.resource_key, h.hour, 1.0 / count(*) OVER (PARTITION BY r.run_id) AS part,
           held.total, held.total / greatest(held.total, held.capacity) AS used
    FROM run r
    CROSS JOIN LATERAL generate_series(r.charge_date::timestamptz, r.end_date::timestamptz - interval '1 hour',
                                       interval '1 hour') AS h (hour)
    LEFT JOIN (SELECT resource_key, hour, sum(held) AS total, coalesce(max(capacity), max(cpus)) AS capacity
               FROM held_hour GROUP BY resource_key, hour) AS held USING (resource_key, hour)
    WHERE r.hours IS NULL OR (r.hours >> extract(hour FROM h.hour)::int) & 1 = 1"""

_MEASURED = """
    CREATE TEMP TABLE measured_hour ON COMMIT DROP AS
    SELECT t.resource_key, t.hour, max(t.activity_mean)::numeric AS busiest,
           sum(t.activity_mean::numeric) AS active, count(*)::numeric AS accelerators
    FROM {accelerator_hours} AS t
    WHERE t.activity_mean IS NOT NULL AND t.hour >= :first AND t.hour < :last
      AND t.resource_key IN (SELECT resource_key FROM charge_now WHERE route = 'use')
      AND t.slice_id IN (SELECT slice_id FROM slice WHERE kind = 'metrics' AND period BETWEEN :first AND :last)
    GROUP BY t.resource_key, t.hour"""

_EMPTY_HOURS = """
    CREATE TEMP TABLE empty_hour ON COMMIT DROP AS
    WITH empty AS (SELECT DISTINCT resource_key, hour FROM run_hour WHERE total IS NULL),
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
    SELECT run_id, 'used' AS part, workload, kind, stage, model, team, sum(w) AS w
    FROM (SELECT r.run_id, h.workload, h.kind, h.stage, h.model, h.team, r.part * r.used * h.held / r.total AS w
          FROM run_hour r JOIN held_hour h USING (resource_key, hour) WHERE r.total > 0) AS held
    GROUP BY run_id, workload, kind, stage, model, team
    UNION ALL
    SELECT run_id, CASE WHEN is_idle THEN 'idle' ELSE 'gap' END, NULL, NULL, NULL, NULL, NULL, sum(w)
    FROM (SELECT r.run_id, CASE WHEN r.total IS NULL THEN e.is_idle ELSE true END AS is_idle,
                 r.part * (1 - coalesce(r.used, 0)) AS w
          FROM run_hour r LEFT JOIN empty_hour e USING (resource_key, hour)) AS rest
    GROUP BY run_id, is_idle"""

_USERS = """
    CREATE TEMP TABLE hour_users ON COMMIT DROP AS
    SELECT g.group_name, count(DISTINCT lower(h.model)) AS model, count(DISTINCT lower(h.team)) AS team,
           count(DISTINCT h.stage) AS stage
    FROM held_hour h JOIN (SELECT DISTINCT resource_key, group_name FROM charge_now) AS g USING (resource_key)
    GROUP BY g.group_name"""

_CONTROLLER_STAGE = """CASE
    WHEN p.kind IN ('deployment', 'statefulset', 'replicaset', 'endpoint', 'service') THEN 'inference_online'
    WHEN p.kind IN ('job', 'pytorchjob', 'mpijob', 'rayjob', 'training_job') THEN 'training'
    WHEN p.kind = 'notebook' THEN 'notebook' END"""
"""What a controller's kind says of the stage, where neither label nor platform does."""

_PLACED = """charge_now c
    JOIN run r ON r.resource_key = c.resource_key AND r.charge_date = c.charge_date AND r.end_date = c.end_date
              AND r.hours IS NOT DISTINCT FROM c.hours
    JOIN run_part p USING (run_id)
    JOIN hour_users u USING (group_name)
    LEFT JOIN resource f ON f.resource_key = c.resource_key
    WHERE c.route = 'use' AND c.unit_class IS NULL AND {only}"""

_RUNG = "CASE WHEN c.hours IS NULL OR f.resource_id = f.fleet THEN 'fleet-hour' ELSE 'instance-hour' END"


def place_by_hour(connection: Connection, *, first: date, last: date) -> None:
    """Weigh the charges whose resource ran known workloads within ``[first, last)``.

    Leaves ``measured_hour`` behind: by resource and hour, how active how many accelerators were.
    """
    scope = {"first": first, "last": last}
    connection.execute(text(_HELD.format(workload_hours=workload_hours())), scope)
    for statement in ("CREATE INDEX ON held_hour (resource_key, hour)", "ANALYZE held_hour", _RUNS, _RUN_HOURS):
        connection.execute(text(statement))
    connection.execute(text("ANALYZE run_hour"))
    connection.execute(text(_MEASURED.format(accelerator_hours=accelerator_hours())), scope)
    connection.execute(text("ANALYZE measured_hour"))
    connection.execute(text(_EMPTY_HOURS.format(idle_activity=IDLE_ACTIVITY)), scope)
    for statement in (_PARTS, _USERS, "ANALYZE run", "ANALYZE run_part", _used(), _idle(), _gaps()):
        connection.execute(text(statement))


def _used() -> str:
    label_or_controller = (
        f"coalesce(p.stage, CASE WHEN c.stage_source IN ('none', 'signal') THEN {_CONTROLLER_STAGE} END)"
    )
    sureness = "CASE WHEN p.stage IS NULL THEN 0.6 ELSE 0.9 END"
    fields = [
        ("model", resolved("model", Said("p.model", "workload", "0.9"), "u.model")),
        ("team", resolved("team", Said("p.team", "workload", "0.9"), "u.team")),
        ("stage", resolved("stage", Said(label_or_controller, "workload", sureness), "u.stage")),
    ]
    relation = _PLACED.format(only="p.part = 'used'")
    return target_sql(relation, fields, workload="p.workload", reason="'used'", rung=_RUNG, weight="p.w")


def _idle() -> str:
    """Idle hours of a machine that one model alone uses are that model's, if the bill says so; else no model's.

    The team is the one the bill names as owner, if it does.
    """
    alone = "CASE WHEN c.model_source IN ('rule', 'tag') AND u.model <= 1 THEN c.model END"
    owner = "CASE WHEN c.team_source IN ('rule', 'tag') THEN c.team END"
    fields = [
        ("model", (alone, "c.model_method", "c.model_confidence")),
        ("team", (owner, "c.team_method", "c.team_confidence")),
        ("stage", ("'unknown'", "'workload'", "0.9")),
    ]
    relation = _PLACED.format(only="p.part = 'idle' AND c.over_time")
    return target_sql(relation, fields, workload="NULL::text", reason="'idle'", rung=_RUNG, weight="p.w")


def _gaps() -> str:
    relation = _PLACED.format(only="p.part = 'gap' AND c.over_time")
    return target_sql(
        relation, as_billed(), workload="NULL::text", reason=BILLED_REASON, rung=BILLED_RUNG, weight="p.w"
    )
