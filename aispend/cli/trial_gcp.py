"""The sample's Google Cloud by the collectors of real projects, from a server that speaks Google's REST and gRPC.

Bills come from BigQuery, all else from what the company has there (``sample/google_company.py``). What is collected is
what a real company's ``aispend collect`` does: the registry's collectors of one connection, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aispend.connections import GcpConnection
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


def other_kinds() -> list[str]:
    """All collectors of Google Cloud but that of bills, and of what zones offer, which the sample does not tell."""
    from collectors.gcp.cloud import Gcp

    return [kind for kind in Gcp().collectors() if kind not in ("bills", "offerings")]
