"""What there is: machines and the names telemetry calls them, endpoints, jobs, volumes, reserved capacity.

*Three slices* for each account and region: what is there now (``listing``), launches and ends from the event history
(``events``), and SageMaker's jobs (``jobs``). None has a change token; the hour of the clock stands for one, so that a
second run within the hour asks nothing. Events and jobs are read back 90 days once, then only what is new.

*Parts* an account does without (no permission, a region or service not enabled) are remarks, and what was known of them
stays; so are accounts that cannot be entered and regions where everything is denied, which are asked again by the next
run. Only where nothing at all may be read anywhere the source fails. An empty listing is an answer: fleets go down to
nothing.

*Why events.* An hourly listing sees one of three instances that live twenty minutes each; the event history names all
three, with their addresses. See ``lives`` for how starts and ends meet. A machine that is gone without an event ends
when it was seen last.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aispend.clock import Clock
from aispend.errors import AispendError
from aispend.store.lives import LAST_SEEN
from collectors.aws import inventory_bedrock as bedrock_part
from collectors.aws import inventory_ec2 as ec2_part
from collectors.aws import inventory_jobs as jobs_part
from collectors.aws import inventory_sagemaker as sagemaker_part
from collectors.aws import inventory_snapshots as snapshots_part
from collectors.aws import lives as lives_part
from collectors.aws.base import DENIED, AwsCollector, code_of
from collectors.aws.clients import AwsClients
from collectors.aws.inventory_ec2 import Place
from collectors.aws.inventory_listing import Rows, hardware_of, readers
from collectors.aws.listing import left_out
from collectors.contract import Files, Finding, History, Merge, Part, Progress, Reading, Seen, Slice, Window
from collectors.machine_names import Held, Names
from collectors.refusals import Refusals

_GRANT = "Grant what 'aispend policy aws' prints, or go without."
LISTING, EVENTS, JOBS = _PARTS = ("listing", "events", "jobs")
_SETTLES = timedelta(minutes=15)
"""Until a launch shows in a listing; it takes seconds."""

_INVENTORY = (
    "provider",
    "resource_id",
    "alias",
    "valid_from",
    "valid_to",
    "resource_name",
    "account",
    "region",
    "fleet",
    "instance_type",
    "accelerator_type",
    "accelerators",
)
_WORKLOADS = (
    "timestamp",
    "period_seconds",
    "resource_id",
    "workload",
    "kind",
    "stage",
    "model",
    "accelerators_requested",
    "accelerators_used",
    "outcome",
)


class _Listed(NamedTuple):
    """Instances a listing showed: those that run, and all that are not gone."""

    at: datetime
    running: frozenset[str]
    there: frozenset[str]


class Inventory(AwsCollector):
    """See the module's text."""

    kind = "inventory"
    reach = lives_part.HISTORY
    restated_for = timedelta(0)
    operations = tuple(
        sorted(
            {
                *ec2_part.OPERATIONS,
                *snapshots_part.OPERATIONS,
                *sagemaker_part.OPERATIONS,
                *bedrock_part.OPERATIONS,
                *jobs_part.OPERATIONS,
                *lives_part.OPERATIONS,
            }
        )
    )

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._names = Names()
        self._before: dict[str, Seen] = {}
        self._remarks: dict[Place, list[str]] = defaultdict(list)
        self._asked: list[Place] = []
        self._listed: dict[Place, _Listed] = {}
        self._closed: set[str] = set()  # accounts that cannot be entered
        self._refusals = Refusals[Exception]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """The slices of each account and region; of events and jobs only where they may be read."""
        hour = f"{self.clock():%Y-%m-%dT%H}"
        self._before = dict(seen)
        for account in self.clients.accounts:
            for region in self.clients.regions:
                if account in self._closed:
                    break  # said once, for all regions
                place = Place(account, region)
                self._asked.append(place)
                known = {part: (one := seen.get(_key(place, part))) and one.token == hour for part in _PARTS}
                self._refusals.read(bool(known[LISTING]))
                # what is read without permission would count as read, so it is asked apart
                wanted = {
                    LISTING: True,
                    EVENTS: known[EVENTS] or self._may_read_events(place),
                    JOBS: known[JOBS] or self._may_read_jobs(place),
                }
                for part in _PARTS:
                    if wanted[part]:
                        yield Slice(_key(place, part), hour, f"{part} of {account}, {region}")
        if refused := self._refusals.by_all:
            raise refused[0]

    def examine(self) -> Iterator[Finding]:
        """What may be read, and what of it may not."""
        from botocore.exceptions import ClientError

        yield from super().examine()
        for place, remarks in self._remarks.items():
            for remark in remarks:
                yield Finding("note", f"{place.account}, {place.region}: {remark}", _GRANT)
        for place in self._asked[:1]:
            try:
                with self.explained(self.name):
                    try:
                        self._client("ec2", place).describe_instances(MaxResults=5)
                    except ClientError as error:
                        yield self.denied(error)
            except AispendError as error:
                yield Finding("broken", error.what, error.next_step or error.where)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """One of the three parts of a place."""
        account, region, part = piece.key.split(" ")
        place = Place(account, region)
        read = {LISTING: self._listing, EVENTS: self._events, JOBS: self._jobs}[part]
        return read(place, folder, piece.token)

    # -------------------------------------------------------------------------------- listing

    def _listing(self, place: Place, folder: Path, hour: str) -> Reading:
        from botocore.exceptions import ClientError

        parts: list[Part] = []
        described: Rows = []
        notes = self._remarks.pop(place, [])
        denied: list[ClientError] = []
        found_any = False
        client = partial(self._client, place=place)
        for title, read in readers(client, place, partial(self._instances, place)):
            try:
                made = read(described)
            except ClientError as error:
                if self._is_closed(place, error):
                    denied = [error]
                    break
                notes.append(left_out(error, title))
                denied += [error] if code_of(error) in DENIED else []
                continue
            found_any = True
            parts += made
        self._refusals.read(found_any)
        if denied and not found_any:
            self._refusals.add(denied[0])
            return Reading([], (self._said(place, denied[0]),), may_be_empty=True, token=f"{hour} refused")
        if described:
            path = _write(folder / "inventory.csv", _INVENTORY, described)
            parts.insert(0, Files("inventory", [path], rows=len(described)))
        return Reading(parts, notes=tuple(dict.fromkeys(notes)), may_be_empty=True)

    def _is_closed(self, place: Place, error: Exception) -> bool:
        """Whether an account cannot be entered at all; remembered, so that it is tried once a run."""
        if getattr(error, "operation_name", "") != "AssumeRole" or code_of(error) not in DENIED:
            return False
        self._closed.add(place.account)
        return True

    def _said(self, place: Place, error: Exception) -> str:
        if place.account in self._closed:
            role = self.clients.connection.member_role
            return f"{place.account} is unknown: the role {role} is not there, or does not trust this account."
        return f"{place.region} of {place.account} is unknown: everything is denied there ({code_of(error)})."

    def _instances(self, place: Place, described: Rows) -> list[Part]:
        ec2 = self._client("ec2", place)
        found = ec2_part.instances(ec2_part.instance_pages(ec2))
        types = hardware_of(ec2, {one["InstanceType"] for one in found})
        found = [one for one in found if one["InstanceType"] not in types or types[one["InstanceType"]].accelerators]
        there = [one for one in found if one["State"]["Name"] not in ("terminated", "shutting-down")]
        running = frozenset(one["InstanceId"] for one in found if ec2_part.runs(one))
        self._listed[place] = _Listed(self.clock(), running, frozenset(one["InstanceId"] for one in there))
        described += [ec2_part.described(one, place, types) for one in found]
        described += self._named(held for one in there for held in ec2_part.held_names(one, place))
        lived = [row for one in found if (row := ec2_part.life(one, place)) is not None]
        rows = ec2_part.instance_rows(found, place)
        return [
            History("ec2_instance", place.scope, rows, frozenset(ec2_part.arn(name, place) for name in running)),
            Merge("resource_life", lived),
        ]

    def _named(self, held: Iterable[Held]) -> Rows:
        """Rows of the inventory that name resources, as far as their names are certain."""
        aliases = self._names.add(held)
        return [
            {
                "provider": "aws",
                "resource_id": one.resource_id,
                "alias": one.alias,
                "valid_from": one.start.isoformat(),
                "valid_to": one.end.isoformat() if one.end else None,
            }
            for one in self._names.meanings(aliases)
        ]

    # ------------------------------------------------------------------------- events and jobs

    def _events(self, place: Place, folder: Path, hour: str) -> Reading:
        now = self.clock()
        since, until = self._since(place, EVENTS, lives_part.LATE, lives_part.HISTORY), now
        if (before := self._before.get(_key(place, EVENTS))) and (reached := lives_part.reached_by(before.token)):
            since = min(since, max(reached, self._ago(lives_part.HISTORY)))
        pages, reached = lives_part.events(self._client("cloudtrail", place), since, until)
        launches, ends = lives_part.read_events(pages)
        launches = [one for one in launches if ec2_part.accelerated(one.details["InstanceType"])]
        gone = lives_part.terminations(ends)
        listed = self._listed.get(place)
        # what a listing made after the launch does not name is gone, though no event tells since when
        ended = {
            one.instance_id: listed.at
            for one in launches
            if listed and one.at < listed.at - _SETTLES and one.instance_id not in listed.there
        } | gone
        rows = [ec2_part.described(one.details, place, {}) for one in launches]
        rows += self._named(
            held for one in launches for held in ec2_part.held_names(one.details, place, ended.get(one.instance_id))
        )
        lived = []
        for name, start, end in lives_part.lives(launches, ends):
            row = {
                "provider": "aws",
                "resource_id": ec2_part.arn(name, place),
                "started_at": start,
                "ended_at": end,
                "method": "event",
                "gone": end is not None and end == gone.get(name),
            }
            if start and end is None and listed and start < listed.at - _SETTLES and name not in listed.running:
                row |= {"ended_at": start, "method": LAST_SEEN}  # its launch is all that was seen of it
            lived.append(row)
        parts: list[Part] = [Merge("resource_life", lived)]
        if rows:
            parts.insert(0, Files("inventory", [_write(folder / "launched.csv", _INVENTORY, rows)], rows=len(rows)))
        if reached == until:
            return Reading(parts, may_be_empty=True)
        return Reading(
            parts,
            (f"The event history is long: read up to {reached:%Y-%m-%d %H:%M} UTC; the next run goes on from there.",),
            may_be_empty=True,
            token=lives_part.token_of(hour, reached),
        )

    def _jobs(self, place: Place, folder: Path, hour: str) -> Reading:
        from botocore.exceptions import ClientError

        now = self.clock()
        client = self._client("sagemaker", place)
        before = self._before.get(_key(place, JOBS))
        usual = self._since(place, JOBS, jobs_part.LATE, jobs_part.HISTORY)
        since_of = jobs_part.unread_by(before.token) if before else {}
        unread: dict[str, datetime] = {}
        rows: Rows = []
        lived: Rows = []
        notes = []
        for kind in jobs_part.KINDS:
            since = max(since_of.get(kind, usual), self._ago(jobs_part.HISTORY))
            try:
                for job in jobs_part.job_replies(client, kind, since):
                    rows += jobs_part.workloads(kind, job, now)
                    if (life := jobs_part.job_life(kind, job)) is not None:
                        lived.append(life)
            except ClientError as error:
                notes.append(left_out(error, f"SageMaker {kind.lower()} jobs"))
                unread[kind] = since
        parts: list[Part] = [Merge("resource_life", lived)]
        if rows:
            written = [_write(folder / "jobs.csv", _WORKLOADS, rows)]
            parts.insert(0, Files("workloads", written, rows=len(rows), whole_resources=True))
        return Reading(parts, tuple(notes), may_be_empty=True, token=jobs_part.token_of(hour, unread))

    def _since(self, place: Place, part: str, late: timedelta, history: timedelta) -> datetime:
        """From when on a part is read: from its last success, and as far back as it may have come late."""
        before = self._before.get(_key(place, part))
        return max(before.at - late, self._ago(history)) if before else self._ago(history)

    def _may_read_events(self, place: Place) -> bool:
        now = self.clock()
        ask = self._client("cloudtrail", place).lookup_events
        return self._may(place, "the event history", lambda: ask(StartTime=now, EndTime=now, MaxResults=1))

    def _may_read_jobs(self, place: Place) -> bool:
        ask = self._client("sagemaker", place).list_training_jobs
        return self._may(place, "the jobs of SageMaker", lambda: ask(MaxResults=1))

    def _may(self, place: Place, what: str, ask: Callable[[], Any]) -> bool:
        """Whether something may be read; a remark where not."""
        from botocore.exceptions import ClientError

        try:
            ask()
        except ClientError as error:
            if self._is_closed(place, error):
                return False
            try:
                self._remarks[place].append(left_out(error, what))
            except ClientError:
                return True  # throttled, say: its own slice will tell
            return False
        return True

    def _client(self, service: str, place: Place) -> Any:
        return self.clients.client(service, region=place.region, account=place.account)

    def _ago(self, time: timedelta) -> datetime:
        return self.clock().astimezone(UTC) - time


def _key(place: Place, part: str) -> str:
    return f"{place.account} {place.region} {part}"


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """A file in a documented form."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
