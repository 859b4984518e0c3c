"""Memory of a process and of the Postgres server it uses, looked at from outside until the process is done.

Counted is the proportional set size of the process and of every process of the server, at the same moment: private
memory, what queries share (parallel workers) and the server's shared buffers, all of it once. The kernel's cache of
files is nobody's, and is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

LOOK_SECONDS = 0.25


@dataclass
class Peak:
    """The most memory seen, in MiB: of both together, and of each at its own worst."""

    both: float = 0
    process: float = 0
    server: float = 0

    def look(self, process: int, server: int) -> None:
        """Take a look at both."""
        ours = _proportional(psutil.Process(process))
        postmaster = psutil.Process(server)
        theirs = sum(map(_proportional, [postmaster, *postmaster.children(recursive=True)]))
        self.both = max(self.both, ours + theirs)
        self.process, self.server = max(self.process, ours), max(self.server, theirs)

    def __str__(self) -> str:
        return f"process {self.process:.0f} MiB, Postgres {self.server:.0f} MiB"


def watched(module: str, arguments: Sequence[str], engine: Engine) -> tuple[Peak, dict[str, float]]:
    """Run ``python -m module arguments``, which prints JSON with its own ``peak_mib`` last, beside ``engine``'s server.

    Raises ``SystemExit`` with its exit code where it fails.
    """
    server = _postmaster(engine)
    peak = Peak()
    with subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            peak.look(child.pid, server)
            time.sleep(LOOK_SECONDS)
        output = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise SystemExit(child.returncode)
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    peak.process = max(peak.process, result["peak_mib"])
    peak.both = max(peak.both, peak.process)
    return peak, result


def _postmaster(engine: Engine) -> int:
    with engine.connect() as connection:
        return psutil.Process(connection.scalar(text("SELECT pg_backend_pid()"))).ppid()


def _proportional(process: psutil.Process) -> float:
    """Proportional set size in MiB; 0 for a process that is gone."""
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0
