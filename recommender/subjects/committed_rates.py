"""What a committed hour costs of one on demand, by machine type.

Assumes     a committed hour costs what the price list has as ``1y`` and ``3y``; at AWS a machine of SageMaker what its
            usage type costs there, as hosting and training have prices of their own.
Method      The price list's committed hour over its on-demand hour, this at what is paid of its list price: a discount
            on demand (an agreement, a price of one's own) is not known to hold for committed hours.
Cases       No list price on the bill, or more than that is paid: the on-demand hour is at list. What cost nothing was
            paid for elsewhere and says nothing of a price.
Drawbacks   Where a discount holds for committed hours as well, they save more than is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from aispend.money import rate
from aispend.prices.accelerators import accelerators_of
from aispend.prices.prices import Price
from recommender.prices import PriceBook

CommittedTerm = Literal["1y", "3y"]
COMMITTED_TERMS: tuple[CommittedTerm, ...] = ("1y", "3y")
_DOLLAR = "USD"


@dataclass(frozen=True)
class CommittedRate:
    """What a committed hour costs of one on demand as it is paid, by machine type; ``term`` as in the price list.

    ``paid`` is what is paid on demand of the list price (0 to 1).
    """

    term: CommittedTerm
    instance_type: str
    rate: Decimal
    on_demand: Price
    committed: Price
    paid: Decimal = Decimal(1)


def committed_rates(
    place: tuple[str, str, str], rows: Sequence[Any], prices: PriceBook, on: date
) -> Iterator[CommittedRate]:
    """Rates of one and three years of the types in ``rows``, where the price list has both hours.

    In the bill's currency, else in US dollars: a rate is one price over another, and has none.
    """
    provider, region, currency = place
    for name, paid in _paid_of_list(rows).items():
        for term in COMMITTED_TERMS:
            for money in dict.fromkeys((currency, _DOLLAR)):
                on_demand = prices.price_at(provider, region, name, "on_demand", on, currency=money)
                committed = prices.price_at(provider, region, name, term, on, currency=money)
                if on_demand is not None and committed is not None and on_demand.hourly_price:
                    part = rate(committed.hourly_price, on_demand.hourly_price * paid)
                    yield CommittedRate(term, name, part, on_demand, committed, paid)
                    break


def one_accelerator(provider: str, ran: Iterable[tuple[str, int, Decimal | None]]) -> Decimal | None:
    """What an hour of one accelerator costs on demand, by the types that ``ran`` for how many hours at what cost.

    None where commitments are not to whole ones (but at Google), or how many a machine has is not known.
    """
    if provider != "gcp":
        return None
    hours, money = Decimal(0), Decimal(0)
    for name, ran_for, cost in ran:
        found = accelerators_of(provider, name)
        if found is None:
            return None
        if cost is not None and cost > 0:
            hours, money = hours + ran_for * found[1], money + cost
    return rate(money, hours) if hours else None


def _paid_of_list(rows: Sequence[Any]) -> Mapping[str, Decimal]:
    """What is paid on demand of the list price, by what the price list calls each type."""
    paid: dict[str, Decimal] = defaultdict(Decimal)
    listed: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.on_demand and row.list_cost and row.on_demand > 0:
            paid[row.priced_as] += row.on_demand
            listed[row.priced_as] += row.list_cost
    types = sorted({row.priced_as for row in rows})
    return {name: min(rate(paid[name], listed[name]), Decimal(1)) if listed[name] > 0 else Decimal(1) for name in types}
