"""What a model cost from training to serving; and what its runs cost, those that failed or were given up included.

Cost is effective, of AI spend. A run is a workload of a training stage; how it ended is what the scheduler said last.
An *attempt* ends at an hour said to have failed, been retried or succeeded, where the next one differs or does not
follow on; a run that went on after an attempt that failed is *repeated*. What was last heard of *running* more than
``GIVEN_UP_DAYS`` before the newest workload of its source counts as given up; without a word it is unknown. Lost are
the attempts that failed, were retried or given up: of each day's cost of the run, by their part of its machine seconds
of that day (of all its seconds, on a day none were recorded for).
These are the attempts that advice goes by too (``recommender/methods/lost_runs.py``), here for all runs in one query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row, text

from aispend.money import exact_sum, rate
from reports.views.basis import Window, divided_by, known_days

GIVEN_UP_DAYS = 7
TRAINING_STAGES = ("training", "fine_tuning", "evaluation")
Ending = Literal["succeeded", "failed", "retried", "given_up", "running", "unknown"]
WASTED: tuple[Ending, ...] = ("failed", "retried", "given_up")


@dataclass(frozen=True)
class ModelLifecycle:
    """One model in one currency over a period, its stages as the bill says them (as spend by stage does).

    ``shared_cost`` is the part of ``other_cost`` that is a shared cost's, of which no bill says the stage: unit costs
    put it where the model served, so that it is in no serving cost and no ratio here.
    ``unsuccessful_cost`` is the part of the training cost whose attempts came to nothing, those repeated included; None
    where it was trained and there is no word on how any of its runs ended. ``training_per_serving`` is training cost ÷
    serving cost, None where nothing was served.
    """

    model: str | None
    currency: str
    data_cost: Decimal
    training_cost: Decimal
    serving_cost: Decimal
    other_cost: Decimal
    shared_cost: Decimal
    unsuccessful_cost: Decimal | None
    training_per_serving: Decimal | None
    partly_unknown: bool


@dataclass(frozen=True)
class RunFacts:
    """One run and how it ended, whatever it cost in ``currency``."""

    workload: str
    model: str | None
    team: str | None
    stage: str
    ending: Ending
    repeated: bool
    lost_attempts: int
    first_hour: datetime | None
    last_hour: datetime | None
    currency: str

    def goes_beyond(self, window: Window) -> bool:
        """Whether it also ran before or after these days, so that what it cost in them is a part."""
        started, ended = self.first_hour, self.last_hour
        return (started is not None and started.date() < window.first) or (
            ended is not None and ended.date() >= window.end
        )


@dataclass(frozen=True)
class Run(RunFacts):
    """One run: what it cost in the period, how it ended, and how much of it came to nothing.

    ``lost_cost`` is the part of ``effective_cost`` spent on its ``lost_attempts`` (failed, repeated or given up), None
    where no word on how any of it ended was recorded.
    """

    effective_cost: Decimal
    lost_cost: Decimal | None


@dataclass(frozen=True)
class Lifecycles:
    """Models, the costliest first, over ``window``."""

    rows: tuple[ModelLifecycle, ...]
    window: Window | None
    allocation: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runs:
    """Runs, the costliest first, over ``window``."""

    rows: tuple[Run, ...]
    window: Window | None
    allocation: tuple[str, ...] = ()


def lifecycles(connection: Connection, window: Window | None = None) -> Lifecycles:
    """What each model cost by what it was for, over ``window`` (None: all that is loaded)."""
    window = window or known_days(connection)
    if window is None:
        return Lifecycles((), None)
    lost: dict[tuple[str | None, str], Decimal] = {}
    for run in runs(connection, window).rows:
        if run.lost_cost is not None:
            key = run.model, run.currency
            lost[key] = exact_sum((lost.get(key, Decimal(0)), run.lost_cost))
    rows = [
        ModelLifecycle(
            model=row.model,
            currency=row.currency,
            data_cost=row.data,
            training_cost=row.training,
            serving_cost=row.serving,
            other_cost=row.other,
            shared_cost=row.shared,
            unsuccessful_cost=lost.get((row.model, row.currency), None if row.training else Decimal(0)),
            training_per_serving=rate(row.training, row.serving) if row.serving > 0 else None,
            partly_unknown=row.lacks,
        )
        for row in stage_costs(connection, window)
    ]
    return Lifecycles(tuple(rows), window, divided_by(connection, window))


def runs(connection: Connection, window: Window | None = None) -> Runs:
    """Every run with cost in ``window`` (None: all that is loaded, so that each is whole)."""
    window = window or known_days(connection)
    if window is None:
        return Runs((), None)
    found: list[tuple[Any, ...]] = [tuple(row)[:-1] for row in run_costs(connection, window)]
    return Runs(tuple(Run(*row) for row in found), window, divided_by(connection, window))


def stage_costs(connection: Connection, window: Window, *, daily: bool = False) -> Sequence[Row[Any]]:
    """What each model cost by what it was for, in each currency; on each day of the window where ``daily``."""
    scope = {"first": window.first, "end": window.end, "training": list(TRAINING_STAGES)}
    day = "charge_date" if daily else "CAST(NULL AS date)"
    return connection.execute(text(_STAGES.format(day=day)), scope).all()


def run_costs(connection: Connection, window: Window, *, daily: bool = False) -> Sequence[Row[Any]]:
    """The columns of :class:`Run` and the day: each run in each currency, on each day of the window where ``daily``."""
    scope = {
        "first": window.first,
        "end": window.end,
        "training": list(TRAINING_STAGES),
        "given_up": GIVEN_UP_DAYS,
        "wasted": list(WASTED),
    }
    return connection.execute(text(_RUNS.format(day="p.day" if daily else "CAST(NULL AS date)")), scope).all()


def _known(stages: str) -> str:
    return f"coalesce(sum(effective_cost) FILTER (WHERE {stages}), 0)"


_OTHER = "stage <> ALL(:training) AND stage NOT IN ('data', 'inference_online', 'inference_batch')"
_STAGES = f"""
    SELECT model, currency, {{day}} AS day, {_known("stage = 'data'")} AS data,
           {_known("stage = ANY(:training)")} AS training,
           {_known("stage IN ('inference_online', 'inference_batch')")} AS serving,
           {_known(_OTHER)} AS other, {_known(f"reason = 'shared' AND {_OTHER}")} AS shared,
           bool_or(unknown_costs & 2 = 2) AS lacks,
           bool_or(stage = ANY(:training) AND effective_cost IS NOT NULL) AS is_training_known
    FROM spend_day
    WHERE is_ai AND charge_date >= :first AND charge_date < :end
    GROUP BY 1, 2, 3
    ORDER BY currency, sum(effective_cost) DESC NULLS LAST, model"""

_RUNS = """
    WITH paid AS (
        SELECT t.workload, t.model, t.team, t.stage, k.billing_currency AS currency, c.charge_date AS day,
               sum(s.effective_cost) AS cost
        FROM charge c
        JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
        JOIN share_target t USING (target_key)
        JOIN charge_kind k USING (charge_kind_key)
        WHERE c.charge_date >= :first AND c.charge_date < :end
          AND c.billing_month >= date_trunc('month', CAST(:first AS date)) - interval '1 month'
          AND c.billing_month <= date_trunc('month', CAST(:end AS date)) + interval '1 month'
          AND t.workload IS NOT NULL AND t.stage = ANY(:training)
        GROUP BY 1, 2, 3, 4, 5, 6),
    newest AS (SELECT namespace, max(hour) AS hour FROM workload_hour GROUP BY namespace),
    hours AS (
        SELECT w.workload, w.hour, max(n.hour) AS newest, sum(w.seconds::numeric) AS seconds,
               (array_agg(w.outcome ORDER BY array_position(
                   ARRAY['failed', 'retried', 'succeeded', 'running'], w.outcome)))[1] AS outcome
        FROM workload_hour w JOIN newest n USING (namespace)
        WHERE w.workload IN (SELECT workload FROM paid)
        GROUP BY w.workload, w.hour),
    ends AS (
        SELECT *, outcome IN ('succeeded', 'failed', 'retried')
                  AND (lead(outcome) OVER run IS DISTINCT FROM outcome
                       OR lead(hour) OVER run - hour > interval '1 hour') AS is_end
        FROM hours WINDOW run AS (PARTITION BY workload ORDER BY hour)),
    numbered AS (
        SELECT *, count(*) FILTER (WHERE is_end)
                  OVER (PARTITION BY workload ORDER BY hour ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS attempt
        FROM ends),
    attempts AS (
        SELECT workload, attempt, min(hour) AS first_hour, max(hour) AS last_hour, max(newest) AS newest,
               (array_agg(outcome ORDER BY hour DESC))[1] AS outcome, bool_or(outcome IS NOT NULL) AS told,
               attempt < max(attempt) OVER (PARTITION BY workload) AS again
        FROM numbered GROUP BY workload, attempt),
    ended AS (
        SELECT *, CASE WHEN outcome IN ('succeeded', 'failed', 'retried') THEN outcome
                       WHEN outcome = 'running' AND last_hour < max(newest) OVER (PARTITION BY workload)
                                                                - make_interval(days => :given_up) THEN 'given_up'
                       WHEN outcome = 'running' THEN 'running' ELSE 'unknown' END AS ending
        FROM attempts),
    run AS (
        SELECT workload, min(first_hour) AS first_hour, max(last_hour) AS last_hour,
               (array_agg(ending ORDER BY attempt DESC))[1] AS ending, bool_or(told) AS told,
               bool_or(again AND ending IN ('failed', 'retried')) AS repeated,
               count(*) FILTER (WHERE ending = ANY(:wasted))::int AS lost_attempts
        FROM ended GROUP BY workload),
    lost AS (
        SELECT workload, (n.hour AT TIME ZONE 'UTC')::date AS day, sum(n.seconds) AS seconds,
               coalesce(sum(n.seconds) FILTER (WHERE e.ending = ANY(:wasted)), 0) AS lost
        FROM numbered n JOIN ended e USING (workload, attempt)
        GROUP BY GROUPING SETS ((1, 2), (1))),
    costs AS (
        SELECT p.workload, p.model, p.team, p.stage, p.currency, {day} AS day, sum(p.cost) AS cost,
               sum(round(p.cost * coalesce(d.lost / nullif(d.seconds, 0), w.lost / nullif(w.seconds, 0)), 12)) AS lost
        FROM paid p
        LEFT JOIN lost d ON d.workload = p.workload AND d.day = p.day
        LEFT JOIN lost w ON w.workload = p.workload AND w.day IS NULL
        GROUP BY 1, 2, 3, 4, 5, 6)
    SELECT c.workload, c.model, c.team, c.stage, coalesce(r.ending, 'unknown') AS ending,
           coalesce(r.repeated, false) AS repeated, coalesce(r.lost_attempts, 0) AS lost_attempts,
           r.first_hour, r.last_hour, c.currency, c.cost,
           CASE WHEN r.told THEN coalesce(c.lost, 0) END AS lost, c.day
    FROM costs c LEFT JOIN run r USING (workload)
    WHERE c.cost IS NOT NULL
    ORDER BY c.currency, c.cost DESC, c.workload"""
