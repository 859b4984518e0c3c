"""How busy accelerators are, through the real client over gRPC: agents, GKE, endpoints, and what is not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.utilization import Utilization
from collectors.gcp.utilization_rows import CONTAINERS, ENDPOINTS, EVERY, MACHINES, NODES, Indexes
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from sample.monitoring import Monitoring, Written
from tests.gcp.double import Google, served
from tests.gcp.metrics import AT_ONCE, NOON, every

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
DAY = {"first": date(2026, 11, 20), "end": date(2026, 11, 21)}
MIB = 1024.0 * 1024
USE, USED = (one.asked.metric for one in MACHINES[:2])


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        yield double


@pytest.fixture
def metrics(google: Google) -> Monitoring:
    known = Monitoring(AT_ONCE)
    google.series = known.answer
    return known


def hours(database: Store) -> list[Any]:
    query = """SELECT alias, accelerator_index, to_char(hour AT TIME ZONE 'UTC', 'DD HH24') AS hour,
               round((activity_mean * 100)::numeric, 3), round((activity_max * 100)::numeric, 3),
               memory_used_mean, memory_used_max, memory_total FROM accelerator_hour ORDER BY 1, 2, 3"""
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def vm(number: str = "0") -> dict[str, Any]:
    return {"resource": {"instance_id": "501", "zone": "us-central1-a"}, "labels": {"gpu_number": number}}


def test_the_agent_on_a_machine_gives_an_hour_of_each_gpu(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Twelve means of five minutes from 10 to 32 percent: 21 on average; memory's highest beside its mean."""
    use = [10.0 + 2 * number for number in range(12)]
    flat = dict.fromkeys(range(12), 0)
    metrics.series = [
        Written(USE, points=every(300, NOON, *use), **vm()),
        Written(USED, points=every(300, NOON, *[40 * MIB for _ in flat]), **vm()),
        Written(USED, points=every(300, NOON, *[48 * MIB for _ in flat]), aligner="ALIGN_MAX", **vm()),
        Written(USED, points=every(300, NOON, *[80 * MIB for _ in flat]), reducer="REDUCE_SUM", **vm()),
    ]
    report = run(Utilization(connect(projects=["ml-prod"]), clock), **DAY)

    assert (report.error, [one.notes for one in report.slices]) == (None, [()])
    [row] = hours(database)
    assert row[:3] == ("501", 0, "20 12")
    assert (float(row[3]), float(row[4])) == (21.0, 32.0)
    assert [float(value) / MIB for value in row[5:]] == [40.0, 48.0, 80.0]
    assert all(one.page_size == 20_000 for one in metrics.asked if one.view.name == "FULL")


