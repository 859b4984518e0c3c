"""Utilization samples of accelerators from files, rolled up to the hour.

*Form.* One row is one sample of one accelerator; see :data:`FORM` and ``docs/telemetry.md``. Rows of one accelerator
and instant are one sample, so activity and memory may come from two files; where two say different things of one
column, the larger counts, and the report says so.

*Interval.* A sample stands for the ``interval_seconds`` from its timestamp on. Where none is given it is the median
step of the accelerator's samples in this import; a lone sample counts for one minute.

*Activity* of an hour is one counter throughout: SM activity where at least half as many samples have it as have GPU
utilization, which only says that *some* kernel ran; tensor activity where there is nothing else. Percentiles are over
the samples, interpolated linearly. *Coverage* is the share of the hour for which samples of that counter stand; 0 where
there is none. *Slots* are the twelve five-minute parts: mean and maximum of the samples that begin in it; a sample
longer than a slot fills every slot it stands for. Unknown slots are NULL. Sums run over whole numbers (activity in
1e-9, power in mW), so that the order of rows and files changes nothing.

*Drawbacks.* A sample near the end of an hour counts there whole, though a part of its interval lies in the next.
Samples longer than five minutes hide peaks: the row keeps ``interval_seconds`` so that readers can judge. Of memory the
peak within a sample can be given beside its mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from aispend.clock import Clock
from aispend.errors import InputError, UsageError
from aispend.schema import accelerator_hour
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.telemetry_files import TelemetryFile, find_files
from collectors.files.telemetry_form import Column, Form
from collectors.files.telemetry_load import Import, Progress, Rollup, TelemetryReport, rows_per_day
from collectors.files.telemetry_prometheus import accelerator_rows
from collectors.files.telemetry_scan import Workspace, read, workspace

UtilizationUnit = Literal["percent", "ratio"]

KIND = "metrics"
MAPPING_VERSION = "2"
ASSUMED_INTERVAL_SECONDS = 60
SAMPLES_AT_ONCE = 3_000_000
HOURS_AT_ONCE = 150_000
"""Hours of accelerators rolled up together: each keeps sums, slots and percentiles, however few its samples are."""
LONGEST_INTERVAL_SECONDS = 3600

_RATIO = "it is a ratio from 0 to 1; divide a percentage by 100"
_PERCENT = (
    "it is a percentage from 0 to 100 of one accelerator; divide the sum over the accelerators of a machine"
    " by their number"
)
_BYTES = "bytes are not negative"


def form(unit: UtilizationUnit | None = None) -> Form:
    """The form; with ``unit`` ratio, ``gpu_utilization`` is read as a ratio."""
    return Form(
        KIND,
        (
            Column("timestamp", "time", required=True),
            Column("resource_id", "text", required=True, lower=True),
            Column("accelerator_index", "whole", low=0, high=32767, limit="the number of the accelerator on its host"),
            Column(
                "interval_seconds", "number", low=0.001, high=LONGEST_INTERVAL_SECONDS,
                limit="more than 0 and at most an hour; coarser samples say nothing about an hour",
            ),
            Column("gpu_utilization", "number", low=0, high=1, limit="as a ratio it is from 0 to 1")
            if unit == "ratio"
            else Column("gpu_utilization", "number", low=0, high=100, limit=_PERCENT),
            Column("sm_active", "number", low=0, high=1, limit=_RATIO),
            Column("tensor_active", "number", low=0, high=1, limit=_RATIO),
            Column("memory_used_bytes", "number", low=0, high=1e15, limit=_BYTES),
            Column("memory_used_max_bytes", "number", low=0, high=1e15, limit=_BYTES),
            Column("memory_total_bytes", "number", low=0, high=1e15, limit=_BYTES),
            Column("power_watts", "number", low=0, high=1e6, limit="watts are not negative"),
        ),
    )  # fmt: skip


FORM = form()

_FACTS = tuple(column.name for column in accelerator_hour.c if column.name != "slice_id")


def import_metrics(
    paths: Sequence[Path | str],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    source: str = "files",
    progress: Progress | None = None,
    at: datetime | None = None,
    utilization_unit: UtilizationUnit | None = None,
) -> TelemetryReport:
    """Load utilization samples into ``accelerator_hour``; see :mod:`aispend.store.telemetry` for what is replaced.

    ``source`` is the namespace of the resource names. ``at`` is when a Prometheus scrape without timestamps was taken
    (aware). ``utilization_unit`` settles whether a ``gpu_utilization`` column that never exceeds 1 is a percentage.
    Raises ``InputError`` where a file cannot be used, ``BusyError`` while another import of the source runs.
    """
    if at is not None and at.tzinfo is None:
        raise UsageError("The time of the scrape needs a zone.", where=str(at), next_step="Write 2026-11-20T10:15:00Z.")
    files, notes = find_files(paths)
    options = (MAPPING_VERSION, at.isoformat() if at else "", utilization_unit or "")
    running = Import.begin(KIND, source, files, notes, clock, *options)
    if report := running.unchanged(store, [source]):
        return report
    with workspace(settings) as space:
        parsed = {
            file.path: accelerator_rows(file.path, gzipped=file.gzipped, at=at)
            for file in files
            if file.format == "prometheus"
        }
        reading = read(space, form(utilization_unit), files, clock(), parsed)
        running.accept(store, space, reading)
        _settle_unit(space, files, utilization_unit)
        running.notes.extend(_make_samples(space))
        days = rows_per_day(space)
        for done, (first, last) in enumerate(stretches := _stretches(days, _hours_per_day(space))):
            if progress:
                progress("rolling up utilization", done, len(stretches))
            roll_up(space, source, first, last, more=done > 0)
        if progress:
            progress("writing utilization", len(stretches), len(stretches))
        series = ("alias", "accelerator_index")
        rollup = Rollup(source, "rolled", accelerator_hour, _FACTS, days, series, quality="coverage")
        with store.engine.begin() as connection:
            running.lock(connection)
            running.save(connection, space, rollup, reading.rejects)
    return running.report(reading)


def _settle_unit(space: Workspace, files: Sequence[TelemetryFile], unit: UtilizationUnit | None) -> None:
    """Refuse a utilization that may be a ratio: taken for a percentage, every busy machine would look idle."""
    if unit == "ratio":
        space.engine.execute("UPDATE record SET gpu_utilization = gpu_utilization * 100")
        return
    highest = space.value("SELECT max(gpu_utilization) FROM record")
    said = unit == "percent" or all(file.format == "prometheus" for file in files)
    if not said and highest is not None and 0 < highest <= 1:
        raise InputError(
            f"gpu_utilization never exceeds {highest:g}: it may be a ratio, where a percentage (0 to 100) is expected.",
            where=", ".join(file.shown_as for file in files[:5]),
            next_step="Say which it is: --utilization-unit ratio (0 to 1), or percent where all is nearly idle.",
        )


def _make_samples(space: Workspace) -> list[str]:
    """Make the table ``sample``, one row per accelerator and instant with its interval; returns notes."""
    measures = (
        "interval_seconds", "gpu_utilization", "sm_active", "tensor_active", "memory_used_bytes",
        "memory_used_max_bytes", "memory_total_bytes", "power_watts",
    )  # fmt: skip
    largest = ", ".join(f"max({name}) AS {name}" for name in measures)
    differs = " OR ".join(f"min({name}) <> max({name})" for name in measures)
    # Sorted, because rolling up samples in random order keeps every hour's state alive at once: eight times slower.
    space.engine.execute(
        "CREATE TABLE sample AS FROM (SELECT resource_id AS alias, coalesce(accelerator_index, 0) AS accelerator_index,"
        f" timestamp, {largest}, {differs} AS differs FROM record GROUP BY ALL)"
        " ORDER BY CAST(timestamp AS DATE), alias, accelerator_index, timestamp"
    )
    space.engine.execute("CREATE TABLE series (alias VARCHAR, accelerator_index BIGINT, step DOUBLE)")
    notes = []
    contradictions = space.value("SELECT count(*) FROM sample WHERE differs")
    if contradictions:
        notes.append(f"{contradictions:,} samples were given twice with different values; the larger value was taken.")
    if space.value("SELECT count(*) FROM sample WHERE interval_seconds IS NULL"):
        notes.extend(_infer_intervals(space))
    return notes


def _infer_intervals(space: Workspace) -> list[str]:
    """Fill the table ``series`` with the median step of each accelerator's samples, in seconds; returns notes."""
    space.engine.execute(
        "INSERT INTO series SELECT alias, accelerator_index, quantile_disc(step, 0.5) / 1e6 AS step FROM"
        " (SELECT alias, accelerator_index, epoch_us(timestamp) - lag(epoch_us(timestamp)) OVER"
        " (PARTITION BY alias, accelerator_index ORDER BY timestamp) AS step FROM sample) GROUP BY ALL"
    )
    too_long = f"step IS NULL OR step > {LONGEST_INTERVAL_SECONDS}"
    assumed = space.value(f"SELECT count(*) FROM series WHERE {too_long}")
    space.engine.execute(f"UPDATE series SET step = {ASSUMED_INTERVAL_SECONDS} WHERE {too_long}")
    if not assumed:
        return []
    return [
        f"{assumed:,} accelerators have no two samples within an hour of each other; each of their samples counts for"
        f" {ASSUMED_INTERVAL_SECONDS} seconds."
    ]


