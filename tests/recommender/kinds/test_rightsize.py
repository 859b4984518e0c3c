"""Sizes: chosen by a rule that is replayed on what came after what it was made from."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from aispend.sizing import PRESETS, Rightsize
from recommender.contract import Advice, WhyNot
from recommender.kinds.demand import demand_of, last_days
from recommender.kinds.limits import ModelNeed, holds_model, load_at
from recommender.kinds.rightsize import KIND, evaluate
from recommender.methods.risk import sees_month_end
from recommender.methods.throughput import ServedModel
from recommender.subjects.machines import Machine
from recommender.subjects.served_use import Use
from tests.recommender.conftest import GIB, history
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.served import bought
from tests.recommender.kinds.sizes import CHAT, FORTNIGHT, Make, sizes_of, two_of_eight
from tests.recommender.methods.shapes import LLAMA_8B, LLAMA_70B

OPTIONS = Rightsize()


def test_a_node_using_two_of_eight_accelerators_gets_a_smaller_one(make_subject: Make) -> None:
    memory = np.zeros((8, 14 * 24))
    memory[:2] = 8 * GIB
    accelerators = history(two_of_eight(), memory_bytes=0)
    accelerators = type(accelerators)(**{**vars(accelerators), "memory_used_max": memory})

    answer = evaluate(make_subject(accelerators=accelerators, **CHAT), Recommend())

    assert isinstance(answer, Advice), answer
    assert answer.evidence["concurrent_max"] == 2
    assert answer.evidence["preset"] == "default: load at p99.5, headroom 20 %, of memory 10 %"
    assert answer.evidence["replay_violation_minutes"] == 0
    assert answer.evidence["cost_basis"] == "effective cost of the bill's last days"
    assert answer.evidence["cost_until"] == "2026-11-20"
    assert answer.evidence["terraform"] == (
        f'# p4d.24xlarge before\nresource "aws_instance" "i-0a1b2c3d" {{\n  instance_type = "{answer.target}"\n}}'
    )
    current, proposed = (Decimal(str(answer.evidence[key])) for key in ("current_price", "proposed_price"))
    assert current == Decimal("21.957642")
    share = 1 - proposed / current
    # 480 a day for 730 h is 14,600; the list base is 600 a day, 18,250
    assert answer.saving.effective == (Decimal(14600) * share).quantize(Decimal("0.01"))
    assert answer.saving.list_cost == (Decimal(18250) * share).quantize(Decimal("0.01"))
    assert answer.violation_bound is not None
    assert answer.violation_bound <= Decimal("0.05")
    # NVMe disks inside a p4d.24xlarge's host, and A100s that may not come back
    assert answer.command.startswith("# disks inside the host are empty afterwards")
    assert answer.hard_to_regain
    assert answer.evidence["hard_to_regain"] == "often short in a zone"


@pytest.mark.parametrize(("by_work", "expected"), [(False, 1.0), (True, 10.0)])
def test_load_by_time_and_by_work(by_work: bool, expected: float) -> None:
    """Autopilot, Fig. 2: 1 for ninety units and 10 for ten; P90 of the time is 1, of the work 10."""
    load = np.concatenate([np.full(91, 1.0), np.full(9, 10.0), [np.nan]])
    assert load_at(load, 0.9, by_work=by_work) == expected


def test_presets_are_the_named_ones_and_own_values_come_first() -> None:
    assert [(name, *values.values()) for name, values in PRESETS.items()] == [
        ("max_savings", 0.90, 0.0, 0.10),
        ("balanced", 0.95, 0.30, 0.30),
        ("default", 0.995, 0.20, 0.10),
        ("max_performance", 0.995, 0.30, 0.30),
    ]
    assert Rightsize.model_validate({"preset": "balanced"}).memory_headroom == 0.30
    assert Rightsize.model_validate({"preset": "balanced", "percentile": 0.99}).percentile == 0.99
    assert Rightsize() == Rightsize.model_validate({"preset": "default"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "default: load at p99.5, headroom 20 %, of memory 10 %"),
        ({"preset": "max_savings"}, "max_savings: load at p90, headroom 0 %, of memory 10 %"),
        (
            {"preset": "balanced", "compute_headroom": 0.05},
            "balanced, with values of its own: load at p95, headroom 5 %, of memory 30 %",
        ),
    ],
)
def test_the_evidence_says_by_which_thresholds_a_size_was_chosen(given: dict[str, object], told: str) -> None:
    """A headroom of 5 % set beside the preset is not the preset's 30."""
    assert Rightsize.model_validate(given).in_words == told


