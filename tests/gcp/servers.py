"""Google Cloud for the contract of all collectors: its doubles, how it refuses, and a small company."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from google.oauth2.credentials import Credentials

from aispend.connections import GcpConnection
from collectors.gcp import spot
from collectors.gcp.clients import GcpClients
from collectors.gcp.commitments import LISTING
from collectors.gcp.permissions import ALWAYS, PERMISSIONS
from collectors.gcp.usage_rows import INVOCATIONS, TOKENS
from sample.bigquery import RefusedError
from sample.google_catalogue import sku
from sample.google_cloud import HELD
from sample.monitoring import Monitoring, Written
from tests.clouds.servers import SAID, SECRETS, TELLING, WAIT, CloudServers, Fault, Garble, garbled
from tests.gcp.bill import TABLE, line, serve
from tests.gcp.conftest import PROJECT
from tests.gcp.double import Google, served
from tests.gcp.metrics import AT_ONCE, NOON, every
from tests.gcp.skus import a2, catalogue
from tests.gcp.test_advice import answers, smaller
from tests.gcp.test_bills import october
from tests.gcp.test_commitments import COMMITMENT, regions
from tests.gcp.test_inventory import instance, zones
from tests.gcp.test_offerings import REGIONS, TYPES, limits, listed
from tests.gcp.test_spot import HISTORY
from tests.gcp.test_usage import GEMINI, SUM
from tests.gcp.test_utilization import USE, vm

READING = ("get", "list", "insert", "test", "aggregated", "capacity", "Get", "List", "search", "Search")
ASKING = {"bigquery.jobs.create", "compute.advice.capacityHistory"}
"""To run a query, or have something worked out: neither changes anything without further permissions."""

_FAULTS: Mapping[Fault, RefusedError] = {
    "expired": RefusedError(401, "UNAUTHENTICATED", f"Request had invalid authentication credentials; {SAID}", TELLING),
    "broken": RefusedError(500, "INTERNAL", f"Internal error encountered; {SAID}", TELLING),
    "limited": RefusedError(429, "RESOURCE_EXHAUSTED", f"Quota exceeded for quota metric 'Queries'; {SAID}", TELLING),
    "limited with a wait": RefusedError(429, "RESOURCE_EXHAUSTED", SAID, {**TELLING, "Retry-After": str(WAIT)}),
}


def _denied(operation: str) -> RefusedError:
    needed = PERMISSIONS[operation]
    name = needed[0].name if needed else "serviceusage.services.use"
    return RefusedError(
        403, "PERMISSION_DENIED", f"Permission {name} denied on resource project ml-prod; {SAID}", TELLING
    )


class Servers(CloudServers):
    """See ``tests.clouds.servers``."""

    always = frozenset({*ALWAYS, HELD})
    elsewhere: ClassVar[Mapping[str, frozenset[str]]] = {
        "bills": frozenset({"bigquery.jobs.get"}),
        "inventory": frozenset(
            {"aiplatform.customJobs.list", "aiplatform.endpoints.list", "monitoring.ListTimeSeries"}
        ),
        "utilization": frozenset({"aiplatform.endpoints.list"}),
        "prices": frozenset({"compute.instances.aggregatedList"}),
        "spot": frozenset({"compute.instances.aggregatedList"}),
    }

    def __init__(self, double: Google) -> None:
        self.double = double

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator[Servers]:
        with served() as double, pytest.MonkeyPatch.context() as patch:
            patch.setattr(spot, "types", lambda: ["a2-highgpu-1g", "a3-highgpu-8g"])  # two, so that a run is short
            yield cls(double)

    def connect(self, kind: str, *, settled: bool = True) -> GcpClients:
        places = {"projects": ["ml-prod"], "regions": ["us-central1"]} if settled else {}
        given = {"endpoint_url": self.double.url, "grpc_endpoint": self.double.grpc, "project": PROJECT} | places
        export = {"table": TABLE} if settled else {"dataset": TABLE.rpartition(".")[0]}
        connection = GcpConnection.model_validate({**given, "export": [export]})
        return GcpClients(connection, credentials=Credentials(SECRETS.given), sleep=lambda _seconds: None)

    def refuse(self, fault: Fault | None, *, but: Collection[str] = ()) -> None:
        self.double.garbling = None
        self.double.everything = _denied if fault == "denied" else _FAULTS[fault] if fault else None
        self.double.permissions = set() if fault == "denied" else None
        self.double.exempt = {*but, HELD} if fault == "denied" else set(but) - {HELD}
        self.asked()

    def garble(self, how: Garble, *, but: Collection[str] = ()) -> None:
        self.refuse(None, but=but)
        self.double.garbling = partial(garbled, how)

    def asked(self) -> int:
        found = len(self.double.calls)
        self.double.calls.clear()
        return found

    def costly(self) -> list[str]:
        return self.double.queries()

    def permissions(self, operation: str) -> Collection[str] | None:
        known = PERMISSIONS.get(operation)
        return None if known is None else [one.name for one in known]

    def reads(self, operation: str) -> bool:
        granted = self.permissions(operation) or ()
        harmless = (
            one in ASKING or one.rsplit(".", 1)[-1].startswith(("get", "list", "search", "use")) for one in granted
        )
        return operation.rsplit(".", 1)[-1].startswith(READING) and all(harmless)

    # ------------------------------------------------------------------------------ company

    def fill(self) -> None:
        self.monitoring = Monitoring(AT_ONCE)
        self.double.series = self.monitoring.answer
        for kind in self._changing:
            self._say(kind, first=True)

    def restate(self, collector: str) -> None:
        self._say(collector, first=False)

    def _say(self, kind: str, *, first: bool) -> None:
        getattr(self, f"_{kind}")(first)

    _changing = ("bills", "utilization", "inventory", "commitments", "prices", "spot", "offerings", "advice")

    def _bills(self, first: bool) -> None:
        self.double.bigquery.tables.clear()
        changed = {} if first else {"cost": 11.5, "export_time": "2026-11-20 10:00:00 UTC"}
        serve(self.double, [line(), october() | changed])

    def _inventory(self, first: bool) -> None:
        found = [instance(), *([] if first else [instance("gpu-2", 502)])]
        self.double.listings["compute.instances.aggregatedList"] = zones("instances", *found)

    def _utilization(self, first: bool) -> None:
        self.monitoring.series = [
            one
            for at, requests, busy in (
                (NOON - timedelta(days=1), 7, 10.0),
                (NOON, 5, 40.0) if first else (NOON, 6, 60.0),
            )
            for one in (
                Written(USE, points=every(300, at, busy, busy), **vm()),
                Written(INVOCATIONS.metric, GEMINI, every(3600, at, requests), {"response_code": "200"}, **SUM),
                Written(TOKENS.metric, GEMINI, every(3600, at, requests), {"type": "output"}, **SUM),
            )
        ]

    _usage = _utilization

    def _commitments(self, first: bool) -> None:
        more = {} if first else {"plan": "TWELVE_MONTH", "endTimestamp": "2027-01-01T00:00:00.000-08:00"}
        self.double.listings[LISTING] = regions(COMMITMENT | more)

    def _prices(self, first: bool) -> None:
        accelerator = sku(
            "Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas", "1.5", "Preemptible"
        )
        preemptible = a2("Preemptible", "Spot Preemptible {} running in Americas", "0.5")[:2]
        self.double.skus = catalogue(*a2(share="1" if first else "0.9"), *preemptible, accelerator)

    def _spot(self, first: bool) -> None:
        def answer(path: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
            asked = json.loads(query["body"])["instanceProperties"]["machineType"]
            if asked != "a3-highgpu-8g":
                return {}
            dearer = {"listPrice": {"currencyCode": "USD", "units": "3"}}
            *before, last = HISTORY["priceHistory"]
            return HISTORY if first else HISTORY | {"priceHistory": [*before, last | dearer]}

        self.double.listings["compute.advice.capacityHistory"] = answer

    def _offerings(self, first: bool) -> None:
        self.double.listings[TYPES] = listed({"us-central1-a": ["a2-highgpu-1g"]})
        self.double.listings[REGIONS] = limits(NVIDIA_A100_GPUS=(8 if first else 16, 1))

    def _advice(self, first: bool) -> None:
        self.double.recommendations = answers(MachineTypeRecommender=[smaller(units=-300 if first else -200)])
