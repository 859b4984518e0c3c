"""Inference usage from files: requests and tokens by hour, every request counted once.

*Form.* One row is a request, or an aggregate over ``period_seconds``; see :data:`FORM` and ``docs/telemetry.md``. The
three input classes are disjoint, and so are ``requests`` (answered) and ``failed_requests``; reasoning is part of the
output and also kept apart; engine times stand beside the tokens they took. A row
without ``requests`` counts as one request (a failed one where ``failed_requests`` says so) if it has a ``request_id``
or no ``period_seconds``; else the number of requests is unknown.

*Once.* A ``request_id`` counts the first time it is met in its source, whatever file or day it comes with again; only
its SHA-256 is kept. Rows without one replace, on each day, the hours of their series (all names and dimensions) that
the import covers, so that a corrected aggregate takes the place of the old. Both kinds live in slices of their own.

*Hours.* A row counts in the hour of its timestamp. An aggregate that reaches over the hour is divided in proportion to
the time in each hour, in whole units, by largest remainder: nothing is gained or lost.

*Drawbacks.* Aggregates given twice within one import (in overlapping files that are not identical) count twice, as
nothing tells them from two servers with equal numbers. Latencies are percentiles over rows, whatever a row aggregates.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from aispend.clock import Clock
from aispend.engine.line import literal
from aispend.schema import inference_hour
from aispend.settings import Settings
from aispend.store import Store
from aispend.store import telemetry as store_telemetry
from collectors.files.telemetry_files import find_files
from collectors.files.telemetry_form import Column, Form, RowCheck
from collectors.files.telemetry_load import Import, Progress, Rollup, TelemetryReport, export_csv, name_models
from collectors.files.telemetry_scan import Workspace, read, workspace
from collectors.files.telemetry_serving import serving_rows

KIND = "usage"
MAPPING_VERSION = "1"
LONGEST_PERIOD_SECONDS = 31 * 86_400

_HOUR = 3_600_000_000  # microseconds
_COUNT = "counts are whole and not negative"
_DIMENSIONS = ("alias", "provider", "account", "region", "endpoint", "model", "team", "service_tier")
_UNITS = {
    "requests": "requests",
    "failed_requests": "failed_requests",
    "uncached_input_tokens": "input",
    "cached_input_tokens": "cached_input",
    "cache_write_tokens": "cache_write",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
}
_TIMES = {"prefill_seconds": "prefill_us", "decode_seconds": "decode_us"}
"""Engine times count in whole microseconds, so that parts of an hour add up as tokens do."""

_CLASSES = _UNITS | _TIMES

FORM = Form(
    KIND,
    (
        Column("timestamp", "time", required=True),
        Column(
            "period_seconds", "number", low=0.001, high=LONGEST_PERIOD_SECONDS,
            limit="the length of the period the row adds up, at most 31 days; leave it empty for a single request",
        ),
        Column("request_id", "text"),
        Column("provider", "text", lower=True),
        Column("account", "text"),
        Column("region", "text"),
        Column("endpoint", "text"),
        Column("resource_id", "text", lower=True),
        Column("model", "text"),
        Column("team", "text"),
        Column("service_tier", "text", lower=True),
        *(Column(name, "whole", low=0, limit=_COUNT) for name in _UNITS),
        Column("latency_ms", "number", low=0, limit="milliseconds are not negative"),
        *(Column(name, "number", low=0, high=1e12, limit="seconds of engine time, not negative") for name in _TIMES),
    ),
    (
        RowCheck(
            "reasoning_tokens",
            "{reasoning_tokens} > {output_tokens}",
            "exceeds output_tokens; reasoning is part of the output, so output_tokens must include it",
        ),
    ),
)  # fmt: skip

_FACTS = ("hour", "namespace", *_DIMENSIONS, "unit_class", "quantity", "latency_p50_ms", "latency_p95_ms")


def import_usage(
    paths: Sequence[Path | str],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    source: str = "files",
    progress: Progress | None = None,
    at: datetime | None = None,
    replace: bool = False,
    whole_places: Collection[tuple[str, str]] = (),
) -> TelemetryReport:
    """Load inference usage into ``inference_hour``.

    ``source`` is the namespace of resource names and request ids. ``at`` is when a Prometheus scrape without
    timestamps was taken. With ``replace``, the days the rows start on are first emptied of this source's usage: the
    way to correct requests that were imported wrongly. Of the accounts and regions ``whole_places`` the aggregates are
    all there is on the days of the rows: what the source had there goes, whatever names and dimensions it had.
    Raises ``InputError`` where a file cannot be used, ``BusyError`` while another import of the source runs.
    """
    files, notes = find_files(paths)
    running = Import.begin(KIND, source, files, notes, clock, MAPPING_VERSION, at.isoformat() if at else "")
    single, added = f"{source}/requests", f"{source}/aggregates"
    if not replace and not whole_places and (report := running.unchanged(store, [single, added])):
        return report
    with workspace(settings) as space:
        reading = read(space, FORM, files, clock(), serving_rows(files, at))
        running.accept(store, space, reading)
        name_models(space)
        _prepare(space)
        if progress:
            progress("counting usage", 0, None)
        with store.engine.begin() as connection:
            running.lock(connection)
            requests, aggregates = _rows_per_day(space, "IS NOT NULL"), _rows_per_day(space, "IS NULL")
            if replace:
                store_telemetry.forget_usage(connection, [single, added], [*requests, *aggregates])
            if whole_places:
                store_telemetry.forget_usage_of(connection, added, list(aggregates), whole_places)
            if requests:
                running.notes.extend(_leave_out_seen(space, connection, source))
                _roll_up(space, source, "request")
                rollup = Rollup(single, "request_hour", inference_hour, _FACTS, requests)
                slices = running.save(connection, space, rollup, reading.rejects)
                store_telemetry.remember_requests(connection, source, slices)
            if aggregates:
                _roll_up(space, source, "aggregate")
                rollup = Rollup(added, "aggregate_hour", inference_hour, _FACTS, aggregates, _DIMENSIONS)
                running.save(connection, space, rollup, () if requests else reading.rejects)
        report = running.report(reading)
        report.totals = dict(space.rows("SELECT unit_class, sum(quantity) FROM fact GROUP BY 1 ORDER BY 1"))
    return report


def _prepare(space: Workspace) -> None:
    """Name models canonically, hash request ids, and tell what each row counts as a request."""
    dimensions = ", ".join(name for name in _DIMENSIONS if name not in {"alias", "model"})
    tokens = ", ".join(name for name in _UNITS if name != "requests")
    times = ", ".join(f"CAST(round({name} * 1e6) AS BIGINT) AS {name}" for name in _TIMES)
    space.engine.execute(
        f"CREATE TABLE counted AS SELECT timestamp, period_seconds, sha256(request_id) AS id, resource_id AS alias,"
        f" canonical.model, {dimensions}, {tokens}, {times}, latency_ms, coalesce(requests,"
        " CASE WHEN request_id IS NOT NULL OR period_seconds IS NULL"
        " THEN CAST(coalesce(failed_requests, 0) = 0 AS BIGINT) END) AS requests"
        " FROM record LEFT JOIN canonical ON record.model = canonical.written"
    )
    columns = ", ".join(("timestamp", *_DIMENSIONS, *_CLASSES, "latency_ms"))
    # The first row of a request counts; which one that is must not depend on the order of rows or files.
    space.engine.execute(
        "CREATE TABLE request AS FROM counted WHERE id IS NOT NULL"
        f" QUALIFY row_number() OVER (PARTITION BY id ORDER BY {columns}) = 1"
    )
    space.engine.execute("CREATE VIEW aggregate AS FROM counted WHERE id IS NULL")
    space.engine.execute("CREATE TABLE fact (unit_class VARCHAR, quantity HUGEINT)")


def _rows_per_day(space: Workspace, has_id: str) -> dict[date, int]:
    return dict(
        space.rows(f"SELECT CAST(timestamp AS DATE), count(*) FROM counted WHERE id {has_id} GROUP BY 1 ORDER BY 1")
    )


def _leave_out_seen(space: Workspace, connection: Connection, source: str) -> list[str]:
    """Take the requests that were counted before out of the table ``request``; returns notes."""
    repeated = space.value("SELECT count(id) - count(DISTINCT id) FROM counted")
    ids = export_csv(space, "SELECT id, CAST(timestamp AS DATE) FROM request", "ids")
    seen_file = space.folder / "seen.csv"
    seen = store_telemetry.seen_requests(connection, source, ids, seen_file)
    if seen:
        known = f"read_csv({literal(str(seen_file))}, header=false, columns={{'id': 'VARCHAR'}}, auto_detect=false)"
        space.engine.execute(f"DELETE FROM request WHERE id IN (SELECT id FROM {known})")
    notes = []
    if repeated:
        notes.append(f"{repeated:,} rows repeat a request_id; each request counts once.")
    if seen:
        notes.append(
            f"{seen:,} requests were counted by an earlier import already; to correct them, import with --replace."
        )
    return notes


def _roll_up(space: Workspace, source: str, table: Literal["request", "aggregate"]) -> None:
    """Roll a table up into ``request_hour`` or ``aggregate_hour``: ``inference_hour`` rows and their day."""
    dimensions = ", ".join(_DIMENSIONS)
    units = ", ".join(_CLASSES)
    sums = ", ".join(f"sum({name}) AS {name}" for name in _CLASSES)
    classes = " ".join(f"WHEN {literal(name)} THEN {literal(unit)}" for name, unit in _CLASSES.items())
    # Only aggregates have a period that counts; a request is counted when it was made.
    period = "period_seconds" if table == "aggregate" else "CAST(NULL AS DOUBLE)"
    timed = f"""
        SELECT *, date_trunc('hour', timestamp) AS hour, epoch_us(timestamp) AS starts,
            starts + CAST(round(coalesce({period}, 0) * 1e6) AS BIGINT) AS ends,
            ends > epoch_us(hour) + {_HOUR} AS spanning
        FROM {table}
    """
    # What no row has is not asked for: planning it costs as much as a day of rows.
    spanning, latencies = space.rows(f"SELECT bool_or(spanning), count(latency_ms) FROM ({timed})")[0]
    divided = f"""
        long AS (
            UNPIVOT (SELECT row_number() OVER () AS number, starts, ends, {dimensions},
                {", ".join(f"CAST({name} AS HUGEINT) AS {name}" for name in _CLASSES)} FROM timed WHERE spanning)
            ON {units} INTO NAME unit VALUE quantity
        ),
        parts AS (
            SELECT *, least(ends, h + {_HOUR}) - greatest(starts, h) AS overlap,
                quantity * overlap // (ends - starts) AS whole, quantity * overlap % (ends - starts) AS remainder
            FROM (SELECT *, unnest(range(starts - starts % {_HOUR}, ends, {_HOUR})) AS h FROM long)
        ),
        exact AS (
            SELECT make_timestamp(h) AS hour, {dimensions}, unit, whole + CAST(
                row_number() OVER (PARTITION BY number, unit ORDER BY remainder DESC, h)
                <= quantity - sum(whole) OVER (PARTITION BY number, unit) AS INTEGER) AS quantity
            FROM parts
        ),
    """
    same = " AND ".join(f"total.{name} IS NOT DISTINCT FROM latency.{name}" for name in _DIMENSIONS)
    latency = f"""
        LEFT JOIN (
            SELECT hour, {dimensions}, quantile_cont(latency_ms, [0.5, 0.95]) AS percentiles,
                bool_and(coalesce(requests <= 1, false)) AS one_by_one FROM timed
            WHERE latency_ms IS NOT NULL GROUP BY ALL
        ) AS latency ON total.hour = latency.hour AND {same}
    """
    # One value for several requests is their mean: of how few took longer it says nothing, and p95 is unknown.
    p50, p95 = (
        f"CASE WHEN unit_class = 'requests'{told} THEN CAST(percentiles[{place}] AS FLOAT) END"
        if latencies
        else "CAST(NULL AS FLOAT)"
        for place, told in ((1, ""), (2, " AND one_by_one"))
    )
    space.engine.execute(
        f"""
        CREATE TABLE {table}_hour AS
        WITH timed AS ({timed}),
        direct AS (
            UNPIVOT (SELECT hour, {dimensions}, {sums} FROM timed WHERE NOT spanning GROUP BY ALL)
            ON {units} INTO NAME unit VALUE quantity
        ),
        {divided if spanning else ""}
        total AS (
            SELECT hour, {dimensions}, CASE unit {classes} END AS unit_class, sum(quantity) AS quantity
            FROM (FROM direct {"UNION ALL BY NAME FROM exact" if spanning else ""}) GROUP BY ALL
        )
        SELECT total.*, {literal(source)} AS namespace, CAST(total.hour AS DATE) AS day,
            {p50} AS latency_p50_ms, {p95} AS latency_p95_ms
        FROM total {latency if latencies else ""}
        """
    )
    space.engine.execute(f"INSERT INTO fact SELECT unit_class, quantity FROM {table}_hour")
