"""How many replicas a day of a real service needed: sized on odd hours, replayed on even ones, and the other way round.

GPU duty cycle of a production image generator (Alibaba GenTD26, ``util_alibaba_gentd26``): the pods that report in a
minute are what was paid for, the sum of their duty cycles is the demand. The recommender's own folds, sizing and replay
are used: P99.5 of the demand within a target share of as many pods.

Bars: at a target of 60 % no more than 45 % of the pod-hours stay and at 70 % no more than 40 %, in both without a
minute over capacity; one replay of the day takes no more than 20 ms of processor time.

Both savings are upper bounds and the evidence is low: it is one day, its step of 57 s is taken for a minute, levels may
have been scaled, and the pods hold different models, which one pool would have to load.

``python -m benchmarks.pods [PUBLIC_DATA]``; without the data it is left out, and said so.
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
from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity, Demand, DemandAt, Slots
from recommender.methods.replay import Policy, Replay, replay

PERCENTILE = 0.995
KEPT_LIMITS = {0.6: 0.45, 0.7: 0.40}
"""Most of the pod-hours that may stay, by target utilization."""
TIME_LIMIT = 20.0
_FILE = Path("util_alibaba_gentd26") / "pod_gpu_duty_cycle_anon.csv.gz"


def read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Demand in whole GPUs, and the pods there were, minute by minute."""
    with duckdb.connect() as duck:
        rows = duck.execute(
            "SELECT timestamp_anon, sum(value) / 100, count(DISTINCT container_ip) FROM read_csv(?) "
            "WHERE container_ip IS NOT NULL GROUP BY 1 ORDER BY 1",
            [str(path)],
        ).fetchall()
    table = np.array(rows, dtype=float)
    return table[:, 1], table[:, 2]


def sized(target: float) -> Policy:
    """As many pods as keep P99.5 of what was seen within the target."""

    def choose(train: DemandAt, test: Slots) -> Capacity:
        del test
        pods = math.ceil(float(np.quantile(train.load, PERCENTILE)) / target)
        return Capacity(load=pods, cost=pods, target=target)

    return choose


def replayed(load: NDArray[np.float64], pods: NDArray[np.float64], target: float) -> Replay:
    """The day under one target, against the pods there were; the best fixed number is known in hindsight."""
    present = Capacity(load=float(pods.max()), cost=float(pods.mean()))
    sizes = [Capacity(load=count, cost=count) for count in range(1, math.ceil(pods.max()))]
    return replay(
        sized(target), Demand(load, slots_per_hour=60), make_folds(load.size, 60), current=present, sizes=sizes
    )


def measures(public_data: Path) -> Iterator[Measure]:
    """Pod-hours kept and minutes over capacity for each target, and the time of a replay."""
    if not (public_data / _FILE).is_file():
        print(f"pods, GenTD26: left out, there is no {_FILE} in {public_data}")
        return
    load, pods = read(public_data / _FILE)
    for target, limit in KEPT_LIMITS.items():
        found = replayed(load, pods, target)
        counts = " and ".join(f"{one.load:.0f}" for one in found.capacities if one is not None)
        yield Measure(
            f"pods, GenTD26, target {target:.0%}, pod-hours kept / had",
            1 - found.saved_share,
            limit,
            "",
            f"{counts} pods instead of {pods.mean():.0f}, upper bound of the saving {found.saved_share:.1%}, best "
            f"fixed number {found.saved_share + (found.regret or 0):.1%}; low evidence: {load.size / 60:.0f} h of pods "
            "with different models",
        )
        yield Measure(
            f"pods, GenTD26, target {target:.0%}, minutes over capacity",
            found.outcome.violation_minutes,
            0,
            " min",
            f"{found.outcome.risk_minutes:.0f} min above target, no more than {found.outcome.bound:.0%} of hours at "
            f"95 % from {found.outcome.effective_hours:.1f} independent ones",
        )
    start = time.process_time()
    for _ in range(20):
        replayed(load, pods, 0.6)
    yield Measure(
        "pods, one replay of a day of minutes",
        (time.process_time() - start) / 20 * 1000,
        TIME_LIMIT,
        " ms",
        f"two folds, {int(pods.max()) - 1} sizes tried in hindsight",
    )


def main() -> int:
    """Print every figure; 1 where a bar is not reached."""
    kept = True
    for measure in measures(Path(sys.argv[1]) if len(sys.argv) > 1 else public_folder()):
        print(measure, flush=True)
        kept &= measure.holds
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
