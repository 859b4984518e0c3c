"""What a person is told to run: the machine itself, unless the bill proves that something else owns it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from recommender.actions import as_spot, resize, stop_when_idle, switch_off
from recommender.kinds.clock import on_off_commands
from recommender.methods.schedule import Window
from recommender.subjects.machines import Machine

Make = Callable[..., Machine]
AZURE_VM = (
    "/subscriptions/c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926/resourcegroups/rg-stores"
    "/providers/microsoft.compute/virtualmachines/vm-bot-01"
)
SCALE_SET = AZURE_VM.replace("virtualmachines/vm-bot-01", "virtualmachinescalesets/pool/virtualmachines/3")
GCE = "projects/lk-apps/zones/us-central1-a/instances/9920130844994511374"
WORKSPACE = AZURE_VM.replace(
    "microsoft.compute/virtualmachines/vm-bot-01", "microsoft.machinelearningservices/workspaces/mlw"
)
IN_A_GROUP = {"created-by": "projects/123456789/zones/us-central1-a/instanceGroupManagers/l4-group"}
GKE = {
    "goog-gke-node": "",
    "goog-k8s-cluster-name": "vision",
    "goog-k8s-node-pool-name": "l4-pool",
    "goog-k8s-cluster-location": "us-central1",
}


def commands(text: str) -> list[str]:
    """The lines that would run."""
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("provider", "resource_id", "verb", "command"),
    [
        ("aws", "i-0a1b2c3d", "stop", "aws ec2 stop-instances --instance-ids i-0a1b2c3d --region us-east-1"),
        ("azure", AZURE_VM, "deallocate", f"az vm deallocate --ids {AZURE_VM}"),
        (
            "gcp",
            GCE,
            "stop",
            "gcloud compute instances stop 9920130844994511374 --zone us-central1-a --project lk-apps",
        ),
    ],
)
def test_a_name_for_a_group_of_machines_owns_none_of_them(
    make_subject: Make, provider: str, resource_id: str, verb: str, command: str
) -> None:
    """An inventory's fleet says what belongs together; nothing scales it."""
    subject = make_subject(provider=provider, resource_id=resource_id, fleet="workbench")
    proposed, text, undo = switch_off(subject)

    assert commands(text) == [command]
    assert proposed == f"{verb} it (disks stay and keep their cost)"
    assert undo.startswith("start it again")


@pytest.mark.parametrize(
    ("provider", "resource_id", "tags", "owner", "expected"),
    [
        (
            "aws",
            "i-0a",
            {"aws:autoscaling:groupName": "train-asg"},
            "train-asg",
            [
                "aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names train-asg --region us-east-1",
                "aws autoscaling terminate-instance-in-auto-scaling-group --instance-id i-0a"
                " --should-decrement-desired-capacity --region us-east-1",
            ],
        ),
        (
            "aws",
            "i-0a",
            {"aws:eks:cluster-name": "ml", "eks:nodegroup-name": "gpu", "aws:autoscaling:groupName": "eks-gpu-1"},
            "ml/gpu",
            ["aws eks describe-nodegroup --cluster-name ml --nodegroup-name gpu --region us-east-1"],
        ),
        (
            "aws",
            "i-0a",
            {"aws:eks:cluster-name": "ml"},
            "ml",
            ["aws eks list-nodegroups --cluster-name ml --region us-east-1"],
        ),
        (
            "aws",
            "i-0a",
            {"aws:ec2:fleet-id": "fleet-1"},
            "fleet-1",
            ["aws ec2 describe-fleets --fleet-ids fleet-1 --region us-east-1"],
        ),
        (
            "aws",
            "i-0a",
            {"aws:ec2spot:fleet-request-id": "sfr-1", "aws:ec2:fleet-id": "fleet-1"},
            "sfr-1",
            ["aws ec2 describe-spot-fleet-requests --spot-fleet-request-ids sfr-1 --region us-east-1"],
        ),
        (
            "aws",
            "i-0a",
            {"aws:elasticmapreduce:job-flow-id": "j-1"},
            "j-1",
            ["aws emr describe-cluster --cluster-id j-1 --region us-east-1"],
        ),
        (
            "aws",
            "i-0a",
            {"user:parallelcluster:cluster-name": "hpc"},
            "hpc",
            ["pcluster describe-compute-fleet --cluster-name hpc --region us-east-1"],
        ),
        # who was started by a fleet on behalf of a group is the group's
        (
            "aws",
            "i-0a",
            {"aws:ec2:fleet-id": "fleet-1", "karpenter.sh/nodepool": "gpu"},
            "gpu",
            ["kubectl describe nodepool gpu"],
        ),
        (
            "aws",
            "i-0a",
            {"Vendor": "Databricks", "ClusterId": "0815-a", "ClusterName": "nightly"},
            "nightly",
            ["databricks clusters get 0815-a"],
        ),
        (
            "azure",
            AZURE_VM,
            {"vendor": "Databricks", "clusterid": "0815-a"},
            "0815-a",
            ["databricks clusters get 0815-a"],
        ),
        (
            "azure",
            SCALE_SET,
            {},
            "pool",
            [
                "az vmss deallocate --name pool --instance-ids 3 --resource-group rg-stores"
                " --subscription c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926"
            ],
        ),
        (
            "gcp",
            GCE,
            GKE,
            "vision/l4-pool",
            ["gcloud container node-pools describe l4-pool --cluster vision --location us-central1 --project lk-apps"],
        ),
        (
            "gcp",
            GCE,
            IN_A_GROUP,
            "l4-group",
            ["gcloud compute instance-groups managed describe l4-group --zone us-central1-a --project lk-apps"],
        ),
    ],
)
def test_an_owner_the_bill_proves_is_scaled_down(
    make_subject: Make, provider: str, resource_id: str, tags: Mapping[str, str], owner: str, expected: list[str]
) -> None:
    proposed, text, undo = switch_off(make_subject(provider=provider, resource_id=resource_id, tags=tags))

    assert proposed == f"scale {owner} down by this one, at its owner"
    assert commands(text) == expected
    assert undo == "raise the owner's size again"


