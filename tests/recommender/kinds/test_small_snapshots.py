"""Old snapshots that each save less than is worth a line: together they are one, of an account and region."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Exclusion, Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.old_snapshots import RATE
from recommender.kinds.storage import KIND, evaluate
from recommender.lives import identity_of
from recommender.portfolio import combine
from recommender.subjects.snapshots import Snapshot, SnapshotSet, sets_of
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.asking import advising, refusing
from tests.recommender.kinds.test_old_snapshots import Make, make_snapshot
from tests.recommender.kinds.test_storage import daily

__all__ = ["make_snapshot"]
D = Decimal
advise = advising(evaluate)
refuse = refusing(evaluate)


def small(make_snapshot: Make, number: int, **more: Any) -> Snapshot:
    """200 GiB written: 10.00 in the standard tier and 2.50 in the archive, so 7.50 a month, below the minimum of 20."""
    name = f"arn:aws:ec2:us-east-1:111122223333:snapshot/snap-{number}"
    return make_snapshot(resource_id=name, resource_key=number, full_gib=D(200), volume=f"vol-{number}", **more)


def together(*snapshots: Snapshot) -> SnapshotSet:
    (found,) = sets_of(snapshots)
    return found


def test_three_below_the_minimum_are_one_above_it(make_snapshot: Make) -> None:
    """Three of 7.50 are 22.50, at list price: they wait for the rate that is paid, as each of them would."""
    found = advise(together(*(small(make_snapshot, number) for number in (1, 2, 3))))
    assert found.subject.resource_id == "snapshots:111122223333/us-east-1"
    assert (found.monthly_cost, found.saving.effective, found.saving.net) == (D("30.00"), D("22.50"), D("22.50"))
    assert found.gate == RATE
    assert set(found.acts_on.values()) == {D("10.00")}
    commands = [line for line in found.command.splitlines() if not line.startswith("#")]
    assert commands == [
        f"aws ec2 modify-snapshot-tier --snapshot-id snap-{number} --storage-tier archive --region us-east-1"
        for number in (1, 2, 3)
    ]
    assert found.undo.count("restore-snapshot-tier") == 3
    assert found.evidence["snapshots"] == 3
    assert "A price is" not in found.reason
    region = {"region": "us-east-2"}
    repeated = advise(together(*(small(make_snapshot, number, **region) for number in (1, 2, 3))))
    assert repeated.reason.count(" A price is what several others repeat of the list (") == 1


def test_which_are_in_it_does_not_change_what_it_is(make_snapshot: Make) -> None:
    three = advise(together(*(small(make_snapshot, number) for number in (1, 2, 3))))
    four = advise(together(*(small(make_snapshot, number) for number in (4, 3, 2, 1))))
    assert identity_of(three) == identity_of(four)


def test_what_has_advice_of_its_own_is_not_counted_twice(make_snapshot: Make) -> None:
    """2,000 GiB save 75 by themselves; what is left alone, and what the settings exclude, is not in it either."""
    members = [small(make_snapshot, number) for number in range(1, 7)]
    large = make_snapshot(resource_id="arn:aws:ec2:us-east-1:111122223333:snapshot/snap-large")
    kept = small(make_snapshot, 7, tags={"keep": "yes"})
    settings = Recommend(exclude=(Exclusion(resource_id="*/snap-6", why="audit"),))
    found = evaluate(together(*members, large, kept), settings)
    assert isinstance(found, Advice)
    assert sorted(name.rsplit("-", 1)[-1] for name in found.acts_on) == ["1", "2", "3", "4", "5"]
    alone = advise(large)
    assert set(found.resources).isdisjoint(alone.resources)


def test_those_whose_rate_is_known_count_today(make_snapshot: Make) -> None:
    """Three with charges of their own, 0.60 a day: 18.25 less 2.50 each; those at list price stay out and wait."""
    billed = [small(make_snapshot, number, costs=daily("0.6")) for number in (1, 2, 3)]
    listed = [small(make_snapshot, number) for number in (4, 5)]
    found = advise(together(*billed, *listed))
    assert found.gate is None
    assert found.saving.net == 3 * (D("18.25") - D("2.50"))
    assert len(found.acts_on) == 3
    assert [one.counts for one in combine([found], [KIND])] == [True]
    assert [one.counts for one in combine([advise(together(*listed, *listed[:1]))], [KIND])] == [False]


def test_too_few_to_be_worth_it_say_what_they_would_save(make_snapshot: Make) -> None:
    answer = evaluate(together(small(make_snapshot, 1), small(make_snapshot, 2)), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "small"
    assert "2 snapshots" in answer.explanation
    assert "15.00 USD" in answer.explanation
    assert refuse(together(*(small(make_snapshot, n, older=1) for n in (1, 2)))).reason == "nothing_small"


def test_sets_are_of_one_account_region_and_currency(make_snapshot: Make) -> None:
    here = [small(make_snapshot, number) for number in (1, 2)]
    there = [replace(small(make_snapshot, number), region="eu-west-1") for number in (3, 4)]
    lone = [replace(small(make_snapshot, 5), account="444455556666")]
    euros = [replace(small(make_snapshot, number), currency="EUR") for number in (6, 7)]
    found = sets_of([*here, *there, *lone, *euros])
    assert [(one.resource_id, one.currency, len(one.snapshots)) for one in found] == [
        ("snapshots:111122223333/eu-west-1", "USD", 2),
        ("snapshots:111122223333/us-east-1", "EUR", 2),
        ("snapshots:111122223333/us-east-1", "USD", 2),
    ]
    assert all(one.as_of == AS_OF for one in found)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_the_order_of_the_listing_changes_nothing(make_snapshot: Make, order: tuple[int, ...]) -> None:
    found = advise(together(*(small(make_snapshot, number) for number in order)))
    assert list(found.acts_on) == sorted(found.acts_on)
