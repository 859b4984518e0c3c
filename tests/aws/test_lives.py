"""Lives of instances: what hourly listings miss, the event history tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.settings import Settings
from aispend.store import Store
from aispend.store.names import INVENTORY, AliasRow, _outside, resource_key
from collectors.aws.clients import AwsClients
from collectors.aws.inventory import Inventory
from collectors.machine_names import Held, Meaning, Names
from collectors.runner import Source, SourceReport, collect
from tests.aws.double import Aws, RefusalError

DAY = datetime(2026, 11, 20, tzinfo=UTC)
Connect = Callable[..., AwsClients]


def at(hour: int, minute: int = 0) -> datetime:
    return DAY + timedelta(hours=hour, minutes=minute)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between requests are noted, not made."""
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


class Account:
    """An account that runs instances for a while; a listing shows those that run when it is asked."""

    def __init__(self, aws: Aws) -> None:
        self.now = at(10)
        self.events: list[dict[str, Any]] = []
        self.running: list[tuple[str, datetime, datetime | None, str]] = []
        self.page = 50
        aws.on("cloudtrail.LookupEvents", self.lookup)
        aws.on("ec2.DescribeInstances", self.instances)
        gpu = {"Name": "L4", "Count": 1}
        aws.on(
            "ec2.DescribeInstanceTypes",
            {"InstanceTypes": [{"InstanceType": "g6.xlarge", "GpuInfo": {"Gpus": [gpu]}}]},
        )
        aws.on("sagemaker.ListTrainingJobs", {"TrainingJobSummaries": []})
        for operation, empty in EMPTY.items():
            aws.on(operation, empty)

    def launch(
        self, name: str, begins: datetime, ends: datetime | None, *, address: str = "", machine: str = "g6.xlarge",
        how: str = "TerminateInstances",
    ) -> None:  # fmt: skip
        self.running.append((name, begins, ends, address))
        item = {
            "instanceId": name, "instanceType": machine, "launchTime": int(begins.timestamp() * 1000),
            "privateIpAddress": address, "vpcId": "vpc-1", "tagSet": {"items": [
                {"key": "aws:autoscaling:groupName", "value": "trainers"}]},
        }  # fmt: skip
        self.event("RunInstances", begins, {"responseElements": {"instancesSet": {"items": [item]}}})
        if ends is not None and how == "BidEvictedEvent":
            self.event(how, ends, {"serviceEventDetails": {"instanceIdSet": [name]}})
        elif ends is not None:
            ended = {"instanceId": name, "previousState": {"name": "running"}}
            self.event(how, ends, {"responseElements": {"instancesSet": {"items": [ended]}}})

    def event(self, name: str, when: datetime, record: dict[str, Any]) -> None:
        number = str(len(self.events))
        self.events.append(
            {"EventId": number, "EventName": name, "EventTime": when, "CloudTrailEvent": json.dumps(record)}
        )

    def lookup(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = [one["AttributeValue"] for one in asked.get("LookupAttributes", [])]
        first, last = (asked[name].replace(tzinfo=UTC) for name in ("StartTime", "EndTime"))
        found = [one for one in self.events if one["EventName"] in wanted and first <= one["EventTime"] <= last]
        start = int(asked.get("NextToken", 0))
        more = {"NextToken": str(start + self.page)} if start + self.page < len(found) else {}
        return {"Events": found[start : start + self.page]} | more

    def instances(self, _asked: dict[str, Any]) -> dict[str, Any]:
        there = [
            {
                "InstanceId": name, "InstanceType": "g6.xlarge", "LaunchTime": begins, "State": {"Name": "running"},
                "VpcId": "vpc-1", "PrivateIpAddress": address,
            }
            for name, begins, ends, address in self.running if begins <= self.now and (ends is None or self.now < ends)
        ]  # fmt: skip
        return {"Reservations": [{"Instances": there}]}


EMPTY: dict[str, Any] = {
    "autoscaling.DescribeAutoScalingGroups": {"AutoScalingGroups": []},
    "bedrock.ListProvisionedModelThroughputs": {"provisionedModelSummaries": []},
    "ec2.DescribeCapacityBlocks": {"CapacityBlocks": []},
    "ec2.DescribeCapacityReservations": {"CapacityReservations": []},
    "ec2.DescribeImages": {"Images": []},
    "ec2.DescribeSnapshots": {"Snapshots": []},
    "ec2.DescribeVolumes": {"Volumes": []},
    "eks.ListClusters": {"clusters": []},
    "sagemaker.ListEndpoints": {"Endpoints": []},
    "sagemaker.ListInferenceComponents": {"InferenceComponents": []},
    "sagemaker.ListNotebookInstances": {"NotebookInstances": []},
    "sagemaker.ListProcessingJobs": {"ProcessingJobSummaries": []},
    "sagemaker.ListTransformJobs": {"TransformJobSummaries": []},
}


@pytest.fixture
def account(aws: Aws) -> Account:
    return Account(aws)


@pytest.fixture
def hourly(
    account: Account, connect: Connect, database: Store, store_settings: Settings
) -> Callable[[datetime], SourceReport]:
    """A run of the collector at a time; it knows of earlier ones what the database does."""
    clients = connect()

    def run(now: datetime) -> SourceReport:
        account.now = now
        collector = Inventory(clients, lambda: now)
        source = Source(collector, "aws", collector.clients.requests)
        (report,) = collect([source], database, store_settings, lambda: now, sleep=lambda _seconds: None)
        assert not report.failed, [report.error, *(one.message for one in report.slices)]
        return report

    return run


def lived(store: Store) -> dict[str, list[tuple[str, str | None, str]]]:
    query = text(
        "SELECT resource_id, to_char(started_at, 'HH24:MI') AS began, to_char(ended_at, 'HH24:MI') AS ended, method"
        " FROM resource_life JOIN resource USING (resource_key) ORDER BY resource_id, started_at"
    )
    found: dict[str, list[tuple[str, str | None, str]]] = {}
    with store.engine.connect() as connection:
        for name, began, ended, method in connection.execute(query):
            found.setdefault(name, []).append((began, ended, method))
    return found


def test_of_three_instances_of_twenty_minutes_a_listing_sees_one_and_events_all(
    account: Account, hourly: Any, database: Store, aws: Aws
) -> None:
    account.launch("i-a", at(10, 5), at(10, 25))
    account.launch("i-b", at(10, 30), at(10, 50))
    account.launch("i-c", at(10, 50), at(11, 10))
    every = dict(aws.answers)
    aws.on("cloudtrail.LookupEvents", [RefusalError("AccessDeniedException")])
    report = hourly(at(10))
    assert [one.title.split()[0] for one in report.slices] == ["listing", "jobs"]
    assert any("event history is unknown" in note for note in report.slices[0].notes)
    hourly(at(11))
    assert lived(database) == {"i-c": [("10:50", None, "listing")]}

    aws.answers.update(every)
    hourly(at(12))

    assert lived(database) == {
        "i-a": [("10:05", "10:25", "event")],
        "i-b": [("10:30", "10:50", "event")],
        "i-c": [("10:50", "11:10", "event")],
    }
    with database.engine.connect() as connection:
        query = text("SELECT DISTINCT fleet, instance_type, accelerators FROM resource WHERE provider = 'aws'")
        named = connection.execute(query).all()
    assert [tuple(row) for row in named] == [("trainers", "g6.xlarge", 1)]


def test_an_end_meets_the_launch_an_earlier_run_read(account: Account, hourly: Any, database: Store) -> None:
    account.launch("i-long", at(-100), at(15))
    account.launch("i-spot", at(9), at(16), how="BidEvictedEvent")
    hourly(at(10))
    assert lived(database) == {"i-long": [("20:00", None, "event")], "i-spot": [("09:00", None, "event")]}

    report = hourly(at(20))

    assert lived(database) == {"i-long": [("20:00", "15:00", "event")], "i-spot": [("09:00", "16:00", "event")]}
    assert report.requests["cloudtrail.LookupEvents"] == 1 + 4, "one to know whether it may be read, one of each kind"


def test_an_end_that_is_known_is_not_forgotten_where_a_listing_still_shows_the_instance(
    account: Account, hourly: Any, database: Store
) -> None:
    account.launch("i-a", at(9), at(9, 30))
    hourly(at(10))
    account.running[0] = ("i-a", at(9), None, "")
    hourly(at(11))

    assert lived(database) == {"i-a": [("09:00", "09:30", "event")]}


def test_pages_are_read_to_the_end_at_the_rate_aws_allows(
    account: Account, hourly: Any, database: Store, pauses: list[float]
) -> None:
    account.page = 2
    for number in range(5):
        account.launch(f"i-{number}", at(8), at(9))

    report = hourly(at(10))

    assert len(lived(database)) == 5
    assert report.requests["cloudtrail.LookupEvents"] == 1 + 3 + 3 + 1 + 1
    assert sum(pauses) == 0.5 * 7


def test_what_could_not_be_read_is_read_by_the_next_run(
    account: Account, hourly: Any, database: Store, aws: Aws
) -> None:
    account.launch("i-a", at(8), at(9))
    account.page = 1
    account.launch("i-b", at(8), at(9))
    hourly(at(6))
    aws.on("cloudtrail.LookupEvents", {"Events": [], "NextToken": "again"})
    with pytest.raises(AssertionError, match="the same page of events again"):
        hourly(at(10))
    aws.on("cloudtrail.LookupEvents", [{"Events": []}, RefusalError("ThrottlingException")])
    assert hourly(at(11)).waiting == 1
    assert lived(database) == {}
    aws.on("cloudtrail.LookupEvents", account.lookup)

    hourly(at(12))

    assert lived(database) == {"i-a": [("08:00", "09:00", "event")], "i-b": [("08:00", "09:00", "event")]}


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        (("a", 1, None), [("b", 5, None)], (1, 5)),
        (("a", 1, 3), [("b", 5, None)], (1, 3)),
        (("a", 6, None), [("b", 5, None)], None),
        (("a", 6, None), [("b", 5, 8)], (8, None)),
        (("a", 6, 7), [("b", 5, 8)], None),
        (("a", 1, None), [("a", 1, 4)], None),
        (("a", 1, None), [("a", 3, None)], (1, 3)),
        (("a", 9, None), [("b", 1, 2), ("c", 3, 4)], (9, None)),
    ],
)
def test_what_a_name_meant_before_is_kept_beside_what_it_means_now(
    old: tuple[str, int, int | None], new: list[tuple[str, int, int | None]], left: tuple[int, int | None] | None
) -> None:
    def row(what: tuple[str, int, int | None]) -> AliasRow:
        name, start, end = what
        ends = None if end is None else at(end)
        return AliasRow("*", "node", at(start), ends, resource_key("aws", name), INVENTORY, Decimal(1))

    found = _outside(row(old), [row(one) for one in new])
    assert found == (None if left is None else row((old[0], *left)))


