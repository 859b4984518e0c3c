"""Who carries a shared machine: accelerators, CPUs and memory, idle modes, slices; through the database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
GIB = 2**30
MILLIONTH = D("0.000001")


def machine(instance_type: str, gpus: int, **columns: Any) -> dict[str, Any]:
    """One hour of an instance in Virginia."""
    return {
        "resource_id": "i-1", "gpus": gpus, "hours": all_hours(0), "quantity": "1", "region": "us-east-1",
        "instance_type": instance_type, **GPU_HOUR, "accelerators": D(gpus), **columns,
    }  # fmt: skip


def hold(
    ledger: Ledger, name: str, gpus: float, cpus: float | None = None, gib: float | None = None, **more: Any
) -> None:
    """One workload in the machine's only hour."""
    memory = None if gib is None else gib * GIB
    columns: dict[str, Any] = {"cpus_requested": cpus, "memory_requested_bytes": memory, "model": name} | more
    ledger.workload(range(1), "i-1", name, requested=gpus, **columns)


def to_the_millionth(shares: dict[Any, Decimal]) -> dict[Any, Decimal]:
    return {key: cost.quantize(MILLIONTH) for key, cost in shares.items()}


def test_t1_4_split_cost_allocation_of_an_accelerated_node(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", **machine("p3.16xlarge", 8))
    for name, requested, used in (
        ("p1", (1, 16, 100), (1, 4, 60)),
        ("p2", (2, 16, 100), (3, 18, 140)),
        ("p3", (2, 16, 100), (1, 4, 60)),
        ("p4", (2, 16, 100), (2, 4, 40)),
    ):
        hold(ledger, name, *requested, used=used[0], cpus_used=used[1], memory_used_bytes=used[2] * GIB)
    ledger.attribute(allocation={"method": "aws_accelerated", "idle": "weighted"})
    assert to_the_millionth(ledger.shares("model")) == {
        "p1": D("1.908887"),
        "p2": D("3.264370"),
        "p3": D("2.413371"),
        "p4": D("2.413371"),
    }
    assert all("node=aws_accelerated" in method for method in ledger.shares("method"))
    ledger.assert_conserved()


def test_the_residual_method_prices_cpu_and_memory_and_leaves_the_rest_to_accelerators(ledger: Ledger) -> None:
    # p5.48xlarge: 55.04 listed; 192 vCPU × 0.033 = 6.336, 2048 GiB × 0.00375 = 7.68, accelerators 41.024.
    ledger.charge("2026-10-05", "110.08", **machine("p5.48xlarge", 8))  # at twice the list price, in the same parts
    hold(ledger, "gpu", 4, 48, 512)
    hold(ledger, "cpu", 0, 48, 256)
    ledger.attribute(allocation={"stranded": "idle"})
    # gpu: half of 82.048, a quarter of 12.672 and of 15.36; cpu: a quarter of 12.672 and an eighth of 15.36.
    assert ledger.shares("model", "reason") == {
        ("gpu", "used"): D("48.032"),
        ("cpu", "used"): D("5.088"),
        (None, "idle"): D("56.96"),
    }
    assert {method.split("; ")[-1] for method in ledger.shares("method")} == {"node=residual, stranded idle"}
    ledger.assert_conserved()


def test_cpu_and_memory_beside_accelerators_that_are_taken_are_not_idle(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "55.04", **machine("p5.48xlarge", 8))
    hold(ledger, "a", 4, 24, 256)
    hold(ledger, "b", 2, 48, 256)
    ledger.attribute()
    # A quarter of the accelerators is idle, so no more than a quarter of CPUs (6.336) and memory (7.68) is.
    assert ledger.shares("model", "reason") == {
        ("a", "used"): D("20.512") + D("4.752") / 3 + D("5.76") / 2,
        ("b", "used"): D("10.256") + D("4.752") * 2 / 3 + D("5.76") / 2,
        (None, "idle"): D("13.76"),
    }


def test_what_a_workload_does_not_mention_follows_its_accelerators(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "64", **machine("p5.48xlarge", 8))
    hold(ledger, "a", 6)
    hold(ledger, "b", 1)
    ledger.attribute()
    assert ledger.shares("model") == {"a": D(48), "b": D(8), None: D(8)}


@pytest.mark.parametrize(
    ("instance_type", "region", "method"),
    [("p99.48xlarge", "us-east-1", "node=accelerators"), ("p5.48xlarge", "mars-1", "node=accelerators")],
)
def test_without_size_or_price_cpu_and_memory_follow_accelerators_and_the_method_says_so(
    ledger: Ledger, instance_type: str, region: str, method: str
) -> None:
    ledger.charge("2026-10-05", "8", **(machine(instance_type, 8) | {"region": region}))
    hold(ledger, "a", 4, 192, 2048)
    ledger.attribute()
    assert ledger.shares("model", "method") == {
        ("a", f"model=workload; {method}"): D(4),
        (None, f"stage=workload; {method}"): D(4),
    }


def test_a_collected_price_is_the_list_price(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO price"
            " VALUES ('aws', 'mars-1', 'p5.48xlarge', 'on_demand', 'USD', '2026-01-01', 28.032, 'test')"
        )
    ledger.charge("2026-10-05", "28.032", **(machine("p5.48xlarge", 8) | {"region": "mars-1"}))
    hold(ledger, "a", 8, 0, 0)
    ledger.attribute(allocation={"stranded": "idle"})
    assert ledger.shares("reason") == {"used": D("14.016"), "idle": D("14.016")}


def test_where_the_bill_prices_each_piece_each_follows_its_own(ledger: Ledger) -> None:
    def piece(description: str, cost: str, accelerators: int) -> None:
        columns = machine("a2-highgpu-2g", 2) | {"accelerators": D(accelerators), "charge_description": description}
        ledger.charge("2026-10-05", cost, provider="gcp", sku_id=description, **columns)

    piece("Nvidia Tesla A100 GPU running in Americas", "6", 2)
    piece("A2 Instance Core running in Americas", "24", 0)  # 24 vCPU
    piece("A2 Instance Ram running in Americas", "17", 0)  # 170 GiB
    hold(ledger, "a", 1, 18, 85)
    hold(ledger, "b", 1, 6, 17)
    ledger.attribute(allocation={"stranded": "idle"})
    assert ledger.shares("sku_id", "model") == {
        ("Nvidia Tesla A100 GPU running in Americas", "a"): D(3),
        ("Nvidia Tesla A100 GPU running in Americas", "b"): D(3),
        ("A2 Instance Core running in Americas", "a"): D(18),
        ("A2 Instance Core running in Americas", "b"): D(6),
        ("A2 Instance Ram running in Americas", "a"): D("8.5"),
        ("A2 Instance Ram running in Americas", "b"): D("1.7"),
        ("A2 Instance Ram running in Americas", None): D("6.8"),
    }


@pytest.mark.parametrize(
    ("idle", "expected"),
    [
        ("separate", {("A", None, "used"): "16", ("B", None, "used"): "8", (None, None, "idle"): "8"}),
        ("weighted", {("A", None, "used"): "16", ("B", None, "used"): "8",
                      ("A", None, "idle"): "5.333333333333", ("B", None, "idle"): "2.666666666667"}),
        ("even", {("A", None, "used"): "16", ("B", None, "used"): "8",
                  ("A", None, "idle"): "4", ("B", None, "idle"): "4"}),
        ("owner", {("A", None, "used"): "16", ("B", None, "used"): "8", (None, "pool", "idle"): "8"}),
    ],
)  # fmt: skip
def test_t1_7_idle_modes(ledger: Ledger, idle: str, expected: dict[Any, str]) -> None:
    ledger.charge("2026-10-05", "32", **machine("p99.48xlarge", 8))
    hold(ledger, "A", 4, used=2)
    hold(ledger, "B", 2)
    ledger.attribute(allocation={"idle": idle, "idle_owner": "pool"})
    assert ledger.shares("model", "team", "reason") == {key: D(cost) for key, cost in expected.items()}
    ledger.assert_conserved()
    if idle in ("weighted", "even"):
        rows = ledger.rows("SELECT model, effective_cost FROM unit_cost WHERE basis = 'allocation'")
        carried = {"weighted": {"A": "21.333333333333", "B": "10.666666666667"}, "even": {"A": "20", "B": "12"}}[idle]
        assert dict(rows) == {model: D(cost) for model, cost in carried.items()}


def test_idle_time_goes_to_the_owner_the_bill_or_the_fleet_names(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "32", **machine("p99.48xlarge", 8, fleet="pool", tags={"team": "search"}))
    hold(ledger, "A", 8)
    untagged = machine("p99.48xlarge", 8, fleet="pool") | {"resource_id": "i-2"}
    ledger.charge("2026-10-05", "8", **untagged)
    ledger.workload(range(1), "i-2", "B", requested=4, model="B", team="ads")
    ledger.attribute(allocation={"idle": "owner", "idle_owner": "nobody else"})
    assert ledger.shares("team", "reason") == {
        ("search", "used"): D(32),
        ("ads", "used"): D(4),
        ("search", "idle"): D(4),
    }


@pytest.mark.parametrize("idle", ["separate", "weighted", "even"])
def test_what_nobody_holds_stays_idle(ledger: Ledger, idle: str) -> None:
    ledger.charge("2026-10-05", "64", **(machine("p5.48xlarge", 8) | {"hours": all_hours(0, 1), "quantity": "2"}))
    hold(ledger, "a", 8)
    ledger.workload(range(1, 2), "other", "elsewhere")
    ledger.attribute(allocation={"idle": idle})
    assert ledger.shares("model", "reason") == {("a", "used"): D(32), (None, "idle"): D(32)}


def test_t1_8_slices_of_a_card(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "4", **machine("p99.48xlarge", 1, accelerator_type="nvidia-h100-80gb"))
    hold(ledger, "big", 1, accelerator_profile="3g.40gb")
    hold(ledger, "small", 1, accelerator_profile="nvidia.com/mig-2g.20gb")
    ledger.attribute()
    assert to_the_millionth(ledger.shares("model")) == {
        "big": D("2.000000"),
        "small": D("1.142857"),
        None: D("0.857143"),
    }
    ledger.assert_conserved()


def test_slices_that_exceed_the_card_are_scaled_to_it(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "3", **machine("p99.48xlarge", 1, accelerator_type="nvidia-h100-80gb"))
    for name in "abc":
        hold(ledger, name, 1, accelerator_profile="4g.40gb")
    ledger.attribute()
    assert ledger.shares("model") == {"a": D(1), "b": D(1), "c": D(1)}


def test_a_replica_of_a_time_sliced_accelerator_holds_its_part_or_what_it_uses(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "8", **machine("p99.48xlarge", 1))
    hold(ledger, "modest", 1, accelerator_profile="1/4")
    hold(ledger, "greedy", 1, accelerator_profile="1/4", used=0.5)
    ledger.attribute()
    assert ledger.shares("model") == {"modest": D(2), "greedy": D(4), None: D(2)}


def test_requests_of_no_cpu_on_a_machine_of_unknown_size_are_no_trouble(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "8", **machine("p99.48xlarge", 8))
    hold(ledger, "a", 4, 0, 0)
    ledger.attribute()
    assert ledger.shares("model") == {"a": D(4), None: D(4)}


def test_cpus_and_memory_follow_accelerators_where_the_setting_says_so(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "8", **machine("p5.48xlarge", 8))
    hold(ledger, "a", 4, 192, 2048)
    ledger.attribute(allocation={"method": "accelerators", "stranded": "idle"})
    assert ledger.shares("model") == {"a": D(4), None: D(4)}
