"""The double with the other services: Compute Engine, Vertex AI and TPUs by REST; metrics, prices, advice by gRPC.

What a test does not say is there is not there: listings are empty, series and prices are none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import grpc
from google.cloud.billing_v1.types import cloud_catalog
from google.cloud.monitoring_v3.types import metric_service
from google.cloud.recommender_v1.types import recommender_service

from sample.bigquery import RefusedError, serving
from tests.gcp.double import Google, serving_grpc, unary

_ROUTES = (
    (r"/compute/v1/projects/[^/]+/aggregated/(\w+)$", "compute.{}.aggregatedList"),
    (r"/compute/v1/projects/[^/]+/regions/[^/]+/advice/(\w+)$", "compute.advice.{}"),
    (r"/v1/projects/[^/]+/locations$", "aiplatform.projects.locations.list"),
    (r"/v1/projects/[^/]+/locations/[^/]+/(endpoints|customJobs)$", "aiplatform.{}.list"),
    (r"/v2/projects/[^/]+/locations/-/instances$", "notebooks.instances.list"),
    (r"/v2/projects/[^/]+/locations/-/nodes$", "tpu.nodes.list"),
    (r"/v1/projects/[^/:]+$", "cloudresourcemanager.projects.get"),
)
_AGGREGATED = {"commitments": "regionCommitments"}
Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class Everything(Google):
    """``listings`` are answers by operation, or functions of path and query; ``numbers`` projects' by id.

    ``series``, ``skus`` and ``recommendations`` answer gRPC: given the request, the whole response.
    """

    def __init__(self) -> None:
        super().__init__()
        self.listings: dict[str, Mapping[str, Any] | Answer] = {}
        self.numbers: dict[str, str] = defaultdict(lambda: "111")
        self.series: Callable[[Any], Any] = lambda _: metric_service.ListTimeSeriesResponse()
        self.skus: Callable[[Any], Any] = lambda _: cloud_catalog.ListSkusResponse()
        self.recommendations: Callable[[Any], Any] = lambda _: recommender_service.ListRecommendationsResponse()

    def _operation(self, method: str, path: str) -> str:
        for pattern, name in _ROUTES:
            if found := re.search(pattern, path):
                told = found[1] if found.groups() else ""
                return name.format(_AGGREGATED.get(told, told))
        return super()._operation(method, path)

    def respond(self, method: str, target: str, body: bytes) -> Mapping[str, Any]:
        """See ``Google``; the services here know no more than their listings."""
        split = urlsplit(target)
        path = unquote(split.path)
        operation = self._operation(method, path)
        if operation.startswith(("bigquery.", "POST ", "GET ")) or operation.endswith("testIamPermissions"):
            return super().respond(method, target, body)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        self._called(operation, {"path": path, **query})
        if operation == "cloudresourcemanager.projects.get":
            return {"projectId": path.rpartition("/")[2], "projectNumber": self.numbers[path.rpartition("/")[2]]}
        answer = self.listings.get(operation, {})
        return answer(path, {**query, "body": body}) if callable(answer) else answer

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Those of ``Google``, and of the services here."""
        metrics, catalogue, advice = (
            "monitoring.ListTimeSeries",
            "cloudbilling.ListSkus",
            "recommender.ListRecommendations",
        )
        return [
            *super().handlers(),
            self._service(
                "google.monitoring.v3.MetricService", metrics, metric_service.ListTimeSeriesRequest, "series"
            ),
            self._service("google.cloud.billing.v1.CloudCatalog", catalogue, cloud_catalog.ListSkusRequest, "skus"),
            self._service(
                "google.cloud.recommender.v1.Recommender",
                advice,
                recommender_service.ListRecommendationsRequest,
                "recommendations",
            ),
        ]

    def _service(self, service: str, operation: str, request: Any, answers: str) -> grpc.GenericRpcHandler:
        def answer(asked: Any, context: grpc.ServicerContext) -> Any:
            self._rpc(operation, context)
            try:
                return getattr(self, answers)(asked)
            except RefusedError as refused:
                context.abort(getattr(grpc.StatusCode, refused.reason), refused.message)

        method = operation.partition(".")[2]
        return grpc.method_handlers_generic_handler(service, {method: unary(answer, request)})


@contextmanager
def served() -> Iterator[Everything]:
    """The double, serving."""
    double = Everything()
    with serving(double.respond) as url, serving_grpc(double) as place:
        double.url, double.grpc = url, place
        yield double
