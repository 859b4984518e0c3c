"""Price lists: which items are the price of a machine, in which term, by which hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.prices import Prices, price_rows
from collectors.runner import SourceReport
from sample.azure_double import Azure, Call, RefusalError
from sample.azure_graph import Graph

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
LIST = "GET /api/retail/prices"
TODAY = date(2026, 11, 21)
SIZE = "Standard_NC24ads_A100_v4"


def item(price: Any = 3.673, **given: Any) -> dict[str, Any]:
    """An item of the list, as it comes."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": "eastus",
        "location": "US East",
        "effectiveStartDate": "2024-05-01T00:00:00Z",
        "meterId": "m",
        "meterName": "NC24ads A100 v4",
        "skuName": "NC24ads A100 v4",
        "productName": "Virtual Machines NCADS_A100_v4 Series",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": SIZE,
    } | given


def prices(*items: dict[str, Any]) -> dict[str, Decimal]:
    """Hourly prices by term."""
    rows, _ = price_rows([{"Items": list(items)}], TODAY)
    return {row["term"]: row["hourly_price"] for row in rows}


def kept(store: Store) -> dict[tuple[str, str], tuple[str, date]]:
    query = """SELECT term, region, hourly_price::text AS price, valid_from FROM price
               WHERE provider = 'azure' AND instance_type = :size"""
    with store.engine.connect() as connection:
        rows = connection.execute(text(query), {"size": SIZE})
        return {(row.term, row.region): (str(Decimal(row.price).normalize()), row.valid_from) for row in rows}


def test_each_term_has_its_price_by_the_hour() -> None:
    plans = [
        {"unitPrice": 2.5, "retailPrice": 2.5, "term": "1 Year"},
        {"unitPrice": 1.7, "retailPrice": 1.7, "term": "3 Years"},
    ]
    found = prices(
        item(savingsPlan=plans),
        item(0.74, meterName="NC24ads A100 v4 Spot", skuName="NC24ads A100 v4 Spot"),
        item(8760, type="Reservation", reservationTerm="1 Year"),
        item(26280 * 2, type="Reservation", reservationTerm="3 Years"),
        item(99, type="Reservation", reservationTerm="Forever"),
    )
    assert found == {
        "on_demand": Decimal("3.673"),
        "1y": Decimal("2.5"),
        "3y": Decimal("1.7"),
        "spot": Decimal("0.74"),
        "1y reserved": Decimal(1),
        "3y reserved": Decimal(2),
    }


@pytest.mark.parametrize(
    "other",
    [
        {"productName": "Virtual Machines NCADS_A100_v4 Series Windows"},
        {"meterName": "NC24ads A100 v4 Low Priority"},
        {"type": "DevTestConsumption"},
        {"retailPrice": 0.0},
        {"unitOfMeasure": "1 Month"},
        {"tierMinimumUnits": 100.0},
        {"armSkuName": "Standard_NP10s"},
        {"armSkuName": None},
        {"productName": "NCADS_A100_v4 Series Cloud Services"},
    ],
)
def test_what_is_no_price_of_a_linux_machine_is_left_out(other: dict[str, Any]) -> None:
    assert prices(item(**other)) == {}


def test_the_primary_meter_counts_and_two_of_a_kind_have_no_price() -> None:
    for order in (1, -1):
        items = [item(5), item(4, isPrimaryMeterRegion=False)][::order]
        assert prices(*items) == {"on_demand": Decimal(5)}
    rows, notes = price_rows([{"Items": [item(5), item(4)]}], TODAY)
    assert rows == []
    assert "two prices" in notes[0]
    assert prices(item(5), item(5)) == {"on_demand": Decimal(5)}


ITEMS = st.builds(
    lambda price, first, day, spot: item(
        price,
        isPrimaryMeterRegion=first,
        effectiveStartDate=f"2024-05-0{day}T00:00:00Z",
        skuName="x Spot" if spot else "x",
    ),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 3),
    st.booleans(),
)


