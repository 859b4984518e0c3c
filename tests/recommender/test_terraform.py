"""Blocks of Terraform, to the letter: per cloud, at the owner where there is one, and quoted whatever the name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.hcl import label, quoted, resource
from recommender.subjects.machines import Machine
from recommender.terraform import as_spot, counted, evidence, resized, stopped, stops_when_idle
from tests.recommender.test_actions import AZURE_VM, GCE, GKE, IN_A_GROUP, SCALE_SET, WORKSPACE

Make = Callable[..., Machine]
ASG = {"tags": {"aws:autoscaling:groupName": "train-asg"}}
NODES = {"tags": {"aws:eks:cluster-name": "ml", "eks:nodegroup-name": "gpu"}}
GCP: dict[str, Any] = {"provider": "gcp", "resource_id": GCE, "instance_type": "g2-standard-24"}
AZURE: dict[str, Any] = {"provider": "azure", "resource_id": AZURE_VM, "instance_type": "Standard_NC48ads_A100_v4"}
SET = AZURE | {"resource_id": SCALE_SET}
AKS = AZURE | {"resource_id": SCALE_SET.replace("/pool/", "/aks-gpu1-38042711-vmss/")}
ENDPOINT = {
    "platform": "managed_endpoint",
    "resource_id": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/bot",
    "instance_type": "ml.p4d.24xlarge",
}


@pytest.mark.parametrize(
    ("given_machine", "target", "block"),
    [
        (
            {},
            "p3.2xlarge",
            '# p4d.24xlarge before\nresource "aws_instance" "i-0a1b2c3d" {\n  instance_type = "p3.2xlarge"\n}',
        ),
        (
            ASG,
            "p3.2xlarge",
            '# p4d.24xlarge before\nresource "aws_launch_template" "train-asg" {\n  instance_type = "p3.2xlarge"\n}',
        ),
        (
            NODES,
            "p3.2xlarge",
            '# p4d.24xlarge before\nresource "aws_eks_node_group" "gpu" {\n  instance_types = ["p3.2xlarge"]\n}',
        ),
        (
            ENDPOINT,
            "ml.g5.xlarge",
            '# ml.p4d.24xlarge before\nresource "aws_sagemaker_endpoint_configuration" "bot" {\n'
            '  production_variants {\n    instance_type = "ml.g5.xlarge"\n  }\n}',
        ),
        (
            GCP,
            "g2-standard-8",
            '# g2-standard-24 before\nresource "google_compute_instance" "_9920130844994511374" {\n'
            '  machine_type = "g2-standard-8"\n}',
        ),
        (
            GCP | {"tags": GKE},
            "g2-standard-8",
            '# g2-standard-24 before\nresource "google_container_node_pool" "l4-pool" {\n'
            '  node_config {\n    machine_type = "g2-standard-8"\n  }\n}',
        ),
        (
            AZURE,
            "Standard_NC24ads_A100_v4",
            '# Standard_NC48ads_A100_v4 before\nresource "azurerm_linux_virtual_machine" "vm-bot-01" {\n'
            '  size = "Standard_NC24ads_A100_v4"\n}',
        ),
        (
            AKS,
            "Standard_NC24ads_A100_v4",
            '# Standard_NC48ads_A100_v4 before\nresource "azurerm_kubernetes_cluster_node_pool" "gpu1" {\n'
            '  vm_size = "Standard_NC24ads_A100_v4"\n}',
        ),
        ({"provider": "oci"}, "x", None),
        ({"tags": {"karpenter.sh/nodepool": "gpu"}}, "p3.2xlarge", None),
        (GCP | {"resource_id": "projects/p/zones/z/nodes/tpu-1"}, "v5e-8", None),
    ],
)
def test_another_type(make_subject: Make, given_machine: dict[str, Any], target: str, block: str | None) -> None:
    assert resized(make_subject(**given_machine), target) == block


ONE_BLOCK = "# where one block with count declares them all; of a block for each, have 2 such blocks instead\n"


@pytest.mark.parametrize(
    ("given_machine", "block"),
    [
        ({}, ONE_BLOCK + 'resource "aws_instance" "i-0a1b2c3d" {\n  count = 2\n}'),
        (ASG, 'resource "aws_autoscaling_group" "train-asg" {\n  desired_capacity = 2\n}'),
        (NODES, 'resource "aws_eks_node_group" "gpu" {\n  scaling_config {\n    desired_size = 2\n  }\n}'),
        (
            ENDPOINT,
            'resource "aws_sagemaker_endpoint_configuration" "bot" {\n'
            "  production_variants {\n    initial_instance_count = 2\n  }\n}",
        ),
        (
            GCP | {"tags": IN_A_GROUP},
            'resource "google_compute_instance_group_manager" "l4-group" {\n  target_size = 2\n}',
        ),
        (
            GCP | {"tags": {"created-by": "projects/1/regions/us-central1/instanceGroupManagers/l4-group"}},
            'resource "google_compute_region_instance_group_manager" "l4-group" {\n  target_size = 2\n}',
        ),
        (GCP | {"tags": GKE}, 'resource "google_container_node_pool" "l4-pool" {\n  node_count = 2\n}'),
        (SET, 'resource "azurerm_linux_virtual_machine_scale_set" "pool" {\n  instances = 2\n}'),
        (AKS, 'resource "azurerm_kubernetes_cluster_node_pool" "gpu1" {\n  node_count = 2\n}'),
    ],
)
def test_another_number(make_subject: Make, given_machine: dict[str, Any], block: str) -> None:
    assert counted(make_subject(**given_machine), 2) == block


def test_of_several_machines_each_has_a_block_of_its_own(make_subject: Make) -> None:
    """The first's alone would leave the others as they are; what a group owns is in one."""
    each = "# the first of 3: the same in the block of each\n"
    machine = 'resource "aws_instance" "i-0a1b2c3d" {\n'
    assert (
        as_spot(make_subject(), 3) == f'{each}{machine}  instance_market_options {{\n    market_type = "spot"\n  }}\n}}'
    )
    was = "# p4d.24xlarge before; the first of 3: the same in the block of each\n"
    assert resized(make_subject(), "g6.xlarge", machines=3) == f'{was}{machine}  instance_type = "g6.xlarge"\n}}'
    fewer = f"# p4d.24xlarge before; {ONE_BLOCK.removeprefix('# ')}"
    assert (
        resized(make_subject(), "g6.xlarge", 2, machines=3)
        == f'{fewer}{machine}  instance_type = "g6.xlarge"\n  count         = 2\n}}'
    )
    for owned in (as_spot(make_subject(**ASG), 3), resized(make_subject(**ASG), "g6.xlarge", machines=3)):
        assert "the first of" not in (owned or "")


