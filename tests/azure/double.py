"""The tenant and the one subscription most cases are about, in a double that lists it."""

from __future__ import annotations

from typing import Any

from sample import azure_double
from sample.azure_double import Azure

TENANT = "99999999-0000-0000-0000-000000000001"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PLACE = f"/subscriptions/{SUBSCRIPTION}"


def subscription(number: str = SUBSCRIPTION, *, state: str = "Enabled") -> dict[str, Any]:
    """A subscription of the tenant as it is listed."""
    return azure_double.subscription(number, TENANT, "ai", state=state)


def listed(azure: Azure) -> Azure:
    """The double, which lists the subscription."""
    azure.on("GET /subscriptions", {"value": [subscription()]})
    return azure
