"""Which types zones offer and what quotas grant: as AWS tells each account of each region."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.aws.clients import AwsClients
from collectors.aws.inventory_ec2 import Place
from collectors.aws.offerings import Offerings, asked_types, covered, offering_rows, quota_rows
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError

Run = Callable[..., SourceReport]
HERE = Place(ACCOUNT, "us-east-1")


def zones(instance_type: str, *names: str, after: str = "") -> dict[str, Any]:
    """A page that names the zones of one type."""
    found = [{"InstanceType": instance_type, "LocationType": "availability-zone", "Location": name} for name in names]
    return {"InstanceTypeOfferings": found, **({"NextToken": after} if after else {})}


def limit(code: str, name: str, value: float) -> dict[str, Any]:
    """A quota of EC2 as Service Quotas lists it."""
    return {"ServiceCode": "ec2", "QuotaCode": code, "QuotaName": name, "Value": value, "Unit": "None"}


QUOTAS = [
    limit("L-DB2E81BA", "Running On-Demand G and VT instances", 64.0),
    limit("L-417A185B", "Running On-Demand P instances", 0.0),
    limit("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", 96.0),
    limit("L-C4BD4855", "All P5 Spot Instance Requests", 192.0),
    limit("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 512.0),
    limit("L-86A789C3", "Running Dedicated p4d Hosts", 1.0),
    limit("L-43DA4232", "Running On-Demand High Memory instances", 448.0),
    limit("L-0263D0A3", "EC2-VPC Elastic IPs", 5.0),
]


@pytest.fixture
def make(aws: Aws, connect: Callable[..., AwsClients], clock: Clock) -> Callable[..., Offerings]:
    aws.on("ec2.DescribeInstanceTypeOfferings", zones("g6.xlarge", "us-east-1a", "us-east-1b"))
    aws.on("service-quotas.ListServiceQuotas", {"Quotas": QUOTAS})
    return lambda **settings: Offerings(connect(**settings), clock)


def table(database: Store, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_types_are_kept_with_their_zones_and_those_nobody_offers_with_none(
    aws: Aws, make: Callable[..., Offerings], run: Run, database: Store, clock: Clock
) -> None:
    aws.on(
        "ec2.DescribeInstanceTypeOfferings",
        [zones("g6.xlarge", "us-east-1b", after="2"), zones("g6.xlarge", "us-east-1a")],
    )
    assert not run(make()).failed

    kept = "SELECT zones, as_of, account, region, source FROM type_offering WHERE instance_type = '{}'"
    of_us = (clock(), ACCOUNT, "us-east-1", "aws/offerings")
    assert table(database, kept.format("g6.xlarge")) == [(["us-east-1a", "us-east-1b"], *of_us)]
    assert table(database, kept.format("p5.48xlarge")) == table(database, kept.format("m8g.4xlarge")) == [([], *of_us)]
    assert table(database, kept.format("m7i.4xlarge")) == [], "what was not asked for has no row"
    asked = aws.calls[-2][1] if aws.calls[-1][0].startswith("service-quotas") else aws.calls[-1][1]
    assert asked["LocationType"] == "availability-zone"
    assert {"g6.*", "p5.*", "trn2.*", "m8g.*"} <= set(asked["Filters"][0]["Values"])


def test_quotas_are_of_vcpus_at_once_by_families(make: Callable[..., Offerings], run: Run, database: Store) -> None:
    run(make())
    columns = "code, purchase, granted, used, unit, covers[1:3]"
    assert table(database, f"SELECT {columns} FROM quota ORDER BY code") == [
        ("L-1216C47A", "on_demand", Decimal(512), None, "vCPU", ["a[0-9]*", "c[0-9]*", "d[0-9]*"]),
        ("L-417A185B", "on_demand", Decimal(0), None, "vCPU", ["p[0-9]*"]),
        ("L-7212CCBC", "spot", Decimal(96), None, "vCPU", ["p4*", "p3*", "p2*"]),
        ("L-C4BD4855", "spot", Decimal(192), None, "vCPU", ["p5*"]),
        ("L-DB2E81BA", "on_demand", Decimal(64), None, "vCPU", ["g[0-9]*", "gr[0-9]*", "vt[0-9]*"]),
    ]


def test_a_day_is_asked_once_and_a_later_answer_takes_the_place_of_the_first(
    aws: Aws,
    make: Callable[..., Offerings],
    connect: Callable[..., AwsClients],
    run: Run,
    database: Store,
    clock: Clock,
) -> None:
    run(make())
    aws.calls.clear()
    assert run(make()).loaded == 0
    assert aws.operations() == ["sts.GetCallerIdentity"]

    aws.on("ec2.DescribeInstanceTypeOfferings", zones("g5.xlarge", "us-east-1c"))
    run(Offerings(connect(), lambda: clock() + timedelta(days=1)))
    kept = "SELECT instance_type, zones FROM type_offering WHERE instance_type IN ('g5.xlarge', 'g6.xlarge') ORDER BY 1"
    assert table(database, kept) == [("g5.xlarge", ["us-east-1c"]), ("g6.xlarge", [])], "it is withdrawn"


def test_an_answer_that_names_nothing_is_taken_for_none(
    aws: Aws, make: Callable[..., Offerings], run: Run, database: Store
) -> None:
    aws.on("ec2.DescribeInstanceTypeOfferings", {"InstanceTypeOfferings": []})
    report = run(make())
    assert [note for one in report.slices for note in one.notes] == [
        "us-east-1: AWS names no zone for any type, so which are offered is unknown."
    ]
    assert table(database, "SELECT count(*) FROM type_offering") == [(0,)]


def test_quotas_that_may_not_be_read_are_a_remark(
    aws: Aws, make: Callable[..., Offerings], run: Run, database: Store
) -> None:
    aws.on("service-quotas.ListServiceQuotas", [RefusalError("AccessDeniedException", "no")])
    report = run(make())
    assert not report.failed
    assert [note for one in report.slices for note in one.notes] == [
        "us-east-1: How much its quotas grant is unknown: the permission is missing (AccessDeniedException)."
    ]
    assert table(database, "SELECT count(*) > 100 FROM type_offering") == [(True,)]
    assert table(database, "SELECT count(*) FROM quota") == [(0,)]


def test_a_closed_region_is_asked_again_by_the_next_run_and_stops_no_other(
    aws: Aws, make: Callable[..., Offerings], run: Run, database: Store
) -> None:
    def closed(_asked: dict[str, Any]) -> dict[str, Any]:
        if aws.calls[-1][2] == "me-south-1":
            raise RefusalError("OptInRequired", status=401)
        return {"Quotas": QUOTAS} if aws.calls[-1][0].startswith("service") else zones("g6.xlarge", "us-east-1a")

    for operation in ("ec2.DescribeInstanceTypeOfferings", "service-quotas.ListServiceQuotas"):
        aws.on(operation, closed)
    report = run(make(regions=("me-south-1", "us-east-1")))
    assert not report.failed
    assert table(database, "SELECT DISTINCT region FROM type_offering") == [("us-east-1",)]
    aws.calls.clear()
    again = run(make(regions=("me-south-1", "us-east-1")))
    assert (again.loaded, again.unchanged) == (1, 1)
    assert {call[2] for call in aws.calls if not call[0].startswith("sts")} == {"me-south-1"}


def test_every_account_is_asked_in_its_own_name_and_one_that_cannot_be_entered_is_said_once(
    aws: Aws, make: Callable[..., Offerings], run: Run, database: Store
) -> None:
    aws.on("sts.AssumeRole", [RefusalError("AccessDenied", "no", status=403)])
    settings = {"accounts": (ACCOUNT, "444455556666"), "member_role": "aispend-read"}
    report = run(make(**settings, regions=("us-east-1", "us-west-2")))
    assert not report.failed
    notes = [note for one in report.slices for note in one.notes]
    assert notes == ["444455556666 is unknown: its role cannot be taken on."]
    assert table(database, "SELECT DISTINCT account FROM quota") == [(ACCOUNT,)]


def test_without_an_answer_anywhere_the_source_fails_and_names_the_permission(
    aws: Aws, make: Callable[..., Offerings], run: Run
) -> None:
    for operation in ("ec2.DescribeInstanceTypeOfferings", "service-quotas.ListServiceQuotas"):
        aws.on(operation, [RefusalError("UnauthorizedOperation", "no", status=403)])
    report = run(make())
    assert report.failed
    assert "AWS denies DescribeInstanceTypeOfferings" in str(report.error)


def test_a_quota_without_a_value_is_unknown(clock: Clock) -> None:
    told = {name: value for name, value in QUOTAS[0].items() if name != "Value"}
    assert quota_rows([{"Quotas": [told]}], HERE, clock()) == []


@given(st.text(max_size=30))
def test_a_name_is_either_explained_by_letters_or_covers_nothing(name: str) -> None:
    for pattern in covered(name):
        assert pattern[0].isalpha()
        assert pattern != "*"


def test_every_type_that_is_asked_for_is_told_of(clock: Clock) -> None:
    asked = asked_types()
    rows = offering_rows([zones("x9.huge", "us-east-1a")], asked, HERE, clock())
    named = {name for types in asked.values() for name in types}
    assert {row["instance_type"] for row in rows} == {*named, "x9.huge"}
    assert {"g6.xlarge", "p5.48xlarge", "inf2.xlarge", "c8g.xlarge"} <= named
