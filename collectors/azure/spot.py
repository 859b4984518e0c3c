"""Spot markets of Azure: what an hour costs now, and how often machines are evicted.

Resource Graph knows both for every region and size, whoever asks, and what they are now rather than what they were. So
they are asked for once a day, and history is what was seen: a price with the day it holds from is a step of that day,
one without of the time it was seen. Of the bands of eviction Azure says how many of the machines running are evicted
within an hour, over the last four weeks; they are kept as they are, as ``eviction_rate``.

*Left out.* Windows; sizes the catalogue does not know; prices of zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.money import cost
from aispend.prices.accelerators import InstanceType, instance_type
from collectors.answers import ASKS_AGAIN
from collectors.azure.base import AzureCollector
from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph, Row
from collectors.azure.inventory_machines import instant
from collectors.azure.regions import regions
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window

TABLE = "spotresources"
PRODUCT = "Linux"
_ACCELERATED = "tostring(sku.name) startswith 'standard_n'"
PRICES = f"""| where type =~ 'microsoft.compute/skuspotpricehistory/ostype/location'
 | where tostring(properties.osType) =~ 'linux' and {_ACCELERATED}
 | project id, location, size = tostring(sku.name), prices = properties.spotPrices | order by id asc"""
EVICTIONS = f"""| where type =~ 'microsoft.compute/skuspotevictionrate/location' and {_ACCELERATED}
 | project id, location, size = tostring(sku.name), rate = tostring(properties.evictionRate) | order by id asc"""

_BAND = re.compile(r"^(?P<low>\d+)(?:-(?P<high>\d+)|\+)%?$")


class Spot(AzureCollector):
    """See the module's text."""

    kind = "spot"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = ("arm.ListSubscriptions", "regions.Query", "spotresources.Query")

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._graph = Graph(clients)
        self._regions: frozenset[str] = frozenset()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """Prices and evictions of the regions in use; new every day."""
        self._regions = frozenset(regions(self.clients, self._graph))
        if self._regions:
            today = f"{self.clock().date()}"
            yield Slice("prices", today, "spot prices")
            yield Slice("evictions", today, "spot eviction rates")

    def prove(self, found: Sequence[Slice]) -> None:
        """See the base: one row of the table that is read."""
        if found:
            next(self._graph.rows(TABLE, f"{EVICTIONS} | take 1", None), None)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """One of the two, of all regions."""
        now = self.clock()
        query = PRICES if piece.key == "prices" else EVICTIONS
        # of every region: a question that names many is long, and what comes of the others is little
        found = (row for row in self._graph.rows(TABLE, query, None) if row["location"] in self._regions)
        if piece.key == "prices":
            return Reading([Merge("spot_price", spot_prices(found, now))])
        rows, notes = eviction_rates(found, now.date())
        return Reading([Merge("spot_risk", rows)], tuple(notes))


def spot_prices(found: Iterable[Row], now: datetime) -> list[dict[str, Any]]:
    """Rows of ``spot_price``: a step for each price that is given; of one instant the last.

    Raises ``InputError`` for a price that is no number.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row, machine in _known(found):
        for one in row.get("prices") or ():
            price = _amount(one.get("priceUSD", one.get("unitPrice")), row)
            at = min(instant(one.get("effectiveDate") or one.get("timestamp")) or now, now)
            if price:
                rows[row["location"], machine.instance_type, at] = {
                    "provider": "azure",
                    "region": row["location"],
                    "zone": "",
                    "instance_type": machine.instance_type,
                    "product": PRODUCT,
                    "changed_at": at,
                    "hourly_price": price,
                    "currency": "USD",
                }
    return list(rows.values())


def eviction_rates(found: Iterable[Row], on: date) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of ``spot_risk``, as shares of machines an hour, and remarks on bands that cannot be read."""
    rows: list[dict[str, Any]] = []
    odd: set[str] = set()
    for row, machine in _known(found):
        band = _BAND.match(str(row.get("rate") or "").replace(" ", ""))
        if band is None:
            odd |= {str(row["rate"])} if row.get("rate") else set()
            continue
        rows.append(
            {
                "provider": "azure",
                "region": row["location"],
                "zone": "",
                "instance_type": machine.instance_type,
                "measure": "eviction_rate",
                "as_of": on,
                "low": Decimal(band["low"]) / 100,
                "high": Decimal(band["high"] or 100) / 100,
            }
        )
    return rows, [f"Eviction rates {', '.join(sorted(odd))} cannot be read; they are left out."] if odd else []


def _known(found: Iterable[Row]) -> Iterator[tuple[Row, InstanceType]]:
    for row in found:
        machine = instance_type("azure", str(row.get("size") or ""))
        if machine is not None:
            yield row, machine


def _amount(value: Any, row: Row) -> Decimal:
    try:
        amount = cost(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InputError(
            "This is not a price.", where=f"{row.get('size')}, {row.get('location')}: {value!r}", next_step=ASKS_AGAIN
        )
    return amount
