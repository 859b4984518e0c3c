"""What an export has delivered: which runs there are, which of them count, what a run's manifest says.

Azure writes ``ROOT/EXPORT/yyyyMMdd-yyyyMMdd/[yyyyMMddHHmm/]RUN/manifest.json`` and the files of the run beside it;
which folders there are depends on the version and on whether runs overwrite each other. So nothing is made of names but
the days a run covers: manifests are found, and the files are those the manifest names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from aispend.clock import month_of, next_month
from aispend.errors import InputError
from collectors.azure.blobs import Blob

_DAYS = re.compile(r"(\d{8})-(\d{8})")
_STAMP = re.compile(r"\d{12,14}")
_MANIFEST = "manifest.json"


@dataclass(frozen=True, order=True)
class Days:
    """The days a folder of runs covers, both included."""

    first: date
    last: date

    @property
    def folder(self) -> str:
        """As Azure calls it."""
        return f"{self.first:%Y%m%d}-{self.last:%Y%m%d}"


def days_of(folder: str) -> Days | None:
    """The days a folder is called after; None for any other.

    >>> days_of("20261101-20261130")
    Days(first=datetime.date(2026, 11, 1), last=datetime.date(2026, 11, 30))
    """
    if (match := _DAYS.fullmatch(folder)) is None:
        return None
    try:
        first, last = (date.fromisoformat(text) for text in match.groups())
    except ValueError:
        return None
    return Days(first, last) if first <= last else None


def clusters(found: Iterable[Days]) -> list[tuple[Days, ...]]:
    """Days by months, the newest first: what shares a calendar month is loaded together, because a month is replaced
    whole.

    >>> found = [days_of(name) for name in ("20261101-20261107", "20261108-20261114", "20261001-20261031")]
    >>> [[one.folder for one in cluster] for cluster in clusters(found)]
    [['20261101-20261107', '20261108-20261114'], ['20261001-20261031']]
    """
    groups: list[list[Days]] = []
    until: date | None = None
    for one in sorted(set(found)):
        if until is not None and month_of(one.first) <= until:
            groups[-1].append(one)
            until = max(until, month_of(one.last))
        else:
            groups.append([one])
            until = month_of(one.last)
    return [tuple(group) for group in reversed(groups)]


def named(cluster: Sequence[Days]) -> str:
    """A cluster by its months: ``2026-11``, or ``2026-01 to 2026-03``."""
    first, last = min(one.first for one in cluster), max(one.last for one in cluster)
    months = f"{first:%Y-%m}"
    return months if next_month(month_of(first)) > last else f"{months} to {last:%Y-%m}"


@dataclass(frozen=True)
class Run:
    """One run of an export over some days; ``manifest`` is None where files came without any."""

    days: Days
    manifest: Blob | None
    blobs: Mapping[str, Blob]
    """Everything below the folder of these days, by name."""

    @property
    def token(self) -> str:
        """Another one whenever another run counts."""
        seen = [self.manifest] if self.manifest else list(self.blobs.values())
        return "\n".join(sorted(f"{one.name} {one.etag}" for one in seen))


def newest_run(days: Days, blobs: Iterable[Blob]) -> Run | None:
    """The run that counts of those below a folder.

    Of runs in folders called after when they began it is the one that began last, of those that overwrite each other
    the one whose manifest was written last. An export may change from one to the other within a month, and leaves the
    folders of before: of the two that counts whose manifest was written last.
    """
    every = {one.name: one for one in blobs}
    manifests = [one for one in every.values() if PurePosixPath(one.name).name.lower() == _MANIFEST]
    if not any(one.size for one in every.values()):
        return None  # folders of an account that keeps them as empty blobs
    began = max(manifests, key=lambda one: (_stamp(one.name), one.modified, one.name), default=None)
    overwritten = [one for one in manifests if not _stamp(one.name)]
    candidates = [*overwritten, *([began] if began else [])]
    chosen = max(candidates, key=lambda one: (one.modified, _stamp(one.name), one.name), default=None)
    return Run(days, chosen, every)


def _stamp(name: str) -> str:
    return next((part for part in reversed(PurePosixPath(name).parts) if _STAMP.fullmatch(part)), "")


def token_of(runs: Iterable[Run]) -> str:
    """The change token of what several runs are together."""
    return hashlib.sha256("\n".join(sorted(run.token for run in runs)).encode()).hexdigest()[:32]


def manifest_of(content: bytes, where: str) -> dict[str, Any]:
    """A manifest's content.

    Raises ``InputError`` for what is none.
    """
    try:
        said = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError) as error:
        raise _unusable(where, f"it cannot be read: {error}") from None
    if not isinstance(said, dict) or not isinstance(said.get("blobs"), list):
        raise _unusable(where, "it names no files")
    if not all(isinstance(one, dict) and isinstance(one.get("blobName"), str) for one in said["blobs"]):
        raise _unusable(where, "it names a file without a blobName")
    return said


def _unusable(where: str, why: str) -> InputError:
    return InputError(
        "The manifest cannot be used.",
        where=f"{where}: {why}",
        next_step="Wait for the next run; what was collected before stays. If it goes on, look at the export in Azure.",
    )


def part_of(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of a manifest."""
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def together(manifests: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Exports of several subscriptions over the same days as one: their files are parts of one bill of an account."""
    configs = [part_of(one, "exportConfig") for one in manifests]
    runs = [part_of(one, "runInfo") for one in manifests]
    counted = [one.get("dataRowCount") for one in manifests]
    return {
        **manifests[0],
        "exportConfig": {**configs[0], "exportName": name, "resourceId": name},
        "runInfo": {
            **runs[0],
            "runId": "+".join(sorted(str(one.get("runId")) for one in runs)),
            "submittedTime": max(str(one.get("submittedTime") or "") for one in runs),
        },
        "blobs": [blob for one in manifests for blob in one["blobs"]],
        "blobCount": sum(len(one["blobs"]) for one in manifests),
        "dataRowCount": sum(counted) if all(isinstance(one, int) for one in counted) else None,
    }
