"""CloudWatch: which series there are, and their points, in as few requests and as little memory as it takes.

*Series* are found by ListMetrics, since GetMetricData wants dimensions exactly and has no wildcards. *Points* are asked
for as many queries at a time as one page can answer: at most 500, and 350 for a day of five minutes. Where an answer
comes in pages all the same, they name the same query again: its points are added to those before, and a page that
comes twice adds nothing, because a point is known by its time. The period follows the age of the points: finer ones
are thrown away after 15 and 63 days, and asking for them gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from aispend.clock import HOURS_PER_MONTH
from collectors.aws.listing import pages

OPERATIONS = ("cloudwatch.GetMetricData", "cloudwatch.ListMetrics")
QUERIES = 500
"""Most queries of one request."""

POINTS = 100_800
"""Most points of one page."""

Statistic = Literal["Average", "Maximum", "Minimum", "Sum", "SampleCount"]
_KEPT = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3600))
"""How long CloudWatch keeps points of a period, in seconds."""

LISTED = timedelta(days=14)
"""ListMetrics names series that had a point within this time, and no others."""

LONGEST_KEPT = _KEPT[-1][0]
"""After that there are no points of any period."""

PER_THOUSAND = Decimal("0.01")
"""USD for a thousand metrics of GetMetricData, and for a thousand requests of ListMetrics (of which the free tier is
left out: others may use it up), https://aws.amazon.com/cloudwatch/pricing."""

PRICED_ON = date(2026, 11, 21)
"""When these prices were looked up."""


@dataclass(frozen=True)
class Series:
    """One time series: namespace, metric and exactly these dimensions."""

    namespace: str
    metric: str
    dimensions: frozenset[tuple[str, str]]

    def get(self, name: str) -> str | None:
        """The value of a dimension."""
        return next((value for dimension, value in self.dimensions if dimension == name), None)

    @property
    def names(self) -> frozenset[str]:
        """Names of the dimensions."""
        return frozenset(name for name, _ in self.dimensions)


@dataclass(frozen=True)
class Query:
    """A statistic of a series."""

    series: Series
    statistic: Statistic


@dataclass
class Group:
    """Queries that make one row per point: what they mean, by the column they fill. ``key`` says whose they are."""

    key: Any
    queries: dict[str, Query] = field(default_factory=dict)


Points = dict[datetime, float]
Answer = dict[str, Points]
"""Points by column."""


def discover(client: Any, namespace: str, metrics: Sequence[str] = ()) -> list[Series]:
    """The series of a namespace (all, or of these metrics), each once."""
    found: dict[Series, None] = {}
    for metric in metrics or (None,):
        given = {"Namespace": namespace} | ({"MetricName": metric} if metric else {})
        for page in pages(client.list_metrics, token="NextToken", **given):
            for one in page.get("Metrics", []):
                dimensions = frozenset((each["Name"], each["Value"]) for each in one.get("Dimensions", []))
                found[Series(one["Namespace"], one["MetricName"], dimensions)] = None
    return list(found)


def period_for(start: datetime, now: datetime, finest: int) -> int:
    """The shortest period, of at least ``finest`` seconds, that CloudWatch still has for points as old as ``start``."""
    age = now - start
    return next((max(period, finest) for kept, period in _KEPT if age < kept), 3600)


def read(
    client: Any, groups: Sequence[Group], *, start: datetime, end: datetime, period: int, notes: list[str]
) -> Iterator[tuple[Group, Answer]]:
    """Each group with the points of its queries in ``[start, end)``; groups without a point are left out.

    What CloudWatch forbids, or cannot read also when it is asked again, is added to ``notes``.
    """
    points = max(1, -((start - end) // timedelta(seconds=period)))
    for batch in _batches(groups, min(QUERIES, POINTS // points)):
        ids = {
            f"q{number}": (place, column)
            for number, (place, column) in enumerate(
                (place, column) for place, group in enumerate(batch) for column in group.queries
            )
        }
        answers: list[Answer] = [{} for _ in batch]
        troubled = _ask(client, batch, ids, answers, (start, end, period))
        shut = {name: status for name, status in troubled.items() if status == "Forbidden"}
        if again := {name: ids[name] for name in troubled if name not in shut}:
            troubled = shut | _ask(client, batch, again, answers, (start, end, period))
        for status in sorted(set(troubled.values())):
            count = sum(one == status for one in troubled.values())
            some = batch[ids[next(name for name, one in troubled.items() if one == status)][0]].key
            notes.append(f"{count} series are incomplete ({status}), among them of {some}")
        yield from ((group, answer) for group, answer in zip(batch, answers, strict=True) if any(answer.values()))


def monthly_cost(asked: int, times_a_day: int) -> Decimal:
    """What so many metrics (statistics of one are one), or requests, so often cost in a month of 730 hours, in USD.

    Rounded to cents.
    """
    return (PER_THOUSAND / 1000 * asked * times_a_day * HOURS_PER_MONTH / 24).quantize(Decimal("0.01"))


def _batches(groups: Sequence[Group], most: int) -> Iterator[list[Group]]:
    """As many groups at a time as have ``most`` queries together; a group is never divided."""
    batch: list[Group] = []
    queries = 0
    for group in groups:
        if batch and queries + len(group.queries) > most:
            yield batch
            batch, queries = [], 0
        batch.append(group)
        queries += len(group.queries)
    if batch:
        yield batch


def _ask(
    client: Any,
    batch: Sequence[Group],
    ids: Mapping[str, tuple[int, str]],
    answers: list[Answer],
    span: tuple[datetime, datetime, int],
) -> dict[str, str]:
    """Fill ``answers`` with what these queries give; returns those that are not complete, with their status."""
    start, end, period = span
    queries = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": _metric(batch[place].queries[column].series),
                "Period": period,
                "Stat": batch[place].queries[column].statistic,
            },
        }
        for name, (place, column) in ids.items()
    ]
    status = dict.fromkeys(ids, "Complete")
    asked = {"MetricDataQueries": queries, "StartTime": start, "EndTime": end, "ScanBy": "TimestampAscending"}
    for page in pages(client.get_metric_data, token="NextToken", **asked):
        for one in page.get("MetricDataResults", []):
            place, column = ids[one["Id"]]
            points = answers[place].setdefault(column, {})
            stamps = (_utc(stamp) for stamp in one.get("Timestamps", []))
            points.update(zip(stamps, one.get("Values", []), strict=True))
            status[one["Id"]] = one.get("StatusCode", "Complete")  # of the last page that names it
    return {name: said for name, said in status.items() if said != "Complete"}


def _metric(series: Series) -> dict[str, Any]:
    return {
        "Namespace": series.namespace,
        "MetricName": series.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(series.dimensions)],
    }


def _utc(stamp: datetime) -> datetime:
    return stamp.astimezone(UTC)
