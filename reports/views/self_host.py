"""Models served on own accelerators beside the same tokens at an API's list price.

Cost is effective, on the allocation basis: idle hours of the servers are in it. The API's cost is that of the very
tokens served, class by class, at the cheapest offer known and at the middle one: a cheap offer may be slower, quantized
or elsewhere. API prices are in US dollars and converted at the loaded rate of the period's last day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, null, select

from aispend.money import exact_sum, rate
from aispend.prices.break_even import BreakEven, break_even, per_month
from aispend.prices.token_prices import CURRENCY, ApiOffer, api_offers
from aispend.schema import unit_cost
from analyzer.currency import exchange_rates
from reports.views.basis import Window, newest_window

_SERVING = ("inference_online", "inference_batch", "unknown")
"""Idle hours of a server carry no stage."""


@dataclass(frozen=True)
class SelfHosted:
    """One model at one provider. Costs in ``currency`` over the period; ``tokens`` are all classes together.

    ``api_*`` are None where nobody sells the model by the token, or no exchange rate is known (``why_not`` says which).
    ``saving`` is what the cheapest offer would have saved (negative: serving it oneself is cheaper). ``break_even_*``
    are the tokens of the period, the tokens of 730 hours, the requests of 730 hours at the tokens each took, and the
    load, at which both cost the same; ``requests`` and theirs are None unless all were counted.
    """

    model: str
    provider: str
    currency: str
    effective_cost: Decimal
    tokens: Decimal
    load: Decimal | None
    cost_per_1m_tokens: Decimal
    api_provider: str | None
    api_model: str | None
    api_cost: Decimal | None
    api_cost_per_1m_tokens: Decimal | None
    api_middle_cost_per_1m_tokens: Decimal | None
    api_offers: int
    saving: Decimal | None
    requests: Decimal | None
    break_even_tokens: Decimal | None
    break_even_tokens_per_month: Decimal | None
    break_even_requests_per_month: Decimal | None
    break_even_load: Decimal | None
    is_reachable: bool | None
    source: str | None
    why_not: str
    partly_unknown: bool


@dataclass(frozen=True)
class SelfHosting:
    """Rows, the costliest first, and the days they cover."""

    rows: tuple[SelfHosted, ...]
    window: Window | None


def self_hosting(connection: Connection, window: Window | None = None) -> SelfHosting:
    """Every model that served tokens on accelerators over ``window`` (None: the last 30 days with data)."""
    window = window or newest_window(connection)
    if window is None:
        return SelfHosting((), None)
    rates = exchange_rates(connection)
    rows = []
    for row in connection.execute(_served(window)):
        quote = rates.quote(CURRENCY, row.currency, window.last)
        factor = None if quote is None else Decimal(quote.rate.numerator) / Decimal(quote.rate.denominator)
        rows.append(_row(row, api_offers(row.model), factor, window.days))
    rows.sort(key=lambda row: (row.currency, -row.effective_cost, row.model))
    return SelfHosting(tuple(rows), window)


def _served(window: Window) -> Any:
    c = unit_cost.c
    inputs = func.coalesce(c.input_tokens, 0) + func.coalesce(c.cache_write_tokens, 0)
    each = inputs + func.coalesce(c.cached_input_tokens, 0) + func.coalesce(c.output_tokens, 0)
    tokens = func.sum(each)
    uncounted = func.bool_or(and_(c.requests.is_(None), each > 0))
    known = c.accelerator_hours_used.is_not(None)
    return (
        select(
            c.model,
            c.provider,
            c.currency,
            func.sum(c.effective_cost).label("cost"),
            func.coalesce(func.sum(inputs), 0).label("uncached"),
            func.coalesce(func.sum(c.cached_input_tokens), 0).label("cached"),
            func.coalesce(func.sum(c.output_tokens), 0).label("output"),
            case((uncounted, null()), else_=func.sum(c.requests)).label("requests"),
            func.sum(c.accelerator_hours_used).label("used"),
            func.sum(c.accelerator_hours_paid).filter(known).label("measured"),
            func.bool_or(c.partly_unknown).label("partly_unknown"),
        )
        .where(
            c.day >= window.first,
            c.day < window.end,
            c.basis == "allocation",
            c.model.is_not(None),
            c.stage.in_(_SERVING),
            c.effective_cost.is_not(None),
        )
        .group_by(c.model, c.provider, c.currency)
        .having(func.sum(c.accelerator_hours_paid) > 0, tokens > 0)
    )


def _row(row: Row[Any], offers: Sequence[ApiOffer], factor: Decimal | None, days: int) -> SelfHosted:
    tokens = row.uncached + row.cached + row.output
    load = rate(row.used, row.measured) if row.measured else None
    priced = [] if factor is None else sorted(_costs(offers, row, factor), key=lambda one: one[0])
    cheapest, offer = priced[0] if priced else (None, None)
    even: BreakEven | None = break_even(row.cost, cheapest, tokens, load) if cheapest else None
    middle = priced[len(priced) // 2][0] if priced else None
    why_not = ""
    if not offers:
        why_not = "no API is known to sell it by the token"
    elif factor is None:
        why_not = f"no exchange rate from {CURRENCY} to {row.currency}"
    return SelfHosted(
        model=row.model,
        provider=row.provider,
        currency=row.currency,
        effective_cost=row.cost,
        tokens=tokens,
        load=load,
        cost_per_1m_tokens=rate(row.cost, tokens, 1_000_000),
        api_provider=offer.provider if offer else None,
        api_model=offer.model_id if offer else None,
        api_cost=cheapest,
        api_cost_per_1m_tokens=rate(cheapest, tokens, 1_000_000) if cheapest is not None else None,
        api_middle_cost_per_1m_tokens=rate(middle, tokens, 1_000_000) if middle is not None else None,
        api_offers=len(offers),
        saving=exact_sum((row.cost, cheapest.copy_negate())) if cheapest is not None else None,
        requests=row.requests,
        break_even_tokens=even.tokens if even else None,
        break_even_tokens_per_month=per_month(even.tokens, days) if even else None,
        break_even_requests_per_month=per_month(rate(even.tokens * row.requests, tokens), days)
        if even and row.requests
        else None,
        break_even_load=even.load if even else None,
        is_reachable=even.is_reachable if even else None,
        source=offer.source if offer else None,
        why_not=why_not,
        partly_unknown=row.partly_unknown,
    )


def _costs(offers: Iterable[ApiOffer], row: Row[Any], factor: Decimal) -> Iterable[tuple[Decimal, ApiOffer]]:
    for offer in offers:
        yield rate(offer.cost(row.uncached, row.cached, row.output) * factor, Decimal(1)), offer
