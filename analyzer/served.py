"""What models served in two periods, in all and by team, account, region and service: the demand of a change.

Assumes     the unit costs of the months are written; the usage they were made of is there.
Method      A model's demand is successful requests, else tokens, where counted in both periods on all of the days that
            are known (analyzer.usage_days). What one value of a cut alone paid for, it served alone. Else each served
            the usage that is its own: usage of a resource is of who paid for the resource in the period, any other of
            who paid for the model; where these are several, of those with the team, account and region it names.
Cases       Where it is not plain of some usage whose it is, or the parts do not add up to the model's demand in both
            periods, no part is told. Nor is one that served nothing in one of them.
Drawbacks   A model with demand in several stages or currencies that several paid for has no parts: usage does not say
            which it is of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, text

from aispend.money import exact_sum
from aispend.schema import unit_cost
from aispend.store.telemetry import resolved_inference_hours
from analyzer.conversion import Period
from analyzer.tokens import TOKEN_CLASSES
from analyzer.usage_days import outside, usage_days

SPANNING: tuple[str, ...] = ("account", "service", "region", "team")
"""Cuts that share the machines and tokens of one model."""


class Use(NamedTuple):
    """A model's use, as unit costs tell it apart."""

    provider: str
    model: str
    stage: str
    currency: str


@dataclass(frozen=True)
class Served:
    """What a model served in the two periods, in ``unit`` (requests or tokens)."""

    unit: Literal["requests", "tokens"]
    before: Decimal
    after: Decimal


class Payer(NamedTuple):
    """Who paid for a model's use; ``use`` and the values of :data:`SPANNING`."""

    use: Use
    account: str | None
    service: str | None
    region: str | None
    team: str | None


PartOf = tuple[Use, tuple[str | None, ...]]
"""A model's use, and the values of the cuts asked for, in their order."""


def served(connection: Connection, before: Period, after: Period) -> dict[Use, Served]:
    """What was served in both periods, of what is counted on all of their days of which the use is known or waited."""
    c = unit_cost.c
    tokens: ColumnElement[Any] = func.coalesce(c[f"{TOKEN_CLASSES[0]}_tokens"], 0)
    for one in TOKEN_CLASSES[1:]:
        tokens = tokens + func.coalesce(c[f"{one}_tokens"], 0)
    unknown = outside(usage_days(connection), unit_cost)
    earlier, later = (and_(c.day >= first, c.day < end) for first, end in (before, after))
    keys = (c.provider, c.model, c.stage, c.currency)
    statement = (
        select(
            *keys,
            func.sum(c.requests).filter(earlier).label("requests_before"),
            func.sum(c.requests).filter(later).label("requests_after"),
            func.sum(tokens).filter(earlier).label("tokens_before"),
            func.sum(tokens).filter(later).label("tokens_after"),
            func.bool_or(and_(c.requests.is_(None), or_(tokens > 0, unknown))).label("requests_unknown"),
            func.bool_or(and_(tokens == 0, unknown)).label("tokens_unknown"),
        )
        .where(c.basis == "allocation", c.model.is_not(None), c.effective_cost.is_not(None), or_(earlier, later))
        .group_by(*keys)
    )
    found = {}
    for row in connection.execute(statement):
        use = Use(row.provider, row.model, row.stage, row.currency)
        if row.requests_before and row.requests_after and not row.requests_unknown:
            found[use] = Served("requests", row.requests_before, row.requests_after)
        elif row.tokens_before and row.tokens_after and not row.tokens_unknown:
            found[use] = Served("tokens", row.tokens_before, row.tokens_after)
    return found


def served_by(
    connection: Connection,
    before: Period,
    after: Period,
    *,
    of_all: Mapping[Use, Served],
    payers: Collection[Payer],
    cuts: Sequence[str],
) -> dict[PartOf, Served]:
    """The parts of ``of_all`` by ``cuts`` of :data:`SPANNING`; ``payers`` are those of the models in both periods."""
    stages: dict[tuple[str, str], list[Use]] = {}
    for use in of_all:
        stages.setdefault((use.provider, use.model.lower()), []).append(use)
    single = {uses[0] for uses in stages.values() if len(uses) == 1}
    of_model: dict[tuple[str, str], set[Payer]] = {}
    for payer in payers:
        if payer.use in single:
            of_model.setdefault((payer.use.provider, payer.use.model.lower()), set()).add(payer)
    parts: dict[PartOf, tuple[list[Decimal], list[Decimal]]] = {}
    for side, period in enumerate((before, after)):
        rows = _usage(connection, period)
        on = _payers_of_resources(connection, period, {row.resource_key for row in rows})
        for row in rows:
            found = _meant(row, on, of_model)
            known = _named({one for one in found if one.use in single}, row)
            values = {(one.use, tuple(getattr(one, cut) for cut in cuts)) for one in known}
            if len(values) == 1:
                (part,) = values
                amount = row.requests if of_all[part[0]].unit == "requests" else row.tokens
                parts.setdefault(part, ([], []))[side].append(amount)
    sums = {part: (exact_sum(old), exact_sum(new)) for part, (old, new) in parts.items()}
    told = _paid_by_one(of_all, payers, cuts)
    for use in single:
        ours = {part: both for part, both in sums.items() if part[0] == use}
        whole = of_all[use]
        if _sums(ours.values()) == (whole.before, whole.after):
            told |= {part: Served(whole.unit, *both) for part, both in ours.items() if all(both)}
    return told


