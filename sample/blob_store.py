"""A server that speaks Blob storage's protocol as far as reading goes, over folders: the sample company's exports.

Containers are folders; the name of a blob is its path below. An address is ``/ACCOUNT/CONTAINER/NAME``, as storage
emulators have it. Versions are told by ETag; conditional and range requests and pages of listings are answered as Azure
does. Nobody is asked who they are: it listens on this machine alone and holds made-up bills.
"""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sample.local_server import on_this_machine

_BLOCK = 1 << 18
_RANGE = "bytes="
_PAGE = 5000


class BlobStore:
    """Containers by name. ``deliver`` puts another folder in a container's place, as new runs of exports do."""

    def __init__(self, containers: Mapping[str, Path], *, page: int = _PAGE) -> None:
        self._containers = dict(containers)
        self.page = page
        self.asked: list[str] = []
        """``METHOD PATH`` of each request that came."""
        self.instead: Callable[[str, bool], tuple[int, Mapping[str, str], str] | None] | None = None
        """Status, headers and XML of what is answered in place of a path's content or listing; None for the true."""

    def deliver(self, container: str, folder: Path) -> None:
        """From now on the container holds what is in ``folder``."""
        self._containers[container] = folder

    def root(self, container: str) -> Path | None:
        """The folder of a container; None where there is none."""
        return self._containers.get(container)

    def find(self, container: str, name: str) -> Path | None:
        """The file of a blob; None where there is none."""
        root = self.root(container)
        if root is None:
            return None
        path = (root / name).resolve()
        return path if path.is_file() and path.is_relative_to(root.resolve()) else None

    def names(self, container: str, prefix: str) -> list[str]:
        """Names that begin with ``prefix``, in order."""
        root = self._containers[container]
        found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        return sorted(name for name in found if name.startswith(prefix))


@contextmanager
def serving(store: BlobStore) -> Iterator[str]:
    """Serve on a free port of this machine; gives the URL of an account."""
    handler = type("Handler", (_Handler,), {"store": store})
    with on_this_machine(handler) as url:
        yield f"{url}/larkfieldcosts"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = _BLOCK  # head and body in one packet: the client would wait for the second one
    store: BlobStore

    def do_GET(self) -> None:
        split = urllib.parse.urlsplit(self.path)
        _, container, name = (*urllib.parse.unquote(split.path).lstrip("/").split("/", 2), "", "")[:3]
        self.store.asked.append(f"{self.command} {split.path}")
        asked = {key: values[0] for key, values in urllib.parse.parse_qs(split.query).items()}
        said = self.store.instead(split.path, asked.get("comp") == "list") if self.store.instead else None
        if said is not None:
            status, headers, text = said
            self._xml(status, text, headers)
        elif self.store.root(container) is None:
            self._refuse(404, "ContainerNotFound")
        elif asked.get("comp") == "list":
            self._list(container, asked)
        else:
            self._blob(container, name)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _blob(self, container: str, name: str) -> None:
        path = self.store.find(container, name)
        if path is None:
            self._refuse(404, "BlobNotFound")
            return
        etag, size = _etag(path), path.stat().st_size
        if self.headers.get("If-Match", etag).strip('"') != etag.strip('"'):
            self._refuse(412, "ConditionNotMet")
            return
        asked = self.headers.get("x-ms-range") or self.headers.get("Range")
        first, last = _range(asked, size)
        if asked and first >= size:
            self._refuse(416, "InvalidRange")
            return
        headers = {
            "ETag": etag,
            "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True),
            "Content-Type": "application/octet-stream",
            "x-ms-blob-type": "BlockBlob",
            "Content-Length": str(last - first + 1),
        }
        self._begin(
            206 if asked else 200, headers | ({"Content-Range": f"bytes {first}-{last}/{size}"} if asked else {})
        )
        if self.command == "HEAD":
            return
        with path.open("rb") as file:
            file.seek(first)
            left = last - first + 1
            while left and (block := file.read(min(_BLOCK, left))):
                self.wfile.write(block)
                left -= len(block)

    def _list(self, container: str, asked: Mapping[str, str]) -> None:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        entries: dict[str, str] = {}
        for name in self.store.names(container, prefix):
            rest, cut, _ = name.removeprefix(prefix).partition(delimiter) if delimiter else (name, "", "")
            if cut:
                entries[f"{prefix}{rest}{cut}"] = f"<BlobPrefix><Name>{escape(prefix + rest + cut)}</Name></BlobPrefix>"
            else:
                entries[name] = self._entry(container, name)
        names = sorted(entries)
        first = int(asked.get("marker") or 0)
        last = first + min(self.store.page, int(asked.get("maxresults") or self.store.page))
        following = str(last) if last < len(names) else ""
        self._xml(
            200,
            f'<EnumerationResults ContainerName="{container}"><Prefix>{escape(prefix)}</Prefix><Blobs>'
            + "".join(entries[name] for name in names[first:last])
            + f"</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>",
        )

    def _entry(self, container: str, name: str) -> str:
        path = self.store.find(container, name)
        if path is None:
            return ""  # gone since it was listed
        said = path.stat()
        return (
            f"<Blob><Name>{escape(name)}</Name><Properties><Etag>{_etag(path)}</Etag>"
            f"<Last-Modified>{formatdate(said.st_mtime, usegmt=True)}</Last-Modified>"
            f"<Content-Length>{said.st_size}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
        )

    def _refuse(self, status: int, code: str) -> None:
        self._xml(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", {"x-ms-error-code": code})

    def _xml(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        body = f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode()
        self._begin(status, {"Content-Type": "application/xml", "Content-Length": str(len(body)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"x-ms-version": "2025-01-05", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: who collects says what it does."""


def _etag(path: Path) -> str:
    said = path.stat()
    told = f"{path}{said.st_size}{said.st_mtime_ns}".encode()
    return f'"0x{hashlib.md5(told, usedforsecurity=False).hexdigest()[:15].upper()}"'


def _range(asked: str | None, size: int) -> tuple[int, int]:
    """First and last byte of a range request; the whole without one."""
    if not asked or not asked.startswith(_RANGE):
        return 0, size - 1
    begin, _, end = asked.removeprefix(_RANGE).partition("-")
    return int(begin), min(int(end), size - 1) if end else size - 1
