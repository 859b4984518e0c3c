"""What Google Cloud knows of the company beside its bill: what there is and what it costs, as files below ``google``.

*The way of the data.* The company is drawn once (machines, demand). Its bill says what was charged; what Google's own
services would tell of it is written here: their listings in the JSON of their REST, SKUs, and the points of Cloud
Monitoring (``google_points``). ``google_company`` serves these files, and the collectors of real projects collect them.
What Google cannot know stays with the company's other files: requests its own servers answered, which its gateway
counts; the schedulers' runs; how busy TPUs are, which its Prometheus has. So do tokens and measurements from
before the days that collectors ask for, and machines that are gone. Nothing is in both.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sample.catalogue import GCP_PARTS, MACHINES, UNIT, GcpPart
from sample.chance import Chance
from sample.demand import Demand
from sample.gcp_lines import CUD_PERCENT, GKE_CLUSTER, committed, on_spot
from sample.google_points import deployed_model, write_points
from sample.google_projects import GCP_VISION, NUMBERS, PROJECTS
from sample.machines import Running
from sample.timeline import Timeline

LISTINGS, SKUS, SPOT, ADVICE, POINTS = "listings.json", "skus.json", "spot.json", "advice.json", "points"
_REGION = "us-central1"
_WEB = "https://www.googleapis.com/compute/v1/projects"
_CARDS = {
    "nvidia-l4": "nvidia-l4",
    "nvidia-a100-40gb": "nvidia-tesla-a100",
    "nvidia-a100-80gb": "nvidia-a100-80gb",
    "google-tpu-v5e": "ct5lp",
}
"""What Compute Engine calls accelerators."""
_COMMITTED = {"A2": {"1": 63, "3": 35}, "G2": {"1": CUD_PERCENT, "3": 45}}
"""What a series costs committed for so many years, as a percentage of list."""
_SSD_MONTH = Decimal("0.08")
"""Dollars for a GiB of local SSD and month, which A2 machines of 80 GB cards have beside what the company pays for."""
_TERM_BEGAN = 8
"""Number of the month in which the commitment, which renews itself, was last renewed."""

Json = dict[str, Any]


def listed(machines: Sequence[Running], timeline: Timeline) -> list[Running]:
    """The machines Google lists: those of its own fleets that run as the day ends."""
    return [one for one in machines if one.fleet.told_by_cloud and one.end_hour == timeline.hours]


def not_listed(machines: Sequence[Running], timeline: Timeline) -> list[Running]:
    """The machines Google does not name: elsewhere, or gone."""
    there = {id(one) for one in listed(machines, timeline)}
    return [one for one in machines if id(one) not in there]


def write(
    folder: Path, machines: Sequence[Running], demands: Mapping[str, Demand], timeline: Timeline, chance: Chance
) -> int:
    """All files. Returns the number of points."""
    folder.mkdir(parents=True, exist_ok=True)
    there = listed(machines, timeline)
    vms = [one for one in there if one.fleet.platform != "endpoint"]
    endpoints = [one for one in there if one.fleet.platform == "endpoint"]
    notebooks = [one for one in there if one.fleet.platform == "notebook"]
    bought = _commitments(machines, timeline, chance)
    listings = {
        "compute.instances.aggregatedList": _by_project(
            vms, lambda found: _zones(found, "instances", timeline, chance)
        ),
        "compute.instanceGroupManagers.aggregatedList": _groups(machines, there, chance),
        "compute.regionCommitments.aggregatedList": {
            GCP_VISION: {"items": {f"regions/{_REGION}": {"commitments": bought}}} if bought else {}
        },
        "aiplatform.projects.locations.list": {one: {"locations": [{"locationId": _REGION}]} for one in PROJECTS},
        "aiplatform.endpoints.list": _by_project(
            endpoints, lambda found: {"endpoints": [_endpoint(one, timeline, chance) for one in found]}
        ),
        "notebooks.instances.list": _by_project(
            notebooks, lambda found: {"instances": [_notebook(one, timeline) for one in found]}
        ),
    }
    for name, content in {
        LISTINGS: listings,
        SKUS: list(_skus()),
        SPOT: {name: _spot(name, timeline, chance) for name in GCP_PARTS if name in MACHINES and name[0] != "c"},
        ADVICE: [_stop(one, timeline, chance) for one in notebooks if one.fleet.load.idle_days],
    }.items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return write_points(folder / POINTS, machines, demands, timeline, chance)


def _by_project(found: Sequence[Running], told: Any) -> Json:
    """The answers of a listing by project."""
    of: dict[str, list[Running]] = defaultdict(list)
    for one in found:
        of[one.fleet.account].append(one)
    return {project: told(those) for project, those in of.items()}


# ------------------------------------------------------------------------------- Compute Engine


def _zones(found: Sequence[Running], field: str, timeline: Timeline, chance: Chance) -> Json:
    of: dict[str, list[Json]] = defaultdict(list)
    for one in found:
        of[one.zone].append(_instance(one, timeline, chance))
    return {"items": {f"zones/{zone}": {field: those} for zone, those in of.items()}}


def _instance(machine: Running, timeline: Timeline, chance: Chance) -> Json:
    fleet, zone = machine.fleet, f"{_WEB}/{machine.fleet.account}/zones/{machine.zone}"
    number = machine.resource_id.rpartition("/")[2]
    labels: dict[str, str | None] = dict(machine.tags)
    if fleet.platform == "k8s":
        labels |= {"goog-k8s-cluster-name": GKE_CLUSTER, "goog-k8s-node-pool-name": fleet.group}
    began = _instant(timeline, machine.first_hour)
    cards = {"acceleratorType": f"{zone}/acceleratorTypes/{_CARDS[fleet.spec.accelerator_type]}"}
    octets = int(chance.hex(4, "gce address", number), 16)
    return {
        "id": number,
        "name": machine.name,
        "zone": zone,
        "status": "RUNNING",
        "machineType": f"{zone}/machineTypes/{fleet.machine}",
        "guestAccelerators": [cards | {"acceleratorCount": fleet.spec.accelerators}],
        "creationTimestamp": began,
        "lastStartTimestamp": began,
        "labels": labels,
        "networkInterfaces": [
            {
                "networkIP": f"10.128.{octets // 256}.{octets % 256}",
                "network": f"{_WEB}/{fleet.account}/global/networks/default",
            }
        ],
        "scheduling": {"provisioningModel": "SPOT" if fleet.purchase == "spot" else "STANDARD"},
    }


def _groups(machines: Sequence[Running], there: Sequence[Running], chance: Chance) -> Json:
    """A managed group for each node pool, with the nodes it has now."""
    pools = {(one.fleet.account, one.zone, one.fleet.group) for one in machines if _in_pool(one)}
    items: dict[str, dict[str, list[Json]]] = defaultdict(lambda: defaultdict(list))
    for project, zone, pool in sorted(pools):
        name = f"gke-{GKE_CLUSTER}-{pool}-{chance.hex(8, 'pool', pool, zone)}-grp"
        size = sum((one.zone, one.fleet.group) == (zone, pool) for one in there)
        place = f"{_WEB}/{project}/zones/{zone}"
        group = {
            "id": chance.digits(19, "gce group", pool, zone),
            "name": name,
            "zone": place,
            "selfLink": f"{place}/instanceGroupManagers/{name}",
            "targetSize": size,
            "status": {"isStable": True},
        }
        items[project][f"zones/{zone}"].append(group)
    return {
        project: {"items": {zone: {"instanceGroupManagers": found} for zone, found in zones.items()}}
        for project, zones in items.items()
    }


def _in_pool(one: Running) -> bool:
    return one.fleet.told_by_cloud and one.fleet.platform == "k8s"


def _commitments(machines: Sequence[Running], timeline: Timeline, chance: Chance) -> list[Json]:
    began = timeline.months[_TERM_BEGAN]
    found = []
    for bought in committed([one for one in machines if one.fleet.told_by_cloud]):
        name = bought.name
        resource: Json = {
            "GPU": {
                "type": "ACCELERATOR",
                "acceleratorType": f"{_WEB}/{GCP_VISION}/zones/-/acceleratorTypes/nvidia-l4",
            },
            "Core": {"type": "VCPU"},
            "Ram": {"type": "MEMORY"},
        }[bought.kind]
        amount = bought.amount * 1024 if bought.kind == "Ram" else bought.amount  # memory is told in MiB
        found.append(
            {
                "id": chance.digits(19, "gce commitment", name),
                "name": name,
                "region": f"{_WEB}/{GCP_VISION}/regions/{_REGION}",
                "status": "ACTIVE",
                "plan": "TWELVE_MONTH",
                "type": "GRAPHICS_OPTIMIZED",
                "category": "MACHINE",
                "autoRenew": True,
                "creationTimestamp": f"{began.replace(year=began.year - 1)}T00:00:00-08:00",
                "startTimestamp": f"{began}T00:00:00-08:00",
                "endTimestamp": f"{began.replace(year=began.year + 1)}T00:00:00-08:00",
                "resources": [resource | {"amount": str(amount)}],
            }
        )
    return found


# ---------------------------------------------------------------------------------- Vertex AI


def _endpoint(machine: Running, timeline: Timeline, chance: Chance) -> Json:
    fleet, model = machine.fleet, deployed_model(machine, chance)
    place = f"projects/{NUMBERS[fleet.account]}/locations/{fleet.region}"
    card = _CARDS[fleet.spec.accelerator_type].upper().replace("-", "_")
    spec = {"machineType": fleet.machine, "acceleratorType": card, "acceleratorCount": fleet.spec.accelerators}
    return {
        "name": f"{place}/endpoints/{machine.alias}",
        "displayName": machine.name,
        "createTime": _instant(timeline, machine.first_hour),
        "labels": dict(machine.tags),
        "trafficSplit": {model: 100},
        "deployedModels": [
            {
                "id": model,
                "displayName": fleet.model,
                "model": f"{place}/models/{chance.digits(19, 'model', fleet.model)}",
                "dedicatedResources": {"machineSpec": spec, "minReplicaCount": 1, "maxReplicaCount": 1},
            }
        ],
    }


def _notebook(machine: Running, timeline: Timeline) -> Json:
    fleet = machine.fleet
    card = _CARDS[fleet.spec.accelerator_type].upper().replace("-", "_")
    return {
        "name": f"projects/{fleet.account}/locations/{machine.zone}/instances/{machine.name}",
        "state": "ACTIVE",
        "createTime": _instant(timeline, machine.first_hour),
        "labels": dict(machine.tags),
        "gceSetup": {
            "machineType": fleet.machine,
            "acceleratorConfigs": [{"type": card, "coreCount": str(fleet.spec.accelerators)}],
        },
    }


# ------------------------------------------------------------------------- prices, spot, advice


def _skus() -> Iterator[Json]:
    """The parts of all machines on every term, as the catalogue has them."""
    seen = set()
    for name, parts in GCP_PARTS.items():
        for part in parts:
            if part.description in seen:  # several machine types have cores of one series
                continue
            seen.add(part.description)
            yield _sku(part, part.description, part.price, "OnDemand")
            yield _sku(part, *on_spot(part, MACHINES[name].spot_percent), "Preemptible")
            for years, percent in _COMMITTED.get(name[:2].upper(), {}).items():
                words = f"Commitment v1: {part.description} for {years} Year{'s' if years != '1' else ''}"
                yield _sku(part, words, part.price * percent // 100, f"Commit{years}Yr")
    ssd = "SSD backed Local Storage"
    terms = {"OnDemand": (ssd, 100), "Preemptible": (f"{ssd} attached to Spot Preemptible VMs", 54)}
    terms |= {
        f"Commit{years}Yr": (f"Commitment v1: Local SSD for {years} Year", share)
        for years, share in _COMMITTED["A2"].items()
    }
    for usage, (words, share) in terms.items():
        yield {"description": words, "price": f"{_SSD_MONTH * share / 100}", "usage": usage, "unit": "GiBy.mo"}


def _sku(part: GcpPart, description: str, price: int, usage: str) -> Json:
    unit = "GiBy.h" if part.unit == "gibibyte hour" else "h"
    return {"description": description, "price": _dollars(price), "usage": usage, "unit": unit}


def _spot(name: str, timeline: Timeline, chance: Chance) -> Json:
    """The price of a machine on spot through the last month, and how many were taken back in each of four weeks."""
    percent = MACHINES[name].spot_percent
    price = sum(on_spot(part, percent)[1] * part.amount for part in GCP_PARTS[name])
    units, rest = divmod(price, UNIT)
    money = {"currencyCode": "USD", "units": str(units), "nanos": rest * 10**9 // UNIT}
    days = [(28 - 7 * week, 21 - 7 * week) for week in range(4)]
    return {
        "priceHistory": [{"interval": _span(timeline, 28, 0), "listPrice": money}],
        "preemptionHistory": [
            {
                "interval": _span(timeline, *span),
                "preemptionRate": int(chance.hex(2, "preempted", name, week), 16) / 1000,
            }
            for week, span in enumerate(days)
        ],
    }


def _span(timeline: Timeline, first: int, last: int) -> Json:
    """From one day before today to another."""
    start, end = (timeline.today - timedelta(days=days) for days in (first, last))
    return {"startTime": f"{start}T00:00:00Z", "endTime": f"{end}T00:00:00Z"}


def _stop(machine: Running, timeline: Timeline, chance: Chance) -> Json:
    """Advice to stop a machine that nobody uses: it saves thirty days of its list price."""
    project, place = machine.fleet.account, f"zones/{machine.zone}/instances/{machine.name}"
    recommender = "google.compute.instance.IdleResourceRecommender"
    units, rest = divmod(machine.fleet.spec.price * 24 * 30, UNIT)
    saved = {"currencyCode": "USD", "units": str(-units), "nanos": -(rest * 10**9 // UNIT)}
    step = {
        "action": "replace",
        "resourceType": "compute.googleapis.com/Instance",
        "resource": f"//compute.googleapis.com/projects/{project}/{place}",
        "path": "/status",
        "value": "TERMINATED",
    }
    at = f"projects/{project}/locations/{machine.zone}/recommenders/{recommender}"
    return {
        "name": f"{at}/recommendations/{chance.uuid('advice', machine.name)}",
        "description": f"Save cost by stopping Idle VM '{machine.name}'.",
        "recommenderSubtype": "STOP_VM",
        "lastRefreshTime": _instant(timeline, timeline.hours - 12),
        "primaryImpact": {"category": "COST", "costProjection": {"cost": saved, "duration": f"{30 * 86400}s"}},
        "stateInfo": {"state": "ACTIVE"},
        "content": {"operationGroups": [{"operations": [step]}]},
    }


def _dollars(price: int) -> str:
    return f"{(Decimal(price) / UNIT):.9f}"


def _instant(timeline: Timeline, hour: int) -> str:
    return f"{timeline.at(hour).isoformat()}Z"
