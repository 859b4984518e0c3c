"""Cloud Monitoring: series that were written, answered as its API does, the newest points first, by pages.

What a series holds is what Google aligned and reduced: one that is asked for in several ways is there once for each.
A metric nobody wrote in a project is not found.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

from google.cloud.monitoring_v3.types import metric_service
from google.rpc import status_pb2

from sample.bigquery import RefusedError

_METRIC = re.compile(r'metric.type = "([^"]+)"')
_PROJECT = re.compile(r'project = "([^"]+)"')


@dataclass
class Written:
    """A series: values by the end of their period, or ``ends`` in order (seconds since 1970) and their ``values``.

    A value is a number, or of a distribution how many and their mean.
    """

    metric: str
    resource: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[datetime, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    project: str = "ml-prod"
    aligner: str = "ALIGN_MEAN"
    reducer: str = "REDUCE_NONE"
    ends: Sequence[int] = ()
    values: Sequence[Any] = ()

    @cached_property
    def _ordered(self) -> tuple[Sequence[int], Sequence[Any]]:
        if self.ends:
            return self.ends, self.values
        times = sorted(self.points)
        return [int(at.timestamp()) for at in times], [self.points[at] for at in times]

    def within(self, start: datetime, end: datetime) -> Iterator[tuple[int, Any]]:
        """Points after ``start`` up to ``end``, the newest first."""
        ends, values = self._ordered
        first, last = bisect_right(ends, start.timestamp()), bisect_right(ends, end.timestamp())
        return zip(reversed(ends[first:last]), reversed(values[first:last]), strict=True)


class Monitoring:
    """Answers requests from ``series``; ``errors`` are what it says it could not read.

    ``at_once`` are the points on a page; without it as many as are asked for.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self.series: list[Written] = []
        self.errors: list[str] = []
        self.at_once = at_once
        self.asked: list[Any] = []

    def answer(self, request: Any) -> Any:
        """The response to a request. Raises ``RefusedError`` for a metric that nobody wrote."""
        self.asked.append(request)
        kind, project = _told(_METRIC, request.filter), _told(_PROJECT, request.filter)
        ours = [one for one in self.series if (one.metric, one.project) == (kind, project)]
        if not ours:
            raise RefusedError(404, "NOT_FOUND", f"Cannot find metric(s) that match type = {kind!r}.")
        made = metric_service.ListTimeSeriesResponse()
        page = metric_service.ListTimeSeriesResponse.pb(made)  # proto-plus wraps each point anew
        if request.view.name == "HEADERS":
            _head(page, ours[0])
            return made
        aggregation = request.aggregation
        named = (aggregation.per_series_aligner.name, aggregation.cross_series_reducer.name)
        asked = [one for one in ours if (one.aligner, one.reducer) == named]
        interval = request.interval
        points = ((one, *point) for one in asked for point in one.within(interval.start_time, interval.end_time))
        first, most = int(request.page_token or 0), self.at_once or request.page_size
        began: Written | None = None
        for one, at, value in islice(points, first, first + most):
            if one is not began:
                began, series = one, _head(page, one)
            _add(series, at, value)
        if next(points, None) is not None:
            page.next_page_token = str(first + most)
        page.execution_errors.extend(status_pb2.Status(code=14, message=said) for said in self.errors)
        return made


def _told(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if found is None:
        raise RefusedError(400, "INVALID_ARGUMENT", f"The filter says no {pattern.pattern.partition(' ')[0]}: {text}")
    return found[1]


def _head(page: Any, one: Written) -> Any:
    """A series without points, added to a page."""
    series = page.time_series.add()
    series.metric.type = one.metric
    series.metric.labels.update(one.labels)
    series.resource.labels.update(one.resource)
    if one.system:
        series.metadata.system_labels.update(one.system)
    return series


def _add(series: Any, at: int, value: Any) -> None:
    point = series.points.add()
    point.interval.start_time.seconds = point.interval.end_time.seconds = at
    if isinstance(value, tuple):
        point.value.distribution_value.count, point.value.distribution_value.mean = value
    elif isinstance(value, int):
        point.value.int64_value = value
    else:
        point.value.double_value = value
