"""Where machine types may be had, and how many of them: what clouds say of zones and of quotas, with its day.

Assumes
    A cloud's answer holds for a month: zones gain types, and quotas are raised, more often than the other way round.
Method
    Two facts per provider, account and region. *Offerings* (``type_offering``): each type that was asked for, with the
    zones that offer it, none of them being an answer too. Names of zones are the account's own, so what one account is
    told is not said of another. *Quotas* (``quota``): how many vCPUs, accelerators or machines of the types a pattern
    names may run at once, on demand or on spot, and how many did where the cloud tells.
    A change *fits* a quota where what it needs at once is within it: what runs, less what was given up before, and what
    is new. What runs is what the cloud tells, or what its listing of machines shows (``listed_machines.py``); else what
    is changed alone, which is the least it can be. A machine counts against each quota that names its type; the one
    with least room decides. Several proposals together: ``quotas_together.py``.
Cases
    A type without a row, an answer older than ``FRESH_DAYS``, a zone the account's listing does not name at all, a
    type whose vCPUs are not known, what a service manages under limits of its own (``ml.`` types): unknown.
    What may be had without naming a zone alone (Azure's regions without zones) is in the zone without a name.
Sources
    AWS: DescribeInstanceTypeOfferings, Service Quotas. Azure: resource SKUs, compute usages.
    Google: machine types by zone, quotas of regions. docs/advice.md.
Known drawbacks
    An offer is no promise of capacity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from sys import intern
from typing import Literal

from sqlalchemy import Connection, func, select

from aispend.prices.accelerators import instance_type, plain_instance_type
from aispend.schema import quota, type_offering
from recommender.subjects.listed_machines import load_listed, with_use

Purchase = Literal["on_demand", "spot"]
FRESH_DAYS = 30
"""Days after which an answer is no longer one."""


@dataclass(frozen=True)
class Place:
    """An account's part of a region, as of the evidence."""

    provider: str
    account: str
    region: str
    as_of: datetime


@dataclass(frozen=True)
class Needed:
    """Machines that a change takes: ``number`` of a type in each of the zones it names, or wherever in the region.

    ``beside`` so many of ``present`` that are counted against quotas of the same purchase: they run on until the new
    ones do (``together``), or are given up before.
    """

    place: Place
    instance_type: str
    number: int
    zones: tuple[str, ...]
    purchase: Purchase
    present: str
    beside: int
    together: bool


@dataclass(frozen=True)
class Demand:
    """What a change takes of a quota, in its unit: ``present`` runs today, ``new`` takes its place.

    With ``together`` the present runs on until the new does.
    """

    quota: Quota
    present: Decimal
    new: Decimal
    together: bool

    @property
    def lasting(self) -> Decimal:
        """What it takes more than today once it is done; what others may need is not counted on to become free."""
        return max(self.new - self.present, Decimal(0))

    @property
    def peak(self) -> Decimal:
        """What it takes more than today while it is done."""
        return self.new if self.together else self.lasting


@dataclass(frozen=True)
class Fit:
    """What a change asks of a quota: ``running`` before it in the quota's unit, ``new`` on top of that."""

    quota: Quota
    running: Decimal
    new: Decimal

    @property
    def at_once(self) -> Decimal:
        """What runs at once, in the quota's unit."""
        return self.running + self.new

    @property
    def is_enough(self) -> bool:
        """Whether the quota allows it."""
        return self.at_once <= self.quota.granted


@dataclass(frozen=True)
class Offering:
    """The zones of a place that offer some types alike: one for all of them, since accounts and regions are many."""

    provider: str
    account: str
    region: str
    instance_types: frozenset[str]
    zones: frozenset[str]
    as_of: datetime
    source: str


@dataclass(frozen=True)
class Quota:
    """How much of the types it covers may run at once in a place; ``used`` None where nobody tells.

    ``listed_at`` says that the cloud does not tell ``used``, and when the machines were listed that it is counted from.
    """

    provider: str
    account: str
    region: str
    code: str
    title: str
    covers: tuple[str, ...]
    purchase: str
    unit: str
    granted: Decimal
    used: Decimal | None
    as_of: datetime
    source: str
    listed_at: datetime | None = None

    def limits(self, name: str) -> bool:
        """Whether machines of a type, by its plain name, count against it."""
        return any(fnmatchcase(name, one) for one in self.covers)

    def taken_by(self, name: str) -> Decimal | None:
        """What one machine of a type counts; None where that is not known."""
        if self.unit == "machine":
            return Decimal(1)
        known = instance_type(self.provider, name)
        if known is None:
            return None
        return {"vCPU": known.vcpus, "accelerator": known.accelerators}.get(self.unit)


