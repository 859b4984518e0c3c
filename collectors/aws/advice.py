"""What AWS advises: Cost Optimization Hub and Compute Optimizer. It stands beside our own advice, never added to it.

*Cost Optimization Hub* answers at home for the whole organisation, with savings that no longer overlap.
*Compute Optimizer* is asked in each account and region: for machines, with what it saw of their GPUs, and for what is
idle. Both compute once a day and are asked once a day. The Hub repeats much of what Compute Optimizer says: each row
names its adviser, and savings of two advisers are never added.

*Savings* are those after discounts where AWS knows them (``details`` says which). They come as binary numbers and are
taken by their shortest text. Machines that AWS finds right as they are are kept where they have GPUs, as ``Keep``.

*Not enrolled* is a remark: what AWS would advise is then unknown. What is denied is a remark too, and what AWS advised
before stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.aws.advice_rows import HUB, OPTIMIZER, Row, hub, idle, machines, unanswered
from collectors.aws.base import DENIED, AwsCollector, code_of
from collectors.aws.clients import AwsClients
from collectors.aws.listing import left_out, pages
from collectors.contract import Finding, Progress, Reading, Rows, Seen, Slice, Window

IDLE_TYPES = ("EC2Instance", "EBSVolume", "SageMakerEndpoint", "AutoScalingGroup")

_ENROL_HUB = "Cost Optimization Hub is not switched on: the Hub's page in the Billing console has a button Enable."
_ENROL_OPTIMIZER = (
    "{} is not enrolled in Compute Optimizer: its console has a button Opt in; the first advice takes a day."
)
_NOT_ENROLLED = "OptInRequiredException"
_AT_ONCE, _IDLE_AT_ONCE = 1000, 100
MACHINES, IDLE = "machines", "idle"


class Advice(AwsCollector):
    """See the module's text."""

    kind = "advice"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (
        "compute-optimizer.GetEC2InstanceRecommendations",
        "compute-optimizer.GetEnrollmentStatus",
        "compute-optimizer.GetIdleRecommendations",
        "cost-optimization-hub.ListEnrollmentStatuses",
        "cost-optimization-hub.ListRecommendations",
        "ec2.DescribeRegions",
        "sts.GetCallerIdentity",
    )

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._not_enrolled: set[str] = set()
        self._answered = self._refused = False

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """Two slices per account and region, for machines and what is idle, and one for the Hub; new every day."""
        today = f"{self.clock().date()}"
        for account in self.clients.accounts:
            for region in self._regions:
                for what in (MACHINES, IDLE):
                    yield Slice(f"{account} {region} {what}", today, f"{OPTIMIZER} of {account} in {region} ({what})")
        yield Slice("hub", today, HUB)

    def examine(self) -> Iterator[Finding]:
        """Whether both are switched on."""
        from botocore.exceptions import ClientError

        asks = ((HUB, self._hub_enrolled, _ENROL_HUB), (OPTIMIZER, self._optimizer_enrolled, _ENROL_OPTIMIZER))
        try:
            with self.explained(self.name):
                for name, enrolled, how in asks:
                    try:
                        on = enrolled()
                    except ClientError as error:
                        yield self.denied(error)
                        continue
                    said = f"{name} is switched on" if on else f"{name} is not switched on"
                    yield Finding("good" if on else "note", said, "" if on else how.format(self.clients.account))
        except AispendError as error:
            yield Finding("broken", error.what, error.next_step)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The advice of the Hub, or one kind of Compute Optimizer's for one account and region."""
        from botocore.exceptions import ClientError

        if piece.key == "hub":
            return self._hub()
        account, region, what = piece.key.split(" ")
        if account in self._not_enrolled:
            return Reading([Rows("provider_advice", [])], may_be_empty=True)  # said once, for all regions
        client: Any = self.clients.client("compute-optimizer", region=region, account=account)
        kinds = {"name": "ResourceType", "values": list(IDLE_TYPES)}
        try:
            if what == MACHINES:
                replies = list(pages(client.get_ec2_instance_recommendations, maxResults=_AT_ONCE))
            else:
                replies = list(pages(client.get_idle_recommendations, maxResults=_IDLE_AT_ONCE, filters=[kinds]))
        except ClientError as error:
            return self._refusal(error, account, f"What {OPTIMIZER} says of {account} in {region} ({what})")
        self._answered = True
        rows = (machines if what == MACHINES else idle)(replies, self.clock())
        return Reading([Rows("provider_advice", rows)], tuple(unanswered(replies)), may_be_empty=True)

    def _refusal(self, error: Exception, account: str, what: str) -> Reading:
        """The remark for what is not enrolled, or not permitted, which keeps what it had; else raises ``error``."""
        if code_of(error) == _NOT_ENROLLED:
            self._not_enrolled.add(account)
            self._answered = True
            note = _ENROL_OPTIMIZER.format(account)
            return Reading([Rows("provider_advice", [])], (note,), may_be_empty=True)
        note = left_out(error, what)
        self._refused = True
        return Reading([], (note,), may_be_empty=True)

    def _hub(self) -> Reading:
        from botocore.exceptions import ClientError

        client: Any = self.clients.client("cost-optimization-hub")
        notes: tuple[str, ...] = ()
        rows: list[Row] = []
        try:
            rows = hub(pages(client.list_recommendations, maxResults=_AT_ONCE), self.clock())
            if not rows and not self._hub_enrolled():
                notes = (_ENROL_HUB,)
        except ClientError as error:
            if code_of(error) not in DENIED | {"ValidationException"}:
                raise
            if not self._hub_is_off():
                if self._refused and not self._answered:
                    raise  # then it is the whole source that may not be read
                return Reading([], (left_out(error, f"What the {HUB} says"),), may_be_empty=True)
            notes = (_ENROL_HUB,)
        return Reading([Rows("provider_advice", rows)], notes, may_be_empty=True)

    def _hub_is_off(self) -> bool:
        """Whether it is known to be off: the refusal of a Hub that is off looks like that of a missing permission."""
        from botocore.exceptions import ClientError

        try:
            return not self._hub_enrolled()
        except ClientError:
            return False

    def _hub_enrolled(self) -> bool:
        client: Any = self.clients.client("cost-optimization-hub")
        return any(one.get("status") == "Active" for one in client.list_enrollment_statuses().get("items", []))

    def _optimizer_enrolled(self) -> bool:
        client: Any = self.clients.client("compute-optimizer")
        return bool(client.get_enrollment_status()["status"] == "Active")

    @cached_property
    def _regions(self) -> Sequence[str]:
        """The regions to read that have Compute Optimizer."""
        import boto3

        session = boto3.Session()
        partition = session.get_partition_for_region(self.clients.connection.home_region)
        known = session.get_available_regions("compute-optimizer", partition_name=partition)
        return [region for region in self.clients.regions if region in known]