def test_refused_requests_other_machines_and_repeated_events_are_no_lives(
    account: Account, hourly: Any, database: Store
) -> None:
    account.launch("i-gpu", at(8), at(9))
    account.events += account.events[:2]
    account.running = []
    account.launch("i-web", at(8), at(9), machine="m7i.large")
    refused = {"errorCode": "Client.InsufficientInstanceCapacity", "responseElements": None}
    account.event("RunInstances", at(8), refused)
    again = {"instanceId": "i-gpu", "previousState": {"name": "terminated"}}
    account.event("TerminateInstances", at(9, 30), {"responseElements": {"instancesSet": {"items": [again]}}})
    account.running = []

    hourly(at(10))

    assert lived(database) == {"i-gpu": [("08:00", "09:00", "event")]}


def test_a_second_run_within_the_hour_asks_nothing(account: Account, hourly: Any) -> None:
    account.launch("i-a", at(9), None)
    hourly(at(10))
    report = hourly(at(10, 30))

    assert report.requests == {}
    assert (report.unchanged, report.loaded) == (3, 0)


def test_a_fleet_that_goes_down_to_nothing_is_an_answer(account: Account, hourly: Any, database: Store) -> None:
    account.launch("i-a", at(9), at(10, 30))
    hourly(at(10))
    hourly(at(11))
    hourly(at(20))

    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, valid_to FROM resource_history")).all()
    assert [tuple(row) for row in rows] == [("ec2_instance", at(11))]


