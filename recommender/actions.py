"""Texts a person acts on: what a thing is, the command to run, how to undo it. Arguments are quoted.

aispend never runs them: it has no permission to change anything.
"""

from __future__ import annotations

import shlex

from recommender.contract import Subject


def describe(subject: Subject) -> str:
    count = subject.accelerator_count
    accelerators = (
        f" ({count.normalize():f} × {subject.accelerator_type})" if count and subject.accelerator_type else ""
    )
    return f"{subject.instance_type or subject.platform or 'resource'}{accelerators}"


def switch_off(subject: Subject) -> tuple[str, str, str]:
    """What to do, the command as text for a person, and how to undo it; always on the owner."""
    name = shlex.quote(subject.resource_id.rsplit("/", 1)[-1])
    place = f"account {subject.account or 'unknown'}, region {subject.region or 'unknown'}"
    where = f"# {place}; check first that nobody uses it\n"
    region = shlex.quote(subject.region or "REGION")
    if subject.platform == "managed_endpoint":
        command = {
            "aws": f"aws sagemaker delete-endpoint --endpoint-name {name} --region {region}",
            "gcp": f"gcloud ai endpoints undeploy-model {name} --region {region} --deployed-model-id ID",
            "azure": f"az ml online-endpoint delete --name {name} --resource-group GROUP --workspace-name WORKSPACE",
        }.get(subject.provider, "")
        return (
            "delete the endpoint (its configuration and model stay)",
            where + command,
            "create it again from its configuration",
        )
    if subject.platform == "notebook" and subject.provider == "aws":
        command = f"aws sagemaker stop-notebook-instance --notebook-instance-name {name} --region {region}"
        return "stop the notebook", where + command, "start it again"
    if subject.fleet:
        fleet = shlex.quote(subject.fleet)
        text = f"scale {subject.fleet} down by this one, at its owner"
        command = {
            "aws": f"aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names {fleet} --region {region}",
            "gcp": f"gcloud compute instance-groups managed describe {fleet} --region {region}",
            "azure": f"az vmss show --name {fleet} --resource-group GROUP",
        }.get(subject.provider, "")
        return text, where + command, "raise the owner's size again"
    command = {
        "aws": f"aws ec2 stop-instances --instance-ids {name} --region {region}",
        "gcp": f"gcloud compute instances stop {name} --zone ZONE",
        "azure": f"az vm deallocate --ids {shlex.quote(subject.resource_id)}",
    }.get(subject.provider, "")
    verb = "deallocate" if subject.provider == "azure" else "stop"
    return (
        f"{verb} it (disks stay and keep their cost)",
        where + command,
        "start it again; scarce types may not come back at once",
    )


def resize(subject: Subject, instance_type: str) -> tuple[str, str]:
    """The command that changes the type, as text, and how to undo it."""
    name = shlex.quote(subject.resource_id.rsplit("/", 1)[-1])
    target = shlex.quote(instance_type)
    region = shlex.quote(subject.region or "REGION")
    place = f"# account {subject.account or 'unknown'}, region {subject.region or 'unknown'}; in a maintenance window\n"
    undo = f"change the type back to {subject.instance_type}"
    if subject.platform == "managed_endpoint" and subject.provider == "aws":
        command = (
            f"aws sagemaker update-endpoint --endpoint-name {name} --endpoint-config-name NEW_CONFIG --region {region}"
        )
        return f"{place}# first create NEW_CONFIG with {target}\n{command}", undo
    command = {
        "aws": (
            f"aws ec2 stop-instances --instance-ids {name} --region {region}\n"
            f"aws ec2 modify-instance-attribute --instance-id {name} --instance-type Value={target} --region {region}\n"
            f"aws ec2 start-instances --instance-ids {name} --region {region}"
        ),
        "gcp": f"gcloud compute instances set-machine-type {name} --machine-type {target} --zone ZONE",
        "azure": f"az vm resize --ids {shlex.quote(subject.resource_id)} --size {target}",
    }.get(subject.provider, "")
    return place + command, undo