@given(st.lists(ITEMS, max_size=6).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_the_order_of_items_and_pages_changes_nothing(
    orders: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """Nor does how they are cut into pages; each machine and term has one price at most."""
    found = []
    for items in orders:
        rows, notes = price_rows([{"Items": items[:2]}, {"Items": items[2:]}], TODAY)
        assert len({row["term"] for row in rows}) == len(rows)
        found.append((sorted((row["term"], row["hourly_price"], row["valid_from"]) for row in rows), notes))
    assert found[0] == found[1]


def test_a_price_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="not a price"):
        prices(item("NaN"))


def test_pages_are_followed_without_leaving_the_list_and_an_empty_one_ends_it(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    def answer(call: Call) -> Any:
        skipped = int(call.query.get("$skip", 0))
        assert call.query["api-version"] == "2023-01-01-preview", "without it there are no savings plans"
        following = f"https://prices.azure.com:443/api/retail/prices?$filter=x&$skip={skipped + 1}"
        pages = [[item()], [item(0.5, skuName="NC24ads A100 v4 Spot")], []]
        return {"Items": pages[skipped], "NextPageLink": following, "Count": 1}

    azure.on(LIST, answer)
    report = run(Prices(connect(regions=("eastus",)), clock))
    assert (report.error, report.failures) == (None, 0), report.slices
    assert report.requests == {"prices.ListPrices": 3}
    assert kept(database) == {
        ("on_demand", "eastus"): ("3.673", date(2024, 5, 1)),
        ("spot", "eastus"): ("0.5", date(2024, 5, 1)),
    }
    (first, *_) = azure.asked("/prices")
    assert "armRegionName eq 'eastus'" in first.query["$filter"]
    assert "Authorization" not in first.headers
    assert run(Prices(connect(regions=("eastus",)), clock)).requests == {}


def test_a_price_that_changes_gets_a_row_of_its_own(azure: Azure, connect: Connect, run: Run, database: Store) -> None:
    for day, price in ((21, 3.673), (28, 3.5)):
        azure.on(LIST, {"Items": [item(price)], "NextPageLink": None})
        run(Prices(connect(regions=("eastus",)), lambda day=day: datetime(2026, 11, day, tzinfo=UTC)))  # type: ignore[misc]
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT valid_from::text FROM price WHERE provider = 'azure' ORDER BY 1")).all()
    assert [row[0] for row in rows] == ["2024-05-01", "2026-11-28"]


def test_regions_are_those_in_use(azure: Azure, connect: Connect, clock: Clock, run: Run) -> None:
    rows = ({"id": "/subscriptions/x", "location": place} for place in ("global", "westeurope"))
    Graph(azure).has(
        "summarize", *({**row, "id": f"{row['id']}".replace("x", connect().subscriptions[0].id)} for row in rows)
    )
    azure.on(LIST, {"Items": [], "NextPageLink": None})
    report = run(Prices(connect(), clock))
    assert [one.title for one in report.slices] == ["prices of westeurope"]
    assert set(report.requests) == set(Prices.operations)


def test_faults(azure: Azure, connect: Connect, clock: Clock, run: Run, waits: list[float], database: Store) -> None:
    for broken, says in (
        ({"error": "x"}, "no page of the price list"),
        ({"Items": [item()], "NextPageLink": "https://x/y?$skip=same"}, "circle"),
        (RefusalError(500, "x"), "could not answer"),
    ):
        azure.on(LIST, broken)
        report = run(Prices(connect(regions=("eastus",)), clock))
        assert says in report.slices[0].message
    azure.on(LIST, RefusalError(429, "TooManyRequests"))
    report = run(Prices(connect(regions=("eastus",)), clock))
    assert [one.outcome for one in report.slices] == ["waiting"]
    assert waits
    assert kept(database) == {}
