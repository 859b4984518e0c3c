"""What there is in Google Cloud, through the real clients: machines, their names, disks, endpoints, jobs, TPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text

from aispend.clock import Clock
from aispend.store import Store
from aispend.store.telemetry import resolved_accelerator_hours
from collectors.gcp.clients import GcpClients
from collectors.gcp.inventory import Inventory
from collectors.gcp.utilization import Utilization
from collectors.gcp.utilization_rows import MACHINES, NODES
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from sample.monitoring import Monitoring, Written
from tests.gcp.double import Google, served
from tests.gcp.metrics import AT_ONCE, NOON, every

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
COMPUTE = "https://www.googleapis.com/compute/v1/projects/ml-prod"
ZONE = f"{COMPUTE}/zones/us-central1-a"


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        yield double


def instance(name: str = "gpu-1", number: int = 501, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "name": name,
        "zone": ZONE,
        "status": "RUNNING",
        "machineType": f"{ZONE}/machineTypes/a3-highgpu-8g",
        "guestAccelerators": [{"acceleratorType": f"{ZONE}/acceleratorTypes/nvidia-h100-80gb", "acceleratorCount": 8}],
        "creationTimestamp": "2026-11-01T03:00:00.000-07:00",
        "lastStartTimestamp": "2026-11-10T00:00:00.000-08:00",
        "networkInterfaces": [{"networkIP": "10.0.0.5", "network": f"{COMPUTE}/global/networks/default"}],
        "scheduling": {"provisioningModel": "SPOT", "preemptible": True},
        **more,
    }


def zones(field: str, *found: dict[str, Any]) -> dict[str, Any]:
    empty = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "none"}}
    return {"items": {"zones/us-central1-a": {field: list(found)}, "zones/us-central1-b": empty}}


def asked(database: Store, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


HISTORY = """SELECT r.resource_id, h.kind, h.state, h.details
             FROM resource_history h JOIN resource r USING (resource_key)
             WHERE h.valid_to IS NULL ORDER BY h.kind, r.resource_id"""


def test_a_machine_is_known_by_number_and_telemetry_finds_it_by_every_name(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.listings["compute.instances.aggregatedList"] = zones(
        "instances",
        instance(),
        instance("web", 502, machineType=f"{ZONE}/machineTypes/e2-medium", guestAccelerators=[]),
    )
    report = run(Inventory(connect(projects=["ml-prod"]), clock))

    assert (report.error, [one.message for one in report.slices]) == (None, ["", ""])
    itself = "projects/111/zones/us-central1-a/instances/501"
    [(found, kind, state, details)] = asked(database, HISTORY)
    assert (found, kind, state) == (itself, "gce_instance", "RUNNING")
    assert details == {
        "name": "gpu-1",
        "instance_type": "a3-highgpu-8g",
        "accelerator_type": "nvidia-h100-80gb",
        "accelerators": "8",
        "lifecycle": "spot",
        "region": "us-central1",
        "zone": "us-central1-a",
        "launched_at": "2026-11-10T08:00:00+00:00",
    }
    names = asked(
        database,
        "SELECT alias, valid_from::text FROM resource_alias JOIN resource USING (resource_key)"
        f" WHERE resource_id = '{itself}' AND method = 'inventory' ORDER BY alias",
    )
    assert [name for name, _ in names] == [
        "10.0.0.5",
        "501",
        "gpu-1",
        "gpu-1.us-central1-a.c.ml-prod.internal",
        "projects/ml-prod/zones/us-central1-a/instances/gpu-1",
    ]
    assert asked(database, f"SELECT account, region, accelerators FROM resource WHERE resource_id = '{itself}'") == [
        ("ml-prod", "us-central1", 8)
    ]
    lives = asked(database, "SELECT started_at::text, ended_at, method FROM resource_life")
    assert lives == [("2026-11-10 08:00:00+00", None, "listing")]


def test_who_would_start_it_again_and_what_was_attached_to_it(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    made_by = "projects/111/zones/us-central1-a/instanceGroupManagers/serving"
    google.listings["compute.instances.aggregatedList"] = zones(
        "instances",
        instance("a", 1, metadata={"items": [{"key": "created-by", "value": made_by}]}),
        instance("b", 2, labels={"goog-k8s-node-pool-name": "gpus", "goog-k8s-cluster-name": "prod"}),
        instance(
            "c",
            3,
            machineType=f"{ZONE}/machineTypes/n1-standard-8",
            guestAccelerators=[{"acceleratorType": f"{ZONE}/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 2}],
            status="TERMINATED",
            lastStopTimestamp="2026-11-12T00:00:00.000-08:00",
            scheduling={"provisioningModel": "STANDARD"},
        ),
    )
    run(Inventory(connect(projects=["ml-prod"]), clock))

    found = {row[3]["name"]: (row[2], row[3].get("fleet"), row[3]["lifecycle"]) for row in asked(database, HISTORY)}
    assert found == {
        "a": ("RUNNING", "serving", "spot"),
        "b": ("RUNNING", "prod/gpus", "spot"),
        "c": ("TERMINATED", None, "on-demand"),
    }
    tags = {row[3]["name"]: row[3].get("tags") for row in asked(database, HISTORY)}
    assert tags == {
        "a": {"created-by": made_by},
        "b": {"goog-k8s-node-pool-name": "gpus", "goog-k8s-cluster-name": "prod"},
        "c": None,
    }
    [(kind, count)] = asked(database, "SELECT accelerator_type, accelerators FROM resource WHERE resource_name = 'c'")
    assert (kind, count) == ("nvidia-t4", 2)
    ends = asked(database, "SELECT ended_at::text FROM resource_life WHERE ended_at IS NOT NULL")
    assert ends == [("2026-11-12 08:00:00+00",)]


def test_disks_nobody_has_reservations_and_groups(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    disk = {
        "id": "7",
        "name": "old",
        "zone": ZONE,
        "sizeGb": "500",
        "type": f"{ZONE}/diskTypes/pd-ssd",
        "status": "READY",
        "labels": {"team": "ml"},
        "creationTimestamp": "2026-01-01T00:00:00.000-08:00",
        "lastDetachTimestamp": "2026-09-01T00:00:00.000-07:00",
    }
    google.listings["compute.disks.aggregatedList"] = zones(
        "disks", disk, disk | {"id": "8", "name": "used", "users": [f"{ZONE}/instances/gpu-1"]}
    )
    google.listings["compute.reservations.aggregatedList"] = zones(
        "reservations",
        {
            "id": "9",
            "name": "held",
            "zone": ZONE,
            "status": "READY",
            "creationTimestamp": "2026-10-01T00:00:00.000-07:00",
            "specificReservation": {
                "count": "4",
                "inUseCount": "1",
                "instanceProperties": {"machineType": "a2-highgpu-1g"},
            },
        },
    )
    group = f"{ZONE}/instanceGroupManagers/serving"
    google.listings["compute.instanceGroupManagers.aggregatedList"] = zones(
        "instanceGroupManagers",
        {"id": "3", "name": "serving", "zone": ZONE, "selfLink": group, "targetSize": 5, "status": {"isStable": True}},
    )
    google.listings["compute.autoscalers.aggregatedList"] = zones(
        "autoscalers",
        {"name": "serving", "target": group, "autoscalingPolicy": {"minNumReplicas": 2, "maxNumReplicas": 9}},
    )
    run(Inventory(connect(projects=["ml-prod"]), clock))

    [lost, pool, held] = asked(database, HISTORY)
    assert lost[:3] == ("projects/111/zones/us-central1-a/disks/7", "gce_disk", "unattached")
    assert lost[3] == {
        "name": "old",
        "size_gib": 500,
        "volume_type": "pd-ssd",
        "region": "us-central1",
        "zone": "us-central1-a",
        "tags": {"team": "ml"},
        "created_at": "2026-01-01T08:00:00+00:00",
        "unattached_since": "2026-09-01T07:00:00+00:00",
    }
    assert (pool[1], pool[3]["min"], pool[3]["max"], pool[3]["desired"]) == ("gce_instance_group", 2, 9, 5)
    assert (held[1], held[3]["total"], held[3]["available"], held[3]["accelerators"]) == ("gce_reservation", 4, 3, "1")


def test_endpoints_jobs_notebooks_and_tpus(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    place = "projects/111/locations/us-central1"
    google.listings |= {
        "aiplatform.projects.locations.list": {"locations": [{"locationId": "us-central1"}]},
        "aiplatform.endpoints.list": {
            "endpoints": [
                {
                    "name": f"{place}/endpoints/42",
                    "displayName": "chat",
                    "createTime": "2026-11-01T00:00:00Z",
                    "trafficSplit": {"77": 100},
                    "deployedModels": [
                        {
                            "id": "77",
                            "model": f"{place}/models/llama",
                            "dedicatedResources": {
                                "machineSpec": {
                                    "machineType": "g2-standard-24",
                                    "acceleratorType": "NVIDIA_L4",
                                    "acceleratorCount": 2,
                                },
                                "minReplicaCount": 1,
                                "maxReplicaCount": 4,
                            },
                        }
                    ],
                }
            ]
        },
        "aiplatform.customJobs.list": {
            "customJobs": [
                {
                    "name": f"{place}/customJobs/5",
                    "displayName": "train",
                    "state": "JOB_STATE_FAILED",
                    "startTime": "2026-11-20T10:00:00Z",
                    "endTime": "2026-11-20T11:30:00Z",
                    "jobSpec": {
                        "workerPoolSpecs": [{"machineSpec": {"machineType": "a2-highgpu-4g"}, "replicaCount": "2"}]
                    },
                },
                {"name": f"{place}/customJobs/6", "state": "JOB_STATE_QUEUED"},
            ]
        },
        "notebooks.instances.list": {
            "instances": [
                {
                    "name": "projects/ml-prod/locations/us-central1-a/instances/nb",
                    "state": "ACTIVE",
                    "gceSetup": {"machineType": "g2-standard-4"},
                }
            ]
        },
        "tpu.nodes.list": {
            "nodes": [
                {
                    "name": "projects/ml-prod/locations/us-central1-a/nodes/t",
                    "state": "READY",
                    "acceleratorType": "v4-16",
                    "schedulingConfig": {"spot": True},
                }
            ]
        },
    }
    report = run(Inventory(connect(projects=["ml-prod"]), clock))

    assert {one.message for one in report.slices} == {""}
    tpu, endpoint, notebook = asked(database, HISTORY)
    assert (tpu[1], tpu[3]["accelerators"], tpu[3]["accelerator_type"], tpu[3]["lifecycle"]) == (
        "tpu_node",
        "8",
        "google-tpu-v4",
        "spot",
    )
    assert endpoint[:3] == (f"{place}/endpoints/42", "vertex_endpoint", "serving")
    [variant] = endpoint[3]["variants"]
    assert variant == {
        "variant": "77",
        "model": "llama",
        "instance_type": "g2-standard-24",
        "accelerator_type": "nvidia-l4",
        "accelerators_per_instance": "2",
        "least_instances": 1,
        "most_instances": 4,
        "weight": 100,
    }
    assert (notebook[2], notebook[3]["machine"]) == ("ACTIVE", "projects/ml-prod/zones/us-central1-a/instances/nb")
    hours = asked(
        database,
        "SELECT hour::text, seconds, accelerators_requested, stage, outcome FROM workload_hour ORDER BY hour",
    )
    assert [(row[0][:16], int(row[1]), float(row[2]), *row[3:]) for row in hours] == [
        ("2026-11-20 10:00", 3600, 8.0, "training", "failed"),
        ("2026-11-20 11:00", 1800, 8.0, "training", "failed"),
    ]
    names = asked(
        database, "SELECT alias FROM resource_alias WHERE alias LIKE '%endpoints/42' AND method = 'inventory'"
    )
    assert names == [("projects/ml-prod/locations/us-central1/endpoints/42",)]


def test_a_zone_that_does_not_answer_leaves_what_was_known(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    listing = zones("instances", instance())
    google.listings["compute.instances.aggregatedList"] = listing
    run(Inventory(connect(projects=["ml-prod"]), clock))
    google.listings["compute.instances.aggregatedList"] = {
        "items": {"zones/us-central1-a": {"warning": {"code": "UNREACHABLE", "message": "down"}}}
    }
    later = lambda: clock().replace(hour=8)  # noqa: E731
    report = run(Inventory(connect(projects=["ml-prod"]), later))

    assert report.slices[0].notes[0] == "machines: unknown just now, us-central1-a did not answer."
    assert len(asked(database, HISTORY)) == 1

    google.listings["compute.instances.aggregatedList"] = zones("instances")
    run(Inventory(connect(projects=["ml-prod"]), lambda: clock().replace(hour=9)))
    assert asked(database, HISTORY) == []


def test_what_is_denied_is_a_remark_and_all_of_it_an_error(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    said = "Required 'compute.instances.list' permission for 'projects/ml-prod'"
    google.faults["compute.instances.aggregatedList"] = RefusedError(403, "forbidden", said)
    off = "Cloud TPU API has not been used in project 111 before or it is disabled."
    google.faults["tpu.nodes.list"] = RefusedError(403, "accessNotConfigured", off)
    report = run(Inventory(connect(projects=["ml-prod"]), clock))

    assert report.error is None
    assert report.slices[0].notes == (
        "machines: unknown, the permission compute.instances.list is missing.",
        "TPUs: the service is not enabled.",
    )
    for operation in Inventory.operations:
        google.faults[operation] = RefusedError(403, "forbidden", "no")
    report = run(Inventory(connect(projects=["ml-dev"]), clock))
    assert report.error is not None
    assert "denies access" in report.error


def test_a_second_run_within_the_hour_asks_nothing_and_each_request_is_declared(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    google.listings["aiplatform.projects.locations.list"] = {"locations": [{"locationId": "us-central1"}]}
    held = {"id": "9", "name": "held", "zone": ZONE, "status": "READY"}
    google.listings["compute.reservations.aggregatedList"] = zones("reservations", held)
    run(Inventory(connect(projects=["ml-prod"]), clock))
    assert set(google.operations()) == set(Inventory.operations)
    google.calls.clear()
    report = run(Inventory(connect(projects=["ml-prod"]), clock))
    assert (google.operations(), report.unchanged) == ([], 2)


def test_a_location_that_lacks_a_part_of_vertex_ai_hides_no_other(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    def endpoints(path: str, _query: Any) -> dict[str, Any]:
        if "mars1" in path:
            raise RefusedError(400, "badRequest", "not supported here")
        return {"endpoints": [{"name": "projects/111/locations/us-central1/endpoints/42"}]}

    places = [{"locationId": "mars1"}, {"locationId": "us-central1"}]
    google.listings["aiplatform.projects.locations.list"] = {"locations": places}
    google.listings["aiplatform.endpoints.list"] = endpoints
    report = run(Inventory(connect(projects=["ml-prod"], regions=["europe-west4"]), clock))
    assert (report.error, report.slices[0].notes) == (None, ())
    assert [row[0] for row in asked(database, HISTORY)] == ["projects/111/locations/us-central1/endpoints/42"]


def test_what_telemetry_measured_is_of_the_machine_the_bill_names(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """A VM's GPU by the agent's number, and a node of GKE by its name: both are machines of the inventory."""
    google.listings["compute.instances.aggregatedList"] = zones("instances", instance(), instance("node-1", 502))
    run(Inventory(connect(projects=["ml-prod"]), clock))
    metrics = Monitoring(AT_ONCE)
    google.series = metrics.answer
    agent, node = MACHINES[0].asked.metric, NODES[0].asked.metric
    metrics.series = [
        Written(agent, {"instance_id": "501"}, every(300, NOON, 10.0), {"gpu_number": "0"}),
        Written(node, {"node_name": "node-1"}, every(300, NOON, 20.0), {"accelerator_id": "GPU-a"}),
    ]
    run(Utilization(connect(projects=["ml-prod"]), clock), first=date(2026, 11, 20), end=date(2026, 11, 21))

    with database.engine.connect() as connection:
        keys = {row[0]: row[1] for row in connection.execute(text("SELECT resource_key, resource_id FROM resource"))}
        hours = resolved_accelerator_hours().subquery().c
        found = connection.execute(select(hours.alias, hours.resource_key).order_by(hours.alias)).all()
    assert [(alias, keys[key]) for alias, key in found] == [
        ("501", "projects/111/zones/us-central1-a/instances/501"),
        ("node-1", "projects/111/zones/us-central1-a/instances/502"),
    ]
