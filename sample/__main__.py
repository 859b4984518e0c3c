"""``python -m sample TARGET``: write the sample company into a folder."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from aispend.clock import system_clock
from sample.company import generate


def _say(label: str, done: int, total: int | None) -> None:
    sys.stderr.write(f"\r\033[K[{done}/{total}] {label}")
    sys.stderr.flush()


def main() -> int:
    """Read the command line, generate, say what was written."""
    parser = argparse.ArgumentParser(prog="python -m sample", description=__doc__)
    parser.add_argument("target", type=Path, help="folder to write into")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another company (default 7)")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is about 400,000 bill lines (default 1)")
    parser.add_argument("--today", type=date.fromisoformat, help="the day after the last (default: today, UTC)")
    options = parser.parse_args()
    began = time.monotonic()
    company = generate(
        options.target,
        seed=options.seed,
        scale=options.scale,
        today=options.today or system_clock().date(),
        progress=_say,
    )
    rows = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in company.rows.items())
    sys.stdout.write(f"\n{company.root}: {rows} ({time.monotonic() - began:.1f} s)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
