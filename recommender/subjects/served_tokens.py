"""Tokens a model serves on machines of its own: what they cost together, and how many they were.

Assumes     a machine belongs to a model where no other model has a share of its cost in the window.
Method      All cost of those machines, idle hours too: it ends where they end. Tokens are those recorded for them.
            On a day on which nothing of their accounts was recorded nobody knows them: they are not none.
Cases       Machines that the model shares with others are counted apart: they would stay. Machines without recorded
            tokens make no subject; of several one without any is told. What each machine is tagged and when it was
            deployed is told with it: some may stay. A charge of several days is of each of them alike.
Drawbacks   A machine that changed its model within the window is shared. A log that lacks a part of a day is not seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Date, cast, func, select, text

from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from aispend.store.telemetry import resolved_inference_hours
from recommender.contract import DailyCost, Subject
from recommender.subjects.charged_days import each_day
from recommender.subjects.machine_life import Life, load_lives
from recommender.subjects.token_use import per_dollar

_NOTHING = Decimal(0)
_AMOUNTS = ("listed", "effective", "uncovered")
_TOKENS = ("input", "cached_input", "cache_write", "output")


@dataclass(frozen=True)
class Serving:
    """One machine of a model: what it is, what decides whether it may go, and its cost by day.

    ``is_recorded`` says that tokens of its own are, ``asked_hours`` in how many hours of the window; ``platform`` is
    what the bill calls its kind of machine.
    """

    instance_type: str | None
    tags: Mapping[str, str]
    deployed_at: datetime | None
    costs: Sequence[DailyCost]
    is_recorded: bool = True
    asked_hours: int = 0
    platform: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServedTokens(Subject):
    """One model served at one provider. ``tokens`` of the window by class; ``machines`` their effective cost in it.

    ``parts`` is what is known of each of the machines. ``shared_cost`` is what machines it shares with other models
    cost in the window. ``per_dollar`` as in ``TokenUse``. ``recorded`` are the days that the tokens are of: those on
    which anything of the machines' accounts was recorded.
    """

    tokens: Mapping[str, Decimal]
    machines: Mapping[str, Decimal]
    instance_types: Sequence[str]
    shared_cost: Decimal
    per_dollar: Decimal | None
    recorded: frozenset[date]
    parts: Mapping[str, Serving] = field(default_factory=dict)


def load_served_tokens(connection: Connection, as_of: datetime, window_days: int) -> Iterator[ServedTokens]:
    """All models that served tokens on machines of their own, by provider, model and currency."""
    since = (as_of - timedelta(days=window_days)).date()
    scope = {"since": since, "until": as_of.date(), "month": since.replace(day=1)}
    counted, recorded, asked = _tokens(connection, as_of, window_days)
    models: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(text(_MACHINES), scope):
        for model in row.models:
            models[row.provider, model, row.currency].append(row)
    days: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for row in connection.execute(text(_DAYS), scope):
        days[row.resource_key, row.currency] += each_day(row, _AMOUNTS, since=since, until=as_of.date())
    rates = per_dollar(connection, as_of.date())
    tags = {row.resource_key: row.tags for row in connection.execute(text(_TAGS), scope)}
    lives = load_lives(connection)
    for (provider, model, currency), rows in sorted(models.items()):
        own = [row for row in rows if len(row.models) == 1]
        tokens: dict[str, Decimal] = defaultdict(Decimal)
        for row in own:
            for unit_class, quantity in counted.get(row.resource_key, {}).items():
                tokens[unit_class] += quantity
        if sum(tokens.values(), _NOTHING) <= 0:
            continue
        teams, accounts, regions = ({getattr(row, name) for row in own} for name in ("team", "account", "region"))
        yield ServedTokens(
            resource_key=0,
            resource_id=f"served:{model}",
            provider=provider,
            account=accounts.pop() if len(accounts) == 1 else None,
            region=regions.pop() if len(regions) == 1 else None,
            currency=currency,
            tags={},
            model=model,
            team=teams.pop() if len(teams) == 1 else None,
            first_seen=min(row.first_seen or since for row in own),
            costs=_together([day for row in own for day in days[row.resource_key, currency]]),
            as_of=as_of,
            tokens=dict(tokens),
            machines={row.resource_id: row.cost or _NOTHING for row in own},
            instance_types=sorted({row.instance_type for row in own if row.instance_type}),
            shared_cost=sum((row.cost or _NOTHING for row in rows if len(row.models) > 1), _NOTHING),
            per_dollar=rates.get(currency),
            recorded=frozenset[date]().union(*(recorded.get(row.resource_key, frozenset()) for row in own)),
            parts={
                row.resource_id: Serving(
                    instance_type=row.instance_type,
                    tags=(life := lives.get(row.resource_key, Life())).tags
                    | {str(key): str(value) for key, value in (tags.get(row.resource_key) or {}).items()},
                    deployed_at=life.deployed_at,
                    costs=_together(days[row.resource_key, currency]),
                    is_recorded=row.resource_key in counted,
                    asked_hours=asked.get(row.resource_key, 0),
                    platform=row.platform,
                )
                for row in own
            },
        )


def _tokens(
    connection: Connection, as_of: datetime, days: int
) -> tuple[dict[int, dict[str, Decimal]], dict[int, frozenset[date]], dict[int, int]]:
    """By resource: tokens by class, the days on which anything of its accounts was recorded, hours that had tokens."""
    of = resolved_inference_hours().subquery().c
    day = cast(func.timezone("UTC", of.hour), Date).label("day")
    within = of.hour >= as_of - timedelta(days=days), of.hour < as_of
    rows = connection.execute(
        select(of.resource_key, of.unit_class, func.sum(of.quantity))
        .where(of.resource_key.is_not(None), of.unit_class.in_(_TOKENS), *within)
        .group_by(of.resource_key, of.unit_class)
    )
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for key, unit_class, quantity in rows:
        found[key][unit_class] = Decimal(quantity)
    asked = connection.execute(
        select(of.resource_key, func.count(of.hour.distinct()))
        .where(of.resource_key.is_not(None), of.unit_class.in_(_TOKENS), of.quantity > 0, *within)
        .group_by(of.resource_key)
    )
    hours = {key: int(count) for key, count in asked}
    days_of: dict[tuple[str | None, str | None], set[date]] = defaultdict(set)
    accounts: dict[int, set[tuple[str | None, str | None]]] = defaultdict(set)
    for key, provider, account, on in connection.execute(
        select(of.resource_key, of.provider, of.account, day).where(*within).distinct()
    ):
        days_of[provider, account].add(on)
        accounts[key].add((provider, account))
    days_known = {key: frozenset[date]().union(*(days_of[account] for account in accounts[key])) for key in found}
    return found, days_known, hours


def _together(rows: Sequence[Any]) -> list[DailyCost]:
    """Days of all machines; one without a cost makes its day unknown."""
    by_day: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        by_day[row.day].append(row)

    def total(several: Sequence[Any], name: str) -> Decimal | None:
        amounts = [getattr(row, name) for row in several]
        return None if None in amounts else sum(amounts, _NOTHING)

    return [
        DailyCost(
            day=day,
            hours=24,
            list_cost=total(several, "listed"),
            effective_cost=total(several, "effective"),
            uncovered_effective_cost=total(several, "uncovered"),
            is_spot=all(row.spot for row in several),
            billed=any(row.billed for row in several),
        )
        for day, several in sorted(by_day.items())
    ]


_CHARGES = f"""
    FROM charge c
    JOIN sku USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN resource r USING (resource_key)
    {JOIN_TO_DATE}
    {{more}}
    WHERE sku.is_ai AND c.resource_key <> 0 AND k.charge_category = 'Usage'
      AND sku.platform IS DISTINCT FROM 'token_api' AND coalesce(r.accelerators, sku.accelerators) > 0
      AND greatest(c.charge_end_date, c.charge_date + 1) > :since AND c.charge_date < :until
      AND c.billing_month >= :month
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE dataset LIKE '%+%'))"""

_MACHINES = f"""
    SELECT r.provider, r.resource_key, r.resource_id, r.instance_type, r.first_seen,
           k.billing_currency AS currency, min(a.sub_account_id) AS account, min(l.region_id) AS region,
           min(t.team) AS team, min(sku.platform) AS platform,
           sum(coalesce(s.effective_cost, s.billed_cost)
               * (least(greatest({CHARGED_UNTIL}, c.charge_date + 1), :until) - greatest(c.charge_date, :since))
               / greatest({CHARGED_UNTIL} - c.charge_date, 1)) AS cost,
           array_agg(DISTINCT t.model ORDER BY t.model) FILTER (WHERE t.model IS NOT NULL) AS models
    {
    _CHARGES.format(
        more='''JOIN account a USING (account_key) JOIN location l USING (location_key)
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal) JOIN share_target t USING (target_key)'''
    )
}
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING bool_or(t.model IS NOT NULL)
    ORDER BY 1, 3, 6"""

_COST = """coalesce(c.effective_cost, CASE WHEN NOT ((k.pricing_category IS NOT DISTINCT FROM 'Committed'
           OR c.commitment_key <> 0) AND c.billed_cost IS NOT DISTINCT FROM 0) THEN c.billed_cost END)"""

_DAYS = f"""
    SELECT c.resource_key, k.billing_currency AS currency, c.charge_date AS day, {CHARGED_UNTIL} AS end_day,
           CASE WHEN bool_and(c.list_cost IS NOT NULL) THEN sum(c.list_cost) END AS listed,
           CASE WHEN bool_and({_COST} IS NOT NULL) THEN sum({_COST}) END AS effective,
           CASE WHEN bool_and({_COST} IS NOT NULL) THEN coalesce(sum({_COST}) FILTER (
               WHERE k.pricing_category IS DISTINCT FROM 'Committed' AND c.commitment_key = 0), 0) END AS uncovered,
           bool_or(k.pricing_category IS NOT DISTINCT FROM 'Dynamic') AS spot,
           bool_or(c.effective_cost IS NULL AND {_COST} IS NOT NULL) AS billed
    {_CHARGES.format(more="")}
    GROUP BY 1, 2, 3, 4"""

_TAGS = f"""
    SELECT DISTINCT ON (c.resource_key) c.resource_key, tag_set.tags
    {_CHARGES.format(more="JOIN tag_set USING (tag_set_key)")}
    ORDER BY c.resource_key, c.charge_date DESC, c.tag_set_key DESC"""
