"""Commands for what SageMaker runs beside endpoints and notebook instances: jobs, apps of Studio, clusters (HyperPod).

None of them is a machine of EC2, so that no command of EC2's knows it. None where it is none of them. Words in capitals
are for a person to fill in.

Sources
    AWS CLI, sagemaker: stop-training-job and the like, delete-app (an app is not stopped: its space keeps the files),
    update-domain (idle shutdown), update-cluster (instances of HyperPod are not stopped: their group is made smaller).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from recommender.subjects.machines import Machine

_PART = re.compile(r"arn:[^:]+:sagemaker:[^:]*:[^:]*:([a-z-]+)/(.+)", re.IGNORECASE)
_JOBS = {
    "training-job": "ResourceConfig",
    "processing-job": "ProcessingResources",
    "transform-job": "TransformResources",
}
"""Sorts of jobs, and where each says its machine type."""
_APPS = ("JupyterLab", "JupyterServer", "KernelGateway", "CodeEditor", "RStudioServerPro", "TensorBoard", "Canvas")
_OF_STUDIO = ("app", "space")


@dataclass(frozen=True)
class Part:
    """What an id names: ``app``, ``space``, ``cluster`` or a sort of job, and the names after it."""

    kind: str
    names: tuple[str, ...]


def part_of(resource_id: str) -> Part | None:
    """What SageMaker's id names; None for endpoints, notebook instances and what is not SageMaker's."""
    found = _PART.fullmatch(resource_id)
    kind = found[1].lower() if found else ""
    return Part(kind, tuple(found[2].split("/"))) if found and kind in (*_OF_STUDIO, "cluster", *_JOBS) else None


def off(subject: Machine) -> tuple[str, str, str] | None:
    """What to do, the command, and how to undo it."""
    part = part_of(subject.resource_id)
    if part is None:
        return None
    if part.kind in _JOBS:
        what = part.kind.replace("-", " ")
        command = f"aws sagemaker stop-{part.kind} --{part.kind}-name {_last(part)} {_region(subject)}"
        return f"stop the {what}", command, "start it again from its last checkpoint"
    if part.kind == "cluster":
        said = "# its machines are not stopped: lower the instance count of their group with update-cluster\n"
        return "lower its number of machines", said + _look(subject, part), "raise the number again"
    return "end the app (its space and files stay)", _deleted_app(subject, part), "start it again in Studio"


def resized(subject: Machine, instance_type: str) -> str | None:
    """What gives it another machine type."""
    part, target = part_of(subject.resource_id), " ".join(instance_type.split())
    if part is None:
        return None
    if part.kind in _JOBS:
        said = f"in its next run: {target} in {_JOBS[part.kind]}"
    elif part.kind == "cluster":
        said = f"a group of its machines keeps its type: add one of {target} with update-cluster, then lower this one"
    else:
        said = f"in Studio: end the app, choose {target} for its space, start it again"
    return f"# {said}\n{_look(subject, part)}"


def stopping_when_idle(subject: Machine, minutes: int) -> str | None:
    """What makes it stop by itself after so many minutes without work."""
    part = part_of(subject.resource_id)
    if part is None:
        return None
    if part.kind in _JOBS:
        longest = "a shorter MaxRuntimeInSeconds" if part.kind != "transform-job" else "fewer records"
        return f"# let its code end when nothing is left to do, and give its next run {longest}\n" + _look(
            subject, part
        )
    if part.kind == "cluster":
        return f"# let its scheduler make its group smaller {minutes} minutes after the last work\n" + _look(
            subject, part
        )
    idle = f"AppLifecycleManagement={{IdleSettings={{LifecycleManagement=ENABLED,IdleTimeoutInMinutes={minutes}}}}}"
    return (
        "# of JupyterLab; CodeEditorAppSettings takes the same\n"
        f"aws sagemaker update-domain --domain-id {shlex.quote(part.names[0])}"
        f" --default-user-settings {shlex.quote(f'JupyterLabAppSettings={{{idle}}}')} {_region(subject)}"
    )


def looked_at(subject: Machine, said: str) -> str | None:
    """A comment line and the command that shows it, for what no command of SageMaker's does."""
    part = part_of(subject.resource_id)
    return None if part is None else f"# {' '.join(said.split())}\n{_look(subject, part)}"


def _look(subject: Machine, part: Part) -> str:
    if part.kind in _OF_STUDIO:
        return f"aws sagemaker list-apps --domain-id-equals {shlex.quote(part.names[0])} {_region(subject)}"
    return f"aws sagemaker describe-{part.kind} --{part.kind}-name {_last(part)} {_region(subject)}"


def _deleted_app(subject: Machine, part: Part) -> str:
    """An app is its domain's, of a space or a user; an id of a space does not say which app runs in it."""
    domain, owner, *app = (*part.names, "OWNER") if len(part.names) == 1 else part.names
    sort = next((name for name in _APPS if app and name.lower() == app[0].lower()), "TYPE")
    name = app[1] if len(app) > 1 else "default"
    of_user = (
        "# of a user without a space: --user-profile-name in place of --space-name\n" if part.kind == "app" else ""
    )
    return (
        f"{of_user}{_look(subject, part)}\naws sagemaker delete-app --domain-id {shlex.quote(domain)}"
        f" --space-name {shlex.quote(owner)} --app-type {sort} --app-name {shlex.quote(name)} {_region(subject)}"
    )


def _last(part: Part) -> str:
    return shlex.quote(part.names[-1])


def _region(subject: Machine) -> str:
    return f"--region {shlex.quote(subject.region or 'REGION')}"
