"""Several commitments over the same machines: each advice counts what its own cover, and no hour counts twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from aispend.schema import commitment_term
from aispend.store import Store
from recommender.ledger.counterfactual import NOT_COMMITTED
from recommender.ledger.new_commitments import LATER_COUNTS_APART, SPLIT
from recommender.life import change_state
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid
from tests.reports.ledger import Share

ONE = date(2026, 9, 10)
"""The first was done."""
TWO = date(2026, 10, 15)
"""The second was done."""
AFTER_ONE, AFTER_TWO = ONE + timedelta(days=1), TWO + timedelta(days=1)
BEFORE = ONE - timedelta(days=14)
COMMITTED: dict[str, Any] = {"kind": {"pricing_category": "Committed"}}
FIRST = COMMITTED | {"commitment_id": "sp-1"}
SECOND = COMMITTED | {"commitment_id": "sp-2"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def commit(paid: Paid, name: str, on: date, *machines: str, **columns: Any) -> None:
    """A commitment to the usage of the machines, done on that day."""
    paid.done(paid.advise(name, *machines, kind="commit", **columns), on)


def october(paid: Paid, name: str) -> Any:
    """Its line of October 2026."""
    return paid.lines(name)["2026-10"]


def unused(paid: Paid, amount: str, day: date, of: dict[str, Any]) -> None:
    """So much of a commitment covered nothing on that day."""
    kind = {"pricing_category": "Committed", "commitment_discount_status": "Unused"}
    named = {**of, "kind": kind}
    paid.ledger.charge(paid.slices[day.replace(day=1)], day, [Share(("0", amount, "0", "0"))], provider="aws", **named)


def listed(paid: Paid, name: str, starts: date, ends: date | None) -> None:
    """The provider lists a commitment with its term, from midnight to midnight."""
    words = dict.fromkeys(("description", "payment_option", "state", "source", "kind"), "")
    first, end = (None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (starts, ends))
    dates = {"starts_at": first, "ends_at": end, "as_of": first}
    paid.connection.execute(
        insert(commitment_term).values(words | dates | {"provider": "aws", "commitment_id": name, "currency": "USD"})
    )


def test_each_stage_keeps_its_own_hours(paid: Paid) -> None:
    """Two machines at 10: one committed at 6 from 11 September on, the other at 7 from 16 October on.

    October: 744 × 4 and 384 × 3. Together what both would have cost, 14,880, less 4,464 and 3,600 + 2,688.
    """
    for name in ("i-1", "i-2"):
        paid.hours(name, BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="6", **FIRST)
    paid.hours("i-2", AFTER_ONE, AFTER_TWO)
    paid.hours("i-2", AFTER_TWO, NOVEMBER, rate="7", **SECOND)
    commit(paid, "stage-1", ONE, "i-1", "i-2")
    commit(paid, "stage-2", TWO, "i-1", "i-2")
    first, second = october(paid, "stage-1"), october(paid, "stage-2")
    assert (first.end_day, first.realised, first.remark) == (NOVEMBER, 744 * 4, None)
    assert (second.first_day, second.realised, second.remark) == (AFTER_TWO, 384 * 3, None)
    assert first.realised + second.realised == 14880 - (4464 + 3600 + 2688)


def test_hours_of_one_machine_are_told_apart_by_their_commitment(paid: Paid) -> None:
    """24 hours a day: 6 at 6 of the first, from 16 October on 6 at 7 of the second: 31 × 6 × 4 and 16 × 6 × 3."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="6", hours="6", **FIRST)
    paid.hours("i-1", AFTER_ONE, AFTER_TWO, hours="18")
    paid.hours("i-1", AFTER_TWO, NOVEMBER, hours="12")
    paid.hours("i-1", AFTER_TWO, NOVEMBER, rate="7", hours="6", **SECOND)
    commit(paid, "stage-1", ONE, "i-1")
    commit(paid, "stage-2", TWO, "i-1")
    assert (october(paid, "stage-1").realised, october(paid, "stage-2").realised) == (744, 288)


