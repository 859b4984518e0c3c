"""What the doctor says of a connection: good, to know, or broken with the one permission that is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.connections import AwsConnection
from aispend.settings import Settings
from aispend.store import Store, collections
from collectors.aws.base import actions_for
from collectors.aws.clients import AwsClients
from collectors.aws.cloud import Aws as Cloud
from collectors.aws.questions import QUESTIONS
from collectors.doctor import Diagnosis, diagnose
from tests.aws.double import Aws, RefusalError

Connect = Callable[..., AwsClients]
Diagnose = Callable[..., list[Diagnosis]]
MODIFIED = datetime(2026, 11, 19, 20, tzinfo=UTC)


@pytest.fixture
def look(aws: Aws, database: Store, store_settings: Settings, clock: Clock) -> Diagnose:
    def looked(**given: Any) -> list[Diagnosis]:
        values = {"endpoint_url": aws.url, "regions": ("us-east-1",), "collect": ("bills",)} | given
        connection = AwsConnection.model_validate(values)
        return diagnose(store_settings.model_copy(update={"aws": (connection,)}), database, clock, cloud="aws")

    return looked


EXPORT = {"bucket": "bills", "name": "focus", "region": "us-east-1"}


def head(modified: datetime) -> dict[str, Any]:
    return {"ETag": '"1"', "ContentLength": 10, "LastModified": modified}


def test_a_good_connection_says_so_and_when_it_was_collected(aws: Aws, look: Diagnose, database: Store) -> None:
    aws.on("s3.HeadObject", head(MODIFIED))
    assert [(one.source, one.state, one.what) for one in look(export=[EXPORT])] == [
        ("aws", "good", "signed in to account 111122223333; 1 account(s) and 1 region(s) to read"),
        ("aws/bills", "good", "export focus in bills: 2026-11 was delivered 2026-11-19 20:00 UTC"),
        ("aws/bills", "note", "never collected"),
    ]
    with database.engine.begin() as connection:
        collections.remember(connection, "aws/bills", "focus 2026-11", "1", rows=4, now=MODIFIED)
        collections.remember_failure(
            connection, "aws/bills", "focus 2026-10", outcome="failed", message="torn\nrest", now=MODIFIED
        )
    last = look(export=[EXPORT])[-2:]
    assert [(one.state, one.what) for one in last] == [
        ("good", "collected 2026-11-19 20:00 UTC"),
        ("broken", "focus 2026-10: failed: torn"),
    ]


def test_the_missing_permission_is_named(aws: Aws, look: Diagnose) -> None:
    aws.on("s3.HeadObject", [RefusalError("AccessDenied", status=403)])
    found = [one for one in look(export=[EXPORT]) if one.state == "broken"]
    assert [(one.what, one.next_step) for one in found] == [
        (
            "the permission s3:GetObject or s3:ListBucket is missing",
            "Grant s3:GetObject or s3:ListBucket: aispend policy aws prints the policy.",
        )
    ]
    aws.on("bcm-data-exports.ListExports", [RefusalError("AccessDeniedException")])
    (found_now,) = [one for one in look() if one.state == "broken"]
    assert found_now.what == "the permission bcm-data-exports:ListExports is missing"


def test_an_export_that_was_never_delivered_is_no_fault_yet(aws: Aws, look: Diagnose) -> None:
    aws.on("s3.HeadObject", [RefusalError("404", status=404)])
    (one,) = [one for one in look(export=[EXPORT]) if "focus" in one.what]
    assert (one.state, one.what) == ("note", "export focus in bills: nothing was delivered yet")
    assert "24 hours" in one.next_step


def test_credentials_that_do_not_work_end_the_examination(aws: Aws, look: Diagnose) -> None:
    aws.on("sts.GetCallerIdentity", [RefusalError("ExpiredToken", status=403)])
    (one,) = look()
    assert (one.state, one.what) == ("broken", "The AWS credentials have expired: GetCallerIdentity: ExpiredToken")
    assert "aws sso login" in one.next_step


def test_without_a_connection_the_way_to_one_is_said(database: Store, store_settings: Settings, clock: Clock) -> None:
    (one,) = diagnose(store_settings, database, clock)
    assert (one.source, one.state) == ("clouds", "note")


COLLECTORS = Cloud().collectors()
PROVED = ("commitments", "invoices", "offerings", "prices", "spot", "usage", "utilization")
_FREE = {"GetCallerIdentity", "DescribeRegions"}


@pytest.mark.parametrize("name", PROVED)
def test_the_doctor_proves_each_permission_it_can_prove_for_nothing(
    name: str, aws: Aws, connect: Connect, clock: Clock
) -> None:
    """What no question is known for needs no permission, or is asked with another one of its service."""
    collector = COLLECTORS[name]
    needed = {operation for operation in collector.operations if operation.partition(".")[2] not in _FREE}
    for operation in needed:
        aws.on(operation, [RefusalError("AccessDeniedException", "no")])
    found = [one.what for one in collector(connect(), clock).examine() if one.state == "broken"]
    named = {actions_for(operation)[0] for operation in needed}
    assert {action for action in named if not any(action in one for one in found)} == set()
    assert not any("can be read" in one for one in found)


@pytest.mark.parametrize("name", PROVED)
def test_the_doctor_says_good_where_what_it_names_is_not_there(
    name: str, aws: Aws, connect: Connect, clock: Clock
) -> None:
    """Nothing has the names that are asked for, which only one who may ask is told."""
    for operation in QUESTIONS:
        code = "DryRunOperation" if operation.startswith("ec2.") else "ResourceNotFoundException"
        aws.on(operation, [RefusalError(code, "no")])
    found = list(COLLECTORS[name](connect(), clock).examine())
    assert any(one.state == "good" and one.what.startswith("can be read") for one in found)
