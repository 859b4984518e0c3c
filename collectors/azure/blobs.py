"""Blobs to disk: listed, streamed, checked, all of one version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aispend.errors import AccessError, NotReadyError
from collectors.answers import READS_AGAIN
from collectors.contract import Progress

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

_LARGEST_TEXT = 16 << 20


@dataclass(frozen=True)
class Blob:
    """A blob as it is now."""

    name: str
    etag: str
    size: int
    modified: datetime


def listed(container: ContainerClient, prefix: str) -> list[Blob]:
    """Every blob whose name begins with ``prefix``; a request for each five thousand."""
    return [
        Blob(one.name, str(one.etag).strip('"'), int(one.size), one.last_modified)
        for one in _there(container, container.list_blobs(name_starts_with=prefix))
    ]


def folders(container: ContainerClient, prefix: str) -> list[str]:
    """The names that follow ``prefix`` up to the next slash."""
    found = _there(container, container.walk_blobs(name_starts_with=prefix, delimiter="/"))
    return [one.name.removeprefix(prefix).rstrip("/") for one in found if one.name.endswith("/")]


def _there(container: ContainerClient, found: Iterable[Any]) -> Iterator[Any]:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        yield from found
    except ResourceNotFoundError:
        raise AccessError(
            "There is no such container.",
            where=f"{container.account_name}, {container.container_name}",
            next_step="Check account_url and container under [[azure.export]].",
        ) from None


def text(container: ContainerClient, blob: Blob) -> bytes:
    """The content of a small blob, of just this version.

    Raises ``NotReadyError`` where there is another one by now, or none.
    """
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    try:
        found: bytes = container.download_blob(
            blob.name, length=_LARGEST_TEXT, offset=0, etag=blob.etag, match_condition=MatchConditions.IfNotModified
        ).readall()
    except (ResourceModifiedError, ResourceNotFoundError):
        raise _replaced(container, blob) from None
    return found


def download(container: ContainerClient, blob: Blob, path: Path, *, progress: Progress | None) -> None:
    """Write a blob to ``path``, all of it of just this version; the SDK goes on where a connection broke.

    Raises ``NotReadyError`` where there is another one by now, or none.
    """
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    def told(done: int, size: int | None) -> None:
        if progress:
            progress(f"bytes of {Path(blob.name).name}", done, size)

    try:
        stream = container.download_blob(
            blob.name, etag=blob.etag, match_condition=MatchConditions.IfNotModified, progress_hook=told
        )
        with path.open("wb") as file:
            stream.readinto(file)
    except (ResourceModifiedError, ResourceNotFoundError):
        raise _replaced(container, blob) from None


def _replaced(container: ContainerClient, blob: Blob) -> NotReadyError:
    return NotReadyError(
        "The file was replaced while it was read.",
        where=f"{container.container_name}/{blob.name}",
        next_step=READS_AGAIN,
    )
