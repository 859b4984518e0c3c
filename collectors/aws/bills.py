"""Bills AWS delivers into S3: Data Exports (FOCUS 1.0, 1.2 and CUR 2.0) and legacy Cost and Usage Reports.

*Assumes* that the manifest of a month is written after all its data files, as AWS documents.

*Method.* For each month the manifest's key is known, so nothing is ever found by listing a prefix: it is asked for with
the ETag of the last success, which costs one request where nothing changed. The files the manifest names are streamed
to disk, a broken connection going on where it stopped, and take the way of an imported bill. Months older than AWS
still restates are asked for only until they were collected once, unless a person asks for them. Months without a
manifest are asked for once a day, as AWS may fill them in; in later runs of a day none before two of them in a row.

*Half-way.* In the layout that overwrites, files may be replaced while they are read. A file newer than the manifest,
one that is missing, or another manifest at the end than at the beginning means that a delivery is under way: nothing
of it is used, and it is tried again. After a day it is none, but a fault that a person must put right.

*Distrust.* A manifest is content: a key that leads out of the work folder is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from aispend.clock import Clock, month_of, next_month
from aispend.connections import AwsExport
from aispend.errors import AccessError, AispendError, InputError, NotReadyError
from collectors.answers import READS_AGAIN
from collectors.aws.base import AwsCollector, code_of
from collectors.aws.clients import AwsClients
from collectors.aws.objects import Object, download
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window
from collectors.days import months_of
from collectors.delivery import inside

_ABSENT = {"404", "NoSuchKey", "NotFound"}
_UNCHANGED = {"304", "NotModified"}
_SCHEME = re.compile(r"^s3://([^/]+)/")
_CREATE = "Create one (docs/connect-aws.md shows how), or name it under [[aws.export]]."
_DELIVERS = "A new export delivers within 24 hours. Otherwise check bucket, prefix and name in aispend.toml."
_LATE = timedelta(hours=48)

BEFORE_THE_EXPORT = 2
"""So many months without a manifest, going back in time, are from before the export began, unless there is a gap."""

_LONGEST_DELIVERY = timedelta(hours=24)

_CLOCK_STEP = timedelta(seconds=5)
"""S3 stamps objects to the second, by clocks of its own."""


@dataclass(frozen=True)
class _Manifest:
    export: AwsExport
    month: date
    object: Object
    content: Mapping[str, Any]

    @property
    def keys(self) -> list[str]:
        """Keys of the data files, in the export's bucket."""
        listed = self.content.get("dataFiles") or self.content.get("reportKeys")
        if not isinstance(listed, list) or not listed:
            raise InputError(
                "The manifest names no data files.",
                where=f"s3://{self.export.bucket}/{self.object.key}, dataFiles",
                next_step="Wait for the next delivery; if it stays so, look at the export in the AWS console.",
            )
        return [_SCHEME.sub("", _key(entry)) for entry in listed]


