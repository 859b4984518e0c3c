"""Taking a source's telemetry out whole: what is made anew under the same name must not meet what was there before."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from aispend.schema import (
    accelerator_hour,
    collection,
    inference_hour,
    inference_request,
    load,
    rejected_row,
    slice_,
    workload_hour,
)

TELEMETRY = ("metrics", "usage", "workloads")
"""Kinds of slices that hold it."""


def forget_telemetry(connection: Connection, prefix: str) -> None:
    """Delete utilization, usage and workloads of every source whose name begins so, and that they were collected.

    Bills stay: a month that comes again takes the place of what it was.
    """
    slices = select(slice_.c.slice_id).where(slice_.c.kind.in_(TELEMETRY), slice_.c.source.startswith(prefix))
    loads = select(load.c.load_id).where(load.c.slice_id.in_(slices))
    connection.execute(delete(rejected_row).where(rejected_row.c.load_id.in_(loads)))
    for table in (accelerator_hour, inference_hour, inference_request, workload_hour, load, slice_):
        connection.execute(delete(table).where(table.c.slice_id.in_(slices)))
    of_bills = collection.c.source.like("%/bills")
    connection.execute(delete(collection).where(collection.c.source.startswith(prefix), ~of_bills))
