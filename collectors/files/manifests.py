"""Delivery manifests of AWS (Data Exports, legacy CUR) and Azure exports: which files are the bill, and which run.

A manifest is known by its content: an object with ``dataFiles`` or ``reportKeys`` (AWS) or ``blobs`` (Azure). Of
several runs for one export and period only the newest counts. Keys are relative to a bucket or container that is not
here, so a file is looked for by the tail of its key: below the manifest's folder first, then up to six folders above
it, in each by the longest tail that fits; the bare name only beside the manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aispend.errors import InputError
from collectors.files.unpack import Found

_MARKS = (b'"dataFiles"', b'"reportKeys"', b'"blobs"')
_LARGEST = 16 << 20
_RUN = re.compile(r"(\d{4}-\d{2}-\d{2}T[\d:.]+Z)-[0-9a-fA-F-]{8,}")
_MONTH = re.compile(r"BILLING_PERIOD=(\d{4})-(\d{2})")
_LEVELS_UP = 6


@dataclass(frozen=True)
class Listed:
    """A file a manifest names, with the size it gives."""

    key: str
    size: int | None = None


@dataclass(frozen=True)
class Manifest:
    """One run of one export. ``order`` sorts runs of the same export and period, oldest first."""

    found: Found
    export: tuple[str, ...]
    period: str
    run: str
    order: tuple[str, int, float]
    files: tuple[Listed, ...]
    declared: str | None = None
    rows: int | None = None
    counted: int | None = None
    """How many files it says there are, where it says so apart from naming them."""


def read(found: Found) -> Manifest | None:
    """The manifest in a file; None where the file is something else."""
    size = found.path.stat().st_size
    if size > _LARGEST:
        return None
    with found.path.open("rb") as file:
        content = file.read()
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or not any(mark in content for mark in _MARKS):
        return None
    try:
        said = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    if not isinstance(said, dict):
        return None
    if isinstance(said.get("blobs"), list) and any(
        key in said for key in ("runInfo", "exportConfig", "manifestVersion")
    ):
        return _azure(found, said)
    listed = said.get("dataFiles") or said.get("reportKeys")
    return _aws(found, said, listed) if isinstance(listed, list) else None


def _azure(found: Found, said: dict[str, object]) -> Manifest:
    run, export = _part(said, "runInfo"), _part(said, "exportConfig")
    blobs = said["blobs"]
    listed = [blob for blob in blobs if isinstance(blob, dict)] if isinstance(blobs, list) else []
    rows = [blob.get("dataRowCount") for blob in listed]
    counted = (
        sum(int(row) for row in rows if isinstance(row, int))
        if rows and all(isinstance(row, int) for row in rows)
        else None
    )
    total = said.get("dataRowCount")
    return Manifest(
        found,
        export=(
            "azure",
            str(export.get("resourceId") or export.get("exportName") or found.path.parent),
            str(export.get("type")),
        ),
        period=str(run.get("startDate") or "")[:10],
        run=str(run.get("runId") or ""),
        order=(str(run.get("submittedTime") or ""), -len(found.path.parts), found.path.stat().st_mtime),
        files=tuple(
            Listed(str(blob.get("blobName")), _size(blob.get("byteCount"))) for blob in listed if blob.get("blobName")
        ),
        declared=str(export["type"]) if export.get("type") else None,
        rows=counted if counted is not None else total if isinstance(total, int) and total > 0 else None,
        counted=_size(said.get("blobCount")),
    )


def _aws(found: Found, said: dict[str, object], listed: Sequence[object]) -> Manifest:
    keys = [_key(entry) for entry in listed]
    places = [*keys, found.path.as_posix()]
    month = next((match for place in places if (match := _MONTH.search(place))), None)
    started = re.sub(r"\D", "", str(_part(said, "billingPeriod").get("start") or ""))[:6]
    runs = sorted(match[1] for key in keys if (match := _RUN.search(key)))
    return Manifest(
        found,
        export=(
            "aws",
            str(said.get("exportArn") or said.get("reportId") or (said.get("account"), said.get("reportName"))),
        ),
        period=started or (month[1] + month[2] if month else ""),
        run=str(said.get("executionId") or said.get("assemblyId") or ""),
        order=(runs[-1] if runs else "", -len(found.path.parts), found.path.stat().st_mtime),
        files=tuple(Listed(key) for key in keys if key),
    )


def _part(said: dict[str, object], name: str) -> dict[str, object]:
    part = said.get(name)
    return part if isinstance(part, dict) else {}


def _key(entry: object) -> str:
    if isinstance(entry, dict):
        entry = next((entry[name] for name in ("s3Uri", "uri", "key", "path", "name") if entry.get(name)), "")
    return re.sub(r"^[a-z0-9]+://", "", str(entry))


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def newest(manifests: Sequence[Manifest]) -> tuple[list[Manifest], list[tuple[Manifest, Manifest]]]:
    """The manifests to follow, and (older, newer) for those that another run replaced."""
    groups: dict[tuple[tuple[str, ...], str], list[Manifest]] = {}
    for manifest in manifests:
        groups.setdefault((manifest.export, manifest.period), []).append(manifest)
    chosen, replaced = [], []
    for group in groups.values():
        *older, latest = sorted(group, key=lambda manifest: manifest.order)
        chosen.append(latest)
        replaced += [(manifest, latest) for manifest in older]
    return chosen, replaced


def resolve(manifest: Manifest) -> list[Path]:
    """The files of a manifest on this disk, in its order.

    Raises ``InputError`` for a file that is missing or shorter than the manifest says, and for a manifest without
    files.
    """
    if not manifest.files:
        raise InputError(
            "The manifest names no files: the export delivered nothing for this period.",
            where=manifest.found.shown_as,
            next_step="Leave this period out until the export has data.",
        )
    if manifest.counted is not None and manifest.counted != len(manifest.files):
        raise InputError(
            f"The manifest counts {manifest.counted} files and names {len(manifest.files)}: the bill is incomplete.",
            where=f"blobCount in {manifest.found.shown_as}",
            next_step="Have the export run again for this period, then copy the whole delivery.",
        )
    found = [(listed, _look_for(manifest.found.path.parent, listed.key)) for listed in manifest.files]
    for listed, path in found:
        if path is None:
            raise InputError(
                "A file the manifest names is missing: the delivery is incomplete.",
                where=f"{listed.key}, named by {manifest.found.shown_as}",
                next_step="Copy the whole delivery with its folders, then import again.",
            )
        if listed.size is not None and path.stat().st_size != listed.size:
            raise InputError(
                f"A file has {path.stat().st_size:,} bytes, its manifest says {listed.size:,}: "
                "it is cut off or of another run.",
                where=f"{path}, named by {manifest.found.shown_as}",
                next_step="Copy the delivery again.",
            )
    return [path for _, path in found if path is not None]


def governed(manifest: Manifest) -> set[Path]:
    """Folders whose files are this manifest's business: its own, those of its files, and their whole billing period."""
    folders = {manifest.found.path.parent}
    for listed in manifest.files:
        path = _look_for(manifest.found.path.parent, listed.key)
        if path is None:
            continue
        folders.add(path.parent)
        period = next((parent for parent in path.parents if _MONTH.fullmatch(parent.name)), None)
        if period is not None:
            folders |= {period, *(folder for folder in period.rglob("*") if folder.is_dir())}
    return {folder.resolve() for folder in folders}


def _look_for(folder: Path, key: str) -> Path | None:
    parts = [part for part in PurePosixPath(key.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    above = [folder, *folder.resolve().parents[:_LEVELS_UP]]
    for place in above:
        for start in range(len(parts) - (place is not folder)):
            path = place.joinpath(*parts[start:])
            if path.is_file():
                return path
    return None
