"""Models served on own accelerators beside the same tokens at an API's list price.

Cost is effective, on the allocation basis, idle hours of the servers in it: the very cost per million tokens that unit
costs tell (:func:`reports.views.unit_rates.token_costs`), all stages that served together. The API's cost is that of
the very tokens served, class by class, at the cheapest offer known and at the middle one: a cheap offer may be slower,
quantized or elsewhere. API prices are in US dollars and converted at the loaded rate of the period's last day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from aispend.money import exact_sum, rate
from aispend.prices.break_even import BreakEven, break_even, per_month
from aispend.prices.token_prices import CURRENCY, ApiOffer, api_offers
from analyzer.currency import exchange_rates
from reports.views.basis import Window, newest_window
from reports.views.unit_rates import TokenCost, token_costs


@dataclass(frozen=True)
class SelfHosted:
    """One model at one provider. Costs in ``currency`` over the period; ``tokens`` are all classes together.

    All is of those days of the period of which the use and the cost are known; ``load`` too.

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
    for served in token_costs(connection, window):
        if not served.hours_paid:
            continue
        quote = rates.quote(CURRENCY, served.currency, window.last)
        factor = None if quote is None else Decimal(quote.rate.numerator) / Decimal(quote.rate.denominator)
        rows.append(_row(served, api_offers(served.model), factor))
    rows.sort(key=lambda row: (row.currency, -row.effective_cost, row.model))
    return SelfHosting(tuple(rows), window)


def _row(served: TokenCost, offers: Sequence[ApiOffer], factor: Decimal | None) -> SelfHosted:
    tokens, days = served.all_tokens, served.days_counted
    load = rate(served.hours_used, served.hours_measured) if served.hours_measured else None
    priced = (
        []
        if factor is None
        else sorted(
            ((rate(served.at_api(offer) * factor, Decimal(1)), offer) for offer in offers), key=lambda one: one[0]
        )
    )
    cheapest, offer = priced[0] if priced else (None, None)
    even: BreakEven | None = break_even(served.cost, cheapest, tokens, load) if cheapest else None
    middle = priced[len(priced) // 2][0] if priced else None
    why_not = ""
    if not offers:
        why_not = "no API is known to sell it by the token"
    elif factor is None:
        why_not = f"no exchange rate from {CURRENCY} to {served.currency}"
    return SelfHosted(
        model=served.model,
        provider=served.provider,
        currency=served.currency,
        effective_cost=served.cost,
        tokens=tokens,
        load=load,
        cost_per_1m_tokens=rate(served.cost, tokens, 1_000_000),
        api_provider=offer.provider if offer else None,
        api_model=offer.model_id if offer else None,
        api_cost=cheapest,
        api_cost_per_1m_tokens=rate(cheapest, tokens, 1_000_000) if cheapest is not None else None,
        api_middle_cost_per_1m_tokens=rate(middle, tokens, 1_000_000) if middle is not None else None,
        api_offers=len(offers),
        saving=exact_sum((served.cost, cheapest.copy_negate())) if cheapest is not None else None,
        requests=served.requests,
        break_even_tokens=even.tokens if even else None,
        break_even_tokens_per_month=per_month(even.tokens, days) if even else None,
        break_even_requests_per_month=per_month(rate(even.tokens * served.requests, tokens), days)
        if even and served.requests
        else None,
        break_even_load=even.load if even else None,
        is_reachable=even.is_reachable if even else None,
        source=offer.source if offer else None,
        why_not=why_not,
        partly_unknown=served.partly_unknown,
    )
