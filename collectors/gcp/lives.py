"""When machines started and ended, from the audit log of Compute Engine, which Google keeps for 400 days for everybody.

Assumes
    Entries arrive within :data:`LATE`. A request has two, of one operation: as it came, with the machine type, and as
    it was done, which is when the machine began or ended. What Google does itself (preemption, a machine that shuts
    itself down) is one entry. A start and the first end after it are one life.
Method
    Entries are read once, the oldest first, up to as late as all of them are there. What a listing says of the start of
    a machine that is there is the same life, to some minutes; it is told as the listing does. A start the listing of
    the run before has seen is not told again.
Bounded
    Machines without accelerators cannot be left out of the question, and a company may have a great many. A run reads
    :data:`MOST_REQUESTS` pages of a project; the next one goes on from there.
Known drawbacks
    A machine made of a template does not say its type: where no listing saw it, it is left out. So are starts of one
    that was made before what is read and is gone by now. A failure of the host, after which Google starts the machine
    again, ends nothing.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from aispend.errors import CollectError
from aispend.store.lives import LAST_SEEN
from collectors.answers import ASKS_AGAIN
from collectors.gcp.clients import GcpClients
from collectors.gcp.inventory_compute import Project, Row, of_instance
from collectors.gcp.listing import instant

OPERATION = "logging.entries.list"
HISTORY = timedelta(days=400)
LATE = timedelta(minutes=10)
MOST_REQUESTS = 30
"""In one run and project: Google answers sixty a minute."""

_AT_ONCE = 1000
_UNFINISHED = timedelta(minutes=30)
"""A request that is not done so long after it came is not waited for."""

_SAME = timedelta(minutes=10)
"""Between a start as the log and as the listing tell it."""

_STARTS = frozenset({"insert", "start", "startWithEncryptionKey", "resume"})
_ENDS = frozenset({"stop", "suspend", "delete", "preempted", "guestTerminate"})
_METHOD = re.compile(r"(?:^|\.)compute\.instances\.(\w+)$")
_UP_TO = " up to "


class Running(NamedTuple):
    """A machine of a listing: when it was started last, and whether it runs."""

    start: datetime | None
    runs: bool


@dataclass(frozen=True)
class Change:
    """A machine started or ended; ``made`` is the request it was made with, where that is known."""

    number: str
    zone: str
    name: str
    at: datetime
    starts: bool
    gone: bool = False
    made: Mapping[str, Any] | None = None

    def resource_id(self, project: Project) -> str:
        """Its id, as the bill writes it."""
        return project.resource(f"zones/{self.zone}", "instances", int(self.number), self.name)


def token_of(hour: str, reached: datetime | None, state: str = "") -> str:
    """The change token of a reading that came as far as ``reached``; ``state`` says why it is not whole.

    >>> token_of("2026-11-21T06", datetime(2026, 9, 1), "more")
    '2026-11-21T06 more up to 2026-09-01T00:00:00'
    """
    return " ".join(filter(None, (hour, state))) + (f"{_UP_TO}{reached.isoformat()}" if reached else "")


def reached_by(token: str) -> datetime | None:
    """The time a reading came to; None where there was none."""
    _, _, reached = token.partition(_UP_TO)
    return datetime.fromisoformat(reached) if reached else None


def is_whole(token: str, hour: str) -> bool:
    """Whether all there was in an hour was read."""
    return token.startswith(f"{hour}{_UP_TO}")


def entries(
    clients: GcpClients, project: str, since: datetime, until: datetime
) -> tuple[list[Mapping[str, Any]], datetime, bool]:
    """Entries in ``[since, until)``, the time from which the next reading goes on, and whether these are all of them.

    It goes on before a request whose end was not read, so that it is known by then what was asked for.
    """
    methods = "|".join(sorted(_STARTS | _ENDS))
    asked: dict[str, Any] = {
        "resourceNames": [f"projects/{project}"],
        "filter": 'resource.type="gce_instance" AND (log_id("cloudaudit.googleapis.com/activity") OR '
        'log_id("cloudaudit.googleapis.com/system_event")) AND '
        rf'protoPayload.methodName=~"compute\.instances\.({methods})$" AND '
        f'timestamp>="{since.isoformat()}" AND timestamp<"{until.isoformat()}"',
        "orderBy": "timestamp asc",
        "pageSize": _AT_ONCE,
    }
    found: list[Mapping[str, Any]] = []
    known: set[str] = set()
    for _ in range(MOST_REQUESTS):
        page = clients.fetch(OPERATION, "/v2/entries:list", body=asked)
        found += page.get("entries", [])
        token = page.get("nextPageToken")
        if not token:
            return found, _before_unfinished(found, since, until), True
        if token in known:
            raise CollectError(
                "Google gives the same page of the audit log again.", where=project, next_step=ASKS_AGAIN
            )
        known.add(token)
        asked["pageToken"] = token
    reached = (instant(found[-1]["timestamp"]) or since) if found else since
    return found, _before_unfinished(found, since, reached), False


def _before_unfinished(found: Iterable[Mapping[str, Any]], since: datetime, reached: datetime) -> datetime:
    open_since: dict[str, datetime] = {}
    for entry in found:
        operation, at = entry.get("operation", {}), instant(entry.get("timestamp"))
        name = str(operation.get("id", ""))
        if operation.get("last"):
            open_since.pop(name, None)
        elif operation.get("first") and at is not None and since < at and reached - at < _UNFINISHED:
            open_since[name] = at
    return min(open_since.values(), default=reached)


def changes(found: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What happened to machines, in order; what was refused or failed did not happen."""
    made: dict[str, Mapping[str, Any]] = {}
    told: dict[tuple[str, datetime, str], Change] = {}
    for entry in found:
        said, operation = entry.get("protoPayload", {}), entry.get("operation", {})
        method = _METHOD.search(str(said.get("methodName", "")))
        at = instant(entry.get("timestamp"))
        if method is None or at is None or said.get("status", {}).get("code"):
            continue
        if said.get("request"):
            made[str(operation.get("id"))] = said["request"]
        if operation.get("first") and not operation.get("last"):
            continue
        labels, kind = entry.get("resource", {}).get("labels", {}), method[1]
        number, zone = str(labels.get("instance_id", "")), str(labels.get("zone", ""))
        if number.isdigit() and zone and kind in _STARTS | _ENDS:
            name = str(said.get("resourceName", "")).rpartition("/")[2]
            request = made.get(str(operation.get("id"))) if kind == "insert" else None
            told[number, at, kind] = Change(number, zone, name, at, kind in _STARTS, kind == "delete", request)
    return sorted(told.values(), key=lambda one: one.at)


