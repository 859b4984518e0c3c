"""When machines have work: windows by the day, the week and the month, and hours drawn at random."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sample.chance import Chance
from sample.machines import Fleet, Load, Running, expand
from sample.telemetry import at_work
from sample.timeline import Timeline

TIMELINE = Timeline(date(2026, 11, 21))


def machine(load: Load) -> Running:
    fleet = Fleet(
        name="one", bill="aws", account="1", region="us-east-1", machine="g5.xlarge", model=None, team="a",
        stage="inference_online", load=load,
    )  # fmt: skip
    return expand([fleet], TIMELINE, Chance(1), 1.0)[0]


def works(load: Load) -> list[date]:
    """The days on which it has any work."""
    one = machine(load)
    busy = one.hours[at_work(one, one.hours, TIMELINE)]
    return [TIMELINE.date(int(day)) for day in np.unique(busy // 24)]


def test_office_hours_are_nine_hours_of_five_days() -> None:
    one = machine(Load(daily=(8, 9, True)))
    hours = one.hours[at_work(one, one.hours, TIMELINE)]
    assert set(hours % 24) == set(range(8, 17))
    assert {day.weekday() for day in works(Load(daily=(8, 9, True)))} == {0, 1, 2, 3, 4}


def test_a_night_belongs_to_the_day_it_begins_on() -> None:
    """Friday 22:00 to Saturday 03:00 is worked, Sunday evening is not."""
    assert {day.weekday() for day in works(Load(daily=(22, 5, True)))} == {0, 1, 2, 3, 4, 5}


def test_once_a_month() -> None:
    assert {(day.month, day.day) for day in works(Load(monthly=(9, 6, 4)))} == {
        *((month, 9) for month in range(1, 13)),
    }  # fmt: skip


def test_hours_at_random_are_the_same_for_the_same_machine() -> None:
    one = machine(Load(scattered=0.25))
    first = at_work(one, one.hours, TIMELINE)
    assert first.mean() == pytest.approx(0.25, abs=0.02)
    assert (first[-100:] == at_work(one, one.hours[-100:], TIMELINE)).all()
