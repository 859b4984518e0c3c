"""Moves that each fit a quota alone are held against it together: the largest saving first, the rest says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recommender.contract import Advice, WhyNot
from recommender.places import Needed, Place, Places
from recommender.portfolio import Counted, combine
from recommender.quotas_together import within_quotas
from recommender.subjects.machines import Machine
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.served import Make
from tests.recommender.test_portfolio import KINDS as PLAIN
from tests.recommender.test_portfolio import advise
from tests.recommender.told import ACCOUNT, granted

KINDS = tuple(replace(kind, is_of_whole_group=kind.name == "accelerator") for kind in PLAIN)
HERE = Place("aws", ACCOUNT, "us-east-1", AS_OF)
SPOT = ("p2*", "p3*", "p4*")


def on_spot(machine: Machine, places: Places, net: int, **more: Any) -> Advice:
    """A p4d.24xlarge (96 vCPUs) to spot: its on-demand hours are no part of that quota."""
    needs = Needed(HERE, "p4d.24xlarge", 1, (), "spot", "p4d.24xlarge", 0, True)
    return advise(replace(machine, places=places), "spot", net, needs=needs, **more)


def to_l4(machine: Machine, places: Places, net: int, *, together: bool, kind: str = "accelerator") -> Advice:
    """A g5.xlarge (4 vCPUs) to a g6.2xlarge (8), which count against the same quota."""
    needs = Needed(HERE, "g6.2xlarge", 1, (), "on_demand", "g5.xlarge", 1, together)
    return advise(replace(machine, places=places), kind, net, needs=needs)


def held(*advice: Advice, accepted: str = "") -> tuple[list[str], list[WhyNot]]:
    """Names of the machines whose advice stands, and the reasons of the others."""
    items = {f"{item.kind} {item.subject.resource_id}": item for item in advice}

    def counted(left: Mapping[str, Advice]) -> Mapping[str, Counted]:
        found = combine(list(left.values()), KINDS, lambda item: item.subject.resource_id == accepted)
        return dict(zip(left, found, strict=True))

    kept, refused = within_quotas(items, KINDS, counted, lambda key: bool(accepted) and key.endswith(accepted))
    assert list(kept) == [key for key in items if key in kept], "in the same order"
    assert len(kept) + len(refused) == len(items)
    return [item.subject.resource_id for item in kept.values()], refused


def machines(make_subject: Make, number: int) -> list[Machine]:
    return [make_subject(resource_id=f"i-{one}", resource_key=one) for one in range(1, number + 1)]


def of_spot(amount: int, used: int | None = None) -> Places:
    return Places((), [granted(amount, SPOT, used, code="L-7212CCBC", title="All P4 Spot", purchase="spot")])


def test_of_two_moves_that_fit_one_by_one_the_larger_saving_stands(make_subject: Make) -> None:
    """96 vCPUs each, 191 granted: 192 are one too many."""
    one, other = machines(make_subject, 2)
    small, large = on_spot(one, of_spot(191), 3000), on_spot(other, of_spot(191), 4000)
    kept, (refused,) = held(small, large)
    assert kept == ["i-2"]
    assert (refused.kind, refused.subject.resource_id, refused.reason) == ("spot", "i-1", "quota")
    assert refused.monthly_cost == small.monthly_cost
    assert refused.explanation == (
        "p4d.24xlarge on spot takes 96 vCPUs beside the 96 of another recommendation that comes first, and All P4 Spot "
        "(L-7212CCBC) grants 191 in us-east-1 (told on 2026-11-20; what else is used is not told). Ask for 192 first: "
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-7212CCBC --desired-value "
        "192 --region us-east-1, or Service Quotas in the console."
    )


def test_both_stand_where_there_is_room_for_both_and_say_what_they_take_together(make_subject: Make) -> None:
    both = [on_spot(one, of_spot(192), 3000) for one in machines(make_subject, 2)]
    items = {item.subject.resource_id: item for item in both}
    kept, refused = within_quotas(
        items, KINDS, lambda left: dict(zip(left, combine(list(left.values()), KINDS), strict=True)), lambda _: False
    )
    assert refused == []
    assert [item.evidence["quotas_together"] for item in kept.values()] == [
        "192 of 192 vCPUs of All P4 Spot (L-7212CCBC) with 1 other recommendation, one after another"
    ] * 2


def test_what_runs_is_beside_all_of_them(make_subject: Make) -> None:
    """100 run on spot: of 291 there is room for one, of 292 for two."""
    for amount, stand in ((292, 2), (291, 1)):
        both = [on_spot(one, of_spot(amount, used=100), 3000) for one in machines(make_subject, 2)]
        kept, refused = held(*both)
        assert len(kept) == stand
        assert all("beside the 100 that run and the 96 of another" in one.explanation for one in refused)


def test_old_and_new_run_together_of_one_at_a_time(make_subject: Make) -> None:
    """Two groups of a g5.xlarge each, 8 vCPUs run: after the first 12 do, and 8 more while the second is replaced."""
    for amount, stand in ((20, 2), (19, 1)):
        places = Places((), [granted(amount)])
        kept, _ = held(*(to_l4(one, places, 100, together=True) for one in machines(make_subject, 2)))
        assert len(kept) == stand


def test_a_machine_that_stops_before_takes_what_is_new_less_what_it_gives_up(make_subject: Make) -> None:
    """8 run, each takes 4 more in the end."""
    for amount, stand in ((16, 2), (15, 1)):
        places = Places((), [granted(amount)])
        kept, _ = held(*(to_l4(one, places, 100, together=False) for one in machines(make_subject, 2)))
        assert len(kept) == stand


def test_what_somebody_accepted_comes_first(make_subject: Make) -> None:
    one, other = machines(make_subject, 2)
    kept, _ = held(on_spot(one, of_spot(96), 3000), on_spot(other, of_spot(96), 4000), accepted="i-1")
    assert kept == ["i-1"]


def test_what_waits_for_something_comes_after_what_counts(make_subject: Make) -> None:
    one, other = machines(make_subject, 2)
    kept, (refused,) = held(on_spot(one, of_spot(96), 3000), on_spot(other, of_spot(96), 9000, gate="a benchmark"))
    assert kept == ["i-1"]
    assert refused.subject.resource_id == "i-2"


def test_another_way_for_the_same_machine_takes_no_room_beside_it(make_subject: Make) -> None:
    """Either an accelerator or a size: the one that does not count would be done instead."""
    (one,) = machines(make_subject, 1)
    places = Places((), [granted(8)])
    ways = [to_l4(one, places, net, together=False, kind=kind) for kind, net in (("accelerator", 10), ("rightsize", 9))]
    assert held(*ways) == (["i-1", "i-1"], [])


def test_where_the_better_way_has_no_room_the_other_one_counts_and_is_held_as_well(make_subject: Make) -> None:
    """On spot neither has room beside the first machine; a size of the second needs none of that quota."""
    one, other = machines(make_subject, 2)
    first, second = on_spot(one, of_spot(96), 5000), on_spot(other, of_spot(96), 4000)
    size = advise(replace(other, places=of_spot(96)), "rightsize", 1000)
    kept, refused = held(first, second, size)
    assert kept == ["i-1", "i-2"]
    assert [item.kind for item in refused] == ["spot"]


def test_machines_of_one_group_have_room_together_or_none(make_subject: Make) -> None:
    """The group starts both anew at once: 8 run, 16 come."""
    tags = {"aws:autoscaling:groupName": "rankers"}
    for amount, stand in ((24, 2), (23, 0)):
        places = Places((), [granted(amount)])
        pair = [
            to_l4(replace(one, tags=tags, fleet="rankers", siblings=1), places, 100, together=True)
            for one in machines(make_subject, 2)
        ]
        kept, refused = held(*pair)
        assert (len(kept), len(refused)) == (stand, 2 - stand)
        assert all(one.explanation.startswith("2 × g6.2xlarge takes 16 vCPUs beside the 8 that run") for one in refused)


def test_other_regions_accounts_and_ways_of_buying_have_their_own(make_subject: Make) -> None:
    one, other, third = machines(make_subject, 3)
    spot = {"code": "L-7212CCBC", "purchase": "spot"}
    places = Places((), [granted(8), granted(96, SPOT, **spot), granted(96, SPOT, **spot, region="us-west-2")])
    there = on_spot(third, places, 4000)
    assert there.needs is not None
    there = replace(there, needs=replace(there.needs, place=replace(HERE, region="us-west-2")))
    kept, refused = held(to_l4(one, places, 100, together=False), on_spot(other, places, 4000), there)
    assert (len(kept), refused) == (3, [])


def test_what_is_not_known_refuses_nothing(make_subject: Make) -> None:
    advice = [on_spot(one, Places(), 4000) for one in machines(make_subject, 3)]
    kept, refused = held(*advice)
    assert (len(kept), refused) == (3, [])
    assert all("quotas_together" not in item.evidence for item in advice)


@given(
    nets=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    kinds=st.lists(st.booleans(), min_size=6, max_size=6),
    limit=st.integers(0, 60),
    used=st.none() | st.integers(0, 40),
    order=st.randoms(use_true_random=False),
)
def test_in_whatever_order_they_are_done_one_after_another_none_exceeds(
    nets: list[int], kinds: list[bool], limit: int, used: int | None, order: Any
) -> None:
    places = Places((), [granted(limit, used=used)])
    advice = [
        to_l4(plain_machine(number), places, net, together=both)
        for number, (net, both) in enumerate(zip(nets, kinds, strict=False))
    ]
    kept, _ = held(*advice)
    running = max(used or 0, 4 * len(kept))
    done = [item for item in advice if item.subject.resource_id in kept]
    order.shuffle(done)
    for item in done:
        assert item.needs is not None
        assert running + (8 if item.needs.together else 4) <= limit
        running += 4


def plain_machine(number: int) -> Machine:
    """A machine of which nothing but its name is known."""
    values: dict[str, Any] = {
        "resource_key": number, "resource_id": f"i-{number}", "provider": "aws", "account": ACCOUNT, "tags": {},
        "region": "us-east-1", "currency": "USD", "platform": "gpu_vm", "instance_type": "g5.xlarge", "costs": [],
        "accelerator_type": None, "accelerator_count": None, "fleet": None, "model": None, "team": None,
        "first_seen": AS_OF.date(), "accelerators": None, "requests": None, "workload_seconds": None, "as_of": AS_OF,
    }  # fmt: skip
    return Machine(**values)
