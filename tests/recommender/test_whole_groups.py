"""A group has one type for all of its machines: advice on the type needs all of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from aispend.advising import Recommend
from aispend.clock import Clock
from aispend.schema import recommendation, why_not
from aispend.settings import Settings
from aispend.store import Store
from recommender import run
from recommender.contract import Advice
from recommender.kinds.accelerator import evaluate as other_accelerator
from recommender.kinds.rightsize import evaluate as smaller
from recommender.kinds.spot import evaluate as spot
from recommender.registry import KINDS
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service
from recommender.whole_groups import whole_groups
from tests.recommender.conftest import AS_OF, history
from tests.recommender.kinds.served import Make, service_of
from tests.recommender.kinds.sizes import CHAT, two_of_eight
from tests.recommender.kinds.test_accelerator import a10g, told
from tests.recommender.kinds.test_relocate import advise as elsewhere
from tests.recommender.kinds.test_relocate import l4
from tests.recommender.kinds.test_spot import trainer

GROUP = {"aws:autoscaling:groupName": "shared"}
SHARED: dict[str, Any] = {"tags": GROUP, "fleet": "shared"}


def sized(make_subject: Make, name: str, siblings: int, **more: Any) -> Advice:
    """Two of its eight accelerators ever work."""
    machine = make_subject(
        resource_id=name,
        siblings=siblings,
        accelerators=history(two_of_eight(), memory_bytes=1e9),
        **(CHAT | SHARED | more),
    )
    found = smaller(machine, Recommend())
    assert isinstance(found, Advice), found
    return found


def test_one_machine_of_a_group_is_not_made_smaller_alone(make_subject: Make) -> None:
    one = sized(make_subject, "i-1", siblings=2)
    kept, refused = whole_groups([one], KINDS)
    assert kept == []
    assert [(item.reason, item.kind, item.subject, item.monthly_cost) for item in refused] == [
        ("shared_group", "rightsize", one.subject, one.monthly_cost)
    ]
    assert "1 of its 3 machines" in refused[0].explanation
    assert "shared" in refused[0].explanation


def test_a_group_whose_machines_all_have_the_same_advice_keeps_all_of_it(make_subject: Make) -> None:
    every = [sized(make_subject, name, siblings=2) for name in ("i-1", "i-2", "i-3")]
    assert whole_groups(every, KINDS) == (every, [])
    # two of three, and the third to another type
    third = sized(make_subject, "i-3", siblings=2)
    other = type(third)(**{**vars(third), "target": "g5.xlarge"})
    kept, refused = whole_groups([*every[:2], other], KINDS)
    assert (kept, len(refused)) == ([], 3)


@pytest.mark.parametrize(
    "more",
    [
        {"siblings": 0},
        # nothing on the bill proves that a group starts them
        {"siblings": 2, "tags": {}},
    ],
)
def test_a_machine_alone_and_one_of_no_group_stand_for_themselves(make_subject: Make, more: dict[str, Any]) -> None:
    one = sized(make_subject, "i-1", **more)
    assert whole_groups([one], KINDS) == ([one], [])


def test_groups_of_the_same_name_elsewhere_are_others(make_subject: Make) -> None:
    here, there = (sized(make_subject, "i-1", siblings=1), sized(make_subject, "i-2", siblings=1, account="222"))
    kept, refused = whole_groups([here, there], KINDS)
    assert (kept, len(refused)) == ([], 2)


def test_one_machine_of_a_gang_is_not_moved_to_another_region_alone(make_subject: Make) -> None:
    """What trains together on two machines would talk over the distance between two regions at every step."""
    group = {"created-by": "projects/9/zones/us-west4-a/instanceGroupManagers/gang"}
    one, other = (
        elsewhere(l4(make_subject, resource_id=f"vm-{n}", siblings=1, tags=group, fleet="gang")) for n in (1, 2)
    )
    assert "It trains together with another machine of gang: move all of them, or none." in one.reason
    kept, refused = whole_groups([one], KINDS)
    assert (kept, refused[0].reason) == ([], "shared_group")
    assert whole_groups([one, other], KINDS) == ([one, other], [])
    alone = elsewhere(l4(make_subject))
    assert "trains together" not in alone.reason


def moved(make_subject: Make, siblings: int, *, machines: int = 3, first: int = 1) -> Advice:
    """Replicas of one service that an L4 each would carry."""
    made = [one.machine for one in a10g(make_subject, machines=machines, siblings=siblings, **SHARED).members]
    service = service_of(
        [type(one)(**{**vars(one), "resource_id": f"i-{first + n}"}) for n, one in enumerate(made)],
        load=0.5,
        memory=20e9,
    )
    assert isinstance(service, Service)
    found = other_accelerator(service, told(1.0))
    assert isinstance(found, Advice), found
    return found


def test_a_service_with_all_machines_of_the_group_may_move_and_with_some_may_not(make_subject: Make) -> None:
    all_three = moved(make_subject, siblings=2)
    assert whole_groups([all_three], KINDS) == ([all_three], [])
    some = moved(make_subject, siblings=4)
    kept, refused = whole_groups([some], KINDS)
    assert kept == []
    assert (refused[0].reason, refused[0].monthly_cost) == ("shared_group", some.monthly_cost)
    # the other two serve something else, and would move to the same
    others = moved(make_subject, siblings=4, machines=2, first=4)
    kept, refused = whole_groups([some, others], KINDS)
    assert ([item.subject for item in kept], refused) == ([some.subject, others.subject], [])


def test_every_line_of_a_group_says_how_many_machines_the_group_will_have(make_subject: Make) -> None:
    """Three machines of one service and two of another would each become so many: the group has one size, their sum."""
    lines = [moved(make_subject, siblings=4), moved(make_subject, siblings=4, machines=2, first=4)]
    total = sum(line.evidence["machines"] for line in lines)
    kept, _ = whole_groups(lines, KINDS)
    sizes = [line.evidence["terraform"].count(f"desired_capacity = {total}\n") for line in kept]
    assert sizes == ([0, 0] if total == 5 else [1, 1])


def test_what_one_line_waits_for_the_whole_group_waits_for(make_subject: Make) -> None:
    """A group cannot change for the two of it that wait for nothing."""
    every = [replace(sized(make_subject, name, siblings=2), gate=None) for name in ("i-1", "i-2", "i-3")]
    kept, _ = whole_groups([replace(every[0], gate="a benchmark"), *every[1:]], KINDS)
    assert [item.gate for item in kept] == ["a benchmark"] * 3


def test_lines_that_share_a_group_fall_together(make_subject: Make) -> None:
    """One line is of two groups, of which the second holds others: what is left of the first has no advice either."""
    one, two = (replace(sized(make_subject, f"i-{n}", siblings=1), acts_on={f"i-{n}": Decimal(1)}) for n in (1, 2))
    here, there = one.subject, replace(two.subject, fleet="second", tags={"aws:autoscaling:groupName": "second"})
    assert isinstance(here, Machine)
    both = replace(
        one,
        subject=service_of([replace(here, siblings=1), replace(there, siblings=1)]),
        acts_on={"i-1": Decimal(1), "i-2": Decimal(1)},
    )
    beside = replace(one, subject=replace(here, resource_id="i-3"), acts_on={})
    kept, refused = whole_groups([both, beside], KINDS)
    assert kept == []
    assert [item.reason for item in refused] == ["shared_group", "shared_group"]
    assert whole_groups([replace(both, acts_on={"i-1": Decimal(1)}), beside], KINDS)[1] == []


def test_spot_is_of_the_whole_group_too(make_subject: Make) -> None:
    """What runs in a group is on spot by its template: one trainer of three has no advice, three have."""

    def on_spot(number: int, siblings: int) -> Advice:
        service = trainer(make_subject, resource_id=f"i-{number}", resource_key=number, siblings=siblings, **SHARED)
        found = spot(service, Recommend())
        assert isinstance(found, Advice), found
        return found

    kept, refused = whole_groups([on_spot(1, siblings=2)], KINDS)
    assert (kept, [item.reason for item in refused]) == ([], ["shared_group"])
    assert "1 of its 3 machines would do with spot" in refused[0].explanation
    every = [on_spot(number, siblings=2) for number in (1, 2, 3)]
    assert whole_groups(every, KINDS) == (every, [])


def test_kinds_that_change_no_type_are_left_alone(make_subject: Make) -> None:
    one = sized(make_subject, "i-1", siblings=2)
    stop = type(one)(**{**vars(one), "kind": "stop_idle"})
    assert whole_groups([stop], KINDS) == ([stop], [])


@pytest.mark.parametrize(("machines", "counted"), [(2, 0), (3, 3)])
def test_a_run_keeps_the_reason_in_place_of_the_advice(
    *,
    database: Store,
    store_settings: Settings,
    clock: Clock,
    make_subject: Make,
    monkeypatch: pytest.MonkeyPatch,
    machines: int,
    counted: int,
) -> None:
    """Three run: all of them measured, or one not."""
    used, dark = history(two_of_eight(), memory_bytes=1e9), None
    subjects = [
        make_subject(
            resource_id=f"i-{n}",
            resource_key=n,
            siblings=2,
            accelerators=used if n <= machines else dark,
            **(CHAT | SHARED),
        )
        for n in (1, 2, 3)
    ]
    monkeypatch.setattr(run, "evidence_end", lambda _: AS_OF)
    monkeypatch.setattr(run, "load_subjects", lambda *_: iter(subjects))
    run.recommend(database.engine, store_settings, clock)
    with database.engine.begin() as connection:
        kept = connection.execute(select(recommendation.c.kind).where(recommendation.c.state == "open")).scalars().all()
        refused = select(why_not.c.resource_id).where(why_not.c.reason == "shared_group")
        assert kept.count("rightsize") == counted
        assert len(connection.execute(refused).all()) == (0 if counted else machines)
