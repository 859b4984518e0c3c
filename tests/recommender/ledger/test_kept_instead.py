"""What is kept in the place of a disk, a snapshot or a checkpoint is paid for, whether the bill names it or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.store import Store
from recommender.ledger.kept_instead import kept_cost
from tests.recommender.ledger.machines_paid import OCTOBER, Paid

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)
HALF = date(2026, 10, 16)
DISK, ARCHIVE = "snapshot_then_delete", "archive"


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def stored(paid: Paid, *names: str, target: str, evidence: Mapping[str, str], costs: tuple[str, ...] = ("1",)) -> str:
    """It was 10 an hour each until it was done."""
    acts_on = {name: {"monthly_cost": cost, "counted_net": "1"} for name, cost in zip(names, costs, strict=True)}
    paid.done(paid.advise("kept-1", *names, kind="storage", target=target, evidence=evidence, acts_on=acts_on), DONE)
    return "kept-1"


def test_the_snapshot_of_a_deleted_disk_is_taken_off(paid: Paid) -> None:
    """744 hours × 10 no longer paid, and the snapshot at 730 a month of 730 hours: 7,440 − 744."""
    paid.hours("vol-1", BEFORE, DONE + timedelta(days=1))
    line = paid.lines(stored(paid, "vol-1", target=DISK, evidence={"snapshot_monthly_cost": "730"}))["2026-10"]
    assert (line.counterfactual_cost, line.actual_cost, line.realised) == (7440, 744, 6696)
    assert line.price_effect + line.commitment_effect + line.realised == line.counterfactual_cost - line.actual_cost
    assert "744.00" in line.remark


def test_the_snapshot_is_paid_for_beside_the_disk_until_that_is_deleted(paid: Paid) -> None:
    """The disk goes on for 15 days of October: 7,440 − 3,600 − 744."""
    paid.hours("vol-1", BEFORE, HALF)
    line = paid.lines(stored(paid, "vol-1", target=DISK, evidence={"snapshot_monthly_cost": "730"}))["2026-10"]
    assert (line.actual_cost, line.realised) == (4344, 3096)


def test_an_archived_snapshot_costs_what_the_archive_asks_where_the_bill_does_not_name_it(paid: Paid) -> None:
    """Nothing on the bill under its name: 7,440 less 744 hours of 365 a month, 372."""
    paid.hours("snap-1", BEFORE, DONE + timedelta(days=1))
    line = paid.lines(stored(paid, "snap-1", target=ARCHIVE, evidence={"monthly_cost_archived": "365"}))["2026-10"]
    assert (line.actual_cost, line.realised) == (372, 7068)


def test_an_archived_snapshot_costs_what_the_bill_says_where_it_does(paid: Paid) -> None:
    """At 2 an hour for 15 days, 720; nothing of the other 16, 384 of 730 hours of 365 a month: 192."""
    paid.hours("snap-1", BEFORE, DONE + timedelta(days=1))
    paid.hours("snap-1", OCTOBER, HALF, rate="2")
    line = paid.lines(stored(paid, "snap-1", target=ARCHIVE, evidence={"monthly_cost_archived": "365"}))["2026-10"]
    assert (line.actual_cost, line.realised) == (912, 6528)


def test_of_several_snapshots_those_the_bill_has_known_count_by_their_cost(paid: Paid) -> None:
    """Three parts of four were ever billed by name: 3/4 of 730 a month for 744 hours are 558, off 14,880."""
    for name in ("snap-1", "snap-2"):
        paid.hours(name, BEFORE, DONE + timedelta(days=1))
    stored(
        paid,
        *("snap-1", "snap-2", "snap-3"),
        target=ARCHIVE,
        evidence={"monthly_cost_archived": "730"},
        costs=("2", "1", "1"),
    )
    line = paid.lines("kept-1")["2026-10"]
    assert (line.actual_cost, line.realised) == (558, 14322)


def test_what_is_kept_at_an_unknown_cost_leaves_the_saving_unknown(paid: Paid) -> None:
    paid.hours("vol-1", BEFORE, DONE + timedelta(days=1))
    line = paid.lines(stored(paid, "vol-1", target=DISK, evidence={}))["2026-10"]
    assert (line.realised, line.actual_cost) == (None, 0)
    assert "is kept instead" in line.remark


@given(
    kept=st.decimals(0, 10000, places=2),
    days=st.integers(1, 31),
    billed=st.lists(st.integers(0, 31), min_size=1, max_size=5),
    target=st.sampled_from([DISK, ARCHIVE]),
)
def test_what_is_kept_costs_no_less_than_nothing_and_no_more_than_all_of_it(
    kept: Decimal, days: int, billed: list[int], target: str
) -> None:
    names = [str(number) for number in range(len(billed))]
    item = SimpleNamespace(
        target=target,
        evidence={"snapshot_monthly_cost" if target == DISK else "monthly_cost_archived": str(kept)},
        acts_on={name: {"monthly_cost": "1"} for name in names},
        resource_id="0",
        parts={name: ["1", "1"] for name in names},
    )
    found = kept_cost(item, {name: min(number, days) for name, number in zip(names, billed, strict=True)}, days)
    assert found is not None
    whole = kept * 24 * days / 730
    assert 0 <= found <= whole + Decimal("0.0001")
    if target == DISK or not any(billed):
        assert abs(found - whole) < Decimal("0.0001")
    if target == ARCHIVE and all(number >= days for number in billed):
        assert found == 0