def test_what_a_stage_leaves_unused_is_its_own_cost(paid: Paid) -> None:
    """The machine is covered at 6 by the first; the second, of 100 a day, covers nothing on 20 October."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="6", **FIRST)
    unused(paid, "100", date(2026, 10, 20), SECOND)
    unused(paid, "30", date(2026, 10, 21), FIRST)
    commit(paid, "stage-1", ONE, "i-1")
    commit(paid, "stage-2", TWO, "i-1")
    assert (october(paid, "stage-1").realised, october(paid, "stage-2").realised) == (744 * 4 - 30, -100)


def test_a_commitment_to_other_machines_is_nothing_of_this_one(paid: Paid) -> None:
    """Each machine has its own; what that of the second leaves unused, 300, is no cost of the first."""
    for name in ("i-1", "i-2"):
        paid.hours(name, BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="6", **FIRST)
    paid.hours("i-2", AFTER_ONE, NOVEMBER, rate="7", **SECOND)
    unused(paid, "300", OCTOBER, SECOND)
    commit(paid, "pool-1", ONE, "i-1")
    commit(paid, "pool-2", ONE, "i-2")
    assert (october(paid, "pool-1").realised, october(paid, "pool-2").realised) == (744 * 4, 744 * 3 - 300)


def test_commitments_of_one_day_share_what_both_could_have_bought(paid: Paid) -> None:
    """Half of the hours at 6, half at 7: 372 × (4 + 3) = 2,604; 3 and 1.60 an hour were to cover 6 and 2."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="6", hours="12", **FIRST)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="7", hours="12", **SECOND)
    for name, hourly, covers in (("family-a", "3.00", "6.00"), ("family-b", "1.60", "2.00")):
        told = {"stages": [hourly], "covers_hourly": covers, "commitment_hourly": hourly}
        commit(paid, name, ONE, "i-1", evidence=told)
    larger, smaller = october(paid, "family-a"), october(paid, "family-b")
    assert (larger.realised, smaller.realised) == (1953, 651)
    assert larger.remark == smaller.remark == SPLIT


def test_of_unknown_sizes_each_has_the_same_share(paid: Paid) -> None:
    """31 × 24 hours × 4 = 2,976."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="6", **FIRST)
    commit(paid, "family-a", ONE, "i-1", evidence={"stages": ["3.00"]})
    commit(paid, "family-b", ONE, "i-1")
    assert [october(paid, name).realised for name in ("family-a", "family-b")] == [1488, 1488]


def test_cover_without_a_name_is_the_later_ones_beyond_what_was_covered_before_it(paid: Paid) -> None:
    """6 hours a day are covered at 6, from 16 October on 12: 31 × 6 × 4 and 16 × 6 × 4, and no hour twice."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, AFTER_TWO, hours="18")
    paid.hours("i-1", AFTER_ONE, AFTER_TWO, rate="6", hours="6", **COMMITTED)
    paid.hours("i-1", AFTER_TWO, NOVEMBER, hours="12")
    paid.hours("i-1", AFTER_TWO, NOVEMBER, rate="6", hours="12", **COMMITTED)
    commit(paid, "stage-1", ONE, "i-1")
    commit(paid, "stage-2", TWO, "i-1")
    first, second = october(paid, "stage-1"), october(paid, "stage-2")
    assert (first.realised, second.realised) == (744, 384)
    assert (first.remark, second.remark) == (LATER_COUNTS_APART, None)


def test_a_second_stage_that_was_never_bought_takes_nothing_of_the_first(paid: Paid) -> None:
    """6 hours a day are covered all the time."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, hours="18")
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="6", hours="6", **COMMITTED)
    commit(paid, "stage-1", ONE, "i-1")
    commit(paid, "stage-2", TWO, "i-1")
    first, second = october(paid, "stage-1"), october(paid, "stage-2")
    assert (first.realised, second.realised, second.remark) == (744, 0, NOT_COMMITTED)


def test_named_cover_of_a_later_stage_makes_no_older_cover_new(paid: Paid) -> None:
    """12 hours a day without a name before and since; 6 of the first, and 6 of the second from 16 October on."""
    paid.hours("i-1", BEFORE, AFTER_ONE, hours="12")
    paid.hours("i-1", BEFORE, NOVEMBER, rate="6", hours="12", **COMMITTED)
    paid.hours("i-1", AFTER_ONE, NOVEMBER, rate="7", hours="6", **FIRST)
    paid.hours("i-1", AFTER_ONE, AFTER_TWO, hours="6")
    paid.hours("i-1", AFTER_TWO, NOVEMBER, rate="8", hours="6", **SECOND)
    commit(paid, "stage-1", ONE, "i-1")
    commit(paid, "stage-2", TWO, "i-1")
    assert (october(paid, "stage-1").realised, october(paid, "stage-2").realised) == (31 * 6 * 3, 16 * 6 * 2)


def test_what_replaces_a_commitment_begins_where_it_ended(paid: Paid) -> None:
    """All at 6 to 15 October, when it ended; at 7 from then on: 15 × 24 × 4 and 16 × 24 × (10 − 7), not (6 − 7)."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, AFTER_TWO, rate="6", **FIRST)
    paid.hours("i-1", AFTER_TWO, NOVEMBER, rate="7", **SECOND)
    listed(paid, "sp-1", AFTER_ONE, AFTER_TWO)
    commit(paid, "old-one", ONE, "i-1")
    commit(paid, "new-one", TWO, "i-1")
    old, new = october(paid, "old-one"), october(paid, "new-one")
    assert (old.end_day, old.realised) == (AFTER_TWO, 1440)
    assert (new.first_day, new.realised) == (AFTER_TWO, 1152)


