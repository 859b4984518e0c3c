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
_GRAPH = r"^/providers/Microsoft\.ResourceGraph/resources"
_ASKING = "Microsoft.ResourceGraph/resources/read"


def _graph(*kinds: str) -> Operation:
    """A question to Resource Graph about these types of resources, each of which must be readable."""
    return Operation("POST", _GRAPH, (_ASKING, *(f"Microsoft.{one}/read" for one in kinds)))


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
    "arm.ListPermissions": Operation(
        "GET", r"/providers/Microsoft\.Authorization/permissions", ("Microsoft.Authorization/permissions/read",)
    ),
    "arm.ListMachineSizes": Operation("GET", r"/providers/Microsoft\.Compute/skus", ("Microsoft.Compute/skus/read",)),
    "arm.ListComputeUsages": Operation(
        "GET",
        r"/providers/Microsoft\.Compute/locations/[^/]+/usages",
        ("Microsoft.Compute/locations/usages/read",),
    ),
    "arm.ListComputes": Operation(
        "GET",
        r"/providers/Microsoft\.MachineLearningServices/workspaces/[^/]+/computes",
        ("Microsoft.MachineLearningServices/workspaces/computes/read",),
    ),
    "arm.ListDeployments": Operation(
        "GET",
        r"/providers/Microsoft\.CognitiveServices/accounts/[^/]+/deployments",
        ("Microsoft.CognitiveServices/accounts/deployments/read",),
    ),
    "accounts.Query": _graph("CognitiveServices/accounts"),
    "disks.Query": _graph("Compute/disks"),
    "endpoints.Query": _graph("MachineLearningServices/workspaces/onlineEndpoints"),
    "endpointdeployments.Query": _graph("MachineLearningServices/workspaces/onlineEndpoints/deployments"),
    "machines.Query": _graph("Compute/virtualMachines"),
    "regions.Query": _graph(
        "CognitiveServices/accounts",
        "Compute/virtualMachineScaleSets",
        "Compute/virtualMachines",
        "MachineLearningServices/workspaces",
    ),
    "scalesets.Query": _graph("Compute/virtualMachineScaleSets"),
    "scalesetmachines.Query": _graph("Compute/virtualMachineScaleSets/virtualMachines"),
    "snapshots.Query": _graph("Compute/snapshots"),
    "workspaces.Query": _graph("MachineLearningServices/workspaces"),
    "prices.ListPrices": Operation("GET", r"^/api/retail/prices"),
    "spotresources.Query": _graph(),
    "advisorresources.Query": _graph("Advisor/recommendations"),
    # these belong to the tenant, where only Azure's own roles grant them (docs/connect-azure.md)
    "arm.ListReservations": Operation("GET", r"^/providers/Microsoft\.Capacity/reservations"),
    "arm.ListSavingsPlans": Operation("GET", r"^/providers/Microsoft\.BillingBenefits/savingsPlans"),
    # these belong to billing accounts, which know roles of their own
    "arm.ListBillingAccounts": Operation("GET", r"^/providers/Microsoft\.Billing/billingAccounts"),
    "arm.ListInvoices": Operation("GET", r"^/providers/Microsoft\.Billing/billingAccounts/[^/]+/invoices"),
    "metrics.QueryMetrics": Operation("POST", r"/metrics:getBatch", ("Microsoft.Insights/metrics/read",)),
    "arm.QueryCosts": Operation(
        "POST",
        r"/providers/Microsoft\.CostManagement/query",
        ("Microsoft.CostManagement/query/action", "Microsoft.CostManagement/query/read"),
    ),
    "arm.CreateCostReport": Operation(
        "POST",
        r"/providers/Microsoft\.CostManagement/generateCostDetailsReport",
        ("Microsoft.CostManagement/generateCostDetailsReport/action",),
    ),
    "arm.GetCostReport": Operation(
        "GET",
        r"/providers/Microsoft\.CostManagement/costDetailsOperationResults/[^/]+",
        ("Microsoft.CostManagement/costDetailsOperationResults/read",),
    ),
}
"""By name; the part before the point is the service: ``arm`` is Azure's management endpoint, what is asked
of Resource Graph is a service of its own, since each type of resource needs another permission;
``metrics`` is Azure Monitor's, ``prices`` a list everybody may read."""


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