class Places:
    """All that was told of offerings and quotas; unknown is None everywhere."""

    def __init__(self, offerings: Iterable[Offering] = (), quotas: Iterable[Quota] = ()) -> None:
        self._offerings: dict[tuple[str, str, str], dict[str, Offering]] = defaultdict(dict)
        for told in offerings:
            names = (intern(plain_instance_type(told.provider, name)) for name in told.instance_types)
            self._offerings[_where(told)].update(dict.fromkeys(names, told))
        self._quotas: dict[tuple[str, str, str, str], list[Quota]] = {}
        for one in quotas:
            self._quotas.setdefault((*_where(one), one.purchase), []).append(one)

    def offering(self, place: Place, name: str) -> Offering | None:
        """What was told of a type there within the last month."""
        if _is_managed(name):
            return None
        found = self._offerings.get(_where(place), {}).get(plain_instance_type(place.provider, name))
        return found if found is not None and _is_fresh(found.as_of, place.as_of) else None

    def is_offered(self, place: Place, name: str, zone: str | None) -> bool | None:
        """Whether a zone, or any zone of the region where None is named, offers a type."""
        found = self.offering(place, name)
        if found is None:
            return None
        if zone is None or not found.zones or zone in found.zones:
            return bool(found.zones)
        return False if zone in self._zones.get(_where(place), ()) else None

    def offer_of(self, needed: Needed) -> bool | None:
        """Whether every zone that is needed offers the type; None where one is unknown and none says no."""
        asked: tuple[str | None, ...] = needed.zones or (None,)
        answers = {self.is_offered(needed.place, needed.instance_type, zone) for zone in asked}
        return False if False in answers else None if None in answers else True

    def fit_of(self, needed: Needed) -> Fit | None:
        """What the change asks of the quota that has least room for it; None where none is known."""
        known = [_fit(one) for one in self.demands(needed)]
        return min(known, key=lambda fit: (fit.quota.granted - fit.at_once, fit.quota.code), default=None)

    def demands(self, needed: Needed) -> list[Demand]:
        """What the change takes of each quota that limits it, as far as the machine types are known."""
        return [
            Demand(one, _present(needed, one), each * needed.number, needed.together)
            for one in self.quotas(needed.place, needed.instance_type, needed.purchase)
            if (each := one.taken_by(needed.instance_type)) is not None
        ]

    def quotas(self, place: Place, name: str, purchase: Purchase) -> list[Quota]:
        """The quotas that a type counts against there, as told within the last month."""
        known = self._quotas.get((*_where(place), purchase), [])
        plain = plain_instance_type(place.provider, name)
        return [
            one for one in known if not _is_managed(name) and _is_fresh(one.as_of, place.as_of) and one.limits(plain)
        ]

    @cached_property
    def _zones(self) -> dict[tuple[str, str, str], set[str]]:
        """The zones of each place that its listings name."""
        return {where: {zone for one in told.values() for zone in one.zones} for where, told in self._offerings.items()}


def _present(needed: Needed, limit: Quota) -> Decimal:
    """What is given up of a quota."""
    if not limit.limits(plain_instance_type(needed.place.provider, needed.present)):
        return Decimal(0)
    return (limit.taken_by(needed.present) or Decimal(0)) * needed.beside


def _fit(asked: Demand) -> Fit:
    running = asked.present if asked.quota.used is None else max(asked.quota.used, asked.present)
    return Fit(asked.quota, running if asked.together else running - asked.present, asked.new)


NOTHING_TOLD = Places()


def load_places(connection: Connection) -> Places:
    """What was collected last of each type and each quota."""
    o, q = type_offering.c, quota.c
    alike = (o.provider, o.account, o.region, o.zones, o.as_of, o.source)
    offered = connection.execute(select(*alike, func.array_agg(o.instance_type).label("names")).group_by(*alike))
    granted = connection.execute(
        select(
            q.provider, q.account, q.region, q.code, q.title, q.covers, q.purchase, q.unit, q.granted, q.used, q.as_of,
            q.source,
        )
    ).mappings()  # fmt: skip
    quotas = (Quota(**{**row, "covers": tuple(row["covers"])}) for row in granted)
    listed = load_listed(connection)
    return Places(
        (
            Offering(
                provider=row.provider,
                account=row.account,
                region=row.region,
                instance_types=frozenset(row.names),
                zones=frozenset(map(intern, row.zones)),
                as_of=row.as_of,
                source=row.source,
            )
            for row in offered
        ),
        (with_use(one, listed.get((one.provider, one.account, one.region))) for one in quotas),
    )


def _where(one: Place | Offering | Quota) -> tuple[str, str, str]:
    """A place, as bills write it or clouds: FOCUS has Azure's subscriptions as paths."""
    return one.provider, one.account.rstrip("/").rpartition("/")[2].lower(), one.region.lower()


def _is_fresh(told: datetime, as_of: datetime) -> bool:
    return as_of - told <= timedelta(days=FRESH_DAYS)


def _is_managed(name: str) -> bool:
    """Whether it is a type of SageMaker's, which has offers and limits of its own."""
    return name.lower().startswith("ml.")
