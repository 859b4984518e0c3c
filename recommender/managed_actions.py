"""Commands for what is no machine of one's own: notebooks, jobs, TPUs, computes of Azure's machine learning.

What else SageMaker runs is in ``sagemaker_actions.py``.

None where a machine's own commands hold. Words in capitals are for a person to fill in.

Sources
    AWS CLI (SageMaker: a notebook is updated while it is stopped), gcloud (workbench, TPU: neither the type nor the
    price model of a TPU changes), Azure CLI (a compute keeps the size it was created with; only clusters are updated,
    for compute instances there is ``updateIdleShutdownSetting``). A service of Cloud Run is never stopped: it has
    the instances that are asked, and those it keeps warm.
"""

from __future__ import annotations

import json
import shlex

from recommender import sagemaker_actions
from recommender.owners import azure_part, azure_place, gcp_place
from recommender.subjects.machines import Machine


def off(subject: Machine) -> tuple[str, str, str] | None:
    """What to do, the command, and how to undo it."""
    if ended := sagemaker_actions.off(subject):
        return ended
    if is_notebook(subject, "aws"):
        this = f"--notebook-instance-name {_name(subject)} --region {shlex.quote(subject.region or 'REGION')}"
        return "stop the notebook", f"aws sagemaker stop-notebook-instance {this}", "start it again"
    if is_notebook(subject, "gcp"):
        return "stop the notebook", f"gcloud workbench instances stop {_name(subject)} {_at(subject)}", "start it again"
    if none := kept_warm(subject, 0):
        return "keep no instance warm when nobody asks", none, "keep an instance warm again"
    if subject.provider == "gcp" and "/customjobs/" in subject.resource_id.lower():
        project, region = gcp_place(subject)
        place = f"--region {shlex.quote(region or subject.region or 'REGION')} --project {shlex.quote(project)}"
        command = f"gcloud ai custom-jobs cancel {_name(subject)} {place}"
        return "cancel the training job", command, "start it again from its last checkpoint"
    if subject.provider == "azure" and (compute := azure_part(subject.resource_id, "computes")):
        name = f"--name {shlex.quote(compute)}"
        smallest = f"az ml compute update {name} --min-instances 0 {azure_ml(subject)}"
        if subject.platform == "ml_cluster":
            return "let the cluster go down to 0", smallest, "raise its smallest size again"
        cluster = f"# a cluster is not stopped: {smallest}\n"
        return "stop the compute", f"{cluster}az ml compute stop {name} {azure_ml(subject)}", "start it again"
    return None


def resized(subject: Machine, instance_type: str) -> str | None:
    """What gives it another machine type."""
    if changed := sagemaker_actions.resized(subject, instance_type):
        return changed
    target = shlex.quote(instance_type)
    if is_notebook(subject, "aws"):
        return _updated_notebook(subject, f"--instance-type {target}")
    if is_notebook(subject, "gcp"):
        return _workbench(subject, f"--machine-type={target}")
    if is_tpu(subject):
        return _new_tpu(subject, "# a TPU keeps its type: create another, move to it, then delete this one")
    if compute := azure_part(subject.resource_id, "computes"):
        return (
            f"# {' '.join(compute.split())} keeps its size: create another, move to it, then delete this one\n"
            f"{_new_compute(subject, f'--type {_compute_type(subject)} --size {target}')}"
        )
    return None


def stopping_when_idle(subject: Machine, minutes: int) -> str | None:
    """What makes it stop by itself after so many minutes without work."""
    if rule := sagemaker_actions.stopping_when_idle(subject, minutes):
        return rule
    if is_notebook(subject, "aws"):
        rule = f"# AUTO_STOP: a lifecycle configuration that stops it after {minutes} minutes without work\n"
        return rule + _updated_notebook(subject, "--lifecycle-config-name AUTO_STOP")
    if is_notebook(subject, "gcp"):
        timeout = f"--metadata=idle-timeout-seconds={minutes * 60}"
        return f"gcloud workbench instances update {_name(subject)} {timeout} {_at(subject)}"
    if compute := azure_part(subject.resource_id, "computes"):
        if subject.platform == "notebook":
            # the command line updates clusters alone
            url = f"https://management.azure.com{subject.resource_id}/updateIdleShutdownSetting?api-version=2024-10-01"
            body = json.dumps({"idleTimeBeforeShutdown": f"PT{minutes}M"})
            return f"az rest --method post --url {shlex.quote(url)} --body {shlex.quote(body)}"
        return (
            f"az ml compute update --name {shlex.quote(compute)} --idle-time-before-scale-down {minutes * 60}"
            f" {azure_ml(subject)}"
        )
    return None


