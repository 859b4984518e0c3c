"""Checkpoints in buckets, as rows of an inventory list them: where, how large, written and read when, of which run.

*Form.* ``resource_id`` is ``s3://bucket/folder/``, ``gs://bucket/folder/`` or ``az://account/container/folder/``; a
folder ends with a slash. ``read_at`` empty is unknown: of what was never read it is the time it was written.

*Replaced.* A file lists all checkpoints of the buckets it names: those it no longer names are gone. What was listed
before stays as history, so that it is known when a checkpoint was read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from aispend.engine.line import literal
from collectors.files.telemetry_form import Column, RowCheck

CHECKPOINT = "checkpoint"
KEPT = ("best", "yes", "no")
_LOCATION = r"(s3://[^/]+|gs://[^/]+|az://[^/]+/[^/]+)/(.+)"

COLUMNS = (
    Column("size_bytes", "whole", low=0, high=10**18, limit="the size of a checkpoint in bytes"),
    Column("modified_at", "time"),
    Column("read_at", "time"),
    Column("run", "text"),
    Column("kept", "text", lower=True, choices=KEPT),
    Column("storage_class", "text", lower=True),
    Column("objects", "whole", low=1, high=10**12, limit="the number of objects of a checkpoint"),
)

CHECKS = (
    RowCheck(
        "resource_id",
        f"{{kind}} = 'checkpoint' AND NOT regexp_full_match({{resource_id}}, {literal(_LOCATION)})",
        "is no place of a checkpoint: s3://bucket/folder/, gs://bucket/folder/ or az://account/container/folder/",
    ),
    RowCheck("size_bytes", "{kind} = 'checkpoint' AND {size_bytes} IS NULL", "is missing: the size of the checkpoint"),
    RowCheck(
        "modified_at", "{kind} = 'checkpoint' AND {modified_at} IS NULL", "is missing: when the checkpoint was written"
    ),
    RowCheck("read_at", "{read_at} < {modified_at}", "is before modified_at; of what was never read they are the same"),
)


def listings(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a history by bucket; of two about one place the later in the file."""
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        match = re.fullmatch(_LOCATION, row["resource_id"], re.DOTALL)
        if match is None:
            raise ValueError(f"{row['resource_id']!r} passed the check of its place.")
        details = {name: row[name] for name in ("size_bytes", "run", "kept", "storage_class", "objects", "tags")}
        details |= {name: row[name] for name in ("account", "region")}
        details |= {
            name: None if row[name] is None else row[name].replace(tzinfo=UTC).isoformat()
            for name in ("modified_at", "read_at")
        }
        found[match[1]][match[2]] = {
            "provider": row["provider"],
            "resource_id": row["resource_id"],
            "state": "stored",
            "details": {"path": match[2], **{name: value for name, value in details.items() if value is not None}},
        }
    return {bucket: list(listed.values()) for bucket, listed in found.items()}
