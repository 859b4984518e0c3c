"""Names of resources from a file: what telemetry calls the machine that the bill knows by its id.

*Form.* One row says that a name means a resource for a time, and may say what the resource is; see :data:`FORM` and
``docs/telemetry.md``. Without ``namespace`` the name holds for every source of telemetry; without times, always.
A name may mean one resource now and another later (names and private addresses are reused), never two at a time.
A row of ``kind`` ``disk`` says instead what a disk was from when to when, one of ``checkpoint`` what a checkpoint is
now (``checkpoints.py``), both for ``resource_history``.

*Replaced* is all that was known of a namespace and alias the file names, and of a disk; of a bucket, what is listed now
follows on what was. An inventory is refused whole
where a row cannot be read: a missing name would make a machine look unused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.resource_id import canonical, lower
from aispend.settings import Settings
from aispend.store import Store, names
from aispend.store.collections import replace_history, write_history
from aispend.store.locks import wait_for
from aispend.store.names import BEGINNING, AliasRow
from aispend.store.telemetry import ANY_SOURCE
from collectors.files.checkpoints import CHECKPOINT, CHECKS, COLUMNS, listings
from collectors.files.telemetry_files import find_files
from collectors.files.telemetry_form import Column, Form, RowCheck
from collectors.files.telemetry_load import Progress
from collectors.files.telemetry_scan import read, workspace

DISK = "disk"
DISK_STATES = ("attached", "unattached")

FORM = Form(
    "inventory",
    (
        Column("provider", "text", required=True, lower=True),
        Column("resource_id", "text", required=True),
        Column("alias", "text"),
        Column("namespace", "text"),
        Column("valid_from", "time", future=True),
        Column("valid_to", "time", future=True),
        Column("resource_name", "text"),
        Column("account", "text"),
        Column("region", "text"),
        Column("fleet", "text"),
        Column("instance_type", "text"),
        Column("accelerator_type", "text", lower=True),
        Column("accelerators", "number", low=0, high=1e6, limit="the number of accelerators in the resource"),
        Column("kind", "text", lower=True, choices=("machine", DISK, CHECKPOINT)),
        Column("state", "text", lower=True, choices=DISK_STATES),
        Column("size_gib", "number", low=0, high=1e9, limit="the size of a disk in GiB"),
        Column("disk_type", "text", lower=True),
        Column("tags", "text"),
        *COLUMNS,
    ),
    (
        RowCheck(
            "valid_to", "{valid_to} <= {valid_from}", "is not after valid_from; valid_to is the first instant after"
        ),
        RowCheck(
            "valid_from", "{kind} = 'disk' AND {valid_from} IS NULL", "is missing: since when the disk is in this state"
        ),
        RowCheck("state", "{kind} = 'disk' AND {state} IS NULL", "is missing: attached or unattached"),
        *CHECKS,
    ),
)
_DESCRIPTION = ("resource_name", "account", "region", "fleet", "instance_type", "accelerator_type")


@dataclass
class InventoryReport:
    """What an inventory import did."""

    source: str
    files: list[str]
    resources: int = 0
    aliases: int = 0
    disks: int = 0
    checkpoints: int = 0
    notes: list[str] = field(default_factory=list)


def import_inventory(
    paths: Sequence[Path | str],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    source: str = "files",
    progress: Progress | None = None,
    keep_past: bool = False,
) -> InventoryReport:
    """Load an inventory into ``resource`` and ``resource_alias``.

    A row without ``namespace`` names the resource for every source; ``source`` is only reported. With ``keep_past``
    what its names meant at other times stays: a collector sees names as they are now. Raises ``InputError`` where a row
    cannot be read, or a name means two resources at one time.
    """
    files, notes = find_files(paths)
    with workspace(settings) as space:
        reading = read(space, FORM, files, clock())
        columns = ", ".join(column.name for column in FORM.columns)
        # Sorted, so that of two rows about one resource the later in time counts, whatever the order in the files.
        found = space.rows(
            f"SELECT {columns} FROM record ORDER BY valid_from NULLS FIRST, valid_to NULLS LAST, {columns}"
        )
    if reading.rejects:
        raise InputError(
            f"{len(reading.rejects):,} of {reading.rows_in:,} rows cannot be read; nothing was loaded.",
            where="; ".join(map(str, reading.rejects[:3])),
            next_step="Correct them: an inventory is loaded whole or not at all.",
        )
    rows = [dict(zip((column.name for column in FORM.columns), row, strict=True)) for row in found]
    if not rows:
        raise InputError("There is a header but no row.", where=", ".join(file.shown_as for file in files))
    kept = listings([row | {"tags": _tags(row) or None} for row in rows if row["kind"] == CHECKPOINT])
    for row in rows:
        row["resource_id"] = canonical(row["provider"], row["resource_id"])
    described = _describe(rows)
    aliases = _aliases(rows)
    disks = _disks(rows)
    if progress:
        progress("writing names", 0, None)
    with store.engine.begin() as connection:
        wait_for(connection, names.LOCK)
        names.describe_resources(connection, described)
        (names.extend_inventory if keep_past else names.replace_inventory)(connection, aliases)
        replace_history(connection, source=source, kind=DISK, rows=disks, now=clock())
        for bucket, listed in kept.items():
            write_history(connection, source=source, kind=CHECKPOINT, scope=bucket, rows=listed, now=clock())
    notes += reading.notes
    return InventoryReport(
        source,
        [file.shown_as for file in files],
        resources=len(described),
        aliases=len(aliases),
        disks=len(disks),
        checkpoints=sum(map(len, kept.values())),
        notes=notes,
    )


def _describe(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    described: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        one = described.setdefault(
            (row["provider"], row["resource_id"]), {"provider": row["provider"], "resource_id": row["resource_id"]}
        )
        one.update({name: row[name] for name in _DESCRIPTION if row[name] is not None})
        if row["accelerators"] is not None:
            one["accelerators"] = Decimal(repr(row["accelerators"])).normalize()
    return list(described.values())


def _aliases(rows: Sequence[dict[str, Any]]) -> list[AliasRow]:
    by_name: dict[tuple[str, str], list[AliasRow]] = defaultdict(list)
    ids: dict[int, str] = {}
    for row in rows:
        if row["alias"] is None:
            continue
        key = names.resource_key(row["provider"], row["resource_id"])
        ids[key] = f"{row['provider']} {row['resource_id']}"
        name = (row["namespace"] or ANY_SOURCE, lower(row["alias"]))
        valid_from = _utc(row["valid_from"]) or BEGINNING
        by_name[name].append(AliasRow(*name, valid_from, _utc(row["valid_to"]), key, names.INVENTORY, Decimal(1)))
    return [row for group in by_name.values() for row in _one_at_a_time(group, ids)]


def _disks(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a history; of two about one disk and instant the later in the file. What begins ends what was."""
    found: dict[tuple[str, str, datetime], dict[str, Any]] = {}
    for row in rows:
        if row["kind"] != DISK:
            continue
        details = {
            "size_gib": None if row["size_gib"] is None else f"{Decimal(repr(row['size_gib'])).normalize():f}",
            "volume_type": row["disk_type"],
            "name": row["resource_name"],
            "tags": _tags(row) or None,
        }
        start = _utc(row["valid_from"]) or BEGINNING
        found[row["provider"], row["resource_id"], start] = {
            "provider": row["provider"],
            "resource_id": row["resource_id"],
            "scope": " ".join(filter(None, (row["account"], row["region"]))),
            "state": row["state"],
            "valid_from": start,
            "valid_to": _utc(row["valid_to"]),
            "details": {name: value for name, value in details.items() if value is not None},
        }
    in_time = [found[key] for key in sorted(found)]
    for row, other in pairwise(in_time):
        same = (row["provider"], row["resource_id"]) == (other["provider"], other["resource_id"])
        if same and (row["valid_to"] is None or row["valid_to"] > other["valid_from"]):
            row["valid_to"] = other["valid_from"]
    return in_time


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    """``key=value`` pairs with commas between them; a key alone has an empty value."""
    pairs = (part.partition("=") for part in (row["tags"] or "").split(",") if part.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _one_at_a_time(rows: Sequence[AliasRow], ids: dict[int, str]) -> list[AliasRow]:
    """Rows of one name in time order, those of one resource merged. Raises ``InputError`` where two overlap."""
    merged: list[AliasRow] = []
    for row in sorted(rows, key=lambda row: (row.valid_from, row.resource_key)):
        last = merged[-1] if merged else None
        if (
            last
            and last.resource_key == row.resource_key
            and (last.valid_to is None or row.valid_from <= last.valid_to)
        ):
            ends = None if last.valid_to is None or row.valid_to is None else max(last.valid_to, row.valid_to)
            merged[-1] = last._replace(valid_to=ends)
        else:
            merged.append(row)
    for one, other in pairwise(merged):
        if one.valid_to is None or one.valid_to > other.valid_from:
            raise InputError(
                f"The name {one.alias!r} means two resources at the same time; nothing was loaded.",
                where=f"namespace {one.namespace}: {ids[one.resource_key]} until {one.valid_to or 'further notice'},"
                f" and {ids[other.resource_key]} from {other.valid_from}",
                next_step="End the first with valid_to, or tell the two apart by namespace.",
            )
    return merged


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)
