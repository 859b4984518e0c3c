"""Moves to other accelerators: whole machines, prices against measured speed, and what is never offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from aispend.moving import Accelerators, OwnRatio
from aispend.prices.accelerators import instance_types
from recommender.contract import Advice, Subject, WhyNot
from recommender.kinds import other_types
from recommender.kinds.accelerator import KIND, evaluate
from recommender.methods.realised_ratio import MeasuredRatio, Ratio, RealisedRatio
from recommender.subjects.services import Service
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.served import HOURS, Make, at_costs, bought, service_of

SETTINGS = Recommend()
A10G: dict[str, Any] = {
    "instance_type": "g5.xlarge",
    "accelerator_type": "nvidia-a10g",
    "accelerator_count": Decimal(1),
    "stage": "inference_online",
    "model": "acme-ranker",
}


def a10g(make_subject: Make, load: float | np.ndarray | None = 0.5, machines: int = 1, **more: Any) -> Service:
    """g5.xlarge at $1.006 an hour, one A10G, 20 GB held; beside g6.xlarge at $0.8048 with an L4."""
    made = [make_subject(resource_id=f"i-{n}", resource_key=n, **(A10G | more)) for n in range(1, machines + 1)]
    return service_of(made, load=load, memory=20e9)


def told(ratio: float, target: str = "nvidia-l4", **more: Any) -> Recommend:
    """One's own benchmark of an A10G against a target."""
    own = OwnRatio(present="nvidia-a10g", target=target, ratio=ratio, on=date(2026, 10, 1), source="bench/7")
    return Recommend(accelerator=Accelerators(measured=(own,), **more))


def advise(subject: Service, settings: Recommend) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Service, settings: Recommend = SETTINGS) -> WhyNot:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer


def test_a_move_whose_price_falls_more_than_its_speed_is_offered(make_subject: Make) -> None:
    """0.5 of an A10G is 0.5 ÷ 0.95 of an L4 and fits within 80 % of one: 1 − 0.8048 ÷ 1.006 = 20 % less."""
    advice = advise(a10g(make_subject), told(0.95))

    assert advice.target == "g6.xlarge"
    assert advice.saving.effective == Decimal("2920.00")
    # no end of a month in the fortnight before 21 November
    assert (advice.confidence, advice.gate) == ("medium", None)
    assert advise(a10g(make_subject), told(0.95, window_days=28)).confidence == "high"
    assert advice.evidence["replay"]["violation_minutes"] == 0
    assert "bench/7" in advice.reason
    # the price ratio is 0.8, and 0.5 ÷ 0.8 of an L4 is less
    assert advice.evidence["speed_needed"] == pytest.approx(0.8)
    assert "# ask for quota of g6.xlarge in us-east-1 first" in advice.command
    assert 'instance_type = "g6.xlarge"' in advice.evidence["terraform"]
    assert "count" not in advice.evidence["terraform"]


def test_what_is_paid_on_spot_is_not_compared_with_a_price_on_demand(make_subject: Make) -> None:
    """At 150 a day g6.xlarge on demand, 0.8 of 480, would cost 384: also where the first day was on demand, or one of
    two machines is."""
    first = make_subject(**A10G, resource_id="i-1", resource_key=1)
    second = make_subject(**A10G, resource_id="i-2", resource_key=2)
    for machines in (
        [bought(first, range(14))],
        [bought(first, range(1, 14))],
        [bought(first, range(13))],
        [first, bought(second, range(14))],
    ):
        assert refuse(service_of(machines, load=0.5, memory=20e9), told(0.95)).reason == "on_spot"
    assert advise(service_of([bought(first, range(7))], load=0.5, memory=20e9), told(0.95)).target == "g6.xlarge"


def test_at_a_speed_below_the_price_ratio_the_move_does_not_pay(make_subject: Make) -> None:
    """T9.1: 0.8048 ÷ 1.006 = 0.8; what does 0.79 of the work for it is dearer."""
    assert "g6.xlarge" not in str(refuse_or_target(a10g(make_subject), told(0.79)))


def refuse_or_target(subject: Service, settings: Recommend) -> str:
    answer = evaluate(subject, settings)
    return answer.target if isinstance(answer, Advice) else answer.reason


