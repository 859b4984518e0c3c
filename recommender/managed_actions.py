"""Commands for what is no machine of one's own: notebooks, training jobs, TPUs, computes of Azure's machine learning.

None where a machine's own commands hold. Words in capitals are for a person to fill in.

Sources
    AWS CLI (SageMaker: a notebook is updated while it is stopped), gcloud (workbench, TPU: neither the type nor the
    price model of a TPU changes), Azure CLI (a compute keeps the size it was created with).
"""

from __future__ import annotations

import shlex

from recommender.owners import azure_part, azure_place, gcp_place
from recommender.subjects.machines import Machine


def resized(subject: Machine, instance_type: str) -> str | None:
    """What gives it another machine type."""
    target = shlex.quote(instance_type)
    if is_notebook(subject, "aws"):
        return _updated_notebook(subject, f"--instance-type {target}")
    if is_notebook(subject, "gcp"):
        return _workbench(subject, f"--machine-type={target}")
    if is_job(subject):
        return f"# in its next run: {' '.join(instance_type.split())} in ResourceConfig\n{_described_job(subject)}"
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
    if is_notebook(subject, "aws"):
        rule = f"# AUTO_STOP: a lifecycle configuration that stops it after {minutes} minutes without work\n"
        return rule + _updated_notebook(subject, "--lifecycle-config-name AUTO_STOP")
    if is_notebook(subject, "gcp"):
        timeout = f"--metadata=idle-timeout-seconds={minutes * 60}"
        return f"gcloud workbench instances update {_name(subject)} {timeout} {_at(subject)}"
    if is_job(subject):
        return (
            "# let its code end when nothing is left to do, and give its next run a shorter MaxRuntimeInSeconds\n"
            + _described_job(subject)
        )
    if compute := azure_part(subject.resource_id, "computes"):
        return (
            f"az ml compute update --name {shlex.quote(compute)} {azure_ml(subject)}"
            f" --set idle_time_before_shutdown_minutes={minutes}"
        )
    return None


def on_spot(subject: Machine) -> str | None:
    """What runs the same on spot."""
    if is_tpu(subject):
        return _new_tpu(subject, "# a TPU keeps its price model: create another on spot", "--spot ")
    if azure_part(subject.resource_id, "computes"):
        size = shlex.quote(subject.instance_type or "SIZE")
        return _new_compute(subject, f"--type amlcompute --tier low_priority --size {size} --min-instances 0")
    return None


def elsewhere(subject: Machine, region: str) -> str | None:
    """What starts the same in another region."""
    there = " ".join(region.split())
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


def is_notebook(subject: Machine, provider: str) -> bool:
    """Whether it is a provider's notebook."""
    return subject.platform == "notebook" and subject.provider == provider


def is_job(subject: Machine) -> bool:
    """Whether it is a training job of SageMaker, which begins and ends on machines nobody sees."""
    return subject.provider == "aws" and ":training-job/" in subject.resource_id


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


def _described_job(subject: Machine) -> str:
    return (
        f"aws sagemaker describe-training-job --training-job-name {_name(subject)}"
        f" --region {shlex.quote(subject.region or 'REGION')}"
    )


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
