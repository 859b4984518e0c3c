"""AWS as the registry, the doctor and ``aispend policy`` see it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from aispend.connections import AwsConnection
from aispend.settings import Settings
from collectors.aws.advice import Advice
from collectors.aws.base import AwsCollector
from collectors.aws.bills import Bills
from collectors.aws.clients import AwsClients
from collectors.aws.commitments import Commitments
from collectors.aws.cost_explorer import CostExplorer
from collectors.aws.inventory import Inventory
from collectors.aws.invoices import Invoices
from collectors.aws.offerings import Offerings
from collectors.aws.policy import actions, policy, terraform
from collectors.aws.prices import Prices
from collectors.aws.spot import Spot
from collectors.aws.usage import Usage
from collectors.aws.utilization import Utilization
from collectors.base import Style

COLLECTORS: tuple[type[AwsCollector], ...] = (
    Bills,
    Invoices,
    Commitments,
    Inventory,
    Utilization,
    Usage,
    CostExplorer,
    Advice,
    Prices,
    Spot,
    Offerings,
)


class Aws:
    """See ``collectors.base.Cloud``."""

    name = "aws"

    def connections(self, settings: Settings) -> Sequence[AwsConnection]:
        """See the protocol."""
        return settings.aws

    def example(self) -> AwsConnection:
        """See the protocol."""
        return AwsConnection()

    def collectors(self) -> Mapping[str, type[AwsCollector]]:
        """See the protocol."""
        return {collector.kind: collector for collector in COLLECTORS}

    def clients(self, connection: AwsConnection, sent: Mapping[str, int]) -> AwsClients:
        """See the protocol; Cost Explorer's requests cost money and have a budget."""
        asked = sum(number for operation, number in sent.items() if operation.startswith("ce."))
        left = max(0, connection.cost_explorer_requests_per_day - asked)
        return AwsClients(connection, allowed={"ce": left})

    def permissions(self, operations: Collection[str]) -> Sequence[str]:
        """See the protocol: IAM actions."""
        return actions(operations)

    def grant(self, connection: AwsConnection, operations: Collection[str], style: Style) -> str:
        """See the protocol."""
        document = policy(connection, operations)
        return terraform(document) if style == "terraform" else json.dumps(document, indent=2) + "\n"
