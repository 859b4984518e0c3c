"""What providers advise beside our own advice: for each resource theirs and ours, and no sum of the two.

The same waste is seen by several advisers, and each counts its saving by its own prices and rules: two savings of one
resource are two opinions on one amount of money. So nothing here is a total.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from aispend.resource_id import canonical
from aispend.schema import provider_advice as provider_advice_table
from aispend.schema import resource
from aispend.store.names import resource_key
from reports.views.advice_filter import PROMISING_STATES, AdviceFilter
from reports.views.recommendations import Recommendation, recommendations

_VOLUME = re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:volume/(vol-\w+)")
"""Bills name a volume without what stands before it."""

_FLEET = re.compile(r"arn:[^:]*:autoscaling:[^:]*:[^:]*:autoScalingGroup:[^:]*:autoScalingGroupName/(.+)")
_BLOCK = 10_000


@dataclass(frozen=True)
class ProviderAdvice:
    """One piece of a provider's advice, as given.

    ``monthly_saving`` is the provider's own estimate, None where it gives none; ``details`` holds finding, reasons,
    utilization and risk in its own words, numbers as text; ``as_of`` is when it was asked.
    """

    source: str
    adviser: str
    advice_id: str
    account: str | None
    region: str | None
    resource_type: str | None
    action: str
    current: str | None
    proposed: str | None
    monthly_saving: Decimal | None
    currency: str | None
    effort: str | None
    details: Mapping[str, Any]
    refreshed_at: datetime | None
    as_of: datetime


@dataclass(frozen=True)
class AdviceBeside:
    """One resource: what its provider advises, and what we do; either may be empty, not both.

    ``resource_id`` is the ledger's where it has the resource (``in_ledger``), else the provider's; None for advice on
    no resource, such as to buy a plan. ``name`` is the resource's name or its fleet's.
    """

    provider: str
    resource_id: str | None
    name: str | None
    in_ledger: bool
    theirs: tuple[ProviderAdvice, ...]
    ours: tuple[Recommendation, ...]


@dataclass(frozen=True)
class _Thing:
    """What advice is about: a resource of the ledger, a fleet of it, or what the ledger does not have."""

    provider: str
    resource_id: str | None
    name: str | None = None
    in_ledger: bool = False
    machines: frozenset[str] = frozenset()


def provider_advice(connection: Connection, *, states: Sequence[str] = PROMISING_STATES) -> tuple[AdviceBeside, ...]:
    """Resources with advice of theirs, or of ours in the given states, the largest saving of either side first.

    Ours are shown for providers that were asked for theirs: that these say nothing of a resource is then known.
    """
    a = provider_advice_table.c
    columns = [a[field.name] for field in fields(ProviderAdvice)]
    order = (a.provider, a.adviser, a.advice_id, a.source)
    told = connection.execute(select(a.provider, a.resource_id, *columns).order_by(*order)).mappings().all()
    things = _things(connection, {(row["provider"], row["resource_id"]) for row in told if row["resource_id"]})
    theirs: dict[_Thing | str, list[ProviderAdvice]] = defaultdict(list)
    about: dict[_Thing | str, _Thing] = {}
    for row in told:
        # advice on no resource is a thing of its own
        thing = things.get((row["provider"], row["resource_id"]), _Thing(row["provider"], None))
        key = thing if thing.resource_id else f"{row['source']} {row['adviser']} {row['advice_id']}"
        about[key] = thing
        theirs[key].append(ProviderAdvice(**{column.name: row[column.name] for column in columns}))

    ours: dict[tuple[str, str], list[Recommendation]] = defaultdict(list)
    for one in recommendations(connection, AdviceFilter(states=tuple(states))).rows:
        ours[one.provider, one.resource_id].append(one)
    rows = []
    shown: set[tuple[str, str]] = set()
    for key, thing in about.items():
        named = {(thing.provider, found) for found in (thing.resource_id, *thing.machines) if found}
        shown |= named
        mine = [one for found in sorted(named) for one in ours.get(found, ())]
        rows.append(_row(thing, theirs[key], mine))
    asked = {row["provider"] for row in told}
    for (provider, found), mine in ours.items():
        if provider in asked and (provider, found) not in shown:
            rows.append(_row(_Thing(provider, found, mine[0].name, in_ledger=True), (), mine))
    return tuple(sorted(rows, key=_order))


def _row(thing: _Thing, theirs: Iterable[ProviderAdvice], ours: Iterable[Recommendation]) -> AdviceBeside:
    return AdviceBeside(thing.provider, thing.resource_id, thing.name, thing.in_ledger, tuple(theirs), tuple(ours))


def _things(connection: Connection, named: set[tuple[str, str]]) -> dict[tuple[str, str], _Thing]:
    """What each provider's id is in the ledger: the resource of that id, or the fleet of that name."""
    ids = {given: _ids(*given) for given in named}
    known = _known(connection, {resource_key(provider, one) for (provider, _), found in ids.items() for one in found})
    fleets = {given: match[1] for given in named if (match := _FLEET.fullmatch(given[1]))}
    machines = _machines(connection, set(fleets.values()))
    found: dict[tuple[str, str], _Thing] = {}
    for (provider, given), candidates in ids.items():
        own = next((one for one in candidates if (provider, one) in known), None)
        fleet = fleets.get((provider, given))
        members = frozenset(machines.get((provider, fleet or ""), ()))
        name = known[provider, own] if own else fleet
        found[provider, given] = _Thing(provider, own or candidates[0], name, bool(own or members), members)
    return found


def _known(connection: Connection, keys: set[int]) -> dict[tuple[str, str], str | None]:
    """Resources of the ledger among these, and what people call them."""
    r = resource.c
    known: dict[tuple[str, str], str | None] = {}
    wanted = sorted(keys)
    for start in range(0, len(wanted), _BLOCK):
        some = r.resource_key.in_(wanted[start : start + _BLOCK])
        for row in connection.execute(select(r.provider, r.resource_id, r.resource_name, r.fleet).where(some)):
            known[row.provider, row.resource_id] = row.resource_name or row.fleet or None
    return known


def _machines(connection: Connection, fleets: set[str]) -> dict[tuple[str, str], set[str]]:
    """The machines of these fleets."""
    r = resource.c
    machines: dict[tuple[str, str], set[str]] = defaultdict(set)
    if fleets:
        for row in connection.execute(select(r.provider, r.fleet, r.resource_id).where(r.fleet.in_(sorted(fleets)))):
            machines[row.provider, row.fleet].add(row.resource_id)
    return machines


def _ids(provider: str, given: str) -> tuple[str, ...]:
    """Ids the ledger may have it under, the likeliest first."""
    whole = canonical(provider, given)
    volume = _VOLUME.fullmatch(given) if provider == "aws" else None
    return (whole, volume[1]) if volume else (whole,)


def _order(row: AdviceBeside) -> tuple[str, str, Decimal, str]:
    """By provider, currency, and the larger saving of either side: compared, never added."""
    currency = min([one.currency or "" for one in row.theirs] + [one.currency for one in row.ours], default="")
    savings = [one.monthly_saving for one in row.theirs] + [one.monthly_saving_net for one in row.ours]
    largest = max((saving for saving in savings if saving is not None), default=Decimal(0))
    return row.provider, currency, -largest, row.resource_id or ""