def test_an_address_given_again_keeps_what_it_meant_before(account: Account, hourly: Any, database: Store) -> None:
    account.launch("i-a", at(8), None, address="10.0.0.5")
    hourly(at(10))
    account.running = []  # it shut itself down: no event
    account.launch("i-b", at(12), None, address="10.0.0.5")
    hourly(at(13))

    query = text(
        "SELECT resource_id, valid_from, valid_to FROM resource_alias JOIN resource USING (resource_key)"
        " WHERE alias = '10.0.0.5' ORDER BY valid_from"
    )
    with database.engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(query)] == [
            ("i-a", at(8), at(12)),
            ("i-b", at(12), None),
        ]


def test_names_mean_nothing_where_two_networks_use_them() -> None:
    names = Names()
    names.add([Held("10.0.0.5", "i-a", "vpc-1", at(1)), Held("10.0.0.5", "i-b", "vpc-2", at(5), at(7))])
    assert list(names.meanings({"10.0.0.5"})) == [
        Meaning("10.0.0.5", "i-a", at(1), at(5)),
        Meaning("10.0.0.5", "i-a", at(7), None),
    ]
    names.add([Held("10.0.0.5", "i-c", "vpc-1", at(3))])
    assert list(names.meanings({"10.0.0.5"})) == [
        Meaning("10.0.0.5", "i-a", at(1), at(3)),
        Meaning("10.0.0.5", "i-c", at(3), at(5)),
        Meaning("10.0.0.5", "i-c", at(7), None),
    ]


def test_what_is_asked_was_declared(account: Account, hourly: Any, aws: Aws) -> None:
    account.launch("i-a", at(9), None)
    hourly(at(10))
    assert set(aws.operations()) - {"sts.GetCallerIdentity"} <= set(Inventory.operations)
