"""What was done and is on no bill yet: other ways for the same resources do not count in its place."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from aispend.clock import Clock
from aispend.schema import recommendation
from aispend.store import Store
from recommender.contract import Advice
from recommender.life import change_state
from recommender.record import keep
from tests.recommender.kinds.served import Make
from tests.recommender.test_portfolio import advise


def rows_after(store: Store, advice: list[Advice], kind: str, event: Any, clock: Clock) -> dict[str, Any]:
    """Found, the one of a kind decided on, and found again before any newer bill came; by kind."""
    with store.engine.begin() as connection:
        keep(connection, advice, [], clock())
        r = recommendation.c
        name = connection.execute(select(r.id).where(r.kind == kind)).scalar_one()
        change_state(connection, name, event, who="ana", reason="it is so", clock=clock)
        keep(connection, advice, [], clock())
        return {row.kind: row for row in connection.execute(select(recommendation))}


def test_a_machine_that_was_stopped_is_not_put_on_a_schedule_before_its_bill_comes(
    database: Store, make_subject: Make, clock: Clock
) -> None:
    """It costs 10,000 a month, which the stop saves; nothing is left for the schedule's 4,000."""
    machine = make_subject()
    advice = [advise(machine, "stop_idle", 10_000), advise(machine, "schedule", 4_000)]
    rows = rows_after(database, advice, "stop_idle", "done", clock)
    assert (rows["stop_idle"].state, rows["stop_idle"].counted_net) == ("done", 0)
    assert (rows["schedule"].state, rows["schedule"].counted, rows["schedule"].counted_net) == ("open", False, 0)
    assert "done already" in rows["schedule"].reason


def test_a_refused_stop_leaves_the_schedule(database: Store, make_subject: Make, clock: Clock) -> None:
    machine = make_subject()
    advice = [advise(machine, "stop_idle", 10_000), advise(machine, "schedule", 4_000)]
    rows = rows_after(database, advice, "stop_idle", "dismissed", clock)
    assert rows["schedule"].counted_net == Decimal(4_000)
    assert "done already" not in rows["schedule"].reason


def test_what_goes_with_what_was_done_saves_of_what_is_left(database: Store, make_subject: Make, clock: Clock) -> None:
    """Resized: 4,000 of 10,000 are left, of which the schedule's 50 % are 2,000 and not 5,000."""
    machine = make_subject()
    advice = [advise(machine, "rightsize", 6_000), advise(machine, "schedule", 5_000)]
    rows = rows_after(database, advice, "rightsize", "done", clock)
    assert rows["schedule"].counted_net == Decimal(2_000)
    assert rows["rightsize"].counted_net == 0


def test_what_is_on_a_schedule_can_be_stopped_and_saves_what_is_left(
    database: Store, make_subject: Make, clock: Clock
) -> None:
    """Of 10,000 the schedule that was done takes 4,000; the stop that is advised now saves the other 6,000."""
    machine = make_subject()
    advice = [advise(machine, "stop_idle", 10_000), advise(machine, "schedule", 4_000)]
    rows = rows_after(database, advice, "schedule", "done", clock)
    assert (rows["stop_idle"].counted_net, rows["schedule"].counted_net) == (6_000, 0)
    assert "done already" not in rows["stop_idle"].reason


@pytest.mark.parametrize("kind", ["stop_idle", "rightsize"])
def test_other_machines_are_not_concerned(database: Store, make_subject: Make, clock: Clock, kind: str) -> None:
    one, other = make_subject(), replace(make_subject(), resource_id="i-other", resource_key=2)
    rows = rows_after(database, [advise(one, kind, 6_000), advise(other, "schedule", 5_000)], kind, "done", clock)
    assert rows["schedule"].counted_net == Decimal(5_000)