def test_machines_are_whole_and_two_where_several_serve(make_subject: Make) -> None:
    """Three of 0.5 are 1.5 A10G: 1.5 ÷ (0.95 × 0.8) = 1.97, two L4 machines; of 0.1 one would do, and two must be."""
    three = advise(a10g(make_subject, machines=3), told(0.95))
    assert three.target == "g6.xlarge"
    assert three.evidence["machines"] == 2
    # 3 × 14,600 × (1 − 2 × 0.8048 ÷ (3 × 1.006))
    assert three.saving.effective == pytest.approx(Decimal(43800) * Decimal("0.466667"), abs=Decimal(1))
    assert advise(a10g(make_subject, 0.1, machines=3), told(0.95)).evidence["machines"] == 2


@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 100), st.integers(0, 50), st.integers(1, 60))
def test_machines_are_the_fewest_that_carry_the_load(cards: int, speed: int, headroom: int, machines: int) -> None:
    """In hundredths, exactly: a load that fills so many machines takes no more, and one above it takes one more."""
    card = next(one for one in instance_types().values() if one.accelerators == cards)
    of_each = Fraction(cards * speed * (100 - headroom), 10_000)
    ratio = speed / 100
    found = [
        other_types.machines_for(
            np.full(24, float(load)), np.zeros(24), target=card,
            speed=other_types.Speed(Ratio(ratio, ratio, ratio), "own", "bench"),
            work=other_types.Work(np.zeros(1), np.zeros(1), 0.0, 0.0, False, None, "bf16", 1, True),
            options=Accelerators(headroom=headroom / 100),
        )
        for load in (machines * of_each, machines * of_each + Fraction(1, 1000))
    ]  # fmt: skip
    assert found == [machines, machines + 1]


def v100(make_subject: Make, load: float) -> Service:
    """p3.2xlarge at $3.06 an hour, beside g5.xlarge at $1.006 with an A10G, which nobody measured against its V100."""
    card = {"instance_type": "p3.2xlarge", "accelerator_type": "nvidia-v100-16gb", "accelerator_count": Decimal(1)}
    return service_of([make_subject(stage="inference_online", model="acme", **card)], load=load, memory=12e9)


def test_a_move_nobody_measured_waits_for_a_benchmark(make_subject: Make) -> None:
    """A V100 at 3.06 an hour beside an A10G at 1.006: by bandwidth 600 ÷ 900, by FLOPS 70 ÷ 125, nobody measured it."""
    advice = advise(v100(make_subject, 0.3), SETTINGS)
    assert advice.confidence == "low"
    assert advice.gate
    assert advice.gate.startswith("a benchmark of your own")
    assert advice.reason.lower().count("benchmark first") == 1


@pytest.mark.parametrize(
    ("load", "slow", "low"),
    [
        (0.3, 1, Decimal("9800.13")),  # 14,600 × (1 − 1.006 ÷ 3.06): within 0.378 × 0.8 = 0.3024
        (0.4, 2, Decimal("5000.26")),  # 14,600 × (1 − 2.012 ÷ 3.06)
        (0.45, 3, Decimal("3080.24")),  # two L4s at 0.3, three at 0.225: 14,600 × (1 − 3 × 0.8048 ÷ 3.06)
    ],
)
def test_the_range_goes_down_to_the_machines_it_takes_at_the_low_end_of_the_speed(
    make_subject: Make, load: float, slow: int, low: Decimal
) -> None:
    """70 ÷ 125 × 0.9 = 0.504 of a V100, 25 % less 0.378. A few hours of the month may fall short besides."""
    found = advise(v100(make_subject, load), SETTINGS)
    assert found.evidence["machines_if_slow"] == slow
    assert found.saving.p10 == pytest.approx(low, rel=Decimal("0.01"))
    assert found.saving.p50 == pytest.approx(found.saving.net, rel=Decimal("0.002"))
    assert found.saving.p90 == found.saving.net
    assert ("the low end of the other card's speed" in found.saving.range_from) is (slow > 1)
    assert (f"it takes {slow} of them" in found.reason) is (slow > 1)


