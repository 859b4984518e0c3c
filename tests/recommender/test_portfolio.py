"""What may be done together, and what it then adds up to; never more than the cost it acts on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.contract import Advice, Kind, Saving, Step, Subject
from recommender.kinds.training_waste import KIND as RUNS
from recommender.portfolio import EXACT, Counted, combine
from recommender.subjects.machines import Machine
from tests.recommender.commitments import EVERY_HOUR, offered


def kind(name: str, step: Step, **options: Any) -> Kind[Any]:
    """A kind whose questions are never asked here."""
    return Kind(
        name=name,
        title=name,
        needs="",
        subject=Machine,
        step=step,
        applies=lambda _: True,
        evaluate=lambda *_: pytest.fail("not asked"),
        **options,
    )


KINDS = (
    kind("stop_idle", Step.REMOVE, alone=True),
    kind("rightsize", Step.SIZE),
    kind("accelerator", Step.SIZE),
    kind("batch", Step.MODEL, together=frozenset({"prompt_cache"})),
    kind("prompt_cache", Step.MODEL),
    kind("schedule", Step.SCHEDULE),
    kind("spot", Step.SPOT, excludes=frozenset({"commit"})),
    kind("commit", Step.COMMIT),
)
Make = Callable[..., Machine]


def advise(subject: Subject, name: str, net: int | Decimal, **options: Any) -> Advice:
    amount = Decimal(net)
    return Advice(
        kind=name,
        subject=subject,
        current="",
        proposed="",
        monthly_cost=options.pop("cost", Decimal(10_000)),
        saving=Saving(amount, options.pop("effective", amount), amount, None, None, None),
        risk=0,
        confidence="high",
        effort="low",
        reason="",
        undo="",
        command="",
        evidence={},
        target=options.pop("target", name),
        **options,
    )


def nets(found: list[Counted]) -> list[Decimal]:
    return [item.net for item in found]


def test_shares_act_on_what_those_before_them_leave(make_subject: Make) -> None:
    """40 %, 60 % and 30 % of 10,000 leave 1,680, not less than nothing."""
    machine = make_subject()
    advice = [advise(machine, "spot", 3000), advise(machine, "rightsize", 4000), advise(machine, "schedule", 6000)]
    # rightsize 4,000 of 10,000; schedule 60 % of 6,000; spot 30 % of 2,400
    assert nets(combine(advice, KINDS)) == [Decimal(720), Decimal(4000), Decimal(3600)]
    assert sum(nets(combine(advice, KINDS))) == Decimal(10_000) - Decimal(1680)


def test_the_best_combination_is_not_the_one_with_the_largest_saving(make_subject: Make) -> None:
    """Stopping it saves 7,000 alone; half the size, then scheduled, 5,000 + 2,500."""
    machine = make_subject()
    advice = [advise(machine, "stop_idle", 7000), advise(machine, "rightsize", 5000), advise(machine, "schedule", 5000)]
    assert nets(combine(advice, KINDS)) == [Decimal(0), Decimal(5000), Decimal(2500)]


def test_of_two_sizes_the_larger_saving_counts(make_subject: Make) -> None:
    machine = make_subject()
    advice = [advise(machine, "rightsize", 4000), advise(machine, "accelerator", 5000)]
    assert nets(combine(advice, KINDS)) == [Decimal(0), Decimal(5000)]


def test_what_was_accepted_is_in_it(make_subject: Make) -> None:
    machine = make_subject()
    advice = [advise(machine, "rightsize", 4000), advise(machine, "accelerator", 5000)]
    found = combine(advice, KINDS, lambda item: item.kind == "rightsize")
    assert nets(found) == [Decimal(4000), Decimal(0)]


def test_kinds_of_one_step_that_go_together_multiply(make_subject: Make) -> None:
    machine = make_subject()
    advice = [advise(machine, "batch", 5000), advise(machine, "prompt_cache", 4000)]
    assert nets(combine(advice, KINDS)) == [Decimal(5000), Decimal(2000)]


def test_advice_on_several_machines_meets_the_advice_on_each(make_subject: Make) -> None:
    """Consolidating two saves 8,000 of 20,000; one of them is idle: stopping it saves 10,000 and excludes that."""
    one, two = make_subject(), make_subject(resource_id="i-2")
    both = {"i-0a1b2c3d": Decimal(10_000), "i-2": Decimal(10_000)}
    advice = [
        advise(one, "accelerator", 8000, acts_on=both, cost=Decimal(20_000)),
        advise(two, "stop_idle", 10_000),
        advise(one, "rightsize", 1000),
    ]
    assert nets(combine(advice, KINDS)) == [Decimal(0), Decimal(10_000), Decimal(1000)]


def test_of_costs_over_different_windows_the_least_holds(make_subject: Make) -> None:
    """Stopping saves all of 15,000; 5,000 of commitments on top of it would be more than it costs."""
    machine = make_subject()
    advice = [
        advise(machine, "stop_idle", 15_000, cost=Decimal(15_000)),
        advise(machine, "schedule", 6000, cost=Decimal(17_000)),
        advise(machine, "commit", 5000, cost=Decimal(20_000), commits=offered(20, {"i-0a1b2c3d": (480, EVERY_HOUR)})),
    ]
    assert sum(nets(combine(advice, KINDS))) == Decimal(15_000)


def test_a_long_window_does_not_make_a_young_machine_cheap(make_subject: Make) -> None:
    """Over sixty days it cost a quarter of what it costs a month today."""
    machine = make_subject()
    advice = [
        advise(machine, "commit", 500, cost=Decimal(2500), commits=offered(20, {"i-0a1b2c3d": (480, EVERY_HOUR)})),
        advise(machine, "stop_idle", 10_000),
    ]
    assert nets(combine(advice, KINDS)) == [Decimal(0), Decimal(10_000)]


def test_what_some_runs_on_a_machine_cost_is_not_what_it_costs(make_subject: Make) -> None:
    """100 of the 300 of its lost runs, then 40 % of the 9,900 that are left of it; no more of a part than it costs."""
    machine = make_subject()
    runs = advise(machine, "training_waste", 100, cost=Decimal(300))
    advice = [runs, advise(machine, "rightsize", 4000)]
    assert nets(combine(advice, (*KINDS, RUNS))) == [Decimal(100), Decimal(3960)]
    assert nets(combine(advice[::-1], (*KINDS, RUNS))) == [Decimal(3960), Decimal(100)]
    # nor is it less than a commitment says
    bought = advise(machine, "commit", 500, commits=offered(20, {"i-0a1b2c3d": (480, EVERY_HOUR)}))
    alone, beside = (
        combine(some, (*KINDS, RUNS))[-1].net for some in ([bought], [replace(runs, gate="a test"), bought])
    )
    assert alone == beside == Decimal(500)


def test_runs_take_of_a_commitment_what_they_save_and_not_their_share_of_all_usage(make_subject: Make) -> None:
    """All 146 that lost runs cost, of the 14,600 that 480 a day are a month: 9.6 of 960 in two days, in hours unknown.

    Of 20 an hour 12 are covered at 0.6, which saves 4.8: 230.4 in 48 hours, of which 9.6 go at worst, 1/24 of 500.
    """
    machine = make_subject()
    runs = advise(machine, "training_waste", 146, cost=Decimal(146))
    bought = advise(
        machine, "commit", 500, cost=Decimal(14_600), commits=offered(12, {"i-0a1b2c3d": (480, EVERY_HOUR)})
    )
    assert nets(combine([runs, bought], (*KINDS, RUNS))) == [Decimal(146), Decimal("479.16")]


def test_runs_of_several_teams_on_one_machine_lose_less_each(make_subject: Make) -> None:
    """60 of 600 and 30 of 300 that their runs cost of it: 60, and 30/600 of the 540 that are left."""
    teams = [
        advise(make_subject(team=team), "training_waste", net, cost=Decimal(10 * net))
        for team, net in (("search", 60), ("ads", 30))
    ]
    assert nets(combine(teams, (*KINDS, RUNS))) == [Decimal(60), Decimal(27)]
    assert nets(combine(teams[::-1], (*KINDS, RUNS))) == [Decimal(30), Decimal(57)]


def looking_back(item: Advice, days: int) -> Advice:
    return replace(item, evidence={"window_days": days})


def test_what_is_not_chosen_makes_nothing_cheaper(make_subject: Make) -> None:
    """A machine of 20 days: 14,600 a month by the last 14, by 28 a part of it; it is stopped, and on no schedule."""
    machine = make_subject()
    stop = replace(advise(machine, "stop_idle", 14_600, cost=Decimal(14_600)), evidence={"window_hours": 336})
    by_hour = looking_back(advise(machine, "schedule", 6000, cost=Decimal(10_000)), 28)
    assert nets(combine([stop, by_hour], KINDS)) == [Decimal(14_600), Decimal(0)]
    assert nets(combine([by_hour, replace(stop, gate="a test")], KINDS)) == [Decimal(6000), Decimal(0)]


@pytest.mark.parametrize(
    ("now", "smaller", "before", "off", "added"), [(5000, 2500, 10_000, 6000, 1500), (14_600, 7300, 7000, 3000, 1500)]
)
def test_of_windows_the_shortest_says_what_a_machine_costs(
    make_subject: Make, now: int, smaller: int, before: int, off: int, added: int
) -> None:
    """Half of what it costs in 14 days, then by the hour. It costs less than in 28: the same 60 % of the 2,500 left.
    It costs more, as it is young: no more than 3,000 of its 14,600, of the 7,300 left."""
    machine = make_subject()
    size = looking_back(advise(machine, "rightsize", smaller, cost=Decimal(now)), 14)
    by_hour = looking_back(advise(machine, "schedule", off, cost=Decimal(before)), 28)
    for advice in ([size, by_hour], [by_hour, size]):
        found = {item.kind: one.net for item, one in zip(advice, combine(advice, KINDS), strict=True)}
        assert found == {"rightsize": Decimal(smaller), "schedule": Decimal(added)}


def test_estimates_and_what_waits_for_its_gate_count_for_nothing(make_subject: Make) -> None:
    machine = make_subject()
    advice = [
        advise(machine, "rightsize", 4000, estimate_only=True),
        advise(machine, "accelerator", 5000, gate="run your evaluation"),
        advise(machine, "schedule", 0, effective=Decimal(900)),
    ]
    assert not any(item.counts for item in combine(advice, KINDS))


def test_one_id_in_two_clouds_or_currencies_is_two_resources(make_subject: Make) -> None:
    advice = [
        advise(make_subject(), "rightsize", 4000),
        advise(make_subject(provider="gcp"), "rightsize", 3000),
        advise(make_subject(currency="EUR"), "rightsize", 2000),
    ]
    assert nets(combine(advice, KINDS)) == [Decimal(4000), Decimal(3000), Decimal(2000)]


_PROPOSALS = st.lists(
    st.tuples(
        st.sampled_from([item.name for item in KINDS if item.name != "commit"]),
        st.sets(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=3),
        st.integers(1, 100),
    ),
    max_size=7,
)


@settings(max_examples=60, deadline=None)
@given(_PROPOSALS)
def test_no_combination_saves_more_and_no_resource_more_than_it_costs(
    make_subject: Make, proposals: list[tuple[str, set[str], int]]
) -> None:
    """Held against every combination there is, worked out the long way."""
    advice = [
        advise(
            make_subject(resource_id=min(names)),
            name,
            Decimal(percent) * len(names),
            acts_on={resource: Decimal(100) for resource in sorted(names)},
            cost=Decimal(100) * len(names),
        )
        for name, names, percent in proposals
    ]
    kinds = {item.name: item for item in KINDS}

    def clash(one: Advice, other: Advice) -> bool:
        if not set(one.acts_on) & set(other.acts_on):
            return False
        ours, theirs = kinds[one.kind], kinds[other.kind]
        together = theirs.name in ours.together or ours.name in theirs.together
        return ours.alone or theirs.alone or (ours.step == theirs.step and not together)

    def total(chosen: tuple[Advice, ...]) -> Decimal:
        left = dict.fromkeys("abcd", Decimal(100))
        for item in sorted(chosen, key=lambda item: kinds[item.kind].step):
            for resource in item.acts_on:
                left[resource] *= 1 - item.saving.net / item.monthly_cost
        return 400 - sum(left.values())

    subsets = chain.from_iterable(combinations(advice, size) for size in range(len(advice) + 1))
    best = max(total(some) for some in subsets if not any(clash(*pair) for pair in combinations(some, 2)))
    ours = sum(nets(combine(advice, KINDS)), Decimal(0))
    assert best - Decimal("0.01") * len(advice) <= ours <= best
    assert ours <= 400


def test_a_group_too_large_for_every_combination_is_settled_by_the_largest_first(make_subject: Make) -> None:
    count = EXACT + 4
    both = {f"i-{number}": Decimal(100) for number in range(count + 1)}
    advice = [
        advise(
            make_subject(),
            "rightsize",
            number,
            cost=Decimal(200),
            acts_on={name: both[name] for name in (f"i-{number}", f"i-{number + 1}")},
        )
        for number in range(1, count)
    ]
    found = combine(advice, KINDS)
    assert found[-1].net == count - 1
    assert not found[-2].counts


GROUP_KINDS = (
    kind("stop_idle", Step.REMOVE, alone=True),
    kind("rightsize", Step.SIZE, is_of_whole_group=True),
    kind("consolidate", Step.SIZE),
)


def group(make_subject: Make, *nets_of: int) -> list[Advice]:
    """A type for all machines ``i-0`` … of a group."""
    return [
        advise(
            make_subject(
                resource_id=f"i-{number}",
                fleet="g",
                siblings=len(nets_of) - 1,
                tags={"aws:autoscaling:groupName": "g"},
            ),
            "rightsize",
            net,
            cost=Decimal(1000),
        )
        for number, net in enumerate(nets_of)
    ]


def test_a_group_changes_its_type_for_all_of_its_machines_or_for_none(make_subject: Make) -> None:
    """One of two taken away saves 250, and the third's new type 100: 350 that nobody can have."""
    lines = group(make_subject, 100, 100, 100)
    two = {"i-0": Decimal(1000), "i-1": Decimal(1000)}
    fewer = advise(lines[0].subject, "consolidate", 250, cost=Decimal(2000), acts_on=two)
    assert nets(combine([*lines, fewer], GROUP_KINDS)) == [100, 100, 100, 0]
    more = advise(lines[0].subject, "consolidate", 310, cost=Decimal(2000), acts_on=two)
    assert nets(combine([*lines, more], GROUP_KINDS)) == [0, 0, 0, 310]