def _paid_by_one(of_all: Mapping[Use, Served], payers: Collection[Payer], cuts: Sequence[str]) -> dict[PartOf, Served]:
    """The demand of models all of whose use one value of the cuts paid for: it is that value's."""
    values: dict[Use, set[tuple[str | None, ...]]] = {}
    for payer in payers:
        values.setdefault(payer.use, set()).add(tuple(getattr(payer, cut) for cut in cuts))
    return {
        (use, value): of_all[use] for use, ones in values.items() if use in of_all and len(ones) == 1 for value in ones
    }


def _usage(connection: Connection, period: Period) -> Sequence[Row[Any]]:
    """Requests and tokens of a period by all that says whose they were."""
    first, end = (datetime.combine(day, time(), UTC) for day in period)
    u = resolved_inference_hours().subquery().c
    classes = {"requests": u.unit_class == "requests", "tokens": u.unit_class.in_(TOKEN_CLASSES)}
    keys = (u.resource_key, func.lower(u.provider).label("provider"), u.account, u.region, u.model, u.team)
    sums = (func.coalesce(func.sum(u.quantity).filter(one), 0).label(name) for name, one in classes.items())
    return connection.execute(select(*keys, *sums).where(u.hour >= first, u.hour < end).group_by(*keys)).all()


def _meant(row: Row[Any], on: Mapping[int, set[Payer]], of_model: Mapping[tuple[str, str], set[Payer]]) -> set[Payer]:
    """Who paid for what a row of usage is of: for its model on its resource, or for the only one on it."""
    model = (row.model or "").lower()
    if row.resource_key is None:
        return of_model.get((row.provider, model), set())
    there = on.get(row.resource_key, set())
    is_only = len({one.use.model for one in there}) == 1
    return {one for one in there if is_only or one.use.model.lower() == model}


def _named(payers: set[Payer], row: Row[Any]) -> set[Payer]:
    """Those of ``payers`` the usage names; a name that is none of theirs says nothing."""
    for name in ("team", "account", "region"):
        said = _plain(getattr(row, name))
        if said is not None:
            payers = {one for one in payers if _plain(getattr(one, name)) == said} or payers
    return payers


def _plain(name: str | None) -> str | None:
    """An Azure subscription is the same with and without ``/subscriptions/`` before it."""
    return None if name is None else name.lower().removeprefix("/subscriptions/")


def _payers_of_resources(connection: Connection, period: Period, keys: Collection[int | None]) -> dict[int, set[Payer]]:
    first, end = period
    scope = {"first": first, "end": end, "keys": sorted(key for key in keys if key)}
    found: dict[int, set[Payer]] = {}
    for row in connection.execute(text(_PAYERS), scope) if scope["keys"] else ():
        use = Use(row.provider, row.model, row.stage, row.currency)
        payer = Payer(use, row.account, row.service, row.region, row.team)
        found.setdefault(row.resource_key, set()).add(payer)
    return found


def _sums(parts: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    both = list(parts)
    return exact_sum(old for old, _ in both), exact_sum(new for _, new in both)


_PAYERS = """
    SELECT DISTINCT c.resource_key, a.provider, t.model, t.stage, k.billing_currency AS currency,
           coalesce(a.sub_account_id, a.billing_account_id) AS account, s.service_name AS service,
           l.region_id AS region, t.team
    FROM charge c
    JOIN cost_share x USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    JOIN account a USING (account_key)
    JOIN sku s USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    LEFT JOIN location l USING (location_key)
    WHERE c.billing_month >= CAST(:first AS date) - interval '2 months'
      AND c.billing_month <= CAST(:end AS date) + interval '1 month'
      AND c.charge_date >= :first AND c.charge_date < :end
      AND c.resource_key = ANY(:keys) AND t.is_ai AND t.model IS NOT NULL AND t.reason IN ('used', 'direct')"""
