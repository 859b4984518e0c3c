"""``python -m benchmarks [--scale X] [--folder DIR] [--large]``: each benchmark, one line per figure against its limit.

Exits 1 where a limit is not kept. The bills it measures with are made in a temporary folder, or kept in ``--folder``.
The large fleet has ten thousand accelerators with ``--large`` (half an hour, 20 GB of disk), and a tenth without.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aispend.settings import Settings
from aispend.store import open_store
from benchmarks import collect_aws, forecast, import_focus


def main() -> int:
    """Run them all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Figures against their limits.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, for a quick look")
    parser.add_argument("--folder", type=Path, help="where the bills are made and kept; default: a temporary folder")
    parser.add_argument(
        "--large", action="store_true", help="the large fleet at its full size; otherwise a tenth of it"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as temporary:
        home, folder = Path(temporary), arguments.folder or Path(temporary)
        home.chmod(0o711)  # the embedded server may run as another user, who must get through
        folder.mkdir(parents=True, exist_ok=True)
        with open_store(Settings(home=home)) as store:
            kept = True
            for measure in import_focus.measures(store.uri, folder, arguments.scale):
                print(measure, flush=True)
                kept &= measure.holds
        for measure in collect_aws.measures(folder, arguments.scale):
            print(measure, flush=True)
            kept &= measure.holds
        for measure in forecast.measures(folder, forecast.public_folder()):
            print(measure, flush=True)
            kept &= measure.holds
    scaled = ["--scale", str(arguments.scale)]
    for name, options in (
        ("spend_query", []),
        ("anomaly", scaled),
        ("rightness", scaled),
        ("refresh", scaled),
        ("pods", []),
        ("packing", []),
        ("advice", []),
    ):
        kept &= _run(name, options)
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as temporary:
        # one fleet for both, and analyzed when it comes to recommending
        fleet = ["--scale", str(arguments.scale * (1 if arguments.large else 0.1)), "--home", temporary]
        kept &= _run("analyze_large", fleet)
        kept &= _run("recommend_large", fleet)
    return 0 if kept else 1


def _run(name: str, options: Sequence[str]) -> bool:
    """Whether a benchmark that is a program of its own keeps its limits."""
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
