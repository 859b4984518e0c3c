"""What Azure knows of the company beside its bills: who answers what, as files below ``azure``.

*The way of the data.* The company is drawn once (machines, demand). Its bills say what was charged; what Azure's own
interfaces would tell of it is written here: answers of the management endpoint, rows of Resource Graph, the price list,
and the points of Azure Monitor (``azure_points``). ``azure_cloud`` serves these files, and the collectors of real
subscriptions collect them. What Azure cannot know stays with the company's other files: accelerators of virtual
machines, which DCGM's exporter measures; what its own servers answered, which its gateway counts; the schedulers' runs.
So do tokens and measurements from before ``COLLECTED_DAYS``, and names machines no longer have. Nothing is in both.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from aispend.clock import HOURS_PER_MONTH
from sample.azure_double import subscription
from sample.azure_lines import (
    METERS,
    MODEL_VERSIONS,
    REGIONS,
    RESERVATION_HOURS,
    RESERVATION_MONTH,
    RESERVATION_PERCENT,
    openai_account,
    reserved,
)
from sample.azure_points import write_points
from sample.catalogue import MACHINES, UNIT
from sample.chance import Chance
from sample.demand import Demand, Series
from sample.machines import Running
from sample.story import AZURE_SUBSCRIPTIONS
from sample.timeline import FINE_DAYS, Timeline
from sample.usage import COUNTED_DAYS, provider_of

ANSWERS, GRAPH, PRICES, POINTS = "answers.json", "graph.json", "prices.json", "points.parquet"
COLLECTED_DAYS = max(FINE_DAYS, COUNTED_DAYS["azure"])
"""From so many days before today on Azure is to be asked."""
PLAN_PERCENTS = {"1 Year": 75, "3 Years": 55}
"""What an hour costs under a savings plan of so long, as a percentage of list."""
_PRICED = "2025-06-01T00:00:00Z"
"""Since when the prices hold."""
_CASED = {
    "/resourcegroups/": "/resourceGroups/",
    "microsoft.compute/virtualmachines/": "Microsoft.Compute/virtualMachines/",
    "microsoft.machinelearningservices/": "Microsoft.MachineLearningServices/",
    "microsoft.cognitiveservices/": "Microsoft.CognitiveServices/",
}
"""How Azure's management endpoint writes what bills have in lower case."""

Json = dict[str, Any]


class Listed(NamedTuple):
    """A virtual machine or compute that is there now, and the hour from which on it has had its name."""

    machine: Running
    since: int
    grouped: bool
    """Whether several are of one scale set."""


def listed(machines: Sequence[Running]) -> list[Listed]:
    """What Azure lists of the company's machines; one that replaced another took over its id."""
    lives: dict[str, list[Running]] = defaultdict(list)
    for machine in machines:
        if provider_of(machine.fleet.bill) == "azure" and machine.fleet.last_day is None:
            lives[machine.resource_id].append(machine)
    slots: dict[str, set[int]] = defaultdict(set)
    found = []
    for of_id in lives.values():
        now = max(of_id, key=lambda one: one.first_hour)
        slots[now.fleet.name].add(now.slot)
        since = now.first_hour
        for before in sorted(of_id, key=lambda one: one.first_hour, reverse=True):
            if before.alias != now.alias:
                break
            since = before.first_hour
        found.append((now, since))
    return [Listed(now, since, bool(now.fleet.group) or len(slots[now.fleet.name]) > 1) for now, since in found]


def not_named(machines: Sequence[Running]) -> list[Running]:
    """The machines whose names Azure does not tell: those elsewhere, gone, or called otherwise before."""
    since = {one.machine.resource_id: one for one in listed(machines)}
    return [
        machine
        for machine in machines
        if (known := since.get(machine.resource_id)) is None or machine.first_hour < known.since
    ]


