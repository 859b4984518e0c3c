"""Machines without accelerators are shared by CPU and memory, through the database."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collectors.files.bills import import_bills
from collectors.files.workloads import import_workloads
from tests.analyzer.conftest import Ledger, all_hours
from tests.collectors.test_import_bills import focus

D = Decimal
GIB = 2**30
MILLIONTH = D("0.000001")


def machine(instance_type: str | None, **columns: Any) -> dict[str, Any]:
    """One hour of an instance without accelerators."""
    return {
        "resource_id": "i-1", "hours": all_hours(0), "quantity": "1", "region": "us-east-1",
        "instance_type": instance_type, "consumed_unit": "Hours", **columns,
    }  # fmt: skip


def hold(ledger: Ledger, name: str, cpus: float | None, gib: float | None, **more: Any) -> None:
    """One workload in the machine's only hour."""
    memory = None if gib is None else gib * GIB
    columns: dict[str, Any] = {"cpus_requested": cpus, "memory_requested_bytes": memory, "model": name} | more
    ledger.workload(range(1), "i-1", name, requested=None, **columns)


T1_5 = {"p1": D("0.229199"), "p2": D("0.400314"), "p3": D("0.185243"), "p4": D("0.185243")}
"""AWS prints these to the cent, 0.23, 0.40, 0.19 and 0.19, which is a cent too much."""


@pytest.mark.parametrize("method", ["aws_plain", "aws_accelerated"])
def test_t1_5_split_cost_allocation_of_a_plain_node(ledger: Ledger, method: str) -> None:
    # AWS weighs a vCPU nine times a GB with and without accelerators, so both presets are its published example.
    ledger.charge("2026-10-05", "1", **machine("m5.xlarge"))
    for name, cpus, gib in (("p1", 1, 4), ("p2", 1.9, 6), ("p3", 1, 2), ("p4", 1, 2)):
        hold(ledger, name, cpus, gib)
    ledger.attribute(allocation={"method": method, "idle": "weighted"})
    shares = ledger.shares("model")
    assert {key: cost.quantize(MILLIONTH) for key, cost in shares.items()} == T1_5
    assert sum(shares.values()) == 1
    assert all(f"node={method}" in said for said in ledger.shares("method"))
    ledger.assert_conserved()


def test_t1_5_from_a_bill_and_workload_records_in_files(ledger: Ledger, tmp_path: Path) -> None:
    costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), "1")
    line = costs | {"SkuMeter": "BoxUsage:m5.xlarge", "ChargeDescription": "m5.xlarge Linux/UNIX"}
    bill = focus(tmp_path / "bill.csv", [line])
    work = tmp_path / "work.csv"
    pods = ("p1,1,,4,", "p2,1,1.9,4,6", "p3,1,0.5,2,2", "p4,1,0.5,2,1")  # reserved and used, as AWS gives them
    rows = [f"2026-09-03T05:00:00Z,3600,i-0a,{pod[:2]},{pod}" for pod in pods]
    header = "timestamp,period_seconds,resource_id,workload,model,cpus_requested,cpus_used,memory_requested_bytes"
    giga = [",".join([*row.split(",")[:7], *(n and str(int(n) * GIB) for n in row.split(",")[7:])]) for row in rows]
    work.write_text("\n".join([header + ",memory_used_bytes", *giga]))
    import_workloads([work], ledger.store, ledger.settings, ledger.clock, source="k8s")
    settings = {
        "rule": [{"name": "cluster", "match": {"service": "*Elastic Compute*"}, "set": {"ai": True}}],
        "allocation": {"method": "aws_plain", "idle": "weighted"},
    }
    ledger.settings = type(ledger.settings).model_validate(ledger.settings.model_dump(by_alias=True) | settings)
    import_bills([bill], ledger.store, ledger.settings, ledger.clock, source="bills")
    ledger.attribute()
    assert {key: cost.quantize(MILLIONTH) for key, cost in ledger.shares("model").items()} == T1_5
    ledger.assert_conserved()


