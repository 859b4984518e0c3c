"""Lines of Google's export for tests: one to vary, and its table in the double."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sample.gcp_schema import DETAILED, STANDARD
from tests.collectors.test_dialect_gcp import LINE
from tests.gcp.double import Google

TABLE = "billing-host.bills.gcp_billing_export_resource_v1_0177BB"
PLAIN = "billing-host.bills.gcp_billing_export_v1_0177BB"


def line(**changes: Any) -> dict[str, Any]:
    """A line of the detailed export."""
    return LINE | changes


def serve(google: Google, rows: Sequence[Mapping[str, Any]], **more: Any) -> None:
    """The lines in a table, standard where none names a resource."""
    detailed = any("resource" in row for row in rows)
    google.add(TABLE if detailed else PLAIN, DETAILED if detailed else STANDARD, rows, **more)
