"""What Vertex AI and Cloud TPU keep running, and the jobs they ran, from the JSON of their REST (the versions below).

Everything but the addresses is pure. *Endpoints* are paid for while models are deployed, whether anybody asks or not.
*Notebooks* (Workbench) are virtual machines that the bill and a listing of machines have too: here is who works on
them. *TPUs* are counted in chips, from their type's name, whose number counts cores in generations before v5e.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from collectors.gcp.inventory_compute import Hardware, Project, Row, hardware, row
from collectors.gcp.listing import instant, last_of, region_of
from collectors.machine_names import Held

LOCATIONS, ENDPOINTS = "aiplatform.projects.locations.list", "aiplatform.endpoints.list"
JOBS, NOTEBOOKS, NODES = "aiplatform.customJobs.list", "notebooks.instances.list", "tpu.nodes.list"
OPERATIONS = (LOCATIONS, ENDPOINTS, JOBS, NOTEBOOKS, NODES)
VERTEX_VERSION, NOTEBOOKS_VERSION, TPU_VERSION = "v1", "v2", "v2"
ENDPOINT, NOTEBOOK, TPU = "vertex_endpoint", "vertex_notebook", "tpu_node"
HISTORY = timedelta(days=90)
"""How far back jobs are read; Vertex AI keeps them until somebody deletes them."""

_LONGEST = timedelta(days=365)
_OUTCOMES = {
    "JOB_STATE_SUCCEEDED": "succeeded",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "succeeded",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "failed",
    "JOB_STATE_RUNNING": "running",
    "JOB_STATE_CANCELLING": "running",
    "JOB_STATE_PAUSED": "running",
}
_TPU = re.compile(r"^(v2|v3|v4|v5litepod|v5p|v6e)-(\d+)$")
_TPU_NAMES = {"v5litepod": "google-tpu-v5e"}
_BY_CORES = {"v2", "v3", "v4", "v5p"}
_CORES_OF_A_CHIP = 2


def vertex_url(project: str, location: str, collection: str) -> str:
    """Each location of Vertex AI has a host of its own."""
    host = f"https://{location}-aiplatform.googleapis.com"
    return f"{host}/{VERTEX_VERSION}/projects/{project}/locations/{location}/{collection}"


def jobs_filter(now: datetime) -> str:
    """The filter of jobs that are read."""
    return f'create_time>="{now - HISTORY:%Y-%m-%dT%H:%M:%SZ}"'


# ------------------------------------------------------------------------------------- endpoints


def endpoint_rows(found: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Endpoints and the machines of each model deployed to them."""
    return [
        row(
            f"//aiplatform.googleapis.com/{one['name']}",
            "serving" if one.get("deployedModels") else "empty",
            name=one.get("displayName") or last_of(one["name"]),
            region=_location(one["name"]),
            variants=[_variant(model, one.get("trafficSplit", {})) for model in one.get("deployedModels", [])],
            tags=one.get("labels"),
            created_at=instant(one.get("createTime")),
        )
        for one in found
    ]


def _variant(model: Mapping[str, Any], traffic: Mapping[str, Any]) -> Row:
    own = model.get("dedicatedResources", {})
    sized = own or model.get("automaticResources", {})
    known = _of_spec(own.get("machineSpec", {}))
    told = {
        "variant": model.get("id"),
        "name": model.get("displayName"),
        "model": last_of(model.get("model")),
        "instance_type": own.get("machineSpec", {}).get("machineType"),
        "accelerator_type": known.accelerator_type if known else None,
        "accelerators_per_instance": f"{known.accelerators.normalize():f}" if known else None,
        "least_instances": sized.get("minReplicaCount"),
        "most_instances": sized.get("maxReplicaCount"),
        "spot": own.get("spot"),
        "shared": last_of(model.get("sharedResources")),
        "weight": traffic.get(str(model.get("id"))),
    }
    return {name: value for name, value in told.items() if value is not None}


def _of_spec(spec: Mapping[str, Any]) -> Hardware | None:
    """The accelerators of one machine of Vertex AI's ``machineSpec``."""
    count = int(spec.get("acceleratorCount") or 0)
    return hardware(spec.get("machineType"), [(spec.get("acceleratorType"), count)])


def endpoint_inventory(found: Sequence[Mapping[str, Any]], project: Project) -> Iterator[Row]:
    """Endpoints as rows of an inventory; machines only where there is one type of them.

    Cloud Monitoring names an endpoint by its number, which is unique within the project and location.
    """
    for one in found:
        variants = one["details"].get("variants", [])
        machines = {(own.get("instance_type"), own.get("accelerator_type")) for own in variants}
        each = {own.get("accelerators_per_instance") for own in variants}
        machine, kind = machines.pop() if len(machines) == 1 else (None, None)
        yield {
            "provider": "gcp",
            "resource_id": one["resource_id"],
            "resource_name": one["details"].get("name"),
            "account": project.id,
            "region": one["details"].get("region"),
            "instance_type": machine,
            "accelerator_type": kind,
            "accelerators": float(each.pop()) if len(each) == 1 and None not in each else None,
        }


def endpoint_names(one: Mapping[str, Any], project: Project) -> Iterator[Held]:
    """The name of an endpoint with its project's id, where the API names the project's number."""
    itself, created = str(one["resource_id"]), one["details"].get("created_at")
    name = f"projects/{project.id}/locations/{itself.partition('/locations/')[2]}"
    if created and not itself.endswith(name):
        yield Held(name, itself, itself, datetime.fromisoformat(created))


