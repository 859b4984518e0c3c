"""Azure for the contract of all collectors: its doubles, how it refuses, and a small company."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from aispend.connections import AzureConnection
from collectors.azure.clients import AzureClients
from collectors.azure.operations import OPERATIONS
from sample.azure_double import Azure, Call, RefusalError, Reply, serving
from sample.azure_graph import Graph
from sample.azure_monitor import Monitor
from sample.blob_store import BlobStore
from sample.blob_store import serving as serving_blobs
from tests.azure.double import listed
from tests.azure.exports import CONTAINER, Container, focus
from tests.azure.graph import AI, machine
from tests.azure.test_advice import advised
from tests.azure.test_commitments import PLANS, RESERVED, plan, reservation
from tests.azure.test_cost_query import QUERY, reply, row
from tests.azure.test_inventory import VMS
from tests.azure.test_invoices import BILLED, INVOICES, invoice
from tests.azure.test_offerings import SKUS, USAGES, size, usage
from tests.azure.test_prices import LIST, item
from tests.azure.test_spot import market
from tests.azure.test_usage import CHAT
from tests.azure.test_utilization import BLUE, VARIANTS, variant
from tests.clouds.servers import SAID, TELLING, WAIT, CloudServers, Fault, Garble, garbled, page

SCOPE = "/providers/Microsoft.Billing/billingAccounts/8611537"
_FAULTS: Mapping[Fault, RefusalError] = {
    "denied": RefusalError(403, "AuthorizationFailed", SAID, TELLING),
    "expired": RefusalError(401, "ExpiredAuthenticationToken", SAID, TELLING),
    "broken": RefusalError(500, "InternalServerError", SAID, TELLING),
    "limited": RefusalError(429, "429", SAID, TELLING),
    "limited with a wait": RefusalError(429, "TooManyRequests", SAID, {**TELLING, "Retry-After": str(WAIT)}),
}


_CODES: Mapping[Fault, str] = {
    "denied": "AuthorizationPermissionMismatch",
    "expired": "InvalidAuthenticationInfo",
    "broken": "InternalError",
    "limited": "ServerBusy",
    "limited with a wait": "ServerBusy",
}
"""What storage calls the same."""


def _of_storage(fault: Fault, path: str, listing: bool) -> tuple[int, Mapping[str, str], str]:
    code, refusal = _CODES[fault], _FAULTS[fault]
    told = f"<Error><Code>{code}</Code><Message>{escape(SAID)}</Message></Error>"
    return refusal.status, {"x-ms-error-code": code, **refusal.headers}, told


def _garbled_blob(how: Garble, path: str, listing: bool) -> tuple[int, Mapping[str, str], str]:
    if how == "entries without fields" and listing:
        found = "<Blobs><BlobPrefix/><Blob/></Blobs>"
        return 200, {}, f"<EnumerationResults>{found}<NextMarker /></EnumerationResults>"
    text = {"a proxy's page": page(), "cut off": "<EnumerationResults><Blobs><Blob>"}
    return 200, {}, text.get(how, "<Another><Shape>of XML</Shape></Another>")


class _Refusing(Azure):
    fault: Fault | None = None
    how: Garble | None = None
    listed = True
    """Whether subscriptions are listed all the same."""

    def respond(self, call: Call) -> Reply:
        known = self.listed and call.path.lower() == "/subscriptions"
        self.refused = _FAULTS[self.fault] if self.fault and not known else None
        reply = super().respond(call)
        honest = reply.status != HTTPStatus.OK or known or self.how is None
        return reply if honest or self.how is None else Reply(garbled(self.how, reply.content))


class Servers(CloudServers):
    """See ``tests.clouds.servers``."""

    always = frozenset({"arm.ListSubscriptions"})
    elsewhere: ClassVar[Mapping[str, frozenset[str]]] = {
        "bills": frozenset(
            {
                "arm.CreateCostReport",
                "arm.GetCostReport",
                "arm.GetStorageAccount",
                "arm.ListExports",
                "arm.QueryCosts",
            }
        ),
        "inventory": frozenset({"arm.ListComputes", "arm.ListMachineSizes", "metrics.QueryMetrics"}),
    }

    def __init__(self, double: _Refusing, container: Container, blobs: BlobStore, blobs_url: str) -> None:
        self.double, self.container, self.blobs, self.blobs_url = double, container, blobs, blobs_url

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator[Servers]:
        double = _Refusing()
        listed(double)
        with tempfile.TemporaryDirectory() as folder:
            container = Container(Path(folder))
            blobs = BlobStore({CONTAINER: container.root})
            with serving(double), serving_blobs(blobs) as url:
                yield cls(double, container, blobs, url)
        assert not double.defects, double.defects[0]

    def connect(self, kind: str, *, settled: bool = True) -> AzureClients:
        given: dict[str, Any] = {"endpoint_url": self.double.url} | ({"regions": ("eastus",)} if settled else {})
        if kind == "bills":
            export = {"account_url": self.blobs_url, "container": CONTAINER, "root": "cost", "name": "focus"}
            given["export"] = [export]
        return AzureClients(AzureConnection.model_validate(given), sleep=lambda _seconds: None)

    def refuse(self, fault: Fault | None, *, but: Collection[str] = ()) -> None:
        self.double.fault, self.double.how, self.double.listed = fault, None, "arm.ListSubscriptions" in but
        self.blobs.instead = partial(_of_storage, fault) if fault else None
        self.asked()

    def garble(self, how: Garble, *, but: Collection[str] = ()) -> None:
        self.double.fault, self.double.how, self.double.listed = None, how, "arm.ListSubscriptions" in but
        self.blobs.instead = partial(_garbled_blob, how)
        self.asked()

    def asked(self) -> int:
        found = len(self.double.calls) + len(self.blobs.asked)
        self.double.calls.clear()
        self.blobs.asked.clear()
        return found

    def costly(self) -> list[str]:
        return [call.path for end in ("/query", "/generateCostDetailsReport") for call in self.double.asked(end)]

    def permissions(self, operation: str) -> Collection[str] | None:
        known = OPERATIONS.get(operation)
        return None if known is None else (*known.actions, *known.data_actions)

    def reads(self, operation: str) -> bool:
        asking = ("Microsoft.CostManagement/query/action", "Microsoft.CostManagement/generateCostDetailsReport/action")
        return all(one.endswith("/read") or one in asking for one in self.permissions(operation) or ())

    # ------------------------------------------------------------------------------ company

    def fill(self) -> None:
        self.graph, self.monitor = Graph(self.double), Monitor(self.double)
        self.graph.has(VARIANTS, variant(BLUE))
        self.graph.has("cognitiveservices/accounts", {"id": AI, "name": "acme-ai", "location": "eastus"})
        self.graph.has("skuspotevictionrate", market(rate="0-5"))
        self.double.on(RESERVED, {"value": [reservation()]})
        for month in ("2026-10", "2026-11"):
            self.container.run(month, [focus(month, "4")])
        for kind in self._changing:
            self._say(kind, first=True)

    def restate(self, collector: str) -> None:
        self._say(collector, first=False)

    def _say(self, kind: str, *, first: bool) -> None:
        getattr(self, f"_{kind.replace('-', '_')}")(first)

    _changing = (
        "cost-query",
        "inventory",
        "utilization",
        "commitments",
        "prices",
        "spot",
        "offerings",
        "advice",
        "invoices",
    )

    def _bills(self, first: bool) -> None:
        self.container.run("2026-11", [focus("2026-11", "4" if first else "5")])

    def _cost_query(self, first: bool) -> None:
        def answer(call: Call) -> Any:
            november = call.body["timePeriod"]["from"].startswith("2026-11")
            return reply(row(5 if november and not first else 4))

        self.double.on(f"POST {QUERY}", answer)

    def _inventory(self, first: bool) -> None:
        self.graph.has(VMS, *(machine(name) for name in ("a", "b")[: 1 if first else 2]))

    def _utilization(self, first: bool) -> None:
        self.monitor.clear()
        for day, requests, busy in (("19", 7.0, 10.0), ("20", 5.0, 40.0) if first else ("20", 6.0, 60.0)):
            noon = f"2026-11-{day}T12:00:00"
            self.monitor.has(BLUE, "GpuUtilizationPercentage", noon, busy, instanceId="i-1")
            self.monitor.has(AI, "ModelRequests", noon, requests, **CHAT, StatusCode="200")
            self.monitor.has(AI, "OutputTokens", noon, requests, **CHAT)

    _usage = _utilization

    def _commitments(self, first: bool) -> None:
        self.double.on(PLANS, {"value": [plan(**({} if first else {"term": "P1Y"}))]})

    def _prices(self, first: bool) -> None:
        self.double.on(LIST, {"Items": [item(3.673 if first else 3.5)], "NextPageLink": None})

    def _spot(self, first: bool) -> None:
        dated = {"priceUSD": 0.7 if first else 0.8, "effectiveDate": "2026-11-01T00:00:00Z"}
        self.graph.has("skuspotpricehistory", market(prices=[dated]))

    def _offerings(self, first: bool) -> None:
        self.double.on(SKUS, {"value": [size("Standard_NC24ads_A100_v4", "1", "2")]})
        self.double.on(USAGES, {"value": [usage("StandardNCADSA100v4Family", 24, 96 if first else 192)]})

    def _invoices(self, first: bool) -> None:
        self.double.on(BILLED, {"value": [{"name": "1"}]})
        self.double.on(INVOICES, {"value": [invoice("T1", 100 if first else 120, 107 if first else 127)]})

    def _advice(self, first: bool) -> None:
        found = advised(*(["a1"] if first else ["a2"]))
        self.graph.has("microsoft.advisor/recommendations", found)
