"""A query to BigQuery: estimated first, counted on the day's budget, run, and its rows page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from collectors.gcp.clients import GcpClients
from collectors.gcp.tables import ExportTable

PAGE = 10_000
"""Rows in memory at a time."""

LEAST_BILLED = 10 * 1024 * 1024
"""Bytes BigQuery charges for any query of a table."""

Parameters = Mapping[str, str | datetime | date]


def estimate(clients: GcpClients, table: ExportTable, sql: str, parameters: Parameters) -> int:
    """Bytes a query would be charged for; nothing is read, and asking is free."""
    from google.cloud.bigquery import QueryJobConfig

    config = QueryJobConfig(query_parameters=_given(parameters), dry_run=True, use_query_cache=False)
    job = clients.bigquery().query(sql, job_config=config, location=table.location, retry=None, job_retry=None)
    return max(int(job.total_bytes_processed or 0), LEAST_BILLED)


def rows(
    clients: GcpClients, table: ExportTable, sql: str, parameters: Parameters, what: str
) -> Iterator[Mapping[str, Any]]:
    """The rows of a query of ``table``. ``what`` is what it is for, in the error that it would cost too much.

    Raises ``BudgetError`` before anything is read, and google-api-core's errors.
    """
    from google.cloud.bigquery import QueryJobConfig

    size = estimate(clients, table, sql, parameters)
    clients.read(size, what)
    config = QueryJobConfig(
        query_parameters=_given(parameters),
        maximum_bytes_billed=size + LEAST_BILLED,  # estimates are upper bounds, to the megabyte
        labels={"made-by": "aispend"},
    )
    job = clients.bigquery().query(sql, job_config=config, location=table.location, retry=None, job_retry=None)
    for row in job.result(page_size=PAGE, retry=None, job_retry=None):
        yield dict(row.items())


def _given(parameters: Parameters) -> list[Any]:
    from google.cloud.bigquery import ScalarQueryParameter

    kinds = {str: "STRING", datetime: "TIMESTAMP", date: "DATE"}
    return [ScalarQueryParameter(name, kinds[type(value)], value) for name, value in parameters.items()]
