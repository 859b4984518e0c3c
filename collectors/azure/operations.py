"""Every request the collectors may make of Azure: how it is told from others, and what must be granted for it.

A request is known by its service, method and path. What is in no line here is not sent, so what is counted, what is
declared and what is granted are one list. Azure's roles grant *actions* of the management plane on a subscription, and
*data actions* on what is stored; billing accounts know roles of their own, which no custom role can replace
(docs/connect-azure.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Operation:
    """One kind of request. ``path`` is what its path ends with, as a regular expression, in any case of letters."""

    method: str
    path: str
    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    query: str = ""
    """What its query string has, where that alone tells it from another."""


_READ_BLOB = ("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",)

OPERATIONS: dict[str, Operation] = {
    "blob.ListBlobs": Operation("GET", r"", data_actions=_READ_BLOB, query="comp=list"),
    "blob.GetBlob": Operation("GET", r"/[^/]+", data_actions=_READ_BLOB),
    "arm.ListSubscriptions": Operation("GET", r"^/subscriptions", ("Microsoft.Resources/subscriptions/read",)),
    "arm.ListExports": Operation(
        "GET", r"/providers/Microsoft\.CostManagement/exports", ("Microsoft.CostManagement/exports/read",)
    ),
    "arm.GetStorageAccount": Operation(
        "GET",
        r"/providers/Microsoft\.Storage/storageAccounts/[^/]+",
        ("Microsoft.Storage/storageAccounts/read",),
    ),
    "arm.QueryCosts": Operation(
        "POST",
        r"/providers/Microsoft\.CostManagement/query",
        ("Microsoft.CostManagement/query/action", "Microsoft.CostManagement/query/read"),
    ),
}
"""By name; the part before the point is the service: ``arm`` is Azure's management endpoint."""


def operation_of(service: str, method: str, url: str) -> str:
    """The name of a request.

    Raises ``KeyError`` for one that is in no line: a defect, and nothing is sent.

    >>> operation_of("arm", "GET", "https://management.azure.com/subscriptions?api-version=2022-12-01")
    'arm.ListSubscriptions'
    >>> operation_of("blob", "GET", "https://acme.blob.core.windows.net/bills?restype=container&comp=list")
    'blob.ListBlobs'
    """
    parts = urlsplit(url)
    for name, one in OPERATIONS.items():
        if (
            name.startswith(f"{service}.")
            and one.method == method
            and one.query in parts.query
            and re.search(f"{one.path}$", parts.path.rstrip("/"), re.IGNORECASE)
        ):
            return name
    raise KeyError(f"{service} {method} {parts.path}")


def actions(operations: Iterable[str]) -> list[str]:
    """The actions of the management plane these need, sorted."""
    return sorted({action for name in operations for action in OPERATIONS[name].actions})


def data_actions(operations: Iterable[str]) -> list[str]:
    """The data actions these need, sorted."""
    return sorted({action for name in operations for action in OPERATIONS[name].data_actions})
