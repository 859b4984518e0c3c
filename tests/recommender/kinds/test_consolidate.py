"""Fewer machines: replicas above need, and services that fit together; tried on the sum of what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, Answer, DailyCost, Subject, WhyNot
from recommender.kinds.consolidate import KIND, evaluate
from recommender.kinds.share_machines import MOST_TENANTS, tenants_of
from recommender.subjects.services import Pool, Service, pools
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.services import HOURS, Hourly, Make, member, service

DEFAULT = Recommend()


def noise(seed: int, level: float) -> Hourly:
    return np.random.default_rng(seed).uniform(0.8, 1.0, HOURS) * level


def replicas(make_subject: Make, levels: Sequence[float], **values: Any) -> Service:
    """Machines of eight accelerators each, with a load of up to so much of them."""
    values = {"stage": "inference_online", "model": "llama-3.1-8b"} | values
    machines = [make_subject(resource_id=f"i-{n}", resource_key=n + 1, **values) for n in range(len(levels))]
    return service(
        make_subject,
        [member(one, noise(n, level)) for n, (one, level) in enumerate(zip(machines, levels, strict=True))],
    )


def pool(make_subject: Make, loads: dict[str, Hourly], *, memory: float = 60e9, **values: Any) -> Pool:
    """Services of one machine each, on eight A100s of 40 GB."""
    services = []
    for number, (model, load) in enumerate(loads.items()):
        values_of = {"stage": "inference_online", "model": model.split("#")[0]} | values
        machine = make_subject(resource_id=f"i-{model}", resource_key=number + 1, **values_of)
        services.append(service(make_subject, [member(machine, load, memory=memory)]))
    (found,) = pools(services)
    return found


def advice(answer: Answer) -> Advice:
    assert isinstance(answer, Advice), answer
    return answer


def why_not(answer: Answer) -> WhyNot:
    assert isinstance(answer, WhyNot), answer
    return answer


def test_four_replicas_whose_load_fits_two_become_two(make_subject: Make) -> None:
    """Up to 4 × 3 = 12 accelerators, P95 below; two machines at 80 % carry 12.8. Half of 4 × 14,600 is saved."""
    found = advice(evaluate(replicas(make_subject, [3, 3, 3, 3]), DEFAULT))

    assert found.evidence["machines_needed"] == 2
    assert found.monthly_cost == Decimal("58400.00")
    assert found.saving.effective == Decimal("29200.00")
    assert found.evidence["terraform"] == (
        "# where one block with count declares them all; of a block for each, have 2 such blocks instead\n"
        'resource "aws_instance" "i-0" {\n  count = 2\n}'
    )
    assert found.acts_on == dict.fromkeys((f"i-{n}" for n in range(4)), Decimal("14600.00"))
    assert found.evidence["replay_violation_minutes"] == 0
    assert found.confidence == "medium"


@pytest.mark.parametrize("stage", ["training", "fine_tuning"])
def test_machines_that_train_together_are_no_replicas(make_subject: Make, stage: str) -> None:
    """Four of one gang at 3 of 8: each holds its part of what is trained, 300 of 320 GB, so two would hold 1,200 of 640
    and the run could not begin."""
    gang = replicas(make_subject, [3, 3, 3, 3], stage=stage, fleet="train")
    gang = replace(gang, members=tuple(replace(one, memory=np.full(HOURS, 300e9)) for one in gang.members))
    assert why_not(evaluate(gang, DEFAULT)).reason == "gang"


def test_a_node_group_is_made_smaller_and_not_the_auto_scaling_group_below_it(make_subject: Make) -> None:
    """EKS sets its group's size from the node group's: a size set below it is another one than EKS knows."""
    tags = {"aws:eks:cluster-name": "ml", "eks:nodegroup-name": "gpu", "aws:autoscaling:groupName": "eks-gpu-1"}
    command = advice(evaluate(replicas(make_subject, [3, 3, 3, 3], tags=tags), DEFAULT)).command
    assert "eks-gpu-1" not in command
    assert "# set the size of ml/gpu to 2" in command
    alone = {"aws:autoscaling:groupName": "web"}
    found = advice(evaluate(replicas(make_subject, [3, 3, 3, 3], tags=alone), DEFAULT))
    assert "--auto-scaling-group-name web --min-size 2 --desired-capacity 2" in found.command


def test_two_that_serve_online_stay_two_and_on_machines_apart(make_subject: Make) -> None:
    assert why_not(evaluate(replicas(make_subject, [0.5, 0.5]), DEFAULT)).reason == "busy"
    batch = advice(evaluate(replicas(make_subject, [0.5, 0.5], stage="inference_batch"), DEFAULT))
    assert batch.evidence["machines_needed"] == 1


def test_nothing_is_saved_where_the_number_stays(make_subject: Make) -> None:
    """Up to 3 × 5.6 = 16.8 accelerators, nearly all of the time above 12.8: three at 80 % carry 19.2."""
    assert why_not(evaluate(replicas(make_subject, [5.6, 5.6, 5.6]), DEFAULT)).reason == "busy"


def test_a_hot_replica_says_to_balance_first(make_subject: Make) -> None:
    """6 of 9 on one of four: 2.67 times an even share, so as it lies none can go; evenly two would do."""
    found = advice(evaluate(replicas(make_subject, [6, 1, 1, 1]), DEFAULT))
    assert found.evidence["machines_needed"] == 2
    assert found.evidence["machines_needed_as_load_lies"] == 4
    assert found.evidence["hottest_share_over_even"] == pytest.approx(2.67, abs=0.02)
    assert "balance it first" in found.reason
    assert (found.confidence, found.effort) == ("low", "medium")


def test_load_that_grew_fails_the_replay(make_subject: Make) -> None:
    subject = replicas(make_subject, [3, 3, 3])
    grown = [replace(one, load_max=np.where(np.arange(HOURS) > HOURS - 96, 5.9, 1.5)) for one in subject.members]
    assert why_not(evaluate(replace(subject, members=tuple(grown)), DEFAULT)).reason in {"busy", "replay_failed"}


def test_replicas_that_follow_the_hour_are_left_alone(make_subject: Make) -> None:
    subject = replicas(make_subject, [3, 3, 3])
    third = subject.members[2]
    mostly_off = np.where(np.arange(HOURS) % 24 < 8, 1.0, 0.0)
    third = member(third.machine, np.where(mostly_off > 0, 3.0, 0.0), running=mostly_off)
    answer = evaluate(service(make_subject, [*subject.members[:2], third]), DEFAULT)
    assert why_not(answer).reason == "scaled_already"


def test_an_hour_in_which_fewer_ran_saves_less(make_subject: Make) -> None:
    """Four at 3 of 8, of which two run from 0 to 16: 80 machine hours a day, 48,666.67 a month. Two do, which saves two
    of four for 16 hours and none for eight: 32 of 80, and not a half."""
    by_day = np.arange(HOURS) % 24 < 16
    machines = [
        make_subject(resource_id=f"i-{n}", resource_key=n + 1, stage="inference_online", model="llama-3.1-8b")
        for n in range(4)
    ]
    ran = [np.ones(HOURS), np.ones(HOURS), by_day.astype(float), by_day.astype(float)]
    members = [
        member(machine, np.where(running > 0, 3.0, np.nan), running=running)
        for machine, running in zip(machines, ran, strict=True)
    ]
    found = advice(evaluate(service(make_subject, members), DEFAULT))
    assert found.evidence["machines_needed"] == 2
    assert found.monthly_cost == Decimal("48666.67")
    assert found.saving.effective == Decimal("19466.67")


def test_a_shared_machine_runs_as_long_as_any_of_those_on_it(make_subject: Make) -> None:
    """One runs from 0 to 12 and one from 12 to 24, 7,300 a month each: one machine for both runs all day and costs
    14,600 as well. From 0 to 12 and from 6 to 12 it is 7,300 instead of 10,950."""

    def of_hours(*hours: tuple[int, int]) -> Pool:
        services = []
        for number, (first, last) in enumerate(hours):
            running = ((np.arange(HOURS) % 24 >= first) & (np.arange(HOURS) % 24 < last)).astype(float)
            machine = make_subject(
                resource_id=f"i-{number}", resource_key=number + 1, stage="inference_online", model=f"m{number}"
            )
            services.append(service(make_subject, [member(machine, running * 2.0, running=running, memory=60e9)]))
        (found,) = pools(services)
        return found

    assert why_not(evaluate(of_hours((0, 12), (12, 24)), DEFAULT)).reason == "busy"
    found = advice(evaluate(of_hours((0, 12), (6, 12)), DEFAULT))
    assert (found.monthly_cost, found.saving.effective) == (Decimal("10950.00"), Decimal("3650.00"))


def test_two_that_work_by_turns_fit_one_machine(make_subject: Make) -> None:
    """T5.6: each is at 6 of 8 in its half of the day, and so is their sum; 60 + 60 GB of 320. One machine for two."""
    by_day = np.where(np.arange(HOURS) % 24 < 12, 6.0, 0.1)
    found = advice(evaluate(pool(make_subject, {"llama": by_day, "gemma": 6.1 - by_day}), DEFAULT))

    assert found.evidence["machines_needed"] == 1
    assert found.monthly_cost == Decimal("29200.00")
    assert found.saving.effective == Decimal("14600.00")
    assert found.gate is not None
    assert found.effort == "medium"


@pytest.mark.parametrize(
    ("load", "memory", "values", "reason"),
    [
        (6.0, 60e9, {}, "busy"),  # 12 of 8 accelerators
        (2.0, 150e9, {}, "busy"),  # 300 of the 288 GB that 320 less 10 % leave
        (2.0, 60e9, {"tags": {"keep": "dr"}}, "nothing_to_share"),
        (0.0, 60e9, {}, "nothing_to_share"),
    ],
)
def test_what_does_not_fit_or_may_not_move_stays(
    make_subject: Make, load: float, memory: float, values: dict[str, Any], reason: str
) -> None:
    both = {"llama": np.full(HOURS, load), "gemma": np.full(HOURS, load)}
    assert why_not(evaluate(pool(make_subject, both, memory=memory, **values), DEFAULT)).reason == reason


@pytest.mark.parametrize(("cards", "fits"), [(4, True), (5, False)])
def test_what_lies_on_cards_of_its_own_needs_as_many(make_subject: Make, cards: int, fits: bool) -> None:
    """30 GB on each of four cards, and on four or five of another machine: 240 or 270 of 288 GB, eight cards of 36."""
    services = [
        service(
            make_subject,
            [
                member(
                    make_subject(resource_id=model, resource_key=key, stage="inference_online", model=model),
                    np.full(HOURS, 1.0),
                    on_each=(30e9,) * each + (0.0,) * (8 - each),
                )
            ],
        )
        for key, (model, each) in enumerate((("llama", 4), ("gemma", cards)), 1)
    ]
    (subject,) = pools(services)
    answer = evaluate(subject, DEFAULT)
    assert isinstance(answer, Advice) == fits
    assert fits or why_not(answer).reason == "busy"


def test_replicas_of_one_service_never_share_a_machine(make_subject: Make) -> None:
    """Two services of two machines each fit two machines, one replica of each on either; never one machine."""
    services = []
    for model in ("llama", "gemma"):
        machines = [make_subject(resource_id=f"{model}-{n}", stage="inference_online", model=model) for n in range(2)]
        services.append(service(make_subject, [member(one, np.full(HOURS, 0.5)) for one in machines],
                                resource_id=f"service:{model}"))  # fmt: skip
    (subject,) = pools(services)
    found = advice(evaluate(subject, DEFAULT))
    assert found.evidence["machines_needed"] == 2
    for keys in found.evidence["placed"]:
        assert sorted(key.split("-")[0] for key in keys) == ["gemma", "llama"]


def test_adapters_of_one_base_hold_it_once(make_subject: Make) -> None:
    """Two adapters at 2 of 8 that hold 200 GB each: apart two machines; as adapters of one base 200 GB and one."""
    subject = pool(make_subject, {"tuned-a": np.full(HOURS, 2.0), "tuned-b": np.full(HOURS, 2.0)}, memory=200e9)
    assert why_not(evaluate(subject, DEFAULT)).reason == "busy"
    settings = Recommend.model_validate({"consolidate": {"bases": {"tuned-a": "base", "tuned-b": "base"}}})
    found = advice(evaluate(subject, settings))
    assert found.target == "p4d.24xlarge+lora"
    assert found.gate is not None
    assert "LoRA" in found.gate
    (tenant,) = tenants_of(subject.services, settings.consolidate.bases)
    assert tenant.memory == 200e9
    assert tenant.activity.max() == 4.0


def test_of_a_large_pool_the_least_loaded_are_packed(make_subject: Make) -> None:
    """A hundred and one services: the busiest one is left where it is, and six at 1 of 8 fit a machine (80 % of 8)."""
    loads = {f"m{n}": np.full(HOURS, 1.0) for n in range(MOST_TENANTS)} | {"busy": np.full(HOURS, 7.0)}
    found = advice(evaluate(pool(make_subject, loads, memory=1e9), DEFAULT))
    assert "i-busy" not in found.acts_on
    # 100 at 6 a machine
    assert (found.evidence["machines"], found.evidence["machines_needed"]) == (100, 17)


def test_memory_known_for_a_day_says_nothing_of_what_fits_together(make_subject: Make) -> None:
    subject = pool(make_subject, {"llama": np.full(HOURS, 2.0), "gemma": np.full(HOURS, 2.0)})
    assert advice(evaluate(subject, DEFAULT)).evidence["machines_needed"] == 1
    lately = np.where(np.arange(HOURS) < HOURS - 24, np.nan, 60e9)
    services = tuple(
        replace(one, members=tuple(replace(member, memory=lately) for member in one.members))
        for one in subject.services
    )
    refused = why_not(evaluate(replace(subject, services=services), DEFAULT))
    assert "0 work, may be moved and were measured enough, in load and memory" in refused.explanation


def test_half_of_the_hours_unknown_is_missing_telemetry(make_subject: Make) -> None:
    load = np.where(np.arange(HOURS) % 2 == 0, np.nan, 1.0)
    both = replicas(make_subject, [1, 1, 1])
    blind = tuple(replace(one, load_max=load) for one in both.members)
    assert why_not(evaluate(replace(both, members=blind), DEFAULT)).reason == "telemetry_missing"


def test_what_a_pool_may_fall_short_by_is_in_the_range(make_subject: Make) -> None:
    """Two services of one machine each share one: no hour was over, and that is all that hours say."""
    both = {"llama": np.full(HOURS, 1.0), "gemma": np.full(HOURS, 1.0)}
    found = advice(evaluate(pool(make_subject, both, memory=1e9), DEFAULT)).saving
    assert found.p10 is not None
    assert found.p10 < found.net == found.p90
    assert found.range_from.startswith("hours in which it may fall short; not in it: the time that sharing costs")


def test_how_many_would_wait_is_told_of_what_is_asked_by_people(make_subject: Make) -> None:
    """Load 12 is 1.5 machines' worth. Erlang: blocked 1.5 · 0.6 / (2 + 1.5 · 0.6) = 0.310345 of two, so that
    0.310345 / (1 - 0.75 · 0.689655) = 0.6429 wait."""

    def steady(stage: str) -> Advice:
        made = [make_subject(resource_id=f"i-{n}", resource_key=n + 1, stage=stage, model="llama") for n in range(4)]
        steady = service(make_subject, [member(one, np.full(HOURS, 3.0)) for one in made])
        return advice(evaluate(steady, DEFAULT))

    assert steady("inference_online").evidence["machines_needed"] == 2
    assert steady("inference_online").evidence["waiting_at_p95_share"] == 0.6429
    assert "waiting_at_p95_share" not in steady("inference_batch").evidence


class TestConsolidateContract(KindContract):
    """Four replicas of which two would do; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Service:
        return replicas(make_subject, [3, 3, 3, 3])

    @pytest.fixture
    def blind(self, make_subject: Make) -> Service:
        return service(make_subject, [member(make_subject(resource_id=name), None) for name in ("i-1", "i-2")])


class TestSharingContract(KindContract):
    """Two services that work by turns; and two never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Pool:
        by_day = np.where(np.arange(HOURS) % 24 < 12, 6.0, 0.1)
        return pool(make_subject, {"llama": by_day, "gemma": 6.1 - by_day})

    @pytest.fixture
    def blind(self, make_subject: Make) -> Pool:
        found = pool(make_subject, {"llama": np.ones(HOURS), "gemma": np.ones(HOURS)})
        unknown = [replace(one, members=tuple(member(m.machine, None) for m in one.members)) for one in found.services]
        return replace(found, services=tuple(unknown))

    def with_costs(self, subject: Subject, costs: Sequence[DailyCost]) -> Subject:
        assert isinstance(subject, Pool)
        parts = []
        for one in subject.services:
            (only,) = one.members
            own = [replace(day, uncovered_effective_cost=Decimal(0)) for day in only.machine.costs]
            parts.append(replace(one, members=(replace(only, machine=replace(only.machine, costs=own)),)))
        return replace(subject, costs=costs, services=tuple(parts))
