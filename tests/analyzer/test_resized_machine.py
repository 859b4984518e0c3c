"""A machine that was resized is held, on each day, against what it had on that day."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
BEFORE, AFTER = "2026-10-05", "2026-10-06"


def of_type(instance_type: str, gpus: int, *hours: int, known: int | None = 8, **columns: Any) -> dict[str, Any]:
    """A machine of this type in these hours of a day; the inventory knows ``known`` cards, as on its largest day."""
    return {
        "resource_id": "i-1", "gpus": known, "hours": all_hours(*hours), "region": "us-east-1",
        "quantity": str(len(hours) or 24), "instance_type": instance_type, **GPU_HOUR, "accelerators": D(gpus),
        **columns,
    }  # fmt: skip


def test_a_machine_made_smaller_is_not_half_idle(ledger: Ledger) -> None:
    ledger.charge(BEFORE, "240", **of_type("p4d.24xlarge", 8))
    ledger.charge(AFTER, "120", **of_type("g5.12xlarge", 4))
    ledger.workload("all", "i-1", "job", requested=8, model="m")
    ledger.workload("all", "i-1", "job", day=AFTER, requested=4, model="m")
    ledger.attribute()
    assert ledger.shares("charge_date::text", "model", "reason") == {
        (BEFORE, "m", "used"): D(240),
        (AFTER, "m", "used"): D(120),
    }
    ledger.assert_conserved()


def test_each_size_divides_its_price_over_its_own_cards_cpus_and_memory(ledger: Ledger) -> None:
    # 95 : 3 : 2. Two of four cards, 24 of 48 vCPUs and 48 of 192 GiB of the g5.12xlarge: 47.5 + 1.5 + 0.5.
    # Two of eight cards, 24 of 96 vCPUs and 288 of 1152 GiB of the p4d.24xlarge: a quarter.
    ledger.charge(BEFORE, "100", **of_type("p4d.24xlarge", 8, 0))
    ledger.charge(AFTER, "100", **of_type("g5.12xlarge", 4, 0))
    for day, gib in ((BEFORE, 288), (AFTER, 48)):
        ledger.workload(
            range(1),
            "i-1",
            "job",
            day=day,
            requested=2,
            model="m",
            cpus_requested=24,
            memory_requested_bytes=gib * 2**30,
        )
    ledger.attribute(allocation={"method": "95_3_2", "stranded": "idle"})
    assert ledger.shares("charge_date::text", where="t.reason = 'used'") == {BEFORE: D(25), AFTER: D("49.5")}


def test_on_the_day_it_changes_each_hour_has_the_size_of_its_lines(ledger: Ledger) -> None:
    ledger.charge(BEFORE, "96", **of_type("p4d.24xlarge", 8, *range(12)))
    ledger.charge(BEFORE, "48", **of_type("g5.12xlarge", 4, *range(12, 24)))
    ledger.workload("all", "i-1", "job", requested=4, model="m")
    ledger.attribute()
    assert ledger.shares("c.hours", "reason") == {
        (all_hours(*range(12)), "used"): D(48),
        (all_hours(*range(12)), "idle"): D(48),
        (all_hours(*range(12, 24)), "used"): D(48),
    }


def test_one_type_in_the_month_that_is_not_the_inventorys_is_the_machine_of_the_month(ledger: Ledger) -> None:
    # Larger in an earlier month: the resource is known as what it was then.
    ledger.charge("2026-09-05", "240", **of_type("p4d.24xlarge", 8))
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE resource SET instance_type = 'p4d.24xlarge'")
    ledger.charge(AFTER, "120", **of_type("g5.12xlarge", 4))
    ledger.workload("all", "i-1", "job", day=AFTER, requested=4, model="m")
    ledger.attribute()
    assert ledger.shares("model", where="c.billing_month = '2026-10-01'") == {"m": D(120)}


def test_two_types_in_the_same_hours_are_one_place_with_all_that_it_has(ledger: Ledger) -> None:
    # An endpoint of two kinds of machines is not a machine that was resized: the inventory counts twelve cards.
    for cost, instance_type, gpus in (("80", "ml.p4d.24xlarge", 8), ("40", "ml.g5.12xlarge", 4)):
        ledger.charge(BEFORE, cost, **of_type(instance_type, gpus, 0, known=12))
    ledger.workload(range(1), "i-1", "job", requested=6, model="m")
    ledger.attribute()
    assert ledger.shares("reason") == {"used": D(60), "idle": D(60)}


def test_a_line_per_card_does_not_say_how_many_the_machine_has(ledger: Ledger) -> None:
    for day, instance_type in ((BEFORE, "a2-highgpu-8g"), (AFTER, "a3-highgpu-8g")):
        card = of_type(instance_type, 1, 0, quantity="8", provider="gcp")
        ledger.charge(day, "80", **card)
        ledger.workload(range(1), "i-1", "job", day=day, requested=4, model="m")
    ledger.attribute(allocation={"method": "accelerators"})
    assert ledger.shares("reason") == {"used": D(80), "idle": D(80)}


def test_hours_of_cards_are_of_the_card_of_their_day(ledger: Ledger) -> None:
    ledger.charge(BEFORE, "240", **of_type("p4d.24xlarge", 8, accelerator_type="nvidia-a100-40gb"))
    ledger.charge(AFTER, "120", **of_type("g5.12xlarge", 4, accelerator_type="nvidia-a10g"))
    ledger.attribute()
    assert ledger.rows("SELECT accelerator_type, sum(accelerator_hours) FROM energy_day GROUP BY 1 ORDER BY 1") == [
        ("nvidia-a100-40gb", D(192)),
        ("nvidia-a10g", D(96)),
    ]
