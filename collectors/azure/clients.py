"""Clients for one Azure connection: the credential, the cloud's endpoints, what may be read, a count of every request.

*Credentials* are those of the SDK's own chain (environment, workload identity, managed identity, Azure CLI …). A
server on this machine is asked without any, and gets none. *Numbers* of answers are exact: one with a point is a
``Decimal`` of the digits sent. *Requests* are counted when they leave, retries included (see ``pipeline``).
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aispend.connections import AzureConnection
from aispend.errors import AccessError, BudgetError, InputError
from collectors.answers import ASKS_AGAIN, unreadable
from collectors.logs import without_requests

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.credentials import TokenCredential
    from azure.storage.blob import BlobClient, ContainerClient

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_SUBSCRIPTIONS_VERSION = "2022-12-01"
_MOST_PAGES = 10_000
_LISTING, _BEGINNING = b"<EnumerationResults", 1000
_AUTHORITIES = {
    "public": "login.microsoftonline.com",
    "government": "login.microsoftonline.us",
    "china": "login.chinacloudapi.cn",
}


@dataclass(frozen=True)
class Subscription:
    """A subscription that may be read."""

    id: str
    name: str
    tenant: str
    enabled: bool = True


class AzureClients:
    """Makes clients, each once. ``allowed`` limits requests by operation: what is left of the day's budget."""

    def __init__(
        self,
        connection: AzureConnection,
        *,
        allowed: Mapping[str, int] | None = None,
        credential: Any | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        without_requests()
        self.connection = connection
        self.sent: Counter[str] = Counter()
        self.latest: str = ""
        """The operation that was sent last."""
        self._allowed = dict(allowed or {})
        self._given = credential
        self.wait = sleep
        self._reported: Counter[str] = Counter()
        self._blobs: dict[tuple[str, str], Any] = {}

    # -- what may be read -------------------------------------------------------------------------------------------

    @cached_property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Those of the settings, else all that are enabled among those the credential may see, in order of their ids.

        Raises ``AccessError`` where one of the settings is not among them, or there is none.
        """
        seen = {
            str(one["subscriptionId"]).lower(): Subscription(
                str(one["subscriptionId"]).lower(),
                str(one.get("displayName") or one["subscriptionId"]),
                str(one.get("tenantId") or ""),
                one.get("state", "Enabled") in ("Enabled", "Warned", "PastDue"),
            )
            for one in self.pages("/subscriptions", api_version=_SUBSCRIPTIONS_VERSION)
        }
        wanted = [given.lower() for given in self.connection.subscriptions]
        if missing := [one for one in wanted if one not in seen]:
            raise AccessError(
                f"The credential may not see the subscription {missing[0]}.",
                where=f"[[azure]] {self.connection.name}: subscriptions",
                next_step="Assign the role to it: aispend policy azure prints the role; or take it out of the list.",
            )
        found = tuple(seen[one] for one in wanted) or tuple(
            one for _, one in sorted(seen.items()) if one.enabled and self._of_tenant(one)
        )
        if not found and not self.connection.billing_scopes and not self.connection.exports:
            raise AccessError(
                "The credential may not see any subscription.",
                where=f"[[azure]] {self.connection.name}",
                next_step="Assign the role to a subscription: aispend policy azure prints the role.",
            )
        return found

    def _of_tenant(self, one: Subscription) -> bool:
        return self.connection.tenant in (None, one.tenant) or not one.tenant

    @property
    def scopes(self) -> tuple[str, ...]:
        """Where exports are looked for and costs asked, without slashes at the ends."""
        given = tuple(scope.strip("/") for scope in self.connection.billing_scopes)
        return given or tuple(f"subscriptions/{one.id}" for one in self.subscriptions)

    def signed_in(self) -> str:
        """See ``collectors.base.Clients``."""
        from collectors.azure.base import explained

        with explained(self.connection.name, lambda: self.latest):
            found = self.subscriptions
        tenants = ", ".join(sorted({one.tenant for one in found if one.tenant})) or "unknown"
        return f"signed in to tenant {tenants}; {len(found)} subscription(s) to read"

    # -- the management plane ---------------------------------------------------------------------------------------

    def get(self, path: str, *, api_version: str | None = None, **parameters: str) -> Any:
        """The JSON of one answer. ``path`` begins with a slash, or is the whole address an answer gave."""
        return self._json("GET", path, api_version, parameters, None)

    def post(self, path: str, body: Any, *, api_version: str | None = None, **parameters: str) -> Any:
        """The JSON of the answer to ``body``; None where Azure has nothing to say (204)."""
        return self._json("POST", path, api_version, parameters, body)

    def pages(self, path: str, *, api_version: str, **parameters: str) -> Iterator[Any]:
        """The entries (``value``) of all pages of a listing; a page that leads back to one already read is an error."""
        answer = self.get(path, api_version=api_version, **parameters)
        seen: set[str] = set()
        while True:
            if answer is None:
                return  # Azure has nothing to say
            if not isinstance(answer, dict) or not isinstance(answer.get("value"), list):
                raise unreadable("Azure", f"{self.latest}, {without_query(path)}: no listing")
            yield from answer["value"]
            following = answer.get("nextLink")
            if not following:
                return
            if following in seen or len(seen) > _MOST_PAGES:
                raise InputError("The pages of Azure's answer lead in a circle.", where=path, next_step=ASKS_AGAIN)
            seen.add(following)
            answer = self.get(following)

    def _json(
        self, method: str, path: str, api_version: str | None, parameters: Mapping[str, str], body: Any | None
    ) -> Any:
        _, _, text = self.send(method, path, body, api_version=api_version, **parameters)
        return parsed(text, f"{self.latest}, {without_query(path)}") if text.strip() else None

    def send(
        self, method: str, path: str, body: Any | None = None, *, api_version: str | None = None, **parameters: str
    ) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and text of one answer. Raises the SDK's error for a refusal."""
        from azure.core.rest import HttpRequest

        asked = dict(parameters) | ({"api-version": api_version} if api_version else {})
        url = f"{self.endpoint}{path}" if path.startswith("/") else path
        with self._arm.send_request(HttpRequest(method, url, params=asked, json=body)) as response:
            response.raise_for_status()
            return response.status_code, response.headers, response.text()

    @cached_property
    def endpoint(self) -> str:
        """Azure's management endpoint, without a slash at the end."""
        from azure.mgmt.core.tools import get_arm_endpoints

        given = self.connection.endpoint_url or str(get_arm_endpoints(self._cloud)["resource_manager"])
        return given.rstrip("/")

    @property
    def _cloud(self) -> Any:
        from azure.core import AzureClouds

        return {
            "public": AzureClouds.AZURE_PUBLIC_CLOUD,
            "government": AzureClouds.AZURE_US_GOVERNMENT,
            "china": AzureClouds.AZURE_CHINA_CLOUD,
        }[self.connection.cloud]

    @cached_property
    def _arm(self) -> PipelineClient:
        from azure.core import PipelineClient

        return PipelineClient(self.endpoint, **self.pipeline("arm", self.endpoint))

    def pipeline(
        self, service: str, endpoint: str, scope: str | None = None, *, public: bool = False
    ) -> dict[str, Any]:
        """``policies`` and ``transport`` for an SDK client of ``endpoint``, whose requests count as ``service``'s.

        ``scope`` is what the token is for; default: the management plane. What is ``public`` is asked without any.
        """
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
        from azure.mgmt.core.tools import get_arm_endpoints

        from collectors.azure.pipeline import Transport, arm_policies

        wanted = [scope] if scope else get_arm_endpoints(self._cloud)["credential_scopes"]
        signing = None if public or is_local(endpoint) else ARMChallengeAuthenticationPolicy(self.credential, *wanted)
        return {
            "policies": arm_policies(endpoint, signing),
            "transport": Transport(service, self.count, self.wait),
        }

    # -- Blob storage -----------------------------------------------------------------------------------------------

    def container(self, account_url: str, container: str) -> ContainerClient:
        """A client of one container."""
        from azure.storage.blob import ContainerClient

        from collectors.azure.pipeline import BlobRetries, Transport

        key = (account_url, container)
        if key not in self._blobs:
            self._blobs[key] = ContainerClient(
                account_url,
                container,
                credential=None if is_local(account_url) else self.credential,
                transport=Transport("blob", self.count, self.wait),
                retry_policy=BlobRetries(self.wait),
                raw_response_hook=_look_at_listing,
                user_agent="aispend",
            )
        return self._blobs[key]

    def linked(self, link: str) -> BlobClient:
        """A client of one blob by a link that carries its own key; no credential is sent."""
        from azure.storage.blob import BlobClient

        from collectors.azure.pipeline import BlobRetries, Transport

        return BlobClient.from_blob_url(
            link,
            transport=Transport("blob", self.count, self.wait),
            retry_policy=BlobRetries(self.wait),
            user_agent="aispend",
        )

    # -- what all of them share -------------------------------------------------------------------------------------

    @cached_property
    def credential(self) -> TokenCredential:
        """The SDK's own chain, for the settings' tenant."""
        if self._given is not None:
            return self._given
        from azure.identity import DefaultAzureCredential

        tenant = self.connection.tenant
        chain = DefaultAzureCredential(
            authority=_AUTHORITIES[self.connection.cloud],
            additionally_allowed_tenants=[tenant] if tenant else [],
        )
        return _InTenant(chain, tenant) if tenant else chain

    def requests(self) -> Mapping[str, int]:
        """Requests sent since this was asked last, by ``service.Operation``."""
        new = self.sent - self._reported
        self._reported = self.sent.copy()
        return new

    def count(self, operation: str) -> None:
        """Count a request just before it leaves; raises ``BudgetError`` where its budget is used up."""
        left = self._allowed.get(operation)
        if left is not None and self.sent[operation] >= left:
            raise BudgetError(
                "The day's budget of questions to Cost Management is used up.",
                where=f"[[azure]] {self.connection.name}: cost_queries_per_day",
                next_step="It goes on tomorrow; or raise the budget.",
            )
        self.latest = operation
        self.sent[operation] += 1


class _InTenant:
    """A credential that signs in to one tenant, whatever the SDK's client asks for."""

    def __init__(self, credential: Any, tenant: str) -> None:
        self._credential, self._tenant = credential, tenant

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """See ``azure.core.credentials.TokenCredential``."""
        return self._credential.get_token(*scopes, **{**options, "tenant_id": self._tenant})


def is_local(url: str) -> bool:
    """Whether a server is on this machine.

    >>> is_local("http://127.0.0.1:10000/acme"), is_local("https://acme.blob.core.windows.net")
    (True, False)
    """
    return urlsplit(url).hostname in _LOCAL


def parsed(text: str, where: str) -> Any:
    """JSON with exact numbers. ``where`` says what was asked.

    Raises ``CollectError`` where it is none.
    """
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise unreadable("Azure", f"{where}: no JSON, {type(error).__name__}") from None


def _look_at_listing(answer: Any) -> None:
    """Raise ``CollectError`` for a success that is no listing of blobs: the SDK would take it for one of nothing."""
    request, said = answer.http_request, answer.http_response
    if "comp=list" in request.url and said.status_code == HTTPStatus.OK and _LISTING not in said.body()[:_BEGINNING]:
        raise unreadable("Blob storage", f"blob.ListBlobs, {without_query(request.url)}: no listing")


def without_query(url: str) -> str:
    """An address without what follows its question mark: in Blob storage that may be a key.

    >>> without_query("https://acme.blob.core.windows.net/bills/part.csv?sv=2024&sig=abc")
    'https://acme.blob.core.windows.net/bills/part.csv'
    """
    return re.split(r"[?#]", url, maxsplit=1)[0]
