"""``aispend doctor``: each source looked at without collecting it, and what was collected of it so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select

from aispend.clock import Clock
from aispend.errors import AispendError
from aispend.schema import collection

if TYPE_CHECKING:
    from aispend.connections import AwsConnection
    from aispend.settings import Settings, TagKeys
    from aispend.store import Store

Progress = Callable[[str, int, int | None], None]
STALE = timedelta(hours=36)
"""A source not collected for longer is named: clouds deliver at least daily."""


@dataclass(frozen=True)
class Diagnosis:
    """One finding about one source."""

    source: str
    state: Literal["good", "note", "broken"]
    what: str
    next_step: str = ""


def diagnose(
    settings: Settings, store: Store, clock: Clock, *, cloud: str | None = None, progress: Progress | None = None
) -> list[Diagnosis]:
    """Everything that can be said of the connections in the settings, or of one cloud's."""
    found: list[Diagnosis] = []
    if cloud in (None, "aws"):
        for connection in settings.aws:
            found += _aws(connection, settings.tags, store, clock, progress)
    if not found:
        found.append(
            Diagnosis(
                cloud or "clouds",
                "note",
                "none is named in aispend.toml",
                "Add a section [[aws]]: docs/connect-aws.md; aispend init writes an example.",
            )
        )
    return found


def _aws(
    connection: AwsConnection, tag_keys: TagKeys, store: Store, clock: Clock, progress: Progress | None
) -> Iterator[Diagnosis]:
    from collectors.aws.base import explained
    from collectors.aws.clients import AwsClients
    from collectors.registry import of_aws

    clients = AwsClients(connection)
    try:
        with explained(connection.name):
            account, accounts, regions = clients.account, clients.accounts, clients.regions
    except AispendError as error:
        yield Diagnosis(connection.name, "broken", error.what, error.next_step or error.where)
        return
    yield Diagnosis(
        connection.name,
        "good",
        f"signed in to account {account}; {len(accounts)} account(s) and {len(regions)} region(s) to read",
    )
    sources = list(of_aws(connection, tag_keys, store, clock))
    for done, source in enumerate(sources):
        if progress:
            progress(f"looking at {source.collector.name}", done, len(sources))
        for finding in source.collector.examine():
            yield Diagnosis(source.collector.name, finding.state, finding.what, finding.next_step)
        yield from _collected(source.collector.name, store, clock)


def _collected(name: str, store: Store, clock: Clock) -> Iterator[Diagnosis]:
    """When it was collected last, and what of it failed."""
    c = collection.c
    with store.engine.connect() as connection:
        newest = connection.scalar(select(func.max(c.collected_at)).where(c.source == name))
        troubles = connection.execute(
            select(c.slice, c.outcome, c.message)
            .where(c.source == name, c.outcome.in_(["failed", "waiting"]))
            .order_by(c.slice)
        ).all()
    if newest is None:
        yield Diagnosis(name, "note", "never collected", f"Run: aispend collect {name}")
    elif clock() - newest > STALE:
        yield Diagnosis(name, "note", f"last collected {newest:%Y-%m-%d %H:%M} UTC", f"Run: aispend collect {name}")
    else:
        yield Diagnosis(name, "good", f"collected {newest:%Y-%m-%d %H:%M} UTC")
    for key, outcome, message in troubles:
        state: Literal["note", "broken"] = "broken" if outcome == "failed" else "note"
        yield Diagnosis(name, state, f"{key}: {outcome}: {str(message).splitlines()[0]}", f"aispend collect {name}")
