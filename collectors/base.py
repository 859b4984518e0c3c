"""What all collectors of clouds share, and what a cloud is to the registry, the doctor and ``aispend policy``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from aispend.clock import Clock
from aispend.connections import Connection
from aispend.errors import AispendError
from aispend.settings import Settings, TagKeys
from collectors.contract import Finding, Progress, Reading, Seen, Slice, Window

Style = Literal["json", "terraform"]
MOST_EXAMINED = 50
"""Slices or places looked at when a source is examined."""


def finding_of(error: AispendError, source: str) -> Finding:
    """An error met in looking at ``source``: what, where (beyond the source, which is named anyway), what to do."""
    place = error.where.removeprefix(source).lstrip(":, ")
    what = f"{error.what.rstrip('.')}: {place}" if place else error.what
    return Finding("broken", what, error.next_step or error.where)


class Clients(Protocol):
    """The SDK's clients of one connection; every request is counted when it is sent."""

    connection: Any

    @property
    def latest(self) -> str:
        """The operation that was sent last; empty before the first."""

    def requests(self) -> Mapping[str, int]:
        """Requests sent since this was asked last, by ``service.Operation``."""

    def signed_in(self) -> str:
        """Sign in and say as whom and to what: ``signed in to account 1234; 3 account(s) … to read``.

        Raises ``AispendError`` where it cannot.
        """


class CloudCollector(ABC):
    """One kind of fact from one connection; see ``collectors.contract.Collector``.

    A cloud's own base says how its SDK's errors are told (:meth:`explained`) and how permissions are proved
    (:meth:`examine`); a collector finds and fetches.
    """

    kind: ClassVar[str]
    reach: ClassVar[timedelta]
    restated_for: ClassVar[timedelta]
    operations: ClassVar[tuple[str, ...]]
    tag_keys: TagKeys = TagKeys()
    """The keys of tags that name model and team; the registry gives those of the settings."""

    def __init__(self, clients: Any, clock: Clock) -> None:
        self.clients = clients
        self.clock = clock
        self.name = f"{clients.connection.name}/{self.kind}"

    def slices(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """See the contract."""
        with self.explained(self.name):
            yield from self.find(window, seen)

    def read(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """See the contract."""
        with self.explained(f"{self.name}, {piece.title}"):
            return self.fetch(piece, folder, progress)

    @abstractmethod
    def explained(self, where: str) -> AbstractContextManager[None]:
        """Errors of the SDK and the network as errors of aispend: what, where, what to do. No secret is in them."""

    @abstractmethod
    def examine(self) -> Iterator[Finding]:
        """See the contract."""

    @abstractmethod
    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """:meth:`slices`, raising what the SDK raises."""

    @abstractmethod
    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """:meth:`read`, raising what the SDK raises."""


class Cloud(Protocol):
    """A cloud as the doors see it; ``name`` is its section of ``aispend.toml`` and its word in commands."""

    name: str

    def connections(self, settings: Settings) -> Sequence[Connection]:
        """Those the settings name."""

    def example(self) -> Connection:
        """A connection with every setting at its default."""

    def collectors(self) -> Mapping[str, type[CloudCollector]]:
        """Its collectors by what the settings call them, in the order they run: names before what uses them."""

    def clients(self, connection: Any, sent: Mapping[str, int]) -> Clients:
        """The connection's clients; ``sent`` are today's requests so far, by operation: they count on its budgets."""

    def permissions(self, operations: Collection[str]) -> Sequence[str]:
        """The names of all that must be granted for these requests, sorted; none where anybody may make them."""

    def grant(self, connection: Any, operations: Collection[str], style: Style) -> str:
        """What to grant, as a document or as Terraform: exactly what ``operations`` need, and only to read."""
