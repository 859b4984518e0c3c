"""When training a model has paid for itself: against another that is served too, or at an API's list price.

Assumes     The volume of the last 30 days with usage goes on, and so does the other model's price. A month is 730
            hours, as wherever a rate is said of one.
Method      Saving a month: the tokens served, at the cost of the other model less at the model's own, both effective
            on the allocation basis. A model that is not served counts at the list price of the very tokens, class by
            class, at the cheapest API that sells it. Payback is the training cost ÷ the saving.
Cases       What is in another currency is converted at the rate of the last day with usage. No tokens, no cost of them
            or no rate: no payback, and the command says which.
Drawbacks   A million tokens of one model need not do what a million of the other do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from aispend.money import exact_sum, rate
from aispend.prices.break_even import payback_months, per_month
from aispend.prices.token_prices import CURRENCY, ApiOffer, api_offers
from analyzer.currency import exchange_rates
from reports.views.basis import Window
from reports.views.converted import in_one
from reports.views.lifecycle import lifecycles
from reports.views.unit_costs import PER_TOKENS, UnitCost, unit_costs

_INPUT = ("input_tokens", "cache_write_tokens")
_TOKENS = (*_INPUT, "cached_input_tokens", "output_tokens")


@dataclass(frozen=True)
class Payback:
    """Whether a model's training pays: its cost against what serving it saves over serving ``instead_of``.

    ``monthly_tokens`` and ``monthly_saving`` are of 730 hours, at the volume of ``days``, the last 30 with usage;
    ``months`` None where nothing is saved.
    ``list_price_of`` names the API and the source where the other model is not served; ``oldest_rate`` is the day the
    oldest exchange rate used is from, None where none was needed.
    """

    model: str
    instead_of: str
    currency: str
    training_cost: Decimal
    cost_per_1m_tokens: Decimal
    instead_cost_per_1m_tokens: Decimal
    monthly_tokens: Decimal
    monthly_saving: Decimal
    months: Decimal | None
    list_price_of: str | None
    oldest_rate: date | None
    days: Window


@dataclass(frozen=True)
class NoRate:
    """No payback for want of an exchange rate between two currencies on a day."""

    base: str
    quote: str
    day: date


def payback(connection: Connection, model: str, instead_of: str) -> Payback | NoRate | None:
    """Payback of training ``model`` to serve it instead of another; None where either has no priced tokens."""
    served, days = priced_tokens(connection, model), unit_costs(connection, model=model).window
    if not served or days is None:
        return None
    tokens = _sum(served, _TOKENS)
    currency = max(served, key=lambda row: _sum([row], _TOKENS)).currency
    other = priced_tokens(connection, instead_of)
    offer = None if other else _cheapest(instead_of, served)
    if not other and offer is None:
        return None
    rates = exchange_rates(connection)
    trained = [
        (row.currency, days.last, row.training_cost)
        for row in lifecycles(connection).rows
        if (row.model or "").lower() == model.lower() and row.training_cost
    ]
    listed = [] if offer is None else [(CURRENCY, days.last, _cost(offer, served))]
    sums = [
        in_one(rates, currency, amounts)
        for amounts in (_costs(served, days.last), _costs(other, days.last) or listed, trained)
    ]
    for one in sums:
        for missing in one.unconverted:
            return NoRate(missing, currency, days.last)
    own_cost, other_cost, training = (one.amount or Decimal(0) for one in sums)
    own = rate(own_cost, tokens, PER_TOKENS)
    instead = rate(other_cost, _sum(other, _TOKENS) if other else tokens, PER_TOKENS)
    monthly = per_month(tokens, days.days)
    saving = rate((instead - own) * monthly, Decimal(PER_TOKENS))
    return Payback(
        model=model,
        instead_of=instead_of,
        currency=currency,
        training_cost=training,
        cost_per_1m_tokens=own,
        instead_cost_per_1m_tokens=instead,
        monthly_tokens=monthly,
        monthly_saving=saving,
        months=payback_months(training, saving),
        list_price_of=f"{offer.provider} {offer.model_id}, {offer.source}" if offer else None,
        oldest_rate=min((one.oldest_rate for one in sums if one.oldest_rate), default=None),
        days=days,
    )


def priced_tokens(connection: Connection, model: str) -> list[UnitCost]:
    """Unit costs of a model whose tokens are counted and have a cost, in the last 30 days with usage."""
    return [row for row in unit_costs(connection, model=model, basis="allocation").rows if row.cost_per_1m_tokens]


def _cheapest(model: str, served: Sequence[UnitCost]) -> ApiOffer | None:
    return min(api_offers(model), key=lambda offer: _cost(offer, served), default=None)


def _cost(offer: ApiOffer, served: Sequence[UnitCost]) -> Decimal:
    """What the very tokens would cost at the offer."""
    return offer.cost(_sum(served, _INPUT), _sum(served, ("cached_input_tokens",)), _sum(served, ("output_tokens",)))


def _costs(rows: Sequence[UnitCost], day: date) -> list[tuple[str, date, Decimal]]:
    return [(row.currency, day, row.effective_cost) for row in rows if row.effective_cost is not None]


def _sum(rows: Sequence[UnitCost], names: Sequence[str]) -> Decimal:
    return exact_sum(getattr(row, name) or Decimal(0) for row in rows for name in names)