@pytest.mark.parametrize(
    ("until", "days", "seen"),
    [
        (date(2026, 11, 21), 14, False),
        (date(2026, 11, 21), 21, True),
        (date(2026, 12, 1), 14, True),
        (date(2026, 11, 30), 14, False),
    ],
)
def test_a_month_end_is_in_the_window_or_not(until: date, days: int, seen: bool) -> None:
    """The window of 21 days before 21 November begins with 31 October; that before 1 December ends with the 30th."""
    assert sees_month_end(until, days) is seen


def test_without_a_month_end_confidence_is_medium_at_most(make_subject: Make) -> None:
    memory = np.zeros((8, 28 * 24))
    memory[:2] = GIB
    activity = np.zeros((8, 28 * 288))
    activity[:2] = np.random.default_rng(1).uniform(0.6, 0.95, (2, 28 * 288))
    accelerators = replace(history(activity, memory_bytes=0), memory_used_max=memory)
    subject = make_subject(
        days=28,
        instance_type="g5.48xlarge",
        accelerator_type="nvidia-a10g",
        accelerators=accelerators,
    )
    grades = {}
    for days in (14, 28):
        answer = evaluate(subject, Recommend.model_validate({"rightsize": {"window_days": days}}))
        assert isinstance(answer, Advice), answer
        assert answer.target == "g5.12xlarge"
        grades[days] = (answer.confidence, answer.evidence["month_end_seen"])
    assert grades == {14: ("medium", False), 28: ("high", True)}


def test_under_a_fortnight_is_low_evidence(make_subject: Make) -> None:
    """Ten days known: odd hours against even ones, and it is said."""
    activity = np.full((8, FORTNIGHT), np.nan)
    activity[:, 4 * 288 :] = two_of_eight()[:, 4 * 288 :]
    memory = np.zeros((8, 14 * 24))
    memory[:2] = GIB
    subject = make_subject(accelerators=replace(history(activity), memory_used_max=memory), **CHAT)
    subject = replace(subject, costs=subject.costs[4:])
    answer = evaluate(subject, Recommend())
    assert isinstance(answer, Advice), answer
    assert answer.evidence["replay"]["low_evidence"]
    assert answer.evidence["replay_hours"] == 240
    assert answer.confidence == "low"
    assert "Under 14 days" in answer.reason


def test_a_costly_failure_makes_it_not_worth_it(make_subject: Make) -> None:
    memory = np.zeros((8, 14 * 24))
    memory[:2] = 8 * GIB
    subject = make_subject(accelerators=replace(history(two_of_eight()), memory_used_max=memory), **CHAT)
    answer = evaluate(subject, Recommend.model_validate({"rightsize": {"violation_hour_cost": 1_000_000}}))
    assert isinstance(answer, WhyNot)
    assert answer.reason == "not_worth_it"


def test_a_degree_divides_the_heads_and_a_card_computes_the_precision(make_subject: Make) -> None:
    """Llama 3.1 8B: 16.06 GB in bf16, 1,000 tokens of cache 0.13 GB and 2 GB besides fit one A10G (21.6 GB usable)."""
    _, candidate = sizes_of(make_subject)
    model = ServedModel(LLAMA_8B)
    assert holds_model(ModelNeed(model, 1_000), candidate("g5.12xlarge"))
    # V100s and T4s have no bf16
    assert not holds_model(ModelNeed(model, 1_000), candidate("g4dn.12xlarge"))
    assert not holds_model(ModelNeed(replace(model, precision="fp8"), 1_000), candidate("g5.12xlarge"))
    # 70 B: 141.2 GB and 2 GB are more than eight times 21.6 GB leave for 200,000 tokens (65.5 GB)
    assert holds_model(ModelNeed(ServedModel(LLAMA_70B), 1_000), candidate("g5.48xlarge"))
    assert not holds_model(ModelNeed(ServedModel(LLAMA_70B), 200_000), candidate("g5.48xlarge"))


