"""Azure Monitor in the double: points by resource and metric, by the dimensions a question asks for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sample.azure_double import Azure, Call, RefusalError

METRICS = "POST /subscriptions/*/metrics:getBatch"
_FEWEST_SERIES = 10
"""Series that come where nobody asks for more."""


class _Point(NamedTuple):
    at: datetime
    dimensions: Mapping[str, str]
    value: float


class Monitor:
    """Adds points up over the dimensions that are not asked for, as Azure does; unknown metrics refuse the question."""

    def __init__(self, azure: Azure) -> None:
        self._points: dict[tuple[str, str, date], list[_Point]] = defaultdict(list)
        self.unknown: set[str] = set()
        azure.on(METRICS, self._answer)

    def has(self, resource: str, metric: str, at: str | datetime, value: float, **dimensions: str) -> None:
        """A point; ``at`` is a time in UTC, ``value`` what every aggregation gives of it."""
        moment = (datetime.fromisoformat(at) if isinstance(at, str) else at).replace(tzinfo=UTC)
        self._points[resource.lower(), metric, moment.date()].append(_Point(moment, dimensions, value))

    def clear(self) -> None:
        """Forget all points."""
        self._points.clear()

    def _between(self, resource: str, metric: str, start: datetime, end: datetime) -> Iterator[_Point]:
        for days in range((end.date() - start.date()).days + 1):
            for one in self._points.get((resource, metric, start.date() + timedelta(days=days)), ()):
                if start <= one.at < end:
                    yield one

    def _answer(self, call: Call) -> Any:
        names = call.query["metricnames"].split(",")
        if self.unknown & set(names):
            return RefusalError(400, "BadRequest", f"Failed to find metric configuration for {names}")
        wanted = re.findall(r"(\w+) eq '\*'", call.query.get("filter", ""))
        most = int(call.query.get("top", _FEWEST_SERIES)) if wanted else 1
        start, end = (datetime.fromisoformat(call.query[name]) for name in ("starttime", "endtime"))
        values = []
        for resource in call.body["resourceids"]:
            metrics = []
            for name in names:
                found: dict[tuple[str, ...], dict[datetime, float]] = defaultdict(dict)
                for one in self._between(resource.lower(), name, start, end):
                    points = found[tuple(one.dimensions.get(dimension, "") for dimension in wanted)]
                    points[one.at] = points.get(one.at, 0.0) + one.value
                metrics.append(_metric(resource, name, wanted, dict(list(found.items())[:most]), call))
            values.append({"starttime": "x", "endtime": "y", "resourceid": resource, "value": metrics})
        return {"values": values}


def _metric(
    resource: str,
    name: str,
    wanted: Sequence[str],
    found: Mapping[tuple[str, ...], Mapping[datetime, float]],
    call: Call,
) -> dict[str, Any]:
    aggregation = call.query["aggregation"].split(",")
    series = [
        {
            "metadatavalues": [
                {"name": {"value": dimension.lower()}, "value": value}
                for dimension, value in zip(wanted, key, strict=True)
            ],
            "data": [
                {"timeStamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", **{one.lower(): value for one in aggregation}}
                for at, value in points.items()
            ]
            + [{"timeStamp": call.query["endtime"]}],  # nothing is known of it
        }
        for key, points in found.items()
    ]
    return {
        "id": f"{resource}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name},
        "unit": "Count",
        "timeseries": series,
    }
