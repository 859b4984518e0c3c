"""What a collector is: it says what there is to collect, and reads one slice of it. The runner does everything else.

A collector talks to its provider and normalises; it knows no database. Pages are fetched by one function and parsed by
another that is pure, so that a recording can be parsed again. Retries of single requests are the SDK's; retries of
slices, the record of what was done, the lock, progress and the writing are the runner's (``collectors.runner``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

Progress = Callable[[str, int, int | None], None]
Form = Literal["bills", "metrics", "usage", "workloads", "inventory"]
"""A documented file form (docs/dialects.md, docs/telemetry.md): what a collector writes takes the way of an import."""

SliceTable = Literal["provider_total", "provider_forecast", "provider_anomaly", "provider_advice"]
MergeTable = Literal[
    "price", "spot_price", "spot_risk", "type_offering", "quota", "commitment_term", "resource_life", "invoice"
]


def measure(service: str, what: str) -> str:
    """The name under which something else than requests is counted with them: bytes read, which a budget is for.

    >>> measure("bigquery", "MB read"), is_request("bigquery MB read"), is_request("bigquery.jobs.insert")
    ('bigquery MB read', False, True)
    """
    return f"{service} {what}"


def is_request(counted: str) -> bool:
    """Whether what is counted under a name are requests."""
    return " " not in counted


@dataclass(frozen=True)
class Window:
    """Days from ``first`` up to, not including, ``end``.

    ``usual`` where nobody asked for these days, so that what is settled needs no look.
    """

    first: date
    end: date
    usual: bool = False


@dataclass(frozen=True)
class Slice:
    """Something that is collected whole. ``token`` changes whenever its content may have."""

    key: str
    token: str
    title: str


@dataclass(frozen=True)
class Seen:
    """What the last success left: its token and when, and how many rows it wrote."""

    token: str
    at: datetime
    rows: int


@dataclass(frozen=True)
class Files:
    """Files in a documented form, in the slice's folder. ``rows`` where the collector counted them.

    ``whole_places`` are the accounts and regions of which usage is all there is of the source on its days: it takes the
    place of what they had there, whatever names and dimensions that had. ``whole_resources`` where workloads are all
    that ever ran on the resources they name: hours of these that are not among them go. ``export`` names which of a
    source's several bills this is: one that lacks accounts which another one shows does not take its place.
    """

    form: Form
    paths: Sequence[Path]
    rows: int | None = None
    whole_places: Collection[tuple[str, str]] = ()
    whole_resources: bool = False
    export: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows that replace what the slice had in ``table``; without ``source`` and ``slice``, which the runner adds."""

    table: SliceTable
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Merge:
    """Rows that are added to ``table``, or replace those with the same key; nothing goes. Without ``source``.

    Where ``listings`` are given, commitments that are of one of them (by its columns' values) and not among the rows
    were deleted: they end now.

    Of ``resource_life`` a row without ``started_at`` ends the life that was open at ``ended_at``; one that is ``gone``
    ends the resource's names too.
    """

    table: MergeTable
    rows: Sequence[Mapping[str, Any]]
    listings: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class History:
    """What resources of one ``kind`` look like now, as a whole listing of ``scope`` (account and region).

    Each row has ``provider``, ``resource_id`` (any spelling), ``state`` and ``details``. What the listing named before
    and names no more is closed. Where ``running`` says which ids of it run, the lives of others end when they were seen
    last, and the names of those that are gone end now.
    """

    kind: str
    scope: str
    rows: Sequence[Mapping[str, Any]]
    running: frozenset[str] | None = None


@dataclass(frozen=True)
class Finding:
    """What a look at a source showed: that it works, something to know, or something to put right and how."""

    state: Literal["good", "note", "broken"]
    what: str
    next_step: str = ""


Part = Files | Rows | Merge | History


@dataclass(frozen=True)
class Reading:
    """What one slice is: its parts, and remarks for a person (a region that was disabled, a metric that is missing).

    ``may_be_empty`` where nothing is an answer like any other: a listing of machines that were all taken down.
    ``token`` where less came than the slice's own token stands for: what is remembered in its place.
    """

    parts: Sequence[Part]
    notes: tuple[str, ...] = field(default=())
    may_be_empty: bool = False
    token: str | None = None


class Collector(Protocol):
    """One kind of fact from one connection.

    ``name`` is unique: connection and collector, as in ``aws/bills``. ``reach`` is how far back a first run goes,
    ``restated_for`` how long the provider still changes what it said. ``operations`` are all requests it may make, as
    ``service.Operation``: the permissions a user must grant are derived from them.
    """

    @property
    def name(self) -> str: ...

    @property
    def reach(self) -> timedelta: ...

    @property
    def restated_for(self) -> timedelta: ...

    @property
    def operations(self) -> tuple[str, ...]: ...

    def slices(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """What lies in the window and may have changed; cheap, a handful of requests where nothing has."""

    def examine(self) -> Iterator[Finding]:
        """Prove that it can be read, with requests that cost nothing; never raises for what it can name."""

    def read(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """One slice; large content goes to files in ``folder``, in bounded memory.

        Raises ``NotReadyError`` where it is being delivered just now, ``AccessError`` where a permission is missing,
        ``InputError`` for content that cannot be used.
        """
