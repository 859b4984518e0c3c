"""Ten thousand shared machines through the database: exact, of one sign, in any order, and as the pure core says.

2,502 machine-hours are loaded at once and analyzed under each idle mode with another method: 10,008 cases. They come in
threes: a machine, the same one with its workloads told in another order, and the same one at seven times the cost.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from aispend.keys import content_key
from aispend.money import COST_QUANTUM, exact_sum
from aispend.schema import charge, resource, resource_alias, workload_hour
from analyzer.node import CPU, GPU, MEMORY, IdleMode, Workload, node_allocate, preset_parts, residual_parts
from tests.analyzer.conftest import COSTS, GPU_HOUR, Ledger, all_hours

D = Decimal
GIB = 2**30
HOUR = datetime(2026, 10, 5, tzinfo=UTC)
THREES = 834
TIMES = 7
MACHINES = {"p5.48xlarge": (8, 192, 2048), "g5.12xlarge": (4, 48, 192)}
LISTED = {"p5.48xlarge": D("55.04"), "g5.12xlarge": D("5.672")}
"""On demand in us-east-1."""
CASES: list[tuple[IdleMode, str]] = [
    ("separate", "residual"),
    ("weighted", "aws_accelerated"),
    ("even", "95_3_2"),
    ("owner", "aws_plain"),
]

Machine = tuple[str, dict[str, Decimal | None], list[Workload]]


def capacity_of(kind: str) -> dict[str, Decimal]:
    return dict(zip((GPU, CPU, MEMORY), map(Decimal, MACHINES[kind]), strict=True))


def some_machine(random: Random) -> Machine:
    """A machine type, four costs (of either sign, some unknown), and what up to four workloads ask for and use."""
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


def threes() -> list[Machine]:
    random = Random(20261121)
    machines = []
    for _ in range(THREES):
        kind, costs, workloads = some_machine(random)
        scaled = {column: cost if cost is None else cost * TIMES for column, cost in costs.items()}
        machines += [(kind, costs, workloads), (kind, costs, workloads[::-1]), (kind, scaled, workloads)]
    return machines


def load(ledger: Ledger, machines: list[Machine]) -> None:
    """All machines in one bill, their workloads in one file."""
    templates = {}
    with ledger.store.engine.connect() as connection:
        for kind, (gpus, _, _) in MACHINES.items():
            columns: dict[str, Any] = {
                **GPU_HOUR,
                "accelerators": D(gpus),
                "instance_type": kind,
                "region": "us-east-1",
            }
            ordinal = ledger.charge("2026-10-05", "0", hours=all_hours(0), quantity="1", **columns)
            template = connection.execute(select(charge).where(charge.c.ordinal == ordinal)).mappings().one()
            templates[kind] = dict(template)
    ledger.workload(range(1), "elsewhere", "other")  # the source reported, so an empty machine is idle
    (slice_id,) = ledger.rows("SELECT slice_id FROM slice WHERE kind = 'workloads'")[0]
    rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for number, (kind, costs, workloads) in enumerate(machines):
        name = f"i-{number}"
        key = content_key("aws", name)
        rows[resource].append(
            {"resource_key": key, "provider": "aws", "resource_id": name, "accelerators": MACHINES[kind][0]}
        )
        rows[resource_alias].append(
            {"namespace": "*", "alias": name, "valid_from": HOUR, "resource_key": key, "method": "inventory",
             "confidence": 1}
        )  # fmt: skip
        rows[charge].append(templates[kind] | costs | {"ordinal": number + 100, "resource_key": key})
        for held in workloads:
            rows[workload_hour].append(
                {"slice_id": slice_id, "hour": HOUR, "namespace": "k8s", "alias": name, "workload": held.name,
                 "seconds": 3600, "accelerators_requested": held.requested[GPU], "accelerators_used": held.used[GPU],
                 "cpus_requested": held.requested[CPU], "cpus_used": held.used[CPU],
                 "memory_requested_bytes": held.requested[MEMORY] * GIB, "memory_used_bytes": held.used[MEMORY] * GIB}
            )  # fmt: skip
    with ledger.store.engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(insert(table), values)
        connection.execute(text("ANALYZE charge, resource, resource_alias, workload_hour"))


def shares_by_machine(ledger: Ledger) -> dict[int, dict[str | None, dict[str, Decimal | None]]]:
    """Per machine and workload (None for what stays idle) the four costs."""
    sums = ", ".join(f"sum(s.{column}) AS {column}" for column in COSTS)
    found: dict[int, dict[str | None, dict[str, Decimal | None]]] = defaultdict(dict)
    for ordinal, workload, *costs in ledger.rows(
        f"SELECT s.ordinal, t.workload, {sums} FROM cost_share s JOIN share_target t USING (target_key)"
        " WHERE s.ordinal >= 100 GROUP BY 1, 2"
    ):
        found[ordinal - 100][workload] = dict(zip(COSTS, costs, strict=True))
    return found


def as_the_core_says(machine: Machine, idle: IdleMode, method: str) -> dict[str | None, Decimal]:
    kind, costs, workloads = machine
    capacity = capacity_of(kind)
    parts = (
        residual_parts(LISTED[kind], capacity, {CPU: D("0.033"), MEMORY: D("0.00375")})
        if method == "residual"
        else preset_parts(method, capacity)
    )
    cost = costs["effective_cost"]
    assert cost is not None
    totals: dict[str | None, Decimal] = defaultdict(Decimal)
    for share in node_allocate(cost, capacity, workloads, parts=parts, idle=idle, owner="nobody"):
        totals[None if share.workload == "nobody" else share.workload] += share.cost
    return totals


@pytest.fixture(scope="module")
def machines() -> list[Machine]:
    return threes()


def test_ten_thousand_shared_machines(ledger: Ledger, machines: list[Machine]) -> None:
    load(ledger, machines)
    for idle, method in CASES:
        ledger.analyze(allocation={"idle": idle, "method": method, "idle_owner": "nobody", "stranded": "idle"})
        ledger.assert_conserved()
        found = shares_by_machine(ledger)
        assert len(found) == len(machines) == 3 * THREES
        for number, machine in enumerate(machines):
            _assert_exact_and_of_one_sign(machine, found[number])
        for number in range(0, len(machines), 3):
            expected = as_the_core_says(machines[number], idle, method)
            _assert_as_the_core(expected, found[number], f"{number} {idle} {method}")
            assert found[number] == found[number + 1]
            _assert_scaled(found[number], found[number + 2])


@pytest.mark.parametrize("idle", ["separate", "weighted", "even", "owner"])
def test_what_is_stranded_is_carried_and_nothing_is_lost(ledger: Ledger, machines: list[Machine], idle: str) -> None:
    some = machines[:300]
    load(ledger, some)
    ledger.analyze(allocation={"idle": idle})
    ledger.assert_conserved()
    found = shares_by_machine(ledger)
    for number, machine in enumerate(some):
        _assert_exact_and_of_one_sign(machine, found[number])
        if idle == "separate" and (cost := machine[1]["effective_cost"]):
            held = sum((workload.held(GPU) for workload in machine[2]), D(0))
            taken = min(held / MACHINES[machine[0]][0], D(1))
            kept = found[number].get(None, {}).get("effective_cost") or D(0)
            assert kept <= cost * (1 - taken) * (1 + D("1e-12")) + COST_QUANTUM


def _assert_exact_and_of_one_sign(machine: Machine, shares: dict[str | None, dict[str, Decimal | None]]) -> None:
    for column, cost in machine[1].items():
        parts = [share[column] for share in shares.values()]
        if cost is None:
            assert parts == [None] * len(parts)
        else:
            given = [part for part in parts if part is not None]
            assert exact_sum(given) == cost
            assert all(part * cost >= 0 for part in given)


def _assert_as_the_core(
    expected: dict[str | None, Decimal], shares: dict[str | None, dict[str, Decimal | None]], case: str
) -> None:
    for name in expected.keys() | shares.keys():
        ours = shares.get(name, {}).get("effective_cost") or D(0)
        assert abs(ours - expected.get(name, D(0))) <= D("1e-9"), case


def _assert_scaled(
    once: dict[str | None, dict[str, Decimal | None]], scaled: dict[str | None, dict[str, Decimal | None]]
) -> None:
    for name, costs in once.items():
        for column, cost in costs.items():
            if cost is not None:
                times = scaled[name][column]
                assert times is not None
                assert abs(times - TIMES * cost) <= (TIMES + 1) * 2 * COST_QUANTUM
