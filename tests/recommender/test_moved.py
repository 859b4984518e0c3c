"""What another type saves where commitments cover a part of the present one: they follow it, or they stay paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recommender.contract import DailyCost
from recommender.moved import moved
from recommender.savings import Spread
from recommender.subjects.machines import Machine
from tests.recommender.conftest import AS_OF

Make = Callable[..., Machine]
HALF = Decimal("0.5")
A_DAY = Decimal(730) / 24
"""Days of a month of 730 hours."""


def machine(make: Make, **of_a_day: Decimal | None) -> Machine:
    """480 a day at list and effective price, of which a commitment pays for 240, unless told otherwise."""
    given = {"list_cost": Decimal(480), "effective_cost": Decimal(480), "uncovered_effective_cost": Decimal(240)}
    subject = make()
    return replace(subject, costs=[replace(day, **(given | of_a_day)) for day in subject.costs])


def test_a_commitment_that_is_bound_stays_paid_for(make_subject: Make) -> None:
    """By hand: 240 committed and 240 on demand a day; at half the price all hours cost 240, beside the 240: 480 again.

    Half of what no commitment covers, 120, would be 3,650 a month too much.
    """
    saved, said = moved(machine(make_subject), 14, HALF, "moving", ("p4d.24xlarge", "g5.xlarge"))
    assert (saved.effective, saved.net, saved.p90) == (Decimal("7300.00"), Decimal(0), None)
    assert said == (
        " Commitments cover a part of it, and are not known to follow to another type: they stay paid for, and 3650.00 "
        "a month of g5.xlarge for the hours they cover now is paid beside them. So moving saves nothing today."
    )


def test_one_that_follows_saves_on_what_it_does_not_cover(make_subject: Make) -> None:
    """120 a day is 5 an hour is 3,650 a month."""
    follows = machine(make_subject, bound_cost=Decimal(0), bound_to_type_cost=Decimal(0))
    saved, said = moved(follows, 14, HALF, "moving", ("p4d.24xlarge", "g5.xlarge"))
    assert saved.net == Decimal("3650.00")
    assert said == " Commitments cover a part of it: 3650.00 a month of that is not saved today."


def test_one_that_follows_within_its_family_alone(make_subject: Make) -> None:
    """To p4d it follows: 120 a day. To g5 it does not: 0."""
    plan = machine(make_subject, bound_cost=Decimal(240), bound_to_type_cost=Decimal(0))
    assert moved(plan, 14, HALF, "moving", ("p4d.24xlarge", "p4d.12xlarge"))[0].net == Decimal("3650.00")
    assert moved(plan, 14, HALF, "moving", ("p4d.24xlarge", "g5.xlarge"))[0].net == 0


def test_a_small_part_that_is_bound_leaves_the_rest(make_subject: Make) -> None:
    """432 on demand, 48 committed of 60 at list: 216 less, and 30 of the new type beside what is paid: 186 a day."""
    part = machine(make_subject, uncovered_effective_cost=Decimal(432), bound_cost=Decimal(60))
    saved, said = moved(part, 14, HALF, "moving", ("p4d.24xlarge", "g5.xlarge"))
    assert saved.net == Decimal("5657.50")
    assert said.endswith("912.50 a month of g5.xlarge for the hours they cover now is paid beside them.")


def test_what_it_would_cost_more_is_said(make_subject: Make) -> None:
    """Covered whole, 480 of 600 at list: 300 a day more than today, 9,125 a month."""
    whole = machine(make_subject, uncovered_effective_cost=Decimal(0), bound_cost=Decimal(600))
    saved, said = moved(whole, 14, HALF, "moving", ("p4d.24xlarge", "g5.xlarge"))
    assert (saved.net, saved.p10, saved.p90) == (0, None, None)
    assert said.startswith(" Commitments cover it, and are not known to follow")
    assert said.endswith(" So moving saves nothing today, and costs 9125.00 a month more.")


def test_without_a_list_price_nothing_is_said_to_be_saved(make_subject: Make) -> None:
    unknown = machine(make_subject, list_cost=None)
    saved, said = moved(unknown, 14, HALF, "moving", ("p4d.24xlarge", "g5.xlarge"))
    assert (saved.net, saved.p90) == (0, None)
    assert said == (
        " Commitments cover a part of it, and are not known to follow to another type; what the hours they cover would "
        "cost there is not known, so nothing is counted as saved."
    )


def test_the_range_is_of_what_is_left(make_subject: Make) -> None:
    """432 on demand, 60 at list bound: 0.4 of it saved is 172.8 − 36 = 136.8 a day, 0.6 of it 259.2 − 24 = 235.2."""
    part = machine(make_subject, uncovered_effective_cost=Decimal(432), bound_cost=Decimal(60))
    saved, _ = moved(part, 14, HALF, "moving", ("p4d.24xlarge", "g5.xlarge"), spread=Spread(shares=(0.4, 0.6)))
    assert (saved.p10, saved.p90) == (Decimal("4161.00"), Decimal("7154.00"))


@given(uncovered=st.integers(0, 480), listed=st.integers(0, 900), share=st.decimals("0.01", "0.99", places=2))
def test_net_is_never_more_than_where_it_follows_and_never_below_nothing(
    uncovered: int, listed: int, share: Decimal
) -> None:
    day = DailyCost(AS_OF.date(), 24, Decimal(960), Decimal(480), Decimal(uncovered), is_spot=False)
    bound, follows = replace(day, bound_cost=Decimal(listed)), replace(day, bound_cost=Decimal(0))
    net = [moved_of(one, share) for one in (bound, follows, day)]
    assert Decimal(0) <= net[0] <= net[1]
    assert net[2] <= net[1]


def moved_of(day: DailyCost, share: Decimal) -> Decimal:
    """The net saving of a fortnight of such days."""
    costs = [replace(day, day=AS_OF.date().fromordinal(AS_OF.date().toordinal() - back)) for back in range(14, 0, -1)]
    one = Machine(
        resource_key=1, resource_id="i-1", provider="aws", account=None, region=None, currency="USD", tags={},
        model=None, team=None, first_seen=costs[0].day, costs=costs, as_of=AS_OF, platform="gpu_vm",
        instance_type="p4d.24xlarge", accelerator_type=None, accelerator_count=None, fleet=None, accelerators=None,
        requests=None, workload_seconds=None,
    )  # fmt: skip
    return moved(one, 14, share, "moving", ("p4d.24xlarge", "g5.xlarge"))[0].net