@pytest.mark.parametrize(
    ("tags", "where"),
    [
        ({}, "--cluster-name CLUSTER --resource-group GROUP"),
        ({"aks-managed-cluster-name": "ml", "aks-managed-cluster-rg": "rg"}, "--cluster-name ml --resource-group rg"),
    ],
)
def test_a_node_of_aks_is_ended_by_its_cluster(make_subject: Make, tags: Mapping[str, str], where: str) -> None:
    """What is changed below a node pool AKS does not support and sets back; its machines are numbered to the base 36:
    11 is 00000b."""
    scale_set = SCALE_SET.replace("/pool/", "/aks-gpu1-38042711-vmss/").replace(
        "virtualmachines/3", "virtualmachines/11"
    )
    _, text, _ = switch_off(make_subject(provider="azure", resource_id=scale_set, tags=tags))
    this = f"{where} --subscription c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926"
    assert commands(text) == [
        f"az aks nodepool show --name gpu1 {this}",
        f"az aks nodepool delete-machines --name gpu1 --machine-names aks-gpu1-38042711-vmss00000b {this}",
    ]


def test_a_group_that_lives_in_a_region_is_asked_there(make_subject: Make) -> None:
    tags = {"created-by": "projects/1/regions/us-central1/instanceGroupManagers/everywhere"}
    _, text, _ = switch_off(make_subject(provider="gcp", resource_id=GCE, tags=tags))
    assert commands(text)[0].endswith("describe everywhere --region us-central1 --project lk-apps")


def test_a_vendor_of_another_name_owns_nothing(make_subject: Make) -> None:
    assert "stop-instances" in switch_off(make_subject(tags={"Vendor": "acme", "ClusterId": "7"}))[1]


def test_a_user_label_that_only_sounds_like_kubernetes_proves_nothing(make_subject: Make) -> None:
    subject = make_subject(provider="gcp", resource_id=GCE, tags={"k8s-node-pool": "l4-pool"})
    assert "instances stop" in switch_off(subject)[1]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"provider": "gcp", "resource_id": "projects/lk-apps/locations/us-central1/endpoints/97"},
            [
                "gcloud ai endpoints describe 97 --region us-central1 --project lk-apps",
                "gcloud ai endpoints undeploy-model 97 --deployed-model-id ID --region us-central1 --project lk-apps",
            ],
        ),
        (
            {"provider": "azure", "resource_id": f"{WORKSPACE}/onlineendpoints/score"},
            [
                "az ml online-endpoint delete --name score --workspace-name mlw --resource-group rg-stores"
                " --subscription c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926"
            ],
        ),
    ],
)
def test_an_endpoint_is_named_by_its_id(make_subject: Make, changes: dict[str, Any], expected: list[str]) -> None:
    assert commands(switch_off(make_subject(platform="managed_endpoint", **changes))[1]) == expected


def test_an_id_that_tells_no_place_leaves_what_a_person_has_to_fill_in(make_subject: Make) -> None:
    subject = make_subject(provider="gcp", resource_id="9920130844994511374", account="lk-apps")
    assert commands(switch_off(subject)[1]) == [
        "gcloud compute instances stop 9920130844994511374 --zone ZONE --project lk-apps"
    ]


def test_a_resize_names_the_zone_and_stops_first(make_subject: Make) -> None:
    text, _ = resize(make_subject(provider="gcp", resource_id=GCE, fleet="style"), "g2-standard-12")
    assert commands(text) == [
        "gcloud compute instances stop 9920130844994511374 --zone us-central1-a --project lk-apps",
        "gcloud compute instances set-machine-type 9920130844994511374 --machine-type g2-standard-12"
        " --zone us-central1-a --project lk-apps",
        "gcloud compute instances start 9920130844994511374 --zone us-central1-a --project lk-apps",
    ]


