"""The sample's Google Cloud by the collectors of real projects, from a server that speaks Google's REST and gRPC.

Bills come from BigQuery, all else from what the company has there (``sample/google_company.py``). What is collected is
what a real company's ``aispend collect`` does: the registry's collectors of one connection, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aispend.cli import doors

if TYPE_CHECKING:
    from aispend.clock import Clock
    from aispend.connections import GcpConnection
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.contract import Window
    from collectors.runner import SourceReport
    from sample.company import SampleCompany

NAME = "sample-gcp"


@contextmanager
def google_serving(company: SampleCompany) -> Iterator[GcpConnection]:
    """A connection to a server that holds what Google has of the company."""
    from aispend.connections import GcpConnection
    from sample import google_company
    from sample.google_projects import PROJECTS

    export = company.bills[3]
    with google_company.serving(company.google, export) as google:
        given = {
            "name": NAME,
            "project": google_company.BILLING_PROJECT,
            "billing_accounts": [google_company.account_of(export)],
            "projects": list(PROJECTS),
            "export": [{"table": google_company.table_of(export)}],
            "endpoint_url": google.url,
            "grpc_endpoint": google.grpc,
        }
        yield GcpConnection.model_validate(given)


def collect_gcp(
    connection: GcpConnection,
    store: Store,
    settings: Settings,
    bars: doors.Progress | None,
    *,
    kinds: Sequence[str] = (),
    window: Window | None = None,
    clock: Clock | None = None,
) -> list[SourceReport]:
    """Collect from a connection: all its collectors, or these kinds; ``window`` None: as far back as each asks.

    Raises ``CollectError`` where any of it fails.
    """
    from aispend.clock import system_clock
    from aispend.errors import CollectError
    from collectors import registry
    from collectors.gcp.cloud import Gcp
    from collectors.runner import collect

    now = clock or system_clock
    chosen = connection.model_copy(update={"collect": tuple(kinds)})
    sources = registry.of_connection(Gcp(), chosen, settings.tags, store, now)
    reports = collect(sources, store, settings, now, window=window, progress=bars)
    for report in reports:
        problems = [one.message for one in report.slices if one.outcome in ("failed", "waiting")]
        if report.error or problems:
            raise CollectError("The sample's Google Cloud could not be collected.", where=report.error or problems[0])
    return reports


def other_kinds() -> list[str]:
    """All collectors of Google Cloud but that of bills, and of what zones offer, which the sample does not tell."""
    from collectors.gcp.cloud import Gcp

    return [kind for kind in Gcp().collectors() if kind not in ("bills", "offerings")]
