"""What a size would have met on history: counted by hand, bounded as published, and never on unknown hours."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.folds import Fold, Folds, Slots, make_folds
from recommender.methods.outcome import Capacity, Demand, DemandAt, outcome
from recommender.methods.replay import Policy, expected_value, fixed, replay

FOUR = Capacity(load=4, cost=8)
SIZES = [Capacity(load=size, cost=2 * size) for size in (1, 2, 3)]


def test_no_violation_in_720_hours_is_at_most_0_417_percent() -> None:
    found = outcome(Demand(np.full(720, 1.0), slots_per_hour=1), Capacity(load=2))
    assert (found.hours, found.violation_minutes) == (720, 0)
    assert found.bound == pytest.approx(0.00417, abs=5e-6)
    assert found.risk == 1


def test_minutes_hours_overload_and_slack_are_counted() -> None:
    """Twelve hours of five-minute slots: two slots of one hour at 3 of 2, one at 1.8 (above 80 %), the rest at 1."""
    load = np.full(144, 1.0)
    load[[13, 14]] = 3
    load[30] = 1.8
    found = outcome(Demand(load), Capacity(load=2))
    assert (found.violation_minutes, found.violation_hours, found.risk_minutes) == (10, 1, 15)
    assert found.worst_overload == pytest.approx(0.5)
    assert found.slack == pytest.approx((141 * 0.5 + 2 * -0.5 + 0.1) / 144)


def test_concurrency_and_memory_by_the_hour_are_limits_too() -> None:
    concurrent, memory = np.zeros(24), np.array([10.0, 50.0])
    concurrent[3] = 4
    demand = Demand(np.zeros(24), concurrent, memory)
    assert outcome(demand, Capacity(load=2, devices=2)).violation_minutes == 5
    assert outcome(demand, Capacity(load=2, memory=40)).violation_minutes == 60
    assert outcome(demand, Capacity(load=2, devices=2, memory=40)).worst_overload == pytest.approx(1)
    assert outcome(demand, Capacity(load=2)).violation_minutes == 0


def test_what_one_device_holds_is_a_limit_of_its_own() -> None:
    """Two devices hold 60 together in both hours: 30 each, then 50 and 10, which a device of 40 does not take."""
    demand = Demand(np.zeros(24), memory=np.array([60.0, 60.0]), on_one=np.array([30.0, 50.0]))
    assert outcome(demand, Capacity(load=2, memory=80)).violation_minutes == 0
    assert outcome(demand, Capacity(load=2, memory=80, on_one=40)).violation_minutes == 60
    assert outcome(demand, Capacity(load=2, memory=80, on_one=40)).worst_overload == pytest.approx(0.25)
    folds = Folds((Fold(np.arange(12), np.arange(12, 24)),), low_evidence=False)
    present = Capacity(load=4, cost=2)
    found = replay(fixed(Capacity(load=2, on_one=40, cost=1)), demand, folds, current=present)
    assert found.outcome.violation_minutes == 60
    # hindsight would not have chosen it either
    small = Capacity(load=2, on_one=40, cost=1)
    assert replay(fixed(present), demand, folds, current=present, sizes=[small]).regret == 0
    with pytest.raises(ValueError, match="5 values"):
        Demand(np.zeros(24), on_one=np.zeros(5))


def test_unknown_is_not_evidence() -> None:
    """Half the hours are unknown: 360 are judged and the bound is 3/360, not 3/720."""
    load = np.full(720, 1.0)
    load[::2] = np.nan
    found = outcome(Demand(load, slots_per_hour=1), Capacity(load=2))
    assert found.hours == 360
    assert found.bound == pytest.approx(3 / 360)


def test_hours_known_in_part_count_as_that_part() -> None:
    load = np.full(720 * 12, np.nan)
    load[::12] = 1
    found = outcome(Demand(load), Capacity(load=2))
    assert found.hours == pytest.approx(60)
    assert found.bound == pytest.approx(3 / 60)


def test_a_part_of_dependent_hours_is_worth_that_part_of_them() -> None:
    load = np.repeat(np.random.default_rng(4).random(60), 12 * 12)
    part = np.full(load.size, np.nan)
    part[::12] = load[::12]
    whole, twelfth = (outcome(Demand(one), Capacity(load=2)) for one in (load, part))
    assert whole.effective_hours < 720 / 2
    assert twelfth.effective_hours == pytest.approx(whole.effective_hours / 12)


def test_memory_unknown_where_it_has_a_limit_is_unknown_unless_load_fails_anyway() -> None:
    demand = Demand(np.array([1.0, 5.0]), memory=np.array([np.nan, np.nan]), slots_per_hour=1)
    found = outcome(demand, Capacity(load=2, memory=10))
    assert (found.hours, found.violation_minutes) == (1, 60)


def test_nothing_known_promises_nothing() -> None:
    found = outcome(Demand(np.full(24, np.nan), slots_per_hour=1), Capacity(load=2))
    assert (found.hours, found.bound, found.risk, found.slack) == (0, 1.0, 4, None)


def test_series_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="by hour"):
        Demand(np.zeros(24), memory=np.zeros(5))
    with pytest.raises(ValueError, match="concurrency"):
        Demand(np.zeros(24), np.zeros(23))


def test_a_policy_sees_the_past_alone_and_is_judged_on_what_follows() -> None:
    """Load doubles in the last week: sizes learnt before fail there, and the memory of it is in the last fold only."""
    load = np.full(28 * 24, 1.5)
    load[21 * 24 :] = 3
    seen: list[float] = []

    def learn(train: DemandAt, test: Slots) -> Capacity:
        assert train.slots.max() < test.min()
        seen.append(float(train.load.max()))
        return Capacity(load=2, cost=4)

    found = replay(learn, Demand(load, slots_per_hour=1), make_folds(28 * 24, 1), current=FOUR)
    assert seen == [1.5, 1.5, 1.5]
    assert found.outcome.hours == 21 * 24
    assert found.outcome.violation_hours == 7 * 24
    assert found.saved_share == 0.5
    assert found.regret is None


def cheapest_that_fits(sizes: Sequence[Capacity]) -> Policy:
    """Load at P99.5 within the target share, memory by its maximum and 10 %."""

    def fits(train: DemandAt, size: Capacity) -> bool:
        holds = train.memory is None or np.nanmax(train.memory) <= np.min(size.memory) * 0.9
        return bool(holds and np.nanquantile(train.load, 0.995) <= np.min(size.load) * size.target)

    def choose(train: DemandAt, test: Slots) -> Capacity | None:
        by_cost = sorted(sizes, key=lambda one: float(np.mean(one.cost)))
        return next((size for size in by_cost if fits(train, size)), None)

    return choose


def test_regret_is_what_the_best_size_would_have_saved_more() -> None:
    """Load 1.5: two would hold (half saved), and P99.5 within 80 % asks for two as well; three saves a quarter."""
    demand, folds = Demand(np.full(28 * 24, 1.5), slots_per_hour=1), make_folds(28 * 24, 1)
    chosen = replay(cheapest_that_fits(SIZES), demand, folds, current=FOUR, sizes=SIZES)
    assert (chosen.saved_share, chosen.regret) == (0.5, 0)
    careful = replay(fixed(SIZES[2]), demand, folds, current=FOUR, sizes=SIZES)
    assert (careful.saved_share, careful.regret) == (0.25, 0.25)


def test_a_policy_without_an_answer_keeps_what_there_is() -> None:
    demand, folds = Demand(np.full(28 * 24, 3.9), slots_per_hour=1), make_folds(28 * 24, 1)
    found = replay(cheapest_that_fits(SIZES), demand, folds, current=FOUR, sizes=SIZES)
    assert (found.saved_share, found.regret, found.outcome.violation_minutes) == (0, 0, 0)
    assert found.capacities == (None, None, None)


def test_memory_is_fitted_by_its_maximum() -> None:
    memory = np.full(28 * 24, 10.0)
    memory[5] = 38
    demand = Demand(np.full(28 * 24, 0.5), memory=memory, slots_per_hour=1)
    sizes = [Capacity(load=1, memory=40, cost=1), Capacity(load=1, memory=80, cost=2)]
    found = replay(cheapest_that_fits(sizes), demand, make_folds(28 * 24, 1), current=FOUR)
    assert [one.memory for one in found.capacities if one] == [80, 80, 80]


def test_a_slot_tested_by_several_folds_counts_once() -> None:
    load = np.full(14 * 24, 1.0)
    load[10 * 24] = 9
    found = replay(fixed(FOUR), Demand(load, slots_per_hour=1), make_folds(14 * 24, 1), current=FOUR)
    assert found.outcome.hours == 9 * 24
    assert found.outcome.violation_minutes == 60


def test_a_capacity_by_the_slot_is_a_schedule() -> None:
    load = np.tile(np.repeat([3.0, 1.0], 12), 28)

    def by_day(train: DemandAt, test: Slots) -> Capacity:
        high = test % 24 < 12
        return Capacity(load=np.where(high, 4, 2), cost=np.where(high, 8, 4))

    found = replay(by_day, Demand(load, slots_per_hour=1), make_folds(28 * 24, 1), current=FOUR)
    assert found.saved_share == pytest.approx(0.25)
    assert found.outcome.violation_minutes == 0


def halves(savings: tuple[float, float]) -> tuple[Policy, Folds]:
    folds = Folds((Fold(np.arange(10), np.arange(10, 20)), Fold(np.arange(20), np.arange(20, 30))), low_evidence=False)
    return (lambda train, test: Capacity(load=9, cost=8 * (1 - savings[test[0] // 20]))), folds


def test_expected_value_is_savings_less_violations_and_one_off_cost() -> None:
    """20 h without a violation: P = 0.5/21 in the middle; 730 h × ($8 × 0.5 − $10 × P) − $100."""
    policy, folds = halves((0.5, 0.5))
    found = replay(policy, Demand(np.ones(30), slots_per_hour=1), folds, current=FOUR)
    value = expected_value(found, cost_per_hour=8, cost_per_violation_hour=10, one_off=100)
    assert value.p_violation == pytest.approx(0.5 / 21)
    assert value.mean == pytest.approx(730 * (4 - 10 * 0.5 / 21) - 100)
    # the upper quartile of Beta(0.5, 20.5) is 0.0323
    assert value.lower_quartile == pytest.approx(730 * (4 - 10 * 0.0323) - 100, rel=0.01)
    assert expected_value(found, cost_per_hour=8, cost_per_violation_hour=10, one_off=100) == value


def test_a_saving_that_varies_lowers_the_quartile_and_not_the_mean() -> None:
    """The worse of two folds saved 10 %, and it is one draw in two."""
    values = []
    for savings in ((0.5, 0.5), (0.9, 0.1)):
        policy, folds = halves(savings)
        found = replay(policy, Demand(np.ones(30), slots_per_hour=1), folds, current=FOUR)
        values.append(expected_value(found, cost_per_hour=8, cost_per_violation_hour=0))
    assert [one.mean for one in values] == pytest.approx([730 * 4, 730 * 4])
    assert [one.lower_quartile for one in values] == pytest.approx([730 * 4, 730 * 0.8])


def test_nothing_known_is_taken_for_failure() -> None:
    policy, folds = halves((0.5, 0.5))
    found = replay(policy, Demand(np.full(30, np.nan), slots_per_hour=1), folds, current=FOUR)
    value = expected_value(found, cost_per_hour=8, cost_per_violation_hour=10)
    assert (value.p_violation, value.lower_quartile) == (1, pytest.approx(730 * (4 - 10)))


LOADS = st.lists(st.one_of(st.floats(0, 10), st.just(float("nan"))), min_size=48, max_size=200).map(np.array)


@given(LOADS, st.floats(0.1, 10), st.floats(1, 3))
def test_more_capacity_never_fails_more(load: np.ndarray, size: float, factor: float) -> None:
    small, large = (outcome(Demand(load, slots_per_hour=4), Capacity(load=one)) for one in (size, size * factor))
    assert large.violation_minutes <= small.violation_minutes
    assert large.risk_minutes <= small.risk_minutes
    assert large.worst_overload <= small.worst_overload
    assert large.bound <= small.bound + 1e-9
    assert small.violation_minutes <= small.hours * 60 + 1e-9
    assert small.violation_minutes <= small.risk_minutes


def test_ninety_days_of_a_thousand_servers_of_eight_take_seconds() -> None:
    """One server's replay on all its folds, 25,920 slots; 1,250 of them are 10,000 accelerators."""
    rng = np.random.default_rng(1)
    demand = Demand(rng.random(90 * 288) * 4, rng.integers(0, 9, 90 * 288).astype(float), rng.random(90 * 24) * 6e11)
    current = Capacity(load=8, devices=8, memory=6.4e11, cost=8)
    folds = make_folds(90 * 288)
    start = time.process_time()
    for _ in range(5):
        replay(fixed(current), demand, folds, current=current)
    assert (time.process_time() - start) / 5 < 0.05
