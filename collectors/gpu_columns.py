"""Rows of the metrics form about accelerators, as every collector of a cloud writes them (docs/telemetry.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

COLUMNS = {
    "timestamp": "timestamp",
    "interval_seconds": "number",
    "resource_id": "text",
    "accelerator_index": "integer",
    "gpu_utilization": "number",
    "memory_used_bytes": "number",
    "memory_used_max_bytes": "number",
    "memory_total_bytes": "number",
    "power_watts": "number",
}
"""Columns of the form and their types."""


def gpu_row(at: datetime, seconds: int, resource: str, index: int) -> dict[str, Any]:
    """A row that says whose the point is, and nothing of it yet; ``seconds`` are the period it stands for."""
    return {
        "timestamp": at,
        "interval_seconds": float(seconds),
        "resource_id": resource,
        "accelerator_index": index,
    }
