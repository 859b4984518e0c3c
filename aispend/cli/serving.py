"""The dashboard as a child process: started, awaited, stopped, whatever ends us."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from aispend.errors import AispendError

if TYPE_CHECKING:
    from aispend.cli.up import Steps
    from aispend.settings import Dashboard, Settings

WAIT_SECONDS = 60
STOP_SECONDS = 10


@dataclass
class DashboardProcess:
    """A running dashboard."""

    address: str
    child: subprocess.Popen[bytes]
    log: Path

    def announce(self) -> None:
        """Say where it is."""
        typer.echo(f"\nDashboard: {self.address}   (Ctrl-C stops everything)")

    def wait(self) -> None:
        """Until it ends, which it should not. Raises ``AispendError`` then."""
        self.child.wait()
        raise AispendError(
            f"The dashboard stopped by itself (status {self.child.returncode}).",
            where=f"{self.log}: {last_words(self.log)}",
            next_step="Start it again with: aispend dashboard",
        )


def free_port_or_error(dashboard: Dashboard) -> None:
    """Raises ``AispendError`` where something else listens already, before minutes of work."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((dashboard.host, dashboard.port))
        except OSError as error:
            raise AispendError(
                "The dashboard's port cannot be used.",
                where=f"{dashboard.host}:{dashboard.port}: {error.strerror}",
                next_step="Stop what listens there, or choose another port with --port.",
            ) from error


@contextmanager
def stops_on_signals() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does; either ends the block quietly, with status 0 and everything stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped.")
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def serve(settings: Settings, steps: Steps) -> Iterator[DashboardProcess]:
    """A dashboard that answers; stopped at the end. Raises ``AispendError`` where it does not come up."""
    from dashboard.launch import address, command

    log = settings.home / "dashboard.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            command(settings.dashboard),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_environment(settings),
            start_new_session=True,  # Ctrl-C reaches us alone; we stop it, in order
        )
    process = DashboardProcess(address(settings.dashboard), child, log)
    try:
        with steps.step("dashboard answers"):
            _await(process)
        yield process
    finally:
        _stop(child)


def last_words(log: Path) -> str:
    """The end of a log, for an error message."""
    return " ".join(log.read_text(encoding="utf-8", errors="replace").split()[-60:])


def _environment(settings: Settings) -> dict[str, str]:
    environment = {**os.environ, "AISPEND_HOME": str(settings.home)}
    if settings.database_url is not None:
        environment["AISPEND_DATABASE_URL"] = settings.database_url.get_secret_value()
    return environment


def _await(process: DashboardProcess) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and process.child.poll() is None:
        try:
            with opener.open(f"{process.address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AispendError(
        "The dashboard does not answer.",
        where=f"{process.log}: {last_words(process.log)}",
        next_step="Read the log; the port is set under [dashboard] in aispend.toml or with --port.",
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