class Bills(AwsCollector):
    """See the module's text."""

    kind = "bills"
    reach = timedelta(days=400)
    restated_for = timedelta(days=62)
    operations = (
        "bcm-data-exports.ListExports",
        "bcm-data-exports.GetExport",
        "cur.DescribeReportDefinitions",
        "s3.GetBucketLocation",
        "s3.GetObject",
        "s3.HeadObject",
    )

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._regions: dict[str, str] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per export and month that has a manifest.

        Raises ``NotReadyError`` behind them where an export that the settings name has none at all.
        """
        if not self.exports:
            raise AccessError(
                "The account has no Data Export and no Cost and Usage Report.",
                where=self.name,
                next_step=_CREATE,
            )
        today = self.clock().date()
        settled = month_of(today - self.restated_for)
        empty = dict.fromkeys(self.clients.connection.exports if window.usual else ())
        for export in self.exports:
            asked = any(key.startswith(f"{export.name} ") and one.at.date() == today for key, one in seen.items())
            absent: int | None = None  # in a row, since one was there
            for month in months_of(window):
                key = f"{export.name} {month:%Y-%m}"
                known = seen.get(key)
                collected = known is not None and known.at.date() > month + self.restated_for
                if window.usual and collected and month < settled:
                    absent = 0
                    empty.pop(export, None)
                    continue  # collected after AWS had stopped changing it
                token = self._token(export, month, known)
                absent = 0 if token is not None else None if absent is None else absent + 1
                if window.usual and asked and absent == BEFORE_THE_EXPORT:
                    break
                if token is not None:
                    empty.pop(export, None)
                    yield Slice(key, token, f"{export.name}, {month:%Y-%m}")
        if empty:  # it may be named wrongly, which is not *nothing new*
            where = ", ".join(f"export {one.name} in {one.bucket}" for one in empty)
            raise NotReadyError("Nothing was delivered yet.", where=f"{self.name}, {where}", next_step=_DELIVERS)

    def examine(self) -> Iterator[Finding]:
        """Each export, and when its newest month was delivered."""
        from botocore.exceptions import ClientError

        try:
            with self.explained(self.name):
                try:
                    for export in self.exports:
                        yield self._examined(export)
                    if not self.exports:
                        yield Finding("broken", "the account has no export of its bill", _CREATE)
                except ClientError as error:
                    yield self.denied(error)
        except AispendError as error:
            yield Finding("broken", error.what, error.next_step)

    def _examined(self, export: AwsExport) -> Finding:
        today = self.clock().date()
        place = f"export {export.name} in {export.bucket}"
        for month in months_of(Window(month_of(month_of(today) - timedelta(days=1)), today + timedelta(days=1))):
            found = _head(self._s3(export), export, manifest_key(export, month))
            if found is None:
                continue
            age = self.clock() - found.modified
            said = f"{place}: {month:%Y-%m} was delivered {found.modified:%Y-%m-%d %H:%M} UTC"
            if age > _LATE:
                return Finding("note", said, "AWS delivers at least daily: look at the export's health in the console.")
            return Finding("good", said)
        return Finding(
            "note",
            f"{place}: nothing was delivered yet",
            _DELIVERS,
        )

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The manifest and the files it names, on disk."""
        name, _, month = piece.key.rpartition(" ")
        export = next(one for one in self.exports if one.name == name)
        bucket = self._s3(export)
        manifest = _read_manifest(bucket, export, date.fromisoformat(f"{month}-01"))
        root, where = folder / "delivery", f"s3://{export.bucket}/{manifest.object.key}"
        for done, key in enumerate(manifest.keys):
            if progress:
                progress(f"{piece.title}: files", done, len(manifest.keys))
            found = _ready(bucket, manifest, key, self.clock())
            path = inside(root, key, where)
            path.parent.mkdir(parents=True, exist_ok=True)
            download(bucket, export.bucket, found, path, progress=progress)
        again = _head(bucket, export, manifest.object.key)
        if again is None or again.etag != manifest.object.etag:
            raise NotReadyError("A new delivery arrived while this one was read.", where=where, next_step=READS_AGAIN)
        place = inside(root, manifest.object.key, where)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(dict(manifest.content)), encoding="utf-8")
        return Reading([Files("bills", [root], rows=len(manifest.keys), export=export.name)])

    def _token(self, export: AwsExport, month: date, known: Seen | None) -> str | None:
        """ETag of a month's manifest; the known token where it did not change, None where there is none."""
        try:
            found = _get(self._s3(export), export, manifest_key(export, month), unless=known.token if known else None)
        except _UnchangedError:
            return known.token if known is not None else None
        return None if found is None else found[0].etag

    def _s3(self, export: AwsExport) -> Any:
        return self.clients.client("s3", region=export.region or self._bucket_region(export.bucket))

    def _bucket_region(self, bucket: str) -> str:
        if bucket not in self._regions:
            said = self.clients.client("s3").get_bucket_location(Bucket=bucket).get("LocationConstraint")
            self._regions[bucket] = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(said, str(said))
        return self._regions[bucket]

    @cached_property
    def exports(self) -> tuple[AwsExport, ...]:
        """The exports of the settings, else those the account has."""
        return self.clients.connection.exports or tuple(self._data_exports()) or tuple(self._legacy_reports())

    def _data_exports(self) -> Iterator[AwsExport]:
        client = self.clients.client("bcm-data-exports")
        for page in client.get_paginator("list_exports").paginate():
            for one in page["Exports"]:
                export = client.get_export(ExportArn=one["ExportArn"])["Export"]
                tables = export["DataQuery"].get("TableConfigurations") or {}
                query = export["DataQuery"]["QueryStatement"]
                if not any(name in text for text in (*tables, query) for name in ("FOCUS", "COST_AND_USAGE_REPORT")):
                    continue
                place = export["DestinationConfigurations"]["S3Destination"]
                yield AwsExport(
                    bucket=place["S3Bucket"],
                    prefix=place.get("S3Prefix", "").strip("/"),
                    name=export["Name"],
                    region=place.get("S3Region"),
                )

    def _legacy_reports(self) -> Iterator[AwsExport]:
        for page in self.clients.client("cur").get_paginator("describe_report_definitions").paginate():
            for one in page.get("ReportDefinitions", []):
                yield AwsExport(
                    bucket=one["S3Bucket"],
                    prefix=one["S3Prefix"].strip("/"),
                    name=one["ReportName"],
                    kind="legacy-cur",
                    region=one.get("S3Region"),
                )


