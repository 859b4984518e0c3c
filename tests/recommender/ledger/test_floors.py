"""Savings below the floors of agreements that begin or end within a month, and of several that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.settings import Agreement
from aispend.store import Store
from recommender.ledger.floors import Floor
from tests.recommender.ledger.machines_paid import OCTOBER, Paid
from tests.recommender.ledger.test_tokens_bought import buy
from tests.recommender.ledger.test_tokens_bought import done as tokens_done

DONE = date(2026, 9, 10)
BEFORE = DONE - timedelta(days=14)


@pytest.fixture
def stopped(database: Store) -> Iterator[Paid]:
    """A stop that saves 4,800 in September, 7,440 in October and 3,600 to 15 November: 240 a day."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))
        world.hours("i-1", BEFORE, DONE + timedelta(days=1))
        world.done(world.advise("stop-1", "i-1"), DONE)
        yield world


def floor(
    shortfall: str | None, name: str = "edp", first: str = "2026-01-01", to: str = "2027-01-01", **words: Any
) -> Floor:
    given = {"name": name, "provider": "aws", "from": first, "to": to, "committed": "100000"} | words
    return Floor(Agreement.model_validate(given), None if shortfall is None else Decimal(shortfall))


def saved(world: Paid, *floors: Floor) -> dict[str, Any]:
    return {month: (line.floor_effect, line.realised) for month, line in world.lines("stop-1", *floors).items()}


def test_an_agreement_that_ends_within_a_month_takes_the_days_before_it(stopped: Paid) -> None:
    """15 of October's 31 days at 240 are 3,600."""
    assert saved(stopped, floor("50000", first="2025-10-16", to="2026-10-16")) == {
        "2026-09": (4800, 0),
        "2026-10": (3600, 3840),
        "2026-11": (0, 3600),
    }


def test_an_agreement_that_begins_within_a_month_takes_the_days_from_it_on(stopped: Paid) -> None:
    """30 of October's 31 days at 240 are 7,200."""
    assert saved(stopped, floor("50000", first="2026-10-02", to="2027-10-02")) == {
        "2026-09": (0, 4800),
        "2026-10": (7200, 240),
        "2026-11": (3600, 0),
    }


def test_what_is_missing_is_shared_by_what_was_saved_on_the_agreements_days(stopped: Paid) -> None:
    """4,800 and 3,600 were saved before 16 October; of each a tenth makes up the 840 that are missing."""
    assert saved(stopped, floor("840", first="2025-10-16", to="2026-10-16")) == {
        "2026-09": (480, 4320),
        "2026-10": (360, 7080),
        "2026-11": (0, 3600),
    }


def test_an_agreement_takes_up_within_the_month_where_the_one_before_it_ended(stopped: Paid) -> None:
    """3,600 before 16 October and 3,840 from then on."""
    old = floor("50000", "old", first="2025-10-16", to="2026-10-16")
    new = floor("50000", "new", first="2026-10-16", to="2027-10-16")
    assert saved(stopped, old, new)["2026-10"] == (7440, 0)
    assert saved(stopped, floor("0", "old", first="2025-10-16", to="2026-10-16"), new)["2026-10"] == (3840, 3600)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        # of 15,840 saved a tenth is below the one and a fifth below the other, and paid to each: 744 + 1,488
        ("1584", "3168", (2232, 5208)),
        # together more than was saved: no more is paid all the same than that
        ("1000", "50000", (7440, 0)),
        # whatever the one takes, nothing is left for what is not known
        (None, "50000", (7440, 0)),
        (None, "3168", (None, None)),
    ],
)
def test_the_order_of_agreements_that_overlap_changes_nothing(
    stopped: Paid, one: str | None, two: str, expected: tuple[int | None, int | None]
) -> None:
    floors = [floor(one, "one"), floor(two, "two")]
    forth = stopped.lines("stop-1", *floors)["2026-10"]
    back = stopped.lines("stop-1", *reversed(floors))["2026-10"]
    assert (forth.floor_effect, forth.realised) == (back.floor_effect, back.realised) == expected
    assert forth.remark == back.remark
    assert "agreement two" in forth.remark


def test_an_unknown_shortfall_leaves_open_the_months_its_agreement_reaches_into(stopped: Paid) -> None:
    assert saved(stopped, floor(None, first="2026-10-02", to="2027-10-02")) == {
        "2026-09": (0, 4800),
        "2026-10": (None, None),
        "2026-11": (None, None),
    }


@pytest.mark.parametrize(
    ("services", "expected"),
    [(["Amazon Bedrock"], (225, 0)), (["amazon bed*"], (225, 0)), (["Amazon EC2"], (0, 225)), (["*"], (225, 0))],
)
def test_an_agreement_on_the_service_of_tokens_takes_what_they_save(
    database: Store, services: list[str], expected: tuple[int, int]
) -> None:
    """Ten days of October at half of 45 a day: 225 that an agreement on their service, far from its floor, keeps."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        buy(world, BEFORE, 14, input=("10", "3"), output=("1", "15"))
        buy(world, OCTOBER, 10, tier="batch", input=("10", "1.5"), output=("1", "7.5"))
        name = tokens_done(world, "batch")
        line = world.lines(name, floor("50000", services=services))["2026-10"]
    assert (line.floor_effect, line.realised) == expected
