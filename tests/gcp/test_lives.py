"""Starts and ends of machines from the audit log: pairs by hand, the listing's own word, and reads that are bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp import lives
from collectors.gcp.clients import GcpClients
from collectors.gcp.inventory import Inventory
from collectors.gcp.inventory_compute import Project
from collectors.gcp.lives import Running, changes
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.double import Google
from tests.gcp.test_inventory import ZONE, asked, instance, zones

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
PROJECT = Project("ml-prod", "111")
ID = "projects/111/zones/us-central1-a/instances/501"
LIVES = """SELECT r.resource_id, l.started_at, l.ended_at, l.method
           FROM resource_life l JOIN resource r USING (resource_key) ORDER BY r.resource_id, l.started_at"""


def at(hour: float, day: int = 20) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour)


def entry(method: str, when: datetime, number: int = 501, *, part: str = "last", **said: Any) -> dict[str, Any]:
    parts = {"first": part in ("first", "both"), "last": part in ("last", "both")}
    return {
        "timestamp": f"{when:%Y-%m-%dT%H:%M:%S.%fZ}",
        "resource": {"type": "gce_instance", "labels": {"instance_id": str(number), "zone": "us-central1-a"}},
        "operation": {"id": f"op-{method}-{number}"} | {name: True for name, one in parts.items() if one},
        "protoPayload": {
            "methodName": method if "compute." in method else f"v1.compute.instances.{method}",
            "resourceName": f"projects/ml-prod/zones/us-central1-a/instances/gpu-{number}",
            **said,
        },
    }


def made(when: datetime, number: int = 501, machine: str = "a3-highgpu-8g") -> list[dict[str, Any]]:
    """A machine is asked for, and runs half a minute later."""
    request = {"name": f"gpu-{number}", "machineType": f"{ZONE}/machineTypes/{machine}", "tags": {"items": ["x"]}}
    return [
        entry("insert", when - timedelta(seconds=30), number, part="first", request=request),
        entry("insert", when, number),
    ]


def told(
    *found: Mapping[str, Any], there: Running | None = None, recorded: datetime | None = None
) -> list[tuple[datetime | None, datetime | None, str]]:
    changed = changes(found)
    numbers = [str(one.id) for one in lives.launched(changed)]
    rows = lives.lives(changed, PROJECT, {ID: there} if there else {}, numbers, recorded)
    return [(row["started_at"], row["ended_at"], row["method"]) for row in rows]


def test_a_start_and_the_first_end_after_it_are_a_life() -> None:
    log = [
        *made(at(1)),
        entry("stop", at(3)),
        entry("start", at(5)),
        entry("compute.instances.preempted", at(6), part="both"),
        entry("delete", at(6.5)),
    ]
    assert told(*log) == [(at(1), at(3), "event"), (at(5), at(6), "event"), (None, at(6.5), "event")]


def test_what_was_asked_for_and_not_done_is_no_change() -> None:
    refused = entry("stop", at(2), status={"code": 7, "message": "denied"})
    asked_only = entry("stop", at(2.5), part="first")
    assert told(*made(at(1)), refused, asked_only, entry("delete", at(4))) == [(at(1), at(4), "event")]


def test_a_machine_without_accelerators_begins_nothing() -> None:
    assert told(*made(at(1), machine="e2-medium"), entry("delete", at(4))) == [(None, at(4), "event")]
    assert told(*made(at(1), machine="e2-medium")) == []


def test_a_machine_made_before_what_is_read_ends_what_is_known_of_it() -> None:
    assert told(entry("delete", at(4))) == [(None, at(4), "event")]


def test_a_running_machine_has_the_start_the_listing_tells() -> None:
    listed = Running(at(1) - timedelta(seconds=20), runs=True)
    assert told(*made(at(1)), there=listed) == [(listed.start, None, "event")]
    assert told(*made(at(1)), entry("stop", at(2)), entry("start", at(3)), there=Running(at(3), runs=True)) == [
        (at(1), at(2), "event"),
        (at(3), None, "event"),
    ]


def test_of_a_start_without_an_end_that_runs_no_more_only_the_start_was_seen() -> None:
    assert told(*made(at(1))) == [(at(1), at(1), "last seen")]
    assert told(*made(at(1)), there=Running(at(9), runs=True)) == [(at(1), at(1), "last seen")]


def test_what_ran_when_a_listing_was_made_is_not_told_again() -> None:
    """The run before listed it with a start of its own; only its end is news. One that was over by then is told."""
    assert told(*made(at(1)), entry("stop", at(5)), recorded=at(2)) == [(None, at(5), "event")]
    assert told(*made(at(1)), entry("stop", at(1.5)), recorded=at(2)) == [(at(1), at(1.5), "event")]
    assert told(*made(at(1)), recorded=at(2), there=Running(at(1), runs=True)) == []


def serve(google: Google, *log: dict[str, Any], at_once: int = 3) -> list[dict[str, Any]]:
    """The log, by pages and within the times asked for; returns what was asked."""
    questions: list[dict[str, Any]] = []

    def answer(_: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        question = json.loads(query["body"])
        questions.append(question)
        since, until = (question["filter"].split(f'timestamp{sign}"')[1].split('"')[0] for sign in (">=", "<"))
        found = sorted(log, key=lambda one: one["timestamp"])
        times = {one["timestamp"]: datetime.fromisoformat(one["timestamp"]) for one in found}
        found = [
            one
            for one in found
            if datetime.fromisoformat(since) <= times[one["timestamp"]] < datetime.fromisoformat(until)
        ]
        first = int(question.get("pageToken", 0))
        more = {"nextPageToken": str(first + at_once)} if first + at_once < len(found) else {}
        return {"entries": found[first : first + at_once], **more}

    google.listings["logging.entries.list"] = answer
    return questions


def test_machines_of_the_last_400_days_are_known_with_their_names(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """One was gone before anybody listed it; the other runs, and its start is the listing's (10 November, 8:00)."""
    google.listings["compute.instances.aggregatedList"] = zones("instances", instance())
    gone = [*made(at(1, 12), 600), entry("delete", at(2, 12), 600)]
    questions = serve(google, *gone, *made(at(8.1, 10)))
    report = run(Inventory(connect(projects=["ml-prod"]), clock))

    assert report.error is None
    running = datetime(2026, 11, 10, 8, tzinfo=UTC)
    assert asked(database, LIVES) == [
        (ID, running, None, "event"),
        (ID.replace("501", "600"), at(1, 12), at(2, 12), "event"),
    ]
    ((machine, cards),) = asked(
        database, "SELECT instance_type, accelerators FROM resource WHERE resource_name = 'gpu-600'"
    )
    assert (machine, cards) == ("a3-highgpu-8g", 8)
    ends = asked(database, "SELECT DISTINCT valid_to FROM resource_alias WHERE alias LIKE 'gpu-600%'")
    assert ends == [(at(2, 12),)]
    assert (questions[0]["resourceNames"], questions[0]["orderBy"]) == (["projects/ml-prod"], "timestamp asc")
    assert f'timestamp>="{(clock() - timedelta(days=400, minutes=10)).isoformat()}"' in questions[0]["filter"]