def test_the_price_without_the_ended_one_follows_the_list_price(paid: Paid) -> None:
    """List 12.50 when 10 were paid, and 15 since: 12 an hour would be paid, 384 × (12 − 7) = 1,920."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, AFTER_TWO, rate="6", list_rate="15", **FIRST)
    paid.hours("i-1", AFTER_TWO, NOVEMBER, rate="7", list_rate="15", **SECOND)
    commit(paid, "old-one", ONE, "i-1")
    commit(paid, "new-one", TWO, "i-1")
    line = october(paid, "new-one")
    # the machine of the last day is still listed at 12.50, which stands apart
    assert line.realised + line.price_effect == 1920


def test_one_that_is_renewed_under_its_id_is_the_later_ones_from_then_on(paid: Paid) -> None:
    """The provider lists it from 15 October now: what it covered until then stays the first one's."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, AFTER_TWO, rate="6", **FIRST)
    paid.hours("i-1", AFTER_TWO, NOVEMBER, rate="7", **FIRST)
    listed(paid, "sp-1", TWO, None)
    commit(paid, "old-one", ONE, "i-1")
    commit(paid, "new-one", TWO, "i-1")
    # the day of the purchase itself is in no line
    assert (october(paid, "old-one").realised, october(paid, "new-one").realised) == (14 * 24 * 4, 1152)


def test_a_node_that_came_since_counts_with_each_stage(paid: Paid) -> None:
    """i-2 takes the place of i-1 in its fleet from 1 October on, 12 hours a day of it the first's, 12 the second's."""
    paid.hours("i-1", BEFORE, AFTER_ONE)
    paid.hours("i-1", AFTER_ONE, OCTOBER, rate="6", **FIRST)
    paid.hours("i-2", OCTOBER, AFTER_TWO, rate="6", hours="12", **FIRST)
    paid.hours("i-2", OCTOBER, AFTER_TWO, hours="12")
    paid.hours("i-2", AFTER_TWO, NOVEMBER, rate="6", hours="12", **FIRST)
    paid.hours("i-2", AFTER_TWO, NOVEMBER, rate="7", hours="12", **SECOND)
    for name, seen in (("i-1", BEFORE), ("i-2", OCTOBER)):
        paid.know(name, fleet="pool", first_seen=seen)
    commit(paid, "stage-1", ONE, "i-1")
    commit(paid, "stage-2", TWO, "i-2")
    assert (october(paid, "stage-1").realised, october(paid, "stage-2").realised) == (31 * 12 * 4, 16 * 12 * 3)


def test_one_that_was_taken_back_claims_nothing_bought_later(paid: Paid) -> None:
    """The second was reopened on 20 October: what is bought on the 22nd is the first's, 10 × 24 × 4 of it."""
    paid.hours("i-1", BEFORE, date(2026, 10, 22))
    paid.hours("i-1", date(2026, 10, 22), NOVEMBER, rate="6", **FIRST)
    commit(paid, "first-one", ONE, "i-1")
    commit(paid, "second-one", TWO, "i-1")
    change_state(paid.connection, "second-one", "reopened", who="ana", clock=lambda: datetime(2026, 10, 20, tzinfo=UTC))
    assert october(paid, "first-one").realised == 10 * 24 * 4
