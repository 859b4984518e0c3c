"""Spot never takes the usage away that a commitment is paid for: one that is owned, accepted or just bought."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from aispend.advising import Recommend
from aispend.clock import Clock
from aispend.schema import recommendation
from aispend.store import Store
from recommender.contract import Advice, WhyNot
from recommender.kinds.spot import evaluate
from recommender.life import Doing, change_state
from recommender.lives import identity_of
from recommender.portfolio import combine
from recommender.record import keep
from recommender.registry import KINDS
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service
from tests.recommender.commitments import EVERY_HOUR, offered
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.served import Make, service_of
from tests.recommender.kinds.test_spot import market, trainer
from tests.recommender.test_portfolio import advise
from tests.recommender.test_quotas_together import machines, plain_machine

WHOLE = Decimal(10_000)


# ------------------------------------------------------------------------ one that is owned: the kind


@pytest.mark.parametrize(("uncovered", "share"), [(Decimal(0), "100 %"), (Decimal(240), "50 %"), (Decimal(456), "5 %")])
def test_what_a_commitment_covers_even_in_part_does_not_go_to_spot(
    make_subject: Make, uncovered: Decimal, share: str
) -> None:
    """Of 480 a day 240 are committed: on spot at 0.35 of 480 and 1.22 times as long, 205 are paid beside these 240.

    445 instead of 480; half of what spot saves, 137, would have been said.
    """
    found = evaluate(trainer(make_subject, uncovered=uncovered), Recommend())
    assert isinstance(found, WhyNot)
    assert found.reason == "committed"
    assert found.explanation.startswith(f"Commitments cover {share} of its cost in the last 7 days")
    assert found.monthly_cost == Decimal(14_600)


def test_one_covered_machine_of_a_service_keeps_all_of_it(make_subject: Make) -> None:
    given: dict[str, Any] = {"stage": "training", "jobs": trainer(make_subject).current[0].machine.jobs}
    free = make_subject(market=market(), **given)
    covered = make_subject(resource_id="i-2", resource_key=2, market=market(), uncovered=Decimal(0), **given)
    assert isinstance(evaluate(service_of([free, replace(free, resource_id="i-2")]), Recommend()), Advice)
    found = evaluate(service_of([free, covered]), Recommend())
    assert isinstance(found, WhyNot)
    assert found.explanation.startswith("Commitments cover 50 % of its cost")


def test_a_commitment_that_ended_a_week_ago_strands_nothing(make_subject: Make) -> None:
    service = trainer(make_subject)

    def until(days: int) -> Service:
        ended = (AS_OF - timedelta(days=days)).date()
        machine = service.current[0].machine
        costs = [
            replace(cost, uncovered_effective_cost=Decimal(0)) if cost.day < ended else cost for cost in machine.costs
        ]
        return service_of([replace(machine, costs=costs)])

    assert isinstance(evaluate(until(7), Recommend()), Advice)
    assert isinstance(evaluate(until(6), Recommend()), WhyNot)


# ------------------------------------------------------------- accepted or just bought: the portfolio


def committed(of: list[Machine], covers: int, net: int = 1000) -> Advice:
    """A commitment to so much of the pool's usage a month, 10,000 of each machine."""
    pool = replace(of[0], resource_id="usage:pool")
    parts = {machine.resource_id: WHOLE for machine in of}
    # hour by hour the month's figures, as if a day cost as much
    size = Decimal(covers) / 24
    rate = str(1 - Decimal(net) / max(covers, net + 1))
    hourly = offered(size, {name: (int(cost), EVERY_HOUR) for name, cost in parts.items()}, rate)
    return advise(pool, "commit", net, cost=WHOLE * len(of), acts_on=parts, pays_for=Decimal(covers), commits=hourly)


def on_spot(machine: Machine, net: int) -> Advice:
    return advise(machine, "spot", net)


def counted(advice: list[Advice], *, accepted: bool = True, bought: tuple[Advice, ...] = ()) -> list[bool]:
    found = combine(advice, KINDS, lambda item: accepted and item.kind == "commit", bought)
    return [item.counts for item in found]


@pytest.mark.parametrize(
    ("covers", "stand"),
    [
        # 30,000 of usage: 10,001 committed leave room for one machine, 20,001 for none
        (10_000, [True, True, True, False]),
        (10_001, [True, False, True, False]),
        (20_000, [True, False, True, False]),
        (20_001, [True, False, False, False]),
        (30_000, [True, False, False, False]),
    ],
)
def test_of_the_usage_that_was_committed_to_nothing_goes_to_spot(
    make_subject: Make, covers: int, stand: list[bool]
) -> None:
    of = machines(make_subject, 3)
    advice = [committed(of, covers), *(on_spot(one, net) for one, net in zip(of, (500, 700, 300), strict=True))]
    assert counted(advice) == stand


def test_a_commitment_that_was_just_bought_holds_its_usage_though_it_counts_no_longer(make_subject: Make) -> None:
    of = machines(make_subject, 2)
    spot = [on_spot(one, 500) for one in of]
    assert counted(spot, bought=(committed(of, 15_000),)) == [False, False]
    assert counted(spot, bought=(committed(of, 10_000),)) == [True, False]
    assert counted(spot) == [True, True]


def test_a_commitment_nobody_decided_on_keeps_nothing_from_spot(make_subject: Make) -> None:
    of = machines(make_subject, 2)
    advice = [committed(of, 20_000), *(on_spot(one, 6000) for one in of)]
    assert counted(advice, accepted=False) == [False, True, True]


def test_usage_of_other_pools_goes_to_spot(make_subject: Make) -> None:
    one, other = machines(make_subject, 2)
    assert counted([committed([one], 10_000), on_spot(one, 500), on_spot(other, 500)]) == [True, False, True]


@given(
    covers=st.integers(0, 60_000),
    nets=st.lists(st.integers(1, 9000), min_size=1, max_size=6),
    pools=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_what_is_left_of_a_pool_is_never_less_than_what_was_committed_to(
    covers: int, nets: list[int], pools: list[bool]
) -> None:
    of = [plain_machine(number) for number in range(len(nets))]
    first = [one for one, there in zip(of, pools, strict=False) if there] or of
    commitment = committed(first, min(covers, 10_000 * len(first)))
    spot = [on_spot(one, net) for one, net in zip(of, nets, strict=True)]
    stands = counted([commitment, *spot])[1:]
    assert commitment.pays_for is not None
    gone = {one.resource_id for one, stays in zip(of, stands, strict=True) if stays}
    assert sum(WHOLE for one in first if one.resource_id not in gone) >= commitment.pays_for
    assert all(stays for one, stays in zip(of, stands, strict=True) if one not in first)


def test_a_commitment_done_is_held_until_the_bill_shows_it(database: Store, make_subject: Make, clock: Clock) -> None:
    """Done on the 20th: bills that end there, or the day before, do not show it; those of the 22nd do."""
    of = machines(make_subject, 1)
    commitment, spot = committed(of, 10_000), on_spot(of[0], 1500)

    def run(as_of: datetime) -> bool:
        both = [replace(item, subject=replace(item.subject, as_of=as_of)) for item in (commitment, spot)]
        with database.engine.begin() as connection:
            keep(connection, both, [], clock())
            key = identity_of(spot)
            return bool(connection.scalar(select(recommendation.c.counted).where(recommendation.c.id == key)))

    assert run(AS_OF)
    with database.engine.begin() as connection:
        name = identity_of(commitment)
        change_state(connection, name, "done", who="ana", doing=Doing(date(2026, 11, 20), None), clock=clock)
    assert not run(AS_OF)
    assert run(AS_OF + timedelta(days=2))
