"""What SageMaker keeps running: endpoints with their variants and components, notebooks, warm pools.

An endpoint's description does not say what machines it runs on: its configuration does, and where that was deleted the
machines are unknown. What is deleted between the listing and its description is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from collectors.aws.base import code_of
from collectors.aws.inventory_ec2 import Place, known_hardware, row

OPERATIONS = (
    "sagemaker.DescribeEndpoint",
    "sagemaker.DescribeEndpointConfig",
    "sagemaker.DescribeInferenceComponent",
    "sagemaker.DescribeTrainingJob",
    "sagemaker.ListEndpoints",
    "sagemaker.ListInferenceComponents",
    "sagemaker.ListNotebookInstances",
    "sagemaker.ListTrainingJobs",
)
_GONE = {"ValidationException", "ResourceNotFound", "ResourceNotFoundException"}


class Endpoint(NamedTuple):
    """The raw replies about one endpoint; without ``config`` it was deleted."""

    endpoint: Mapping[str, Any]
    config: Mapping[str, Any] | None


def endpoint_replies(sagemaker: Any) -> Iterator[Endpoint]:
    """Each endpoint with its configuration; endpoints that share one ask for it once."""
    configs: dict[str, Mapping[str, Any] | None] = {}
    for page in sagemaker.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 100}):
        for one in page["Endpoints"]:
            endpoint = unless_gone(sagemaker.describe_endpoint, EndpointName=one["EndpointName"])
            if endpoint is None:
                continue
            name = endpoint.get("EndpointConfigName", "")
            if name and name not in configs:
                configs[name] = unless_gone(sagemaker.describe_endpoint_config, EndpointConfigName=name)
            yield Endpoint(endpoint, configs.get(name))


def component_replies(sagemaker: Any) -> Iterator[Mapping[str, Any]]:
    """Each inference component."""
    for page in sagemaker.get_paginator("list_inference_components").paginate(PaginationConfig={"PageSize": 100}):
        for one in page["InferenceComponents"]:
            name = one["InferenceComponentName"]
            found = unless_gone(sagemaker.describe_inference_component, InferenceComponentName=name)
            if found is not None:
                yield found


def notebook_pages(sagemaker: Any) -> Iterator[Mapping[str, Any]]:
    """Notebook instances."""
    yield from sagemaker.get_paginator("list_notebook_instances").paginate(PaginationConfig={"PageSize": 100})


def warm_pool_replies(sagemaker: Any) -> Iterator[Mapping[str, Any]]:
    """The training jobs whose machines are kept, and are paid for, though nothing runs on them."""
    for page in sagemaker.get_paginator("list_training_jobs").paginate(
        WarmPoolStatusEquals="Available", PaginationConfig={"PageSize": 100}
    ):
        for one in page["TrainingJobSummaries"]:
            found = unless_gone(sagemaker.describe_training_job, TrainingJobName=one["TrainingJobName"])
            if found is not None:
                yield found


def unless_gone(ask: Callable[..., Mapping[str, Any]], **given: Any) -> Mapping[str, Any] | None:
    """A description, None for what was deleted meanwhile."""
    from botocore.exceptions import ClientError

    try:
        return ask(**given)
    except ClientError as error:
        if code_of(error) not in _GONE:
            raise
        return None


# ------------------------------------------------------------------------------------------ pure


def endpoint_rows(found: Iterable[Endpoint]) -> list[dict[str, Any]]:
    """Endpoints and the machines of each variant."""
    return [
        row(
            endpoint["EndpointArn"],
            endpoint.get("EndpointStatus"),
            name=endpoint["EndpointName"],
            config=endpoint.get("EndpointConfigName"),
            variants=[*_variants(endpoint, config, "ProductionVariants")],
            shadow_variants=[*_variants(endpoint, config, "ShadowProductionVariants")] or None,
        )
        for endpoint, config in found
    ]


def _variants(endpoint: Mapping[str, Any], config: Mapping[str, Any] | None, group: str) -> Iterator[dict[str, Any]]:
    configured = {one["VariantName"]: one for one in (config or {}).get(group, [])}
    for now in endpoint.get(group, []):
        planned = configured.get(now["VariantName"], {})
        machine = planned.get("InstanceType")
        pools = [
            {"instance_type": pool.get("InstanceType"), "instances": pool.get("CurrentInstanceCount")}
            for pool in now.get("InstancePools", [])
        ] or [
            {"instance_type": pool.get("InstanceType"), "instances": None} for pool in planned.get("InstancePools", [])
        ]
        scaling = now.get("ManagedInstanceScaling", {})
        told = {
            "variant": now["VariantName"],
            "model": planned.get("ModelName"),
            "instance_type": machine,
            "instances": now.get("CurrentInstanceCount"),
            "desired_instances": now.get("DesiredInstanceCount"),
            "accelerators_per_instance": _each(machine),
            "pools": pools or None,
            "least_instances": scaling.get("MinInstanceCount"),
            "most_instances": scaling.get("MaxInstanceCount"),
            "weight": now.get("CurrentWeight"),
            "serverless": now.get("CurrentServerlessConfig") or planned.get("ServerlessConfig"),
        }
        yield {name: value for name, value in told.items() if value is not None}


def machines_of(details: Mapping[str, Any]) -> set[str]:
    """The machine types an endpoint's history names."""
    variants: Sequence[Mapping[str, Any]] = details.get("variants", [])
    found = {one.get("instance_type") for one in variants}
    found |= {pool.get("instance_type") for one in variants for pool in one.get("pools", [])}
    return {str(one) for one in found if one}


