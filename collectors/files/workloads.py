"""What ran on which machine, from files: pods, job runs, endpoint replicas and notebooks by hour.

*Form.* One row says that a workload ran on a resource for ``period_seconds`` from its timestamp on, with what it asked
for and used meanwhile; see :data:`FORM` and ``docs/telemetry.md``. A run may be one row or many.

*Hours.* Seconds are divided over the hours by overlap and added up, at most 3,600 in an hour. What was used is the mean
over the time; what was asked for is the maximum. Where rows of an hour differ in kind, stage, model, team or profile,
the one that lasted longest counts (in a draw the first in the alphabet); the outcome is the latest one's.

*Replaced* are, on each day, the hours of the same workload and resource which the import covers; every hour of a
resource where the import says all that ran on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import REAL

from aispend.clock import Clock
from aispend.engine.line import literal
from aispend.schema import workload_hour
from aispend.settings import STAGES, Settings
from aispend.store import Store
from aispend.store.telemetry import forget_workloads
from collectors.files.telemetry_files import find_files
from collectors.files.telemetry_form import Column, Form, RowCheck
from collectors.files.telemetry_load import Import, Progress, Rollup, TelemetryReport, name_models, rows_per_day
from collectors.files.telemetry_scan import Workspace, read, workspace

KIND = "workloads"
MAPPING_VERSION = "2"
OUTCOMES = ("running", "succeeded", "failed", "retried")
LONGEST_PERIOD_SECONDS = 366 * 86_400
PROFILE = r"(nvidia\.com/)?(mig-)?[1-9]g\.[0-9]+gb([+.].*)?|1/[1-9][0-9]?"
"""What part of an accelerator may be called: a MIG profile as NVIDIA or Kubernetes writes it, or one of n replicas."""

_NOT_NEGATIVE = "it cannot be negative"
_HOUR = 3_600_000_000  # microseconds

FORM = Form(
    KIND,
    (
        Column("timestamp", "time", required=True),
        Column(
            "period_seconds", "number", required=True, low=0.001, high=LONGEST_PERIOD_SECONDS,
            limit="how long it ran from the timestamp on, at most a year",
        ),
        Column("resource_id", "text", required=True, lower=True),
        Column("workload", "text", required=True),
        Column("kind", "text", lower=True),
        Column("stage", "text", lower=True, choices=STAGES),
        Column("model", "text"),
        Column("team", "text"),
        Column("accelerators_requested", "number", low=0, high=1e6, limit=_NOT_NEGATIVE),
        Column("accelerators_used", "number", low=0, high=1e6, limit=_NOT_NEGATIVE),
        Column("accelerator_profile", "text", lower=True),
        Column("cpus_requested", "number", low=0, high=1e9, limit=_NOT_NEGATIVE),
        Column("cpus_used", "number", low=0, high=1e9, limit=_NOT_NEGATIVE),
        Column("memory_requested_bytes", "number", low=0, high=1e18, limit=_NOT_NEGATIVE),
        Column("memory_used_bytes", "number", low=0, high=1e18, limit=_NOT_NEGATIVE),
        Column("outcome", "text", lower=True, choices=OUTCOMES),
    ),
    (
        RowCheck(
            "accelerator_profile",
            f"NOT regexp_full_match({{accelerator_profile}}, {literal(PROFILE)})",
            "it is no part of an accelerator; write a MIG profile such as 3g.40gb, or 1/4 for a time-sliced one",
        ),
    ),
)  # fmt: skip

_FACTS = tuple(column.name for column in workload_hour.c if column.name != "slice_id")


def import_workloads(
    paths: Sequence[Path | str],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    source: str = "files",
    progress: Progress | None = None,
    whole_resources: bool = False,
) -> TelemetryReport:
    """Load workload records into ``workload_hour``.

    ``source`` is the namespace of the resource names. With ``whole_resources`` the files say all that ever ran on the
    resources they name, as of a job that lasted shorter than it had seemed to. Raises ``InputError`` where a file
    cannot be used, ``BusyError`` while another import of the source runs.
    """
    files, notes = find_files(paths)
    options = ("whole resources",) if whole_resources else ()
    running = Import.begin(KIND, source, files, notes, clock, MAPPING_VERSION, *options)
    if report := running.unchanged(store, [source]):
        return report
    with workspace(settings) as space:
        reading = read(space, FORM, files, clock())
        running.accept(store, space, reading)
        if progress:
            progress("rolling up workloads", 0, None)
        name_models(space)
        _roll_up(space, source)
        rollup = Rollup(source, "rolled", workload_hour, _FACTS, rows_per_day(space), ("alias", "workload"))
        with store.engine.begin() as connection:
            running.lock(connection)
            if whole_resources:
                named = [alias for (alias,) in space.rows("SELECT DISTINCT alias FROM rolled")]
                forget_workloads(connection, source, named)
            running.save(connection, space, rollup, reading.rejects)
    return running.report(reading)


def _roll_up(space: Workspace, source: str) -> None:
    """Roll ``record`` up into the table ``rolled``: ``workload_hour`` rows and their day."""
    told = ("kind", "stage", "model", "team", "accelerator_profile")
    # Weighing takes most of the time, and of most workloads every row says the same.
    several = space.rows(
        f"SELECT {', '.join(f'bool_or(differ_{name})' for name in told)} FROM (SELECT"
        f" {', '.join(f'min({name}) <> max({name}) AS differ_{name}' for name in told)}"
        " FROM record GROUP BY resource_id, workload)"
    )[0]
    longest = [name for name, differ in zip(told, several, strict=True) if differ]
    lasted = "".join(
        f", CASE WHEN {name} IS NOT NULL THEN sum(lasting) OVER (PARTITION BY alias, workload, hour, {name}) END"
        f" AS lasted_{name}"
        for name in longest
    )
    chosen = ", ".join(
        f"arg_min({name}, (-lasted_{name}, {name})) FILTER (WHERE {name} IS NOT NULL) AS {name}"
        if name in longest
        else f"min({name}) AS {name}"
        for name in told
    )
    means = ", ".join(
        f"sum(CAST(round({name} * 1e6) AS HUGEINT) * lasting) FILTER (WHERE {name} IS NOT NULL)"
        f" / (sum(lasting) FILTER (WHERE {name} IS NOT NULL)) / 1e6 AS {name}"
        for name in ("accelerators_used", "cpus_used", "memory_used_bytes")
    )
    space.engine.execute(
        f"""
        CREATE TABLE hours AS
        WITH run AS (
            -- A row given twice says nothing new.
            SELECT DISTINCT record.* REPLACE (canonical.model AS model), resource_id AS alias,
                epoch_us(timestamp) AS starts, starts + CAST(round(period_seconds * 1e6) AS BIGINT) AS ends
            FROM record LEFT JOIN canonical ON record.model = canonical.written
        ),
        part AS (
            SELECT *, make_timestamp(h) AS hour, least(ends, h + {_HOUR}) - greatest(starts, h) AS lasting
            FROM (SELECT *, unnest(range(starts - starts % {_HOUR}, ends, {_HOUR})) AS h FROM run)
        ),
        weighed AS (SELECT *{lasted} FROM part)
        SELECT alias, workload, hour, {chosen},
            least(3600, sum(lasting) / 1e6) AS seconds,
            max(accelerators_requested) AS accelerators_requested,
            {means},
            max(cpus_requested) AS cpus_requested, max(memory_requested_bytes) AS memory_requested_bytes,
            arg_max(outcome, (ends, outcome)) FILTER (WHERE outcome IS NOT NULL) AS outcome
        FROM weighed GROUP BY alias, workload, hour
        """
    )
    reals = {column.name for column in workload_hour.c if isinstance(column.type, REAL)}
    select = ", ".join(
        f"{literal(source)} AS namespace"
        if name == "namespace"
        else f"CAST({name} AS FLOAT) AS {name}"
        if name in reals
        else name
        for name in _FACTS
    )
    space.engine.execute(f"CREATE TABLE rolled AS SELECT {select}, CAST(hour AS DATE) AS day FROM hours")
