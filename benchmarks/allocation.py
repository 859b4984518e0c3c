"""Ten thousand shared machines divided by the product itself: what their shares add up to, against what they cost.

Assumes     Machine-hours drawn from a stated seed: two machine types, four costs of either sign with twelve decimals,
            some unknown, and up to four workloads that ask for and use anything, more than there is included.
Method      All are one bill and one file of workloads in a database of their own; ``analyzer.run.analyze`` divides them
            under each idle mode, with another method each. A case is a machine under one of them. It is exact where
            the shares of each of its four costs add up to the cost to the last of twelve decimals, and a cost that is
            unknown is unknown in every share.
Cases       They come in threes: a machine, the same with its workloads told in another order, and the same at seven
            times the cost; tests hold those against each other, and the shares against the pure core.

``python -m benchmarks.allocation [--seed N] [--threes N]``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from aispend.keys import NO_KEY, content_key
from aispend.money import COST_QUANTUM, exact_sum
from aispend.schema import (
    account,
    charge,
    charge_kind,
    location,
    resource,
    resource_alias,
    sku,
    slice_,
    workload_hour,
)
from aispend.settings import Settings
from aispend.store import open_store
from aispend.store.partitions import ensure_partitions
from analyzer.exact_sql import COSTS
from analyzer.node import CPU, GPU, MEMORY, IdleMode, Workload
from analyzer.run import analyze
from benchmarks.import_focus import Measure

SEED = 20261121
THREES = 834
"""2,502 machine-hours, each divided in four ways: 10,008 cases."""
TIMES = 7
MACHINES: Mapping[str, tuple[int, int, int]] = {"p5.48xlarge": (8, 192, 2048), "g5.12xlarge": (4, 48, 192)}
"""Accelerators, CPUs and GiB of memory of a machine type."""
WAYS: Sequence[tuple[IdleMode, str]] = (
    ("separate", "residual"),
    ("weighted", "aws_accelerated"),
    ("even", "95_3_2"),
    ("owner", "aws_plain"),
)
"""Idle modes, each with a method."""
DAY = date(2026, 10, 5)
_HOUR = datetime(2026, 10, 5, tzinfo=UTC)
_NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
_GIB = 2**30
_FIRST_OURS = 100
"""Ordinal of the first machine's charge."""

Costs = Mapping[str, Decimal | None]
Machine = tuple[str, Costs, list[Workload]]
"""A machine type, its four costs, and what ran on it."""
Shares = Mapping[str | None, Costs]
"""Per workload (None for what stays idle) the four costs."""


def drawn(threes: int = THREES, seed: int = SEED) -> list[Machine]:
    """Machine-hours, in threes: itself, with its workloads in another order, and at ``TIMES`` the cost."""
    random = Random(seed)
    machines: list[Machine] = []
    for _ in range(threes):
        kind, costs, workloads = _some_machine(random)
        scaled = {column: cost if cost is None else cost * TIMES for column, cost in costs.items()}
        machines += [(kind, costs, workloads), (kind, costs, workloads[::-1]), (kind, scaled, workloads)]
    return machines


def _some_machine(random: Random) -> Machine:
    kind = random.choice(list(MACHINES))
    costs: dict[str, Decimal | None] = {
        column: None
        if random.random() < 0.1
        else random.choice((1, 1, 1, -1)) * random.randrange(10**15) * COST_QUANTUM
        for column in COSTS
    }
    costs["effective_cost"] = random.randrange(10**16) * COST_QUANTUM
    limits = MACHINES[kind]

    def some() -> dict[str, Decimal]:
        eighths = (random.choice((0, random.randrange(limit * 6))) for limit in limits)
        return {name: Decimal(part) / 8 for name, part in zip((GPU, CPU, MEMORY), eighths, strict=True)}

    names = random.sample(["w1", "w2", "w3", "w4"], random.randrange(5))
    return kind, costs, [Workload(name, some(), some()) for name in names]


