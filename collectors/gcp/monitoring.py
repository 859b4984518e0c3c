"""Series of Cloud Monitoring: one type of metric at a time, page by page, aligned there to periods of ours.

A page may hold a part of a series, and points come newest first: nothing here relies on an order. A type of metric that
a project never wrote is not found there, which is no series. Google says that a reading is not whole in the answer
itself (``execution_errors``): callers are told, and ask again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aispend.errors import CollectError
from collectors.answers import ASKS_AGAIN
from collectors.gcp.clients import GcpClients

OPERATION = "monitoring.ListTimeSeries"
FULL_RATE = timedelta(weeks=6)
"""So long Google keeps points as they were written; then one in ten minutes, for two years."""

_AT_ONCE = 20_000
"""Points on a page."""


@dataclass(frozen=True)
class Question:
    """What to ask of a metric: how points of a period become one, and how series become one for each of ``by``."""

    metric: str
    aligner: str = "ALIGN_MEAN"
    only: str = ""
    reducer: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Span:
    """A time, and the seconds of each of its periods, which end at its end."""

    start: datetime
    end: datetime
    period: int


@dataclass(frozen=True)
class Series:
    """A series, or a part of one: labels without their prefixes, and values by the start of their period.

    Values are numbers; of a distribution the mean, and how many it is of.
    """

    labels: Mapping[str, str]
    points: Mapping[datetime, float]
    counts: Mapping[datetime, int]


def has_series(clients: GcpClients, project: str, metric: str, start: datetime, end: datetime) -> bool:
    """Whether a metric has a series in a project and time; asks for one without its points."""
    request = _request(project, Question(metric), Span(start, end, 0)) | {"view": "HEADERS", "page_size": 1}
    del request["aggregation"]
    return any(page.time_series for page in _pages(clients, request, first=True))


def read(clients: GcpClients, project: str, asked: Question, span: Span, errors: list[str]) -> Iterator[Series]:
    """The series of a project in a span of time.

    Whatever Google says it could not read is added to ``errors``.
    """
    for page in _pages(clients, _request(project, asked, span)):
        errors += [" ".join(error.message.split()) for error in page.execution_errors]
        for one in page.time_series:
            yield _series(one, timedelta(seconds=span.period))


def _request(project: str, asked: Question, span: Span) -> dict[str, Any]:
    # a project may be the scope of others' metrics, which are read in their own
    filters = [f'metric.type = "{asked.metric}"', f'project = "{project}"', *filter(None, [asked.only])]
    aggregation: dict[str, Any] = {"alignment_period": {"seconds": span.period}, "per_series_aligner": asked.aligner}
    if asked.reducer:
        aggregation |= {"cross_series_reducer": asked.reducer, "group_by_fields": list(asked.by)}
    return {
        "name": f"projects/{project}",
        "filter": " AND ".join(filters),
        "interval": {"start_time": span.start, "end_time": span.end},
        "aggregation": aggregation,
        "view": "FULL",
        "page_size": _AT_ONCE,
    }


def _pages(clients: GcpClients, request: Mapping[str, Any], *, first: bool = False) -> Iterator[Any]:
    """The pages of an answer, or the ``first`` alone; none where there is no such metric."""
    from google.api_core.exceptions import NotFound

    known: set[str] = set()
    try:
        for page in clients.grpc("monitoring_v3", "metric_service").list_time_series(request=request).pages:
            yield page
            if first:
                return
            if page.next_page_token and page.next_page_token in known:
                raise CollectError(
                    "Google gives the same page of metrics again.", where=str(request["filter"]), next_step=ASKS_AGAIN
                )
            known.add(page.next_page_token)
    except NotFound:
        return


def _series(one: Any, period: timedelta) -> Series:
    # proto-plus wraps each point anew, which is slow for so many
    raw = type(one).pb(one)
    labels = {**raw.resource.labels, **raw.metric.labels}
    for name, value in raw.metadata.system_labels.fields.items():
        labels[name] = value.string_value
    points: dict[datetime, float] = {}
    counts: dict[datetime, int] = {}
    for point in raw.points:
        at = point.interval.end_time.ToDatetime(tzinfo=UTC) - period
        kind = point.value.WhichOneof("value")
        if kind == "distribution_value":
            points[at], counts[at] = point.value.distribution_value.mean, point.value.distribution_value.count
        elif kind in ("double_value", "int64_value"):
            points[at] = float(getattr(point.value, kind))
    return Series(labels, points, counts)


def grouped(names: Sequence[str]) -> tuple[str, ...]:
    """Fields to group by, as the API calls them: ``r.`` of the resource, ``m.`` of the metric, ``s.`` of the system.

    >>> grouped(["r.zone", "m.uuid", "s.node_name"])
    ('resource.labels.zone', 'metric.labels.uuid', 'metadata.system_labels.node_name')
    """
    of = {"r": "resource.labels", "m": "metric.labels", "s": "metadata.system_labels"}
    return tuple(f"{of[name[0]]}.{name[2:]}" for name in names)
