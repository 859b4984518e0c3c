"""Cloud Monitoring for tests: series that were written, answered as the API does, the newest points first, by pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.monitoring_v3.types import metric, metric_service
from google.rpc import status_pb2

from sample.bigquery import RefusedError


@dataclass
class Written:
    """A series: points by the end of their period. What a test gives is what Google aligned and reduced."""

    metric: str
    resource: Mapping[str, str]
    points: Mapping[datetime, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    project: str = "ml-prod"
    aligner: str = "ALIGN_MEAN"
    reducer: str = "REDUCE_NONE"


class Monitoring:
    """Answers requests from ``series``; ``errors`` are what it says it could not read, ``at_once`` points on a page."""

    def __init__(self) -> None:
        self.series: list[Written] = []
        self.errors: list[str] = []
        self.at_once = 7
        self.asked: list[Any] = []

    def answer(self, request: Any) -> Any:
        """The response to a request; a metric that nobody wrote is not found."""
        self.asked.append(request)
        kind = re.search(r'metric.type = "([^"]+)"', request.filter)[1]  # type: ignore[index]
        project = re.search(r'project = "([^"]+)"', request.filter)[1]  # type: ignore[index]
        ours = [one for one in self.series if (one.metric, one.project) == (kind, project)]
        if not ours:
            raise RefusedError(404, "NOT_FOUND", f"Cannot find metric(s) that match type = {kind!r}.")
        if request.view.name == "HEADERS":
            return metric_service.ListTimeSeriesResponse(time_series=[_head(ours[0])])
        aggregation = request.aggregation
        named = (aggregation.per_series_aligner.name, aggregation.cross_series_reducer.name)
        points = [
            (one, at)
            for one in ours
            if (one.aligner, one.reducer) == named
            for at in sorted(one.points, reverse=True)
            if request.interval.start_time < at <= request.interval.end_time
        ]
        first = int(request.page_token or 0)
        page: list[Any] = []
        for one, at in points[first : first + self.at_once]:
            series = _head(one)
            series.points = [_point(at, one.points[at])]
            page.append(series)
        following = str(first + self.at_once) if first + self.at_once < len(points) else ""
        errors = [status_pb2.Status(code=14, message=said) for said in self.errors]
        return metric_service.ListTimeSeriesResponse(
            time_series=page, next_page_token=following, execution_errors=errors
        )


def _head(one: Written) -> Any:
    named = {"metric": {"type": one.metric, "labels": dict(one.labels)}, "resource": {"labels": dict(one.resource)}}
    if one.system:
        named["metadata"] = {"system_labels": dict(one.system)}
    return metric.TimeSeries(named)


def _point(at: datetime, value: Any) -> dict[str, Any]:
    told = (
        {"distribution_value": {"count": value[0], "mean": value[1]}}
        if isinstance(value, tuple)
        else {"int64_value": value}
        if isinstance(value, int)
        else {"double_value": value}
    )
    return {"interval": {"start_time": at, "end_time": at}, "value": told}


def every(seconds: int, first: datetime, *values: Any) -> dict[datetime, Any]:
    """Values of periods that follow each other from ``first`` on, by the end of each."""
    return {first + timedelta(seconds=seconds * (number + 1)): value for number, value in enumerate(values)}


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
