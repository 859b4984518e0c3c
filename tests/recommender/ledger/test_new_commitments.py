"""A commitment saves what commitments that were made cover, and nothing where none was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from aispend.schema import commitment_term
from aispend.store import Store
from recommender.ledger.counterfactual import NOT_COMMITTED
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)
COMMITTED: dict[str, Any] = {"kind": {"pricing_category": "Committed"}}
OLD = COMMITTED | {"commitment_id": "cud-2025"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def _october(paid: Paid, covered: dict[str, Any], hours: str = "24") -> Any:
    """It ran at 6 an hour, covered so for these hours a day, in the October after the advice was done."""
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="6", hours=hours, **covered)
    paid.done(paid.advise("commit-1", "i-1", kind="commit"), DONE)
    return paid.lines("commit-1")["2026-10"]


def test_coverage_of_a_commitment_there_was_before_is_a_miss_and_said(paid: Paid) -> None:
    """Not covered before, by chance, and covered in October by a commitment of before: 7,440 − 4,464 is not saved."""
    paid.hours("i-2", BEFORE, DONE, rate="6", **OLD)
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    line = _october(paid, OLD)
    assert (line.realised, line.commitment_effect) == (0, 2976)
    assert NOT_COMMITTED in line.remark
    assert paid.baseline("commit-1").outcome == "miss"


def test_a_commitment_that_the_provider_lists_from_before_is_not_new(paid: Paid) -> None:
    """First charged in October, listed since 2025."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1))
    began = datetime(2025, 11, 1, tzinfo=UTC)
    words = dict.fromkeys(("description", "payment_option", "state", "source", "kind"), "")
    paid.connection.execute(
        insert(commitment_term).values(
            words
            | {"provider": "aws", "commitment_id": "cud-2025", "currency": "USD"}
            | {"starts_at": began, "ends_at": None, "as_of": began}
        )
    )
    assert _october(paid, OLD).realised == 0


def test_a_new_commitment_beside_one_of_before_counts_alone(paid: Paid) -> None:
    """Of 24 hours a day 12 were covered at 6, and still are; 6 more are covered at 7: 31 × 6 × 3 = 558."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), hours="12")
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), rate="6", hours="12", **OLD)
    paid.hours("i-1", OCTOBER, NOVEMBER, hours="6")
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="7", hours="6", **COMMITTED, commitment_id="cud-new")
    line = _october(paid, OLD, hours="12")
    assert (line.realised, line.remark) == (558, None)


def test_coverage_without_a_name_counts_beyond_what_was_covered_before(paid: Paid) -> None:
    """12 hours a day were covered at 6, 18 are in October: 31 × 6 hours × (10 − 6) = 744."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), hours="12")
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), rate="6", hours="12", **COMMITTED)
    paid.hours("i-1", OCTOBER, NOVEMBER, hours="6")
    assert _october(paid, COMMITTED, hours="18").realised == 744


def test_the_same_coverage_of_fewer_hours_is_no_new_commitment(paid: Paid) -> None:
    """12 of 24 hours a day were covered; it now runs 12, all covered: a larger share, and not an hour more."""
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), hours="12")
    paid.hours("i-1", BEFORE, DONE + timedelta(days=1), rate="6", hours="12", **COMMITTED)
    line = _october(paid, COMMITTED, hours="12")
    assert line.realised == 0
    assert NOT_COMMITTED in line.remark
