"""Clients for one Google Cloud connection: credentials, projects, a count of every request, a budget of bytes.

*Credentials* come from google-auth's own chain (environment, gcloud's application default credentials, workload
identity, the machine's service account), and act as a service account where the settings name one. With a server on
this machine as endpoint nobody signs in. *Requests* are counted when they are sent, retries included. *Bytes* that
queries read count in the same table, as a measure of its own, so that a day's limit holds over several runs.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aispend.connections import GcpConnection
from aispend.errors import BudgetError, CollectError, SettingsError
from collectors.answers import ASKS_AGAIN
from collectors.contract import measure
from collectors.logs import without_requests

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
"""What a service account may do is what its roles grant; tokens of narrower scopes cannot run queries."""

MB_READ = measure("bigquery", "MB read")
_ANY_SIZE = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))
"""As the SDK sets them for channels of its own: a page may be larger than gRPC's 4 MB."""

_MB = 1_000_000
_MOST_PERMISSIONS = 100
_BIGQUERY = (
    ("GET", r"/datasets/[^/]+/tables$", "tables.list"),
    ("GET", r"/datasets/[^/]+/tables/[^/]+$", "tables.get"),
    ("GET", r"/tables/[^/]+/data$", "tabledata.list"),
    ("POST", r"/jobs$", "jobs.insert"),
    ("GET", r"/jobs/[^/]+$", "jobs.get"),
    ("GET", r"/queries/[^/]+$", "jobs.getQueryResults"),
)


def bigquery_operation(method: str, url: str) -> str:
    """The operation of a request to BigQuery's REST, as its reference calls it.

    >>> bigquery_operation("POST", "https://bigquery.googleapis.com/bigquery/v2/projects/p/jobs?prettyPrint=false")
    'bigquery.jobs.insert'
    """
    path = urlsplit(url).path
    found = (name for verb, pattern, name in _BIGQUERY if verb == method and re.search(pattern, path))
    return f"bigquery.{next(found, f'{method} {path}')}"


