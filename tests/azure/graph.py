"""What cases have Resource Graph answer with."""

from __future__ import annotations

from typing import Any

from tests.azure.double import PLACE

ML = f"{PLACE}/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/ws"
AI = f"{PLACE}/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/acme-ai"

CUT_OFF = {"data": [], "resultTruncated": "true"}
"""An answer of Resource Graph where rows are missing and it gives no token for them."""


def compute(name: str, kind: str = "virtualMachines") -> str:
    """The id of something of Microsoft.Compute."""
    return f"{PLACE}/resourceGroups/RG/providers/Microsoft.Compute/{kind}/{name}"


def machine(name: str, size: str = "Standard_NC24ads_A100_v4", **given: Any) -> dict[str, Any]:
    """A virtual machine as a question's columns."""
    row = {
        "id": compute(name),
        "name": name,
        "location": "eastus",
        "zones": ["1"],
        "tags": {},
        "size": size,
        "managedBy": "",
        "priority": "",
        "power": "PowerState/running",
        "host": name.upper(),
        "created": "2026-10-01T08:00:00.1234567Z",
        "scaleSet": "",
        "reserved": "",
    }
    return row | given
