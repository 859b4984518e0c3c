"""``python -m benchmarks [--scale X] [--folder DIR] [--large]``: each benchmark, one line per figure against its limit.

Exits 1 where a limit is not kept. The bills it measures with are made in a temporary folder, or kept in ``--folder``.
The large fleet has ten thousand accelerators with ``--large`` (half an hour, 20 GB of disk), and a tenth without; what
share of it was run is said, and how to run all of it.
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
from benchmarks.large_fleet import ACCELERATORS, DAYS, MACHINES


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
        ("allocation", []),
        ("rightness", scaled),
        ("refresh", scaled),
        ("pods", []),
        ("packing", []),
        ("advice", []),
    ):
        kept &= _run(name, options)
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as temporary:
        # one fleet for both, and analyzed when it comes to recommending
        share = fleet_share(arguments.scale, large=arguments.large)
        print(fleet_words(share), flush=True)
        fleet = ["--scale", str(share), "--home", temporary]
        kept &= _run("analyze_large", fleet)
        kept &= _run("recommend_large", fleet)
    return 0 if kept else 1


LARGE_COMMAND = "python -m benchmarks --large"
_FLEET_BY_ITSELF = "python -m benchmarks.analyze_large, python -m benchmarks.recommend_large"


def fleet_share(scale: float, *, large: bool) -> float:
    """The share of the large fleet that is run: a tenth, or all of it with ``large``, of what ``scale`` asks for."""
    return scale * (1 if large else 0.1)


def fleet_words(share: float) -> str:
    """What share of the large fleet the next figures are of, and how to have them of all of it."""
    whole = f"{MACHINES * ACCELERATORS:,} accelerators × {DAYS} days"
    if share == 1:
        return f"large fleet: all of it, {whole}"
    return f"large fleet: {share:.4g} of {whole}; all of it: {LARGE_COMMAND} (or by itself {_FLEET_BY_ITSELF})"


def _run(name: str, options: Sequence[str]) -> bool:
    """Whether a benchmark that is a program of its own keeps its limits."""
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
