"""Google Cloud as the registry, the doctor and ``aispend policy`` see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from aispend.connections import GcpConnection
from aispend.settings import Settings
from collectors.base import Style
from collectors.gcp.advice import Advice
from collectors.gcp.base import GcpCollector
from collectors.gcp.bills import Bills
from collectors.gcp.clients import MB_READ, GcpClients
from collectors.gcp.commitments import Commitments
from collectors.gcp.inventory import Inventory
from collectors.gcp.offerings import Offerings
from collectors.gcp.permissions import document, needed, terraform
from collectors.gcp.prices import Prices
from collectors.gcp.spot import Spot
from collectors.gcp.usage import Usage
from collectors.gcp.utilization import Utilization

COLLECTORS: tuple[type[GcpCollector], ...] = (
    Bills,
    Inventory,
    Utilization,
    Usage,
    Commitments,
    Prices,
    Spot,
    Offerings,
    Advice,
)


class Gcp:
    """See ``collectors.base.Cloud``."""

    name = "gcp"

    def connections(self, settings: Settings) -> Sequence[GcpConnection]:
        """See the protocol."""
        return settings.gcp

    def example(self) -> GcpConnection:
        """See the protocol."""
        return GcpConnection()

    def collectors(self) -> Mapping[str, type[GcpCollector]]:
        """See the protocol."""
        return {collector.kind: collector for collector in COLLECTORS}

    def clients(self, connection: GcpConnection, sent: Mapping[str, int]) -> GcpClients:
        """See the protocol; what queries read costs money and has a budget."""
        left = max(0, connection.bigquery_gb_per_day * 1000 - sent.get(MB_READ, 0))
        return GcpClients(connection, megabytes_left=left)

    def permissions(self, operations: Collection[str]) -> Sequence[str]:
        """See the protocol: IAM permissions."""
        return needed(operations)

    def grant(self, connection: GcpConnection, operations: Collection[str], style: Style) -> str:
        """See the protocol."""
        return terraform(connection, operations) if style == "terraform" else document(connection, operations)