@pytest.mark.parametrize(("days", "reason"), [(range(13, 14), "on_spot"), (range(3), None)])
def test_a_machine_on_spot_is_given_no_size_by_prices_on_demand(
    make_subject: Make, days: range, reason: str | None
) -> None:
    """On demand 21.96 an hour would become 4.10 or so; on spot it pays 6.25, and what the other costs there is open."""
    subject = make_subject(accelerators=history(two_of_eight(), memory_bytes=GIB), **CHAT)
    answer = evaluate(bought(subject, days), Recommend())
    assert (answer.reason if isinstance(answer, WhyNot) else None) == reason


def test_reserved_memory_is_not_need_where_model_and_requests_are_known(make_subject: Make) -> None:
    """One engine reserves 0.9 of an A100 40 GB for a model of 16 GB: what is held fits no A10G, what is needed does."""
    hours = 14 * 24
    subject = make_subject(
        instance_type="p4d.24xlarge",
        model="llama-3.1-8b",
        stage="inference_online",
        accelerators=replace(history(two_of_eight(0.2)), memory_used_max=np.full((8, hours), 36e9)),
    )
    held = evaluate(subject, Recommend())
    asked = Use(np.full(hours, 100.0), np.full(hours, 5e4), np.full(hours, 2e4), np.full(hours, 0.25))
    needed = evaluate(replace(subject, use=asked), Recommend())
    assert isinstance(held, WhyNot)
    assert held.reason == "memory"
    assert isinstance(needed, Advice), needed
    # 0.25 at once on average, four times as many in the worst minute: 1 × (500 + 200) tokens
    assert needed.evidence["memory_basis"] == "weights and the cache of 700 tokens at once"
    # a log of one day of a fortnight, or latencies of one, have not seen what ran at once at most
    lately = np.arange(hours) >= hours - 24
    for seldom in (replace(asked, recorded=lately), replace(asked, running=np.where(lately, 0.25, np.nan))):
        unseen = evaluate(replace(subject, use=seldom), Recommend())
        assert isinstance(unseen, WhyNot)
        assert unseen.reason == "memory"
    # of a machine that other models share, what they hold is in no shape of this one
    shared = evaluate(replace(subject, use=asked, is_models_own=False), Recommend())
    assert isinstance(shared, WhyNot)
    assert shared.reason == "memory"


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


def test_unknown_slots_are_not_demand_of_zero() -> None:
    activity = np.full((2, 288), 0.5)
    activity[1, :12] = np.nan
    demand = demand_of(history(activity))
    assert np.isnan(demand.load[:12]).all()
    assert np.isnan(demand.concurrent[:12]).all()
    assert demand.load[12] == 1.0


def test_the_window_begins_with_what_is_known() -> None:
    """Of four days the first is unknown, and of the second the first half: three whole days are left."""
    activity = np.full((1, 4 * 288), 0.5)
    activity[:, : 288 + 144] = np.nan
    demand = last_days(demand_of(history(activity)), 14)
    assert demand.memory is not None
    assert (demand.load.size, demand.memory.size) == (3 * 288, 72)


@given(st.lists(st.floats(0, 8), min_size=1, max_size=60), st.floats(0, 1))
def test_load_by_work_is_never_below_load_by_time(load: list[float], share: float) -> None:
    series = np.array(load)
    by_time, by_work = (load_at(series, share, by_work=flag) for flag in (False, True))
    assert by_time == pytest.approx(np.quantile(series, share))
    assert by_time <= by_work <= series.max() + 1e-12


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
        held = replace(history(two_of_eight(), memory_bytes=0), memory_used_max=memory)
        return make_subject(accelerators=held, **CHAT)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Machine:
        return make_subject(accelerators=None)