def write(
    folder: Path, machines: Sequence[Running], demands: Mapping[str, Demand], timeline: Timeline, chance: Chance
) -> int:
    """All files. Returns the number of points."""
    folder.mkdir(parents=True, exist_ok=True)
    there = listed(machines)
    sold = [one.series for one in demands.values() if provider_of(one.series.bill) == "azure" and one.series.token_api]
    tenant = chance.uuid("azure tenant")
    answers: Json = {
        "GET /subscriptions": {
            "value": [subscription(number, tenant, name) for number, name in AZURE_SUBSCRIPTIONS.items()]
        },
        "GET /providers/Microsoft.Capacity/reservations": {"value": list(_reservations(machines, timeline, chance))},
        "GET /providers/Microsoft.BillingBenefits/savingsPlans": {"value": []},
    }
    workspaces = defaultdict(list)
    for one in there:
        if one.machine.fleet.platform == "ml_cluster":
            workspaces[one.machine.resource_id.partition("/computes/")[0]].append(_compute(one, timeline))
    accounts = {openai_account(series): series for series in sold}
    answers |= {f"GET {cased(workspace)}/computes": {"value": found} for workspace, found in workspaces.items()}
    for account in accounts:
        deployed = [_deployment(account, series) for series in sold if openai_account(series) == account]
        answers[f"GET {cased(account)}/deployments"] = {"value": deployed}
    vms = [one for one in there if one.machine.fleet.platform == "vm"]
    regions = {(one.machine.fleet.account, one.machine.fleet.region) for one in there}
    regions |= {(series.account, series.region) for series in sold}
    sizes = sorted({(one.machine.fleet.machine, one.machine.fleet.region) for one in there})
    graph = {
        "type =~ 'microsoft.compute/virtualmachines'": [_vm(one, timeline) for one in vms],
        "type =~ 'microsoft.compute/virtualmachinescalesets'": list(_scale_sets(vms)),
        "type =~ 'microsoft.machinelearningservices/workspaces'": [
            {"id": cased(one), "name": one.rpartition("/")[2], "location": found[0]["location"]}
            for one, found in workspaces.items()
        ],
        "type =~ 'microsoft.cognitiveservices/accounts'": [
            {"id": cased(one), "name": series.endpoint, "location": series.region, "tags": {"env": "prod"}}
            | {"kind": "OpenAI", "sku": "S0"}
            for one, series in accounts.items()
        ],
        "type in~ (": [{"id": f"/subscriptions/{account}/", "location": region} for account, region in sorted(regions)],
        "skuspotpricehistory": [_spot(size, region, timeline) for size, region in sizes],
        "skuspotevictionrate": [
            _market(size, region) | {"rate": _evicted(size, region, chance)} for size, region in sizes
        ],
        "microsoft.advisor/recommendations": list(_advice(there, timeline, chance)),
    }
    for name, content in {
        ANSWERS: answers, GRAPH: graph, PRICES: [item for size, region in sizes for item in _prices(size, region)],
    }.items():  # fmt: skip
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    return write_points(folder / POINTS, machines, demands, timeline, chance)


def cased(resource_id: str) -> str:
    """An id of a bill as the management endpoint writes it."""
    for plain, written in _CASED.items():
        resource_id = resource_id.replace(plain, written)
    return resource_id


def _stamp(hour: int, timeline: Timeline) -> str:
    return f"{timeline.at(hour):%Y-%m-%dT%H:%M:%SZ}"


def _is_running(machine: Running, timeline: Timeline) -> bool:
    return machine.end_hour == timeline.hours


def _tags(machine: Running) -> Json:
    return {key: value for key, value in machine.tags if key != "scaleset"}


def _set_of(one: Listed) -> str:
    group, _, _ = cased(one.machine.resource_id).partition("/virtualMachines/")
    return f"{group}/virtualMachineScaleSets/{one.machine.fleet.group or one.machine.fleet.name}"


def _vm(one: Listed, timeline: Timeline) -> Json:
    machine, fleet = one.machine, one.machine.fleet
    return {
        "id": cased(machine.resource_id),
        "name": machine.name,
        "location": fleet.region,
        "zones": [],
        "tags": _tags(machine),
        "size": fleet.machine,
        "managedBy": "",
        "priority": "Spot" if fleet.purchase == "spot" else "Regular",
        "power": f"PowerState/{'running' if _is_running(machine, timeline) else 'deallocated'}",
        # whose host is called otherwise than what measures it says has been renamed since
        "host": machine.alias if fleet.mapped else machine.name,
        "created": _stamp(one.since, timeline),
        "scaleSet": _set_of(one) if one.grouped else "",
    }


def _scale_sets(vms: Sequence[Listed]) -> Iterator[Json]:
    of_set: dict[str, list[Running]] = defaultdict(list)
    for one in vms:
        if one.grouped:
            of_set[_set_of(one)].append(one.machine)
    for name, members in of_set.items():
        fleet = members[0].fleet
        yield {
            "id": name,
            "name": name.rpartition("/")[2],
            "location": fleet.region,
            "zones": [],
            "tags": {},
            "size": fleet.machine,
            "capacity": len(members),
            "mode": "Flexible",
            "priority": "Spot" if fleet.purchase == "spot" else "Regular",
        }


def _compute(one: Listed, timeline: Timeline) -> Json:
    machine = one.machine
    nodes = int(_is_running(machine, timeline))
    return {
        "id": cased(machine.resource_id),
        "name": machine.name,
        "location": machine.fleet.region,
        "tags": _tags(machine),
        "properties": {
            "computeType": "AmlCompute",
            "computeLocation": machine.fleet.region,
            "provisioningState": "Succeeded",
            "createdOn": _stamp(one.since, timeline),
            "properties": {
                "vmSize": machine.fleet.machine,
                "vmPriority": "Dedicated",
                "allocationState": "Steady",
                "currentNodeCount": nodes,
                "targetNodeCount": nodes,
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT15M"},
            },
        },
    }


