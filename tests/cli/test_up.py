"""``aispend up`` as a person runs it: an empty home, an address, Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Run


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home that a service user can reach too, as the embedded server needs when tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="aispend-up-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(home: Path) -> list[psutil.Process]:
    """Those whose command line names the home: the database's, and whoever works for it."""
    return [
        process for process in psutil.process_iter(["cmdline"]) if str(home) in " ".join(process.info["cmdline"] or [])
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.long
def test_up_serves_until_a_signal_stops_all_of_it(home: Path, number: signal.Signals) -> None:
    port = free_port()
    environment = {**os.environ, "AISPEND_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", "aispend.cli", "up", "--no-sample", "--port", str(port)],
        env=environment,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    printed = []
    for line in child.stdout:
        printed.append(line)
        if line.startswith("Dashboard: "):
            break
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        assert answer.status == 200
    assert any("postgres" in process.name() for process in processes_of(home))

    child.send_signal(number)
    out, err = child.communicate(timeout=60)

    assert child.returncode == 0, err
    assert "Stopped." in out
    assert any("database ready" in line for line in printed)
    assert "No charges yet." in "".join(printed)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the dashboard still listens"
    _, alive = psutil.wait_procs(processes_of(home), timeout=20)
    assert alive == []


def test_a_port_in_use_is_said_before_any_work(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = run("up", "--port", str(taken.getsockname()[1]))

    assert outcome.status == 1
    assert "The dashboard's port cannot be used." in outcome.err
    assert outcome.out == ""
