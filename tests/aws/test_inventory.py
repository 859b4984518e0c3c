"""The listing of an account and region: machines, names, endpoints, reservations, and what cannot be asked later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws import inventory_ec2
from collectors.aws.clients import AwsClients
from collectors.aws.inventory import Inventory
from collectors.aws.inventory_bedrock import offered
from collectors.aws.questions import QUESTIONS
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError
from tests.aws.test_lives import EMPTY

Connect = Callable[..., AwsClients]
Run = Callable[..., SourceReport]
THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
ARN = "arn:aws:ec2:us-east-1:111122223333"
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"
THROUGHPUT = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:provisioned-model/abcdefghijkl"
GROUP = f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/trainers"
CLUSTER = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/prod"


@pytest.fixture
def empty(aws: Aws) -> Aws:
    """An account in which there is nothing."""
    for operation, answer in EMPTY.items():
        aws.on(operation, answer)
    aws.on("cloudtrail.LookupEvents", {"Events": []})
    aws.on("ec2.DescribeInstances", {"Reservations": []})
    aws.on("ec2.DescribeInstanceTypes", {"InstanceTypes": []})
    aws.on("sagemaker.ListTrainingJobs", {"TrainingJobSummaries": []})
    return aws


def history(store: Store) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Resource: kind, state and details of what is so now."""
    query = text(
        "SELECT resource_id, kind, state, details FROM resource_history JOIN resource USING (resource_key)"
        " WHERE valid_to IS NULL"
    )
    with store.engine.connect() as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}


def instance(name: str, **more: Any) -> dict[str, Any]:
    return {"InstanceId": name, "InstanceType": "g6f.large", "LaunchTime": THEN, "State": {"Name": "running"}} | more


def test_an_instance_says_what_it_was_started_from() -> None:
    """Its image and the version of its launch template tell a deployment from a scale-out; without one, neither."""
    tags = [
        {"Key": "aws:ec2launchtemplate:id", "Value": "lt-0a"},
        {"Key": "aws:ec2launchtemplate:version", "Value": "7"},
    ]
    place = inventory_ec2.Place(ACCOUNT, "us-east-1")
    with_both, bare = inventory_ec2.instance_rows([instance("i-1", ImageId="ami-1", Tags=tags), instance("i-2")], place)
    assert (with_both["details"]["image"], with_both["details"]["launch_template"]) == ("ami-1", "lt-0a:7")
    assert not {"image", "launch_template", "tags"} & bare["details"].keys()


