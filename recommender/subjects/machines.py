"""Machines: every resource with accelerators, or AI spend of its own, that was paid for in the evidence window.

Costs come from the charges, by day; telemetry through ``resource_alias`` alone, as-of, streamed
one resource at a time, so memory does not grow with the fleet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Numeric, case, cast, func, or_, select

from aispend.monthly_bills import charged_until, to_date
from aispend.prices.prices import Price
from aispend.schema import (
    charge,
    charge_kind,
    commitment,
    commitment_term,
    sku,
    slice_,
)
from aispend.store.telemetry import (
    resolved_inference_hours,
    resolved_workload_hours,
)
from recommender.contract import DailyCost, Subject
from recommender.histories import daily_maxima, histories
from recommender.methods.idle import TWO_MONTHS
from recommender.methods.states import SLOTS_PER_DAY, Accelerators, of_all_cards
from recommender.prices import CATALOGUE, PriceBook
from recommender.subjects import changed_type, machine_hours
from recommender.subjects.billed_facts import facts_of
from recommender.subjects.bound_cost import FOLLOWS, FOLLOWS_WITHIN_FAMILY, TERM_OF_COMMITMENT, left_behind
from recommender.subjects.charged_days import on_its_days, one_a_day
from recommender.subjects.fleets import has_ended, siblings
from recommender.subjects.listed_off import off_since
from recommender.subjects.machine_life import Jobs, Life, load_jobs, load_lives, load_regret
from recommender.subjects.served_use import Use, served_use
from recommender.subjects.spot_market import SpotMarket, SpotMarkets
from recommender.subjects.token_use import per_dollar
from recommender.subjects.used_by import used_by
from recommender.subjects.watched import looked_at, watched_days

QUIET_DAYS, QUIET_SHARE, QUIET_ACTIVITY = 14, 0.1, 0.05
"""At work in less than a tenth of a fortnight: it may be called idle, so more is asked of its past."""

_ENDPOINT = "managed_endpoint"
_SETTLED_DAYS = 7
"""Days on demand in a row after which a machine is taken to have left spot."""


@dataclass(frozen=True, kw_only=True)
class Machine(Subject):
    """A resource as the bill knows it: what it is, what it costs, what is known of its use.

    ``stage`` is what most of its cost went to; ``zone`` where it ran last.
    """

    platform: str | None
    instance_type: str | None
    accelerator_type: str | None
    accelerator_count: Decimal | None
    fleet: str | None
    siblings: int = 0
    """Other machines of its fleet that were billed in the last two days of the evidence."""
    stage: str | None = None
    zone: str | None = None
    accelerators: Accelerators | None
    requests: Mapping[date, Decimal] | None
    """Requests per day; None where no inference records exist for the resource."""
    earlier: Mapping[date, float] | None = None
    """Largest activity of each day before its history, two months back; only of what is quiet now, else None."""
    looked_at: frozenset[date] = frozenset()
    """Of an endpoint the days on which a connection read what was asked of it whole: silence on them is nobody."""
    workload_seconds: Mapping[date, float] | None
    """Busy workload seconds per day; None where no workload records exist."""
    workload_days: frozenset[date] | None = None
    """Days on which any workload of its account was recorded; None: all of them."""
    use: Use | None = None
    """What was asked of it by hour; None where no records name it."""
    is_models_own: bool = True
    """Whether nine tenths of what models cost on it are its own model's; otherwise several models share it."""

    reservation: str | None = None
    """The capacity reservation it last ran in, as the bill names it."""
    off_since: datetime | None = None
    """Since when its listing has it no more, or has had it off for days; None where none says so."""
    life: Life | None = None
    """When it was deployed and what its listing says; None where none names it."""
    regret: tuple[int, int] = (0, 0)
    """Stops of machines of its platform, and how many of them were started again within a week."""
    jobs: Jobs | None = None
    """Jobs that ran on it; None where none are recorded."""
    market: SpotMarket | None = None
    """The spot market of its type and region; None where nothing is known of it."""
    per_dollar: Decimal | None = None
    """What a US dollar is worth in its currency, by the newest exchange rate of the evidence; None unknown."""

    @property
    def price(self) -> Price | None:
        """What an hour of it costs on demand, as of the evidence; None where nobody knows."""
        return self.price_of(self.instance_type or "")

    def price_of(self, instance_type: str, region: str | None = None) -> Price | None:
        """What an hour of another type costs on demand, there or in another region."""
        where = self.region if region is None else region
        return self.prices.price_at(self.provider, where or "", instance_type, "on_demand", self.as_of.date())

    @property
    def is_on_spot(self) -> bool:
        """Whether what is paid for it now is a price of the spot market: on any of its last seven days on the bill.

        One day on demand is no change: where spot is short, groups fall back on it for a while. The days before may
        have been bought otherwise.
        """
        return any(cost.is_spot for cost in self.costs[-_SETTLED_DAYS:])

    @property
    def is_off(self) -> bool:
        """Whether it was not billed for the last two days of the evidence, or since its listing has it off or gone."""
        return has_ended(self.costs, self.as_of, self.off_since)


