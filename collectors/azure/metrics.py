"""Azure Monitor's platform metrics, of many resources in one question.

Resources of one subscription, region and type are asked about together, fifty at a time. Of a metric with dimensions
Azure gives ten series unless more are asked for; what comes with exactly as many as may come is said to be cut off,
since nothing tells whether there are more. Points that Azure has nothing for are missing, never zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from aispend.errors import InputError
from collectors.azure.clients import AzureClients
from collectors.azure.graph import SignedElsewhere, subscription_of

OPERATION = "metrics.QueryMetrics"
KEPT = timedelta(days=93)
"""How long Azure keeps points."""

AT_ONCE = 50
"""Most resources of one question."""

MOST_SERIES = 1000
"""Series of one resource and metric that are asked for."""

_DOMAINS = {"public": "azure.com", "government": "azure.us", "china": "azure.cn"}
_ID_ENDS = "/providers/microsoft.insights/metrics/"
Aggregation = Literal["Average", "Maximum", "Total"]
Place = tuple[str, str]
"""Subscription and region."""


@dataclass(frozen=True)
class Resource:
    """Something with metrics; ids are in lower case."""

    id: str
    region: str

    @property
    def place(self) -> Place:
        """Where it is."""
        return subscription_of(self.id), self.region


@dataclass(frozen=True)
class Question:
    """Metrics of one namespace by these dimensions."""

    namespace: str
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    aggregations: tuple[Aggregation, ...] = ("Total",)


class Span(NamedTuple):
    """From when, up to when, and in which steps."""

    start: datetime
    end: datetime
    step: timedelta


@dataclass(frozen=True)
class Series:
    """Points of a resource's metric; dimensions by name in lower case."""

    resource_id: str
    metric: str
    dimensions: Mapping[str, str]
    points: Mapping[Aggregation, Mapping[datetime, float]] = field(hash=False)

    def get(self, dimension: str) -> str | None:
        """The value of a dimension; None where it has none."""
        return self.dimensions.get(dimension.lower()) or None


class Metrics:
    """Questions to Azure Monitor, one client for each region."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients
        self._regions: dict[str, Any] = {}

    def read(self, resources: Sequence[Resource], asked: Question, span: Span, notes: list[str]) -> Iterator[Series]:
        """The series of these resources, which are of one place; what may be cut off is added to ``notes``."""
        client = self._client(resources[0].region)
        wanted = " and ".join(f"{name} eq '*'" for name in asked.dimensions)
        for first in range(0, len(resources), AT_ONCE):
            some = resources[first : first + AT_ONCE]
            try:
                replies = client.query_resources(
                    resource_ids=[one.id for one in some],
                    metric_namespace=asked.namespace,
                    metric_names=list(asked.metrics),
                    timespan=(span.start, span.end),
                    granularity=span.step,
                    aggregations=list(asked.aggregations),
                    **({"filter": wanted, "max_results": MOST_SERIES} if wanted else {}),
                )
                found = [metric for reply in replies for metric in reply.metrics]
            except (AttributeError, KeyError, TypeError, ValueError):  # what the SDK raises where parts are missing
                raise InputError(
                    "Azure Monitor's answer is not whole.",
                    where=f"{asked.namespace}, {resources[0].region}",
                    next_step="The next run asks again.",
                ) from None
            for metric in found:
                if len(metric.timeseries) >= MOST_SERIES:
                    notes.append(f"{owner(metric.id)}: of {metric.name} there may be more than {MOST_SERIES} series")
                yield from series(metric, asked.aggregations)

    def _client(self, region: str) -> Any:
        from azure.monitor.querymetrics import MetricsClient

        if region not in self._regions:
            domain = f"metrics.monitor.{_DOMAINS[self._clients.connection.cloud]}"
            endpoint = (self._clients.connection.endpoint_url or f"https://{region}.{domain}").rstrip("/")
            signing = self._clients.pipeline("metrics", endpoint, f"https://{domain}/.default")
            self._regions[region] = MetricsClient(endpoint, SignedElsewhere(), **signing)
        return self._regions[region]


def by_place(resources: Iterable[Resource]) -> dict[Place, list[Resource]]:
    """Resources by subscription and region, in order."""
    found: dict[Place, list[Resource]] = defaultdict(list)
    for one in sorted(set(resources), key=lambda each: (each.place, each.id)):
        found[one.place].append(one)
    return dict(found)


def owner(metric_id: str) -> str:
    """The resource a metric is of, by the metric's id.

    >>> owner("/subscriptions/1/x/Y/providers/Microsoft.Insights/metrics/ModelRequests")
    '/subscriptions/1/x/y'
    """
    return metric_id.lower().partition(_ID_ENDS)[0]


def series(metric: Any, aggregations: Iterable[Aggregation]) -> Iterator[Series]:
    """The series of a metric as the SDK gives it, without points that are missing."""
    for one in metric.timeseries:
        points: dict[Aggregation, dict[datetime, float]] = {}
        for aggregation in aggregations:
            values = ((point.timestamp, getattr(point, aggregation.lower())) for point in one.data)
            points[aggregation] = {at.astimezone(UTC): float(value) for at, value in values if value is not None}
        dimensions = {str(name).lower(): str(value or "") for name, value in one.metadata_values.items()}
        yield Series(owner(metric.id), metric.name, dimensions, points)
