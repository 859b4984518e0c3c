"""Spot markets: what machines cost there, and how many of those that ended were taken back.

*Prices* are Compute Engine's own history where it gives one for a machine type and region, as steps that hold until the
next; of others the catalogue's present price on spot, composed of parts as in ``machine_prices``. Google changes spot
prices at most once a month.

*Preemptions.* For each span of the history the share of the spot machines that ended which were preempted
(``preemption_share``). It is no share of machines a month: who ended by themselves soon make it small.

*Method.* Asked once a day, for each GPU machine type of the catalogue in each region of the settings, or with machines.
Which types Google has a history of is not documented: refusals of single types are one remark, and an answer without
history is none. A region where it is denied is a remark; where all are denied the source fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.money import cost, exactly
from aispend.prices.accelerators import instance_types
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window
from collectors.gcp import machine_prices, places
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.listing import instant, left_out
from collectors.gcp.places import Places
from collectors.gcp.prices import SKUS, catalogue
from collectors.gcp.sku_parts import Parts
from collectors.refusals import Refusals

HISTORY = "compute.advice.capacityHistory"
SHARE = "preemption_share"
_NANO = Decimal("1e-9")
Row = dict[str, Any]


class Spot(GcpCollector):
    """See the module's text."""

    kind = "spot"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (HISTORY, SKUS, places.OPERATION)

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._places = Places(clients)
        self._catalogue: tuple[Parts, list[str]] | None = None
        self._refusals = Refusals[Exception]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per region; new every day."""
        today = f"{self.clock().date()}"
        regions = self._places.regions()
        if not regions and self._places.closed:
            raise next(iter(self._places.closed.values()))
        for region in regions:
            known = seen.get(region)
            self._refusals.read(known is not None and known.token == today)
            yield Slice(region, today, f"spot market of {region}")
        if refused := self._refusals.by_all:
            raise refused[0]

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """Prices and preemptions of one region."""
        from google.api_core.exceptions import ClientError, Forbidden, TooManyRequests, Unauthorized

        region = piece.key
        prices: list[Row] = []
        risks: list[Row] = []
        silent: list[str] = []
        names = types()
        for done, name in enumerate(names):
            if progress:
                progress(piece.title, done, len(names))
            try:
                reply = self._history(region, name)
            except Forbidden as error:
                self._refusals.add(error)
                note = left_out(error, f"the spot market of {region}")
                return Reading([], (note,), may_be_empty=True, token=f"{piece.token} refused")
            except (Unauthorized, TooManyRequests):
                raise
            except ClientError:
                silent.append(name)
                continue
            prices += price_rows(reply, region, name)
            risks += risk_rows(reply, region, name)
        self._refusals.read()
        known = {row["instance_type"] for row in prices}
        listed, notes = self._listed(region, [name for name in names if name not in known])
        if silent:
            notes.append(f"Google gives no history of {', '.join(silent)} in {region}.")
        parts = [Merge("spot_price", [*prices, *listed]), Merge("spot_risk", risks)]
        return Reading(parts, (*self._places.notes, *notes), may_be_empty=True)

    def _history(self, region: str, name: str) -> Any:
        properties = {"machine_type": name, "scheduling": {"provisioning_model": "SPOT"}}
        return self.clients.compute("advice").capacity_history(
            request={
                "project": self.clients.project,
                "region": region,
                "capacity_history_request_resource": {
                    "instance_properties": properties,
                    "types": ["PREEMPTION", "PRICE"],
                },
            }
        )

    def _listed(self, region: str, names: Sequence[str]) -> tuple[list[Row], list[str]]:
        """The catalogue's prices on spot of machines without a history, and remarks; read once in a run."""
        if not names:
            return [], []
        if self._catalogue is None:
            self._catalogue = catalogue(self.clients)
        parts, notes = self._catalogue
        found, _ = machine_prices.rows(parts, [region], self.clock().date())
        rows = [
            _price(region, row["instance_type"], row["hourly_price"], row["currency"])
            | {"changed_at": instant(f"{row['valid_from']}T00:00:00+00:00")}
            for row in found
            if row["term"] == "spot" and row["instance_type"] in names
        ]
        return rows, list(notes)


def types() -> list[str]:
    """Machine types with GPUs that the catalogue knows; accelerators to attach are none."""
    return [
        one.instance_type
        for one in instance_types().values()
        if one.provider == "gcp" and one.vcpus is not None and not one.accelerator_type.startswith("google-tpu")
    ]


def price_rows(reply: Any, region: str, name: str) -> list[Row]:
    """Rows of ``spot_price``: each holds from the beginning of its span."""
    rows = []
    for one in reply.price_history:
        with exactly():
            price = Decimal(one.list_price.units) + Decimal(one.list_price.nanos) * _NANO
        start = instant(one.interval.start_time)
        if start is not None and price > 0:
            rows.append(_price(region, name, cost(price), one.list_price.currency_code) | {"changed_at": start})
    return _changes(rows)


def risk_rows(reply: Any, region: str, name: str) -> list[Row]:
    """Rows of ``spot_risk``: of each span the share of ended machines that were preempted, on the span's last day."""
    found: dict[Any, Row] = {}
    for one in reply.preemption_history:
        end = instant(one.interval.end_time) or instant(one.interval.start_time)
        share = Decimal(str(one.preemption_rate))
        if end is not None and 0 <= share <= 1:
            on = (end - timedelta(microseconds=1)).date()
            named = {"provider": "gcp", "region": region, "zone": "", "instance_type": name, "measure": SHARE}
            found[on] = {**named, "as_of": on, "low": share, "high": share}
    return list(found.values())


def _price(region: str, name: str, price: Decimal, currency: str) -> Row:
    return {
        "provider": "gcp",
        "region": region,
        "zone": "",
        "instance_type": name,
        "product": "",
        "hourly_price": price,
        "currency": currency,
    }


def _changes(rows: Iterable[Row]) -> list[Row]:
    """Of spans that follow each other at one price the first."""
    found: list[Row] = []
    for row in sorted(rows, key=lambda one: one["changed_at"]):
        if not found or found[-1]["hourly_price"] != row["hourly_price"]:
            found.append(row)
    return found
