"""A folder to work in that goes with its process: at its end, or after a kill when the next one is made."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ALIVE = ".alive"


@contextmanager
def work_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A private folder below ``parent``, whose name begins with ``prefix``; abandoned ones are removed first.

    While its process lives, a lock is held on a file in it: the system lets go of it however the process ends.
    Making and removing folders is done under a lock of its own, so that no folder is seen before its lock is held.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / f".{prefix}lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        for left in parent.glob(f"{prefix}*"):
            if left.is_dir() and not _is_alive(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        alive = (folder / _ALIVE).open("w")
        fcntl.flock(alive, fcntl.LOCK_EX)
    with alive:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(folder: Path) -> bool:
    try:
        with (folder / _ALIVE).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
