"""The sample's Azure bills by the collectors of real subscriptions, from servers that speak Azure's protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aispend.cli import doors

if TYPE_CHECKING:
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.azure.base import AzureCollector
    from collectors.azure.clients import AzureClients
    from collectors.contract import Window
    from collectors.runner import SourceReport

NAME = "sample-azure"


def collect_azure(
    bills: Mapping[str, Path], store: Store, settings: Settings, bars: doors.Progress | None
) -> SourceReport:
    """What exports delivered, by their names.

    Raises ``CollectError`` where any of it fails.
    """
    from aispend.clock import system_clock
    from collectors.azure.bills import Bills
    from sample.azure_files import ROOT
    from sample.blob_store import BlobStore, serving

    with serving(BlobStore(bills)) as account:
        exports = [{"account_url": account, "container": name, "root": ROOT, "name": name} for name in bills]
        given = {"export": exports, "endpoint_url": account}
        return _collected(given, lambda clients: Bills(clients, system_clock), store, settings, bars)


def collect_azure_totals(
    bills: Mapping[str, Path], store: Store, settings: Settings, bars: doors.Progress | None
) -> SourceReport:
    """What Cost Management adds up of thirteen months of these bills.

    Raises ``CollectError`` where any of it fails.
    """
    from aispend.clock import system_clock
    from collectors.azure.cost_query import CostQuery
    from collectors.contract import Window
    from sample.cost_management import CostManagement, serving

    today = system_clock().date()
    costs = CostManagement(list(bills.values()))
    with serving(costs) as endpoint:
        given = {"endpoint_url": endpoint, "billing_scopes": costs.scopes}
        year = Window(today - timedelta(days=400), today + timedelta(days=1))
        return _collected(given, lambda clients: CostQuery(clients, system_clock), store, settings, bars, window=year)


def _collected(
    given: Mapping[str, Any],
    made: Callable[[AzureClients], AzureCollector],
    store: Store,
    settings: Settings,
    bars: doors.Progress | None,
    *,
    window: Window | None = None,
) -> SourceReport:
    from aispend.clock import system_clock
    from aispend.connections import AzureConnection
    from aispend.errors import CollectError
    from collectors.azure.clients import AzureClients
    from collectors.runner import Source, collect

    clients = AzureClients(AzureConnection.model_validate({"name": NAME, **given}))
    source = Source(made(clients), NAME, clients.requests)
    (report,) = collect([source], store, settings, system_clock, window=window, progress=bars)
    problems = [one.message for one in report.slices if one.outcome in ("failed", "waiting")]
    if report.error or problems:
        raise CollectError("The sample's Azure bills could not be collected.", where=report.error or problems[0])
    return report