def accelerators_by_model(found: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Accelerators of one replica by the id of the deployed model, where they are known."""
    return {
        str(own["variant"]): max(int(Decimal(own["accelerators_per_instance"])), 1)
        for one in found
        for own in one["details"].get("variants", [])
        if "variant" in own and "accelerators_per_instance" in own
    }


# ------------------------------------------------------------------------------------------ jobs


def workloads(job: Mapping[str, Any], now: datetime) -> Iterator[Row]:
    """A custom job as a row of the workloads form; none for a job that never started."""
    start, end = instant(job.get("startTime")), instant(job.get("endTime"))
    seconds = min((end or now) - start, _LONGEST).total_seconds() if start else 0
    if start is None or seconds <= 0:
        return
    yield {
        "timestamp": start,
        "period_seconds": seconds,
        "resource_id": f"//aiplatform.googleapis.com/{job['name']}",
        "workload": job.get("displayName") or last_of(job["name"]),
        "kind": "job",
        "stage": "training",
        "accelerators_requested": _accelerators(job),
        "outcome": _OUTCOMES.get(str(job.get("state"))),
    }


def _accelerators(job: Mapping[str, Any]) -> float | None:
    """Accelerators of all its workers; None where a machine type is not known to have any."""
    counts: list[Decimal] = []
    for pool in job.get("jobSpec", {}).get("workerPoolSpecs", []):
        known = _of_spec(pool.get("machineSpec", {}))
        if pool.get("machineSpec") and known is None:
            return None
        if known is not None:
            counts.append(known.accelerators * int(pool.get("replicaCount") or 1))
    return float(sum(counts, Decimal(0))) if counts else None


def job_life(job: Mapping[str, Any]) -> Row | None:
    """A row of ``resource_life``; None where the job never started."""
    start, end = instant(job.get("startTime")), instant(job.get("endTime"))
    if start is None:
        return None
    named = {"provider": "gcp", "resource_id": f"//aiplatform.googleapis.com/{job['name']}"}
    return {**named, "started_at": start, "ended_at": end, "method": "event"}


# ----------------------------------------------------------------------------- notebooks and TPUs


def notebook_rows(found: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Workbench instances: they are paid for while they run, whether or not anybody works on them."""
    rows = []
    for one in found:
        setup = one.get("gceSetup", {})
        attached = [(card.get("type"), int(card.get("coreCount") or 0)) for card in setup.get("acceleratorConfigs", [])]
        known = hardware(setup.get("machineType"), attached)
        zone = _location(one["name"])
        rows.append(
            row(
                f"//notebooks.googleapis.com/{one['name']}",
                one.get("state"),
                name=last_of(one["name"]),
                machine=f"{one['name'].split('/locations/')[0]}/zones/{zone}/instances/{last_of(one['name'])}",
                instance_type=setup.get("machineType"),
                accelerator_type=known.accelerator_type if known else None,
                accelerators=f"{known.accelerators.normalize():f}" if known else None,
                idle_shutdown=setup.get("metadata", {}).get("idle-timeout-seconds"),
                region=region_of(zone),
                zone=zone,
                created_at=instant(one.get("createTime")),
            )
        )
    return rows


def tpu(name: str | None) -> Hardware | None:
    """Chips of a type of Cloud TPU; None for another name.

    >>> tpu("v5litepod-8"), tpu("v4-8").accelerators
    (Hardware(accelerator_type='google-tpu-v5e', accelerators=Decimal('8')), Decimal('4'))
    """
    told = _TPU.match((name or "").lower())
    if told is None:
        return None
    generation, number = told[1], Decimal(told[2])
    chips = number / _CORES_OF_A_CHIP if generation in _BY_CORES else number
    return Hardware(_TPU_NAMES.get(generation, f"google-tpu-{generation}"), chips)


def node_rows(found: Iterable[Mapping[str, Any]]) -> list[Row]:
    """TPUs."""
    rows = []
    for one in found:
        known, zone = tpu(one.get("acceleratorType")), _location(one["name"])
        planned = one.get("schedulingConfig", {})
        spot = planned.get("spot") or planned.get("preemptible")
        rows.append(
            row(
                f"//tpu.googleapis.com/{one['name']}",
                one.get("state"),
                name=last_of(one["name"]),
                instance_type=one.get("acceleratorType"),
                accelerator_type=known.accelerator_type if known else None,
                accelerators=f"{known.accelerators.normalize():f}" if known else None,
                lifecycle="spot" if spot else "reserved" if planned.get("reserved") else "on-demand",
                region=region_of(zone),
                zone=zone,
                tags=one.get("labels"),
                created_at=instant(one.get("createTime")),
            )
        )
    return rows


def node_inventory(found: Iterable[Mapping[str, Any]], project: Project) -> Iterator[Row]:
    """TPUs as rows of an inventory."""
    for one in found:
        told = one["details"]
        yield {
            "provider": "gcp",
            "resource_id": one["resource_id"],
            "resource_name": told["name"],
            "account": project.id,
            "region": told.get("region"),
            "instance_type": told.get("instance_type"),
            "accelerator_type": told.get("accelerator_type"),
            "accelerators": float(told["accelerators"]) if "accelerators" in told else None,
        }


def _location(name: str) -> str:
    return name.partition("/locations/")[2].partition("/")[0]
