"""Texts a person acts on: what a thing is, the command to run, how to undo it. Arguments are quoted.

aispend never runs them: it has no permission to change anything.
"""

from __future__ import annotations

import shlex

from aispend.prices.accelerators import accelerators_of
from recommender import managed_actions
from recommender.managed_actions import azure_ml
from recommender.owners import Owner, azure_place, gcp_place, owner_of
from recommender.subjects.machines import Machine

_NODES = ("eks_node_group", "eks_cluster", "karpenter", "gke_pool", "gke_cluster", "aks_pool")
"""Owners that are Kubernetes', which places pods by what they ask for."""


def describe(subject: Machine) -> str:
    """The type, with the accelerators in it."""
    count = subject.accelerator_count
    accelerators = (
        f" ({count.normalize():f} × {subject.accelerator_type})" if count and subject.accelerator_type else ""
    )
    return f"{subject.instance_type or subject.platform or 'resource'}{accelerators}"


def switch_off(subject: Machine) -> tuple[str, str, str]:
    """What to do, the command as text for a person, and how to undo it; at the owner where the bill proves one."""
    where = f"# {_place(subject)}; check first that nobody uses it\n"
    if subject.platform == "managed_endpoint":
        return (
            "delete the endpoint (its configuration and model stay)",
            where + _delete_endpoint(subject),
            "create it again from its configuration",
        )
    if managed := managed_actions.off(subject):
        proposed, command, undo = managed
        return proposed, where + command, undo
    if owner := owner_of(subject):
        text = "\n".join((f"# {owner.hint}", *owner.look, *owner.shrink))
        return f"scale {owner.name} down by this one, at its owner", where + text, "raise the owner's size again"
    verb = "deallocate" if subject.provider == "azure" else "stop"
    return (
        f"{verb} it (disks stay and keep their cost)",
        where + of_spot(subject) + _machine(subject, "stop"),
        "start it again; scarce types may not come back at once",
    )


def resize(subject: Machine, instance_type: str, others: int | None = None) -> tuple[str, str]:
    """The command that changes the type, as text, and how to undo it.

    ``others`` machines of its group are not of the advice: all of its siblings, unless it is given.
    """
    target = shlex.quote(instance_type)
    place = f"# {_place(subject)}; in a maintenance window\n"
    undo = f"change the type back to {subject.instance_type}"
    if subject.platform == "managed_endpoint":
        return place + _resize_endpoint(subject, target), undo
    if owner := owner_of(subject):
        text = _resize_owner(owner, target, subject.siblings if others is None else others)
        return place + _fewer_for_pods(subject, owner, instance_type) + text, f"{undo} at its owner"
    if managed := managed_actions.resized(subject, instance_type):
        return place + managed, undo
    change = {
        "aws": f"aws ec2 modify-instance-attribute --instance-id {_name(subject)} --instance-type Value={target}"
        f" --region {_region(subject)}",
        "gcp": f"gcloud compute instances set-machine-type {_name(subject)} --machine-type {target} {_gcp(subject)}",
        "azure": f"az vm resize --ids {shlex.quote(subject.resource_id)} --size {target}",
    }.get(subject.provider, "")
    if subject.provider == "azure":
        return place + change, undo
    # a type is changed, and a machine started, only once it has stopped: gcloud waits for that by itself
    wait = f"aws ec2 wait instance-stopped --instance-ids {_name(subject)} --region {_region(subject)}"
    lines = (_machine(subject, "stop"), wait if subject.provider == "aws" else "", change, _machine(subject, "start"))
    return place + "\n".join(line for line in lines if line), undo


def stop_when_idle(subject: Machine, minutes: int) -> tuple[str, str]:
    """What makes a machine stop by itself after so many minutes without work, as text, and how to undo it."""
    place = f"# {_place(subject)}\n"
    undo = "take the rule away again"
    if managed := managed_actions.stopping_when_idle(subject, minutes):
        return place + managed, undo
    if owner := owner_of(subject):
        said = (
            f"let {owner.name} scale down to what its queue needs, {minutes} minutes after the last work; {owner.hint}"
        )
        return place + "\n".join((f"# {_one_line(said)}", *owner.look)), undo
    rule = f"# in its scheduler, or as a timer on it, after {minutes} minutes without work:\n"
    return place + of_spot(subject) + rule + _machine(subject, "stop"), undo


