"""Delivery manifests of AWS (Data Exports, legacy CUR) and Azure exports: which files are the bill, and which run.

A manifest is known by its content: an object with ``dataFiles`` or ``reportKeys`` (AWS) or ``blobs`` (Azure). Of
several runs for one export and period only the newest counts. Azure's runs cover days: one replaces those before it
whose every day it has, those of one month that share no day are one bill, and any others are refused.

Keys are relative to a bucket or container that is not here, so a file is looked for by the tail of its key: below the
manifest's folder first, then up to six folders above it, in each by the longest tail that fits; the bare name only
beside the manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

from aispend.errors import InputError
from collectors.files.unpack import Found

_MARKS = (b'"dataFiles"', b'"reportKeys"', b'"blobs"')
_LARGEST = 16 << 20
_RUN = re.compile(r"(\d{4}-\d{2}-\d{2}T[\d:.]+Z)-[0-9a-fA-F-]{8,}")
_MONTH = re.compile(r"BILLING_PERIOD=(\d{4})-(\d{2})")
_RANGE = re.compile(r"(?:^|/)(\d{8})-(\d{8})/")
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

    first: date | None = None
    last: date | None = None
    """The days the run covers, both included; None where it does not say (AWS: its period is a month)."""

    @property
    def days(self) -> frozenset[int]:
        """The days as ordinals."""
        if self.first is None or self.last is None:
            return frozenset()
        return frozenset(range(self.first.toordinal(), self.last.toordinal() + 1))

    @property
    def months(self) -> frozenset[str]:
        """The calendar months it covers days of."""
        return frozenset(f"{date.fromordinal(day):%Y-%m}" for day in self.days)


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
    first, last = _covered(run, [*(str(blob.get("blobName")) for blob in listed), found.path.as_posix()])
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
        first=first,
        last=last,
    )


def _covered(run: Mapping[str, object], places: Sequence[str]) -> tuple[date | None, date | None]:
    """First and last day of an Azure run: as it says, else as the folder of its files is called."""
    said = [str(run.get(name) or "")[:10] for name in ("startDate", "endDate")]
    if not all(said):
        folder = next((match for place in places if (match := _RANGE.search(place))), None)
        said = [folder[1], folder[2]] if folder else said
    try:
        first, last = map(date.fromisoformat, said)
    except ValueError:
        return None, None
    return (first, last) if first <= last else (None, None)


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
    """The manifests to follow, and (older, newer) for those that another run replaced.

    A run whose every day is covered by runs submitted later is replaced; runs without days, by the newest of their
    period. Raises ``InputError`` where a run shares days with another one and neither rule holds.
    """
    groups: dict[tuple[object, ...], list[Manifest]] = {}
    for manifest in manifests:
        groups.setdefault((manifest.export, "" if manifest.days else manifest.period), []).append(manifest)
    chosen: list[Manifest] = []
    replaced: list[tuple[Manifest, Manifest]] = []
    for group in groups.values():
        kept: list[Manifest] = []
        for manifest in sorted(group, key=lambda manifest: manifest.order, reverse=True):
            newer = [one for one in kept if one.days & manifest.days or not manifest.days]
            if not newer:
                kept.append(manifest)
            elif _is_covered(manifest, newer):
                replaced.append((manifest, newer[0]))
            else:
                raise _shared_days(manifest, newer[0])
        chosen += reversed(kept)
    return chosen, replaced


def _is_covered(older: Manifest, newer: Sequence[Manifest]) -> bool:
    """Whether the newer runs show all that the older one does: the same period again, or all of its days, and later."""
    if older.days == newer[0].days:
        return True
    covered = frozenset[int]().union(*(one.days for one in newer))
    return older.days <= covered and all(older.order[0] < one.order[0] for one in newer)


def _shared_days(older: Manifest, newer: Manifest) -> InputError:
    one, other = (f"{run.found.shown_as} ({run.first} to {run.last})" for run in (older, newer))
    return InputError(
        "Two runs of one export share days, and the newer does not have all days of the older: counting both would "
        "count the shared days twice, leaving one out would lose days.",
        where=f"{one} and {other}",
        next_step="Have the export make one run over the whole month and import that; "
        "or take one of the two out and export the days it alone had again, without those of the other.",
    )


def side_by_side(followed: Sequence[Manifest]) -> dict[Path, Manifest]:
    """For each manifest, by its path, the one that speaks for it: runs of one export that share no day but a month (an
    export by the week) are parts of one bill, because a month is loaded whole."""
    clusters: list[list[Manifest]] = []
    for manifest in followed:
        near = [
            cluster
            for cluster in clusters
            if any(one.export == manifest.export and one.months & manifest.months for one in cluster)
        ]
        clusters = [cluster for cluster in clusters if cluster not in near]
        clusters.append([one for cluster in near for one in cluster] + [manifest])
    return {one.found.path: _together(cluster) for cluster in clusters for one in cluster}


def _together(parts: Sequence[Manifest]) -> Manifest:
    if len(parts) == 1:
        return parts[0]
    ordered = sorted(parts, key=lambda manifest: manifest.first or date.min)
    rows = [manifest.rows for manifest in ordered if manifest.rows is not None]
    return replace(
        ordered[0],
        run="+".join(manifest.run for manifest in ordered),
        files=tuple(listed for manifest in ordered for listed in manifest.files),
        rows=sum(rows) if len(rows) == len(ordered) else None,
        last=ordered[-1].last,
    )


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
