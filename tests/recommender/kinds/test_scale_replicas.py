"""Replicas by the hour of the week."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.scale_replicas import KIND, evaluate
from recommender.subjects.machine_life import Life
from recommender.subjects.services import Member, Service
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.services import Make, member, office, service, weekly


def group(
    make_subject: Make, count: int, hours: list[int], *, level: float, running: Any = None, **values: Any
) -> Service:
    """Machines of eight accelerators each, each at a level in these hours and at an eighth of it in the others."""
    members = []
    for number in range(count):
        machine = make_subject(resource_id=f"i-{number}", resource_key=number + 1, stage="inference_batch", model="m")
        machine = replace(machine, **values)
        load = np.where(weekly(hours) > 0, level, level / 8)
        members.append(member(machine, load, running=running))
    return service(make_subject, members)


def test_four_by_day_and_one_by_night(make_subject: Make) -> None:
    """Four machines at 5.6 of 8 (70 %) from 9 to 18 on weekdays, on from 8: 50 hours of 4; else 2.8 of 8: 118 of 1.
    4 × 168 = 672 machine hours become 318: 354 / 672 of 4 × 14,600."""
    answer = evaluate(group(make_subject, 4, office(9, 18), level=5.6), Recommend())

    assert isinstance(answer, Advice), answer
    assert (answer.evidence["replicas_least"], answer.evidence["replicas_most"]) == (1, 4)
    assert answer.monthly_cost == Decimal("58400.00")
    assert answer.saving.effective == pytest.approx(Decimal(58400) * 354 / 672, abs=Decimal("0.05"))
    assert sum(answer.acts_on.values()) == answer.monthly_cost
    assert answer.acts_on["i-0"] == Decimal("14600.00")
    assert answer.evidence["replay_violation_minutes"] == 0


def test_machines_that_train_together_are_no_replicas(make_subject: Make) -> None:
    """A gang of four cannot go on as one at night: it stops with any of them."""
    gang = replace(group(make_subject, 4, office(9, 18), level=5.6), stage="training")
    answer = evaluate(gang, Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "gang"


def test_the_autoscaler_s_own_launches_do_not_silence_it(make_subject: Make) -> None:
    """A machine launched yesterday beside three of a month is what this advice is about; another image is not."""
    four = group(make_subject, 4, office(9, 18), level=5.6)

    def launched(number: int, days: float, image: str) -> Member:
        one, at = four.members[number], AS_OF - timedelta(days=days)
        life = Life(deployed_at=at, launched_at=at, details={"image": image})
        return replace(one, machine=replace(one.machine, life=life))

    old = tuple(launched(number, 30, "ami-1") for number in range(3))
    assert isinstance(evaluate(replace(four, members=(*old, launched(3, 1.5, "ami-1"))), Recommend()), Advice)
    answer = evaluate(replace(four, members=(*old, launched(3, 1.5, "ami-2"))), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "too_new"
    assert answer.explanation.startswith("Of i-3: What it runs was deployed on 2026-11-19")


def test_what_chance_gives_and_takes_is_no_pattern(make_subject: Make) -> None:
    """Seven at 1.54 of 8 are 10.78, and two machines at 70 % carry 11.2: by chance three are asked for now and then."""
    chance = np.random.default_rng(1)
    flat = weekly([]) + 1.54
    members = []
    for number in range(7):
        machine = make_subject(resource_id=f"i-{number}", resource_key=number + 1, stage="inference_online", model="m")
        members.append(member(machine, flat * chance.uniform(0.9, 1.1, flat.size)))
    answer = evaluate(service(make_subject, members), Recommend())

    assert isinstance(answer, WhyNot), answer
    assert answer.reason == "no_pattern"


def test_two_stay_where_two_serve_online(make_subject: Make) -> None:
    answer = evaluate(group(make_subject, 4, office(9, 18), level=5.6, stage="inference_online"), Recommend())
    assert isinstance(answer, Advice)
    assert answer.evidence["replicas_least"] == 2


def test_machines_above_the_largest_need_are_other_advice(make_subject: Make) -> None:
    """Eight at 2.8 need four by day and one by night: of the four, not of the eight, the nights are saved."""
    answer = evaluate(group(make_subject, 8, office(9, 18), level=2.8), Recommend())
    assert isinstance(answer, Advice)
    assert answer.evidence["replicas_most"] == 4
    assert answer.saving.effective == pytest.approx(answer.monthly_cost * 354 / 672, abs=Decimal("0.1"))


def test_an_even_load_has_no_hours_to_plan(make_subject: Make) -> None:
    answer = evaluate(group(make_subject, 2, list(range(168)), level=5.0), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "always_needed"


def test_what_follows_its_load_already_is_left_alone(make_subject: Make) -> None:
    subject = group(make_subject, 4, office(9, 18), level=5.6)
    by_day = weekly(office(8, 18), 1.0)
    members = tuple(
        member(one.machine, np.where(by_day > 0, one.load_max, 0.0), running=by_day) if number else one
        for number, one in enumerate(subject.members)
    )
    answer = evaluate(service(make_subject, members), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "scaled_already"


def test_machines_of_several_types_are_not_replicas(make_subject: Make) -> None:
    subject = group(make_subject, 2, office(9, 18), level=5.6)
    other = replace(subject.members[0], machine=replace(subject.members[0].machine, instance_type="g5.48xlarge"))
    answer = evaluate(replace(subject, members=(other, subject.members[1])), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "mixed"


def test_the_group_has_sizes_by_the_clock(make_subject: Make) -> None:
    subject = group(make_subject, 4, office(9, 18), level=5.6, tags={"aws:autoscaling:groupName": "serve"})
    answer = evaluate(subject, Recommend())
    assert isinstance(answer, Advice)
    assert "--auto-scaling-group-name serve" in answer.command
    assert "--recurrence '0 8 * * MON,TUE,WED,THU,FRI' --time-zone UTC --min-size 4" in answer.command
    assert "--recurrence '0 18 * * MON,TUE,WED,THU,FRI' --time-zone UTC --min-size 1" in answer.command


class TestScaleReplicasContract(KindContract):
    """Four machines busy by day; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Service:
        return group(make_subject, 4, office(9, 18), level=5.6)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Service:
        return service(make_subject, [member(make_subject(resource_id=name), None) for name in ("i-1", "i-2")])