def test_nodes_go_before_containers_and_shared_gpus_are_unknown(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    node, container = NODES[0].asked.metric, CONTAINERS[0].asked.metric
    alone = {"resource": {"cluster_name": "prod"}, "reducer": "REDUCE_MEAN"}
    metrics.series = [
        Written(node, {"node_name": "n1"}, every(300, NOON, 50, 50), {"accelerator_id": "GPU-a"}),
        Written(node, {"node_name": "n1"}, every(300, NOON, 90, 90), {"accelerator_id": "GPU-b"}),
        Written(
            container,
            points=every(300, NOON, 1.0),
            labels={"accelerator_id": "GPU-a"},
            system={"node_name": "n1"},
            **alone,
        ),
        Written(
            container,
            points=every(300, NOON, 7.0),
            labels={"accelerator_id": "GPU-c"},
            system={"node_name": "n2"},
            **alone,
        ),
    ]
    run(Utilization(connect(projects=["ml-prod"]), clock), **DAY)

    assert [(row[0], row[1], float(row[3])) for row in hours(database)] == [
        ("n1", 0, 50.0),
        ("n1", 1, 90.0),
        ("n2", 0, 7.0),
    ]


def test_an_endpoint_gives_fractions_and_its_replicas_come_and_go(
    google: Google, metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Two replicas of two accelerators, the second for the first period alone: four, then two accelerators."""
    google.listings["aiplatform.endpoints.list"] = {
        "endpoints": [
            {
                "name": "projects/111/locations/us-central1/endpoints/42",
                "deployedModels": [
                    {
                        "id": "77",
                        "dedicatedResources": {"machineSpec": {"machineType": "g2-standard-24", "acceleratorCount": 2}},
                    }
                ],
            }
        ]
    }
    named = {"resource_container": "111", "location": "us-central1", "endpoint_id": "42"}
    use, memory = ENDPOINTS[0].asked.metric, ENDPOINTS[1].asked.metric
    labels = [{"deployed_model_id": "77", "replica_id": one} for one in ("r1", "r2")]
    metrics.series = [
        Written(use, named, every(300, NOON, 0.5, 0.25), labels[0]),
        Written(use, named, every(300, NOON, 1.0), labels[1]),
        Written(memory, named, every(300, NOON, int(20 * MIB)), labels[0]),
    ]
    run(Utilization(connect(projects=["ml-prod"]), clock), **DAY)

    found = hours(database)
    assert {row[0] for row in found} == {"projects/111/locations/us-central1/endpoints/42"}
    assert [(row[1], float(row[3]), float(row[4])) for row in found] == [
        (0, 37.5, 50.0),
        (1, 37.5, 50.0),
        (2, 100.0, 100.0),
        (3, 100.0, 100.0),
    ]
    assert float(found[0][5]) == 10 * MIB


def test_what_cannot_be_a_percentage_is_left_out_and_said(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    metrics.series = [Written(USE, points=every(300, NOON, 100.4, 250.0, 30.0), **vm())]
    report = run(Utilization(connect(projects=["ml-prod"]), clock), **DAY)

    assert report.slices[0].notes[0] == "501: 1 points of more than 100 percent are left out."
    assert [(float(row[3]), float(row[4])) for row in hours(database)] == [(65.0, 100.0)]


def test_a_metric_without_series_is_asked_for_once_and_no_series_is_no_idle_machine(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    report = run(Utilization(connect(projects=["ml-prod"]), clock), first=date(2026, 11, 17), end=date(2026, 11, 21))

    assert (report.error, report.loaded) == (None, 4)
    assert len(metrics.asked) == len({one.asked.metric for one in EVERY})
    assert hours(database) == []


def test_an_answer_that_is_not_whole_is_said_and_asked_for_again(
    metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    metrics.series = [Written(USE, points=every(300, NOON, 30.0), **vm())]
    metrics.errors = ["a zone timed out"]
    report = run(Utilization(connect(projects=["ml-prod"]), clock), **DAY)
    assert report.slices[0].notes[0] == "ml-prod is not whole: a zone timed out"

    metrics.errors = []
    again = run(Utilization(connect(projects=["ml-prod"]), clock), **DAY)
    assert again.loaded == 1
    assert run(Utilization(connect(projects=["ml-prod"]), clock), **DAY).loaded == 0


def test_a_project_that_is_denied_comes_again_when_it_answers(
    google: Google, metrics: Monitoring, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    metrics.series = [Written(USE, points=every(300, NOON, 30.0), project="open", **vm())]

    def closed(request: Any) -> Any:
        if request.name == "projects/closed":
            raise RefusedError(403, "PERMISSION_DENIED", "Permission monitoring.timeSeries.list denied")
        return metrics.answer(request)

    google.series = closed
    both = {"projects": ["open", "closed"]}
    report = run(Utilization(connect(**both), clock), **DAY)
    assert report.slices[0].notes == (
        "utilization in closed: unknown, the permission monitoring.timeSeries.list is missing.",
    )
    assert run(Utilization(connect(**both), clock), **DAY).slices == []

    google.series = metrics.answer
    assert run(Utilization(connect(**both), clock), **DAY).loaded == 1
    assert len(hours(database)) == 1


def test_a_service_that_is_down_is_waited_for_and_then_told(
    google: Google, metrics: Monitoring, connect: Connect, clock: Clock, run: Run
) -> None:
    metrics.series = [Written(USE, points=every(300, NOON, 30.0), **vm())]
    slow = RefusedError(429, "RESOURCE_EXHAUSTED", "slow down", {"Retry-After": "7"})
    google.turns["monitoring.ListTimeSeries"] = [slow]
    google.faults["monitoring.ListTimeSeries"] = RefusedError(503, "UNAVAILABLE", "down")
    clients = connect(projects=["ml-prod"])
    report = run(Utilization(clients, clock), **DAY)
    assert clients.waited[:2] == [7.0, 2.0]
    assert report.loaded == 0
    assert "could not answer" in (report.error or report.slices[0].message)


def test_devices_keep_their_numbers_and_others_are_numbered_in_turn() -> None:
    indexes = Indexes()
    assert [indexes.of("m", one) for one in ("nvidia1", "GPU-b1c2", "GPU-a", "nvidia1", "0")] == [1, 0, 2, 1, 3]
