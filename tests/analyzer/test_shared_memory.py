"""Replicas that share the memory of one accelerator: told where it runs full, and only there."""

from __future__ import annotations

from decimal import Decimal

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

CARD = {**GPU_HOUR, "accelerators": Decimal(1), "gpus": 1, "hours": all_hours(), "quantity": "24"}
GIB = 2**30


def test_memory_of_time_sliced_accelerators_that_runs_full_is_told(ledger: Ledger) -> None:
    for name, profile in (("i-sliced", "1/4"), ("i-roomy", "1/2"), ("i-whole", None)):
        ledger.charge("2026-10-05", "24", resource_id=name, **CARD)
        ledger.workload(range(3), name, "replica", accelerator_profile=profile, model="chat")
        # an engine that has a card to itself takes nine tenths of it on purpose
        for hours, used in ((range(2), 72 if name == "i-roomy" else 78), (range(2, 4), 40)):
            ledger.activity(hours, name, 0.5, memory_used_max=used * GIB, memory_total=80 * GIB)
    report = ledger.attribute()
    assert [said for said in report.notes if "Memory" in said] == [
        "Memory of time-sliced accelerators was more than 90 % full in 2026-10: i-sliced (2 hours, up to 98 %)."
        " Replicas have no memory of their own: one that asks for more stops another."
    ]


def test_memory_nobody_measured_is_unknown_and_not_full(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", resource_id="i-1", **CARD)
    ledger.workload(range(3), "i-1", "replica", accelerator_profile="1/4", model="chat")
    ledger.activity(range(3), "i-1", 0.5)
    ledger.workload(range(3), "i-1", "other", accelerator_profile="3g.40gb", model="chat")
    assert not [said for said in ledger.attribute().notes if "Memory" in said]
