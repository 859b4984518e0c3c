"""Objects of S3 to disk: streamed, checked, and gone on with where a connection broke."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aispend.errors import InputError, NotReadyError
from collectors.answers import READS_AGAIN
from collectors.aws.base import code_of
from collectors.contract import Progress

BLOCK = 1 << 16
"""Bytes written at a time: what a broken connection loses at most."""
MANY_ATTEMPTS = 8
"""How often one object is gone on with before the slice is given up."""


@dataclass(frozen=True)
class Object:
    """An object as it is now."""

    key: str
    etag: str
    size: int
    modified: datetime


def download(s3: Any, bucket: str, found: Object, path: Path, *, progress: Progress | None) -> None:
    """Write an object to ``path``; the parts all of the same version, or ``NotReadyError``.

    Raises ``InputError`` where it stays shorter than its size.
    """
    from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ReadTimeoutError

    with path.open("wb") as file:
        for _ in range(MANY_ATTEMPTS):
            done = file.tell()
            if done >= found.size:
                return
            try:
                answer = s3.get_object(
                    Bucket=bucket,
                    Key=found.key,
                    IfMatch=found.etag,
                    **({"Range": f"bytes={done}-"} if done else {}),
                )
            except ClientError as error:
                if code_of(error) in ("PreconditionFailed", "412", "NoSuchKey", "404"):
                    raise NotReadyError(
                        "The file was replaced while it was read.",
                        where=f"s3://{bucket}/{found.key}",
                        next_step=READS_AGAIN,
                    ) from None
                raise
            try:
                with closing(answer["Body"]) as body:
                    for block in body.iter_chunks(BLOCK):
                        file.write(block)
                        if progress:
                            progress(f"bytes of {Path(found.key).name}", file.tell(), found.size)
            except (IncompleteReadError, ReadTimeoutError, HTTPClientError, ConnectionError):
                continue
        if file.tell() < found.size:
            raise InputError(
                f"The file ends after {file.tell():,} of {found.size:,} bytes, however often it is asked for.",
                where=f"s3://{bucket}/{found.key}",
                next_step="The next run tries again; what was collected before stays.",
            )
