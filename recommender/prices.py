"""What a machine costs an hour: prices collected from the clouds, and the catalogue where none was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import cached_property

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import distinct_on

from aispend.prices.accelerators import plain_instance_type
from aispend.prices.prices import Price, Term, price_at, prices
from aispend.schema import price

Key = tuple[str, str, str, str, str]
TERMS: tuple[Term, ...] = ("on_demand", "spot", "1y", "3y")


class PriceBook:
    """Prices as of one day; of a collected one and the catalogue's the one that holds from the later day.

    ``collected`` by (provider, region, type, term, currency).
    """

    def __init__(self, collected: Mapping[Key, Price] | None = None) -> None:
        self._collected = collected or {}

    def price_at(
        self, provider: str, region: str, instance_type: str, term: Term, on: date, *, currency: str = "USD"
    ) -> Price | None:
        """The price that holds on this day; None where none is known, in this currency."""
        known = price_at(provider, region, instance_type, term, on)
        if known is not None and known.currency != currency:
            known = None
        collected = self._collected.get((provider, region, instance_type, term, currency))
        if collected is None or collected.valid_from > on:
            return known
        return collected if known is None or collected.valid_from >= known.valid_from else known

    def regions(self, provider: str, instance_type: str) -> tuple[str, ...]:
        """Regions where the type has, or had, a price."""
        return tuple(sorted(self._regions.get((provider, plain_instance_type(provider, instance_type)), ())))

    @cached_property
    def _regions(self) -> Mapping[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for known in (*prices(), *self._collected.values()):
            found[known.provider, plain_instance_type(known.provider, known.instance_type)].add(known.region)
        return found


CATALOGUE = PriceBook()


def price_evidence(price: Price | None) -> dict[str, str | None]:
    """The price on demand of an hour as it is now, with its day and source; all None where nobody knows it."""
    return {
        "current_price": None if price is None else str(price.hourly_price),
        "price_currency": None if price is None else price.currency,
        "price_date": None if price is None else price.valid_from.isoformat(),
        "price_source": None if price is None else price.source,
    }


def load_prices(connection: Connection, on: date) -> PriceBook:
    """The latest collected price of each machine and term on this day."""
    c = price.c
    key = (c.provider, c.region, c.instance_type, c.term, c.currency)
    rows = connection.execute(
        select(*key, c.valid_from, c.hourly_price, c.source)
        .ext(distinct_on(*key))
        .where(c.term.in_(TERMS), c.valid_from <= on)
        .order_by(*key, c.valid_from.desc())
    )
    return PriceBook(
        {
            tuple(row[:5]): Price(
                provider=row.provider,
                region=row.region,
                instance_type=row.instance_type,
                term=row.term,
                currency=row.currency,
                valid_from=row.valid_from,
                hourly_price=row.hourly_price,
                source=row.source,
                checked=row.valid_from,
            )
            for row in rows
        }
    )