class GcpClients:
    """Makes clients, each once. ``megabytes_left`` is what queries may still read today; None means without limit."""

    def __init__(
        self,
        connection: GcpConnection,
        *,
        megabytes_left: int | None = None,
        credentials: Any = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        without_requests()
        self.connection = connection
        self.sent: Counter[str] = Counter()
        self.latest: str = ""
        """The operation that was sent last."""
        self._reported: Counter[str] = Counter()
        self._megabytes_left = megabytes_left
        self._given = credentials
        self._sleep = sleep
        self._made: dict[tuple[str, ...], Any] = {}

    # ----------------------------------------------------------------- who

    @cached_property
    def _signed(self) -> tuple[Any, str | None]:
        """Credentials, and the project they are of."""
        import google.auth
        from google.auth.credentials import AnonymousCredentials

        if self._given is not None:
            return self._acting(self._given), None
        if _on_this_machine(self.connection.endpoint_url) or _on_this_machine(self.connection.grpc_endpoint):
            return AnonymousCredentials(), None
        own, project = google.auth.default(scopes=SCOPES)
        return self._acting(own), project

    def _acting(self, own: Any) -> Any:
        """Credentials of the service account the settings name, by one's own; these where they name none."""
        from google.auth.impersonated_credentials import Credentials

        account, elsewhere = self.connection.impersonate, self.connection.endpoint_url
        if account is None:
            return own
        exchange = f"{elsewhere}/v1/projects/-/serviceAccounts/{account}:generateAccessToken" if elsewhere else None
        return Credentials(own, target_principal=account, target_scopes=list(SCOPES), iam_endpoint_override=exchange)

    @property
    def credentials(self) -> Any:
        """google-auth's credentials, which renew themselves."""
        return self._signed[0]

    @property
    def project(self) -> str:
        """The project that queries and requests are counted for. Raises ``SettingsError`` where none is known."""
        if found := self.connection.project or self._signed[1]:
            return found
        raise SettingsError(
            "It is not known which project queries are to be counted for.",
            where=f"[[gcp]] {self.connection.name}: project",
            next_step="Set project to the id of a project in which the role to run queries is granted.",
        )

    def signed_in(self) -> str:
        """See ``collectors.base.Clients``."""
        from google.auth.credentials import AnonymousCredentials
        from google.auth.transport.requests import Request

        from collectors.gcp.errors import explained

        with explained(self.connection.name, lambda: self.latest):
            if not isinstance(self.credentials, AnonymousCredentials) and not self.credentials.valid:
                self.credentials.refresh(Request())
            projects = self.projects
        who = getattr(self.credentials, "service_account_email", None) or getattr(self.credentials, "account", None)
        signed = f"signed in as {who}" if who else "signed in"
        return f"{signed}; queries count for {self.project}; {len(projects)} project(s) to read"

    @cached_property
    def billing_accounts(self) -> tuple[str, ...]:
        """Ids of the billing accounts to read: those in the settings, else the open ones that may be seen."""
        if self.connection.billing_accounts:
            return self.connection.billing_accounts
        found = self.grpc("billing_v1", "cloud_billing").list_billing_accounts()
        return tuple(one.name.removeprefix("billingAccounts/") for one in found if one.open)

    @cached_property
    def projects(self) -> tuple[str, ...]:
        """Ids of the projects to read: those in the settings, else those the billing accounts pay for."""
        if self.connection.projects:
            return self.connection.projects
        client = self.grpc("billing_v1", "cloud_billing")
        found = [
            one.project_id
            for account in self.billing_accounts
            for one in client.list_project_billing_info(name=f"billingAccounts/{account}")
            if one.billing_enabled
        ]
        return tuple(dict.fromkeys(found))

    # ------------------------------------------------------------- clients

    def bigquery(self) -> Any:
        """BigQuery's client."""
        key = ("bigquery",)
        if key not in self._made:
            from google.cloud.bigquery import Client

            self._made[key] = Client(
                project=self.project,
                credentials=self.credentials,
                _http=self._session(bigquery_operation),
                client_options={"api_endpoint": self.connection.endpoint_url} if self.connection.endpoint_url else None,
            )
        return self._made[key]

    def grpc(self, package: str, service: str) -> Any:
        """A client over gRPC: ``grpc("monitoring_v3", "metric_service")`` is its ``MetricServiceClient``."""
        key = ("grpc", package, service)
        if key not in self._made:
            import grpc
            from google.api_core import grpc_helpers

            from collectors.gcp.transport import PatientCalls

            module, name = import_module(f"google.cloud.{package}.services.{service}"), _camel(service)
            client = getattr(module, f"{name}Client")
            here = self.connection.grpc_endpoint
            host = here or f"{client.DEFAULT_ENDPOINT}:443"
            if _on_this_machine(here):
                channel = grpc.insecure_channel(host, options=_ANY_SIZE)
            else:
                channel = grpc_helpers.create_channel(
                    host, credentials=self.credentials, default_scopes=SCOPES, options=_ANY_SIZE
                )
            patient = PatientCalls(client.DEFAULT_ENDPOINT.split(".", 1)[0], self._count, self._sleep)
            transport = import_module(f"google.cloud.{package}.services.{service}.transports")
            made = getattr(transport, f"{name}GrpcTransport")(channel=grpc.intercept_channel(channel, patient))
            self._made[key] = client(transport=made)
        return self._made[key]

    def compute(self, service: str) -> Any:
        """A client of Compute Engine, which has REST alone: ``compute("region_commitments")``."""
        key = ("compute", service)
        if key not in self._made:
            from collectors.gcp.transport import PatientAdapter

            module, name = import_module(f"google.cloud.compute_v1.services.{service}"), _camel(service)
            transports = import_module(f"google.cloud.compute_v1.services.{service}.transports")
            called: list[str] = []
            made = getattr(transports, f"{name}RestTransport")(
                host=self.connection.endpoint_url or getattr(module, f"{name}Client").DEFAULT_ENDPOINT,
                credentials=self.credentials,
                interceptor=_named_by(getattr(transports, f"{name}RestInterceptor"), called),
            )
            # the transport takes no session of ours, and hands none out
            patient = PatientAdapter(
                lambda *_: f"compute.{_lower_camel(service)}.{called[-1]}", self._count, self._sleep
            )
            for scheme in ("https://", "http://"):
                made._session.mount(scheme, patient)
            self._made[key] = getattr(module, f"{name}Client")(transport=made)
        return self._made[key]

    def fetch(
        self,
        operation: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """The JSON a service without a client here answers: GET, or POST where there is a body.

        ``url`` is what stands behind the host of the service that ``operation`` names (``aiplatform.endpoints.list``);
        a whole URL where the service has a host for each region. Raises google-api-core's errors.
        """
        from google.api_core.exceptions import from_http_response

        host = self.connection.endpoint_url or f"https://{operation.split('.', 1)[0]}.googleapis.com"
        if not url.startswith("/"):
            host, url = self.connection.endpoint_url or url, urlsplit(url).path if self.connection.endpoint_url else ""
        session = self._session(lambda *_: operation)
        answer = session.request("GET" if body is None else "POST", f"{host}{url}", params=params, json=body)
        if not answer.ok:
            raise from_http_response(answer)
        found: Mapping[str, Any] = answer.json()
        return found

    def pages(self, operation: str, url: str, **params: Any) -> Iterator[Mapping[str, Any]]:
        """All pages of a listing by :meth:`fetch`. Raises ``CollectError`` where a page is given a second time."""
        token: str | None = None
        seen: set[str] = set()
        while True:
            page = self.fetch(operation, url, params=params | ({"pageToken": token} if token else {}))
            yield page
            token = page.get("nextPageToken")
            if not token:
                return
            if token in seen:
                raise CollectError(
                    "Google gives the same page of a listing again.", where=operation, next_step=ASKS_AGAIN
                )
            seen.add(token)

    def held(self, project: str, permissions: Sequence[str]) -> set[str]:
        """Those of ``permissions`` that these credentials have in a project; asking costs nothing and needs none.

        Google refuses a question about one that no project can grant; asking tells nothing of it, so it counts as held.
        """
        from google.api_core.exceptions import BadRequest

        found: set[str] = set()
        for first in range(0, len(permissions), _MOST_PERMISSIONS):
            block = list(permissions[first : first + _MOST_PERMISSIONS])
            try:
                answer = self.fetch(
                    "cloudresourcemanager.projects.testIamPermissions",
                    f"/v1/projects/{project}:testIamPermissions",
                    body={"permissions": block},
                )
            except BadRequest:
                found |= (
                    set(block) if len(block) == 1 else {one for each in block for one in self.held(project, [each])}
                )
                continue
            found |= set(answer.get("permissions", ()))
        return found

    def _session(self, named: Callable[[str, str], str]) -> Any:
        from google.auth.transport.requests import AuthorizedSession

        from collectors.gcp.transport import PatientAdapter

        session = AuthorizedSession(self.credentials)
        for scheme in ("https://", "http://"):
            session.mount(scheme, PatientAdapter(named, self._count, self._sleep))
        return session

    # -------------------------------------------------------------- counts

    def requests(self) -> Mapping[str, int]:
        """Requests sent since this was asked last, by ``service.operation``, and megabytes queries read."""
        new = self.sent - self._reported
        self._reported = self.sent.copy()
        return new

    def read(self, size: int, what: str) -> None:
        """Count ``size`` bytes that a query will read. Raises ``BudgetError`` where the day has not so many left."""
        megabytes = -(-size // _MB)
        left = None if self._megabytes_left is None else self._megabytes_left - self.sent[MB_READ]
        if left is not None and megabytes > left:
            raise BudgetError(
                f"{what} would read {megabytes / 1000:,.3f} GB, and the day's budget has {left / 1000:,.3f} GB left.",
                where=f"[[gcp]] {self.connection.name}: bigquery_gb_per_day = {self.connection.bigquery_gb_per_day}",
                next_step="It goes on tomorrow; or raise the budget. BigQuery charges for the bytes its queries read.",
            )
        self.sent[MB_READ] += megabytes

    def _count(self, operation: str) -> None:
        self.latest = operation
        self.sent[operation] += 1


def _on_this_machine(place: str | None) -> bool:
    """Whether an endpoint is this machine itself, to which no credential needs to be shown."""
    if not place:
        return False
    host = urlsplit(place if "//" in place else f"//{place}").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _camel(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


def _lower_camel(snake: str) -> str:
    made = _camel(snake)
    return made[:1].lower() + made[1:]


def _named_by(interceptor: type, called: list[str]) -> Any:
    """An interceptor of a REST transport that notes the name of each call before it is made."""

    class Noting(interceptor):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("pre_"):
                called[:] = [_lower_camel(name.removeprefix("pre_"))]
            return super().__getattribute__(name)

    return Noting()
