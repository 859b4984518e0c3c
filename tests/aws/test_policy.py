"""What a company must grant: exactly what the collectors declare, and only to read."""

from __future__ import annotations

import json

import botocore.session
import pytest

from aispend.connections import AwsConnection
from collectors.aws.clients import partition_of
from collectors.aws.cloud import Aws
from collectors.aws.policy import actions, policy, terraform


def test_the_policy_grants_each_declared_action_and_nothing_else() -> None:
    operations = [one for collector in Aws().collectors().values() for one in collector.operations]
    document = policy(AwsConnection(), operations)

    granted = {one for statement in document["Statement"] for one in statement["Action"]}
    assert granted == {*actions(operations), "ec2:DescribeRegions"}
    assert not any("*" in one for one in granted)


def test_buckets_of_the_settings_are_the_only_ones_granted() -> None:
    connection = AwsConnection.model_validate(
        {"export": [{"bucket": "bills", "prefix": "exports", "name": "focus"}], "member_role": "aispend-read"}
    )
    document = policy(connection, ["s3.GetObject", "s3.HeadObject", "sts.GetCallerIdentity"])

    assert document["Statement"] == [
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Action": ["ec2:DescribeRegions", "organizations:ListAccounts"],
            "Resource": "*",
        },
        {
            "Sid": "Bills",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::bills", "arn:aws:s3:::bills/exports/focus/*"],
        },
        {
            "Sid": "Members",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": "arn:aws:iam::*:role/aispend-read",
        },
    ]


def test_terraform_holds_the_same_document() -> None:
    document = policy(AwsConnection(), ["ce.GetCostAndUsage"])
    text = terraform(document)

    inside = text.split("<<-POLICY")[1].split("  POLICY")[0]
    assert json.loads(inside) == document


@pytest.mark.parametrize(("home", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_another_partition_has_arns_of_its_own(home: str, partition: str) -> None:
    given = {"home_region": home, "member_role": "reader"}
    connection = AwsConnection.model_validate(given | {"export": [{"bucket": "bills", "name": "focus"}]})
    for one in (connection, AwsConnection.model_validate(given)):
        written = json.dumps(policy(one, ["s3.GetObject"]))
        assert f"arn:{partition}:s3:::" in written
        assert f"arn:{partition}:iam::*:role/reader" in written
        assert "arn:aws:" not in written


def test_partitions_are_those_the_sdk_knows() -> None:
    session = botocore.session.get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ec2", partition_name=partition):
            assert partition_of(region) == partition
