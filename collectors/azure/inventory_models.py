"""What serves and trains by Azure's own services: online endpoints and computes of ML, deployments of Foundry models.

Endpoints and accounts are in Resource Graph; computes and deployments of models are not, and are listed workspace by
workspace and account by account. What was deleted in between is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from aispend.prices.accelerators import instance_type
from collectors.azure.graph import Row, name_of, subscription_of
from collectors.azure.inventory_machines import Sizes, history, number

ENDPOINT, COMPUTE = "azure_ml_endpoint", "azure_ml_compute"
ACCOUNT, DEPLOYMENT = "azure_ai_account", "azure_ai_deployment"

_ML = "| where type =~ 'microsoft.machinelearningservices/workspaces"
ENDPOINTS = f"""{_ML}/onlineendpoints'
 | project id, name, location, tags, kind, traffic = properties.traffic, mode = tostring(properties.authMode),
   state = tostring(properties.provisioningState) | order by id asc"""
VARIANTS = f"""{_ML}/onlineendpoints/deployments'
 | project id, name, location, tags, size = tostring(properties.instanceType), model = tostring(properties.model),
   kind = tostring(properties.endpointComputeType), count = sku.capacity,
   scaling = tostring(properties.scaleSettings.scaleType), state = tostring(properties.provisioningState)
 | order by id asc"""
WORKSPACES = f"{_ML}' | project id, name, location | order by id asc"
ACCOUNTS = """| where type =~ 'microsoft.cognitiveservices/accounts'
 | where kind in~ ('OpenAI', 'AIServices') or kind has 'CognitiveServices'
 | project id, name, location, tags, kind, sku = tostring(sku.name) | order by id asc"""

COMPUTES_VERSION = "2024-10-01"
DEPLOYMENTS_VERSION = "2024-10-01"
_MACHINES = ("amlcompute", "computeinstance")


def is_provisioned(sku: str | None) -> bool:
    """Whether a deployment is paid for by its capacity: its SKU says so.

    >>> [is_provisioned(sku) for sku in ("GlobalProvisionedManaged", "GlobalStandard", None)]
    [True, False, False]
    """
    return "provisioned" in (sku or "").lower()


def endpoint_rows(endpoints: Iterable[Row], deployments: Iterable[Row]) -> list[dict[str, Any]]:
    """Online endpoints and the machines of each deployment; a deployment's machines are paid for without traffic too.

    Those of Kubernetes run on machines that are listed as such, and have no type.
    """
    of: dict[str, list[Row]] = defaultdict(list)
    for one in deployments:
        of[_before(one["id"], "/deployments/")].append(one)
    rows = []
    for endpoint in endpoints:
        traffic: Mapping[str, Any] = endpoint.get("traffic") or {}
        variants = [
            {name: value for name, value in _variant(one, traffic).items() if value not in (None, "")}
            for one in of.get(str(endpoint["id"]).lower(), [])
        ]
        rows.append(history(endpoint, str(endpoint.get("state") or "").lower() or None, variants=variants))
    return rows


def _variant(one: Row, traffic: Mapping[str, Any]) -> dict[str, Any]:
    known = instance_type("azure", one["size"]) if one.get("size") else None
    return {
        "variant": one["name"],
        "id": one["id"],
        "model": one.get("model"),
        "instance_type": one.get("size"),
        "instances": number(one.get("count")),
        "accelerators_per_instance": f"{known.accelerators.normalize():f}" if known else None,
        "scaling": one.get("scaling"),
        "weight": number(traffic.get(one["name"])),
        "state": one.get("state"),
    }


def compute_rows(computes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compute clusters and compute instances; other computes are machines that are listed elsewhere."""
    rows = []
    for one in computes:
        about = one.get("properties") or {}
        kind = str(about.get("computeType") or "")
        if kind.lower() not in _MACHINES:
            continue
        told = about.get("properties") or {}
        scale = told.get("scaleSettings") or {}
        rows.append(
            history(
                {**one, "location": about.get("computeLocation") or one.get("location")},
                str(told.get("state") or told.get("allocationState") or about.get("provisioningState") or "").lower(),
                compute=kind,
                instance_type=told.get("vmSize"),
                lifecycle=str(told.get("vmPriority") or "").lower() or None,
                instances=number(told.get("currentNodeCount")),
                target=number(told.get("targetNodeCount")),
                least_instances=number(scale.get("minNodeCount")),
                most_instances=number(scale.get("maxNodeCount")),
                idle_before_scaling_down=scale.get("nodeIdleTimeBeforeScaleDown"),
                idle_before_stopping=told.get("idleTimeBeforeShutdown"),
                created_at=about.get("createdOn"),
            )
        )
    return rows


def deployment_rows(deployments: Iterable[Mapping[str, Any]], account: Row) -> list[dict[str, Any]]:
    """Deployments of models; ``capacity`` is units of throughput of a provisioned one, else thousands of tokens a
    minute."""
    rows = []
    for one in deployments:
        about, sku = one.get("properties") or {}, one.get("sku") or {}
        model = about.get("model") or {}
        provisioned = is_provisioned(sku.get("name"))
        rows.append(
            history(
                {**one, "location": account.get("location")},
                str(about.get("provisioningState") or "").lower() or None,
                account=account["id"],
                model=model.get("name"),
                model_version=model.get("version"),
                maker=model.get("format"),
                sku=sku.get("name"),
                capacity=number(sku.get("capacity")),
                model_units=number(sku.get("capacity")) if provisioned else None,
                spills_over_to=about.get("spilloverDeploymentName"),
            )
        )
    return rows


def account_row(account: Row, deployments: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """An account, which is what bills name: with the units of throughput its deployments are paid for."""
    found = list(deployments)
    units = [one["details"].get("model_units") for one in found]
    known = [Decimal(str(one)) for one in units if one is not None]
    total = sum(known, Decimal(0))
    return history(
        account,
        "available",
        kind=account.get("kind"),
        deployments=len(found),
        model_units=f"{total.normalize():f}" if known else None,
        tags=dict(account.get("tags") or {}),
    )


def described(kind: str, rows: Iterable[Mapping[str, Any]], counted: Sizes) -> Iterator[dict[str, Any]]:
    """Endpoints and computes as rows of an inventory; machines only where there is one type of them."""
    for one in rows:
        details = one["details"]
        types = (
            {variant.get("instance_type") for variant in details.get("variants", [])}
            if kind == ENDPOINT
            else {details.get("instance_type")}
        ) - {None}
        size = str(types.pop()) if len(types) == 1 else None
        known = instance_type("azure", size) if size else None
        accelerators = known.accelerators if known else counted.get((size or "").lower())
        yield {
            "provider": "azure",
            "resource_id": one["resource_id"],
            "resource_name": details.get("name") or name_of(one["resource_id"]),
            "account": subscription_of(one["resource_id"]),
            "region": details.get("region"),
            "instance_type": size,
            "accelerator_type": known.accelerator_type if known else None,
            "accelerators": float(accelerators) if accelerators else None,
        }


def _before(resource_id: str, part: str) -> str:
    return str(resource_id).lower().partition(part)[0]
