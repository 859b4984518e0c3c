"""``aispend doctor``: each source looked at without collecting it, and what was collected of it so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select

from aispend.clock import Clock
from aispend.connections import Connection
from aispend.errors import AispendError
from aispend.schema import collection
from collectors.base import Cloud, finding_of
from collectors.registry import clouds, of_connection

if TYPE_CHECKING:
    from aispend.settings import Settings
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
    found = [
        diagnosis
        for name, one in clouds().items()
        if cloud in (None, name)
        for connection in one.connections(settings)
        for diagnosis in _connection(one, connection, settings, store, clock, progress=progress)
    ]
    if not found:
        sections = [cloud] if cloud else list(clouds())
        add, read = (" or ".join(how.format(one) for one in sections) for how in ("[[{}]]", "docs/connect-{}.md"))
        found.append(
            Diagnosis(
                cloud or "clouds",
                "note",
                "none is named in aispend.toml",
                f"Add a section {add}: {read}; aispend init writes an example.",
            )
        )
    return found


def _connection(
    cloud: Cloud, connection: Connection, settings: Settings, store: Store, clock: Clock, *, progress: Progress | None
) -> Iterator[Diagnosis]:
    try:
        said = cloud.clients(connection, {}).signed_in()
    except AispendError as error:
        told = finding_of(error, connection.name)
        yield Diagnosis(connection.name, told.state, told.what, told.next_step)
        return
    yield Diagnosis(connection.name, "good", said)
    sources = list(of_connection(cloud, connection, settings.tags, store, clock))
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
