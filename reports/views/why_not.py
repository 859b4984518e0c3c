"""Why costly resources have no advice: every reason, the one that matters of each resource, and what is not measured.

Method
    Of what the kinds say of one resource the reason that decides comes first: that it is not measured, since nobody
    can say anything until it is; else what ``stop_idle`` says; else the other kinds in the order they are asked.
Known drawbacks
    The machines of a service are listed beside the service; only what is a resource of the bill is added up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, or_, select, tuple_

from aispend.advising import Recommend
from aispend.schema import resource
from aispend.schema import why_not as why_not_table
from reports.kinds import kind_order
from reports.subject_names import subject_name

TELEMETRY = "telemetry_"
"""What reasons about measurements begin with."""
_FLOOR = Recommend().min_monthly_saving
_NAME = func.coalesce(func.nullif(resource.c.resource_name, ""), func.nullif(resource.c.fleet, ""))


@dataclass(frozen=True)
class WhyNot:
    """Why a costly resource has no advice of a kind; ``monthly_cost`` in ``currency`` per 730 hours.

    ``billed`` says that it is a resource of the bill, and not several of them under a name of ours.
    """

    resource_id: str
    kind: str
    reason: str
    explanation: str
    monthly_cost: Decimal | None
    currency: str
    at: datetime
    name: str | None = None
    provider: str = ""
    model: str | None = None
    team: str | None = None
    billed: bool = True


@dataclass(frozen=True)
class Undecided:
    """A resource without advice: the reason that ``decides``, and what ``others`` say of it."""

    decides: WhyNot
    others: tuple[WhyNot, ...]

    @property
    def monthly_cost(self) -> Decimal | None:
        """What it costs a month, the most that a kind knows of; None where none does."""
        costs = (row.monthly_cost for row in (self.decides, *self.others))
        return max((cost for cost in costs if cost is not None), default=None)


@dataclass(frozen=True)
class Unmeasured:
    """Resources of the bill that are not measured enough, for one reason in one currency; none is in two.

    ``monthly_cost`` adds what is known; ``explanation`` says of the costliest, called ``first``, what is missing and
    how to get it.
    """

    currency: str
    reason: str
    resources: int
    monthly_cost: Decimal | None
    explanation: str
    first: str


@dataclass(frozen=True)
class Below:
    """Resources without advice that cost too little for any, in one currency; ``monthly_cost`` is their sum."""

    currency: str
    resources: int
    monthly_cost: Decimal


def why_not(connection: Connection, floor: Decimal = _FLOOR) -> tuple[WhyNot, ...]:
    """Costly resources without advice, the costliest first.

    One that costs less than ``floor`` a month is not costly: no advice could save that much. Unknown cost stays.
    """
    w = why_not_table.c
    costly = (
        select(w.provider, w.resource_id, w.currency)
        .group_by(w.provider, w.resource_id, w.currency)
        .having(or_(func.bool_or(w.monthly_cost.is_(None)), func.max(w.monthly_cost) >= floor))
    )
    rows = connection.execute(
        select(
            w.resource_id,
            w.kind,
            w.reason,
            w.explanation,
            w.monthly_cost,
            w.currency,
            w["at"],
            _NAME,
            w.provider,
            w.model,
            w.team,
        )
        .outerjoin_from(why_not_table, resource, resource.c.resource_key == w.resource_key)
        .where(tuple_(w.provider, w.resource_id, w.currency).in_(costly))
        .order_by(w.currency, w.monthly_cost.desc().nulls_last(), w.resource_id, w.kind)
    )
    return tuple(_named(WhyNot(*row)) for row in rows)


def _named(row: WhyNot) -> WhyNot:
    ours = subject_name(row.resource_id, row.model, row.team)
    return row if ours is None else replace(row, name=ours, billed=False)


def why_not_below(connection: Connection, floor: Decimal = _FLOOR) -> tuple[Below, ...]:
    """What ``why_not`` leaves out: resources that cost less than ``floor`` a month, counted once each."""
    w = why_not_table.c
    cost = func.max(w.monthly_cost)
    cheap = (
        select(w.currency, cost.label("monthly_cost"))
        .group_by(w.provider, w.resource_id, w.currency)
        .having(func.bool_and(w.monthly_cost.is_not(None)), cost < floor)
        .subquery()
    )
    rows = connection.execute(
        select(cheap.c.currency, func.count(), func.sum(cheap.c.monthly_cost))
        .group_by(cheap.c.currency)
        .order_by(cheap.c.currency)
    )
    return tuple(Below(*row) for row in rows)


def undecided(reasons: Iterable[WhyNot]) -> tuple[Undecided, ...]:
    """The reasons by resource, in the order they come in."""
    found: dict[tuple[str, str, str], list[WhyNot]] = {}
    for row in reasons:
        found.setdefault((row.currency, row.provider, row.resource_id), []).append(row)
    ranked = (sorted(rows, key=_rank) for rows in found.values())
    return tuple(Undecided(rows[0], tuple(rows[1:])) for rows in ranked)


def unmeasured(resources: Iterable[Undecided]) -> tuple[Unmeasured, ...]:
    """What measurements are missing for: currencies in the order they come in, the costliest first within each."""
    found: dict[tuple[str, str], list[Undecided]] = {}
    for one in resources:
        if one.decides.reason.startswith(TELEMETRY) and one.decides.billed:
            found.setdefault((one.decides.currency, one.decides.reason), []).append(one)
    groups = []
    for (currency, reason), rows in found.items():
        known = [row.monthly_cost for row in rows if row.monthly_cost is not None]
        cost = sum(known, Decimal(0)) if known else None
        groups.append(
            Unmeasured(
                currency,
                reason,
                len(rows),
                cost,
                rows[0].decides.explanation,
                rows[0].decides.name or rows[0].decides.resource_id,
            )
        )
    order = list(dict.fromkeys(one.currency for one in groups))
    return tuple(sorted(groups, key=lambda one: (order.index(one.currency), -(one.monthly_cost or 0), one.reason)))


def _rank(row: WhyNot) -> tuple[bool, int, str]:
    return not row.reason.startswith(TELEMETRY), kind_order(row.kind), row.kind
