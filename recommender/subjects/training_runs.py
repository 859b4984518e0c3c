"""Training runs: what one team paid in one account to train, tune and evaluate one model, run by run.

Assumes
    A run is a workload of a training stage; its cost is the shares of the bill placed on it.
Method
    Cost by run and day from the shares, hours and endings from the workload records of the same name.
    The hours of a month before the window are read too, for how far a run was when the window began. Curves come by
    the run's name, and are placed by the hours it ran.
Cases
    Training cost that no run was recorded for is told apart. A day on which a charge has no cost is unknown for its
    run. Of an Azure pair the amortised half counts. A charge of several days is of those on which its run ran, by how
    long.
Known drawbacks
    Runs of one name in two sources are taken for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.contract import DailyCost, Subject
from recommender.methods.lost_runs import RunHour, Step
from recommender.methods.plateau import Curve, Point, place
from recommender.subjects.charged_days import each_day
from recommender.subjects.own_names import joined

STAGES = ("training", "fine_tuning", "evaluation")
_AMOUNTS = ("listed", "effective", "uncovered")
_ROWS_AT_ONCE = 10_000
_BEFORE = timedelta(days=30)
"""How far before the window hours of its runs are read."""


@dataclass(frozen=True)
class TrainingRun:
    """One run: its hours in order, and its cost by day of the window. ``newest`` ends what its source recorded.

    ``curves`` are its metrics over the hours it ran, and ``steps`` how far it had come when; none where none is
    recorded. ``hours_before`` is how long it had
    run, by the clock, before the first of ``hours``: these are read from a month before the window on.
    """

    workload: str
    stage: str
    hours: Sequence[RunHour]
    costs: Sequence[DailyCost]
    newest: datetime
    curves: Sequence[Curve] = ()
    hours_before: float = 0.0
    steps: Sequence[Step] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingRuns(Subject):
    """Runs of one model, team and account.

    ``costs`` are those of the runs together. ``unrecorded_cost`` is effective cost of the window's training for which
    no run is recorded. ``by_resource`` is effective cost of the runs by resource id ("" where the bill names none).
    """

    runs: Sequence[TrainingRun]
    unrecorded_cost: Decimal
    by_resource: Mapping[str, Decimal]


def load_training_runs(connection: Connection, as_of: datetime, window_days: int) -> Iterator[TrainingRuns]:
    """All training of the window, one model, team and account at a time."""
    since = (as_of - timedelta(days=window_days)).date()
    scope = {"since": since, "until": as_of.date(), "month": since.replace(day=1), "stages": list(STAGES)}
    newest = {row.namespace: row.hour for row in connection.execute(text(_NEWEST))}
    first_days = {tuple(row[:5]): row[5] for row in connection.execute(text(_FIRST_DAYS), scope)}
    rows = connection.execute(text(_PAID), scope)
    everything = [(key, list(group)) for key, group in groupby(rows, key=lambda row: tuple(row[:5]))]
    names = [sorted({row.workload for row in paid if row.workload}) for _, paid in everything]
    hours_of = _hours(connection, names, datetime.combine(since, time(), UTC) - _BEFORE)
    for (key, paid), hours in zip(everything, hours_of, strict=True):
        ran = {name: _seconds(ours) for name, ours in hours.items()}
        days = [
            one
            for row in paid
            for one in each_day(row, _AMOUNTS, since=since, until=as_of.date(), by=ran.get(row.workload))
        ]
        if days:
            found = _subject(key, days, hours, newest, as_of=as_of, first_seen=first_days.get(key, since))
            yield replace(found, runs=_with_curves(connection, found.runs, hours))


def _with_curves(
    connection: Connection, runs: Sequence[TrainingRun], hours: Mapping[str, Sequence[Any]]
) -> list[TrainingRun]:
    """The runs with their curves; of one metric in two sources those of the source the run's hours are from."""
    given = {"runs": list(hours), "namespaces": [ours[0].namespace for ours in hours.values()]}
    rows = connection.execute(text(_CURVES), given).all()
    if not rows:
        return list(runs)
    ran: dict[str, list[RunHour]] = defaultdict(list)
    for row in connection.execute(text(_ALL_HOURS), {"runs": sorted({row.workload for row in rows})}):
        ran[row.workload].append(RunHour(row.hour, row.wall, row.wall, None))
    curves: dict[str, list[Curve]] = defaultdict(list)
    steps: dict[str, set[Step]] = defaultdict(set)
    for (run, metric, _), group in groupby(rows, key=lambda row: (row.workload, row.metric, row.namespace)):
        if any(curve.metric == metric for curve in curves[run]):
            continue
        points = list(group)
        steps[run] |= {
            (one.measured_at, one.step) for one in points if one.measured_at is not None and one.step is not None
        }
        placed = place([Point(one.measured_at, one.step, one.value) for one in points], ran[run])
        curves[run].append(Curve(metric, points[0].lower_is_better, placed))

    def before(run: TrainingRun) -> float:
        return sum(hour.wall for hour in ran[run.workload] if hour.start < run.hours[0].start) / 3600

    return [
        replace(run, curves=curves[run.workload], steps=sorted(steps[run.workload]), hours_before=before(run))
        if run.workload in curves
        else run
        for run in runs
    ]


