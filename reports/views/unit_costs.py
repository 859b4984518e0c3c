"""What a thousand inferences and a million tokens cost, always beside the load they were measured at.

Rates are ratios of sums, taken when read (:mod:`reports.views.unit_rates`). Volume whose cost is unknown is left out of
them, so that it dilutes nothing; cost of days without volume (idle days, on the allocation basis) is in all of them.
Days of which the use is not known are in none (:mod:`analyzer.usage_days`), and ``left_out`` says how many; nor, per
request, those of which the tokens alone were counted, nor per token those of the requests alone. So it is of accounts
that no log of the day names, beside others (:mod:`analyzer.usage_holes`).
``load`` is used ÷ paid
accelerator hours of the days where both are known; ``api`` where something was served and no accelerator is paid for (a
token-priced API); NULL where use was not measured. The same card serves a token for 0.21 or 15 dollars a million
depending on load alone (docs/methods.md, "Unit costs").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import (
    Column,
    Connection,
    Date,
    FromClause,
    Numeric,
    Row,
    Text,
    and_,
    case,
    func,
    or_,
    select,
    values,
)

from aispend.money import cost, exactly, rate
from aispend.schema import unit_cost
from analyzer.currency import exchange_rates
from analyzer.usage_days import usage_days
from reports.views.basis import DEFAULT_DAYS, Window, divided_by, window_ending
from reports.views.unit_rates import (
    TOKEN_COSTS,
    TOKENS,
    ClassCost,
    LeftOut,
    class_costs,
    days_left_out,
    unit_sums,
)

UnitBasis = Literal["allocation", "usage"]
API = "api"
LEAST_LOAD = Decimal("0.005")
"""Below this part of the paid hours in use, a cost per used hour is not given."""
LEAST_JUDGED = Decimal("0.95")
"""Part of the requests that must be held against a latency target before goodput is stated."""
PER_REQUESTS = 1_000
PER_TOKENS = 1_000_000


@dataclass(frozen=True)
class UnitCost:
    """Cost and volume of one model, provider and stage, on one basis and in one currency.

    ``basis``: *allocation* reconciles to the bill, idle included; *usage* counts active time only.
    Costs per unit are in ``currency``; NULL where nothing was counted or nothing is priced. ``partly_unknown``
    tells that the cost leaves something out: a charge without effective cost; or, on the usage basis, days on which
    use was not measured. Neither's days are in a rate.
    ``reasoning_tokens`` are part of the output, and ``reasoning_cost`` of what output carries: a token of it costs what
    one of the output costs, and has a price only where some were counted. ``good_requests`` (at least so many within
    the latency target) is None unless nearly all requests were held against one. ``allocation``: how machines were
    divided, method and idle mode; more than one where months differ. ``original`` is the effective cost as billed, by
    currency, where one currency was asked for; None otherwise.
    """

    model: str | None
    provider: str
    stage: str
    basis: str
    currency: str
    effective_cost: Decimal | None
    requests: Decimal | None
    input_tokens: Decimal | None
    cached_input_tokens: Decimal | None
    cache_write_tokens: Decimal | None
    output_tokens: Decimal | None
    cost_per_1k_requests: Decimal | None
    cost_per_1m_input_tokens: Decimal | None
    cost_per_1m_cached_input_tokens: Decimal | None
    cost_per_1m_cache_write_tokens: Decimal | None
    cost_per_1m_output_tokens: Decimal | None
    cost_per_1m_tokens: Decimal | None
    load: Decimal | str | None
    unpriced_requests: Decimal | None
    accelerator_hours_paid: Decimal | None
    accelerator_hours_used: Decimal | None
    cost_per_accelerator_hour_paid: Decimal | None
    cost_per_accelerator_hour_used: Decimal | None
    partly_unknown: bool
    failed_requests: Decimal | None
    reasoning_tokens: Decimal | None
    reasoning_cost: Decimal | None
    cost_per_1m_reasoning_tokens: Decimal | None
    good_requests: Decimal | None
    cost_per_1k_good_requests: Decimal | None
    allocation: str | None = None
    original: Mapping[str, Decimal] | None = None


@dataclass(frozen=True)
class UnitCosts:
    """Rows, the costliest model first, and the days they cover (NULL where there is no usage).

    ``left_out``: of models that served something, the days that are in no rate since nobody knows what was served, and
    those on which this is so of some accounts, per request.
    """

    rows: tuple[UnitCost, ...]
    window: Window | None
    allocation: tuple[str, ...] = ()
    oldest_rate: date | None = None
    left_out: tuple[LeftOut, ...] = ()


def unit_costs(
    connection: Connection,
    window: Window | None = None,
    *,
    model: str | None = None,
    basis: UnitBasis | None = None,
    currency: str | None = None,
) -> UnitCosts:
    """Unit costs over ``window`` (None: the last 30 days with usage), of one model (in any case) or basis if named.

    In ``currency`` if named, each day at its rate; days without one stay in their own, in rows of their own.
    """
    if window is None:
        window = usage_window(connection)
    if window is None:
        return UnitCosts((), None)
    source: FromClause = unit_cost
    oldest = None
    if currency is not None:
        source, oldest = _converted(connection, window, currency)
    known = usage_days(connection)
    statement = unit_sums(window, source, known)
    if model is not None:
        statement = statement.where(func.lower(source.c.model) == model.lower())
    if basis is not None:
        statement = statement.where(source.c.basis == basis)
    allocation = divided_by(connection, window)
    words = "; ".join(allocation) or None
    rows = [_unit_cost(row, words) for row in connection.execute(statement)]
    if source is not unit_cost:
        billed = _billed(connection, window, source)
        rows = [replace(row, effective_cost=_money(row), original=billed.get(_key(row), {})) for row in rows]
    rows.sort(
        key=lambda row: (
            row.currency,
            -(row.effective_cost or Decimal(0)),
            row.model or "",
            row.provider,
            row.stage,
            row.basis,
        )
    )
    served = {(row.model, row.provider) for row in rows if row.requests or any(getattr(row, name) for name in TOKENS)}
    left_out = [one for one in days_left_out(connection, window, known) if (one.model, one.provider) in served]
    return UnitCosts(tuple(rows), window, allocation, oldest, tuple(left_out))


@dataclass(frozen=True)
class ModelsWithUsage:
    """The models that have unit costs, and the days from the first to the last of them."""

    models: tuple[str, ...]
    days: Window


def models_with_usage(connection: Connection) -> ModelsWithUsage | None:
    """Every model that has unit costs on any day; None where none has."""
    c = unit_cost.c
    served = or_(*(c[name] > 0 for name in ("requests", *TOKENS)))
    models = tuple(connection.scalars(select(c.model).where(served, c.model.is_not(None)).distinct().order_by(c.model)))
    first, last = connection.execute(select(func.min(c.day), func.max(c.day)).where(served)).one()
    return ModelsWithUsage(models, Window(first, last + timedelta(days=1))) if first is not None else None


def usage_window(connection: Connection) -> Window | None:
    """The last 30 days with usage; with cost where there is no usage at all.

    A fee's days may lie ahead of the newest usage.
    """
    counted = [unit_cost.c[name].is_not(None) for name in ("requests", *TOKENS)]
    newest = func.max(unit_cost.c.day)
    found = select(func.coalesce(newest.filter(or_(*counted)), newest))
    return window_ending(connection.scalar(found), DEFAULT_DAYS)


def _converted(connection: Connection, window: Window, currency: str) -> tuple[FromClause, date | None]:
    """Unit costs with their amounts in ``currency`` where a rate is in force, and the day of the oldest rate used."""
    c = unit_cost.c
    rates = exchange_rates(connection)
    factors: list[tuple[str, date, Decimal]] = []
    used: list[date] = []
    days = select(c.currency, c.day).where(c.day >= window.first, c.day < window.end).distinct()
    for billed_in, day in connection.execute(days):
        quote = rates.quote(billed_in, currency, day)
        if quote is None:
            continue
        with exactly():
            factors.append((billed_in, day, Decimal(quote.rate.numerator) / Decimal(quote.rate.denominator)))
        if billed_in != currency:
            used.append(quote.as_of)
    if not factors:
        return unit_cost, None
    known = values(Column("base", Text), Column("on_day", Date), Column("factor", Numeric), name="rate").data(factors)
    amounts = ("effective_cost", *TOKEN_COSTS.values())
    columns = (
        *(column for column in c if column.name not in (*amounts, "currency")),
        case((known.c.factor.is_not(None), currency), else_=c.currency).label("currency"),
        c.currency.label("billed_in"),
        c.effective_cost.label("billed_cost"),
        *((c[name] * func.coalesce(known.c.factor, 1)).label(name) for name in amounts),
    )
    met = and_(known.c.base == c.currency, known.c.on_day == c.day)
    source = select(*columns).select_from(unit_cost.outerjoin(known, met)).subquery()
    return source, min(used, default=None)


def _billed(connection: Connection, window: Window, source: FromClause) -> dict[tuple[Any, ...], dict[str, Decimal]]:
    """The effective cost of each converted row as it was billed, by currency."""
    c = source.c
    keys = (c.model, c.provider, c.stage, c.basis, c.currency)
    within = (c.day >= window.first, c.day < window.end, c.billed_cost.is_not(None))
    sums = select(*keys, c.billed_in, func.sum(c.billed_cost)).where(*within).group_by(*keys, c.billed_in)
    found: dict[tuple[Any, ...], dict[str, Decimal]] = {}
    for *key, billed_in, amount in connection.execute(sums):
        found.setdefault(tuple(key), {})[billed_in] = amount
    return found


def _key(row: UnitCost) -> tuple[Any, ...]:
    return (row.model, row.provider, row.stage, row.basis, row.currency)


def _money(row: UnitCost) -> Decimal | None:
    """The converted cost, rounded once."""
    return None if row.effective_cost is None else cost(row.effective_cost)


def _unit_cost(row: Row[Any], allocation: str | None) -> UnitCost:
    carried = class_costs(row)
    per_million = {name: one.of(Decimal(1), PER_TOKENS) for name, one in carried.items()}
    return UnitCost(
        model=row.model,
        provider=row.provider,
        stage=row.stage,
        basis=row.basis,
        currency=row.currency,
        effective_cost=row.effective_cost,
        requests=row.requests,
        input_tokens=row.input_tokens,
        cached_input_tokens=row.cached_input_tokens,
        cache_write_tokens=row.cache_write_tokens,
        output_tokens=row.output_tokens,
        cost_per_1k_requests=_rate(row.cost_of_requests, row.priced_requests, PER_REQUESTS),
        cost_per_1m_input_tokens=per_million.get("input_tokens"),
        cost_per_1m_cached_input_tokens=per_million.get("cached_input_tokens"),
        cost_per_1m_cache_write_tokens=per_million.get("cache_write_tokens"),
        cost_per_1m_output_tokens=per_million.get("output_tokens"),
        cost_per_1m_tokens=_rate(row.cost_of_tokens, row.priced_tokens, PER_TOKENS),
        load=_load(row),
        unpriced_requests=row.unpriced_requests,
        accelerator_hours_paid=row.accelerator_hours_paid,
        accelerator_hours_used=row.accelerator_hours_used,
        cost_per_accelerator_hour_paid=_rate(row.cost_of_hours_paid, row.priced_hours_paid),
        cost_per_accelerator_hour_used=_per_used_hour(row),
        partly_unknown=row.partly_unknown and row.effective_cost is not None,
        failed_requests=row.failed_requests,
        reasoning_tokens=row.reasoning_tokens,
        reasoning_cost=_reasoning_cost(row, carried),
        cost_per_1m_reasoning_tokens=per_million.get("output_tokens") if row.reasoning_tokens else None,
        good_requests=row.good_requests if _is_judged(row) else None,
        cost_per_1k_good_requests=_rate(row.cost_of_requests, row.good_requests, PER_REQUESTS)
        if _is_judged(row)
        else None,
        allocation=allocation,
    )


def _is_judged(row: Row[Any]) -> bool:
    """Whether the good requests are those of the whole: all but a few of the priced requests were judged."""
    return bool(row.priced_requests) and (row.judged_requests or 0) >= LEAST_JUDGED * row.priced_requests


def _reasoning_cost(row: Row[Any], carried: Mapping[str, ClassCost]) -> Decimal | None:
    output = carried.get("output_tokens")
    if row.reasoning_tokens is None or output is None:
        return None
    return output.of(min(row.reasoning_tokens, output.tokens))


def _load(row: Row[Any]) -> Decimal | str | None:
    if not row.accelerator_hours_paid:
        return API if row.requests or row.priced_tokens else None
    return _rate(row.accelerator_hours_used, row.measured_hours_paid)


def _per_used_hour(row: Row[Any]) -> Decimal | None:
    """NULL below half a percent of load: a month's cost over minutes of use says nothing about an hour of use."""
    load = _rate(row.accelerator_hours_used, row.measured_hours_paid)
    return _rate(row.cost_of_hours_used, row.priced_hours_used) if load is not None and load >= LEAST_LOAD else None


def _rate(amount: Decimal | None, quantity: Decimal | None, per: int = 1) -> Decimal | None:
    return rate(amount, quantity, per) if amount is not None and quantity else None
