"""The embedded Postgres: a server of our own under the data directory, shared by concurrent commands.

    home/postgres/            0700 (0711 as root, so that the service user can pass)
        start.lock            held while one command starts the server
        clients.lock          every user of the server holds it shared; see supervise.py
        supervisor.lock       held by the process that watches over the server
        cluster/              0700, the server's own: data/, run/ (the socket), server.log
        programs-18.4/        a copy of the wheel's programs, where the service user cannot reach them

There is no TCP: the only way in is a unix socket in a directory nobody else may enter. As root the server runs as the
user ``postgres``, else ``nobody``; no permission of an existing directory is ever changed.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from aispend.errors import StoreError
from aispend.store import supervise
from aispend.store.binaries import Binaries, copy_of_wheel, in_wheel, on_machine

USER = "aispend"
DATABASE = "aispend"
SERVICE_USERS = ("postgres", "nobody")
SOCKET_LIMIT = 103 - len("/.s.PGSQL.5432")
"""Bytes a socket's directory may have: macOS allows 103 for the whole address, Linux 107."""
WAIT_SECONDS = 60.0
SHARED_MEMORY_BYTES = 500_000_000
"""A parallel hash join takes work_mem × 2 × (2 workers + leader), some 200 MB; two of them at once fit."""

OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    # a load writes a month at once: rarer checkpoints, and no replication to feed
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    # compiling a query costs more than every query of the dashboard takes
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class _ServiceUser:
    """Who runs the server; ``uid`` is None where that is simply the caller."""

    name: str
    uid: int | None = None
    gid: int | None = None


