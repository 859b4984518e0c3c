"""How training runs got better, from files: the curve of a loss or another metric, by time or by step.

*Form.* One row is one value of one metric of one run; see :data:`FORM` and ``docs/telemetry.md``. The run is called as
its workload is. Whether a lower value is the better one is known of well-known metrics, else it is said.

*Points.* Rows of a curve come in the order of their time, then of their step. Of a curve of more than a thousand points
the best of each thousandth is kept, with the first and the last: that keeps when it was as good as ever.

*Replaced* is the whole curve of every run and metric the import names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aispend.clock import Clock
from aispend.engine.line import literal
from aispend.errors import InputError
from aispend.schema import run_metric
from aispend.settings import Settings
from aispend.store import Store
from aispend.store.curves import forget_curves
from collectors.files.telemetry_files import find_files
from collectors.files.telemetry_form import Column, Form, RowCheck
from collectors.files.telemetry_load import Import, Progress, Rollup, TelemetryReport
from collectors.files.telemetry_scan import Workspace, read, workspace

KIND = "curves"
MAPPING_VERSION = "1"
POINTS = 1000
"""Of a longer curve as many are kept, and two."""
LOWER = r"(.*[^a-z])?(loss|perplexity|ppl|error|err|wer|cer|mae|mse|rmse|nll|bpb)"
HIGHER = r"(.*[^a-z])?(accuracy|acc|f1|auc|bleu|rouge[0-9a-z]*|reward|precision|recall|map|ndcg|score)"
"""Metrics whose name says which way is better, in lower case, with anything before them: ``eval/loss``."""

FORM = Form(
    KIND,
    (
        Column("workload", "text", required=True),
        Column("metric", "text", required=True, lower=True),
        Column("timestamp", "time"),
        Column("step", "whole", low=0, high=10**15, limit="it cannot be negative"),
        Column("value", "number"),
        Column("lower_is_better", "text", lower=True, choices=("true", "false")),
    ),
    (
        RowCheck("timestamp", "{timestamp} IS NULL AND {step} IS NULL", "is missing, and so is step: give one of them"),
        RowCheck(
            "lower_is_better",
            f"{{lower_is_better}} IS NULL AND NOT regexp_full_match(lower({{metric}}), {literal(LOWER)})"
            f" AND NOT regexp_full_match(lower({{metric}}), {literal(HIGHER)})",
            "is missing: the name of the metric does not say whether lower is better; give true or false",
        ),
    ),
)

_FACTS = tuple(column.name for column in run_metric.c if column.name != "slice_id")


def import_curves(
    paths: Sequence[Path | str],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    source: str = "files",
    progress: Progress | None = None,
) -> TelemetryReport:
    """Load curves into ``run_metric``.

    ``source`` is the namespace of the runs' names. Raises ``InputError`` where a file cannot be used or says of one
    metric of a run that lower is better and that it is not, ``BusyError`` while another import of the source runs.
    """
    files, notes = find_files(paths)
    running = Import.begin(KIND, source, files, notes, clock, MAPPING_VERSION)
    if report := running.unchanged(store, [source]):
        return report
    with workspace(settings) as space:
        reading = read(space, FORM, files, clock())
        running.accept(store, space, reading)
        if progress:
            progress("writing curves", 0, None)
        _roll_up(space, source, f"{clock():%Y-%m-%d}")
        rows_in = dict(space.rows("SELECT day, sum(rows_in)::INTEGER FROM curve GROUP BY day"))
        rollup = Rollup(source, "rolled", run_metric, _FACTS, rows_in)
        with store.engine.begin() as connection:
            running.lock(connection)
            forget_curves(connection, source, space.rows("SELECT workload, metric FROM curve"))
            running.save(connection, space, rollup, reading.rejects)
    return running.report(reading)


def _roll_up(space: Workspace, source: str, today: str) -> None:
    """Roll ``record`` up into ``rolled``, ``run_metric`` rows and their day: the curve's last, else today."""
    space.engine.execute(
        f"""
        CREATE TABLE told AS SELECT *,
            coalesce(lower_is_better = 'true', regexp_full_match(lower(metric), {literal(LOWER)})) AS lower_better
        FROM record;
        CREATE TABLE curve AS SELECT workload, metric, count(*) AS rows_in,
            coalesce(CAST(max(timestamp) AS DATE), CAST({literal(today)} AS DATE)) AS day,
            count(DISTINCT lower_better) AS ways
        FROM told GROUP BY workload, metric
        """
    )
    both = space.rows("SELECT workload, metric FROM curve WHERE ways > 1 ORDER BY ALL LIMIT 1")
    if both:
        raise InputError(
            f"The files say of {both[0][1]} of {both[0][0]} that lower is better and that it is not; nothing was "
            "loaded.",
            next_step="Give lower_is_better as true or as false for all its rows.",
        )
    space.engine.execute(
        f"""
        CREATE TABLE rolled AS
        WITH point AS (
            -- A row given twice says nothing new.
            SELECT DISTINCT workload, metric, timestamp, step, value, lower_better FROM told
        ),
        placed AS (
            SELECT *, row_number() OVER (PARTITION BY workload, metric
                                         ORDER BY timestamp NULLS LAST, step NULLS LAST, value NULLS LAST) AS place,
                count(*) OVER (PARTITION BY workload, metric) AS points
            FROM point
        ),
        ranked AS (
            SELECT *, row_number() OVER (PARTITION BY workload, metric, ((place - 1) * {POINTS}) // points
                                         ORDER BY CASE WHEN lower_better THEN value ELSE -value END NULLS LAST, place)
                AS rank
            FROM placed
        )
        SELECT {literal(source)} AS namespace, workload, metric,
            row_number() OVER (PARTITION BY workload, metric ORDER BY place) AS ordinal,
            timestamp AT TIME ZONE 'UTC' AS measured_at, step, value, lower_better AS lower_is_better, day
        FROM ranked JOIN curve USING (workload, metric)
        WHERE points <= {POINTS} OR rank = 1 OR place IN (1, points)
        """
    )
