"""Runs one embedded Postgres for as long as anybody uses it. A script of its own, standard library only.

``aispend.store.server`` starts it as ``python -I -S supervise.py`` with a plan (JSON) on standard input, as the
calling user. It puts itself into the background, gives up root, creates the cluster when there is none, starts the
server, and answers on the way: exit status 0 when the server accepts connections, 1 with the reason on stderr.

It then waits for an exclusive lock on the clients file, on which every user of the server holds a shared one. The
kernel releases locks when a process ends, however it ends, so the exclusive lock arrives exactly when the last user is
gone, and the server is stopped. Nothing is polled and no process id is remembered.

If this process is killed the kernel sends the server an interrupt (Linux), which is its fast shutdown; elsewhere the
next start stops the orphan before it begins.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOG_BYTES = 5_000_000
_PR_SET_PDEATHSIG = 1
_READY_LINE = 7
_SOCKET_LINE = 4


class Refused(Exception):  # noqa: N818 - it is an answer, not a defect
    """The server cannot be started; the text is for the person at the keyboard."""


def main() -> int:
    """Answer for the child in the background, then leave it alone."""
    plan = json.load(sys.stdin)
    answer, tell = os.pipe()
    if os.fork() == 0:
        os.close(answer)
        os.setsid()
        _supervise(plan, tell)
    os.close(tell)
    with os.fdopen(answer, "rb") as pipe:
        message = pipe.read().decode()
    if message != "ready":
        sys.stderr.write(message or "The process that watches over the embedded Postgres ended unexpectedly.")
    return int(message != "ready")


def _supervise(plan: dict[str, Any], tell: int) -> NoReturn:
    try:
        root = Path(plan["root"])
        own_lock = os.open(root / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
        clients = os.open(root / "clients.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(own_lock, fcntl.LOCK_EX)
        _drop_root(plan)
        cluster = Path(plan["cluster"])
        _reachable(cluster)
        os.chdir(cluster)
        log = _open_log(cluster / "server.log")
        _initialise(plan, cluster, log)
        server = _start(plan, cluster, log)
    except (Refused, OSError) as error:
        os.write(tell, str(error).encode())
        os._exit(1)

    def stop(*_: object) -> None:
        server.send_signal(signal.SIGINT)

    def stop_when_unused() -> None:
        fcntl.flock(clients, fcntl.LOCK_EX)
        stop()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)

    signal.signal(signal.SIGTERM, stop)
    for stream in (0, 1, 2):
        os.dup2(log, stream)
    os.write(tell, b"ready")
    os.close(tell)
    threading.Thread(target=stop_when_unused, daemon=True).start()
    server.wait()
    os._exit(0)


def _drop_root(plan: dict[str, Any]) -> None:
    """Become the service user for good; Postgres refuses to run as root, rightly."""
    if plan["uid"] is None:
        return
    try:
        os.setgroups([])
        os.setgid(plan["gid"])
        os.setuid(plan["uid"])
    except OSError as error:
        raise Refused(f"Running as root, and switching to user id {plan['uid']} is not possible: {error}.") from error


def _reachable(path: Path) -> None:
    """Name the parent directory that stops the service user, rather than Postgres' own riddle."""
    for parent in [*reversed(path.parents), path]:
        try:
            parent.stat()
        except PermissionError:
            raise Refused(
                f"The directory {parent.parent} may not be passed by user id {os.getuid()}, which runs the server. "
                "Set AISPEND_HOME to a directory whose parents everybody may pass, such as /var/lib/aispend."
            ) from None


