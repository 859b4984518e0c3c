"""The sample's Google Cloud bill by the collector of real accounts, from a server that speaks BigQuery's REST."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aispend.cli import doors

if TYPE_CHECKING:
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.runner import SourceReport

NAME = "sample-gcp"
PROJECT, DATASET = "larkfield-billing", "billing"


def collect_gcp(folder: Path, store: Store, settings: Settings, bars: doors.Progress | None) -> SourceReport:
    """What the detailed export holds: a folder named like its table, of lines as BigQuery writes them.

    Raises ``CollectError`` where any of it fails.
    """
    from aispend.clock import system_clock
    from aispend.connections import GcpConnection
    from aispend.errors import CollectError
    from collectors.gcp.bills import Bills
    from collectors.gcp.clients import GcpClients
    from collectors.runner import Source, collect
    from sample.bigquery import BigQuery, serving
    from sample.gcp_schema import DETAILED

    (table,) = folder.iterdir()
    name = f"{PROJECT}.{DATASET}.{table.name}"
    bigquery = BigQuery()
    bigquery.add(name, DETAILED, sorted(table.iterdir()))
    with serving(bigquery.respond) as url:
        given = {"name": NAME, "project": PROJECT, "endpoint_url": url, "export": [{"table": name}]}
        clients = GcpClients(GcpConnection.model_validate(given))
        source = Source(Bills(clients, system_clock), NAME, clients.requests)
        (report,) = collect([source], store, settings, system_clock, progress=bars)
    bigquery.close()
    problems = [one.message for one in report.slices if one.outcome in ("failed", "waiting")]
    if report.error or problems:
        raise CollectError("The sample's Google Cloud bill could not be collected.", where=report.error or problems[0])
    return report
