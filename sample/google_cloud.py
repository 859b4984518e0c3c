"""A server that speaks Google's REST and gRPC: BigQuery, and what other services list, measure, price and advise.

BigQuery runs queries for real (``bigquery``). Compute Engine, Vertex AI, TPUs, notebooks and the Resource Manager
answer by operation what they are given; so do Cloud Monitoring, the catalogue of prices and the Recommender, over
gRPC. Nobody is asked who they are: it listens on this machine alone and holds what is made up.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import grpc
from google.cloud.billing_v1.types import cloud_billing, cloud_catalog
from google.cloud.monitoring_v3.types import metric_service
from google.cloud.recommender_v1.types import recommender_service

from sample.bigquery import BigQuery, RefusedError

HELD = "cloudresourcemanager.projects.testIamPermissions"
NUMBER = "cloudresourcemanager.projects.get"
_ROUTES = (
    (r"/compute/v1/projects/[^/]+/aggregated/(\w+)$", "compute.{}.aggregatedList"),
    (r"/compute/v1/projects/[^/]+/global/(snapshots)$", "compute.{}.list"),
    (r"/compute/v1/projects/[^/]+/regions$", "compute.regions.list"),
    (r"/compute/v1/projects/[^/]+/regions/[^/]+/advice/(\w+)$", "compute.advice.{}"),
    (r"/v1/projects/[^/]+/locations$", "aiplatform.projects.locations.list"),
    (r"/v1/projects/[^/]+/locations/[^/]+/(endpoints|customJobs)$", "aiplatform.{}.list"),
    (r"/v2/projects/[^/]+/locations/-/instances$", "notebooks.instances.list"),
    (r"/v2/projects/[^/]+/locations/-/nodes$", "tpu.nodes.list"),
    (r"/v2/entries:list$", "logging.entries.list"),
    (r"/v1/projects/[^/:]+$", NUMBER),
    (r":testIamPermissions$", HELD),
)
_AGGREGATED = {"commitments": "regionCommitments"}
_BIGQUERY = (
    ("GET", r"/datasets/[^/]+/tables$", "bigquery.tables.list"),
    ("GET", r"/datasets/[^/]+/tables/[^/]+$", "bigquery.tables.get"),
    ("POST", r"/jobs$", "bigquery.jobs.insert"),
    ("GET", r"/jobs/[^/]+$", "bigquery.jobs.get"),
    ("GET", r"/queries/[^/]+$", "bigquery.jobs.getQueryResults"),
)
Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class GoogleCloud:
    """Projects and billing accounts, tables, and what services answer; what nobody gave is not there.

    ``listings`` are answers by operation, or functions of path and query; ``numbers`` projects' by id; ``permissions``
    those held in every project, None for all. ``series``, ``skus`` and ``recommendations`` answer gRPC: given the
    request, the whole response. ``accounts`` are projects by billing account.
    """

    def __init__(self) -> None:
        self.bigquery = BigQuery()
        self.accounts: Mapping[str, list[str]] = {}
        self.numbers: Mapping[str, str] = defaultdict(lambda: "111")
        self.permissions: set[str] | None = None
        self.listings: dict[str, Mapping[str, Any] | Answer] = {}
        self.series: Callable[[Any], Any] = lambda _: metric_service.ListTimeSeriesResponse()
        self.skus: Callable[[Any], Any] = lambda _: cloud_catalog.ListSkusResponse()
        self.recommendations: Callable[[Any], Any] = lambda _: recommender_service.ListRecommendationsResponse()
        self.url = self.grpc = ""

    def called(self, operation: str, asked: Mapping[str, Any]) -> None:
        """Told of each request before it is answered; raises ``RefusedError`` for one that is refused."""

    def respond(self, method: str, target: str, body: bytes) -> Mapping[str, Any]:
        """The answer to one request of REST. Raises ``RefusedError``."""
        split = urlsplit(target)
        path = unquote(split.path)
        operation = operation_of(method, path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        if operation.startswith(("bigquery.", "GET ", "POST ")):
            self.called(operation, json.loads(body) if body else query)
            return self.bigquery.respond(method, target, body)
        self.called(operation, {"path": path, **query})
        if answer := self.listings.get(operation):
            return answer(path, {**query, "body": body}) if callable(answer) else answer
        if operation == NUMBER:
            project = path.rpartition("/")[2]
            return {"projectId": project, "projectNumber": self.numbers[project]}
        if operation == HELD:
            wanted = json.loads(body)["permissions"]
            return {"permissions": [one for one in wanted if self.permissions is None or one in self.permissions]}
        return {}

    # -------------------------------------------------------------------- gRPC

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What answers gRPC."""
        billing = {
            "ListBillingAccounts": self._method(
                "cloudbilling.ListBillingAccounts", "_accounts", cloud_billing.ListBillingAccountsRequest
            ),
            "ListProjectBillingInfo": self._method(
                "cloudbilling.ListProjectBillingInfo", "_projects", cloud_billing.ListProjectBillingInfoRequest
            ),
        }
        skus = self._method("cloudbilling.ListSkus", "skus", cloud_catalog.ListSkusRequest)
        series = self._method("monitoring.ListTimeSeries", "series", metric_service.ListTimeSeriesRequest)
        asks = recommender_service.ListRecommendationsRequest
        advice = self._method("recommender.ListRecommendations", "recommendations", asks)
        services = {
            "google.cloud.billing.v1.CloudBilling": billing,
            "google.cloud.billing.v1.CloudCatalog": {"ListSkus": skus},
            "google.monitoring.v3.MetricService": {"ListTimeSeries": series},
            "google.cloud.recommender.v1.Recommender": {"ListRecommendations": advice},
        }
        return [grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items()]

    def _accounts(self, _: Any) -> Any:
        found = [cloud_billing.BillingAccount(name=f"billingAccounts/{one}", open=True) for one in self.accounts]
        return cloud_billing.ListBillingAccountsResponse(billing_accounts=found)

    def _projects(self, asked: Any) -> Any:
        """One project on a page."""
        ids = self.accounts[asked.name.removeprefix("billingAccounts/")]
        place = ids.index(asked.page_token) if asked.page_token else 0
        found = [cloud_billing.ProjectBillingInfo(project_id=ids[place], billing_enabled=True)]
        following = ids[place + 1] if place + 1 < len(ids) else ""
        return cloud_billing.ListProjectBillingInfoResponse(project_billing_info=found, next_page_token=following)

    def _method(self, operation: str, answers: str, request: Any) -> grpc.RpcMethodHandler:
        """A method that takes and gives messages of proto-plus; ``answers`` is what answers it when it is asked."""

        def respond(asked: Any, context: grpc.ServicerContext) -> Any:
            try:
                self.called(operation, {})
                return getattr(self, answers)(asked)
            except RefusedError as refused:
                context.set_trailing_metadata(tuple((name.lower(), value) for name, value in refused.headers.items()))
                context.abort(getattr(grpc.StatusCode, refused.reason), refused.message)

        return grpc.unary_unary_rpc_method_handler(
            respond,
            request_deserializer=request.deserialize,
            response_serializer=lambda made: type(made).serialize(made),
        )


def operation_of(method: str, path: str) -> str:
    """The operation of a request to REST, as Google's references call it; the request itself where it is none.

    >>> operation_of("GET", "/compute/v1/projects/p/aggregated/commitments")
    'compute.regionCommitments.aggregatedList'
    >>> operation_of("POST", "/bigquery/v2/projects/p/jobs"), operation_of("GET", "/v3/else")
    ('bigquery.jobs.insert', 'GET /v3/else')
    """
    if path.startswith("/bigquery/"):
        of_method = (name for verb, pattern, name in _BIGQUERY if verb == method and re.search(pattern, path))
        return next(of_method, f"bigquery.{method} {path}")
    for pattern, name in _ROUTES:
        if found := re.search(pattern, path):
            told = found[1] if found.groups() else ""
            return name.format(_AGGREGATED.get(told, told))
    return f"{method} {path}"


@contextmanager
def serving_grpc(google: GoogleCloud) -> Iterator[str]:
    """Serve gRPC on a free port of this machine while the context lasts; yields ``host:port``."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(tuple(google.handlers()))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
