"""A month in which another payer took the account over at another discount: what was saved before, and since, together.

Method
    Where the discount is another (``new_prices.py``), the days before the account moved and those since are held
    against the baseline by themselves, each at its own price, and added up. Else the month is one.
Cases
    What is unknown of one part is unknown of the month; a part in which it did not run is none.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection

from aispend.money import exact_sum
from recommender.ledger.counterfactual import NOTHING_PAID, Valued, value
from recommender.ledger.new_prices import new_discount
from recommender.methods.realised import Realised


def value_across(
    connection: Connection, item: Any, keys: Collection[int], first: date, end: date, *, moved: date | None, **how: Any
) -> Valued:
    """What the item of ``saving_baseline`` saved from ``first`` to before ``end``; ``how`` as for ``value``.

    ``moved`` is the day from which another payer pays for its account; None where none does.
    """
    if moved is None or end <= moved:
        return value(connection, item, keys, first, end, **how)
    discount = new_discount(connection, item, keys, moved, (max(first, moved), end))
    if discount == 1 or first >= moved:
        return value(connection, item, keys, first, end, moved=moved, discount=discount, **how)
    parts = [
        value(connection, item, keys, *days, moved=moved, discount=discount if days[0] == moved else Decimal(1), **how)
        for days in pairwise((first, moved, end))
    ]
    ran = [part for part in parts if part.remarks != [NOTHING_PAID]]
    return _together(ran or parts)


def _together(parts: list[Valued]) -> Valued:
    remarks = list(dict.fromkeys(remark for part in parts for remark in part.remarks))
    actual = _sum(part.actual for part in parts)
    found = [part.found for part in parts if part.found is not None]
    if len(found) < len(parts):
        return Valued(actual=actual, remarks=remarks)
    prices = [one.price_effect for one in found]
    whole = Realised(
        counterfactual=exact_sum(one.counterfactual for one in found),
        actual=exact_sum(one.actual for one in found),
        price_effect=None
        if None in prices and not any(prices)
        else exact_sum(one for one in prices if one is not None),
        commitment_effect=_sum(one.commitment_effect for one in found),
        realised=_sum(one.realised for one in found),
    )
    return Valued(_sum(part.quantity for part in parts), whole, whole.actual, remarks)


def _sum(amounts: Any) -> Decimal | None:
    """The sum; None where one is unknown."""
    every = list(amounts)
    return None if None in every else exact_sum(every)