def component_rows(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Inference components: several models that share an endpoint's machines, and what each holds of them."""
    rows = []
    for one in found:
        asked = one.get("Specification", {}).get("ComputeResourceRequirements", {})
        copies = one.get("RuntimeConfig", {})
        rows.append(
            row(
                one["InferenceComponentArn"],
                one.get("InferenceComponentStatus"),
                name=one["InferenceComponentName"],
                endpoint=one["EndpointArn"],
                variant=one.get("VariantName"),
                model=one.get("Specification", {}).get("ModelName"),
                base=one.get("Specification", {}).get("BaseInferenceComponentName"),
                accelerators_per_copy=asked.get("NumberOfAcceleratorDevicesRequired"),
                cpus_per_copy=asked.get("NumberOfCpuCoresRequired"),
                memory_mb_per_copy=asked.get("MinMemoryRequiredInMb"),
                copies=copies.get("CurrentCopyCount"),
                desired_copies=copies.get("DesiredCopyCount"),
            )
        )
    return rows


def notebook_rows(pages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Notebook instances: they are paid for while in service, whether or not anybody works on them."""
    return [
        row(
            one["NotebookInstanceArn"],
            one.get("NotebookInstanceStatus"),
            name=one["NotebookInstanceName"],
            instance_type=one.get("InstanceType"),
            accelerators=_each(one.get("InstanceType")),
            created_at=one.get("CreationTime"),
        )
        for page in pages
        for one in page["NotebookInstances"]
    ]


def warm_pool_rows(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Machines kept after a training job."""
    return [
        row(
            one["TrainingJobArn"],
            one.get("WarmPoolStatus", {}).get("Status"),
            name=one["TrainingJobName"],
            instance_type=one.get("ResourceConfig", {}).get("InstanceType"),
            instances=one.get("ResourceConfig", {}).get("InstanceCount"),
            keep_alive_seconds=one.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"),
            kept_since=one.get("TrainingEndTime"),
        )
        for one in found
    ]


def inventory_rows(kind: str, rows: Iterable[Mapping[str, Any]], place: Place) -> Iterator[dict[str, Any]]:
    """Endpoints and notebooks as rows of an inventory; machines only where there is one type of them."""
    for one in rows:
        details = one["details"]
        machines = machines_of(details) if kind == "sagemaker_endpoint" else {details.get("instance_type")} - {None}
        machine = machines.pop() if len(machines) == 1 else None
        known = known_hardware(machine)
        yield {
            "provider": "aws",
            "resource_id": one["resource_id"],
            "resource_name": details["name"],
            "account": place.account,
            "region": place.region,
            "instance_type": machine,
            "accelerator_type": known.accelerator_type if known else None,
            "accelerators": known.accelerators if known else None,
        }


def _each(machine: str | None) -> str | None:
    known = known_hardware(machine)
    return f"{known.accelerators.normalize():f}" if known else None
