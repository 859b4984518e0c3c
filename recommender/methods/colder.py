"""What it costs to keep something in a colder tier, and from when on that pays; prices in ``colder_prices.toml``.

Assumes
    A colder tier bills the whole size, reading it back, and at least ``min_days``.
Method
    Cost is size × price per GiB and month. Moved and deleted after *d* days the colder tier costs ``min_days`` of
    itself where *d* is less, so it pays from d = min_days × cold ÷ hot on.
Cases
    A region or provider the table does not know has no price: None, never a neighbour's.
Sources
    The price lists of AWS, Google and Azure, row by row in ``colder_prices.toml``.
Known drawbacks
    List prices; what an agreement takes off them is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aispend.prices.data import read_toml
from recommender.methods.disk_prices import DOLLAR, exchanged, price_in

GIB = 2**30
_CENT = Decimal("0.01")
_THOUSAND = 1000


@dataclass(frozen=True)
class Tier:
    """A colder tier beside the standard one: prices per GiB and month, of a GiB read, and who says so since when.

    ``told`` says how, where it is not the list itself. ``to`` is the cloud's name of it; ``min_days`` is billed at
    least; ``per_thousand`` moving a thousand objects.
    """

    to: str
    hot: Decimal
    cold: Decimal
    restore: Decimal
    min_days: int
    per_thousand: Decimal
    currency: str
    source: str
    checked: date
    told: str | None = None

    def within(self, currency: str, per_dollar: Decimal | None) -> Tier | None:
        """The same in a currency that a US dollar is worth ``per_dollar`` of; None where no rate leads there."""
        if currency == self.currency:
            return self
        if self.currency != DOLLAR or per_dollar is None:
            return None
        return replace(
            self,
            hot=self.hot * per_dollar,
            cold=self.cold * per_dollar,
            restore=self.restore * per_dollar,
            per_thousand=self.per_thousand * per_dollar,
            currency=currency,
            source=exchanged(self.source, currency, per_dollar),
        )

    def hot_cost(self, gib: Decimal) -> Decimal:
        """A month where it is, to the cent."""
        return (gib * self.hot).quantize(_CENT)

    def cold_cost(self, gib: Decimal) -> Decimal:
        """A month in the colder tier, to the cent."""
        return (gib * self.cold).quantize(_CENT)

    def restore_cost(self, gib: Decimal) -> Decimal:
        """Reading it all once."""
        return (gib * self.restore).quantize(_CENT)

    def move_cost(self, objects: Decimal) -> Decimal:
        """Requests that move so many objects."""
        return (objects * self.per_thousand / _THOUSAND).quantize(_CENT)

    def pays_after_days(self, hot_cost: Decimal, cold_cost: Decimal) -> Decimal | None:
        """Days it has to be kept so that the move pays, at these monthly costs; None where it never does."""
        return self.min_days * cold_cost / hot_cost if hot_cost > cold_cost else None


def tier(provider: str, what: str, region: str | None) -> Tier | None:
    """The colder tier of a ``snapshot`` or an ``object`` in a region."""
    places = ((row, price_in(row["hot_cold"], region)) for row in _tiers()["tier"] if _is_of(row, provider, what))
    found = next(((row, prices) for row, prices in places if prices is not None), None)
    if found is None:
        return None
    row, (hot, cold) = found
    return Tier(
        to=row["to"],
        hot=hot,
        cold=cold,
        restore=Decimal(row["restore"]),
        min_days=row["min_days"],
        per_thousand=Decimal(row.get("per_thousand", 0)),
        currency=row["currency"],
        source=row["source"],
        checked=row["checked"],
        told=row.get("told"),
    )


def _is_of(row: Mapping[str, Any], provider: str, what: str) -> bool:
    return (row["provider"], row["what"]) == (provider, what)


@lru_cache(maxsize=1)
def _tiers() -> Mapping[str, Any]:
    return read_toml("colder_prices.toml", __package__)
