"""What may be rented where: which machine types the zones offer, and how many vCPUs of them an account may run.

*Types.* Every accelerated type that the catalogue knows, since any may replace another, and the Arm types of general
use; asked by family, so that one request of EC2 tells all zones of a region. A type that was asked for and is not in
the answer is offered in no zone, which is a row as well; an answer that names none at all is taken for no answer. Names
of zones are the account's own: each account is asked.

*Quotas.* Service Quotas' limits of vCPUs that run at once, on demand and on spot, by the letters of the families that
their names give (``Running On-Demand G and VT instances``); those of hosts, and of families that no name explains,
are left out. What is used is not told with them, and stays unknown.

*Slices* are accounts and regions, once a day. What is denied or not enabled is a remark, and asked again by the next
run; only where nothing may be read anywhere the source fails.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.aws.base import DENIED, AwsCollector, code_of
from collectors.aws.clients import AwsClients
from collectors.aws.inventory_ec2 import Place
from collectors.aws.listing import left_out
from collectors.aws.prices import families
from collectors.contract import Merge, Part, Progress, Reading, Seen, Slice, Window
from collectors.refusals import Refusals

Row = dict[str, Any]
_ARM = tuple(f"{letter}{generation}g" for letter in "cmr" for generation in (6, 7, 8))
_SIZES = ("medium", "large", *(f"{times}xlarge" for times in ("", 2, 4, 8, 12, 16, 24, 48)))
_LIMITS = (
    ("on_demand", re.compile(r"Running On-Demand (?P<families>.+) instances")),
    ("spot", re.compile(r"All (?P<families>.+) Spot Instance Requests")),
)
_LETTERS = re.compile(r"[A-Z][a-zA-Z]{0,2}\d*")
_ALSO = {"g": ("gr",), "i": ("im", "is")}
"""Families that are counted with a letter and begin with more than it."""


class Offerings(AwsCollector):
    """See the module's text."""

    kind = "offerings"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = ("ec2.DescribeInstanceTypeOfferings", "ec2.DescribeRegions", "service-quotas.ListServiceQuotas")

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._closed: set[str] = set()  # accounts that cannot be entered
        self._refusals = Refusals[Exception]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per account and region, new every day."""
        today = f"{self.clock().date()}"
        for account in self.clients.accounts:
            for region in self.clients.regions:
                if account in self._closed:
                    break  # said once, for all regions
                place = Place(account, region)
                known = seen.get(place.scope)
                self._refusals.read(known is not None and known.token == today)
                yield Slice(place.scope, today, f"types and quotas of {account}, {region}")
        if refused := self._refusals.by_all:
            raise refused[0]

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """What one account is told of one region."""
        from botocore.exceptions import ClientError

        place = Place(*piece.key.split(" "))
        parts: list[Part] = []
        notes: list[str] = []
        denied: list[ClientError] = []
        read: tuple[tuple[str, Callable[[Place], tuple[Part, str]]], ...] = (
            ("Which types its zones offer", self._offered),
            ("How much its quotas grant", self._granted),
        )
        for title, ask in read:
            try:
                part, note = ask(place)
            except ClientError as error:
                if getattr(error, "operation_name", "") == "AssumeRole" and code_of(error) in DENIED:
                    self._closed.add(place.account)
                    denied, notes = [error], [f"{place.account} is unknown: its role cannot be taken on."]
                    break
                notes.append(left_out(error, f"{place.region}: {title}"))
                denied += [error] if code_of(error) in DENIED else []
                continue
            parts.append(part)
            notes += [note] if note else []
        self._refusals.read(bool(parts))
        if denied and not parts:
            self._refusals.add(denied[0])
        token = piece.token if parts else f"{piece.token} refused"
        return Reading(parts, tuple(notes), may_be_empty=True, token=token)

    def _offered(self, place: Place) -> tuple[Part, str]:
        ec2: Any = self.clients.client("ec2", region=place.region, account=place.account)
        asked = asked_types()
        replies = ec2.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": [f"{family}.*" for family in asked]}],
        )
        rows = offering_rows(replies, asked, place, self.clock())
        note = "" if rows else f"{place.region}: AWS names no zone for any type, so which are offered is unknown."
        return Merge("type_offering", rows), note

    def _granted(self, place: Place) -> tuple[Part, str]:
        client: Any = self.clients.client("service-quotas", region=place.region, account=place.account)
        replies = client.get_paginator("list_service_quotas").paginate(
            ServiceCode="ec2", PaginationConfig={"PageSize": 100}
        )
        return Merge("quota", quota_rows(replies, place, self.clock())), ""


def asked_types() -> Mapping[str, Sequence[str]]:
    """The types that are asked for, by family; a family that there is not is offered nowhere either."""
    return {**families(), **{family: [f"{family}.{size}" for size in _SIZES] for family in _ARM}}


def offering_rows(
    replies: Iterable[Mapping[str, Any]], asked: Mapping[str, Sequence[str]], place: Place, now: datetime
) -> list[Row]:
    """Rows of ``type_offering`` from replies to DescribeInstanceTypeOfferings; none where they name no zone at all."""
    zones: dict[str, set[str]] = defaultdict(set)
    for one in (found for reply in replies for found in reply["InstanceTypeOfferings"]):
        zones[one["InstanceType"]].add(one["Location"])
    if not zones:
        return []
    names = sorted({*zones, *(name for types in asked.values() for name in types)})
    return [
        {
            "provider": "aws",
            "account": place.account,
            "region": place.region,
            "instance_type": name,
            "zones": sorted(zones.get(name, ())),
            "as_of": now,
        }
        for name in names
    ]


def quota_rows(replies: Iterable[Mapping[str, Any]], place: Place, now: datetime) -> list[Row]:
    """Rows of ``quota`` from replies to ListServiceQuotas for EC2: vCPUs at once, by families."""
    return [
        {
            "provider": "aws",
            "account": place.account,
            "region": place.region,
            "code": one["QuotaCode"],
            "title": one["QuotaName"],
            "covers": list(covers),
            "purchase": purchase,
            "unit": "vCPU",
            "granted": Decimal(repr(one["Value"])),
            "used": None,
            "as_of": now,
        }
        for reply in replies
        for one in reply["Quotas"]
        for purchase, pattern in _LIMITS
        if (found := pattern.fullmatch(one["QuotaName"])) and (covers := covered(found["families"])) and "Value" in one
    ]


def covered(names: str) -> tuple[str, ...]:
    """Patterns of the machine types that the words of a quota's name are of; none where one of them is not plain.

    >>> covered("G and VT"), covered("P4, P3 and P2"), covered("Inf")
    (('g[0-9]*', 'gr[0-9]*', 'vt[0-9]*'), ('p4*', 'p3*', 'p2*'), ('inf[0-9]*',))
    >>> covered("Standard (A, C, Z)"), covered("High Memory")
    (('a[0-9]*', 'c[0-9]*', 'z[0-9]*'), ())
    """
    inside = re.fullmatch(r"Standard \((.+)\)", names)
    words = re.split(r", | and |,? and ", inside[1] if inside else names)
    if not all(_LETTERS.fullmatch(word) for word in words):
        return ()
    return tuple(
        pattern
        for word in (one.lower() for one in words)
        for pattern in (
            [f"{word}*"] if word[-1].isdigit() else [f"{one}[0-9]*" for one in (word, *_ALSO.get(word, ()))]
        )
    )
