"""Commands for notebooks, jobs, TPUs and computes: by their own service, and never as if they were machines."""

from __future__ import annotations

from typing import Any

import pytest

from recommender.actions import as_spot, move_to, resize, stop_when_idle
from tests.recommender.kinds.served import Make

NOTEBOOK = {"platform": "notebook", "resource_id": "arn:aws:sagemaker:us-east-1:1:notebook-instance/nb"}
JOB = {"platform": "training_job", "resource_id": "arn:aws:sagemaker:us-east-1:1:training-job/tj"}
TPU = {"provider": "gcp", "resource_id": "projects/p/locations/us-central1-a/nodes/t1"}
WORKBENCH = {"provider": "gcp", "platform": "notebook", "resource_id": "projects/p/locations/us-central1-a/instances/w"}
COMPUTE = {
    "provider": "azure",
    "platform": "ml_cluster",
    "resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/computes/c",
}
OF_AWS = "--notebook-instance-name nb --region us-east-1"
PLACE = "--location us-central1-a --project p"
IN_W = "--workspace-name w --resource-group g --subscription s"


def run(command: str) -> list[str]:
    return [line for line in command.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("thing", "lines"),
    [
        (
            NOTEBOOK,
            [
                f"aws sagemaker stop-notebook-instance {OF_AWS}",
                f"aws sagemaker wait notebook-instance-stopped {OF_AWS}",
                "aws sagemaker update-notebook-instance --notebook-instance-name nb --instance-type NEW"
                " --region us-east-1",
                f"aws sagemaker wait notebook-instance-stopped {OF_AWS}",
                f"aws sagemaker start-notebook-instance {OF_AWS}",
            ],
        ),
        (JOB, ["aws sagemaker describe-training-job --training-job-name tj --region us-east-1"]),
        (
            TPU,
            [
                "gcloud compute tpus tpu-vm create NAME --accelerator-type TYPE --version VERSION --zone us-central1-a"
                " --project p"
            ],
        ),
        (
            WORKBENCH,
            [
                f"gcloud workbench instances stop w {PLACE}",
                f"gcloud workbench instances update w --machine-type=NEW {PLACE}",
                f"gcloud workbench instances start w {PLACE}",
            ],
        ),
        (COMPUTE, [f"az ml compute create --name NAME --type amlcompute --size NEW {IN_W}"]),
        (
            COMPUTE | {"platform": "notebook"},
            [f"az ml compute create --name NAME --type computeinstance --size NEW {IN_W}"],
        ),
    ],
)
def test_another_type_by_its_own_service(make_subject: Make, thing: dict[str, Any], lines: list[str]) -> None:
    assert run(resize(make_subject(**thing), "NEW")[0]) == lines


def test_a_notebook_is_stopped_before_its_rule_is_set(make_subject: Make) -> None:
    """SageMaker refuses to update a notebook that runs."""
    lines = run(stop_when_idle(make_subject(**NOTEBOOK), 60)[0])
    assert [line.split()[2] for line in lines] == [
        "stop-notebook-instance", "wait", "update-notebook-instance", "wait", "start-notebook-instance",
    ]  # fmt: skip
    assert "--lifecycle-config-name AUTO_STOP" in lines[2]


@pytest.mark.parametrize("thing", [NOTEBOOK, JOB, TPU, WORKBENCH, COMPUTE])
def test_nothing_is_taken_for_a_machine(make_subject: Make, thing: dict[str, Any]) -> None:
    """Neither EC2's, nor Compute Engine's, nor Azure's commands for virtual machines know these names."""
    subject = make_subject(**thing)
    texts = [resize(subject, "NEW")[0], stop_when_idle(subject, 60)[0]]
    if thing in (TPU, COMPUTE):
        texts += [as_spot(subject)[0], move_to(subject, "there")[0]]
    for text in texts:
        assert not any(word in text for word in ("aws ec2", "gcloud compute instances", "az vm "))