def test_the_next_run_reads_on_and_ends_what_ran(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.listings["compute.instances.aggregatedList"] = zones("instances", instance())
    questions = serve(google, *made(at(8.1, 10)))
    run(Inventory(connect(projects=["ml-prod"]), clock))
    first = questions[-1]["filter"].split('timestamp<"')[1].split('"')[0]

    later = clock() + timedelta(hours=3)
    google.listings["compute.instances.aggregatedList"] = zones("instances")
    questions = serve(google, entry("compute.instances.preempted", later - timedelta(hours=1), part="both"))
    assert run(Inventory(connect(projects=["ml-prod"]), lambda: later), now=lambda: later).error is None
    assert f'timestamp>="{first}"' in questions[0]["filter"]
    ((_, _, ended, method),) = asked(database, LIVES)
    assert (ended, method) == (later - timedelta(hours=1), "event")


def test_a_long_log_is_read_by_several_runs(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "MOST_REQUESTS", 2)
    log = [
        one
        for number in range(600, 604)
        for one in (*made(at(1, number - 590), number), entry("delete", at(2, number - 590), number))
    ]
    questions = serve(google, *log, at_once=2)
    said = []
    for _ in range(5):
        report = run(Inventory(connect(projects=["ml-prod"]), clock))
        said.append([note for one in report.slices for note in one.notes])
    going_on = "The audit log is long: read up to 2026-11-{} 00:59 UTC; the next run goes on from there."
    assert said == [*([going_on.format(day)] for day in (11, 12, 13)), [], []], (
        "before a request whose end was not read"
    )
    assert len(questions) == 2 * 4, "the hour was read by the fourth"
    assert [(start, end) for _, start, end, _ in asked(database, LIVES)] == [
        (at(1, day), at(2, day)) for day in (10, 11, 12, 13)
    ]


def test_an_end_read_apart_from_its_start_ends_it() -> None:
    """The end of a request to make a machine, without what was asked for: another reading has begun its life."""
    assert told(entry("insert", at(1)), entry("delete", at(2))) == [(None, at(2), "event")]


def test_where_it_may_not_be_read_the_listing_stays_and_the_next_run_asks_again(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.listings["compute.instances.aggregatedList"] = zones("instances", instance())
    serve(google, *made(at(1, 12), 600), entry("delete", at(2, 12), 600))
    google.faults["logging.entries.list"] = RefusedError(
        403, "PERMISSION_DENIED", "Permission 'logging.logEntries.list' denied on resource"
    )
    report = run(Inventory(connect(projects=["ml-prod"]), clock))
    notes = [note for one in report.slices for note in one.notes]
    assert (report.error, len(asked(database, LIVES))) == (None, 1)
    assert notes == [
        "starts and ends of machines in ml-prod: unknown, the permission logging.logEntries.list is missing."
    ]

    google.faults.clear()
    run(Inventory(connect(projects=["ml-prod"]), clock))
    assert len(asked(database, LIVES)) == 2
