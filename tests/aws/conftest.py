"""The double, clients that talk to it, and collecting into a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from aispend.connections import AwsConnection
from collectors.aws.clients import AwsClients
from tests.aws.double import Aws, serving
from tests.clouds import running

ACCOUNT = "111122223333"

run = running.run


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The double, serving; credentials are in the environment, as in real life."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    double = Aws()
    double.on(
        "sts.GetCallerIdentity",
        {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/aispend", "UserId": "AIDATEST"},
    )
    with serving(double):
        yield double
    assert not double.defects, double.defects[0]


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """One for all tests: reading the description of a service takes longer than most tests."""
    return boto3.Session(aws_access_key_id="AKIATEST", aws_secret_access_key="not-a-secret")


@pytest.fixture
def connect(aws: Aws, session: boto3.Session) -> Callable[..., AwsClients]:
    """Clients of a connection to the double, with the settings given."""

    def connected(**settings: Any) -> AwsClients:
        given = {"endpoint_url": aws.url, "regions": ("us-east-1",)} | settings
        return AwsClients(AwsConnection.model_validate(given), session=session)

    return connected
