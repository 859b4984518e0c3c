"""Every collector, and the sources that a company's settings make of them. A new collector is a line here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from aispend.clock import Clock
from aispend.errors import UsageError
from aispend.settings import Settings, TagKeys
from aispend.store import collections
from collectors.runner import Source

if TYPE_CHECKING:
    from aispend.connections import AwsConnection
    from aispend.store import Store
    from collectors.aws.base import AwsCollector


def aws_collectors() -> dict[str, type[AwsCollector]]:
    """The collectors of AWS by what the settings call them, in the order they run: names before what uses them."""
    from collectors.aws.advice import Advice
    from collectors.aws.bills import Bills
    from collectors.aws.commitments import Commitments
    from collectors.aws.cost_explorer import CostExplorer
    from collectors.aws.inventory import Inventory
    from collectors.aws.invoices import Invoices
    from collectors.aws.prices import Prices
    from collectors.aws.spot import Spot
    from collectors.aws.usage import Usage
    from collectors.aws.utilization import Utilization

    collectors: tuple[type[AwsCollector], ...] = (
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
    )
    return {collector.kind: collector for collector in collectors}


def sources(settings: Settings, store: Store, clock: Clock, names: Sequence[str] = ()) -> list[Source]:
    """The sources of all connections, or those named: a connection (``aws``) or one of its collectors (``aws/bills``).

    Raises ``UsageError`` for a name that is none of them.
    """
    found = [source for connection in settings.aws for source in of_aws(connection, settings.tags, store, clock)]
    known = [source.collector.name for source in found]
    for name in names:
        if not any(_means(name, one) for one in known):
            raise UsageError(
                f"There is no source {name!r}.",
                next_step=f"Choose from {', '.join(known)}."
                if known
                else "Name your clouds in aispend.toml: see docs/connect-aws.md.",
            )
    return [one for one in found if not names or any(_means(name, one.collector.name) for name in names)]


def _means(name: str, source: str) -> bool:
    return source == name or source.startswith(f"{name}/")


def of_aws(connection: AwsConnection, tag_keys: TagKeys, store: Store, clock: Clock) -> Iterator[Source]:
    """The sources of one connection; the requests sent today that cost money count against its budget."""
    from collectors.aws.clients import AwsClients

    with store.engine.connect() as database:
        sent = collections.requests_on(database, connection.name, clock().date())
    asked = sum(number for operation, number in sent.items() if operation.startswith("ce."))
    left = max(0, connection.cost_explorer_requests_per_day - asked)
    clients = AwsClients(connection, allowed={"ce": left})
    for name, collector in aws_collectors().items():
        if not connection.collect or name in connection.collect:
            made = collector(clients, clock)
            made.tag_keys = tag_keys
            yield Source(made, connection.name, clients.requests)
