"""Sizes: chosen on the earlier part of the history, replayed on the later."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend, Rightsize
from recommender.contract import Advice, WhyNot
from recommender.kinds.limits import Capacity, Demand, fits
from recommender.kinds.rightsize import KIND, demand_of, evaluate, replay
from recommender.subjects.machines import Machine
from tests.recommender.conftest import GIB, history
from tests.recommender.kinds.contract import KindContract

FORTNIGHT = 14 * 288
OPTIONS = Rightsize()
Make = Callable[..., Machine]


def two_of_eight(level: float = 0.5) -> np.ndarray:
    """Eight A100s of which two ever work, and never both idle for a whole day."""
    activity = np.zeros((8, FORTNIGHT))
    activity[0, ::2] = level
    activity[1, 1::3] = level
    return activity


def test_a_node_using_two_of_eight_accelerators_gets_a_smaller_one(make_subject: Make) -> None:
    memory = np.zeros((8, 14 * 24))
    memory[:2] = 8 * GIB
    accelerators = history(two_of_eight(), memory_bytes=0)
    accelerators = type(accelerators)(**{**vars(accelerators), "memory_used_max": memory})

    answer = evaluate(make_subject(accelerators=accelerators), Recommend())

    assert isinstance(answer, Advice), answer
    assert answer.evidence["concurrent_max"] == 2
    assert answer.evidence["replay_violation_minutes"] == 0
    assert answer.evidence["cost_basis"] == "effective cost of the bill's last days"
    assert answer.evidence["cost_until"] == "2026-11-20"
    current, proposed = (Decimal(str(answer.evidence[key])) for key in ("current_price", "proposed_price"))
    assert current == Decimal("21.957642")
    share = 1 - proposed / current
    # 480 a day for 730 h is 14,600; the list base is 600 a day, 18,250
    assert answer.saving.effective == (Decimal(14600) * share).quantize(Decimal("0.01"))
    assert answer.saving.list_cost == (Decimal(18250) * share).quantize(Decimal("0.01"))
    assert answer.violation_bound is not None
    assert answer.violation_bound <= Decimal("0.05")


def test_memory_is_a_cliff_and_is_never_sized_by_percentile() -> None:
    load = np.full(288, 0.1)
    memory = np.full(24, 1e9)
    memory[5] = 30e9
    demand = Demand(load, np.ones(288), memory)
    assert not fits(demand, Capacity(load=1, devices=1, memory=24e9), OPTIONS)
    assert fits(demand, Capacity(load=1, devices=1, memory=40e9), OPTIONS)


def test_demand_in_the_held_out_part_refuses_a_size_chosen_before_it(make_subject: Make) -> None:
    activity = two_of_eight(0.3)
    activity[:, 10 * 288 :] = 0.9
    accelerators = history(activity, memory_bytes=1 * GIB)
    answer = evaluate(make_subject(accelerators=accelerators), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason in {"replay_failed", "busy"}


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"accelerators": None}, "telemetry_missing"),
        ({"instance_type": "x9.unknown"}, "unpriced"),
    ],
)
def test_what_is_not_known_gives_no_size(make_subject: Make, overrides: dict[str, object], reason: str) -> None:
    values = {"accelerators": history(two_of_eight())} | overrides
    answer = evaluate(make_subject(**values), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == reason


def test_utilization_alone_proves_no_need(make_subject: Make) -> None:
    accelerators = history(two_of_eight(), counter="gpu_utilization", power=None)
    answer = evaluate(make_subject(accelerators=accelerators), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "telemetry_grade"


def test_eight_busy_accelerators_stay(make_subject: Make) -> None:
    answer = evaluate(make_subject(accelerators=history(np.full((8, FORTNIGHT), 0.9))), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "busy"


def test_replay_counts_minutes_over_capacity() -> None:
    load = np.zeros(288)
    load[10:13] = 2.5
    outcome = replay(Demand(load, np.ones(288), np.full(24, 1e9)), Capacity(load=2, devices=2, memory=80e9), OPTIONS)
    assert outcome.violation_minutes == 15
    assert outcome.worst_overload == 0.25
    assert outcome.hours == 24


def test_unknown_slots_are_not_demand_of_zero() -> None:
    activity = np.full((2, 288), 0.5)
    activity[1, :12] = np.nan
    demand = demand_of(history(activity))
    assert np.isnan(demand.load[:12]).all()
    assert np.isnan(demand.concurrent[:12]).all()
    assert demand.load[12] == 1.0


@given(st.floats(0.1, 8), st.floats(0.1, 8), st.integers(0, 2**32 - 1))
def test_a_larger_capacity_never_violates_more(small: float, extra: float, seed: int) -> None:
    load = np.random.default_rng(seed).uniform(0, 8, 288)
    demand = Demand(load, np.ones(288), np.full(24, 1e9))
    less = replay(demand, Capacity(small, 8, 80e9), OPTIONS)
    more = replay(demand, Capacity(small + extra, 8, 80e9), OPTIONS)
    assert more.violation_minutes <= less.violation_minutes
    assert more.bound <= less.bound + 1e-9


def style_embed(make_subject: Make, *, memory_bytes: float) -> Machine:
    """One A100 80 GB of Google's, in use a tenth of the time."""
    return make_subject(
        provider="gcp",
        region="us-central1",
        instance_type="a2-ultragpu-1g",
        accelerator_type="nvidia-a100-80gb",
        accelerator_count=Decimal(1),
        accelerators=history(np.tile(np.array([[0.1, 0.0]]), FORTNIGHT // 2), memory_bytes=memory_bytes),
    )


def test_host_memory_that_decides_is_the_reason(make_subject: Make) -> None:
    """g2-standard-12 has an L4 with 24 GB, 12 vCPUs as now, and 48 GiB of the 170 GiB its host has now."""
    answer = evaluate(style_embed(make_subject, memory_bytes=8 * GIB), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "host"
    assert "12 vCPUs and 170 GiB" in answer.explanation
    assert "active" not in answer.explanation


def test_memory_in_use_that_decides_is_the_reason(make_subject: Make) -> None:
    """70 GiB fit no card of less than 80 GB, however little it does."""
    answer = evaluate(style_embed(make_subject, memory_bytes=70 * GIB), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "memory"
    assert "70.0 GiB" in answer.explanation


def test_load_that_decides_is_the_reason(make_subject: Make) -> None:
    answer = evaluate(make_subject(accelerators=history(np.full((8, FORTNIGHT), 0.9), memory_bytes=GIB)), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "busy"
    assert "7.20 of its 8" in answer.explanation


def test_the_smallest_type_is_not_called_busy(make_subject: Make) -> None:
    accelerators = history(np.full((1, FORTNIGHT), 0.1), memory_bytes=GIB)
    subject = make_subject(
        instance_type="g6f.large",
        accelerator_type="nvidia-l4",
        accelerator_count=Decimal(1),
        accelerators=accelerators,
    )
    answer = evaluate(subject, Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "smallest"


@pytest.mark.parametrize(("tags", "reason"), [({}, "idle"), ({"Keep": "dr"}, "excluded")])
def test_no_work_gives_no_size_and_promises_no_other_advice(
    make_subject: Make, tags: dict[str, str], reason: str
) -> None:
    answer = evaluate(make_subject(tags=tags), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == reason
    assert "see the advice" not in answer.explanation


class TestRightsizeContract(KindContract):
    """Two of eight A100s busy for a fortnight; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Machine:
        memory = np.zeros((8, 14 * 24))
        memory[:2] = 8 * GIB
        return make_subject(accelerators=replace(history(two_of_eight(), memory_bytes=0), memory_used_max=memory))

    @pytest.fixture
    def blind(self, make_subject: Make) -> Machine:
        return make_subject(accelerators=None)
