"""A server that speaks S3's protocol as far as reading goes, over folders: the sample company's deliveries by network.

Buckets are folders; the key of an object is its path below. Versions are told by ETag, conditional and range requests
answered as S3 does. Signatures are not checked: it listens on this machine alone and holds made-up bills.
"""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sample.local_server import on_this_machine

_BLOCK = 1 << 18
_RANGE = "bytes="


class ObjectStore:
    """Buckets by name. ``deliver`` puts another folder in a bucket's place, as a new delivery does."""

    def __init__(self, buckets: Mapping[str, Path]) -> None:
        self._buckets = dict(buckets)
        self.asked: list[str] = []
        """``METHOD PATH`` of each request that came."""

    def deliver(self, bucket: str, folder: Path) -> None:
        """From now on the bucket holds what is in ``folder``."""
        self._buckets[bucket] = folder

    def find(self, bucket: str, key: str) -> Path | None:
        """The file of an object; None where there is none."""
        root = self._buckets.get(bucket)
        if root is None:
            return None
        path = (root / key).resolve()
        return path if path.is_file() and path.is_relative_to(root.resolve()) else None

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Keys that begin with ``prefix``, in order."""
        root = self._buckets.get(bucket)
        if root is None:
            return []
        found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        return sorted(key for key in found if key.startswith(prefix))


@contextmanager
def serving(store: ObjectStore) -> Iterator[str]:
    """Serve on a free port of this machine; gives the URL."""
    handler = type("Handler", (_Handler,), {"store": store})
    with on_this_machine(handler) as url:
        yield url


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = _BLOCK  # head and body in one packet: the client would wait for the second one
    store: ObjectStore

    def do_GET(self) -> None:
        split = urllib.parse.urlsplit(self.path)
        self.store.asked.append(f"{self.command} {split.path}")
        bucket, _, key = urllib.parse.unquote(split.path).lstrip("/").partition("/")
        asked = urllib.parse.parse_qs(split.query, keep_blank_values=True)
        if "location" in asked:
            self._xml(200, '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>')
        elif not key:
            self._list(bucket, asked.get("prefix", [""])[0])
        else:
            self._object(bucket, key)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _object(self, bucket: str, key: str) -> None:
        path = self.store.find(bucket, key)
        if path is None:
            self._xml(404, f"<Error><Code>NoSuchKey</Code><Key>{escape(key)}</Key></Error>")
            return
        said = path.stat()
        etag = f'"{hashlib.md5(f"{path}{said.st_size}{said.st_mtime_ns}".encode(), usedforsecurity=False).hexdigest()}"'
        headers = {
            "ETag": etag,
            "Last-Modified": formatdate(said.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        if self.headers.get("If-None-Match") == etag:
            self._answer(304, headers, b"")
            return
        if self.headers.get("If-Match", etag) != etag:
            self._xml(412, "<Error><Code>PreconditionFailed</Code></Error>")
            return
        first, last = _range(self.headers.get("Range"), said.st_size)
        status = 200
        if self.headers.get("Range"):
            status = 206
            headers["Content-Range"] = f"bytes {first}-{last}/{said.st_size}"
        self._begin(status, {**headers, "Content-Length": str(last - first + 1)})
        if self.command == "HEAD":
            return
        with path.open("rb") as file:
            file.seek(first)
            left = last - first + 1
            while left and (block := file.read(min(_BLOCK, left))):
                self.wfile.write(block)
                left -= len(block)

    def _list(self, bucket: str, prefix: str) -> None:
        entries = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in self.store.keys(bucket, prefix))
        self._xml(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")

    def _xml(self, status: int, text: str) -> None:
        body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
        self._answer(status, {"Content-Type": "application/xml"}, body)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._begin(status, {**headers, "Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: who collects says what it does."""


def _range(asked: str | None, size: int) -> tuple[int, int]:
    """First and last byte of a range request; the whole without one."""
    if not asked or not asked.startswith(_RANGE):
        return 0, size - 1
    begin, _, end = asked.removeprefix(_RANGE).partition("-")
    if not begin:
        return max(0, size - int(end)), size - 1
    return int(begin), min(int(end), size - 1) if end else size - 1
