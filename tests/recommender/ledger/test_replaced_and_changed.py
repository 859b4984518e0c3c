"""What took a machine's place is changed again: the first change counts on, and the second from its day on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, Paid

DONE, MIDDLE = date(2026, 9, 10), date(2026, 10, 15)
BEFORE, ONE = DONE - timedelta(days=14), timedelta(days=1)
SMALL: dict[str, Any] = {"instance_type": "g5.xlarge", "list_rate": "5"}


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """A group's machine at 10 an hour, made one of 4 on 10 September: i-2 in the place of i-1."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        world.hours("i-1", BEFORE, DONE + ONE)
        world.hours("i-2", DONE + ONE, MIDDLE + ONE, rate="4", **SMALL)
        for name, first in (("i-1", BEFORE), ("i-2", DONE + ONE)):
            world.know(name, fleet="pool", first_seen=first)
        world.done(world.advise("size-1", "i-1", kind="rightsize"), DONE)
        assert world.lines("size-1")["2026-09"].realised == 480 * 6
        yield world


def saved(paid: Paid, name: str) -> dict[str, Any]:
    return {month: line.realised for month, line in paid.lines(name).items()}


def test_spot_for_what_took_its_place_is_taken_out_of_the_resize(paid: Paid) -> None:
    """4 an hour and 1 from 16 October on: 480 and 744 hours × (10 − 4), and 384 × (4 − 1)."""
    paid.hours("i-2", MIDDLE + ONE, NOVEMBER, rate="1", kind={"pricing_category": "Dynamic"}, **SMALL)
    paid.done(paid.advise("spot-1", "i-2", kind="spot"), MIDDLE)
    assert saved(paid, "size-1") == {"2026-09": 480 * 6, "2026-10": 744 * 6}
    assert saved(paid, "spot-1") == {"2026-10": 384 * 3}


def test_a_schedule_of_what_took_its_place_leaves_the_resize_its_own(paid: Paid) -> None:
    """12 hours a day from 16 October on: 480 and 744 hours × (10 − 4), and 192 hours off × 4."""
    paid.hours("i-2", MIDDLE + ONE, NOVEMBER, rate="4", hours="12", **SMALL)
    paid.done(paid.advise("plan-1", "i-2", kind="schedule"), MIDDLE)
    assert saved(paid, "size-1") == {"2026-09": 480 * 6, "2026-10": 744 * 6}
    assert saved(paid, "plan-1") == {"2026-10": 192 * 4}


def test_the_stop_of_what_took_its_place_ends_the_resize(paid: Paid) -> None:
    """480 hours, and 336 to the 14th, × (10 − 4); 384 hours × 4 not paid since."""
    paid.done(paid.advise("stop-1", "i-2"), MIDDLE)
    assert saved(paid, "size-1") == {"2026-09": 480 * 6, "2026-10": 336 * 6}
    assert saved(paid, "stop-1") == {"2026-10": 384 * 4}


def test_another_resize_of_what_took_its_place_leaves_the_first_its_own(paid: Paid) -> None:
    """i-3 at 2 in the place of i-2 from 16 October on: 480 and 744 hours × (10 − 4), and 384 × (4 − 2)."""
    paid.hours("i-3", MIDDLE + ONE, NOVEMBER, rate="2", instance_type="g4dn.xlarge", list_rate="2.5")
    paid.know("i-3", fleet="pool", first_seen=MIDDLE + ONE)
    paid.done(paid.advise("size-2", "i-2", kind="rightsize"), MIDDLE)
    assert saved(paid, "size-1") == {"2026-09": 480 * 6, "2026-10": 744 * 6}
    assert saved(paid, "size-2") == {"2026-10": 384 * 2}


def test_what_was_there_before_the_change_took_nothings_place(paid: Paid) -> None:
    """Another machine of the group, there since August, is stopped: the resize of i-1 counts as it did."""
    paid.hours("i-2", MIDDLE + ONE, NOVEMBER, rate="4", **SMALL)
    paid.hours("i-9", BEFORE, MIDDLE + ONE)
    paid.know("i-9", fleet="pool", first_seen=BEFORE)
    paid.done(paid.advise("stop-9", "i-9"), MIDDLE)
    assert saved(paid, "size-1") == {"2026-09": 480 * 6, "2026-10": 744 * 6}