def load_machines(
    connection: Connection,
    as_of: datetime,
    window_days: int,
    prices: PriceBook = CATALOGUE,
    *,
    of: Callable[[str, str | None], bool] = lambda *_: True,
) -> Iterator[Machine]:
    """Machines of the providers and accounts asked for with a cost in the window, by resource key; streamed."""
    since = (as_of - timedelta(days=window_days)).date()
    costs, types = _daily_costs(connection, since, as_of.date())
    facts = facts_of(connection, list(costs), since)
    regrets = load_regret(connection, {key: fact["platform"] for key, fact in facts.items()})
    facts = {key: fact for key, fact in facts.items() if of(fact["provider"], fact["account"])}
    costs = {key: days for key, days in costs.items() if key[0] in facts}
    ended = off_since(connection)
    beside = siblings(facts, costs, as_of, ended)
    owners = used_by(connection, since)
    requests = _per_day(connection, resolved_inference_hours(), since, "requests")
    workloads = _per_day(connection, resolved_workload_hours(), since, "workloads")
    recorded: dict[tuple[str, str | None], set[date]] = defaultdict(set)
    for host, days in workloads.items():
        if host in facts:
            recorded[facts[host]["provider"], facts[host]["account"]].update(days)
    used, _ = served_use(connection, as_of, window_days)
    endpoints = {key for key, fact in facts.items() if fact["platform"] == _ENDPOINT}
    watched = watched_days(connection, (used.keys() & facts.keys()) | endpoints, as_of, window_days)
    lives = load_lives(connection)
    jobs = load_jobs(connection, as_of, window_days)
    markets = SpotMarkets(connection, as_of, window_days)
    dollars = per_dollar(connection, as_of.date())
    measured = histories(connection, {key for key, _ in costs}, as_of, window_days)
    key, history = next(measured, (None, None))
    for resource_key, currency in sorted(costs):
        while key is not None and key < resource_key:
            key, history = next(measured, (None, None))
        fact = facts.get(resource_key)
        if fact is None:
            continue
        newest = costs[resource_key, currency][-1].day
        changed = changed_type.since(fact["provider"], types[resource_key], fact["billed_type"], newest)
        model, team, stage, is_models_own = owners.get(resource_key, (None, None, None, True))
        yield Machine(
            resource_key=resource_key,
            siblings=beside.get(resource_key, 0),
            currency=currency,
            costs=costs[resource_key, currency],
            costs_since=changed,
            model=model,
            team=team,
            stage=stage,
            is_models_own=is_models_own,
            accelerators=_of_now(history, fact, types[resource_key], changed) if key == resource_key else None,
            earlier=_earlier(connection, resource_key, history, as_of) if key == resource_key else None,
            requests=requests.get(resource_key),
            workload_seconds=_as_floats(workloads.get(resource_key)),
            workload_days=frozenset(recorded[fact["provider"], fact["account"]]),
            looked_at=frozenset(
                since + timedelta(days=number)
                for number in watched.get(resource_key, frozenset())
                if resource_key in endpoints
            ),
            use=looked_at(used[resource_key], watched.get(resource_key, frozenset()), window_days)
            if resource_key in used
            else None,
            off_since=ended.get(resource_key),
            life=lives.get(resource_key),
            regret=regrets.get(fact["platform"], (0, 0)),
            jobs=jobs.get(resource_key),
            per_dollar=dollars.get(currency),
            market=markets.market(fact["provider"], fact["region"], fact["instance_type"]),
            as_of=as_of,
            prices=prices,
            tags=lives.get(resource_key, Life()).tags | fact["tags"],
            **{name: value for name, value in fact.items() if name not in ("billed_type", "tags")},
        )


def _of_now(
    history: Accelerators | None, fact: Mapping[str, Any], types: Mapping[date, set[str]], changed: date | None
) -> Accelerators | None:
    """The history with the cards there are now, and since when they are these."""
    if history is None:
        return None
    found = of_all_cards(history, fact["accelerator_count"], changed)
    if changed and changed_type.was_another_card(fact["provider"], types, changed, fact["accelerator_type"]):
        return replace(found, cards_since=found.since(changed))
    return found


def _earlier(
    connection: Connection, key: int, history: Accelerators | None, as_of: datetime
) -> dict[date, float] | None:
    """Whether work comes back by the month takes longer to see than anything else; asked of what seems idle alone."""
    start = as_of - timedelta(days=TWO_MONTHS)
    if history is None or history.start <= start:
        return None
    recent = history.activity_max[:, -QUIET_DAYS * SLOTS_PER_DAY :]
    with_work = (recent >= QUIET_ACTIVITY).any(axis=0).sum()
    if with_work > QUIET_SHARE * recent.shape[1]:
        return None
    return daily_maxima(connection, key, start, history.start)