def test_a_node_with_fewer_accelerators_has_no_place_for_pods_that_ask_for_more(make_subject: Make) -> None:
    """A pod that asks for four of eight accelerators and uses one is scheduled on no node of one."""
    said = "# pods that ask for more than 1 accelerator of a node find no place there: lower what they ask for first"
    node = make_subject(tags={"aws:eks:cluster-name": "ml", "eks:nodegroup-name": "gpu"})
    assert said in resize(node, "g5.xlarge")[0].splitlines()
    for subject, target in (
        (node, "p4de.24xlarge"),
        (node, "of-nobody-knows.large"),
        (make_subject(tags={"aws:autoscaling:groupName": "web"}), "g5.xlarge"),
    ):
        assert "# pods" not in resize(subject, target)[0]


def test_ec2_changes_the_type_of_what_has_stopped_alone(make_subject: Make) -> None:
    """stop-instances returns at once, and a type is refused, as a start is, until the machine has stopped."""
    text, _ = resize(make_subject(), "g5.xlarge")
    this = "--instance-ids i-0a1b2c3d --region us-east-1"
    assert commands(text) == [
        f"aws ec2 stop-instances {this}",
        f"aws ec2 wait instance-stopped {this}",
        "aws ec2 modify-instance-attribute --instance-id i-0a1b2c3d --instance-type Value=g5.xlarge --region us-east-1",
        f"aws ec2 start-instances {this}",
    ]


def test_a_spot_machine_of_one_request_is_ended_as_ec2_does_not_stop_it(make_subject: Make) -> None:
    subject = make_subject()
    proposed, text, _ = switch_off(replace(subject, costs=[replace(cost, is_spot=True) for cost in subject.costs]))
    assert proposed == "stop it (disks stay and keep their cost)"
    assert "# on spot, only what a persistent request started can be stopped; else: aws ec2 terminate-instances" in text
    assert "spot" not in switch_off(subject)[1]
    # nor by the clock, or by itself
    spot = replace(subject, costs=[replace(cost, is_spot=True) for cost in subject.costs])
    for machine, is_said in ((spot, True), (subject, False)):
        by_clock, _ = on_off_commands(machine, [Window(8, 18)], "UTC")
        by_itself, _ = stop_when_idle(machine, 60)
        for command in (by_clock, by_itself):
            assert ("# on spot, only what a persistent request started can be stopped" in command) is is_said


def test_a_machine_of_google_on_spot_is_not_to_be_restarted(make_subject: Make) -> None:
    """Compute Engine refuses spot beside an automatic restart, which is what machines on demand have."""
    text, _ = as_spot(make_subject(provider="gcp", resource_id=GCE))
    assert "--provisioning-model=SPOT --no-restart-on-failure --instance-termination-action=STOP" in commands(text)[1]


def test_a_machine_its_group_would_replace_is_not_resized_by_hand(make_subject: Make) -> None:
    subject = make_subject(tags={"aws:autoscaling:groupName": "train-asg"}, instance_type="g5.12xlarge")
    text, undo = resize(subject, "g4dn.12xlarge")
    assert "stop-instances" not in text
    assert "all of its machines" in text
    assert "g4dn.12xlarge" in text
    assert commands(text)[0].startswith("aws autoscaling describe-auto-scaling-groups")
    assert undo == "change the type back to g5.12xlarge at its owner"


@pytest.mark.parametrize(
    ("provider", "resource_id", "command"),
    [
        (
            "aws",
            "arn:aws:sagemaker:us-east-1:1:training-job/hpo",
            "aws sagemaker stop-training-job --training-job-name hpo --region us-east-1",
        ),
        (
            "azure",
            f"{WORKSPACE}/computes/style-train",
            "az ml compute stop --name style-train --workspace-name mlw --resource-group rg-stores"
            " --subscription c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926",
        ),
        (
            "gcp",
            "projects/lk-apps/locations/us-central1-a/nodes/tpu-1",
            "gcloud compute tpus tpu-vm stop tpu-1 --zone us-central1-a --project lk-apps",
        ),
    ],
)
def test_what_is_no_virtual_machine_is_not_stopped_as_one(
    make_subject: Make, provider: str, resource_id: str, command: str
) -> None:
    assert commands(switch_off(make_subject(provider=provider, resource_id=resource_id))[1]) == [command]


def test_a_line_break_in_a_name_starts_no_command(make_subject: Make) -> None:
    tags = {"aws:autoscaling:groupName": "asg\nrm -rf ~"}
    text, _ = resize(make_subject(tags=tags, account="1\nrm -rf ~"), "g4dn.12xlarge")
    outside_quotes = [part for number, part in enumerate(text.split("'")) if number % 2 == 0]
    assert not any(line.startswith("rm ") for part in outside_quotes for line in part.splitlines())