def _deployment(account: str, series: Series) -> Json:
    model = {"format": "OpenAI", "name": series.model, "version": MODEL_VERSIONS[series.model]}
    return {
        "id": f"{cased(account)}/deployments/{series.name}",
        "name": series.name,
        "sku": {"name": "GlobalStandard" if series.bill == "azure-usd" else "Standard", "capacity": 450},
        "tags": {"team": series.team} if series.tagged else {},
        "properties": {"model": model, "provisioningState": "Succeeded"},
    }


def _reservations(machines: Sequence[Running], timeline: Timeline, chance: Chance) -> Iterator[Json]:
    covered = [one for one in machines if one.fleet.purchase == "reserved" and provider_of(one.fleet.bill) == "azure"]
    if not covered:
        return
    commitment, begin = reserved(chance), timeline.month_start(RESERVATION_MONTH) + 96
    ends = timeline.at(begin) + timedelta(hours=RESERVATION_HOURS)
    yield {
        "id": commitment.id,
        "location": covered[0].fleet.region,
        "sku": {"name": covered[0].fleet.machine},
        "properties": {
            "displayName": commitment.name,
            "reservedResourceType": "VirtualMachines",
            "quantity": len({one.slot for one in covered}),
            "appliedScopeType": "Shared",
            "provisioningState": "Succeeded",
            "billingScopeId": f"/subscriptions/{covered[0].fleet.account}",
            "benefitStartTime": _stamp(begin, timeline),
            "expiryDateTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
            "term": "P1Y",
            "billingPlan": "Upfront",
        },
    }


def _prices(size: str, region: str) -> Iterator[Json]:
    family, meter = METERS[size]
    list_price = MACHINES[size].price

    def item(percent: int, **given: Any) -> Json:
        price = list_price * percent / 100 / UNIT
        return {
            "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price,
            "armRegionName": region, "location": REGIONS[region], "effectiveStartDate": _PRICED,
            "meterId": f"{size} {region}", "meterName": meter, "skuName": meter,
            "productName": f"Virtual Machines {family}", "serviceName": "Virtual Machines", "unitOfMeasure": "1 Hour",
            "type": "Consumption", "isPrimaryMeterRegion": True, "armSkuName": size,
        } | given  # fmt: skip

    plans = [
        {"unitPrice": list_price * percent / 100 / UNIT, "retailPrice": list_price * percent / 100 / UNIT, "term": term}
        for term, percent in PLAN_PERCENTS.items()
    ]
    yield item(100, savingsPlan=plans)
    yield item(MACHINES[size].spot_percent, meterName=f"{meter} Spot", skuName=f"{meter} Spot")
    year = list_price * RESERVATION_PERCENT * RESERVATION_HOURS / 100 / UNIT
    yield item(100, type="Reservation", reservationTerm="1 Year", retailPrice=year, unitPrice=year)


def _market(size: str, region: str) -> Json:
    of = f"/providers/microsoft.compute/{region}/{size.lower()}"
    return {"id": of, "size": size.lower(), "location": region}


def _spot(size: str, region: str, timeline: Timeline) -> Json:
    price = MACHINES[size].price * MACHINES[size].spot_percent / 100 / UNIT
    first = _stamp(timeline.month_start(len(timeline.months) - 1), timeline)
    return _market(size, region) | {"prices": [{"priceUSD": price, "effectiveDate": first}]}


def _evicted(size: str, region: str, chance: Chance) -> str:
    bands = ("0-5", "5-10", "10-15", "15-20", "20+")
    return bands[int(chance.hex(6, "evictions", size, region), 16) % len(bands)]


def _advice(there: Sequence[Listed], timeline: Timeline, chance: Chance) -> Iterator[Json]:
    """Advisor looks at processors: machines that work on accelerators it takes for idle, whether they are or not."""
    for one in there:
        machine, fleet = one.machine, one.machine.fleet
        if fleet.platform != "vm" or fleet.verdict is None:
            continue
        target = cased(machine.resource_id)
        monthly = f"{fleet.spec.price * HOURS_PER_MONTH / UNIT:.2f}"
        yield {
            "id": f"{target}/providers/Microsoft.Advisor/recommendations/{chance.uuid('advisor', target)}",
            "properties": {
                "category": "Cost",
                "impact": "High",
                "impactedField": "Microsoft.Compute/virtualMachines",
                "impactedValue": machine.name,
                "lastUpdated": _stamp(timeline.hours - 6, timeline),
                "recommendationTypeId": "e10b1381-5f0a-47ff-8c7b-37bd13d7c974",
                "shortDescription": {
                    "problem": "Right-size or shutdown underutilized virtual machines",
                    "solution": "Right-size or shutdown underutilized virtual machines",
                },
                "resourceMetadata": {"resourceId": target},
                "extendedProperties": {
                    "recommendationType": "Shutdown",
                    "currentSku": fleet.machine,
                    "savingsAmount": monthly,
                    "savingsCurrency": "USD",
                    "regionId": fleet.region,
                    "MaxCpuP95": "3",
                },
            },
        }