class _UnchangedError(Exception):
    """The manifest is the one already known."""


def manifest_key(export: AwsExport, month: date) -> str:
    """Where AWS writes the manifest of a month."""
    head = f"{export.prefix}/{export.name}" if export.prefix else export.name
    if export.kind == "legacy-cur":
        return f"{head}/{month:%Y%m%d}-{next_month(month):%Y%m%d}/{export.name}-Manifest.json"
    return f"{head}/metadata/BILLING_PERIOD={month:%Y-%m}/{export.name}-Manifest.json"


def _get(s3: Any, export: AwsExport, key: str, unless: str | None = None) -> tuple[Object, bytes] | None:
    """A small object and its content, None where there is none. ``_UnchangedError`` where its ETag is ``unless``."""
    from botocore.exceptions import ClientError

    try:
        answer = s3.get_object(Bucket=export.bucket, Key=key, **({"IfNoneMatch": unless} if unless else {}))
    except ClientError as error:
        if code_of(error) in _UNCHANGED:
            raise _UnchangedError from None
        if code_of(error) in _ABSENT:
            return None
        raise
    with closing(answer["Body"]) as body:
        return _object(key, answer), body.read()


def _read_manifest(s3: Any, export: AwsExport, month: date) -> _Manifest:
    """The month's manifest."""
    key = manifest_key(export, month)
    found = _get(s3, export, key)
    where = f"s3://{export.bucket}/{key}"
    if found is None:
        raise NotReadyError("The manifest is gone.", where=where, next_step=READS_AGAIN)
    try:
        content = json.loads(found[1])
        if not isinstance(content, dict):
            raise TypeError("it is no JSON object")
    except (ValueError, TypeError) as error:
        raise InputError(
            "The manifest cannot be read.",
            where=f"{where}: {error}",
            next_step="Wait for the next delivery; what was collected before stays.",
        ) from None
    return _Manifest(export, month, found[0], content)


def _ready(s3: Any, manifest: _Manifest, key: str, now: datetime) -> Object:
    """A file the manifest names, where it can belong to the manifest's delivery.

    Raises ``NotReadyError`` where it cannot yet, ``InputError`` where it has not for longer than a delivery takes.
    """
    found = _head(s3, manifest.export, key)
    where = f"s3://{manifest.export.bucket}/{key}"
    if found is None:
        if now - manifest.object.modified > _LONGEST_DELIVERY:
            raise InputError(
                "A file that the manifest names is not there.",
                where=f"{where}, manifest of {manifest.object.modified:%Y-%m-%d %H:%M} UTC",
                next_step="If the bucket is a copy, copy all of it; else have AWS deliver the month again.",
            )
        raise NotReadyError("A file that the manifest names is not there (yet).", where=where, next_step=READS_AGAIN)
    if found.modified > manifest.object.modified + _CLOCK_STEP:
        if now - found.modified > _LONGEST_DELIVERY:
            raise InputError(
                "A file is newer than the manifest, and no delivery has ended since.",
                where=f"{where}, {found.modified:%Y-%m-%d %H:%M} UTC",
                next_step="If the bucket is a copy, copy the manifests last; else look at the export's health.",
            )
        raise NotReadyError(
            "A file is newer than the manifest: a delivery is under way.", where=where, next_step=READS_AGAIN
        )
    return found


def _head(s3: Any, export: AwsExport, key: str) -> Object | None:
    from botocore.exceptions import ClientError

    try:
        return _object(key, s3.head_object(Bucket=export.bucket, Key=key))
    except ClientError as error:
        if code_of(error) in _ABSENT:
            return None
        raise


def _object(key: str, answer: Mapping[str, Any]) -> Object:
    modified: datetime = answer["LastModified"]
    return Object(key, answer["ETag"], int(answer["ContentLength"]), modified)


def _key(entry: object) -> str:
    if isinstance(entry, dict):
        entry = next((entry[name] for name in ("s3Uri", "uri", "key", "path", "name") if entry.get(name)), "")
    return str(entry)
