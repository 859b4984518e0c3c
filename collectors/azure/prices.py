"""Price lists of accelerated machines: on demand, spot, reserved, and under savings plans.

*Method.* The public list of retail prices is asked for the machines of the N families, region by region, once a week,
without any credential. A price that is what it was is not written again; one that changed gets a row of its own
(``aispend.store.price_rows``).

*Terms.* ``on_demand`` and ``spot``; ``1y`` and ``3y`` are what commits least for so long: a compute savings plan, which
is priced by the hour. ``1y reserved`` and its like are reservations, whose price is of the whole term and is
divided by its hours.

*Pages* are followed until there is none, or one is empty: Azure has been seen to give addresses that lead nowhere.

*Left out.* Windows, Low Priority, development prices and cloud services; prices of zero; machines the catalogue does
not know; prices that are not by the hour or begin above a quantity. List prices are in US dollars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from aispend.clock import Clock
from aispend.errors import CollectError, InputError
from aispend.money import cost, rate
from aispend.prices.accelerators import instance_type
from collectors.answers import ASKS_AGAIN, unreadable
from collectors.azure.base import FORBIDDEN, AzureCollector, status_of
from collectors.azure.clients import AzureClients, parsed
from collectors.azure.graph import Graph
from collectors.azure.regions import regions
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window

if TYPE_CHECKING:
    from azure.core import PipelineClient

Row = dict[str, Any]
OPERATION = "prices.ListPrices"
_PLACE = "https://prices.azure.com"
_PATH = "/api/retail/prices"
_VERSION = "2023-01-01-preview"
_YEAR_HOURS = 365 * 24
_YEARS = {"1 Year": 1, "3 Years": 3, "5 Years": 5}
_HOURLY = frozenset({"1 Hour", "1 Hours", "1/Hour"})
_OTHERS = ("windows", "cloud services", "cloudservices", "dedicated host")
_MOST_PAGES = 1000


class Prices(AzureCollector):
    """See the module's text."""

    kind = "prices"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = ("arm.ListSubscriptions", OPERATION, "regions.Query")

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._graph = Graph(clients)

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per region; new every week."""
        year, week, _ = self.clock().date().isocalendar()
        for region in regions(self.clients, self._graph):
            yield Slice(region, f"{year}-W{week:02}", f"prices of {region}")

    def prove(self, found: Sequence[Slice]) -> None:
        """See the base: a page of a list that everybody may read."""
        from azure.core.exceptions import HttpResponseError

        try:
            for piece in found[:1]:
                next(self._pages(piece.key, None), None)
        except HttpResponseError as error:
            if status_of(error) != FORBIDDEN:
                raise
            raise CollectError(
                "Azure's price list is refused, though everybody may read it.",
                where=self._endpoint,
                next_step="Check the network and proxy.",
            ) from None

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The prices of one region."""
        rows, notes = price_rows(self._pages(piece.key, progress), self.clock().date())
        return Reading([Merge("price", rows)], tuple(notes))

    def _pages(self, region: str, progress: Progress | None) -> Iterator[Mapping[str, Any]]:
        """The pages of a region's prices; values in the filter are told in the case of letters the list has."""
        wanted = f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}'"
        asked: Mapping[str, str] = {
            "api-version": _VERSION,
            "currencyCode": "USD",
            "$filter": f"{wanted} and contains(armSkuName, 'Standard_N')",
        }
        seen: set[str] = set()
        while True:
            if progress:
                progress(f"prices of {region}", len(seen), None)
            page = self._page(asked)
            yield page
            # the list names its port, which is another place to who compares: only what is asked is taken
            following = urlsplit(str(page.get("NextPageLink") or "")).query
            if not following or not page.get("Items"):
                return
            if following in seen or len(seen) > _MOST_PAGES:
                raise InputError(
                    "The pages of Azure's answer lead in a circle.", where=f"prices of {region}", next_step=ASKS_AGAIN
                )
            seen.add(following)
            asked = {**asked, **dict(parse_qsl(following))}

    def _page(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        from azure.core.rest import HttpRequest

        request = HttpRequest("GET", f"{self._endpoint}{_PATH}", params=dict(asked))
        with self._client.send_request(request) as response:
            response.raise_for_status()
            page = parsed(response.text(), f"prices.ListPrices, {_PATH}")
        if not isinstance(page, dict) or not isinstance(page.get("Items"), list):
            raise unreadable("Azure", f"prices.ListPrices, {_PATH}: no page of the price list")
        return page

    @cached_property
    def _client(self) -> PipelineClient:
        from azure.core import PipelineClient

        return PipelineClient(self._endpoint, **self.clients.pipeline("prices", self._endpoint, public=True))

    @property
    def _endpoint(self) -> str:
        return (self.clients.connection.endpoint_url or _PLACE).rstrip("/")


def price_rows(pages: Iterable[Mapping[str, Any]], today: date) -> tuple[list[Row], list[str]]:
    """Rows of ``price`` and remarks from pages of the price list.

    Of a machine that has several meters the primary one's price counts; where others differ there is no price, and a
    remark. Raises ``InputError`` for a price that is no number.
    """
    found: dict[tuple[str, ...], Row] = {}
    primary: set[tuple[str, ...]] = set()
    twice: set[tuple[str, ...]] = set()
    for item in (one for page in pages for one in page.get("Items") or []):
        machine = instance_type("azure", str(item["armSkuName"] or ""))
        if machine is None or _is_other(item):
            continue
        for term, price in _terms(item):
            row = {
                "provider": "azure",
                "region": item["armRegionName"],
                "instance_type": machine.instance_type,
                "term": term,
                "currency": item["currencyCode"],
                "valid_from": _day(item.get("effectiveStartDate")) or today,
                "published": today,
                "hourly_price": price,
            }
            key = (row["region"], row["instance_type"], term, row["currency"])
            first = bool(item.get("isPrimaryMeterRegion", True))
            if key not in found or (first and key not in primary):
                twice.discard(key)  # the primary meter's price counts
                found[key] = row
            elif first == (key in primary):
                if found[key]["hourly_price"] != price:
                    twice.add(key)
                found[key]["valid_from"] = min(found[key]["valid_from"], row["valid_from"])
            primary |= {key} if first else set()
    notes = [f"{', '.join(key)} has two prices; it is left out." for key in sorted(twice)]
    return [row for key, row in found.items() if key not in twice], notes


def _is_other(item: Mapping[str, Any]) -> bool:
    """Whether it is not the price of a Linux machine for everybody."""
    names = " ".join(str(item.get(name) or "") for name in ("productName", "meterName", "skuName")).lower()
    return (
        item.get("type") == "DevTestConsumption"
        or "low priority" in names
        or any(other in names for other in _OTHERS)
        or item.get("unitOfMeasure") not in _HOURLY
        or bool(item.get("tierMinimumUnits"))
    )


def _terms(item: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    """Terms and hourly prices of one item."""
    price = _amount(item.get("retailPrice"), item)
    if item.get("type") == "Reservation":
        years = _YEARS.get(str(item.get("reservationTerm")))
        if years and price:
            yield f"{years}y reserved", rate(price, Decimal(years * _YEAR_HOURS))
        return
    is_spot = "spot" in f"{item.get('meterName')} {item.get('skuName')}".lower()
    if price:
        yield "spot" if is_spot else "on_demand", price
    for plan in () if is_spot else item.get("savingsPlan") or ():
        years = _YEARS.get(str(plan.get("term")))
        if years and (planned := _amount(plan.get("retailPrice"), item)):
            yield f"{years}y", planned


def _amount(value: Any, item: Mapping[str, Any]) -> Decimal:
    try:
        amount = cost(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InputError("This is not a price.", where=f"meter {item.get('meterId')}: {value!r}", next_step=ASKS_AGAIN)
    return amount


def _day(said: Any) -> date | None:
    return datetime.fromisoformat(str(said)).date() if said else None