def test_a_machine_of_a_group_that_goes_leaves_the_others_their_type(make_subject: Make) -> None:
    lines = group(make_subject, 100, 100, 100)
    idle = advise(lines[2].subject, "stop_idle", 1000, cost=Decimal(1000))
    assert nets(combine([*lines, idle], GROUP_KINDS)) == [100, 100, 0, 1000]
    # what goes of it, and what others of it would do in its place, do not meet half-way
    two = {"i-1": Decimal(1000), "i-2": Decimal(1000)}
    fewer = advise(lines[1].subject, "consolidate", 900, cost=Decimal(2000), acts_on=two)
    assert nets(combine([*lines, fewer], GROUP_KINDS)) == [0, 0, 0, 900]


def test_a_group_one_line_of_which_waits_counts_for_nothing(make_subject: Make) -> None:
    first, *others = group(make_subject, 100, 100, 100)
    waiting = type(first)(**{**vars(first), "gate": "a benchmark"})
    assert nets(combine([waiting, *others], GROUP_KINDS)) == [0, 0, 0]


def test_a_line_that_saves_nothing_net_changes_with_its_group(make_subject: Make) -> None:
    assert nets(combine(group(make_subject, 100, 0, 100), GROUP_KINDS)) == [100, 0, 100]


def test_a_large_group_is_one_choice(make_subject: Make) -> None:
    lines = group(make_subject, *[100] * 40)
    two = {"i-0": Decimal(1000), "i-1": Decimal(1000)}
    fewer = advise(lines[0].subject, "consolidate", 1500, cost=Decimal(2000), acts_on=two)
    assert sum(nets(combine([*lines, fewer], GROUP_KINDS))) == 4000
