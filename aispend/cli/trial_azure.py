"""The sample's Azure by the collectors of real subscriptions, from servers that speak Azure's protocols.

Bills come from Blob storage, all else from one server that answers for Azure's management endpoint, Resource Graph,
Monitor and price list (``sample/azure_cloud.py``). What is collected is what a real company's ``aispend collect`` does:
the registry's collectors of one connection, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aispend.cli import doors
from aispend.cli.trial_cloud import collect_from

if TYPE_CHECKING:
    from aispend.clock import Clock
    from aispend.connections import AzureConnection
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.runner import SourceReport

NAME = "sample-azure"
SPENT = ("bills", "cost-query")
"""Collectors of what was spent, and Azure's own totals of it."""
KNOWN_DAYS = 400
"""How far back Azure is asked for its totals at first: further than an ordinary run asks."""
_QUERIES = 10_000
"""Questions a day for Azure's totals: the server is the sample's own, and who loads another sample asks once more."""


@contextmanager
def azure_serving(bills: Mapping[str, Path], holdings: Path | None = None) -> Iterator[AzureConnection]:
    """A connection to servers that hold what exports delivered, by their names, and what else Azure tells."""
    from aispend.connections import AzureConnection
    from sample import azure_cloud, blob_store
    from sample.azure_files import ROOT
    from sample.cost_management import CostManagement

    with blob_store.serving(blob_store.BlobStore(bills)) as account:
        exports = [{"account_url": account, "container": name, "root": ROOT, "name": name} for name in bills]
        given: dict[str, Any] = {"name": NAME, "export": exports, "endpoint_url": account}
        if holdings is None:
            yield AzureConnection.model_validate(given)
            return
        costs = CostManagement(list(bills.values()))
        with azure_cloud.serving(holdings, costs) as azure:
            given |= {"endpoint_url": azure.url, "billing_scopes": costs.scopes, "cost_queries_per_day": _QUERIES}
            yield AzureConnection.model_validate(given)


def collect_azure_totals(
    connection: AzureConnection, store: Store, settings: Settings, bars: doors.Progress | None
) -> SourceReport:
    """What Cost Management adds up of thirteen months of bills.

    Raises ``CollectError`` where any of it fails.
    """
    from aispend.clock import system_clock
    from collectors.azure.cloud import Azure
    from collectors.contract import Window

    today = system_clock().date()
    year = Window(today - timedelta(days=KNOWN_DAYS), today + timedelta(days=1))
    (report,) = collect_from(Azure(), connection, store, settings, bars, kinds=("cost-query",), window=year)
    return report


def collect_azure_rest(
    connection: AzureConnection,
    store: Store,
    settings: Settings,
    bars: doors.Progress | None,
    *,
    clock: Clock | None = None,
) -> list[SourceReport]:
    """All but what was spent, from the day on that the company's files leave to Azure.

    Raises ``CollectError`` where any of it fails.
    """
    from aispend.clock import system_clock
    from collectors.azure.cloud import Azure
    from collectors.contract import Window
    from sample.azure_holdings import COLLECTED_DAYS

    now = clock or system_clock
    today = now().date()
    since = Window(today - timedelta(days=COLLECTED_DAYS), today + timedelta(days=1))
    return collect_from(Azure(), connection, store, settings, bars, kinds=other_kinds(), window=since, clock=now)


def other_kinds() -> list[str]:
    """All collectors of Azure but those of what was spent, and what the sample does not tell."""
    from collectors.azure.cloud import Azure

    return [kind for kind in Azure().collectors() if kind not in (*SPENT, "invoices", "offerings")]
