"""Time a machine is billed for is what its workloads are held against: a part of an hour, and a part of a day."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
MILLIONTH = D("0.000001")


def daily(hours: str, **columns: Any) -> dict[str, Any]:
    """A machine that a daily line without hours bills for so many."""
    return {"provider": "azure", "resource_id": "vm-1", "gpus": 8, "quantity": hours, **GPU_HOUR, **columns}


def in_hours(quantity: str, *hours: int, **columns: Any) -> dict[str, Any]:
    """A machine with lines in these hours, for so much of them in all."""
    return {"resource_id": "vm-1", "gpus": 8, "quantity": quantity, "hours": all_hours(*hours), **GPU_HOUR, **columns}


@pytest.mark.parametrize("others_report", [False, True])
@pytest.mark.parametrize("idle", ["separate", "weighted", "even", "owner"])
def test_a_day_billed_for_six_hours_is_used_by_who_held_them(ledger: Ledger, idle: str, others_report: bool) -> None:
    ledger.charge("2026-10-05", "60", **daily("6"))
    ledger.workload(range(9, 15), "vm-1", "job", requested=8, model="m")
    if others_report:
        ledger.workload("all", "vm-2", "elsewhere")
    ledger.attribute(allocation={"idle": idle})
    assert ledger.shares("model", "reason", "rung") == {("m", "used", "fleet-hour"): D(60)}


def test_time_billed_beyond_what_was_held_lies_where_the_machine_was_measured(ledger: Ledger) -> None:
    # Eight hours: x has all of four, y half of three; the eighth is the measured one, and none of it lies elsewhere.
    ledger.charge("2026-10-05", "80", **daily("8"))
    ledger.workload(range(4), "vm-1", "x", requested=8, model="x")
    ledger.workload(range(4, 7), "vm-1", "y", requested=4, model="y")
    ledger.activity(range(4, 8), "vm-1", 0.0, gpus=8)
    ledger.workload("all", "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("model", "reason") == {("x", "used"): D(40), ("y", "used"): D(15), (None, "idle"): D(25)}


def test_time_nobody_held_or_measured_lies_in_the_other_hours_alike(ledger: Ledger) -> None:
    # Eight hours, four of them held: four lie in the other twenty hours, of which ten are known to be idle.
    ledger.charge("2026-10-05", "80", **daily("8"))
    ledger.workload(range(4), "vm-1", "x", requested=8, model="x")
    ledger.workload(range(14, 24), "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("model", "reason") == {
        ("x", "used"): D(40),
        (None, "unattributed"): D(20),
        (None, "idle"): D(20),
    }


def test_hours_billed_in_two_lines_or_two_halves_are_the_hours_of_the_machine(ledger: Ledger) -> None:
    # A plan covers four of six hours; each half of the pair says so, and the job held all six.
    for half, costs in ((1, ("60", None, None, None)), (2, (None, "60", None, None))):
        ledger.charge("2026-10-05", costs, **daily("4", half=half, sku_id="covered"))
        ledger.charge("2026-10-05", costs, **daily("2", half=half, sku_id="on demand"))
    ledger.workload(range(6), "vm-1", "job", requested=8, model="m", seconds=3600)
    ledger.workload(range(6, 9), "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("model") == {"m": D(120)}
    assert ledger.shares("model", cost="billed_cost") == {"m": D(120)}


def test_lines_per_card_count_the_time_of_the_machine(ledger: Ledger) -> None:
    # Eight cards for six hours are 48 card-hours; its cores are billed beside them.
    card = daily("48") | {"accelerators": D(1), "sku_id": "gpu"}
    ledger.charge("2026-10-05", "60", **card)
    ledger.charge("2026-10-05", "12", **(daily("576") | {"accelerators": None, "sku_id": "c", "sku_meter": "Core"}))
    ledger.workload(range(6), "vm-1", "job", requested=4, model="m")
    ledger.workload("all", "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("model", "reason") == {("m", "used"): D(36), (None, "idle"): D(36)}


def test_a_machine_without_accelerators_is_held_against_its_billed_time_too(ledger: Ledger) -> None:
    plain = {"accelerators": None, "platform": None, "resource_id": "c-1", "gpus": None}
    ledger.charge("2026-10-05", "6", **(daily("6") | plain))
    ledger.workload(range(6), "c-1", "job", requested=None, cpus_requested=3, model="m")
    ledger.workload("all", "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("model", "reason") == {("m", "used"): D(6)}


def test_a_unit_of_a_hundred_hours_says_nothing_of_one_machine_and_leaves_the_day_even(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **(daily("0.06") | {"consumed_unit": None, "pricing_unit": "100 Hours"}))
    ledger.workload(range(6), "vm-1", "job", requested=8, model="m")
    ledger.workload("all", "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("model", "reason") == {("m", "used"): D(6), (None, "idle"): D(18)}


@pytest.mark.parametrize(
    ("quantity", "hours", "seconds", "cost"),
    [
        ("0.333", {10: 600, 11: 600}, None, "10"),
        ("0.333334", {10: 600, 11: 600}, None, "10"),  # two lines of 0.166667
        ("1.5", {0: 3600, 1: 1800}, None, "15"),
        ("0.5", {3: 3600}, None, "15"),  # its source counts the whole hour
    ],
)
def test_a_part_of_an_hour_that_is_held_is_used(
    ledger: Ledger, quantity: str, hours: dict[int, int], seconds: None, cost: str
) -> None:
    ledger.charge("2026-10-05", cost, **in_hours(quantity, *hours))
    for hour, held in hours.items():
        ledger.workload(range(hour, hour + 1), "vm-1", "job", requested=8, model="m", seconds=held)
    ledger.attribute()
    assert ledger.shares("model", "reason") == {("m", "used"): D(cost)}
    ledger.assert_conserved()


def test_the_rest_of_a_part_of_an_hour_is_idle(ledger: Ledger) -> None:
    # Half an hour is billed; four of eight cards are held for half of it, so a quarter of 12 is used.
    ledger.charge("2026-10-05", "12", **in_hours("0.5", 3))
    ledger.workload(range(3, 4), "vm-1", "job", requested=4, model="m", seconds=900)
    ledger.attribute()
    assert ledger.shares("model", "reason") == {("m", "used"): D(3), (None, "idle"): D(9)}


@pytest.mark.parametrize("idle", ["separate", "weighted", "even", "owner"])
def test_one_after_the_other_pay_by_machine_time(ledger: Ledger, idle: str) -> None:
    ledger.charge("2026-10-05", "30", **in_hours("1.1", 0, 1))
    ledger.workload(range(1), "vm-1", "x", requested=8, model="x")
    ledger.workload(range(1, 2), "vm-1", "y", requested=8, model="y", seconds=360)
    ledger.attribute(allocation={"idle": idle})
    shares = {model: cost.quantize(MILLIONTH) for model, cost in ledger.shares("model").items()}
    assert shares == {"x": D("27.272727"), "y": D("2.727273")}  # 30 × 1 ÷ 1.1, and 30 × 0.1 ÷ 1.1


def test_an_hour_billed_in_parts_by_a_plan_and_on_demand_is_a_whole_one(ledger: Ledger) -> None:
    # Each hour is covered for 36 minutes; the job holds the first half of the day and nobody the second.
    for cost, hours in (("144", "14.4"), ("96", "9.6")):
        ledger.charge("2026-10-05", cost, **in_hours(hours, *range(24), sku_id=hours))
    ledger.workload(range(12), "vm-1", "job", requested=8, model="m")
    ledger.workload("all", "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("sku_id", "reason") == {
        ("14.4", "used"): D(72), ("14.4", "idle"): D(72), ("9.6", "used"): D(48), ("9.6", "idle"): D(48),
    }  # fmt: skip


def test_a_line_of_an_hour_nobody_held_is_idle_though_others_say_they_held_all_that_is_billed(ledger: Ledger) -> None:
    # The job says twelve hours, its line eleven and a half; another line bills half an hour after it.
    ledger.charge("2026-10-05", "115", **in_hours("11.5", *range(12), sku_id="a"))
    ledger.charge("2026-10-05", "5", **in_hours("0.5", 12, sku_id="b"))
    ledger.workload(range(12), "vm-1", "job", requested=8, model="m")
    ledger.workload("all", "vm-2", "elsewhere")
    ledger.attribute()
    assert ledger.shares("sku_id", "reason") == {("a", "used"): D(115), ("b", "idle"): D(5)}
