"""Azure Monitor in the double: points by resource and metric, by the dimensions a question asks for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.azure.double import Azure, Call, RefusalError

METRICS = "POST /subscriptions/*/metrics:getBatch"


@dataclass(frozen=True)
class _Point:
    resource: str
    metric: str
    dimensions: Mapping[str, str]
    at: datetime
    value: float


class Monitor:
    """Adds points up over the dimensions that are not asked for, as Azure does; unknown metrics refuse the question."""

    def __init__(self, azure: Azure) -> None:
        self.points: list[_Point] = []
        self.unknown: set[str] = set()
        azure.on(METRICS, self._answer)

    def has(self, resource: str, metric: str, at: str, value: float, **dimensions: str) -> None:
        """A point; ``at`` is an ISO time in UTC, ``value`` what every aggregation gives of it."""
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        self.points.append(_Point(resource.lower(), metric, dimensions, moment, value))

    def _answer(self, call: Call) -> Any:
        names = call.query["metricnames"].split(",")
        if self.unknown & set(names):
            return RefusalError(400, "BadRequest", f"Failed to find metric configuration for {names}")
        wanted = re.findall(r"(\w+) eq '\*'", call.query.get("filter", ""))
        most = int(call.query.get("top", 10)) if wanted else 1
        start, end = (datetime.fromisoformat(call.query[name]) for name in ("starttime", "endtime"))
        values = []
        for resource in call.body["resourceids"]:
            metrics = []
            for name in names:
                found: dict[tuple[str, ...], dict[datetime, float]] = defaultdict(dict)
                for one in self.points:
                    if (one.resource, one.metric) == (resource.lower(), name) and start <= one.at < end:
                        points = found[tuple(one.dimensions.get(dimension, "") for dimension in wanted)]
                        points[one.at] = points.get(one.at, 0.0) + one.value
                metrics.append(_metric(resource, name, wanted, dict(list(found.items())[:most]), call))
            values.append({"starttime": "x", "endtime": "y", "resourceid": resource, "value": metrics})
        return {"values": values}


def _metric(resource: str, name: str, wanted: list[str], found: Mapping[Any, Any], call: Call) -> dict[str, Any]:
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
            + [{"timeStamp": "2026-11-20T23:00:00Z"}],  # nothing is known of it
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
