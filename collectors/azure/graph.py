"""Azure Resource Graph: what there is in all subscriptions at once, in a few questions.

*Types* of resources are asked each under a name of its own (``disks.Query``), as each needs a permission of its own: it
answers everybody, and leaves out, without a word, what the asker may not read. So a collector that takes nothing
for an answer asks first what it may read (``access``).

*Pages* are asked for by the token the last one gave, until there is none. An answer that was cut off without one is an
error: what is missing in a listing would be taken for gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aispend.errors import InputError
from collectors.answers import ASKS_AGAIN, unreadable
from collectors.azure.clients import AzureClients, parsed

if TYPE_CHECKING:
    from azure.mgmt.resourcegraph import ResourceGraphClient

Row = Mapping[str, Any]
PAGE = 1000
"""Most rows of one page, and most subscriptions of one question."""

_MOST_PAGES = 1000
_COMPUTE, _ML = "microsoft.compute", "microsoft.machinelearningservices/workspaces"
_ACCOUNTS = "microsoft.cognitiveservices/accounts"
TYPES: Mapping[frozenset[str], str] = {
    frozenset(kinds): service
    for service, *kinds in (
        ("accounts", _ACCOUNTS),
        ("advisorresources", "microsoft.advisor/recommendations"),
        ("disks", f"{_COMPUTE}/disks"),
        ("endpoints", f"{_ML}/onlineendpoints"),
        ("endpointdeployments", f"{_ML}/onlineendpoints/deployments"),
        ("machines", f"{_COMPUTE}/virtualmachines"),
        ("regions", _ACCOUNTS, f"{_COMPUTE}/virtualmachines", f"{_COMPUTE}/virtualmachinescalesets", _ML),
        ("scalesets", f"{_COMPUTE}/virtualmachinescalesets"),
        ("scalesetmachines", f"{_COMPUTE}/virtualmachinescalesets/virtualmachines"),
        ("snapshots", f"{_COMPUTE}/snapshots"),
        ("workspaces", _ML),
    )
}
"""What is asked about, and the service that requests about it count as."""

_OF_EVERYBODY = "spotresources"
_TYPE = re.compile(r"\btype (?:=~|in~) (\([^)]*\)|'[^']*')")


class SignedElsewhere:
    """Stands for a credential where an SDK's client demands one: requests are signed by the pipeline it is given."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """See ``azure.core.credentials.TokenCredential``; asking this one is a defect."""
        raise NotImplementedError(", ".join(scopes))


class Graph:
    """Questions to Resource Graph, one client for each type of resource."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients
        self._made: dict[str, ResourceGraphClient] = {}

    def rows(self, table: str, query: str, subscriptions: Sequence[str] | None) -> Iterator[Row]:
        """The rows ``table | query`` has in these subscriptions; in all there are where they are None.

        ``query`` must keep the column ``id`` and sort by it: pages are cut by it. Raises ``InputError`` for an answer
        that is not whole.
        """
        service = service_of(table.lower(), query)
        if subscriptions is None:
            yield from self._pages(service, {"query": f"{table} {query}"})
            return
        for start in range(0, len(subscriptions), PAGE):
            some = list(subscriptions[start : start + PAGE])
            yield from self._pages(service, {"query": f"{table} {query}", "subscriptions": some})

    def _pages(self, service: str, asked: Mapping[str, Any]) -> Iterator[Row]:
        seen: set[str] = set()
        options: dict[str, Any] = {"$top": PAGE, "resultFormat": "objectArray"}
        while True:
            answer = self._ask(service, {**asked, "options": options})
            data = answer.get("data")
            if not isinstance(data, list):
                raise unreadable("Azure", f"{service}.Query: Resource Graph gives no rows")
            yield from data
            token = answer.get("$skipToken")
            if not token:
                if str(answer.get("resultTruncated", "false")).lower() == "true":
                    raise InputError(
                        "Resource Graph cut its answer off.",
                        where=f"Resource Graph, {service}.Query",
                        next_step="The next run asks again; what was collected before stays.",
                    )
                return
            if token in seen or len(seen) > _MOST_PAGES:
                raise InputError(
                    "The pages of Azure's answer lead in a circle.",
                    where=f"Resource Graph, {service}.Query",
                    next_step=ASKS_AGAIN,
                )
            seen.add(token)
            options = {**options, "$skipToken": token}

    def _ask(self, service: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        from azure.core.exceptions import DeserializationError

        asked: Any = json.dumps(body).encode()
        try:
            text = self._client(service).resources(asked, cls=lambda response, *_: response.http_response.text())
        except DeserializationError:
            return {}
        found = parsed(text, f"{service}.Query")
        return found if isinstance(found, dict) else {}

    def _client(self, service: str) -> ResourceGraphClient:
        from azure.mgmt.resourcegraph import ResourceGraphClient

        if service not in self._made:
            endpoint = self._clients.endpoint
            signing = self._clients.pipeline(service, endpoint)
            self._made[service] = ResourceGraphClient(SignedElsewhere(), endpoint, **signing)
        return self._made[service]


def service_of(table: str, query: str) -> str:
    """The service that a question counts as, by the types of resources it names.

    Raises ``KeyError`` for types nobody declares: a defect, and nothing is sent.

    >>> service_of("resources", "| where type =~ 'Microsoft.Compute/disks' and isempty(managedBy)")
    'disks'
    """
    if table == _OF_EVERYBODY:
        return table
    found = _TYPE.search(query)
    return TYPES[frozenset(re.findall(r"'([^']+)'", found[1].lower() if found else ""))]


def subscription_of(resource_id: str) -> str:
    """The subscription of a resource, in lower case; empty where it is of none.

    >>> subscription_of("/subscriptions/1A/resourceGroups/g/providers/Microsoft.Compute/disks/d")
    '1a'
    """
    parts = resource_id.lower().split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else ""


def name_of(resource_id: str) -> str:
    """What an id ends with."""
    return resource_id.rstrip("/").rpartition("/")[2]