def as_spot(subject: Machine) -> tuple[str, str]:
    """What runs the same machine on spot, as text, and how to undo it."""
    place, undo = f"# {_place(subject)}\n", "run it on demand again"
    if owner := owner_of(subject):
        said = f"in {owner.template} of {owner.name}: spot beside on demand, in all zones and types that will do"
        return place + "\n".join((f"# {_one_line(said)}", *owner.look)), undo
    if managed := managed_actions.on_spot(subject):
        return place + managed, undo
    machine = shlex.quote(subject.instance_type or "TYPE")
    if subject.provider == "gcp":
        lines = (
            _machine(subject, "stop"),
            f"gcloud compute instances set-scheduling {_name(subject)} --provisioning-model=SPOT"
            f" --no-restart-on-failure --instance-termination-action=STOP {_gcp(subject)}",
            _machine(subject, "start"),
        )
        return place + "\n".join(lines), undo
    again = "# a running machine stays what it is: start another from its template or image, then end this one\n"
    command = {
        "aws": f"aws ec2 run-instances --launch-template LaunchTemplateName=TEMPLATE --instance-type {machine}"
        f" --instance-market-options MarketType=spot --region {_region(subject)}",
        "azure": f"az vm create --name NAME --image IMAGE --size {machine} --priority Spot"
        f" --eviction-policy Deallocate --max-price -1 {azure_place(subject.resource_id)}",
    }.get(subject.provider, "")
    return place + again + command, undo


def move_to(subject: Machine, region: str, *, asks: bool = True) -> tuple[str, str]:
    """What starts the same machine in another region, as text, and how to undo it; ``asks`` for quota first."""
    there, machine = shlex.quote(region), shlex.quote(subject.instance_type or "TYPE")
    first = f"ask for quota of {machine} in {there} first, then move its data" if asks else "move its data first"
    said = f"# {_place(subject)}; {first}\n"
    undo = f"start it in {subject.region} again"
    if owner := owner_of(subject):
        how = (
            f"{owner.name} would put another in its place: make the group in {there}, then lower this one: {owner.hint}"
        )
        return said + "\n".join((f"# {_one_line(how)}", *owner.look, *owner.shrink)), undo
    if managed := managed_actions.elsewhere(subject, region):
        return said + managed, undo
    project, zone = gcp_place(subject)
    command = {
        "aws": f"aws ec2 create-image --instance-id {_name(subject)} --name COPY --region {_region(subject)}\n"
        f"aws ec2 copy-image --source-region {_region(subject)} --source-image-id IMAGE --name COPY --region {there}\n"
        f"aws ec2 run-instances --image-id COPIED --instance-type {machine} --subnet-id SUBNET --region {there}",
        "gcp": f"gcloud compute machine-images create COPY --source-instance {_name(subject)}"
        f" --source-instance-zone {shlex.quote(zone or 'ZONE')} --project {shlex.quote(project)}\n"
        f"# in a zone of {there}:\n"
        f"gcloud compute instances create {_name(subject)} --source-machine-image COPY --machine-type {machine}"
        f" --zone ZONE --project {shlex.quote(project)}",
        "azure": "# from an image version of its disks that is replicated there\n"
        f"az vm create --name NAME --image IMAGE --size {machine} --location {there}"
        f" {azure_place(subject.resource_id)}",
    }.get(subject.provider, "")
    return said + command, undo


def _place(subject: Machine) -> str:
    return _one_line(f"account {subject.account or 'unknown'}, region {subject.region or 'unknown'}")


def _one_line(text: str) -> str:
    """A line break in a name would end the comment, and what follows it would run."""
    return " ".join(text.split())


