"""When training has paid for itself: against another model that is served too, or at an API's list price.

Assumes     The volume of the last 30 days with usage goes on, and so does the other model's price. A month is 730
            hours, as wherever a rate is said of one. Of a log that begins later, the days since then count:
            of these those that are in the price.
Method      Saving a month: the tokens served, at the cost of the other model less at the model's own, both the cost per
            million that unit costs tell, all stages that served together. A model that is not served counts at the list
            price of the very tokens, class by class, at the cheapest API that sells it. Payback is the training cost ÷
            the saving: of all training of the model, or of one run of it, its lost attempts included.
Cases       What is in another currency is converted at the rate of the last day with usage. No tokens, no cost of them
            or no rate: no payback, and the command says which. Training nobody recorded has an unknown cost, not
            none, and an unknown payback. A name that a model has is the model's; a run may be called by the part
            of its name behind the last slash, where no other is called so.
Drawbacks   A million tokens of one model need not do what a million of the other do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from aispend.money import exact_sum, rate
from aispend.prices.break_even import payback_months, per_month
from aispend.prices.token_prices import CURRENCY, ApiOffer, api_offers
from analyzer.currency import exchange_rates
from reports.views.basis import Window, known_days
from reports.views.converted import in_one
from reports.views.lifecycle import Run, runs, stage_costs
from reports.views.unit_costs import PER_TOKENS, usage_window
from reports.views.unit_rates import TokenCost, token_costs


@dataclass(frozen=True)
class Payback:
    """Whether training pays: its cost against what serving ``model`` saves over serving ``instead_of``.

    ``run`` is the one run whose cost it is, None where it is all training of the model; ``lost_cost`` the part of it
    that came to nothing, None where that is unknown or no run was asked for. ``training_cost`` is None where none is on
    record. ``partly_unknown`` tells that some charge of the models has no effective cost and is in no amount.
    ``monthly_tokens`` and ``monthly_saving`` are of 730 hours, at the volume of ``days``: those of the last 30 with
    usage of which the use is known, but for ``days_left_out`` among them that are in no price (the cost or the tokens
    unknown; of several providers, where most are). ``months`` is None where the training cost is
    unknown, or nothing is saved; 0 where credits leave no training cost to pay back, whatever is saved.
    ``list_price_of`` names the API and the source where the other model is not served; ``oldest_rate`` is the day the
    oldest exchange rate used is from, None where none was needed.
    """

    model: str
    run: Run | None
    instead_of: str
    currency: str
    training_cost: Decimal | None
    lost_cost: Decimal | None
    partly_unknown: bool
    cost_per_1m_tokens: Decimal
    instead_cost_per_1m_tokens: Decimal
    monthly_tokens: Decimal
    monthly_saving: Decimal
    months: Decimal | None
    list_price_of: str | None
    oldest_rate: date | None
    days: Window
    days_left_out: int


@dataclass(frozen=True)
class NoRate:
    """No payback for want of an exchange rate between two currencies on a day."""

    base: str
    quote: str
    day: date


@dataclass(frozen=True)
class Trained:
    """What a name stands for: a model, or the one run of ``rows`` (a row for each currency) and its model.

    ``others`` are the runs that could have been meant, where it is more than one.
    """

    model: str | None
    rows: tuple[Run, ...] = ()
    others: tuple[str, ...] = ()


def payback(connection: Connection, trained: str, instead_of: str) -> Payback | NoRate | None:
    """Payback of training a model (or of one run of it) to serve it instead of another.

    None where either model has no priced tokens, or the run no model.
    """
    meant = what_was_trained(connection, trained)
    served = priced_tokens(connection, meant.model) if meant.model is not None else []
    window = usage_window(connection)
    if meant.model is None or not served or window is None:
        return None
    currency = max(served, key=lambda row: row.all_tokens).currency
    other = priced_tokens(connection, instead_of)
    offer = None if other else min(api_offers(instead_of), key=lambda one: _at_api(one, served), default=None)
    if not other and offer is None:
        return None
    of_model = _of_model(connection, meant.model)
    spent = [(row.currency, row.effective_cost) for row in meant.rows]
    if not spent:
        spent = [(row.currency, row.training) for row in of_model if row.is_training_known]
    lost = [(row.currency, row.lost_cost) for row in meant.rows if row.lost_cost is not None]
    listed = [] if offer is None else [(CURRENCY, _at_api(offer, served))]
    rates = exchange_rates(connection)
    sums = [
        in_one(rates, currency, [(base, window.last, amount) for base, amount in amounts])
        for amounts in (_costs(served), _costs(other) or listed, spent, lost)
    ]
    for one in sums:
        for missing in one.unconverted:
            return NoRate(missing, currency, window.last)
    own_cost, other_cost = (one.amount or Decimal(0) for one in sums[:2])
    training = sums[2].amount
    own = rate(own_cost, _tokens(served), PER_TOKENS)
    instead = rate(other_cost, _tokens(other or served), PER_TOKENS)
    monthly = exact_sum(per_month(row.all_tokens, row.days_counted) for row in served)
    saving = rate((instead - own) * monthly, Decimal(PER_TOKENS))
    return Payback(
        model=meant.model,
        run=meant.rows[0] if meant.rows else None,
        instead_of=instead_of,
        currency=currency,
        training_cost=training,
        lost_cost=sums[3].amount,
        partly_unknown=any(row.lacks for row in of_model) or any(row.partly_unknown for row in (*served, *other)),
        cost_per_1m_tokens=own,
        instead_cost_per_1m_tokens=instead,
        monthly_tokens=monthly,
        monthly_saving=saving,
        months=_months(training, saving),
        list_price_of=f"{offer.provider} {offer.model_id}, {offer.source}" if offer else None,
        oldest_rate=min((one.oldest_rate for one in sums if one.oldest_rate), default=None),
        days=Window(min(row.days.first for row in served), max(row.days.end for row in served)),
        days_left_out=max(row.days.days - row.days_counted for row in served),
    )


def _months(training: Decimal | None, saving: Decimal) -> Decimal | None:
    if training is None:
        return None
    return payback_months(training, saving) if training > 0 else Decimal(0)


def what_was_trained(connection: Connection, name: str) -> Trained:
    """The model of that name (in any case), else the run; nothing where neither is called so."""
    wanted = name.lower()
    if _of_model(connection, name):
        return Trained(name)
    found = runs(connection).rows
    called = [row for row in found if row.workload.lower() == wanted]
    called = called or [row for row in found if row.workload.lower().rsplit("/", 1)[-1] == wanted]
    workloads = sorted({row.workload for row in called})
    if len(workloads) > 1:
        return Trained(None, (), tuple(workloads))
    model = next((row.model for row in called if row.model is not None), None)
    return Trained(model, tuple(row for row in called if row.model == model))


def priced_tokens(connection: Connection, model: str) -> list[TokenCost]:
    """What the tokens of a model cost, counted and with a cost, in the last 30 days with usage."""
    window = usage_window(connection)
    return [] if window is None else token_costs(connection, window, model=model)


def _of_model(connection: Connection, model: str) -> list[Row[Any]]:
    """What a model cost by what it was for, in each currency, on all days with data."""
    days = known_days(connection)
    rows = [] if days is None else stage_costs(connection, days)
    return [row for row in rows if (row.model or "").lower() == model.lower()]


def _at_api(offer: ApiOffer, served: Sequence[TokenCost]) -> Decimal:
    """What the very tokens would cost at the offer."""
    return exact_sum(row.at_api(offer) for row in served)


def _costs(rows: Sequence[TokenCost]) -> list[tuple[str, Decimal]]:
    return [(row.currency, row.cost) for row in rows]


def _tokens(rows: Sequence[TokenCost]) -> Decimal:
    return exact_sum(row.all_tokens for row in rows)
