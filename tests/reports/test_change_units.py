"""A price that moved names what it is the price of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from aispend.store import Store
from reports import views
from reports.change_words import behind
from reports.views import Driver, Window
from reports.views.change_figures import Moved
from tests.reports.ledger import Ledger, Share

D = Decimal
OCTOBER, NOVEMBER = Window(date(2026, 10, 1), date(2026, 11, 1)), Window(date(2026, 11, 1), date(2026, 12, 1))


def price(connection: Connection, *lines: tuple[dict[str, Any], str, str, str]) -> str:
    """What is behind a higher price, for lines of a SKU with a quantity in both months, dearer in November."""
    found = Ledger(connection)
    bills = [found.bill("aws", "111", window.first) for window in (OCTOBER, NOVEMBER)]
    for sku, quantity, *costs in lines:
        for bill, window, cost in zip(bills, (OCTOBER, NOVEMBER), costs, strict=True):
            found.charge(
                bill,
                window.first,
                [Share((cost,) * 4, "chat", "search")],
                provider="aws",
                pricing_quantity=quantity,
                sku_columns={"sku_meter": "it"} | sku,
            )
    found.roll_up()
    drivers = views.changes(connection, OCTOBER, NOVEMBER).drivers["USD"]
    return behind(next(one for one in drivers if one.effect == "price"))


@pytest.mark.parametrize(
    ("sku", "quantity", "says"),
    [
        # eight accelerators for 10 hours: 400 and 600 for 80 accelerator hours
        ({"accelerators": 8, "consumed_unit": None, "pricing_unit": "Hrs"}, "10", "5 → 7.5 per accelerator hour"),
        # 10,000 thousands of tokens are 10 million
        (
            {"unit_class": "output", "units_per_pricing_unit": 1000, "pricing_unit": "1K tokens"},
            "10000",
            "40 → 60 per million tokens",
        ),
        ({"pricing_unit": "GB-Months"}, "1000", "0.4 → 0.6 per GB-Month"),
        ({"pricing_unit": "1M characters"}, "1000", "0.4 → 0.6 per 1M characters"),
        ({"pricing_unit": "Address"}, "1000", "0.4 → 0.6 per Address"),
    ],
)
def test_a_price_is_of_a_unit(database: Store, sku: dict[str, Any], quantity: str, says: str) -> None:
    with database.engine.connect() as connection:
        assert price(connection, (sku, quantity, "400", "600")) == f"it +200.00: {says}"


def test_what_is_counted_in_two_units_has_no_one_price(database: Store) -> None:
    with database.engine.connect() as connection:
        lines = [({"pricing_unit": unit}, "1000", "400", "600") for unit in ("Hours", "Seconds")]
        assert price(connection, *lines) == "it +400.00"


def test_a_price_in_another_currency_names_both() -> None:
    moved = Moved("price", D(2), D(3), "EUR", per="Hour")
    assert behind(Driver("price", D(1), "it", D(1), moved)) == "it +1.00: 2 → 3 EUR per Hour"