NOW = (
    "# end this machine by the command first, or the group may end another; "
    "NOW is what it is set to, and its least size must allow one less\n"
)


@pytest.mark.parametrize(
    ("given_machine", "block"),
    [
        (ASG, NOW + 'resource "aws_autoscaling_group" "train-asg" {\n  desired_capacity = NOW - 1\n}'),
        (SET, NOW + 'resource "azurerm_linux_virtual_machine_scale_set" "pool" {\n  instances = NOW - 1\n}'),
        (
            {},
            'resource "aws_ec2_instance_state" "i-0a1b2c3d" {\n'
            '  instance_id = "i-0a1b2c3d"\n  state       = "stopped"\n}',
        ),
        (GCP, 'resource "google_compute_instance" "_9920130844994511374" {\n  desired_status = "TERMINATED"\n}'),
        (ENDPOINT, 'resource "aws_sagemaker_endpoint" "bot" {\n  count = 0\n}'),
        # a stopped machine of Azure, and a job that runs, cannot be declared
        (AZURE, None),
        ({"resource_id": "arn:aws:sagemaker:us-east-1:1:training-job/fit"}, None),
        ({"tags": {"aws:eks:cluster-name": "ml"}}, None),
    ],
)
def test_what_is_stopped(make_subject: Make, given_machine: dict[str, Any], block: str | None) -> None:
    assert stopped(make_subject(**given_machine)) == block


@pytest.mark.parametrize(
    ("given_machine", "block"),
    [
        (
            {},
            'resource "aws_instance" "i-0a1b2c3d" {\n  instance_market_options {\n    market_type = "spot"\n  }\n}',
        ),
        (NODES, 'resource "aws_eks_node_group" "gpu" {\n  capacity_type = "SPOT"\n}'),
        (
            GCP,
            'resource "google_compute_instance" "_9920130844994511374" {\n  scheduling {\n'
            '    provisioning_model          = "SPOT"\n    preemptible                 = true\n'
            '    automatic_restart           = false\n    instance_termination_action = "STOP"\n  }\n}',
        ),
        (
            GCP | {"tags": GKE},
            'resource "google_container_node_pool" "l4-pool" {\n  node_config {\n    spot = true\n  }\n}',
        ),
        (
            AZURE,
            'resource "azurerm_linux_virtual_machine" "vm-bot-01" {\n'
            '  priority        = "Spot"\n  eviction_policy = "Deallocate"\n  max_bid_price   = -1\n}',
        ),
        (ENDPOINT, None),
    ],
)
def test_spot(make_subject: Make, given_machine: dict[str, Any], block: str | None) -> None:
    assert as_spot(make_subject(**given_machine)) == block


def test_a_notebook_that_stops_by_itself(make_subject: Make) -> None:
    vertex = make_subject(**GCP | {"platform": "notebook", "resource_id": "projects/p/locations/z/instances/nb"})
    assert stops_when_idle(vertex, 60) == (
        'resource "google_workbench_instance" "nb" {\n  gce_setup {\n    metadata = {\n'
        '      "idle-timeout-seconds" = "3600"\n    }\n  }\n}'
    )
    assert stops_when_idle(make_subject(), 60) is None


def test_a_compute_of_azure_s_machine_learning(make_subject: Make) -> None:
    notebook = make_subject(provider="azure", platform="notebook", resource_id=f"{WORKSPACE}/computes/nb")
    assert 'azurerm_machine_learning_compute_instance" "nb" {\n  virtual_machine_size = "X"' in (
        resized(notebook, "X") or ""
    )


def test_without_a_block_the_evidence_says_nothing() -> None:
    assert evidence(None) == {}
    assert evidence("x") == {"terraform": "x"}


def test_names_and_values_stay_in_their_quotes() -> None:
    assert label("vm/a b") == "vm_a_b"
    assert label("9lives") == "_9lives"
    assert quoted('a"${file("/etc/passwd")}\n%{if x}') == '"a\\"$${file(\\"/etc/passwd\\")}\\n%%{if x}"'
    block = resource("aws_instance", 'x" {}\nresource "y" "z', {"instance_type": 'p"}'}, note="one\nterraform {}")
    assert block == (
        '# one terraform {}\nresource "aws_instance" "x_____resource__y___z" {\n  instance_type = "p\\"}"\n}'
    )


@given(st.text(), st.text())
def test_no_name_leaves_its_line(name: str, value: str) -> None:
    """Three lines, whatever stands in a bill, and no template."""
    lines = resource("aws_instance", name, {"instance_type": value}).split("\n")
    assert len(lines) == 3
    assert "\r" not in "".join(lines)
    assert "${" not in lines[1].replace("$${", "")
