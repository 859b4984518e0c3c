"""How many GPUs shared work needs: first-fit decreasing against what was allocated and against what no packing beats.

Pods of a production cluster with the share of a GPU they ask for (Alibaba openb 2023, ``util_alibaba_openb_v2023``),
all at once, as those who published it replay them. Pods of several GPUs keep them whole. Allocated is one GPU for each
pod that asks for a share. The lower bound is Martello and Toth's L2, which knows that two shares above a half never
meet.

Bars: no more than 2 % above the bound; no more than 86 % of what was allocated (the bound is at 84 %); two seconds of
processor time.

The saving is an upper bound: processors and memory of the nodes, and what sharing costs in time, are left aside, and
shares are what was asked for, not what was used.

``python -m benchmarks.packing [PUBLIC_DATA]``; without the data it is left out, and said so.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast import public_folder
from benchmarks.import_focus import Measure
from recommender.methods.packing import first_fit_decreasing, lower_bound

BOUND_LIMIT = 1.02
ALLOCATED_LIMIT = 0.85
TIME_LIMIT = 2.0
_FILE = Path("util_alibaba_openb_v2023") / "openb_pod_list_default.csv.gz"


def read(path: Path) -> tuple[NDArray[np.float64], int]:
    """Thousandths of a GPU that each pod of one GPU or less asks for, and the GPUs of the others."""
    with duckdb.connect() as duck:
        rows = duck.execute("SELECT num_gpu, gpu_milli FROM read_csv(?) WHERE num_gpu > 0", [str(path)]).fetchall()
    table = np.array(rows, dtype=float)
    shared = table[:, 0] == 1
    return table[shared, 1], int(table[~shared, 0].sum())


def l2_bound(sizes: NDArray[np.float64], capacity: float) -> int:
    """Martello and Toth's lower bound in one dimension: the greatest over thresholds up to half a bin."""
    best = lower_bound(sizes[:, None], [capacity])
    for threshold in np.unique(sizes[sizes <= capacity / 2]):
        alone = sizes > capacity - threshold
        large = ~alone & (sizes > capacity / 2)
        small = (sizes <= capacity / 2) & (sizes >= threshold)
        over = sizes[small].sum() - (large.sum() * capacity - sizes[large].sum())
        best = max(best, int(alone.sum() + large.sum()) + max(math.ceil(over / capacity - 1e-9), 0))
    return best


def measures(public_data: Path) -> Iterator[Measure]:
    """GPUs against the bound and against those allocated, and the time it took."""
    if not (public_data / _FILE).is_file():
        print(f"packing, openb: left out, there is no {_FILE} in {public_data}")
        return
    shares, whole = read(public_data / _FILE)
    start = time.process_time()
    bins, _ = first_fit_decreasing(shares[:, None], [1000])
    seconds = time.process_time() - start
    bound, allocated = l2_bound(shares, 1000), shares.size + whole
    ours = len(bins) + whole
    yield Measure(
        "packing, openb, GPUs / lower bound",
        ours / (bound + whole),
        BOUND_LIMIT,
        "",
        f"{ours:,} of {bound + whole:,}; by total alone {lower_bound(shares[:, None], [1000]) + whole:,}",
    )
    yield Measure(
        "packing, openb, GPUs / allocated",
        ours / allocated,
        ALLOCATED_LIMIT,
        "",
        f"{allocated:,} allocated, {shares.size:,} of them to pods with shares; upper bound of the saving "
        f"{1 - ours / allocated:.1%}",
    )
    yield Measure("packing, openb, processor time", seconds, TIME_LIMIT, " s", f"{shares.size:,} pods")


def main() -> int:
    """Print every figure; 1 where a bar is not reached."""
    kept = True
    for measure in measures(Path(sys.argv[1]) if len(sys.argv) > 1 else public_folder()):
        print(measure, flush=True)
        kept &= measure.holds
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
