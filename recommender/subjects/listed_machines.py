"""What is used of a quota whose cloud does not tell, counted from its listing of the machines that run.

Assumes     a listing names every accelerated machine of an account and region, and no other: AWS's is asked so.
Method      The vCPUs, accelerators or machines of what the newest listing says runs, of the types a quota names and
            of its way of buying. A quota of which a pattern names no accelerated type stays unknown, as the listing has
            too few of its machines.
Cases       Nothing listed there, or more than ``TOGETHER_DAYS`` before or after the quota was told: unknown. So it is
            where a machine that counts is of a size nobody knows. Capacity blocks have no quota of machines.
Drawbacks   What was started since the listing is not in it; a place where nothing accelerated was ever listed is
            unknown too, though nothing may run there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, func, select

from aispend.prices.accelerators import instance_types, plain_instance_type
from aispend.schema import resource_history

if TYPE_CHECKING:
    from recommender.places import Quota

TOGETHER_DAYS = 2
_PROVIDER = {"ec2_instance": "aws"}
"""Kinds of listings that name all accelerated machines, of clouds that do not tell what is used."""
_BOUGHT = {"on_demand": "on-demand", "spot": "spot"}
_RUNS = ("running", "pending")


@dataclass(frozen=True)
class Listed:
    """How many machines run in a place by type and by how they are bought, as a listing said ``at`` a time."""

    running: Mapping[tuple[str, str], int]
    at: datetime


def load_listed(connection: Connection) -> dict[tuple[str, str, str], Listed]:
    """By provider, account and region."""
    c = resource_history.c
    machine = c.details["instance_type"].astext.label("machine")
    bought = c.details["lifecycle"].astext.label("bought")
    rows = connection.execute(
        select(
            c.kind,
            c.scope,
            c.source,
            machine,
            bought,
            func.count().filter(c.state.in_(_RUNS)).label("number"),
            func.max(c.seen_at).label("at"),
        )
        .where(c.kind.in_(_PROVIDER), c.valid_to.is_(None))
        .group_by(c.kind, c.scope, c.source, machine, bought)
        .order_by(c.source)
    ).all()
    listings: dict[tuple[str, str, str], dict[str, list[Row[Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        account, _, region = row.scope.partition(" ")
        listings[_PROVIDER[row.kind], account, region][row.source].append(row)
    # two connections may list one account: the same machines, so the newest listing alone
    return {there: max(map(_listed, each.values()), key=lambda one: one.at) for there, each in listings.items()}


def _listed(rows: Sequence[Row[Any]]) -> Listed:
    return Listed({(row.machine, row.bought): row.number for row in rows if row.number}, max(row.at for row in rows))


def with_use(limit: Quota, listed: Listed | None) -> Quota:
    """The quota with what is used of it, where its cloud does not tell and a listing shows it."""
    if limit.used is not None or listed is None or abs(listed.at - limit.as_of) > timedelta(days=TOGETHER_DAYS):
        return limit
    known = [name for provider, name in instance_types() if provider == limit.provider]
    if not all(any(fnmatchcase(name, pattern) for name in known) for pattern in limit.covers):
        return limit
    used = Decimal(0)
    for (machine, bought), number in listed.running.items():
        if bought != _BOUGHT[limit.purchase] or not limit.limits(plain_instance_type(limit.provider, machine)):
            continue
        each = limit.taken_by(machine)
        if each is None:
            return limit
        used += each * number
    return replace(limit, used=used, listed_at=listed.at)
