"""Ends that no event tells, names that end with their machine, and a long history read bit by bit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from aispend.store import Store
from collectors.aws.lives import MOST_REQUESTS, events, reached_by, read_events, token_of
from tests.aws.double import Aws, RefusalError
from tests.aws.test_lives import Account, account, at, hourly, lived, pauses

__all__ = ["account", "hourly", "pauses"]  # fixtures


def names(store: Store, alias: str) -> list[tuple[str, datetime, datetime | None]]:
    query = text(
        "SELECT resource_id, valid_from, valid_to FROM resource_alias JOIN resource USING (resource_key)"
        " WHERE alias = :alias ORDER BY valid_from"
    )
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"alias": alias})]


def listed(aws: Aws, state: str, reason: str = "") -> None:
    one = {"InstanceId": "i-a", "InstanceType": "g6.xlarge", "LaunchTime": at(9), "State": {"Name": state}}
    one |= {"StateTransitionReason": reason, "VpcId": "vpc-1", "PrivateIpAddress": "10.0.0.5"}
    aws.on("ec2.DescribeInstances", {"Reservations": [{"Instances": [one]}]})


def test_a_name_ends_with_its_machine_whichever_run_learns_of_the_end(
    account: Account, hourly: Any, database: Store
) -> None:
    account.launch("i-a", at(2), at(15), address="10.0.0.5")
    for hour in (10, 14):
        hourly(at(hour))
    assert names(database, "10.0.0.5") == [("i-a", at(2), None)]
    for hour in (16, 17, 20):
        hourly(at(hour))
        assert names(database, "10.0.0.5") == [("i-a", at(2), at(15))], hour


def test_a_name_ends_with_a_machine_that_is_gone_from_the_listing(
    account: Account, hourly: Any, database: Store, aws: Aws
) -> None:
    aws.on("cloudtrail.LookupEvents", [RefusalError("AccessDeniedException")])
    account.launch("i-a", at(2), at(15), address="10.0.0.5")
    hourly(at(14))
    hourly(at(16))
    assert names(database, "10.0.0.5") == [("i-a", at(2), at(16))], "by then it was gone"
    assert lived(database) == {"i-a": [("02:00", "14:00", "last seen")]}, "so long it lived at least"


def test_a_machine_that_shuts_itself_down_ends_when_it_was_seen_last(
    account: Account, hourly: Any, database: Store, aws: Aws
) -> None:
    account.launch("i-a", at(9), None)
    hourly(at(10))
    listed(aws, "terminated")  # no event, and no time
    hourly(at(11))
    aws.on("ec2.DescribeInstances", {"Reservations": []})
    for hour in (12, 13, 20):
        hourly(at(hour))
        assert lived(database) == {"i-a": [("09:00", "10:00", "last seen")]}


def test_a_machine_stopped_from_within_ends_when_it_ran_last_and_keeps_its_name(
    account: Account, hourly: Any, database: Store, aws: Aws
) -> None:
    account.launch("i-a", at(9), None, address="10.0.0.5")
    hourly(at(10))
    listed(aws, "stopped")
    hourly(at(11))
    assert lived(database) == {"i-a": [("09:00", "10:00", "last seen")]}
    assert names(database, "10.0.0.5") == [("i-a", at(9), None)]


def test_an_exact_end_takes_the_place_of_a_bound(account: Account, hourly: Any, database: Store, aws: Aws) -> None:
    account.launch("i-a", at(9), None)
    hourly(at(10))
    listed(aws, "terminated")
    hourly(at(11))
    listed(aws, "terminated", "User initiated (2026-11-20 10:40:00 GMT)")
    hourly(at(12))
    assert lived(database) == {"i-a": [("09:00", "10:40", "listing")]}


def test_a_machine_that_was_missing_from_one_listing_runs_on(account: Account, hourly: Any, database: Store) -> None:
    account.launch("i-a", at(9), None)
    hourly(at(10))
    was, account.running = account.running, []
    hourly(at(11))
    assert lived(database) == {"i-a": [("09:00", "10:00", "last seen")]}
    account.running = was
    hourly(at(12))
    assert [(began, ended) for began, ended, _ in lived(database)["i-a"]] == [("09:00", None)]


def test_a_machine_no_listing_ever_showed_is_not_taken_to_run(account: Account, hourly: Any, database: Store) -> None:
    account.launch("i-a", at(10, 5), None, address="10.0.0.5")
    account.running = []  # it shut itself down after twenty minutes
    hourly(at(11))
    assert lived(database) == {"i-a": [("10:05", "10:05", "last seen")]}
    assert names(database, "10.0.0.5") == [("i-a", at(10, 5), at(11))]


def test_a_machine_launched_just_now_is_not_missed_from_the_listing(
    account: Account, hourly: Any, database: Store
) -> None:
    account.launch("i-a", at(9, 55), None)
    was, account.running = account.running, []
    hourly(at(10))
    assert lived(database) == {"i-a": [("09:55", None, "event")]}
    account.running = was


def test_a_long_history_is_read_bit_by_bit_and_ends_meet_their_launches(
    account: Account, hourly: Any, database: Store
) -> None:
    """10 days of 250 launches of web servers; a GPU machine ran from the first day to the fifth."""
    web = {"instanceId": "i-w", "instanceType": "t3.micro", "launchTime": int(at(1).timestamp() * 1000)}
    record = json.dumps({"responseElements": {"instancesSet": {"items": [web]}}})
    for number in range(2500):
        when = at(10) - timedelta(days=10) + timedelta(seconds=number * 345)
        account.events.append(
            {"EventId": f"w{number}", "EventName": "RunInstances", "EventTime": when, "CloudTrailEvent": record}
        )
    account.launch("i-gpu", at(12) - timedelta(days=10), at(7) - timedelta(days=5))
    account.events.sort(key=lambda event: event["EventTime"], reverse=True)  # as AWS gives them

    now, runs = at(10), 0
    while True:
        report = hourly(now)
        runs += 1
        assert report.requests.get("cloudtrail.LookupEvents", 0) <= 1 + 2 * MOST_REQUESTS
        (note,) = report.slices[1].notes or ("",)
        if not note:
            break
        assert "The event history is long: read up to 2026-" in note
        now += timedelta(hours=1)
    assert 2 <= runs <= 20
    (life,) = lived(database)["i-gpu"]
    assert life == ("12:00", "07:00", "event")


class Trail:
    """Launches at the given seconds, the newest first."""

    def __init__(self, seconds: list[int]) -> None:
        self.launches = [
            {
                "EventId": f"{number}",
                "EventName": "RunInstances",
                "EventTime": datetime.fromtimestamp(second, UTC),
                "CloudTrailEvent": json.dumps(
                    {"responseElements": {"instancesSet": {"items": [{"instanceId": f"{number}"}]}}}
                ),
            }
            for number, second in enumerate(sorted(seconds, reverse=True))
        ]

    def lookup_events(self, **asked: Any) -> dict[str, Any]:
        if asked["LookupAttributes"][0]["AttributeValue"] != "RunInstances":
            return {"Events": []}
        found = [one for one in self.launches if asked["StartTime"] <= one["EventTime"] <= asked["EndTime"]]
        start = int(asked.get("NextToken", 0))
        more = {"NextToken": str(start + 50)} if start + 50 < len(found) else {}
        return {"Events": found[start : start + 50]} | more


@given(st.lists(st.tuples(st.integers(0, 89), st.integers(1, 400), st.integers(0, 200)), max_size=3))
@hypothesis_settings(deadline=None, max_examples=20)
def test_every_event_is_read_and_each_run_comes_nearer_to_now(bursts: list[tuple[int, int, int]]) -> None:
    seconds = [day * 86_400 + step * place for day, number, step in bursts for place in range(number)]
    trail = Trail(seconds)
    since, until = datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(90 * 86_400, UTC)
    found: set[str] = set()
    while since < until:
        pages, reached = events(trail, since, until)
        assert reached > since
        found |= {launch.instance_id for launch in read_events(pages)[0]}
        since = reached_by(token_of("2026-11-21T06", reached)) or until
    assert len(found) == len(seconds)
