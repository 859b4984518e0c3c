"""Price lists of accelerated machines: on demand, on spot, and committed for one and three years.

*Method.* Google's catalogue is read once a week; it prices cores, memory, GPUs and local SSD apart, of which machines
are composed (``sku_parts``, ``machine_prices``). A price that is what it was is not written again; one that changed
gets a row of its own. *Terms* are ``on_demand``, ``spot``, and ``1y`` and ``3y``: resource-based commitments.

*Regions* are those of the settings, else those with machines; all there are where there are none.

*Left out.* What cannot be composed, which is told. Spend-based discounts are no prices of machines. Prices are list
prices in US dollars: what was negotiated is in the bill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import CollectError
from collectors.answers import ASKS_AGAIN
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window
from collectors.gcp import places
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.machine_prices import rows
from collectors.gcp.places import Places
from collectors.gcp.sku_parts import Parts, parts

SKUS = "cloudbilling.ListSkus"
SERVICES = ("6F81-5844-456A", "E000-3F24-B8AA")
"""Compute Engine, and Cloud TPU."""

CURRENCY = "USD"
_AT_ONCE = 1000


class Prices(GcpCollector):
    """See the module's text."""

    kind = "prices"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (SKUS, places.OPERATION)

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._places = Places(clients)

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """One slice; new every week, or when other regions are read."""
        year, week, _ = self.clock().date().isocalendar()
        token = " ".join((f"{year}-W{week:02}", *self.clients.connection.regions))
        yield Slice("machines", token, "prices of machines")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The prices of all accelerated machines."""
        found, notes = catalogue(self.clients)
        regions = self._places.regions() or sorted({key.region for key in found.prices})
        made, said = rows(found, regions, self.clock().date())
        token = f"{piece.token} in part" if self._places.silent else None
        return Reading([Merge("price", made)], (*notes, *self._places.notes, *said), token=token)


def catalogue(clients: GcpClients) -> tuple[Parts, list[str]]:
    """The parts of machines in Google's catalogue, and remarks."""
    from google.api_core.exceptions import NotFound

    notes: list[str] = []
    known: dict[Any, Any] = {}
    twice: set[Any] = set()
    for service in SERVICES:
        try:
            found = parts(_skus(clients, service))
        except NotFound:
            notes.append(f"The catalogue has no service {service}.")
            continue
        known |= found.prices
        twice |= found.twice
    return Parts(known, twice), notes


def _skus(clients: GcpClients, service: str) -> Iterator[Any]:
    request = {"parent": f"services/{service}", "currency_code": CURRENCY, "page_size": _AT_ONCE}
    seen: set[str] = set()
    for page in clients.grpc("billing_v1", "cloud_catalog").list_skus(request=request).pages:
        raw = type(page).pb(page)  # proto-plus wraps each SKU anew, of which there are tens of thousands
        yield from raw.skus
        if raw.next_page_token and raw.next_page_token in seen:
            raise CollectError(
                "Google gives the same page of prices again.", where=f"services/{service}", next_step=ASKS_AGAIN
            )
        seen.add(raw.next_page_token)
