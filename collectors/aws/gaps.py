"""What the reading of a day lacks, and whether asking again may bring it: a permission that was granted since.

A reading that lacks something says so in its change token, gap by gap. Later runs put one small question per gap, the
same for all days that have it; what still refuses it is left alone, and days are asked again once it answers. Of many
gaps some are asked about in each run, in turn by the hour. Series that failed have nothing to be asked about: their day
is tried again after an hour and then after as long as it has been over, at least daily.

CloudWatch lists no series that ended two weeks ago, though it keeps their points: a day of before is told by what is
still used, says that others may be missing, and is not asked again for them, since nothing brings them back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from aispend.clock import Clock
from collectors.aws.base import code_of
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import LISTED
from collectors.aws.inventory_ec2 import Place
from collectors.aws.listing import REFUSED, left_out
from collectors.aws.questions import QUESTIONS
from collectors.contract import Seen
from collectors.days import remembered, without

MOST_PROBED = 20
"""Gaps asked about in one run."""

SERIES = "series"
"""The operation of a gap that is series which CloudWatch could not give."""

UNLISTED = "unlisted"
"""The operation of a gap that is series which CloudWatch no longer lists."""

NAMING = frozenset({"bedrock.ListInferenceProfiles", "bedrock.ListTagsForResource"})
"""Operations that tell whose the counts are, which are there without them."""

_BETWEEN = "; "
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_TAKING_ON = "AssumeRole"


@dataclass(frozen=True, order=True)
class Gap:
    """An operation that was refused in a place; without a region in all of the account, without that in all."""

    operation: str
    account: str = ""
    region: str = ""

    def __str__(self) -> str:
        return f"{self.operation} {self.account}".rstrip() + (f"/{self.region}" if self.region else "")


@dataclass
class Missing:
    """What one reading lacks: ``notes`` for a person, ``gaps`` for later runs."""

    operations: Sequence[str]
    notes: list[str] = field(default_factory=list)
    gaps: set[Gap] = field(default_factory=set)

    def refused(self, error: Exception, what: str, account: str, region: str) -> None:
        """Note a part that AWS refuses; raises ``error`` where it is no refusal."""
        self.notes.append(left_out(error, what))
        called = str(getattr(error, "operation_name", ""))
        if called == _TAKING_ON:
            self.gaps.add(Gap(f"sts.{called}", account))
            return
        known = (operation for operation in self.operations if operation.endswith(f".{called}"))
        self.gaps.add(Gap(next(known, called), account, region))

    def unread(self, notes: Sequence[str], account: str, region: str) -> None:
        """Note series that could not be read, if there are ``notes`` of them."""
        self.notes += notes
        if notes:
            self.gaps.add(Gap(SERIES, account, region))

    def unlisted(self, start: datetime, now: datetime) -> None:
        """Note what is not asked for of a day that began at ``start``."""
        if is_unlisted(start, now):
            self.notes.append(
                f"What had its last points before {now - LISTED:%Y-%m-%d} was not asked for and is unknown: CloudWatch"
                " does not list what ended more than two weeks ago."
            )
            self.gaps.add(Gap(UNLISTED))

    def add(self, other: Missing) -> None:
        """Note what the other one lacks."""
        self.notes += other.notes
        self.gaps |= other.gaps


def is_unlisted(start: datetime, now: datetime) -> bool:
    """Whether series of a day that began at ``start`` may not be listed any more."""
    return start < now - LISTED


def token_of(content: str, gaps: Iterable[Gap]) -> str:
    """The change token of a reading of ``content`` that lacks ``gaps``."""
    return without(content, map(str, gaps), _BETWEEN)


def gaps_of(token: str) -> tuple[Gap, ...]:
    """The gaps of a token."""
    return tuple(_gap(one) for one in remembered(token).lacking.split(_BETWEEN) if one)


class Probe:
    """Whether gaps are closed, each asked about once in a run; ``seen`` is what earlier runs left."""

    def __init__(self, clients: AwsClients, clock: Clock, seen: Mapping[str, Seen]) -> None:
        self._clients = clients
        self._clock = clock
        self._seen = seen
        self._answers: dict[Gap, bool] = {}

    def may_bring_more(self, gaps: Collection[Gap], over: datetime, before: datetime) -> bool:
        """Whether a day that was ``over`` then, and was read with ``gaps`` at ``before``, may now be told better."""
        waited = min(max(before - over, _HOUR), _DAY)
        if any(gap.operation not in _NEVER_RETRIED for gap in gaps) and self._clock() - before >= waited:
            return True
        return any(self._closed(gap) for gap in gaps if gap in self._turn)

    @cached_property
    def _turn(self) -> frozenset[Gap]:
        """The gaps that are asked about in this run."""
        every = {gap for one in self._seen.values() for gap in gaps_of(one.token) if gap.operation in _ASKED}
        gaps = sorted(every)
        if len(gaps) <= MOST_PROBED:
            return frozenset(gaps)
        first = int(self._clock().timestamp() // 3600) * MOST_PROBED
        return frozenset(gaps[(first + place) % len(gaps)] for place in range(MOST_PROBED))

    def _closed(self, gap: Gap) -> bool:
        if gap not in self._answers:
            self._answers[gap] = self._answered(gap)
        return self._answers[gap]

    def _answered(self, gap: Gap) -> bool:
        """Whether the operation is not refused any more; that it has no answer to the question is an answer."""
        from botocore import xform_name
        from botocore.exceptions import ClientError

        # a role is taken on with the first request, whatever that is
        operation = "cloudwatch.ListMetrics" if gap.operation == f"sts.{_TAKING_ON}" else gap.operation
        service, called = operation.split(".")
        place = Place(gap.account, gap.region)
        client: Any = self._clients.client(service, region=gap.region or None, account=gap.account)
        try:
            getattr(client, xform_name(called))(**QUESTIONS[operation](place, self._clock()))
        except ClientError as error:
            meant = {_TAKING_ON, gap.operation.split(".")[1]}
            return code_of(error) not in REFUSED or error.operation_name not in meant
        return True


def _gap(told: str) -> Gap:
    operation, _, place = told.partition(" ")
    account, _, region = place.partition("/")
    return Gap(operation, account, region)


_ASKED = {*QUESTIONS, f"sts.{_TAKING_ON}"}
"""Operations of gaps that can be asked about."""

_NEVER_RETRIED = {*_ASKED, UNLISTED}
"""Operations of gaps that time alone does not close."""