def _name(subject: Machine) -> str:
    return shlex.quote(subject.resource_id.rsplit("/", 1)[-1])


def _region(subject: Machine) -> str:
    return shlex.quote(subject.region or "REGION")


def _gcp(subject: Machine) -> str:
    project, zone = gcp_place(subject)
    return f"--zone {shlex.quote(zone or 'ZONE')} --project {shlex.quote(project)}"


def of_spot(subject: Machine) -> str:
    """A comment line where EC2 may refuse to stop it."""
    if subject.provider != "aws" or not subject.is_on_spot:
        return ""
    end = f"aws ec2 terminate-instances --instance-ids {_name(subject)} --region {_region(subject)}"
    return (
        f"# on spot, only what a persistent request started can be stopped; else: {end}, which ends its disks as well\n"
    )


def _machine(subject: Machine, verb: str) -> str:
    """Stop or start the machine itself."""
    if subject.provider == "gcp" and "/nodes/" in subject.resource_id:
        return f"gcloud compute tpus tpu-vm {verb} {_name(subject)} {_gcp(subject)}"
    return {
        "aws": f"aws ec2 {verb}-instances --instance-ids {_name(subject)} --region {_region(subject)}",
        "gcp": f"gcloud compute instances {verb} {_name(subject)} {_gcp(subject)}",
        "azure": f"az vm {'deallocate' if verb == 'stop' else verb} --ids {shlex.quote(subject.resource_id)}",
    }.get(subject.provider, "")


def _delete_endpoint(subject: Machine) -> str:
    name = _name(subject)
    if subject.provider == "aws":
        return f"aws sagemaker delete-endpoint --endpoint-name {name} --region {_region(subject)}"
    if subject.provider == "gcp":
        place = _vertex(subject)
        return (
            f"gcloud ai endpoints describe {name} {place}\n"
            f"gcloud ai endpoints undeploy-model {name} --deployed-model-id ID {place}"
        )
    if subject.provider == "azure":
        return f"az ml online-endpoint delete --name {name} {azure_ml(subject)}"
    return ""


def _resize_endpoint(subject: Machine, target: str) -> str:
    name = _name(subject)
    if subject.provider == "aws":
        return (
            f"# first create NEW_CONFIG with {target}\n"
            f"aws sagemaker update-endpoint --endpoint-name {name} --endpoint-config-name NEW_CONFIG"
            f" --region {_region(subject)}"
        )
    if subject.provider == "gcp":
        return (
            f"# deploy the model again with --machine-type {target}, then undeploy this one\n"
            f"gcloud ai endpoints describe {name} {_vertex(subject)}"
        )
    if subject.provider == "azure":
        return (
            f"# set instance_type to {target} in the endpoint's deployment\n"
            f"az ml online-deployment list --endpoint-name {name} {azure_ml(subject)}"
        )
    return ""


def _vertex(subject: Machine) -> str:
    project, place = gcp_place(subject)
    return f"--region {shlex.quote(place or subject.region or 'REGION')} --project {shlex.quote(project)}"


def _fewer_for_pods(subject: Machine, owner: Owner, target: str) -> str:
    """A comment line where a node of Kubernetes has fewer accelerators afterwards: what it used is not what it gave."""
    found = accelerators_of(subject.provider, target)
    if found is None or owner.kind not in _NODES or found[1] >= (subject.accelerator_count or 0):
        return ""
    number = f"{found[1].normalize():f} accelerator{'' if found[1] == 1 else 's'}"
    return f"# pods that ask for more than {number} of a node find no place there: lower what they ask for first\n"


def _resize_owner(owner: Owner, target: str, siblings: int) -> str:
    """A group replaces a machine that was changed by hand, so the type is the group's."""
    said = f"its owner {owner.name} has one type for all of its machines: set {target} in {owner.template}"
    change = "machine of it changes" if siblings == 1 else "machines of it change"
    also = f"; {siblings} other {change} as well: what they do has to fit too" if siblings else ""
    return "\n".join((f"# {_one_line(said + also)}", *owner.look))
