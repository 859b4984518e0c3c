"""Another card: behind a gate until its speed is measured, told where it lacks a format, and its range in machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, Saving, WhyNot
from recommender.kinds import sizes as sizes_module
from recommender.kinds.rightsize import evaluate
from recommender.kinds.sizes import lacks_bf16, sizes
from recommender.methods.realised_ratio import MeasuredRatio, Ratio, RealisedRatio
from recommender.savings import widened
from recommender.subjects.machines import Machine
from recommender.subjects.served_use import Use
from tests.recommender.conftest import GIB, history
from tests.recommender.kinds.services import Make

D = Decimal
FORTNIGHT = 14 * 288


@pytest.fixture(autouse=True)
def fresh_sizes() -> Iterator[None]:
    """Sizes are kept for their arguments, and speeds are changed here."""
    sizes.cache_clear()
    yield
    sizes.cache_clear()


def four_a10g(make_subject: Make, level: float, **values: Any) -> Machine:
    """A g5.12xlarge whose four cards work all the time at a level, with 2 GiB held on each."""
    given = {"instance_type": "g5.12xlarge", "accelerator_type": "nvidia-a10g", "accelerator_count": D(4)}
    work = history(np.full((4, FORTNIGHT), level), memory_bytes=2 * GIB)
    return make_subject(**(given | {"accelerators": work} | values))


def advise(subject: Machine) -> Advice:
    answer = evaluate(subject, Recommend())
    assert isinstance(answer, Advice), answer
    return answer


def measured(basis: str) -> Any:
    """A ratio of 0.6, from 0.55 to 0.65, whichever cards are asked for."""
    row = MeasuredRatio(
        from_accelerator="nvidia-a10g", to_accelerator="nvidia-t4", precision="bf16", to_precision="bf16",
        phase="serving", low=0.55, point=0.6, high=0.65, spread="", measured=date(2026, 6, 1), engine="vllm",
        source="bench/9",
    )  # fmt: skip
    found = RealisedRatio(Ratio(0.55, 0.6, 0.65), basis, None, row)  # type: ignore[arg-type]
    return lambda *_, **__: found


def test_an_estimated_card_waits_for_a_benchmark_and_may_save_nothing(make_subject: Make) -> None:
    """T4 against A10G: bandwidth 320 ÷ 600 = 0.533 × 0.9 = 0.48, less 25 % 0.36. Four of them carry
    4 × 0.48 × 0.8 = 1.536 of a load of 1.4; at 0.36 they carry 1.152, so two machines: 2 × 3.912 is more than 5.672.
    14,600 × (1 − 3.912 ÷ 5.672) = 4,530.32."""
    found = advise(four_a10g(make_subject, 0.35, model="chat", stage="inference_batch"))
    assert found.target == "g4dn.12xlarge"
    assert found.saving.net == D("4530.32")
    # with one machine at most a few hours of the month fall short
    assert (found.saving.p10, found.saving.p90) == (D("0.00"), D("4530.32"))
    assert found.saving.p50 == pytest.approx(D("4530.32"), rel=D("0.002"))
    assert found.saving.range_from.endswith("the low end of the other card's speed")
    assert found.gate == "a benchmark of your own on nvidia-t4"
    assert found.confidence == "low"
    assert found.evidence["machines_if_slow"] == 2
    assert (found.evidence["speed_low"], found.evidence["speed_point"]) == (0.36, 0.48)
    assert "it takes 2 of them" in found.reason
    assert "has no bf16" in found.reason


def test_the_low_end_that_still_needs_one_machine_leaves_the_range_alone(make_subject: Make) -> None:
    """A load of 1.0 is within 1.152."""
    found = advise(four_a10g(make_subject, 0.25))
    assert found.target == "g4dn.12xlarge"
    assert found.evidence["machines_if_slow"] == 1
    assert found.saving.range_from == "hours in which it may fall short"
    assert found.saving.p10 is not None
    assert found.saving.p10 > D("4480")
    assert found.gate == "a benchmark of your own on nvidia-t4"


@pytest.mark.parametrize(("basis", "gated"), [("measured", False), ("measured long ago", True), ("estimated", True)])
def test_a_fresh_measurement_of_a_known_precision_needs_no_gate(
    make_subject: Make, monkeypatch: pytest.MonkeyPatch, basis: str, gated: bool
) -> None:
    """Of L4s, which have bf16; T4s and V100s without it stay behind the gate while the precision is not known."""
    monkeypatch.setattr(sizes_module, "realised_ratio", measured(basis))
    found = advise(four_a10g(make_subject, 0.35, model="chat", stage="inference_batch"))
    assert found.target == ("g4dn.12xlarge" if gated else "g6.12xlarge")
    assert (found.gate is not None) is gated
    assert ("Benchmark first" in found.reason) is gated
    assert found.confidence == ("low" if gated else "medium")


def test_what_needs_no_gate_comes_before_what_is_cheaper_behind_one(make_subject: Make) -> None:
    """One of four A10Gs works: g4dn.4xlarge and g6.4xlarge are cheaper than g5.4xlarge, and nobody measured them."""
    activity = np.zeros((4, FORTNIGHT))
    activity[0] = 0.3
    found = advise(four_a10g(make_subject, 0.0, accelerators=replace(history(activity), memory_used_max=np.full(
        (4, 14 * 24), GIB))))  # fmt: skip
    assert found.target == "g5.4xlarge"
    assert found.gate is None


def test_a_model_whose_precision_is_known_is_not_offered_a_card_without_it(make_subject: Make) -> None:
    """Llama 3.1 8B in bf16 computes on no T4."""
    hours = 14 * 24
    asked = Use(np.full(hours, 100.0), np.full(hours, 5e4), np.full(hours, 2e4), np.full(hours, 0.25))
    known = {"model": "llama-3.1-8b", "stage": "inference_online", "use": asked}
    found = evaluate(four_a10g(make_subject, 0.3, **known), Recommend())
    assert not isinstance(found, Advice) or not lacks_bf16(str(found.proposed).rsplit("× ", 1)[-1].rstrip(")"))


@pytest.mark.parametrize(("card", "lacks"), [("nvidia-t4", True), ("nvidia-v100-16gb", True), ("nvidia-l4", False)])
def test_cards_without_bf16(card: str, lacks: bool) -> None:
    assert lacks_bf16(card) is lacks


def test_a_measured_spread_has_a_low_end_too(make_subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """L4s measured at 0.55 to 0.65 of an A10G: a load of 1.8 takes one g6.12xlarge at 0.6 (4 × 0.6 × 0.8 = 1.92), and
    two at 0.55 (1.76): twice its price is more than 5.672."""
    monkeypatch.setattr(sizes_module, "realised_ratio", measured("measured"))
    found = advise(four_a10g(make_subject, 0.45, model="chat", stage="inference_batch"))
    assert (found.target, found.gate) == ("g6.12xlarge", None)
    assert found.evidence["machines_if_slow"] == 2
    assert (found.saving.p10, found.saving.p90) == (D("0.00"), found.saving.net)
    assert "At the low end of its speed it takes 2 of them." in found.reason


@pytest.mark.parametrize(
    ("slow", "low", "of"),
    [(D(20), D(20), "the low end"), (D(60), None, "")],
)
def test_the_range_goes_down_to_what_the_slow_case_saves(slow: Decimal, low: Decimal | None, of: str) -> None:
    """What saves as much when slow is one number still, and no range."""
    saved = widened(
        Saving(None, D(60), D(60), None, None, None), "the low end", low=Saving(None, slow, slow, None, None, None)
    )
    assert saved.p10 == low
    assert saved.net == D(60)
    assert saved.range_from.startswith(of)


def one_busy(make_subject: Make, level: float, **values: Any) -> Machine:
    """A p4de.24xlarge of which one card works all the time at a level and holds 10 GB, the others nothing."""
    activity, memory = np.zeros((8, FORTNIGHT)), np.zeros((8, 14 * 24))
    activity[0], memory[0] = level, 10e9
    given = {"instance_type": "p4de.24xlarge", "accelerator_type": "nvidia-a100-80gb"}
    work = replace(history(activity), memory_used_max=memory)
    return make_subject(**(given | {"accelerators": work} | values))


def test_what_one_card_does_is_not_spread_over_slower_ones(make_subject: Make) -> None:
    """0.95 of an A100 is 2.5 times what an L40S does (0.38): four of them carry 4 × 0.38 × 0.8 = 1.22 together, but
    nobody knows that the work may be split. At 0.3 an L40S does it (0.38 × 0.8 = 0.305), and at the low end of its
    speed (0.286 × 0.8 = 0.23) none does, however many there are."""
    busy = evaluate(one_busy(make_subject, 0.95), Recommend())
    assert isinstance(busy, WhyNot), busy.target
    assert busy.reason == "busy"
    assert "0.95 of it on one" in busy.explanation
    light = advise(one_busy(make_subject, 0.3))
    assert light.evidence["speed_point"] * 0.8 >= 0.3
    assert light.evidence["load_on_one_needed"] == 0.3
    assert light.evidence["machines_if_slow"] is None
    assert light.saving.p10 == D("0.00")
    assert "At the low end of its speed one card would not do what one does now." in light.reason
    # replicas of a model that is all that runs there lie on as many cards as there are
    serving = advise(one_busy(make_subject, 0.95, model="chat", stage="inference_online"))
    assert serving.target == "g6e.12xlarge"
