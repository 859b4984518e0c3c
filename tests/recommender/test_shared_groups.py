"""A group that holds more than what advice is about: its size is never set as if it held nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from aispend.advising import Recommend
from recommender.actions import resize
from recommender.contract import Advice, WhyNot
from recommender.guards import others_in_group
from recommender.kinds.consolidate import evaluate as consolidated
from recommender.kinds.schedule import evaluate as scheduled
from recommender.subjects.services import Service
from recommender.terraform import stopped
from tests.recommender.kinds.served import Make
from tests.recommender.kinds.services import office
from tests.recommender.kinds.test_consolidate import replicas
from tests.recommender.kinds.test_schedule import lone

GROUP = {"aws:autoscaling:groupName": "shared"}
DEFAULT = Recommend()


def in_group(make_subject: Make, siblings: int) -> Service:
    """Four replicas whose load two would carry, in a group of so many more besides each."""
    return replicas(make_subject, [3, 3, 3, 3], tags=GROUP, fleet="shared", siblings=siblings)


@pytest.mark.parametrize(("siblings", "size"), [(3, 2), (5, 4)])
def test_fewer_replicas_leave_the_other_machines_of_the_group(make_subject: Make, siblings: int, size: int) -> None:
    """Two of four are needed; beside the three others of the service there are two that do something else, or none."""
    found = consolidated(in_group(make_subject, siblings), DEFAULT)
    assert isinstance(found, Advice)
    assert f"--min-size {size} --desired-capacity {size} " in found.command
    assert f"desired_capacity = {size}" in found.evidence["terraform"]
    assert ("2 of its machines are not of this" in found.command) == (siblings == 5)


def test_a_machine_alone_in_its_group_is_on_by_the_clock_and_one_of_several_is_not(make_subject: Make) -> None:
    """A group cannot be told which of its machines to end at seven: its size is of all of them."""
    alone = scheduled(lone(make_subject, office(9, 18), machine={"tags": GROUP}), DEFAULT)
    assert isinstance(alone, Advice)
    one_of_three = scheduled(lone(make_subject, office(9, 18), machine={"tags": GROUP, "siblings": 2}), DEFAULT)
    assert isinstance(one_of_three, WhyNot)
    assert one_of_three.reason == "shared_group"
    assert "shared" in one_of_three.explanation
    # without an owner nobody but the machine itself is switched
    free = scheduled(lone(make_subject, office(9, 18), machine={"siblings": 2}), DEFAULT)
    assert isinstance(free, Advice)


def test_another_type_says_how_many_change_with_it(make_subject: Make) -> None:
    one = make_subject(tags=GROUP, siblings=2)
    assert "2 other machines of it change as well" in resize(one, "g5.12xlarge")[0]
    assert "1 other machine of it changes as well" in resize(make_subject(tags=GROUP, siblings=1), "g5.12xlarge")[0]
    assert "as well" not in resize(make_subject(tags=GROUP), "g5.12xlarge")[0]
    # all of a service change together
    assert "as well" not in resize(one, "g5.12xlarge", others=0)[0]


def test_the_group_is_not_left_to_choose_which_machine_ends(make_subject: Make) -> None:
    assert "end this machine by the command first" in (stopped(make_subject(tags=GROUP)) or "")


def test_others_are_those_beside_the_machines_of_the_advice(make_subject: Make) -> None:
    def one(name: str, **more: Any) -> Any:
        return make_subject(resource_id=name, **({"fleet": "a", "siblings": 3} | more))

    assert others_in_group([one("i-1")]) == 3
    assert others_in_group([one("i-1"), one("i-2")]) == 2
    assert others_in_group([one("i-1"), one("i-2", fleet="b")]) == 3
    assert others_in_group([one("i-1", fleet=None, siblings=0), one("i-2", fleet=None, siblings=0)]) == 0