def _daily_costs(
    connection: Connection, since: date, until: date
) -> tuple[dict[tuple[int, str], list[DailyCost]], dict[int, dict[date, set[str]]]]:
    """Usage cost per (resource, currency) and day, and the machine types of each resource and day.

    Purchases, credits and tax are not changed by stopping a thing.
    Billed cost stands in where a charge has no effective cost, except where a commitment covers it and it is
    billed nothing: what was paid for it is elsewhere in the bill. Then, or where a charge has neither, the day's cost
    is unknown. An Azure actual export counts only where its month has no amortised one, which lists the same usage.
    A charge of a longer time is on each of its days.
    """
    covered = func.coalesce(charge_kind.c.pricing_category == "Committed", False) | (charge.c.commitment_key != 0)
    no_effective = charge.c.effective_cost.is_(None)
    prepaid = covered & (charge.c.billed_cost == 0)
    cost = func.coalesce(charge.c.effective_cost, case((~func.coalesce(prepaid, False), charge.c.billed_cost)))
    until_day = charged_until()
    with_amortised = select(slice_.c.slice_id).where(slice_.c.dataset.contains("+"))
    rows = connection.execute(
        select(
            charge.c.resource_key,
            charge_kind.c.billing_currency,
            charge.c.charge_date,
            until_day,
            machine_hours.mask(),
            func.sum(charge.c.list_cost),
            case((func.bool_and(cost.is_not(None)), func.sum(cost))),
            case(
                (
                    func.bool_and(covered | cost.is_not(None)),
                    func.coalesce(func.sum(cost).filter(~covered), 0),
                )
            ),
            func.bool_or(func.coalesce(charge_kind.c.pricing_category == "Dynamic", False)),
            func.bool_and(charge.c.list_cost.is_not(None)),
            func.bool_or(no_effective & cost.is_not(None)),
            left_behind(covered, FOLLOWS),
            left_behind(covered, or_(FOLLOWS, FOLLOWS_WITHIN_FAMILY)),
            func.array_agg(sku.c.instance_type.distinct()).filter(sku.c.instance_type.is_not(None)),
            machine_hours.quantity(),
        )
        .outerjoin(commitment, commitment.c.commitment_key == charge.c.commitment_key)
        .outerjoin(commitment_term, TERM_OF_COMMITMENT)
        .join(sku, sku.c.sku_key == charge.c.sku_key)
        .join(charge_kind, charge_kind.c.charge_kind_key == charge.c.charge_kind_key)
        .outerjoin(to_date, to_date.c.of_slice == charge.c.slice_id)
        .where(
            sku.c.is_ai,
            charge.c.resource_key != 0,
            charge_kind.c.charge_category == "Usage",
            func.greatest(charge.c.charge_end_date, charge.c.charge_date + 1) > since,
            charge.c.charge_date < until,
            charge.c.billing_month >= since.replace(day=1),
            (charge.c.half != 1) | charge.c.slice_id.not_in(with_amortised),
        )
        .group_by(charge.c.resource_key, charge_kind.c.billing_currency, charge.c.charge_date, until_day)
        .order_by(charge.c.charge_date, until_day)
    )
    result: dict[tuple[int, str], list[DailyCost]] = defaultdict(list)
    types: dict[int, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (
        key,
        currency,
        day,
        end,
        mask,
        list_cost,
        effective,
        uncovered,
        spot,
        list_known,
        billed,
        bound,
        bound_to_type,
        named,
        quantity,
    ) in rows:
        of_line = DailyCost(
            day=day,
            hours=machine_hours.hours_of(mask, quantity),
            list_cost=list_cost if list_known else None,
            effective_cost=effective,
            uncovered_effective_cost=uncovered,
            is_spot=spot,
            billed=billed,
            hours_mask=None if mask is None else int(mask),
            bound_cost=bound,
            bound_to_type_cost=bound_to_type,
        )
        on_days = on_its_days(of_line, end, since=since, until=until)
        result[key, currency] += on_days
        for one in on_days:
            types[key][one.day].update(named or ())
    return {key: one_a_day(costs) for key, costs in result.items() if costs}, types


def _per_day(connection: Connection, resolved: Any, since: date, what: str) -> dict[int, dict[date, Decimal]]:
    """Requests, or workload seconds, per resource and UTC day."""
    hours = resolved.subquery()
    day = func.date(func.timezone("UTC", hours.c.hour))
    amount: ColumnElement[Any]
    if what == "requests":
        counted = func.sum(hours.c.quantity).filter(hours.c.unit_class.in_(("requests", "failed_requests")))
        # tokens that nobody counted the requests of are one at least, and never a day on which nobody asked
        amount = func.greatest(func.coalesce(counted, 0), case((func.sum(hours.c.quantity) > 0, 1), else_=0))
    else:
        amount = func.sum(cast(hours.c.seconds, Numeric))
    rows = connection.execute(
        select(hours.c.resource_key, day, func.coalesce(amount, 0))
        .where(hours.c.resource_key.is_not(None), hours.c.hour >= datetime.combine(since, time(), UTC))
        .group_by(hours.c.resource_key, day)
    )
    result: dict[int, dict[date, Decimal]] = defaultdict(dict)
    for key, on, value in rows:
        result[key][on] = Decimal(value)
    return dict(result)


def _as_floats(values: Mapping[date, Decimal] | None) -> dict[date, float] | None:
    return None if values is None else {day: float(value) for day, value in values.items()}
