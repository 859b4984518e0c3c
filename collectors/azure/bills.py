"""Bills Azure delivers into Blob storage: Cost Management exports (FOCUS 1.0, 1.2, actual and amortised cost).

*Assumes* that a run's manifest is written after all its files, as the FinOps toolkit's ingestion does too, and that a
run has a folder of its own.

*Method.* The folders of days an export has are listed once a run, which takes one request. Each that Azure may still
restate is then listed: the name and version of its newest manifest are the change token, so an unchanged month takes
one request and nothing of it is read. The running month, which is delivered anew from its first day each time, and the
month before, which Azure runs again in the first days of a month without being asked, are months like any other. Months
older than Azure still restates are left alone once they were collected, unless a person asks for them. The files that
the manifest names are streamed to disk and take the way of an imported bill, which also counts their lines.

*Several exports.* Actual and amortised cost are two halves of one slice, each collected as it comes: the manifest says
which half it is. Exports of several subscriptions are parts of their account's bill, so all those of a month and kind
are loaded together. A run over a week is loaded with the other runs of its month.

*No export at all.* When a person asks for days (``aispend collect azure/bills --from …``), Azure is asked to write a
report of each month (``collectors.azure.reports``).

*Half-way.* A file that is missing, of another size than the manifest says or newer than it, and another manifest at the
end than at the beginning, mean that the export runs just now: nothing is used, and it is tried again. After a day it is
a fault that a person must put right.

*Distrust.* A manifest is content: a name that leads out of the work folder is refused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aispend.clock import Clock, month_of, next_month
from aispend.errors import AccessError, AispendError, InputError, NotReadyError
from collectors.answers import READS_AGAIN
from collectors.azure.base import AzureCollector
from collectors.azure.blobs import Blob, download, folders, listed, text
from collectors.azure.clients import AzureClients
from collectors.azure.deliveries import (
    Days,
    Run,
    clusters,
    days_of,
    manifest_of,
    named,
    newest_run,
    part_of,
    together,
    token_of,
)
from collectors.azure.exports import Group, Place, discovered, grouped, same_money
from collectors.azure.reports import write_reports
from collectors.base import finding_of
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window
from collectors.days import mark
from collectors.delivery import inside

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

_CREATE = "Create one (docs/connect-azure.md shows how), or name it under [[azure.export]]."
_REPORT = "Until then: aispend collect azure/bills --from 2026-01 has Azure write a report of each month."
_OF_REPORT = "report of "
_LATE = timedelta(hours=48)
_LONGEST_RUN = timedelta(hours=24)
_CLOCK_STEP = timedelta(seconds=5)
"""Blob storage stamps to the second, by clocks of its own."""

_DELIVERS = (
    "A new export delivers within a day; 'Run now' in Azure does at once. "
    "Otherwise check account_url, container, root and name in aispend.toml."
)
_AGAIN = "Make the export anew: those of Cost Management's present version write a manifest.json with each run."


@dataclass(frozen=True)
class _Read:
    """A run with what its manifest says; ``number`` names its folder of the delivery."""

    number: int
    place: Place
    run: Run
    manifest: Blob
    said: dict[str, Any]

    @property
    def folder(self) -> str:
        return str(self.number)


class Bills(AzureCollector):
    """See the module's text."""

    kind = "bills"
    reach = timedelta(days=400)
    restated_for = timedelta(days=62)
    operations = (
        "arm.CreateCostReport",
        "arm.GetCostReport",
        "arm.GetStorageAccount",
        "arm.ListExports",
        "arm.ListSubscriptions",
        "arm.QueryCosts",
        "blob.GetBlob",
        "blob.ListBlobs",
    )

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._days: dict[Place, tuple[Days, ...]] = {}
        self._clusters: dict[str, tuple[Group, tuple[Days, ...]]] = {}
        self._said: dict[str, tuple[str, ...]] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per bill and month; or per months that runs share.

        Raises ``NotReadyError`` behind them where an export that the settings name has none at all.
        """
        today = self.clock().date()
        if not self.groups and window.usual:
            raise AccessError("There is no export of cost.", where=self.name, next_step=f"{_CREATE} {_REPORT}")
        if not self.groups:
            yield from self._reports(window, today)
        planned = self._planned(window)
        left = same_money(planned, [key for key, one in seen.items() if one.rows])
        for key, (group, cluster) in planned.items():
            known = seen.get(key)
            settled = max(one.last for one in cluster) + self.restated_for
            if window.usual and settled < today and known is not None and known.at.date() > settled:
                continue  # collected after Azure had stopped changing it
            if key not in left and (runs := self._runs(group, cluster)):
                self._clusters[key] = (group, cluster)
                instead = sorted(other for other, by in left.items() if by == key)
                also = f" and not {mark(', '.join(instead))}" if instead else ""
                if known is None or not known.token.endswith(also):
                    self._said[key] = tuple(f"{one} shows the same money and is left out." for one in instead)
                yield Slice(key, f"{token_of(run for _, run in runs)}{also}", f"{group.name}, {named(cluster)}")
        if window.usual:
            self._expect_deliveries()

    def _expect_deliveries(self) -> None:
        """An export of the settings that never delivered may be named wrongly, which is not *nothing new*."""
        named_so = self.places if self.clients.connection.exports else ()
        if empty := [place.export for place in named_so if not self._days_of(place)]:
            where = ", ".join(f"export {one.name} in {one.account_url}/{one.container}" for one in empty)
            raise NotReadyError("Nothing was delivered yet.", where=f"{self.name}, {where}", next_step=_DELIVERS)

    def _planned(self, window: Window) -> dict[str, tuple[Group, tuple[Days, ...]]]:
        """By slice, what is delivered of the window."""
        return {
            f"{group.name} {named(cluster)}": (group, cluster)
            for group in self.groups
            for cluster in clusters(days for place in group.places for days in self._days_of(place))
            if min(one.first for one in cluster) < window.end and max(one.last for one in cluster) >= window.first
        }

    def _reports(self, window: Window, today: date) -> Iterator[Slice]:
        """A slice per month of the window, the newest first; asked for by hand, each is made anew."""
        month = month_of(min(window.end - timedelta(days=1), today))
        while month >= month_of(window.first):
            yield Slice(f"{_OF_REPORT}{month:%Y-%m}", self.clock().isoformat(), f"report of {month:%Y-%m}")
            month = month_of(month - timedelta(days=1))

    def _reported(self, piece: Slice, root: Path, progress: Progress | None) -> Reading:
        month = date.fromisoformat(f"{piece.key.removeprefix(_OF_REPORT)}-01")
        last = min(next_month(month) - timedelta(days=1), self.clock().date())
        count, notes = write_reports(self.clients, month, last, root, progress=progress)
        return Reading([Files("bills", [root] if count else [], rows=count)], tuple(notes))

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The manifests and the files they name, on disk."""
        if piece.key.startswith(_OF_REPORT):
            return self._reported(piece, folder / "reports", progress)
        group, cluster = self._clusters[piece.key]
        runs = self._runs(group, cluster)
        root = folder / "delivery"
        shutil.rmtree(root, ignore_errors=True)  # what an earlier try left is of another run
        found = [_Read(n, place, run, *self._manifest(place, run)) for n, (place, run) in enumerate(runs)]
        files = [(one, blob) for one in found for blob in self._files(one)]
        for done, (one, blob) in enumerate(files):
            if progress:
                progress(f"{piece.title}: files", done, len(files))
            path = inside(root / one.folder, blob.name, _where(one.place, one.manifest))
            path.parent.mkdir(parents=True, exist_ok=True)
            download(self._container(one.place), blob, path, progress=progress)
        if token_of(run for _, run in self._runs(group, cluster)) != token_of(run for _, run in runs):
            raise NotReadyError(
                "The export ran again while it was read.", where=f"{self.name}, {piece.title}", next_step=READS_AGAIN
            )
        if not files:
            return Reading([Files("bills", [], rows=0)], (f"{piece.title}: the export delivered nothing.",))
        _write_manifests(root, group, [one for one in found if one.said["blobs"]])
        said = self._said.get(piece.key, ())
        return Reading([Files("bills", [root], rows=len(files), export=group.name)], said)

    def examine(self) -> Iterator[Finding]:
        """Each export, when it was delivered last, and which are passed over because others show the same."""
        from azure.core.exceptions import HttpResponseError

        try:
            with self.explained(self.name):
                try:
                    yield from (self._examined(place) for place in self.places)
                    yield from (Finding("note", f"passed over: {one}") for one in self._discovered[1])
                    yield from self._alike()
                    if not self.places:
                        yield Finding("broken", "there is no export of cost", _CREATE)
                except HttpResponseError as error:
                    yield self.denied(error)
        except AispendError as error:
            yield finding_of(error, self.name)

    def _alike(self) -> Iterator[Finding]:
        """Exports of the settings that show the same money."""
        today = self.clock().date()
        planned = self._planned(Window(today - self.restated_for, today + timedelta(days=1)))
        for one, by in same_money(planned, ()).items():
            said = (
                f"{one} and {by} show the same money: a month stays in the form it was loaded in, else has the second"
            )
            yield Finding("note", said, "Take one of them out of aispend.toml.")

    def _examined(self, place: Place) -> Finding:
        said = f"export {place.export.name} in {place.export.container}"
        newest = self._newest(place)
        if newest is None:
            return Finding(
                "note",
                f"{said}: nothing was delivered yet",
                _DELIVERS,
            )
        if newest.manifest is None:
            return Finding("broken", f"{said}: its files have no manifest", _AGAIN)
        told = f"{said}: {named((newest.days,))} was delivered {newest.manifest.modified:%Y-%m-%d %H:%M} UTC"
        if self.clock() - newest.manifest.modified > _LATE:
            return Finding("note", told, "Look at the export's run history: a daily one delivers daily.")
        return Finding("good", told)

    # -- which exports ----------------------------------------------------------------------------------------------

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The exports to read."""
        given = self.clients.connection.exports
        return tuple(Place(one) for one in given) if given else tuple(self._discovered[0])

    @cached_property
    def _discovered(self) -> tuple[list[Place], list[str]]:
        return ([], []) if self.clients.connection.exports else discovered(self.clients)

    @cached_property
    def groups(self) -> list[Group]:
        """The exports by what is loaded together. Those of the settings say in a manifest which scope they are of."""
        if len(self.places) == 1:
            return grouped(self.places)
        return grouped([one if one.kind else self._told(one) for one in self.places])

    def _told(self, place: Place) -> Place:
        newest = self._newest(place)
        if newest is None or newest.manifest is None:
            return place
        config = part_of(self._manifest(place, newest)[1], "exportConfig")
        scope = str(config.get("resourceId") or "").partition("/providers/Microsoft.CostManagement")[0]
        return replace(place, scope=scope, kind=str(config.get("type") or "").lower())

    # -- what they delivered ----------------------------------------------------------------------------------------

    def _container(self, place: Place) -> ContainerClient:
        return self.clients.container(place.export.account_url, place.export.container)

    def _days_of(self, place: Place) -> tuple[Days, ...]:
        """The days its folders are of."""
        known = replace(place, scope="", kind="")
        if known not in self._days:
            found = (days_of(name) for name in folders(self._container(place), place.head))
            self._days[known] = tuple(sorted(days for days in found if days is not None))
        return self._days[known]

    def _newest(self, place: Place) -> Run | None:
        days = self._days_of(place)
        return self._run(place, days[-1]) if days else None

    def _run(self, place: Place, days: Days) -> Run | None:
        return newest_run(days, listed(self._container(place), f"{place.head}{days.folder}/"))

    def _runs(self, group: Group, cluster: Sequence[Days]) -> list[tuple[Place, Run]]:
        """The run that counts of each export and folder of days."""
        found = [
            (place, self._run(place, days))
            for place in group.places
            for days in self._days_of(place)
            if days in cluster
        ]
        return [(place, run) for place, run in found if run is not None]

    def _manifest(self, place: Place, run: Run) -> tuple[Blob, dict[str, Any]]:
        """A run's manifest and what it says."""
        if run.manifest is not None:
            return run.manifest, manifest_of(text(self._container(place), run.manifest), _where(place, run.manifest))
        newest = max(run.blobs.values(), key=lambda one: one.modified)
        if self.clock() - newest.modified <= _LONGEST_RUN:
            raise NotReadyError("The run has no manifest yet.", where=_where(place, newest), next_step=READS_AGAIN)
        raise InputError("The export's files have no manifest.", where=_where(place, newest), next_step=_AGAIN)

    def _files(self, read: _Read) -> Iterator[Blob]:
        """The files a manifest names, where they can belong to its run."""
        for one in read.said["blobs"]:
            yield self._ready(read, one["blobName"], one.get("byteCount"))

    def _ready(self, read: _Read, name: str, size: object) -> Blob:
        blob, changed = read.run.blobs.get(name), read.manifest.modified
        if blob is None:
            inside(Path("/delivery"), name, _where(read.place, read.manifest))
            trouble = "A file that the manifest names is not there."
        elif isinstance(size, int) and size > 0 and blob.size != size:
            trouble = f"A file has {blob.size:,} bytes, its manifest says {size:,}."
        elif blob.modified > changed + _CLOCK_STEP:
            trouble = "A file is newer than the manifest that names it."
        else:
            return blob
        where = f"{read.place.export.container}/{name}, manifest of {changed:%Y-%m-%d %H:%M} UTC"
        if self.clock() - max(changed, blob.modified if blob else changed) > _LONGEST_RUN:
            again = "If the container is a copy, copy all of it; else run the export again."
            raise InputError(trouble, where=where, next_step=again)
        raise NotReadyError(f"{trouble} The export may be running.", where=where, next_step=READS_AGAIN)


def _write_manifests(root: Path, group: Group, found: Sequence[_Read]) -> None:
    """The manifests beside their files; those of several exports over the same days as one: they are one bill."""
    if len(group.places) == 1:
        for one in found:
            _write(inside(root / one.folder, one.manifest.name, _where(one.place, one.manifest)), one.said)
        return
    for days in {one.run.days for one in found}:
        parts = [one for one in found if one.run.days == days]
        renamed = [
            one.said
            | {"blobs": [blob | {"blobName": f"{one.folder}/{blob['blobName']}"} for blob in one.said["blobs"]]}
            for one in parts
        ]
        _write(root / days.folder / "manifest.json", together(renamed, group.name))


def _write(path: Path, said: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said), encoding="utf-8")


def _where(place: Place, blob: Blob | None) -> str:
    return f"{place.export.container}/{blob.name if blob else place.head}"
