"""What one recommendation saved in a span of days: the bill of these days held against its baseline.

Method
    The quantity that would have been paid for, by the kind's counterfactual, is valued by ``methods/realised.py``. The
    old thing's list price today is what anybody was charged for its SKU in its region these days, or else the
    catalogue's dated price; where neither is known the price's part is unknown.
Cases
    A day of unknown cost makes the span's saving unknown; so does a baseline without any known cost.
    For a service the hours it was there count, or fewer where its requests grew less than these hours did.
Known drawbacks
    Of tokens no list price is compared: a new price of the provider is in what is realised, and the line says so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from aispend.money import exact_sum, exactly, rate
from aispend.prices.prices import price_at
from recommender.ledger.baseline import requests_of, tokens_of
from recommender.ledger.billed import Billed, lines, list_price_of, sum_up, unused_of_new_commitments
from recommender.methods.realised import After, Before, Realised, price_ratio, realised

REGRET_DAYS = 7


@dataclass(frozen=True)
class Valued:
    """The parts of the change in cost, None where it is unknown; ``actual`` what was paid where that is known."""

    quantity: Decimal | None = None
    found: Realised | None = None
    actual: Decimal | None = None
    remarks: list[str] = field(default_factory=list)


def value(connection: Connection, item: Any, keys: Collection[int], first: date, end: date) -> Valued:
    """What the item of ``saving_baseline`` saved from ``first`` to before ``end``."""
    if item.counterfactual == "unknown":
        return Valued(remarks=["The bill alone cannot tell what this saves."])
    if not item.quantity or item.effective_cost is None or item.uncovered_cost is None:
        return Valued(remarks=["What it cost before is not known."])
    if item.counterfactual == "same_tokens":
        return _tokens(connection, item, first, end)
    billed = sum_up(lines(connection, keys, item.currency, first, end))
    if billed.unknown_days:
        return Valued(remarks=[f"The bill gives no cost of it on {billed.unknown_days} days."])
    before = Before(
        item.quantity, item.effective_cost, item.uncovered_cost, item.covered_share, item.uncovered_list_cost
    )
    unused = Decimal(0)
    if item.counterfactual == "commitment":
        unused = unused_of_new_commitments(
            connection, item.provider, item.currency, since=item.done_on, first=first, end=end
        )
    after = After(billed.effective, billed.uncovered, billed.covered_share, billed.list_cost, unused)
    quantity = _quantity(connection, item, billed, keys=keys, first=first, end=end)
    ratio = _list_price_ratio(connection, item, first, end)
    found = realised(before, after, quantity, ratio, is_commitment=item.counterfactual == "commitment")
    return Valued(quantity, found, found.actual, list(_remarks(item, billed, found, (end - first).days)))


def restarted_on(connection: Connection, keys: Collection[int], currency: str, done_on: date) -> date | None:
    """First day within a week of the stop on which it was paid for again, after a day it was not; None is never."""
    start = done_on + timedelta(days=1)
    found = lines(connection, keys, currency, start, start + timedelta(days=REGRET_DAYS))
    days = sorted({line.day for line in found})
    return next((day for place, day in enumerate(days) if day != start + timedelta(days=place)), None)


def _quantity(
    connection: Connection, item: Any, billed: Billed, *, keys: Collection[int], first: date, end: date
) -> Decimal:
    days = (end - first).days
    if item.counterfactual == "kept_running":
        return rate(item.quantity * days, Decimal(item.days))
    if item.counterfactual != "same_service":
        return billed.hours
    served = requests_of(connection, keys, first, end)
    if served is None or not item.requests:
        return billed.service_hours
    return min(billed.service_hours, rate(item.quantity * served, item.requests))


def _list_price_ratio(connection: Connection, item: Any, first: date, end: date) -> Decimal | None:
    after = list_price_of(connection, item.sku_key, item.region, first, end)
    ratio = price_ratio(item.list_price, after)
    if ratio is not None or item.instance_type is None or item.region is None:
        return ratio
    then, now = (
        price_at(item.provider, item.region, item.instance_type, "on_demand", day - timedelta(days=1))
        for day in (item.window_end, end)
    )
    if then is None or now is None or then.currency != now.currency:
        return None
    return price_ratio(then.hourly_price, now.hourly_price)


def _remarks(item: Any, billed: Billed, found: Realised, days: int) -> list[str]:
    says = []
    if item.counterfactual == "kept_running":
        if item.kind == "stop_idle" and billed.days == days:
            says.append("It was paid for on every day: it was not stopped, or it was started again.")
    elif not billed.hours:
        says.append("Neither it nor anything known to have replaced it was paid for, so there is nothing to compare.")
    if found.price_effect is None:
        says.append("Today's list price of what it was is not known: a change of it is in what is realised.")
    if found.realised is None:
        says.append("Commitments cover all of it now and the bill gives no list cost to say what it would cost.")
    return says


def _tokens(connection: Connection, item: Any, first: date, end: date) -> Valued:
    """Direction by direction, the tokens bought at the price before."""
    bought = tokens_of(connection, item, first, end).by_direction
    if bought is None:
        return Valued(remarks=["No tokens of known cost were bought."])
    parts = []
    for name, (tokens, cost) in bought.items():
        before = item.parts.get(name)
        if before is None or not Decimal(before[0]):
            return Valued(remarks=[f"No {name} tokens were bought before, so their price is not known."])
        whole = Decimal(before[1])
        baseline = Before(Decimal(before[0]), whole, whole, Decimal(0))
        parts.append(realised(baseline, After(cost, cost, Decimal(0)), tokens, None))
    with exactly():
        found = Realised(
            counterfactual=sum((part.counterfactual for part in parts), Decimal(0)),
            actual=sum((part.actual for part in parts), Decimal(0)),
            price_effect=None,
            commitment_effect=Decimal(0),
            realised=sum((part.realised or Decimal(0) for part in parts), Decimal(0)),
        )
    quantity = exact_sum(tokens for tokens, _ in bought.values())
    return Valued(quantity, found, found.actual, ["A change of the provider's price is in what is realised."])