@dataclass
class EmbeddedServer:
    """A lease on the embedded server; the server lives as long as anybody holds one.

    ``socket_directory`` is where it listens. Forked children share the lease of their parent.
    """

    root: Path
    socket_directory: str
    _lease: int = field(repr=False)

    def uri(self, database: str = DATABASE) -> str:
        """The libpq URI of one of its databases."""
        return f"postgresql://{USER}@/{database}?host={quote(self.socket_directory, safe='')}"

    def close(self) -> None:
        """Give the lease back; the last one to do so waits until the server has stopped cleanly."""
        if self._lease < 0:
            return
        lease, self._lease = self._lease, -1
        os.close(lease)
        wait_until_stopped(self.root)

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def start(
    home: Path,
    *,
    options: Mapping[str, str] | None = None,
    sync: bool = True,
    candidates: list[Binaries] | None = None,
) -> EmbeddedServer:
    """A lease on the server under ``home``, started (and its cluster made) when nobody runs it yet.

    ``options`` are added to :data:`OPTIONS`; ``sync=False`` makes a cluster that need not survive a power cut.
    ``candidates`` replaces the search for programs. Raises ``StoreError``.
    """
    root = home / "postgres"
    try:
        user = _service_user(home)
        _make_directories(root, user)
        with (root / "start.lock").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            lease = os.open(root / "clients.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                # waits while a server that lost its last user is being stopped
                fcntl.flock(lease, fcntl.LOCK_SH)
                listening_at = _running(root)
                if listening_at is None:
                    _launch(root, user, {**OPTIONS, **(options or {})}, sync, candidates)
                    listening_at = supervise.ready(root / "cluster" / "data")
                if listening_at is None:
                    raise StoreError("The embedded Postgres stopped right after its start.", where=_log_of(root))
            except BaseException:
                os.close(lease)
                raise
    except PermissionError as error:
        raise StoreError(
            "The data directory belongs to somebody else.",
            where=str(error.filename or root),
            next_step="Run aispend as the user who made it, or set AISPEND_HOME to a directory of your own.",
        ) from error
    except OSError as error:
        raise StoreError(
            "The data directory cannot be used.",
            where=f"{error.filename or root}: {error.strerror}",
            next_step="Mend what it says, or set AISPEND_HOME to another directory.",
        ) from error
    return EmbeddedServer(root, listening_at, lease)


def wait_until_stopped(root: Path, seconds: float = WAIT_SECONDS) -> bool:
    """Whether the server under ``root`` (``home/postgres``) is stopped, waiting as long as nobody uses it."""
    deadline = time.monotonic() + seconds
    while _supervised(root):
        with (root / "clients.lock").open("r+") as clients:
            # the supervisor holds it alone while it stops the server; anybody else holds it shared
            used = _try_lock(clients.fileno(), fcntl.LOCK_SH) and not _try_lock(clients.fileno(), fcntl.LOCK_EX)
        if used or time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _running(root: Path) -> str | None:
    """Where the running server listens; None when there is none. One that is just ending is waited for."""
    data = root / "cluster" / "data"
    deadline = time.monotonic() + WAIT_SECONDS
    while _supervised(root):
        if listening_at := supervise.ready(data):
            return listening_at
        if time.monotonic() > deadline:
            raise StoreError(
                "The embedded Postgres is neither running nor stopped.",
                where=_log_of(root),
                next_step="Look at the end of that file; it says what the server is doing.",
            )
        time.sleep(0.01)
    return None


def _supervised(root: Path) -> bool:
    try:
        with (root / "supervisor.lock").open("r+") as lock:
            return not _try_lock(lock.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _launch(
    root: Path, user: _ServiceUser, options: Mapping[str, str], sync: bool, candidates: list[Binaries] | None
) -> None:
    binaries = _choose(root, user, candidates)
    plan = {
        "root": str(root),
        "cluster": str(root / "cluster"),
        "binaries": str(binaries.folder),
        "uid": user.uid,
        "gid": user.gid,
        "user": USER,
        "database": DATABASE,
        "options": {**_shared_memory(), **options},
        "sync": sync,
        "short_name": f"aispend-{sha256(os.fsencode(root)).hexdigest()[:16]}",
        "temporary": [tempfile.gettempdir(), "/tmp"],  # noqa: S108 - used only when private, see supervise.py
        "socket_limit": SOCKET_LIMIT,
    }
    # -I -S: nothing of the caller's environment, and a start in 20 ms
    command = [sys.executable, "-I", "-S", str(Path(supervise.__file__))]
    done = subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise StoreError(
            "The embedded Postgres cannot be used.",
            where=f"{_log_of(root)}: {done.stderr.strip()}",
            next_step="Mend what it says, or set AISPEND_DATABASE_URL to a Postgres of your own.",
        )


def _shared_memory() -> dict[str, str]:
    """Containers give 64 MB of shared memory unless asked: too little for parallel queries, so files serve instead."""
    try:
        shared = os.statvfs("/dev/shm")  # noqa: S108 - measured, not written to
    except OSError:
        return {}
    small = shared.f_frsize * shared.f_blocks < SHARED_MEMORY_BYTES
    return {"dynamic_shared_memory_type": "mmap"} if small else {}


def _choose(root: Path, user: _ServiceUser, candidates: list[Binaries] | None) -> Binaries:
    """Programs for this cluster: those of its own major version, or the first choice for a new one."""
    groups = [candidates] if candidates is not None else [on_machine(), in_wheel()]
    wanted = _data_major(root)
    seen: list[str] = []
    for binaries in (item for group in groups for item in group):
        seen.append(binaries.version)
        if wanted is not None and binaries.major != wanted:
            continue
        if user.uid is None or _runs_as(binaries, user):
            return binaries
        if binaries.of_wheel:
            return copy_of_wheel(binaries, root / f"programs-{binaries.version}")
    have = ", ".join(seen) or "none"
    if wanted is None:
        raise StoreError(
            "No Postgres server programs that can be run were found.",
            where=f"found: {have}",
            next_step="Install PostgreSQL 14 or newer, or set AISPEND_DATABASE_URL to a Postgres of your own.",
        )
    raise StoreError(
        f"The data was written by PostgreSQL {wanted}, and programs of that version are not here any more.",
        where=f"{root / 'cluster' / 'data'}; found: {have}",
        next_step=f"Install PostgreSQL {wanted}, make 'aispend db backup', and restore it into a new AISPEND_HOME.",
    )


def _data_major(root: Path) -> int | None:
    try:
        return int((root / "cluster" / "data" / "PG_VERSION").read_text().strip())
    except FileNotFoundError:
        return None


def _runs_as(binaries: Binaries, user: _ServiceUser) -> bool:
    """Whether the service user may run these programs: tried, since permission bits do not tell all."""
    try:
        done = subprocess.run(
            [str(binaries.folder / "postgres"), "--version"],
            user=user.uid,
            group=user.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _service_user(home: Path) -> _ServiceUser:
    """The caller; as root the owner of the existing cluster, else the first of :data:`SERVICE_USERS` there is."""
    if os.geteuid() != 0:
        return _ServiceUser(str(os.geteuid()))
    with suppress(FileNotFoundError, KeyError):
        owner = (home / "postgres" / "cluster").stat().st_uid
        if owner:
            entry = pwd.getpwuid(owner)
            return _ServiceUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in SERVICE_USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _ServiceUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise StoreError(
        "Running as root, and there is no user to run Postgres as.",
        where=f"looked for: {', '.join(SERVICE_USERS)}",
        next_step="Run aispend as an ordinary user, or set AISPEND_DATABASE_URL to a Postgres of your own.",
    )


def _make_directories(root: Path, user: _ServiceUser) -> None:
    """Create what is missing, with its owner; what exists keeps its permissions."""
    mode = 0o700 if user.uid is None else 0o711
    missing = [path for path in (root, *root.parents) if not path.exists()]
    for path in reversed(missing):
        with suppress(FileExistsError):
            path.mkdir()
            path.chmod(mode)
    cluster = root / "cluster"
    if not cluster.exists():
        with suppress(FileExistsError):
            cluster.mkdir(mode=0o700)
            if user.uid is not None and user.gid is not None:
                os.chown(cluster, user.uid, user.gid)


def _log_of(root: Path) -> str:
    return str(root / "cluster" / "server.log")
