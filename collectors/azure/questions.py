"""Questions to Cost Management and its answers, as they are.

Answers are columns and rows, found by the columns' names; numbers keep the digits that were sent. Further pages are
asked for by sending the same question to the address the last page gave. No content (204) is no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aispend.errors import InputError
from collectors.answers import ASKS_AGAIN
from collectors.azure.clients import AzureClients, parsed

if TYPE_CHECKING:
    from azure.mgmt.costmanagement import CostManagementClient

QUERY = "arm.QueryCosts"
Answer = Mapping[str, Any]
"""A page: ``columns`` and ``rows``."""

_MOST_PAGES = 1000


class Questions:
    """What a connection asks of Cost Management."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients

    @cached_property
    def _costs(self) -> CostManagementClient:
        from azure.mgmt.costmanagement import CostManagementClient

        endpoint = self._clients.endpoint
        unused: Any = object()  # the SDK demands a credential, but the policies it is given sign the requests
        return CostManagementClient(unused, endpoint, **self._clients.pipeline("arm", endpoint))

    def answers(self, scope: str, question: Mapping[str, Any]) -> Iterator[Answer]:
        """All pages of the answer to one question about ``scope``."""
        from azure.core.rest import HttpRequest

        body = dict(question)
        text = self._costs.query.usage(scope, body, cls=lambda response, *_: response.http_response.text())
        asked: set[str] = set()
        while text and text.strip():
            reply = parsed(text, f"{QUERY}, {scope}").get("properties") or {}
            yield reply
            following = reply.get("nextLink")
            if not following:
                return
            if following in asked or len(asked) > _MOST_PAGES:
                raise InputError("The pages of Azure's answer lead in a circle.", where=scope, next_step=ASKS_AGAIN)
            asked.add(following)
            with self._costs.send_request(HttpRequest("POST", following, json=body)) as response:
                response.raise_for_status()
                text = response.text()


def lines(answers: Iterable[Answer]) -> Iterator[dict[str, Any]]:
    """The rows of all pages, each by the names of its columns in lower case."""
    for answer in answers:
        names = [str(column.get("name", "")).lower() for column in answer.get("columns") or []]
        for cells in answer.get("rows") or []:
            yield dict(zip(names, cells, strict=False))


def text_of(line: Mapping[str, Any], name: str) -> str:
    """A value as text, empty for null. Raises ``InputError`` where there is no such column."""
    if name.lower() not in line:
        raise InputError(
            "A column is missing in Azure's answer.", where=f"Cost Management query: {name}", next_step=ASKS_AGAIN
        )
    said = line[name.lower()]
    return "" if said is None else str(said)


def amount_of(line: Mapping[str, Any]) -> Decimal:
    """What a line cost, in the digits that were sent. Raises ``InputError`` for what is no number."""
    given = next((line[name] for name in ("cost", "totalcost", "pretaxcost") if name in line), None)
    try:
        amount = Decimal(str(given))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InputError(
            "Azure gives an amount that is no number.", where=f"Cost Management query: {given!r}", next_step=ASKS_AGAIN
        )
    return amount
