"""Curves of training runs in the database: replaced whole, run and metric by run and metric."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

from aispend.schema import run_metric


def forget_curves(connection: Connection, namespace: str, curves: Collection[tuple[str, str]]) -> None:
    """Delete the curves of these runs and metrics."""
    connection.execute(
        text(
            f"DELETE FROM {run_metric.name} USING unnest(CAST(:runs AS text[]), CAST(:metrics AS text[]))"
            " AS named (workload, metric) WHERE namespace = :namespace"
            f" AND {run_metric.name}.workload = named.workload AND {run_metric.name}.metric = named.metric"
        ),
        {"namespace": namespace, "runs": [run for run, _ in curves], "metrics": [metric for _, metric in curves]},
    )
