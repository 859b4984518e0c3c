"""Tokens bought: of one model, at one account and region, by one team, at one service tier.

Assumes     charges of platform ``token_api`` and their shares say whose cost it is; a SKU's own words say its tier.
Method      Cost and tokens by class and day are the shares of the bill (the price is one over the other). Requests,
            hours of the day, prompt lengths and latency are those recorded for the same provider, model, tier, account
            and team; a record without an account or team goes where only one fits. Where the bill counts no tokens at
            all, those recorded stand in; on days without a record as many as the price on the others says.
            A model that caches lends its rates to others of its team, or else of its provider, as something to
            reckon with.
Cases       Records that fit several, or none, are left out: requests are then unknown, never 0.
            A resource that several such tokens share stands for none of them.
            A charge without a cost makes its day's cost unknown: no tokens, requests, prices, stages or tags of such a
            day are counted, as nothing is known of what they cost. Of an Azure pair, the amortised half counts.
            A charge of several days is of each of them alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.contract import DailyCost, Subject
from recommender.subjects.charged_days import each_day
from recommender.subjects.own_names import joined
from recommender.subjects.recorded_use import Latency, Recorded, recorded_use, token_tiers

INPUT_CLASSES = ("input", "cached_input", "cache_write")
_AMOUNTS = ("listed", "effective", "uncovered", "units")
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class CacheRates:
    """How a model that caches does: shares of its input read from and written to the cache, and whose they are."""

    read: Decimal
    written: Decimal
    of: str
    same_team: bool

    @property
    def hit_rate(self) -> Decimal:
        """How much of what goes through its cache is found there."""
        return self.read / (self.read + self.written)


@dataclass(frozen=True, kw_only=True)
class TokenUse(Subject):
    """Tokens of one model that one team buys. Mappings are by unit class, then by day; a missing class has none.

    ``stages`` is effective cost by stage, of the days whose whole cost is known; ``tagged`` that of each set of tags
    its charges have, ``tags`` being those of the largest. ``class_costs`` has the known charges of every day; ``cost``
    and ``amount`` count the days whose whole cost is known. ``requests`` by day and ``requests_by_hour`` (24, UTC) are
    None where none are recorded; ``prompt_tokens`` is the mean input of a recorded request; ``endpoints`` recorded
    tokens of each. ``per_dollar`` is what a US dollar is worth in ``currency``, None unknown. ``largest_hour`` is the
    tokens by class of the recorded hour with most output. ``resource_ids`` are what the bill names, where it does.
    """

    service_tier: str
    stages: Mapping[str, Decimal]
    tokens: Mapping[str, Mapping[date, Decimal]]
    class_costs: Mapping[str, Mapping[date, Decimal]]
    tagged: Sequence[tuple[Mapping[str, str], Decimal]] = ()
    resource_ids: Sequence[str] = ()
    requests: Mapping[date, Decimal] | None = None
    requests_by_hour: Sequence[Decimal] | None = None
    prompt_tokens: Decimal | None = None
    endpoints: Mapping[str, Decimal] = field(default_factory=dict)
    largest_hour: Mapping[str, Decimal] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency)
    peer_cache: CacheRates | None = None
    per_dollar: Decimal | None = None

    @property
    def stage(self) -> str | None:
        """What most of its cost went to."""
        return max(self.stages, key=lambda name: (self.stages[name], name), default=None)

    def stage_share(self, names: Iterable[str]) -> Decimal:
        """Share of its cost that went to these stages."""
        total = sum(self.stages.values(), _NOTHING)
        return (
            sum((self.stages.get(name, _NOTHING) for name in set(names)), _NOTHING) / total if total > 0 else _NOTHING
        )

    def tagged_share(self, says: Callable[[Mapping[str, str]], bool]) -> Decimal:
        """Share of its cost on whose tags ``says`` holds."""
        parts = self.tagged or ((self.tags, Decimal(1)),)
        total = sum((cost for _, cost in parts), _NOTHING)
        return sum((cost for tags, cost in parts if says(tags)), _NOTHING) / total if total > 0 else _NOTHING

    def amount(self, unit_class: str, days: int) -> Decimal:
        """Tokens of a class in the last ``days``, but for days of unknown cost."""
        return self._recent(self.tokens.get(unit_class, {}), days)

    def cost(self, unit_class: str, days: int) -> Decimal:
        """Effective cost of a class in the last ``days``, but for days of which not all is known."""
        return self._recent(self.class_costs.get(unit_class, {}), days)

    def asked(self, days: int) -> Decimal | None:
        """Requests recorded in the last ``days``, but for days of unknown cost; None where none are recorded at all."""
        return None if self.requests is None else self._recent(self.requests, days)

    def answer_tokens(self, days: int) -> Decimal | None:
        """Mean output of a request in the last ``days``, by those with requests recorded; None where it is not told."""
        asked = {day: count for day, count in (self.requests or {}).items() if count > 0}
        requests = self._recent(asked, days)
        tokens = self._recent({day: one for day, one in self.tokens.get("output", {}).items() if day in asked}, days)
        return tokens / requests if requests and tokens else None

    def price(self, unit_class: str, days: int) -> Decimal | None:
        """Effective price of a million tokens of a class, of the days that count any; None where none are counted."""
        tokens = self.amount(unit_class, days)
        return self._cost_of_counted(unit_class, days) * 1_000_000 / tokens if tokens else None

    def all_tokens(self, unit_class: str, days: int) -> Decimal:
        """Tokens of a class in the last ``days``; of days nobody counted them on, as many as the price says."""
        tokens, whole = self.amount(unit_class, days), self.cost(unit_class, days)
        known = self._cost_of_counted(unit_class, days)
        return tokens if known in (whole, _NOTHING) else tokens * whole / known

    def _cost_of_counted(self, unit_class: str, days: int) -> Decimal:
        counted = self.tokens.get(unit_class, {})
        return self._recent(
            {day: cost for day, cost in self.class_costs.get(unit_class, {}).items() if counted.get(day)}, days
        )

    def input_share(self, unit_class: str, days: int) -> Decimal:
        """Share of its input that is of a class: ``cached_input`` gives the hit rate of its tokens."""
        total = sum((self.amount(name, days) for name in INPUT_CLASSES), _NOTHING)
        return self.amount(unit_class, days) / total if total else _NOTHING

    def _recent(self, by_day: Mapping[date, Decimal], days: int) -> Decimal:
        first = (self.as_of - timedelta(days=days)).date()
        unknown = {cost.day for cost in self.costs if cost.effective_cost is None}
        return sum((one for day, one in by_day.items() if day >= first and day not in unknown), _NOTHING)


def load_token_use(connection: Connection, as_of: datetime, window_days: int) -> Iterator[TokenUse]:
    """All tokens bought in the window, by their names; as many as there are models, accounts, regions and teams."""
    since = (as_of - timedelta(days=window_days)).date()
    tiers = token_tiers(connection)
    first_days = {tuple(row[:4]): row[4] for row in connection.execute(text(_FIRST_DAYS))}
    dollars = per_dollar(connection, as_of.date())
    rows = connection.execute(text(_CHARGES), {"since": since, "until": as_of.date(), "month": since.replace(day=1)})
    subjects: list[TokenUse] = []
    names: dict[str, frozenset[str]] = {}
    for key, group in groupby(rows, key=lambda row: tuple(row[:6])):
        by_tier: dict[str, list[Any]] = defaultdict(list)
        for row in group:
            by_tier[tiers.get(row.sku_key, "standard")] += each_day(row, _AMOUNTS, since=since, until=as_of.date())
        for tier, charges in sorted(by_tier.items()):
            first_seen = first_days.get((key[0], key[1], key[3], key[4]), since)
            subject = _subject(key, tier, charges, as_of, first_seen)
            names[subject.resource_id + subject.currency] = frozenset(
                name for row in charges for name in row.account_names if name
            )
            subjects.append(replace(subject, per_dollar=dollars.get(subject.currency)))
    shared = Counter(subject.resource_key for subject in subjects)
    subjects = [one if shared[one.resource_key] == 1 else replace(one, resource_key=0) for one in subjects]
    used = recorded_use(connection, as_of, window_days, subjects, names)
    enriched = [_with_records(subject, used.get(place)) for place, subject in enumerate(subjects)]
    # what goes through a cache are tokens, whether their cost is known or not
    costless = [replace(one, costs=[]) for one in enriched]
    for subject in sorted(enriched, key=lambda one: (one.provider, one.resource_id, one.currency)):
        yield replace(subject, peer_cache=_peer(subject, costless, window_days))


def _subject(key: tuple[Any, ...], tier: str, rows: Sequence[Any], as_of: datetime, first_seen: date) -> TokenUse:
    provider, account, region, model, team, currency = key
    tokens: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    costs: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    stages: dict[str, Decimal] = defaultdict(Decimal)
    by_day: dict[date, list[Any]] = defaultdict(list)
    for row in rows:
        by_day[row.day].append(row)
        if row.unit_class:
            costs[row.unit_class][row.day] += row.effective or 0
            if row.units is not None:
                tokens[row.unit_class][row.day] += row.units
    costs_by_day = [_day(day, several) for day, several in sorted(by_day.items())]
    unknown = {cost.day for cost in costs_by_day if cost.effective_cost is None}
    tagged: dict[tuple[tuple[str, str], ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.day not in unknown:
            stages[row.stage] += row.effective
            tagged[_tags(row)] += row.effective
    largest = max(rows, key=lambda row: (row.effective or 0, row.day, row.sku_key, row.resource_id or "", _tags(row)))
    resources = sorted({row.resource_id for row in rows if row.resource_id})
    return TokenUse(
        resource_key=largest.resource_key
        if len(resources) == 1 and not any(not row.resource_id for row in rows)
        else 0,
        resource_id=f"tokens:{joined(account, region, model, team, tier)}",
        provider=provider,
        account=account,
        region=region,
        currency=currency,
        tags=dict(_tags(largest)),
        model=model,
        team=team,
        first_seen=first_seen,
        costs=costs_by_day,
        as_of=as_of,
        service_tier=tier,
        stages=dict(stages),
        tagged=[(dict(tags), cost) for tags, cost in sorted(tagged.items())],
        tokens={name: dict(days) for name, days in tokens.items()},
        class_costs={name: dict(days) for name, days in costs.items()},
        resource_ids=resources,
    )


def _tags(row: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(tag), str(value)) for tag, value in (row.tags or {}).items()))


def _day(day: date, rows: Sequence[Any]) -> DailyCost:
    def total(name: str) -> Decimal | None:
        amounts = [getattr(row, name) for row in rows]
        return None if None in amounts else sum(amounts, _NOTHING)

    return DailyCost(
        day=day,
        hours=24,
        list_cost=total("listed"),
        effective_cost=total("effective"),
        uncovered_effective_cost=total("uncovered"),
        is_spot=False,
        billed=any(row.billed for row in rows),
    )


def _with_records(subject: TokenUse, used: Recorded | None) -> TokenUse:
    if used is None:
        return subject
    return replace(
        subject,
        tokens=subject.tokens or used.tokens,
        requests=used.requests,
        requests_by_hour=tuple(used.by_hour),
        prompt_tokens=used.prompt_tokens,
        endpoints=used.endpoints,
        largest_hour=used.largest_hour,
        latency=used.latency(),
    )


def _peer(subject: TokenUse, others: Sequence[TokenUse], days: int) -> CacheRates | None:
    """The rates of whoever of its team, else of its provider, caches most of its input; never its own."""
    for same_team in (True, False):
        found = [
            other
            for other in others
            if other.provider == subject.provider
            and other.resource_id != subject.resource_id
            and (not same_team or (other.team is not None and other.team == subject.team))
            and other.input_share("cached_input", days) > 0
        ]
        if found:
            best = max(found, key=lambda other: (other.input_share("cached_input", days), other.resource_id))
            read, written = (best.input_share(name, days) for name in ("cached_input", "cache_write"))
            return CacheRates(read, written, f"{best.model} of {best.team or 'an unknown team'}", same_team)
    return None


def per_dollar(connection: Connection, day: date) -> dict[str, Decimal]:
    """What a US dollar is worth in each currency by the newest rate of the pair; as far as rates are loaded."""
    rates = connection.execute(text(_DOLLARS), {"day": day})
    return {row.currency: row.rate for row in rates} | {"USD": Decimal(1)}


_COST = """coalesce(s.effective_cost, CASE WHEN NOT ((k.pricing_category IS NOT DISTINCT FROM 'Committed'
           OR c.commitment_key <> 0) AND s.billed_cost IS NOT DISTINCT FROM 0) THEN s.billed_cost END)"""

_CHARGES = f"""
    SELECT sku.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account, l.region_id AS region,
           coalesce(t.model, sku.model) AS model, t.team, k.billing_currency AS currency, c.sku_key, sku.unit_class,
           t.stage, c.charge_date AS day, {CHARGED_UNTIL} AS end_day, c.resource_key, r.resource_id, g.tags,
           ARRAY[lower(a.sub_account_id), lower(a.sub_account_name), lower(a.billing_account_id)] AS account_names,
           CASE WHEN bool_and(s.list_cost IS NOT NULL) THEN sum(s.list_cost) END AS listed,
           CASE WHEN bool_and({_COST} IS NOT NULL) THEN sum({_COST}) END AS effective,
           CASE WHEN bool_and({_COST} IS NOT NULL) THEN coalesce(sum({_COST}) FILTER (
               WHERE k.pricing_category IS DISTINCT FROM 'Committed' AND c.commitment_key = 0), 0) END AS uncovered,
           bool_or(s.effective_cost IS NULL AND {_COST} IS NOT NULL) AS billed,
           sum(c.pricing_quantity * sku.units_per_pricing_unit * coalesce(
               s.effective_cost / nullif(c.effective_cost, 0), s.billed_cost / nullif(c.billed_cost, 0),
               s.list_cost / nullif(c.list_cost, 0),
               (SELECT 1.0 / count(*) FROM cost_share o WHERE o.billing_month = c.billing_month
                AND o.slice_id = c.slice_id AND o.half = c.half AND o.ordinal = c.ordinal))) AS units
    FROM charge c
    JOIN sku USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    JOIN location l USING (location_key)
    LEFT JOIN resource r ON r.resource_key = c.resource_key AND c.resource_key <> 0
    LEFT JOIN tag_set g ON g.tag_set_key = c.tag_set_key
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    {JOIN_TO_DATE}
    WHERE sku.platform = 'token_api' AND k.charge_category = 'Usage'
      AND greatest(c.charge_end_date, c.charge_date + 1) > :since AND c.charge_date < :until
      AND c.billing_month >= :month AND coalesce(t.model, sku.model) IS NOT NULL
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE dataset LIKE '%+%'))
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    ORDER BY 1, 2, 3, 4, 5, 6, c.sku_key, t.stage, day, end_day, c.resource_key"""

_FIRST_DAYS = """
    SELECT provider, account, model, team, min(charge_date) FROM spend_day
    WHERE is_ai AND model IS NOT NULL GROUP BY 1, 2, 3, 4"""

_DOLLARS = """
    SELECT DISTINCT ON (currency) currency, rate FROM (
        SELECT quote AS currency, rate, valid_from, slice_id FROM exchange_rate WHERE base = 'USD'
        UNION ALL SELECT base, 1 / rate, valid_from, slice_id FROM exchange_rate WHERE quote = 'USD' AND rate > 0) AS e
    WHERE valid_from <= :day
    ORDER BY currency, valid_from DESC, slice_id NULLS FIRST, rate"""