def launched(found: Iterable[Change]) -> Iterator[Any]:
    """Machines with accelerators as they were when they were made, as a listing has them."""
    from google.cloud.compute_v1.types import Instance

    for one in found:
        if one.made is not None:
            known = ("name", "machineType", "guestAccelerators", "labels", "hostname", "metadata", "scheduling")
            told = {name: one.made[name] for name in known if name in one.made}
            at = {"id": one.number, "zone": one.zone, "creationTimestamp": one.at.isoformat()}
            instance = Instance.from_json(json.dumps({"name": one.name, **told, **at}), ignore_unknown_fields=True)
            if of_instance(instance) is not None:
                yield instance


def ends_of(found: Iterable[Change]) -> dict[str, datetime]:
    """When machines were deleted, by number."""
    return {one.number: one.at for one in found if one.gone}


def lives(
    found: Iterable[Change],
    project: Project,
    listed: Mapping[str, Running],
    accelerated: Iterable[str],
    recorded: datetime | None,
) -> Iterator[Row]:
    """Rows of ``resource_life``.

    ``listed`` are machines with accelerators that are there, by id; ``accelerated`` numbers of those that were made
    with them. Others end what is known of them, and begin nothing. What ran at ``recorded`` a listing has told.
    """
    known = set(accelerated)
    of: dict[str, list[Change]] = defaultdict(list)
    for one in found:
        of[one.resource_id(project)].append(one)
    for itself, changed in of.items():
        begins = itself in listed or changed[0].number in known
        for start, end in _pairs(changed):
            row = {"provider": "gcp", "resource_id": itself, "method": "event", "gone": bool(end and end.gone)}
            ended = end.at if end else None
            told = start is not None and recorded and start.at <= recorded and (ended is None or ended > recorded)
            if start is None or told or not begins:
                if ended:
                    yield row | {"started_at": None, "ended_at": ended}
            else:
                yield row | _begun(start.at, ended, listed.get(itself, Running(None, runs=False)))


def _begun(start: datetime, ended: datetime | None, there: Running) -> Row:
    """A life that was seen to begin: as the listing tells it, where it is the same; the last of one that is over."""
    same = there.start is not None and abs(there.start - start) <= _SAME
    told = there.start if same else start
    if ended is None and not (same and there.runs):
        return {"started_at": told, "ended_at": told, "method": LAST_SEEN}  # its start is all that was seen of it
    return {"started_at": told, "ended_at": ended}


def _pairs(changed: Iterable[Change]) -> Iterator[tuple[Change | None, Change | None]]:
    """Each start with the first end after it; ends alone, and a start alone at last."""
    start: Change | None = None
    for one in changed:
        if one.starts:
            start = start or one
        else:
            yield start, one
            start = None
    if start is not None:
        yield start, None