def on_spot(subject: Machine) -> str | None:
    """What runs the same on spot."""
    if looked := sagemaker_actions.looked_at(subject, "in a group of its own, with spot as its capacity"):
        return looked
    if is_tpu(subject):
        return _new_tpu(subject, "# a TPU keeps its price model: create another on spot", "--spot ")
    if azure_part(subject.resource_id, "computes"):
        size = shlex.quote(subject.instance_type or "SIZE")
        return _new_compute(subject, f"--type amlcompute --tier low_priority --size {size} --min-instances 0")
    return None


def elsewhere(subject: Machine, region: str) -> str | None:
    """What starts the same in another region."""
    there = " ".join(region.split())
    if looked := sagemaker_actions.looked_at(subject, f"make the same in {there}, from its description:"):
        return looked
    if is_tpu(subject):
        return _new_tpu(subject, f"# in a zone of {there}:", zone="ZONE")
    if azure_part(subject.resource_id, "computes"):
        size = shlex.quote(subject.instance_type or "SIZE")
        return (
            f"# a workspace is of one region: create one in {there} first\n"
            f"az ml compute create --name NAME --type amlcompute --size {size} --workspace-name WORKSPACE_THERE"
            f" {azure_place(subject.resource_id)}"
        )
    return None


def kept_warm(subject: Machine, instances: int) -> str | None:
    """What sets how many instances a service of Cloud Run keeps up when nobody asks; None where it is none."""
    if subject.provider != "gcp" or subject.platform != "serverless_inference":
        return None
    project, region = gcp_place(subject)
    return (
        f"gcloud run services update {_name(subject)} --min-instances {instances}"
        f" --region {shlex.quote(region or subject.region or 'REGION')} --project {shlex.quote(project)}"
    )


def is_notebook(subject: Machine, provider: str) -> bool:
    """Whether it is a provider's notebook."""
    return subject.platform == "notebook" and subject.provider == provider


def is_tpu(subject: Machine) -> bool:
    """Whether it is a TPU of its own."""
    return subject.provider == "gcp" and "/nodes/" in subject.resource_id


def azure_ml(subject: Machine) -> str:
    """Workspace and group of what Azure's machine learning runs."""
    workspace = azure_part(subject.resource_id, "workspaces") or "WORKSPACE"
    return f"--workspace-name {shlex.quote(workspace)} {azure_place(subject.resource_id)}"


def _updated_notebook(subject: Machine, change: str) -> str:
    this = f"--notebook-instance-name {_name(subject)}"
    region = f"--region {shlex.quote(subject.region or 'REGION')}"
    stopped = f"aws sagemaker wait notebook-instance-stopped {this} {region}"
    return "\n".join(
        (
            f"aws sagemaker stop-notebook-instance {this} {region}",
            stopped,
            f"aws sagemaker update-notebook-instance {this} {change} {region}",
            stopped,
            f"aws sagemaker start-notebook-instance {this} {region}",
        )
    )


def _workbench(subject: Machine, change: str) -> str:
    name, place = _name(subject), _at(subject)
    verbs = (f"stop {name}", f"update {name} {change}", f"start {name}")
    return "\n".join(f"gcloud workbench instances {verb} {place}" for verb in verbs)


def _new_tpu(subject: Machine, said: str, more: str = "", zone: str | None = None) -> str:
    project, known = gcp_place(subject)
    return (
        f"{said}\ngcloud compute tpus tpu-vm create NAME {more}--accelerator-type TYPE --version VERSION"
        f" --zone {shlex.quote(zone or known or 'ZONE')} --project {shlex.quote(project)}"
    )


def _new_compute(subject: Machine, what: str) -> str:
    return f"az ml compute create --name NAME {what} {azure_ml(subject)}"


def _compute_type(subject: Machine) -> str:
    return "computeinstance" if subject.platform == "notebook" else "amlcompute"


def _name(subject: Machine) -> str:
    return shlex.quote(subject.resource_id.rsplit("/", 1)[-1])


def _at(subject: Machine) -> str:
    project, zone = gcp_place(subject)
    return f"--location {shlex.quote(zone or 'ZONE')} --project {shlex.quote(project)}"
