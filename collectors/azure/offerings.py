"""What may be rented where: which sizes a subscription may have in which zones, and how many vCPUs of them at once.

*Sizes.* The listing of a region's sizes is whole, and a subscription's own: one it leaves out, or restricts for the
region, the subscription may not have there; one restricted in a zone not in that zone. Zones go by the subscription's
numbers. A size that no zone may have, or in a region without zones, is had without naming one: the zone without a
name. Kept are sizes of the catalogue and Arm sizes of general use; a listing without any is taken for no answer.

*Quotas.* Limits of vCPUs and what is used of them, as Azure counts them: of each family, of all families, and of all
on spot. A family's sizes are those the listing says are of it; limits that are none (below zero) are left out.

*Slices* are subscriptions and regions (those of the settings, else those in use), once a day. What may not be read is a
remark, asked again by the next run; where nothing may be read anywhere the source fails.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.prices.accelerators import instance_type, instance_types, plain_instance_type
from collectors.answers import ASKS_AGAIN
from collectors.azure.base import FORBIDDEN, AzureCollector, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph
from collectors.azure.regions import regions
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window
from collectors.refusals import Refusals

Row = dict[str, Any]
SIZES, USAGES = "arm.ListMachineSizes", "arm.ListComputeUsages"
_VERSION = "2021-07-01"
_MACHINES = "virtualmachines"
_ARM = re.compile(r"Standard_[DE]\d+p[a-z]*_v\d+", re.IGNORECASE)
_ALL = {"cores": "on_demand", "lowprioritycores": "spot"}
"""Limits of all families together, and how what they limit is bought."""


class Offerings(AzureCollector):
    """See the module's text."""

    kind = "offerings"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = ("arm.ListSubscriptions", "regions.Query", SIZES, USAGES)

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._refusals = Refusals[Exception]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per subscription and region; new every day."""
        today = f"{self.clock().date()}"
        asked = regions(self.clients, Graph(self.clients))
        for subscription in self.clients.subscriptions:
            for region in asked:
                key = f"{subscription.id} {region}"
                known = seen.get(key)
                self._refusals.read(known is not None and known.token == today)
                yield Slice(key, today, f"sizes and quotas of {subscription.name}, {region}")
        if refused := self._refusals.by_all:
            raise refused[0]

    def prove(self, found: Any) -> None:
        """See the base: both are asked of one place."""
        for piece in found[:1]:
            subscription, region = piece.key.split(" ")
            for listing in (self._sizes(subscription, region), self._usages(subscription, region)):
                next(listing, None)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """What one subscription may have in one region."""
        from azure.core.exceptions import HttpResponseError

        subscription, region = piece.key.split(" ")
        now = self.clock()
        try:
            sizes = list(self._sizes(subscription, region))
            used = list(self._usages(subscription, region))
        except HttpResponseError as error:
            if status_of(error) != FORBIDDEN:
                raise
            self._refusals.add(error)
            note = f"{region} of {subscription}: sizes and quotas are unknown, the permission is missing."
            return Reading([], (note,), may_be_empty=True, token=f"{piece.token} refused")
        self._refusals.read()
        offered = offering_rows(sizes, subscription, region, now)
        granted = quota_rows(used, sizes, subscription, region, now)
        notes = () if offered else (f"{region} of {subscription}: Azure lists no size, so which there are is unknown.",)
        return Reading([Merge("type_offering", offered), Merge("quota", granted)], notes, may_be_empty=True)

    def _sizes(self, subscription: str, region: str) -> Iterator[Mapping[str, Any]]:
        path = f"/subscriptions/{subscription}/providers/Microsoft.Compute/skus"
        return self.clients.pages(path, api_version=_VERSION, **{"$filter": f"location eq '{region}'"})

    def _usages(self, subscription: str, region: str) -> Iterator[Mapping[str, Any]]:
        path = f"/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{region}/usages"
        return self.clients.pages(path, api_version=_VERSION)


def offering_rows(listed: Iterable[Mapping[str, Any]], subscription: str, region: str, now: datetime) -> list[Row]:
    """Rows of ``type_offering`` from the listing of a region's sizes; none where it names no machine at all."""
    found = {str(one["name"]): _zones(one, region) for one in listed if _is_machine(one)}
    if not found:
        return []
    known = {plain_instance_type("azure", name) for name in found}
    absent: dict[str, list[str]] = {
        machine.instance_type: []
        for (provider, plain), machine in instance_types().items()
        if provider == "azure" and plain not in known and machine.vcpus is not None
    }
    return [
        {
            "provider": "azure",
            "account": subscription,
            "region": region,
            "instance_type": name,
            "zones": zones,
            "as_of": now,
        }
        for name, zones in sorted({**absent, **found}.items())
        if instance_type("azure", name) is not None or _ARM.fullmatch(name)
    ]


def quota_rows(
    used: Iterable[Mapping[str, Any]],
    listed: Iterable[Mapping[str, Any]],
    subscription: str,
    region: str,
    now: datetime,
) -> list[Row]:
    """Rows of ``quota`` from the usages of a region, for families that sizes of the catalogue are of."""
    families: dict[str, set[str]] = defaultdict(set)
    for one in listed:
        if _is_machine(one) and instance_type("azure", str(one["name"])) is not None:
            families[str(one.get("family") or "").lower()].add(plain_instance_type("azure", str(one["name"])))
    rows = []
    for one in used:
        about = one.get("name") or {}
        code = str(about.get("value") or "")
        covers = ["*"] if code.lower() in _ALL else sorted(families.get(code.lower(), ()))
        granted = _number(one.get("limit"), code)
        if not code or not covers or granted is None or granted < 0:
            continue
        rows.append(
            {
                "provider": "azure",
                "account": subscription,
                "region": region,
                "code": code,
                "title": str(about.get("localizedValue") or code),
                "covers": covers,
                "purchase": _ALL.get(code.lower(), "on_demand"),
                "unit": "vCPU",
                "granted": granted,
                "used": _number(one.get("currentValue"), code),
                "as_of": now,
            }
        )
    return rows


def _zones(one: Mapping[str, Any], region: str) -> list[str]:
    """The zones a size may be had in; the one without a name where it may be had without any."""
    zones = {
        str(zone)
        for place in one.get("locationInfo") or ()
        if str(place.get("location") or "").lower() == region.lower()
        for zone in place.get("zones") or ()
    }
    for limit in one.get("restrictions") or ():
        kind, about = str(limit.get("type") or "").lower(), limit.get("restrictionInfo") or {}
        if region.lower() not in {str(name).lower() for name in about.get("locations") or limit.get("values") or ()}:
            continue
        if kind == "location":
            return []
        zones -= {str(zone) for zone in about.get("zones") or ()}
    return sorted(zones) or [""]


def _is_machine(one: Mapping[str, Any]) -> bool:
    return str(one.get("resourceType") or "").lower() == _MACHINES and bool(one.get("name"))


def _number(value: Any, code: str) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise InputError("This is no number of vCPUs.", where=f"{code}: {value!r}", next_step=ASKS_AGAIN)
    return Decimal(value)
