"""What there is: machines and the names telemetry calls them, endpoints, jobs, volumes, reserved capacity.

*Three slices* for each account and region: what is there now (``listing``), launches and ends from the event history
(``events``), and SageMaker's jobs (``jobs``). None has a change token; the hour of the clock stands for one, so that a
second run within the hour asks nothing. Events and jobs are read back 90 days once, then only what is new.

*Parts* an account does without (no permission, a region or service not enabled) are remarks, and what was known of them
stays. Only where nothing at all may be read the source fails. An empty listing is an answer: fleets go down to nothing.

*Why events.* An hourly listing sees one of three instances that live twenty minutes each; the event history names all
three, with their addresses. See ``lives`` for how starts and ends meet.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.aws import inventory_bedrock as bedrock_part
from collectors.aws import inventory_ec2 as ec2_part
from collectors.aws import inventory_jobs as jobs_part
from collectors.aws import inventory_sagemaker as sagemaker_part
from collectors.aws import lives as lives_part
from collectors.aws.base import DENIED, AwsCollector, code_of, explained
from collectors.aws.clients import AwsClients
from collectors.aws.inventory_ec2 import Hardware, Place
from collectors.aws.inventory_names import Held, Names
from collectors.aws.listing import left_out
from collectors.contract import Files, Finding, History, Merge, Part, Progress, Reading, Seen, Slice, Window

_GRANT = "Grant what 'aispend policy aws' prints, or go without."
LISTING, EVENTS, JOBS = "listing", "events", "jobs"
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
Rows = list[dict[str, Any]]


class Inventory(AwsCollector):
    """See the module's text."""

    kind = "inventory"
    reach = lives_part.HISTORY
    restated_for = timedelta(0)
    operations = tuple(
        sorted(
            {
                *ec2_part.OPERATIONS,
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
        self._since: dict[str, datetime] = {}
        self._remarks: dict[Place, list[str]] = defaultdict(list)
        self._asked: list[Place] = []

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """The slices of each account and region; of events and jobs only where they may be read."""
        hour = f"{self.clock():%Y-%m-%dT%H}"
        for account in self.clients.accounts:
            for region in self.clients.regions:
                place = Place(account, region)
                self._asked.append(place)
                listing = _key(place, LISTING)
                known = listing in seen and seen[listing].token == hour
                wanted = {
                    LISTING: True,
                    EVENTS: _key(place, EVENTS) in seen if known else self._may_read_events(place),
                    JOBS: _key(place, JOBS) in seen if known else self._may_read_jobs(place),
                }
                for part, late, history in (
                    (LISTING, timedelta(0), timedelta(0)),
                    (EVENTS, lives_part.LATE, lives_part.HISTORY),
                    (JOBS, jobs_part.LATE, jobs_part.HISTORY),
                ):
                    key = _key(place, part)
                    before = seen.get(key)
                    self._since[key] = max(before.at - late, self.clock() - history) if before else self._ago(history)
                    if wanted[part]:
                        yield Slice(key, hour, f"{part} of {account}, {region}")

    def examine(self) -> Iterator[Finding]:
        """What may be read, and what of it may not."""
        from botocore.exceptions import ClientError

        yield from super().examine()
        for place, remarks in self._remarks.items():
            for remark in remarks:
                yield Finding("note", f"{place.account}, {place.region}: {remark}", _GRANT)
        for place in self._asked[:1]:
            try:
                with explained(self.name):
                    try:
                        self._client("ec2", place).describe_instances(MaxResults=5)
                    except ClientError as error:
                        yield self.denied(error)
            except AispendError as error:
                yield Finding("broken", error.what, error.next_step)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """One of the three parts of a place."""
        account, region, part = piece.key.split(" ")
        place = Place(account, region)
        if part == EVENTS:
            return self._events(place, folder)
        if part == JOBS:
            return self._jobs(place, folder)
        return self._listing(place, folder)

    # -------------------------------------------------------------------------------- listing

    def _listing(self, place: Place, folder: Path) -> Reading:
        from botocore.exceptions import ClientError

        parts: list[Part] = []
        described: Rows = []
        notes = self._remarks.pop(place, [])
        denied: list[ClientError] = []
        found_any = False
        for title, read in self._readers(place):
            try:
                made = read(described)
            except ClientError as error:
                notes.append(left_out(error, title))
                denied += [error] if code_of(error) in DENIED else []
                continue
            found_any = True
            parts += made
        if denied and not found_any:
            raise denied[0]
        if described:
            path = _write(folder / "inventory.csv", _INVENTORY, described)
            parts.insert(0, Files("inventory", [path], rows=len(described)))
        return Reading(parts, notes=tuple(dict.fromkeys(notes)), may_be_empty=True)

    def _readers(self, place: Place) -> Iterator[tuple[str, Callable[[Rows], list[Part]]]]:
        """What is listed, each by a function that adds rows of the inventory and returns the other parts."""
        ec2, groups = self._client("ec2", place), self._client("autoscaling", place)
        eks, sagemaker = self._client("eks", place), self._client("sagemaker", place)

        def history(kind: str, rows: Callable[[], Rows]) -> Callable[[Rows], list[Part]]:
            def read(described: Rows) -> list[Part]:
                found = rows()
                if kind in ("sagemaker_endpoint", "sagemaker_notebook"):
                    described.extend(sagemaker_part.inventory_rows(kind, found, place))
                return [History(kind, place.scope, found)]

            return read

        def instances(described: Rows) -> list[Part]:
            return self._instances(ec2, place, described)

        yield "EC2 instances", instances
        yield (
            "Auto Scaling groups",
            history(
                "autoscaling_group",
                lambda: ec2_part.group_rows(groups.get_paginator("describe_auto_scaling_groups").paginate()),
            ),
        )
        yield (
            "EBS volumes",
            history("ebs_volume", lambda: ec2_part.volume_rows(ec2_part.volume_pages(ec2))),
        )
        yield (
            "capacity reservations",
            history(
                "capacity_reservation",
                lambda: ec2_part.reservation_rows(
                    ec2.get_paginator("describe_capacity_reservations").paginate(), place
                ),
            ),
        )
        yield (
            "capacity blocks",
            history(
                "capacity_block",
                lambda: ec2_part.block_rows(ec2.get_paginator("describe_capacity_blocks").paginate(), place),
            ),
        )
        yield "EKS clusters", history("eks_cluster", lambda: ec2_part.cluster_rows(ec2_part.cluster_replies(eks)))
        yield (
            "SageMaker endpoints",
            history(
                "sagemaker_endpoint", lambda: sagemaker_part.endpoint_rows(sagemaker_part.endpoint_replies(sagemaker))
            ),
        )
        yield (
            "SageMaker inference components",
            history(
                "sagemaker_inference_component",
                lambda: sagemaker_part.component_rows(sagemaker_part.component_replies(sagemaker)),
            ),
        )
        yield (
            "SageMaker notebook instances",
            history(
                "sagemaker_notebook", lambda: sagemaker_part.notebook_rows(sagemaker_part.notebook_pages(sagemaker))
            ),
        )
        yield (
            "SageMaker warm pools",
            history(
                "sagemaker_warm_pool",
                lambda: sagemaker_part.warm_pool_rows(sagemaker_part.warm_pool_replies(sagemaker)),
            ),
        )
        if bedrock_part.offered("bedrock", place.region):
            bedrock = self._client("bedrock", place)
            yield (
                "Bedrock provisioned throughput",
                history(
                    "bedrock_provisioned_throughput",
                    lambda: bedrock_part.throughput_rows(bedrock_part.throughput_pages(bedrock)),
                ),
            )

    def _instances(self, ec2: Any, place: Place, described: Rows) -> list[Part]:
        found = ec2_part.instances(ec2_part.instance_pages(ec2))
        types = self._types(ec2, {one["InstanceType"] for one in found})
        found = [one for one in found if one["InstanceType"] not in types or types[one["InstanceType"]].accelerators]
        there = [one for one in found if one["State"]["Name"] not in ("terminated", "shutting-down")]
        described += [ec2_part.described(one, place, types) for one in found]
        described += self._named(held for one in there for held in ec2_part.held_names(one, place))
        lived = [row for one in found if (row := ec2_part.life(one, place)) is not None]
        return [
            History("ec2_instance", place.scope, ec2_part.instance_rows(found, place)),
            Merge("resource_life", lived),
        ]

    def _types(self, ec2: Any, names: Iterable[str]) -> dict[str, Hardware]:
        from botocore.exceptions import ClientError

        try:
            return ec2_part.hardware(ec2_part.type_pages(ec2, names))
        except ClientError as error:
            if code_of(error) not in DENIED:
                raise
            return {}  # the catalogue knows most of them

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

    def _events(self, place: Place, folder: Path) -> Reading:
        now = self.clock()
        client = self._client("cloudtrail", place)
        since = self._since.get(_key(place, EVENTS), self._ago(lives_part.HISTORY))
        launches, ends = lives_part.read_events(lives_part.event_pages(client, since, now))
        launches = [one for one in launches if ec2_part.accelerated(one.details["InstanceType"])]
        gone = lives_part.terminations(ends)
        rows = [ec2_part.described(one.details, place, {}) for one in launches]
        rows += self._named(
            held for one in launches for held in ec2_part.held_names(one.details, place, gone.get(one.instance_id))
        )
        lived = [
            {
                "provider": "aws",
                "resource_id": place.arn("ec2", f"instance/{instance_id}"),
                "started_at": start,
                "ended_at": end,
                "method": "event",
            }
            for instance_id, start, end in lives_part.lives(launches, ends)
        ]
        parts: list[Part] = [Merge("resource_life", lived)]
        if rows:
            parts.insert(0, Files("inventory", [_write(folder / "launched.csv", _INVENTORY, rows)], rows=len(rows)))
        return Reading(parts, may_be_empty=True)

    def _jobs(self, place: Place, folder: Path) -> Reading:
        from botocore.exceptions import ClientError

        now = self.clock()
        client = self._client("sagemaker", place)
        since = self._since.get(_key(place, JOBS), self._ago(jobs_part.HISTORY))
        rows: Rows = []
        lived: Rows = []
        notes = []
        for kind in jobs_part.KINDS:
            try:
                for job in jobs_part.job_replies(client, kind, since):
                    rows += jobs_part.workloads(kind, job, now)
                    if (life := jobs_part.job_life(kind, job)) is not None:
                        lived.append(life)
            except ClientError as error:
                notes.append(left_out(error, f"SageMaker {kind.lower()} jobs"))
        parts: list[Part] = [Merge("resource_life", lived)]
        if rows:
            written = [_write(folder / "jobs.csv", _WORKLOADS, rows)]
            parts.insert(0, Files("workloads", written, rows=len(rows), whole_resources=True))
        return Reading(parts, notes=tuple(notes), may_be_empty=True)

    def _may_read_events(self, place: Place) -> bool:
        now = self.clock()
        ask = self._client("cloudtrail", place).lookup_events
        return self._may(place, "the event history", lambda: ask(StartTime=now, EndTime=now, MaxResults=1))

    def _may_read_jobs(self, place: Place) -> bool:
        ask = self._client("sagemaker", place).list_training_jobs
        return self._may(place, "the jobs of SageMaker", lambda: ask(MaxResults=1))

    def _may(self, place: Place, what: str, ask: Callable[[], Any]) -> bool:
        """Whether something may be read. It is asked apart: what is read without permission would count as read."""
        from botocore.exceptions import ClientError

        try:
            ask()
        except ClientError as error:
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
