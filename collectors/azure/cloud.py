"""Azure to the registry, the doctor and ``aispend policy``: connections, collectors, clients, the roles to grant."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from aispend.connections import AzureConnection
from aispend.settings import Settings
from collectors.azure.advice import Advice
from collectors.azure.base import AzureCollector
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.azure.commitments import Commitments
from collectors.azure.cost_query import CostQuery
from collectors.azure.inventory import Inventory
from collectors.azure.invoices import Invoices
from collectors.azure.offerings import Offerings
from collectors.azure.operations import actions, data_actions
from collectors.azure.policy import roles, terraform
from collectors.azure.prices import Prices
from collectors.azure.spot import Spot
from collectors.azure.usage import Usage
from collectors.azure.utilization import Utilization
from collectors.base import Style

COLLECTORS: tuple[type[AzureCollector], ...] = (
    Bills,
    CostQuery,
    Invoices,
    Commitments,
    Inventory,
    Utilization,
    Usage,
    Prices,
    Spot,
    Offerings,
    Advice,
)


class Azure:
    """See ``collectors.base.Cloud``."""

    name = "azure"

    def connections(self, settings: Settings) -> Sequence[AzureConnection]:
        """See the protocol."""
        return settings.azure

    def example(self) -> AzureConnection:
        """See the protocol."""
        return AzureConnection()

    def collectors(self) -> Mapping[str, type[AzureCollector]]:
        """See the protocol."""
        return {collector.kind: collector for collector in COLLECTORS}

    def clients(self, connection: AzureConnection, sent: Mapping[str, int]) -> AzureClients:
        """See the protocol; Cost Management answers few questions, and they have a budget."""
        left = max(0, connection.cost_queries_per_day - sent.get("arm.QueryCosts", 0))
        return AzureClients(connection, allowed={"arm.QueryCosts": left})

    def permissions(self, operations: Collection[str]) -> Sequence[str]:
        """See the protocol: actions, and data actions on what is stored."""
        return sorted({*actions(operations), *data_actions(operations)})

    def grant(self, connection: AzureConnection, operations: Collection[str], style: Style) -> str:
        """See the protocol: a list of two roles, or Terraform that assigns them."""
        found = roles(connection, operations)
        return terraform(found) if style == "terraform" else json.dumps(found, indent=2) + "\n"
