"""Commitments as AWS lists them, with hand-computed money and nothing guessed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.connections import AwsConnection
from aispend.store import Store
from collectors.aws.clients import AwsClients
from collectors.aws.commitments import Commitments
from collectors.aws.policy import policy
from collectors.runner import SourceReport
from tests.aws.conftest import ACCOUNT
from tests.aws.double import Aws, RefusalError

D = Decimal
PLAN = {
    "savingsPlanId": "sp-1",
    "savingsPlanArn": f"arn:aws:savingsplans::{ACCOUNT}:savingsplan/sp-1",
    "start": "2026-01-01T00:00:00.000Z",
    "end": "2026-12-31T23:59:59.000Z",
    "state": "active",
    "savingsPlanType": "SageMaker",
    "paymentOption": "Partial Upfront",
    "currency": "USD",
    "commitment": "10.5",
    "upfrontPaymentAmount": "45990.0",
    "recurringPaymentAmount": "5.25",
    "termDurationInSeconds": 31_536_000,
}
RESERVED = {
    "ReservedInstancesId": "ri-1",
    "InstanceType": "p4d.24xlarge",
    "InstanceCount": 3,
    "FixedPrice": 1000.1,
    "UsagePrice": 0.0,
    "RecurringCharges": [{"Amount": 12.3, "Frequency": "Hourly"}],
    "Start": datetime(2026, 3, 1, tzinfo=UTC),
    "End": datetime(2027, 3, 1, tzinfo=UTC),
    "Duration": 31_536_000,
    "OfferingClass": "standard",
    "OfferingType": "Partial Upfront",
    "ProductDescription": "Linux/UNIX",
    "CurrencyCode": "USD",
    "Scope": "Region",
    "State": "active",
}
BLOCK = {
    "CapacityReservationId": "cr-1",
    "CapacityReservationArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:capacity-reservation/cr-1",
    "OwnerId": ACCOUNT,
    "InstanceType": "p5.48xlarge",
    "TotalInstanceCount": 4,
    "ReservationType": "capacity-block",
    "StartDate": datetime(2026, 11, 20, 11, 30, tzinfo=UTC),
    "EndDate": datetime(2026, 11, 27, 11, 30, tzinfo=UTC),
    "AvailabilityZone": "us-east-1a",
    "State": "active",
}
ON_DEMAND = BLOCK | {"CapacityReservationArn": "arn:of:another", "ReservationType": "default"}
THROUGHPUT = {
    "provisionedModelName": "chat",
    "provisionedModelArn": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:provisioned-model/pm1",
    "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2",
    "desiredModelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2",
    "foundationModelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2",
    "modelUnits": 2,
    "desiredModelUnits": 2,
    "status": "InService",
    "commitmentDuration": "SixMonths",
    "commitmentExpirationTime": datetime(2027, 5, 1, tzinfo=UTC),
    "creationTime": datetime(2026, 11, 1, tzinfo=UTC),
    "lastModifiedTime": datetime(2026, 11, 1, tzinfo=UTC),
}
Run = Callable[..., SourceReport]


@pytest.fixture
def make(aws: Aws, connect: Callable[..., AwsClients], clock: Clock) -> Callable[..., Commitments]:
    """A collector whose account has one of each."""
    aws.on("savingsplans.DescribeSavingsPlans", {"savingsPlans": [PLAN]})
    aws.on("ec2.DescribeReservedInstances", {"ReservedInstances": [RESERVED]})
    aws.on("ec2.DescribeCapacityReservations", {"CapacityReservations": [BLOCK, ON_DEMAND]})
    aws.on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": [THROUGHPUT]})
    return lambda **settings: Commitments(connect(**settings), clock)


def rows(database: Store) -> dict[str, dict[str, Any]]:
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM commitment_term ORDER BY kind")).mappings()
        return {row["kind"]: dict(row) for row in found}


def test_each_kind_is_written_with_its_terms_and_no_guess(
    aws: Aws, make: Callable[..., Commitments], run: Run, database: Store
) -> None:
    report = run(make())
    found = rows(database)
    assert not report.failed
    assert set(found) == {"savings_plan", "reservation", "capacity_block", "provisioned_throughput"}

    plan = found["savings_plan"]
    assert plan["commitment_id"] == f"arn:aws:savingsplans::{ACCOUNT}:savingsplan/sp-1"
    assert (plan["hourly_commitment"], plan["upfront"], plan["recurring_hourly"]) == (D("10.5"), D(45990), D("5.25"))
    assert plan["owner_account"] == ACCOUNT
    assert plan["benefits"] is None, "whether the organisation shares it is not listed"
    assert plan["ends_at"] == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (plan["region"], plan["instance_type"], plan["quantity"]) == (None, None, None)

    reserved = found["reservation"]
    assert reserved["commitment_id"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:reserved-instances/ri-1"
    # three of 1000.10 at once and three of 12.30 an hour
    assert (reserved["upfront"], reserved["recurring_hourly"]) == (D("3000.3"), D("36.9"))
    assert reserved["description"] == "3 p4d.24xlarge, standard, Linux/UNIX, us-east-1"

    block = found["capacity_block"]
    assert (block["quantity"], block["upfront"]) == (4, None), "no listing gives what a block cost"
    assert block["ends_at"] == datetime(2026, 11, 27, 11, 30, tzinfo=UTC)

    throughput = found["provisioned_throughput"]
    assert throughput["description"] == "anthropic.claude-v2, 2 model units, SixMonths"
    assert (throughput["benefits"], throughput["quantity"]) == ("resource", 2)
    assert throughput["ends_at"] == datetime(2027, 5, 1, tzinfo=UTC)


def test_only_declared_requests_are_made_and_a_second_run_makes_none(
    aws: Aws, make: Callable[..., Commitments], run: Run
) -> None:
    collector = make()
    run(collector)
    assert set(aws.operations()) <= set(Commitments.operations)
    aws.calls.clear()
    assert run(collector).unchanged == 2
    assert aws.operations() == []


def test_the_policy_lets_no_role_but_the_members_be_taken_on() -> None:
    connection = AwsConnection(member_role="aispend-read")
    statements = policy(connection, Commitments.operations)["Statement"]
    roles = [one["Resource"] for one in statements if "sts:AssumeRole" in one["Action"]]
    assert roles == ["arn:aws:iam::*:role/aispend-read"]


def test_member_accounts_are_listed_with_their_own_credentials(
    aws: Aws, make: Callable[..., Commitments], run: Run, database: Store
) -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    given = {"AccessKeyId": "ASIAMEMBERACCOUNT", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": later}
    aws.on("sts.AssumeRole", [{"Credentials": given}])
    run(make(member_role="aispend-read", accounts=(ACCOUNT, "444455556666")))
    with database.engine.connect() as connection:
        query = text("SELECT DISTINCT owner_account FROM commitment_term WHERE kind = 'reservation' ORDER BY 1")
        assert connection.scalars(query).all() == [ACCOUNT, "444455556666"]
    assert {call[3] for call in aws.calls if call[0] == "ec2.DescribeReservedInstances"} == {
        "AKIATEST",
        "ASIAMEMBERACCOUNT",
    }


def test_plans_are_paged_by_hand_and_a_page_that_repeats_is_an_error(
    aws: Aws, make: Callable[..., Commitments], run: Run, database: Store
) -> None:
    other = PLAN | {"savingsPlanArn": f"arn:aws:savingsplans::{ACCOUNT}:savingsplan/sp-2"}
    aws.on("savingsplans.DescribeSavingsPlans", [{"savingsPlans": [PLAN], "nextToken": "2"}, {"savingsPlans": [other]}])
    assert run(make()).rows == 5

    aws.on("savingsplans.DescribeSavingsPlans", {"savingsPlans": [PLAN], "nextToken": "2"})
    collector = make(name="again")
    (plans, _rest) = run(collector).slices
    assert plans.outcome == "failed"
    assert "same page again" in plans.message


def test_what_an_account_may_not_list_is_a_remark_and_the_rest_is_collected(
    aws: Aws, make: Callable[..., Commitments], run: Run, database: Store
) -> None:
    aws.on("bedrock.ListProvisionedModelThroughputs", [RefusalError("AccessDeniedException", status=403)])
    report = run(make())
    assert not report.failed
    assert set(rows(database)) == {"savings_plan", "reservation", "capacity_block"}
    (note,) = [note for one in report.slices for note in one.notes]
    assert note == (
        f"What {ACCOUNT} has of provisioned throughput in us-east-1 is unknown: "
        "the permission is missing (AccessDeniedException)."
    )


def test_a_disabled_region_is_a_remark_but_no_permission_at_all_is_an_error(
    aws: Aws, make: Callable[..., Commitments], run: Run
) -> None:
    def closed(_asked: dict[str, Any]) -> dict[str, Any]:
        if aws.calls[-1][2] == "me-south-1":
            raise RefusalError("AuthFailure", status=401)
        return {"ReservedInstances": [], "CapacityReservations": []}

    aws.on("ec2.DescribeReservedInstances", lambda asked: {"ReservedInstances": closed(asked)["ReservedInstances"]})
    aws.on(
        "ec2.DescribeCapacityReservations",
        lambda asked: {"CapacityReservations": closed(asked)["CapacityReservations"]},
    )
    aws.on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": []})
    report = run(make(regions=("us-east-1", "me-south-1")))
    assert not report.failed
    assert sum("not enabled" in note for one in report.slices for note in one.notes) == 2

    aws.on("savingsplans.DescribeSavingsPlans", [RefusalError("AccessDeniedException", status=403)])
    assert "denies" in str(run(make(name="other")).error)


def test_an_account_without_commitments_is_no_error(
    aws: Aws, make: Callable[..., Commitments], run: Run, database: Store
) -> None:
    aws.on("savingsplans.DescribeSavingsPlans", {"savingsPlans": []})
    aws.on("ec2.DescribeReservedInstances", {"ReservedInstances": []})
    aws.on("ec2.DescribeCapacityReservations", {"CapacityReservations": [ON_DEMAND]})
    aws.on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": []})
    assert not run(make()).failed
    assert rows(database) == {}


def test_throughput_that_was_deleted_ends_and_the_rest_stays(
    aws: Aws, make: Callable[..., Commitments], connect: Callable[..., AwsClients], run: Run, database: Store
) -> None:
    uncommitted = {name: value for name, value in THROUGHPUT.items() if not name.startswith("commitment")}
    other = uncommitted | {"provisionedModelArn": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:provisioned-model/pm2"}
    collector = make()
    aws.on("ec2.DescribeReservedInstances", {"ReservedInstances": []})
    aws.on("ec2.DescribeCapacityReservations", {"CapacityReservations": []})
    aws.on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": [uncommitted, other]})
    run(collector)
    query = text(
        "SELECT right(commitment_id, 3), state, ends_at FROM commitment_term WHERE kind LIKE 'prov%' ORDER BY 1"
    )

    def later(day: int) -> SourceReport:
        return run(Commitments(connect(), lambda: datetime(2026, 11, day, tzinfo=UTC)))

    aws.on("bedrock.ListProvisionedModelThroughputs", [RefusalError("AccessDeniedException", status=403)])
    assert not later(22).failed
    with database.engine.connect() as connection:
        assert {row.state for row in connection.execute(query)} == {"InService"}, "what cannot be listed is not gone"

    aws.on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": [other]})
    assert not later(23).failed
    aws.on("bedrock.ListProvisionedModelThroughputs", {"provisionedModelSummaries": []})
    assert not later(24).failed
    with database.engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(query)]
    # the runner's clock, which stands still in tests, says when it was seen
    seen = datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert found == [("pm1", "deleted", seen), ("pm2", "deleted", seen)]


def test_accounts_that_only_a_role_can_enter_need_one_in_the_settings(
    make: Callable[..., Commitments], run: Run, aws: Aws
) -> None:
    report = run(make(accounts=(ACCOUNT, "444455556666")))
    assert "accounts to read (444455556666), and no role to enter them" in str(report.error)
    assert "member_role" in str(report.error)
    assert "sts.AssumeRole" not in aws.operations()
