"""How reserved capacity is lowered or given up, as text: the commands to run, and the block of Terraform.

Sources
    AWS CLI (bedrock, ec2), gcloud compute reservations, Azure CLI; Terraform registry: hashicorp/aws,
    hashicorp/google, hashicorp/azurerm. Bedrock changes a provisioned model's name and model, never its units.
"""

from __future__ import annotations

import shlex

from recommender.hcl import Body, Expression, Value, resource
from recommender.owners import azure_part, azure_place, gcp_place
from recommender.subjects.capacity import Capacity

_LEFT = Expression("NOW - EMPTY")


def change_command(subject: Capacity, units: int | None, scarce: str | None) -> str:
    """What a person runs to give all of it up, or all but ``units``; the reservation's own id where the bill has it."""
    place = " ".join(f"account {subject.account or 'unknown'}, region {subject.region or 'unknown'}".split())
    warning = f"# its capacity may not come back: {scarce}\n" if scarce else ""
    if subject.what == "capacity_reservation":
        write = {"aws": _aws_reservation, "gcp": _gcp_reservation, "azure": _azure_reservation}.get(subject.provider)
        command = write(subject, "N" if units is None else f"{units}") if write else ""
    else:
        command = _throughput(subject, units)
    return f"# {place}; check first that nobody counts on it\n{warning}{command}"


def terraform_of(subject: Capacity, units: int | None, *, all_of_it: bool) -> str | None:
    """The block with what is left; None where a provider's Terraform declares nothing of the sort."""
    reserved = subject.what == "capacity_reservation"
    deployment = azure_part(subject.resource_id, "deployments")
    left: Value = _LEFT if units is None else units
    sort: tuple[str, Body] | None = {
        ("aws", True): ("aws_ec2_capacity_reservation", {"instance_count": left}),
        ("aws", False): ("aws_bedrock_provisioned_model_throughput", {"model_units": left}),
        ("gcp", True): ("google_compute_reservation", {"specific_reservation": {"count": left}}),
        ("azure", True): ("azurerm_capacity_reservation", {"sku": {"capacity": left}}),
        ("azure", False): ("azurerm_cognitive_deployment", {"sku": {"capacity": left}}) if deployment else None,
    }.get((subject.provider, reserved))
    if sort is None:
        return None
    kind, body = sort
    name = deployment or subject.resource_id.rsplit("/", 1)[-1]
    if all_of_it:
        return resource(kind, name, {"count": 0}, note="count 0 is none of it; taking the block away does the same")
    note = "another number of units replaces it: create_before_destroy keeps it serving"
    if reserved:
        note = "NOW is what it is set to, EMPTY what stays available in it" if units is None else ""
    elif subject.provider == "azure":
        note = f"{_units(subject)} before"
    return resource(kind, name, body, note=note)


def _aws_reservation(subject: Capacity, left: str) -> str:
    name, region = shlex.quote(subject.resource_id.rsplit("/", 1)[-1]), _region(subject)
    look = f"aws ec2 describe-capacity-reservations --capacity-reservation-ids {name} --region {region}\n"
    if left == "0":
        return f"{look}aws ec2 cancel-capacity-reservation --capacity-reservation-id {name} --region {region}"
    return (
        f"{look}# lower its instance count by what stays available, or cancel it\n"
        f"aws ec2 modify-capacity-reservation --capacity-reservation-id {name} --instance-count {left}"
        f" --region {region}"
    )


def _gcp_reservation(subject: Capacity, left: str) -> str:
    project, zone = gcp_place(subject)
    name = shlex.quote(subject.resource_id.rsplit("/", 1)[-1])
    of = f"{name} --zone {shlex.quote(zone or 'ZONE')} --project {shlex.quote(project)}"
    if left == "0":
        return f"gcloud compute reservations delete {of}"
    return (
        f"# {left} is what stays in use; none at all: gcloud compute reservations delete\n"
        f"gcloud compute reservations update {name} --vm-count {left} --zone {shlex.quote(zone or 'ZONE')}"
        f" --project {shlex.quote(project)}"
    )


def _azure_reservation(subject: Capacity, left: str) -> str:
    return f"az capacity reservation update --ids {shlex.quote(subject.resource_id)} --capacity {left}"


def _throughput(subject: Capacity, units: int | None) -> str:
    if subject.provider == "aws":
        return _bedrock(subject, units)
    if subject.provider == "gcp":
        return "# lower the provisioned throughput of the model in its order, which is not renewed then"
    if subject.provider != "azure":
        return ""
    account = shlex.quote(azure_part(subject.resource_id, "accounts") or "ACCOUNT")
    of = f"--name {account} {azure_place(subject.resource_id)}"
    deployment = azure_part(subject.resource_id, "deployments")
    if deployment is None:
        lower = f"to {units} units together" if units is not None else "or delete them"
        return f"# lower the capacity of its deployments {lower}\naz cognitiveservices account deployment list {of}"
    if units is None:
        return f"az cognitiveservices account deployment delete {of} --deployment-name {shlex.quote(deployment)}"
    return f"az resource update --ids {shlex.quote(subject.resource_id)} --set sku.capacity={units}"


def _bedrock(subject: Capacity, units: int | None) -> str:
    region = _region(subject)
    this = f"--provisioned-model-id {shlex.quote(subject.resource_id)} --region {region}"
    give_up = f"aws bedrock delete-provisioned-model-throughput {this}"
    if units is None:
        return give_up
    return (
        "# its units cannot be lowered: buy fewer beside it, send every caller there, and give it up only then\n"
        f"aws bedrock get-provisioned-model-throughput {this}\n"
        "aws bedrock create-provisioned-model-throughput --provisioned-model-name NAME --model-id MODEL"
        f" --model-units {units} --region {region}\n{give_up}"
    )


def _region(subject: Capacity) -> str:
    return shlex.quote(subject.region or "REGION")


def _units(subject: Capacity) -> str:
    return "another number" if subject.units is None else f"{subject.units.normalize():f}"
