"""Azure Resource Graph: what there is in all subscriptions at once, in a few questions.

*Tables* are asked each under a name of its own (``resources.Query``), because each needs other permissions: Resource
Graph answers everybody, and leaves out, without a word, what the asker may not read. So a collector that takes nothing
for an answer asks first what it may read (``access``).

*Pages* are asked for by the token the last one gave, until there is none. An answer that was cut off without one is an
error: what is missing in a listing would be taken for gone.
"""

from __future__ import annotations

import json
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


class SignedElsewhere:
    """Stands for a credential where an SDK's client demands one: requests are signed by the pipeline it is given."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """See ``azure.core.credentials.TokenCredential``; asking this one is a defect."""
        raise NotImplementedError(", ".join(scopes))


class Graph:
    """Questions to the tables of Resource Graph, one client for each."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients
        self._tables: dict[str, ResourceGraphClient] = {}

    def rows(self, table: str, query: str, subscriptions: Sequence[str] | None) -> Iterator[Row]:
        """The rows ``table | query`` has in these subscriptions; in all there are where they are None.

        ``query`` must keep the column ``id`` and sort by it: pages are cut by it. Raises ``InputError`` for an answer
        that is not whole.
        """
        if subscriptions is None:
            yield from self._pages(table, {"query": f"{table} {query}"})
            return
        for start in range(0, len(subscriptions), PAGE):
            some = list(subscriptions[start : start + PAGE])
            yield from self._pages(table, {"query": f"{table} {query}", "subscriptions": some})

    def _pages(self, table: str, asked: Mapping[str, Any]) -> Iterator[Row]:
        seen: set[str] = set()
        options: dict[str, Any] = {"$top": PAGE, "resultFormat": "objectArray"}
        while True:
            answer = self._ask(table, {**asked, "options": options})
            data = answer.get("data")
            if not isinstance(data, list):
                raise unreadable("Azure", f"{table.lower()}.Query: Resource Graph gives no rows")
            yield from data
            token = answer.get("$skipToken")
            if not token:
                if str(answer.get("resultTruncated", "false")).lower() == "true":
                    raise InputError(
                        "Resource Graph cut its answer off.",
                        where=f"Resource Graph, {table}",
                        next_step="The next run asks again; what was collected before stays.",
                    )
                return
            if token in seen or len(seen) > _MOST_PAGES:
                raise InputError(
                    "The pages of Azure's answer lead in a circle.",
                    where=f"Resource Graph, {table}",
                    next_step=ASKS_AGAIN,
                )
            seen.add(token)
            options = {**options, "$skipToken": token}

    def _ask(self, table: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        from azure.core.exceptions import DeserializationError

        asked: Any = json.dumps(body).encode()
        try:
            text = self._client(table).resources(asked, cls=lambda response, *_: response.http_response.text())
        except DeserializationError:
            return {}
        found = parsed(text, f"{table.lower()}.Query")
        return found if isinstance(found, dict) else {}

    def _client(self, table: str) -> ResourceGraphClient:
        from azure.mgmt.resourcegraph import ResourceGraphClient

        if table not in self._tables:
            endpoint = self._clients.endpoint
            signing = self._clients.pipeline(table.lower(), endpoint)
            self._tables[table] = ResourceGraphClient(SignedElsewhere(), endpoint, **signing)
        return self._tables[table]


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