def _hours_per_day(space: Workspace) -> dict[date, int]:
    """About how many hours of accelerators lie on each UTC day."""
    each = "hash(alias, accelerator_index, date_trunc('hour', timestamp))"
    return dict(space.rows(f"SELECT CAST(timestamp AS DATE), approx_count_distinct({each}) FROM sample GROUP BY 1"))


def _stretches(days: Mapping[date, int], hours: Mapping[date, int]) -> list[tuple[date, date]]:
    """First and last days of stretches whose samples and hours of accelerators stay within memory, rolled up."""
    found: list[tuple[date, date]] = []
    rows = groups = 0
    for day, count in sorted(days.items()):
        rows, groups = rows + count, groups + hours[day]
        if found and rows <= SAMPLES_AT_ONCE and groups <= HOURS_AT_ONCE:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
            rows, groups = count, hours[day]
    return found


def roll_up(space: Workspace, source: str, first: date, last: date, *, more: bool) -> None:
    """Roll the samples of UTC days up into the table ``rolled``: ``accelerator_hour`` rows and their day.

    ``more`` says that there is a stretch in it already.
    """
    slots = range(12)
    # A sample longer than a slot stands in every slot its interval reaches.
    within = {slot: f"first_slot <= {slot} AND {slot} <= last_slot" for slot in slots}
    sums = ", ".join(
        f"sum(nano) FILTER (WHERE {within[slot]}) AS sum_{slot}, count(nano) FILTER (WHERE {within[slot]}) AS n_{slot},"
        f" max(activity) FILTER (WHERE {within[slot]}) AS max_{slot}"
        for slot in slots
    )
    means = ", ".join(_real(f"sum_{slot} / n_{slot} / 1e9") for slot in slots)
    maxima = ", ".join(_real(f"max_{slot}") for slot in slots)
    hours = f"""
        WITH timed AS (
            SELECT sample.* REPLACE (coalesce(interval_seconds, step) AS interval_seconds),
                date_trunc('hour', timestamp) AS hour,
                (epoch_us(timestamp) - epoch_us(date_trunc('hour', timestamp))) / 1e6 AS second_of_hour
            FROM sample LEFT JOIN series USING (alias, accelerator_index)
            WHERE timestamp >= $first AND timestamp < $after
        ),
        known AS (
            SELECT alias, accelerator_index, hour, count(sm_active) AS sm, count(gpu_utilization) AS gpu,
                CASE WHEN sm > 0 AND sm * 2 >= gpu THEN 'sm_active' WHEN gpu > 0 THEN 'gpu_utilization'
                    WHEN count(tensor_active) > 0 THEN 'tensor_active' END AS counter
            FROM timed GROUP BY ALL
        ),
        active AS (
            SELECT timed.*, counter,
                CASE counter WHEN 'sm_active' THEN sm_active WHEN 'gpu_utilization' THEN gpu_utilization / 100
                    WHEN 'tensor_active' THEN tensor_active END AS activity,
                CAST(round(activity * 1e9) AS BIGINT) AS nano,
                CAST(floor(second_of_hour / 300) AS INTEGER) AS first_slot,
                CASE WHEN interval_seconds > 300
                    THEN CAST(ceil(least(second_of_hour + interval_seconds, 3600) / 300) AS INTEGER) - 1
                    ELSE first_slot END AS last_slot,
                CASE WHEN interval_seconds > 300 THEN least(interval_seconds, 3600 - second_of_hour)
                    ELSE interval_seconds END AS seconds
            FROM timed JOIN known USING (alias, accelerator_index, hour)
        )
        SELECT alias, accelerator_index, hour, counter,
            quantile_disc(interval_seconds, 0.5) AS interval_seconds,
            sum(nano) / count(nano) / 1e9 AS activity_mean,
            quantile_cont(activity, [0.5, 0.95, 0.99]) AS percentiles,
            max(activity) AS activity_max,
            sum(CAST(round(sm_active * 1e9) AS BIGINT)) / count(sm_active) / 1e9 AS sm_active_mean,
            sum(CAST(round(tensor_active * 1e9) AS BIGINT)) / count(tensor_active) / 1e9 AS tensor_active_mean,
            sum(CAST(round(memory_used_bytes) AS BIGINT)) / count(memory_used_bytes) AS memory_used_mean,
            greatest(max(memory_used_bytes), max(memory_used_max_bytes)) AS memory_used_max,
            max(memory_total_bytes) AS memory_total,
            sum(CAST(round(power_watts * 1e3) AS BIGINT)) / count(power_watts) / 1e3 AS power_mean,
            least(1, coalesce(sum(CAST(round(seconds * 1e3) AS BIGINT)) FILTER (WHERE activity IS NOT NULL), 0)
                / 3600e3) AS coverage,
            {sums}
        FROM active GROUP BY alias, accelerator_index, hour, counter
    """
    values = {
        "namespace": "$source",
        "alias": "alias",
        "accelerator_index": "accelerator_index",
        "hour": "hour",
        "counter": "counter",
        "activity_p50": _real("percentiles[1]"),
        "activity_p95": _real("percentiles[2]"),
        "activity_p99": _real("percentiles[3]"),
        "slot_mean": _array_sql(means),
        "slot_max": _array_sql(maxima),
    }
    select = ", ".join(f"{values.get(name, _real(name))} AS {name}" for name in _FACTS)
    query = f"SELECT {select}, CAST(hour AS DATE) AS day FROM ({hours})"
    span = {"source": source, "first": first, "after": last + timedelta(days=1)}
    space.engine.execute(f"INSERT INTO rolled {query}" if more else f"CREATE TABLE rolled AS {query}", span)


def _real(expression: str) -> str:
    return f"CAST({expression} AS FLOAT)"


def _array_sql(elements: str) -> str:
    """A Postgres array literal of floats; NULL where no activity is known at all."""
    return (
        f"CASE WHEN counter IS NOT NULL THEN '{{' || array_to_string(list_transform([{elements}],"
        " lambda x: coalesce(CAST(x AS VARCHAR), 'NULL')), ',') || '}' END"
    )