def load(connection: Connection, machines: Iterable[Machine]) -> None:
    """All machines in one bill, their workloads in one file, into a database that has neither."""
    ensure_partitions(connection, [DAY.replace(day=1)])
    same = {"source": "files", "state": "provisional", "loaded_at": _NOW}
    bill, told = (
        connection.execute(insert(slice_).values(same | values).returning(slice_.c.slice_id)).scalar_one()
        for values in (
            {"kind": "bill", "provider": "aws", "scope": "payer", "period": DAY.replace(day=1), "dataset": "focus",
             "columns_known": list(COSTS)},
            {"kind": "workloads", "provider": "any", "scope": "files", "period": DAY, "dataset": "workloads",
             "columns_known": []},
        )
    )  # fmt: skip
    sku_keys = {kind: number for number, kind in enumerate(MACHINES, start=1)}
    rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    rows[account] = [{"account_key": 1, "provider": "aws", "billing_account_id": "payer", "sub_account_id": "prod"}]
    rows[location] = [{"location_key": 1, "provider": "aws", "region_id": "us-east-1"}]
    rows[charge_kind] = [{"charge_kind_key": 1, "charge_category": "Usage", "billing_currency": "USD"}]
    rows[sku] = [
        {"sku_key": sku_keys[kind], "provider": "aws", "service_name": "Compute", "is_ai": True, "platform": "gpu_vm",
         "consumed_unit": "Hours", "instance_type": kind, "accelerators": accelerators}
        for kind, (accelerators, _, _) in MACHINES.items()
    ]  # fmt: skip
    empty = dict.fromkeys(f"{what}_{how}" for what in ("accelerators", "cpus") for how in ("requested", "used")) | {
        "memory_requested_bytes": None,
        "memory_used_bytes": None,
    }
    at = {"slice_id": told, "hour": _HOUR, "namespace": "k8s", "seconds": 3600}
    # the source reported in this hour, so that a machine of which it says nothing was empty
    rows[workload_hour] = [at | empty | {"alias": "elsewhere", "workload": "other", "accelerators_requested": 1}]
    for number, (kind, costs, workloads) in enumerate(machines):
        name = f"i-{number}"
        key = content_key("aws", name)
        rows[resource].append(
            {"resource_key": key, "provider": "aws", "resource_id": name, "accelerators": MACHINES[kind][0]}
        )
        rows[resource_alias].append(
            {"namespace": "*", "alias": name, "valid_from": _HOUR, "resource_key": key, "method": "inventory",
             "confidence": 1}
        )  # fmt: skip
        rows[charge].append(
            {"billing_month": DAY.replace(day=1), "slice_id": bill, "half": 0, "ordinal": _FIRST_OURS + number,
             "charge_date": DAY, "account_key": 1, "sku_key": sku_keys[kind], "location_key": 1, "resource_key": key,
             "tag_set_key": NO_KEY, "commitment_key": NO_KEY, "charge_kind_key": 1, "hours": 1, "pricing_quantity": 1,
             "consumed_quantity": 1, "line_count": 1} | dict(costs)
        )  # fmt: skip
        for held in workloads:
            rows[workload_hour].append(
                at | {"alias": name, "workload": held.name, "accelerators_requested": held.requested[GPU],
                 "accelerators_used": held.used[GPU], "cpus_requested": held.requested[CPU],
                 "cpus_used": held.used[CPU], "memory_requested_bytes": held.requested[MEMORY] * _GIB,
                 "memory_used_bytes": held.used[MEMORY] * _GIB}
            )  # fmt: skip
    for table, values in rows.items():
        connection.execute(insert(table), values)
    connection.execute(text("ANALYZE charge, resource, resource_alias, workload_hour"))


def way_of(idle: IdleMode, method: str) -> dict[str, str]:
    """The settings ``[allocation]`` that divide so."""
    return {"idle": idle, "method": method, "idle_owner": "nobody", "stranded": "idle"}


def shares_by_machine(engine: Engine) -> dict[int, dict[str | None, dict[str, Decimal | None]]]:
    """By number of the machine what the last analysis made of it."""
    sums = ", ".join(f"sum(s.{column}) AS {column}" for column in COSTS)
    query = (
        f"SELECT s.ordinal, t.workload, {sums} FROM cost_share s JOIN share_target t USING (target_key)"
        " WHERE s.ordinal >= :first GROUP BY 1, 2"
    )
    found: dict[int, dict[str | None, dict[str, Decimal | None]]] = defaultdict(dict)
    with engine.connect() as connection:
        for ordinal, workload, *costs in connection.execute(text(query), {"first": _FIRST_OURS}):
            found[ordinal - _FIRST_OURS][workload] = dict(zip(COSTS, costs, strict=True))
    return found


@dataclass(frozen=True)
class Judged:
    """Cases that were looked at, those that are exact, and the most that the shares of a cost differ from it."""

    cases: int = 0
    exact: int = 0
    largest: Decimal = Decimal(0)

    def __add__(self, other: Judged) -> Judged:
        return Judged(self.cases + other.cases, self.exact + other.exact, max(self.largest, other.largest))


def judge(costs: Costs, shares: Shares) -> Judged:
    """One machine under one way. A cost without a share, and a share of what is unknown, differ by all of it."""
    largest, exact = Decimal(0), bool(shares)
    for column, cost in costs.items():
        parts = [share[column] for share in shares.values()]
        known = [part for part in parts if part is not None]
        difference = abs(exact_sum((*known, (cost or Decimal(0)).copy_negate())))
        exact &= not difference and (cost is not None or not known)
        largest = max(largest, difference)
    return Judged(1, int(exact), largest)


def measures(seed: int = SEED, threes: int = THREES) -> Iterator[Measure]:
    """Cases that are not exact, and the largest difference; both have to be none at all."""
    machines = drawn(threes, seed)
    judged = Judged()
    with tempfile.TemporaryDirectory(prefix="aispend-bench-") as temporary:
        home = Path(temporary)
        home.chmod(0o711)  # the embedded server may run as another user, who must get through
        with open_store(Settings(home=home)) as store:
            with store.engine.begin() as connection:
                load(connection, machines)
            for idle, method in WAYS:
                settings = Settings.model_validate({"home": home, "allocation": way_of(idle, method)})
                analyze(store.engine, settings, lambda: _NOW)
                found = shares_by_machine(store.engine)
                judged = sum((judge(one[1], found.get(n, {})) for n, one in enumerate(machines)), judged)
    words = (
        f"{judged.cases:,} cases (seed {seed}: {len(machines):,} machines under {len(WAYS)} idle modes and methods), "
        f"{judged.exact:,} exact in each of {len(COSTS)} costs"
    )
    yield Measure("allocation, cases not exact", judged.cases - judged.exact, 0, "", words)
    largest = f"{judged.largest:f} at most, to twelve decimals"
    yield Measure("allocation, shares less cost", float(judged.largest), 0, " USD", largest)


def main() -> int:
    """Print both figures; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.allocation", description="Shares add up exactly.")
    parser.add_argument("--seed", type=int, default=SEED, help="what the machines are drawn from")
    parser.add_argument("--threes", type=int, default=THREES, help="machines drawn; each counts twelve times")
    arguments = parser.parse_args()
    kept = True
    for measure in measures(arguments.seed, arguments.threes):
        print(measure, flush=True)
        kept &= measure.holds
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