def _open_log(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _initialise(plan: dict[str, Any], cluster: Path, log: int) -> None:
    """A new cluster under another name, renamed when complete: a kill in between leaves nothing half-made in use."""
    data = cluster / "data"
    if (data / "PG_VERSION").exists():
        return
    binaries = Path(plan["binaries"])
    fresh = cluster / "data.new"
    subprocess.run(["rm", "-rf", str(fresh)], check=True)
    sync = [] if plan["sync"] else ["--no-sync"]
    command = [str(binaries / "initdb"), "-D", str(fresh), "-U", plan["user"], "-A", "trust", "--encoding=UTF8"]
    _run([*command, "--no-locale", *sync], log, "initdb")
    (fresh / "pg_hba.conf").write_text("# The socket's directory is private; there is no TCP.\nlocal all all trust\n")
    single = [str(binaries / "postgres"), "--single", "-D", str(fresh), *_options(plan), "postgres"]
    _run(single, log, "create database", f'CREATE DATABASE "{plan["database"]}";\n')
    fresh.rename(data)


def _run(command: list[str], log: int, name: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=_environment(), check=False)
    os.write(log, (done.stdout + done.stderr).encode())
    if done.returncode:
        raise Refused(f"The new database could not be made ({name}): {done.stderr.strip()[-800:]}")


def _environment() -> dict[str, str]:
    """The server gets its settings from its command line alone; PG* variables of the caller do not count."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _options(plan: dict[str, Any]) -> list[str]:
    return [part for name, value in plan["options"].items() for part in ("-c", f"{name}={value}")]


def _start(plan: dict[str, Any], cluster: Path, log: int) -> subprocess.Popen[bytes]:
    data = cluster / "data"
    _clear_orphan(data)
    socket_directory = _socket_directory(plan, cluster)
    command = [str(Path(plan["binaries"]) / "postgres"), "-D", str(data), *_options(plan)]
    command += ["-c", f"unix_socket_directories={socket_directory}"]
    before = os.fstat(log).st_size
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=_environment(),
        preexec_fn=_end_with_parent(),  # noqa: PLW1509 - there is no other thread yet
    )
    deadline = time.monotonic() + START_SECONDS
    while not ready(data, server.pid):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            tail = (cluster / "server.log").read_bytes()[before:].decode(errors="replace").strip()
            raise Refused(f"The embedded Postgres did not start; it says:\n{tail[-1200:]}")
        time.sleep(0.01)
    return server


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, have the kernel interrupt the server when this process dies."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT) and None


def ready(data: Path, pid: int | None = None) -> str | None:
    """The directory of the socket when ``data``'s server (with this ``pid``) accepts connections, else None."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        fits = lines[_READY_LINE].strip() == "ready" and (pid is None or int(lines[0]) == pid)
    except (OSError, IndexError, ValueError):
        return None
    return lines[_SOCKET_LINE] if fits else None


def _socket_directory(plan: dict[str, Any], cluster: Path) -> Path:
    """A private directory whose path is short enough for a socket address: beside the data, else in a temporary one.

    The name in the temporary directory is fixed, so it is used only if it is ours and closed to everybody else.
    """
    candidates: list[Path] = [cluster / "run", *(Path(base) / plan["short_name"] for base in plan["temporary"])]
    for directory in candidates:
        if len(os.fsencode(directory)) > plan["socket_limit"]:
            continue
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        found = directory.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return directory
    names = ", ".join(map(str, candidates))
    raise Refused(f"No private directory short enough for the database's socket; tried: {names}. Shorten AISPEND_HOME.")


def _clear_orphan(data: Path) -> None:
    """Deal with ``postmaster.pid`` of a server nobody watches: stop it if it lives, forget it if it does not.

    A container starts with the same small process ids every time, so the recorded id may be another program's;
    Postgres alone would then refuse to start.
    """
    path = data / "postmaster.pid"
    try:
        pid = int(path.read_text().splitlines()[0])
    except (OSError, IndexError, ValueError):
        return
    if not _is_server_of(pid, data):
        path.unlink(missing_ok=True)
        return
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_server_of(pid, data) and time.monotonic() < deadline:
        time.sleep(0.02)


def _is_server_of(pid: int, data: Path) -> bool:
    if Path("/proc/self").exists():
        try:
            return os.readlink(f"/proc/{pid}/cwd") == str(data)  # noqa: PTH115 - may be "… (deleted)", no path
        except OSError:
            return False
    done = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(data) in done.stdout


if __name__ == "__main__":
    sys.exit(main())
