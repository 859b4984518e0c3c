"""When instances were launched and ended, from CloudTrail's event history: 90 days, whether or not a trail is kept.

*Assumes* that a launch's reply names the instance with its type, address and launch time, and that AWS delivers events
within :data:`LATE`. Launches by auto-scaling groups and fleets are ``RunInstances`` events too. An instance that shuts
itself down leaves no event: it ends where a listing shows it stopped or gone.

*Method.* Four kinds of events, each asked for by its name, are read once and then only what is new. A launch and the
first end after it are one life; an end whose launch lies before what was read ends the life that was open.

*Bounded.* Only one attribute may be asked for, so launches of machines without accelerators come along, and a company
may have a great many. A run reads as much as :data:`MOST_REQUESTS` allow, the oldest first, so that an end never comes
before its launch, in steps of time that are small enough to be read whole; the next run goes on from there.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aispend.errors import CollectError
from collectors.answers import ASKS_AGAIN

OPERATIONS = ("cloudtrail.LookupEvents",)
HISTORY = timedelta(days=90)
"""How far back AWS keeps events for everybody."""

LATE = timedelta(hours=2)
"""Read again each time. AWS says events come within 15 minutes."""

LAUNCH = "RunInstances"
ENDS = ("TerminateInstances", "StopInstances", "BidEvictedEvent")
MOST_REQUESTS = 30
"""In one run, account and region; the step under way is finished. They take a quarter of a minute."""

_MOST_PAGES = 5
"""Of one kind of events in one step, 50 events each."""

_LEAST_STEP = timedelta(minutes=1)
"""A step that is always finished: AWS lets an account launch two a second."""

_UP_TO = " up to "
_SECONDS_BETWEEN_REQUESTS = 0.5  # AWS answers two a second in each account and region


@dataclass(frozen=True)
class Launch:
    """An instance as it was when it began."""

    instance_id: str
    at: datetime
    details: Mapping[str, Any]
    """As ``DescribeInstances`` writes it: InstanceType, PrivateIpAddress, PrivateDnsName, VpcId, Tags."""


@dataclass(frozen=True)
class End:
    """An instance stopped or terminated."""

    instance_id: str
    at: datetime
    terminated: bool


def events(cloudtrail: Any, since: datetime, until: datetime) -> tuple[list[Mapping[str, Any]], datetime]:
    """Raw replies, at the rate AWS allows, and the time up to which they are whole: ``until``, or where it stopped."""
    pause = _Pause()
    found: list[Mapping[str, Any]] = []
    start, step = since, until - since
    while start < until and (start == since or pause.requests < MOST_REQUESTS):
        end = min(start + step, until)
        pages, fitting = _window(cloudtrail, start, end, pause, whole=end - start <= _LEAST_STEP)
        if fitting is None:
            found += pages
            start, step = end, step * 2
        else:
            step = max(min(fitting, (end - start) / 2), _LEAST_STEP)
    return found, min(start, until)


def token_of(hour: str, reached: datetime) -> str:
    """The change token of a reading that came as far as ``reached``.

    >>> token_of("2026-11-21T06", datetime(2026, 9, 1, tzinfo=UTC))
    '2026-11-21T06 up to 2026-09-01T00:00:00+00:00'
    """
    return f"{hour}{_UP_TO}{reached.isoformat()}"


def reached_by(token: str) -> datetime | None:
    """The time a reading came to; None where it came to its end."""
    _, _, reached = token.partition(_UP_TO)
    return datetime.fromisoformat(reached) if reached else None


class _Pause:
    """Keeps requests apart, and counts them."""

    requests = 0

    def __call__(self) -> None:
        if self.requests:
            time.sleep(_SECONDS_BETWEEN_REQUESTS)
        self.requests += 1


def _window(
    cloudtrail: Any, since: datetime, until: datetime, pause: _Pause, *, whole: bool
) -> tuple[list[Mapping[str, Any]], timedelta | None]:
    """The replies for a time; or, where there are too many and it need not be ``whole``, what time would fit."""
    found: list[Mapping[str, Any]] = []
    for name in (LAUNCH, *ENDS):
        asked = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}]}
        known: set[str] = set()
        while True:
            pause()
            reply = cloudtrail.lookup_events(StartTime=since, EndTime=until, MaxResults=50, **asked)
            found.append(reply)
            token = reply.get("NextToken")
            if not token:
                break
            if token in known:
                raise CollectError(
                    "AWS gives the same page of events again.", where=f"LookupEvents, {name}", next_step=ASKS_AGAIN
                )
            known.add(token)
            if len(known) >= _MOST_PAGES and reply["Events"] and not whole:
                # events come the newest first, so these pages tell how much time so many of them take
                return [], until - min(event["EventTime"] for event in reply["Events"])
            asked["NextToken"] = token
    return found, None


def read_events(pages: Iterable[Mapping[str, Any]]) -> tuple[list[Launch], list[End]]:
    """Launches and ends, each event once; requests that were refused are none."""
    launches: dict[str, Launch] = {}
    ends: dict[tuple[str, datetime], End] = {}
    seen: set[str] = set()
    for page in pages:
        for event in page.get("Events", []):
            if event["EventId"] in seen:
                continue
            seen.add(event["EventId"])
            record = json.loads(event["CloudTrailEvent"])
            if record.get("errorCode"):
                continue
            if event["EventName"] == LAUNCH:
                for launch in _launched(event, record):
                    launches[launch.instance_id] = launch
            else:
                for end in _ended(event, record):
                    ends[end.instance_id, end.at] = end
    return list(launches.values()), list(ends.values())


def lives(launches: Iterable[Launch], ends: Iterable[End]) -> Iterator[tuple[str, datetime | None, datetime | None]]:
    """Instance, start and end; without a start for an end whose launch is not among these."""
    ends_of: dict[str, list[datetime]] = defaultdict(list)
    for end in ends:
        ends_of[end.instance_id].append(end.at)
    for launch in launches:
        later = sorted(at for at in ends_of.get(launch.instance_id, ()) if at > launch.at)
        yield launch.instance_id, launch.at, later[0] if later else None
        if later:
            ends_of[launch.instance_id] = later[1:]  # it was started again, which only a listing shows
    for instance_id, ats in ends_of.items():
        for at in sorted(ats):
            yield instance_id, None, at


def terminations(ends: Iterable[End]) -> dict[str, datetime]:
    """When instances went for good, by id."""
    return {end.instance_id: end.at for end in ends if end.terminated}


def _launched(event: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Launch]:
    for item in _items(record.get("responseElements")):
        millis = item.get("launchTime")
        at = datetime.fromtimestamp(millis / 1000, UTC) if isinstance(millis, int | float) else event["EventTime"]
        tags = (item.get("tagSet") or {}).get("items") or []
        yield Launch(
            item["instanceId"],
            at.astimezone(UTC),
            {
                "InstanceId": item["instanceId"],
                "InstanceType": item.get("instanceType"),
                "PrivateIpAddress": item.get("privateIpAddress"),
                "PrivateDnsName": item.get("privateDnsName"),
                "VpcId": item.get("vpcId"),
                "LaunchTime": at.astimezone(UTC),
                "Tags": [{"Key": tag.get("key"), "Value": tag.get("value")} for tag in tags],
            },
        )


def _ended(event: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[End]:
    at = event["EventTime"].astimezone(UTC)
    name = event["EventName"]
    if name == "BidEvictedEvent":
        for instance_id in (record.get("serviceEventDetails") or {}).get("instanceIdSet") or []:
            yield End(instance_id, at, True)
        return
    for item in _items(record.get("responseElements")):
        was = (item.get("previousState") or {}).get("name")
        if was != "terminated":  # asked for once more
            yield End(item["instanceId"], at, name == "TerminateInstances")


def _items(reply: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    return ((reply or {}).get("instancesSet") or {}).get("items") or []
