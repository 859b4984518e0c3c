"""Reserved machines that stand empty: what nobody would miss, by the day and by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.moving import IdleCapacity
from recommender.contract import WhyNot
from recommender.kinds.idle_capacity import evaluate
from recommender.methods.empty_machines import Ran
from recommender.subjects.capacity import Capacity
from tests.recommender.kinds.capacities import SETTINGS, advise, refuse, reserved


def test_what_stood_empty_on_every_day_is_given_up_and_no_more() -> None:
    """One of two machines empty on some days, both on others: the least of the days, 1,320, of 1,980 on average."""
    advice = advise(reserved([Decimal(1320), Decimal(2640)] * 7))
    assert advice.evidence["unused_cost_least"] == "1320"
    assert advice.saving.effective == (Decimal(1980) * Decimal("0.6667") * 730 / 24).quantize(Decimal("0.01"))
    assert advice.hard_to_regain
    assert "its capacity may not come back" in advice.command


def test_a_day_of_full_use_keeps_it() -> None:
    assert refuse(reserved([Decimal(1320)] * 13)) == "used"


def test_a_cost_nobody_knows_gives_no_advice() -> None:
    subject = reserved([Decimal(1320)] * 14)
    unknown = [replace(subject.costs[0], effective_cost=None), *subject.costs[1:]]
    assert refuse(replace(subject, costs=unknown)) == "cost_unknown"


def test_what_is_empty_for_a_part_of_each_day_is_used() -> None:
    """Empty from midnight to six on every day: no machine of it can be given up."""
    subject = reserved([Decimal(330)] * 14)
    nights = [replace(day, hours=6, hours_mask=0b111111) for day in subject.costs]
    answer = evaluate(replace(subject, costs=nights), SETTINGS)
    assert isinstance(answer, WhyNot)
    assert answer.reason == "used"
    assert "6 of 24 hours" in answer.explanation
    assert advise(subject).confidence == "medium"  # the bill does not say in which hours


def by_hours(machine_hours: Sequence[int], *, ran: Any = None, total: int | None = 4) -> Capacity:
    """A reservation of four at 10 an hour each, with so many machine-hours empty on each day, some in every hour."""
    subject = reserved(
        [Decimal(10 * hours) for hours in machine_hours], details={} if total is None else {"total": total}
    )
    days = [replace(day, hours_mask=(1 << 24) - 1) for day in subject.costs]
    hours = {day.day: Decimal(number) for day, number in zip(days, machine_hours, strict=True)}
    known = None if ran is None else dict.fromkeys(hours, ran)
    return replace(subject, costs=days, unit_hours=hours, ran=known)


def test_a_reservation_is_given_up_by_its_fullest_hour_and_not_by_the_mean_of_its_days() -> None:
    """One of four empty by day and three by night: two on average, and one machine nobody would miss."""
    advice = advise(by_hours([48] * 14, ran=Ran(48, most_at_once=3)))
    assert advice.evidence["machines_empty"] == 1
    # 24 of 48 machine-hours at 10: 240 a day, 7,300 a month of 14,600
    assert (advice.monthly_cost, advice.saving.effective) == (Decimal("14600.00"), Decimal("7300.00"))
    assert "at least 1 of its machines stood empty" in advice.reason
    assert "--instance-count 3 " in advice.command
    assert "instance_count = 3" in advice.evidence["terraform"]
    # no end of a month in the fortnight before 21 November
    assert advice.confidence == "medium"


def test_a_reservation_that_was_empty_over_the_end_of_a_month_is_sure() -> None:
    subject = by_hours([48] * 28, ran=Ran(48, most_at_once=3))
    assert advise(subject, Recommend(idle_capacity=IdleCapacity(window_days=28))).confidence == "high"


@pytest.mark.parametrize(
    ("machine_hours", "ran", "total", "empty", "share"),
    [
        # nobody marks what ran: all but one hour of the day may have been all four
        ([48] * 14, None, 4, 1, "0.5"),
        ([96] * 14, None, 4, 4, "1"),
        ([94] * 14, None, 4, 2, "0.5106"),
        # two of four ran without a break
        ([48] * 14, Ran(48, most_at_once=2), 4, 2, "1"),
        # on one day three did
        ([48] * 13 + [24], None, 4, 1, "0.5185"),
        # not listed, and what ran is known to be nothing
        ([96] * 14, Ran(0, most_at_once=0), None, 4, "1"),
    ],
)
def test_machines_that_stood_empty_in_every_hour(
    machine_hours: Sequence[int], ran: Any, total: int | None, empty: int, share: str
) -> None:
    advice = advise(by_hours(machine_hours, ran=ran, total=total))
    assert advice.evidence["machines_empty"] == empty
    assert advice.saving.effective == pytest.approx(advice.monthly_cost * Decimal(share), abs=Decimal("0.01"))


def test_a_reservation_whose_every_machine_ran_in_some_hour_is_used() -> None:
    """Four ran for an hour each at once, and a line says that something of that hour stood empty: a part of it."""
    assert refuse(by_hours([92] * 14, ran=Ran(4, most_at_once=4))) == "used"


def test_hours_of_something_else_than_machines_are_no_machines() -> None:
    """Cores are counted by the hour as well: 96 of them a machine are more than four machines have hours."""
    advice = advise(by_hours([4608] * 14))
    assert "machines_empty" not in advice.evidence
    assert advice.confidence == "medium"


def test_all_of_it_is_cancelled() -> None:
    advice = advise(by_hours([96] * 14))
    assert "aws ec2 cancel-capacity-reservation --capacity-reservation-id cr-1" in advice.command
    assert "count = 0" in advice.evidence["terraform"]