def _subject(
    key: tuple[Any, ...],
    paid: Sequence[Any],
    hours: Mapping[str, Sequence[Any]],
    newest: Mapping[str, datetime],
    *,
    as_of: datetime,
    first_seen: date,
) -> TrainingRuns:
    provider, account, model, team, currency = key
    by_run: dict[str, list[Any]] = defaultdict(list)
    by_resource: dict[str, Decimal] = defaultdict(Decimal)
    regions: dict[str | None, Decimal] = defaultdict(Decimal)
    unrecorded = Decimal(0)
    for row in paid:
        regions[row.region] += row.effective or 0
        if row.workload not in hours:
            unrecorded += row.effective or 0
            continue
        by_run[row.workload].append(row)
        by_resource[row.resource_id or ""] += row.effective or 0
    runs = [
        TrainingRun(
            workload=name,
            stage=rows[0].stage,
            hours=[RunHour(one.hour, one.wall, float(one.seconds), one.outcome) for one in hours[name]],
            costs=_by_day(rows),
            newest=max(newest[one.namespace] for one in hours[name]),
        )
        for name, rows in sorted(by_run.items())
    ]
    return TrainingRuns(
        resource_key=0,
        resource_id=f"training:{joined(account, model, team)}",
        provider=provider,
        account=account,
        region=max(regions, key=lambda name: (regions[name], name or "")),
        currency=currency,
        tags={},
        model=model,
        team=team,
        first_seen=first_seen,
        costs=_by_day([row for rows in by_run.values() for row in rows]),
        as_of=as_of,
        runs=runs,
        unrecorded_cost=unrecorded,
        by_resource=dict(by_resource),
    )


def _seconds(hours: Sequence[Any]) -> dict[date, Decimal]:
    """Machine-seconds of a run by day."""
    found: dict[date, Decimal] = defaultdict(Decimal)
    for one in hours:
        found[one.hour.astimezone(UTC).date()] += one.seconds
    return found


def _by_day(rows: Sequence[Any]) -> list[DailyCost]:
    days: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        days[row.day].append(row)

    def total(ours: Sequence[Any], name: str) -> Decimal | None:
        amounts = [getattr(row, name) for row in ours]
        return None if None in amounts else sum(amounts, Decimal(0))

    return [
        DailyCost(
            day=day,
            hours=24,
            list_cost=total(ours, "listed"),
            effective_cost=total(ours, "effective"),
            uncovered_effective_cost=total(ours, "uncovered"),
            is_spot=False,
            billed=any(row.billed for row in ours),
        )
        for day, ours in sorted(days.items())
    ]


