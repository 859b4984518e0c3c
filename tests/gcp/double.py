"""A server that speaks Google's REST and gRPC: BigQuery runs queries for real, the rest answers what the test says.

Requests come from the real SDKs. A fault is a refusal given to an operation, in turn; every request is kept.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
from google.cloud.billing_v1.types import cloud_billing

from collectors.gcp.clients import bigquery_operation
from sample.bigquery import BigQuery, RefusedError, Table

Answer = Callable[[dict[str, Any]], Mapping[str, Any]]


class Google:
    """BigQuery, billing accounts and projects, and answers by operation to whatever else is asked.

    ``turns`` are refusals of an operation, one for each request; ``faults`` refuse it always, ``everything`` whatever
    is asked but for what is ``exempt``. ``calls`` holds (operation, what was asked).
    ``permissions`` are those held in every project.
    """

    def __init__(self) -> None:
        self.bigquery = BigQuery()
        self.faults: dict[str, RefusedError] = {}
        self.turns: dict[str, list[RefusedError]] = {}
        self.everything: RefusedError | Callable[[str], RefusedError] | None = None
        self.exempt: set[str] = set()
        self.before: dict[str, Callable[[], None]] = {}
        self.answers: dict[str, Answer] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.permissions: set[str] | None = None
        self.accounts: dict[str, list[str]] = {"012345-567890-ABCDEF": ["ml-dev", "ml-prod"]}
        self.url = self.grpc = ""
        self._lock = threading.Lock()

    def operations(self) -> list[str]:
        """The operations that were called, in order."""
        return [name for name, _ in self.calls]

    def queries(self) -> list[str]:
        """The texts of the queries that were run, dry runs left out."""
        jobs = [asked["configuration"] for name, asked in self.calls if name == "bigquery.jobs.insert"]
        return [job["query"]["query"] for job in jobs if not job.get("dryRun")]

    def add(
        self, name: str, schema: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], **more: Any
    ) -> Table:
        """A table of rows."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.json"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            return self.bigquery.add(name, schema, [path], **more)

    def respond(self, method: str, target: str, body: bytes) -> Mapping[str, Any]:
        """The answer to one request of REST."""
        split = urlsplit(target)
        asked = json.loads(body) if body else {name: values[0] for name, values in parse_qs(split.query).items()}
        operation = self._operation(method, split.path)
        self._called(operation, asked)
        if operation in self.answers:
            return self.answers[operation](asked)
        if operation.endswith("testIamPermissions"):
            wanted = asked["permissions"]
            return {"permissions": [one for one in wanted if self.permissions is None or one in self.permissions]}
        return self.bigquery.respond(method, target, body)

    def _operation(self, method: str, path: str) -> str:
        if path.startswith("/bigquery/"):
            return bigquery_operation(method, path)
        if path.endswith(":testIamPermissions"):
            return "cloudresourcemanager.projects.testIamPermissions"
        return f"{method} {path}"

    def _called(self, operation: str, asked: dict[str, Any]) -> None:
        with self._lock:
            self.calls.append((operation, asked))
            waiting = self.turns.get(operation)
            always = None if operation in self.exempt else self.everything
            fault = waiting.pop(0) if waiting else self.faults.get(operation, always)
        fault = fault(operation) if callable(fault) else fault
        if operation in self.before:
            self.before[operation]()
        if fault is not None:
            raise fault

    # -------------------------------------------------------------------- gRPC

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What answers gRPC."""

        def accounts(request: Any, context: grpc.ServicerContext) -> Any:
            self._rpc("cloudbilling.ListBillingAccounts", context)
            found = [cloud_billing.BillingAccount(name=f"billingAccounts/{one}", open=True) for one in self.accounts]
            return cloud_billing.ListBillingAccountsResponse(billing_accounts=found)

        def projects(request: Any, context: grpc.ServicerContext) -> Any:
            self._rpc("cloudbilling.ListProjectBillingInfo", context)
            ids = self.accounts[request.name.removeprefix("billingAccounts/")]
            place = ids.index(request.page_token) if request.page_token else 0
            found = [cloud_billing.ProjectBillingInfo(project_id=ids[place], billing_enabled=True)]
            following = ids[place + 1] if place + 1 < len(ids) else ""
            return cloud_billing.ListProjectBillingInfoResponse(project_billing_info=found, next_page_token=following)

        return [
            grpc.method_handlers_generic_handler(
                "google.cloud.billing.v1.CloudBilling",
                {
                    "ListBillingAccounts": unary(accounts, cloud_billing.ListBillingAccountsRequest),
                    "ListProjectBillingInfo": unary(projects, cloud_billing.ListProjectBillingInfoRequest),
                },
            )
        ]

    def _rpc(self, operation: str, context: grpc.ServicerContext) -> None:
        try:
            self._called(operation, {})
        except RefusedError as refused:
            context.set_trailing_metadata(tuple((name.lower(), value) for name, value in refused.headers.items()))
            context.abort(getattr(grpc.StatusCode, refused.reason), refused.message)


def unary(answer: Callable[[Any, grpc.ServicerContext], Any], request: Any) -> grpc.RpcMethodHandler:
    """A method that takes and gives messages of proto-plus."""
    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request.deserialize, response_serializer=lambda made: type(made).serialize(made)
    )


@contextmanager
def serving_grpc(google: Google) -> Iterator[str]:
    """Serve gRPC on a free port of this machine; yields ``host:port``."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(tuple(google.handlers()))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