def test_reference_prices_divide_a_plain_node_whatever_it_costs(ledger: Ledger) -> None:
    # m5.xlarge: 4 vCPU × 0.033 = 0.132 and 16 GiB × 0.00375 = 0.06; of 0.384 CPUs are 0.264 and memory 0.12.
    ledger.charge("2026-10-05", "0.384", **machine("m5.xlarge"))
    hold(ledger, "a", 2, 4)
    hold(ledger, "b", 1, 4)
    ledger.attribute()
    assert ledger.shares("model", "reason") == {
        ("a", "used"): D("0.132") + D("0.03"),
        ("b", "used"): D("0.066") + D("0.03"),
        (None, "idle"): D("0.066") + D("0.06"),
    }
    assert {said.split("; ")[-1] for said in ledger.shares("method")} == {"node=residual"}
    ledger.assert_conserved()


def test_what_a_workload_does_not_mention_follows_what_it_mentions(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "1.92", **machine("m5.xlarge"))
    hold(ledger, "cpu", 1, None)
    hold(ledger, "memory", None, 8)
    ledger.attribute()
    assert ledger.shares("model") == {"cpu": D("0.48"), "memory": D("0.96"), None: D("0.48")}


def test_a_workload_that_mentions_nothing_holds_the_whole_machine(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "5", **machine("m5.xlarge"))
    hold(ledger, "all", None, None)
    hold(ledger, "one", 1, 4)
    ledger.attribute()
    assert ledger.shares("model") == {"all": D(4), "one": D(1)}


def test_a_workload_that_asks_for_nothing_and_uses_nothing_holds_nothing(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "5", **machine("m5.xlarge"))
    hold(ledger, "none", 0, 0)
    hold(ledger, "one", 4, 16)
    ledger.attribute()
    assert ledger.shares("model") == {"one": D(5)}


@pytest.mark.parametrize(
    "columns",
    [{"instance_type": "m99.xlarge"}, {"instance_type": None}, {"instance_type": "m5.xlarge", "fleet": "i-1"}],
)
def test_a_machine_of_unknown_size_is_divided_by_cpus_and_the_method_says_so(
    ledger: Ledger, columns: dict[str, Any]
) -> None:
    ledger.charge("2026-10-05", "3", **machine(columns.pop("instance_type"), **columns))
    hold(ledger, "a", 2, 1)
    hold(ledger, "b", 1, 8)
    ledger.attribute()
    assert ledger.shares("model", "method") == {
        ("a", "model=workload; node=cpus"): D(2),
        ("b", "model=workload; node=cpus"): D(1),
    }


def test_where_the_bill_prices_cores_and_memory_each_follows_its_own(ledger: Ledger) -> None:
    for description, cost in (("N2 Instance Core running in Americas", "8"), ("N2 Instance Ram in Americas", "4")):
        columns = machine("n2-standard-8") | {"charge_description": description, "sku_id": description}
        ledger.charge("2026-10-05", cost, provider="gcp", **columns)
    hold(ledger, "a", 2, 24)
    hold(ledger, "b", 6, 4)
    ledger.attribute()
    assert ledger.shares("sku_id", "model") == {
        ("N2 Instance Core running in Americas", "a"): D(2),
        ("N2 Instance Core running in Americas", "b"): D(6),
        ("N2 Instance Ram in Americas", "a"): D(3),
        ("N2 Instance Ram in Americas", "b"): D("0.5"),
        ("N2 Instance Ram in Americas", None): D("0.5"),
    }


def test_by_accelerators_alone_a_machine_without_any_is_divided_by_cpus(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "4", **machine("m5.xlarge"))
    hold(ledger, "a", 1, 8)
    hold(ledger, "b", 3, 8)
    ledger.attribute(allocation={"method": "accelerators"})
    assert ledger.shares("model", "method") == {
        ("a", "model=workload; node=cpus"): D(1),
        ("b", "model=workload; node=cpus"): D(3),
    }
