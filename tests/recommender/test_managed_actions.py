"""Commands for notebooks, jobs, TPUs and computes: by their own service, and never as if they were machines."""

from __future__ import annotations

from typing import Any

import pytest

from recommender.actions import as_spot, move_to, resize, stop_when_idle, switch_off
from recommender.kinds.clock import on_off_commands
from recommender.methods.schedule import Window
from recommender.terraform import stopped
from tests.recommender.kinds.served import Make

NOTEBOOK = {"platform": "notebook", "resource_id": "arn:aws:sagemaker:us-east-1:1:notebook-instance/nb"}
JOB = {"platform": "training_job", "resource_id": "arn:aws:sagemaker:us-east-1:1:training-job/tj"}
TPU = {"provider": "gcp", "resource_id": "projects/p/locations/us-central1-a/nodes/t1"}
WORKBENCH = {"provider": "gcp", "platform": "notebook", "resource_id": "projects/p/locations/us-central1-a/instances/w"}
SERVICE = {
    "provider": "gcp",
    "platform": "serverless_inference",
    "resource_id": "projects/p/locations/us-central1/services/chat",
}
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


SAGEMAKER = "arn:aws:sagemaker:us-east-1:1"
STUDIO = {"platform": "notebook", "resource_id": f"{SAGEMAKER}:app/d-1/ada/jupyterlab/default"}
SPACE = {"platform": "notebook", "resource_id": f"{SAGEMAKER}:space/d-1/ada"}
HYPERPOD = {"platform": "ml_cluster", "resource_id": f"{SAGEMAKER}:cluster/abc"}
PROCESSING = {"platform": "processing_job", "resource_id": f"{SAGEMAKER}:processing-job/prep"}
TRANSFORM = {"platform": "transform_job", "resource_id": f"{SAGEMAKER}:transform-job/score"}
APPS = "aws sagemaker list-apps --domain-id-equals d-1 --region us-east-1"


@pytest.mark.parametrize(
    ("thing", "lines"),
    [
        (
            STUDIO,
            [
                APPS,
                "aws sagemaker delete-app --domain-id d-1 --space-name ada --app-type JupyterLab --app-name default"
                " --region us-east-1",
            ],
        ),
        (
            SPACE,
            [
                APPS,
                "aws sagemaker delete-app --domain-id d-1 --space-name ada --app-type TYPE --app-name default"
                " --region us-east-1",
            ],
        ),
        (HYPERPOD, ["aws sagemaker describe-cluster --cluster-name abc --region us-east-1"]),
        (PROCESSING, ["aws sagemaker stop-processing-job --processing-job-name prep --region us-east-1"]),
        (TRANSFORM, ["aws sagemaker stop-transform-job --transform-job-name score --region us-east-1"]),
        (NOTEBOOK, [f"aws sagemaker stop-notebook-instance {OF_AWS}"]),
        (WORKBENCH, [f"gcloud workbench instances stop w {PLACE}"]),
        (
            {"provider": "gcp", "resource_id": "projects/p/locations/us-central1/customJobs/7"},
            ["gcloud ai custom-jobs cancel 7 --region us-central1 --project p"],
        ),
        (COMPUTE, [f"az ml compute update --name c --min-instances 0 {IN_W}"]),
        (COMPUTE | {"platform": "notebook"}, [f"az ml compute stop --name c {IN_W}"]),
    ],
)
def test_what_is_no_machine_is_ended_by_its_own_service(
    make_subject: Make, thing: dict[str, Any], lines: list[str]
) -> None:
    assert run(switch_off(make_subject(**thing))[1]) == lines


@pytest.mark.parametrize("thing", [STUDIO, SPACE, HYPERPOD, PROCESSING, TRANSFORM])
def test_what_sagemaker_runs_is_no_machine_of_ec2_and_no_notebook_instance(
    make_subject: Make, thing: dict[str, Any]
) -> None:
    """By id, the bill calls an app of Studio a notebook too; no notebook instance has its name."""
    subject = make_subject(**thing)
    clock, blocks = on_off_commands(subject, [Window(8, 18)], "UTC")
    texts = [switch_off(subject)[1], resize(subject, "NEW")[0], stop_when_idle(subject, 60)[0], clock]
    texts += [as_spot(subject)[0], move_to(subject, "there")[0]]
    for text in texts:
        assert "aws sagemaker " in text
        assert not any(word in text for word in ("aws ec2", "notebook-instance", "aws-sdk"))
    assert (stopped(subject), blocks) == (None, None)


def test_the_rule_of_an_azure_compute_is_set_where_it_may_be(make_subject: Make) -> None:
    """``az ml compute update`` takes clusters alone, whose rule is in seconds; a compute instance has a call for it."""
    cluster, instance = make_subject(**COMPUTE), make_subject(**COMPUTE | {"platform": "notebook"})
    assert run(stop_when_idle(cluster, 60)[0]) == [
        f"az ml compute update --name c --idle-time-before-scale-down 3600 {IN_W}"
    ]
    (line,) = run(stop_when_idle(instance, 60)[0])
    assert line.startswith(
        "az rest --method post --url 'https://management.azure.com/subscriptions/s/resourceGroups/g/"
    )
    assert line.endswith("""--body '{"idleTimeBeforeShutdown": "PT60M"}'""")
    assert "/computes/c/updateIdleShutdownSetting?api-version=" in line


def test_a_service_of_cloud_run_keeps_no_instance_instead_of_being_stopped(make_subject: Make) -> None:
    """A machine of its name may be somebody else's: what it keeps warm is set, never a machine stopped."""
    service = make_subject(**SERVICE)
    update = "gcloud run services update chat --min-instances"
    proposed, command, undo = switch_off(service)
    assert proposed == "keep no instance warm when nobody asks"
    assert run(command) == [f"{update} 0 --region us-central1 --project p"]
    assert undo == "keep an instance warm again"
    assert stopped(service) is None
    by_clock, terraform = on_off_commands(service, [Window(8, 18)], "UTC")
    assert run(by_clock) == [f"{update} {number} --region us-central1 --project p" for number in (1, 0)]
    assert terraform is None
    (named,) = run(switch_off(make_subject(**SERVICE | {"resource_id": "chat", "region": "us-east4"}))[1])
    assert named == f"{update} 0 --region us-east4 --project 111122223333"