def test_a_low_end_at_which_the_move_costs_more_saves_nothing_and_says_so(
    make_subject: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured, from 0.15 to 0.67: at 0.15 a load of 0.4 takes 0.4 ÷ (0.15 × 0.8), four A10Gs: 4.024 beside 3.06."""
    row = MeasuredRatio(
        from_accelerator="nvidia-v100-16gb", to_accelerator="nvidia-a10g", precision="bf16", to_precision="bf16",
        phase="serving", low=0.15, point=0.5, high=0.67, spread="", measured=date(2026, 6, 1), engine="vllm",
        source="bench/9",
    )  # fmt: skip
    speed = RealisedRatio(Ratio(row.low, row.point, row.high), "measured", None, row)
    monkeypatch.setattr(other_types, "realised_ratio", lambda _, to, **__: speed if to.name == "nvidia-a10g" else None)
    found = advise(v100(make_subject, 0.4), SETTINGS)
    assert found.gate is None
    assert found.saving.net == Decimal("9800.13")
    assert (found.saving.p10, found.saving.p90) == (Decimal(0), found.saving.net)
    assert "it takes 4 of them, for 4.024 an hour, more than now" in found.reason


def test_one_s_own_benchmark_has_no_low_end(make_subject: Make) -> None:
    found = advise(a10g(make_subject), told(0.95))
    assert found.evidence["machines_if_slow"] == found.evidence["machines"] == 1
    assert found.saving.range_from == "hours in which it may fall short"


def test_what_does_not_hold_the_work_is_never_offered_at_any_price(make_subject: Make) -> None:
    """22 GB held and a tenth above it do not fit into 24 GB, nor is a model split over cards without a fast link."""
    held = a10g(make_subject)
    members = tuple(replace(member, memory=np.full(HOURS, 22e9)) for member in held.members)
    answer = refuse_or_target(replace(held, members=members), told(0.95))
    assert "g6.xlarge" not in answer
    assert "g6.12xlarge" not in answer


@pytest.mark.parametrize(
    ("on_each", "own", "offered"),
    [
        ((30e9,) * 8, False, True),
        # one card of 40 GB holds 36 of 70; a model nobody knows may not be split
        ((70e9, *(0.0,) * 7), False, False),
        # whoever ran it there has split it
        ((70e9, *(0.0,) * 7), True, True),
    ],
)
def test_what_one_card_holds_is_not_split_over_smaller_ones_unless_one_has_tried_it(
    make_subject: Make, monkeypatch: pytest.MonkeyPatch, on_each: tuple[float, ...], own: bool, offered: bool
) -> None:
    """A p4de.24xlarge with A100s of 80 GB beside a p4d.24xlarge with those of 40, nearly as fast for a fifth less."""
    speed = RealisedRatio(Ratio(0.95, 0.95, 0.95), "measured", None, None)
    monkeypatch.setattr(
        other_types, "realised_ratio", lambda _, to, **__: speed if to.name == "nvidia-a100-40gb" else None
    )
    card = {"instance_type": "p4de.24xlarge", "accelerator_type": "nvidia-a100-80gb", "accelerator_count": Decimal(8)}
    found = service_of([make_subject(stage="inference_online", model="acme", **card)], load=1.0)
    (member,) = found.members
    found = replace(found, members=(replace(member, memory=np.full(HOURS, sum(on_each)), on_each=on_each),))
    row = OwnRatio(
        present="nvidia-a100-80gb", target="nvidia-a100-40gb", ratio=0.95, on=date(2026, 10, 1), source="bench/8"
    )
    settings = Recommend(accelerator=Accelerators(measured=(row,))) if own else SETTINGS
    assert (refuse_or_target(found, settings) == "p4d.24xlarge") is offered


@pytest.mark.parametrize(
    ("model", "own", "level", "offered"),
    [(None, True, 0.9, False), (None, True, 0.75, True), ("acme", True, 0.9, True), ("acme", False, 0.9, False)],
)
def test_what_one_card_does_is_not_split_over_slower_ones_where_nobody_knows_the_model(
    make_subject: Make, model: str | None, own: bool, level: float, offered: bool
) -> None:
    """One of eight A100s of 80 GB works. Those of 40 are 0.95 times as fast for a fifth less: one carries 0.76 of it
    (0.95 × 0.8), and a second one is of no use to what is not known to be split: of no model, or of several that share
    the machine."""
    card = {"instance_type": "p4de.24xlarge", "accelerator_type": "nvidia-a100-80gb", "accelerator_count": Decimal(8)}
    machine = make_subject(stage="inference_online", model=model, is_models_own=own, **card)
    found = service_of([machine], load=level, memory=8e9)
    (member,) = found.members
    found = replace(found, members=(replace(member, load_on_one=np.full(HOURS, level)),))
    row = OwnRatio(
        present="nvidia-a100-80gb", target="nvidia-a100-40gb", ratio=0.95, on=date(2026, 10, 1), source="bench/8"
    )
    settings = Recommend(accelerator=Accelerators(measured=(row,)))
    assert (refuse_or_target(found, settings) == "p4d.24xlarge") is offered


def test_machines_that_train_together_hold_together_what_they_hold_now(make_subject: Make) -> None:
    """Three of a gang at a tenth hold 20 GB of the model each: one L4 of 24 GB does the work of 0.3 and holds none of
    60; 60 ÷ 21.6 take three. Those that prepare data each hold the same, and one is enough."""
    gang = advise(a10g(make_subject, load=0.1, machines=3, stage="training", fleet="gang"), told(0.95))
    assert gang.evidence["machines"] == 3
    assert gang.saving.effective == Decimal("8760.00")
    data = advise(a10g(make_subject, load=0.1, machines=3, stage="data"), told(0.95))
    assert data.evidence["machines"] == 1


def test_memory_known_for_a_day_says_nothing_of_its_peak(make_subject: Make) -> None:
    """The last day of a fortnight of which all load is known."""
    subject = a10g(make_subject)
    (one,) = subject.members
    lately = np.where(np.arange(HOURS) < HOURS - 24, np.nan, one.memory)
    answer = refuse(replace(subject, members=(replace(one, memory=lately),)), told(0.95))
    assert answer.reason == "telemetry_missing"
    assert "Memory in use is known for 7 % of the measured hours; 80 % is needed" in answer.explanation


def test_bf16_is_not_moved_to_a_card_without_it(make_subject: Make) -> None:
    """T4s are half the price of an A10G, and of Turing: no bf16."""
    assert "g4dn" not in refuse_or_target(a10g(make_subject), told(2.0, "nvidia-t4"))


def test_another_maker_is_named_and_not_offered(make_subject: Make) -> None:
    """inf2.xlarge at $0.7582 is cheaper, and nobody measured it against an A10G."""
    answer = refuse(a10g(make_subject, 0.75), told(0.5))
    assert answer.reason == "best_here"
    assert "inf2.xlarge (aws-inferentia2)" in answer.explanation


def test_another_maker_one_has_measured_oneself_is_a_port(make_subject: Make) -> None:
    advice = advise(a10g(make_subject), told(1.5, "aws-inferentia2"))
    assert advice.target == "inf2.xlarge"
    assert advice.effort == "very_high"


@pytest.mark.parametrize(("load", "reason"), [(None, "telemetry_missing"), (0.0, "idle")])
def test_without_demand_nothing_is_chosen(make_subject: Make, load: float | None, reason: str) -> None:
    assert refuse(a10g(make_subject, load), told(0.95)).reason == reason


def test_utilization_alone_chooses_nothing(make_subject: Make) -> None:
    service = a10g(make_subject)
    blind = replace(service, members=tuple(replace(member, graded=False) for member in service.members))
    assert refuse(blind, told(0.95)).reason == "telemetry_grade"


def test_a_burst_late_in_the_window_fails_the_replay(make_subject: Make) -> None:
    """A thousandth of the time is beyond the percentile, and three hours a day in the last week are not."""
    load = np.full(HOURS, 0.2)
    load[-7 * 24 :] = np.where(np.arange(7 * 24) % 24 < 3, 3.0, 0.2)
    three = a10g(make_subject, load / 3, machines=3)
    answer = evaluate(three, told(0.95, percentile=0.5))
    assert isinstance(answer, WhyNot)
    assert answer.reason == "replay_failed"


class TestAcceleratorContract(KindContract):
    """An A10G beside an L4; and one never measured. Its own benchmark comes with the settings."""

    kind = KIND

    def ask(self, subject: Subject) -> Any:
        assert isinstance(subject, Service)
        return evaluate(subject, told(0.95))

    @pytest.fixture
    def advised(self, make_subject: Make) -> Service:
        return a10g(make_subject)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Service:
        return a10g(make_subject, None)

    def with_costs(self, subject: Subject, costs: Sequence[Any]) -> Subject:
        assert isinstance(subject, Service)
        return at_costs(subject)
