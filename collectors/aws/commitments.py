"""What was committed: savings plans, reserved instances, capacity blocks and reservations, provisioned throughput.

*Ids* are ARNs, as bills name commitments; a reserved instance's is made of its region, account and id. *Money* is the
whole commitment's: what a reserved instance costs each is multiplied by their number. A price that a listing does not
give is NULL, as is whose usage a commitment covers where that hangs on the organisation's sharing, which no listing
says. *Capacity* on demand is listed only where it was committed to for a time.

*Method.* Plans are listed for each account, the rest for each account and region, once a day. What an account may not
list, or what a region does not have, is a remark; other parts are collected all the same. Provisioned throughput that
is listed no more was deleted, and ends when that is seen; reserved instances and plans are listed past their end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.money import cost, exactly
from collectors.aws.base import AwsCollector
from collectors.aws.clients import AwsClients, partition_of
from collectors.aws.listing import left_out, pages
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window

Row = dict[str, Any]
Replies = Iterable[Mapping[str, Any]]
THROUGHPUT = "provisioned throughput"
_STATES = [
    "payment-pending",
    "payment-failed",
    "active",
    "retired",
    "queued",
    "queued-deleted",
    "pending-return",
    "returned",
]
_UNSET: Row = dict.fromkeys(
    (
        "owner_account",
        "benefits",
        "region",
        "instance_type",
        "quantity",
        "hourly_commitment",
        "upfront",
        "recurring_hourly",
        "payment_option",
        "starts_at",
        "ends_at",
    )
)


class Commitments(AwsCollector):
    """See the module's text."""

    kind = "commitments"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    # member accounts are found and entered by the clients; the policy allows that for the one role in the settings
    operations = (
        "bedrock.ListProvisionedModelThroughputs",
        "ec2.DescribeCapacityReservations",
        "ec2.DescribeRegions",
        "ec2.DescribeReservedInstances",
        "savingsplans.DescribeSavingsPlans",
        "sts.GetCallerIdentity",
    )

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._bedrock_regions: frozenset[str] | None = None

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per account for plans, and one per account and region for the rest; new every day."""
        today = f"{self.clock().date()}"
        for account in self.clients.accounts:
            yield Slice(f"{account} plans", today, f"savings plans of {account}")
            for region in self.clients.regions:
                yield Slice(f"{account} {region}", today, f"commitments of {account} in {region}")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """What one account committed to, in one region or in plans."""
        account, _, region = piece.key.partition(" ")
        now = self.clock()
        parts: list[tuple[str, Callable[[], list[Row]]]]
        if region == "plans":
            parts = [("savings plans", lambda: savings_plans(self._plans(account), now))]
        else:
            parts = [
                (
                    "reserved instances",
                    lambda: reserved_instances(self._reserved(account, region), account, region, now),
                ),
                ("capacity blocks", lambda: capacity(self._capacity(account, region), region, now)),
            ]
            if region in self._with_bedrock:
                parts.append((THROUGHPUT, lambda: provisioned(self._provisioned(account, region), now)))
        rows: list[Row] = []
        notes: list[str] = []
        listings: list[dict[str, str]] = []
        refused: Exception | None = None
        for what, read in parts:
            from botocore.exceptions import ClientError

            try:
                rows += read()
                if what == THROUGHPUT:
                    listings = [{"kind": "provisioned_throughput", "owner_account": account, "region": region}]
            except ClientError as error:
                refused = error
                notes.append(left_out(error, f"What {account} has of {what}{_of(region)}"))
        # a member account or a region may be closed to us; the account itself at home may not
        at_home = account == self.clients.account and region in ("plans", self.clients.connection.home_region)
        if refused is not None and len(notes) == len(parts) and at_home:
            raise refused
        # plans are listed when they are over, too, so that none where there were some cannot be right
        may_be_empty = region != "plans" or refused is not None
        return Reading([Merge("commitment_term", rows, listings)], tuple(notes), may_be_empty)

    @property
    def _with_bedrock(self) -> frozenset[str]:
        if self._bedrock_regions is None:
            import boto3

            session = boto3.Session()
            partition = session.get_partition_for_region(self.clients.connection.home_region)
            self._bedrock_regions = frozenset(session.get_available_regions("bedrock", partition_name=partition))
        return self._bedrock_regions

    def _plans(self, account: str) -> Replies:
        client: Any = self.clients.client("savingsplans", account=account)
        return pages(client.describe_savings_plans, states=_STATES, maxResults=1000)

    def _reserved(self, account: str, region: str) -> Replies:
        client: Any = self.clients.client("ec2", region=region, account=account)
        return [client.describe_reserved_instances()]  # AWS gives all at once

    def _capacity(self, account: str, region: str) -> Replies:
        client: Any = self.clients.client("ec2", region=region, account=account)
        return client.get_paginator("describe_capacity_reservations").paginate()  # type: ignore[no-any-return]

    def _provisioned(self, account: str, region: str) -> Replies:
        client: Any = self.clients.client("bedrock", region=region, account=account)
        return client.get_paginator("list_provisioned_model_throughputs").paginate()  # type: ignore[no-any-return]


def savings_plans(replies: Replies, now: datetime) -> list[Row]:
    """Rows from replies to DescribeSavingsPlans."""
    rows = []
    for one in (plan for reply in replies for plan in reply["savingsPlans"]):
        family, region = one.get("ec2InstanceFamily") or None, one.get("region") or None
        kind = one.get("savingsPlanType", "")
        rows.append(
            _term(
                one["savingsPlanArn"],
                "savings_plan",
                ", ".join(text for text in (f"{kind} savings plan".strip(), family, region) if text),
                now,
                owner_account=one["savingsPlanArn"].split(":")[4] or None,
                region=region,
                instance_type=family,
                hourly_commitment=_money(one.get("commitment")),
                upfront=_money(one.get("upfrontPaymentAmount")),
                recurring_hourly=_money(one.get("recurringPaymentAmount")),
                currency=one["currency"],
                payment_option=one.get("paymentOption"),
                starts_at=_instant(one.get("start")),
                ends_at=_instant(one.get("end")),
                state=one["state"],
            )
        )
    return rows


def reserved_instances(replies: Replies, account: str, region: str, now: datetime) -> list[Row]:
    """Rows from the reply to DescribeReservedInstances of an account and region."""
    rows = []
    for one in (found for reply in replies for found in reply["ReservedInstances"]):
        count = Decimal(one["InstanceCount"])
        hourly = [charge for charge in one.get("RecurringCharges", []) if charge.get("Frequency") == "Hourly"]
        with exactly():
            recurring = sum((cost(charge["Amount"]) for charge in hourly), Decimal(0)) * count if hourly else None
            upfront = cost(one["FixedPrice"]) * count if "FixedPrice" in one else None
        kind = (one.get("OfferingClass"), one.get("ProductDescription"), one.get("AvailabilityZone") or region)
        rows.append(
            _term(
                f"arn:{partition_of(region)}:ec2:{region}:{account}:reserved-instances/{one['ReservedInstancesId']}",
                "reservation",
                ", ".join(text for text in (f"{count} {one['InstanceType']}", *kind) if text),
                now,
                owner_account=account,
                region=region,
                instance_type=one["InstanceType"],
                quantity=count,
                upfront=upfront,
                recurring_hourly=recurring,
                currency=one.get("CurrencyCode") or _currency(region),
                payment_option=one.get("OfferingType"),
                starts_at=one.get("Start"),
                ends_at=one.get("End"),
                state=one["State"],
            )
        )
    return rows


def capacity(replies: Replies, region: str, now: datetime) -> list[Row]:
    """Rows from replies to DescribeCapacityReservations: capacity blocks, and capacity committed to for a time."""
    rows = []
    for one in (found for reply in replies for found in reply["CapacityReservations"]):
        block, committed = one.get("ReservationType") == "capacity-block", one.get("CommitmentInfo")
        if not block and not committed:
            continue
        count = Decimal(one["TotalInstanceCount"] if block else committed["CommittedInstanceCount"])
        kind = "capacity_block" if block else "capacity_reservation"
        rows.append(
            _term(
                one["CapacityReservationArn"],
                kind,
                f"{kind.replace('_', ' ')}, {count} {one['InstanceType']}, {one.get('AvailabilityZone') or region}",
                now,
                owner_account=one.get("OwnerId"),
                region=region,
                instance_type=one["InstanceType"],
                quantity=count,
                currency=_currency(region),
                payment_option="All Upfront" if block else None,
                starts_at=one.get("StartDate"),
                ends_at=one.get("EndDate") if block else committed.get("CommitmentEndDate"),
                state=one["State"],
            )
        )
    return rows


def provisioned(replies: Replies, now: datetime) -> list[Row]:
    """Rows from replies to ListProvisionedModelThroughputs; without a term it can be ended at any time."""
    rows = []
    for one in (found for reply in replies for found in reply["provisionedModelSummaries"]):
        arn = one["provisionedModelArn"]
        region, account = arn.split(":")[3:5]
        term = one.get("commitmentDuration")
        rows.append(
            _term(
                arn,
                "provisioned_throughput",
                f"{one['modelArn'].split('/')[-1]}, {one['modelUnits']} model units, {term or 'no commitment'}",
                now,
                owner_account=account,
                benefits="resource",
                region=region,
                quantity=Decimal(one["modelUnits"]),
                currency=_currency(region),
                starts_at=one["creationTime"],
                ends_at=one.get("commitmentExpirationTime"),
                state=one["status"],
            )
        )
    return rows


def _term(commitment_id: str, kind: str, description: str, now: datetime, **values: Any) -> Row:
    named = {"provider": "aws", "commitment_id": commitment_id, "kind": kind, "description": description, "as_of": now}
    return _UNSET | named | values


def _of(region: str) -> str:
    return "" if region == "plans" else f" in {region}"


def _money(text: str | None) -> Decimal | None:
    return cost(text) if text else None


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _currency(region: str) -> str:
    """The currency a partition bills in, for listings that name amounts of nothing."""
    return "CNY" if region.startswith("cn-") else "USD"
