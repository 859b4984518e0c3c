"""Deliveries of bills as files: what a manifest names is content, and is not trusted."""

from __future__ import annotations

from pathlib import Path

from aispend.errors import InputError


def inside(root: Path, key: str, manifest: str) -> Path:
    """Where an object goes within ``root``; raises ``InputError`` for a key that would lead elsewhere.

    ``manifest`` says which manifest named it, for the error.
    """
    path = root / key
    if key.startswith("/") or ".." in path.parts or path == root or "\0" in key:
        raise InputError(
            "The manifest names a file outside the delivery; nothing was read.",
            where=f"{manifest}: {key!r}",
            next_step="No cloud writes such a manifest: find out who else may write into that place.",
        )
    return path
