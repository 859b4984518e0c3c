"""Collected prices beside the catalogue's: the one that holds from the later day, in one currency."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import insert

from aispend.prices.prices import price_at
from aispend.schema import price
from aispend.store import Store
from recommender.prices import CATALOGUE, PriceBook, load_prices

TODAY = date(2026, 11, 20)


def collected(store: Store, valid_from: date, *, currency: str = "USD", region: str = "us-east-1") -> PriceBook:
    with store.engine.begin() as connection:
        connection.execute(
            insert(price).values(
                provider="aws",
                region=region,
                instance_type="p4d.24xlarge",
                term="on_demand",
                currency=currency,
                valid_from=valid_from,
                hourly_price=Decimal("19.5"),
                source="price list",
            )
        )
        return load_prices(connection, TODAY)


def hourly(book: PriceBook, on: date = TODAY, currency: str = "USD", region: str = "us-east-1") -> Decimal | None:
    found = book.price_at("aws", region, "p4d.24xlarge", "on_demand", on, currency=currency)
    return None if found is None else found.hourly_price


def test_what_was_collected_later_holds(database: Store) -> None:
    known = price_at("aws", "us-east-1", "p4d.24xlarge", "on_demand", TODAY)
    assert known is not None
    book = collected(database, date(2026, 11, 18))

    assert known.hourly_price != Decimal("19.5")
    assert hourly(book) == Decimal("19.5")
    # before that day, the catalogue's
    assert hourly(book, date(2026, 11, 17)) == known.hourly_price


def test_what_was_collected_before_the_catalogue_was_read_does_not(database: Store) -> None:
    assert hourly(collected(database, date(2020, 1, 1))) == hourly(CATALOGUE)


def test_another_currency_is_another_price(database: Store) -> None:
    book = collected(database, date(2026, 11, 18), currency="EUR")
    assert hourly(book) == hourly(CATALOGUE)
    assert hourly(book, currency="EUR") == Decimal("19.5")


def test_regions_are_those_with_a_price(database: Store) -> None:
    book = collected(database, date(2026, 11, 18), region="eu-north-1")
    assert "eu-north-1" in book.regions("aws", "p4d.24xlarge")
    assert "us-east-1" in book.regions("aws", "p4d.24xlarge")
    assert "eu-north-1" not in CATALOGUE.regions("aws", "p4d.24xlarge")
