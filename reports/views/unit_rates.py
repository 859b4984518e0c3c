"""The sums behind every rate of unit costs: what was paid, and what was served for it on the same days.

Assumes     unit costs by day; the days of which any use of a provider is known (:mod:`analyzer.usage_days`).
Method      A rate is the cost of its days ÷ the quantity of its days. A day counts per token where its tokens were
            counted, and per request where its requests were; one of neither, on which the server waited, in both.
            A class of tokens carries what its days say and its part of the waiting, in the proportion of these costs,
            so that all classes together carry what the rate of all tokens does.
Cases       A quantity whose cost is unknown is in no rate, and an hour neither; so is a whole day of which some charge
            has no cost: what is known of it may be a shared part alone, and no price. Waiting is divided by the token
            weights where serving itself cost nothing, or less. A class the bill charges and nobody counts keeps
            its cost, and has no rate.
Drawbacks   Waiting is divided over the classes of the whole period, whenever it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from aispend.money import exact_sum, exactly, rate
from aispend.prices.token_prices import ApiOffer
from aispend.schema import unit_cost
from analyzer.tokens import TOKEN_CLASSES, TOKEN_WEIGHTS
from analyzer.usage_days import DaysKnown, Why, outside, usage_days, why_unknown
from reports.views.basis import Window

TOKENS = tuple(f"{name}_tokens" for name in TOKEN_CLASSES)
TOKEN_COSTS: Mapping[str, str] = MappingProxyType({f"{name}_tokens": f"{name}_cost" for name in TOKEN_CLASSES})
_WEIGHTS = {f"{name}_tokens": TOKEN_WEIGHTS[name] for name in TOKEN_CLASSES}
_BESIDE = ("reasoning_tokens", "good_requests", "judged_requests")


def unit_sums(window: Window, source: FromClause, known: Mapping[str, DaysKnown]) -> Select[Any]:
    """Sums of ``source`` over ``window``, of each model, provider, stage, basis and currency.

    ``cost_of_X`` and ``priced_X`` are the two sides of a rate, ``paid_X`` tokens of days whose cost is known;
    ``days_in`` the days that are in the rate of all tokens, and ``days_out`` those of which some cost is not.
    Costs of token classes, reasoning tokens and good and judged requests are of such days; any other column by its own
    name is all of it.
    """
    c = source.c
    keys = (c.model, c.provider, c.stage, c.basis, c.currency)

    whole = c.partly_unknown.is_(False)

    def where_both(amount: ColumnElement[Any], quantity: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.sum(case((and_(amount.is_not(None), whole), quantity)))

    tokens = _tokens(source)
    unknown = outside(known, source)
    with_requests = or_(c.requests.is_not(None), and_(tokens == 0, ~unknown))
    with_tokens = or_(tokens > 0, and_(func.coalesce(c.requests, 0) == 0, ~unknown))
    with_cost = and_(with_tokens, whole, c.effective_cost.is_not(None))
    measured = c.accelerator_hours_used.is_not(None)
    unpaid = and_(c.accelerator_hours_paid.is_not(None), c.effective_cost.is_(None))
    return (
        select(
            *keys,
            func.sum(c.effective_cost).label("effective_cost"),
            func.sum(case((and_(with_requests, whole), c.effective_cost))).label("cost_of_requests"),
            func.sum(case((and_(with_tokens, whole), c.effective_cost))).label("cost_of_tokens"),
            func.sum(c.requests).label("requests"),
            *(func.sum(c[name]).label(name) for name in TOKENS),
            *(func.sum(case((and_(with_tokens, whole), c[cost]))).label(cost) for cost in TOKEN_COSTS.values()),
            *(where_both(c[cost], c[name]).label(f"priced_{name}") for name, cost in TOKEN_COSTS.items()),
            *(where_both(c.effective_cost, c[name]).label(f"paid_{name}") for name in TOKENS),
            where_both(c.effective_cost, c.requests).label("priced_requests"),
            where_both(c.effective_cost, tokens).label("priced_tokens"),
            func.sum(case((and_(tokens > 0, whole, c.effective_cost.is_not(None)), c.requests))).label(
                "requests_of_tokens"
            ),
            func.bool_or(and_(tokens > 0, c.requests.is_(None))).label("has_uncounted_requests"),
            func.sum(c.accelerator_hours_paid).label("accelerator_hours_paid"),
            func.sum(c.accelerator_hours_used).label("accelerator_hours_used"),
            func.sum(case((measured, c.accelerator_hours_paid))).label("measured_hours_paid"),
            where_both(c.effective_cost, c.accelerator_hours_paid).label("priced_hours_paid"),
            where_both(c.accelerator_hours_paid, c.effective_cost).label("cost_of_hours_paid"),
            where_both(c.effective_cost, c.accelerator_hours_used).label("priced_hours_used"),
            where_both(c.accelerator_hours_used, c.effective_cost).label("cost_of_hours_used"),
            func.sum(case((and_(with_cost, measured), c.accelerator_hours_used))).label("used_for_tokens"),
            func.sum(case((and_(with_cost, measured), c.accelerator_hours_paid))).label("measured_for_tokens"),
            func.min(case((tokens > 0, c.day))).label("first_tokens"),
            func.max(case((tokens > 0, c.day))).label("last_tokens"),
            func.array_agg(c.day.distinct()).filter(with_cost).label("days_in"),
            func.array_agg(c.day.distinct()).filter(~with_cost).label("days_out"),
            func.sum(c.unpriced_requests).label("unpriced_requests"),
            func.sum(c.failed_requests).label("failed_requests"),
            *(where_both(c.effective_cost, c[name]).label(name) for name in _BESIDE),
            func.bool_or(or_(c.partly_unknown, unpaid)).label("partly_unknown"),
        )
        .where(c.day >= window.first, c.day < window.end)
        .group_by(*keys)
    )


def _tokens(source: FromClause) -> ColumnElement[Any]:
    """Tokens of all classes, none where none were counted."""
    tokens: ColumnElement[Any] = func.coalesce(source.c[TOKENS[0]], 0)
    for name in TOKENS[1:]:
        tokens = tokens + func.coalesce(source.c[name], 0)
    return tokens


@dataclass(frozen=True)
class LeftOut:
    """On how many ``days`` a model has cost that is in no rate since nobody knows what was served, and why.

    *account*: the cost is of accounts that no log names, beside one of the model that a log does. It is in no rate per
    request; the bill counts the tokens.
    """

    model: str
    provider: str
    why: Why | Literal["account"]
    days: int


def days_left_out(connection: Connection, window: Window, known: Mapping[str, DaysKnown]) -> list[LeftOut]:
    """Of every model with unit costs, by model and provider, what may be a hole in the log before what lies beyond."""
    c = unit_cost.c
    beside = unit_cost.alias("beside")
    why = why_unknown(known, unit_cost)
    same = ("billing_month", "day", "provider", "model", "stage", "basis", "currency")
    logged = exists().where(
        *(beside.c[name] == c[name] for name in same),
        beside.c.requests.is_not(None),
        beside.c.unpriced_requests.is_(None),
    )
    days = (c.model, c.provider, func.count(c.day.distinct()).label("days"))
    ours = (
        *(c.day >= window.first, c.day < window.end, c.basis == "allocation"),
        *(c.model.is_not(None), c.requests.is_(None), c.effective_cost != 0),
    )
    uncounted = select(*days, why.label("why")).where(*ours, _tokens(unit_cost) == 0, why.is_not(None))
    as_billed = select(*days, literal("account").label("why")).where(*ours, _tokens(unit_cost) > 0, logged)
    statement = union_all(uncounted.group_by(c.model, c.provider, why), as_billed.group_by(c.model, c.provider))
    rows = [LeftOut(row.model, row.provider, row.why, row.days) for row in connection.execute(statement)]
    return sorted(rows, key=lambda row: (row.model, row.provider, row.why == "beyond", row.why))


@dataclass(frozen=True)
class ClassCost:
    """What ``tokens`` of one class carry: ``cost`` ÷ ``shares``, so that nothing is rounded before the rate is."""

    cost: Decimal
    shares: Decimal
    tokens: Decimal

    def of(self, tokens: Decimal, per: int = 1) -> Decimal:
        """Cost of ``tokens`` × ``per`` of this class, rounded once."""
        with exactly():
            return rate(self.cost * tokens, self.shares * self.tokens, per)


def class_costs(row: Row[Any]) -> dict[str, ClassCost]:
    """What each class of tokens carries by the sums of :func:`unit_sums`; none of a class without priced tokens."""
    told = {name: getattr(row, cost) for name, cost in TOKEN_COSTS.items()}
    priced = {name: getattr(row, f"priced_{name}") for name in TOKENS}
    counted = {name: cost for name, cost in told.items() if cost is not None and priced[name]}
    if not counted:
        return {}
    with exactly():
        waited = row.cost_of_tokens - exact_sum(cost for cost in told.values() if cost is not None)
        by = counted
        if min(counted.values()) < 0 or not any(counted.values()):
            by = {name: _WEIGHTS[name] * priced[name] for name in counted}
        shares = exact_sum(by.values())
        return {
            name: ClassCost(cost * shares + waited * by[name], shares, priced[name]) for name, cost in counted.items()
        }


@dataclass(frozen=True)
class TokenCost:
    """What the tokens of a model cost at one provider, effective, on the allocation basis.

    ``cost``, ``tokens`` (by the names of :data:`TOKENS`), hours and ``requests`` are all of the same ``days``, those of
    the window of which the use and the cost are known; ``requests`` are None unless they were counted wherever tokens
    were. ``days`` go from the first day of known use to the last; ``days_counted`` leaves out those between that are in
    no rate, and is what a volume by the month goes by. ``hours_used`` ÷ ``hours_measured`` is the load.
    """

    model: str
    provider: str
    currency: str
    cost: Decimal
    tokens: Mapping[str, Decimal]
    requests: Decimal | None
    hours_paid: Decimal
    hours_measured: Decimal
    hours_used: Decimal
    days: Window
    days_counted: int
    partly_unknown: bool

    @property
    def all_tokens(self) -> Decimal:
        """Tokens of all classes."""
        return exact_sum(self.tokens.values())

    def at_api(self, offer: ApiOffer) -> Decimal:
        """What the very tokens would cost at the offer, in its currency; a cache write as plain input."""
        plain = exact_sum((self.tokens["input_tokens"], self.tokens["cache_write_tokens"]))
        return offer.cost(plain, self.tokens["cached_input_tokens"], self.tokens["output_tokens"])


def token_costs(connection: Connection, window: Window, *, model: str | None = None) -> list[TokenCost]:
    """Every model (or one, in any case) whose tokens were counted and have a cost, at each provider and currency.

    Its stages are added up, of those that served tokens: the cost of a stage that served none is no price of them.
    """
    known = usage_days(connection)
    statement = unit_sums(window, unit_cost, known).where(
        unit_cost.c.basis == "allocation", unit_cost.c.model.is_not(None)
    )
    if model is not None:
        statement = statement.where(func.lower(unit_cost.c.model) == model.lower())
    found: dict[tuple[str, str, str], list[Row[Any]]] = {}
    for row in connection.execute(statement.order_by("model", "provider", "currency", "stage")):
        if row.priced_tokens and row.cost_of_tokens is not None:
            found.setdefault((row.model, row.provider, row.currency), []).append(row)
    return [_token_cost(rows, _counted(window, rows, known.get(rows[0].provider))) for rows in found.values()]


def _token_cost(rows: Sequence[Row[Any]], days: Window) -> TokenCost:
    def total(name: str) -> Decimal:
        return exact_sum(getattr(row, name) or Decimal(0) for row in rows)

    return TokenCost(
        model=rows[0].model,
        provider=rows[0].provider,
        currency=rows[0].currency,
        cost=total("cost_of_tokens"),
        tokens={name: total(f"paid_{name}") for name in TOKENS},
        requests=None if any(row.has_uncounted_requests for row in rows) else total("requests_of_tokens"),
        hours_paid=total("accelerator_hours_paid"),
        hours_measured=total("measured_for_tokens"),
        hours_used=total("used_for_tokens"),
        days=days,
        days_counted=days.days - _left_out(rows, days),
        partly_unknown=any(row.partly_unknown for row in rows),
    )


def _left_out(rows: Sequence[Row[Any]], days: Window) -> int:
    """How many days have cost or use that is in no rate, and none that is: what was served on them nobody counted."""
    ins, outs = ({day for row in rows for day in getattr(row, name) or ()} for name in ("days_in", "days_out"))
    return sum(days.first <= day < days.end for day in outs - ins)


def _counted(window: Window, rows: Sequence[Row[Any]], known: DaysKnown | None) -> Window:
    """The days of the window from the first to the last of which the use is known, or tokens were counted."""
    if known is None:
        return window
    first = min(known.first, *(row.first_tokens for row in rows))
    last = max(known.last, *(row.last_tokens for row in rows))
    return Window(max(window.first, first), min(window.end, last + timedelta(days=1)))
