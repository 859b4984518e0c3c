"""Every cloud, and the sources that a company's settings make of them. A new cloud is a line here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aispend.clock import Clock
from aispend.connections import Connection
from aispend.errors import UsageError
from aispend.settings import Settings, TagKeys
from aispend.store import Store, collections
from collectors.base import Cloud
from collectors.runner import Source


def clouds() -> dict[str, Cloud]:
    """The clouds by name."""
    from collectors.aws.cloud import Aws
    from collectors.azure.cloud import Azure
    from collectors.gcp.cloud import Gcp

    found: tuple[Cloud, ...] = (Aws(), Azure(), Gcp())
    return {cloud.name: cloud for cloud in found}


def chosen(cloud: Cloud, connection: Connection) -> list[str]:
    """The collectors of a connection: those its settings name, else all, in the order they run."""
    return [name for name in cloud.collectors() if not connection.collect or name in connection.collect]


def operations(cloud: Cloud, connection: Connection) -> list[str]:
    """Every request that the chosen collectors may make."""
    made = cloud.collectors()
    return [operation for name in chosen(cloud, connection) for operation in made[name].operations]


def sources(settings: Settings, store: Store, clock: Clock, names: Sequence[str] = ()) -> list[Source]:
    """The sources of all connections, or those named: a connection (``aws``) or one of its collectors (``aws/bills``).

    Raises ``UsageError`` for a name that is none of them.
    """
    found = [
        source
        for cloud in clouds().values()
        for connection in cloud.connections(settings)
        for source in of_connection(cloud, connection, settings.tags, store, clock)
    ]
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


def of_connection(
    cloud: Cloud, connection: Connection, tag_keys: TagKeys, store: Store, clock: Clock
) -> Iterator[Source]:
    """The sources of one connection; what was asked today counts against its budgets."""
    with store.engine.connect() as database:
        sent = collections.requests_on(database, connection.name, clock().date())
    clients = cloud.clients(connection, sent)
    made = cloud.collectors()
    for name in chosen(cloud, connection):
        collector = made[name](clients, clock)
        collector.tag_keys = tag_keys
        yield Source(collector, connection.name, clients.requests)