def part_of(cost: DailyCost, share: Decimal) -> DailyCost:
    """A share of a day's cost; what is unknown stays unknown."""

    def part(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else amount * share

    return replace(
        cost,
        list_cost=part(cost.list_cost),
        effective_cost=part(cost.effective_cost),
        uncovered_effective_cost=part(cost.uncovered_effective_cost),
    )


def _hours(connection: Connection, names: Sequence[Sequence[str]], since: datetime) -> Iterator[dict[str, list[Any]]]:
    """Recorded hours by run, for each of the groups of names in turn; the table is read once, as a stream."""
    pairs = [(place, name) for place, group in enumerate(names) for name in group]
    given = {"places": [place for place, _ in pairs], "names": [name for _, name in pairs], "since": since}
    rows = connection.execute(text(_HOURS).execution_options(yield_per=_ROWS_AT_ONCE), given)
    groups = groupby(rows, key=lambda row: row.place)
    place, group = next(groups, (None, iter(())))
    for number in range(len(names)):
        found: dict[str, list[Any]] = defaultdict(list)
        if number == place:
            for row in group:
                found[row.workload].append(row)
            place, group = next(groups, (None, iter(())))
        yield dict(found)


_COST = """coalesce(s.effective_cost, CASE WHEN NOT ((k.pricing_category IS NOT DISTINCT FROM 'Committed'
           OR c.commitment_key <> 0) AND s.billed_cost IS NOT DISTINCT FROM 0) THEN s.billed_cost END)"""

_PAID = f"""
    SELECT a.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account, t.model, t.team,
           k.billing_currency AS currency, t.workload, c.charge_date AS day, {CHARGED_UNTIL} AS end_day, t.stage,
           l.region_id AS region, r.resource_id,
           CASE WHEN bool_and(s.list_cost IS NOT NULL) THEN sum(s.list_cost) END AS listed,
           CASE WHEN bool_and({_COST} IS NOT NULL) THEN sum({_COST}) END AS effective,
           CASE WHEN bool_and({_COST} IS NOT NULL) THEN coalesce(sum({_COST}) FILTER (
               WHERE k.pricing_category IS DISTINCT FROM 'Committed' AND c.commitment_key = 0), 0) END AS uncovered,
           bool_or(s.effective_cost IS NULL AND {_COST} IS NOT NULL) AS billed
    FROM charge c
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    JOIN location l USING (location_key)
    LEFT JOIN resource r ON r.resource_key = c.resource_key AND c.resource_key <> 0
    {JOIN_TO_DATE}
    WHERE t.stage = ANY(:stages) AND t.model IS NOT NULL AND k.charge_category = 'Usage'
      AND greatest(c.charge_end_date, c.charge_date + 1) > :since AND c.charge_date < :until
      AND c.billing_month >= :month
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE position('+' in dataset) > 0))
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ORDER BY 1, 2, 3, 4, 5, t.workload, day, end_day, t.stage, r.resource_id, l.region_id"""

_HOURS = """
    SELECT place, workload, hour, min(namespace) AS namespace, sum(seconds::numeric) AS seconds, max(seconds) AS wall,
           (array_agg(outcome ORDER BY CASE outcome WHEN 'failed' THEN 1 WHEN 'retried' THEN 2 WHEN 'succeeded' THEN 3
                                                    WHEN 'running' THEN 4 END NULLS LAST))[1] AS outcome
    FROM unnest(CAST(:places AS int[]), CAST(:names AS text[])) AS run (place, workload)
    JOIN workload_hour USING (workload)
    WHERE hour >= :since
    GROUP BY place, workload, hour
    ORDER BY place, workload, hour"""

_CURVES = """
    SELECT workload, metric, m.namespace, measured_at, step, value, lower_is_better
    FROM unnest(CAST(:runs AS text[]), CAST(:namespaces AS text[])) AS run (workload, namespace)
    JOIN run_metric m USING (workload)
    ORDER BY workload, metric, (m.namespace = run.namespace) DESC, m.namespace, ordinal"""

_ALL_HOURS = """
    SELECT workload, hour, max(seconds) AS wall FROM workload_hour
    WHERE workload = ANY(:runs) GROUP BY 1, 2 ORDER BY 1, 2"""

_NEWEST = "SELECT namespace, max(hour) AS hour FROM workload_hour GROUP BY namespace"

_FIRST_DAYS = """
    SELECT provider, account, model, team, currency, min(charge_date) FROM spend_day
    WHERE is_ai AND stage = ANY(:stages) GROUP BY 1, 2, 3, 4, 5"""
