"""What names and controllers in the bill say of a machine's stage, where neither tag, platform nor telemetry does."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from analyzer.stage_signals import Signal, stage_of
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger

D = Decimal
MODEL = {"model": "chat", "team": "search"}


@pytest.mark.parametrize(
    ("tags", "stage", "method"),
    [
        ({"Name": "llm-serving-07"}, "inference_online", "name: serving"),
        ({"user:Name": "ChatServe2"}, "inference_online", "name: serve"),
        ({"aws:autoscaling:groupName": "prod_Training-asg"}, "training", "name: training"),
        ({"app": "fine-tuner", "role": "fine_tuning"}, "fine_tuning", "name: fine tuning"),
        ({"Name": "train-sft-3"}, "fine_tuning", "name: sft"),
        ({"Name": "nightly-eval"}, "evaluation", "name: eval"),
        ({"Name": "batch-inference"}, "inference_batch", "name: batch inference"),
        ({"component": "jupyterhub"}, "notebook", "name: jupyterhub"),
        ({"k8s-namespace": "feature-engineering"}, "data", "name: feature engineering"),
        ({"aws:eks:workload-type": "ReplicaSet"}, "inference_online", "controller: replicaset"),
        ({"aws_eks_workload_type": "Deployment"}, "inference_online", "controller: deployment"),
        ({"aws_autoscaling_group_name": "training-asg"}, "training", "name: training"),
        ({"k8s-workload-type": "batch/v1-Job"}, "training", "controller: job"),
        ({"k8s-workload-type": "batch/v1-Job", "k8s-workload-name": "eval-4"}, "evaluation", "controller: job, eval"),
        ({"aws:eks:workload-type": "Deployment", "app": "serving"}, "inference_online", "controller: deployment"),
    ],
)
def test_what_a_bill_says_of_a_machine(tags: Mapping[str, str], stage: str, method: str) -> None:
    found = stage_of((), tags)
    assert found is not None
    assert (found.stage, found.method) == (stage, method)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"Name": "gpu-node-17"},
        {"Name": "trainline-website"},  # a word in a word says nothing
        {"Name": "batch-7"},  # what is worked off in batches may be trained as well
        {"Name": "train-and-serve"},  # two stages
        {"Name": "serving-1", "role": "evaluation"},
        {"aws:eks:workload-type": "DaemonSet"},
        {"aws:eks:workload-type": "Deployment", "app": "trainer"},
        {"aws:eks:workload-type": "Job", "app": "serving"},
        {"description": "was used for training before"},
        {"aws:ec2:spot": "true", "purchase": "spot"},
    ],
)
def test_what_says_nothing_sure_is_left_unknown(tags: Mapping[str, str]) -> None:
    assert stage_of((), tags) is None


def test_names_of_the_machine_and_its_fleet_count_like_tags() -> None:
    assert stage_of(("gpu-serving", None, "i-0abc"), {}) == Signal("inference_online", "name: serving", D("0.55"))


def stages(ledger: Ledger) -> dict[tuple[str, str, Decimal], Decimal]:
    return ledger.shares("stage", "t.method", "confidence")


def test_a_tagged_machine_without_stage_and_telemetry_gets_it_from_its_name(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "60", resource_id="i-1", gpus=8, tags=MODEL | {"Name": "chat-serving-1"}, **GPU_HOUR)
    ledger.charge("2026-10-05", "30", resource_id="i-2", gpus=8, tags=MODEL | {"Name": "gpu-2"}, **GPU_HOUR)
    ledger.charge("2026-10-05", "9", resource_id="i-3", fleet="vision-train", gpus=8, tags=MODEL, **GPU_HOUR)
    ledger.charge("2026-10-05", "7", resource_id="bucket", tags={"Name": "train"}, is_ai=False, service_name="S3")
    ledger.attribute()
    known = "model=tag:model; team=tag:team"
    assert stages(ledger) == {
        ("inference_online", f"{known}; stage=name: serving", D("0.55")): D(60),
        ("unknown", known, D("0.9")): D(30),
        ("training", f"{known}; stage=name: train", D("0.55")): D(9),
        ("unknown", "none", D(0)): D(7),
    }
    ledger.assert_conserved()


def test_rules_tags_siblings_and_telemetry_come_first(ledger: Ledger) -> None:
    """A stage tag, a tagged machine of the fleet, a controller seen at work, a rule."""
    name = {"Name": "chat-serving"}
    ledger.charge("2026-10-05", "1", resource_id="i-1", gpus=8, tags=name | {"stage": "training"}, **GPU_HOUR)
    ledger.charge("2026-10-05", "2", resource_id="i-2", fleet="a", gpus=8, tags={"stage": "evaluation"}, **GPU_HOUR)
    ledger.charge("2026-10-05", "4", resource_id="i-3", fleet="a", gpus=8, tags=name, **GPU_HOUR)
    ledger.charge("2026-10-05", "8", resource_id="i-4", gpus=8, tags=name, **GPU_HOUR)
    ledger.charge("2026-10-05", "16", resource_id="i-5", gpus=8, tags=name, **GPU_HOUR)
    ledger.workload("all", "i-4", "w", requested=8, kind="notebook", model="chat")
    rule = {"name": "five", "match": {"resource_id": "i-5"}, "set": {"stage": "data"}}
    ledger.attribute(rule=[rule])
    assert ledger.shares("stage") == {
        "training": D(1),
        "evaluation": D(6),
        "notebook": D(8),
        "data": D(16),
    }