def test_an_instance_says_its_tags() -> None:
    """Which group starts it again, and who wants to keep it: the bill has only the tags somebody chose for it."""
    tags = {"aws:autoscaling:groupName": "serving", "do-not-stop": "yes"}
    place = inventory_ec2.Place(ACCOUNT, "us-east-1")
    listed = instance("i-1", Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    (found,) = inventory_ec2.instance_rows([listed], place)
    assert found["details"]["tags"] == tags


def test_instances_come_with_names_fleet_and_their_part_of_an_accelerator(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    tags = [
        {"Key": "Name", "Value": "Trainer"},
        {"Key": "eks:nodegroup-name", "Value": "gpu"},
        {"Key": "eks:cluster-name", "Value": "prod"},
    ]
    card = {"Attachment": {"DeviceIndex": 0, "AttachTime": datetime(2026, 10, 1, tzinfo=UTC)}}
    one = instance(
        "i-1",
        Tags=tags,
        VpcId="vpc-1",
        PrivateIpAddress="10.0.0.1",
        PrivateDnsName="ip-10-0-0-1.ec2.internal",
        NetworkInterfaces=[card],
    )
    two = instance("i-2", Tags=[{"Key": "Name", "Value": "worker"}])
    three = instance("i-3", Tags=[{"Key": "Name", "Value": "worker"}])
    over = instance(
        "i-4", State={"Name": "terminated"}, StateTransitionReason="User initiated (2026-11-01 13:30:00 GMT)"
    )
    empty.on(
        "ec2.DescribeInstances",
        [
            {"Reservations": [{"Instances": [one, two]}], "NextToken": "more"},
            {"Reservations": [{"Instances": [two, three]}, {"Instances": [over]}]},
        ],
    )
    gpu = {"Name": "L4", "Count": 0, "LogicalGpuCount": 1, "GpuPartitionSize": 0.125}
    empty.on(
        "ec2.DescribeInstanceTypes", {"InstanceTypes": [{"InstanceType": "g6f.large", "GpuInfo": {"Gpus": [gpu]}}]}
    )

    report = run(Inventory(connect(), clock))

    assert not report.failed
    assert set(empty.operations()) - {"sts.GetCallerIdentity"} <= set(Inventory.operations)
    with database.engine.connect() as connection:
        named = connection.execute(
            text(
                "SELECT alias, resource_id, valid_from FROM resource_alias JOIN resource USING (resource_key)"
                " WHERE method = 'inventory' ORDER BY alias"
            )
        ).all()
        described = connection.execute(
            text(
                "SELECT resource_id, resource_name, fleet, account, accelerators FROM resource WHERE provider = 'aws'"
                " ORDER BY resource_id"
            )
        ).all()
        lived = connection.execute(
            text("SELECT resource_id, ended_at FROM resource_life JOIN resource USING (resource_key) ORDER BY 1")
        ).all()
    attached = datetime(2026, 10, 1, tzinfo=UTC)
    assert [tuple(row) for row in named] == [  # two carry the name worker, so that it means neither
        ("10.0.0.1", "i-1", attached),
        ("ip-10-0-0-1.ec2.internal", "i-1", attached),
        ("trainer", "i-1", attached),
    ]
    assert [(*row[:4], str(row[4])) for row in described] == [
        ("i-1", "Trainer", "prod/gpu", ACCOUNT, "0.125"),
        ("i-2", "worker", None, ACCOUNT, "0.125"),
        ("i-3", "worker", None, ACCOUNT, "0.125"),
        ("i-4", None, None, ACCOUNT, "0.125"),
    ]
    assert [tuple(row) for row in lived] == [
        ("i-1", None),
        ("i-2", None),
        ("i-3", None),
        ("i-4", datetime(2026, 11, 1, 13, 30, tzinfo=UTC)),
    ]
    assert sorted(history(database)) == ["i-1", "i-2", "i-3"]
    assert run(Inventory(connect(), clock)).requests == {"sts.GetCallerIdentity": 1}


def test_what_waits_or_lies_about_is_kept_as_it_is_now(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    reservation = {
        "CapacityReservationArn": f"{ARN}:capacity-reservation/cr-1", "State": "active", "OwnerId": ACCOUNT,
        "InstanceType": "p5.48xlarge", "TotalInstanceCount": 4, "AvailableInstanceCount": 3,
        "ReservationType": "capacity-block", "CapacityBlockId": "cb-1", "EndDate": THEN,
    }  # fmt: skip
    shared = reservation | {"OwnerId": "999", "CapacityReservationArn": f"{ARN}:capacity-reservation/cr-2"}
    over = reservation | {"State": "expired", "CapacityReservationArn": f"{ARN}:capacity-reservation/cr-3"}
    empty.on("ec2.DescribeCapacityReservations", {"CapacityReservations": [reservation, shared, over]})
    block = {"CapacityBlockId": "cb-1", "State": "active", "CapacityReservationIds": ["cr-1"], "EndDate": THEN}
    empty.on("ec2.DescribeCapacityBlocks", {"CapacityBlocks": [block]})
    tags = [{"Key": "keep", "Value": "until audit"}]
    volume = {"VolumeId": "vol-1", "State": "available", "Size": 500, "VolumeType": "gp3", "Tags": tags}
    empty.on("ec2.DescribeVolumes", {"Volumes": [volume]})
    group = {
        "AutoScalingGroupName": "trainers", "AutoScalingGroupARN": GROUP, "MinSize": 0, "MaxSize": 8,
        "DesiredCapacity": 0, "DefaultCooldown": 300, "AvailabilityZones": ["us-east-1a"], "HealthCheckType": "EC2",
        "CreatedTime": THEN,
        "MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": [{"InstanceType": "p5.48xlarge"}]}},
    }  # fmt: skip
    empty.on("autoscaling.DescribeAutoScalingGroups", {"AutoScalingGroups": [group]})
    empty.on("eks.ListClusters", {"clusters": ["prod"]})
    empty.on(
        "eks.DescribeCluster", {"cluster": {"name": "prod", "arn": CLUSTER, "status": "ACTIVE", "version": "1.34"}}
    )
    throughput = {
        "provisionedModelArn": THROUGHPUT, "provisionedModelName": "chat", "modelArn": MODEL, "desiredModelArn": MODEL,
        "foundationModelArn": MODEL, "modelUnits": 2, "desiredModelUnits": 3, "status": "InService",
        "commitmentDuration": "OneMonth", "commitmentExpirationTime": THEN, "creationTime": THEN,
        "lastModifiedTime": THEN,
    }  # fmt: skip
    empty.on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": [throughput]})

    run(Inventory(connect(), clock))

    found = history(database)
    assert sorted(found) == sorted([
        f"{ARN}:capacity-block/cb-1", f"{ARN}:capacity-reservation/cr-1", GROUP, CLUSTER, THROUGHPUT, "vol-1",
    ])  # fmt: skip
    kind, state, details = found[f"{ARN}:capacity-reservation/cr-1"]
    assert (kind, state) == ("capacity_reservation", "active")
    assert (details["total"], details["available"], details["accelerators"]) == (4, 3, "8")
    assert details["capacity_block"] == "cb-1"
    kept = {"size_gib": 500, "volume_type": "gp3", "tags": {"keep": "until audit"}}
    assert found["vol-1"] == ("ebs_volume", "available", kept)
    assert found[GROUP][2]["instance_types"] == ["p5.48xlarge"]
    assert found[THROUGHPUT][1:] == (
        "InService",
        {
            "name": "chat", "model": MODEL, "foundation_model": MODEL, "model_units": 2, "desired_model_units": 3,
            "commitment": "OneMonth", "commitment_ends_at": "2026-11-01T12:00:00+00:00",
            "created_at": "2026-11-01T12:00:00+00:00",
        },
    )  # fmt: skip


def test_an_endpoints_machines_are_those_of_its_configuration_and_pools(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    def described(asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["EndpointName"]
        if name == "gone":
            raise RefusalError("ValidationException", "Could not find endpoint")
        variant: dict[str, Any] = {"VariantName": "main", "CurrentInstanceCount": 3, "DesiredInstanceCount": 4}
        if name == "pools":
            pools = [
                {"InstanceType": "ml.g6.xlarge", "CurrentInstanceCount": 2},
                {"InstanceType": "ml.g5.xlarge", "CurrentInstanceCount": 0},
            ]
            variant = {"VariantName": "main", "InstancePools": pools}
        return {
            "EndpointName": name, "EndpointArn": f"{SAGEMAKER}:endpoint/{name}", "EndpointConfigName": f"{name}-1",
            "EndpointStatus": "InService", "CreationTime": THEN, "LastModifiedTime": THEN,
            "ProductionVariants": [variant],
        }  # fmt: skip

    def configured(asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["EndpointConfigName"]
        if name == "deleted-1":
            raise RefusalError("ValidationException", "Could not find endpoint configuration")
        variant: dict[str, Any] = {"VariantName": "main", "ModelName": "llama", "InstanceType": "ml.g5.12xlarge"}
        if name == "pools-1":
            variant = {"VariantName": "main", "InstancePools": [{"InstanceType": "ml.g6.xlarge", "Priority": 1}]}
        return {
            "EndpointConfigName": name, "EndpointConfigArn": f"{SAGEMAKER}:endpoint-config/{name}",
            "ProductionVariants": [variant], "CreationTime": THEN,
        }  # fmt: skip

    summary = {
        "EndpointArn": f"{SAGEMAKER}:endpoint/x",
        "CreationTime": THEN,
        "LastModifiedTime": THEN,
        "EndpointStatus": "InService",
    }
    pages = [[{"EndpointName": name} | summary for name in names] for names in (("chat", "pools"), ("deleted", "gone"))]
    empty.on("sagemaker.ListEndpoints", [{"Endpoints": pages[0], "NextToken": "more"}, {"Endpoints": pages[1]}])
    empty.on("sagemaker.DescribeEndpoint", described)
    empty.on("sagemaker.DescribeEndpointConfig", configured)
    component = {
        "InferenceComponentName": "a", "InferenceComponentArn": f"{SAGEMAKER}:inference-component/a",
        "EndpointName": "chat", "EndpointArn": f"{SAGEMAKER}:endpoint/chat", "VariantName": "main",
        "CreationTime": THEN, "LastModifiedTime": THEN, "InferenceComponentStatus": "InService",
    }  # fmt: skip
    needs = {"NumberOfAcceleratorDevicesRequired": 2.0, "MinMemoryRequiredInMb": 1024}
    empty.on("sagemaker.ListInferenceComponents", {"InferenceComponents": [component]})
    empty.on(
        "sagemaker.DescribeInferenceComponent",
        component
        | {
            "Specification": {"ModelName": "llama", "ComputeResourceRequirements": needs},
            "RuntimeConfig": {"DesiredCopyCount": 2, "CurrentCopyCount": 1},
        },
    )
    notebook = {
        "NotebookInstanceName": "nb", "NotebookInstanceArn": f"{SAGEMAKER}:notebook-instance/nb",
        "NotebookInstanceStatus": "InService", "InstanceType": "ml.g5.xlarge",
    }  # fmt: skip
    empty.on("sagemaker.ListNotebookInstances", {"NotebookInstances": [notebook]})

    run(Inventory(connect(), clock))

    found = history(database)
    assert found[f"{SAGEMAKER}:endpoint/chat"][2]["variants"] == [
        {
            "variant": "main", "model": "llama", "instance_type": "ml.g5.12xlarge", "instances": 3,
            "desired_instances": 4, "accelerators_per_instance": "4",
        }
    ]  # fmt: skip
    assert found[f"{SAGEMAKER}:endpoint/pools"][2]["variants"][0]["pools"] == [
        {"instance_type": "ml.g6.xlarge", "instances": 2},
        {"instance_type": "ml.g5.xlarge", "instances": 0},
    ]
    unknown = found[f"{SAGEMAKER}:endpoint/deleted"][2]["variants"][0]
    assert "instance_type" not in unknown, "machines of a deleted configuration are unknown"
    assert f"{SAGEMAKER}:endpoint/gone" not in found
    shared = found[f"{SAGEMAKER}:inference-component/a"][2]
    assert (shared["accelerators_per_copy"], shared["copies"], shared["desired_copies"]) == (2.0, 1, 2)
    assert found[f"{SAGEMAKER}:notebook-instance/nb"][:2] == ("sagemaker_notebook", "InService")


def test_a_part_that_is_denied_is_a_remark_and_keeps_what_was_known(
    empty: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    clients = connect()
    empty.on("ec2.DescribeVolumes", {"Volumes": [{"VolumeId": "vol-1", "State": "available", "Size": 5}]})
    run(Inventory(clients, clock))
    empty.on("ec2.DescribeVolumes", [RefusalError("UnauthorizedOperation", status=403)])

    report = run(Inventory(clients, lambda: datetime(2026, 11, 21, 7, tzinfo=UTC)))

    assert not report.failed
    assert report.slices[0].notes == ("EBS volumes is unknown: the permission is missing (UnauthorizedOperation).",)
    assert "vol-1" in history(database)
    for operation in QUESTIONS.keys() - empty.answers.keys():
        empty.on(operation, [RefusalError("ValidationException", "there is none of this name")])
    findings = list(Inventory(clients, clock).examine())
    assert [one.state for one in findings] == ["good"]
    empty.on("cloudtrail.LookupEvents", [RefusalError("AccessDeniedException")])
    findings = list(Inventory(clients, clock).examine())
    assert [one.state for one in findings] == ["good", "note"]
    assert "the event history is unknown" in findings[1].what
    empty.on("ec2.DescribeInstances", [RefusalError("UnauthorizedOperation", status=403)])
    *_, last = Inventory(clients, clock).examine()
    assert (last.state, last.what) == ("broken", "the permission ec2:DescribeInstances is missing")


def test_a_region_that_is_not_enabled_is_a_remark(empty: Aws, connect: Connect, clock: Clock, run: Run) -> None:
    for operation in [*empty.answers]:
        if not operation.startswith("sts."):
            empty.on(operation, [RefusalError("UnrecognizedClientException")])

    report = run(Inventory(connect(), clock))

    assert not report.failed
    (listing,) = report.slices
    assert all("the region is not enabled" in note for note in listing.notes)


def test_where_nothing_may_be_read_the_source_fails(empty: Aws, connect: Connect, clock: Clock, run: Run) -> None:
    for operation in [*empty.answers]:
        if not operation.startswith("sts."):
            empty.on(operation, [RefusalError("AccessDeniedException", status=403)])

    report = run(Inventory(connect(), clock))
    assert "denies DescribeInstances" in str(report.error)


def test_a_region_without_bedrock_is_not_asked_for_it() -> None:
    assert offered("bedrock", "us-east-1")
    assert not offered("bedrock", "us-gov-east-9")


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def test_moto_agrees_about_instances_and_their_types(moto: str, aws: Aws, connect: Connect) -> None:
    ec2: Any = connect(endpoint_url=moto).client("ec2", region="us-east-1")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    for machine in ("g6f.large", "p5.48xlarge", "inf2.xlarge", "m5.large"):
        ec2.run_instances(ImageId=image, InstanceType=machine, MinCount=1, MaxCount=1)

    # moto takes no * in this filter
    everything = inventory_ec2.instances(ec2.get_paginator("describe_instances").paginate())
    found = [one for one in everything if inventory_ec2.accelerated(one["InstanceType"])]
    types = inventory_ec2.hardware(inventory_ec2.type_pages(ec2, {one["InstanceType"] for one in found}))

    assert {name: str(one.accelerators) for name, one in types.items()} == {
        "g6f.large": "0.125",
        "p5.48xlarge": "8",
        "inf2.xlarge": "1",
    }
    for one in found:
        held = {name.alias for name in inventory_ec2.held_names(one, inventory_ec2.Place(ACCOUNT, "us-east-1"))}
        assert held == {one["PrivateDnsName"], one["PrivateIpAddress"]}
